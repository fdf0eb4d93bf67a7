//! Masking as it is written down: which values, and what takes their place.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::connection::Origin;

/// What `redact` writes, and what stands where a text is withheld.
pub const REDACTED: &str = "[REDACTED]";

/// What a detector finds by shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// An AWS access key id.
    AwsKey,
    /// A payment card number: brand, length and Luhn check digit hold.
    CreditCard,
    /// What a pattern of the user's own finds, by the name it has there.
    Custom(String),
    /// An e-mail address.
    EmailAddress,
    /// An international bank account number: country, length and mod 97 hold.
    Iban,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A JSON Web Token whose header decodes.
    Jwt,
    /// A PEM block.
    Pem,
    /// A US social security number with its dashes, none of the ranges that are never given out.
    UsSsn,
}

impl Entity {
    /// The detectors that are built in.
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

    /// The name in configuration, records and output.
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

    /// The built-in detector of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|entity| entity.as_str() == name)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What takes the place of a masked value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MaskOp {
    /// A keyed hash (HMAC-SHA-256 with a key of the connection, 16 hex digits): equal values stay equal.
    Hash,
    /// The first `n` characters stay, every other letter or digit becomes `*`.
    KeepFirst {
        /// How many stay. At most 6.
        n: u8,
    },
    /// The last `n` characters stay, every other letter or digit becomes `*`.
    KeepLast {
        /// How many stay. At most 4.
        n: u8,
    },
    /// JSON `null`; in text, nothing.
    Null,
    /// `[REDACTED]`.
    Redact,
    /// A text of the user's own.
    Replace {
        /// The text.
        with: String,
    },
}

/// One `[[mask]]`: where it holds, what it masks, what takes the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskRule {
    /// Its id.
    pub id: String,
    /// Where it was written down.
    pub origin: Origin,
    /// The connections it holds on; empty: all. Globs.
    pub connections: Vec<String>,
    /// The tags a connection must have, all of them.
    pub tags: BTreeMap<String, String>,
    /// Names of fields whose whole value is masked, at any depth: globs, case and `_-` folded.
    pub fields: Vec<String>,
    /// Shapes that are masked wherever they stand.
    pub entities: Vec<Entity>,
    /// Patterns of the user's own, by name: linear-time regular expressions.
    pub patterns: BTreeMap<String, String>,
    /// What takes the place.
    pub op: MaskOp,
}

impl MaskRule {
    /// What the rules mask and how, in their order, as a text that tells them from others: not where they were written down, which says
    /// nothing about it and is another line after an edit of a comment.
    pub fn told(rules: &[&Self]) -> String {
        let told = |rule: &&Self| {
            let Self { id, origin: _, connections: _, tags: _, fields, entities, patterns, op } = rule;
            format!("{:?}\n", (id, fields, entities, patterns, op))
        };
        rules.iter().map(told).collect()
    }
}
