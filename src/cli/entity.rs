//! Options of `add` and `edit` that become the TOML table of a connection or policy.

mod mcp;

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use toml::Table;
use toml::Value;

pub use crate::cli::ask;
use crate::cli::change::EntityOptions;
use crate::cli::entity::mcp::McpOptions;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::domain::secret::SecretRef;

/// Options of a connection.
#[derive(Debug, Clone, Default, Args)]
pub struct ConnectionOptions {
    /// Address of the target.
    #[arg(
        long,
        value_name = "URL",
        help = "Address of the target: an http or https URL, mcp+https://HOST/PATH, 'mcp+stdio:PROGRAM ARGUMENTS', or postgres://HOST/DATABASE"
    )]
    pub upstream: Option<String>,
    /// Credential of the target.
    #[arg(
        long,
        value_name = "RULE",
        help = "Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none, password:USER:SRC or certificate:USER for a database, env:NAME:SRC for a program; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND"
    )]
    pub inject: Option<String>,
    /// A tag that policies and masks match; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// A limit.
    #[arg(
        long = "limit",
        value_name = "KEY=VALUE",
        value_parser = pair,
        help = "A limit: session, idle, approval_wait, connect, response (durations), body (size of what is held or judged; other bodies only pass through), rate (per second), rows (per statement of a database)"
    )]
    pub limits: Vec<(String, String)>,
    /// Certificate authorities to trust for this target, instead of the platform's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<String>,
    /// Options for databases
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Options for MCP servers
    #[command(flatten)]
    pub mcp: McpOptions,
}

/// Options of a connection to a database.
#[derive(Debug, Clone, Default, Args)]
pub struct DatabaseOptions {
    /// Sessions are read-only, which the server enforces
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Databases")]
    pub readonly: Option<bool>,
    /// What happens to a statement that needs approval: it waits, or fails and passes when sent again
    #[arg(long, value_name = "MODE", value_parser = ["wait", "retry"], help_heading = "Databases")]
    pub approval_mode: Option<String>,
    /// What clients get of a NOTIFY where masks have fields: its payload is redacted, or masked by shape
    /// alone
    #[arg(long, value_name = "WHAT", value_parser = ["redact", "pass"], help_heading = "Databases")]
    pub notifications: Option<String>,
    /// Maximum number of rows that one statement returns
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000_000), help_heading = "Databases")]
    pub rows: Option<i64>,
    /// Allow the server to request the password in clear text, inside TLS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Databases")]
    pub accept_cleartext: Option<bool>,
    /// Allow the server to use MD5 authentication
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Databases")]
    pub accept_md5: Option<bool>,
    /// Allow the server to admit the gateway without a password
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Databases")]
    pub accept_trust: Option<bool>,
}

