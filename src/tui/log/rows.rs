//! Lays out a denial, a change or an explanation as rows.

use ratatui::layout::Rect;

use crate::control::noun::audit::AuditEntry;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::FailedCondition;
use crate::control::noun::gateway::RuleReport;
use crate::domain::verdict::Effect;
use crate::tui::Shared;
use crate::tui::browse;
use crate::tui::log::command::Told;
use crate::tui::log::command::laid_out;
use crate::tui::log::denial::Denial;
use crate::tui::log::people::Person;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::text;
use crate::tui::text::Row;
use crate::tui::text::Syntax;

/// Width of the labels, in columns.
const LABEL: u16 = 8;

/// Rows under construction.
struct Rows {
    width: u16,
    out: Vec<Row>,
}

impl Rows {
    fn new(width: u16) -> Self {
        Self { width, out: Vec::new() }
    }

    /// Appends a value with a role after `before`, in as many rows as it needs.
    fn put(&mut self, before: &[(Role, String)], value: &str, role: Role) {
        let used: usize =
            before.iter().map(|(_, text)| unicode_width::UnicodeWidthStr::width(text.as_str())).sum();
        let used = u16::try_from(used).unwrap_or(self.width);
        for (place, row) in
            text::rows(value, Syntax::Plain, self.width.saturating_sub(used)).into_iter().enumerate()
        {
            let mut pieces = before.to_vec();
            if place > 0 {
                pieces = vec![(Role::Text, " ".repeat(usize::from(used)))];
            }
            let recoloured = |(piece, text)| (if piece == Role::Text { role } else { piece }, text);
            pieces.extend(row.pieces.into_iter().map(recoloured));
            self.out.push(Row { goes_on: false, pieces });
        }
    }

    fn fact(&mut self, label: &str, value: &str, role: Role) {
        if !value.is_empty() {
            self.put(&[(Role::Dim, format!("{label:0$}", usize::from(LABEL)))], value, role);
        }
    }

    fn say(&mut self, text: &str, role: Role) {
        self.put(&[], text, role);
    }

    fn blank(&mut self) {
        self.out.push(Row { goes_on: false, pieces: Vec::new() });
    }
}

/// Lays out a denial.
pub(super) fn denial(
    denial: &Denial,
    person: Option<&Person>,
    told: Option<&Result<Told, String>>,
    shared: &Shared,
    width: u16,
) -> Vec<Row> {
    let look = &shared.look;
    let mut rows = Rows::new(width);
    let effect = match told {
        Some(Ok(told)) => told.decision.get("effect").and_then(serde_json::Value::as_str).unwrap_or_default(),
        _ => "",
    };
    let effect = if effect.is_empty() || effect == "deny" {
        String::new()
    } else {
        format!(" (the policies say {effect})")
    };
    rows.fact("denied", &format!("{} {}{effect}", look.signs.no, denial.code), Role::Bad);
    let rule = match &denial.rule {
        Some(rule) => match shared.origins.get(rule) {
            Some(origin) => format!("{rule} ({origin})"),
            None => format!("{rule} (not there any more)"),
        },
        None => "none: what no policy allows is denied".to_owned(),
    };
    rows.fact("policy", &rule, Role::Text);
    rows.fact("reason", &denial.reason, Role::Text);
    if let Some(person) = person {
        let same = person.label == person.principal || person.label.is_empty();
        let name =
            if same { person.principal.clone() } else { format!("{} ({})", person.label, person.principal) };
        let told = told.and_then(|told| told.as_ref().ok());
        let from = told.map(Told::source).filter(|source| !source.is_empty());
        let from = from.map(|source| format!(", from {source}")).unwrap_or_default();
        rows.fact("who", &format!("{name}, {}", person.kind), Role::Text);
        rows.fact("groups", &told.map(Told::groups).unwrap_or_default().join(", "), Role::Text);
        rows.fact("on", &format!("{}{from}", person.connection), Role::Text);
    }
    rows.blank();
    match told {
        None => rows.say("Reading the recording.", Role::Dim),
        Some(Err(problem)) => rows.say(&format!("The command is not known: {problem}"), Role::Warn),
        Some(Ok(told)) => match &told.command {
            None => rows.say("The command is further back in the recording: r opens it.", Role::Dim),
            Some(command) => {
                let (whole, syntax) = command.whole();
                rows.out.extend(text::rows(&whole, syntax, width));
                if command.is_cut() {
                    rows.say("(not all of it is recorded)", Role::Warn);
                }
            }
        },
    }
    rows.out
}

/// Lays out a change.
pub(super) fn change(entry: &AuditEntry, time: &str, width: u16) -> Vec<Row> {
    let mut rows = Rows::new(width);
    rows.fact("when", time, Role::Text);
    rows.fact("who", &entry.actor, Role::Text);
    rows.fact("what", &format!("{} {}", entry.action, entry.subject), Role::Text);
    rows.fact("entry", &format!("{}, hash {}", entry.seq, entry.hash), Role::Dim);
    let detail = laid_out(&entry.detail.to_string());
    if !is_empty(entry) {
        rows.blank();
        rows.out.extend(text::rows(&detail, Syntax::Json, width));
    }
    rows.out
}

