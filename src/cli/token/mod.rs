//! `token`: mint test tokens, decode any token, verify one.

pub mod jwks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Handle;

use crate::cli::access;
use crate::cli::ask::read_text;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::token::jwks::JwksArgs;
use crate::demo::issuer::Fault;
use crate::demo::issuer::MAX_LIFETIME_S;
use crate::demo::issuer::MintRequest;
use crate::demo::issuer::mint_at;
use crate::domain::json::Json;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::units;
use crate::domain::with_causes;
use crate::identity;
use crate::identity::Inspection;
use crate::identity::Issuers;
use crate::identity::NoKeeper;
use crate::identity::TokenError;

/// Maximum length of a token in bytes.
const TOKEN_MAX: u64 = 64 << 10;

/// How long `token inspect` waits for the issuers' keys.
const PATIENCE: Duration = Duration::from_secs(3);

/// Subcommands of `token`.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Mint a token of the development issuer (demo only); prints nothing else
    Mint(MintArgs),
    /// Decode a token and show its problems; verifies nothing
    Inspect(TokenSource),
    /// Verify a token against the configured issuers
    Verify(TokenSource),
    /// Show the keys that the running gateway verifies tokens with
    Jwks(JwksArgs),
}

/// Options of `token mint`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
pub struct MintArgs {
    /// The token's subject
    #[arg(long = "as", value_name = "NAME")]
    pub subject: String,
    /// A group; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The kind of principal: human, app or agent
    #[arg(long, value_name = "KIND", default_value = "app", value_parser = crate::cli::policy::explain::kind)]
    pub kind: Kind,
    /// A display name
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// How long it is valid, at most 1d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = lifetime)]
    pub lifetime: Duration,
    /// An expired token
    #[arg(long, group = "fault", help_heading = "Bad on purpose")]
    pub expired: bool,
    /// A token for another audience
    #[arg(long, group = "fault", help_heading = "Bad on purpose")]
    pub wrong_audience: bool,
    /// A token without a signature (alg none)
    #[arg(long, group = "fault", help_heading = "Bad on purpose")]
    pub unsigned: bool,
    /// A token signed by another key
    #[arg(long, group = "fault", help_heading = "Bad on purpose")]
    pub wrong_key: bool,
    /// A token without its groups, as Entra issues above 200
    #[arg(long, group = "fault", help_heading = "Bad on purpose")]
    pub overage: bool,
}

/// Parses the lifetime of a token.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wanted = units::parse_duration(text).map_err(|error| error.to_string())?;
    let most = Duration::from_secs(MAX_LIFETIME_S);
    let fits = (Duration::from_secs(1)..=most).contains(&wanted);
    if fits {
        Ok(wanted)
    } else {
        Err(format!("it is 1s at least, and {} at most", units::format_duration(most)))
    }
}

impl MintArgs {
    fn request(&self) -> MintRequest {
        let faults = [
            (self.expired, Fault::Expired),
            (self.wrong_audience, Fault::WrongAudience),
            (self.unsigned, Fault::Unsigned),
            (self.wrong_key, Fault::WrongKey),
            (self.overage, Fault::Overage),
        ];
        MintRequest {
            groups: self.groups.clone(),
            roles: self.roles.clone(),
            kind: self.kind,
            name: self.name.clone(),
            lifetime_s: self.lifetime.as_secs(),
            fault: faults.into_iter().find(|(wanted, _)| *wanted).map(|(_, fault)| fault),
            ..MintRequest::new(&*self.subject)
        }
    }
}

