//! What keys mean: one table, from which the help and the last line are made, and which a person may change.

use std::fmt;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use serde::Deserialize;

use crate::tui::pane::Screen;

/// Where a key holds. A key that has no meaning where one is may have one [`Context::beyond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// On every screen.
    Everywhere,
    /// Where there is a list.
    List,
    /// On approvals.
    Approvals,
    /// On sessions.
    Sessions,
    /// In the player.
    Replay,
    /// On the log.
    Log,
}

impl Context {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 6] =
        [Self::Everywhere, Self::List, Self::Approvals, Self::Sessions, Self::Replay, Self::Log];

    /// Its word in `keys.toml`.
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

    /// Where a key that has no meaning here may have one.
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
        /// What a key does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its word in `keys.toml`.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the last line says.
            pub const fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)* }
            }

            /// What the help says.
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
    /// The action that a word of `keys.toml` names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }

    /// The screen that the action goes to.
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

/// A key with what is held down beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Press {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

/// Names of keys that are no character.
const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("delete", KeyCode::Delete),
    ("backspace", KeyCode::Backspace),
];

impl Press {
    /// What was pressed. Of a character, shift is in the character itself.
    pub fn of(key: KeyEvent) -> Self {
        let held = |modifier| key.modifiers.contains(modifier);
        Self { code: key.code, ctrl: held(KeyModifiers::CONTROL), alt: held(KeyModifiers::ALT) }
    }

    /// Reads `a`, `A`, `ctrl-d`, `alt-x`, `f2`, `enter`.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(behind) = rest.strip_prefix("ctrl-").filter(|behind| !behind.is_empty()) {
                (rest, ctrl) = (behind, true);
            } else if let Some(behind) = rest.strip_prefix("alt-").filter(|behind| !behind.is_empty()) {
                (rest, alt) = (behind, true);
            } else {
                break;
            }
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(only), None) if !only.is_control() && only != ' ' => KeyCode::Char(only),
            _ => {
                let named = NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
                let function = || {
                    let number = rest.strip_prefix('f')?.parse().ok()?;
                    (1..=12).contains(&number).then_some(KeyCode::F(number))
                };
                named.or_else(function)?
            }
        };
        Some(Self { code, ctrl, alt })
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "f{number}"),
            _ => f.write_str("?"),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Where.
    pub context: Context,
    /// What it does.
    pub action: Action,
    /// The keys that do it, the first of them shown.
    pub keys: Vec<Press>,
}

/// The table as it is without a file: context, action, keys.
const TABLE: &[(Context, Action, &str)] = {
    use Action as A;
    use Context as C;
    &[
        (C::Everywhere, A::ToSessions, "1"),
        (C::Everywhere, A::ToApprovals, "2"),
        (C::Everywhere, A::ToReplay, "3"),
        (C::Everywhere, A::ToConnections, "4"),
        (C::Everywhere, A::ToPolicies, "5"),
        (C::Everywhere, A::ToLog, "6"),
        (C::Everywhere, A::NextScreen, "tab"),
        (C::Everywhere, A::LastScreen, "backtab"),
        (C::Everywhere, A::Command, ":"),
        (C::Everywhere, A::Help, "?"),
        (C::Everywhere, A::Back, "q esc"),
        (C::Everywhere, A::Quit, "Q ctrl-c"),
        (C::Everywhere, A::Redraw, "ctrl-l"),
        (C::Everywhere, A::Freeze, "p"),
        (C::List, A::Down, "j down"),
        (C::List, A::Up, "k up"),
        (C::List, A::HalfDown, "ctrl-d pgdn"),
        (C::List, A::HalfUp, "ctrl-u pgup"),
        (C::List, A::Top, "g home"),
        (C::List, A::Bottom, "G end"),
        (C::List, A::Open, "enter"),
        (C::List, A::Filter, "/"),
        (C::List, A::Copy, "y"),
        (C::List, A::Sort, "o"),
        (C::Approvals, A::Approve, "a"),
        (C::Approvals, A::ApproveWindow, "A"),
        (C::Approvals, A::Deny, "d"),
        (C::Approvals, A::PayloadDown, "space J"),
        (C::Approvals, A::PayloadUp, "b K"),
        (C::Approvals, A::ShowSession, "s"),
        (C::Approvals, A::Newest, "n"),
        (C::Sessions, A::Kill, "x"),
        (C::Sessions, A::Lock, "L"),
        (C::Sessions, A::Play, "r"),
        (C::Sessions, A::PayloadDown, "space J"),
        (C::Sessions, A::PayloadUp, "b K"),
        (C::Replay, A::Pause, "space"),
        (C::Replay, A::Step, "."),
        (C::Replay, A::SeekBack, "left h"),
        (C::Replay, A::SeekOn, "right l"),
        (C::Replay, A::LastEvent, "["),
        (C::Replay, A::NextEvent, "]"),
        (C::Replay, A::LastMark, "{"),
        (C::Replay, A::NextMark, "}"),
        (C::Replay, A::Tenths, "0 1 2 3 4 5 6 7 8 9"),
        (C::Replay, A::Faster, "+"),
        (C::Replay, A::Slower, "-"),
        (C::Replay, A::NormalSpeed, "="),
        (C::Replay, A::IdleCap, "i"),
        (C::Replay, A::Grep, "/"),
        (C::Replay, A::NextMatch, "n"),
        (C::Replay, A::LastMatch, "N"),
        (C::Replay, A::Follow, "f"),
        (C::Replay, A::Export, "e"),
        (C::Replay, A::Copy, "y"),
        (C::Replay, A::Open, "enter o"),
        (C::Replay, A::Down, "j down"),
        (C::Replay, A::Up, "k up"),
        (C::Replay, A::HalfDown, "ctrl-d pgdn"),
        (C::Replay, A::HalfUp, "ctrl-u pgup"),
        (C::Replay, A::Top, "g home"),
        (C::Replay, A::Bottom, "G end"),
        (C::Log, A::Explain, "e"),
        (C::Log, A::Play, "r"),
        (C::Log, A::OtherList, "v"),
        (C::Log, A::PayloadDown, "space J"),
        (C::Log, A::PayloadUp, "b K"),
    ]
};

