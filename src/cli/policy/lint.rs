//! `policy lint`: valid settings of the current policies that look like a mistake.

use serde_json::json;

use crate::cli::access::Access;
use crate::cli::current;
use crate::cli::output;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::config;
use crate::config::Entity;
use crate::config::Problem;
use crate::domain::Connection;
use crate::domain::entity::EntityKind;
use crate::domain::mask::MaskRule;
use crate::domain::text::Shown;
use crate::mask;
use crate::policy::lint;
use crate::policy::lint::Finding;
use crate::policy::lint::Weight;

/// Appended to the help of `policy lint`.
pub const HELP: &str = "\
Examples:
  hoopctl policy lint
  hoopctl policy lint -o json

Looks at the policies of file and store together:
  allow-everybody         an allow for everybody with a valid token
  allow-every-connection  an allow on every connection, those of tomorrow too
  shadowed                a policy that a deny of the same leaves nothing to decide
  redundant               a policy that another one covers
  approver-asks           those who ask are among the approvers of their commands
  deny-some-rows          a deny with all_rows = false: it stops what changes no rows, too
  nobody-approves         an approval that no group can give
  unknown-...             a group, client, issuer, connection or tag that is not there
  pii-unmasked            a connection with the tag data = \"pii\" and no mask
  held-back-only (note)   an approve whose removal would let pass what it holds back

Names are looked up in the configuration file of this machine: not with --url. Ends with 0 when nothing is found, or notes
only, and with 1 when anything else is.";

/// The tag of connections whose replies hold personal data.
const PII: (&str, &str) = ("data", "pii");

/// Reports what looks like a mistake.
pub fn lint(terminal: Terminal, access: &Access, place: &Place) -> Outcome {
    let (mut connections, mut masks, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for kind in EntityKind::ALL {
        for entity in current::entities(access, kind)? {
            match entity {
                Entity::Connection(connection) => connections.push(connection),
                Entity::Mask(mask) => masks.push(mask),
                Entity::Policy(policy) => rules.push(policy),
            }
        }
    }
    let mut findings = lint::lint(&rules);
    findings.extend(unmasked(&connections, &masks));
    if !access.is_remote() {
        let all = config::combine(&place.config_or_default()?, current::of_store(access)?)?;
        findings.extend(all.warnings.iter().filter_map(named));
    }
    findings.sort_by(|left, right| {
        (left.weight, &left.rule, left.code).cmp(&(right.weight, &right.rule, right.code))
    });
    print(terminal, &findings)?;
    let clean = findings.iter().all(|finding| finding.weight == Weight::Note);
    terminal.say(&format!(
        "{} policies, {}",
        rules.len(),
        output::count(findings.len() as u64, "finding", "findings")
    ));
    Ok(if clean { Exit::Done } else { Exit::Failed })
}

fn unmasked(connections: &[Connection], masks: &[MaskRule]) -> Vec<Finding> {
    let (tag, value) = PII;
    let bare = connections.iter().filter(|connection| {
        connection.tags.get(tag).is_some_and(|found| found == value)
            && !masks.iter().any(|mask| mask::applies(mask, connection))
    });
    bare.map(|connection| Finding {
        code: "pii-unmasked",
        weight: Weight::Warning,
        rule: connection.name.to_string(),
        place: connection.origin.to_string(),
        found: format!("the connection has the tag {tag} = {value}, and no mask is for it"),
        fix: format!("add a [[mask]] with match = {{ tags = {{ {tag} = \"{value}\" }} }}, or remove the tag"),
    })
    .collect()
}

/// Converts a warning of the configuration about what a policy or mask names.
fn named(problem: &Problem) -> Option<Finding> {
    let mut keys = problem.key.split('.');
    let kind = keys.next()?.split('[').next()?;
    let rule = keys.next()?.to_owned();
    if ![EntityKind::Policy, EntityKind::Mask].iter().any(|known| known.as_str() == kind) {
        return None;
    }
    let has = |word: &str| problem.key.contains(word);
    let (code, fix) = match () {
        () if has(".approval.from") => ("nobody-approves", "give somebody a group that may decide"),
        () if has(".groups") => ("unknown-group", "name a group that people have"),
        () if has(".clients") => ("unknown-client", "name a client that is configured"),
        () if has(".issuers") => ("unknown-issuer", "name an [[oidc]] entry"),
        () if has(".connections") => ("unknown-connection", "name a connection that is there, or remove it"),
        () if has(".tags") => ("unknown-tag", "name a tag that a connection has, or remove it"),
        () => ("doubtful", "see hoopctl config check"),
    };
    let found = if problem.found.is_empty() {
        problem.problem.clone()
    } else {
        format!("{}: {}", problem.found, problem.problem)
    };
    let line = if problem.line > 0 { format!(":{}", problem.line) } else { String::new() };
    Some(Finding {
        code,
        weight: Weight::Warning,
        rule,
        place: format!("{}{line}", problem.path.display()),
        found,
        fix: problem.hint.clone().unwrap_or_else(|| fix.to_owned()),
    })
}

fn print(terminal: Terminal, findings: &[Finding]) -> Result<(), Failure> {
    let row = |finding: &Finding| Row {
        cells: vec![
            finding.code.to_owned(),
            finding.rule.clone(),
            finding.place.clone(),
            finding.found.clone(),
            finding.fix.clone(),
        ],
        json: json!(finding),
    };
    if terminal.format != Format::Table {
        let rows: Vec<Row> = findings.iter().map(row).collect();
        return terminal.list(&["code", "rule", "place", "found", "fix"], &rows, "");
    }
    let line = |finding: &Finding| {
        let (sign, colour) = match finding.weight {
            Weight::Warning => ("!", Colour::Warn),
            Weight::Note => ("-", Colour::Faint),
        };
        let [rule, place, found, fix] =
            [&finding.rule, &finding.place, &finding.found, &finding.fix].map(|text| Shown(text).to_string());
        format!("{} {rule} ({place}): {found}  [{}]\n    {fix}\n", terminal.paint(colour, sign), finding.code)
    };
    terminal.data(&findings.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests;