/// Options of a policy.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyOptions {
    /// Allow matching commands
    #[arg(long, group = "effect")]
    pub allow: bool,
    /// Hold matching commands until an approver decides
    #[arg(long, group = "effect")]
    pub approve: bool,
    /// Deny matching commands
    #[arg(long, group = "effect")]
    pub deny: bool,
    /// A group of the caller
    #[arg(long = "group", value_name = "GROUP", help_heading = "Who")]
    pub groups: Vec<String>,
    /// A principal, or a glob over principals
    #[arg(long = "subject", value_name = "PRINCIPAL", help_heading = "Who")]
    pub subjects: Vec<String>,
    /// A client (application), by its id
    #[arg(long = "client", value_name = "CLIENT", help_heading = "Who")]
    pub clients: Vec<String>,
    /// An issuer, by its name
    #[arg(long = "issuer", value_name = "NAME", help_heading = "Who")]
    pub issuers: Vec<String>,
    /// A kind of principal: human, app or agent
    #[arg(long = "kind", value_name = "KIND", help_heading = "Who")]
    pub kinds: Vec<String>,
    /// A claim of the token
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = pair, help_heading = "Who")]
    pub claims: Vec<(String, String)>,
    /// A connection, or a glob over names
    #[arg(long = "connection", visible_alias = "connect", value_name = "NAME", help_heading = "Where")]
    pub connections: Vec<String>,
    /// A tag of the connection
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair, help_heading = "Where")]
    pub tags: Vec<(String, String)>,
    /// The client's address or network
    #[arg(long = "source-ip", value_name = "CIDR", help_heading = "Where")]
    pub source_ips: Vec<String>,
    /// A class: read, write, ddl, admin or unknown
    #[arg(long = "operation", value_name = "CLASS", help_heading = "What")]
    pub operations: Vec<String>,
    /// A method of HTTP or MCP, such as PATCH or 'resources/*'
    #[arg(long = "method", value_name = "METHOD", help_heading = "What")]
    pub methods: Vec<String>,
    /// A path below the connection: * within a segment, ** over segments
    #[arg(long = "path", value_name = "GLOB", help_heading = "What")]
    pub paths: Vec<String>,
    /// A tool of an MCP server, or a glob over names
    #[arg(long = "tool", value_name = "GLOB", help_heading = "What")]
    pub tools: Vec<String>,
    /// A prompt of an MCP server, or a glob over names
    #[arg(long = "prompt", value_name = "GLOB", help_heading = "What")]
    pub prompts: Vec<String>,
    /// A resource of an MCP server: a URI, * within a segment, ** over segments
    #[arg(long = "resource", value_name = "GLOB", help_heading = "What")]
    pub resources: Vec<String>,
    /// A value in the body or in MCP arguments, such as amount='> 1000'
    #[arg(long = "arg", value_name = "PATH=PATTERN", value_parser = pair, help_heading = "What")]
    pub args: Vec<(String, String)>,
    /// A table in a SQL text, such as crm.customers or 'hr.*'
    #[arg(long = "table", value_name = "GLOB", help_heading = "What")]
    pub tables: Vec<String>,
    /// A column in a SQL text: column, table.column or schema.table.column
    #[arg(long = "column", value_name = "GLOB", help_heading = "What")]
    pub columns: Vec<String>,
    /// A column that a SQL text must not name
    #[arg(long = "column-not", value_name = "GLOB", help_heading = "What")]
    pub columns_not: Vec<String>,
    /// A function called by a SQL text, such as public.refund
    #[arg(long = "function", value_name = "GLOB", help_heading = "What")]
    pub functions: Vec<String>,
    /// A verb of a SQL text, such as select or truncate
    #[arg(long = "verb", value_name = "WORD", help_heading = "What")]
    pub verbs: Vec<String>,
    /// A setting changed by a SQL text, such as role or 'app.*'
    #[arg(long = "setting", value_name = "GLOB", help_heading = "What")]
    pub settings: Vec<String>,
    /// The SQL text has an UPDATE or DELETE of all rows
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "What")]
    pub all_rows: Option<bool>,
    /// Exclude callers in this group
    #[arg(long = "unless-group", value_name = "GROUP", help_heading = "Who")]
    pub unless_groups: Vec<String>,
    /// A group whose members may decide (with --approve)
    #[arg(long = "from", value_name = "GROUP", help_heading = "Approval")]
    pub from: Vec<String>,
    /// How many approvers must approve
    #[arg(long, value_name = "N", help_heading = "Approval")]
    pub min: Option<u32>,
    /// How long an approval stays pending
    #[arg(long, value_name = "DURATION", help_heading = "Approval")]
    pub timeout: Option<String>,
    /// A decision needs a reason
    #[arg(long, help_heading = "Approval")]
    pub reason: bool,
    /// What an approval grants: once, session, or a duration
    #[arg(long, value_name = "SCOPE", help_heading = "Approval")]
    pub grant: Option<String>,
    /// Maximum length of a session
    #[arg(long, value_name = "DURATION")]
    pub session: Option<String>,
    /// Message for a client whose command is refused
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
}

/// Parses `KEY=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

impl EntityOptions for ConnectionOptions {
    fn is_empty(&self) -> bool {
        self.upstream.is_none()
            && self.inject.is_none()
            && self.tags.is_empty()
            && self.limits.is_empty()
            && self.ca_file.is_none()
            && self.database.is_empty()
            && self.mcp.is_empty()
    }

