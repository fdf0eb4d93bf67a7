//! The replacement of one value, by the table of [`crate::mask`] or as its schema requires. All of it is
//! JSON.

use crate::domain::MaskOp;
use crate::domain::json::Json;
use crate::mask::Plan;
use crate::mask::detect::By;
use crate::mask::json::whole_number;
use crate::mask::json::write_escaped;
use crate::mask::mcp::McpError;
use crate::mask::mcp::schema::Checker;
use crate::mask::mcp::schema::Typed;
use crate::mask::operator::REDACTED;

/// Returns a text as a JSON string.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = vec![b'"'];
    write_escaped(text, &mut out);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns the replacement of a string under a masked name.
pub(super) fn string(plan: &Plan, rule: u16, text: &[u8]) -> String {
    if matches!(plan.op(rule), MaskOp::Null) {
        return "null".to_owned();
    }
    let mut masked = Vec::new();
    plan.write(rule, text, &mut masked);
    quoted(&masked)
}

/// Returns the replacement of a number, `true` or `false`.
pub(super) fn number_or_word(plan: &Plan, rule: u16, token: &[u8]) -> String {
    match plan.op(rule) {
        MaskOp::Null | MaskOp::Redact => "null".to_owned(),
        MaskOp::Hash | MaskOp::KeepFirst { .. } | MaskOp::KeepLast { .. }
            if matches!(token, b"true" | b"false") =>
        {
            "null".to_owned()
        }
        _ => string(plan, rule, token),
    }
}

/// Returns the replacement of an object under a masked name.
pub(super) fn object(plan: &Plan, rule: u16) -> String {
    match plan.op(rule) {
        MaskOp::Null => "null".to_owned(),
        MaskOp::Replace { with } => quoted(with.as_bytes()),
        _ => quoted(REDACTED),
    }
}

/// Returns the value itself if it has the type of the one that begins with `first`, otherwise the minimal
/// value of that type.
pub(super) fn of_kind(plain: String, first: Option<&u8>) -> String {
    let is_string = first == Some(&b'"');
    if is_string == plain.starts_with('"') && plain != "null" {
        return plain;
    }
    let least = match first {
        Some(b'"') => "\"\"",
        Some(b't' | b'f') => "false",
        _ => "0",
    };
    least.to_owned()
}

/// Returns the mask, or what the schemas of the value accept instead.
pub(super) fn fitting(checker: &Checker<'_>, typed: &Typed<'_>, plain: String) -> Result<String, McpError> {
    if typed.schemas.is_empty() {
        return Ok(plain);
    }
    match checker.fit(typed, &plain) {
        Some(fitting) => Ok(fitting),
        None if typed.lenient => Ok(plain),
        None => Err(McpError::Unfit),
    }
}

/// Masks any value under a masked name whose schemas are known. An object keeps the members that the schemas
/// name, and no others: their names may be data.
pub(super) fn masked<'a>(
    plan: &Plan,
    checker: &Checker<'a>,
    rule: u16,
    typed: &Typed<'a>,
) -> Result<String, McpError> {
    let plain = match typed.value {
        Json::Null => return Ok("null".to_owned()),
        Json::Bool(_) | Json::Number(_) => number_or_word(plan, rule, typed.value.to_string().as_bytes()),
        Json::String(text) => string(plan, rule, text.as_bytes()),
        Json::Array(values) => {
            let mut new = Vec::new();
            for place in 0..values.len() {
                let element = checker.element(typed, place).ok_or(McpError::Unfit)?;
                new.push(masked(plan, checker, rule, &element)?);
            }
            return Ok(format!("[{}]", new.join(",")));
        }
        Json::Object(members) => {
            let plain = object(plan, rule);
            if typed.schemas.is_empty() || checker.takes(typed, &plain) {
                return Ok(plain);
            }
            let mut new = Vec::new();
            for (name, _) in members.iter().filter(|(name, _)| checker.declares(typed, name)) {
                let member = checker.member(typed, name).ok_or(McpError::Unfit)?;
                let value = masked(plan, checker, rule, &member)?;
                new.push(format!("{}:{value}", quoted(name.as_bytes())));
            }
            return Ok(format!("{{{}}}", new.join(",")));
        }
    };
    fitting(checker, typed, plain)
}

/// Returns what finds something in a number, as written or as the integer it equals.
pub(super) fn detected(plan: &Plan, token: &[u8], field: &str) -> Option<By> {
    if plan.scanner.is_empty() || matches!(token, b"true" | b"false") {
        return None;
    }
    let (mut hits, mut whole) = (Vec::new(), Vec::new());
    // No built-in shape is shorter than a social security number.
    let is_whole = token.len() >= 9 && whole_number(token, &mut whole);
    if is_whole || plan.scanner.has_patterns() {
        plan.scanner.candidates(token, field, true, &mut hits);
    }
    if is_whole && whole != token {
        plan.scanner.candidates(&whole, field, true, &mut hits);
    }
    hits.iter().filter(|hit| hit.counts()).max_by_key(|hit| hit.score).map(|hit| hit.by)
}
