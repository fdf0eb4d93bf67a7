//! What a frame of the screens costs: from a key, an answer or another size until the picture is written, against 16 ms.
//!
//! Each figure is one message to the model, the drawing and what a terminal would be sent for it. What is laid out once when
//! it comes (a payload, a page of a recording) is in it as a message of its own.
//!
//! `tui [SCREEN]`: approvals, sheet, sessions or replay; all of them without a word.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement may stop where it fails, and prints what it finds"
)]

use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use hoopctl::control::noun::List;
use hoopctl::control::noun::event::LiveEvent;
use hoopctl::control::noun::event::Topic;
use hoopctl::control::noun::session::EventPage;
use hoopctl::control::noun::session::LiveSession;
use hoopctl::control::noun::session::RecordedEvent;
use hoopctl::control::noun::session::SessionView;
use hoopctl::domain::approval::Approval;
use hoopctl::domain::approval::ApprovalSpec;
use hoopctl::domain::approval::ApprovalState;
use hoopctl::domain::approval::GrantScope;
use hoopctl::domain::approval::MAX_DETAIL;
use hoopctl::domain::command::Class;
use hoopctl::domain::id::ApprovalId;
use hoopctl::domain::id::RequestId;
use hoopctl::domain::id::SessionId;
use hoopctl::domain::principal::Kind;
use hoopctl::pipeline::Held;
use hoopctl::tui::Effect;
use hoopctl::tui::Look;
use hoopctl::tui::Model;
use hoopctl::tui::Msg;
use hoopctl::tui::Screen;
use hoopctl::tui::keys::KeyMap;
use hoopctl::tui::link::Link;
use hoopctl::tui::look::Depth;
use hoopctl::tui::look::Ground;
use hoopctl::tui::message::Answer;
use hoopctl::tui::message::Request;
use hoopctl::tui::model::Jump;
use hoopctl::tui::shared::Moment;
use hoopctl::tui::view;
use ratatui::Terminal;
use ratatui::TerminalOptions;
use ratatui::Viewport;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::layout::Size;
use serde_json::json;

/// How long a frame may take.
const FRAME: Duration = Duration::from_millis(16);
/// A large terminal, and a small one.
const SIZES: [Size; 2] = [Size { width: 200, height: 60 }, Size { width: 80, height: 24 }];
/// When all of this happens, in milliseconds since 1970.
const START_MS: i64 = 1_795_166_043_000;
/// How much there is.
const APPROVALS: u128 = 10_000;
const SESSIONS: u128 = 5_000;
const EVENTS: u64 = 20_000;
/// The most of a command that approvers are shown; what the screen cuts at.
const PAYLOADS: [(&str, usize); 2] = [("256 KiB", Held::MAX_SHOWN), ("1 MiB", MAX_DETAIL)];
const LINE: usize = 1 << 20;

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let screens: [(&str, fn()); 4] =
        [("approvals", approvals), ("sheet", sheet), ("sessions", sessions), ("replay", replay)];
    println!("{:44} {:>6} {:>9} {:>9} {:>9}  of {FRAME:?}", "what", "times", "p50 ms", "p99 ms", "max ms");
    for (name, run) in screens {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            run();
            println!("{:44} {}", format!("{name}: resident memory"), resident());
        }
    }
}

/// How much memory the process has, and had at most.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
        line.trim_start_matches(':').trim().to_owned()
    };
    format!("{} now, {} at most so far", of("VmRSS"), of("VmHWM"))
}

/// A model, a clock that is turned, a terminal that nobody looks at.
struct Rig {
    model: Model,
    at: Instant,
    wall_ms: i64,
    terminal: Terminal<CrosstermBackend<io::Sink>>,
    effects: Vec<Effect>,
}

impl Rig {
    fn new(screen: Screen) -> Self {
        let look = Look::new(Depth::True, Ground::Dark, false);
        let now = Moment { at: Instant::now(), wall_ms: START_MS };
        let (model, effects) = Model::new(now, SIZES[0], look, KeyMap::default(), screen);
        let viewport = Viewport::Fixed(Rect::new(0, 0, SIZES[0].width, SIZES[0].height));
        let backend = CrosstermBackend::new(io::sink());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
        let mut rig = Self { model, at: now.at, wall_ms: now.wall_ms, terminal, effects };
        rig.frame(Msg::Link(Link::Live));
        rig
    }

