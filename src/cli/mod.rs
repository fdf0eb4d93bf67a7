//! The command line: one file or folder per noun. All printing and all exit codes are here.

pub mod access;
pub mod apply;
pub mod approval;
pub mod args;
pub mod ask;
pub mod audit;
pub mod change;
pub mod completions;
pub mod config;
pub mod connect;
pub mod current;
pub mod demo;
mod did_you_mean;
pub mod doctor;
pub mod entity;
pub mod examples;
mod flags;
pub mod grant;
pub mod help;
pub mod init;
mod live;
pub mod lock;
pub mod login;
pub mod mask;
pub mod named;
pub mod output;
pub mod place;
pub mod policy;
pub mod remote;
pub mod replay;
pub mod report;
pub mod secret;
pub mod serve;
pub mod session;
pub mod status;
pub mod token;
pub mod tour;
pub mod traffic;
pub mod tui;
pub mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::ValueEnum;

use crate::cli::args::Cli;
use crate::cli::args::Noun;
use crate::cli::connect::ClientKind;
use crate::cli::connect::ConnectVerb;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::policy::PolicyVerb;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::protocol::mcp::reaper;

pub use help::command;

/// Runs one command line; the first argument is the name of the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let [_program, word] = &arguments[..]
        && word == reaper::WORD
    {
        reaper::run(std::io::stdin().lock());
        return ExitCode::SUCCESS;
    }
    let arguments = did_you_mean::corrected(arguments);
    let parsed =
        command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => run(cli),
        Err(error) => usage_error(&error, &arguments),
    }
    .into()
}

/// Returns whether its output can be TOML.
fn writes_toml(noun: &Noun) -> bool {
    match noun {
        Noun::Export(_) => true,
        Noun::Policy(verb) => matches!(**verb, PolicyVerb::Suggest(_)),
        _ => false,
    }
}

/// Returns the name of a command whose output has a format of its own.
fn has_own_form(noun: &Noun) -> Option<&'static str> {
    match noun {
        Noun::Connect(verb) => match **verb {
            // For these it is a JSON file in every output format.
            ConnectVerb::Env {
                client: Some(ClientKind::Cursor | ClientKind::McpJson | ClientKind::Vscode),
                ..
            } => None,
            ConnectVerb::Env { .. } => Some("connect env"),
            _ => None,
        },
        Noun::Demo(_) => Some("demo"),
        _ => None,
    }
}

fn run(mut cli: Cli) -> Exit {
    if remote::has_own_ca_file(&cli.noun) {
        cli.global.ca_file = None;
    }
    let fits = |format| format != Format::Toml || writes_toml(&cli.noun);
    let format = match cli.global.output.map_or_else(env_format, Ok) {
        Ok(format) if fits(format) => format,
        // The variable applies to all commands, and this one has no TOML.
        Ok(_) if cli.global.output.is_none() => Format::Table,
        Ok(format) => format,
        Err(failure) => return failure.tell(Format::Table),
    };
    if !fits(format) {
        let failure = Failure::usage("-o toml is for `hoopctl export` and `hoopctl policy suggest`")
            .hint("one of table, json, jsonl, csv");
        return failure.tell(Format::Table);
    }
    if let (Some(name), Some(given)) = (has_own_form(&cli.noun), cli.global.output)
        && given != Format::Table
    {
        return Failure::usage(format!(
            "-o is not for `hoopctl {name}`: what it prints has a form of its own"
        ))
        .tell(format);
    }
    let terminal = Terminal::new(format, cli.global.quiet);
    let place = match remote::checked(&cli.global, &cli.noun) {
        Ok(true) => Place::new(&cli.global).here(),
        Ok(false) => Place::new(&cli.global),
        Err(failure) => return failure.tell(format),
    };
    dispatch(terminal, &place, cli.noun).unwrap_or_else(|failure| failure.tell(format))
}

