//! `secret`: sealed secrets of the gateway. They can be set but never read back.

use clap::Subcommand;
use zeroize::Zeroizing;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::ask;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::secret::SecretValue;

/// Subcommands of `secret`.
#[derive(Debug, Subcommand)]
pub enum SecretVerb {
    /// Set a secret; its value is read from standard input
    Set {
        /// Its name, as in store:NAME
        name: String,
        /// Refused: an argument is visible to every process
        #[arg(hide = true)]
        value: Option<String>,
    },
    /// List the names
    #[command(alias = "ls")]
    List,
    /// Remove a secret that no connection uses
    #[command(alias = "rm")]
    Remove {
        /// Its name
        name: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
}

/// Runs `secret`.
pub fn run(terminal: Terminal, place: &Place, verb: SecretVerb) -> Outcome {
    if let SecretVerb::Set { name, value: Some(_) } = &verb {
        return Err(Failure::usage(
            "a secret is never written into the command line: every process could read it",
        )
        .code("literal_secret")
        .hint(format!("run: hoopctl secret set {name} < FILE, or without a file to type it without echo")));
    }
    let access = Access::for_use(terminal, place, Use::looking(matches!(verb, SecretVerb::List)))?;
    match verb {
        SecretVerb::Set { name, .. } => {
            let value = ask::secret(terminal, "the secret")?;
            let text = std::str::from_utf8(value.expose())
                .map_err(|_not_text| Failure::usage("the secret is not UTF-8 text"))?;
            let value = SecretValue::new(Zeroizing::new(text.to_owned()));
            let entry = access.wait(access.backend().set_secret(name, value))?;
            terminal.say(&format!("secret {} is set; use it as store:{}", entry.name, entry.name));
            if terminal.format.is_json() {
                terminal.item(&[], &output::json(&entry))?;
            }
        }
        SecretVerb::List => {
            let found = access.wait(access.backend().secrets())?;
            let rows: Vec<Row> = found
                .items
                .iter()
                .map(|entry| Row {
                    cells: vec![
                        entry.name.clone(),
                        output::time(entry.updated_ms),
                        entry.actor.clone(),
                        entry.used_by.join(","),
                    ],
                    json: output::json(entry),
                })
                .collect();
            terminal.list(&["name", "set", "by", "used by"], &rows, "the store holds no secret")?;
        }
        SecretVerb::Remove { name, yes } => {
            ask::confirm(terminal, yes, &format!("Remove secret {name}?"))?;
            let entry = access.wait(access.backend().remove_secret(name))?;
            terminal.say(&format!("removed secret {}", entry.name));
        }
    }
    Ok(Exit::Done)
}
