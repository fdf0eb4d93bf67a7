//! The filter language: terms that must all match, `who:kim conn:billing -verdict:denied pods`.

use crate::domain::text::Shown;

/// One term.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// Whether the term must not match.
    not: bool,
    /// The field to match; `None` for any field.
    key: Option<&'static str>,
    value: String,
}

/// A parsed filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
    text: String,
}

impl Filter {
    /// Parses terms. Terms with a `:` name one of the `keys`.
    ///
    /// # Errors
    /// An unknown key, or a key without a value, as a message for users.
    pub fn parse(text: &str, keys: &[&'static str]) -> Result<Self, String> {
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (not, rest) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
            let (key, value) = match rest.split_once(':') {
                Some((name, value))
                    if name.bytes().all(|byte| byte.is_ascii_alphabetic()) && !name.is_empty() =>
                {
                    let known = keys.iter().find(|key| **key == name).copied();
                    let known = known.ok_or_else(|| {
                        format!("there is no {}: here; there are {}", Shown(name), keys.join(": ") + ":")
                    })?;
                    (Some(known), value)
                }
                _ => (None, rest),
            };
            if value.is_empty() {
                return Err(format!("{} wants a value behind it", Shown(word)));
            }
            terms.push(Term { not, key, value: value.to_lowercase() });
        }
        Ok(Self { terms, text: text.trim().to_owned() })
    }

    /// Returns whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns the text as typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether an item with these fields, given as key and value, passes. Matching ignores case and
    /// accepts any substring.
    pub fn passes(&self, fields: &[(&str, &str)]) -> bool {
        self.terms.iter().all(|term| {
            let fits = fields
                .iter()
                .filter(|(key, _)| term.key.is_none_or(|wanted| wanted == *key))
                .any(|(_, value)| value.to_lowercase().contains(&term.value));
            fits != term.not
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 3] = ["who", "conn", "risk"];

    #[test]
    fn words_join_by_and_and_a_minus_turns_one_round() {
        let fields = [("who", "Kim Lee"), ("conn", "billing"), ("risk", "high"), ("", "POST /refunds")];
        for (text, passes) in [
            ("", true),
            ("kim", true),
            ("who:kim", true),
            ("conn:kim", false),
            ("who:KIM conn:bill", true),
            ("who:kim conn:crm", false),
            ("-conn:crm refunds", true),
            ("-refunds", false),
            ("/refunds", true),
            ("-risk:high", false),
        ] {
            assert_eq!(Filter::parse(text, &KEYS).unwrap().passes(&fields), passes, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let error = |text| Filter::parse(text, &KEYS).unwrap_err();
        assert_eq!(error("whom:kim"), "there is no whom: here; there are who: conn: risk:");
        assert_eq!(error("who:"), "who: wants a value behind it");
        assert_eq!(error("-"), "- wants a value behind it");
        // A prefix before the colon that is not a word is text.
        assert!(Filter::parse("10.0.0.1:80 https://x", &KEYS).is_err());
        assert!(Filter::parse("10.0.0.1:80", &KEYS).is_ok());
    }
}
