//! The input line at the bottom, for a reason. Its target is bound when it opens.

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use unicode_width::UnicodeWidthStr as _;

use crate::control::noun::lock::NewLock;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::domain::lock::LockTarget;
use crate::domain::session::SessionEnd;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::input::Input;
use crate::tui::input::Typed;
use crate::tui::message::Request;
use crate::tui::shared::Tone;
use crate::tui::text;

/// Maximum length of a reason, in characters.
const LONGEST: usize = 250;
/// Maximum length of a name in the question, in columns.
const NAME: usize = 24;
/// Columns reserved for the input.
const ROOM: usize = 14;
/// Minimum length of a principal worth showing in the question, in columns.
const LEAST: usize = 12;

/// The purpose of the input.
#[derive(Debug)]
pub(super) enum Prompt {
    /// The reason for ending a session.
    Kill(Kill),
    /// The reason for locking out a principal.
    Lock {
        /// The principal's id.
        principal: String,
        reason: Input,
    },
}

/// A session about to be ended.
#[derive(Debug)]
pub(super) struct Kill {
    pub(super) id: SessionId,
    who: String,
    connection: String,
    reason: Input,
    /// Set once the session has ended by itself: the input is then discarded.
    over: Option<Ended>,
}

/// The end of a session, with its reason if known.
#[derive(Debug)]
struct Ended(Option<SessionEnd>);

impl Ended {
    /// Returns `: REASON` if the reason is known.
    fn words(&self) -> String {
        self.0.map(|why| format!(": {why}")).unwrap_or_default()
    }
}

/// The result of a key.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The line stays open.
    Open,
    /// The line is closed; perform these effects.
    Closed(Vec<Effect>),
}

impl Prompt {
    /// Opens the line for ending a session.
    pub(super) fn kill(view: &SessionView) -> Self {
        Self::Kill(Kill {
            id: view.id,
            who: view.label.clone(),
            connection: view.connection.clone(),
            reason: Input::new(LONGEST),
            over: None,
        })
    }

    /// Opens the line for locking the principal of a session.
    pub(super) fn lock(view: &SessionView) -> Self {
        Self::Lock { principal: view.principal.clone(), reason: Input::new(LONGEST) }
    }

    fn input(&mut self) -> &mut Input {
        match self {
            Self::Kill(Kill { reason: input, .. }) | Self::Lock { reason: input, .. } => input,
        }
    }

    /// Handles pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.input().insert(text);
    }

    /// Notes that a session ended. Returns whether it is the one about to be ended.
    ///
    /// The line stays open until `Enter` or `Esc`, so that the rest of a reason is not taken for keys that
    /// end another session.
    pub(super) fn ended(&mut self, id: SessionId, why: Option<SessionEnd>) -> bool {
        match self {
            Self::Kill(kill) if kill.id == id => {
                let first = kill.over.is_none();
                let known = kill.over.take().and_then(|ended| ended.0);
                kill.over = Some(Ended(known.or(why)));
                first
            }
            _ => false,
        }
    }

    /// Handles a key.
    pub(super) fn key(&mut self, key: KeyEvent, shared: &mut Shared) -> Outcome {
        // The line has only just opened: the key was meant for something else.
        if key.code == KeyCode::Enter && shared.is_guarded() {
            return Outcome::Open;
        }
        match self.input().key(key) {
            Typed::Text | Typed::Nothing => Outcome::Open,
            Typed::GivenUp => Outcome::Closed(Vec::new()),
            Typed::Done => self.done(shared),
        }
    }

    fn done(&mut self, shared: &mut Shared) -> Outcome {
        match self {
            Self::Kill(Kill { over: Some(_), .. }) => Outcome::Closed(Vec::new()),
            Self::Kill(kill) if kill.reason.is_blank() => {
                shared.say(Tone::Bad, "a reason is required for the audit trail; Esc cancels");
                Outcome::Open
            }
            Self::Kill(kill) if is_reached(shared) => {
                let reason = kill.reason.text().trim().to_owned();
                Outcome::Closed(vec![Effect::Ask(Request::Kill(kill.id, reason))])
            }
            Self::Lock { reason, .. } if reason.is_blank() => {
                shared.say(Tone::Bad, "a reason is required for the audit trail; Esc cancels");
                Outcome::Open
            }
            Self::Lock { principal, reason } if is_reached(shared) => {
                let target = LockTarget::Principal(principal.clone());
                let reason = reason.text().trim().to_owned();
                let lock = NewLock { target, reason, for_s: None, unseen: true };
                Outcome::Closed(vec![Effect::Ask(Request::Lock(lock))])
            }
            Self::Kill(_) | Self::Lock { .. } => Outcome::Open,
        }
    }

    /// Returns the escaped question, with room for the input after it. Names are shortened before words.
    pub(super) fn question(&self, shared: &Shared) -> String {
        let look = &shared.look;
        let room = usize::from(shared.size.width).saturating_sub(ROOM);
        let name = |raw: &str, width: usize| text::fitted(raw, width, look);
        let asked: Vec<String> = match self {
            Self::Kill(kill) => {
                let whole = kill.id.to_string();
                let end = whole.get(whole.len().saturating_sub(6)..).unwrap_or_default();
                let short = format!("{}{end}", look.signs.cut);
                if let Some(ended) = &kill.over {
                    let why = ended.words();
                    [whole, short].map(|id| format!("{id} has ended{why}; nothing is sent (enter)")).to_vec()
                } else {
                    let ask = |id: &str, most: usize| {
                        let (who, connection) = (name(&kill.who, most), name(&kill.connection, most));
                        format!("end {id} of {who} on {connection}? reason:")
                    };
                    let last = format!("end {short}? reason:");
                    vec![ask(&whole, NAME), ask(&short, NAME), ask(&short, NAME / 2), last]
                }
            }
            Self::Lock { principal, .. } => {
                let ask = |principal: &str| format!("lock principal:{principal} for everything; reason:");
                let left = room.saturating_sub(ask("").width());
                if left < LEAST {
                    vec![format!("lock {}; reason:", name(principal, room.saturating_sub(14)))]
                } else {
                    vec![ask(&name(principal, left))]
                }
            }
        };
        let fits = asked.iter().find(|asked| asked.width() <= room).or(asked.last());
        text::fitted(fits.map(String::as_str).unwrap_or_default(), room, look)
    }

    /// Returns the input before and after the cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        match self {
            Self::Kill(Kill { over: Some(_), .. }) => ("", ""),
            Self::Kill(Kill { reason: input, .. }) | Self::Lock { reason: input, .. } => input.parts(),
        }
    }
}

/// Returns whether changes are possible now; shows a notice if not.
pub(super) fn is_reached(shared: &mut Shared) -> bool {
    let live = shared.link.is_live();
    if !live {
        shared.say(Tone::Bad, "the gateway is not reached: nothing can be changed until it is live again");
    }
    live
}
