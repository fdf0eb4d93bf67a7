//! Filters the elements of a target's lists for a caller, and remembers the tools in them.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::McpCommand;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::mask::mcp::rewrite_schema;
use crate::pipeline::ReplyGuard;
use crate::pipeline::unmaskable;
use crate::protocol::mcp::codec::envelope::names::ElementField;
use crate::protocol::mcp::codec::listing::Element;
use crate::protocol::mcp::codec::listing::Listed;
use crate::protocol::mcp::codec::listing::Listing;
use crate::protocol::mcp::from_client::inbound::target_key;
use crate::protocol::mcp::from_client::mirror;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::state::tools::Tool;

/// Returns the command that reads a resource.
pub fn reading(uri: &str) -> crate::domain::Command {
    McpCommand::read_resource(uri).into_command(McpCommand::class_of("resources/read"))
}

/// Returns whether the caller may see a list element: by the same policies that judge its use.
pub fn shows(guard: &ReplyGuard, listed: Listed, element: &Element<'_>) -> bool {
    let key: &str = &element.key;
    match listed {
        Listed::Tools => {
            let read_only = Some(element.hints.read_only == Some(true));
            let class = guard.governed().connection.mcp.class_of("tools/call", read_only);
            guard.shows(&McpCommand::call(key).into_command(class))
        }
        Listed::Prompts => {
            guard.shows(&McpCommand::get_prompt(key).into_command(McpCommand::class_of("prompts/get")))
        }
        Listed::Resources => guard.shows(&reading(key)),
        Listed::ResourceTemplates => guard.shows_template(key),
    }
}

/// Remembers the tools of a list, with their schemas as clients see them: extended for masked values.
///
/// # Errors
/// A schema cannot be read.
pub fn remember(shared: &McpShared, guard: &ReplyGuard, listing: &Listing<'_>) -> Result<(), Denied> {
    let governed = guard.governed();
    let unread = || unmaskable("the schema of a tool cannot be read");
    for element in &listing.elements {
        let written = element.field(ElementField::OutputSchema).filter(|_| guard.masks());
        let mut schema = None;
        let mut bytes = 0;
        if let Some(written) = written {
            let loosened = rewrite_schema(&governed.plan, written.raw).map_err(|_unreadable| unread())?;
            let seen = loosened.as_deref().unwrap_or(written.raw);
            bytes += seen.len();
            schema = Some(Arc::new(Json::parse(seen, DEPTH).map_err(|_unreadable| unread())?));
        }
        // A target behind HTTP sees the headers itself.
        let input = element.field(ElementField::InputSchema).filter(|_| governed.connection.is_duplex());
        bytes += input.as_ref().map_or(0, |input| input.raw.len());
        let mirrored = input.map(|input| mirror::wanted(input.raw)).unwrap_or_default().into();
        let tool = Tool { read_only: element.hints.read_only == Some(true), schema, mirrored };
        shared.tools.listed(&target_key(governed), &element.key, tool, bytes);
    }
    Ok(())
}
