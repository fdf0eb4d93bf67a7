//! What a rule says of a command, or of what is not known of one yet.

use crate::domain::Effect;
use crate::policy::answer::Answer;
use crate::policy::compile::Rule;
use crate::policy::condition::About;
use crate::policy::condition::Condition;
use crate::policy::facts::Facts;

/// What is assumed about conditions that cannot be asked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Nothing: all is known.
    Command,
    /// No command yet: whatever favours the rule.
    Opening,
    /// No body yet, and of a template of URIs not which one: what favours the rule.
    BodyFor,
    /// No body yet, and of a template of URIs not which one: what speaks against the rule.
    BodyAgainst,
}

impl View {
    /// The answer of a condition; `excuses`: it is one of `unless`, where what favours the rule is the opposite.
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
    /// What the rule says: `match` holds and `unless` does not.
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

    /// Whether an answer is enough: an allow must be sure.
    pub(super) fn suffices(&self, answer: Answer) -> bool {
        match self.effect {
            Effect::Allow => answer == Answer::Yes,
            Effect::Approve | Effect::Deny => answer >= Answer::Unsure,
        }
    }

    /// Whether it holds, as far as the view goes.
    pub(super) fn holds(&self, facts: &Facts<'_>, view: View) -> bool {
        self.suffices(self.seen(facts, view))
    }

    /// Whether, when it holds, it lets the command pass, and does not only hold it back.
    pub(super) fn grants(&self, facts: &Facts<'_>) -> bool {
        self.effect != Effect::Deny
            && self.covers.iter().all(|condition| condition.answer(facts) >= Answer::Unsure)
    }

    /// Whether it holds back what needs no policy of its own, too: it asks for methods, or, as a deny, nothing about the command.
    pub(super) fn concerns_handshakes(&self) -> bool {
        let mut own = self.conditions.iter().chain(&self.unless);
        own.clone().any(|condition| matches!(condition, Condition::Methods(_)))
            || (self.effect == Effect::Deny && own.all(|condition| condition.about() == About::Subject))
    }
}
