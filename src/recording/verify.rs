//! Verifies that a recording is unchanged, or finds the first event that is not, and classifies the damage.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::recording::chain;
use crate::recording::chain::GENESIS;
use crate::recording::chain::Hash;
use crate::recording::line;

/// The kind of damage to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Damage {
    /// The end is missing.
    Cut,
    /// The bytes of an event, or its hash, were changed.
    Edited,
    /// An event of another session is in its place.
    Foreign,
    /// The events are consistent, but the session's row contradicts them.
    Index,
    /// Events in the middle, or at the beginning, are missing.
    Missing,
    /// An event is in another place, or occurs twice.
    Reordered,
    /// The database returns nothing readable there.
    Unreadable,
}

impl Damage {
    /// Returns the name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Edited => "edited",
            Self::Foreign => "foreign",
            Self::Index => "index",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a recording is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Sequence number of the first damaged event, from 1.
    pub seq: u64,
    /// The kind of damage.
    pub class: Damage,
}

/// Result of verifying one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The session's id.
    pub session: SessionId,
    /// Number of events that were verified, from the first on.
    pub events: u64,
    /// The hash of the last verified event, as 64 hex digits. Keep it elsewhere to verify the recording
    /// independently of whoever stores it.
    pub hash: String,
    /// Whether the session is still open; its end cannot be verified yet.
    pub live: bool,
    /// When its events were removed by retention, in milliseconds since 1970. `events` and `hash` are then
    /// taken from its row; nothing is verified.
    pub pruned_ms: Option<i64>,
    /// Where it is broken. `None`: it is intact.
    pub broken: Option<Broken>,
}

/// What is known beforehand about the end of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// An event of this number exists.
    pub(crate) seq: u64,
    /// The hash of that event.
    pub(crate) hash: Hash,
    /// No event follows it.
    pub(crate) last: bool,
    /// The session has ended, so there is a `session.end`.
    pub(crate) over: bool,
}

/// The text right after the time in the line of a `session.end`, and within how many bytes it is.
const ENDS: (&[u8], usize) = (b",\"kind\":\"session.end\",", 200);

/// Walks a recording from its first event on.
pub(crate) struct Verifier {
    prefix: Vec<u8>,
    seq: u64,
    hash: Hash,
    end: End,
    /// The event that `end` names was found, with its hash.
    end_seen: bool,
    /// A `session.end` was found.
    ended: bool,
    suspect: Option<Suspect>,
}

/// The first event that did not fit, until the kind of damage is known.
struct Suspect {
    seq: u64,
    hash: Hash,
    class: Damage,
    /// The next frame may show that this one is in its proper place.
    fresh: bool,
    decided: bool,
}

impl Verifier {
    pub(crate) fn new(session: SessionId, end: End) -> Self {
        Self {
            prefix: line::prefix_of(session),
            seq: 0,
            hash: GENESIS,
            end,
            end_seen: end.seq == 0,
            ended: false,
            suspect: None,
        }
    }

    /// Returns number of events that are intact.
    pub(crate) fn events(&self) -> u64 {
        self.seq
    }

    /// Returns the hash of the last intact event.
    pub(crate) fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Returns whether later frames can no longer change the result.
    pub(crate) fn is_decided(&self) -> bool {
        self.suspect.as_ref().is_some_and(|suspect| suspect.decided)
    }

    /// Checks the next frame.
    pub(crate) fn push(&mut self, hash: &Hash, line: &[u8]) {
        let place = self.place_of(line);
        if let Some(suspect) = &mut self.suspect {
            suspect.follow(place, hash, line);
            return;
        }
        let expected = self.seq + 1;
        if place == Place::At(expected) && chain::link(&self.hash, line) == *hash {
            self.seq = expected;
            self.hash = *hash;
            if self.end.seq == expected {
                self.end_seen = self.end.hash == *hash;
            }
            let (ends, within) = ENDS;
            self.ended |= memchr::memmem::find(line.get(..within).unwrap_or(line), ends).is_some();
            return;
        }
        let (class, decided) = match place {
            Place::At(seq) if seq == expected => (Damage::Edited, true),
            Place::At(seq) if seq < expected => (Damage::Reordered, false),
            Place::At(_) => (Damage::Missing, false),
            Place::Foreign => (Damage::Foreign, true),
            Place::Unreadable => (Damage::Edited, true),
        };
        self.suspect = Some(Suspect { seq: expected, hash: *hash, class, fresh: true, decided });
    }

    /// Notes that the remaining bytes cannot be split into frames. `last`: nothing comes after them.
    pub(crate) fn torn(&mut self, last: bool) {
        let class = if last { Damage::Cut } else { Damage::Edited };
        self.suspect(class);
    }

    fn suspect(&mut self, class: Damage) {
        if self.suspect.is_none() {
            self.suspect =
                Some(Suspect { seq: self.seq + 1, hash: GENESIS, class, fresh: false, decided: true });
        }
    }

    /// Returns the result after the last frame.
    pub(crate) fn finish(self) -> Option<Broken> {
        if let Some(suspect) = self.suspect {
            return Some(Broken { seq: suspect.seq, class: suspect.class });
        }
        let broken = |class, seq| Some(Broken { seq, class });
        let End { seq, last, over, .. } = self.end;
        if self.seq < seq || (over && !self.ended) {
            broken(Damage::Cut, self.seq + 1)
        } else if last && self.seq > seq {
            broken(Damage::Index, seq + 1)
        } else if !self.end_seen {
            broken(Damage::Index, seq)
        } else {
            None
        }
    }

    fn place_of(&self, line: &[u8]) -> Place {
        if let Some(rest) = line.strip_prefix(self.prefix.as_slice()) {
            return number(rest).map_or(Place::Unreadable, Place::At);
        }
        // `{"v":1,"sid":"` and the prefix of an id: a line, but of another session.
        let common = self.prefix.iter().zip(line).take_while(|(ours, theirs)| ours == theirs).count();
        let read = line::StoredEvent::read(GENESIS, line);
        if common >= 14 && read.is_ok() { Place::Foreign } else { Place::Unreadable }
    }
}

/// The position that a line claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    At(u64),
    Foreign,
    Unreadable,
}

fn number(rest: &[u8]) -> Option<u64> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    if !rest.starts_with(b",\"t\":") {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

impl Suspect {
    /// Checks a later frame, to classify the damage to the suspected one.
    fn follow(&mut self, place: Place, hash: &Hash, line: &[u8]) {
        if self.decided {
            return;
        }
        if std::mem::take(&mut self.fresh)
            && place == Place::At(self.seq + 1)
            && chain::link(&self.hash, line) == *hash
        {
            // The next one is chained to it: it is in its proper place, but was edited.
            self.class = Damage::Edited;
            self.decided = true;
        } else if place == Place::At(self.seq) {
            self.class = Damage::Reordered;
            self.decided = true;
        }
    }
}
