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

/// Which reply one message makes the target send.
pub(super) enum ReplyKind {
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

/// The reply that one message makes the target send, and what the client is told instead where it was
/// refused.
pub(super) struct PendingReply {
    /// The message.
    pub(super) number: Number,
    /// What is to come.
    pub(super) kind: ReplyKind,
    /// What the client gets in place of the error.
    pub(super) refusal: Option<Refusal>,
}

/// The replies that the target still owes, the next one first.
#[derive(Default)]
pub(super) struct PendingReplies {
    replies: VecDeque<PendingReply>,
    /// An error was answered, and the target passes over everything up to the next `Sync`, which has not been
    /// sent yet.
    skipping: bool,
    /// The client was told of an error that the target knows nothing of: what it answers up to the next
    /// `Sync` is not for the client.
    swallowing: bool,
}

impl PendingReplies {
    /// Returns the next one.
    pub(super) fn front(&mut self) -> Option<&mut PendingReply> {
        self.replies.front_mut()
    }

    /// Returns which reply is the next one.
    pub(super) fn front_kind(&self) -> Option<&ReplyKind> {
        self.replies.front().map(|reply| &reply.kind)
    }

    /// Takes the next one.
    pub(super) fn pop(&mut self) -> Option<PendingReply> {
        self.replies.pop_front()
    }

    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// How many replies are owed.
    pub(super) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether the target passes over what is sent to it now, up to a `Sync`.
    pub(super) fn skips(&self) -> bool {
        self.skipping
    }

    /// Keeps all replies from the client up to the answer to a `Sync`; nothing is sent up to one.
    pub(super) fn swallow(&mut self) {
        self.swallowing = true;
        self.skipping = !self.replies.iter().any(|reply| matches!(reply.kind, ReplyKind::Sync));
    }

    /// Whether what comes next is not for the client.
    pub(super) fn swallows(&mut self) -> bool {
        if matches!(self.front_kind(), Some(ReplyKind::Sync)) {
            self.swallowing = false;
        }
        self.swallowing
    }

    /// Notes a message that was sent.
    pub(super) fn push(&mut self, number: Number, kind: ReplyKind, refusal: Option<Refusal>) {
        if matches!(kind, ReplyKind::Sync) {
            self.skipping = false;
        }
        self.replies.push_back(PendingReply { number, kind, refusal });
    }

    /// An extended message has failed: nothing up to the next `Sync` is answered. Gives what is not.
    pub(super) fn fail(&mut self) -> Vec<PendingReply> {
        let sync = self.replies.iter().position(|reply| matches!(reply.kind, ReplyKind::Sync));
        self.skipping = sync.is_none();
        self.replies.drain(..sync.unwrap_or(self.replies.len())).collect()
    }

    /// A copy in begins: each `Sync` that was sent right behind its command is passed over by the target,
    /// which takes data now.
    pub(super) fn copies_in(&mut self) {
        while matches!(self.replies.get(1).map(|reply| &reply.kind), Some(ReplyKind::Sync)) {
            self.replies.remove(1);
        }
    }

    /// Whether all messages up to this one are answered.
    pub(super) fn has_answered(&self, number: Number) -> bool {
        self.replies.front().is_none_or(|reply| reply.number > number)
    }

    /// Whether what was sent last is answered only after a `Flush` or `Sync`.
    pub(super) fn is_in_series(&self) -> bool {
        let ends = |reply: &PendingReply| {
            matches!(reply.kind, ReplyKind::Sync | ReplyKind::Query { .. } | ReplyKind::FunctionCall)
        };
        self.replies.back().is_some_and(|reply| !ends(reply))
    }

    /// Whether data that is copied in may be asked for.
    pub(super) fn may_copy_in(&self) -> bool {
        self.replies.iter().any(|reply| match &reply.kind {
            ReplyKind::Query { run: Some(run), failed: false, .. } | ReplyKind::Execute(run) => {
                run.get().copies(Verb::CopyIn)
            }
            _ => false,
        })
    }

    /// Whether anything that may change something is answered before the next `Sync`.
    pub(super) fn changes_before_sync(&self) -> bool {
        let series = self.replies.iter().take_while(|reply| !matches!(reply.kind, ReplyKind::Sync));
        series.into_iter().any(|reply| {
            matches!(reply.kind, ReplyKind::Bind { .. } | ReplyKind::Execute(_) | ReplyKind::Query { .. })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::postgres::judge::Judgement;
    use crate::protocol::postgres::judge::Unread;
    use crate::protocol::postgres::session::names::Definition;

    fn shape(pending: &PendingReplies) -> String {
        pending
            .replies
            .iter()
            .map(|reply| match reply.kind {
                ReplyKind::Bind { .. } => 'B',
                ReplyKind::Close { .. } => 'C',
                ReplyKind::DescribePortal { .. } | ReplyKind::DescribeStatement => 'D',
                ReplyKind::Execute(_) => 'E',
                ReplyKind::FunctionCall => 'F',
                ReplyKind::Parse { .. } => 'P',
                ReplyKind::Query { .. } => 'Q',
                ReplyKind::Sync => 'S',
            })
            .collect()
    }

    fn run() -> Run {
        let judgement = Arc::new(Judgement::Unread(Unread::Failed));
        Run::new(Definition::new(b"x", b"", judgement), Vec::new(), None)
    }

    fn replies(messages: &str) -> PendingReplies {
        let mut pending = PendingReplies::default();
        for (number, message) in (1..).zip(messages.chars()) {
            let kind = match message {
                'B' => ReplyKind::Bind { portal: Box::default(), run: None, before: None },
                'C' => ReplyKind::Close { portal: false, name: Box::default() },
                'D' => ReplyKind::DescribeStatement,
                'E' => ReplyKind::Execute(run()),
                'P' => ReplyKind::Parse { name: Box::default(), before: None },
                'Q' => ReplyKind::Query { run: None, done: false, failed: false },
                _ => ReplyKind::Sync,
            };
            pending.push(number, kind, None);
        }
        pending
    }

    #[test]
    fn an_error_passes_over_everything_up_to_the_next_sync() {
        let mut all = replies("BDESPBES");
        assert_eq!(all.fail().len(), 3);
        assert_eq!(shape(&all), "SPBES");
        assert!(!all.skips());
        // A simple query before the next Sync is passed over too.
        let mut mixed = replies("BEQBE");
        mixed.fail();
        assert!(shape(&mixed).is_empty() && mixed.skips());
        mixed.push(9, ReplyKind::Sync, None);
        assert!(!mixed.skips());
    }

    #[test]
    fn a_copy_in_makes_the_syncs_that_were_sent_with_it_void() {
        let mut all = replies("ES");
        all.copies_in();
        assert_eq!(shape(&all), "E");
        let mut simple = replies("QSQS");
        simple.copies_in();
        assert_eq!(shape(&simple), "QQS", "one that stands behind something else counts");
    }

    #[test]
    fn what_is_not_for_the_client_ends_with_the_next_sync() {
        let mut all = replies("BESBES");
        all.swallow();
        assert!(all.swallows());
        all.pop();
        all.pop();
        assert!(!all.swallows() && !all.skips());
        let mut open = replies("E");
        open.swallow();
        assert!(open.swallows() && open.skips());
    }
}
