//! HTTP requests that need approval: the digest that binds an approval to the exact bytes, and the approval
//! text.

use std::fmt::Write;

use http::HeaderMap;

use crate::domain::Command;
use crate::domain::digest::Parts;
use crate::domain::text::shown_bytes;
use crate::mask::Masker;
use crate::mask::Notes;
use crate::pipeline::Held;
use crate::pipeline::masked_summary;
use crate::pipeline::snapshot::Governed;
use crate::protocol::http::back;
use crate::protocol::web::coding::Decoder;

/// The bytes that are decompressed at a time: even a bomb yields no more than a few megabytes.
const PACKED: usize = 256;

/// Headers that identify one attempt and not the command. A held command is sent without them, so that a
/// repeated request is identical.
const OF_THE_ATTEMPT: [&str; 11] = [
    "b3",
    "baggage",
    "date",
    "traceparent",
    "tracestate",
    "x-amzn-trace-id",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-correlation-id",
    "x-request-id",
];

/// Removes the headers of a held command that differ between attempts.
pub fn remove_attempt_headers(headers: &mut HeaderMap) {
    for name in OF_THE_ATTEMPT {
        headers.remove(name);
    }
}

/// Builds the digest and the approval text from the exact headers and body that will be sent.
pub fn held(command: &Command, headers: &HeaderMap, body: &[u8], governed: &Governed, reason: &str) -> Held {
    let mut digest = Parts::default();
    digest.add(command.class.as_str()).add(command.method()).add(command.path());
    digest.add(command.http().map_or("", |http| &http.query));
    let mut fields: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    // Sorted by name only: several values with one name keep their order.
    fields.sort_by(|one, other| one.0.cmp(other.0));
    digest.add_count(fields.len());
    for (name, value) in &fields {
        // A WebSocket handshake has a new key at each attempt, which means nothing.
        digest.add(name).add(if *name == "sec-websocket-key" { b"" } else { *value });
    }
    digest.add(body);

    let mut notes = Notes::default();
    let mut detail = String::new();
    let _infallible = writeln!(detail, "{}", masked_summary(command, &governed.plan, &mut notes));
    for (name, value) in &fields {
        let masked = governed.plan.header(name, value, &mut notes);
        let value = masked.as_deref().unwrap_or(value);
        let _infallible = match std::str::from_utf8(value) {
            Ok(text) => writeln!(detail, "{name}: {text}"),
            Err(_binary) => writeln!(detail, "{name}: {}", shown_bytes(value)),
        };
    }
    let mut truncated = false;
    if !body.is_empty() {
        detail.push('\n');
        if let Some(text) = shown_body(headers, body, governed) {
            detail.push_str(&text);
        } else {
            truncated = true;
            let _infallible = write!(detail, "(a body of {} bytes that cannot be shown)", body.len());
        }
    }
    // Masked before it is cut: part of a value would not be recognized.
    let masked = governed.plan.text(reason, "reason", &mut notes);
    let reason = masked.as_deref().unwrap_or(reason).chars().take(Held::MAX_REASON).collect();
    Held { reason, ..Held::new(digest.hex(), detail, truncated, body.len()) }
}

/// Returns the body as approvers may read it, decompressed if nothing is masked; `None` if it cannot be
/// decompressed or masked, or is then longer than approvers are shown.
fn shown_body(headers: &HeaderMap, body: &[u8], governed: &Governed) -> Option<String> {
    if governed.plan.is_empty() {
        let unpacked = match Decoder::of_headers(headers) {
            Ok(None) => None,
            Ok(Some(decoder)) => Some(unpacked(decoder, body)?),
            Err(_unknown) => return None,
        };
        let body = unpacked.as_deref().unwrap_or(body);
        return Some(match std::str::from_utf8(body) {
            Ok(text) => text.to_owned(),
            Err(_binary) => shown_bytes(body),
        });
    }
    let masked = masked_body(headers, body, governed)?;
    String::from_utf8(masked).ok()
}

/// Decompresses a body; `None` if it does not match its content coding, or is longer than approvers are
/// shown.
fn unpacked(mut decoder: Decoder, body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for piece in body.chunks(PACKED) {
        decoder.push(piece, &mut out).ok()?;
        if out.len() > Held::MAX_SHOWN {
            return None;
        }
    }
    decoder.finish(&mut out).ok()?;
    (out.len() <= Held::MAX_SHOWN).then_some(out)
}

/// Returns a request's body with its sensitive values masked, for anyone but the target; `None` if it cannot
/// be masked.
pub fn masked_body(headers: &HeaderMap, body: &[u8], governed: &Governed) -> Option<Vec<u8>> {
    masked_with_notes(headers, body, governed).map(|(body, _notes)| body)
}

/// Does the same, and also returns what was masked.
pub fn masked_with_notes(headers: &HeaderMap, body: &[u8], governed: &Governed) -> Option<(Vec<u8>, Notes)> {
    if headers.contains_key(http::header::CONTENT_ENCODING) {
        return None;
    }
    let mut masker = Masker::new(std::sync::Arc::clone(&governed.plan), back::format(headers)?);
    let mut out = Vec::with_capacity(body.len());
    masker.push(body, &mut out).ok()?;
    masker.finish(&mut out).ok()?;
    Some((out, masker.into_notes()))
}