    fn update(&mut self, msg: Msg) {
        let effects = self.model.update(Moment { at: self.at, wall_ms: self.wall_ms }, msg);
        self.effects.extend(effects);
    }

    /// One message until its picture is written, and how long that took.
    fn frame(&mut self, msg: Msg) -> Duration {
        let size = if let Msg::Resize(size) = &msg { Some(*size) } else { None };
        let begun = Instant::now();
        self.update(msg);
        self.update(Msg::Tick);
        if let Some(size) = size {
            self.terminal.resize(Rect::new(0, 0, size.width, size.height)).unwrap();
        }
        let model = &self.model;
        let drawn = self.terminal.draw(|frame| view::view(model, frame)).unwrap().area.as_size();
        self.update(Msg::Drawn(drawn));
        begun.elapsed()
    }

    fn answer(&mut self, answer: Answer) -> Duration {
        self.frame(Msg::Answer(Box::new(answer)))
    }

    fn key(&mut self, key: &str) -> Duration {
        let (held, name) =
            key.strip_prefix("ctrl-").map_or((KeyModifiers::NONE, key), |name| (KeyModifiers::CONTROL, name));
        let code = match name {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "space" => KeyCode::Char(' '),
            one => KeyCode::Char(one.chars().next().unwrap()),
        };
        self.frame(Msg::Key { key: KeyEvent::new(code, held), at: self.at })
    }

    /// Time goes on without a picture.
    fn pass(&mut self, ms: u32) {
        self.at += Duration::from_millis(u64::from(ms));
        self.wall_ms += i64::from(ms);
        self.update(Msg::Tick);
    }

    /// Each of these keys so many times, told as one figure.
    fn keys(&mut self, what: &str, keys: &[&str], times: usize) {
        let took = (0..times).flat_map(|_| keys).map(|key| self.key(key)).collect();
        told(what, took);
    }

    /// A filter is typed and given up, so many times.
    fn filter(&mut self, what: &str, text: &str, times: usize) {
        let (mut typed, mut cleared) = (Vec::new(), Vec::new());
        for _ in 0..times {
            self.key("/");
            typed.extend(text.chars().map(|c| self.key(&c.to_string())));
            cleared.push(self.key("esc"));
        }
        told(&format!("{what}: a letter of a filter"), typed);
        told(&format!("{what}: the filter given up"), cleared);
    }

    /// The terminal changes its size again and again.
    fn resizes(&mut self, what: &str, times: usize) {
        let sizes = SIZES.iter().rev().cycle().take(times * SIZES.len());
        let took = sizes.map(|size| self.frame(Msg::Resize(*size))).collect();
        told(&format!("{what}: another size"), took);
    }
}

/// One line of the table.
fn told(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let ms = |part: usize| {
        let place = (took.len() * part / 100).min(took.len() - 1);
        took.get(place).map_or(0.0, Duration::as_secs_f64) * 1000.0
    };
    let late = took.iter().filter(|time| **time > FRAME).count();
    let note = if late == 0 { "held".to_owned() } else { format!("{late} LATE") };
    println!("{what:44} {:6} {:9.3} {:9.3} {:9.3}  {note}", took.len(), ms(50), ms(99), ms(100));
}

