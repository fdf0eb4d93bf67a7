//! Checks whether a SQL text can be embedded in a `psql` script without affecting anything outside its own
//! lines.
//!
//! A text that leaves a quote open would turn the comments after it into statements. A text is therefore
//! embedded as it is only if it is self-contained, whatever the server's setting for backslashes, and holds
//! nothing that `psql` itself interprets.

/// How a text that can be embedded ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    /// It holds something besides white space and comments.
    pub(super) says_something: bool,
    /// Its last statement ends with `;`.
    pub(super) ends_statement: bool,
    /// It ends in a comment that runs to the end of the line.
    pub(super) ends_in_comment: bool,
}

/// A quote, a comment or a parenthesis is still open at the end of the text.
const OPEN: &str = "a quote, a comment or a parenthesis in it is not closed";
/// `psql` interprets a backslash outside of quotes.
const BACKSLASH: &str = "it has a backslash outside of quotes, which psql takes for a command of its own";
/// The injection that `standard_conforming_strings = off` makes possible.
const TWO_READINGS: &str = "where its quotes end depends on the setting standard_conforming_strings";
/// `psql` interprets a colon.
const VARIABLE: &str = "it has a colon that psql would put a variable in for";

/// Tokenizes a text as `psql` and PostgreSQL do.
///
/// # Errors
/// Why the text must not be embedded as it is.
pub(super) fn closed(text: &str) -> Result<Closed, &'static str> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let mut found = Closed { says_something: false, ends_statement: false, ends_in_comment: false };
    let mut depth = 0_usize;
    while let Some(byte) = reader.peek(0) {
        found.ends_in_comment = false;
        match (byte, reader.peek(1)) {
            (b'-', Some(b'-')) => {
                found.ends_in_comment = !reader.line_comment();
                continue;
            }
            (b'/', Some(b'*')) => {
                reader.block_comment()?;
                continue;
            }
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => {
                reader.at += 1;
                continue;
            }
            (b'\'' | b'"', _) => reader.quoted(byte)?,
            (b'e' | b'E', Some(b'\'')) => reader.escaped()?,
            (b'$', _) => reader.dollar()?,
            (b'\\', _) => return Err(BACKSLASH),
            (b':', Some(b':')) => reader.at += 2,
            (b':', Some(next)) if next == b'\'' || next == b'"' || next == b'{' || in_word(next) => {
                return Err(VARIABLE);
            }
            (b'(', _) => {
                depth += 1;
                reader.at += 1;
            }
            (b')', _) => {
                depth = depth.checked_sub(1).ok_or(OPEN)?;
                reader.at += 1;
            }
            (b'0'..=b'9', _) => reader.at += 1,
            (byte, _) if in_word(byte) => reader.word(),
            _ => reader.at += 1,
        }
        found.says_something = true;
        found.ends_statement = byte == b';';
    }
    if depth > 0 { Err(OPEN) } else { Ok(found) }
}

/// Returns whether `byte` can be part of a name or a number, except `$`.
const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
    }

    /// Skips a comment that runs to the end of the line. Returns whether the line ends.
    fn line_comment(&mut self) -> bool {
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if matches!(byte, b'\n' | b'\r') {
                return true;
            }
        }
        false
    }

    fn block_comment(&mut self) -> Result<(), &'static str> {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0).ok_or(OPEN)?, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth = depth.saturating_sub(1);
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// Skips a quoted string or identifier. A doubled quote is part of it.
    fn quoted(&mut self, quote: u8) -> Result<(), &'static str> {
        self.at += 1;
        let mut backslashes = 0_usize;
        loop {
            let byte = self.peek(0).ok_or(OPEN)?;
            self.at += 1;
            if byte == quote {
                // With `standard_conforming_strings` off this quote does not end the string.
                if quote == b'\'' && backslashes % 2 == 1 {
                    return Err(TWO_READINGS);
                }
                if self.peek(0) != Some(quote) {
                    return Ok(());
                }
                self.at += 1;
                backslashes = 0;
            } else {
                backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
            }
        }
    }

    /// Skips `E'…'`: a backslash escapes the next byte.
    fn escaped(&mut self) -> Result<(), &'static str> {
        self.at += 2;
        loop {
            match (self.peek(0).ok_or(OPEN)?, self.peek(1)) {
                (b'\\', _) | (b'\'', Some(b'\'')) => self.at += 2,
                (b'\'', _) => {
                    self.at += 1;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
    }

    /// Skips `$tag$…$tag$`, or a `$` that begins no quote.
    fn dollar(&mut self) -> Result<(), &'static str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let after = rest.get(1..).unwrap_or_default();
        let length = after.iter().take_while(|byte| in_word(**byte)).count();
        let is_tag = after.get(length) == Some(&b'$') && !after.first().is_some_and(u8::is_ascii_digit);
        if !is_tag {
            self.at += 1;
            return Ok(());
        }
        let (tag, content) = rest.split_at_checked(length + 2).ok_or(OPEN)?;
        let end = memchr::memmem::find(content, tag).ok_or(OPEN)?;
        self.at += 2 * tag.len() + end;
        Ok(())
    }

    /// Skips a name or a keyword; it may contain `$`, which begins no quote there.
    fn word(&mut self) {
        while self.peek(0).is_some_and(|byte| in_word(byte) || byte == b'$') {
            self.at += 1;
        }
    }
}
