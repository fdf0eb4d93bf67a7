//! IP addresses: dotted quads, and IPv6 in all its short forms (RFC 4291, section 2.2).

use std::net::Ipv6Addr;

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;

/// Maximum length of IPv6 text, with an IPv4 tail.
const LONGEST: usize = 45;

/// Returns the dotted quad around one of its dots: exactly four numbers up to 255.
pub(super) fn v4_at(text: &[u8], at: usize) -> Option<Span> {
    let (start, mut end) = around(text, at, |byte| byte.is_ascii_digit() || byte == b'.')?;
    if byte_before(text, end) == b'.' {
        end -= 1;
    }
    let run = text.get(start..end)?;
    let mut parts = 0;
    for part in run.split(|byte| *byte == b'.') {
        let value = part.iter().fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        if part.is_empty() || part.len() > 3 || value > 255 {
            return None;
        }
        parts += 1;
    }
    (parts == 4).then_some(Span { start, end, score: 90, reason: "four numbers up to 255" })
}

/// Returns the IPv6 address around one of its colons.
pub(super) fn v6_at(text: &[u8], at: usize) -> Option<Span> {
    let (mut start, mut end) =
        around(text, at, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))?;
    let run = text.get(start..end)?;
    // A colon or full stop that belongs to the sentence.
    if run.starts_with(b":") && !run.starts_with(b"::") {
        start += 1;
    }
    while byte_before(text, end) == b'.'
        || (byte_before(text, end) == b':' && byte_at(text, end.saturating_sub(2)) != b':')
    {
        end -= 1;
    }
    let run = text.get(start..end).filter(|run| run.len() <= LONGEST)?;
    std::str::from_utf8(run).ok()?.parse::<Ipv6Addr>().ok()?;
    let groups = run.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    // `add::face` is also a path in some languages, and `::` alone means nothing.
    let sure = groups >= 3 || (groups > 0 && run.iter().any(u8::is_ascii_digit));
    let (score, reason) = if sure { (95, "it parses") } else { (30, "it parses, but so do names in code") };
    Some(Span { start, end, score, reason })
}

/// Returns the run of matching bytes around a place, unless a letter or digit is adjacent.
fn around(text: &[u8], at: usize, fits: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
    let before =
        text.get(at.saturating_sub(LONGEST + 1)..at)?.iter().rev().take_while(|byte| fits(**byte)).count();
    let after = text.iter().skip(at).take(LONGEST + 2).take_while(|byte| fits(**byte)).count();
    let (start, end) = (at - before, at + after);
    let word = |byte: u8| byte.is_ascii_alphanumeric();
    // A letter may end the word before a colon: `addr:fe80::1`.
    let open =
        !word(byte_before(text, start)) || byte_at(text, start) == b':' && byte_at(text, start + 1) != b':';
    (open && !word(byte_at(text, end))).then_some((start, end))
}
