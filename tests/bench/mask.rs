//! Masking on one core, in MB/s: named JSON fields, all detectors on clean and on dense text, the redactor.
//!
//! Each figure is the best of seven runs of at least 64 MiB each, in time of the processor; the bodies are made by a fixed seed.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hoopctl::domain::Entity;
use hoopctl::domain::MaskOp;
use hoopctl::domain::MaskRule;
use hoopctl::domain::Origin;
use hoopctl::mask::Format;
use hoopctl::mask::Masker;
use hoopctl::mask::Needles;
use hoopctl::mask::Plan;
use hoopctl::mask::Redactor;

/// A small generator: the bodies must be the same on every machine.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 16] = [
            "the", "quick", "request", "from", "upstream", "was", "served", "after", "retry", "because",
            "cache", "region", "expired", "worker", "session", "status",
        ];
        WORDS.get(usize::try_from(self.below(16)).unwrap_or(0)).copied().unwrap_or("")
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    assert!(out.write_fmt(text).is_ok());
}

fn records(size: usize) -> Vec<u8> {
    let (mut seed, mut out, mut id) = (Seed(7), String::from("{\"items\":["), 0);
    while out.len() < size {
        let (a, b, c) = (100 + seed.below(700), 10 + seed.below(89), 1000 + seed.below(8999));
        let (phone, zip, cents) = (seed.below(9000), 10000 + seed.below(80000), seed.below(99));
        let tags = format!("\"{}\",\"{}\",\"{}\"", seed.word(), seed.word(), seed.word());
        let note = seed.words(12);
        let comma = if id > 0 { "," } else { "" };
        push(
            &mut out,
            format_args!(
                "{comma}{{\"id\":{id},\"name\":\"Alice Trent\",\"email\":\"alice.trent{id}@example.com\",\"ssn\":\"{a}-{b}-{c}\",\
             \"credit_card\":\"4111111111111111\",\"phone\":\"+1 202 555 {phone:04}\",\"address\":{{\"street\":\"{b} Grace Street\",\
             \"city\":\"Springfield\",\"zip\":\"{zip}\"}},\"balance\":{c}.{cents:02},\"active\":true,\"tags\":[{tags}],\"note\":\"{note}\"}}"
            ),
        );
        id += 1;
    }
    out.push_str("]}");
    out.into_bytes()
}

fn log(size: usize, stamps: bool) -> Vec<u8> {
    let (mut seed, mut out, mut line) = (Seed(11), String::new(), 0);
    while out.len() < size {
        if stamps {
            push(
                &mut out,
                format_args!(
                    "2026-11-21T09:{:02}:{:02}.{:03}Z ",
                    seed.below(60),
                    seed.below(60),
                    seed.below(1000)
                ),
            );
        }
        let (worker, message) = (seed.word(), seed.words(14));
        push(&mut out, format_args!("level=info worker={worker} msg=\"{message}\""));
        if line % 40 == 0 {
            out.push_str(" value=alice@example.com 123-45-6789");
        } else if line % 3 == 0 {
            push(&mut out, format_args!(" took={}ms", seed.below(900)));
        }
        out.push('\n');
        line += 1;
    }
    out.into_bytes()
}