    fn apply(&self, table: &mut Table) -> Result<(), Failure> {
        if let Some(upstream) = &self.upstream {
            refuse_user_info(upstream)?;
            set(table, "upstream", upstream.as_str());
        }
        if let Some(inject) = &self.inject {
            refuse_literal(inject)?;
            set(table, "inject", inject.as_str());
        }
        if let Some(ca_file) = &self.ca_file {
            set(table, "ca_file", ca_file.as_str());
        }
        merge(table, "tags", &self.tags, |_key, value| Value::String(value.to_owned()))?;
        merge(table, "limits", &self.limits, |key, value| match value.parse::<i64>() {
            Ok(number) if matches!(key, "rate" | "rows") => Value::Integer(number),
            _ => Value::String(value.to_owned()),
        })?;
        self.database.apply(table)?;
        self.mcp.apply(table)
    }
}

impl DatabaseOptions {
    fn flags(&self) -> [(&'static str, Option<bool>); 4] {
        [
            ("readonly", self.readonly),
            ("accept_cleartext", self.accept_cleartext),
            ("accept_md5", self.accept_md5),
            ("accept_trust", self.accept_trust),
        ]
    }

    fn is_empty(&self) -> bool {
        self.approval_mode.is_none()
            && self.notifications.is_none()
            && self.rows.is_none()
            && self.flags().iter().all(|(_, given)| given.is_none())
    }

    fn apply(&self, table: &mut Table) -> Result<(), Failure> {
        for (key, given) in self.flags() {
            match given {
                Some(true) => set(table, key, true),
                // A missing key means false.
                Some(false) => drop(table.remove(key)),
                None => {}
            }
        }
        if let Some(mode) = &self.approval_mode {
            set(table, "approval_mode", mode.as_str());
        }
        if let Some(notifications) = &self.notifications {
            set(table, "notifications", notifications.as_str());
        }
        if let Some(rows) = self.rows {
            set(inner(table, "limits")?, "rows", rows);
        }
        Ok(())
    }
}

impl EntityOptions for PolicyOptions {
    fn is_empty(&self) -> bool {
        let mut table = Table::new();
        self.apply(&mut table).is_ok() && table.is_empty()
    }

    fn apply(&self, table: &mut Table) -> Result<(), Failure> {
        let effects = [(self.allow, "allow"), (self.approve, "approve"), (self.deny, "deny")];
        if let Some((_, effect)) = effects.into_iter().find(|(given, _)| *given) {
            set(table, "effect", effect);
        }
        let lists = [
            ("groups", &self.groups),
            ("subjects", &self.subjects),
            ("clients", &self.clients),
            ("issuers", &self.issuers),
            ("kinds", &self.kinds),
            ("connections", &self.connections),
            ("source_ips", &self.source_ips),
            ("operations", &self.operations),
            ("methods", &self.methods),
            ("paths", &self.paths),
            ("tools", &self.tools),
            ("prompts", &self.prompts),
            ("resources", &self.resources),
            ("tables", &self.tables),
            ("columns", &self.columns),
            ("columns_not", &self.columns_not),
            ("functions", &self.functions),
            ("verbs", &self.verbs),
            ("settings", &self.settings),
        ];
        for (key, values) in lists {
            if !values.is_empty() {
                set(inner(table, "match")?, key, strings(values));
            }
        }
        for (key, pairs) in [("claims", &self.claims), ("tags", &self.tags), ("args", &self.args)] {
            if !pairs.is_empty() {
                merge(inner(table, "match")?, key, pairs, |_key, value| Value::String(value.to_owned()))?;
            }
        }
        if let Some(all_rows) = self.all_rows {
            set(inner(table, "match")?, "all_rows", all_rows);
        }
        if !self.unless_groups.is_empty() {
            set(inner(table, "unless")?, "groups", strings(&self.unless_groups));
        }
        self.apply_approval(table)?;
        if let Some(session) = &self.session {
            set(inner(table, "limits")?, "session", session.as_str());
        }
        if let Some(message) = &self.message {
            set(table, "message", message.as_str());
        }
        Ok(())
    }
}

impl PolicyOptions {
    fn apply_approval(&self, table: &mut Table) -> Result<(), Failure> {
        if !self.from.is_empty() {
            set(inner(table, "approval")?, "from", strings(&self.from));
        }
        if let Some(min) = self.min {
            set(inner(table, "approval")?, "min", i64::from(min));
        }
        for (key, text) in [("timeout", &self.timeout), ("grant", &self.grant)] {
            if let Some(text) = text {
                set(inner(table, "approval")?, key, text.as_str());
            }
        }
        if self.reason {
            set(inner(table, "approval")?, "reason", true);
        }
        Ok(())
    }
}

fn strings(values: &[String]) -> Value {
    Value::Array(values.iter().cloned().map(Value::String).collect())
}

fn set(table: &mut Table, key: &str, value: impl Into<Value>) {
    table.insert(key.to_owned(), value.into());
}

fn inner<'a>(table: &'a mut Table, key: &str) -> Result<&'a mut Table, Failure> {
    let entry = table.entry(key.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    entry.as_table_mut().ok_or_else(|| Failure::failed(format!("`{key}` is not a table")))
}

