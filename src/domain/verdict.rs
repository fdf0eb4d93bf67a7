//! The verdict of all policies on one command.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::approval::ApprovalSpec;

/// The effect of one policy, or of all together. They are ordered: the strictest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may pass.
    Allow,
    /// It is held until a person decides.
    Approve,
    /// It is denied.
    Deny,
}

impl Effect {
    /// Returns the word for it in configuration, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    /// Returns the effect that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Allow, Self::Approve, Self::Deny].into_iter().find(|effect| effect.as_str() == word)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The verdict on one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its effect.
    pub effect: Effect,
    /// The policy that decided: the first by id among those with the winning effect. `None`: nothing matched,
    /// so it is denied.
    pub rule: Option<Arc<str>>,
    /// Every policy with the winning effect that matched, by id.
    pub rules: Vec<Arc<str>>,
    /// Who must approve, if the effect is [`Effect::Approve`].
    pub approval: Option<Arc<ApprovalSpec>>,
    /// The shortest `limits.session` of the matching allow and approve policies.
    pub session_limit: Option<Duration>,
    /// The deciding policy's message for the client.
    pub message: Option<Arc<str>>,
    /// The revision of the policies that decided.
    pub revision: u64,
}
