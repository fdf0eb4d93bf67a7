//! What approvers see of a held statement besides its SQL: what it would touch, as estimated by the target's
//! planner, and which locks its session holds meanwhile.
//!
//! Nothing of the statement is run. It is planned (`EXPLAIN`, never `ANALYZE`) in a read-only session of the
//! gateway's own, with the same role, that ends afterwards and gives up waiting for a lock almost at once.
//! Planning evaluates functions that are declared immutable or stable, so SQL is planned only if all its
//! functions are known to be harmless; what an operator, a view or a row policy runs cannot write there
//! either, nor take longer than a second. The estimate is that of a new session: it does not see the client's
//! open transaction or temporary tables. All this delays a statement by [`PATIENCE`] at most, and never makes
//! it fail.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use crate::domain::Class;
use crate::domain::sql::Verb;
use crate::pipeline::Asked;
use crate::protocol::postgres::inquiry::Inquiry;
use crate::protocol::postgres::inquiry::Rows;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::PlannedCommand;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::Bind;

/// The time that all this may add to a statement's way to its approvers.
const PATIENCE: Duration = Duration::from_secs(1);
/// The settings of the planning session. Its search path is that of its role, like the client's.
const SETTINGS: [(&str, &str); 6] = [
    ("application_name", "hoopctl"),
    ("client_encoding", "UTF8"),
    ("default_transaction_read_only", "on"),
    ("lock_timeout", "50ms"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "800ms"),
];
/// The longest SQL text that is planned, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// The most parameters of a statement that is planned.
const MAX_PARAMETERS: usize = 1000;
/// The most relations that are named of each kind.
const MAX_NAMED: usize = 8;
/// The longest name that is shown whole, in characters.
const MAX_NAME: usize = 130;

/// Lists the relations that a process has locked, those with more than an `AccessShareLock` first. `$` is
/// replaced by the process id.
const LOCKS: &str = "\
SELECT n.nspname || '.' || c.relname, string_agg(DISTINCT l.mode, ', ')
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = $ AND l.granted AND l.locktype = 'relation'
AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND n.nspname <> 'pg_catalog'
GROUP BY 1 ORDER BY bool_and(l.mode = 'AccessShareLock'), 1 LIMIT 9";

/// What the target is asked.
struct Questions {
    /// The statements that give the plan; the last one returns it.
    explain: Vec<String>,
    /// The process whose locks are asked for.
    process: Option<u32>,
}

impl SessionState {
    /// Returns lines for the approvers of a statement that is about to be held. They say so if there is no
    /// estimate.
    pub(super) async fn preview(&self, planned: &PlannedCommand, asked: &Asked<bytes::Bytes>) -> String {
        let mut lines = String::new();
        let looking = async {
            self.answered().await;
            let questions = Questions {
                explain: self.explain(planned, asked).unwrap_or_default(),
                process: self.process.filter(|_| self.transaction.status() == Transaction::Open),
            };
            self.look(&questions, &mut lines).await;
        };
        let in_time = tokio::time::timeout(PATIENCE, looking).await.is_ok();
        if !in_time {
            tracing::debug!("what a held statement would touch was not found out in time");
        }
        if !self.pending.borrow().is_empty() {
            lines.push_str("statements that its client sent before it are not answered yet: it may be in another transaction by then\n");
        }
        if !lines.contains(PLAN) {
            lines.push_str("no estimate of how many rows it would touch\n");
        }
        lines
    }

    /// Waits for the replies to earlier messages, unless the target holds them back.
    async fn answered(&self) {
        loop {
            let news = self.signals.progress.notified();
            if self.pending.borrow().is_empty() || self.pending.borrow().is_in_series() {
                return;
            }
            news.await;
        }
    }

    /// Returns the statements that ask for the plan; `None` if this statement may not be planned.
    fn explain(&self, planned: &PlannedCommand, asked: &Asked<bytes::Bytes>) -> Option<Vec<String>> {
        let sql = asked.judged.command.sql()?;
        let effects = sql.effects.as_deref()?;
        let plain = |verb: &Verb| {
            matches!(verb, Verb::Select | Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge)
        };
        let one = effects.statements == 1
            && !effects.verbs.is_empty()
            && effects.verbs.iter().all(plain)
            && effects.names.is_empty()
            && effects.settings.is_empty()
            && planned.runs.is_empty();
        // Not with functions that only the catalog calls harmless: that relies on what they are declared as.
        let harmless = effects.opaque.is_empty() && asked.judged.class() <= Class::Write;
        // The gateway's own session would read the SQL like a new session.
        let as_usual = !self.search_path.is_moved()
            && !self.settings.has_set()
            && self.lexing.get() == Lexing::default();
        if !one || !harmless || !as_usual {
            return None;
        }
        let values = match planned.kind {
            Kind::Bind { .. } => Bind::read(body(&asked.payload)).ok()?.values.count(),
            _ => 0,
        };
        questions(&planned.definition.sql, values)
    }

