//! What is known of the targets' catalogs, shared by all threads. A catalog is read when it is first needed,
//! again when something may have changed it, and in the background when it is half a minute old and in use. A
//! view that is a minute old is read again before it is relied on. If that fails, and no change of functions
//! came through the gateway, it still counts for [some minutes](LONGEST) where no value is masked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwapOption;

use crate::domain::Secret;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::catalog::Answers;
use crate::protocol::postgres::catalog::Catalog;
use crate::protocol::postgres::catalog::CatalogError;
use crate::protocol::postgres::catalog::FIRST;
use crate::protocol::postgres::catalog::Lineage;
use crate::protocol::postgres::catalog::Masked;
use crate::protocol::postgres::catalog::Question;
use crate::protocol::postgres::catalog::Source;
use crate::protocol::postgres::catalog::definition_of;
use crate::protocol::postgres::catalog::relations_with;
use crate::protocol::postgres::inquiry::Inquiry;
use crate::protocol::postgres::inquiry::InquiryError;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::login::LoginError;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::upstream::Unreachable;

/// The age at which a view is read again, for changes that do not come through the gateway.
const AGE: Duration = Duration::from_secs(30);
/// The age from which a view does not count without an attempt to read it again.
const OLD: Duration = Duration::from_secs(2 * AGE.as_secs());
/// The age from which a view does not count at all.
const LONGEST: Duration = Duration::from_mins(5);
/// The age at which a view is read again if a function may have changed something.
const SOON: Duration = Duration::from_secs(5);
/// The time after a failure in which reading is not tried again, where something else will do.
const PAUSE: Duration = Duration::from_secs(10);
/// The most databases that are kept.
const MOST: usize = 256;

/// Why a catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogReadError {
    /// The questions could not be asked.
    #[error(transparent)]
    Inquiry(#[from] InquiryError),
    /// The results could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl CatalogReadError {
    /// Returns whether the target does not answer such questions, and hardly ever will: then only the SQL
    /// itself counts. All other errors, unknown ones too, count as temporary: the target cannot be reached,
    /// is full, slow or stopping, or a lock is held.
    fn is_for_good(&self) -> bool {
        match self {
            Self::Inquiry(InquiryError::Refused(state)) => says_never(state),
            Self::Inquiry(InquiryError::Unreachable(Unreachable::Login(LoginError::Target {
                state,
                ..
            }))) => {
                let state = state.to_string();
                says_never(&state) || matches!(&*state, "08P01" | "22023")
            }
            Self::Inquiry(_) => false,
            // PostgreSQL itself never answers like this.
            Self::Catalog(_) => true,
        }
    }
}

/// Returns whether an SQLSTATE says that a server does not support a question: unknown names, missing rights,
/// no such feature. At the login there are two more, with which poolers refuse the gateway's settings.
fn says_never(state: &str) -> bool {
    state.starts_with("42") || state.starts_with("0A")
}

/// The possible change of a catalog. Greater ones include the smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// No change.
    #[default]
    Nothing,
    /// A function was called that may have changed something: the catalog is read again soon, and relied on
    /// until then.
    Suspected,
    /// Relations and their columns may have changed.
    Relations,
    /// Anything may have changed, including functions and operators.
    Anything,
    /// Anything may have changed, and there may be a new relation whose rows are settings.
    Settings,
}

/// A view of a catalog as it was read, and what is masked accordingly. If no field is masked, it contains
/// relations only with columns that may be calls, and relations that share rows only if somebody has asked
/// for them.
#[derive(Debug)]
pub struct CatalogView {
    /// The masked columns.
    pub masked: Masked,
    /// The tag of the masks that it was made for.
    pub mask_tag: Box<str>,
    /// Whether it knows which relations share rows.
    kin: bool,
    at: Instant,
    /// The changes that it certainly includes.
    seen: ChangeMarks,
}

/// Counters of possible changes to one database, through any connection.
#[derive(Debug, Default)]
struct ChangeCounters {
    /// Possible changes of the catalog.
    catalog: AtomicU64,
    /// Possible changes of functions and operators.
    code: AtomicU64,
    /// Calls of functions that may have changed something.
    suspected: AtomicU64,
}

