//! Proves that a recording is as it was written, or finds the first event where it is not, and what was done to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::recording::chain;
use crate::recording::chain::GENESIS;
use crate::recording::chain::Hash;
use crate::recording::line;

/// What was done to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Damage {
    /// The end is gone.
    Cut,
    /// The bytes of an event, or its hash, were changed.
    Edited,
    /// An event of another session stands in its place.
    Foreign,
    /// The events hold together, but the session's row says something else.
    Index,
    /// Events in the middle, or at the beginning, are gone.
    Missing,
    /// It is there, but in another place, or twice.
    Reordered,
    /// The database gives nothing readable there.
    Unreadable,
}

impl Damage {
    /// The word for it in output.
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
    /// The first event that is not as it was, from 1.
    pub seq: u64,
    /// What was done to it.
    pub class: Damage,
}

/// What a verification found out about one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The session.
    pub session: SessionId,
    /// How many events are proved, from the first on.
    pub events: u64,
    /// The hash of the last proved event, 64 hex digits: keep it elsewhere to prove the recording against its keeper.
    pub hash: String,
    /// Whether it goes on: then its end cannot be proved yet.
    pub live: bool,
    /// When its events were removed by retention, in milliseconds since 1970. Then `events` and `hash` are what its row
    /// says, nothing is proved.
    pub pruned_ms: Option<i64>,
    /// Where it is broken. `None`: it is not.
    pub broken: Option<Broken>,
}

/// What is known beforehand about the end of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// It has this event.
    pub(crate) seq: u64,
    /// That event has this hash.
    pub(crate) hash: Hash,
    /// Nothing comes after it.
    pub(crate) last: bool,
    /// The session is over, so there is a `session.end`.
    pub(crate) over: bool,
}

/// What the line of a `session.end` has right after its time, and within how many bytes.
const ENDS: (&[u8], usize) = (b",\"kind\":\"session.end\",", 200);

/// Walks a recording from its first event on.
pub(crate) struct Verifier {
    prefix: Vec<u8>,
    seq: u64,
    hash: Hash,
    end: End,
    /// The event that `end` names was there, with its hash.
    end_seen: bool,
    /// There was a `session.end`.
    ended: bool,
    suspect: Option<Suspect>,
}

/// The first event that did not fit, while it is not known yet what was done.
struct Suspect {
    seq: u64,
    hash: Hash,
    class: Damage,
    /// The next frame may show that this one stands in its place.
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

    /// How many events hold.
    pub(crate) fn events(&self) -> u64 {
        self.seq
    }

    /// The hash of the last event that holds.
    pub(crate) fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Whether nothing can change the finding any more.
    pub(crate) fn is_decided(&self) -> bool {
        self.suspect.as_ref().is_some_and(|suspect| suspect.decided)
    }

    /// The next frame.
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

    /// What follows does not divide into frames. `last`: nothing comes after it.
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

    /// All frames were seen: the finding.
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

/// Where a line says that it belongs.
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
    /// Looks at a later frame, to tell what was done at the suspected one.
    fn follow(&mut self, place: Place, hash: &Hash, line: &[u8]) {
        if self.decided {
            return;
        }
        if std::mem::take(&mut self.fresh)
            && place == Place::At(self.seq + 1)
            && chain::link(&self.hash, line) == *hash
        {
            // The next one is chained to it: it stands in its place, but says otherwise.
            self.class = Damage::Edited;
            self.decided = true;
        } else if place == Place::At(self.seq) {
            self.class = Damage::Reordered;
            self.decided = true;
        }
    }
}
