//! One compiled condition of a policy: a key, its values, and its evaluation against the facts.

use std::sync::Arc;

use crate::domain::Command;
use crate::domain::Groups;
use crate::domain::HttpCommand;
use crate::domain::Kind;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::policy::answer::Answer;
use crate::policy::facts::CommandFacts;
use crate::policy::facts::Facts;
use crate::policy::glob::Glob;
use crate::policy::groups::GroupTest;
use crate::policy::mcp;
use crate::policy::mcp::McpTest;
use crate::policy::mcp::WordGlob;
use crate::policy::network::Network;
use crate::policy::operations::Operations;
use crate::policy::path::PathGlob;
use crate::policy::sql::SqlTest;
use crate::policy::value::ValueTest;
use crate::policy::window::Window;

/// A condition. The variants are in evaluation order: cheap ones that answer no most often come first.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Connections(Vec<Glob>),
    Protocols(Vec<Protocol>),
    Operations(Operations),
    Methods(Arc<[WordGlob]>),
    Kinds(Vec<Kind>),
    Issuers(Vec<Glob>),
    Tags(Vec<Tag>),
    Subjects(Vec<Glob>),
    Clients(Vec<Glob>),
    Groups(Vec<GroupTest>),
    SourceIps(Vec<Network>),
    Paths(Vec<PathGlob>),
    Mcp(McpTest),
    Claims(Vec<ValueTest>),
    When(Window),
    Args(Vec<ValueTest>),
    Sql(SqlTest),
}

/// One entry of a `tags` table: the value must match one of the globs.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) name: Box<str>,
    pub(super) values: Vec<Glob>,
}

/// The subject of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Who, where and when: known before there is a command.
    Subject,
    /// The command without its body.
    Command,
    /// The body of the command.
    Body,
}

