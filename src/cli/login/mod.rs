//! `login` and `logout`: signing in at a remote gateway, as the person known to its issuer.

pub mod bearer;
mod browser;
mod device;
mod fresh;
pub mod interrupts;
mod issuer;
mod neighbour;
#[cfg(test)]
mod tests;
mod tokens;

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::access;
use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::output;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::remote::Remote;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::status;
use crate::domain::text::Shown;

use browser::Addresses;
use fresh::Revocation;
use fresh::keep;
use interrupts::HeldOff;
use issuer::Endpoints;
use issuer::Listed;
use tokens::Entry;
use tokens::Terms;
use tokens::TokenFile;
use tokens::Tokens;

/// Options of `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Trust the authorities in this file for the issuer's certificate, not this machine's
    #[arg(long, value_name = "PEM")]
    pub issuer_ca_file: Option<PathBuf>,
    /// Sign in with a browser on another device, by a code
    #[arg(long, conflicts_with = "no_browser")]
    pub device: bool,
    /// Print the address, do not open a browser
    #[arg(long)]
    pub no_browser: bool,
    /// Answers given in advance.
    #[command(flatten)]
    pub answers: Answers,
}

/// Answers to the questions of `login`, for scripts.
#[derive(Debug, Clone, Copy, Args)]
pub struct Answers {
    /// Do not ask whether issuer, client and scopes are right
    #[arg(short, long)]
    pub yes: bool,
    /// Do not ask if this gateway is missing from the issuer's list of resources
    #[arg(long)]
    pub unlisted: bool,
}

/// Options of `logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// At every gateway
    #[arg(long)]
    pub all: bool,
}

/// An issuer at which a person signs in.
pub(crate) struct Issuer {
    terms: Terms,
    endpoints: Endpoints,
    /// The gateway's name in the issuer's list, if it is listed.
    resource: Option<String>,
    ca_file: Option<PathBuf>,
}

/// Tokens that were issued and are not stored yet: signals are deferred until then.
#[derive(Debug)]
pub(crate) struct Fresh {
    tokens: Tokens,
    waits: HeldOff,
}

/// Signs in.
pub fn login(terminal: Terminal, place: &Place, args: &LoginArgs) -> Outcome {
    let remote = place.remote()?.ok_or_else(no_url)?;
    let (origin, file) = (remote.location.origin(), TokenFile::usual()?);
    let ca_file = sign_in(terminal, &remote, &file, args)?;
    terminal.say(&format!("signed in at {origin}; tokens saved in {}", file.path().display()));
    if bearer::is_overridden() {
        terminal.say("HOOPCTL_TOKEN is set: while it is, other commands use it instead of this login");
    }
    who(terminal, Remote { ca_file, ..remote }, file)
}

/// Signs in, and stores the login; returns the authorities for the gateway's certificate.
fn sign_in(
    terminal: Terminal,
    remote: &Remote,
    file: &TokenFile,
    args: &LoginArgs,
) -> Result<Option<PathBuf>, Failure> {
    let origin = remote.location.origin();
    let old = file.read()?.gateways.remove(&origin);
    let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_error| path.clone());
    let ca_file = remote.ca_file.clone().or_else(|| old.as_ref()?.ca_file.clone());
    let issuer_ca_file =
        args.issuer_ca_file.as_ref().map(whole).or_else(|| old.as_ref()?.issuer_ca_file.clone());
    let runtime = access::runtime()?;
    let terms = runtime.block_on(issuer::terms(remote, ca_file.as_deref()))?;
    confirm(terminal, args.answers.yes, &origin, &terms, old.as_ref().map(|entry| &entry.terms))?;
    let endpoints = runtime.block_on(issuer::discover(&terms.issuer, issuer_ca_file.as_deref()))?;
    let listed = endpoints.listed(&origin);
    let resource = resource(terminal, args.answers.unlisted, listed, (&terms.issuer, &origin))?;
    let issuer = Issuer { terms, endpoints, resource, ca_file: issuer_ca_file };
    runtime.block_on(async {
        // If nothing can be stored, nothing is requested. The unchanged file is written and released: the
        // person may take minutes.
        file.hold().await?.change(|_| ())?;
        let Fresh { tokens, waits } = if args.device {
            device::sign_in(&issuer, |prompt| print_always(&code_lines(prompt))).await?
        } else {
            browser::sign_in(&issuer, |addresses| open(terminal, args, addresses)).await?
        };
        let entry = Entry {
            terms: issuer.terms,
            token_endpoint: issuer.endpoints.token,
            revocation_endpoint: issuer.endpoints.revocation,
            resource: issuer.resource,
            ca_file: ca_file.clone(),
            issuer_ca_file: issuer.ca_file,
            tokens: Some(tokens),
        };
        keep(file, &origin, entry, waits).await
    })?;
    Ok(ca_file)
}

/// Prints who signed in, and what they may do.
fn who(terminal: Terminal, remote: Remote, file: TokenFile) -> Outcome {
    let origin = remote.location.origin();
    let access = Access::elsewhere_as(remote.clone(), bearer::person(remote, file)?)?;
    let report = access.wait(access.backend().status()).map_err(|mut failure| {
        failure.message = format!("signed in, but {origin} does not let you in: {}", failure.message);
        failure
    })?;
    let mut fields = vec![("gateway", origin.clone())];
    if let Some(you) = &report.you {
        fields.push(("you", you.principal.clone()));
        fields.push(("groups", you.groups.join(", ")));
        fields.push(("may", status::may(you).to_owned()));
    }
    terminal.item(&fields, &json!({"url": origin, "you": output::json(&report.you)}))?;
    Ok(Exit::Done)
}