/// The values of the counters at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ChangeMarks {
    catalog: u64,
    code: u64,
    suspected: u64,
}

impl ChangeCounters {
    fn marks(&self) -> ChangeMarks {
        ChangeMarks {
            catalog: self.catalog.load(Ordering::Acquire),
            code: self.code.load(Ordering::Acquire),
            suspected: self.suspected.load(Ordering::Acquire),
        }
    }
}

/// The time and reason of a failed read.
#[derive(Debug, Clone)]
struct Failure {
    at: Instant,
    error: Arc<CatalogReadError>,
}

/// One database under one plan of masks, as one connection reads it.
#[derive(Default)]
pub struct Entry {
    known: ArcSwapOption<CatalogView>,
    changes: Arc<ChangeCounters>,
    /// The last failure, until the next success.
    failed: Mutex<Option<Failure>>,
    /// Whether it could not be read again in the background.
    lapsed: AtomicBool,
    /// Whether somebody has asked which relations share rows: from then on that is read, too.
    wants_kin: AtomicBool,
    /// Held while the catalog is read.
    reading: tokio::sync::Mutex<()>,
    refreshing: AtomicBool,
}

/// All databases. Clones share them.
#[derive(Clone, Default)]
pub struct Targets(Arc<Mutex<Kept>>);

/// What is kept of the databases.
#[derive(Default)]
struct Kept {
    entries: HashMap<Box<str>, Arc<Entry>>,
    /// The counters by host, port and database: two connections may lead to one database, and each learns of
    /// changes through the other.
    changes: HashMap<(Arc<str>, u16, Box<str>), Arc<ChangeCounters>>,
}

impl Kept {
    /// Makes room for one more entry: entries that no session holds go first, the oldest before others. A
    /// session that holds a removed entry keeps it, and sees its changes.
    fn evict(&mut self) {
        let age = |entry: &Entry| entry.known.load().as_ref().map(|known| known.at);
        let oldest = self.entries.iter().min_by_key(|(_, entry)| (Arc::strong_count(entry) > 1, age(entry)));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
        self.changes.retain(|_, changes| Arc::strong_count(changes) > 1);
    }
}

impl Targets {
    /// Returns the entry of a database as this connection sees it.
    pub fn entry(&self, governed: &Governed, database: &str) -> Arc<Entry> {
        let connection = &governed.connection;
        let key = format!(
            "{}\0{}\0{}\0{}\0{database}",
            connection.name, connection.upstream, connection.inject, governed.mask_tag
        );
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = kept.entries.get(key.as_str()) {
            return Arc::clone(entry);
        }
        if kept.entries.len() >= MOST {
            kept.evict();
        }
        let upstream = &connection.upstream;
        let place = (Arc::clone(&upstream.host), upstream.port, database.into());
        let changes = Arc::clone(kept.changes.entry(place).or_default());
        let entry = Arc::new(Entry { changes, ..Entry::default() });
        kept.entries.insert(key.into(), Arc::clone(&entry));
        entry
    }
}

impl CatalogView {
    /// Returns whether it knows which relations share rows.
    pub fn has_kin(&self) -> bool {
        self.kin
    }

    /// Returns whether no change of relations or columns came through the gateway since it was read.
    pub fn has_relations_of(&self, entry: &Entry) -> bool {
        self.seen.catalog == entry.changes.marks().catalog
    }

    /// Returns whether no change of functions or operators came through the gateway since it was read.
    fn has_code_of(&self, entry: &Entry) -> bool {
        self.seen.code == entry.changes.marks().code
    }
}

impl Entry {
    /// Returns the current view, if it may still be relied on.
    pub fn current(&self) -> Option<Arc<CatalogView>> {
        let lapsed = self.lapsed.load(Ordering::Acquire);
        let kin = self.wants_kin.load(Ordering::Acquire);
        let fits = |known: &Arc<CatalogView>| {
            known.has_relations_of(self) && known.at.elapsed() < OLD && (known.kin || !kin)
        };
        self.known.load_full().filter(|known| !lapsed && fits(known))
    }

