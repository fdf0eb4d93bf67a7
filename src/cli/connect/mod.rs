//! `connect`: connections, the named routes to targets.

mod mcp;
pub mod open;
pub mod pin;
pub mod probe;

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::change;
use crate::cli::change::EntityOptions;
use crate::cli::change::joined;
use crate::cli::connect::mcp::Setup;
use crate::cli::connect::open::OpenArgs;
use crate::cli::connect::pin::PinArgs;
use crate::cli::connect::probe::Target;
use crate::cli::current;
use crate::cli::entity;
use crate::cli::entity::ConnectionOptions;
use crate::cli::help;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config::Entity;
use crate::control::noun::entity::EntityView;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::Origin;
use crate::domain::connection::Protocol;
use crate::domain::entity::EntityKind;
use crate::domain::secret::SecretRef;
use crate::secret;

/// Subcommands of `connect`.
#[derive(Debug, Subcommand)]
pub enum ConnectVerb {
    /// Add a connection; the gateway keeps the credential, clients never see it
    #[command(after_help = help::CONNECT_ADD)]
    Add(AddConnection),
    /// List connections
    #[command(alias = "ls")]
    List,
    /// Show the definition of one connection
    Show {
        /// Its name
        name: String,
    },
    /// Change a connection in the store: by options, from a file, or in your editor
    Edit(EditConnection),
    /// Remove a connection from the store
    #[command(alias = "rm")]
    Remove {
        /// Its name
        name: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
        /// Only show what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Dial a target from this machine: DNS, TCP, TLS; does not log in
    Test {
        /// The connection's name
        name: String,
    },
    /// Print what a client needs to use a connection
    #[command(after_help = help::CONNECT_ENV)]
    Env {
        /// The connection's name
        name: String,
        /// The client; default curl, or psql for a database
        #[arg(long = "for", value_name = "CLIENT", value_enum)]
        client: Option<ClientKind>,
    },
    /// Review and accept changes of what an MCP server offers
    #[command(after_help = help::CONNECT_PIN)]
    Pin(PinArgs),
    /// Open a local port for database clients that cannot send a token
    #[command(after_help = help::CONNECT_OPEN)]
    Open(OpenArgs),
}

/// Options of `connect add`.
#[derive(Debug, Args)]
pub struct AddConnection {
    /// Its name: 1 to 63 of a-z, 0-9 and -
    pub name: String,
    /// Its definition
    #[command(flatten)]
    pub options: ConnectionOptions,
    /// Read the table from a TOML file, or - for standard input; options take precedence
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Dial the target first, and add nothing if that fails
    #[arg(long)]
    pub test: bool,
    /// Print the TOML, change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `connect edit`.
#[derive(Debug, Args)]
pub struct EditConnection {
    /// Its name
    pub name: String,
    /// What changes
    #[command(flatten)]
    pub options: ConnectionOptions,
    /// Read the whole table from a TOML file, or - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// A client for which `connect env` prints a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientKind {
    /// A curl command line
    Curl,
    /// Lines for an .env file
    Dotenv,
    /// A few lines of Python (standard library only)
    Python,
    /// Lines for a shell, for psql and other programs that use libpq
    Psql,
    /// Claude Code, an MCP client: the line that adds the server
    Claude,
    /// Cursor, an MCP client: its mcp.json
    Cursor,
    /// VS Code, an MCP client: .vscode/mcp.json
    Vscode,
    /// A project's .mcp.json, as Claude Code and others read it
    McpJson,
}

impl ClientKind {
    /// Returns its name on the command line.
    fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl ConnectVerb {
    /// Returns whether it changes nothing.
    fn looks(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } | Self::Test { .. } | Self::Env { .. } => true,
            Self::Pin(args) => args.looks(),
            Self::Add(_) | Self::Edit(_) | Self::Remove { .. } | Self::Open(_) => false,
        }
    }
}

/// Warns of a credential that is clearly unavailable: to the running gateway, otherwise on this machine.
fn warn_of_unusable(terminal: Terminal, access: &Access, connection: &Connection) {
    let status = access.wait(access.backend().status());
    let unset = status.ok().and_then(|status| status.unset);
    for source in connection.secrets() {
        let why = match (source, &unset) {
            (SecretRef::Env(name), Some(unset)) => unset
                .contains(name)
                .then(|| format!("the gateway has no {name} in its environment, or one that is too short")),
            _ => secret::unusable(source),
        };
        if let Some(why) = why {
            terminal.say(&format!("warning: {why}"));
        }
    }
}

/// Runs `connect`.
pub fn run(terminal: Terminal, place: &Place, verb: ConnectVerb) -> Outcome {
    let kind = EntityKind::Connection;
    let wanted = Use::looking(verb.looks());
    // `open` does without: it runs on the user's machine, where there may be neither a gateway nor a store.
    let access = || Access::for_use(terminal, place, wanted);
    match verb {
        ConnectVerb::Open(args) => open::run(terminal, place, &args),
        ConnectVerb::Add(args) => add(terminal, &access()?, &args),
        ConnectVerb::List => list(terminal, &access()?),
        ConnectVerb::Show { name } => change::show(terminal, &access()?, kind, &name),
        ConnectVerb::Edit(args) => {
            change::edit(terminal, &access()?, (kind, &args.name), args.file.as_deref(), &args.options)
        }
        ConnectVerb::Pin(args) => pin::run(terminal, &access()?, &args),
        ConnectVerb::Remove { name, yes, dry_run } => {
            change::remove(terminal, &access()?, (kind, &name), yes, dry_run)
        }
        ConnectVerb::Test { name } => test(terminal, &access()?, name),
        ConnectVerb::Env { name, client } => print_env(terminal, place, &access()?, name, client),
    }
}

fn add(terminal: Terminal, access: &Access, args: &AddConnection) -> Outcome {
    let kind = EntityKind::Connection;
    let mut table = change::new_table(access, kind, &args.name, args.file.as_deref())?;
    args.options.apply(&mut table)?;
    if access.is_remote() {
        entity::paths_elsewhere(&mut table)?;
        refuse_test(args.test)?;
    } else {
        entity::absolute_paths(&mut table, None)?;
    }
    if !table.contains_key("upstream") {
        return Err(Failure::usage("--upstream is missing")
            .hint("use --upstream https://HOST/PATH, mcp+https://HOST/PATH, 'mcp+stdio:PROGRAM ARGUMENTS' or postgres://HOST/DATABASE"));
    }
    let toml = toml::to_string(&table).unwrap_or_default();
    if args.test {
        dial(terminal, &parsed(&toml)?)?;
    }
    let done = change::add(terminal, access, kind, &args.name, table, args.dry_run)?;
    if !access.is_remote() {
        warn_of_unusable(terminal, access, &parsed(&toml)?);
    }
    Ok(done)
}

fn list(terminal: Terminal, access: &Access) -> Outcome {
    let keys = ["upstream", "inject", "tags"];
    change::list(terminal, access, EntityKind::Connection, &keys, |value| {
        keys.map(|key| joined(value, &[key])).to_vec()
    })
}

fn test(terminal: Terminal, access: &Access, name: String) -> Outcome {
    let view = access.wait(access.backend().entity(EntityKind::Connection, name))?;
    let took = dial(terminal, &connection_of(&view)?)?;
    if terminal.format.is_json() {
        terminal
            .item(&[], &json!({"name": view.name, "reachable": true, "ms": took.as_secs_f64() * 1000.0}))?;
    }
    Ok(Exit::Done)
}

fn print_env(
    terminal: Terminal,
    place: &Place,
    access: &Access,
    name: String,
    client: Option<ClientKind>,
) -> Outcome {
    let view = access.wait(access.backend().entity(EntityKind::Connection, name))?;
    let connection = connection_of(&view)?;
    let setup = match connection.protocol {
        Protocol::Http => env(place, &connection.name, client)?,
        Protocol::Mcp => mcp_env(place, &connection.name, client)?,
        Protocol::Postgres => database_env(place, &connection.name, client)?,
    };
    terminal.data(&setup.text)?;
    terminal.say(&setup.told);
    if connection.protocol != Protocol::Postgres && place.lacks_public_url()? {
        terminal.say("warning: localhost is this machine alone: the gateway listens on all addresses, and gateway.public_url, the URL for clients elsewhere, is not set");
    }
    Ok(Exit::Done)
}

/// A target can only be dialled from the gateway's machine.
fn refuse_test(test: bool) -> Result<(), Failure> {
    if !test {
        return Ok(());
    }
    Err(Failure::usage("--test connects to the target from this machine, but the gateway is remote")
        .hint("omit --test, or run it on the gateway's own machine"))
}

/// Parses one connection of the store.
pub fn parsed(toml: &str) -> Result<Connection, Failure> {
    match crate::config::parse_entity(EntityKind::Connection, toml, Origin::Store)? {
        Entity::Connection(connection) => Ok(connection),
        Entity::Mask(_) | Entity::Policy(_) => Err(Failure::failed("this is not a connection")),
    }
}

fn connection_of(view: &EntityView) -> Result<Connection, Failure> {
    match current::one(view)? {
        Entity::Connection(connection) => Ok(connection),
        Entity::Mask(_) | Entity::Policy(_) => Err(Failure::failed("this is not a connection")),
    }
}

/// Opens a stream to the target as the gateway would: DNS, TCP, TLS. Does not log in. A program is only
/// looked up, not started.
pub fn dial(terminal: Terminal, connection: &Connection) -> Result<Duration, Failure> {
    let upstream = connection.upstream.shown();
    let begin = Instant::now();
    if let Some(program) = &connection.upstream.program {
        let path = probe::find(program).map_err(|error| {
            Failure::failed(format!("cannot start {upstream}: {error}")).code("upstream_unavailable")
        })?;
        terminal.say(&format!("{upstream} is there: {}; it was not started", path.display()));
        return Ok(begin.elapsed());
    }
    Target::of(connection, connection.limits.connect).reach().map_err(|error| {
        Failure::failed(format!("cannot reach {upstream}: {error}")).code("upstream_unavailable")
    })?;
    let took = begin.elapsed();
    terminal.say(&format!("{upstream} answers ({} ms)", took.as_millis()));
    Ok(took)
}

/// Returns a text in which `TOKEN` is a placeholder for the token.
fn with_token(text: String) -> Setup {
    let told = "TOKEN is an access token of your identity provider for this gateway's audience";
    Setup { text, told: told.to_owned() }
}

/// Returns the configuration of an HTTP client.
fn env(place: &Place, name: &ConnectionName, client: Option<ClientKind>) -> Result<Setup, Failure> {
    let base = format!("{}/c/{name}", place.public_url()?);
    Ok(with_token(match client.unwrap_or(ClientKind::Curl) {
        ClientKind::Curl => format!("curl -H \"Authorization: Bearer $TOKEN\" {base}/\n"),
        ClientKind::Dotenv => dotenv(name, &base),
        ClientKind::Python => format!(
            "import os, urllib.request\n\n\
             request = urllib.request.Request(\"{base}/\")\n\
             request.add_header(\"Authorization\", \"Bearer \" + os.environ[\"TOKEN\"])\n\
             print(urllib.request.urlopen(request).read().decode())\n"
        ),
        ClientKind::Psql => {
            return Err(Failure::usage(format!(
                "{name} is an HTTP connection, and psql a client of PostgreSQL"
            ))
            .hint("use --for curl, dotenv or python"));
        }
        client @ (ClientKind::Claude | ClientKind::Cursor | ClientKind::Vscode | ClientKind::McpJson) => {
            return Err(Failure::usage(format!(
                "{name} is an HTTP connection, and {} is for MCP servers",
                client.word()
            ))
            .hint("use --for curl, dotenv or python"));
        }
    }))
}

fn dotenv(name: &ConnectionName, base: &str) -> String {
    let variable = name.as_str().to_uppercase().replace('-', "_");
    format!("{variable}_URL={base}\n{variable}_TOKEN=\n")
}

/// Returns the configuration of an MCP client.
fn mcp_env(place: &Place, name: &ConnectionName, client: Option<ClientKind>) -> Result<Setup, Failure> {
    let base = format!("{}/c/{name}", place.public_url()?);
    Ok(match client.unwrap_or(ClientKind::Curl) {
        ClientKind::Curl => with_token(format!(
            "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
             -H 'Accept: application/json, text/event-stream' \\\n  \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{{}},\"clientInfo\":{{\"name\":\"curl\",\"version\":\"0\"}}}}}}' \\\n  \
             {base}\n"
        )),
        ClientKind::Dotenv => with_token(dotenv(name, &base)),
        client => mcp::setup(client, name, &base).ok_or_else(|| {
            Failure::usage(format!("{name} is an MCP server, and {} is not an MCP client", client.word()))
                .hint("use --for claude, cursor, vscode, mcp-json, curl or dotenv")
        })?,
    })
}

/// Returns the configuration of a database client: the variables of libpq (PostgreSQL manual, section 32.15).
fn database_env(place: &Place, name: &ConnectionName, client: Option<ClientKind>) -> Result<Setup, Failure> {
    let door = place.database_door()?;
    let (export, token) = match client.unwrap_or(ClientKind::Psql) {
        ClientKind::Psql => ("export ", "\"$TOKEN\""),
        ClientKind::Dotenv => ("", ""),
        client => {
            return Err(Failure::usage(format!(
                "{name} is a database, and {} is not a database client",
                client.word()
            ))
            .hint("use --for psql or dotenv"));
        }
    };
    let (port, mode) = (door.port.to_string(), if door.tls { "verify-full" } else { "disable" });
    let variables = [
        ("PGHOST", &*door.host),
        ("PGPORT", &*port),
        ("PGDATABASE", name.as_str()),
        ("PGSSLMODE", mode),
        ("PGPASSWORD", token),
    ];
    let line = |(variable, value): (&str, &str)| [export, variable, "=", value, "\n"].concat();
    Ok(with_token(variables.map(line).concat()))
}
