//! The state common to all screens.

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

/// On a smaller terminal, only a message about its size is drawn.
pub const SMALLEST: Size = Size { width: 40, height: 8 };
/// From this width on, in columns, a list and its selected item are side by side.
pub const WIDE: u16 = 110;
/// On a smaller terminal, a screen shows only its list, and the selected item on `Enter`.
pub const ROOMY: Size = Size { width: 60, height: 16 };
/// How long deciding keys are dropped after the screen changed.
pub const GUARD: Duration = Duration::from_millis(300);
/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(8);
/// Rows above the body: the gateway's line and the tabs.
const HEAD: u16 = 2;
/// Rows below the body: the notice and the keys.
const FOOT: u16 = 2;

/// A point in time, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The monotonic time.
    pub at: Instant,
    /// Milliseconds since the Unix epoch.
    pub wall_ms: i64,
}

/// The kind of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Success.
    Good,
    /// Information.
    Plain,
    /// Failure.
    Bad,
}

/// A one-line message for the user.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Its kind.
    pub tone: Tone,
    /// Its text, not escaped: it is escaped when drawn.
    pub text: String,
    until: Instant,
}

/// How long deciding keys are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Until a picture of the change was drawn, and [`GUARD`] longer.
    UntilDrawn,
    /// Until this time.
    Until(Instant),
}

/// The state common to all screens.
#[derive(Debug)]
pub struct Shared {
    /// The current time.
    pub now: Moment,
    /// The size of the terminal.
    pub size: Size,
    /// Colours and symbols.
    pub look: Look,
    /// Key bindings.
    pub keys: KeyMap,
    /// The connection to the gateway.
    pub link: Link,
    /// The gateway's last reported state.
    pub status: Option<StatusReport>,
    /// Where each policy is defined: `FILE:LINE`, or `store`.
    pub origins: BTreeMap<String, String>,
    /// The URL scheme of each connection's target.
    pub schemes: BTreeMap<String, String>,
    /// The index of the pressed key among the keys of its action.
    pub struck: usize,
    /// Whether lists are frozen.
    pub frozen: bool,
    /// When the key being handled was pressed.
    pub pressed: Instant,
    notice: Option<Notice>,
    guard: Guard,
}

impl Shared {
    /// Creates the initial state.
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

    /// Returns the area of a screen.
    pub fn body(&self) -> Rect {
        Rect::new(0, HEAD, self.size.width, self.size.height.saturating_sub(HEAD + FOOT))
    }

    /// Returns whether the terminal is too small to draw screens.
    pub const fn is_tiny(&self) -> bool {
        self.size.width < SMALLEST.width || self.size.height < SMALLEST.height
    }

    /// Returns whether a screen shows only its list, and the selected item on `Enter`.
    pub const fn is_narrow(&self) -> bool {
        self.size.width < ROOMY.width || self.size.height < ROOMY.height
    }

    /// Returns whether a list and its selected item are side by side.
    pub const fn is_wide(&self) -> bool {
        self.size.width >= WIDE
    }

    /// Shows a notice for a few seconds, or until the next one.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice { tone, text: text.into(), until: self.now.at + NOTICE });
    }

    /// Shows an error and its hint as a notice.
    pub fn say_error(&mut self, error: &ApiError) {
        let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
        self.say(Tone::Bad, format!("{}{hint}", error.message));
    }

    /// Returns the current notice.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref().filter(|notice| notice.until > self.now.at)
    }

    /// Starts dropping deciding keys, because the item to decide on changed or was just opened, and the keys
    /// were meant for the previous one. Lasts until the change has been on screen for [`GUARD`].
    pub fn guard(&mut self) {
        self.guard = Guard::UntilDrawn;
    }

    /// Returns whether the key being handled must not decide anything. The time of the press counts, not the
    /// time of reading it: a slow terminal may show the change much later.
    pub fn is_guarded(&self) -> bool {
        match self.guard {
            Guard::UntilDrawn => true,
            Guard::Until(end) => self.pressed < end,
        }
    }

    /// Notes that the change is on screen.
    pub fn drawn(&mut self) {
        if self.guard == Guard::UntilDrawn {
            self.guard = Guard::Until(self.now.at + GUARD);
        }
    }
}
