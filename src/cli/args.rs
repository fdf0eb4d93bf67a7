//! The command line: the options of every command, and the commands.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::cli::apply::ApplyArgs;
use crate::cli::apply::ExportArgs;
use crate::cli::approval::ApprovalVerb;
use crate::cli::audit::AuditVerb;
use crate::cli::completions::CompletionsArgs;
use crate::cli::completions::ManArgs;
use crate::cli::config::ConfigVerb;
use crate::cli::connect::ConnectVerb;
use crate::cli::demo::DemoArgs;
use crate::cli::grant::GrantVerb;
use crate::cli::help;
use crate::cli::init::InitArgs;
use crate::cli::lock::LockVerb;
use crate::cli::login::LoginArgs;
use crate::cli::login::LogoutArgs;
use crate::cli::mask::MaskVerb;
use crate::cli::output::Format;
use crate::cli::policy::PolicyVerb;
use crate::cli::replay::ReplayArgs;
use crate::cli::secret::SecretVerb;
use crate::cli::serve::ServeArgs;
use crate::cli::session::SessionVerb;
use crate::cli::status::StatusArgs;
use crate::cli::token::TokenVerb;
use crate::cli::tui::TuiArgs;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "hoopctl",
    version,
    about = "Identity-aware access gateway: who may do what, approved by whom, on the record",
    disable_help_subcommand = true,
    infer_long_args = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub noun: Noun,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        help = "Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]",
        help_heading = "Everywhere"
    )]
    pub config: Option<PathBuf>,
    /// Data directory.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]",
        help_heading = "Everywhere"
    )]
    pub data_dir: Option<PathBuf>,
    /// Admin socket.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help = "Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]",
        help_heading = "Everywhere"
    )]
    pub socket: Option<PathBuf>,
    /// URL of a remote gateway.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]",
        help_heading = "Everywhere"
    )]
    pub url: Option<String>,
    /// Certificate authorities for the remote gateway. `connect add`, `edit` and `open` have an option of the
    /// same name for the target. clap identifies the two, so it is text here too, and does not apply to the
    /// gateway there.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "With --url: trust the certificate authorities in this PEM file instead of the system's [env: HOOPCTL_CA_FILE]",
        help_heading = "Everywhere"
    )]
    pub ca_file: Option<String>,
    /// Output format.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        help = "Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]",
        help_heading = "Everywhere"
    )]
    pub output: Option<Format>,
    /// Print data and errors only, no messages
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Run the gateway in the foreground
    #[command(after_help = help::SERVE)]
    Serve(ServeArgs),
    /// Try it: gateway, token issuer and a sample API or MCP server in one process
    #[command(after_help = help::DEMO)]
    Demo(DemoArgs),
    /// Write a commented hoopctl.toml
    #[command(after_help = help::INIT)]
    Init(InitArgs),
    /// Find and explain problems
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// Show whether the gateway is running, and its state
    #[command(after_help = help::STATUS)]
    Status(StatusArgs),
    /// Sign in at a remote gateway, in a browser
    #[command(after_help = help::LOGIN)]
    Login(LoginArgs),
    /// Sign out there, and forget its tokens
    #[command(after_help = help::LOGOUT)]
    Logout(LogoutArgs),
    /// Connections: targets and how the gateway logs in there
    #[command(subcommand, aliases = ["connects", "connection", "connections", "conn", "conns"], after_help = help::CONNECT)]
    Connect(Box<ConnectVerb>),
    /// Policies: what is allowed, held for approval or denied
    #[command(subcommand, aliases = ["policies"], after_help = help::POLICY)]
    Policy(Box<PolicyVerb>),
    /// Make the store match files: connections, policies, masks; all or nothing
    #[command(after_help = help::APPLY)]
    Apply(ApplyArgs),
    /// Print the content of the store, as TOML that apply accepts
    #[command(after_help = help::EXPORT)]
    Export(ExportArgs),
    /// Held commands: list, approve, deny, wait
    #[command(subcommand, aliases = ["approvals"], after_help = help::APPROVAL)]
    Approval(ApprovalVerb),
    /// Grants that approvals gave: list, revoke
    #[command(subcommand, aliases = ["grants"], after_help = help::GRANT)]
    Grant(GrantVerb),
    /// Lock out a token, principal, client or connection at once
    #[command(subcommand, aliases = ["locks"], after_help = help::LOCK)]
    Lock(LockVerb),
    /// Recorded sessions: list, follow, search, export, verify
    #[command(subcommand, aliases = ["sessions"], after_help = help::SESSION)]
    Session(SessionVerb),
    /// The audit trail: who changed what, and when
    #[command(subcommand, aliases = ["audits"], after_help = help::AUDIT)]
    Audit(AuditVerb),
    /// Play a session at its original pace
    #[command(after_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Approvals, live sessions, replay and more on one screen
    #[command(after_help = help::TUI)]
    Tui(TuiArgs),
    /// Try the detectors of sensitive values
    #[command(subcommand, aliases = ["masks"], after_help = help::MASK)]
    Mask(MaskVerb),
    /// Tokens: mint test tokens, inspect, verify
    #[command(subcommand, aliases = ["tokens"], after_help = help::TOKEN)]
    Token(TokenVerb),
    /// Secrets that the gateway stores sealed
    #[command(subcommand, aliases = ["secrets"], after_help = help::SECRET)]
    Secret(SecretVerb),
    /// The configuration: check, show, reload
    #[command(subcommand, aliases = ["configs"], after_help = help::CONFIG)]
    Config(ConfigVerb),
    /// Print the completions of a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them
    #[command(after_help = help::MAN)]
    Man(ManArgs),
    /// Print the version
    Version,
}
