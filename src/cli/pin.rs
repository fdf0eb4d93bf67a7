//! `connect pin`: what an MCP server says of what it offers, held against what was accepted of it.

use std::fmt::Write;

use clap::Args;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::List;
use crate::control::noun::pin::AcceptPins;
use crate::control::noun::pin::PinRef;
use crate::control::noun::pin::PinView;
use crate::domain::pin::PinState;
use crate::domain::text::Shown;

/// `connect pin`.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// The connection's name
    pub name: String,
    /// Accept what the server says now of this tool, or KIND:NAME of anything pinned; may be repeated
    #[arg(long, value_name = "TOOL", num_args = 0..=1)]
    pub accept: Option<Vec<String>>,
    /// Accept all that is changed, flagged or new
    #[arg(long, requires = "accept")]
    pub all: bool,
}

/// Runs `connect pin`.
pub fn run(terminal: Terminal, access: &Access, args: &PinArgs) -> Outcome {
    let found = access.wait(access.backend().pins(args.name.clone()))?;
    match &args.accept {
        None => {
            show(terminal, &found.items)?;
            if found.more {
                terminal.say("there are more; these are the ones to look at first");
            }
            Ok(Exit::Done)
        }
        Some(names) => accept(terminal, access, args, names, found),
    }
}

fn accept(
    terminal: Terminal,
    access: &Access,
    args: &PinArgs,
    names: &[String],
    mut found: List<PinView>,
) -> Outcome {
    if names.is_empty() != args.all {
        return Err(Failure::usage("--accept takes either names or --all")
            .hint("hoopctl connect pin NAME --accept TOOL, or --accept --all"));
    }
    let mut accepted = Vec::new();
    loop {
        let wanted: Vec<&PinView> = if args.all {
            found.items.iter().filter(|pin| pin.state != PinState::Pinned).collect()
        } else {
            names.iter().map(|name| one(&found.items, name)).collect::<Result<_, _>>()?
        };
        if wanted.is_empty() {
            break;
        }
        let pins = wanted
            .iter()
            .map(|pin| PinRef { kind: pin.kind, name: pin.name.clone(), digest: pin.digest.clone() })
            .collect();
        // What was accepted is told as it was looked at: with what it changed from.
        accepted.extend(wanted.into_iter().cloned());
        access.wait(access.backend().accept_pins(args.name.clone(), AcceptPins { pins }))?;
        if !args.all || !found.more {
            break;
        }
        found = access.wait(access.backend().pins(args.name.clone()))?;
    }
    show(terminal, &accepted)?;
    terminal.say(&format!("accepted {}", output::count(accepted.len() as u64, "pin", "pins")));
    Ok(Exit::Done)
}

/// The pin of this name, or `KIND:NAME`.
fn one<'a>(pins: &'a [PinView], wanted: &str) -> Result<&'a PinView, Failure> {
    let named = |pin: &&PinView| {
        pin.name == wanted
            || wanted
                .split_once(':')
                .is_some_and(|(kind, name)| pin.kind.as_str() == kind && pin.name == name)
    };
    let mut found = pins.iter().filter(named);
    match (found.next(), found.next()) {
        (Some(pin), None) => Ok(pin),
        (None, _) => Err(Failure::not_found(format!("nothing of the name {wanted:?} is pinned"))
            .hint("hoopctl connect pin NAME lists what is")),
        (Some(pin), Some(other)) => {
            Err(Failure::usage(format!("{wanted:?} is both a {} and a {}", pin.kind, other.kind))
                .hint(format!("--accept {}:{wanted}", pin.kind)))
        }
    }
}

