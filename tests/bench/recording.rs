//! What recording costs: events a second and CPU per event, for groups of 1, 8 and 64 waiters, written and synced.
//!
//! Each waiter is a task that appends the request and the decision of one command, waits until they are recorded, then
//! pushes the reply without waiting: the pipeline's way. The CPU is that of the whole process, so the waiters' side is in it.
//!
//! `recording [WAITERS written|synced [BYTES]]`, with bodies of so many bytes of JSON; `BENCH_DIR` is where the journal goes, `/var/tmp` by default.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::unchecked_time_subtraction,
    reason = "a measurement may stop where it fails, and prints what it finds"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use hoopctl::domain::event::Direction;
use hoopctl::domain::event::Event;
use hoopctl::domain::event::EventKind;
use hoopctl::domain::id::RequestId;
use hoopctl::domain::id::SessionId;
use hoopctl::recording::Durability;
use hoopctl::recording::Journal;
use hoopctl::recording::Settings;
use serde_json::json;

/// How long each figure is measured.
const RUN: Duration = Duration::from_secs(2);
/// Bytes of bodies that differ: more than what a packer looks back at.
const VARIETY: usize = 8 << 20;
/// Threads that the waiters are spread over, as in the gateway on two cores.
const WORKERS: usize = 2;

fn main() {
    println!("waiters durability   body  commands/s  events/s  us CPU/event  bytes on disk/event");
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    if let (Some(waiters), Some(durability)) = (args.next(), args.next()) {
        let durability = if durability == "synced" { Durability::Synced } else { Durability::Written };
        let body = args.next().map_or(0, |bytes| bytes.parse().unwrap());
        return measure(waiters.parse().unwrap(), durability, body);
    }
    for (waiters, durability, body) in [
        (1, Durability::Written, 0),
        (8, Durability::Written, 0),
        (64, Durability::Written, 0),
        (1, Durability::Synced, 0),
        (8, Durability::Synced, 0),
        (64, Durability::Synced, 0),
        (8, Durability::Written, 1 << 10),
        (8, Durability::Written, 64 << 10),
    ] {
        measure(waiters, durability, body);
    }
}

