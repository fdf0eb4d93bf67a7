//! What the conditions of one decision look at.

use std::cell::OnceCell;
use std::net::IpAddr;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Principal;
use crate::policy::answer::Answer;
use crate::policy::groups;
use crate::policy::groups::GroupNames;
use crate::policy::groups::GroupTest;
use crate::policy::groups::Membership;
use crate::policy::path::PathView;
use crate::policy::set::Subject;

/// A subject and, when there is one, its command, prepared once for all rules.
pub(super) struct Facts<'a> {
    pub(super) principal: &'a Principal,
    pub(super) connection: &'a Connection,
    pub(super) source: IpAddr,
    pub(super) now_ms: i64,
    pub(super) command: Option<CommandFacts<'a>>,
    names: &'a GroupNames,
    member: OnceCell<Membership>,
}

/// A command with its path taken apart.
pub(super) struct CommandFacts<'a> {
    pub(super) command: &'a Command,
    pub(super) path: PathView<'a>,
}

impl<'a> Facts<'a> {
    /// Who, where and when; no command yet.
    pub(super) fn opening(subject: &Subject<'a>, names: &'a GroupNames) -> Self {
        Self {
            principal: subject.principal,
            connection: subject.connection,
            source: subject.source,
            now_ms: subject.now_ms,
            command: None,
            names,
            member: OnceCell::new(),
        }
    }

    /// All of it.
    pub(super) fn command(subject: &Subject<'a>, command: &'a Command, names: &'a GroupNames) -> Self {
        let path = PathView::new(command.path());
        Self { command: Some(CommandFacts { command, path }), ..Self::opening(subject, names) }
    }

    /// Whether the principal is in one of the groups.
    pub(super) fn in_groups(&self, tests: &[GroupTest]) -> Answer {
        groups::answer(tests, &self.principal.groups, |groups| {
            self.member.get_or_init(|| self.names.membership(groups))
        })
    }
}
