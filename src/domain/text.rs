//! Showing text that came from a client or a target: nothing in it reaches a terminal unescaped.

use std::fmt;
use std::fmt::Write;

/// Shows text with control, bidirectional, zero-width and other invisible characters as `\u{…}`. Line feeds are
/// escaped too; a caller that wants lines splits first.
pub struct Shown<'a>(pub &'a str);

/// Whether a character could move the cursor, reorder or hide its neighbours.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_deceptive(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// [`Shown`] for bytes: what is not UTF-8 appears as `\x..`.
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&Shown(chunk.valid()).to_string());
        for byte in chunk.invalid() {
            let _infallible = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_deceive_is_left() {
        let evil = "a\u{1b}[2J\u{202e}b\u{200b}\n\u{7}\u{9b}é";
        let shown = Shown(evil).to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}b\\u{200b}\\u{a}\\u{7}\\u{9b}é");
        assert!(!shown.chars().any(is_deceptive));
        assert_eq!(shown_bytes(b"a\xffb"), "a\\xffb");
    }
}
