//! The symbols that hoopctl itself writes into transcripts. While a line is assembled they are control
//! characters, which escaped text of a client or target cannot contain. When the line is finished it is
//! therefore known which symbols are hoopctl's own.

/// Sent by the client.
pub(super) const TO: &str = "\u{10}";
/// Sent by the target.
pub(super) const FROM: &str = "\u{11}";
/// Allowed or approved.
pub(super) const YES: &str = "\u{12}";
/// Denied or failed.
pub(super) const NO: &str = "\u{13}";
/// Pending.
pub(super) const WAITS: &str = "\u{14}";
/// A session begins.
pub(super) const BEGIN: &str = "\u{15}";
/// A session ends.
pub(super) const END: &str = "\u{16}";
/// A marker.
pub(super) const MARK: &str = "\u{17}";
/// A count.
pub(super) const TIMES: &str = "\u{18}";
/// None of the others.
pub(super) const DOT: &str = "\u{19}";
/// Truncation.
pub(super) const MORE: &str = "\u{1a}";
/// No value (SQL NULL).
pub(super) const NULL: &str = "\u{1e}";
/// A transaction begins.
pub(super) const IN: &str = "\u{1c}";
/// A transaction ends.
pub(super) const OUT: &str = "\u{1d}";

/// Each symbol as it is in an unfinished line, and as it is shown.
const SHOWN: [(&str, char); 14] = [
    (TO, '→'),
    (FROM, '←'),
    (YES, '✓'),
    (NO, '✗'),
    (WAITS, '◷'),
    (BEGIN, '▶'),
    (END, '■'),
    (MARK, '●'),
    (TIMES, '×'),
    (DOT, '·'),
    (MORE, '…'),
    (NULL, NO_VALUE),
    (IN, '⟪'),
    (OUT, '⟫'),
];

/// [`NULL`] as it is shown.
pub(super) const NO_VALUE: char = '∅';

/// One line of a transcript, with the positions of hoopctl's own symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The line. Escaped: it holds no control character.
    pub text: String,
    /// Byte offsets of hoopctl's own symbols in it, in order. The same symbols elsewhere come from a client
    /// or target.
    pub own: Vec<usize>,
}

/// Replaces the control characters of a line with the symbols that are shown.
pub(super) fn told(line: &str) -> Told {
    let mut told = Told { text: String::with_capacity(line.len()), own: Vec::new() };
    for c in line.chars() {
        let sign = c.is_ascii_control().then(|| SHOWN.iter().find(|(own, _)| own.starts_with(c))).flatten();
        if sign.is_some() {
            told.own.push(told.text.len());
        }
        told.text.push(sign.map_or(c, |(_, sign)| *sign));
    }
    told
}

/// Returns [`told`], the text only.
pub(super) fn shown(line: &str) -> String {
    told(line).text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_is_one_character_and_its_own() {
        for (place, (own, sign)) in SHOWN.into_iter().enumerate() {
            assert_eq!(own.chars().count(), 1);
            assert!(own.starts_with(|c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{1b}')));
            assert!(SHOWN.iter().skip(place + 1).all(|(other, shown)| *other != own && *shown != sign));
            assert_eq!(told(&format!("a{own}{sign}")), Told { text: format!("a{sign}{sign}"), own: vec![1] });
        }
    }
}