fn approval(number: u128) -> Approval {
    let who = format!("agent-{}", number % 97);
    Approval {
        id: ApprovalId::from_bits((0x0656_3abc_1f00_u128 << 76) + number),
        state: ApprovalState::Pending,
        principal: format!("entra:72f988bf/{who}"),
        label: who,
        kind: if number.is_multiple_of(2) { Kind::Agent } else { Kind::Human },
        groups: vec!["etl".to_owned()],
        source: "10.2.0.14".to_owned(),
        connection: (if number.is_multiple_of(3) { "crm" } else { "appdb" }).parse().unwrap(),
        session: SessionId::from_bits(number),
        request: RequestId::from_bits(number),
        rule: "writes-need-approval".to_owned(),
        spec: ApprovalSpec {
            from: vec!["dba".to_owned()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "9c1e77ab".repeat(8),
        class: Class::Write,
        summary: format!("UPDATE customers SET tier = 'gold' WHERE id = {number}"),
        detail: String::new(),
        truncated: false,
        reason: "backfill of tiers after INC-4411".to_owned(),
        revision: 41,
        created_ms: START_MS - 60_000,
        expires_ms: START_MS + 600_000 + i64::try_from(number % 1000).unwrap() * 100,
        decisions: Vec::new(),
        grant: None,
    }
}

fn approvals() {
    let mut rig = Rig::new(Screen::Approvals);
    let listed = || (0..APPROVALS).map(|number| Arc::new(approval(number))).collect();
    let lists = (0..10).map(|_| rig.answer(Answer::Pending(0, Ok(listed())))).collect();
    told("approvals: the whole list comes", lists);
    rig.keys("approvals: one down", &["j"], 500);
    rig.keys("approvals: half a page down", &["ctrl-d"], 100);
    rig.keys("approvals: the last, the first", &["G", "g"], 50);
    rig.keys("approvals: another order", &["o"], 20);
    rig.filter("approvals", "who:agent-7 conn:crm", 5);
    rig.resizes("approvals", 50);
    let new = (0..500).map(|number| {
        let data = serde_json::to_string(&approval(APPROVALS + number)).unwrap();
        let event = LiveEvent { id: format!("1-{number}"), topic: Topic::Approval, data };
        rig.frame(Msg::Live(event))
    });
    told("approvals: a new one comes", new.collect());
    let seconds = (0..100).map(|_| {
        rig.pass(1000);
        rig.frame(Msg::Tick)
    });
    told("approvals: a second goes by", seconds.collect());
}

/// Reads the selected approval whole, with this to be sent.
fn opened(detail: &str) -> (Rig, Duration) {
    let mut rig = Rig::new(Screen::Approvals);
    rig.answer(Answer::Pending(0, Ok([1, 2].map(|number| Arc::new(approval(number))).into())));
    rig.pass(1000);
    let asked = rig.effects.iter().find_map(|effect| match effect {
        Effect::Ask(Request::Approval(id)) => Some(*id),
        _ => None,
    });
    let id = asked.expect("the selected one is asked for");
    let whole = Approval { id, detail: detail.to_owned(), ..approval(1) };
    let took = rig.answer(Answer::Approval(id, Ok(Box::new(whole))));
    (rig, took)
}

fn sheet() {
    let row = "UPDATE customers SET tier = 'gold', note = 'it''s \u{202e}so' WHERE id = 7; -- each of them\n";
    let of_rows = PAYLOADS.map(|(name, size)| (name, row.repeat(size / row.len())));
    let in_one = PAYLOADS.map(|(name, size)| (name, "x = 'é日', ".repeat(size / 13)));
    let endless = ("10 MiB", row.repeat((10 << 20) / row.len()));
    let named = |(name, text), of: &str| (format!("{name} of {of}"), text);
    let payloads = of_rows.map(|one| named(one, "SQL")).into_iter();
    let payloads = payloads.chain(in_one.map(|one| named(one, "one line"))).chain([named(endless, "SQL")]);
    for (name, payload) in payloads {
        let (mut rig, took) = opened(&payload);
        let what = format!("sheet of {name}");
        told(&format!("{what}: it comes"), vec![took]);
        rig.keys(&format!("{what}: read on"), &["space"], 300);
        rig.keys(&format!("{what}: whole screen and back"), &["enter", "esc"], 3);
        rig.keys(&format!("{what}: opened, to its end"), &["enter", "G", "g", "j", "esc"], 3);
        rig.resizes(&what, 3);
    }
}

fn session(number: u128) -> SessionView {
    let id = SessionId::from_bits((0x0656_3abc_1f00_u128 << 76) + number);
    let who = format!("agent-{}", number % 97);
    SessionView {
        id,
        principal: format!("corp/{who}"),
        label: who,
        kind: Kind::Agent,
        connection: "appdb".to_owned(),
        protocol: "postgres".to_owned(),
        issuer: "corp".to_owned(),
        client: Some("cli-5f0c".to_owned()),
        source: "10.2.0.14".to_owned(),
        started_ms: START_MS - i64::try_from(number).unwrap() * 100,
        ended_ms: None,
        end: None,
        events: EVENTS,
        denied: u64::try_from(number % 5).unwrap(),
        masked: u64::try_from(number % 7).unwrap(),
        bytes: 49_400,
        pruned_ms: None,
        hold: None,
        live: Some(LiveSession {
            id,
            streams: 1,
            commands: 118,
            active_ms: START_MS,
            expires_ms: START_MS + 2_820_000,
        }),
    }
}

fn line(session: SessionId, seq: u64, sql: &str) -> String {
    json!({
        "v": 1, "sid": session.to_string(), "seq": seq, "t": seq * 10_000, "ts": "2026-11-20T09:14:09.118Z",
        "kind": "sql.query", "dir": "c2s", "corr": null, "data": {"how": "query", "sql": sql}, "mask": [],
    })
    .to_string()
}

fn sessions() {
    let mut rig = Rig::new(Screen::Sessions);
    let views: Vec<SessionView> = (0..SESSIONS).map(session).collect();
    let lists = (0..20).map(|_| {
        rig.pass(2000);
        rig.answer(Answer::Sessions { live: true, found: Ok(List::all(views.clone())) })
    });
    let lists = lists.collect();
    told("sessions: the whole list comes", lists);
    rig.keys("sessions: one down", &["j"], 500);
    rig.keys("sessions: half a page down", &["ctrl-d"], 100);
    rig.keys("sessions: the last, the first", &["G", "g"], 50);
    rig.keys("sessions: another order", &["o"], 20);
    rig.filter("sessions", "who:agent-7 conn:app", 5);
    rig.resizes("sessions", 50);
    rig.pass(1000);
    let watched = rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Watch(Some(id)) => Some(*id),
        _ => None,
    });
    let watched = watched.expect("the selected one is followed");
    let events = (1..=2000).map(|seq| {
        let data = line(watched, seq, "SELECT id, name FROM customers WHERE id = 7");
        rig.frame(Msg::Live(LiveEvent { id: format!("1-{seq}"), topic: Topic::Session, data }))
    });
    told("sessions: an event of the followed one", events.collect());
}

