//! A PostgreSQL client that sends exactly the given messages, each script in a single write, and trusts no
//! reply.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use bytes::BytesMut;
use hoopctl::protocol::postgres::wire::back::BackMessage;
use hoopctl::protocol::postgres::wire::back::Field;
use hoopctl::protocol::postgres::wire::back::Report;
use hoopctl::protocol::postgres::wire::frame::Limits;
use hoopctl::protocol::postgres::wire::frame::Part;
use hoopctl::protocol::postgres::wire::frame::Scanner;
use hoopctl::protocol::postgres::wire::frame::body;
use hoopctl::protocol::postgres::wire::front;
use hoopctl::protocol::postgres::wire::front::Binding;
use hoopctl::protocol::postgres::wire::front::Execute;
use hoopctl::protocol::postgres::wire::front::Named;
use hoopctl::protocol::postgres::wire::opening;
use hoopctl::protocol::postgres::wire::tag::BackTag;
use hoopctl::protocol::postgres::wire::tag::Tag;
use hoopctl::protocol::postgres::wire::values::Format;

use crate::support::World;

/// The prefix of each masked value in the database.
pub const SECRET: &str = "078-05-";
/// How long a reply may take.
const PATIENT: Duration = Duration::from_secs(30);
/// How long the connection must be silent before pending approvals are checked.
const QUIET: Duration = Duration::from_millis(300);

/// Client messages in order.
#[derive(Default, Clone)]
pub struct Script(pub BytesMut);

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn startup(mut self, parameters: &[(&str, &str)]) -> Self {
        opening::write_startup(&mut self.0, opening::Version::V3_0, parameters.iter().copied()).unwrap();
        self
    }

    pub fn password(mut self, password: &str) -> Self {
        front::write_password(&mut self.0, password.as_bytes()).unwrap();
        self
    }

    pub fn query(mut self, sql: &str) -> Self {
        front::write_query(&mut self.0, sql.as_bytes()).unwrap();
        self
    }

    pub fn parse(mut self, name: &str, sql: &str) -> Self {
        front::write_parse(&mut self.0, name.as_bytes(), sql.as_bytes(), &[]).unwrap();
        self
    }

    pub fn bind(self, portal: &str, statement: &str) -> Self {
        self.bind_as(portal, statement, &[])
    }

    pub fn bind_as(mut self, portal: &str, statement: &str, results: &[Format]) -> Self {
        let (portal, statement) = (portal.as_bytes(), statement.as_bytes());
        let binding = Binding { portal, statement, formats: &[], values: &[], results };
        front::write_bind(&mut self.0, &binding).unwrap();
        self
    }

    /// Appends a `Bind` of the unnamed statement to the unnamed portal with values.
    pub fn bind_values(mut self, values: &[&str]) -> Self {
        let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_bytes())).collect();
        let binding = Binding { portal: b"", statement: b"", formats: &[], values: &values, results: &[] };
        front::write_bind(&mut self.0, &binding).unwrap();
        self
    }

    pub fn execute(self, portal: &str) -> Self {
        self.execute_some(portal, 0)
    }

    pub fn execute_some(mut self, portal: &str, rows: u32) -> Self {
        front::write_execute(&mut self.0, Execute { portal: portal.as_bytes(), rows }).unwrap();
        self
    }

    /// Appends `Parse`, `Bind` and `Execute` of the unnamed statement.
    pub fn run(self, sql: &str) -> Self {
        self.parse("", sql).bind("", "").execute("")
    }

    pub fn close_statement(mut self, name: &str) -> Self {
        front::write_close(&mut self.0, Named::Statement(name.as_bytes())).unwrap();
        self
    }

    pub fn describe_portal(mut self, name: &str) -> Self {
        front::write_describe(&mut self.0, Named::Portal(name.as_bytes())).unwrap();
        self
    }

    pub fn sync(mut self) -> Self {
        front::write_sync(&mut self.0);
        self
    }

    pub fn flush(mut self) -> Self {
        front::write_flush(&mut self.0);
        self
    }

    pub fn terminate(mut self) -> Self {
        front::write_terminate(&mut self.0);
        self
    }

    /// Appends a message with any type, body and length, unchecked.
    pub fn raw(mut self, tag: u8, length: i32, body: &[u8]) -> Self {
        self.0.extend_from_slice(&[tag]);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(body);
        self
    }

    /// Appends a message with any type and the correct length.
    pub fn message(self, tag: u8, body: &[u8]) -> Self {
        self.raw(tag, i32::try_from(body.len() + 4).unwrap(), body)
    }
}

/// The replies, one word per message: its letter in the manual and its essential content, such as `D a|b`, `E
/// 42501 …`, `C DELETE 1`, `Z I`; `EOF` at the end of the stream.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    pub said: Vec<String>,
    /// The details of the commands held for approval meanwhile. Each was denied.
    pub held: Vec<String>,
}

impl Replies {
    /// Returns the replies with this letter, without the letter.
    pub fn of(&self, letter: char) -> Vec<&str> {
        self.said.iter().filter_map(|word| word.strip_prefix(letter)).map(str::trim_start).collect()
    }

    pub fn rows(&self) -> Vec<&str> {
        self.of('D')
    }

    /// Returns the SQLSTATEs of the errors.
    pub fn errors(&self) -> Vec<&str> {
        self.said
            .iter()
            .filter_map(|word| word.strip_prefix("E "))
            .filter_map(|word| word.split(' ').next())
            .collect()
    }

