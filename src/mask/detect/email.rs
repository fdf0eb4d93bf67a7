//! E-mail addresses: a local part, a domain of at least two labels, a top level of letters.

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;

/// Maximum length of local part and domain (RFC 5321, section 4.5.3.1).
const LOCAL: usize = 64;
const DOMAIN: usize = 255;

/// Endings that make `logo@2x.png` a file name.
const FILES: [&[u8]; 6] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp"];

/// Returns the address around its `@`, which is `len` bytes long: 1, or 3 if it is escaped as `%40`.
pub(super) fn at(text: &[u8], at: usize, len: usize) -> Option<Span> {
    let local = local_part(text, at);
    let start = at - local;
    if local == 0 {
        return None;
    }
    let from = at + len;
    let domain = text.get(from..text.len().min(from + DOMAIN))?;
    let run = domain.iter().take_while(|byte| in_domain(**byte)).count();
    let domain = domain.get(..run)?;
    let size = domain_len(domain)?;
    let domain = domain.get(..size)?;
    let is_file = domain.split(|byte| *byte == b'.').next_back().is_some_and(|last| FILES.contains(&last))
        && domain.first().is_some_and(u8::is_ascii_digit)
        && domain.get(1) == Some(&b'x');
    (!is_file).then_some(Span { start, end: from + size, score: 100, reason: "local part and domain hold" })
}

/// Returns number of bytes before the `@` that belong to the address.
fn local_part(text: &[u8], at: usize) -> usize {
    let run = |fits: fn(u8) -> bool| {
        let before = text.get(at.saturating_sub(LOCAL + 1)..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| fits(**byte)).count()
    };
    // Letters beyond ASCII belong to it, unless that would include a sentence without blanks.
    let wide = run(|byte| in_local(byte) || byte >= 0x80);
    let mut local = if wide <= LOCAL { wide } else { run(in_local).min(LOCAL) };
    while local > 0 && matches!(byte_at(text, at - local), b'.' | b'\'' | b'-') {
        local -= 1;
    }
    if local > 0 && byte_before(text, at) == b'.' { 0 } else { local }
}

fn in_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'!' | b'#' | b'$' | b'*' | b'~')
}

fn in_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80
}

/// Returns the length of the longest prefix that is a domain: non-empty labels, the last one of at least two
/// letters.
fn domain_len(run: &[u8]) -> Option<usize> {
    let (mut best, mut from, mut labels) = (None, 0, 0);
    for label in run.split(|byte| *byte == b'.') {
        if label.is_empty() {
            break;
        }
        labels += 1;
        let letters = label.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
        let top = if letters == label.len() || label.starts_with(b"xn--") { label.len() } else { 0 };
        if labels > 1 && top >= 2 {
            best = Some(from + label.len());
        } else if labels > 1 && letters >= 2 && label.get(letters) == Some(&b'-') {
            // No top-level domain has a dash: it belongs to the sentence, unless more labels follow.
            best = Some(from + letters);
        }
        from += label.len() + 1;
    }
    best
}
