//! The replies that the target still owes: one entry for each message sent to it, in order, so that each
//! reply can be matched to its message.
//!
//! A reply that does not fit the first entry means that gateway and target are out of step. Nothing after it
//! could be told apart, so the session ends (fail closed).

use std::collections::VecDeque;

use crate::domain::sql::Verb;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::names::Statement;
use crate::protocol::postgres::session::run::Run;

/// The reply that one message makes the target send.
pub(super) enum ReplyKind {
    /// `BindComplete`.
    Bind {
        /// The name of the portal.
        portal: Box<[u8]>,
        /// The command in the portal; `None` if the `Bind` was refused.
        run: Option<Run>,
        /// What the portal name stood for before.
        before: Option<Portal>,
    },
    /// `CloseComplete`.
    Close {
        /// Whether a portal is closed, and not a prepared statement.
        portal: bool,
        /// The name of the portal or prepared statement.
        name: Box<[u8]>,
    },
    /// The reply to a `Describe` of a portal: `RowDescription` or `NoData`.
    DescribePortal {
        /// The command in the portal.
        run: Option<Run>,
        /// Whether the gateway has asked, and not the client: then the reply is not for the client.
        injected: bool,
    },
    /// The reply to a `Describe` of a prepared statement: `ParameterDescription`, then `RowDescription` or
    /// `NoData`.
    DescribeStatement,
    /// Rows and their completion, or a copy.
    Execute(Run),
    /// `FunctionCallResponse` and `ReadyForQuery`; the message is always refused.
    FunctionCall,
    /// `ParseComplete`.
    Parse {
        /// The name of the prepared statement.
        name: Box<[u8]>,
        /// What the name stood for before.
        before: Option<Statement>,
    },
    /// Everything up to `ReadyForQuery`.
    Query {
        /// The command; `None` if it was refused.
        run: Option<Run>,
        /// Whether at least one statement has completed or failed.
        done: bool,
        /// Whether the client was told that it has failed.
        failed: bool,
    },
    /// `ReadyForQuery`.
    Sync,
}

/// A reply that is due, and what the client gets instead if the message was refused.
pub(super) struct PendingReply {
    /// The number of the message.
    pub(super) number: Number,
    /// The reply that is due.
    pub(super) kind: ReplyKind,
    /// The refusal that the client gets in place of the target's error.
    pub(super) refusal: Option<Refusal>,
}

/// The replies that are due, in order.
#[derive(Default)]
pub(super) struct PendingReplies {
    replies: VecDeque<PendingReply>,
    /// Whether the target has reported an error and skips everything up to the next `Sync`, which was not
    /// sent yet.
    skipping: bool,
    /// Whether the client was told of an error that the target does not know of: the replies up to the next
    /// `Sync` are not for the client.
    swallowing: bool,
}

impl PendingReplies {
    /// Returns the reply that is due next.
    pub(super) fn front(&mut self) -> Option<&mut PendingReply> {
        self.replies.front_mut()
    }

    /// Returns the kind of reply that is due next.
    pub(super) fn front_kind(&self) -> Option<&ReplyKind> {
        self.replies.front().map(|reply| &reply.kind)
    }

    /// Removes and returns the reply that is due next.
    pub(super) fn pop(&mut self) -> Option<PendingReply> {
        self.replies.pop_front()
    }

    /// Returns whether no reply is due.
    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Returns the number of replies that are due.
    pub(super) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Returns whether the target skips messages now, up to a `Sync`.
    pub(super) fn skips(&self) -> bool {
        self.skipping
    }

    /// Keeps all replies from the client up to the reply to the next `Sync`. If no `Sync` was sent yet,
    /// messages are dropped until one comes.
    pub(super) fn swallow(&mut self) {
        self.swallowing = true;
        self.skipping = !self.replies.iter().any(|reply| matches!(reply.kind, ReplyKind::Sync));
    }

    /// Returns whether the next reply is kept from the client.
    pub(super) fn swallows(&mut self) -> bool {
        if matches!(self.front_kind(), Some(ReplyKind::Sync)) {
            self.swallowing = false;
        }
        self.swallowing
    }

    /// Adds the reply to a message that was sent.
    pub(super) fn push(&mut self, number: Number, kind: ReplyKind, refusal: Option<Refusal>) {
        if matches!(kind, ReplyKind::Sync) {
            self.skipping = false;
        }
        self.replies.push_back(PendingReply { number, kind, refusal });
    }

    /// Notes that a message of the extended query protocol has failed. Removes and returns the replies up to
    /// the next `Sync`, which will not come.
    pub(super) fn fail(&mut self) -> Vec<PendingReply> {
        let sync = self.replies.iter().position(|reply| matches!(reply.kind, ReplyKind::Sync));
        self.skipping = sync.is_none();
        self.replies.drain(..sync.unwrap_or(self.replies.len())).collect()
    }

    /// Notes that a copy begins to take data: the target ignores each `Sync` that was sent right after the
    /// command.
    pub(super) fn copies_in(&mut self) {
        while matches!(self.replies.get(1).map(|reply| &reply.kind), Some(ReplyKind::Sync)) {
            self.replies.remove(1);
        }
    }

    /// Returns whether all messages up to this one are answered.
    pub(super) fn has_answered(&self, number: Number) -> bool {
        self.replies.front().is_none_or(|reply| reply.number > number)
    }

    /// Returns whether the target answers the last message only after a `Flush` or `Sync`.
    pub(super) fn is_in_series(&self) -> bool {
        let ends = |reply: &PendingReply| {
            matches!(reply.kind, ReplyKind::Sync | ReplyKind::Query { .. } | ReplyKind::FunctionCall)
        };
        self.replies.back().is_some_and(|reply| !ends(reply))
    }

    /// Returns whether the target may still ask for copy data.
    pub(super) fn may_copy_in(&self) -> bool {
        self.replies.iter().any(|reply| match &reply.kind {
            ReplyKind::Query { run: Some(run), failed: false, .. } | ReplyKind::Execute(run) => {
                run.get().copies(Verb::CopyIn)
            }
            _ => false,
        })
    }

    /// Returns whether a reply before the next `Sync` belongs to a message that may have changed something.
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
        // A simple query before the next Sync is skipped, too.
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
