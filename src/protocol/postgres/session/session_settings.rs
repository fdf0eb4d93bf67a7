//! The settings of a session that its SQL depends on without saying so: how dates are read, where names are
//! looked up, what applications keep for row policies. Approvers approve a statement together with them, and
//! the approval holds for no others.
//!
//! Two sessions count as alike only if they are: settings are kept in the order in which they were made, what
//! a rollback undoes is dropped, and where the outcome is uncertain, a session is like no other.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::domain::RequestId;
use crate::domain::digest::Parts;
use crate::domain::sql::Effects;
use crate::domain::sql::Verb;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::front::Bind;

/// The most characters of a text that are shown, and the most texts.
const SHOWN: (usize, usize) = (200, 8);
/// The most texts of one transaction that are kept apart.
const APART: usize = 64;
/// The settings that SQL depends on and that the server reports.
const REPORTED: [&[u8]; 4] = [b"DateStyle", b"IntervalStyle", b"TimeZone", b"search_path"];
/// Settings that change the duration of a statement and what is reported, but not what it does. Those of the
/// transaction itself show when it ends.
const NO_MATTER: &[&str] = &[
    "application_name",
    "check_function_bodies",
    "client_encoding",
    "client_min_messages",
    "cursor_tuple_fraction",
    "deadlock_timeout",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "effective_cache_size",
    "from_collapse_limit",
    "geqo",
    "hash_mem_multiplier",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "jit",
    "join_collapse_limit",
    "lc_messages",
    "lock_timeout",
    "maintenance_work_mem",
    "max_parallel_workers_per_gather",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
    "statement_timeout",
    "synchronize_seqscans",
    "temp_buffers",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "transaction_timeout",
    "work_mem",
];

/// The verbs that may change what a name stands for.
const MAKES: [Verb; 4] = [Verb::Create, Verb::Alter, Verb::Drop, Verb::Rename];

type Hash = [u8; 32];

/// What a text does to the settings of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sets {
    /// It changes one setting until the end of the transaction.
    Local,
    /// It changes one setting; `true` if it resets it.
    One(Box<str>, bool),
    /// It resets all settings but the role.
    Reset,
    /// It resets everything to the state after the login.
    Discard,
    /// Something else, or the text is not plain enough to tell.
    Other,
}

/// The settings that one text changes, with the text.
#[derive(Debug, Clone)]
pub(super) struct SettingChange {
    text: Box<str>,
    hash: Hash,
    sets: Sets,
}

impl SettingChange {
    /// Returns the relevant settings that a command's text changes, with its parameter values; `None` if it
    /// changes none. Creating a relation counts, since a temporary one hides all others with its name.
    pub(super) fn of(definition: &Definition, effects: &Effects, bind: Option<&Bind<'_>>) -> Option<Self> {
        let matters = |name: &str| !NO_MATTER.contains(&name) && !name.starts_with("enable_");
        let sets = effects.settings.iter().any(|setting| setting.name.as_deref().is_none_or(matters));
        let makes = MAKES.iter().any(|verb| effects.verbs.contains(verb));
        (sets || makes).then(|| {
            let text = String::from_utf8_lossy(&definition.sql);
            let mut parts: Vec<&[u8]> = vec![&definition.sql];
            parts.extend(bind.iter().flat_map(|bind| bind.values.each()).map(Option::unwrap_or_default));
            Self { hash: hash(&parts), sets: self::sets(&text, effects), text: one_line(&text) }
        })
    }
}

/// All that a session has set, and which part of it may still be undone.
#[derive(Default)]
pub(super) struct SessionSettings(RefCell<State>);

#[derive(Default)]
struct State {
    /// The settings of its startup packet.
    start: BTreeMap<Box<str>, Box<str>>,
    /// The settings that the server reports.
    reported: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// The settings that were each changed by one plain text, by name.
    plain: BTreeMap<Box<str>, SettingChange>,
    /// A digest over all other changes, and the plain ones before them; `None` if there were none.
    rest: Option<Hash>,
    /// The last texts of those.
    texts: Vec<Box<str>>,
    /// The changes of the open transaction.
    open: Vec<SettingChange>,
    /// Whether a part of the open transaction was rolled back, or failed.
    mixed: bool,
    /// Whether a part of it was committed (`COMMIT AND CHAIN`).
    chained: bool,
    /// The changes that were sent and are not answered yet.
    sent: Vec<(Number, SettingChange)>,
    /// How transactions ended since the last `ReadyForQuery` (`true`: committed), at most two.
    ends: Vec<bool>,
    failed: bool,
}

