//! What the target still owes: one entry for each message that was sent to it, in order, so that each reply
//! is known for what it is.
//!
//! A reply that does not fit to the entry at the front means that gateway and target have lost each other:
//! nothing after it could be told apart, so the session ends (fail closed).

use std::collections::VecDeque;

use crate::domain::sql::Verb;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::names::Statement;
use crate::protocol::postgres::session::run::Run;

/// What one message makes the target answer.
pub(super) enum What {
    /// `BindComplete`.
    Bind {
        /// The portal.
        portal: Box<[u8]>,
        /// What runs in it; `None` when it was refused.
        run: Option<Run>,
        /// What the name stood for before.
        before: Option<Portal>,
    },
    /// `CloseComplete`.
    Close {
        /// Whether a portal is closed, not a statement.
        portal: bool,
        /// Its name.
        name: Box<[u8]>,
    },
    /// Of a portal: `RowDescription` or `NoData`.
    DescribePortal {
        /// What runs in it.
        run: Option<Run>,
        /// The client has not asked: what comes is not for it.
        injected: bool,
    },
    /// Of a statement: `ParameterDescription`, then `RowDescription` or `NoData`.
    DescribeStatement,
    /// Rows, then their end; or copying.
    Execute(Run),
    /// `FunctionCallResponse` and `ReadyForQuery`; it is always refused.
    FunctionCall,
    /// `ParseComplete`.
    Parse {
        /// The name of the statement.
        name: Box<[u8]>,
        /// What the name stood for before.
        before: Option<Statement>,
    },
    /// Everything, to `ReadyForQuery`.
    Query {
        /// What runs; `None` when it was refused.
        run: Option<Run>,
        /// Whether something of it is done.
        done: bool,
        /// Whether it has failed.
        failed: bool,
    },
    /// `ReadyForQuery`.
    Sync,
}

/// What one message makes the target answer, and what the client is told instead where the message was
/// refused.
pub(super) struct Owed {
    /// The message.
    pub(super) number: Number,
    /// What is to come.
    pub(super) what: What,
    /// What the client gets in place of the error.
    pub(super) refusal: Option<Refusal>,
}

/// All that is owed, the next one first.
#[derive(Default)]
pub(super) struct Queue {
    owed: VecDeque<Owed>,
    /// An error was answered, and the target passes over everything up to the next `Sync`, which has not been
    /// sent yet.
    skipping: bool,
    /// The client was told of an error that the target knows nothing of: what it answers up to the next
    /// `Sync` is not for the client.
    swallowing: bool,
}

impl Queue {
    /// The next one.
    pub(super) fn front(&mut self) -> Option<&mut Owed> {
        self.owed.front_mut()
    }

    /// Takes the next one.
    pub(super) fn pop(&mut self) -> Option<Owed> {
        self.owed.pop_front()
    }

    /// Nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// How much is owed.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// Whether the target passes over what is sent to it now, up to a `Sync`.
    pub(super) fn skips(&self) -> bool {
        self.skipping
    }

    /// From here on the client gets nothing up to the answer to a `Sync`, and nothing is sent up to one.
    pub(super) fn swallow(&mut self) {
        self.swallowing = true;
        self.skipping = !self.owed.iter().any(|owed| matches!(owed.what, What::Sync));
    }

    /// Whether what comes next is not for the client.
    pub(super) fn swallows(&mut self) -> bool {
        if matches!(self.owed.front().map(|owed| &owed.what), Some(What::Sync)) {
            self.swallowing = false;
        }
        self.swallowing
    }

    /// A message was sent.
    pub(super) fn push(&mut self, number: Number, what: What, refusal: Option<Refusal>) {
        if matches!(what, What::Sync) {
            self.skipping = false;
        }
        self.owed.push_back(Owed { number, what, refusal });
    }

    /// An extended message has failed: nothing up to the next `Sync` is answered. Gives what is not.
    pub(super) fn fail(&mut self) -> Vec<Owed> {
        let sync = self.owed.iter().position(|owed| matches!(owed.what, What::Sync));
        self.skipping = sync.is_none();
        self.owed.drain(..sync.unwrap_or(self.owed.len())).collect()
    }

