//! The set of all policies, and the decision about one command.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::McpCommand;
use crate::domain::Principal;
use crate::domain::Verdict;
use crate::policy::answer::Answer;
use crate::policy::combine::Need;
use crate::policy::compile::Rule;
use crate::policy::explain::Explanation;
use crate::policy::facts::Facts;
use crate::policy::groups::GroupNames;
use crate::policy::problem::PolicyProblem;
use crate::policy::rule::Matcher;
use crate::policy::rule::PolicyRule;
use crate::policy::view::View;

/// Who sends a command, from where, and when.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The verified caller.
    pub principal: &'a Principal,
    /// The connection it uses.
    pub connection: &'a Connection,
    /// The client's address. IPv4 inside IPv6 counts as IPv4.
    pub source: IpAddr,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// One revision of all policies, compiled. Cheap to share behind an `Arc`; it never changes.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    revision: u64,
    /// As written, sorted by id.
    written: Vec<PolicyRule>,
    /// Compiled, sorted by id within each effect: deny, approve, allow.
    pub(super) denies: Vec<Rule>,
    pub(super) approves: Vec<Rule>,
    pub(super) allows: Vec<Rule>,
    reads_body: bool,
    asks_kin: bool,
    names: GroupNames,
}

/// The policies that decide so far, by id, and the first message that one of them has for the client.
#[derive(Debug, Default)]
pub(super) struct Winners {
    rules: Vec<Arc<str>>,
    message: Option<Arc<str>>,
}

