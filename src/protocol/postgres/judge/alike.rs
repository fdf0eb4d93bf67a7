//! SQL texts that differ only in their numbers, such as `… WHERE id = 4711` and `… WHERE id = 4712`: what one
//! of them does, all of them do.
//!
//! Clients that write values into their SQL rarely send the same text twice, and each would have to be
//! parsed. Only the simplest texts qualify, in which no byte can be read in two ways: one statement of plain
//! words, numbers and signs, without quotes, comments and parameters. And only judgements that no constant
//! has influenced: see [`is_of_all`].

use super::Judgement;
use super::cache::MAX_TEXT;

/// What alike texts have in common: their bytes, with `1` for each digit of the numbers that may differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alike(Vec<u8>);

/// The number of digits with which a number is always an `integer`, and never a flag, a column position or
/// another small number.
const DIGITS: std::ops::RangeInclusive<usize> = 2..=9;

impl Alike {
    /// Returns what `sql` has in common with alike texts; `None` if it is not simple enough, or has no such
    /// number.
    pub(super) fn of(sql: &[u8]) -> Option<Self> {
        if sql.len() > MAX_TEXT || !begins_with_a_verb(sql.trim_ascii_start()) {
            return None;
        }
        let text = sql.trim_ascii_end();
        let statement = text.strip_suffix(b";").unwrap_or(text);
        if !statement.iter().all(|byte| is_of_word(*byte) || is_sign(*byte))
            || statement.windows(2).any(|pair| pair == b"--")
        {
            return None;
        }
        let mut common = sql.to_vec();
        let mut any = false;
        for word in common.split_mut(|byte| !is_of_word(*byte)) {
            // With a leading zero it could be a flag that is off, whatever the other digits are: `00`.
            if DIGITS.contains(&word.len())
                && word.iter().all(u8::is_ascii_digit)
                && word.first() != Some(&b'0')
            {
                word.fill(b'1');
                any = true;
            }
        }
        any.then_some(Self(common))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Returns whether a judgement of a text holds for all texts that are [`Alike`] it: it names no setting,
/// channel, statement or cursor, whose names and values can be numbers. The rest of [`super::Effects`] comes
/// from names and operators alone.
///
/// Errors are about one text only: they quote it.
pub(super) fn is_of_all(judgement: &Judgement) -> bool {
    judgement.effects().is_some_and(|effects| {
        effects.statements == 1
            && !effects.by_numbers
            && effects.settings.is_empty()
            && effects.lasting.is_empty()
            && effects.channels.is_empty()
            && effects.names.is_empty()
            && effects.transaction.is_empty()
    })
}

/// Returns whether a statement begins with a verb after which numbers are values. After others they can be
/// options: `EXPLAIN (ANALYZE 1)`.
fn begins_with_a_verb(statement: &[u8]) -> bool {
    let verb = statement.first_chunk::<6>();
    let is = |word: &[u8]| verb.is_some_and(|verb| verb.eq_ignore_ascii_case(word));
    is(b"select") || is(b"insert") || is(b"update") || is(b"delete")
}

/// Returns whether a byte is part of a word or number, such as `1.5`, `0x1f`, `1_000`, `t1` and `t.c`.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// Returns whether a byte may stand between words. `/` may not, since it can begin a comment, nor `;`.
fn is_sign(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b',' | b'(' | b')' | b'=' | b'<' | b'>' | b'*' | b'+' | b'-'
    )
}