    /// Notes that from now on a view is [current](Self::current) only if it knows which relations share rows.
    pub fn want_kin(&self) {
        self.wants_kin.store(true, Ordering::Release);
    }

    /// Returns the last view with relations that share rows, if it is merely old. Used when the catalog
    /// cannot be read.
    pub fn old_kin(&self) -> Option<Arc<CatalogView>> {
        let fits = |known: &Arc<CatalogView>| {
            known.kin && known.has_relations_of(self) && known.at.elapsed() < LONGEST
        };
        self.known.load_full().filter(fits)
    }

    /// Returns the current view as far as functions and operators go: relations may have changed since.
    pub fn current_code(&self) -> Option<Arc<CatalogView>> {
        self.known.load_full().filter(|known| known.has_code_of(self) && known.at.elapsed() < OLD)
    }

    /// Returns the last view with functions and operators, if it is merely old. Used when the catalog cannot
    /// be read.
    pub fn old_code(&self) -> Option<Arc<CatalogView>> {
        self.known.load_full().filter(|known| known.has_code_of(self) && known.at.elapsed() < LONGEST)
    }

    /// Returns whether reading it failed a moment ago.
    pub fn has_just_failed(&self) -> bool {
        self.failure().is_some_and(|failure| failure.at.elapsed() < PAUSE)
    }

    /// Returns whether it was never read, and the reason will hardly change.
    pub fn is_unreadable(&self) -> bool {
        self.known.load().is_none() && self.failure().is_some_and(|failure| failure.error.is_for_good())
    }

    fn failure(&self) -> Option<Failure> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether the view should be read again.
    fn is_due(&self) -> bool {
        self.known.load().as_ref().is_some_and(|known| {
            let age = known.at.elapsed();
            age > AGE || (age > SOON && known.seen.suspected != self.changes.marks().suspected)
        })
    }

    /// Returns whether the view should be read again in the background. Only one caller gets `true`.
    pub fn wants_refresh(&self) -> bool {
        self.is_due() && !self.has_just_failed() && !self.refreshing.swap(true, Ordering::AcqRel)
    }

