//! `connect pin`: an MCP server's definitions of what it offers, compared with the accepted ones.

use std::fmt::Write;

use clap::Args;

use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::connect::connection_of;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::List;
use crate::control::noun::pin::AcceptPins;
use crate::control::noun::pin::ForgetPins;
use crate::control::noun::pin::PinFilter;
use crate::control::noun::pin::PinName;
use crate::control::noun::pin::PinRef;
use crate::control::noun::pin::PinView;
use crate::domain::Protocol;
use crate::domain::entity::EntityKind;
use crate::domain::pin::PinState;
use crate::domain::text::Shown;

/// Maximum number of pins that an error names.
const MOST_NAMED: usize = 10;
/// Number of digits of a fingerprint that are shown: 128 bits, since a server could find two texts that share
/// fewer.
const DIGITS: usize = 32;

/// Options of `connect pin`.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// The connection's name
    pub name: String,
    /// Accept the server's definition of this tool, or KIND:NAME of anything pinned, as it was shown; may be
    /// repeated
    #[arg(long, value_name = "TOOL@DIGEST", num_args = 0..=1)]
    pub accept: Option<Vec<String>>,
    /// Accept everything that is changed, flagged or new
    #[arg(long, requires = "accept")]
    pub all: bool,
    /// Do not ask
    #[arg(long, requires = "all")]
    pub yes: bool,
    /// Also accept texts that are too long to be stored and were therefore not shown in full
    #[arg(long, requires = "accept")]
    pub accept_unseen: bool,
    /// Forget the pin of this tool, or KIND:NAME; it is new when listed again; may be repeated
    #[arg(long, value_name = "TOOL", conflicts_with = "accept")]
    pub forget: Vec<String>,
}

impl PinArgs {
    /// Returns whether it changes nothing.
    pub const fn looks(&self) -> bool {
        self.accept.is_none() && self.forget.is_empty()
    }
}

/// Runs `connect pin`.
pub fn run(terminal: Terminal, access: &Access, args: &PinArgs) -> Outcome {
    if !args.forget.is_empty() {
        return forget(terminal, access, args);
    }
    if let Some(names) = &args.accept {
        if names.is_empty() != args.all {
            return Err(Failure::usage("--accept takes either names or --all")
                .hint("run: hoopctl connect pin NAME --accept TOOL@DIGEST, or with --accept --all"));
        }
        return if args.all {
            accept_all(terminal, access, args)
        } else {
            accept(terminal, access, args, names)
        };
    }
    let found = list(access, args, None)?;
    if found.items.is_empty() {
        must_be_mcp(access, args)?;
    }
    show(terminal, &found.items)?;
    if found.more {
        terminal.say("there are more; these are the ones to review first");
    }
    Ok(Exit::Done)
}

fn list(access: &Access, args: &PinArgs, name: Option<&str>) -> Result<List<PinView>, Failure> {
    let filter = PinFilter { name: name.map(str::to_owned) };
    access.wait(access.backend().pins(args.name.clone(), filter))
}

/// Refuses a connection that leads to no MCP server: nothing will ever be pinned there.
fn must_be_mcp(access: &Access, args: &PinArgs) -> Result<(), Failure> {
    let view = access.wait(access.backend().entity(EntityKind::Connection, args.name.clone()))?;
    if connection_of(&view)?.protocol == Protocol::Mcp {
        return Ok(());
    }
    Err(Failure::usage(format!("{} leads to no MCP server: only what those say is pinned", args.name))
        .hint("see which connections do: hoopctl connect list"))
}

fn forget(terminal: Terminal, access: &Access, args: &PinArgs) -> Outcome {
    let mut pins = Vec::new();
    for name in &args.forget {
        let found = list(access, args, Some(name))?;
        let pin = one(&found.items, name)?;
        pins.push(PinName { kind: pin.kind, name: pin.name.clone() });
    }
    let count = output::count(pins.len() as u64, "pin", "pins");
    access.wait(access.backend().forget_pins(args.name.clone(), ForgetPins { pins }))?;
    terminal.say(&format!("forgot {count}: what the server lists again of that is new"));
    Ok(Exit::Done)
}

/// Accepts by name: definitions that were shown before, or that are shown and confirmed now.
fn accept(terminal: Terminal, access: &Access, args: &PinArgs, names: &[String]) -> Outcome {
    let mut wanted = Vec::new();
    let mut ask = false;
    for name in names {
        let (name, digest) = looked_at(name);
        let found = list(access, args, Some(name))?;
        let pin = one(&found.items, name)?;
        must_be(pin, digest)?;
        ask |= digest.is_none() && pin.needs_review();
        wanted.push(pin.clone());
    }
    must_be_seen(&wanted, args)?;
    if ask {
        let first = wanted.iter().find(|pin| pin.needs_review());
        let name = first.map(|pin| format!("{}:{}", pin.kind, pin.name)).unwrap_or_default();
        show_and_ask(terminal, &wanted, || {
            format!(
                "look at it with hoopctl connect pin {}, then --accept {name}@DIGEST with the digest that stands there",
                args.name
            )
        })?;
    }
    send(access, args, &wanted)?;
    if !ask {
        show(terminal, &wanted)?;
    }
    terminal.say(&format!("accepted {}", output::count(wanted.len() as u64, "pin", "pins")));
    Ok(Exit::Done)
}

