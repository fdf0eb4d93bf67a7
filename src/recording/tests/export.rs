//! Export formats, and searching.

use serde_json::Value;

use super::*;
use crate::recording::export::write_har;
use crate::recording::export::write_text;
use crate::recording::matching;

/// Returns a session with a denied request, one with a reply, a streamed one, and one without any.
async fn sample(dir: &Path) -> SessionId {
    use Direction::*;
    use EventKind::*;
    let (journal, session) = (open(dir), SessionId::new());
    let [get, delete, stream, lost] =
        [RequestId::new(), RequestId::new(), RequestId::new(), RequestId::new()];
    let at = |t_us, kind, dir, corr, data: &str| Event {
        dir: Some(dir),
        corr: Some(corr),
        ..event(session, kind, t_us, data)
    };
    let events = [
        start(session),
        at(
            212_000,
            HttpRequest,
            C2s,
            get,
            r#"{"method":"POST","path":"/customers","query":"a=1&b=%20","headers":[["Content-Type","application/json"]],"body":{"text":"{\"n\":1}","length":7,"sha256":"00"},"class":"write","http":"2"}"#,
        ),
        at(212_100, Decision, C2s, get, r#"{"effect":"allow","rule":"r1","rules":["r1"],"policy_rev":41}"#),
        at(
            240_000,
            HttpResponse,
            S2c,
            get,
            r#"{"status":201,"headers":[["content-type","application/json"],["location","/customers/9"]],"body":{"text":"{\"id\":9}","length":8},"ttfb_us":20000,"total_us":28000,"end":"complete"}"#,
        ),
        at(
            300_000,
            HttpRequest,
            C2s,
            delete,
            r#"{"method":"DELETE","path":"/customers/9","query":"","headers":[],"body":null,"class":"write","http":"1.1"}"#,
        ),
        at(
            300_100,
            Decision,
            C2s,
            delete,
            r#"{"effect":"deny","rule":"no-deletes","rules":["no-deletes"],"policy_rev":41,"code":"denied"}"#,
        ),
        at(
            400_000,
            HttpRequest,
            C2s,
            stream,
            r#"{"method":"GET","path":"/events","query":"","headers":[],"body":null,"class":"read","http":"1.1"}"#,
        ),
        at(410_000, HttpChunk, S2c, stream, r#"{"body":{"text":"data: one\n\n","length":11}}"#),
        at(420_000, HttpChunk, S2c, stream, r#"{"body":{"text":"data: two\n\n","length":11}}"#),
        at(425_000, HttpChunk, C2s, stream, r#"{"frame":"text","body":{"text":"hello","length":5}}"#),
        at(
            430_000,
            HttpResponse,
            S2c,
            stream,
            r#"{"status":200,"headers":[["content-type","text/event-stream"]],"body":null,"ttfb_us":5000,"total_us":30000,"end":"complete"}"#,
        ),
        at(
            500_000,
            HttpRequest,
            C2s,
            lost,
            r#"{"method":"GET","path":"/slow","query":"","headers":[],"body":{"base64":"AAH/","length":3},"class":"read","http":"1.1"}"#,
        ),
        end(session, 600),
    ];
    journal.append(events, Durability::Written).await.unwrap();
    journal.close();
    session
}

#[tokio::test]
async fn a_har_has_every_exchange_and_every_member_the_specification_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let session = sample(dir.path()).await;
    let reader = Reader::open(dir.path()).unwrap();
    let row = reader.session(session).unwrap().unwrap();
    let mut out = Vec::new();
    write_har(&row, reader.events(session, 1).unwrap(), &mut out).unwrap();
    let har: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&har["log"]["version"], &har["log"]["creator"]["name"]), (&"1.2".into(), &"hoopctl".into()));
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        for member in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[member].is_null(), "{member}");
        }
        for member in
            ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"]
        {
            assert!(!entry["request"][member].is_null(), "request.{member}");
        }
        for member in [
            "status",
            "statusText",
            "httpVersion",
            "cookies",
            "headers",
            "content",
            "redirectURL",
            "headersSize",
            "bodySize",
        ] {
            assert!(!entry["response"][member].is_null(), "response.{member}");
        }
        for member in ["send", "wait", "receive"] {
            assert!(entry["timings"][member].as_f64().unwrap() >= 0.0, "timings.{member}");
        }
        assert!(
            !entry["response"]["content"]["size"].is_null()
                && !entry["response"]["content"]["mimeType"].is_null()
        );
    }
    let post = &entries[0];
    assert_eq!(post["startedDateTime"], "2026-11-20T09:14:03.212Z");
    assert_eq!(post["request"]["url"], "https://crm.internal/api/customers?a=1&b=%20");
    assert_eq!(post["request"]["postData"]["text"], r#"{"n":1}"#);
    assert_eq!(post["request"]["postData"]["mimeType"], "application/json");
    assert_eq!(post["request"]["httpVersion"], "HTTP/2");
    assert_eq!(
        (&post["response"]["status"], &post["response"]["redirectURL"]),
        (&201.into(), &"/customers/9".into())
    );
    assert_eq!(post["response"]["content"]["text"], r#"{"id":9}"#);
    assert_eq!((&post["time"], &post["timings"]["wait"]), (&28.0.into(), &20.0.into()));
    assert_eq!(post["_hoopctl"]["decision"]["rule"], "r1");
    let stream = &entries[1];
    assert_eq!(stream["response"]["content"]["text"], "data: one\n\ndata: two\n\n");
    assert_eq!(stream["_webSocketMessages"][0]["data"], "hello");
    let denied = entries.iter().find(|entry| entry["request"]["method"] == "DELETE").unwrap();
    assert_eq!(
        (&denied["response"]["status"], &denied["_hoopctl"]["decision"]["code"]),
        (&0.into(), &"denied".into())
    );
    let lost =
        entries.iter().find(|entry| entry["request"]["url"] == "https://crm.internal/api/slow").unwrap();
    assert_eq!(
        (&lost["request"]["postData"]["text"], &lost["request"]["postData"]["encoding"]),
        (&"AAH/".into(), &"base64".into())
    );
}

#[tokio::test]
async fn a_text_export_is_the_transcript() {
    let dir = tempfile::tempdir().unwrap();
    let session = sample(dir.path()).await;
    let reader = Reader::open(dir.path()).unwrap();
    let mut out = Vec::new();
    write_text(reader.events(session, 1).unwrap(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = r#"+00:00.000 ▶ session  app entra:t/etl-label (entra:t/etl) → crm  groups etl,batch  policy rev 41
+00:00.212 → POST /customers?a=1&b=%20  [write]
             {"n":1}
+00:00.212 ✓ allowed by r1
+00:00.240 ← 201 application/json  28.000 ms
             {"id":9}
+00:00.300 → DELETE /customers/9  [write]
+00:00.300 ✗ denied by no-deletes
+00:00.400 → GET /events
+00:00.410 ← chunk  11 bytes
             data: one
"#;
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("+00:00.600 ■ session ended: idle\n"));
}

#[tokio::test]
async fn a_search_finds_lines_in_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let session = sample(dir.path()).await;
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(search(&reader, session, r#""id":9"#), [(4, r#"             {"id":9}"#.to_owned())]);
    assert_eq!(search(&reader, session, "data: ").len(), 2);
    assert_eq!(search(&reader, session, "nothing like it"), []);
}

fn search(reader: &Reader, session: SessionId, pattern: &str) -> Vec<(u64, String)> {
    let pattern = regex::Regex::new(pattern).unwrap();
    let events = reader.events(session, 1).unwrap().map(Result::unwrap);
    events
        .flat_map(|event| matching(&event, &pattern).into_iter().map(move |line| (event.seq, line)))
        .collect()
}

#[tokio::test]
async fn a_search_finds_text_in_messages_of_mcp_whether_it_is_shown_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    let message = |dir, seq, data: &Value| Event {
        dir: Some(dir),
        corr: Some(RequestId::new()),
        ..event(session, EventKind::McpMessage, seq, &data.to_string())
    };
    let body = |text: &str| serde_json::json!({"text": text, "length": text.len()});
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"city":"Oslo"},"_meta":{"trace":"t-77"}}}"#;
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"city\": \"Bergen\"}\nnear Voss"}]}}"#;
    let list = r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"find","description":"finds a city by name"}]}}"#;
    let events = [
        start(session),
        message(
            Direction::C2s,
            1,
            &serde_json::json!({"http": "POST", "method": "tools/call", "name": "find", "class": "unknown", "body": body(call)}),
        ),
        message(Direction::S2c, 2, &serde_json::json!({"status": 200, "body": body(answer)})),
        message(Direction::S2c, 3, &serde_json::json!({"status": 200, "body": body(list)})),
        end(session, 600),
    ];
    journal.append(events, Durability::Written).await.unwrap();
    journal.close();
    let reader = Reader::open(dir.path()).unwrap();
    for (pattern, wanted) in [
        ("Oslo", vec![2]),
        (r#"city": "Bergen"#, vec![3]),
        ("^ *near Voss$", vec![3]),
        ("t-77", vec![2]),
        ("finds a city", vec![4]),
        ("tools/call find", vec![2]),
        ("1 tool: find", vec![4]),
        ("Trondheim", vec![]),
    ] {
        let seqs: Vec<u64> = search(&reader, session, pattern).into_iter().map(|(seq, _)| seq).collect();
        assert_eq!(seqs, wanted, "{pattern}");
    }
}
