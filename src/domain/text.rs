//! Escapes text from clients and targets, so that nothing in it reaches a terminal unescaped.

use std::fmt;
use std::fmt::Write;

/// Shows text with control, bidirectional, zero-width and other invisible characters as `\u{…}`. Line feeds
/// are escaped too; a caller that wants lines splits first.
pub struct Shown<'a>(pub &'a str);

/// Returns whether a character could move the cursor, or reorder or hide its neighbours.
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || is_ignorable(c) || matches!(c, '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns whether a character is a `Default_Ignorable_Code_Point` of Unicode: most screens show nothing.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the beginning of `text`, at most `most` bytes, in whole characters.
pub fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// A character of full width as the one of ASCII that it is to readers that normalize.
pub fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        c => c,
    }
}

/// A name without what people and lenient servers pass over: case, width, space and characters that are not
/// seen.
pub fn fold_name(name: &str) -> String {
    let seen = |c: &char| !c.is_whitespace() && !is_deceptive(*c);
    name.chars().filter(seen).map(narrow).flat_map(char::to_lowercase).collect()
}

/// The characters of a text that people do not see but models read: [`is_deceptive`] ones. Line feeds,
/// carriage returns and tabs are none where a text has `lines`. An emoji may have one variation selector
/// behind it, and be joined with the next by U+200D.
pub fn hidden_characters(text: &str, lines: bool) -> Vec<char> {
    let pictured = |c: Option<char>| {
        c.is_some_and(|c| {
            matches!(c, '#' | '*' | '0'..='9' | '©' | '®' | '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}')
                && !is_deceptive(c)
        })
    };
    let mut found = Vec::new();
    let (mut before, mut rest) = (None, text.chars().peekable());
    // A joiner may follow an emoji with its selector.
    let mut selected = false;
    while let Some(c) = rest.next() {
        let harmless = match c {
            '\n' | '\r' | '\t' => lines,
            '\u{fe0e}' | '\u{fe0f}' => pictured(before),
            '\u{200d}' => (pictured(before) || selected) && pictured(rest.peek().copied()),
            c => !is_deceptive(c),
        };
        if !harmless {
            found.push(c);
        }
        selected = harmless && matches!(c, '\u{fe0e}' | '\u{fe0f}');
        before = Some(c);
    }
    found
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

/// Shows bytes like [`Shown`]; invalid UTF-8 appears as `\x..`.
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

    #[test]
    fn a_beginning_ends_between_characters() {
        assert_eq!([1, 2, 3, 4, 9].map(|most| beginning("aé€", most)), ["a", "a", "aé", "aé", "aé€"]);
        assert_eq!(beginning("€", 0), "");
    }

    #[test]
    fn names_that_look_alike_are_one() {
        for name in [
            "get_x",
            "GET_X",
            " get_x\t",
            "get\u{200b}_x",
            "get\u{1bca0}_x",
            "\u{ff47}et\u{ff3f}\u{ff38}",
            "get_x\u{3000}",
            "get_x\0",
        ] {
            assert_eq!(fold_name(name), "get_x", "{name:?}");
        }
        assert_ne!(fold_name("getx"), "get_x");
    }

    #[test]
    fn hidden_characters_are_found_and_emoji_are_none() {
        for (text, lines, found) in [
            ("Sends mail.\n\tTwo lines.\r\n", true, ""),
            ("two\nlines", false, "\n"),
            ("\u{26a0}\u{fe0f} careful", false, ""),
            ("1\u{fe0f}\u{20e3}", false, ""),
            ("\u{1f469}\u{200d}\u{1f4bb}", false, ""),
            ("\u{2764}\u{fe0f}\u{200d}\u{1f525}", false, ""),
            // Tags, bidirectional controls, zero-width, controls.
            ("a\u{e0041}\u{e0042}", true, "\u{e0041}\u{e0042}"),
            ("a\u{202e}b\u{2066}", true, "\u{202e}\u{2066}"),
            ("a\u{200b}b\u{feff}\u{2060}", true, "\u{200b}\u{feff}\u{2060}"),
            ("\u{1b}[31m\u{0}\u{7f}\u{9b}", true, "\u{1b}\u{0}\u{7f}\u{9b}"),
            ("\u{34f}\u{ad}\u{3164}\u{180e}\u{2028}", true, "\u{34f}\u{ad}\u{3164}\u{180e}\u{2028}"),
            // Data in selectors after one emoji, or after a letter; joiners that join nothing.
            ("\u{26a0}\u{fe0f}\u{fe0e}\u{fe0f}", false, "\u{fe0e}\u{fe0f}"),
            ("a\u{fe0f}", false, "\u{fe0f}"),
            ("\u{26a0}\u{fe01}\u{e0100}", false, "\u{fe01}\u{e0100}"),
            ("a\u{200d}b", false, "\u{200d}"),
            ("\u{1f469}\u{200d}", false, "\u{200d}"),
            ("\u{1f469}\u{200d}\u{200d}\u{1f4bb}", false, "\u{200d}\u{200d}"),
            ("\u{2060}\u{fe0f}", false, "\u{2060}\u{fe0f}"),
            ("日本語 é ñ", false, ""),
        ] {
            assert_eq!(hidden_characters(text, lines).iter().collect::<String>(), found, "{text:?}");
        }
    }
}
