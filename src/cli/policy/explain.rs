//! `policy explain`: the verdict on a command, and why.

use std::fmt::Write as _;
use std::net::IpAddr;

use clap::Args;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::entity::pair;
use crate::cli::output;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainMcp;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::RuleReport;
use crate::domain::Class;
use crate::domain::McpCommand;
use crate::domain::connection::ConnectionName;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::principal::Kind;
use crate::domain::text::Shown;
use crate::domain::verdict::Effect;
use crate::policy::NEEDS_NO_POLICY;
use crate::policy::SqlSummary;

/// Options of `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The principal; the name of the first issuer is prepended if it has no /
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: String,
    /// A group of the principal; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// The issuer left the groups out of the token (Entra does so above 200)
    #[arg(long, conflicts_with = "groups")]
    pub groups_unknown: bool,
    /// The kind of principal: human, app or agent
    #[arg(long, value_name = "KIND", default_value = "app", value_parser = kind)]
    pub kind: Kind,
    /// The client (application) behind the token
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// The name of the issuer
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Another claim of the token; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = pair)]
    pub claims: Vec<(String, String)>,
    /// The client's address
    #[arg(long, value_name = "IP")]
    pub source_ip: Option<IpAddr>,
    /// The connection
    #[arg(long, visible_alias = "connect", value_name = "NAME")]
    pub connection: String,
    /// The SQL text for a database, instead of method and path
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["method", "path", "body"])]
    pub sql: Option<String>,
    /// The MCP message, instead of a path
    #[command(flatten)]
    pub mcp: McpMessage,
    /// The body, as JSON
    #[arg(long, value_name = "JSON")]
    pub body: Option<String>,
    /// Exit with 0 for allow, 8 for approve, 9 for deny
    #[arg(long)]
    pub exit_code: bool,
    /// The HTTP method, or that of an MCP message, such as tools/list
    #[arg(required_unless_present_any = ["sql", "tool", "prompt", "resource"])]
    pub method: Option<String>,
    /// The path below the connection, for HTTP
    pub path: Option<String>,
}

/// The item that an MCP message names.
#[derive(Debug, Clone, Default, Args)]
pub struct McpMessage {
    /// The tool to call
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "path", "body"], help_heading = "MCP servers")]
    pub tool: Option<String>,
    /// The prompt to get
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "path", "body"], help_heading = "MCP servers")]
    pub prompt: Option<String>,
    /// The resource to read
    #[arg(long, value_name = "URI", conflicts_with_all = ["sql", "path", "body"], help_heading = "MCP servers")]
    pub resource: Option<String>,
    /// An argument; the value is parsed as JSON if possible, otherwise taken as text; may be repeated
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = pair, conflicts_with = "arguments", help_heading = "MCP servers")]
    pub args: Vec<(String, String)>,
    /// All arguments, as JSON
    #[arg(long = "args", value_name = "JSON", help_heading = "MCP servers")]
    pub arguments: Option<String>,
    /// The server's annotation that the tool only reads
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "MCP servers")]
    pub read_only: Option<bool>,
}

impl McpMessage {
    /// Returns the arguments as JSON text, if any.
    fn json(&self) -> Option<String> {
        let value = |text: &str| match Json::parse(text.as_bytes(), DEPTH) {
            Ok(value) => value,
            Err(_no_json) => Json::String(text.into()),
        };
        let members = || self.args.iter().map(|(name, text)| (name.as_str().into(), value(text))).collect();
        match &self.arguments {
            Some(text) => Some(text.clone()),
            None => (!self.args.is_empty()).then(|| Json::Object(members()).to_string()),
        }
    }

    /// Returns whether one of its options is given.
    fn is_given(&self) -> bool {
        let names = [&self.tool, &self.prompt, &self.resource, &self.arguments];
        names.iter().any(|name| name.is_some()) || !self.args.is_empty() || self.read_only.is_some()
    }
}

/// Returns the MCP message, if the command is one: an MCP option is given, or a method that only MCP has.
fn message(args: &ExplainArgs) -> Result<Option<ExplainMcp>, Failure> {
    let of_mcp = |method: &str| method.contains('/') || McpCommand::class_of(method) != Class::Unknown;
    let named = args.path.is_none() && args.method.as_deref().is_some_and(of_mcp);
    if !named && !args.mcp.is_given() {
        return match (&args.path, &args.sql) {
            (None, None) => Err(Failure::usage("PATH is missing: a request has a method and a path")
                .hint("for an MCP server, use --tool, --prompt, --resource or a method such as tools/list")),
            _ => Ok(None),
        };
    }
    if args.path.is_some() || args.sql.is_some() {
        return Err(Failure::usage("an MCP message has neither a path nor SQL"));
    }
    Ok(Some(ExplainMcp {
        method: args.method.clone(),
        tool: args.mcp.tool.clone(),
        prompt: args.mcp.prompt.clone(),
        resource: args.mcp.resource.clone(),
        arguments: args.mcp.json(),
        read_only: args.mcp.read_only,
    }))
}

/// Parses a kind of principal.
pub fn kind(word: &str) -> Result<Kind, String> {
    Kind::parse(word).ok_or_else(|| "expected human, app or agent".to_owned())
}

fn connection(name: &str) -> Result<ConnectionName, Failure> {
    name.parse().map_err(|error| Failure::usage(format!("{error}")))
}

