//! Tools as their targets last listed them, shared by all threads: a call is judged and masked by these,
//! never by the client's claims.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use crate::domain::connection::Connection;
use crate::domain::json::Json;
use crate::domain::sync::lock;
use crate::protocol::mcp::from_client::inbound::target_key_of;
use crate::protocol::mcp::from_client::mirror::Mirrored;

/// How many tools of one connection are remembered.
const MOST: usize = 10_000;

/// How many bytes their schemas, as written, may take together.
const ROOM: usize = 8 << 20;

/// The tools of all connections, by connection and target. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tools(Arc<Mutex<HashMap<Box<str>, ByName>>>);

/// The tools of one connection.
#[derive(Debug, Default)]
struct ByName {
    /// Each with the bytes that it counts for.
    tools: HashMap<Box<str>, (Tool, usize)>,
    bytes: usize,
}

/// One tool, as its target last listed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its annotation `readOnlyHint`; false if absent.
    pub read_only: bool,
    /// The `outputSchema` that clients have seen; `None` if it has none.
    pub schema: Option<Arc<Json>>,
    /// The arguments that headers must repeat, if the gateway has to check them.
    pub mirrored: Arc<[Mirrored]>,
}

impl Tools {
    /// Notes that the target listed this tool, with schemas of `bytes` bytes as they are written. A tool for
    /// which there is no room is one that was never listed.
    pub fn listed(&self, target: &str, name: &str, tool: Tool, bytes: usize) {
        let mut all = lock(&self.0);
        let known = all.entry(target.into()).or_default();
        let bytes = bytes + name.len();
        if let Some((_, before)) = known.tools.remove(name) {
            known.bytes -= before;
        }
        if known.tools.len() < MOST && known.bytes + bytes <= ROOM {
            known.tools.insert(name.into(), (tool, bytes));
            known.bytes += bytes;
        }
    }

    /// Returns whether a tool of a connection is annotated as read-only; `None` if it was never listed.
    pub fn only_reads(&self, connection: &Connection, name: &str) -> Option<bool> {
        self.get(&target_key_of(connection), name).map(|tool| tool.read_only)
    }

    /// Returns a tool; `None` if it was never listed.
    pub fn get(&self, target: &str, name: &str) -> Option<Tool> {
        let all = lock(&self.0);
        all.get(target)?.tools.get(name).map(|(tool, _)| tool.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_remembered_as_long_as_there_is_room_for_their_schemas() {
        let tools = Tools::default();
        let tool = Tool { read_only: true, schema: None, mirrored: Arc::new([]) };
        let list = |name: &str, bytes| tools.listed("crm", name, tool.clone(), bytes);
        let knows = |name: &str| tools.get("crm", name).is_some();
        list("a", ROOM / 2);
        list("b", ROOM / 2);
        assert!(knows("a") && !knows("b"));
        list("a", 1);
        list("b", ROOM / 2);
        assert!(knows("a") && knows("b"));
        // What is not remembered any more is not judged by what it was.
        list("b", ROOM);
        assert!(knows("a") && !knows("b"));
    }
}
