//! Explains a verdict: each policy with the first of its conditions that failed.

use std::fmt;

use serde::Serialize;
use serde::Serializer;

use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::McpCommand;
use crate::domain::Verdict;
use crate::domain::text::Shown;
use crate::domain::units;
use crate::policy::answer::Answer;
use crate::policy::compile::Rule;
use crate::policy::condition::Condition;
use crate::policy::facts::Facts;
use crate::policy::set::PolicySet;
use crate::policy::set::Subject;
use crate::policy::sql::SqlSummary;

/// Explanation for an MCP message that needs no policy of its own.
pub const NEEDS_NO_POLICY: &str = "needs no policy of its own: it passes for everybody to whom the connection is open, unless a policy names its method";

/// A verdict with its reasons. `Display` is for a terminal: one line per policy, escaped. `Serialize` is for
/// programs: not escaped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The principal's id.
    pub principal: String,
    /// Name of the connection.
    pub connection: String,
    /// Method, path and query; the MCP method and what it names; or the beginning of the SQL text.
    pub command: String,
    /// The command's class.
    pub class: crate::domain::Class,
    /// Whether it is an MCP message that passes by the policies that open the connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_no_policy: bool,
    /// The effects of a SQL text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlSummary>,
    /// Every policy: denies, approves, allows, each by id.
    pub rules: Vec<RuleExplanation>,
    /// The combined verdict.
    #[serde(serialize_with = "serialize_verdict")]
    pub verdict: Verdict,
}

/// The result of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleExplanation {
    /// The policy's id.
    pub id: String,
    /// Where the policy was defined.
    pub origin: String,
    /// The policy's effect.
    pub effect: Effect,
    /// Whether it held.
    #[serde(flatten)]
    pub outcome: RuleOutcome,
}

/// Whether a policy held, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RuleOutcome {
    /// The policy held.
    Held {
        /// Conditions that held only because what they test is unknown, or can be read in two ways.
        unsure: Vec<FailedCondition>,
        /// Whether it holds the command without letting it pass on approval: an approve that does not cover
        /// all of the command.
        only_holds_back: bool,
    },
    /// One of its conditions failed.
    Failed {
        /// The first condition that failed.
        failed: FailedCondition,
    },
}

/// One condition that did not certainly hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedCondition {
    /// Its key: `match.groups`, `when`, `unless`.
    pub key: String,
    /// The expected value. For `unless`: the exception.
    pub wanted: String,
    /// The actual value. For `unless`: whether it holds.
    pub found: String,
    /// Whether the result is unknown, rather than certainly no.
    pub unsure: bool,
}

impl Explanation {
    pub(super) fn of(set: &PolicySet, subject: &Subject<'_>, command: &Command) -> Self {
        let facts = Facts::command(subject, command, set.names());
        let explain = |rule: &Rule| RuleExplanation {
            id: rule.id.to_string(),
            origin: set.rule(&rule.id).map_or_else(String::new, |written| written.origin.to_string()),
            effect: rule.effect,
            outcome: outcome(set, rule, &facts),
        };
        Self {
            principal: subject.principal.id.to_string(),
            connection: subject.connection.name.to_string(),
            command: command.summary(),
            class: command.class,
            needs_no_policy: command.mcp().is_some_and(McpCommand::needs_no_policy),
            sql: SqlSummary::of(command),
            rules: set.compiled().map(explain).collect(),
            verdict: set.decide(subject, command),
        }
    }

    /// Ids of the policies that held.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.rules
            .iter()
            .filter(|rule| matches!(rule.outcome, RuleOutcome::Held { .. }))
            .map(|rule| rule.id.as_str())
    }
}

fn outcome(set: &PolicySet, rule: &Rule, facts: &Facts<'_>) -> RuleOutcome {
    let mut doubts = Vec::new();
    for condition in &rule.conditions {
        let answer = condition.answer(facts);
        if answer == Answer::Yes {
            continue;
        }
        let found = describe(condition, facts, answer);
        if !rule.suffices(answer) {
            return RuleOutcome::Failed { failed: found };
        }
        doubts.push(found);
    }
    let excused = Answer::all(rule.unless.iter().map(|condition| condition.answer(facts)));
    if !rule.unless.is_empty() && excused != Answer::No {
        let unless = set.rule(&rule.id).and_then(|written| written.unless.as_ref());
        let failed = FailedCondition {
            key: "unless".to_owned(),
            wanted: unless.map_or_else(String::new, ToString::to_string),
            found: unless_found(rule, facts, excused),
            unsure: excused == Answer::Unsure,
        };
        if !rule.suffices(excused.not()) {
            return RuleOutcome::Failed { failed };
        }
        doubts.push(failed);
    }
    RuleOutcome::Held {
        unsure: doubts,
        only_holds_back: rule.effect == Effect::Approve && !rule.grants(facts),
    }
}