impl SessionSettings {
    /// Creates the settings of a session that begins, from its startup packet.
    pub(super) fn new<'a>(start: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let start = start
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !NO_MATTER.contains(&name.as_str()))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(RefCell::new(State { start, ..State::default() }))
    }

    /// Notes a setting that the server reports.
    pub(super) fn reported(&self, name: &[u8], value: &[u8]) {
        if REPORTED.contains(&name) {
            self.0.borrow_mut().reported.insert(name.into(), value.into());
        }
    }

    /// Notes a command that was sent.
    pub(super) fn sent(&self, change: Option<SettingChange>, number: Number) {
        let change = change.map(|change| (number, change));
        self.0.borrow_mut().sent.extend(change);
    }

    /// Notes the completion tag of a statement.
    pub(super) fn done(&self, tag: &str) {
        let mut state = self.0.borrow_mut();
        // `ROLLBACK TO SAVEPOINT` has the same tag as a rollback of the transaction.
        if matches!(tag, "COMMIT" | "ROLLBACK") && state.ends.len() < 2 {
            state.ends.push(tag == "COMMIT");
        }
    }

    /// Notes that a statement has failed.
    pub(super) fn failed(&self) {
        self.0.borrow_mut().failed = true;
    }

    /// Notes that the series up to this message has ended, with the transaction status before and now.
    pub(super) fn ready(&self, before: Transaction, now: Transaction, number: Number) {
        self.0.borrow_mut().ready(before, now, number);
    }

    /// Returns whether any relevant setting was changed since the login and not reset.
    pub(super) fn has_set(&self) -> bool {
        let state = self.0.borrow();
        state.rest.is_some() || !(state.plain.is_empty() && state.open.is_empty() && state.sent.is_empty())
    }

    /// Returns a digest of all of it, and of whether names are looked up elsewhere than usual.
    pub(super) fn digest(&self, names_moved: bool) -> Hash {
        let state = self.0.borrow();
        let mut parts: Vec<&[u8]> = vec![if names_moved { b"moved" } else { b"usual" }];
        parts.extend(state.start.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        parts.push(b"told");
        parts.extend(state.reported.iter().flat_map(|(name, value)| [&**name, &**value]));
        parts.push(b"plain");
        parts.extend(state.plain.iter().flat_map(|(name, change)| [name.as_bytes(), &change.hash[..]]));
        parts.push(state.rest.as_ref().map_or(b"".as_slice(), |rest| rest));
        parts.push(b"open");
        parts.extend(state.open.iter().map(|change| &change.hash[..]));
        parts.push(b"sent");
        parts.extend(state.sent.iter().map(|(_, change)| &change.hash[..]));
        hash(&parts)
    }

    /// Returns lines for approvers, not masked; each is one line, whatever was set.
    pub(super) fn lines(&self, names_moved: bool) -> Vec<String> {
        let state = self.0.borrow();
        let mut lines = Vec::new();
        if names_moved {
            let path = state.reported.get(REPORTED[3]).map(|path| one_line(&String::from_utf8_lossy(path)));
            let path = path.map_or_else(String::new, |path| format!(", in {path}"));
            lines.push(format!("names without a schema may be looked up elsewhere than usual{path}"));
        }
        let plain = state.plain.values().map(|change| &change.text);
        let late =
            state.open.iter().chain(state.sent.iter().map(|(_, change)| change)).map(|change| &change.text);
        let texts: Vec<&Box<str>> = state.texts.iter().chain(plain).chain(late).collect();
        // The last texts matter most.
        let left_out = texts.len().saturating_sub(SHOWN.1);
        for (name, value) in &state.start {
            lines.push(format!("its session began with: {name} = {}", one_line(value)));
        }
        if left_out > 0 {
            lines.push(format!("before it, its session ran: {left_out} texts that are not shown"));
        }
        lines.extend(
            texts.into_iter().skip(left_out).map(|text| format!("before it, its session ran: {text}")),
        );
        lines
    }
}

