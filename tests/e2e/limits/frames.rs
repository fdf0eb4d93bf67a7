//! HTTP/2, frame by frame: what a client can send that costs it little. Memory and time stay bounded, and others are served.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use super::download::memory_mib;
use super::download::rules_with_big_target;
use crate::support::World;
use crate::support::client::request;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// How much memory one stream may cost, in MiB.
const MOST_MIB: f64 = 48.0;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A number with a prefix of so many bits (RFC 7541, section 5.1).
fn number(first: u8, bits: u32, value: usize) -> Vec<u8> {
    let most = (1_usize << bits) - 1;
    if value < most {
        return vec![first | u8::try_from(value).unwrap()];
    }
    let (mut out, mut left) = (vec![first | u8::try_from(most).unwrap()], value - most);
    while left >= 128 {
        out.push(u8::try_from(left % 128).unwrap() | 128);
        left /= 128;
    }
    out.push(u8::try_from(left).unwrap());
    out
}

/// A field that is put into no table, its name from the static one.
fn field(name: usize, value: &str) -> Vec<u8> {
    [number(0, 4, name), number(0, 7, value.len()), value.as_bytes().to_vec()].concat()
}

/// The block of a request: method, scheme, path, authority and token.
fn head(method: &str, path: &str, token: &str) -> Vec<u8> {
    let fields = [(2, method), (6, "http"), (4, path), (1, "127.0.0.1"), (23, &format!("Bearer {token}"))];
    fields.iter().flat_map(|(name, value)| field(*name, value)).collect()
}

/// A request for this path without a body, the first of its stream.
pub fn asks(path: &str, token: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, 1, &head("GET", path, token))
}

pub struct Http2 {
    stream: TcpStream,
    sent: usize,
}