    /// Returns the letters of all replies.
    pub fn letters(&self) -> String {
        self.said.iter().map(|word| word.chars().next().unwrap()).collect()
    }

    pub fn ended(&self) -> bool {
        self.said.last().is_some_and(|word| word == "EOF")
    }
}

/// A session, or the beginning of one.
pub struct Raw {
    pub stream: TcpStream,
    input: BytesMut,
    scanner: Scanner<BackTag>,
    /// The process id and secret key for a cancel request.
    pub key: (i32, Vec<u8>),
}

impl Raw {
    /// Connects without sending anything.
    pub fn connect(world: &World) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", world.db().gateway_port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(QUIET)).unwrap();
        Self {
            stream,
            input: BytesMut::new(),
            scanner: Scanner::new(Limits::default()),
            key: (0, Vec::new()),
        }
    }

    /// Opens a session.
    pub fn login(world: &World, token: &str) -> Self {
        let mut raw = Self::connect(world);
        raw.send(&Self::opening(token));
        raw.finish_login(world);
        raw
    }

    /// Returns the messages of [`Raw::login`].
    pub fn opening(token: &str) -> Script {
        Script::new().startup(&[("user", "whoever"), ("database", "db")]).password(token)
    }

    /// Reads until the session is established.
    pub fn finish_login(&mut self, world: &World) {
        let replies = self.replies(world, 1);
        assert!(!replies.ended(), "no session: {replies:?} {}", world.log());
        self.scanner.session_begins();
    }

    pub fn send(&mut self, script: &Script) {
        self.stream.write_all(&script.0).unwrap();
    }

    /// Sends a script and reads up to `ready` messages of type `ReadyForQuery`.
    pub fn ask(&mut self, world: &World, script: &Script, ready: usize) -> Replies {
        self.send(script);
        self.replies(world, ready)
    }

    /// Reads up to `ready` messages of type `ReadyForQuery`, or the end of the stream. Denies and collects
    /// pending approvals.
    pub fn replies(&mut self, world: &World, ready: usize) -> Replies {
        let mut replies = Replies::default();
        let begin = Instant::now();
        let mut left = ready;
        loop {
            while let Some(part) = self.scanner.take(&mut self.input).unwrap() {
                let Part::Frame(tag, frame) = part else { panic!("a long frame: {part:?}") };
                let word = self.word(tag, body(&frame));
                let leaks = String::from_utf8_lossy(&frame).contains(SECRET);
                assert!(!leaks, "it leaks: {word} after {replies:?}");
                left = left.saturating_sub(usize::from(tag == BackTag::ReadyForQuery));
                if !matches!(tag, BackTag::ParameterStatus) {
                    replies.said.push(word);
                }
                if left == 0 && ready > 0 {
                    return replies;
                }
            }
            match self.fill() {
                Some(0) => {
                    replies.said.push("EOF".to_owned());
                    return replies;
                }
                Some(_) => {}
                None => {
                    assert!(begin.elapsed() < PATIENT, "no answer after {replies:?} {}", world.log());
                    replies.held.extend(deny_all(world));
                }
            }
        }
    }

    /// Reads the available bytes; `None` if there are none.
    fn fill(&mut self) -> Option<usize> {
        let mut bytes = vec![0; 64 << 10];
        match self.stream.read(&mut bytes) {
            Ok(read) => {
                self.input.extend_from_slice(&bytes[..read]);
                Some(read)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_broken) => Some(0),
        }
    }

    fn word(&mut self, tag: BackTag, body: &[u8]) -> String {
        let letter = char::from(tag.byte());
        match BackMessage::read(tag, body).unwrap() {
            BackMessage::DataRow(values) => {
                let cells = values.each().map(|cell| match cell {
                    Some(cell) => String::from_utf8_lossy(cell).into_owned(),
                    None => "NULL".to_owned(),
                });
                format!("D {}", cells.collect::<Vec<_>>().join("|"))
            }
            BackMessage::ErrorResponse(report) | BackMessage::NoticeResponse(report) => {
                let text = |field| text_of(&report, field);
                format!("{letter} {} {}", text(Field::CODE), text(Field::MESSAGE))
            }
            BackMessage::CommandComplete(tag) => format!("C {}", String::from_utf8_lossy(tag.text)),
            BackMessage::ReadyForQuery(transaction) => format!("Z {}", char::from(transaction.byte())),
            BackMessage::NotificationResponse(told) => {
                let text = |bytes| String::from_utf8_lossy(bytes);
                format!("A {} {}", text(told.channel), text(told.payload))
            }
            BackMessage::BackendKeyData(key) => {
                self.key = (key.process, key.key.to_vec());
                letter.to_string()
            }
            _ => letter.to_string(),
        }
    }
}

fn text_of(report: &Report<'_>, field: Field) -> String {
    String::from_utf8_lossy(report.field(field).unwrap_or_default()).into_owned()
}

/// Denies all pending approvals. Returns their details.
fn deny_all(world: &World) -> Vec<String> {
    let deny = |approval: &serde_json::Value| {
        let id = approval["id"].as_str().unwrap();
        let (_, shown, _) = world.cli(&["approval", "show", id]);
        let (code, _, err) = world.cli(&["approval", "deny", id, "-r", "no"]);
        assert_eq!(code, 0, "{err}");
        shown
    };
    world.list(&["approval", "list"]).iter().map(deny).collect()
}