fn show(terminal: Terminal, pins: &[PinView]) -> Result<(), Failure> {
    let rows: Vec<Row> = pins
        .iter()
        .map(|pin| Row {
            cells: vec![
                pin.kind.to_string(),
                pin.name.clone(),
                pin.state.to_string(),
                output::time(pin.changed_ms.unwrap_or(pin.accepted_ms)),
                pin.accepted_by.clone().unwrap_or_else(|| "-".to_owned()),
                what(pin),
            ],
            json: output::json(pin),
        })
        .collect();
    let empty = "nothing is pinned yet: pins come with the first list that a client asks for";
    terminal.list(&["kind", "name", "state", "since", "accepted by", "what"], &rows, empty)?;
    if terminal.format == Format::Table {
        terminal.data(&details(pins))?;
    }
    Ok(())
}

/// Which members changed or are flagged.
fn what(pin: &PinView) -> String {
    let members = pin.changes.iter().map(|change| change.member.as_str());
    let flagged = pin.flags.iter().map(|flag| flag.member.as_str());
    let mut members: Vec<&str> = members.chain(flagged).collect();
    members.dedup();
    members.join(" ")
}

/// What changed, line by line, and what to look at.
fn details(pins: &[PinView]) -> String {
    let mut text = String::new();
    for pin in pins {
        let title = |member: &str| format!("\n{} {}: {member}\n", pin.kind, Shown(&pin.name));
        for change in &pin.changes {
            text.push_str(&title(&change.member));
            if change.before.is_some() && change.before == change.after {
                text.push_str("  ~ it differs where it is masked, or too far behind to be kept\n");
                continue;
            }
            for (sign, side) in [('-', &change.before), ('+', &change.after)] {
                for line in side.iter().flat_map(|side| side.lines()) {
                    writeln!(text, "  {sign} {}", Shown(line)).ok();
                }
            }
        }
        for flag in &pin.flags {
            text.push_str(&title(&flag.member));
            writeln!(text, "  ! {}", Shown(&flag.detail)).ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::PinChange;
    use crate::domain::pin::PinFlag;
    use crate::domain::pin::PinKind;

    fn pin(kind: PinKind, name: &str) -> PinView {
        PinView {
            connection: "tools".into(),
            kind,
            name: name.into(),
            state: PinState::Pinned,
            digest: String::new(),
            accepted: String::new(),
            accepted_ms: 0,
            accepted_by: None,
            changed_ms: None,
            changes: Vec::new(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_name_means_one_pin_or_says_which_kinds_it_could_be() {
        let pins = [pin(PinKind::Tool, "a"), pin(PinKind::Prompt, "a"), pin(PinKind::Tool, "prompt:b")];
        assert_eq!(one(&pins, "tool:a").unwrap().kind, PinKind::Tool);
        assert_eq!(one(&pins, "prompt:a").unwrap().kind, PinKind::Prompt);
        assert_eq!(one(&pins, "prompt:b").unwrap().name, "prompt:b");
        assert!(one(&pins, "a").is_err() && one(&pins, "c").is_err() && one(&pins, "server:a").is_err());
    }

    #[test]
    fn a_difference_is_shown_by_lines_and_nothing_in_it_reaches_the_terminal() {
        let change = |before: Option<&str>, after: Option<&str>| PinChange {
            member: "description".into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let flag = PinFlag { member: "title".into(), hidden: true, detail: "1 hidden".into() };
        let pin = PinView {
            changes: vec![
                change(Some("old"), Some("new\n\u{1b}[31m\u{e0041}")),
                change(None, Some("x")),
                change(Some("a"), Some("a")),
            ],
            flags: vec![flag],
            ..pin(PinKind::Tool, "se\u{202e}nd")
        };
        let text = details(&[pin]);
        let title = "\ntool se\\u{202e}nd: description\n";
        assert_eq!(
            text,
            format!(
                "{title}  - old\n  + new\n  + \\u{{1b}}[31m\\u{{e0041}}\n{title}  + x\n{title}  ~ it differs where it is masked, or too far behind to be kept\n\ntool se\\u{{202e}}nd: title\n  ! 1 hidden\n"
            )
        );
    }
}