    async fn look(&self, questions: &Questions, lines: &mut String) {
        if questions.explain.is_empty() && questions.process.is_none() {
            return;
        }
        let governed = self.seat.current();
        let Ok(credential) = self.seat.credential().await else { return };
        let password = credential.as_ref().and_then(|credential| credential.secret());
        let opened = Inquiry::open_with(&governed, password, &self.database, &SETTINGS).await;
        let Ok(mut inquiry) = opened.inspect_err(|error| tracing::debug!(%error, "no session to plan in"))
        else {
            return;
        };
        if let Some(process) = questions.process
            && let Some(locks) = locks(&mut inquiry, process).await
        {
            lines.push_str(&locks);
        }
        let mut rows = Rows::new();
        for question in &questions.explain {
            let Ok(answer) = inquiry.ask(question).await else { return };
            rows = answer;
        }
        if let Some(plan) = rows.first().and_then(|row| row.first()?.as_deref()).and_then(plan) {
            lines.push_str(&plan);
        }
    }
}

/// Returns the statements that ask for the plan of SQL with this number of parameters. `None` if the SQL is
/// too long, or could be more than one statement to a server; a `;` within a string costs the estimate.
///
/// Parameter values are not sent, because reading them can run the checks of their types. The plan is the
/// generic one.
fn questions(sql: &[u8], parameters: usize) -> Option<Vec<String>> {
    let text = std::str::from_utf8(sql).ok()?.trim_ascii();
    let text = text.strip_suffix(';').unwrap_or(text);
    if text.len() > MAX_TEXT || text.contains([';', '\0']) || parameters > MAX_PARAMETERS {
        return None;
    }
    let explain = "EXPLAIN (FORMAT JSON, VERBOSE)";
    if parameters == 0 {
        return Some(vec![format!("{explain} {text}")]);
    }
    let none = vec!["NULL"; parameters].join(", ");
    Some(vec![
        "SET plan_cache_mode TO force_generic_plan".to_owned(),
        format!("PREPARE hoopctl AS {text}"),
        format!("{explain} EXECUTE hoopctl ({none})"),
    ])
}

/// Returns the locks of a process as a line, which is empty if it has none; `None` if they cannot be told.
async fn locks(inquiry: &mut Inquiry, process: u32) -> Option<String> {
    if !inquiry.is_direct().await.ok()? {
        return None;
    }
    inquiry.ask("SET search_path TO pg_catalog").await.ok()?;
    let rows = inquiry.ask(&LOCKS.replace('$', &process.to_string())).await;
    inquiry.ask("RESET search_path").await.ok()?;
    Some(worded_locks(&rows.ok()?))
}

fn worded_locks(rows: &Rows) -> String {
    let mut line = String::new();
    for row in rows.iter().take(MAX_NAMED) {
        let [Some(relation), Some(modes)] = row.as_slice() else { continue };
        line.push_str(if line.is_empty() { "its session holds locks: " } else { "; " });
        let _infallible = write!(line, "{} ({modes})", shown(relation));
    }
    if rows.len() > MAX_NAMED {
        line.push_str("; and more");
    }
    if !line.is_empty() {
        line.push('\n');
    }
    line
}

/// The beginning of the line with the estimate.
const PLAN: &str = "estimated by the target: ";

/// Returns the output of `EXPLAIN (FORMAT JSON)` as a line; `None` if it cannot be read.
fn plan(json: &str) -> Option<String> {
    let explained: Value = serde_json::from_str(json).ok()?;
    let root = explained.get(0)?.get("Plan")?;
    let (mut changes, mut reads) = (Vec::new(), Vec::new());
    gather(root, &mut changes, &mut reads);
    let mut line = String::from(PLAN);
    if changes.is_empty() {
        let _infallible = write!(line, "gives about {}", rows(root));
    }
    for (place, change) in changes.iter().enumerate() {
        line.push_str(if place == 0 { "" } else { "; " });
        line.push_str(change);
    }
    for (place, relation) in reads.iter().enumerate() {
        line.push_str(if place == 0 { "; reads " } else { ", " });
        line.push_str(relation);
    }
    line.push_str(". What triggers, cascades and functions do besides is not in it.\n");
    Some(line)
}