fn accept_all(terminal: Terminal, access: &Access, args: &PinArgs) -> Outcome {
    let mut accepted: Vec<PinView> = Vec::new();
    loop {
        let found = list(access, args, None)?;
        let wanted: Vec<PinView> =
            found.items.into_iter().filter(|pin| pin.state != PinState::Pinned).collect();
        if wanted.is_empty() {
            break;
        }
        must_be_seen(&wanted, args)?;
        if !args.yes {
            show_and_ask(terminal, &wanted, || {
                format!("look at it with hoopctl connect pin {}, then add --yes", args.name)
            })?;
        }
        send(access, args, &wanted)?;
        // Accepted definitions are reported as shown: with what they changed from.
        accepted.extend(wanted);
        if !found.more {
            break;
        }
    }
    if args.yes {
        show(terminal, &accepted)?;
    }
    terminal.say(&format!("accepted {}", output::count(accepted.len() as u64, "pin", "pins")));
    Ok(Exit::Done)
}

fn send(access: &Access, args: &PinArgs, wanted: &[PinView]) -> Result<(), Failure> {
    let pins = wanted
        .iter()
        .map(|pin| PinRef { kind: pin.kind, name: pin.name.clone(), digest: pin.digest.clone() })
        .collect();
    access.wait(access.backend().accept_pins(args.name.clone(), AcceptPins { pins }))?;
    Ok(())
}

/// Shows the definitions to be accepted and asks for confirmation of exactly those. `otherwise`: what to do
/// without a terminal.
fn show_and_ask(
    terminal: Terminal,
    wanted: &[PinView],
    otherwise: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if !(terminal.stdout && terminal.dialog) {
        return Err(Failure::usage("refusing to accept without review: not a terminal")
            .code("confirmation_needed")
            .hint(otherwise()));
    }
    show(terminal, wanted)?;
    let count = output::count(wanted.len() as u64, "pin", "pins");
    ask::confirm(terminal, false, &format!("accept {count} as shown?"))
}

/// Splits off the digest: [`DIGITS`] or more digits of a fingerprint after the last `@`.
fn looked_at(text: &str) -> (&str, Option<&str>) {
    let digest = |text: &str| {
        (DIGITS..=64).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match text.rsplit_once('@') {
        Some((name, after)) if digest(after) => (name, Some(after)),
        _ => (text, None),
    }
}

/// Refuses a pin that is not the one that was shown.
fn must_be(pin: &PinView, digest: Option<&str>) -> Result<(), Failure> {
    match digest {
        Some(digest) if !pin.digest.starts_with(digest) => {
            let text = format!(
                "the server says another thing of {} {:?} than what was looked at",
                pin.kind, pin.name
            );
            Err(Failure::new(Exit::Conflict, text)
                .hint(format!("review it again, run: hoopctl connect pin {}", pin.connection)))
        }
        _ => Ok(()),
    }
}

/// Refuses definitions that cannot have been seen in full, unless that is wanted.
fn must_be_seen(wanted: &[PinView], args: &PinArgs) -> Result<(), Failure> {
    let unseen = wanted.iter().filter(|pin| pin.state != PinState::Pinned && !pin.unseen.is_empty());
    let unseen: Vec<String> = unseen
        .take(MOST_NAMED)
        .map(|pin| format!("{} {:?} ({})", pin.kind, pin.name, pin.unseen.join(", ")))
        .collect();
    if unseen.is_empty() || args.accept_unseen {
        return Ok(());
    }
    Err(Failure::usage(format!("some changes are too long to show in full: {}", unseen.join("; ")))
        .code("unseen")
        .hint("review it at its source, then add --accept-unseen"))
}

/// Finds the pin by name, or by `KIND:NAME`.
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
            .hint("run: hoopctl connect pin NAME")),
        (Some(pin), Some(other)) => {
            Err(Failure::usage(format!("{wanted:?} is both a {} and a {}", pin.kind, other.kind))
                .hint(format!("say {}:{wanted}", pin.kind)))
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
                pin.digest.chars().take(DIGITS).collect(),
                what(pin),
            ],
            json: output::json(pin),
        })
        .collect();
    let empty = "nothing is pinned yet: pins come with the first list that a client asks for";
    terminal.list(&["kind", "name", "state", "since", "accepted by", "digest", "what"], &rows, empty)?;
    if terminal.format == Format::Table {
        terminal.data(&details(pins))?;
    }
    Ok(())
}

