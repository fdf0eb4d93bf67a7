//! Announces the gateway's tasks to clients that ask for a server's capabilities, even if the target has no
//! tasks.

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::from_client::command::TASKS;

/// Adds tasks to the extensions in a server's capabilities, as JSON. `None` if they are there already, or it
/// cannot be read.
pub fn offered(capabilities: &[u8]) -> Option<String> {
    let Ok(Json::Object(mut members)) = Json::parse(capabilities, DEPTH) else { return None };
    let tasks = (Box::from(TASKS), Json::Object(Vec::new()));
    match members.iter_mut().find(|(name, _)| &**name == "extensions") {
        Some((_, Json::Object(extensions))) => {
            if extensions.iter().any(|(name, _)| &**name == TASKS) {
                return None;
            }
            extensions.push(tasks);
        }
        Some(_) => return None,
        None => members.push((Box::from("extensions"), Json::Object(vec![tasks]))),
    }
    Some(Json::Object(members).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_put_in_where_they_are_missing_and_nothing_else_changes() {
        let own = r#""io.modelcontextprotocol/tasks":{}"#;
        for (before, after) in [
            ("{}".to_owned(), Some(format!(r#"{{"extensions":{{{own}}}}}"#))),
            (
                r#"{"tools":{"n":1.10},"extensions":{"x/y":{}}}"#.to_owned(),
                Some(format!(r#"{{"tools":{{"n":1.10}},"extensions":{{"x/y":{{}},{own}}}}}"#)),
            ),
            (format!(r#"{{"extensions":{{{own}}}}}"#), None),
            (r#"{"extensions":null}"#.to_owned(), None),
            ("[]".to_owned(), None),
        ] {
            assert_eq!(offered(before.as_bytes()), after, "{before}");
        }
    }
}
