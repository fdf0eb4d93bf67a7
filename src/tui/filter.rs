//! The language of filters: words that must all fit, `who:kim conn:billing -verdict:denied pods`.

use crate::domain::text::Shown;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// What it must not fit.
    not: bool,
    /// The field that it is about; any when `None`.
    key: Option<&'static str>,
    value: String,
}

/// What is shown of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
    text: String,
}

impl Filter {
    /// Reads words, of which those with a `:` name one of the `keys`.
    ///
    /// # Errors
    /// A key that is none, or one without a value, in words for people.
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

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a thing with these fields, each with its key, passes. Case does not count; a value fits where it is a part.
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
        // What is no word before the colon is text.
        assert!(Filter::parse("10.0.0.1:80 https://x", &KEYS).is_err());
        assert!(Filter::parse("10.0.0.1:80", &KEYS).is_ok());
    }
}
