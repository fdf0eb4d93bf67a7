//! Formats the content of a result: text as text, values as JSON, anything else by its kind and size.

use crate::domain::json::Json;
use crate::recording::replay::body;
use crate::recording::replay::body::Bounds;
use crate::recording::replay::mcp::MAX_DEPTH;
use crate::recording::replay::mcp::is_empty;
use crate::recording::replay::mcp::without;
use crate::recording::replay::mcp::word;

/// Members that are shown elsewhere, or not meant for readers.
const TOLD: [&str; 3] = ["isError", "resultType", "_meta"];

/// Formats one element of a list.
type Lines<'a> = &'a dyn Fn(&Json) -> Vec<String>;

/// Formats a result.
pub(super) fn result_lines(result: &Json, bounds: Bounds) -> Vec<String> {
    let mut out = Vec::new();
    let mut shown = TOLD.to_vec();
    let structured = result.member("structuredContent").filter(|value| **value != Json::Null);
    let parts: [(&str, Lines<'_>); 3] = [
        ("content", &|block| {
            if repeats(block, structured) { Vec::new() } else { block_lines(block, bounds) }
        }),
        ("contents", &|resource| resource_lines(resource, bounds)),
        ("messages", &|message| message_lines(message, bounds)),
    ];
    for (name, lines) in parts {
        if let Some(values) = result.member(name).and_then(Json::as_array) {
            out.extend(values.iter().flat_map(lines));
            shown.push(name);
        }
    }
    if let Some(structured) = structured {
        out.extend(body::json_lines(structured, bounds));
        shown.push("structuredContent");
    }
    let rest = without(result, &shown);
    if !is_empty(&rest) {
        out.extend(body::json_lines(&rest, bounds));
    }
    out
}

/// Returns whether a text only repeats the structured content: servers send both.
fn repeats(block: &Json, structured: Option<&Json>) -> bool {
    let text = block.member("text").and_then(Json::as_str);
    let value = structured.and(text).and_then(|text| Json::parse(text.as_bytes(), MAX_DEPTH).ok());
    value.is_some() && value.as_ref() == structured
}

fn block_lines(block: &Json, bounds: Bounds) -> Vec<String> {
    let text = |name: &str| block.member(name).and_then(Json::as_str);
    match (text("type"), block.member("resource")) {
        (Some("text"), _) if text("text").is_some() => {
            body::text_lines(text("text").unwrap_or_default(), bounds)
        }
        (Some(kind @ ("image" | "audio")), _) if text("data").is_some() => {
            let length = body::decoded(text("data").unwrap_or_default());
            vec![format!("({kind} {}, {length} bytes)", word(text("mimeType").unwrap_or("?"), bounds))]
        }
        (Some("resource_link"), _) if text("uri").is_some() => {
            vec![format!("(resource {})", word(text("uri").unwrap_or_default(), bounds))]
        }
        (Some("resource"), Some(resource)) => resource_lines(resource, bounds),
        _ => body::json_lines(block, bounds),
    }
}

/// Formats the location of a resource and, below it, its text.
fn resource_lines(resource: &Json, bounds: Bounds) -> Vec<String> {
    let text = |name: &str| resource.member(name).and_then(Json::as_str);
    let Some(uri) = text("uri") else { return body::json_lines(resource, bounds) };
    let mut first = word(uri, bounds);
    if let Some(kind) = text("mimeType") {
        first.extend([" ", &word(kind, bounds)]);
    }
    match (text("text"), text("blob")) {
        (Some(content), _) => {
            let mut out = vec![first];
            out.extend(body::text_lines(content, bounds));
            out
        }
        (None, Some(blob)) => vec![format!("{first} ({} bytes, not text)", body::decoded(blob))],
        (None, None) => vec![first],
    }
}

/// Returns `ROLE: TEXT` of a prompt.
fn message_lines(message: &Json, bounds: Bounds) -> Vec<String> {
    let (Some(role), Some(content)) =
        (message.member("role").and_then(Json::as_str), message.member("content"))
    else {
        return body::json_lines(message, bounds);
    };
    let mut lines = match content {
        Json::Array(blocks) => blocks.iter().flat_map(|block| block_lines(block, bounds)).collect(),
        block => block_lines(block, bounds),
    };
    let role = word(role, bounds);
    match lines.first_mut() {
        Some(first) => *first = format!("{role}: {first}"),
        None => lines.push(format!("{role}:")),
    }
    lines
}
