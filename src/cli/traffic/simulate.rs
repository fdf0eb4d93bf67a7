//! `policy simulate`: what other policies would have decided about recorded commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::entity;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::traffic;
use crate::cli::traffic::Doubt;
use crate::cli::traffic::Tally;
use crate::cli::traffic::Which;
use crate::cli::traffic::recorded::Decided;
use crate::cli::traffic::recorded::Recorded;
use crate::cli::traffic::side::Parser;
use crate::cli::traffic::side::Ruled;
use crate::cli::traffic::side::Side;
use crate::domain::Effect;
use crate::domain::connection::ConnectionName;
use crate::domain::text::Shown;
use crate::domain::units;

/// Appended to the help of `policy simulate`.
pub const HELP: &str = "\
Examples:
  hoopctl policy simulate -f new.toml
  hoopctl policy simulate -f new.toml --since 30d --connection crm -o json
  hoopctl policy simulate -f policies.toml --fail-on-change

The file is a whole configuration, to which the policies of the store are added; or it holds nothing but [[policy]] tables, which
then stand in place of all policies of file and store. Each recorded command is judged by the policies as they are now and by
those of the file, as of the time it came, with the groups, client and address it came with; with --recorded what was decided then
is compared in place of the policies as they are now. Who had to approve and how long sessions could be is not recorded: with
--recorded the first is \"cannot tell\", and the second not compared, where policies have changed since.

What is not recorded is not guessed: commands that are masked or cut where a policy looks, or came with claims that a policy
asks for, are counted as \"cannot tell\".

Ends with 0; with --fail-on-change with 1 when any command would be decided otherwise, or cannot be told.";

/// Options of `policy simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The file with the other policies, or - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Only commands in this recent period, such as 24h
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = units::parse_duration)]
    pub since: Duration,
    /// Only commands on this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<ConnectionName>,
    /// Only commands in this session: its id, or last
    #[arg(long, value_name = "ID", conflicts_with = "connection")]
    pub session: Option<String>,
    /// Compare with the recorded decisions, not with the current policies
    #[arg(long)]
    pub recorded: bool,
    /// Exit with 1 if anything changes or cannot be determined
    #[arg(long)]
    pub fail_on_change: bool,
}

/// A group of commands with the same change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    /// Whether more is allowed than before.
    widens: bool,
    from: Effect,
    to: Effect,
    /// Whether only the session limit changes.
    limit_only: bool,
    principal: String,
    connection: String,
    shape: String,
    /// The policies that decide afterwards, or those that decided before if none does.
    rule: String,
}

/// The result.
#[derive(Debug, Default)]
struct Found {
    tally: Tally,
    changes: BTreeMap<Change, u64>,
}

impl Change {
    fn with(principal: &str, connection: &str, shape: String, before: &Ruled, after: &Ruled) -> Option<Self> {
        let approvers = before.approval != after.approval;
        let limits = before.session_limit != after.session_limit;
        if before.effect == after.effect && !approvers && !limits {
            return None;
        }
        // `None` is the longest.
        let length = |ruled: &Ruled| ruled.session_limit.unwrap_or(Duration::MAX);
        let longer = length(after) > length(before);
        let by = if after.rules.is_empty() { &before.rules } else { &after.rules };
        Some(Self {
            // Other approvers may also be more.
            widens: after.effect < before.effect || (after.effect == before.effect && (approvers || longer)),
            from: before.effect,
            to: after.effect,
            limit_only: before.effect == after.effect && !approvers,
            principal: principal.to_owned(),
            connection: connection.to_owned(),
            shape,
            rule: by.join(", "),
        })
    }

    fn words(&self) -> String {
        let others = match (self.from == self.to, self.limit_only) {
            (true, true) => " (other limits.session)",
            (true, false) => " (other approvers or terms)",
            (false, _) => "",
        };
        format!("{} -> {}{others}", self.from, self.to)
    }

