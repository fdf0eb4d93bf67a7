//! Checks pins: in a server's lists and greetings on the reply path, and for commands of a client.

use std::collections::HashSet;

use serde_json::Value;
use serde_json::json;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::McpCommand;
use crate::domain::Pin;
use crate::domain::PinKind;
use crate::domain::PinMode;
use crate::domain::PinVersion;
use crate::domain::command::mcp::CALL;
use crate::domain::event::Direction;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::JsonError;
use crate::domain::now_ms;
use crate::domain::text::Shown;
use crate::mask::Notes;
use crate::mask::mcp::Answer;
use crate::mask::mcp::Side;
use crate::mask::mcp::mask_message;
use crate::pipeline::ReplyGuard;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::unmaskable;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Names;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::listing::Element;
use crate::protocol::mcp::codec::listing::Listed;
use crate::protocol::mcp::codec::listing::Listing;
use crate::protocol::mcp::from_client::inbound::target_key;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::pin::ListDiff;
use crate::protocol::mcp::pin::ListedItem;
use crate::protocol::mcp::pin::Pins;
use crate::protocol::mcp::pin::Standing;
use crate::protocol::mcp::pin::Where;
use crate::protocol::mcp::pin::fingerprint::raw;
use crate::protocol::mcp::pin::fingerprint::version;
use crate::protocol::mcp::pin::fingerprint::watched;
use crate::protocol::mcp::reply::Asked;

/// The method that completes a variable of a template.
const COMPLETE: &str = "completion/complete";
/// How many pins one event of a recording tells of.
const MOST_TOLD: usize = 20;

/// Checks a list that was sent to this principal against its pins; returns where the elements begin that must
/// be hidden.
///
/// # Errors
/// The list cannot be read or masked, or a change could not be recorded.
pub fn listed(
    pins: &Pins,
    guard: &mut ReplyGuard,
    message: &Message,
    listing: &Listing<'_>,
    whose: &str,
) -> Result<HashSet<usize>, Denied> {
    let kind = match listing.listed {
        Listed::Tools => PinKind::Tool,
        Listed::Prompts => PinKind::Prompt,
        Listed::ResourceTemplates => PinKind::ResourceTemplate,
        // Resources are data, which changes.
        Listed::Resources => return Ok(HashSet::new()),
    };
    let governed = std::sync::Arc::clone(guard.governed());
    let name = &governed.connection.name;
    let mut seen: Vec<ListedItem<'_>> = listing
        .elements
        .iter()
        .map(|element| ListedItem {
            name: &element.key,
            raw: raw(element.span.of(message.body())),
            version: None,
        })
        .collect();
    let unknown = pins.unknown(name, kind, &seen);
    if unknown.contains(&true) {
        let masked = masked(&governed, message, listing.listed.method())?;
        let masked = masked.as_ref().map(|masked| Listing::read(masked, listing.listed)).transpose();
        let masked = masked.map_err(|_unreadable| unmaskable("its list cannot be read"))?;
        for (number, (seen, element)) in seen.iter_mut().zip(&listing.elements).enumerate() {
            if unknown.get(number) == Some(&true) {
                let other = masked.as_ref().map(|masked| masked.elements.get(number));
                let version = element_version(kind, element, other.flatten());
                seen.version = Some(version.map_err(|_unreadable| unreadable(&governed))?);
            }
        }
    }
    let whole = listing.next_cursor().is_none();
    let at = Where { connection: name, target: &target_key(&governed), kind, whose, now_ms: now_ms() };
    let diff = pins.compare_list(at, seen, whole);
    report(guard, &governed, kind, &diff)?;
    pins.confirm_recorded(at, &diff);
    if governed.connection.mcp.pin == PinMode::Observe {
        return Ok(HashSet::new());
    }
    let held_back = listing.elements.iter().zip(&diff.held_back).filter(|(_, held_back)| **held_back);
    Ok(held_back.map(|(element, _)| element.span.start).collect())
}