/// Where to read a token from.
#[derive(Debug, Args)]
pub struct TokenSource {
    /// - for standard input, which is the default
    #[arg(value_name = "-")]
    pub stdin: Option<String>,
    /// A file
    #[arg(long, value_name = "FILE", conflicts_with = "env")]
    pub file: Option<PathBuf>,
    /// An environment variable
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

impl TokenSource {
    fn read(&self, verb: &str) -> Result<String, Failure> {
        let ways = format!("run: hoopctl token {verb} < FILE, or --file FILE, or --env NAME");
        if self.stdin.as_deref().is_some_and(|text| text != "-") {
            return Err(Failure::usage(
                "a token is never written into the command line: every process could read it",
            )
            .code("literal_secret")
            .hint(ways));
        }
        let text = if let Some(name) = &self.env {
            std::env::var(name).map_err(|_unset| {
                Failure::usage(format!("the environment variable {name} is not set, or not valid UTF-8"))
            })?
        } else {
            let path = self.file.clone().unwrap_or_else(|| "-".into());
            read_text(&path, TOKEN_MAX)?.ok_or_else(too_long)?
        };
        let text = text.trim();
        let token =
            text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")).unwrap_or(text).trim();
        if token.is_empty() {
            return Err(Failure::new(Exit::Refused, "there is no token to read").hint(ways));
        }
        Ok(token.to_owned())
    }
}

fn too_long() -> Failure {
    Failure::new(Exit::Refused, "this is longer than any token: 64 KiB")
}

/// Runs `token`.
pub fn run(terminal: Terminal, place: &Place, verb: &TokenVerb) -> Outcome {
    match verb {
        TokenVerb::Mint(args) => mint(terminal, place, args),
        TokenVerb::Inspect(source) => inspect(terminal, place, source),
        TokenVerb::Verify(source) => verify(terminal, place, source),
        TokenVerb::Jwks(args) => jwks::run(terminal, place, args),
    }
}

fn inspect(terminal: Terminal, place: &Place, source: &TokenSource) -> Outcome {
    let token = source.read("inspect")?;
    let found = match place.config_if_any()? {
        Some(config) if !config.oidc.is_empty() => {
            let issuers = issuers(config.oidc)?;
            access::runtime()?.block_on(async {
                issuers.start(&Handle::current());
                // Keys are optional for inspecting: without them it is unknown whether the issuer has this
                // one.
                tokio::time::timeout(PATIENCE, issuers.refresh(None)).await.ok();
                issuers.inspect(&token)
            })
        }
        _ => identity::inspect(&token),
    };
    if found.header.is_none() && found.claims.is_none() && terminal.format == Format::Table {
        let why = found.failures.last().map(ToString::to_string).unwrap_or_default();
        return Err(Failure::new(Exit::Refused, format!("this is no token: {why}")));
    }
    let value = inspection_json(&found);
    if terminal.format == Format::Table {
        terminal.item(&inspection_fields(&found), &value)?;
        terminal.say("decoded only: hoopctl token verify checks the signature");
    } else {
        terminal.item(&[("issuer", found.issuer.clone().unwrap_or_default())], &value)?;
    }
    Ok(if found.header.is_none() && found.claims.is_none() { Exit::Refused } else { Exit::Done })
}

fn inspection_fields(found: &Inspection) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let mut members = |what, json: &Option<Json>| match json {
        Some(Json::Object(members)) => {
            for (name, value) in members {
                fields.push((what, format!("{name} = {}", readable(name, value))));
            }
        }
        Some(other) => fields.push((what, other.to_string())),
        None => fields.push((what, "not readable".to_owned())),
    };
    members("header", &found.header);
    members("claim", &found.claims);
    fields.push(("issuer", found.issuer.clone().unwrap_or_else(|| "none that is configured".to_owned())));
    if let Some(known) = found.kid_known {
        fields.push(("key", if known { "known" } else { "not among the issuer's keys" }.to_owned()));
    }
    for failure in &found.failures {
        fields.push(("refused", failure.to_string()));
    }
    for hint in &found.hints {
        fields.push(("hint", (*hint).to_owned()));
    }
    fields
}

/// Returns a claim, with its time if it is one.
fn readable(name: &str, value: &Json) -> String {
    match (name, value.as_i64()) {
        ("exp" | "iat" | "nbf" | "auth_time", Some(seconds)) => {
            format!("{seconds} ({})", crate::cli::output::time(seconds.saturating_mul(1000)))
        }
        _ => value.to_string(),
    }
}

fn inspection_json(found: &Inspection) -> Value {
    let parsed = |json: &Option<Json>| {
        json.as_ref()
            .and_then(|json| serde_json::from_str::<Value>(&json.to_string()).ok())
            .unwrap_or(Value::Null)
    };
    let failures: Vec<Value> = found
        .failures
        .iter()
        .map(|failure| json!({"reason": failure.reason(), "message": failure.to_string()}))
        .collect();
    json!({"header": parsed(&found.header), "claims": parsed(&found.claims), "issuer": found.issuer, "kid": found.kid,
        "kid_known": found.kid_known, "failures": failures, "hints": found.hints})
}

