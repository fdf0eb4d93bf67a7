//! Evaluates a policy for a command, or for one of which parts are not known yet.

use crate::domain::Effect;
use crate::policy::answer::Answer;
use crate::policy::compile::Rule;
use crate::policy::condition::About;
use crate::policy::condition::Condition;
use crate::policy::facts::Facts;

/// What is assumed about conditions that cannot be evaluated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Nothing: everything is known.
    Command,
    /// There is no command yet: assumes what favours the policy.
    Opening,
    /// There is no body yet, and of a URI template the URI is unknown: assumes what favours the policy.
    BodyFor,
    /// There is no body yet, and of a URI template the URI is unknown: assumes what speaks against the
    /// policy.
    BodyAgainst,
}

impl View {
    /// Evaluates a condition. `excuses`: it is one of `unless`, for which the assumption is inverted.
    fn answer(self, condition: &Condition, facts: &Facts<'_>, excuses: bool) -> Answer {
        let assumed = |favours: bool| Answer::of(favours != excuses);
        match (self, condition.about()) {
            (Self::Opening, About::Command | About::Body) => {
                if condition.is_foreign_to(facts.connection.protocol) { Answer::No } else { assumed(true) }
            }
            (Self::BodyFor, About::Body) => assumed(true),
            (Self::BodyAgainst, About::Body) => assumed(false),
            _ => match (self, condition.answer(facts)) {
                (Self::BodyFor, Answer::Unsure) if is_about_a_template(condition, facts) => assumed(true),
                (Self::BodyAgainst, Answer::Unsure) if is_about_a_template(condition, facts) => {
                    assumed(false)
                }
                (_, answer) => answer,
            },
        }
    }
}

fn is_about_a_template(condition: &Condition, facts: &Facts<'_>) -> bool {
    condition.key() == "resources" && facts.is_template()
}

impl Rule {
    /// Evaluates the policy: `match` holds and `unless` does not.
    pub(super) fn answer(&self, facts: &Facts<'_>) -> Answer {
        self.seen(facts, View::Command)
    }

    fn seen(&self, facts: &Facts<'_>, view: View) -> Answer {
        let holds = Answer::all(self.conditions.iter().map(|condition| view.answer(condition, facts, false)));
        if holds == Answer::No || self.unless.is_empty() {
            return holds;
        }
        let excused = Answer::all(self.unless.iter().map(|condition| view.answer(condition, facts, true)));
        holds.min(excused.not())
    }

    /// Returns whether the policy holds with this answer: an allow needs a certain yes.
    pub(super) fn suffices(&self, answer: Answer) -> bool {
        match self.effect {
            Effect::Allow => answer == Answer::Yes,
            Effect::Approve | Effect::Deny => answer >= Answer::Unsure,
        }
    }

    /// Returns whether it holds in this view.
    pub(super) fn holds(&self, facts: &Facts<'_>, view: View) -> bool {
        self.suffices(self.seen(facts, view))
    }

    /// Returns whether the policy, if it holds, lets the command pass rather than only holding it.
    pub(super) fn grants(&self, facts: &Facts<'_>) -> bool {
        self.effect != Effect::Deny
            && self.covers.iter().all(|condition| condition.answer(facts) >= Answer::Unsure)
    }

    /// Returns whether it also stops messages that need no policy of their own: it has `methods`, or is a
    /// deny without conditions on the command.
    pub(super) fn concerns_handshakes(&self) -> bool {
        let mut own = self.conditions.iter().chain(&self.unless);
        own.clone().any(|condition| matches!(condition, Condition::Methods(_)))
            || (self.effect == Effect::Deny && own.all(|condition| condition.about() == About::Subject))
    }
}
