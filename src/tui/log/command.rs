//! A denied command as recorded, with its caller.

use std::net::IpAddr;

use serde_json::Value;

use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainMcp;
use crate::control::noun::session::EventPage;
use crate::domain::event::Direction;
use crate::domain::event::EventKind;
use crate::domain::principal::Kind;
use crate::recording::StoredEvent;
use crate::tui::text::Syntax;

/// Maximum length of a command text kept, in bytes.
const LONGEST: usize = 256 << 10;

/// The recorded events around a denial. All texts are not escaped.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// The session's start event.
    start: Value,
    /// The decision.
    pub(super) decision: Value,
    /// The command; `None` if it is not among the events just before the decision, or not recorded.
    pub(super) command: Option<Command>,
    when_ms: i64,
}

/// The requested command.
#[derive(Debug, Clone)]
pub(super) struct Command {
    kind: EventKind,
    data: Value,
    /// Whether values in it are masked.
    pub(super) masked: bool,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl Told {
    /// Reads the first event of the session and the events up to number `seq`.
    pub(super) fn read(page: &EventPage, seq: u64) -> Option<Self> {
        let read =
            |line: &str| StoredEvent::read(crate::recording::chain::Hash::default(), line.as_bytes()).ok();
        let data =
            |stored: &StoredEvent| serde_json::from_str::<Value>(&stored.event.data).unwrap_or_default();
        let decision = read(&page.events.iter().rfind(|event| event.seq == seq)?.line)?;
        let first = page.events.first().and_then(|event| read(&event.line));
        let first = first.filter(|stored| stored.event.kind == EventKind::SessionStart);
        let corr = decision.event.corr;
        let before = page.events.iter().rev().filter(|event| event.seq < seq);
        let command = before.filter_map(|event| read(&event.line)).find(|stored| {
            let asks = match stored.event.kind {
                EventKind::HttpRequest | EventKind::SqlQuery => true,
                EventKind::McpMessage => stored.event.dir != Some(Direction::S2c),
                _ => false,
            };
            asks && corr.is_some() && stored.event.corr == corr
        });
        Some(Self {
            start: first.as_ref().map(data).unwrap_or_default(),
            when_ms: decision.event.ts_ms,
            decision: data(&decision),
            command: command.map(|stored| Command {
                kind: stored.event.kind,
                data: data(&stored),
                masked: !stored.event.mask.is_empty(),
            }),
        })
    }

    /// Returns the caller's groups at the start of the session.
    pub(super) fn groups(&self) -> Vec<String> {
        let groups = self.start.get("groups").and_then(Value::as_array).into_iter().flatten();
        groups.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns the source address of the command.
    pub(super) fn source(&self) -> &str {
        text(&self.start, "source")
    }

    /// Returns the request to explain the verdict.
    ///
    /// # Errors
    /// A message with what is missing.
    pub(super) fn question(&self) -> Result<Explain, &'static str> {
        let start = &self.start;
        let command = self
            .command
            .as_ref()
            .ok_or("the command is not in the recording close enough before its denial")?;
        let connection = text(start, "connection").parse();
        let connection = connection.map_err(|_no_name| "the start of the session is not recorded")?;
        let mut explain = Explain {
            principal: text(start, "principal").to_owned(),
            groups: Some(self.groups()),
            kind: Kind::parse(text(start, "kind")).unwrap_or(Kind::Human),
            client: some(text(start, "client")),
            issuer: some(text(start, "issuer")),
            claims: std::collections::BTreeMap::new(),
            source: self.source().parse::<IpAddr>().ok(),
            at_ms: Some(self.when_ms),
            connection,
            method: "GET".to_owned(),
            path: String::new(),
            sql: None,
            mcp: None,
            body: None,
            content_type: None,
        };
        command.ask(&mut explain)?;
        Ok(explain)
    }
}

impl Command {
    fn body(&self) -> Option<&str> {
        self.data.get("body")?.get("text")?.as_str()
    }

    /// Returns whether the recorded command is incomplete.
    pub(super) fn is_cut(&self) -> bool {
        let is = |value: &Value, name: &str| value.get(name) == Some(&Value::Bool(true));
        is(&self.data, "cut")
            || self.data.get("body").is_some_and(|body| is(body, "cut") || is(body, "withheld"))
    }

    fn path(&self) -> String {
        let (path, query) = (text(&self.data, "path"), text(&self.data, "query"));
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Formats the command on one line.
    pub(super) fn line(&self) -> String {
        let line = match self.kind {
            EventKind::SqlQuery => text(&self.data, "sql").split_whitespace().collect::<Vec<_>>().join(" "),
            EventKind::McpMessage => format!("{} {}", text(&self.data, "method"), text(&self.data, "name")),
            _ => format!("{} {}", text(&self.data, "method"), self.path()),
        };
        line.trim().chars().take(300).collect()
    }

    /// Returns the recorded text, up to a limit, and its syntax.
    pub(super) fn whole(&self) -> (String, Syntax) {
        let (mut out, syntax) = match self.kind {
            EventKind::SqlQuery => (text(&self.data, "sql").to_owned(), Syntax::Sql),
            EventKind::McpMessage => (laid_out(self.body().unwrap_or_default()), Syntax::Json),
            _ => {
                let body = self.body().map(|body| format!("\n\n{}", laid_out(body))).unwrap_or_default();
                (format!("{} {}{body}", text(&self.data, "method"), self.path()), Syntax::Http)
            }
        };
        if out.is_empty() {
            out = self.line();
        }
        if out.len() > LONGEST {
            out.truncate(out.floor_char_boundary(LONGEST));
            out.push_str("\n(the rest is in the recording)");
        }
        (out, syntax)
    }

    fn ask(&self, explain: &mut Explain) -> Result<(), &'static str> {
        match self.kind {
            EventKind::SqlQuery => {
                explain.sql =
                    Some(some(text(&self.data, "sql")).ok_or("the text of the statement is not recorded")?);
            }
            EventKind::McpMessage => explain.mcp = Some(self.message()?),
            _ => {
                text(&self.data, "method").clone_into(&mut explain.method);
                explain.path = self.path();
                explain.body = self.body().and_then(some);
                explain.content_type = explain.body.as_ref().and_then(|_| self.header("content-type"));
            }
        }
        Ok(())
    }

    fn message(&self) -> Result<ExplainMcp, &'static str> {
        let method = some(text(&self.data, "method")).ok_or("the message could not be read")?;
        let name = some(text(&self.data, "name"));
        let body: Value = self.body().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let arguments = body.get("params").and_then(|params| params.get("arguments"));
        let mut mcp = ExplainMcp { arguments: arguments.map(ToString::to_string), ..ExplainMcp::default() };
        match method.split('/').next() {
            Some("tools") => mcp.tool = name,
            Some("prompts") => mcp.prompt = name,
            Some("resources") => mcp.resource = name,
            _ => {}
        }
        mcp.method = Some(method);
        Ok(mcp)
    }

    fn header(&self, wanted: &str) -> Option<String> {
        let headers = self.data.get("headers")?.as_array()?;
        headers.iter().find_map(|header| {
            let is = header.get(0)?.as_str()?.eq_ignore_ascii_case(wanted);
            if is { header.get(1)?.as_str().map(str::to_owned) } else { None }
        })
    }
}

/// Pretty-prints JSON; returns any other text unchanged.
pub(super) fn laid_out(body: &str) -> String {
    if body.len() > LONGEST || !body.trim_start().starts_with(['{', '[']) {
        return body.to_owned();
    }
    let parsed = serde_json::from_str::<Value>(body).ok();
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}
