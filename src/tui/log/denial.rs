//! Denied commands: each once, newest first, bounded.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use serde_json::Value;

use crate::control::noun::session::GrepMatch;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::StoredEvent;

/// Maximum number of denials kept.
pub(super) const MOST: usize = 1000;
/// Maximum length of a text kept, in characters.
const LONGEST: usize = 300;

/// Identifies a denial: its session and its sequence number.
pub(super) type Key = (SessionId, u64);

/// One denied command. All texts are not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) key: Key,
    /// Time, in milliseconds since the Unix epoch.
    pub(super) ts_ms: i64,
    /// The stable code.
    pub(super) code: String,
    /// The deciding policy, if any.
    pub(super) rule: Option<String>,
    /// The detailed reason; may be empty.
    pub(super) reason: String,
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl Denial {
    /// Parses a line of a transcript: `+00:00.119 ✗ CODE by RULE "REASON"`, with `no policy matched` if there
    /// is no policy.
    pub(super) fn found(found: &GrepMatch) -> Option<Self> {
        if found.kind != EventKind::Decision.as_str() {
            return None;
        }
        let (_, said) = found.text.split_once('✗')?;
        let said = said.split("  [masked").next().unwrap_or_default().trim();
        let (code, rest) = said.split_once(' ').unwrap_or((said, ""));
        let (rule, reason) = match rest.strip_prefix("by ") {
            Some(rest) => {
                let (rule, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                (Some(cut(rule)), reason)
            }
            None => (None, rest.strip_prefix("no policy matched").unwrap_or(rest)),
        };
        Some(Self {
            key: (found.session, found.seq),
            ts_ms: found.ts_ms,
            code: cut(code),
            rule,
            reason: cut(reason.trim().trim_matches('"')),
        })
    }

    /// Parses an event of the live stream.
    pub(super) fn told(line: &str) -> Option<Self> {
        let stored = StoredEvent::read(crate::recording::chain::Hash::default(), line.as_bytes()).ok()?;
        let data: Value = serde_json::from_str(&stored.event.data).ok()?;
        let text = |name: &str| data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self {
            key: (stored.event.session, stored.seq),
            ts_ms: stored.event.ts_ms,
            code: cut(text("code").unwrap_or("denied")),
            rule: text("rule").map(cut),
            reason: cut(text("reason").unwrap_or_default()),
        })
    }
}

/// The known denials.
#[derive(Debug, Default)]
pub(super) struct Denials {
    /// The denials, newest first.
    rows: VecDeque<Denial>,
    known: BTreeSet<Key>,
    /// Denials that arrived while the list is frozen.
    held: VecDeque<Denial>,
}

impl Denials {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the number of denials that wait for the list to be unfrozen.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Denial> {
        self.rows.iter()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Denial> {
        self.rows.iter().find(|denial| denial.key == *key)
    }

    /// Keeps a denial until [`Denials::merge`]. Returns whether it is new.
    pub(super) fn hold(&mut self, denial: Denial) -> bool {
        if !self.known.insert(denial.key) {
            return false;
        }
        self.held.push_back(denial);
        if self.held.len() > MOST
            && let Some(gone) = self.held.pop_front()
        {
            self.known.remove(&gone.key);
        }
        true
    }

    /// Merges the waiting denials into the list. Returns whether there were any.
    pub(super) fn merge(&mut self) -> bool {
        let any = !self.held.is_empty();
        for denial in std::mem::take(&mut self.held) {
            let newer = |other: &Denial| (other.ts_ms, other.key.1) > (denial.ts_ms, denial.key.1);
            let place = self.rows.partition_point(newer);
            self.rows.insert(place, denial);
        }
        while self.rows.len() > MOST {
            if let Some(gone) = self.rows.pop_back() {
                self.known.remove(&gone.key);
            }
        }
        any
    }
}
