//! Problems of a policy, with what is accepted instead.

/// One problem that prevents a policy from being compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {rule}: {key} = {value:?}: {problem}; {accepted}")]
pub struct PolicyProblem {
    /// The policy's id.
    pub rule: String,
    /// The key inside its table, such as `match.paths` or `approval.from`.
    pub key: String,
    /// The value that is refused; empty if something is missing.
    pub value: String,
    /// The problem.
    pub problem: String,
    /// The accepted values.
    pub accepted: String,
}

/// Why a written value is not a valid pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) problem: &'static str,
    pub(super) accepted: String,
}

impl Refusal {
    pub(super) fn new(problem: &'static str, accepted: impl Into<String>) -> Self {
        Self { problem, accepted: accepted.into() }
    }
}

/// Collects the problems of one policy.
pub(super) struct Findings<'a> {
    pub(super) rule: &'a str,
    pub(super) problems: &'a mut Vec<PolicyProblem>,
}

impl Findings<'_> {
    /// Adds a problem.
    pub(super) fn refuse(&mut self, key: &str, value: &str, refusal: Refusal) {
        self.problems.push(PolicyProblem {
            rule: self.rule.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
            problem: refusal.problem.to_owned(),
            accepted: refusal.accepted,
        });
    }

    /// Adds a problem whose texts are constant.
    pub(super) fn note(&mut self, key: &str, value: &str, problem: &'static str, accepted: &str) {
        self.refuse(key, value, Refusal::new(problem, accepted));
    }

    /// Returns the value, or adds the problem and returns `None`.
    pub(super) fn keep<T>(&mut self, key: &str, value: &str, read: Result<T, Refusal>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(refusal) => {
                self.refuse(key, value, refusal);
                None
            }
        }
    }
}
