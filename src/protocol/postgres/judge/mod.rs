//! What a SQL text does, judged by PostgreSQL's own grammar before the server sees it.
//!
//! A text is parsed by the server's own parser ([`parser`]), its tree is walked node by node ([`walk`]), and
//! what comes out is flat: [`Effects`]. Nothing here knows a connection or a policy, and nothing is read from
//! a catalogue.
//!
//! What a text cannot tell: a view, trigger, rule, default or cast may run code of its own. Which of several
//! functions or operators of one name is meant it does not tell either, nor whether `SELECT c.purge FROM
//! customers c` is a call: names of the server's own functions are known there too, others are taken for
//! columns. That is what the target's catalogue is asked for
//! ([`Catalog::opaque`](crate::protocol::postgres::catalog::Catalog::opaque)). "Read" means that nothing in
//! the text itself does more than read; the rights of the role at the server are what guarantees it.
//!
//! Everything that is not understood is [`Class::Unknown`]: a text that is too long, too deep, not UTF-8, a
//! node nobody has thought of, a function that is not known to be harmless, a failure of the parser.

use std::cell::Cell;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::domain::command::Class;
use crate::domain::sql::Object;

mod alike;
pub mod cache;
mod functions;
pub mod parser;
mod settings;
mod walk;

#[cfg(test)]
mod tests;

use alike::Alike;

pub use crate::domain::sql::Effects;

/// The settings of a session that change how a text is cut into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lexing {
    /// `standard_conforming_strings` as the server last told it: whether `\` in `'…'` is a plain character.
    pub standard_conforming_strings: bool,
}

/// As PostgreSQL has it unless told otherwise: on.
impl Default for Lexing {
    fn default() -> Self {
        Self { standard_conforming_strings: true }
    }
}

/// A text up to this long is parsed on the thread that asks, if that has [`STACK_FOR_BRIEF`], in bytes.
const BRIEF: usize = 1024;
/// The stack that the trees of the shortest texts need at most, in bytes: each byte of a text opens one level
/// at most, and a level takes some 100 KiB in a build for development, 4 in a release.
pub const STACK_FOR_BRIEF: usize = 192 << 20;

