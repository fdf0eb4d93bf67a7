//! `init`: a commented configuration to start from.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config;
use crate::config::Template;
use crate::control::Peer;
use crate::demo::config::DemoConfig;
use crate::demo::config::FILE;
use crate::demo::config::KEY_FILE;
use crate::demo::config::Scenario;

/// Options of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Write the demo's configuration, to keep and change
    #[arg(long, conflicts_with = "oidc")]
    pub demo: bool,
    /// The identity provider
    #[arg(long, value_name = "PROVIDER", value_enum, default_value = "generic")]
    pub oidc: Provider,
    /// Where to write it
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
}

/// An identity provider for which `init` has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// Microsoft Entra ID
    Entra,
    /// Any `OpenID` Connect provider
    Generic,
}

/// The addresses of the demo, if they are free.
pub const DEMO_PORTS: [u16; 3] = [8440, 8449, 8448];

/// Writes the configuration.
pub fn run(terminal: Terminal, args: &InitArgs) -> Outcome {
    let file = args.dir.join(FILE);
    if args.demo {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let [gateway, issuer, target] = DEMO_PORTS.map(address);
        let (scenario, recorded) = (Scenario::Http, false);
        let demo = DemoConfig { gateway, issuer, target, scenario, recorded, user: os_user() };
        demo_folder(&args.dir, &demo, args.force)?;
    } else {
        make_dir(&args.dir)?;
        let template = match args.oidc {
            Provider::Entra => Template::Entra,
            Provider::Generic => Template::Generic,
        };
        write(&file, &own(&config::template(template), &os_user()), args.force)?;
    }
    terminal.say(&format!("wrote {}", file.display()));
    let shown = file.display();
    terminal.say(&if args.demo {
        format!("next: hoopctl demo --keep {}", args.dir.display())
    } else {
        format!("next: fill in the issuer and a connection, then hoopctl serve --check -c {shown}")
    });
    Ok(Exit::Done)
}

/// Returns the template with the current user as approver.
fn own(template: &str, user: &str) -> String {
    // A user without a name, or with an unusual one, fills it in.
    let plain =
        !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !plain {
        return template.to_owned();
    }
    let line = format!("local_groups = {{ {user} = [\"approvers\"] }} # the OS user that runs the gateway");
    template
        .replace("local_groups = { root = [\"approvers\"] } # put the user here that runs the gateway", &line)
}

/// Returns the name of the OS user, as in `admin.local_groups`.
pub fn os_user() -> String {
    Peer::this_process().user.unwrap_or_default()
}

/// Writes the configuration of the demo and the credential of its sample target, which is returned.
pub fn demo_folder(dir: &Path, demo: &DemoConfig, force: bool) -> Result<String, Failure> {
    make_dir(dir)?;
    write(&dir.join(FILE), &demo.toml(), force)?;
    // Two ids are 160 random bits; it looks like an API key.
    let key = format!("crm-{}{}", crate::domain::RequestId::new(), crate::domain::RequestId::new())
        .replace("req_", "");
    write(&dir.join(KEY_FILE), &key, true)?;
    Ok(key)
}

/// Creates a directory of mode 0700 if there is none.
pub fn make_dir(dir: &Path) -> Result<(), Failure> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Failure::failed(format!("cannot make {}: {error}", dir.display())))
}

/// Writes a file that only this user can read.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    // What is written over is replaced: a link may lead to a file of somebody else, and an open one keeps its
    // owner and its readers.
    let beside = file.with_file_name(format!(".hoopctl.{}", crate::domain::RequestId::new()));
    let to = if force { &beside } else { file };
    let written =
        std::fs::OpenOptions::new().write(true).mode(0o600).create_new(true).open(to).and_then(|mut open| {
            // Whatever the umask takes away.
            open.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            open.write_all(text.as_bytes())?;
            if force { open.sync_all().and_then(|()| std::fs::rename(to, file)) } else { Ok(()) }
        });
    if force && written.is_err() {
        // Not there any more, or never made.
        let _gone = std::fs::remove_file(&beside);
    }
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("{} is there already", file.display()))
                .hint("overwrite it with --force")
        }
        _ => Failure::failed(format!("cannot write {}: {error}", file.display())),
    })
}