/// Collects what a node of a plan and the nodes below it change and read.
fn gather(node: &Value, changes: &mut Vec<String>, reads: &mut Vec<String>) {
    let below = node.get("Plans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let relation = relation(node);
    let is_change = node.get("Node Type").and_then(Value::as_str) == Some("ModifyTable");
    if is_change && changes.len() < MAX_NAMED {
        // The node's own count is that of the rows it returns.
        let outer = below.iter().filter(|node| {
            matches!(node.get("Parent Relationship").and_then(Value::as_str), Some("Outer" | "Member"))
        });
        let count: f64 = outer.filter_map(|node| node.get("Plan Rows")?.as_f64()).sum();
        let operation = node.get("Operation").and_then(Value::as_str).unwrap_or("change").to_lowercase();
        let what = relation.as_deref().unwrap_or("?");
        changes.push(format!("{} of {what}, about {}", shown(&operation), counted(count)));
    } else if let Some(relation) = relation
        && !is_change
        && reads.len() < MAX_NAMED
        && !reads.contains(&relation)
    {
        reads.push(relation);
    }
    for node in below {
        gather(node, changes, reads);
    }
}

fn relation(node: &Value) -> Option<String> {
    let name = shown(node.get("Relation Name")?.as_str()?);
    Some(match node.get("Schema").and_then(Value::as_str) {
        Some(schema) => format!("{}.{name}", shown(schema)),
        None => name,
    })
}

fn rows(node: &Value) -> String {
    counted(node.get("Plan Rows").and_then(Value::as_f64).unwrap_or_default())
}

/// Returns a number of rows as people write it.
fn counted(rows: f64) -> String {
    let digits = format!("{rows:.0}");
    let mut out = String::with_capacity(digits.len() + 12);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(if digits == "1" { " row" } else { " rows" });
    out
}

/// Returns a name with its control characters replaced, so that it cannot pass for a line of its own.
fn shown(name: &str) -> String {
    name.chars()
        .take(MAX_NAME)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_a_line() {
        let update = r#"[{"Plan": {"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "people", "Schema": "public",
            "Plan Rows": 0, "Plans": [
                {"Node Type": "Seq Scan", "Parent Relationship": "InitPlan", "Relation Name": "limits", "Schema": "app", "Plan Rows": 1},
                {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "people", "Schema": "public", "Plan Rows": 12000}]}}]"#;
        let line = plan(update).unwrap();
        assert!(
            line.contains("update of public.people, about 12,000 rows; reads app.limits, public.people."),
            "{line}"
        );
        let select = r#"[{"Plan": {"Node Type": "Aggregate", "Plan Rows": 1, "Plans": [
            {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "x\nestimated by the target: nothing", "Schema": "s", "Plan Rows": 5}]}}]"#;
        let line = plan(select).unwrap();
        assert!(line.contains("gives about 1 row; reads s.x"), "{line}");
        assert_eq!(line.lines().count(), 1, "a name makes no line: {line}");
        for broken in ["", "[]", "{}", "[{\"Plan\": ", "[1]"] {
            assert_eq!(plan(broken), None, "{broken}");
        }
        assert_eq!(plan("[{\"Plan\": 7}]").unwrap().lines().count(), 1);
    }

    #[test]
    fn a_question_is_one_statement_and_never_analyzes() {
        assert_eq!(
            questions(b" DELETE FROM t; ", 0).unwrap(),
            ["EXPLAIN (FORMAT JSON, VERBOSE) DELETE FROM t"]
        );
        assert_eq!(
            questions(b"DELETE FROM t WHERE a = $1 AND b = $2", 2).unwrap().last().unwrap(),
            "EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE hoopctl (NULL, NULL)"
        );
        for sql in [&b"SELECT 1; DELETE FROM t"[..], b"SELECT ';'", b"SELECT '\0'", b"\xff"] {
            assert_eq!(questions(sql, 0), None);
            assert_eq!(questions(sql, 1), None);
        }
        assert_eq!(questions(&vec![b'x'; MAX_TEXT + 1], 0), None);
    }

    #[test]
    fn numbers_are_grouped() {
        for (rows, told) in [
            (0.0, "0 rows"),
            (1.0, "1 row"),
            (999.0, "999 rows"),
            (1e3, "1,000 rows"),
            (1_234_567.0, "1,234,567 rows"),
        ] {
            assert_eq!(counted(rows), told);
        }
    }

    #[test]
    fn locks_are_told_in_a_line() {
        let row = |name: &str| vec![Some(name.to_owned()), Some("RowExclusiveLock".to_owned())];
        assert_eq!(
            worded_locks(&vec![row("public.a")]),
            "its session holds locks: public.a (RowExclusiveLock)\n"
        );
        let many = worded_locks(&vec![row("x\ny"); 9]);
        assert!(many.ends_with("; and more\n") && many.lines().count() == 1, "{many}");
        assert_eq!(worded_locks(&Rows::new()), "");
    }
}
