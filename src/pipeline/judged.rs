//! Judging: a command and everything that it executes, with the one verdict for it.

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::Verdict;
use crate::pipeline::enter::Exchange;
use crate::policy::PolicySet;
use crate::policy::Subject;

/// A command with its verdict.
#[derive(Debug)]
pub struct Judged {
    /// The command.
    pub command: Command,
    /// The prepared statements and cursors that this command executes by name.
    pub(super) also: Vec<Command>,
    pub(super) verdict: Verdict,
}

impl Judged {
    /// Returns whether the command passes without approval.
    pub fn passes(&self) -> bool {
        self.verdict.effect == Effect::Allow
    }

    /// Returns whether the command is denied.
    pub fn is_denied(&self) -> bool {
        self.verdict.effect == Effect::Deny
    }

    /// Returns the class of the command, or of anything it executes, whichever is worse.
    pub fn class(&self) -> Class {
        self.also.iter().map(|command| command.class).fold(self.command.class, Class::max)
    }

    /// Returns the ids of the policies behind the verdict, separated by commas.
    pub fn rules(&self) -> String {
        self.verdict.rules.join(",")
    }

    /// Returns whether the command must be held for approval. Its exact bytes are then needed to admit it.
    pub fn holds(&self) -> bool {
        self.verdict.effect == Effect::Approve
    }
}

impl Exchange {
    /// Returns whether some policy needs the arguments to judge this command.
    pub fn wants_args(&self, command: &Command) -> bool {
        self.snapshot.policies().wants_args(&self.subject(), command)
    }

    /// Judges a command by the policies.
    pub fn judge(&self, command: Command) -> Judged {
        self.judge_with(command, Vec::new())
    }

    /// Judges a command together with the earlier commands that it executes. The strictest verdict counts.
    pub fn judge_with(&self, command: Command, also: Vec<Command>) -> Judged {
        let verdict = strictest(self.snapshot.policies(), &self.subject(), &command, &also);
        Judged { command, also, verdict }
    }
}

/// Returns the strictest verdict for the command and everything it executes. Two that need different
/// approvers are denied: one approval cannot satisfy both.
pub(super) fn strictest(
    policies: &PolicySet,
    subject: &Subject<'_>,
    command: &Command,
    also: &[Command],
) -> Verdict {
    let mut strictest = policies.decide(subject, command);
    for command in also {
        let verdict = policies.decide(subject, command);
        let both = verdict.effect == Effect::Approve && strictest.effect == Effect::Approve;
        if both && verdict.rules != strictest.rules {
            let message = "the prepared statement needs approval by other approvers than this command; run its SQL directly instead";
            return Verdict { effect: Effect::Deny, message: Some(message.into()), ..verdict };
        }
        if verdict.effect > strictest.effect {
            strictest = verdict;
        }
    }
    strictest
}

/// Returns the verdict for a refusal that no policy decided.
pub(super) fn unjudged(revision: u64) -> Verdict {
    Verdict {
        effect: Effect::Deny,
        rule: None,
        rules: Vec::new(),
        approval: None,
        session_limit: None,
        message: None,
        revision,
    }
}

/// Returns the refusal of a command by its verdict.
pub(super) fn blocked(verdict: &Verdict) -> Denied {
    let detail = match (&verdict.message, &verdict.rule) {
        (Some(message), _) => message.to_string(),
        (None, Some(rule)) => format!("policy {rule} blocks this"),
        (None, None) => "no policy allows this".to_owned(),
    };
    Denied::new(DenyCode::Denied, detail).of_rule(verdict.rule.clone())
}