    /// Notes a possible change, for everyone who reads this database: views do not count any more, or not for
    /// long.
    pub fn changed(&self, change: Change) {
        let counts = [
            (Change::Suspected, &self.changes.suspected),
            (Change::Relations, &self.changes.catalog),
            (Change::Anything, &self.changes.code),
        ];
        for (_, count) in counts.iter().filter(|(least, _)| change >= *least) {
            count.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Returns the current view. Reads the catalog first if there is none.
    ///
    /// # Errors
    /// The catalog cannot be read: what depends on it must not pass.
    pub async fn current_or_read(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) -> Result<Arc<CatalogView>, Arc<CatalogReadError>> {
        let asked = Instant::now();
        let _one_at_a_time = self.reading.lock().await;
        if let Some(known) = self.current() {
            return Ok(known);
        }
        // A caller that has waited for a failed read does not wait for another.
        if let Some(failure) = self.failure().filter(|failure| failure.at > asked) {
            return Err(failure.error);
        }
        self.read(judge, governed, password, database).await
    }

    /// Reads the catalog again, while the old view is still used.
    pub async fn refresh(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) {
        let _one_at_a_time = self.reading.lock().await;
        if self.is_due()
            && let Err(error) = self.read(judge, governed, password, database).await
        {
            tracing::warn!(connection = %governed.connection.name, error = &*error as &dyn std::error::Error, "the catalogue of a target could not be read again");
            // The old view must not be used on and on while reads fail: masks stop using it now, others when
            // it is too old.
            self.lapsed.store(true, Ordering::Release);
        }
        self.refreshing.store(false, Ordering::Release);
    }

    async fn read(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) -> Result<Arc<CatalogView>, Arc<CatalogReadError>> {
        // A change from here on makes the view outdated before it is there.
        let seen = self.changes.marks();
        let kin = self.wants_kin.load(Ordering::Acquire);
        let read = read(judge, governed, password, database, kin).await.map_err(Arc::new);
        let failure =
            read.as_ref().err().map(|error| Failure { at: Instant::now(), error: Arc::clone(error) });
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        let known = Arc::new(CatalogView { seen, ..read? });
        self.known.store(Some(Arc::clone(&known)));
        self.lapsed.store(false, Ordering::Release);
        Ok(known)
    }
}

async fn read(
    judge: &Judge,
    governed: &Governed,
    password: Option<&Arc<Secret>>,
    database: &str,
    kin: bool,
) -> Result<CatalogView, CatalogReadError> {
    let at = Instant::now();
    let mut inquiry = Inquiry::open(governed, password, database).await?;
    inquiry.ask("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    inquiry.ask(FIRST).await?;
    let all = governed.plan.has_fields();
    let (catalog, kin) = (Arc::new(catalog(&mut inquiry, all, kin).await?), all || kin);
    inquiry.ask("COMMIT").await?;
    let mut masked = catalog.masked(&governed.plan);
    loop {
        let views = masked.asks();
        if views.is_empty() {
            let (mask_tag, seen) = (governed.mask_tag.clone(), ChangeMarks::default());
            return Ok(CatalogView { masked, mask_tag, kin, at, seen });
        }
        for view in views {
            let lineage = lineage(judge, &mut inquiry, &masked, view).await?;
            masked.settle(view, lineage.as_ref());
        }
    }
}

/// Reads a catalog: all of it, or only what tells what texts call and set, with relations that share rows if
/// wanted. Databases with many tenants have a hundred thousand tables.
async fn catalog(inquiry: &mut Inquiry, all: bool, kin: bool) -> Result<Catalog, CatalogReadError> {
    let mut answers = Answers::default();
    for question in Question::ALL {
        let some = match question {
            Question::Functions | Question::Operators | Question::Setters => true,
            Question::Inheritance | Question::References => kin,
            Question::Relations | Question::Dependencies => false,
        };
        if !all && !some {
            continue;
        }
        let rows = inquiry.ask(question.sql()).await?;
        match question {
            Question::Relations => answers.relations = rows,
            Question::Inheritance => answers.inheritance = rows,
            Question::References => answers.references = rows,
            Question::Dependencies => answers.dependencies = rows,
            Question::Functions => answers.functions = rows,
            Question::Operators => answers.operators = rows,
            Question::Setters => answers.setters = rows,
        }
    }
    let catalog = Catalog::read(&answers)?;
    if all || catalog.fields().next().is_none() {
        return Ok(catalog);
    }
    answers.relations = inquiry.ask(&relations_with(catalog.fields())).await?;
    Ok(Catalog::read(&answers)?)
}

/// Returns the origins of a view's columns; `None` if the server does not tell.
async fn lineage(
    judge: &Judge,
    inquiry: &mut Inquiry,
    masked: &Masked,
    view: u32,
) -> Result<Option<Lineage>, InquiryError> {
    let definition = match inquiry.ask(&definition_of(view)).await {
        Ok(rows) => rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()),
        Err(InquiryError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(definition) = definition else { return Ok(None) };
    let judgement = judge.judge(definition.as_bytes(), Lexing::default()).await;
    let effects = judgement.effects().map(|effects| &**effects);
    let exposure = Exposure::of(effects, masked, false, false);
    let origins = match inquiry.origins(&definition).await {
        Ok(origins) => origins,
        Err(InquiryError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(origins.map(|origins| Lineage {
        sources: origins.into_iter().map(|(table, attribute)| Source { table, attribute }).collect(),
        reaches: exposure.values(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Plan;

    /// Sets a view that was read this long ago.
    fn known(entry: &Entry, age: Duration) {
        known_with(entry, age, false);
    }

    /// Does the same, with or without relations that share rows.
    fn known_with(entry: &Entry, age: Duration, kin: bool) {
        let plan = Arc::new(Plan::compile(&[], [9; 32]).unwrap());
        let masked = Arc::new(Catalog::read(&Answers::default()).unwrap()).masked(&plan);
        let at = Instant::now().checked_sub(age).unwrap();
        let known = CatalogView { masked, mask_tag: Box::default(), kin, at, seen: entry.changes.marks() };
        entry.known.store(Some(Arc::new(known)));
    }

    fn fail(entry: &Entry, state: &str) {
        let error = Arc::new(CatalogReadError::Inquiry(InquiryError::Refused(state.to_owned())));
        *entry.failed.lock().unwrap() = Some(Failure { at: Instant::now(), error });
    }

    #[test]
    fn only_a_target_that_says_so_never_answers() {
        for state in ["42501", "42P01", "42703", "42883", "0A000"] {
            let entry = Entry::default();
            fail(&entry, state);
            assert!(entry.is_unreadable(), "{state}");
            // It has answered before.
            known(&entry, LONGEST);
            assert!(!entry.is_unreadable(), "{state}");
        }
        for state in [
            "55P03", "57014", "57P01", "57P03", "40001", "53300", "53200", "58030", "XX000", "25006",
            "08P01", "?????",
        ] {
            let entry = Entry::default();
            fail(&entry, state);
            assert!(!entry.is_unreadable(), "{state}");
        }
        for error in [InquiryError::TooLong, InquiryError::TimedOut] {
            assert!(!CatalogReadError::Inquiry(error).is_for_good());
        }
        let refused = Unreachable::Login(LoginError::CredentialRefused);
        assert!(!CatalogReadError::Inquiry(refused.into()).is_for_good());
    }

    #[test]
    fn age_is_forgiven_for_some_minutes_and_change_never() {
        let entry = Entry::default();
        for (age, current, old) in [(Duration::ZERO, true, true), (OLD, false, true), (LONGEST, false, false)]
        {
            known(&entry, age);
            let found =
                (entry.current().is_some(), entry.current_code().is_some(), entry.old_code().is_some());
            assert_eq!(found, (current, current, old), "{age:?}");
        }
        for (change, current, code) in [
            (Change::Nothing, true, true),
            (Change::Suspected, true, true),
            (Change::Relations, false, true),
            (Change::Anything, false, false),
            (Change::Settings, false, false),
        ] {
            known(&entry, Duration::ZERO);
            entry.changed(change);
            let found =
                (entry.current().is_some(), entry.current_code().is_some(), entry.old_code().is_some());
            assert_eq!(found, (current, code, code), "{change:?}");
        }
    }

    #[test]
    fn what_does_not_tell_of_kin_is_not_current_where_that_is_wanted() {
        let entry = Entry::default();
        known(&entry, Duration::ZERO);
        assert!(entry.current().is_some() && entry.old_kin().is_none());
        entry.want_kin();
        assert!(entry.current().is_none() && entry.current_code().is_some() && entry.old_kin().is_none());
        for (age, change, current, old) in [
            (Duration::ZERO, Change::Suspected, true, true),
            (OLD, Change::Nothing, false, true),
            (LONGEST, Change::Nothing, false, false),
            (Duration::ZERO, Change::Relations, false, false),
            (OLD, Change::Anything, false, false),
        ] {
            known_with(&entry, age, true);
            entry.changed(change);
            let found = (entry.current().is_some(), entry.old_kin().is_some());
            assert_eq!(found, (current, old), "{age:?} {change:?}");
        }
    }

    #[test]
    fn what_is_suspected_is_read_again_soon_and_not_all_the_time() {
        let entry = Entry::default();
        for (age, suspected, wants) in [
            (Duration::ZERO, true, false),
            (2 * SOON, false, false),
            (2 * SOON, true, true),
            (OLD, false, true),
        ] {
            known(&entry, age);
            entry.changed(if suspected { Change::Suspected } else { Change::Nothing });
            assert_eq!(entry.wants_refresh(), wants, "{age:?} {suspected}");
            entry.refreshing.store(false, Ordering::Release);
        }
    }

    #[test]
    fn room_is_made_by_one_that_nobody_holds() {
        let mut kept = Kept::default();
        let mut held = None;
        for (name, age) in [("held", 30), ("older", 20), ("newer", 10)] {
            let entry = Arc::new(Entry::default());
            known(&entry, Duration::from_secs(age));
            kept.entries.insert(name.into(), Arc::clone(&entry));
            held.get_or_insert(entry);
        }
        kept.evict();
        let mut left: Vec<&str> = kept.entries.keys().map(|name| &**name).collect();
        left.sort_unstable();
        assert_eq!(left, ["held", "newer"]);
    }
}
