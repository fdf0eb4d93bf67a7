//! What SQL does, judged by PostgreSQL's own grammar before the server sees it.
//!
//! A text is parsed by the server's own parser ([`parser`]), its tree is walked node by node ([`walk`]), and
//! the result is flat: [`Effects`]. Nothing here depends on a connection or a policy, and no catalog is read.
//!
//! SQL cannot tell everything. A view, trigger, rule, default or cast may run its own code. Which of several
//! overloaded functions or operators is meant is not visible, nor whether `SELECT c.purge FROM customers c`
//! is a call: the names of the server's own functions are recognised there, all others are taken for columns.
//! The target's catalog answers that
//! ([`Catalog::opaque`](crate::protocol::postgres::catalog::Catalog::opaque)). "Read" means that nothing in
//! the SQL itself does more than read; the guarantee is the rights of the role at the server.
//!
//! Everything that is not understood is [`Class::Unknown`]: SQL that is too long, too deep or not UTF-8, an
//! unexpected node, a function that is not known to be harmless, a failure of the parser.

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

/// The session settings that change how SQL is lexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lexing {
    /// `standard_conforming_strings` as the server last reported it: whether `\` in `'…'` is an ordinary
    /// character.
    pub standard_conforming_strings: bool,
}

/// PostgreSQL's default: on.
impl Default for Lexing {
    fn default() -> Self {
        Self { standard_conforming_strings: true }
    }
}

/// The longest text that is parsed on the calling thread, if its stack is [`STACK_FOR_BRIEF`], in bytes.
const BRIEF: usize = 1024;
/// The most stack that the tree of such a text needs, in bytes. Each byte of a text opens one level at most,
/// and a level takes some 100 KiB in a debug build, 4 KiB in a release build.
pub const STACK_FOR_BRIEF: usize = 192 << 20;

thread_local! {
    static DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Declares that this thread has a stack of at least [`STACK_FOR_BRIEF`], so that short texts are parsed on
/// it.
pub fn this_thread_is_deep() {
    DEEP.set(true);
}

/// The judge of SQL texts, one for the whole process, with parser threads of its own and a cache.
#[derive(Debug)]
pub struct Judge {
    pool: parser::Pool,
    cache: cache::Cache,
}

impl Judge {
    /// Starts a judge with `threads` parser threads, at least one. Each has a stack of 512 MiB, of which only
    /// the used pages cost memory.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(threads: usize, limits: cache::Limits) -> io::Result<Self> {
        Ok(Self { pool: parser::Pool::start(threads)?, cache: cache::Cache::new(limits) })
    }

    /// Judges `sql`. The judgement covers exactly these bytes: send no others.
    ///
    /// Never fails: what cannot be judged is a [`Judgement`] of class unknown. Short texts are parsed right
    /// here if the thread is deep enough; others go to the parser threads, without blocking this one.
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
            // This costs less than handing it to another thread and waiting.
            catch_unwind(AssertUnwindSafe(|| read(text, lexing))).ok()
        } else {
            let text = text.to_owned();
            self.pool.run(move || read(&text, lexing)).await
        };
        let judgement = Arc::new(judged.unwrap_or(Judgement::Unread(Unread::Failed)));
        // A failure may be temporary, so it is not kept.
        match alike {
            _ if *judgement == Judgement::Unread(Unread::Failed) => {}
            Some(alike) if alike::is_of_all(&judgement) => self.cache.keep_alike(&alike, &judgement),
            _ => self.cache.keep(sql, lexing, &judgement),
        }
        judgement
    }
}

/// Parses and walks a text. The tree is built and dropped here, on the deep stack.
fn read(sql: &str, lexing: Lexing) -> Judgement {
    match parser::parse(sql, lexing) {
        Ok(tree) => walk::effects(&tree)
            .map_or(Judgement::Unread(Unread::TooLarge), |effects| Judgement::Effects(Arc::new(effects))),
        Err(parser::Failure::Syntax(error)) => Judgement::Syntax(error),
        Err(parser::Failure::Unread(unread)) => Judgement::Unread(unread),
    }
}

/// Returns whether a name without a schema is taken for one of PostgreSQL's own harmless or well-understood
/// functions: whoever creates another one with that name may have it called instead.
pub fn is_known(name: &str) -> bool {
    !matches!(functions::call(None, name), functions::Call::Opaque | functions::Call::Dangerous)
}

/// Returns whether a function with this name, in any schema, runs SQL that it is given, reads files, large
/// objects or other sessions, or changes the server: its result can come from any table.
pub fn is_dangerous(function: &Object) -> bool {
    functions::call(function.schema.as_deref(), &function.name) == functions::Call::Dangerous
}

/// Returns whether a function with this name, in any schema, runs SQL that it is given: nobody has judged
/// what that changes.
pub fn runs_text(function: &Object) -> bool {
    functions::runs_text(&function.name)
}

/// Returns whether a function with this name, in any schema, stores its arguments where a later statement can
/// look at them: in a setting, a sequence, a lock, a notification.
pub fn lays_down(function: &Object) -> bool {
    use functions::Call;
    let call = functions::call(None, &function.name);
    // The locks that remain show which ones were released.
    matches!(call, Call::Writes | Call::Locks | Call::Releases | Call::SetConfig)
        || &*function.name == "setseed"
}

/// The judgement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It was understood.
    Effects(Arc<Effects>),
    /// The grammar refuses it, as would a server of the same version.
    Syntax(SyntaxError),
    /// It was not read.
    Unread(Unread),
}

impl Judgement {
    /// Returns the worst class in the text if nothing is known of the names that it uses: see
    /// [`Effects::class_with`].
    pub fn class(&self) -> Class {
        self.effects().map_or(Class::Unknown, |effects| effects.class())
    }

    /// Returns what the text does; `None` if it was not understood.
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
    /// The message as PostgreSQL words it, unescaped. It may quote the SQL.
    pub message: Box<str>,
    /// The byte offset of the error, from 0; `None` if it cannot be told. PostgreSQL counts characters from
    /// 1.
    pub position: Option<usize>,
}

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is longer than [`parser::MAX_TEXT`].
    #[error("the SQL text is longer than {} bytes", parser::MAX_TEXT)]
    TooLong,
    /// It contains a NUL byte, at which the server would stop.
    #[error("the SQL text has a NUL byte")]
    Nul,
    /// It is not UTF-8. In another encoding the server may see other words.
    #[error("the SQL text is not UTF-8")]
    NotUtf8,
    /// The parser gave up: too many levels.
    #[error("the SQL text is nested too deeply")]
    TooDeep,
    /// Its tree would need too much memory: it has more than some 100,000 words, counting copies (see
    /// `parser/size.rs`).
    #[error(
        "the SQL text has too many words, too many comments or signs in a row, or assigns too much to lists of columns, to be read"
    )]
    TooLarge,
    /// The parser failed.
    #[error("the SQL text could not be parsed")]
    Failed,
}