fn replay() {
    let mut rig = Rig::new(Screen::Replay);
    let view = session(1);
    let id = view.id;
    let effects = rig.model.begin(Jump::Replay { session: "last".to_owned(), at: None });
    rig.effects.extend(effects);
    rig.answer(Answer::Session("last".to_owned(), Ok(Box::new(view))));
    let usual = "SELECT id, name, email FROM customers WHERE id = 7 AND name LIKE 'a%' ORDER BY name";
    let long = "x = 'é日', ".repeat(LINE / 13);
    let mut pages = Vec::new();
    for first in (1..=EVENTS).step_by(1000) {
        let event = |seq: u64| {
            // One of them is a line of 1 MB, in the middle.
            let sql = if seq == EVENTS / 2 { &long } else { usual };
            RecordedEvent { seq, line: line(id, seq, sql), hash: "0".repeat(64) }
        };
        let last = first + 999;
        let page = EventPage {
            session: id,
            events: (first..=last).map(event).collect(),
            next: (last < EVENTS).then_some(last + 1),
            ended: true,
        };
        pages.push(rig.answer(Answer::Events(id, first, Ok(page))));
    }
    told("replay: a page of 1000 events comes", pages);
    rig.keys("replay: to tenths of it", &["9", "5", "1"], 20);
    rig.key("space");
    let pictures = (0..300).map(|_| {
        rig.pass(33);
        rig.frame(Msg::Tick)
    });
    told("replay: a picture while it plays", pictures.collect());
    rig.key("space");
    rig.keys("replay: one event on", &["]"], 500);
    rig.keys("replay: one row up", &["k"], 500);
    rig.keys("replay: half a page up", &["ctrl-u"], 200);
    rig.keys("replay: half a page down", &["ctrl-d"], 200);
    rig.keys("replay: idle cap", &["i"], 10);
    for c in "/nowhere".chars() {
        rig.key(&c.to_string());
    }
    rig.keys("replay: a search of all of it", &["enter"], 1);
    rig.keys("replay: the first row, the newest", &["g", "G"], 5);
    rig.resizes("replay", 50);
}