fn dispatch(terminal: Terminal, place: &Place, noun: Noun) -> Outcome {
    match noun {
        Noun::Apply(args) => apply::run(terminal, place, &args),
        Noun::Approval(verb) => approval::run(terminal, place, verb),
        Noun::Audit(verb) => audit::run(terminal, place, &verb),
        Noun::Completions(args) => completions::completions(terminal, &args),
        Noun::Config(verb) => config::run(terminal, place, &verb),
        Noun::Connect(verb) => connect::run(terminal, place, *verb),
        Noun::Demo(args) => demo::run(terminal, &args),
        Noun::Doctor => doctor::run(terminal, place),
        Noun::Export(args) => apply::export(terminal, place, &args),
        Noun::Grant(verb) => grant::run(terminal, place, verb),
        Noun::Init(args) => init::run(terminal, &args),
        Noun::Lock(verb) => lock::run(terminal, place, verb),
        Noun::Login(args) => login::login(terminal, place, &args),
        Noun::Logout(args) => login::logout(terminal, place, &args),
        Noun::Man(args) => completions::man(terminal, &args),
        Noun::Mask(verb) => mask::run(terminal, &verb),
        Noun::Policy(verb) => policy::run(terminal, place, *verb),
        Noun::Replay(args) => replay::run(terminal, place, &args),
        Noun::Secret(verb) => secret::run(terminal, place, verb),
        Noun::Serve(args) => serve::run(terminal, place, &args),
        Noun::Session(verb) => session::run(terminal, place, verb),
        Noun::Status(args) => status::run(terminal, place, &args),
        Noun::Token(verb) => token::run(terminal, place, &verb),
        Noun::Tui(args) => tui::run(terminal, place, &args),
        Noun::Version => completions::version(terminal),
    }
}

/// Returns `HOOPCTL_OUTPUT`, otherwise a table.
fn env_format() -> Result<Format, Failure> {
    match std::env::var("HOOPCTL_OUTPUT") {
        Ok(word) if !word.is_empty() => Format::from_str(&word, false).map_err(|_unknown| {
            Failure::usage(format!("HOOPCTL_OUTPUT={word:?} is not one of table, json, jsonl, csv"))
        }),
        _ => Ok(Format::Table),
    }
}

/// Returns the error format for a command line that cannot be parsed: that of its output options, as far as
/// they can be recognized.
fn wanted_format(arguments: &[OsString]) -> Format {
    let words: Vec<&str> =
        arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let given = words.iter().enumerate().find_map(|(place, word)| match *word {
        "-o" | "--output" => words.get(place + 1).copied(),
        other => other.strip_prefix("--output=").or_else(|| other.strip_prefix("-o")),
    });
    given
        .and_then(|word| Format::from_str(word, false).ok())
        .or_else(|| env_format().ok())
        .unwrap_or(Format::Table)
}

/// Prints clap's message: help and version are data, anything else is an error.
fn usage_error(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let format = wanted_format(arguments);
    if !error.use_stderr() {
        let text = error.render().to_string();
        return match std::io::stdout().lock().write_all(text.as_bytes()) {
            Ok(()) => Exit::Done,
            Err(error) => Failure::output(&error).tell(format),
        };
    }
    let text = error.render().to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !format.is_json() {
        std::io::stderr().lock().write_all(text.as_bytes()).ok();
        return Exit::Usage;
    }
    let text = text.trim_end();
    let (message, hint) = text.split_once("\n\n").unwrap_or((text, ""));
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut failure = Failure::usage(message);
    if let Some(meant) = did_you_mean::hint(arguments, error) {
        failure = failure.hint(meant);
    } else if !hint.trim().is_empty() {
        let lines =
            hint.lines().map(|line| line.trim().trim_start_matches("tip: ")).filter(|line| !line.is_empty());
        failure = failure.hint(lines.collect::<Vec<_>>().join("\n"));
    }
    failure.tell(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_errors_is_found_however_it_is_written() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in [
            "hoopctl -o json nope",
            "hoopctl nope -ojson",
            "hoopctl --output=json nope",
            "hoopctl --output json",
        ] {
            assert_eq!(wanted_format(&words(line)), Format::Json, "{line}");
        }
        for line in ["hoopctl nope", "hoopctl -o", "hoopctl -o yaml", "hoopctl x -- -o json"] {
            assert_eq!(wanted_format(&words(line)), Format::Table, "{line}");
        }
    }
}
