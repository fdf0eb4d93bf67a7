//! Queries and forms, read strictly: each name once, and only what has one reading. (WHATWG URL, section 5.)

use crate::domain::percent;
use crate::protocol::mcp::login::Fault;

/// The parameters, decoded, in their order. `resource` (RFC 8707) is dropped: issuers that need this login refuse it, and a token is for
/// this gateway whatever it says.
pub(super) struct Parameters(Vec<(String, String)>);

/// How many there may be.
const MOST: usize = 64;

impl Parameters {
    /// Reads them.
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

    /// The value of one; an empty one counts as none (RFC 6749, section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sets one.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// All of them.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

fn decoded(text: &[u8]) -> Result<String, Fault> {
    let wrong = || Fault::request("a parameter is not well encoded");
    let text = percent::decode_form(text).ok_or_else(wrong)?;
    // What ends or cuts a text for some readers.
    if text.chars().any(char::is_control) { Err(wrong()) } else { Ok(text) }
}