/// Returns the principal id: as given, or prefixed with the first issuer's name.
fn principal(access: &Access, given: &str) -> Result<String, Failure> {
    if given.contains('/') || given.starts_with("local:") {
        return Ok(given.to_owned());
    }
    let issuers = access.wait(access.backend().issuers())?;
    Ok(match issuers.items.first() {
        Some(issuer) => format!("{}/{given}", issuer.name),
        None => given.to_owned(),
    })
}

/// Describes the command on one line. Not escaped.
fn command_text(ask: &Explain) -> String {
    match (&ask.sql, &ask.mcp) {
        (Some(sql), _) => sql.split_whitespace().collect::<Vec<_>>().join(" "),
        (None, Some(ExplainMcp { method, tool, prompt, resource, .. })) => {
            let [method, tool, prompt, resource] =
                [method, tool, prompt, resource].map(|text| text.as_deref());
            let message = McpCommand::of_parts(method, tool, prompt, resource);
            message.map(|message| message.line()).unwrap_or_default()
        }
        (None, None) => format!("{} {}", ask.method, ask.path),
    }
}

/// Explains what happens to a request, SQL text or MCP message.
pub fn explain(terminal: Terminal, access: &Access, args: &ExplainArgs) -> Outcome {
    let mcp = message(args)?;
    let ask = Explain {
        principal: principal(access, &args.principal)?,
        groups: (!args.groups_unknown).then(|| args.groups.clone()),
        kind: args.kind,
        client: args.client.clone(),
        issuer: args.issuer.clone(),
        claims: args.claims.iter().map(|(name, value)| (name.clone(), json!(value))).collect(),
        source: args.source_ip,
        at_ms: None,
        connection: connection(&args.connection)?,
        method: args.method.clone().filter(|_| mcp.is_none()).unwrap_or_default(),
        path: args.path.clone().unwrap_or_default(),
        sql: args.sql.clone(),
        mcp,
        body: args.body.clone(),
        content_type: None,
    };
    let asked = format!("{} {} on {}", ask.principal, command_text(&ask), ask.connection);
    let report = access.wait(access.backend().explain(ask))?;
    if terminal.format == Format::Table {
        terminal.data(&render(terminal, &asked, &report))?;
    } else {
        terminal.item(
            &[("effect", report.effect.to_string()), ("rule", report.rule.clone().unwrap_or_default())],
            &output::json(&report),
        )?;
    }
    Ok(match (args.exit_code, report.effect) {
        (true, Effect::Approve) => Exit::Pending,
        (true, Effect::Deny) => Exit::Denied,
        _ => Exit::Done,
    })
}

fn render(terminal: Terminal, asked: &str, report: &ExplainReport) -> String {
    let (colour, sign) = match report.effect {
        Effect::Allow => (Colour::Good, "\u{2713}"),
        Effect::Approve => (Colour::Warn, "\u{25f7}"),
        Effect::Deny => (Colour::Bad, "\u{2717}"),
    };
    let why = match &report.rule {
        _ if report.unreadable => "PostgreSQL cannot read it".to_owned(),
        Some(rule) => format!("by {}", Shown(rule)),
        None => "no policy allows it".to_owned(),
    };
    let verdict = terminal.paint(colour, &format!("{sign} {}", report.effect.as_str().to_uppercase()));
    let mut text = format!(
        "{verdict}  {why}\n  {}\n  class {}, {}policy revision {}\n",
        Shown(asked),
        Shown(&report.class),
        if report.path.is_empty() { String::new() } else { format!("judged path {}, ", Shown(&report.path)) },
        report.revision
    );
    if let Some(note) = &report.note {
        writeln!(text, "  {}", Shown(note)).ok();
    }
    if report.needs_no_policy {
        writeln!(text, "  {NEEDS_NO_POLICY}").ok();
    }
    for (word, said) in report.sql.iter().flat_map(SqlSummary::lines) {
        writeln!(text, "  {word}: {}", Shown(&said)).ok();
    }
    if !report.open {
        text.push_str("  the connection is not open to this principal: it sees 404 no_such_connection\n");
    }
    if let Some(message) = &report.message {
        writeln!(text, "  the client is told: {}", Shown(message)).ok();
    }
    if report.rules.is_empty() {
        return text + "  there are no policies\n";
    }
    let width = report.rules.iter().map(|rule| rule.id.chars().count()).max().unwrap_or(0);
    for rule in &report.rules {
        text.push_str(&render_rule(terminal, rule, width));
    }
    text
}

fn render_rule(terminal: Terminal, rule: &RuleReport, width: usize) -> String {
    let id = Shown(&rule.id).to_string();
    let effect = rule.effect.as_str();
    match &rule.failed {
        None if rule.matched => {
            let mut text =
                format!("  {} {id:width$}  {effect:7}  matches", terminal.paint(Colour::Good, "\u{2713}"));
            if rule.only_holds_back {
                text.push_str(", only holds back: what it matches is not all of the command");
            }
            for doubt in &rule.unsure {
                let (key, wanted) = (Shown(&doubt.key), Shown(&doubt.wanted));
                write!(text, ", not sure: {key} wants {wanted}, found {}", Shown(&doubt.found)).ok();
            }
            text + "\n"
        }
        None => format!("  {} {id:width$}  {effect:7}  does not match\n", terminal.paint(Colour::Faint, "-")),
        Some(failed) => format!(
            "  {} {id:width$}  {effect:7}  {} wants {}, found {}\n",
            terminal.paint(Colour::Faint, "-"),
            Shown(&failed.key),
            Shown(&failed.wanted),
            Shown(&failed.found),
        ),
    }
}
