//! Tests of whole screens: a model, a simulated clock, and a buffer as terminal.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use ratatui::style::Style;

use crate::control::noun::gateway::CallerReport;
use crate::control::noun::gateway::Counts;
use crate::control::noun::gateway::ListenerReport;
use crate::control::noun::gateway::StatusReport;
use crate::tui::Effect;
use crate::tui::Look;
use crate::tui::Model;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::keys::KeyMap;
use crate::tui::link::Link;
use crate::tui::look::Depth;
use crate::tui::look::Ground;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::shared::Moment;
use crate::tui::turns::Turns;
use crate::tui::view;

mod approvals;
mod browse;
mod entities;
mod frame;
mod log;
mod picture;
mod replay;
mod sessions;

/// The start time of all tests: 2026-11-20T09:14:03Z.
pub(super) const START_MS: i64 = 1_795_166_043_000;
/// The sizes in which every screen is tested.
pub(super) const SIZES: [(u16, u16); 4] = [(80, 24), (118, 30), (60, 12), (34, 6)];
/// The looks in which every screen is tested, with their names in snapshots.
pub(super) const LOOKS: [(&str, Look); 2] = [
    ("mono", Look::new(Depth::Mono, Ground::Dark, true)),
    ("colour", Look::new(Depth::True, Ground::Dark, false)),
];

/// A model with a clock and a terminal.
pub(super) struct Stage {
    pub(super) model: Model,
    pub(super) now: Moment,
    terminal: Terminal<TestBackend>,
    /// The effects requested since the last call of `effects`.
    effects: Vec<Effect>,
}

impl Stage {
    /// Creates a screen of this size, with a connected gateway whose state is known.
    pub(super) fn new(screen: Screen, (width, height): (u16, u16), look: Look) -> Self {
        let now = Moment { at: Instant::now(), wall_ms: START_MS };
        let (model, effects) = Model::new(now, Size { width, height }, look, KeyMap::default(), screen);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut stage = Self { model, now, terminal, effects };
        stage.send(Msg::Link(Link::Live));
        stage.answer(Answer::Status(Ok(status())));
        stage
    }

    /// Creates a screen of 80x24 in colour.
    pub(super) fn usual(screen: Screen) -> Self {
        Self::new(screen, (80, 24), LOOKS[1].1)
    }

    /// Sends a message.
    pub(super) fn send(&mut self, msg: Msg) {
        let effects = self.model.update(self.now, msg);
        self.effects.extend(effects);
    }

    /// Sends a reply of the gateway.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.send(Msg::Answer(Box::new(answer)));
    }

    /// Presses keys, named as in `keys.toml`, with a picture and a second before each, so that no guard
    /// applies.
    pub(super) fn press(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.draw();
            self.pass(Duration::from_secs(1));
            self.draw();
            self.strike(key);
        }
    }

    /// Presses one key at once.
    pub(super) fn strike(&mut self, key: &str) {
        self.send(Msg::Key { key: event(key), at: self.now.at });
    }

    /// Types a text into an input line at once.
    pub(super) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.send(Msg::Key { key: KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), at: self.now.at });
        }
    }

    /// Advances the clock.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now.at += time;
        self.now.wall_ms += i64::try_from(time.as_millis()).unwrap();
        self.send(Msg::Tick);
    }

    /// Draws as the loop does.
    pub(super) fn draw(&mut self) -> &Buffer {
        self.terminal.draw(|frame| view::view(&self.model, frame)).unwrap();
        let Size { width, height } = self.terminal.size().unwrap();
        self.send(Msg::Drawn(Size { width, height }));
        self.terminal.backend().buffer()
    }

    /// Resizes the terminal itself.
    pub(super) fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
        self.send(Msg::Resize(Size { width, height }));
    }

    /// Returns the screen's text, one line per row, without trailing spaces.
    pub(super) fn screen(&mut self) -> String {
        let buffer = self.draw();
        let width = usize::from(buffer.area.width);
        let mut out = String::new();
        for row in buffer.content.chunks(width) {
            let mut skip = 0;
            let mut line = String::new();
            for cell in row {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                line.push_str(cell.symbol());
                skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Returns the style of the first cell of a text on screen.
    pub(super) fn style_of(&mut self, text: &str) -> Style {
        let screen = self.screen();
        let (row, line) = screen
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(text))
            .unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"));
        let before = line.split(text).next().unwrap_or_default();
        let column = unicode_width::UnicodeWidthStr::width(before);
        let position = (u16::try_from(column).unwrap(), u16::try_from(row).unwrap());
        self.terminal.backend().buffer().cell(position).unwrap().style()
    }

    /// Returns the effects requested since the last call.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        // Tests answer requests when they like, or never: the next requests must not wait.
        self.model.turns = Turns::default();
        std::mem::take(&mut self.effects)
    }

    /// Returns the requests among them.
    pub(super) fn requests(&mut self) -> Vec<Request> {
        let ask = |effect| if let Effect::Ask(request) = effect { Some(request) } else { None };
        self.effects().into_iter().filter_map(ask).collect()
    }
}

/// Returns a key by its name in `keys.toml`.
pub(super) fn event(key: &str) -> KeyEvent {
    let (held, name) =
        key.strip_prefix("ctrl-").map_or((KeyModifiers::NONE, key), |name| (KeyModifiers::CONTROL, name));
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgdn" => KeyCode::PageDown,
        "pgup" => KeyCode::PageUp,
        one => KeyCode::Char(one.chars().next().unwrap()),
    };
    KeyEvent::new(code, held)
}

/// Returns the gateway's state for an approver.
pub(super) fn status() -> StatusReport {
    StatusReport {
        version: "0.1.0".to_owned(),
        running: true,
        ready: true,
        pid: Some(4711),
        started_ms: Some(START_MS - 3_600_000),
        config: "/etc/hoopctl/hoopctl.toml".to_owned(),
        data_dir: "/var/lib/hoopctl".to_owned(),
        revision: 41,
        listeners: vec![ListenerReport { address: "127.0.0.1:8440".to_owned(), scheme: "http".to_owned() }],
        issuers: Vec::new(),
        targets: Vec::new(),
        recording_problem: None,
        restart_needed: Box::default(),
        unset: None,
        counts: Counts {
            connections: 3,
            policies: 5,
            masks: 1,
            sessions: 14,
            approvals: 3,
            locks: 0,
            held: 0,
        },
        you: Some(CallerReport {
            principal: "local:kate".to_owned(),
            groups: vec!["dba".to_owned()],
            manages: true,
            decides: true,
        }),
    }
}

/// Compares a screen with the file of this name in `snapshots`, or writes the file if `UPDATE_GOLDEN` is set.
pub(super) fn snapshot(name: &str, screen: &str) {
    let path = Path::new(file!()).parent().unwrap().join("snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, screen).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(
        known == screen,
        "{} is another screen now; UPDATE_GOLDEN=1 takes it over:\n{screen}",
        path.display()
    );
}

/// Compares a screen in all sizes and looks. `set` prepares it.
pub(super) fn snapshots(name: &str, screen: Screen, set: impl Fn(&mut Stage)) {
    for (word, look) in LOOKS {
        for size in SIZES {
            let mut stage = Stage::new(screen, size, look);
            set(&mut stage);
            snapshot(&format!("{name}-{}x{}-{word}", size.0, size.1), &stage.screen());
        }
    }
}
