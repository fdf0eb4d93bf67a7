//! The line at the foot of the screen in which a reason is typed. What is ended or shut out is bound when it opens.

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

/// The longest reason, in characters.
const LONGEST: usize = 250;
/// How much of a name is in the question.
const NAME: usize = 24;
/// How many columns are left for what is typed.
const ROOM: usize = 14;
/// How much of a principal is worth to be shown among more words.
const LEAST: usize = 12;

/// What is typed for.
#[derive(Debug)]
pub(super) enum Prompt {
    /// Why this session is ended.
    Kill(Kill),
    /// Why this principal is shut out.
    Lock {
        /// Its id.
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
    /// Set once it has ended by itself: what is still typed for it goes nowhere.
    over: Option<Ended>,
}

/// The end of a session, and why, when that is known.
#[derive(Debug)]
struct Ended(Option<SessionEnd>);

impl Ended {
    /// `: REASON`, when it is known.
    fn words(&self) -> String {
        self.0.map(|why| format!(": {why}")).unwrap_or_default()
    }
}

/// What came of a key.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is open still.
    Open,
    /// It is closed; this is to be done.
    Closed(Vec<Effect>),
}

impl Prompt {
    /// For the end of a session.
    pub(super) fn kill(view: &SessionView) -> Self {
        Self::Kill(Kill {
            id: view.id,
            who: view.label.clone(),
            connection: view.connection.clone(),
            reason: Input::new(LONGEST),
            over: None,
        })
    }

    /// For a lock on whose session this is.
    pub(super) fn lock(view: &SessionView) -> Self {
        Self::Lock { principal: view.principal.clone(), reason: Input::new(LONGEST) }
    }

    fn input(&mut self) -> &mut Input {
        match self {
            Self::Kill(Kill { reason: input, .. }) | Self::Lock { reason: input, .. } => input,
        }
    }

    /// Takes a pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.input().insert(text);
    }

    /// A session ended. Gives whether it is the one that was about to be.
    ///
    /// The line stays until `Enter` or `Esc`, so that the rest of a reason is not taken for keys that end something else.
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

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent, shared: &mut Shared) -> Outcome {
        // The line has only just opened: this was meant for something else.
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
                shared.say(Tone::Bad, "an end wants a reason: it is kept in the audit trail; Esc gives up");
                Outcome::Open
            }
            Self::Kill(kill) if is_reached(shared) => {
                let reason = kill.reason.text().trim().to_owned();
                Outcome::Closed(vec![Effect::Ask(Request::Kill(kill.id, reason))])
            }
            Self::Lock { reason, .. } if reason.is_blank() => {
                shared.say(Tone::Bad, "a lock wants a reason: it is kept in the audit trail; Esc gives up");
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

    /// What is asked, escaped, with room for an answer behind it. Names are cut before the words are.
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

    /// What was typed, before and behind its cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        match self {
            Self::Kill(Kill { over: Some(_), .. }) => ("", ""),
            Self::Kill(Kill { reason: input, .. }) | Self::Lock { reason: input, .. } => input.parts(),
        }
    }
}

/// Whether something can be changed now; said when not.
pub(super) fn is_reached(shared: &mut Shared) -> bool {
    let live = shared.link.is_live();
    if !live {
        shared.say(Tone::Bad, "the gateway is not reached: nothing can be changed until it is live again");
    }
    live
}
