//! `policy simulate` and `policy suggest`: evaluate recorded commands again.
//!
//! Recordings are read page by page over the admin API, so it does not matter whether a gateway is running.

pub mod rebuild;
pub mod recorded;
pub mod side;
pub mod simulate;
pub mod suggest;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::report::Failure;
use crate::cli::session;
use crate::cli::session::recording::Events;
use crate::cli::traffic::recorded::Recorded;
use crate::cli::traffic::recorded::Seen;
use crate::cli::traffic::recorded::Tape;
use crate::control::noun::session::SessionFilter;
use crate::control::noun::session::SessionView;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::command::Words;
use crate::domain::connection::ConnectionName;
use crate::domain::now_ms;
use crate::domain::sql::Verb;

/// Number of sessions per request.
const PAGE: u32 = 1000;

/// Why a recorded command cannot be judged again, as a text that contains nothing of the command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt(pub String);

impl Doubt {
    /// Creates a doubt with this text.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// Selects recordings.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Commands in this recent period.
    pub since: Option<Duration>,
    /// On this connection.
    pub connection: Option<ConnectionName>,
    /// In this session.
    pub session: Option<String>,
    /// Count commands that cannot be judged only if a member of this group may have sent them.
    pub group: Option<String>,
}

/// Counters of the commands that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commands that could be judged again.
    pub judged: u64,
    /// Commands that the gateway refused or answered without evaluating policies.
    pub beside: u64,
    /// Commands that could not be judged again, by reason.
    pub doubts: BTreeMap<Doubt, u64>,
}

impl Tally {
    /// Counts a command that cannot be judged again.
    pub fn doubt(&mut self, doubt: Doubt) {
        *self.doubts.entry(doubt).or_default() += 1;
    }

    /// Counts it if it may be from the selected group.
    fn doubt_of(&mut self, group: Option<&str>, tape: &Tape, doubt: Doubt) {
        match concerns(group, tape) {
            Some(true) => self.doubt(doubt),
            Some(false) => {}
            None => self.doubt(Doubt(doubt.0 + ", and not whether a member of the group sent it")),
        }
    }

    /// Returns how many could not be judged again.
    pub fn unknown(&self) -> u64 {
        self.doubts.values().sum()
    }

    /// Returns it as JSON: reason and count.
    pub fn json(&self) -> Value {
        let each = |(doubt, count): (&Doubt, &u64)| json!({"why": doubt.0, "count": count});
        self.doubts.iter().map(each).collect()
    }

    /// Returns one line per reason.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.unknown() > 0 {
            lines.push(format!("cannot tell for {}:", commands(self.unknown())));
        }
        lines.extend(self.doubts.iter().map(|(doubt, count)| format!("  {count}: {}", doubt.0)));
        if self.beside > 0 {
            let what = "that the gateway refused or answered without asking a policy";
            lines.push(format!("not looked at: {} {what}", commands(self.beside)));
        }
        lines
    }
}

/// Returns a number of commands as text, with thousands separators.
pub fn commands(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "command" } else { "commands" })
}

/// Returns a number with thousands separators.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Passes every recorded command to `each`, newest session first; undecided ones are counted in the tally.
pub fn read(
    access: &Access,
    which: &Which,
    tally: &mut Tally,
    each: &mut dyn FnMut(&mut Tally, Recorded),
) -> Result<(), Failure> {
    let ago = |since: Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let since_ms = which.since.map(|since| now_ms().saturating_sub(ago(since)).max(0));
    if let Some(id) = &which.session {
        let view = session::find(access, id)?;
        return read_one(access, &view, (since_ms, which.group.as_deref()), tally, each);
    }
    let mut before = None;
    loop {
        let filter = SessionFilter {
            connection: which.connection.clone(),
            since_ms,
            before,
            limit: Some(PAGE),
            ..SessionFilter::default()
        };
        let found = access.wait(access.backend().sessions(filter))?;
        for view in &found.items {
            read_one(access, view, (since_ms, which.group.as_deref()), tally, each)?;
        }
        before = found.items.last().map(|view| view.id);
        if !found.more || before.is_none() {
            return Ok(());
        }
    }
}

fn read_one(
    access: &Access,
    view: &SessionView,
    (since_ms, group): (Option<i64>, Option<&str>),
    tally: &mut Tally,
    each: &mut dyn FnMut(&mut Tally, Recorded),
) -> Result<(), Failure> {
    let mut tape = Tape::new(view);
    if view.pruned_ms.is_some() {
        let gone = Doubt::new("a session whose events were removed by retention (counted as one)");
        tally.doubt_of(group, &tape, gone);
        return Ok(());
    }
    for event in Events::of(access, view.id) {
        let event = event?;
        let late = since_ms.is_none_or(|since| event.event.ts_ms >= since);
        match tape.see(&event) {
            Some(_early) if !late => {}
            Some(Seen::Command(recorded)) => each(tally, *recorded),
            Some(Seen::Beside) => tally.beside += u64::from(concerns(group, &tape) != Some(false)),
            Some(Seen::Doubt(doubt)) => tally.doubt_of(group, &tape, doubt),
            None => {}
        }
    }
    for _undecided in 0..tape.undecided() {
        tally.doubt_of(group, &tape, Doubt::new("nothing says what was decided"));
    }
    Ok(())
}

/// Returns whether the tape is of the selected group; `None`: unknown.
fn concerns(group: Option<&str>, tape: &Tape) -> Option<bool> {
    group.map_or(Some(true), |group| tape.is_of(group))
}

/// Finds a connection by name.
pub fn connection<'a>(connections: &'a [Connection], name: &str) -> Option<&'a Connection> {
    connections.iter().find(|connection| connection.name.as_str() == name)
}

/// Returns the shape of a command, for display: commands of one shape differ only in ids and values.
pub fn shape(command: &Command) -> String {
    match &command.words {
        Words::Http(http) => {
            let folded: Vec<&str> = http
                .path
                .split('/')
                .map(|part| if suggest::fold::is_id(part) { "*" } else { part })
                .collect();
            format!("{} {}", http.method, folded.join("/"))
        }
        Words::Mcp(mcp) => mcp.line(),
        Words::Sql(sql) => match &sql.effects {
            Some(effects) => {
                let verbs: Vec<&str> = effects.verbs.iter().copied().map(Verb::as_str).collect();
                let mut tables: Vec<String> =
                    effects.relations.iter().map(|relation| relation.object.to_string()).collect();
                tables.dedup();
                let mut line = if verbs.is_empty() { "nothing".to_owned() } else { verbs.join(", ") };
                if !tables.is_empty() {
                    line = line + " of " + &tables.join(", ");
                }
                if !sql.opaque.is_empty() {
                    let names: Vec<String> =
                        sql.opaque.iter().map(|function| function.object.to_string()).collect();
                    line = line + " calling " + &names.join(", ");
                }
                line
            }
            None => "SQL that cannot be read".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
        assert_eq!(commands(1), "1 command");
    }
}