fn no_url() -> Failure {
    Failure::usage("no gateway given: use --url or set HOOPCTL_URL")
        .hint("use --url https://HOST[:PORT], the gateway's [admin] listen")
}

/// Asks the person whether they trust that gateway with their login. Once is enough, as long as nothing
/// changes.
fn confirm(
    terminal: Terminal,
    yes: bool,
    origin: &str,
    terms: &Terms,
    confirmed: Option<&Terms>,
) -> Result<(), Failure> {
    if confirmed == Some(terms) {
        return Ok(());
    }
    if !terminal.quiet || !yes {
        if confirmed.is_some() {
            print_always(&["This is not what you confirmed at your last login there:".to_owned()]);
        }
        print_always(&[
            format!("gateway  {origin}"),
            format!("issuer   {}", terms.issuer),
            format!("client   {}", terms.client_id),
            format!("scopes   {}", terms.scopes.join(" ")),
        ]);
    }
    ask::confirm(terminal, yes, "Sign in there, as that client and with these scopes?")
}

/// Returns the resource to request a token for. A gateway that the issuer does not list may be an impostor
/// that wants tokens for another one, or may be genuine: the person decides, each time. That is independent
/// of confirming the terms.
fn resource(
    terminal: Terminal,
    unlisted: bool,
    listed: Listed,
    (issuer, origin): (&str, &str),
) -> Result<Option<String>, Failure> {
    match listed {
        Listed::As(name) => return Ok(Some(name)),
        Listed::Unsaid => return Ok(None),
        Listed::Not => {}
    }
    let fact = format!("the issuer {issuer} lists what its tokens are for, and {origin} is not in the list");
    if !unlisted && !terminal.dialog {
        return Err(Failure::new(Exit::Refused, fact)
            .code("another_resource")
            .hint("use the gateway's own address, or have the issuer list it; if you know that it is the right one, add --unlisted"));
    }
    if !terminal.quiet || !unlisted {
        print_always(&[
            format!("Mind: {fact}."),
            "Issuers may leave some out. But a gateway that is not that issuer's would get a token of yours that is good at others.".to_owned(),
        ]);
    }
    ask::confirm(terminal, unlisted, &format!("Are you sure that {origin} is to have your token?"))?;
    Ok(None)
}

/// Prints lines even in quiet mode: nobody can sign in without them.
fn print_always(lines: &[String]) {
    let mut err = io::stderr().lock();
    for line in lines {
        writeln!(err, "{}", Shown(line)).ok();
    }
}

/// Opens the browser. Everybody on the machine can see the arguments of programs, so the browser gets the
/// door; the issuer's address with its parameters is only printed on the terminal, for opening it by hand.
fn open(terminal: Terminal, args: &LoginArgs, addresses: &Addresses<'_>) {
    let opened = terminal.dialog && !args.no_browser;
    let words =
        if opened { "A browser opens. If it does not, open:" } else { "Open in a browser on this machine:" };
    print_always(&[words.to_owned(), addresses.issuer.to_owned()]);
    if opened {
        browser::open(addresses.door);
    }
}

fn code_lines(prompt: &device::Prompt<'_>) -> Vec<String> {
    let mut lines = vec![
        "Open on any device, if it is you who signs in:".to_owned(),
        prompt.uri.to_owned(),
        format!("and enter the code {}", prompt.code),
    ];
    if let Some(whole) = prompt.whole {
        lines.push(format!("or open {whole}"));
    }
    lines
}

/// Signs out: at the issuer, and locally.
pub fn logout(terminal: Terminal, place: &Place, args: &LogoutArgs) -> Outcome {
    let file = TokenFile::usual()?;
    let all = file.read()?.gateways;
    let origins: Vec<String> = if args.all {
        all.into_keys().collect()
    } else {
        let origin = place.remote()?.ok_or_else(|| {
            let failure = no_url();
            let hint = failure.hint.clone().unwrap_or_default();
            failure.hint(format!("{hint}; or --all"))
        })?;
        let origin = origin.location.origin();
        if !all.contains_key(&origin) {
            return Err(Failure::not_found(format!("not signed in at {origin}")));
        }
        vec![origin]
    };
    if origins.is_empty() {
        terminal.say("not signed in anywhere");
        return Ok(Exit::Done);
    }
    access::runtime()?.block_on(async {
        for origin in origins {
            sign_out(terminal, &file, &origin).await?;
        }
        Ok(Exit::Done)
    })
}

async fn sign_out(terminal: Terminal, file: &TokenFile, origin: &str) -> Result<(), Failure> {
    // No renewal may come in between: its result would be kept by nobody.
    let held = file.hold().await?;
    let entry = file.read()?.gateways.remove(origin);
    let revoked = match &entry {
        Some(entry) => Revocation::of(entry).revoke(entry.tokens.as_ref()).await,
        None => Ok(false),
    };
    held.change(|all| all.remove(origin))?;
    match revoked {
        Ok(true) => terminal.say(&format!("signed out at {origin}, and the login is revoked at the issuer")),
        Ok(false) => terminal.say(&format!("signed out at {origin}")),
        Err(failure) => terminal.say(&format!(
            "signed out at {origin} on this machine; at the issuer it could not be revoked: {}",
            failure.message
        )),
    }
    Ok(())
}