/// Returns the issuers of a configuration, without keys yet.
pub fn issuers(settings: Vec<identity::IssuerSettings>) -> Result<Issuers, Failure> {
    Issuers::new(settings, Arc::new(NoKeeper))
        .map_err(|error| Failure::new(Exit::Config, with_causes(&error)))
}

fn verify(terminal: Terminal, place: &Place, source: &TokenSource) -> Outcome {
    let config = place.config()?;
    if config.oidc.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            "the configuration has no [[oidc]]: no token would be accepted",
        ));
    }
    let token = source.read("verify")?;
    let issuers = issuers(config.oidc)?;
    let verified = access::runtime()?.block_on(async {
        issuers.start(&Handle::current());
        issuers.refresh(None).await;
        issuers.verify(&token).await
    });
    let verified = verified.map_err(|error| {
        let (exit, hint) = match error {
            TokenError::IssuerUnavailable => {
                (Exit::Failed, "hoopctl doctor says which issuer cannot be reached")
            }
            _ => (Exit::Refused, "hoopctl token inspect shows what is in it"),
        };
        Failure::new(exit, error.to_string()).code(error.reason()).hint(hint)
    })?;
    let principal = &verified.principal;
    let groups: Option<Vec<&str>> = match &principal.groups {
        Groups::Known(_) => Some(principal.groups.iter().collect()),
        Groups::Unknown => None,
    };
    let fields = [
        ("principal", principal.id.to_string()),
        ("name", principal.label().to_owned()),
        ("kind", principal.kind.to_string()),
        ("issuer", principal.issuer.to_string()),
        ("client", principal.client.as_deref().unwrap_or_default().to_owned()),
        (
            "groups",
            groups.as_ref().map_or_else(|| "not told by the provider".to_owned(), |groups| groups.join(", ")),
        ),
        ("until", crate::cli::output::time(verified.expires_ms)),
        ("lock as", lock_as(&verified.token_ids)),
    ];
    let value = json!({"principal": &*principal.id, "label": principal.label(), "kind": principal.kind,
        "issuer": &*principal.issuer, "client": principal.client.as_deref(), "groups": groups,
        "expires_ms": verified.expires_ms, "token_ids": verified.token_ids});
    terminal.item(&fields, &value)?;
    Ok(Exit::Done)
}

/// Returns the lock targets for this token. It has one name from its issuer and one from its bytes; either
/// locks it.
fn lock_as(ids: &[Box<str>]) -> String {
    match ids {
        [first, _another, ..] => format!("token:{first} (each of its names locks it: {} in JSON)", ids.len()),
        _ => ids.iter().map(|id| format!("token:{id}")).collect::<Vec<_>>().join("\n"),
    }
}

fn mint(terminal: Terminal, place: &Place, args: &MintArgs) -> Outcome {
    let config = place.config()?;
    let issuer = config.dev_issuer.as_ref().ok_or_else(|| {
        Failure::new(Exit::Config, format!("{} has no [dev_issuer]", config.path.display()))
            .hint("only the demo mints tokens (run: hoopctl demo); otherwise ask your identity provider")
    })?;
    let url = format!("http://{}", issuer.listen);
    let minted = access::runtime()?.block_on(mint_at(&url, &args.request()));
    let token = minted.map_err(|error| {
        Failure::new(Exit::Unreachable, error.to_string()).hint("start it, run: hoopctl demo")
    })?;
    if terminal.format.is_json() {
        terminal.item(&[], &json!({"token": token}))?;
    } else {
        terminal.data(&format!("{token}\n"))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_of_a_token_is_enough_to_lock_it() {
        assert_eq!(lock_as(&["jti-1".into()]), "token:jti-1");
        let two = lock_as(&["jti-1".into(), "44136f".into()]);
        assert!(two.starts_with("token:jti-1 (") && two.lines().count() == 1, "{two}");
        assert_eq!(lock_as(&[]), "");
    }
}