/// Returns whether a change has no further detail.
pub(super) fn is_empty(entry: &AuditEntry) -> bool {
    entry.detail.is_null() || entry.detail.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Lays out the explanation of a verdict.
pub(super) fn explanation(
    report: &ExplainReport,
    asked: &str,
    told: Option<&Told>,
    look: &Look,
    width: u16,
) -> Vec<Row> {
    let mut rows = Rows::new(width);
    let (sign, role) = effect(report.effect, look);
    let why =
        report.rule.as_ref().map_or_else(|| "no policy allows it".to_owned(), |rule| format!("by {rule}"));
    rows.put(
        &[(role, format!("{sign} {}", report.effect.as_str().to_uppercase())), (Role::Text, "  ".to_owned())],
        &why,
        Role::Text,
    );
    rows.say(asked, Role::Text);
    let was = told.and_then(|told| told.decision.get("policy_rev")).and_then(serde_json::Value::as_u64);
    let changed = match was {
        Some(was) if was == report.revision => ", the same as then".to_owned(),
        Some(was) => format!("; it was denied by revision {was}"),
        None => String::new(),
    };
    rows.say(&format!("Judged by the policies of today, revision {}{changed}.", report.revision), Role::Warn);
    rows.say("Claims of the token are not recorded: conditions on them count as not met.", Role::Dim);
    if told.and_then(|told| told.command.as_ref()).is_some_and(|command| command.masked || command.is_cut()) {
        rows.say("Parts of it are masked or not recorded: conditions on those may differ.", Role::Warn);
    }
    let path = if report.path.is_empty() { String::new() } else { format!(", judged path {}", report.path) };
    rows.say(&format!("class {}{path}", report.class), Role::Dim);
    if report.needs_no_policy {
        rows.say("It is allowed for everybody with access to the connection.", Role::Dim);
    }
    if let Some(sql) = &report.sql {
        for (word, said) in sql.lines() {
            rows.say(&format!("{word}: {said}"), Role::Dim);
        }
    }
    if !report.open {
        rows.say("The connection is not open to this principal: it sees no_such_connection.", Role::Warn);
    }
    if let Some(message) = &report.message {
        rows.say(&format!("The client is told: {message}"), Role::Text);
    }
    rows.blank();
    if report.rules.is_empty() {
        rows.say("There are no policies.", Role::Text);
    }
    let longest = report.rules.iter().map(|rule| rule.id.chars().count()).max().unwrap_or(0).min(24);
    for rule in &report.rules {
        let decides = report.rule.as_ref() == Some(&rule.id);
        put_rule(&mut rows, rule, decides, longest, look);
    }
    rows.out
}

fn put_rule(rows: &mut Rows, rule: &RuleReport, decides: bool, longest: usize, look: &Look) {
    let (sign, tone) = if rule.matched { (look.signs.yes, Role::Good) } else { (look.signs.low, Role::Dim) };
    let mark = if decides { look.signs.cursor } else { " " };
    let id = text::padded(&rule.id, longest, look);
    let before = [
        (Role::Accent, mark.to_owned()),
        (tone, format!("{sign} ")),
        (if decides { Role::Title } else { Role::Text }, id),
        (effect(rule.effect, look).1, format!(" {:8}", rule.effect.as_str())),
    ];
    let condition =
        |failed: &FailedCondition| format!("{} wants {}, found {}", failed.key, failed.wanted, failed.found);
    let said = match &rule.failed {
        Some(failed) => condition(failed),
        None if !rule.matched => "does not match".to_owned(),
        None => {
            let mut said = if decides { "matches and decides" } else { "matches" }.to_owned();
            if rule.only_holds_back {
                said.push_str(", only holds back: what it matches is not all of the command");
            }
            for doubt in &rule.unsure {
                said.extend([", not sure: ", &condition(doubt)]);
            }
            said
        }
    };
    rows.put(&before, &said, if rule.matched { Role::Text } else { Role::Dim });
}

/// Returns the symbol and role of an effect.
fn effect(effect: Effect, look: &Look) -> (&'static str, Role) {
    match effect {
        Effect::Allow => (look.signs.yes, Role::Good),
        Effect::Approve => (look.signs.waits, Role::Warn),
        Effect::Deny => (look.signs.no, Role::Bad),
    }
}

/// Rows with a scroll position.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) top: usize,
}

impl Page {
    /// Scrolls in an area of this size. Returns whether the action was a scroll action.
    pub(super) fn scroll(&mut self, action: crate::tui::keys::Action, area: Rect) -> bool {
        let height = usize::from(area.height).max(1);
        let Some(by) = browse::way(action, height) else { return false };
        self.top = browse::scrolled(self.top, by, self.rows.len(), height);
        true
    }
}