/// Returns which members changed or are flagged.
fn what(pin: &PinView) -> String {
    let members = pin.changes.iter().map(|change| change.member.as_str());
    let flagged = pin.flags.iter().map(|flag| flag.member.as_str());
    let mut members: Vec<&str> = members.chain(flagged).collect();
    members.dedup();
    members.join(" ")
}

/// Formats what changed, line by line, what was never accepted, and what to review. Each line of the server's
/// text is prefixed with a symbol.
fn details(pins: &[PinView]) -> String {
    let mut text = String::new();
    for pin in pins {
        let title = |member: &str| format!("\n{} {}: {member}\n", pin.kind, Shown(&pin.name));
        for change in &pin.changes {
            text.push_str(&title(&change.member));
            if change.before.is_some() && change.before == change.after {
                text.push_str("  ~ it differs where it is masked, or too far behind to be kept\n");
            }
            for (sign, side) in [('-', &change.before), ('+', &change.after)] {
                for line in side.iter().flat_map(|side| side.lines()) {
                    writeln!(text, "  {sign} {}", Shown(line)).ok();
                }
            }
        }
        for member in &pin.members {
            text.push_str(&title(&member.member));
            for line in member.text.lines() {
                writeln!(text, "  | {}", Shown(line)).ok();
            }
            if member.cut && !pin.unseen.contains(&member.member) {
                text.push_str("  ~ it is longer than what is kept: the rest is not shown\n");
            }
        }
        for member in &pin.unseen {
            text.push_str(&title(member));
            text.push_str("  ~ it is longer than what is kept: the rest is not shown\n");
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
    use crate::control::noun::pin::PinText;
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
            members: Vec::new(),
            unseen: Vec::new(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_digest_is_long_enough_that_no_two_texts_share_it_and_is_held_against_what_is_there() {
        let (half, whole) = ("a1".repeat(16), "a1".repeat(32));
        for (text, expected) in [
            ("send".to_owned(), ("send", None)),
            ("a@b".to_owned(), ("a@b", None)),
            // 48 bits: a server finds two texts that share them in seconds.
            ("send@a1a1a1a1a1a1".to_owned(), ("send@a1a1a1a1a1a1", None)),
            (format!("send@{half}"), ("send", Some(&*half))),
            (format!("send@x@{whole}"), ("send@x", Some(&*whole))),
            (format!("send@{whole}0"), (&*format!("send@{whole}0"), None)),
        ] {
            assert_eq!(looked_at(&text), expected);
        }
        let pin = PinView { digest: whole.clone(), ..pin(PinKind::Tool, "send") };
        for (digest, fits) in
            [(None, true), (Some(&half), true), (Some(&whole), true), (Some(&"b1".repeat(16)), false)]
        {
            assert_eq!(must_be(&pin, digest.map(String::as_str)).is_ok(), fits, "{digest:?}");
        }
    }

    #[test]
    fn what_was_not_shown_whole_is_accepted_only_by_who_says_so() {
        let args = |accept_unseen| PinArgs {
            name: "tools".into(),
            accept: Some(vec!["send".into()]),
            all: false,
            yes: false,
            accept_unseen,
            forget: Vec::new(),
        };
        let cut = |state| PinView { state, unseen: vec!["inputSchema".into()], ..pin(PinKind::Tool, "send") };
        assert!(must_be_seen(&[cut(PinState::Changed)], &args(false)).is_err());
        assert!(must_be_seen(&[cut(PinState::Changed)], &args(true)).is_ok());
        assert!(must_be_seen(&[cut(PinState::Pinned)], &args(false)).is_ok(), "nothing is accepted");
        assert!(details(&[cut(PinState::New)]).contains("tool send: inputSchema\n  ~ it is longer"));
    }

    #[test]
    fn all_that_nobody_has_accepted_is_shown_however_long() {
        let long = format!("{}end\u{202e}", "x".repeat(1000));
        let members = vec![PinText { member: "description".into(), text: format!("a\n{long}"), cut: false }];
        let text = details(&[PinView { members, ..pin(PinKind::Tool, "send") }]);
        assert_eq!(
            text,
            format!("\ntool send: description\n  | a\n  | {}end\\u{{202e}}\n", "x".repeat(1000))
        );
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
                "{title}  - old\n  + new\n  + \\u{{1b}}[31m\\u{{e0041}}\n{title}  + x\n{title}  ~ it differs where it is masked, or too far behind to be kept\n  - a\n  + a\n\ntool se\\u{{202e}}nd: title\n  ! 1 hidden\n"
            )
        );
    }
}