fn merge(
    table: &mut Table,
    key: &str,
    pairs: &[(String, String)],
    value: impl Fn(&str, &str) -> Value,
) -> Result<(), Failure> {
    if pairs.is_empty() {
        return Ok(());
    }
    let inner = inner(table, key)?;
    for (name, text) in pairs {
        inner.insert(name.clone(), value(name, text));
    }
    Ok(())
}

/// Refuses a literal secret: an argument is visible to every process of the machine, so only a source is
/// accepted. The error does not repeat it.
fn refuse_literal(inject: &str) -> Result<(), Failure> {
    let (kind, rest) = inject.split_once(':').unwrap_or((inject, ""));
    let source = match kind {
        "none" if rest.is_empty() => return Ok(()),
        // No secret: the certificate itself is named by the URL of the target.
        "certificate" if !rest.is_empty() => return Ok(()),
        "bearer" => Some(rest),
        "basic" | "env" | "header" | "password" => rest.split_once(':').map(|(_, source)| source),
        _ => {
            return Err(Failure::usage(
                "--inject is one of bearer:SRC, basic:USER:SRC, header:NAME:SRC, password:USER:SRC, certificate:USER, env:NAME:SRC, none",
            ));
        }
    };
    if source.is_some_and(|source| source.parse::<SecretRef>().is_ok()) {
        return Ok(());
    }
    let form = match kind {
        "bearer" => "bearer:env:NAME",
        "basic" => "basic:USER:env:NAME",
        "password" => "password:USER:env:NAME",
        "env" => "env:NAME:env:NAME",
        _ => "header:NAME:env:NAME",
    };
    let message = "a secret is named by its source, never written into the command line";
    Err(Failure::usage(message).code("literal_secret").hint(format!(
        "--inject {form}, or file:PATH, store:KEY, exec:COMMAND in place of env:NAME\n\
         to keep it in the gateway: hoopctl secret set KEY < FILE, then store:KEY"
    )))
}

/// Refuses a URL with a user name or password, which would be visible in `ps`, in the configuration and in
/// logs.
fn refuse_user_info(upstream: &str) -> Result<(), Failure> {
    let authority = upstream.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next();
    if authority.is_some_and(|authority| authority.contains('@')) {
        let instead = if upstream.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("postgres")) {
            "--upstream postgres://HOST/DATABASE --inject password:USER:env:NAME"
        } else {
            "--upstream https://HOST --inject basic:USER:env:NAME"
        };
        return Err(Failure::usage("--upstream holds a user name or password")
            .code("literal_secret")
            .hint(instead));
    }
    Ok(())
}

/// Makes the paths of a connection's table absolute, since the store has no directory to resolve them
/// against. They are resolved against the directory of `file`, or the working directory without one and for
/// `-`.
pub fn absolute_paths(table: &mut Table, file: Option<&Path>) -> Result<(), Failure> {
    let folder = file.filter(|file| *file != Path::new("-")).and_then(Path::parent);
    each_path(table, |path| {
        let joined = folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        let whole =
            std::path::absolute(joined).ok().and_then(|whole| whole.into_os_string().into_string().ok());
        whole.ok_or_else(|| Failure::usage("a relative path that cannot be resolved; write an absolute path"))
    })
}

