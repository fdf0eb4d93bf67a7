//! Identifiers: a prefix for their kind, and 26 characters that sort by time and cannot be guessed.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::RngCore;

/// Crockford's base 32 alphabet, in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in base 32.
const DIGITS: usize = 26;
/// The longest prefix with its underscore.
const LONGEST_PREFIX: usize = 8;

/// Combines 52 bits of microseconds since 1970 (enough until 2112) with 76 random bits.
fn time_ordered() -> u128 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let mut random = [0_u8; 16];
    rand::rng().fill_bytes(&mut random);
    (micros << 76) | (u128::from_be_bytes(random) >> 52)
}

/// Writes an id in one piece, so that a string is allocated once. `prefix` ends with an underscore.
fn write_id(prefix: &str, value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'0'; LONGEST_PREFIX + DIGITS];
    let (start, rest) = text.split_at_mut(prefix.len().min(LONGEST_PREFIX));
    start.copy_from_slice(prefix.as_bytes().get(..start.len()).unwrap_or_default());
    let mut left = value;
    for digit in rest.iter_mut().take(DIGITS).rev() {
        *digit = ALPHABET.get((left & 31) as usize).copied().unwrap_or(b'0');
        left >>= 5;
    }
    let written = text.get(..prefix.len() + DIGITS).unwrap_or_default();
    f.write_str(std::str::from_utf8(written).unwrap_or_default())
}

fn read_digits(text: &str) -> Option<u128> {
    if text.len() != DIGITS {
        return None;
    }
    text.bytes().enumerate().try_fold(0_u128, |value, (place, byte)| {
        let digit = ALPHABET.iter().position(|&known| known == byte)? as u128;
        // 26 digits hold 130 bits: the first may only use three of its five.
        (place > 0 || digit < 8).then_some((value << 5) | digit)
    })
}

/// Text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not an id of the form {prefix}_ followed by 26 characters")]
pub struct InvalidId {
    /// The text.
    pub found: String,
    /// The prefix that was expected, without the underscore.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The prefix of every id of this kind, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Creates a new id: later ones sort after earlier ones, and none can be guessed.
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            pub fn new() -> Self {
                Self(time_ordered())
            }

            /// Returns its 128 bits, for the gateway's own files.
            pub const fn to_bits(self) -> u128 {
                self.0
            }

            /// Creates the id with these bits.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const { assert!($prefix.len() < LONGEST_PREFIX) };
                write_id(concat!($prefix, "_"), self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_digits)
                    .map(Self)
                    .ok_or_else(|| InvalidId { found: text.chars().take(80).collect(), prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Names one session: one principal on one connection.
    SessionId,
    "ses"
);
id!(
    /// Names one held command, or the window an approval opened.
    ApprovalId,
    "apr"
);
id!(
    /// Names the grant of an approval.
    GrantId,
    "grt"
);
id!(
    /// Names one lock.
    LockId,
    "lck"
);
id!(
    /// Names one request of a client; it is in the reply, the log and the recording.
    RequestId,
    "req"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = SessionId::new();
        assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn ids_of_another_kind_or_length_are_refused() {
        let other = ApprovalId::new().to_string();
        for text in
            ["", "ses_", "ses_0", "ses_8zzzzzzzzzzzzzzzzzzzzzzzzz", "SES_00000000000000000000000000", &other]
        {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_later_id_sorts_after_an_earlier_one() {
        let first = RequestId::new();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(RequestId::new() > first && RequestId::new().to_string() > first.to_string());
    }
}