fn describe(condition: &Condition, facts: &Facts<'_>, answer: Answer) -> FailedCondition {
    let key = condition.key();
    FailedCondition {
        key: if key == "when" { key.to_owned() } else { format!("match.{key}") },
        wanted: condition.wanted(facts),
        found: condition.found(facts),
        unsure: answer == Answer::Unsure,
    }
}

fn unless_found(rule: &Rule, facts: &Facts<'_>, excused: Answer) -> String {
    if excused == Answer::Yes {
        return "it holds".to_owned();
    }
    let doubt = rule.unless.iter().find(|condition| condition.answer(facts) == Answer::Unsure);
    doubt.map_or_else(String::new, |condition| {
        format!("it may hold: {} is {}", condition.key(), condition.found(facts))
    })
}

fn serialize_verdict<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shape<'a> {
        effect: Effect,
        rule: Option<&'a str>,
        rules: Vec<&'a str>,
        approval: Option<&'a crate::domain::ApprovalSpec>,
        session_limit: Option<String>,
        message: Option<&'a str>,
        policy_rev: u64,
    }
    let shape = Shape {
        effect: verdict.effect,
        rule: verdict.rule.as_deref(),
        rules: verdict.rules.iter().map(AsRef::as_ref).collect(),
        approval: verdict.approval.as_deref(),
        session_limit: verdict.session_limit.map(units::format_duration),
        message: verdict.message.as_deref(),
        policy_rev: verdict.revision,
    };
    shape.serialize(serializer)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}: {} ({})",
            Shown(&self.principal),
            Shown(&self.connection),
            Shown(&self.command),
            self.class
        )?;
        if self.needs_no_policy {
            writeln!(f, "  {NEEDS_NO_POLICY}")?;
        }
        for (word, said) in self.sql.iter().flat_map(SqlSummary::lines) {
            writeln!(f, "  {word}: {}", Shown(&said))?;
        }
        let width = self.rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        for rule in &self.rules {
            rule.line(width, f)?;
        }
        write_verdict(&self.verdict, f)
    }
}

impl RuleExplanation {
    fn line(&self, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if matches!(self.outcome, RuleOutcome::Held { .. }) { '✓' } else { '✗' };
        write!(f, "{mark} {:<7} {:<width$}", self.effect.as_str(), Shown(&self.id).to_string())?;
        match &self.outcome {
            RuleOutcome::Held { unsure, only_holds_back } => {
                if *only_holds_back {
                    write!(
                        f,
                        "  holds back what another policy lets pass: what it matches is not all of the command"
                    )?;
                }
                for doubt in unsure {
                    write!(f, "  not sure, counts as held: {doubt}")?;
                }
            }
            RuleOutcome::Failed { failed } => write!(f, "  {failed}")?,
        }
        writeln!(f)
    }
}

impl fmt::Display for FailedCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wanted, found) = (Shown(&self.wanted), Shown(&self.found));
        if self.key == "unless" {
            write!(f, "unless {wanted}: {found}")
        } else {
            write!(f, "{} wants {wanted}, found {found}", Shown(&self.key))
        }
    }
}

fn write_verdict(verdict: &Verdict, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", verdict.effect)?;
    if verdict.rules.is_empty() {
        write!(f, ": no policy allows it")?;
    } else {
        write!(f, " by {}", Shown(&verdict.rules.join(", ")))?;
    }
    if let Some(spec) = &verdict.approval {
        let timeout = units::format_duration(std::time::Duration::from_secs(spec.timeout_s));
        write!(
            f,
            "; {} of {} within {timeout}, grant {}",
            spec.min,
            Shown(&spec.from.join(", ")),
            spec.grant
        )?;
    }
    if let Some(limit) = verdict.session_limit {
        write!(f, "; session at most {}", units::format_duration(limit))?;
    }
    if let Some(message) = &verdict.message {
        write!(f, "; {:?}", Shown(message).to_string())?;
    }
    writeln!(f)
}
