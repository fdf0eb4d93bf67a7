//! What is known of the targets' catalogues, for all threads: read when it is first needed, again when something may have changed it, and
//! every half minute in the background.

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
use crate::protocol::postgres::rows::Reach;

/// What was read is read again after this long, for changes that do not come through the gateway.
const AGE: Duration = Duration::from_secs(30);
/// After a failure it is not tried again for this long where something else will do.
const PAUSE: Duration = Duration::from_secs(10);
/// How many databases are kept in mind.
const MOST: usize = 256;

/// Why a catalogue is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// It could not be asked for.
    #[error(transparent)]
    Inquiry(#[from] InquiryError),
    /// The answer could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Unknown {
    /// Whether the target may well be read another time: it cannot be reached, it is full, or slow. Otherwise it is one that does not
    /// answer such questions.
    fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Inquiry(InquiryError::Unreachable(error)) => error.is_of_the_moment(),
            Self::Inquiry(InquiryError::Broken(_) | InquiryError::TimedOut) => true,
            Self::Inquiry(_) | Self::Catalog(_) => false,
        }
    }
}

/// What may have become of a catalogue. A greater one is more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is as it was.
    #[default]
    Nothing,
    /// Relations and their columns may be others.
    Relations,
    /// Anything may be, functions and operators too.
    Anything,
}

/// A catalogue, and what is masked by it. Where no field is masked it has relations only with the columns that may be calls.
#[derive(Debug)]
pub struct Known {
    /// Which columns are masked.
    pub masked: Masked,
    /// The masks it was made for.
    pub mask_tag: Box<str>,
    at: Instant,
    /// Which change of the catalogue it has surely seen.
    generation: u64,
    /// Which change of functions and operators.
    code: u64,
}

/// One database under one plan of masks.
#[derive(Default)]
pub struct Entry {
    known: ArcSwapOption<Known>,
    /// Counts what may have changed the catalogue.
    generation: AtomicU64,
    /// Counts what may have changed its functions and operators.
    code: AtomicU64,
    /// When it could not be read, and whether that was for the moment.
    failed: Mutex<Option<(Instant, bool)>>,
    /// Somebody reads it.
    reading: tokio::sync::Mutex<()>,
    refreshing: AtomicBool,
}

/// All databases. Clones are one.
#[derive(Clone, Default)]
pub struct Targets(Arc<Mutex<HashMap<Box<str>, Arc<Entry>>>>);

impl Targets {
    /// The entry of a database as this connection sees it.
    pub fn entry(&self, governed: &Governed, database: &str) -> Arc<Entry> {
        let connection = &governed.connection;
        let key = format!(
            "{}\0{}\0{}\0{}\0{database}",
            connection.name, connection.upstream, connection.inject, governed.mask_tag
        );
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST && !entries.contains_key(key.as_str()) {
            // Rare: each comes back with one reading.
            entries.clear();
        }
        Arc::clone(entries.entry(key.into()).or_default())
    }
}

impl Entry {
    /// What is known now, if it may still be relied on.
    pub fn current(&self) -> Option<Arc<Known>> {
        let generation = self.generation.load(Ordering::Acquire);
        self.known.load_full().filter(|known| known.generation == generation)
    }

    /// The same as far as functions and operators go: relations may have changed since.
    pub fn current_code(&self) -> Option<Arc<Known>> {
        let code = self.code.load(Ordering::Acquire);
        self.known.load_full().filter(|known| known.code == code)
    }

