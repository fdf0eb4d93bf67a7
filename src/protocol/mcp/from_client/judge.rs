//! What a message asks for, and what the policies say to it.

use crate::domain::Command;
use crate::domain::command::mcp::CALL;
use crate::pipeline::Exchange;
use crate::pipeline::Judged;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::from_client::command;
use crate::protocol::mcp::from_client::command::Commands;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::mirror;
use crate::protocol::mcp::record::FromClient;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::sessions::About;
use crate::protocol::mcp::state::sessions::Owner;

/// Returns what a message asks for.
///
/// # Errors
/// The message lacks what its method needs.
pub fn commands(inbound: &Inbound<'_>, owner: &Owner, message: &Message) -> Result<Commands, Fault> {
    let connection = &inbound.exchange.governed().connection;
    let read_only = |tool: &str| inbound.shared.tools.get(&owner.connection, tool).map(|tool| tool.read_only);
    let task_of = |task: &str| inbound.shared.client_values.task_of(owner, task);
    command::commands(message, &connection.mcp, read_only, task_of)
        .map_err(|fault| fault.because("mcp_params"))
}

/// Checks, for targets that see no headers, that the `Mcp-Param-*` headers match the arguments.
///
/// # Errors
/// They do not match.
pub fn check_mirrored_headers(
    inbound: &Inbound<'_>,
    era: Era,
    owner: &Owner,
    judged: &Judged,
    message: &Message,
) -> Result<(), Fault> {
    let blind = era == Era::Modern && inbound.exchange.governed().connection.is_duplex();
    let Some(mcp) = judged.command.mcp().filter(|mcp| blind && !judged.is_denied() && &*mcp.method == CALL)
    else {
        return Ok(());
    };
    let said = mcp.tool.as_deref().and_then(|tool| inbound.shared.tools.get(&owner.connection, tool));
    mirror::check(&inbound.head.headers, message, said.as_ref())
}

/// Judges a command by the policies.
pub fn judge(exchange: &Exchange, mut command: Command, also: Vec<Command>, message: &Message) -> Judged {
    if exchange.wants_args(&command) {
        command = command.with_args(command::args(message));
    }
    exchange.judge_with(command, also)
}

/// Returns how a refusal differs by the request: something hidden from the caller is refused as if it did not
/// exist.
pub fn asked(exchange: &Exchange, judged: &Judged) -> Asked {
    let Some(mcp) = judged.command.mcp() else { return Asked::Other };
    let hidden = judged.is_denied() && !exchange.shows(&judged.command);
    match (&mcp.tool, &mcp.prompt, &mcp.resource) {
        (Some(tool), ..) if &*mcp.method == "tools/call" => {
            if hidden {
                Asked::HiddenTool(tool.clone())
            } else {
                Asked::Tool
            }
        }
        (_, Some(prompt), _) if hidden => Asked::HiddenPrompt(prompt.clone()),
        (_, _, Some(resource)) if hidden => Asked::HiddenResource(resource.clone()),
        _ => Asked::Other,
    }
}

/// Describes a message with this body for the recording.
pub fn record<'a>(command: &'a Command, session: &'a str, body: &'a [u8]) -> FromClient<'a> {
    let mcp = command.mcp();
    let named = mcp.and_then(|mcp| mcp.tool.as_deref().or(mcp.prompt.as_deref()).or(mcp.resource.as_deref()));
    FromClient {
        http: "POST",
        method: command.method(),
        name: named.unwrap_or_default(),
        class: command.class.as_str(),
        session,
        body,
    }
}

/// Describes a request for what its answer needs.
pub fn about(message: &Message, command: &Command) -> About {
    About {
        method: command.method().into(),
        id: message.id().map(Id::into_owned),
        token: progress_token(message),
        tool: command.mcp().and_then(|mcp| mcp.tool.clone()),
        asks_for_tasks: command.method() == "server/discover" && command::knows_tasks(message),
        logs: message.meta(Meta::LogLevel).is_some_and(|level| level.text().is_some()),
        argument: command::completed(message),
        ..About::default()
    }
}

/// Returns where the client wants to hear of progress.
pub fn progress_token(message: &Message) -> Option<Id<'static>> {
    message.meta(Meta::ProgressToken).and_then(|token| token.id()).map(Id::into_owned)
}