    fn row(&self, count: u64) -> Row {
        let sign = if self.widens { "\u{26a0}" } else { "" };
        Row {
            cells: vec![
                sign.to_owned(),
                self.words(),
                count.to_string(),
                self.principal.clone(),
                self.connection.clone(),
                self.shape.clone(),
                self.rule.clone(),
            ],
            json: json!({
                "from": self.from, "to": self.to, "widens": self.widens, "count": count,
                "principal": self.principal, "connection": self.connection, "command": self.shape,
                "rule": self.rule,
            }),
        }
    }
}

impl Found {
    /// Adds one recorded command.
    fn add(&mut self, recorded: &Recorded, sides: (&Side, &Side), then: bool, parser: &Parser<'_>) {
        match judge(recorded, sides, then, parser) {
            Err(doubt) => self.tally.doubt(doubt),
            Ok(change) => {
                self.tally.judged += 1;
                if let Some(change) = change {
                    *self.changes.entry(change).or_default() += 1;
                }
            }
        }
    }

    fn changed(&self) -> u64 {
        self.changes.values().sum()
    }

    /// Returns the number of commands per kind of change: widening ones first.
    fn ways(&self) -> Vec<(String, u64)> {
        let mut ways: BTreeMap<(bool, String), u64> = BTreeMap::new();
        for (change, count) in &self.changes {
            *ways.entry((!change.widens, change.words())).or_default() += count;
        }
        ways.into_iter().map(|((_, words), count)| (words, count)).collect()
    }

    fn summary(&self) -> String {
        let total = traffic::commands(self.tally.judged);
        if self.changes.is_empty() {
            return format!("nothing of {total} changes");
        }
        let ways: Vec<String> = self.ways().iter().map(|(words, count)| format!("{count} {words}")).collect();
        let verb = if self.changed() == 1 { "changes" } else { "change" };
        format!("{} of {total} {verb}: {}", traffic::grouped(self.changed()), ways.join(", "))
    }

    fn json(&self, rows: &[Row]) -> Value {
        let ways: Vec<Value> =
            self.ways().iter().map(|(words, count)| json!({"change": words, "count": count})).collect();
        let items: Vec<&Value> = rows.iter().map(|row| &row.json).collect();
        json!({
            "commands": self.tally.judged, "changed": self.changed(), "changes": ways, "items": items,
            "cannot_tell": self.tally.unknown(), "doubts": self.tally.json(), "not_judged": self.tally.beside,
        })
    }
}

fn judge(
    recorded: &Recorded,
    (now, then): (&Side, &Side),
    as_recorded: bool,
    parser: &Parser<'_>,
) -> Result<Option<Change>, Doubt> {
    if traffic::connection(&now.connections, &recorded.connection).is_none() {
        return Err(Doubt::new("its connection is not there any more"));
    }
    let trusted = now.trusts(recorded);
    let (before, rebuilt) = now.rule(recorded, trusted, parser)?;
    let decided = &recorded.decided;
    leads_to(decided, now.policies.revision(), before.effect)?;
    let (after, _) = then.rule(recorded, trusted, parser)?;
    let before =
        if as_recorded { as_decided(decided, (now.policies.revision(), &before), &after)? } else { before };
    let shape = rebuilt.and_then(|rebuilt| rebuilt.commands.first().map(traffic::shape)).unwrap_or_default();
    Ok(Change::with(&recorded.principal.id, &recorded.connection, shape, &before, &after))
}

/// Returns the recorded decision. Approvers and limits are not recorded: they are known only if the policies
/// are the same.
fn as_decided(decided: &Decided, (revision, before): (u64, &Ruled), after: &Ruled) -> Result<Ruled, Doubt> {
    let same = decided.revision == revision;
    if !same && decided.effect == Effect::Approve && after.effect == Effect::Approve {
        return Err(Doubt::new("who had to approve it then is not recorded, and the policies have changed"));
    }
    let terms = if same { before } else { after };
    Ok(Ruled { effect: decided.effect, rules: decided.rules.clone(), ..terms.clone() })
}

