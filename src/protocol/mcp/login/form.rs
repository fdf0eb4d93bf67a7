//! Queries and forms, parsed strictly: each name once, and nothing ambiguous. (WHATWG URL, section 5.)

use crate::domain::percent;
use crate::protocol::mcp::login::Fault;

/// The decoded parameters, in order. `resource` (RFC 8707) is dropped: issuers that need this login refuse
/// it, and a token is for this gateway in any case.
pub(super) struct Parameters(Vec<(String, String)>);

/// The maximum number of parameters.
const MOST: usize = 64;

impl Parameters {
    /// Parses a query or form.
    pub(super) fn read(input: &[u8]) -> Result<Self, Fault> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in input.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if name == "resource" {
                continue;
            }
            if pairs.len() >= MOST || pairs.iter().any(|(known, _)| *known == name) {
                return Err(Fault::request("a parameter comes twice, or there are too many"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Returns the value of a parameter; an empty one counts as absent (RFC 6749, section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sets a parameter.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Returns all parameters.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

fn decoded(text: &[u8]) -> Result<String, Fault> {
    let wrong = || Fault::request("a parameter is not well encoded");
    let text = percent::decode_form(text).ok_or_else(wrong)?;
    // Control characters end or truncate a text for some readers.
    if text.chars().any(char::is_control) { Err(wrong()) } else { Ok(text) }
}