impl Condition {
    /// Returns the key in the configuration.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Args(_) => "args",
            Self::Claims(_) => "claims",
            Self::Clients(_) => "clients",
            Self::Connections(_) => "connections",
            Self::Groups(_) => "groups",
            Self::Issuers(_) => "issuers",
            Self::Kinds(_) => "kinds",
            Self::Mcp(test) => test.key(),
            Self::Methods(_) => "methods",
            Self::Operations(_) => "operations",
            Self::Paths(_) => "paths",
            Self::Protocols(_) => "protocols",
            Self::SourceIps(_) => "source_ips",
            Self::Sql(test) => test.key(),
            Self::Subjects(_) => "subjects",
            Self::Tags(_) => "tags",
            Self::When(_) => "when",
        }
    }

    /// Returns what the condition tests.
    pub(super) fn about(&self) -> About {
        match self {
            Self::Args(_) => About::Body,
            Self::Mcp(_) | Self::Methods(_) | Self::Operations(_) | Self::Paths(_) | Self::Sql(_) => {
                About::Command
            }
            _ => About::Subject,
        }
    }

    /// Whether it goes by what shares rows with the relations that a SQL text names.
    pub(super) fn asks_kin(&self) -> bool {
        matches!(self, Self::Sql(test) if test.asks_kin())
    }

    /// Whether it never holds on a connection of that protocol.
    pub(super) fn is_foreign_to(&self, protocol: Protocol) -> bool {
        match self {
            Self::Mcp(_) => protocol != Protocol::Mcp,
            Self::Methods(_) => protocol == Protocol::Postgres,
            Self::Paths(_) => protocol != Protocol::Http,
            Self::Sql(_) => protocol != Protocol::Postgres,
            _ => false,
        }
    }

    /// Evaluates the condition.
    pub(super) fn answer(&self, facts: &Facts<'_>) -> Answer {
        let principal = facts.principal;
        match self {
            Self::Connections(globs) => one_of(globs, facts.connection.name.as_str()),
            Self::Protocols(protocols) => Answer::of(protocols.contains(&facts.connection.protocol)),
            Self::Kinds(kinds) => Answer::of(kinds.contains(&principal.kind)),
            Self::Issuers(globs) => one_of(globs, &principal.issuer),
            Self::Tags(tags) => Answer::all(tags.iter().map(|tag| tag.answer(facts))),
            Self::Subjects(globs) => one_of(globs, &principal.id),
            Self::Clients(globs) => match principal.client.as_deref() {
                Some(client) => one_of(globs, client),
                // `*` means everybody, including callers without a client id.
                None if globs.iter().any(Glob::is_any) => Answer::Yes,
                None => Answer::Unsure,
            },
            Self::Groups(tests) => facts.in_groups(tests),
            Self::SourceIps(networks) => {
                Answer::of(networks.iter().any(|network| network.contains(facts.source)))
            }
            Self::Claims(tests) => Answer::all(tests.iter().map(|test| test.of_claims(&principal.claims))),
            Self::When(window) => window.answer(facts.now_ms),
            Self::Operations(_)
            | Self::Mcp(_)
            | Self::Methods(_)
            | Self::Paths(_)
            | Self::Args(_)
            | Self::Sql(_) => match &facts.command {
                Some(command) => self.about_command(command),
                None => Answer::Unsure,
            },
        }
    }

    fn about_command(&self, facts: &CommandFacts<'_>) -> Answer {
        let command = facts.command;
        match self {
            Self::Operations(operations) => operations.answer(command),
            Self::Sql(test) => test.answer(command),
            Self::Mcp(test) => test.answer(facts),
            Self::Methods(globs) => mcp::of_method(globs, command),
            // A command without a path is below no path, not below all of them.
            Self::Paths(_) if command.http().is_none() => Answer::No,
            Self::Paths(globs) => Answer::any(globs.iter().map(|glob| glob.answer(&facts.path))),
            Self::Args(tests) => Answer::all(tests.iter().map(|test| test.of_args(facts.called()))),
            _ => Answer::Unsure,
        }
    }

    /// Returns the expected values, for display.
    pub(super) fn wanted(&self, facts: &Facts<'_>) -> String {
        match self {
            Self::Connections(globs)
            | Self::Issuers(globs)
            | Self::Subjects(globs)
            | Self::Clients(globs) => join(globs),
            Self::Groups(tests) => join(tests.iter().map(GroupTest::glob)),
            Self::Protocols(protocols) => join(protocols),
            Self::Operations(operations) => join(&operations.classes),
            Self::Sql(test) => test.wanted(),
            Self::Mcp(test) => test.wanted(),
            Self::Methods(globs) => join(globs.iter()),
            Self::Kinds(kinds) => join(kinds),
            Self::SourceIps(networks) => join(networks),
            Self::Paths(globs) => join(globs),
            Self::When(window) => window.to_string(),
            Self::Tags(_) | Self::Claims(_) | Self::Args(_) => match self.weakest(facts) {
                Some(Weakest::Tag(tag)) => format!("{} = {}", tag.name, join(&tag.values).replace(", ", "|")),
                Some(Weakest::Value(test)) => test.to_string(),
                None => String::new(),
            },
        }
    }

    /// Returns the actual value, for display.
    pub(super) fn found(&self, facts: &Facts<'_>) -> String {
        let principal = facts.principal;
        let command = facts.command.as_ref().map(|facts| facts.command);
        let of_command = |read: fn(&HttpCommand) -> String| match command {
            Some(command) => command.http().map_or_else(|| "no HTTP request".to_owned(), read),
            None => String::new(),
        };
        match self {
            Self::Connections(_) => facts.connection.name.to_string(),
            Self::Protocols(_) => facts.connection.protocol.to_string(),
            Self::Kinds(_) => principal.kind.to_string(),
            Self::Issuers(_) => principal.issuer.to_string(),
            Self::Subjects(_) => principal.id.to_string(),
            Self::Clients(_) => principal.client.as_deref().unwrap_or("the token names none").to_owned(),
            Self::Groups(_) => match &principal.groups {
                Groups::Unknown => "not known: the provider left them out".to_owned(),
                Groups::Known(groups) if groups.is_empty() => "none".to_owned(),
                Groups::Known(groups) => join(groups),
            },
            Self::SourceIps(_) => facts.source.to_canonical().to_string(),
            Self::When(window) => window.found(facts.now_ms),
            Self::Operations(_) => command.map_or_else(String::new, Operations::found),
            Self::Sql(test) => command.map_or_else(String::new, |command| test.found(command)),
            Self::Mcp(test) => command.map_or_else(String::new, |command| test.found(command)),
            Self::Methods(_) => match command.and_then(Command::mcp) {
                Some(mcp) => mcp.method.to_string(),
                None => of_command(|http| http.method.to_string()),
            },
            Self::Paths(_) => of_command(|http| http.path.to_string()),
            Self::Tags(_) | Self::Claims(_) | Self::Args(_) => {
                match (self.weakest(facts), self, &facts.command) {
                    (Some(Weakest::Tag(tag)), _, _) => {
                        let tags = &facts.connection.tags;
                        tags.get(&*tag.name).cloned().unwrap_or_else(|| format!("no tag {}", tag.name))
                    }
                    (Some(Weakest::Value(test)), Self::Claims(_), _) => {
                        test.found_in_claims(&principal.claims)
                    }
                    (Some(Weakest::Value(test)), _, Some(facts)) => found_in_args(test, facts),
                    _ => String::new(),
                }
            }
        }
    }

    /// Returns the entry that answers no most clearly.
    fn weakest(&self, facts: &Facts<'_>) -> Option<Weakest<'_>> {
        let claims = |test: &&ValueTest| test.of_claims(&facts.principal.claims);
        let args = |test: &&ValueTest| match &facts.command {
            Some(facts) => test.of_args(facts.called()),
            None => Answer::Unsure,
        };
        match self {
            Self::Tags(tags) => tags.iter().min_by_key(|tag| tag.answer(facts)).map(Weakest::Tag),
            Self::Claims(tests) => tests.iter().min_by_key(claims).map(Weakest::Value),
            Self::Args(tests) => tests.iter().min_by_key(args).map(Weakest::Value),
            _ => None,
        }
    }
}

enum Weakest<'a> {
    Tag(&'a Tag),
    Value(&'a ValueTest),
}

impl Tag {
    fn answer(&self, facts: &Facts<'_>) -> Answer {
        match facts.connection.tags.get(&*self.name) {
            Some(value) => one_of(&self.values, value),
            None => Answer::No,
        }
    }
}

fn one_of(globs: &[Glob], name: &str) -> Answer {
    Answer::of(globs.iter().any(|glob| glob.matches(name.as_bytes())))
}

/// Returns the values of a command's arguments, for display.
fn found_in_args(test: &ValueTest, facts: &CommandFacts<'_>) -> String {
    let of_mcp = facts.command.mcp().is_some();
    let called = facts.called();
    let text = match called.args() {
        Args::Absent if of_mcp => "no arguments",
        Args::NotRead if of_mcp => "the arguments were not read",
        Args::Unreadable if of_mcp => "the arguments cannot be read",
        Args::Absent if !called.has_query() => "no body",
        Args::NotRead => "the body was not read",
        Args::Unreadable => "the body cannot be read",
        Args::Absent | Args::Read(_) | Args::Form(_) => return test.found_in_args(called),
    };
    text.to_owned()
}

fn join<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}