    /// What was known last, however old.
    pub fn last(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// Whether it could not be read a moment ago.
    pub fn has_just_failed(&self) -> bool {
        self.failure().is_some_and(|(at, _)| at.elapsed() < PAUSE)
    }

    /// Whether it cannot be read, and that will hardly change.
    pub fn is_unreadable(&self) -> bool {
        self.failure().is_some_and(|(_, of_the_moment)| !of_the_moment)
    }

    fn failure(&self) -> Option<(Instant, bool)> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is known should be read again in the background; says so to one only.
    pub fn wants_refresh(&self) -> bool {
        let old = self.known.load().as_ref().is_some_and(|known| known.at.elapsed() > AGE);
        old && !self.has_just_failed() && !self.refreshing.swap(true, Ordering::AcqRel)
    }

    /// Something may have changed the catalogue: what is known is not relied on any more.
    pub fn changed(&self, change: Change) {
        if change >= Change::Anything {
            self.code.fetch_add(1, Ordering::AcqRel);
        }
        if change >= Change::Relations {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// What is known, read anew where it may not be relied on.
    ///
    /// # Errors
    /// It cannot be read. What is then not known must not be passed.
    pub async fn known(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) -> Result<Arc<Known>, Unknown> {
        let _one_at_a_time = self.reading.lock().await;
        match self.current() {
            Some(known) => Ok(known),
            None => self.read(judge, governed, password, database).await,
        }
    }

    /// Reads it again, while the old one is still used.
    pub async fn refresh(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) {
        let _one_at_a_time = self.reading.lock().await;
        if let Err(error) = self.read(judge, governed, password, database).await {
            tracing::warn!(connection = %governed.connection.name, error = &error as &dyn std::error::Error, "the catalogue of a target could not be read again");
            // Old knowledge would become older with every failure: it ends here.
            self.changed(Change::Relations);
        }
        self.refreshing.store(false, Ordering::Release);
    }

    async fn read(
        &self,
        judge: &Judge,
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) -> Result<Arc<Known>, Unknown> {
        // What changes from here on makes it old before it is there.
        let generation = self.generation.load(Ordering::Acquire);
        let code = self.code.load(Ordering::Acquire);
        let read = read(judge, governed, password, database).await;
        let failure = read.as_ref().err().map(|error| (Instant::now(), error.is_of_the_moment()));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        let known = Arc::new(Known { generation, code, ..read? });
        self.known.store(Some(Arc::clone(&known)));
        Ok(known)
    }
}

async fn read(
    judge: &Judge,
    governed: &Governed,
    password: Option<&Arc<Secret>>,
    database: &str,
) -> Result<Known, Unknown> {
    let at = Instant::now();
    let mut inquiry = Inquiry::open(governed, password, database).await?;
    inquiry.ask("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    inquiry.ask(FIRST).await?;
    let catalog = Arc::new(catalog(&mut inquiry, governed.plan.has_fields()).await?);
    inquiry.ask("COMMIT").await?;
    let mut masked = catalog.masked(&governed.plan);
    loop {
        let views = masked.asks();
        if views.is_empty() {
            return Ok(Known { masked, mask_tag: governed.mask_tag.clone(), at, generation: 0, code: 0 });
        }
        for view in views {
            let lineage = lineage(judge, &mut inquiry, &masked, view).await?;
            masked.settle(view, lineage.as_ref());
        }
    }
}

/// Reads a catalogue, all of it or only what tells what texts call. Databases of many customers have a hundred thousand tables.
async fn catalog(inquiry: &mut Inquiry, all: bool) -> Result<Catalog, Unknown> {
    let mut answers = Answers::default();
    for question in Question::ALL {
        let calls = matches!(question, Question::Functions | Question::Operators);
        if !all && !calls {
            continue;
        }
        let rows = inquiry.ask(question.sql()).await?;
        match question {
            Question::Relations => answers.relations = rows,
            Question::Inheritance => answers.inheritance = rows,
            Question::Dependencies => answers.dependencies = rows,
            Question::Functions => answers.functions = rows,
            Question::Operators => answers.operators = rows,
        }
    }
    let catalog = Catalog::read(&answers)?;
    if all || catalog.fields().next().is_none() {
        return Ok(catalog);
    }
    answers.relations = inquiry.ask(&relations_with(catalog.fields())).await?;
    Ok(Catalog::read(&answers)?)
}

/// Where the columns of a view come from; `None` where the server does not tell.
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
    let reach = Reach::of(effects, masked, false);
    let origins = match inquiry.origins(&definition).await {
        Ok(origins) => origins,
        Err(InquiryError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(origins.map(|origins| Lineage {
        sources: origins.into_iter().map(|(table, attribute)| Source { table, attribute }).collect(),
        reaches: reach.values(),
    }))
}
