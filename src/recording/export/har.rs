//! HTTP Archive 1.2, the format of browser developer tools. <http://www.softwareishard.com/blog/har-12-spec/>

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::domain::connection::Protocol;
use crate::domain::event::Direction;
use crate::domain::event::EventKind;
use crate::domain::id::RequestId;
use crate::recording::export::ExportError;
use crate::recording::export::must_speak;
use crate::recording::export::not_written;
use crate::recording::line::StoredEvent;
use crate::recording::line::time_text;
use crate::recording::session::SessionRow;

/// Maximum number of requests that wait for their response. Beyond it the oldest is written without one.
const MAX_OPEN: usize = 10_000;
/// Maximum number of bytes of streamed pieces that are joined into one body.
const MAX_STREAMED: usize = 16 << 20;

/// A request and the events that followed it so far.
struct Exchange {
    seq: u64,
    started_ms: i64,
    request: Value,
    decision: Option<Value>,
    streamed: String,
    frames: Vec<Value>,
}

/// Writes the HTTP exchanges of a recording as one HAR document. Data that HAR has no place for is in members
/// named `_hoopctl`.
///
/// # Errors
/// Errors from `events`, `out` that cannot be written, and, before anything is written, a session that is not
/// HTTP: HAR cannot represent SQL, and a recording of MCP holds messages, not requests with headers.
pub fn write_har<E: Into<ExportError>>(
    session: &SessionRow,
    events: impl Iterator<Item = Result<StoredEvent, E>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    must_speak(session, Protocol::Http, "HTTP")?;
    let head = format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"hoopctl","version":"{}"}},"pages":[],"entries":["#,
        env!("CARGO_PKG_VERSION")
    );
    out.write_all(head.as_bytes()).map_err(not_written)?;
    let mut entries = Entries { session, upstream: String::new(), open: BTreeMap::new(), first: true };
    for event in events {
        entries.add(&event.map_err(Into::into)?, out).map_err(not_written)?;
    }
    entries.finish(out).map_err(not_written)?;
    out.write_all(b"]}}\n").and_then(|()| out.flush()).map_err(not_written)
}

struct Entries<'a> {
    session: &'a SessionRow,
    upstream: String,
    /// Ids sort by time, so the first is the oldest.
    open: BTreeMap<RequestId, Exchange>,
    first: bool,
}

impl Entries<'_> {
    fn add(&mut self, stored: &StoredEvent, out: &mut impl Write) -> std::io::Result<()> {
        let event = &stored.event;
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::Null);
        if event.kind == EventKind::SessionStart {
            text(&data, "upstream").trim_end_matches('/').clone_into(&mut self.upstream);
            return Ok(());
        }
        let Some(corr) = event.corr else { return Ok(()) };
        match event.kind {
            EventKind::HttpRequest => {
                if self.open.len() >= MAX_OPEN
                    && let Some((_, oldest)) = self.open.pop_first()
                {
                    self.write(oldest, None, out)?;
                }
                let exchange = Exchange {
                    seq: stored.seq,
                    started_ms: event.ts_ms,
                    request: data,
                    decision: None,
                    streamed: String::new(),
                    frames: Vec::new(),
                };
                self.open.insert(corr, exchange);
            }
            EventKind::Decision => {
                if let Some(exchange) = self.open.get_mut(&corr) {
                    exchange.decision = Some(data);
                }
            }
            EventKind::HttpChunk => {
                if let Some(exchange) = self.open.get_mut(&corr) {
                    exchange.piece(event.dir, event.ts_ms, &data);
                }
            }
            EventKind::HttpResponse => {
                if let Some(exchange) = self.open.remove(&corr) {
                    self.write(exchange, Some(&data), out)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        while let Some((_, exchange)) = self.open.pop_first() {
            self.write(exchange, None, out)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        exchange: Exchange,
        response: Option<&Value>,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        if !std::mem::take(&mut self.first) {
            out.write_all(b",\n")?;
        }
        let micros = |name| response.and_then(|data| data.get(name)).and_then(Value::as_f64);
        let total = micros("total_us").unwrap_or(0.0) / 1000.0;
        let wait = micros("ttfb_us").map_or(total, |micros| micros / 1000.0).min(total);
        let mut entry = json!({
            "startedDateTime": time_text(exchange.started_ms),
            "time": total,
            "request": request(&self.upstream, &exchange.request),
            "response": reply(response, &exchange.streamed),
            "cache": {},
            "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": wait, "receive": total - wait},
            "_hoopctl": {
                "session": self.session.id.to_string(),
                "seq": exchange.seq,
                "class": exchange.request.get("class"),
                "decision": exchange.decision,
            },
        });
        if !exchange.frames.is_empty()
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("_webSocketMessages".to_owned(), Value::Array(exchange.frames));
        }
        serde_json::to_writer(out, &entry).map_err(Into::into)
    }
}