/// Checks the rebuilt facts: if the same policies decided that are in force now, their verdict must equal the
/// recorded one.
fn leads_to(decided: &Decided, revision: u64, effect: Effect) -> Result<(), Doubt> {
    if decided.revision == revision && decided.effect != effect {
        return Err(Doubt::new("what is recorded of it does not lead to what was decided"));
    }
    Ok(())
}

/// Reports what the policies of a file would have changed.
pub fn simulate(terminal: Terminal, access: &Access, args: &SimulateArgs) -> Outcome {
    let text = entity::read_text(&args.file)?;
    let now = Side::current(access)?;
    let then = Side::of_file(access, &text, &args.file, &now)?;
    let parser = Parser::new(access);
    let which = Which {
        since: args.session.is_none().then_some(args.since),
        connection: args.connection.clone(),
        session: args.session.clone(),
        group: None,
    };
    let mut found = Found::default();
    let mut tally = Tally::default();
    traffic::read(access, &which, &mut tally, &mut |_tally, recorded| {
        found.add(&recorded, (&now, &then), args.recorded, &parser);
    })?;
    found.tally.beside += tally.beside;
    for (doubt, count) in tally.doubts {
        *found.tally.doubts.entry(doubt).or_default() += count;
    }
    print(terminal, &found)?;
    let unsettled = found.changed() > 0 || found.tally.unknown() > 0;
    Ok(if args.fail_on_change && unsettled { Exit::Failed } else { Exit::Done })
}