impl Http2 {
    /// With these settings, and without what the gateway says to them.
    pub fn open(world: &World, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let mut http2 = Self { stream, sent: 0 };
        assert!(http2.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(http2.send(&frame(SETTINGS, 0, 0, settings)));
        http2
    }

    /// Whether the gateway takes it.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.sent += bytes.len();
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame: its kind and what it holds.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[3], payload))
    }

    /// Whether the gateway has ended the stream: no more is read there.
    fn is_over(&mut self) -> bool {
        !matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// The first byte of the next head: of most replies, the status as the static table has it.
    pub fn status(&mut self) -> Option<u8> {
        loop {
            let (kind, payload) = self.frame()?;
            if kind == HEADERS {
                return payload.first().copied();
            }
        }
    }

    /// The kinds of frames that come until the stream ends or is quiet, and of each GOAWAY the code.
    pub fn frames(&mut self) -> (Vec<u8>, Vec<u32>) {
        let (mut kinds, mut codes) = (Vec::new(), Vec::new());
        while let Some((kind, payload)) = self.frame() {
            kinds.push(kind);
            if kind == GOAWAY {
                codes.push(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        (kinds, codes)
    }
}

/// Attacks; looks at the memory that this took, and whether others are served, meanwhile and after.
fn bounded(attack: impl FnOnce(&World, &str) -> Http2) {
    bounded_in(&World::new(), attack);
}

fn bounded_in(world: &World, attack: impl FnOnce(&World, &str) -> Http2) {
    let token = world.token("reader");
    let ask = |token: &str| {
        let begin = Instant::now();
        let mut other = world.client();
        other.send(request("GET", "/c/raw/customers/7", Some(token), &[], None));
        assert_eq!(other.reply().status, 200);
        begin.elapsed()
    };
    ask(&token);
    let before = memory_mib(world);
    let http2 = attack(world, &token);
    for _ in 0..3 {
        let took = ask(&token);
        assert!(took < Duration::from_secs(5), "others wait {took:?}");
    }
    let grown = memory_mib(world) - before;
    assert!(grown < MOST_MIB, "{grown} MiB more after {} bytes", http2.sent);
    drop(http2);
    ask(&token);
    assert!(!world.log().contains("panicked"), "{}", world.log());
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    bounded(|world, token| {
        let mut http2 = Http2::open(world, &[]);
        assert!(http2.send(&frame(HEADERS, END_STREAM, 1, &head("GET", "/c/raw/customers/7", token))));
        let filler: Vec<u8> = (0..8).flat_map(|_| field(51, &"a".repeat(1024))).collect();
        while http2.sent < 64 << 20 && http2.send(&frame(CONTINUATION, 0, 1, &filler)) {}
        assert!(http2.sent < 16 << 20, "a head of {} bytes is read", http2.sent);
        // Empty ones cost nothing to send and are of no use.
        let mut empty = Http2::open(world, &[]);
        assert!(empty.send(&frame(HEADERS, END_STREAM, 1, &head("GET", "/c/raw/customers/7", token))));
        let many = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
        while empty.sent < 64 << 20 && empty.send(&many) {}
        assert!(empty.sent < 16 << 20, "{} bytes of empty frames are read", empty.sent);
        assert_eq!(world.hits().len(), 1, "only the first question reached the target");
        http2
    });
}

#[test]
fn requests_that_are_reset_at_once_end_their_stream_or_cost_little() {
    bounded(|world, token| {
        let mut http2 = Http2::open(world, &[]);
        let head = head("GET", "/c/raw/customers/7", token);
        for number in 0..20_000_u32 {
            let stream = number * 2 + 1;
            let both = [
                frame(HEADERS, END_STREAM | END_HEADERS, stream, &head),
                frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            ];
            if !http2.send(&both.concat()) {
                break;
            }
        }
        let (_, codes) = http2.frames();
        // What is said last is lost where the gateway closes before it has read all that was sent.
        assert!(codes.is_empty() || codes == [11], "ENHANCE_YOUR_CALM is said: {codes:?}");
        assert!(http2.is_over(), "the stream goes on");
        http2
    });
}

#[test]
fn frames_of_data_without_data_end_their_stream_or_cost_little() {
    bounded(|world, token| {
        let mut http2 = Http2::open(world, &[]);
        assert!(http2.send(&frame(HEADERS, END_HEADERS, 1, &head("PUT", "/c/raw/__size", token))));
        let many = frame(DATA, 0, 1, &[]).repeat(100);
        for _ in 0..100 {
            if !http2.send(&many) {
                break;
            }
        }
        // As padding, too.
        let many = frame(DATA, 8, 1, &[0]).repeat(100);
        for _ in 0..100 {
            if !http2.send(&many) {
                break;
            }
        }
        http2
    });
}

#[test]
fn settings_and_pings_whose_answers_nobody_reads_take_no_room() {
    for flood in [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]), frame(PING, 0, 0, &[7; 8])] {
        bounded(|world, _| {
            let mut http2 = Http2::open(world, &[]);
            let many = flood.repeat(1000);
            while http2.sent < 64 << 20 && http2.send(&many) {}
            assert!(http2.sent < 64 << 20, "the gateway reads on for ever");
            http2
        });
    }
}

#[test]
fn replies_that_nobody_lets_in_take_no_room() {
    bounded_in(&World::with(&rules_with_big_target()), |world, token| {
        // No byte of any body may be sent.
        let mut http2 = Http2::open(world, &[0, 4, 0, 0, 0, 0]);
        let head = head("GET", "/c/big/mb/64", token);
        for number in 0..100_u32 {
            let one = frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &head);
            assert!(http2.send(&one));
        }
        let (kinds, codes) = http2.frames();
        assert!(!kinds.contains(&DATA) && codes.is_empty(), "{kinds:?} {codes:?}");
        let heads: Vec<_> = kinds.into_iter().filter(|kind| *kind == HEADERS).collect();
        assert!(heads.len() > 10, "{} replies have begun", heads.len());
        http2
    });
}
