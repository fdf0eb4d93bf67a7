//! `session`: recorded sessions.

pub mod export;
pub mod legal_hold;
pub mod recording;
pub mod verify;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::access::Access;
use crate::cli::approval::note_more;
use crate::cli::ask;
use crate::cli::help;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session::legal_hold::HoldArgs;
use crate::cli::watch;
use crate::control::noun::session::Grep;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::domain::connection::ConnectionName;
use crate::domain::id::SessionId;
use crate::domain::now_ms;
use crate::domain::units;
use crate::recording::GATEWAY;

/// Subcommands of `session`.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// List sessions, newest first
    #[command(alias = "ls", after_help = help::SESSION_LIST)]
    List(ListArgs),
    /// Show one
    Show {
        /// Its id, or last
        id: String,
    },
    /// Follow the events of one session or of all
    Tail {
        /// The session's id, or last; without it all sessions
        id: Option<String>,
    },
    /// Follow all sessions, showing only when one begins, ends or is denied something
    Watch,
    /// Search recordings; exits with 0 whether anything was found or not
    Grep(GrepArgs),
    /// End a session and cut its live streams
    Kill {
        /// Its id, or last
        id: String,
        /// The reason, for the audit trail
        #[arg(short, long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
    /// Write a recording to a file, or to standard output
    Export(ExportArgs),
    /// Verify that a recording is intact; exits with 10 if it is not
    Verify(VerifyArgs),
    /// Place a recording under legal hold: retention does not remove it until it is released
    #[command(after_help = help::SESSION_HOLD)]
    Hold(HoldArgs),
    /// Remove recordings beyond recording.retention; a running gateway does so by itself
    Prune {
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Filters of sessions.
#[derive(Debug, Clone, Args)]
pub struct WhichArgs {
    /// Only those of this principal
    #[arg(long, value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Only those on this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<ConnectionName>,
    /// Only sessions started in this recent period, such as 7d
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub since: Option<Duration>,
    /// Only live sessions
    #[arg(long)]
    pub live: bool,
    /// Only sessions on hold
    #[arg(long)]
    pub held: bool,
    /// Maximum number to show
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,
}

impl WhichArgs {
    fn filter(&self) -> SessionFilter {
        let ago = |since: Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        SessionFilter {
            principal: self.principal.clone(),
            connection: self.connection.clone(),
            live: self.live.then_some(true),
            since_ms: self.since.map(|since| now_ms().saturating_sub(ago(since)).max(0)),
            held: self.held.then_some(true),
            before: None,
            limit: self.limit,
        }
    }
}

/// Options of `session list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Filters
    #[command(flatten)]
    pub which: WhichArgs,
    /// Only those older than this one: the next page
    #[arg(long, value_name = "ID")]
    pub before: Option<SessionId>,
}

/// Options of `session grep`.
#[derive(Debug, Args)]
pub struct GrepArgs {
    /// A regular expression
    pub pattern: String,
    /// In this session only
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Which sessions
    #[command(flatten)]
    pub which: WhichArgs,
}

/// Options of `session export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The session's id, or last
    pub id: String,
    /// jsonl keeps every byte and hash, har opens in a browser, mcp-fixture plays the target, sql is a
    /// script, text is for reading
    #[arg(long, visible_alias = "as", value_name = "FORMAT", value_enum, default_value = "jsonl")]
    pub format: ExportFormat,
    /// Write to this file, which must be new
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Options of `session verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The session's id, last, or an exported .jsonl file
    #[arg(required_unless_present = "all")]
    pub id: Option<String>,
    /// Verify every session, that none is missing, and the audit trail
    #[arg(long, conflicts_with = "id")]
    pub all: bool,
    /// First acknowledge that the recordings were begun anew, so that it is a finding no longer
    #[arg(long, requires = "all", requires = "reason")]
    pub acknowledge: bool,
    /// The reason, for the audit trail
    #[arg(short, long, value_name = "TEXT", requires = "acknowledge")]
    pub reason: Option<String>,
}

/// Export formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// HTTP Archive 1.2, for HTTP sessions
    Har,
    /// The stored lines with their hashes
    Jsonl,
    /// The exchanges of an MCP session as JSON that a fake target can serve
    McpFixture,
    /// The SQL statements as a script; statements that were not executed are comments
    Sql,
    /// The transcript, as replay shows it
    Text,
}

/// Runs `session`.
pub fn run(terminal: Terminal, place: &Place, verb: SessionVerb) -> Outcome {
    if let SessionVerb::Verify(VerifyArgs { id: Some(file), .. }) = &verb
        && recording::is_file(file)
    {
        return recording::verify_file(terminal, file.as_ref());
    }
    if let SessionVerb::Prune { yes } = verb {
        return recording::prune(terminal, place, yes);
    }
    if let SessionVerb::Hold(args) = &verb {
        return legal_hold::run(terminal, place, args);
    }
    if let SessionVerb::Verify(args) = &verb {
        return verify::run(terminal, place, args);
    }
    let access = Access::to_look(terminal, place)?;
    match verb {
        SessionVerb::List(args) => list(terminal, &access, &args),
        SessionVerb::Show { id } => {
            let view = find(&access, &id)?;
            terminal.item(&fields(&view), &output::json(&view))?;
            Ok(Exit::Done)
        }
        SessionVerb::Tail { id } => recording::tail(terminal, &access, id.as_deref()),
        SessionVerb::Watch => watch::sessions(terminal, &access),
        SessionVerb::Grep(args) => grep(terminal, &access, &args),
        SessionVerb::Kill { id, reason, yes } => {
            let view = find(&access, &id)?;
            ask::confirm(
                terminal,
                yes,
                &format!("End {} of {} on {}?", view.id, view.principal, view.connection),
            )?;
            let view = access.wait(access.backend().kill_session(view.id, reason))?;
            terminal.say(&format!("ended {}", view.id));
            if terminal.format.is_json() {
                terminal.item(&[], &output::json(&view))?;
            }
            Ok(Exit::Done)
        }
        SessionVerb::Export(args) => export::export(terminal, &access, &args),
        SessionVerb::Hold(_) | SessionVerb::Prune { .. } | SessionVerb::Verify(_) => Ok(Exit::Done),
    }
}

/// Finds a session by its id or by `last`.
pub fn find(access: &Access, id: &str) -> Result<SessionView, Failure> {
    if id != "last" {
        let parsed: Result<SessionId, _> = id.parse();
        parsed.map_err(|error| Failure::usage(format!("{error}")).hint("run: hoopctl session list"))?;
    }
    let found = access.wait(access.backend().session(id.to_owned()));
    found.map_err(|failure| match failure.exit {
        Exit::NotFound if id == "last" => failure.message("nothing is recorded yet"),
        _ => failure,
    })
}

fn list(terminal: Terminal, access: &Access, args: &ListArgs) -> Outcome {
    if args.which.held {
        return legal_hold::list(
            terminal,
            access,
            SessionFilter { before: args.before, ..args.which.filter() },
        );
    }
    let filter = SessionFilter { before: args.before, ..args.which.filter() };
    let all = filter == SessionFilter { limit: filter.limit, ..SessionFilter::default() };
    let empty = if all { "no session is recorded" } else { "no session matches" };
    let found = access.wait(access.backend().sessions(filter))?;
    let now = now_ms();
    let rows: Vec<Row> = found.items.iter().map(|view| row(view, now)).collect();
    let columns = ["id", "started", "lasted", "who", "connection", "events", "denied", "masked", "end"];
    terminal.list(&columns, &rows, empty)?;
    note_more(terminal, &found);
    Ok(Exit::Done)
}

fn row(view: &SessionView, now: i64) -> Row {
    let end = match (view.end, view.ended_ms) {
        (Some(end), _) => end.to_string(),
        (None, Some(_)) => "ended".to_owned(),
        (None, None) => "live".to_owned(),
    };
    Row {
        cells: vec![
            view.id.to_string(),
            output::time(view.started_ms),
            output::distance(view.ended_ms.unwrap_or(now), view.started_ms),
            // The gateway's own session is shown as in the documentation and for --principal.
            if view.principal == GATEWAY { view.principal.clone() } else { view.label.clone() },
            view.connection.clone(),
            view.events.to_string(),
            view.denied.to_string(),
            view.masked.to_string(),
            end,
        ],
        json: output::json(view),
    }
}

fn fields(view: &SessionView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("id", view.id.to_string()),
        ("who", output::who(&view.label, view.kind, &view.principal)),
        ("issuer", view.issuer.clone()),
        ("client", view.client.clone().unwrap_or_default()),
        ("from", view.source.clone()),
        ("connection", format!("{} ({})", view.connection, view.protocol)),
        ("started", output::time(view.started_ms)),
        ("ended", view.ended_ms.map_or_else(|| "it runs".to_owned(), output::time)),
        ("end", view.end.map(|end| end.to_string()).unwrap_or_default()),
        ("events", view.events.to_string()),
        ("denied", view.denied.to_string()),
        ("masked", view.masked.to_string()),
        ("bytes", view.bytes.to_string()),
    ];
    if let Some(ms) = view.pruned_ms {
        fields.push(("pruned", output::time(ms)));
    }
    if let Some(hold) = &view.hold {
        fields.push(("held", format!("{} by {}: {}", output::time(hold.since_ms), hold.actor, hold.reason)));
    }
    if let Some(live) = &view.live {
        fields.push(("streams", live.streams.to_string()));
        fields.push(("commands", live.commands.to_string()));
        fields.push(("last used", output::time(live.active_ms)));
        fields.push(("at most until", output::time(live.expires_ms)));
    }
    fields
}

fn grep(terminal: Terminal, access: &Access, args: &GrepArgs) -> Outcome {
    let session = args.session.as_deref().map(|id| find(access, id)).transpose()?.map(|view| view.id);
    let grep = Grep { pattern: args.pattern.clone(), sessions: args.which.filter(), session };
    let found = access.wait(access.backend().grep_sessions(grep))?;
    if terminal.format == Format::Table {
        let lines: Vec<String> = found
            .items
            .iter()
            .map(|hit| {
                let text = crate::domain::text::Shown(&hit.text);
                format!("{}:{}: {} {text}\n", hit.session, hit.seq, crate::domain::text::Shown(&hit.kind))
            })
            .collect();
        terminal.data(&lines.concat())?;
        if lines.is_empty() {
            terminal.say("nothing was found");
        }
    } else {
        let rows: Vec<Row> = found
            .items
            .iter()
            .map(|hit| Row {
                cells: vec![
                    hit.session.to_string(),
                    hit.seq.to_string(),
                    output::time(hit.ts_ms),
                    hit.kind.clone(),
                    hit.text.clone(),
                ],
                json: output::json(hit),
            })
            .collect();
        terminal.list(&["session", "seq", "time", "kind", "text"], &rows, "")?;
    }
    note_more(terminal, &found);
    Ok(Exit::Done)
}
