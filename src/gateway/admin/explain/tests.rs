//! Tests of the arguments that each protocol requires.

use super::*;
use crate::config::Entity;
use crate::config::parse_entity;
use crate::domain::Class;
use crate::domain::Origin;
use crate::domain::entity::EntityKind;

fn connection(protocol: Protocol) -> Connection {
    let text = "name = \"appdb\"\nupstream = \"https://appdb.example\"\n";
    match parse_entity(EntityKind::Connection, text, Origin::Store).unwrap() {
        Entity::Connection(connection) => Connection { protocol, ..connection },
        _ => unreachable!(),
    }
}

fn asked(what: &serde_json::Value) -> Explain {
    let mut whole = serde_json::json!({ "principal": "dev/a", "connection": "appdb" });
    let own = what.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(own);
    serde_json::from_value(whole).unwrap()
}

#[tokio::test]
async fn annotations_count_where_the_connection_trusts_them() {
    let mut server = connection(Protocol::Mcp);
    let ask = asked(&serde_json::json!({ "mcp": { "tool": "list_orders", "read_only": true } }));
    assert_eq!(command_of(&ask, &server).await.unwrap().class, Class::Unknown);
    server.mcp.trust_annotations = true;
    assert_eq!(command_of(&ask, &server).await.unwrap().class, Class::Read);
}

#[tokio::test]
async fn a_database_is_asked_in_sql_and_nothing_else_is() {
    let (http, database) = (connection(Protocol::Http), connection(Protocol::Postgres));
    let server = connection(Protocol::Mcp);
    let call = serde_json::json!({ "mcp": { "tool": "echo", "arguments": "{\"n\":1.50}" } });
    let called = command_of(&asked(&call), &server).await.unwrap();
    assert_eq!((called.class, called.summary().as_str()), (Class::Unknown, "tools/call echo"));
    assert!(matches!(called.args(), Args::Read(json) if json.to_string() == "{\"n\":1.50}"));
    let request = serde_json::json!({ "path": "/x" });
    let text = serde_json::json!({ "sql": "SELECT refund(1) FROM customers" });
    let command = command_of(&asked(&text), &database).await.unwrap();
    let sql = command.sql().unwrap();
    assert_eq!((command.class, sql.base, sql.opaque.len()), (Class::Unknown, Class::Read, 1));
    assert_eq!(command_of(&asked(&request), &http).await.unwrap().path(), "/x");
    for (what, connection, said) in [
        (request, &database, "is a database"),
        (text, &http, "is an HTTP connection"),
        (serde_json::json!({ "sql": "SELECT 1", "path": "/x" }), &database, "is a database"),
        (serde_json::json!({ "sql": "SELECT 1", "body": "{}" }), &database, "is a database"),
        (serde_json::json!({}), &database, "is a database"),
        (serde_json::json!({}), &http, "a request has a path"),
        (call.clone(), &http, "is an HTTP connection"),
        (call, &database, "is a database"),
        (serde_json::json!({ "path": "/x" }), &server, "is an MCP server"),
        (serde_json::json!({ "sql": "SELECT 1" }), &server, "is an MCP server"),
        (serde_json::json!({ "mcp": { "tool": "echo" }, "body": "{}" }), &server, "is an MCP server"),
        (serde_json::json!({ "mcp": {} }), &server, "names a tool, prompt, resource or method"),
        (
            serde_json::json!({ "mcp": { "tool": "a", "arguments": "{\"a\":1,\"a\":2}" } }),
            &server,
            "comes twice",
        ),
    ] {
        let error = command_of(&asked(&what), connection).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest);
        assert!(error.message.contains(said), "{what}: {}", error.message);
    }
}

#[tokio::test]
async fn what_no_parser_reads_is_told_as_the_client_is_told() {
    let said = syntax("SELEC 1").await.unwrap().unwrap();
    assert!(said.contains("syntax error at or near \"SELEC\" (SQLSTATE 42601)"), "{said}");
    assert_eq!(syntax("SELECT refund(1)").await.unwrap(), None);
}
