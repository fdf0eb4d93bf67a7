//! What a tool or prompt asks of the client before it answers: `rounds` of its entry, one after the other. A client of
//! 2026-07-28 is told what is asked and calls again; an older one is asked on the stream of its call.

use rmcp::model::{
    ClientCapabilities, InputRequests, InputRequiredResult, InputResponses, ProtocolVersion, SealOptions,
    ServerRequest,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

use crate::lists::{fill, wire};
use crate::server::Shared;

/// How far the asking is.
pub enum Settled {
    /// Everything was answered: the arguments, and the answers by the keys of what was asked.
    Answers(Value),
    /// The client is to answer that, and to call again.
    Asks(Box<InputRequiredResult>),
    /// The client cannot be asked, as it said itself or by its refusal.
    Cannot(String),
}

/// What the client sent.
pub struct Call<'a> {
    /// The tool or prompt.
    pub name: &'a str,
    /// Its arguments.
    pub arguments: &'a Value,
    /// Answers to what it was asked before.
    pub responses: Option<InputResponses>,
    /// The state it was given with that.
    pub state: Option<String>,
}

/// Whether the client speaks a revision in which the server asks nothing on a stream.
pub fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// Asks what is still to be asked of `rounds`.
///
/// # Errors
///
/// The state is not as it was given, or the client did not declare what it is needed for.
pub async fn settle(
    shared: &Shared,
    rounds: &[Value],
    call: Call<'_>,
    context: &RequestContext<RoleServer>,
) -> Result<Settled, ErrorData> {
    let declared = context.client_capabilities().unwrap_or_default();
    if is_modern(context) {
        return modern(shared, rounds, call, &declared);
    }
    let mut known = call.arguments.as_object().cloned().unwrap_or_default();
    for round in rounds {
        for (key, ask) in asks(round, call.arguments, &declared)? {
            if !can(&declared, method(&ask)) {
                return Ok(Settled::Cannot(format!(
                    "the client did not declare that it answers {}",
                    method(&ask)
                )));
            }
            let asked = method(&ask).to_owned();
            match context.peer.send_request(wire::<ServerRequest>(ask)?).await {
                Ok(answer) => known.insert(key, serde_json::to_value(answer).unwrap_or_default()),
                Err(error) => return Ok(Settled::Cannot(format!("{asked} was not answered: {error}"))),
            };
        }
    }
    Ok(Settled::Answers(Value::Object(known)))
}

fn modern(
    shared: &Shared,
    rounds: &[Value],
    call: Call<'_>,
    declared: &ClientCapabilities,
) -> Result<Settled, ErrorData> {
    let with_state = call.state.is_some();
    let (mut number, mut known) = match &call.state {
        Some(state) => shared
            .seal
            .open_json_with::<(usize, Map<String, Value>)>(state, call.name.as_bytes())
            .map_err(|error| {
                ErrorData::invalid_params(format!("the requestState is not as it was given: {error}"), None)
            })?,
        None => (0, call.arguments.as_object().cloned().unwrap_or_default()),
    };
    let mut responses = call.responses.unwrap_or_default();
    while let Some(round) = rounds.get(number) {
        let wants_state = round.get("state") == Some(&json!(true));
        let asks = asks(round, call.arguments, declared)?;
        let answered = asks
            .iter()
            .all(|(key, ask)| responses.get(key).is_some_and(|answer| answers(method(ask), answer)));
        if !answered || asks.is_empty() || (wants_state && !with_state) {
            if let Some((_, missing)) = asks.iter().find(|(_, ask)| !can(declared, method(ask))) {
                return Err(ErrorData::missing_required_client_capability(wire(needed(method(missing)))?));
            }
            let state = wants_state
                .then(|| {
                    shared.seal.seal_json_with(
                        &(number, &known),
                        &SealOptions::new().associated_data(call.name.as_bytes()),
                    )
                })
                .transpose()
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            let requests: InputRequests = wire(Value::Object(asks))?;
            return Ok(Settled::Asks(Box::new(InputRequiredResult::new(Some(requests), state))));
        }
        for key in asks.keys() {
            if let Some(answer) = responses.remove(key) {
                known.insert(key.clone(), answer);
            }
        }
        number += 1;
    }
    Ok(Settled::Answers(Value::Object(known)))
}

/// What a round asks, with the arguments filled in; of a round `declared_only`, what the client declared.
fn asks(
    round: &Value,
    arguments: &Value,
    declared: &ClientCapabilities,
) -> Result<Map<String, Value>, ErrorData> {
    let filled = fill(round.get("asks").unwrap_or(&Value::Null), arguments);
    let Value::Object(mut asks) = filled else {
        return Err(ErrorData::internal_error("lists.json has a round without asks", None));
    };
    if round.get("declared_only") == Some(&json!(true)) {
        asks.retain(|_, ask| can(declared, method(ask)));
    }
    Ok(asks)
}

fn method(ask: &Value) -> &str {
    ask.get("method").and_then(Value::as_str).unwrap_or_default()
}

/// The capabilities that a client has to declare to be asked that.
fn needed(method: &str) -> Value {
    json!({ method.split('/').next().unwrap_or_default(): {} })
}

fn can(declared: &ClientCapabilities, method: &str) -> bool {
    let declared = serde_json::to_value(declared).unwrap_or_default();
    needed(method).as_object().is_some_and(|needed| needed.keys().all(|key| declared.get(key).is_some()))
}

/// Whether that is the shape of an answer to that.
fn answers(method: &str, answer: &Value) -> bool {
    match method {
        "elicitation/create" => answer
            .get("action")
            .is_some_and(|action| action != "accept" || answer.get("content").is_some_and(Value::is_object)),
        "sampling/createMessage" => answer.get("role").is_some() && answer.get("content").is_some(),
        _ => answer.get("roots").is_some_and(Value::is_array),
    }
}