/// What is wrong with `keys.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no TOML, or has other members than tables of keys.
    #[error("{0}")]
    Unreadable(String),
    /// A table that is none of the known ones.
    #[error("[{found}] is no place where keys hold; known are {known}")]
    NoContext {
        /// What was written.
        found: String,
        /// The words for all places.
        known: String,
    },
    /// An action that does not exist there.
    #[error("[{context}] {found:?} is no action there; known are {known}")]
    NoAction {
        /// The table.
        context: &'static str,
        /// What was written.
        found: String,
        /// The words for all actions of the table.
        known: String,
    },
    /// A key that is none.
    #[error(
        "[{context}] {action} = {found:?}: no such key; examples: a, A, ctrl-d, alt-x, f2, enter, space, pgdn"
    )]
    NoKey {
        /// The table.
        context: &'static str,
        /// The action.
        action: &'static str,
        /// What was written.
        found: String,
    },
    /// Two actions at one key.
    #[error("[{context}] the key {key} would do both {one} and {other}")]
    Conflict {
        /// The table.
        context: &'static str,
        /// The key.
        key: String,
        /// One action.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}

/// What is written for one action: a key or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Several(Vec<String>),
}

/// What all keys mean.
#[derive(Debug, Clone)]
pub struct KeyMap {
    bindings: Vec<Binding>,
}

impl Default for KeyMap {
    fn default() -> Self {
        let keys = |text: &str| text.split(' ').filter_map(Press::parse).collect();
        let bindings = TABLE
            .iter()
            .map(|(context, action, text)| Binding { context: *context, action: *action, keys: keys(text) })
            .collect();
        Self { bindings }
    }
}

impl KeyMap {
    /// The table with what a `keys.toml` changes in it: `[approvals] approve = "f2"`, or `["f2", "a"]`.
    ///
    /// # Errors
    /// The first thing in it that is wrong.
    pub fn read(text: &str) -> Result<Self, KeysError> {
        let tables: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Written>> =
            toml::from_str(text).map_err(|error| KeysError::Unreadable(error.to_string()))?;
        let mut map = Self::default();
        for (word, table) in tables {
            let context = Context::ALL.into_iter().find(|context| context.word() == word);
            let context = context.ok_or_else(|| KeysError::NoContext {
                found: word,
                known: Context::ALL.map(Context::word).join(", "),
            })?;
            for (word, written) in table {
                map.change(context, word, written)?;
            }
        }
        map.check()?;
        Ok(map)
    }

    fn change(&mut self, context: Context, word: String, written: Written) -> Result<(), KeysError> {
        let known: Vec<&str> = self.of(context).map(|binding| binding.action.word()).collect();
        let known = known.join(", ");
        let action = Action::parse(&word);
        let binding = self
            .bindings
            .iter_mut()
            .find(|binding| binding.context == context && Some(binding.action) == action)
            .ok_or(KeysError::NoAction { context: context.word(), found: word, known })?;
        let texts = match written {
            Written::One(text) => vec![text],
            Written::Several(texts) => texts,
        };
        let keys: Result<Vec<Press>, String> =
            texts.into_iter().map(|text| Press::parse(&text).ok_or(text)).collect();
        binding.keys = keys.map_err(|found| KeysError::NoKey {
            context: context.word(),
            action: binding.action.word(),
            found,
        })?;
        Ok(())
    }

