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
    /// Sessions that run
    ToSessions = "to-sessions", "sessions";
    /// Approvals that wait
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
    /// The screen before
    LastScreen = "last-screen", "screen before";
    /// A command: the name of a screen, replay ID, quit
    Command = "command", "command";
    /// Help
    Help = "help", "help";
    /// Back, or the end
    Back = "back", "back";
    /// The end
    Quit = "quit", "quit";
    /// Draw everything anew
    Redraw = "redraw", "redraw";
    /// Hold the lists still, or let them go on
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
    /// Open it
    Open = "open", "open";
    /// Show only what fits words such as who:kim or conn:billing
    Filter = "filter", "filter";
    /// Copy its id
    Copy = "copy", "copy id";
    /// Sort by the next column
    Sort = "sort", "sort";
    /// Approve this one command
    Approve = "approve", "approve";
    /// Approve for a time, as far as the policy goes
    ApproveWindow = "approve-window", "approve for a time";
    /// Deny, with a reason
    Deny = "deny", "deny";
    /// The session that it belongs to
    ShowSession = "show-session", "session";
    /// To the newest
    Newest = "newest", "newest";
    /// The next part of what will be sent
    PayloadDown = "payload-down", "read on";
    /// The part before
    PayloadUp = "payload-up", "read back";
    /// End it, with a reason
    Kill = "kill", "kill";
    /// Shut its principal out, with a reason
    Lock = "lock", "lock";
    /// Play its recording
    Play = "play", "replay";
    /// Play, or stand still
    Pause = "pause", "pause";
    /// The next event only
    Step = "step", "step";
    /// 5 seconds back
    SeekBack = "seek-back", "5s back";
    /// 5 seconds on
    SeekOn = "seek-on", "5s on";
    /// To the event before
    LastEvent = "last-event", "event before";
    /// To the next event
    NextEvent = "next-event", "next event";
    /// To the mark before
    LastMark = "last-mark", "mark before";
    /// To the next mark
    NextMark = "next-mark", "next mark";
    /// To so many tenths of it
    Tenths = "tenths", "tenths";
    /// Twice as fast
    Faster = "faster", "faster";
    /// Half as fast
    Slower = "slower", "slower";
    /// As fast as it was
    NormalSpeed = "normal-speed", "1x";
    /// Shorten long pauses, or do not
    IdleCap = "idle-cap", "idle cap";
    /// Search in the recording
    Grep = "grep", "grep";
    /// The next place that was found
    NextMatch = "next-match", "next match";
    /// The place before
    LastMatch = "last-match", "match before";
    /// Follow a session that still runs
    Follow = "follow", "follow";
    /// Write it to a file
    Export = "export", "export";
    /// Which policies made it so
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