fn measure(waiters: usize, durability: Durability, body: usize) {
    let dir =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/var/tmp".to_owned())).unwrap();
    let journal = Journal::open(dir.path(), Settings::default()).unwrap();
    let session = SessionId::new();
    runtime().block_on(journal.append([start(session)], Durability::Synced)).unwrap();
    let responses: Arc<[String]> = match VARIETY.checked_div(body) {
        None => [RESPONSE.to_owned()].into(),
        Some(count) => (0..count).map(|seed| response(body, seed)).collect(),
    };
    let (cpu, began) = (cpu_time(), Instant::now());
    let workers: Vec<_> = (0..WORKERS.min(waiters))
        .map(|worker| {
            let (journal, responses) = (journal.clone(), Arc::clone(&responses));
            let mine = (worker..waiters).step_by(WORKERS).count();
            std::thread::spawn(move || {
                runtime().block_on(work(journal, session, &responses, mine, durability, began))
            })
        })
        .collect();
    let commands: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    runtime().block_on(journal.flush()).unwrap();
    let (cpu, took) = (cpu_time() - cpu, began.elapsed());
    journal.close();
    let events = (commands * 3) as f64;
    let size = size_of(&dir.path().join("events.db"));
    println!(
        "{waiters:>7} {:>10} {body:>6} {:>11.0} {:>9.0} {:>13.2} {:>20.0}",
        format!("{durability:?}").to_lowercase(),
        commands as f64 / took.as_secs_f64(),
        events / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / events,
        size as f64 / events,
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One worker thread with `waiters` tasks. Gives the number of commands they recorded.
async fn work(
    journal: Journal,
    session: SessionId,
    responses: &Arc<[String]>,
    waiters: usize,
    durability: Durability,
    began: Instant,
) -> u64 {
    let tasks: Vec<_> = (0..waiters)
        .map(|task| {
            let (journal, responses) = (journal.clone(), Arc::clone(responses));
            tokio::spawn(async move {
                let mut commands = 0_u64;
                let mut responses = responses.iter().cycle().skip(task * 7);
                while began.elapsed() < RUN {
                    let request = RequestId::new();
                    let asked = [
                        event(session, EventKind::HttpRequest, request, REQUEST),
                        event(session, EventKind::Decision, request, DECISION),
                    ];
                    journal.append(asked, durability).await.unwrap();
                    journal
                        .push(event(session, EventKind::HttpResponse, request, responses.next().unwrap()))
                        .unwrap();
                    commands += 1;
                }
                commands
            })
        })
        .collect();
    let mut commands = 0;
    for task in tasks {
        commands += task.await.unwrap();
    }
    commands
}

const REQUEST: &str = r#"{"method":"GET","path":"/customers/7","query":"","headers":[["host","127.0.0.1:8440"],["user-agent","wrk/4.2"],["accept","*/*"]],"body":null,"class":"read","http":"1.1"}"#;
const DECISION: &str = r#"{"effect":"allow","rule":"read-crm","rules":["read-crm"],"policy_rev":41}"#;
const RESPONSE: &str = r#"{"status":200,"headers":[["content-type","application/json"],["content-length","312"]],"body":{"text":"{\"id\":7,\"name\":\"Ada L\",\"ssn\":\"***-**-4399\",\"email\":\"[REDACTED]\",\"tier\":\"gold\",\"address\":{\"street\":\"12 Example Road\",\"city\":\"Springfield\",\"zip\":\"01103\"}}","length":312,"sha256":"9c1e77ab9c1e77ab9c1e77ab9c1e77ab9c1e77ab9c1e77ab9c1e77ab9c1e77ab"},"ttfb_us":812,"total_us":901,"end":"complete"}"#;

/// A reply with a body of so many bytes: customers, no two alike, and others for each seed.
fn response(bytes: usize, seed: usize) -> String {
    let mut seed = u32::try_from(seed).unwrap().wrapping_mul(0x9e37_79b9).wrapping_add(7);
    let mut number = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let names = ["Ada", "Bela", "Chen", "Dana", "Emre", "Fatou", "Goran", "Hana"];
    let mut body = String::from("[");
    while body.len() < bytes {
        let name = names.get(number(8) as usize).unwrap();
        let (id, tail) = (number(1 << 20), number(10_000));
        let card = (number(1 << 24), number(1 << 24));
        let row = json!({
            "id": id, "name": name, "email": format!("{name}.{id}@example.com"), "ssn": format!("***-**-{tail:04}"),
            "card": format!("{:08}{:08}", card.0, card.1), "balance": f64::from(number(1_000_000)) / 100.0, "active": tail % 2 == 0,
        });
        body += &row.to_string();
        body.push(',');
    }
    body.truncate(bytes - 1);
    body.push(']');
    let body = json!({ "text": body, "length": bytes });
    json!({
        "status": 200, "headers": [["content-type", "application/json"]], "body": body, "ttfb_us": 812, "total_us": 901,
        "end": "complete",
    })
    .to_string()
}

fn start(session: SessionId) -> Event {
    let data = r#"{"principal":"local:bench","label":"bench","kind":"app","issuer":"local","client":null,"groups":[],"connection":"crm","protocol":"http","upstream":"http://127.0.0.1:1","source":"127.0.0.1","policy_rev":41}"#;
    Event { dir: None, corr: None, ..event(session, EventKind::SessionStart, RequestId::new(), data) }
}

fn event(session: SessionId, kind: EventKind, request: RequestId, data: &str) -> Event {
    Event {
        session,
        t_us: 6_118_402,
        ts_ms: 1_795_166_049_118,
        kind,
        dir: Some(Direction::C2s),
        corr: Some(request),
        data: data.into(),
        mask: Vec::new(),
    }
}

fn cpu_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs())
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    micros(usage.user_time()) + micros(usage.system_time())
}

fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}
