//! Problems of an entity that was built from command-line options: named by the option, since there is no
//! text with a position.

use crate::cli::help;
use crate::cli::report::Failure;
use crate::domain::entity::EntityKind;

/// Returns the failure with the option of the key in front of each line that begins with `KIND:LINE:COLUMN:
/// KEY`.
pub fn by_options(failure: Failure, kind: EntityKind) -> Failure {
    let message = failure.message.lines().map(|line| by_option(line, kind)).collect::<Vec<_>>().join("\n");
    let mut failure = failure.message(message);
    if let Some(serde_json::Value::Array(problems)) = failure.problems.as_deref_mut() {
        for problem in problems {
            if let Some(line) = problem.as_str() {
                *problem = by_option(line, kind).into();
            }
        }
    }
    failure
}

fn by_option(line: &str, kind: EntityKind) -> String {
    let start = format!("{}:", kind.as_str());
    let Some((before, rest)) = line.match_indices(&start).find_map(|(place, _)| {
        let (before, found) = line.split_at_checked(place)?;
        let mut parts = found.get(start.len()..)?.splitn(3, ':');
        let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
        let placed = is_number(parts.next()) && is_number(parts.next());
        parts.next().filter(|_| placed).map(|rest| (before, rest.trim_start()))
    }) else {
        return line.to_owned();
    };
    if kind == EntityKind::Policy && rest.starts_with("match: missing") {
        return format!(
            "{before}it says neither whom nor what it is about: --group GROUP --connection NAME, and more"
        );
    }
    let end = rest.find([' ', ':']).unwrap_or(rest.len());
    match rest.split_at_checked(end).and_then(|(key, more)| Some((option(kind, key)?, more))) {
        Some(((option, member), more)) => format!("{before}--{option}{member}{more}"),
        None => format!("{before}{rest}"),
    }
}

/// Returns the option that sets a key, and the member if one option sets several: ` idle` for `limits.idle`.
fn option(kind: EntityKind, key: &str) -> Option<(String, String)> {
    let noun = match kind {
        EntityKind::Connection => "connect",
        EntityKind::Policy => "policy",
        EntityKind::Mask => return None,
    };
    let command = help::command();
    let add = command.find_subcommand(noun)?.find_subcommand("add")?;
    let parts: Vec<&str> = key.split('.').collect();
    let both = parts.last_chunk::<2>().map(|both| both.join("_"));
    both.iter().map(String::as_str).chain(parts.iter().rev().copied()).find_map(|id| {
        let found = add.get_arguments().find(|argument| argument.get_id() == id && !argument.is_positional());
        let long = found.and_then(clap::Arg::get_long)?.to_owned();
        let of_several = parts.last().is_some_and(|last| *last != id) && both.as_deref() != Some(id);
        let member = parts.last().filter(|_| of_several).map(|last| format!(" {last}"));
        Some((long, member.unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_by_its_option() {
        for (kind, line, told) in [
            (
                EntityKind::Connection,
                "connection \"crm\" is not valid: connection:2:12: upstream = \"x\": no URL",
                "connection \"crm\" is not valid: --upstream = \"x\": no URL",
            ),
            (EntityKind::Connection, "connection:2:1: limits.session: what", "--limit session: what"),
            (EntityKind::Connection, "connection:2:1: limits.foo: unknown key", "--limit foo: unknown key"),
            (EntityKind::Policy, "policy:2:1: match.groups = \"a\": what", "--group = \"a\": what"),
            (EntityKind::Policy, "policy:2:1: unless.groups: what", "--unless-group: what"),
            (EntityKind::Policy, "policy:2:1: limits.session: what", "--session: what"),
            (EntityKind::Policy, "policy:2:1: approval.nothing: what", "approval.nothing: what"),
            (EntityKind::Policy, "policy: what", "policy: what"),
            (
                EntityKind::Policy,
                "policy:1:1: match: missing; say",
                "it says neither whom nor what it is about: --group GROUP --connection NAME, and more",
            ),
        ] {
            assert_eq!(by_option(line, kind), told, "{line}");
        }
    }
}