/// Checks a server's greeting to this principal; returns whether its instructions must be hidden.
///
/// # Errors
/// The same as [`listed`]; also if a member may be taken for the instructions.
pub fn greeted(
    pins: &Pins,
    guard: &mut ReplyGuard,
    message: &Message,
    method: &str,
    whose: &str,
) -> Result<bool, Denied> {
    let governed = std::sync::Arc::clone(guard.governed());
    let observes = governed.connection.mcp.pin == PinMode::Observe;
    if !observes && message.result_lookalike().is_some() {
        return Err(garbage("a member of its answer may be taken for another"));
    }
    let info = message.outcome(ResultField::ServerInfo);
    let instructions = message.outcome(ResultField::Instructions);
    let mut both = info.map(|value| value.raw).unwrap_or_default().to_vec();
    both.push(b'\n');
    both.extend_from_slice(instructions.map(|value| value.raw).unwrap_or_default());
    let mut seen = vec![ListedItem { name: method, raw: raw(&both), version: None }];
    if pins.unknown(&governed.connection.name, PinKind::Server, &seen) == [true] {
        let masked = masked(&governed, message, method)?;
        let members = |message: &Message| {
            let read = |field| message.outcome(field).and_then(|value| Json::parse(value.raw, DEPTH).ok());
            let name = read(ResultField::ServerInfo).and_then(|info| info.member("name").cloned());
            [("name", name), ("instructions", read(ResultField::Instructions))]
        };
        let mut others = masked.as_ref().map(members).into_iter().flatten().map(|(_, value)| value);
        let found = members(message).map(|(name, value)| (name, value, others.next().flatten()));
        let found = found.into_iter().filter_map(|(name, value, masked)| Some((name, value?, masked)));
        let version = version(found);
        for seen in &mut seen {
            seen.version = Some(version.clone());
        }
    }
    // Each method has a pin of its own, so there are no further pages.
    let at = Where {
        connection: &governed.connection.name,
        target: &target_key(&governed),
        kind: PinKind::Server,
        whose,
        now_ms: now_ms(),
    };
    let diff = pins.compare_list(at, seen, false);
    report(guard, &governed, PinKind::Server, &diff)?;
    pins.confirm_recorded(at, &diff);
    Ok(!observes && diff.held_back == [true])
}

/// Returns the refusal of a command because of its connection's pins, and how it is presented (`None`: as
/// usual). `shows` returns whether the caller may see what a command is about.
pub fn refused(
    pins: &Pins,
    governed: &Governed,
    command: &Command,
    shows: impl Fn(&Command) -> bool,
) -> Option<(Denied, Option<Asked>)> {
    let mode = governed.connection.mcp.pin;
    let name = &governed.connection.name;
    if mode == PinMode::Observe {
        return None;
    }
    let mcp = command.mcp()?;
    let hidden = || {
        let detail =
            format!("its description is new or changed and not accepted yet (hoopctl connect pin {name})");
        Denied::new(DenyCode::Denied, detail).because("pin_held_back")
    };
    let held_back = |kind, named: &str| {
        matches!(
            pins.standing(name, &target_key(governed), kind, named),
            Standing::HeldBack | Standing::Unkept
        )
    };
    match (&mcp.tool, &mcp.prompt, &mcp.resource) {
        (Some(tool), ..) if &*mcp.method == CALL => {
            if mode == PinMode::Block
                && let Some(pin) = pins.changed(name)
            {
                let detail = format!(
                    "{} changed since it was accepted, and no tool of this server can be called until an operator of the gateway accepts it (hoopctl connect pin {name})",
                    named(governed, &pin, shows)
                );
                return Some((Denied::new(DenyCode::Denied, detail).because("pin_changed"), None));
            }
            match pins.standing(name, &target_key(governed), PinKind::Tool, tool) {
                Standing::Fine => None,
                Standing::HeldBack => Some((hidden(), Some(Asked::HiddenTool(tool.clone())))),
                Standing::Unkept => {
                    let detail = "the gateway could not store this tool's definition, so the call is refused; try again later";
                    Some((Denied::new(DenyCode::RecordingUnavailable, detail).because("pin_unkept"), None))
                }
                Standing::Unlisted => {
                    let detail = "the server has not listed this tool since the gateway started or the list changed, so it cannot be checked; list the tools first, then call it";
                    Some((Denied::new(DenyCode::Denied, detail).because("pin_unlisted"), None))
                }
            }
        }
        (_, Some(prompt), _) if held_back(PinKind::Prompt, prompt) => {
            Some((hidden(), Some(Asked::HiddenPrompt(prompt.clone()))))
        }
        (_, _, Some(template))
            if &*mcp.method == COMPLETE && held_back(PinKind::ResourceTemplate, template) =>
        {
            Some((hidden(), Some(Asked::HiddenResource(template.clone()))))
        }
        _ => None,
    }
}

/// Describes a change. An item hidden from the caller is not named.
fn named(governed: &Governed, pin: &Pin, shows: impl Fn(&Command) -> bool) -> String {
    let class = |method| governed.connection.mcp.class_of(method, None);
    let shown = match pin.kind {
        PinKind::Server => return "the server's own description".to_owned(),
        PinKind::Tool => shows(&McpCommand::call(&*pin.name).into_command(class(CALL))),
        PinKind::Prompt => shows(&McpCommand::get_prompt(&*pin.name).into_command(class("prompts/get"))),
        PinKind::ResourceTemplate => false,
    };
    let kind = pin.kind.as_str().replace('_', " ");
    if !shown {
        return format!("a {kind} of this server");
    }
    let members: Vec<String> = pin.changes().into_iter().map(|change| change.member).collect();
    format!("the {kind} {} ({})", Shown(&masked_name(governed, &pin.name)), members.join(", "))
}

