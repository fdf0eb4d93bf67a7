//! What MCP needs besides single decisions: which tools, prompts and resources a caller may see, and what
//! passes without a policy of its own.

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::McpCommand;
use crate::domain::Verdict;
use crate::policy::compile::Rule;
use crate::policy::facts::Facts;
use crate::policy::set::PolicySet;
use crate::policy::set::Subject;
use crate::policy::set::Winners;
use crate::policy::view::View;

impl PolicySet {
    /// Returns whether some resource of a URI template (RFC 6570) may be read, at once or after approval. If
    /// not, the caller does not see the template.
    pub fn may_read_template(&self, subject: &Subject<'_>, template: &str) -> bool {
        let command = McpCommand::read_resource(template).into_command(Class::Read);
        self.could_pass(&Facts::template(subject, &command, self.names()))
    }

    /// Returns whether a command may pass with some arguments, at once or after approval. If not,
    /// [`Self::decide`] denies it with any arguments. A tool, prompt or resource for which no call could pass
    /// is hidden from the caller.
    pub fn may_pass(&self, subject: &Subject<'_>, command: &Command) -> bool {
        self.could_pass(&Facts::command(subject, command, self.names()))
    }

    fn could_pass(&self, facts: &Facts<'_>) -> bool {
        !self.denies.iter().any(|rule| rule.holds(facts, View::BodyAgainst))
            && self
                .approves
                .iter()
                .chain(&self.allows)
                .any(|rule| rule.holds(facts, View::BodyFor) && rule.grants(facts))
    }

    /// Decides a message that needs no policy of its own. Only policies that concern such messages can stop
    /// it. It passes by any policy that allows it, otherwise by those that open the connection.
    pub(super) fn decide_handshake(&self, subject: &Subject<'_>, facts: &Facts<'_>) -> Verdict {
        if let Some(verdict) = self.denied(facts, Rule::concerns_handshakes) {
            return verdict;
        }
        let granted = self.granted(facts);
        let mut held = self.approves.iter().filter(|rule| rule.concerns_handshakes());
        if granted.effect == Effect::Allow || held.any(|rule| rule.holds(facts, View::Command)) {
            return granted;
        }
        let mut winners = Winners::default();
        self.allows.iter().filter(|rule| rule.holds(facts, View::Command)).for_each(|rule| winners.add(rule));
        if winners.is_empty() {
            winners = self.opening(subject);
        }
        let effect = if winners.is_empty() { Effect::Deny } else { Effect::Allow };
        Verdict { message: None, ..self.verdict(effect, winners) }
    }
}
