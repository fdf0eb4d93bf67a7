//! What all policies together say about one command.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::approval::ApprovalSpec;

/// What one policy, or all together, want. The strictest wins: they are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may pass.
    Allow,
    /// It is held until a person decides.
    Approve,
    /// It is blocked.
    Deny,
}

impl Effect {
    /// The word for it in configuration, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    /// The effect a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Allow, Self::Approve, Self::Deny].into_iter().find(|effect| effect.as_str() == word)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The decision about one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What happens to it.
    pub effect: Effect,
    /// The policy that decided: the first by id among those with the winning effect. `None`: nothing matched, so it is denied.
    pub rule: Option<Arc<str>>,
    /// Every policy with the winning effect that matched, by id.
    pub rules: Vec<Arc<str>>,
    /// Who must approve, when the effect is [`Effect::Approve`].
    pub approval: Option<Arc<ApprovalSpec>>,
    /// The shortest `limits.session` of the matching allow and approve policies.
    pub session_limit: Option<Duration>,
    /// The words of the deciding policy for the client.
    pub message: Option<Arc<str>>,
    /// The revision of the policies that decided.
    pub revision: u64,
}
