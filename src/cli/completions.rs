//! `completions`, `man` and `version`: the command line described for other programs.

use std::path::PathBuf;

use clap::Args;
use clap::Command;
use clap::ValueEnum;
use clap_complete::Shell;
use serde_json::json;

use crate::cli::help;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one page per command into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Generates the completions of one shell.
pub fn script(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "hoopctl", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns the supported shells, each with the name of its file in `completions/`.
pub fn shells() -> impl Iterator<Item = (Shell, String)> {
    use clap_complete::Generator;
    Shell::value_variants().iter().map(|&shell| (shell, shell.file_name("hoopctl")))
}

/// Prints the completions of a shell.
pub fn completions(terminal: Terminal, args: &CompletionsArgs) -> Outcome {
    terminal.data(&script(args.shell))?;
    Ok(Exit::Done)
}

/// Prints the first manual page, or writes all of them.
pub fn man(terminal: Terminal, args: &ManArgs) -> Outcome {
    let Some(dir) = &args.dir else {
        terminal.data(&page(help::command())?)?;
        return Ok(Exit::Done);
    };
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot write to {}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut command = help::command();
    command.build();
    let written = pages(&command, dir)?;
    terminal.say(&format!("wrote {written} pages to {}", dir.display()));
    Ok(Exit::Done)
}

/// Writes the page of a command and of all its subcommands; returns how many.
fn pages(command: &Command, dir: &std::path::Path) -> Result<usize, Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let file = dir.join(format!("{name}.1"));
    std::fs::write(&file, page(command.clone().name(name))?)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?;
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    below.map(|sub| pages(sub, dir)).try_fold(1, |sum, written| Ok(sum + written?))
}

fn page(command: Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Failure::failed(format!("cannot render the manual page: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Prints the version.
pub fn version(terminal: Terminal) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({"name": "hoopctl", "version": version, "os": std::env::consts::OS, "arch": std::env::consts::ARCH});
    if terminal.format == crate::cli::output::Format::Table {
        terminal.data(&format!("hoopctl {version}\n"))?;
    } else {
        terminal.item(&[("name", "hoopctl".to_owned()), ("version", version.to_owned())], &value)?;
    }
    Ok(Exit::Done)
}
