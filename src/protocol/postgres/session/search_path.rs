//! Whether names without a schema are looked up where they usually are. SQL may change that, and some
//! statements are known to reset it.
//!
//! Only a statement that ran alone, outside a transaction, and was answered counts as a reset: inside a
//! transaction it may be rolled back, and `SET LOCAL` does nothing outside of one. What unknown functions may
//! have done, such as creating temporary tables, is reset by `DISCARD ALL` only.

use std::cell::Cell;

use crate::domain::Class;
use crate::domain::sql::Effects;
use crate::domain::sql::Verb;
use crate::domain::sql::is_usual;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::wire::back::Transaction;

/// What a command may do to where names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathEffect {
    /// Nothing.
    No,
    /// It sets the search path.
    Path,
    /// It runs something unknown, which may change anything.
    Unseen,
}

/// What a statement resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restores {
    Path,
    All,
}

/// What was completed since the last `ReadyForQuery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Series {
    Nothing,
    /// One statement that resets something, sent in this message.
    One(Restores, Number),
    Other,
}

/// Where names are looked up in a session.
#[derive(Debug)]
pub(super) struct SearchPath {
    /// Whether the session began with another path. It stays so, since a `RESET` returns to that path.
    from_start: bool,
    /// The last message that may have set the path, if it was not reset since.
    path: Cell<Option<Number>>,
    /// The last message that may have done anything, if it was not reset since.
    unseen: Cell<Option<Number>>,
    series: Cell<Series>,
    /// The path reported at the login, if the server reports it: the default of its role or database, to
    /// which a `RESET` returns.
    home: Option<Box<[u8]>>,
    /// Whether the server has reported another path since, whatever has set it.
    reported: Cell<bool>,
}

impl SearchPath {
    /// Creates the search path of a session that begins.
    pub(super) fn new(from_start: bool, home: Option<Box<[u8]>>) -> Self {
        Self {
            from_start,
            home,
            reported: Cell::new(false),
            path: Cell::new(None),
            unseen: Cell::new(None),
            series: Cell::new(Series::Nothing),
        }
    }

    /// Returns whether names may be looked up elsewhere than usual.
    pub(super) fn is_moved(&self) -> bool {
        self.from_start || self.reported.get() || self.path.get().is_some() || self.unseen.get().is_some()
    }

    /// Notes the path that the server reports. PostgreSQL 18 and later report a change before they are ready.
    pub(super) fn reported(&self, path: &[u8]) {
        let usual = std::str::from_utf8(path).is_ok_and(is_usual);
        self.reported.set(!usual && self.home.as_deref() != Some(path));
    }

    /// Notes the effect of a command that was sent.
    pub(super) fn sent(&self, effect: PathEffect, number: Number) {
        match effect {
            PathEffect::No => {}
            PathEffect::Path => self.path.set(Some(number)),
            PathEffect::Unseen => self.unseen.set(Some(number)),
        }
    }

    /// Notes that a statement is complete.
    pub(super) fn done(&self, definition: &Definition, number: Number) {
        self.series.set(match (self.series.get(), restores(definition)) {
            (Series::Nothing, Some(restores)) => Series::One(restores, number),
            _ => Series::Other,
        });
    }

    /// Notes that a statement has failed.
    pub(super) fn failed(&self) {
        self.series.set(Series::Other);
    }

    /// Notes that a series has ended, with the transaction status before and now.
    pub(super) fn ready(&self, before: Transaction, now: Transaction) {
        let series = self.series.replace(Series::Nothing);
        let Series::One(restores, number) = series else { return };
        if before != Transaction::Idle || now != Transaction::Idle {
            return;
        }
        // A later message has changed it again.
        let undo = |moved: &Cell<Option<Number>>| moved.set(moved.get().filter(|last| *last > number));
        undo(&self.path);
        if restores == Restores::All {
            undo(&self.unseen);
        }
    }
}

/// Returns what a text resets, if it is a single statement. Decided by its wording: anything worded unusually
/// resets nothing.
fn restores(definition: &Definition) -> Option<Restores> {
    let effects = definition.judgement.effects()?;
    if effects.statements != 1 || effects.verbs.len() != 1 || !effects.opaque.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(&definition.sql).ok()?.trim_ascii();
    let text = text.strip_suffix(';').unwrap_or(text).trim_ascii().to_ascii_lowercase();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let verb = |verb| effects.verbs.contains(&verb);
    match words.as_slice() {
        ["discard", "all"] if verb(Verb::Discard) => Some(Restores::All),
        ["reset", "all" | "search_path"] if verb(Verb::Reset) => Some(Restores::Path),
        // Not `set local`, whose effect ends with the transaction.
        ["set", rest @ ..] if verb(Verb::Set) || verb(Verb::Reset) => {
            let first = if let ["session", rest @ ..] = rest { rest } else { rest }.first()?;
            let named = first.split('=').next() == Some("search_path");
            (named && leads_to_usual(effects)).then_some(Restores::Path)
        }
        _ => None,
    }
}

