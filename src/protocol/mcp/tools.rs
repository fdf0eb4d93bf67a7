//! Tools as their targets last listed them, shared by all threads: a call is judged and masked by these,
//! never by the client's claims.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::domain::connection::Connection;
use crate::domain::json::Json;
use crate::protocol::mcp::door::place_of;
use crate::protocol::mcp::mirror::Mirrored;

/// How many tools of one connection are remembered.
const MOST: usize = 10_000;

/// The tools of all connections, by connection and target. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tools(Arc<Mutex<HashMap<Box<str>, ByName>>>);

/// The tools of one connection.
type ByName = HashMap<Box<str>, Tool>;

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
    /// Notes that the target listed this tool.
    pub fn listed(&self, place: &str, name: &str, tool: Tool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = all.entry(place.into()).or_default();
        if tools.len() < MOST || tools.contains_key(name) {
            tools.insert(name.into(), tool);
        }
    }

    /// Returns whether a tool of a connection is annotated as read-only; `None` if it was never listed.
    pub fn only_reads(&self, connection: &Connection, name: &str) -> Option<bool> {
        self.get(&place_of(connection), name).map(|tool| tool.read_only)
    }

    /// Returns a tool; `None` if it was never listed.
    pub fn get(&self, place: &str, name: &str) -> Option<Tool> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(place)?.get(name).cloned()
    }
}
