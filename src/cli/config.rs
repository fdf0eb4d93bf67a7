//! `config`: check, show and reload the configuration.

use clap::Subcommand;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::current;
use crate::cli::help;
use crate::cli::named;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config;
use crate::config::Config;
use crate::config::Entity;
use crate::config::GatewayLimits;
use crate::domain::connection::Origin;
use crate::domain::text::Shown;
use crate::domain::units;
use crate::store;

/// Subcommands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Check the file: every problem at once, with its line
    Check,
    /// Show the effective settings, defaults filled in; of an issuer its name and address
    Show,
    /// Print the JSON Schema of the file, for editors
    #[command(after_help = help::CONFIG_SCHEMA)]
    Schema,
    /// Make the running gateway reload the file, all or nothing
    Reload,
}

/// Runs `config`.
pub fn run(terminal: Terminal, place: &Place, verb: &ConfigVerb) -> Outcome {
    match verb {
        ConfigVerb::Check => check(terminal, place),
        ConfigVerb::Show => show(terminal, place),
        ConfigVerb::Schema => schema(terminal),
        ConfigVerb::Reload => reload(terminal, place),
    }
}

/// Checks the file without starting anything, and its consistency with the store, if that can be read.
pub fn check(terminal: Terminal, place: &Place) -> Outcome {
    let config = place.config()?;
    let mut warnings = config.warnings.clone();
    let (store_read, mut missing) = match stored(terminal, place, &config) {
        Ok(stored) => {
            let entities = config::combine(&config, stored)?;
            warnings.extend(entities.warnings);
            let stored = entities.connections.iter().filter(|connection| connection.origin == Origin::Store);
            (true, named::missing(&config, stored))
        }
        Err(failure) if failure.exit == Exit::Config => return Err(failure),
        Err(failure) => {
            terminal.say(&format!("the store was not checked: {}", failure.message));
            (false, named::missing(&config, &[]))
        }
    };
    if config.oidc.is_empty() {
        missing.insert(0, "there is no [[oidc]], so that no token is accepted".to_owned());
    }
    let all: Vec<String> = warnings.iter().map(ToString::to_string).chain(missing.iter().cloned()).collect();
    for warning in &all {
        terminal.say(&format!("warning: {warning}"));
    }
    let counts = [
        output::count(config.connections.len() as u64, "connection", "connections"),
        output::count(config.policies.len() as u64, "policy", "policies"),
        output::count(config.masks.len() as u64, "mask", "masks"),
        output::count(config.oidc.len() as u64, "issuer", "issuers"),
    ]
    .join(", ");
    if terminal.format == Format::Table {
        terminal.data(&format!("{} is valid: {counts}\n", Shown(&config.path.display().to_string())))?;
    } else {
        let value = json!({"file": config.path.display().to_string(), "valid": true, "warnings": warnings,
                "missing": missing, "store_read": store_read});
        terminal
            .item(&[("file", config.path.display().to_string()), ("valid", "true".to_owned())], &value)?;
    }
    Ok(Exit::Done)
}

/// Reads the entities of the store: from the running gateway, or from the data directory. Creates none if
/// there is none.
fn stored(terminal: Terminal, place: &Place, config: &Config) -> Result<Vec<Entity>, Failure> {
    let file = config.storage.data_dir.join(store::DB_FILE);
    let access = match file.try_exists() {
        Ok(false) => return Ok(Vec::new()),
        Ok(true) => Access::to_look(Terminal { quiet: true, ..terminal }, place)?,
        // The data directory belongs to another user: only its gateway can read it.
        Err(_closed) => Access::online(place)?,
    };
    current::of_store(&access)
}

fn show(terminal: Terminal, place: &Place) -> Outcome {
    let config = place.config()?;
    let fields = settings(&config);
    let value = fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    terminal.item(&fields, &serde_json::Value::Object(value))?;
    if terminal.format == Format::Table {
        terminal.say("connections and policies: hoopctl connect list, hoopctl policy list");
    }
    Ok(Exit::Done)
}

fn limits(limits: &GatewayLimits) -> String {
    let shared: Vec<String> = limits.shared_addresses.iter().map(ToString::to_string).collect();
    [
        format!("header_block {}", units::format_size(limits.header_block as u64)),
        format!("headers {}", limits.headers),
        format!("uri {}", units::format_size(limits.uri as u64)),
        format!("streams {}", limits.streams),
        format!("logins {}", limits.logins),
        format!("failed_logins {}", limits.failed_logins),
        format!("shared_addresses {}", if shared.is_empty() { "none".to_owned() } else { shared.join(", ") }),
        format!("sessions {}", limits.sessions),
        format!("rate {}", limits.rate.map_or("none".to_owned(), |rate| rate.to_string())),
    ]
    .join("\n")
}

fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let gateway = &config.gateway;
    let recording = &config.recording;
    let issuers: Vec<String> =
        config.oidc.iter().map(|issuer| format!("{} {}", issuer.name, issuer.issuer)).collect();
    let groups: Vec<String> = config
        .admin
        .local_groups
        .iter()
        .map(|(user, groups)| format!("{user}: {}", groups.join(", ")))
        .collect();
    let mut fields = vec![
        ("file", config.path.display().to_string()),
        ("gateway.listen", gateway.listen.to_string()),
        ("gateway.postgres_listen", gateway.postgres_listen.map(|own| own.to_string()).unwrap_or_default()),
        ("gateway.public_url", gateway.public_url.clone().unwrap_or_default()),
        ("gateway.tls", gateway.tls.as_ref().map_or("off".to_owned(), |tls| tls.cert.display().to_string())),
        ("gateway.drain_timeout", units::format_duration(gateway.drain_timeout)),
        ("gateway.workers", gateway.workers.map_or("one for each core".to_owned(), |own| own.to_string())),
        ("gateway.limits", limits(&gateway.limits)),
        ("admin.socket", config.admin.socket.display().to_string()),
        ("admin.local_groups", groups.join("\n")),
        ("oidc", issuers.join("\n")),
        ("storage.data_dir", config.storage.data_dir.display().to_string()),
        ("storage.key", config.storage.key_source().to_string()),
        ("recording.level", recording.level.as_str().to_owned()),
        ("recording.sync", recording.sync.as_str().to_owned()),
        ("recording.retention.recordings", units::format_duration(recording.recordings)),
        ("recording.retention.metadata", units::format_duration(recording.metadata)),
        ("recording.retention.max_size", units::format_size(recording.max_size)),
        ("recording.max_body", units::format_size(recording.max_body)),
    ];
    if let Some(remote) = &config.admin.remote {
        let roles = &remote.roles;
        let named = [("operator", &roles.operator), ("approver", &roles.approver), ("viewer", &roles.viewer)];
        let named = named.iter().filter(|(_, groups)| !groups.is_empty());
        let roles: Vec<String> =
            named.map(|(role, groups)| format!("{role}: {}", groups.join(", "))).collect();
        let login = remote.login.as_ref().map(|login| {
            format!("{} as {} for {}", login.issuer, login.client.client_id, login.client.scopes.join(" "))
        });
        let page = remote.page.as_ref().map(|page| {
            format!("{} as {} for {}", page.issuer, page.client.client_id, page.client.scopes.join(" "))
        });
        fields.extend([
            ("admin.listen", remote.listen.to_string()),
            ("admin.public_url", remote.public_url.clone().unwrap_or_default()),
            ("admin.roles", roles.join("\n")),
            ("admin.clients", remote.clients.join("\n")),
            ("admin.login", login.unwrap_or_default()),
            ("admin.page", page.unwrap_or_default()),
        ]);
    }
    if let Some(issuer) = &config.dev_issuer {
        fields.push(("dev_issuer.listen", format!("{} (for trying only)", issuer.listen)));
    }
    fields
}

/// Prints the same in every output format, since it is a file.
fn schema(terminal: Terminal) -> Outcome {
    terminal.data(&output::json_document(&config::schema()))?;
    Ok(Exit::Done)
}

fn reload(terminal: Terminal, place: &Place) -> Outcome {
    let access = Access::online(place)?;
    let report = access.wait(access.backend().reload()).map_err(|failure| match failure.exit {
        Exit::Config => failure.hint("the old configuration is still in force"),
        _ => failure,
    })?;
    for warning in &report.warnings {
        terminal.say(&format!("warning: {warning}"));
    }
    for key in &report.restart_needed {
        terminal.say(&format!("restart needed: {key}"));
    }
    let counts = report.counts;
    terminal.say(&format!(
        "reloaded: {}, {}, {}, policy revision {}",
        output::count(counts.connections, "connection", "connections"),
        output::count(counts.policies, "policy", "policies"),
        output::count(counts.masks, "mask", "masks"),
        report.revision
    ));
    if terminal.format.is_json() {
        terminal.item(&[], &output::json(&report))?;
    }
    Ok(Exit::Done)
}