fn leads_to_usual(effects: &Effects) -> bool {
    let base = effects.classes.last().copied().unwrap_or(Class::Read);
    base == Class::Read
        && effects.settings.len() == 1
        && effects.settings.iter().all(|setting| {
            setting.name.as_deref() == Some("search_path") && setting.value.as_deref().is_none_or(is_usual)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::postgres::judge::Judge;
    use crate::protocol::postgres::judge::Lexing;
    use crate::protocol::postgres::judge::cache::Limits;

    async fn read(judge: &Judge, sql: &str) -> Option<Restores> {
        let judgement = judge.judge(sql.as_bytes(), Lexing::default()).await;
        restores(&Definition::new(sql.as_bytes(), b"", judgement))
    }

    #[tokio::test]
    async fn only_plain_texts_put_the_path_back() {
        let judge = Judge::start(1, Limits::default()).unwrap();
        for (sql, wanted) in [
            ("RESET search_path", Some(Restores::Path)),
            ("  reset ALL ; ", Some(Restores::Path)),
            ("DISCARD ALL", Some(Restores::All)),
            ("SET search_path TO DEFAULT", Some(Restores::Path)),
            ("SET search_path=public", Some(Restores::Path)),
            ("SET SESSION search_path = \"$user\", public", Some(Restores::Path)),
            // Each of these leaves the path as it is, or changes it.
            ("SET LOCAL search_path = public", None),
            ("SET LOCAL search_path TO DEFAULT", None),
            ("SET /* */ LOCAL search_path = public", None),
            ("SET search_path = evil, public", None),
            ("SET search_path = 'public, evil'", None),
            ("SET search_path = 'public, public'", None),
            ("SET search_path = \"public, public\"", None),
            ("SET search_path = public, pg_catalog", None),
            ("SET search_path FROM CURRENT", None),
            ("SELECT set_config('search_path', 'public', true)", None),
            ("SELECT set_config('search_path', 'public', false)", None),
            ("RESET work_mem", None),
            ("DISCARD TEMP", None),
            ("RESET search_path; SELECT f()", None),
            ("ALTER ROLE CURRENT_USER RESET search_path", None),
            ("ALTER FUNCTION f() RESET ALL", None),
            ("SET search_path2.x = public", None),
        ] {
            assert_eq!(read(&judge, sql).await, wanted, "{sql}");
        }
    }

    #[test]
    fn what_the_server_tells_of_its_path_counts_whatever_has_set_it() {
        let search_path = SearchPath::new(false, Some((*b"app, public").into()));
        for (path, is_moved) in [
            (&b"evil, public"[..], true),
            (b"\"$user\", public", false),
            (b"public, evil", true),
            // The path to which a reset returns.
            (b"app, public", false),
            (b"\xff", true),
        ] {
            search_path.reported(path);
            assert_eq!(search_path.is_moved(), is_moved, "{}", path.escape_ascii());
        }
        // A reported path says nothing of what else was done.
        search_path.sent(PathEffect::Unseen, 1);
        search_path.reported(b"public");
        assert!(search_path.is_moved());
    }

    #[tokio::test]
    async fn names_are_put_back_by_one_text_outside_a_transaction_and_no_later_one() {
        let judge = Judge::start(1, Limits::default()).unwrap();
        let definition = |sql: &'static str| {
            let judge = &judge;
            async move {
                let judgement = judge.judge(sql.as_bytes(), Lexing::default()).await;
                Definition::new(sql.as_bytes(), b"", judgement)
            }
        };
        let (reset, discard, other) = (
            definition("RESET search_path").await,
            definition("DISCARD ALL").await,
            definition("SELECT 1").await,
        );
        let (idle, open) = (Transaction::Idle, Transaction::Open);
        let sent = |effect| {
            let path = SearchPath::new(false, None);
            path.sent(effect, 1);
            path
        };
        let path = sent(PathEffect::Path);
        path.done(&reset, 2);
        path.ready(idle, idle);
        assert!(!path.is_moved());

        // Rolled back with the rest of its transaction or series, or not yet committed.
        for (before, now, first, last) in [
            (open, idle, &reset, None),
            (open, open, &reset, None),
            (idle, open, &reset, None),
            (idle, idle, &reset, Some(&other)),
            (idle, idle, &other, Some(&reset)),
        ] {
            let path = sent(PathEffect::Path);
            path.done(first, 2);
            if let Some(last) = last {
                path.done(last, 3);
            }
            path.ready(before, now);
            assert!(path.is_moved(), "{before:?} {now:?}");
        }
        let failed = sent(PathEffect::Path);
        failed.done(&reset, 2);
        failed.failed();
        failed.ready(idle, idle);
        assert!(failed.is_moved());

        // A message sent after it changes the path again.
        let later = sent(PathEffect::Path);
        later.sent(PathEffect::Path, 3);
        later.done(&reset, 2);
        later.ready(idle, idle);
        assert!(later.is_moved());

        // A function may have made temporary tables.
        let unseen = sent(PathEffect::Unseen);
        unseen.done(&reset, 2);
        unseen.ready(idle, idle);
        assert!(unseen.is_moved());
        unseen.done(&discard, 3);
        unseen.ready(idle, idle);
        assert!(!unseen.is_moved());

        let from_start = SearchPath::new(true, None);
        from_start.done(&discard, 2);
        from_start.ready(idle, idle);
        assert!(from_start.is_moved());
    }
}
