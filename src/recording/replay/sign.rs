//! The signs that hoopctl itself writes into transcripts. While a line is put together they are control characters, which no text
//! of a client or a target holds once it is escaped: so it is known at the end which signs are our own.

/// Of the client.
pub(super) const TO: &str = "\u{10}";
/// Of the target.
pub(super) const FROM: &str = "\u{11}";
/// Allowed, approved.
pub(super) const YES: &str = "\u{12}";
/// Denied, failed.
pub(super) const NO: &str = "\u{13}";
/// Waits.
pub(super) const WAITS: &str = "\u{14}";
/// A session begins.
pub(super) const BEGIN: &str = "\u{15}";
/// A session ends.
pub(super) const END: &str = "\u{16}";
/// A marker.
pub(super) const MARK: &str = "\u{17}";
/// How often.
pub(super) const TIMES: &str = "\u{18}";
/// Nothing of these.
pub(super) const DOT: &str = "\u{19}";
/// What is cut.
pub(super) const MORE: &str = "\u{1a}";
/// No value.
pub(super) const NULL: &str = "\u{1e}";
/// In a transaction from now on.
pub(super) const IN: &str = "\u{1c}";
/// In none from now on.
pub(super) const OUT: &str = "\u{1d}";

/// Each as it stands in a line, and as it is shown.
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

/// One line of a transcript, and which of its signs are hoopctl's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The line. Escaped: it holds no control character.
    pub text: String,
    /// Where in it signs of hoopctl's own stand, in bytes, in their order. The same signs elsewhere were written by others.
    pub own: Vec<usize>,
}

/// A line with its signs as they are shown.
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

/// [`told`], the text only.
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