/// Refuses relative paths: the files are on the gateway's machine, where the paths could not be resolved.
pub fn paths_elsewhere(table: &mut Table) -> Result<(), Failure> {
    each_path(table, |path| {
        if path.starts_with('/') {
            return Ok(path.to_owned());
        }
        Err(Failure::usage(format!("{path:?} is a relative path, and the file is on the gateway's machine"))
            .hint("write its absolute path"))
    })
}

/// Replaces each path in a connection's table.
fn each_path(
    table: &mut Table,
    mut changed: impl FnMut(&str) -> Result<String, Failure>,
) -> Result<(), Failure> {
    if let Some(Value::String(path)) = table.get_mut("ca_file")
        && !path.is_empty()
    {
        *path = changed(path)?;
    }
    if let Some(Value::String(inject)) = table.get_mut("inject") {
        let source = match inject.split_once(':') {
            Some(("bearer", source)) => Some(source),
            Some(("basic" | "env" | "header" | "password", rest)) => {
                rest.split_once(':').map(|(_, source)| source)
            }
            _ => None,
        };
        if let Some(path) =
            source.and_then(|source| source.strip_prefix("file:")).filter(|path| !path.is_empty())
        {
            let start = inject.strip_suffix(path).unwrap_or_default();
            *inject = format!("{start}{}", changed(path)?);
        }
    }
    Ok(())
}

/// Maximum length of the text of a definition or policy test, in bytes.
const TEXT_MAX: u64 = 4 << 20;

/// Reads the text of a definition or policy test, from a file or, for `-`, from standard input.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let longer = || Failure::failed(format!("{} is longer than 4 MiB", path.display()));
    ask::read_text(path, TEXT_MAX)?.ok_or_else(longer)
}

/// Parses the TOML of one table.
pub fn parse_table(text: &str, name: &str) -> Result<Table, Failure> {
    text.parse::<Table>().map_err(|error| Failure::new(Exit::Config, format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(text: &str, file: Option<&str>) -> (String, String) {
        let mut table: Table = text.parse().unwrap();
        absolute_paths(&mut table, file.map(Path::new)).unwrap();
        let value = |key| table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (value("ca_file"), value("inject"))
    }

    #[test]
    fn what_goes_into_the_store_has_no_relative_path() {
        let here = std::env::current_dir().unwrap();
        let here = here.display();
        for (ca_file, inject, file, found) in [
            ("ca.pem", "bearer:file:./t", None, (format!("{here}/ca.pem"), format!("bearer:file:{here}/t"))),
            (
                "/ca.pem",
                "basic:u:file:t:x",
                Some("-"),
                ("/ca.pem".into(), format!("basic:u:file:{here}/t:x")),
            ),
            (
                "ca.pem",
                "header:X-Key:file:a/b",
                Some("/etc/h/c.toml"),
                ("/etc/h/ca.pem".into(), "header:X-Key:file:/etc/h/a/b".into()),
            ),
            ("a", "password:u:file:t", None, (format!("{here}/a"), format!("password:u:file:{here}/t"))),
            ("a", "env:TOKEN:file:t", None, (format!("{here}/a"), format!("env:TOKEN:file:{here}/t"))),
            ("a", "bearer:file:/t", Some("c.toml"), (format!("{here}/a"), "bearer:file:/t".into())),
            ("/a", "bearer:exec:file t", None, ("/a".into(), "bearer:exec:file t".into())),
            ("/a", "basic:file:env:X", None, ("/a".into(), "basic:file:env:X".into())),
            ("", "bearer:file:", None, (String::new(), "bearer:file:".into())),
        ] {
            assert_eq!(
                absolute(&format!("ca_file = {ca_file:?}\ninject = {inject:?}"), file),
                found,
                "{inject}"
            );
        }
    }

    #[test]
    fn a_credential_is_named_by_its_source() {
        for named in [
            "none",
            "bearer:env:X",
            "basic:u:file:t",
            "header:X-Key:store:k",
            "env:X:exec:c",
            "password:u:env:X",
            "certificate:u",
        ] {
            assert!(refuse_literal(named).is_ok(), "{named}");
        }
        for literal in ["bearer:s3cret", "basic:u:s3cret", "password:u:s3cret", "certificate:", "s3cret"] {
            let Err(failure) = refuse_literal(literal) else { panic!("{literal}") };
            assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
        }
    }
}
