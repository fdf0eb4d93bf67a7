//! The threads that run PostgreSQL's parser: parse trees are as deep as their texts, and need deep stacks.
//!
//! The parser gives up at some thousand levels, but decoding and dropping a tree of that depth needs far more
//! than the usual 2 MiB of stack, and a stack overflow ends the process. In a debug build the deepest trees
//! of the tests need between 128 and 160 MiB, so threads have three times that; only used pages cost memory.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pg_query::ParserOptions;
use pg_query::protobuf::ParseResult;
use tokio::sync::{mpsc, oneshot};

use super::{Lexing, SyntaxError, Unread};

mod position;
mod size;

/// The stack of a parser thread, in bytes.
const STACK: usize = 512 * 1024 * 1024;
/// The most texts that may wait for a thread; the next one waits to be queued.
const QUEUE: usize = 64;
/// The longest text that is parsed, in bytes. A text of many short words must be far shorter: see
/// [`mod@size`].
pub const MAX_TEXT: usize = 1024 * 1024;

/// A piece of work for a deep stack.
type Job = Box<dyn FnOnce() + Send>;

/// Threads with deep stacks. They end when the pool is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
}

impl Pool {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("sql-parser-{number}"))
                .stack_size(STACK)
                .spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Runs `work` on one of the threads and returns its result; `None` if it panicked or all threads are
    /// gone.
    ///
    /// Work is finished even if nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody receives it if the client has left meanwhile.
            drop(reply.send(work()));
        });
        self.jobs.send(job).await.ok()?;
        answer.await.ok()
    }
}

/// Takes work from the queue until the pool is dropped.
fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // One thread waits at the queue, the others at the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        // A panic drops the job's reply: its caller notices, and the thread takes the next job.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a parser thread failed at a statement; the statement is refused as unknown");
        }
    }
}

/// Why there is no parse tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The grammar refuses the text.
    Syntax(SyntaxError),
    /// The text was not parsed, or not to its end.
    Unread(Unread),
}

/// Checks what can be checked before a text is parsed, and returns it as UTF-8.
pub(super) fn readable(sql: &[u8]) -> Result<&str, Unread> {
    if sql.len() > MAX_TEXT {
        return Err(Unread::TooLong);
    }
    if sql.contains(&0) {
        return Err(Unread::Nul);
    }
    str::from_utf8(sql).map_err(|_| Unread::NotUtf8)
}

/// Parses a text. Needs a deep stack: call it on a thread of the pool, or on one that is deep enough for a
/// short text.
pub(super) fn parse(sql: &str, lexing: Lexing) -> Result<ParseResult, Failure> {
    if !size::is_bounded(sql, !lexing.standard_conforming_strings) {
        return Err(Failure::Unread(Unread::TooLarge));
    }
    let options = options(lexing);
    match pg_query::parse(sql, options) {
        Ok(tree) => Ok(tree.protobuf),
        Err(pg_query::Error::Parse(message)) => Err(failure(sql, options, message)),
        Err(_) => Err(Failure::Unread(Unread::Failed)),
    }
}

fn options(lexing: Lexing) -> ParserOptions {
    let mut options = ParserOptions::DISABLE_ESCAPE_STRING_WARNING;
    if !lexing.standard_conforming_strings {
        options |= ParserOptions::DISABLE_STANDARD_CONFORMING_STRINGS;
    }
    options
}

/// Tells an error in the text from a parser that ran out of resources.
fn failure(sql: &str, options: ParserOptions, message: String) -> Failure {
    let spent = ["stack depth limit exceeded", "memory exhausted", "out of memory"];
    if spent.iter().any(|words| message.starts_with(words)) {
        return Failure::Unread(Unread::TooDeep);
    }
    let position = position::find(sql, options, &message);
    Failure::Syntax(SyntaxError { message: message.into(), position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_answer_and_the_pool_goes_on() {
        let pool = Pool::start(1).unwrap();
        assert_eq!(pool.run(|| 1).await, Some(1));
        let lost: Option<()> = pool.run(|| panic!("a planted panic")).await;
        assert_eq!(lost, None);
        assert_eq!(pool.run(|| 2).await, Some(2));
    }

    #[tokio::test]
    async fn threads_end_with_the_pool() {
        let alive = Arc::new(());
        let pool = Pool::start(3).unwrap();
        let held = Arc::clone(&alive);
        pool.run(move || drop(held)).await.unwrap();
        drop(pool);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn some_texts_are_not_parsed() {
        assert_eq!(readable(&vec![b' '; MAX_TEXT + 1]), Err(Unread::TooLong));
        assert!(readable(&vec![b' '; MAX_TEXT]).is_ok());
        assert_eq!(readable(b"SELECT 1\0; DELETE FROM t"), Err(Unread::Nul));
        assert_eq!(readable(b"SELECT E'\x83\x5c'"), Err(Unread::NotUtf8));
    }
}
