//! Strict parsing of the page's forms, and of the issuer's callback.

use std::collections::HashMap;

use crate::control::noun::approval::Decide;
use crate::domain::approval::Approval;
use crate::domain::approval::GrantScope;
use crate::domain::approval::Risk;
use crate::domain::percent;

/// Maximum length of a form in bytes: a reason of maximum length, with four bytes per character, each of them
/// escaped to three.
pub(super) const LONGEST: usize = 32 << 10;
/// Maximum length of a reason, in characters.
pub(super) const LONGEST_REASON: usize = 2000;

/// Fields by name; a repeated name makes the form invalid, so that there is only one reading.
pub(super) struct Fields(HashMap<String, String>);

impl Fields {
    /// Parses `application/x-www-form-urlencoded`.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut fields = HashMap::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let value = value.strip_prefix(b"=").unwrap_or_default();
            if fields.insert(percent::decode_form(name)?, percent::decode_form(value)?).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// Returns a field; empty if it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns whether there are no other fields than these.
    pub(super) fn are_among(&self, names: &[&str]) -> bool {
        self.0.keys().all(|name| names.contains(&name.as_str()))
    }
}

/// Returns the decision in a form about this approval.
///
/// # Errors
/// The problem, as a message for the person.
pub(super) fn decision(fields: &Fields, approval: &Approval) -> Result<Decide, &'static str> {
    if !fields.are_among(&["key", "digest", "decision", "reason", "connection"]) {
        return Err("the form is not one of this page");
    }
    let more = approval.spec.grant != GrantScope::Once;
    let (approve, grant) = match fields.get("decision") {
        "deny" => (false, None),
        "once" if more && approval.spec.min > 1 => {
            return Err("several people give together what the policy says, not less");
        }
        "once" => (true, more.then_some(GrantScope::Once)),
        "all" if more => (true, None),
        _ => return Err("the form says neither yes nor no"),
    };
    let digest = fields.get("digest");
    if digest.len() != 64 {
        return Err("the form does not say what was read");
    }
    if approve && approval.truncated {
        return Err("it is too long to be shown whole: it can be denied, not approved");
    }
    if approve && approval.risk() == Risk::High && fields.get("connection") != approval.connection.as_str() {
        return Err("its risk is high: type the name of the connection to approve it");
    }
    let reason = fields.get("reason").trim();
    if reason.chars().count() > LONGEST_REASON {
        return Err("the reason is longer than 2000 characters");
    }
    if approval.spec.reason && reason.is_empty() {
        return Err("its policy requires a reason");
    }
    Ok(Decide { approve, reason: reason.to_owned(), digest: Some(digest.to_owned()), grant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_one_reading() {
        let fields = Fields::read(b"a=1+2%2B%C3%A9&b=&c&").unwrap();
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c")), ("1 2+\u{e9}", "", ""));
        assert_eq!(fields.get("d"), "");
        assert!(fields.are_among(&["a", "b", "c"]) && !fields.are_among(&["a", "b"]));
        for text in ["a=1&a=2", "a=1&%61=2", "a=%", "a=%4", "a=%zz", "a=%ff", "a=%-1", "a=%+1"] {
            assert!(Fields::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
