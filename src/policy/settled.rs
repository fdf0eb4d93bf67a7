//! Decides a command that is only partly known, such as a recorded one: returns a verdict only if the unknown
//! part cannot change it.

use crate::domain::Command;
use crate::domain::McpCommand;
use crate::domain::Verdict;
use crate::policy::answer::Answer;
use crate::policy::compile::Rule;
use crate::policy::condition::About;
use crate::policy::condition::Condition;
use crate::policy::facts::Facts;
use crate::policy::set::PolicySet;
use crate::policy::set::Subject;

/// The unknown parts of a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The arguments are unknown.
    pub args: bool,
    /// The claims of the token are unknown.
    pub claims: bool,
}

/// Why there is no certain verdict: a policy tests something unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The policy's id.
    pub rule: String,
    /// The key of the condition: `args` or `claims`.
    pub key: &'static str,
}

/// What is assumed about conditions that cannot be evaluated.
#[derive(Clone, Copy)]
struct Assumed {
    unknown: Unknown,
    favours: bool,
    /// Conditions on the command are assumed in favour of the policy, if its connection can meet them.
    opening: bool,
}

impl Unknown {
    fn hides(self, condition: &Condition) -> bool {
        match condition.key() {
            "args" => self.args,
            "claims" => self.claims,
            _ => false,
        }
    }
}

impl Assumed {
    fn answer(self, condition: &Condition, facts: &Facts<'_>, excuses: bool) -> Answer {
        if self.opening && condition.about() != About::Subject {
            return Answer::of(!condition.is_foreign_to(facts.connection.protocol) && !excuses);
        }
        if self.unknown.hides(condition) {
            return Answer::of(self.favours != excuses);
        }
        condition.answer(facts)
    }

    fn holds(self, rule: &Rule, facts: &Facts<'_>) -> bool {
        let all = |conditions: &[Condition], excuses| {
            Answer::all(conditions.iter().map(|condition| self.answer(condition, facts, excuses)))
        };
        let holds = all(&rule.conditions, false);
        if holds == Answer::No || rule.unless.is_empty() {
            return rule.suffices(holds);
        }
        rule.suffices(holds.min(all(&rule.unless, true).not()))
    }
}

impl PolicySet {
    /// Returns the verdict of [`PolicySet::decide`] if it is the same whatever the unknown values are.
    ///
    /// # Errors
    /// A policy tests something unknown, and the verdict may depend on it.
    pub fn settled(
        &self,
        subject: &Subject<'_>,
        command: &Command,
        unknown: Unknown,
    ) -> Result<Verdict, Unsettled> {
        let verdict = self.decide(subject, command);
        let facts = Facts::command(subject, command, self.names());
        let handshake = command.mcp().is_some_and(McpCommand::needs_no_policy);
        let may = |favours, opening, rule: &Rule| Assumed { unknown, favours, opening }.holds(rule, &facts);
        let surely_denied =
            |rule: &Rule| (!handshake || rule.concerns_handshakes()) && may(false, false, rule);
        if self.denies.iter().any(surely_denied) {
            return Ok(verdict);
        }
        let flips = |opening, rule: &Rule| may(true, opening, rule) != may(false, opening, rule);
        let unsettled = |rule: &Rule| {
            let mut own = rule.conditions.iter().chain(&rule.unless);
            let key = own.find(|condition| unknown.hides(condition)).map_or("", Condition::key);
            Err(Unsettled { rule: rule.id.to_string(), key })
        };
        let holding_back = self.denies.iter().chain(&self.approves);
        let mut asked = holding_back.filter(|rule| !handshake || rule.concerns_handshakes());
        if let Some(rule) = asked.find(|rule| flips(false, rule)) {
            return unsettled(rule);
        }
        // One allow that certainly holds is enough for the verdict, but every allow that holds limits the
        // session.
        let (opening, letting_pass): (bool, Vec<&Rule>) = if handshake {
            (true, self.approves.iter().chain(&self.allows).collect())
        } else {
            (false, self.allows.iter().collect())
        };
        let passes = letting_pass.iter().any(|rule| may(false, opening, rule))
            || (self.approves.iter()).any(|rule| may(false, false, rule) && rule.grants(&facts));
        match letting_pass.iter().find(|rule| flips(opening, rule)) {
            Some(rule) if !passes => unsettled(rule),
            _ => {
                match letting_pass.iter().find(|rule| rule.session_limit.is_some() && flips(opening, rule)) {
                    Some(rule) => unsettled(rule),
                    None => Ok(verdict),
                }
            }
        }
    }

    /// Returns the policies that hold for a command, by id within each effect: denies, approves, allows. Like
    /// [`PolicySet::explain`], without reasons.
    pub fn holding(&self, subject: &Subject<'_>, command: &Command) -> Vec<String> {
        let facts = Facts::command(subject, command, self.names());
        let holds = |rule: &&Rule| rule.suffices(rule.answer(&facts));
        self.compiled().filter(holds).map(|rule| rule.id.to_string()).collect()
    }
}
