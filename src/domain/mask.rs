//! Mask rules as they are configured: which values are masked, and by what they are replaced.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::connection::Origin;

/// The text that `redact` writes, and that replaces withheld text.
pub const REDACTED: &str = "[REDACTED]";

/// What a detector recognizes by its form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// An AWS access key id.
    AwsKey,
    /// A payment card number with a valid brand, length and Luhn check digit.
    CreditCard,
    /// A match of a user-defined pattern, by the pattern's name.
    Custom(String),
    /// An e-mail address.
    EmailAddress,
    /// An international bank account number with a valid country, length and mod 97 check.
    Iban,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A JSON Web Token whose header decodes.
    Jwt,
    /// A PEM block.
    Pem,
    /// A US social security number with dashes, outside of the ranges that are never assigned.
    UsSsn,
}

impl Entity {
    /// The built-in detectors.
    pub const BUILT_IN: [Self; 8] = [
        Self::AwsKey,
        Self::CreditCard,
        Self::EmailAddress,
        Self::Iban,
        Self::IpAddress,
        Self::Jwt,
        Self::Pem,
        Self::UsSsn,
    ];

    /// Returns the name in configuration, records and output.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AwsKey => "AWS_KEY",
            Self::CreditCard => "CREDIT_CARD",
            Self::Custom(name) => name,
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::Iban => "IBAN",
            Self::IpAddress => "IP_ADDRESS",
            Self::Jwt => "JWT",
            Self::Pem => "PEM",
            Self::UsSsn => "US_SSN",
        }
    }

    /// Returns the built-in detector with that name.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|entity| entity.as_str() == name)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The replacement of a masked value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MaskOp {
    /// A keyed hash (HMAC-SHA-256 with a key of the connection, 16 hex digits): equal values stay equal.
    Hash,
    /// The first `n` characters stay, every other letter or digit becomes `*`.
    KeepFirst {
        /// The number of characters. At most 6.
        n: u8,
    },
    /// The last `n` characters stay, every other letter or digit becomes `*`.
    KeepLast {
        /// The number of characters. At most 4.
        n: u8,
    },
    /// JSON `null`; in text, nothing.
    Null,
    /// `[REDACTED]`.
    Redact,
    /// A user-defined text.
    Replace {
        /// The text.
        with: String,
    },
}

/// Where a SQL text may name a masked column, beside the plain columns of what it selects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predicates {
    /// Anywhere: which rows come back may tell what is in it.
    #[default]
    Allow,
    /// In a condition that compares it with whole values for equality.
    Equality,
    /// Nowhere.
    Deny,
}

impl Predicates {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Equality, Self::Deny];

    /// The word in configuration and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Equality => "equality",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Predicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One `[[mask]]`: where it holds, what it masks, what takes the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskRule {
    /// Its id.
    pub id: String,
    /// Where it is defined.
    pub origin: Origin,
    /// The connections it applies to; empty: all. Globs.
    pub connections: Vec<String>,
    /// The tags a connection must have, all of them.
    pub tags: BTreeMap<String, String>,
    /// Names of fields whose whole value is masked, at any depth: globs, ignoring case, `_` and `-`.
    pub fields: Vec<String>,
    /// The detectors whose matches are masked anywhere.
    pub entities: Vec<Entity>,
    /// User-defined patterns by name: linear-time regular expressions.
    pub patterns: BTreeMap<String, String>,
    /// The replacement.
    pub op: MaskOp,
    /// Where a SQL text may name a column that `fields` mask. Nothing else asks for it.
    pub predicates: Predicates,
}

impl MaskRule {
    /// Returns a text that identifies what the rules mask and how, in order. It leaves out where they are
    /// defined, which is a matter of line numbers that even edits of comments change.
    pub fn told(rules: &[&Self]) -> String {
        let told = |rule: &&Self| {
            let Self { id, origin: _, connections: _, tags: _, fields, entities, patterns, op, predicates } =
                rule;
            format!("{:?}\n", (id, fields, entities, patterns, op, predicates))
        };
        rules.iter().map(told).collect()
    }
}