fn print(terminal: Terminal, found: &Found) -> Result<(), Failure> {
    let mut sorted: Vec<(&Change, u64)> =
        found.changes.iter().map(|(change, count)| (change, *count)).collect();
    sorted.sort_by(|(left, _), (right, _)| (!left.widens, left).cmp(&(!right.widens, right)));
    let rows: Vec<Row> = sorted.into_iter().map(|(change, count)| change.row(count)).collect();
    if terminal.format == Format::Json {
        return terminal.item(&[], &found.json(&rows));
    }
    let columns = ["", "change", "count", "who", "connection", "command", "rule"];
    let named = ["widens", "change", "count", "who", "connection", "command", "rule"];
    if terminal.format != Format::Table {
        terminal.list(&named, &rows, "")?;
        terminal.say(&found.summary());
        found.tally.lines().iter().for_each(|line| terminal.say(line));
        return Ok(());
    }
    let widens = found.changes.keys().any(|change| change.widens);
    let colour = match (found.changes.is_empty(), widens) {
        (true, _) => Colour::Good,
        (false, true) => Colour::Warn,
        (false, false) => Colour::Faint,
    };
    let summary = Shown(&found.summary()).to_string();
    terminal.data(&(terminal.paint(colour, &summary) + "\n"))?;
    if !rows.is_empty() {
        terminal.list(&columns, &rows, "")?;
    }
    let lines: Vec<String> = found.tally.lines().iter().map(|line| format!("{}\n", Shown(line))).collect();
    terminal.data(&lines.concat())?;
    if widens {
        terminal.say("\u{26a0} passes with fewer checks than before");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::ApprovalSpec;
    use crate::domain::GrantScope;

    fn change(from: Effect, to: Effect, widens: bool, shape: &str) -> Change {
        let (principal, connection, rule) = ("idp/a".to_owned(), "crm".to_owned(), "r".to_owned());
        Change { widens, from, to, limit_only: false, principal, connection, shape: shape.to_owned(), rule }
    }

    #[test]
    fn the_summary_counts_each_way_and_those_that_widen_first() {
        use Effect::{Allow, Approve, Deny};
        let found = |judged, changes: &[(Change, u64)]| Found {
            tally: Tally { judged, ..Tally::default() },
            changes: changes.iter().cloned().collect(),
        };
        assert_eq!(found(1204, &[]).summary(), "nothing of 1,204 commands changes");
        assert_eq!(
            found(
                1204,
                &[
                    (change(Allow, Approve, false, "a"), 1),
                    (change(Allow, Approve, false, "b"), 1),
                    (change(Deny, Allow, true, "a"), 1),
                ]
            )
            .summary(),
            "3 of 1,204 commands change: 1 deny -> allow, 2 allow -> approve"
        );
        assert_eq!(
            found(1, &[(change(Allow, Deny, false, "a"), 1)]).summary(),
            "1 of 1 command changes: 1 allow -> deny"
        );
    }

    #[test]
    fn facts_that_do_not_lead_to_what_was_decided_are_not_trusted() {
        let decided = Decided { effect: Effect::Allow, rules: vec!["a".to_owned()], revision: 7 };
        for (revision, effect, trusted) in
            [(7, Effect::Allow, true), (7, Effect::Deny, false), (8, Effect::Deny, true)]
        {
            assert_eq!(leads_to(&decided, revision, effect).is_ok(), trusted, "{revision} {effect}");
        }
    }

    #[test]
    fn who_approved_under_other_policies_is_not_guessed() {
        use Effect::{Allow, Approve, Deny};
        let ruled = |effect| Ruled { effect, rules: Vec::new(), approval: None, session_limit: None };
        for (then, revision, after, told) in [
            (Approve, 7, Approve, true),
            (Approve, 8, Approve, false),
            (Approve, 8, Deny, true),
            (Deny, 8, Approve, true),
            (Allow, 8, Allow, true),
        ] {
            let decided = Decided { effect: then, rules: vec!["a".to_owned()], revision: 7 };
            let found = as_decided(&decided, (revision, &ruled(then)), &ruled(after));
            assert_eq!(found.is_ok(), told, "{then} {revision} {after}");
        }
    }

    #[test]
    fn what_passes_more_easily_is_marked_and_so_are_other_approvers() {
        use Effect::{Allow, Approve, Deny};
        let spec = |from: &str| ApprovalSpec {
            from: vec![from.to_owned()],
            min: 1,
            timeout_s: 60,
            reason: false,
            grant: GrantScope::Once,
        };
        let ruled = |effect, rules: &[&str], from: Option<&str>| Ruled {
            effect,
            rules: rules.iter().map(ToString::to_string).collect(),
            approval: from.map(|from| Arc::new(spec(from))),
            session_limit: None,
        };
        let limited = |minutes: Option<u64>| Ruled {
            session_limit: minutes.map(Duration::from_mins),
            ..ruled(Allow, &["a"], None)
        };
        for (before, after, expected) in [
            (ruled(Allow, &["a"], None), ruled(Allow, &["b"], None), None),
            (ruled(Allow, &["a"], None), ruled(Deny, &[], None), Some(("allow -> deny", false, "a"))),
            (
                ruled(Deny, &["a"], None),
                ruled(Allow, &["b", "c"], None),
                Some(("deny -> allow", true, "b, c")),
            ),
            (ruled(Approve, &["a"], Some("x")), ruled(Approve, &["b"], Some("x")), None),
            (
                ruled(Approve, &["a"], Some("x")),
                ruled(Approve, &["b"], Some("y")),
                Some(("approve -> approve (other approvers or terms)", true, "b")),
            ),
            (limited(Some(5)), limited(Some(5)), None),
            (limited(Some(5)), limited(None), Some(("allow -> allow (other limits.session)", true, "a"))),
            (limited(None), limited(Some(5)), Some(("allow -> allow (other limits.session)", false, "a"))),
            (limited(Some(5)), limited(Some(9)), Some(("allow -> allow (other limits.session)", true, "a"))),
        ] {
            let found = Change::with("idp/a", "crm", String::new(), &before, &after);
            let told = found.map(|change| (change.words(), change.widens, change.rule));
            let expected = expected.map(|(words, widens, rule)| (words.to_owned(), widens, rule.to_owned()));
            assert_eq!(told, expected, "{before:?} {after:?}");
        }
    }
}