fn masked_name(governed: &Governed, name: &str) -> String {
    governed.plan.text(name, "name", &mut Notes::default()).unwrap_or_else(|| name.to_owned())
}

/// Applies the masks to the message; `None` if it is unchanged.
fn masked(governed: &Governed, message: &Message, method: &str) -> Result<Option<Message>, Denied> {
    let answer = Answer { method, ..Answer::default() };
    let masked = mask_message(&governed.plan, message.body(), Side::Target, answer, &mut Notes::default());
    let Some(masked) = masked.map_err(|_unmaskable| unmaskable("it cannot be read"))? else {
        return Ok(None);
    };
    let limits = Limits::new(masked.len());
    Message::scan(masked.into(), limits).map(Some).map_err(|_unreadable| unmaskable("it cannot be read"))
}

fn element_version(
    kind: PinKind,
    element: &Element<'_>,
    masked: Option<&Element<'_>>,
) -> Result<PinVersion, JsonError> {
    let mut members = Vec::new();
    for field in watched(kind) {
        let Some(value) = element.field(*field) else { continue };
        let value = Json::parse(value.raw, DEPTH)?;
        let masked = masked.and_then(|masked| masked.field(*field));
        let masked = masked.map(|value| Json::parse(value.raw, DEPTH)).transpose()?;
        members.push((field.name(), value, masked));
    }
    Ok(version(members))
}

/// The refusal of a list that cannot be read: of values that it might hold only where some are masked.
pub fn unreadable(governed: &Governed) -> Denied {
    let what = "its list cannot be read";
    if governed.plan.is_empty() { garbage(what) } else { unmaskable(what) }
}

/// Tells of what a list has brought: in the log, the metrics and the recording.
fn report(guard: &mut ReplyGuard, governed: &Governed, kind: PinKind, diff: &ListDiff) -> Result<(), Denied> {
    let connection = &governed.connection.name;
    let mode = governed.connection.mcp.pin.as_str();
    if diff.overflows {
        tracing::warn!(%connection, "the server offers more than can be pinned; what is not pinned is not checked");
    }
    if diff.first > 0 {
        tracing::info!(%connection, %kind, count = diff.first, "pinned as first seen");
    }
    let ListDiff { new, changed, flagged, .. } = diff;
    if new.is_empty() && changed.is_empty() && flagged.is_empty() {
        return Ok(());
    }
    let name = |pin: &Pin| masked_name(governed, &pin.name);
    let members =
        |pin: &Pin| -> Vec<String> { pin.changes().into_iter().map(|change| change.member).collect() };
    for pin in new.iter().take(MOST_TOLD) {
        tracing::info!(%connection, %kind, name = %Shown(&name(pin)), "new since the list was first seen");
    }
    for pin in changed.iter().take(MOST_TOLD) {
        tracing::warn!(%connection, %kind, name = %Shown(&name(pin)), members = %members(pin).join(","), mode, "changed since it was accepted");
    }
    for pin in flagged.iter().take(MOST_TOLD) {
        let flags: Vec<String> =
            pin.accepted.flags.iter().map(|flag| format!("{}: {}", flag.member, flag.detail)).collect();
        tracing::warn!(%connection, %kind, name = %Shown(&name(pin)), flags = flags.join("; "), mode, "should be looked at");
    }
    guard.count_pins(changed.len() as u64, flagged.len() as u64);
    let bodies = guard.keeps().is_some();
    let told = |pin: &Pin| {
        let mut told = json!({ "name": name(pin), "digest": pin.seen().digest });
        let changes: Vec<Value> = pin
            .changes()
            .into_iter()
            .map(|change| {
                if bodies {
                    json!({ "member": change.member, "before": change.before, "after": change.after })
                } else {
                    json!({ "member": change.member })
                }
            })
            .collect();
        if let Some(object) = told.as_object_mut() {
            if !changes.is_empty() {
                object.insert("changes".to_owned(), changes.into());
            }
            if !pin.seen().flags.is_empty() {
                object.insert("flags".to_owned(), json!(pin.seen().flags));
            }
        }
        told
    };
    let list = |pins: &[Pin]| -> Vec<Value> { pins.iter().take(MOST_TOLD).map(told).collect() };
    let mut words = Vec::new();
    for (pins, word) in [(changed, "changed"), (flagged, "should be looked at"), (new, "new")] {
        if let Some(first) = pins.first() {
            let more = if pins.len() > 1 { format!(" and {} more", pins.len() - 1) } else { String::new() };
            words.push(format!("{word}: {kind} {}{more}", name(first)));
        }
    }
    let data = json!({
        "text": words.join("; "),
        "pin": {
            "kind": kind,
            "mode": mode,
            "changed": { "count": changed.len(), "items": list(changed) },
            "flagged": { "count": flagged.len(), "items": list(flagged) },
            "new": { "count": new.len(), "items": list(new) },
        },
    });
    guard.record(EventKind::Marker, Direction::S2c, data.to_string())
}