    fn check(&self) -> Result<(), KeysError> {
        for (place, one) in self.bindings.iter().enumerate() {
            let others = self.bindings.iter().skip(place + 1).filter(|other| other.context == one.context);
            for other in others {
                if let Some(key) = one.keys.iter().find(|key| other.keys.contains(key)) {
                    return Err(KeysError::Conflict {
                        context: one.context.word(),
                        key: key.to_string(),
                        one: one.action.word(),
                        other: other.action.word(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The rows of one context, in the order of the help.
    pub fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.context == context)
    }

    /// What a key means in a context, the nearest meaning first: it may be passed on to the next.
    pub fn actions(&self, context: Context, key: KeyEvent) -> Vec<Action> {
        let press = Press::of(key);
        let mut found = Vec::new();
        let mut here = Some(context);
        while let Some(context) = here {
            found.extend(
                self.of(context)
                    .filter(|binding| binding.keys.contains(&press))
                    .map(|binding| binding.action),
            );
            here = context.beyond();
        }
        found
    }

    /// Which of the keys for an action this is, from 0, where one is or beyond: some actions mean as many things as they have keys.
    pub fn place(&self, context: Context, action: Action, key: KeyEvent) -> usize {
        let press = Press::of(key);
        let mut here = Some(context);
        while let Some(context) = here {
            let binding = self.of(context).find(|binding| binding.action == action);
            if let Some(place) = binding.and_then(|binding| binding.keys.iter().position(|key| *key == press))
            {
                return place;
            }
            here = context.beyond();
        }
        0
    }

    /// The first key that does this, where one is or beyond.
    pub fn key(&self, context: Context, action: Action) -> Option<Press> {
        let mut here = Some(context);
        while let Some(context) = here {
            if let Some(binding) = self.of(context).find(|binding| binding.action == action) {
                return binding.keys.first().copied();
            }
            here = context.beyond();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> KeyEvent {
        let press = Press::parse(text).unwrap();
        let ctrl = if press.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        KeyEvent::new(press.code, ctrl)
    }

    #[test]
    fn the_table_has_no_conflict_and_every_key_in_it_is_one() {
        let map = KeyMap::default();
        assert_eq!(map.check(), Ok(()));
        for (binding, (_, action, text)) in map.bindings.iter().zip(TABLE) {
            assert_eq!(binding.keys.len(), text.split(' ').count(), "{action:?}");
            for press in &binding.keys {
                assert_eq!(Press::parse(&press.to_string()), Some(*press));
            }
        }
    }

    #[test]
    fn every_action_has_a_key_and_a_word_of_its_own() {
        for (place, action) in Action::ALL.iter().enumerate() {
            assert_eq!(Action::parse(action.word()), Some(*action));
            assert!(TABLE.iter().any(|(_, known, _)| known == action), "{action:?} has no key");
            assert!(Action::ALL.iter().skip(place + 1).all(|other| other.word() != action.word()));
            assert!(!action.help().is_empty() && !action.short().is_empty());
        }
    }

    #[test]
    fn the_nearest_meaning_comes_first() {
        let map = KeyMap::default();
        assert_eq!(map.actions(Context::Approvals, key("n")), [Action::Newest]);
        assert_eq!(map.actions(Context::Approvals, key("j")), [Action::Down]);
        assert_eq!(map.actions(Context::Approvals, key("?")), [Action::Help]);
        assert_eq!(map.actions(Context::Log, key("e")), [Action::Explain]);
        assert_eq!(map.actions(Context::Everywhere, key("a")), []);
        assert_eq!(map.actions(Context::Sessions, key("ctrl-d")), [Action::HalfDown]);
        assert_eq!(map.actions(Context::Replay, key("3")), [Action::Tenths, Action::ToReplay]);
        assert_eq!(map.place(Context::Replay, Action::Tenths, key("3")), 3);
        assert_eq!(map.place(Context::Approvals, Action::Down, key("down")), 1);
        assert_eq!(map.place(Context::Replay, Action::Pause, key("x")), 0);
    }

    #[test]
    fn a_file_changes_keys_and_what_is_wrong_in_it_is_named() {
        let map = KeyMap::read("[approvals]\napprove = \"f2\"\ndeny = [\"D\", \"delete\"]\n").unwrap();
        assert_eq!(map.actions(Context::Approvals, key("f2")), [Action::Approve]);
        assert_eq!(map.actions(Context::Approvals, key("a")), []);
        assert_eq!(map.key(Context::Approvals, Action::Deny).unwrap().to_string(), "D");
        for (text, says) in [
            ("[approvals]\napprove = \"d\"\n", "[approvals] the key d would do both approve and deny"),
            ("[approval]\napprove = \"x\"\n", "[approval] is no place where keys hold"),
            ("[approvals]\naprove = \"x\"\n", "[approvals] \"aprove\" is no action there; known are approve"),
            ("[approvals]\napprove = \"hyper-x\"\n", "approve = \"hyper-x\": no such key"),
            ("[approvals]\napprove = \"ctrl-\"\n", "no such key"),
            ("approve = \"x\"\n", "TOML parse error"),
            ("[approvals]\napprove = 7\n", "TOML parse error"),
        ] {
            let error = KeyMap::read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