fn plan(fields: &[&str], entities: &[Entity]) -> Arc<Plan> {
    let rule = MaskRule {
        id: "bench".into(),
        origin: Origin::Store,
        connections: Vec::new(),
        tags: BTreeMap::new(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        entities: entities.to_vec(),
        patterns: BTreeMap::new(),
        op: MaskOp::Redact,
        predicates: hoopctl::domain::Predicates::default(),
    };
    match Plan::compile(&[&rule], [1; 32]) {
        Ok(plan) => Arc::new(plan),
        Err(error) => unreachable!("the rule holds: {error}"),
    }
}

/// Nanoseconds that this thread ran, where the system tells: other work on the machine then does not count.
fn processor_ns() -> Option<u64> {
    std::thread::yield_now();
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Prints the best rate of `run` over a body of `size` bytes; an argument picks the lines that hold it.
fn best(name: &str, size: usize, mut run: impl FnMut() -> u64) {
    if std::env::args().skip(1).any(|part| !part.starts_with('-') && !name.contains(&part)) {
        return;
    }
    let rounds = (64 << 20) / size + 1;
    let (mut seconds, mut hits) = (f64::MAX, 0);
    for _ in 0..7 {
        let (start, wall) = (processor_ns(), Instant::now());
        for _ in 0..rounds {
            hits = run();
        }
        let taken = match (start, processor_ns()) {
            (Some(start), Some(end)) => Duration::from_nanos(end - start),
            _ => wall.elapsed(),
        };
        seconds = seconds.min(taken.as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "sizes of bodies are small")]
    let rate = (size * rounds) as f64 / seconds / 1e6;
    println!("{name:<52} {rate:>9.0} MB/s {hits:>9} hits");
}

fn mask(plan: &Arc<Plan>, format: Format, body: &[u8], piece: usize, out: &mut Vec<u8>) -> u64 {
    let mut masker = Masker::new(Arc::clone(plan), format);
    for piece in body.chunks(piece) {
        out.clear();
        let done = masker.push(piece, out);
        assert!(done.is_ok(), "{done:?}");
        black_box(&out);
    }
    out.clear();
    let done = masker.finish(out);
    assert!(done.is_ok(), "{done:?}");
    masker.notes().total()
}

/// The least that any way through the strings of a JSON text costs: no names, no grammar.
fn lex(body: &[u8], out: &mut Vec<u8>) -> u64 {
    let (mut at, mut strings) = (0, 0);
    out.clear();
    while let Some(quote) = body.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let mut end = at + quote + 1;
        while let Some(stop) = body.get(end..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            end += stop + 1;
            if body.get(end - 1) == Some(&b'"') {
                break;
            }
            end += 1;
        }
        at = end;
        strings += 1;
    }
    out.extend_from_slice(body);
    strings
}

fn main() {
    let named = plan(&["ssn", "credit_card", "email"], &[]);
    let globs = plan(&["ssn", "credit_card", "email", "*_token", "*_secret", "password"], &[]);
    let shapes = plan(&[], &Entity::BUILT_IN);
    let both = plan(&["ssn", "credit_card", "email"], &Entity::BUILT_IN);
    let (small, medium, large) = (records(1000), records(64 << 10), records(10 << 20));
    let (clean, stamped) = (log(4 << 20, false), log(4 << 20, true));
    let mut out = Vec::with_capacity(128 << 10);
    let piece = 64 << 10;
    for (name, body) in [("1 KiB", &small), ("64 KiB", &medium), ("10 MiB", &large)] {
        best(&format!("JSON, 3 named fields, {name}"), body.len(), || {
            mask(&named, Format::Json, body, piece, &mut out)
        });
    }
    best("JSON, 6 named fields with globs, 10 MiB", large.len(), || {
        mask(&globs, Format::Json, &large, piece, &mut out)
    });
    best("JSON, all 8 detectors, 10 MiB", large.len(), || {
        mask(&shapes, Format::Json, &large, piece, &mut out)
    });
    best("JSON, 3 named fields and all detectors, 10 MiB", large.len(), || {
        mask(&both, Format::Json, &large, piece, &mut out)
    });
    best("text, all 8 detectors, clean log", clean.len(), || {
        mask(&shapes, Format::Text, &clean, piece, &mut out)
    });
    best("text, all 8 detectors, log with time stamps", stamped.len(), || {
        mask(&shapes, Format::Text, &stamped, piece, &mut out)
    });
    let lines: Vec<u8> = large.iter().map(|&byte| if byte == b'{' { b'\n' } else { byte }).collect();
    best("text, all 8 detectors, dense records", lines.len(), || {
        mask(&shapes, Format::Text, &lines, piece, &mut out)
    });
    best("reference: JSON strings found with memchr2, 10 MiB", large.len(), || lex(&large, &mut out));
    let needles = Needles::new(&Needles::shapes(b"a-secret-of-the-gateway-0123456789"));
    best("redactor, 10 MiB clean", large.len(), || {
        let mut redactor = Redactor::new(Arc::clone(&needles));
        for piece in large.chunks(piece) {
            if !redactor.passes(piece) {
                out.clear();
                redactor.push(piece, &mut out);
            }
        }
        redactor.hits()
    });
}