impl Exchange {
    fn piece(&mut self, dir: Option<Direction>, ts_ms: i64, data: &Value) {
        let (content, is_text) = match data.get("body") {
            Some(body) => match body.get("text").and_then(Value::as_str) {
                Some(content) => (content, true),
                None => (text(body, "base64"), false),
            },
            None => return,
        };
        if data.get("frame").is_some() {
            let sent = dir == Some(Direction::C2s);
            #[expect(clippy::cast_precision_loss, reason = "seconds with a fraction, as browsers write them")]
            let time = ts_ms as f64 / 1000.0;
            self.frames.push(json!({
                "type": if sent { "send" } else { "receive" },
                "time": time,
                "opcode": if is_text { 1 } else { 2 },
                "data": content,
            }));
        } else if is_text
            && dir != Some(Direction::C2s)
            && self.streamed.len() + content.len() <= MAX_STREAMED
        {
            self.streamed.push_str(content);
        }
    }
}

fn request(upstream: &str, data: &Value) -> Value {
    let query = text(data, "query");
    let mark = if query.is_empty() { "" } else { "?" };
    let headers = headers(data);
    let body = data.get("body").filter(|body| !body.is_null());
    let mut request = json!({
        "method": text(data, "method"),
        "url": format!("{upstream}{}{mark}{query}", text(data, "path")),
        "httpVersion": version(data),
        "cookies": [],
        "queryString": pairs(query),
        "headersSize": -1,
        "bodySize": body.map_or(0, size),
    });
    if let Some(members) = request.as_object_mut() {
        if let Some(body) = body {
            let mime = header(&headers, "content-type");
            let mut post = json!({"mimeType": mime, "params": [], "text": text(body, "text")});
            if let (Some(post), Some(base64)) = (post.as_object_mut(), body.get("base64")) {
                post.insert("text".to_owned(), base64.clone());
                post.insert("encoding".to_owned(), "base64".into());
            }
            members.insert("postData".to_owned(), post);
        }
        members.insert("headers".to_owned(), Value::Array(headers));
    }
    request
}

fn reply(data: Option<&Value>, streamed: &str) -> Value {
    let Some(data) = data else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "_error": "no reply is recorded",
        });
    };
    let headers = headers(data);
    let body = data.get("body").filter(|body| !body.is_null());
    let mut content = json!({"size": body.map_or(streamed.len() as u64, size), "mimeType": header(&headers, "content-type")});
    if let Some(members) = content.as_object_mut() {
        if let Some(base64) = body.and_then(|body| body.get("base64")) {
            members.insert("text".to_owned(), base64.clone());
            members.insert("encoding".to_owned(), "base64".into());
        } else {
            let recorded = body.map_or("", |body| text(body, "text"));
            let shown = if recorded.is_empty() { streamed } else { recorded };
            members.insert("text".to_owned(), shown.into());
        }
    }
    json!({
        "status": data.get("status").and_then(Value::as_u64).unwrap_or(0),
        "statusText": "",
        "httpVersion": version(data),
        "cookies": [],
        "redirectURL": header(&headers, "location"),
        "headers": headers,
        "content": content,
        "headersSize": -1,
        "bodySize": body.map_or(streamed.len() as u64, size),
        "_hoopctl": {"end": data.get("end")},
    })
}

fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn size(body: &Value) -> u64 {
    body.get("length").and_then(Value::as_u64).unwrap_or(0)
}

fn version(data: &Value) -> &'static str {
    if text(data, "http") == "2" { "HTTP/2" } else { "HTTP/1.1" }
}

/// Converts `[["name","value"],…]` to HAR's header list.
fn headers(data: &Value) -> Vec<Value> {
    let pairs = data.get("headers").and_then(Value::as_array);
    pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| match pair.as_array()?.as_slice() {
            [name, value] => Some(json!({"name": name, "value": value})),
            _ => None,
        })
        .collect()
}

fn header<'a>(headers: &'a [Value], wanted: &str) -> &'a str {
    let found = headers.iter().find(|header| text(header, "name").eq_ignore_ascii_case(wanted));
    found.map_or("", |header| text(header, "value"))
}

fn pairs(query: &str) -> Vec<Value> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            json!({"name": name, "value": value})
        })
        .collect()
}
