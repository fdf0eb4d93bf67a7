//! The facts that the conditions of one decision are evaluated against.

use std::cell::OnceCell;
use std::net::IpAddr;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Principal;
use crate::domain::form::Form;
use crate::policy::answer::Answer;
use crate::policy::groups;
use crate::policy::groups::GroupNames;
use crate::policy::groups::GroupTest;
use crate::policy::groups::Membership;
use crate::policy::mcp::resource::ResourceView;
use crate::policy::path::PathView;
use crate::policy::set::Subject;
use crate::policy::value::Called;

/// A subject and, if there is one, its command, prepared once for all policies.
pub(super) struct Facts<'a> {
    pub(super) principal: &'a Principal,
    pub(super) connection: &'a Connection,
    pub(super) source: IpAddr,
    pub(super) now_ms: i64,
    pub(super) command: Option<CommandFacts<'a>>,
    names: &'a GroupNames,
    member: OnceCell<Membership>,
}

/// A command with its path, or the URI that it names, parsed.
pub(super) struct CommandFacts<'a> {
    pub(super) command: &'a Command,
    pub(super) path: PathView<'a>,
    pub(super) resource: Option<ResourceView>,
    called: OnceCell<Called<'a>>,
}

impl<'a> CommandFacts<'a> {
    /// Returns its arguments and the parameters of its query.
    pub(super) fn called(&self) -> &Called<'a> {
        self.called.get_or_init(|| {
            let query = self.command.http().map(|http| Form::of_query(&http.query)).unwrap_or_default();
            Called::new(self.command.args(), &query)
        })
    }
}

impl<'a> Facts<'a> {
    /// Facts about who, where and when, without a command.
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

    /// Facts with a command.
    pub(super) fn command(subject: &Subject<'a>, command: &'a Command, names: &'a GroupNames) -> Self {
        Self::prepared(subject, command, names, ResourceView::uri)
    }

    /// Facts with a command whose resource is a URI template.
    pub(super) fn template(subject: &Subject<'a>, command: &'a Command, names: &'a GroupNames) -> Self {
        Self::prepared(subject, command, names, ResourceView::template)
    }

    fn prepared(
        subject: &Subject<'a>,
        command: &'a Command,
        names: &'a GroupNames,
        view: fn(&str) -> ResourceView,
    ) -> Self {
        let path = PathView::new(command.path());
        let resource = command.mcp().and_then(|mcp| mcp.resource.as_deref()).map(view);
        let called = OnceCell::new();
        Self {
            command: Some(CommandFacts { command, path, resource, called }),
            ..Self::opening(subject, names)
        }
    }

    /// Returns whether the command's resource is a URI template.
    pub(super) fn is_template(&self) -> bool {
        let resource = self.command.as_ref().and_then(|facts| facts.resource.as_ref());
        resource.is_some_and(ResourceView::is_template)
    }

    /// Returns whether the principal is in one of the groups.
    pub(super) fn in_groups(&self, tests: &[GroupTest]) -> Answer {
        groups::answer(tests, &self.principal.groups, |groups| {
            self.member.get_or_init(|| self.names.membership(groups))
        })
    }
}