thread_local! {
    static DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread has a stack of [`STACK_FOR_BRIEF`] at least, so that short texts are parsed on it.
pub fn this_thread_is_deep() {
    DEEP.set(true);
}

/// Judges texts. One for the whole process: it has threads of its own and remembers what it has judged.
#[derive(Debug)]
pub struct Judge {
    pool: parser::Pool,
    cache: cache::Cache,
}

impl Judge {
    /// Starts a judge with `threads` parser threads, at least one, each with a stack of 512 MiB, of which
    /// only what is used costs memory.
    ///
    /// Fails when the system gives no thread.
    pub fn start(threads: usize, limits: cache::Limits) -> io::Result<Self> {
        Ok(Self { pool: parser::Pool::start(threads)?, cache: cache::Cache::new(limits) })
    }

    /// What `sql` does. It covers exactly these bytes: send no others.
    ///
    /// Never fails: what cannot be judged is a [`Judgement`] of class unknown. It waits while the parser
    /// threads are busy, and does not block the thread it is called from.
    pub async fn judge(&self, sql: &[u8], lexing: Lexing) -> Arc<Judgement> {
        let alike = Alike::of(sql);
        if let Some(known) = alike.as_ref().and_then(|alike| self.cache.find_alike(alike)) {
            return known;
        }
        if let Some(known) = self.cache.find(sql, lexing) {
            return known;
        }
        let text = match parser::readable(sql) {
            Ok(text) => text,
            Err(unread) => return Arc::new(Judgement::Unread(unread)),
        };
        let judged = if text.len() <= BRIEF && DEEP.get() {
            // It takes less than to hand it to another thread and wait for that.
            catch_unwind(AssertUnwindSafe(|| read(text, lexing))).ok()
        } else {
            let text = text.to_owned();
            self.pool.run(move || read(&text, lexing)).await
        };
        let judgement = Arc::new(judged.unwrap_or(Judgement::Unread(Unread::Failed)));
        // A failure may be one of the moment: it is not remembered.
        match alike {
            _ if *judgement == Judgement::Unread(Unread::Failed) => {}
            Some(alike) if alike::is_of_all(&judgement) => self.cache.keep_alike(&alike, &judgement),
            _ => self.cache.keep(sql, lexing, &judgement),
        }
        judgement
    }
}

/// Parses and walks. The tree lives and dies here, on the deep stack.
fn read(sql: &str, lexing: Lexing) -> Judgement {
    match parser::parse(sql, lexing) {
        Ok(tree) => walk::effects(&tree)
            .map_or(Judgement::Unread(Unread::TooLarge), |effects| Judgement::Effects(Arc::new(effects))),
        Err(parser::Failure::Syntax(error)) => Judgement::Syntax(error),
        Err(parser::Failure::Unread(unread)) => Judgement::Unread(unread),
    }
}

/// Whether a name without a schema is taken for that of a function of PostgreSQL's own of which it is known
/// what it does: whoever makes another one of that name may have it called in its place.
pub fn is_known(name: &str) -> bool {
    !matches!(functions::call(None, name), functions::Call::Opaque | functions::Call::Dangerous)
}

/// Whether a function of this name runs a SQL text that it is given, reads files, large objects or other
/// sessions, or changes the server, in any schema: what it gives back can come from any table.
pub fn is_dangerous(function: &Object) -> bool {
    functions::call(function.schema.as_deref(), &function.name) == functions::Call::Dangerous
}

/// Whether a function of this name, in any schema, runs a SQL text that it is given: nobody reads what that
/// changes.
pub fn runs_text(function: &Object) -> bool {
    functions::runs_text(&function.name)
}

/// Whether a function of this name, in any schema, lays down what it is given where another text can look at
/// it: in a setting, a sequence, a lock, a notification.
pub fn lays_down(function: &Object) -> bool {
    use functions::Call;
    let call = functions::call(None, &function.name);
    // Which locks are left tells which ones were given back.
    matches!(call, Call::Writes | Call::Locks | Call::Releases | Call::SetConfig)
        || &*function.name == "setseed"
}

/// What is known about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It was understood.
    Effects(Arc<Effects>),
    /// The grammar refuses it; a server of the same version would, too.
    Syntax(SyntaxError),
    /// It was not read.
    Unread(Unread),
}

impl Judgement {
    /// The worst class of the text, when nothing is known about the names it uses: see
    /// [`Effects::class_with`].
    pub fn class(&self) -> Class {
        self.effects().map_or(Class::Unknown, |effects| effects.class())
    }

    /// What it does, if it was understood.
    pub fn effects(&self) -> Option<&Arc<Effects>> {
        match self {
            Self::Effects(effects) => Some(effects),
            Self::Syntax(_) | Self::Unread(_) => None,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Effects(effects) => effects.weight(),
            Self::Syntax(error) => error.message.len().saturating_add(size_of::<Self>()),
            Self::Unread(_) => size_of::<Self>(),
        }
    }
}

/// The parser's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The message as PostgreSQL words it. It may quote the text: not escaped.
    pub message: Box<str>,
    /// Where, as a byte offset from 0, if it can be told. PostgreSQL counts characters from 1.
    pub position: Option<usize>,
}

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Longer than [`parser::MAX_TEXT`].
    #[error("the SQL text is longer than {} bytes", parser::MAX_TEXT)]
    TooLong,
    /// It has a NUL byte. The server would stop there.
    #[error("the SQL text has a NUL byte")]
    Nul,
    /// It is not UTF-8. In another encoding the server may see other words.
    #[error("the SQL text is not UTF-8")]
    NotUtf8,
    /// The parser gave up: too many levels.
    #[error("the SQL text is nested too deeply")]
    TooDeep,
    /// Its tree would need too much memory: more than some 100,000 words, or copies of them (see
    /// `parser/size.rs`).
    #[error(
        "the SQL text has too many words, too many comments or signs in a row, or assigns too much to lists of columns, to be read"
    )]
    TooLarge,
    /// The parser failed.
    #[error("the SQL text could not be parsed")]
    Failed,
}