impl Winners {
    pub(super) fn add(&mut self, rule: &Rule) {
        self.rules.push(Arc::clone(&rule.id));
        if self.message.is_none() {
            self.message.clone_from(&rule.message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl PolicySet {
    /// Checks and compiles policies, in any order.
    ///
    /// # Errors
    /// All problems of all policies, in their order.
    pub fn compile(rules: Vec<PolicyRule>, revision: u64) -> Result<Self, Vec<PolicyProblem>> {
        let mut problems = Vec::new();
        let mut compiled: Vec<Rule> = Vec::with_capacity(rules.len());
        for (place, rule) in rules.iter().enumerate() {
            compiled.push(Rule::compile(rule, &mut problems));
            if rules.iter().take(place).any(|other| other.id == rule.id) {
                problems.push(PolicyProblem {
                    rule: rule.id.clone(),
                    key: "id".to_owned(),
                    value: rule.id.clone(),
                    problem: "an id that another policy has".to_owned(),
                    accepted: "give each policy an id of its own".to_owned(),
                });
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut written = rules;
        written.sort_by(|left, right| left.id.cmp(&right.id));
        compiled.sort_by(|left, right| left.id.cmp(&right.id));
        let names = GroupNames::gather(
            compiled.iter_mut().flat_map(|rule| rule.conditions.iter_mut().chain(&mut rule.unless)),
        );
        let reads_body = compiled.iter().any(|rule| rule.reads_body);
        let asks_kin = compiled.iter().any(|rule| rule.asks_kin);
        let (denies, others): (Vec<_>, Vec<_>) =
            compiled.into_iter().partition(|rule| rule.effect == Effect::Deny);
        let (approves, allows) = others.into_iter().partition(|rule| rule.effect == Effect::Approve);
        Ok(Self { revision, written, denies, approves, allows, reads_body, asks_kin, names })
    }

    /// Returns the number of this revision, which increases with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the policies as written, sorted by id.
    pub fn rules(&self) -> &[PolicyRule] {
        &self.written
    }

    /// Returns the policy with this id, as written.
    pub fn rule(&self, id: &str) -> Option<&PolicyRule> {
        self.written.iter().find(|rule| rule.id == id)
    }

    /// Returns the compiled policies: denies, approves, allows, each by id.
    pub(super) fn compiled(&self) -> impl Iterator<Item = &Rule> {
        self.denies.iter().chain(&self.approves).chain(&self.allows)
    }

    /// Returns the groups that the policies name.
    pub(super) fn names(&self) -> &GroupNames {
        &self.names
    }

    /// Returns whether the connection is open to the subject: some allow or approve could hold for some
    /// command at this time. A deny does not close a connection: it refuses single commands with its own
    /// message.
    pub fn opens(&self, subject: &Subject<'_>) -> bool {
        let facts = Facts::opening(subject, &self.names);
        self.approves.iter().chain(&self.allows).any(|rule| rule.holds(&facts, View::Opening))
    }

    /// Returns whether some policy that could hold for the subject here has conditions on the columns that a
    /// SQL text names. The server's messages about whole rows would then reveal columns that were not tested.
    pub fn asks_columns(&self, subject: &Subject<'_>) -> bool {
        let facts = Facts::opening(subject, &self.names);
        let asks = |matcher: &Matcher| !matcher.columns.is_empty() || !matcher.columns_not.is_empty();
        let by_columns = |rule: &Rule| {
            self.rule(&rule.id)
                .is_some_and(|rule| asks(&rule.matches) || rule.unless.as_ref().is_some_and(asks))
        };
        self.compiled().any(|rule| by_columns(rule) && rule.holds(&facts, View::Opening))
    }

    /// Whether some rule that could hold for the subject here goes by what shares rows with the relations
    /// that a SQL text names: then the target's catalogue is to be asked before [`Self::decide`].
    pub fn asks_kin(&self, subject: &Subject<'_>) -> bool {
        if !self.asks_kin {
            return false;
        }
        let facts = Facts::opening(subject, &self.names);
        self.compiled().any(|rule| rule.asks_kin && rule.holds(&facts, View::Opening))
    }

    /// The rules that open the connection to the subject.
    pub(super) fn opening(&self, subject: &Subject<'_>) -> Winners {
        let facts = Facts::opening(subject, &self.names);
        let mut winners = Winners::default();
        let rules = self.approves.iter().chain(&self.allows);
        rules.filter(|rule| rule.holds(&facts, View::Opening)).for_each(|rule| winners.add(rule));
        winners
    }

    /// Returns whether the verdict may depend on the body, whatever the command's `args` are now. If so, the
    /// body must be read before [`Self::decide`].
    pub fn wants_args(&self, subject: &Subject<'_>, command: &Command) -> bool {
        if !self.reads_body {
            return false;
        }
        if command.mcp().is_some_and(McpCommand::needs_no_policy) {
            // An approve that holds is evaluated together with all others.
            return self
                .compiled()
                .filter(|rule| rule.concerns_handshakes())
                .any(|rule| rule.reads_body || rule.effect == Effect::Approve);
        }
        let facts = Facts::command(subject, command, &self.names);
        if self.denies.iter().any(|rule| rule.holds(&facts, View::BodyAgainst)) {
            return false;
        }
        self.compiled().any(|rule| {
            rule.reads_body && rule.holds(&facts, View::BodyFor) && !rule.holds(&facts, View::BodyAgainst)
        })
    }

    /// Decides one command. An MCP message that needs no policy of its own passes by the policies that open
    /// the connection. Allocates only the verdict, unless the path has escapes, parameters or capital
    /// letters, a policy tests the query, a name in a SQL text has capital letters, or the command is MCP.
    ///
    /// On deny, [`Verdict::rules`] names the denies that certainly hold, or if there are none those that
    /// might; or the approve policies that nobody could satisfy together. A deny has no session limit.
    pub fn decide(&self, subject: &Subject<'_>, command: &Command) -> Verdict {
        let facts = Facts::command(subject, command, &self.names);
        if command.mcp().is_some_and(McpCommand::needs_no_policy) {
            return self.decide_handshake(subject, &facts);
        }
        self.denied(&facts, |_rule| true).unwrap_or_else(|| self.granted(&facts))
    }

    /// Returns the deny verdict by those policies for which `counts` is true, if one holds.
    pub(super) fn denied(&self, facts: &Facts<'_>, counts: fn(&Rule) -> bool) -> Option<Verdict> {
        let mut winners = Winners::default();
        let mut unsure = false;
        for rule in self.denies.iter().filter(|rule| counts(rule)) {
            match rule.answer(facts) {
                Answer::Yes => winners.add(rule),
                Answer::Unsure => unsure = true,
                Answer::No => {}
            }
        }
        if winners.rules.is_empty() && unsure {
            self.denies
                .iter()
                .filter(|rule| counts(rule) && rule.holds(facts, View::Command))
                .for_each(|rule| winners.add(rule));
        }
        (!winners.rules.is_empty()).then(|| self.verdict(Effect::Deny, winners))
    }

    /// Returns the verdict of the allows and approves.
    pub(super) fn granted(&self, facts: &Facts<'_>) -> Verdict {
        let mut winners = Winners::default();
        let mut need = Need::Nothing;
        let mut granted = false;
        let mut limit: Option<Duration> = None;
        for rule in self.approves.iter().filter(|rule| rule.holds(facts, View::Command)) {
            winners.add(rule);
            granted |= rule.grants(facts);
            limit = shorter(limit, rule.session_limit);
            // A missing spec cannot be satisfied.
            need = rule.approval.as_ref().map_or(Need::Impossible, |spec| need.and(spec));
        }
        let held = !winners.rules.is_empty();
        for rule in self.allows.iter().filter(|rule| rule.holds(facts, View::Command)) {
            granted |= rule.grants(facts);
            limit = shorter(limit, rule.session_limit);
            if !held {
                winners.add(rule);
            }
        }
        if !granted {
            return self.verdict(Effect::Deny, Winners::default());
        }
        match need {
            Need::Nothing => Verdict { session_limit: limit, ..self.verdict(Effect::Allow, winners) },
            Need::Spec(spec) => Verdict {
                session_limit: limit,
                approval: Some(spec),
                ..self.verdict(Effect::Approve, winners)
            },
            Need::Impossible => {
                winners.message = Some(no_common_approver(&winners.rules));
                self.verdict(Effect::Deny, winners)
            }
        }
    }

    pub(super) fn verdict(&self, effect: Effect, winners: Winners) -> Verdict {
        Verdict {
            effect,
            rule: winners.rules.first().cloned(),
            rules: winners.rules,
            approval: None,
            session_limit: None,
            message: winners.message,
            revision: self.revision,
        }
    }

    /// Explains the verdict: each policy with the first condition that failed.
    pub fn explain(&self, subject: &Subject<'_>, command: &Command) -> Explanation {
        Explanation::of(self, subject, command)
    }
}

fn shorter(left: Option<Duration>, right: Option<Duration>) -> Option<Duration> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    }
}

fn no_common_approver(ids: &[Arc<str>]) -> Arc<str> {
    format!(
        "policies {} each want an approval, and no group of approvers is common to all of them",
        ids.join(", ")
    )
    .into()
}
