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
use crate::protocol::postgres::inquiry::Inquiry;
use crate::protocol::postgres::inquiry::InquiryError;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::rows::Reach;

/// What was read is read again after this long, for changes that do not come through the gateway.
const AGE: Duration = Duration::from_secs(30);
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

/// A catalogue, and what is masked by it.
#[derive(Debug)]
pub struct Known {
    /// Which columns are masked.
    pub masked: Masked,
    /// The masks it was made for.
    pub mask_tag: Box<str>,
    at: Instant,
    /// Which change of the catalogue it has surely seen.
    generation: u64,
}

/// One database under one plan of masks.
#[derive(Default)]
pub struct Entry {
    known: ArcSwapOption<Known>,
    /// Counts what may have changed the catalogue.
    generation: AtomicU64,
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

    /// Whether what is known should be read again in the background; says so to one only.
    pub fn wants_refresh(&self) -> bool {
        let old = self.known.load().as_ref().is_some_and(|known| known.at.elapsed() > AGE);
        old && !self.refreshing.swap(true, Ordering::AcqRel)
    }

    /// Something may have changed the catalogue: what is known is not relied on any more.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
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
            self.changed();
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
        let known = Arc::new(Known { generation, ..read(judge, governed, password, database).await? });
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
    let mut answers = Answers::default();
    for question in Question::ALL {
        let rows = inquiry.ask(question.sql()).await?;
        match question {
            Question::Relations => answers.relations = rows,
            Question::Inheritance => answers.inheritance = rows,
            Question::Dependencies => answers.dependencies = rows,
            Question::Functions => answers.functions = rows,
        }
    }
    inquiry.ask("COMMIT").await?;
    let catalog = Arc::new(Catalog::read(&answers)?);
    let mut masked = catalog.masked(&governed.plan);
    loop {
        let views = masked.asks();
        if views.is_empty() {
            return Ok(Known { masked, mask_tag: governed.mask_tag.clone(), at, generation: 0 });
        }
        for view in views {
            let lineage = lineage(judge, &mut inquiry, &masked, view).await?;
            masked.settle(view, lineage.as_ref());
        }
    }
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