    /// A copy in begins: each `Sync` that was sent right behind its command is passed over by the target,
    /// which takes data now.
    pub(super) fn copies_in(&mut self) {
        while matches!(self.owed.get(1).map(|owed| &owed.what), Some(What::Sync)) {
            self.owed.remove(1);
        }
    }

    /// Whether all messages up to this one are answered.
    pub(super) fn has_answered(&self, number: Number) -> bool {
        self.owed.front().is_none_or(|owed| owed.number > number)
    }

    /// Whether what was sent last is answered only after a `Flush` or `Sync`.
    pub(super) fn is_in_series(&self) -> bool {
        let ends = |owed: &Owed| matches!(owed.what, What::Sync | What::Query { .. } | What::FunctionCall);
        self.owed.back().is_some_and(|owed| !ends(owed))
    }

    /// Whether data that is copied in may be asked for.
    pub(super) fn may_copy_in(&self) -> bool {
        self.owed.iter().any(|owed| match &owed.what {
            What::Query { run: Some(run), failed: false, .. } | What::Execute(run) => {
                run.get().copies(Verb::CopyIn)
            }
            _ => false,
        })
    }

    /// Whether anything that may change something is answered before the next `Sync`.
    pub(super) fn changes_before_sync(&self) -> bool {
        let series = self.owed.iter().take_while(|owed| !matches!(owed.what, What::Sync));
        series
            .into_iter()
            .any(|owed| matches!(owed.what, What::Bind { .. } | What::Execute(_) | What::Query { .. }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::postgres::judge::Judgement;
    use crate::protocol::postgres::judge::Unread;
    use crate::protocol::postgres::session::names::Definition;

    fn shape(queue: &Queue) -> String {
        queue
            .owed
            .iter()
            .map(|owed| match owed.what {
                What::Bind { .. } => 'B',
                What::Close { .. } => 'C',
                What::DescribePortal { .. } | What::DescribeStatement => 'D',
                What::Execute(_) => 'E',
                What::FunctionCall => 'F',
                What::Parse { .. } => 'P',
                What::Query { .. } => 'Q',
                What::Sync => 'S',
            })
            .collect()
    }

    fn run() -> Run {
        let judgement = Arc::new(Judgement::Unread(Unread::Failed));
        Run::new(Definition::new(b"x", b"", judgement), Vec::new(), None)
    }

    fn queue(messages: &str) -> Queue {
        let mut queue = Queue::default();
        for (number, message) in (1..).zip(messages.chars()) {
            let what = match message {
                'B' => What::Bind { portal: Box::default(), run: None, before: None },
                'C' => What::Close { portal: false, name: Box::default() },
                'D' => What::DescribeStatement,
                'E' => What::Execute(run()),
                'P' => What::Parse { name: Box::default(), before: None },
                'Q' => What::Query { run: None, done: false, failed: false },
                _ => What::Sync,
            };
            queue.push(number, what, None);
        }
        queue
    }

    #[test]
    fn an_error_passes_over_everything_up_to_the_next_sync() {
        let mut all = queue("BDESPBES");
        assert_eq!(all.fail().len(), 3);
        assert_eq!(shape(&all), "SPBES");
        assert!(!all.skips());
        // A simple query before the next Sync is passed over too.
        let mut mixed = queue("BEQBE");
        mixed.fail();
        assert!(shape(&mixed).is_empty() && mixed.skips());
        mixed.push(9, What::Sync, None);
        assert!(!mixed.skips());
    }

    #[test]
    fn a_copy_in_makes_the_syncs_that_were_sent_with_it_void() {
        let mut all = queue("ES");
        all.copies_in();
        assert_eq!(shape(&all), "E");
        let mut simple = queue("QSQS");
        simple.copies_in();
        assert_eq!(shape(&simple), "QQS", "one that stands behind something else counts");
    }

    #[test]
    fn what_is_not_for_the_client_ends_with_the_next_sync() {
        let mut all = queue("BESBES");
        all.swallow();
        assert!(all.swallows());
        all.pop();
        all.pop();
        assert!(!all.swallows() && !all.skips());
        let mut open = queue("E");
        open.swallow();
        assert!(open.swallows() && open.skips());
    }
}