impl State {
    fn ready(&mut self, before: Transaction, now: Transaction, number: Number) {
        let (failed, ends) = (std::mem::take(&mut self.failed), std::mem::take(&mut self.ends));
        let later = self.sent.iter().position(|(sent, _)| *sent > number).unwrap_or(self.sent.len());
        let sent: Vec<SettingChange> = self.sent.drain(..later).map(|(_, change)| change).collect();
        if now != Transaction::Idle {
            self.mixed |= failed || !ends.is_empty();
            self.chained |= ends.contains(&true);
            for change in sent {
                self.opened(change);
            }
            return;
        }
        let mut all = std::mem::take(&mut self.open);
        let (mixed, chained) = (std::mem::take(&mut self.mixed), std::mem::take(&mut self.chained));
        let was_idle = before == Transaction::Idle;
        let alone = was_idle || sent.is_empty();
        all.extend(sent);
        let (taken_back, holds) = match ends.as_slice() {
            // A series that fails is rolled back as a whole.
            [] if was_idle => (failed, !failed),
            [committed] if !was_idle && alone && !chained => (!committed, *committed && !mixed && !failed),
            _ => (false, false),
        };
        for change in all.into_iter().filter(|_| !taken_back) {
            if holds {
                self.apply(change);
            } else {
                let no_other = RequestId::new().to_string();
                let hash = hash(&[&change.hash, no_other.as_bytes()]);
                self.fold(SettingChange { hash, ..change });
            }
        }
    }

    /// Adds a change to the open transaction. Beyond [`APART`] changes, merges it into the last one.
    fn opened(&mut self, change: SettingChange) {
        let full = self.open.len() >= APART;
        match self.open.last_mut().filter(|_| full) {
            Some(last) => {
                *last =
                    SettingChange { hash: hash(&[&last.hash, &change.hash]), sets: Sets::Other, ..change };
            }
            None => self.open.push(change),
        }
    }

    fn apply(&mut self, change: SettingChange) {
        match &change.sets {
            Sets::Local => {}
            Sets::One(name, true) if self.rest.is_none() => {
                self.plain.remove(name);
            }
            Sets::One(name, _) => {
                self.plain.insert(name.clone(), change);
            }
            Sets::Discard => {
                self.plain.clear();
                self.texts.clear();
                self.rest = None;
            }
            Sets::Reset if self.rest.is_none() => {
                self.plain.retain(|name, _| matches!(&**name, "role" | "session_authorization"));
            }
            Sets::Reset | Sets::Other => self.fold(change),
        }
    }

    /// Appends a change to the digest, after all changes before it.
    fn fold(&mut self, change: SettingChange) {
        let plain = std::mem::take(&mut self.plain);
        let mut parts: Vec<&[u8]> = vec![self.rest.as_ref().map_or(b"".as_slice(), |rest| rest)];
        parts.extend(plain.iter().flat_map(|(name, change)| [name.as_bytes(), &change.hash[..]]));
        parts.push(&change.hash);
        self.rest = Some(hash(&parts));
        self.texts.extend(plain.into_values().chain([change]).map(|change| change.text));
        let old = self.texts.len().saturating_sub(SHOWN.1);
        self.texts.drain(..old);
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut digest = Parts::default();
    for part in parts {
        digest.add(part);
    }
    digest.finish()
}

/// Returns a text as one line of limited length, which cannot pass for several.
fn one_line(text: &str) -> Box<str> {
    let words: Vec<&str> = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    let mut line: String = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SHOWN.0) {
        line.truncate(end);
        line.push('…');
    }
    line.into()
}

/// Returns what a text does to the settings, by its wording; anything worded unusually is [`Sets::Other`].
fn sets(text: &str, effects: &Effects) -> Sets {
    let all = |name: &Option<Box<str>>| name.as_deref() == Some("all");
    let plain = !text.contains("/*") && !text.contains("--") && effects.opaque.is_empty();
    let text = text.trim_ascii();
    let text = text.strip_suffix(';').unwrap_or(text).to_ascii_lowercase();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let one = effects.statements == 1 && effects.verbs.len() == 1;
    let mut settings = effects.settings.iter();
    let setting = settings.next().filter(|_| settings.next().is_none());
    match (words.as_slice(), setting) {
        _ if !plain => Sets::Other,
        (["discard", "all"], _) if one => Sets::Discard,
        (_, Some(setting)) if all(&setting.name) => {
            // Connection poolers reset a session with one text of several statements.
            let only = effects.transaction.is_empty() && !effects.verbs.contains(&Verb::Set);
            if only { Sets::Reset } else { Sets::Other }
        }
        (["set", "local", ..], Some(_)) if one => Sets::Local,
        (["set" | "reset", ..], Some(setting)) if one => match &setting.name {
            Some(name) => Sets::One(name.clone(), effects.verbs.contains(&Verb::Reset)),
            None => Sets::Other,
        },
        _ => Sets::Other,
    }
}

#[cfg(test)]
mod tests;
