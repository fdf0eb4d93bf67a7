//! What all screens share.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use ratatui::layout::Rect;
use ratatui::layout::Size;

use crate::control::ApiError;
use crate::control::noun::gateway::StatusReport;
use crate::tui::keys::KeyMap;
use crate::tui::link::Link;
use crate::tui::look::Look;

/// Below this many columns and rows nothing is drawn but a word about it.
pub const SMALLEST: Size = Size { width: 40, height: 8 };
/// From so many columns on a list and what is selected in it stand side by side.
pub const WIDE: u16 = 110;
/// Below this many columns or rows a screen shows its list only, and what is selected on `Enter`.
pub const ROOMY: Size = Size { width: 60, height: 16 };
/// For how long keys that decide are dropped after the screen changed under the hand.
pub const GUARD: Duration = Duration::from_millis(300);
/// How long a notice stands.
const NOTICE: Duration = Duration::from_secs(8);
/// Rows above the body: the gateway's line and the tabs.
const HEAD: u16 = 2;
/// Rows below it: the notice and the keys.
const FOOT: u16 = 2;

/// A point in time, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// On the clock that never goes back.
    pub at: Instant,
    /// Milliseconds since 1970.
    pub wall_ms: i64,
}

/// How good a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went as wanted.
    Good,
    /// To be seen.
    Plain,
    /// It did not.
    Bad,
}

/// One line for the person at the screen.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How good it is.
    pub tone: Tone,
    /// What it says. Raw: escaped where it is drawn.
    pub text: String,
    until: Instant,
}

/// How long keys that decide are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Until a picture of the change was drawn, and [`GUARD`] longer.
    UntilDrawn,
    /// Until then.
    Until(Instant),
}

/// What all screens share.
#[derive(Debug)]
pub struct Shared {
    /// Now.
    pub now: Moment,
    /// The size of the terminal.
    pub size: Size,
    /// Colours and signs.
    pub look: Look,
    /// What keys mean.
    pub keys: KeyMap,
    /// How the gateway is reached.
    pub link: Link,
    /// Its state, as last told.
    pub status: Option<StatusReport>,
    /// Where each policy was written down: `FILE:LINE`, or `store`.
    pub origins: BTreeMap<String, String>,
    /// What is spoken on each connection: the scheme of its target.
    pub schemes: BTreeMap<String, String>,
    /// Which of the keys for its action was pressed, from 0.
    pub struck: usize,
    /// Whether lists are held still.
    pub frozen: bool,
    /// When the key that is handled now was pressed.
    pub pressed: Instant,
    notice: Option<Notice>,
    guard: Guard,
}

impl Shared {
    /// Nothing known yet.
    pub fn new(now: Moment, size: Size, look: Look, keys: KeyMap) -> Self {
        Self {
            now,
            size,
            look,
            keys,
            link: Link::Opening,
            status: None,
            origins: BTreeMap::new(),
            schemes: BTreeMap::new(),
            struck: 0,
            frozen: false,
            pressed: now.at,
            notice: None,
            guard: Guard::Until(now.at),
        }
    }

    /// The part of the terminal that a screen has for itself.
    pub fn body(&self) -> Rect {
        Rect::new(0, HEAD, self.size.width, self.size.height.saturating_sub(HEAD + FOOT))
    }

    /// Whether the terminal is too small for anything.
    pub const fn is_tiny(&self) -> bool {
        self.size.width < SMALLEST.width || self.size.height < SMALLEST.height
    }

    /// Whether a screen shows its list only, and what is selected on `Enter`.
    pub const fn is_narrow(&self) -> bool {
        self.size.width < ROOMY.width || self.size.height < ROOMY.height
    }

    /// Whether a list and what is selected in it stand side by side.
    pub const fn is_wide(&self) -> bool {
        self.size.width >= WIDE
    }

    /// Says something, until the next notice or a few seconds from now.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice { tone, text: text.into(), until: self.now.at + NOTICE });
    }

    /// Says why something did not go, and what to do about it.
    pub fn say_error(&mut self, error: &ApiError) {
        let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
        self.say(Tone::Bad, format!("{}{hint}", error.message));
    }

    /// What is to be said now.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref().filter(|notice| notice.until > self.now.at)
    }

    /// What a person is about to decide on is another one now, or was just opened: keys that were meant for what stood there
    /// decide nothing. Holds until the change has been on the screen for [`GUARD`].
    pub fn guard(&mut self) {
        self.guard = Guard::UntilDrawn;
    }

    /// Whether the key that is handled now decides nothing. What counts is when it was pressed, not when it was read: a slow
    /// terminal may show the change long after.
    pub fn is_guarded(&self) -> bool {
        match self.guard {
            Guard::UntilDrawn => true,
            Guard::Until(end) => self.pressed < end,
        }
    }

    /// The change is on the screen now.
    pub fn drawn(&mut self) {
        if self.guard == Guard::UntilDrawn {
            self.guard = Guard::Until(self.now.at + GUARD);
        }
    }
}
