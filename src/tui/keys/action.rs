//! Actions and the contexts in which their keys apply.

use crate::tui::pane::Screen;

/// Where a key applies. A key without a meaning in one context may have one in the outer context,
/// [`Context::beyond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// All screens.
    Everywhere,
    /// Lists.
    List,
    /// The approvals screen.
    Approvals,
    /// The sessions screen.
    Sessions,
    /// The player.
    Replay,
    /// The log screen.
    Log,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 6] =
        [Self::Everywhere, Self::List, Self::Approvals, Self::Sessions, Self::Replay, Self::Log];

    /// Returns the context's name in `keys.toml`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::List => "list",
            Self::Approvals => "approvals",
            Self::Sessions => "sessions",
            Self::Replay => "replay",
            Self::Log => "log",
        }
    }

    /// Returns the outer context, for keys without a meaning here.
    pub const fn beyond(self) -> Option<Self> {
        match self {
            Self::Everywhere => None,
            Self::List | Self::Replay => Some(Self::Everywhere),
            Self::Approvals | Self::Sessions | Self::Log => Some(Self::List),
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $short:literal;)*) => {
        /// An action of a key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Action {
            /// All actions.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the action's name in `keys.toml`.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns the label in the status line.
            pub const fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)* }
            }

            /// Returns the description in the help.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

actions! {
    /// Live sessions
    ToSessions = "to-sessions", "sessions";
    /// Pending approvals
    ToApprovals = "to-approvals", "approvals";
    /// The player
    ToReplay = "to-replay", "replay";
    /// Connections
    ToConnections = "to-connections", "connections";
    /// Policies
    ToPolicies = "to-policies", "policies";
    /// The log
    ToLog = "to-log", "log";
    /// The next screen
    NextScreen = "next-screen", "next screen";
    /// The previous screen
    LastScreen = "last-screen", "previous screen";
    /// A command: the name of a screen, replay ID, quit
    Command = "command", "command";
    /// Help
    Help = "help", "help";
    /// Back, or quit
    Back = "back", "back";
    /// Quit
    Quit = "quit", "quit";
    /// Redraw the screen
    Redraw = "redraw", "redraw";
    /// Freeze or unfreeze the lists
    Freeze = "freeze", "freeze";
    /// One down
    Down = "down", "down";
    /// One up
    Up = "up", "up";
    /// Half a page down
    HalfDown = "half-down", "page down";
    /// Half a page up
    HalfUp = "half-up", "page up";
    /// To the first
    Top = "top", "first";
    /// To the last
    Bottom = "bottom", "last";
    /// Open the selected item
    Open = "open", "open";
    /// Filter by words such as who:kim or conn:billing
    Filter = "filter", "filter";
    /// Copy its id
    Copy = "copy", "copy id";
    /// Sort by the next column
    Sort = "sort", "sort";
    /// Approve this one command
    Approve = "approve", "approve";
    /// Approve for a time, up to the policy's limit
    ApproveWindow = "approve-window", "approve for a time";
    /// Deny, with a reason
    Deny = "deny", "deny";
    /// The approval's session
    ShowSession = "show-session", "session";
    /// To the newest
    Newest = "newest", "newest";
    /// Scroll the payload down
    PayloadDown = "payload-down", "read on";
    /// Scroll the payload up
    PayloadUp = "payload-up", "read back";
    /// End the session, with a reason
    Kill = "kill", "kill";
    /// Lock its principal out, with a reason
    Lock = "lock", "lock";
    /// Play its recording
    Play = "play", "replay";
    /// Play or pause
    Pause = "pause", "pause";
    /// The next event only
    Step = "step", "step";
    /// 5 seconds back
    SeekBack = "seek-back", "5s back";
    /// 5 seconds forward
    SeekOn = "seek-on", "5s on";
    /// To the previous event
    LastEvent = "last-event", "previous event";
    /// To the next event
    NextEvent = "next-event", "next event";
    /// To the previous mark
    LastMark = "last-mark", "previous mark";
    /// To the next mark
    NextMark = "next-mark", "next mark";
    /// To a tenth of the recording
    Tenths = "tenths", "tenths";
    /// Twice as fast
    Faster = "faster", "faster";
    /// Half as fast
    Slower = "slower", "slower";
    /// Recorded speed
    NormalSpeed = "normal-speed", "1x";
    /// Shorten long pauses, or play them in full
    IdleCap = "idle-cap", "idle cap";
    /// Search in the recording
    Grep = "grep", "grep";
    /// The next match
    NextMatch = "next-match", "next match";
    /// The previous match
    LastMatch = "last-match", "previous match";
    /// Follow a live session
    Follow = "follow", "follow";
    /// Export the recording to a file
    Export = "export", "export";
    /// Explain the verdict
    Explain = "explain", "explain";
    /// The other list
    OtherList = "other-list", "other list";
}

impl Action {
    /// Parses the name of an action in `keys.toml`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }

    /// Returns the screen that the action opens.
    pub const fn screen(self) -> Option<Screen> {
        match self {
            Self::ToSessions => Some(Screen::Sessions),
            Self::ToApprovals => Some(Screen::Approvals),
            Self::ToReplay => Some(Screen::Replay),
            Self::ToConnections => Some(Screen::Connections),
            Self::ToPolicies => Some(Screen::Policies),
            Self::ToLog => Some(Screen::Log),
            _ => None,
        }
    }
}
