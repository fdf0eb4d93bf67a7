//! What MCP needs beside single decisions: which tools, prompts and resources a caller is shown, and what passes without a policy of its own.

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
    /// Whether some resource of a URI template (RFC 6570) may be read, at once or when that is approved. If not, the caller is not
    /// shown it.
    pub fn may_read_template(&self, subject: &Subject<'_>, template: &str) -> bool {
        let command = McpCommand::read_resource(template).into_command(Class::Read);
        self.could_pass(&Facts::template(subject, &command, self.names()))
    }

    /// Whether a command may pass, at once or when it is approved, whatever its arguments are. What this denies, [`Self::decide`]
    /// denies with any arguments. A tool, prompt or resource that no call could pass for is not shown to the caller.
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

    /// The verdict about a message that needs no policy of its own: only rules that concern such messages hold it back, and it
    /// passes by any rule that allows it, else by those that open the connection.
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
