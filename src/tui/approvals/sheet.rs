//! The full text of one approval, and how much of it has been on screen.

use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::approval::MAX_DETAIL;
use crate::domain::approval::Risk;
use crate::domain::id::ApprovalId;
use crate::domain::principal::Kind;
use crate::domain::text::beginning;
use crate::tui::Shared;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::text;
use crate::tui::text::Piece;
use crate::tui::text::Row;
use crate::tui::text::Syntax;

/// How far back the requester's history goes, in milliseconds.
const HISTORY_MS: i64 = 86_400_000;
/// Width of the fact names, in columns.
const NAMES: u16 = 8;

/// One approval as rows of text.
#[derive(Debug)]
pub(super) struct Sheet {
    approval: Approval,
    /// The facts above the payload: requester, reason, effect.
    facts: Vec<Vec<Piece>>,
    history: Option<String>,
    origin: Option<String>,
    machine: &'static str,
    syntax: Syntax,
    width: u16,
    above: Part,
    payload: Part,
    /// The number of rows of `payload` that will be sent; the rows below them are hoopctl's own notes.
    sent: usize,
    top: usize,
}

/// A row and its origin.
#[derive(Debug, Clone, Copy)]
pub(super) enum SheetRow<'a> {
    /// A row by hoopctl, possibly with names chosen by others.
    Ours(&'a Row),
    /// A row of what will be sent.
    Sent(&'a Row),
}

/// Rows, which of them have been on screen, and their count.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Row>,
    shown: Vec<bool>,
    count: usize,
}

impl Part {
    /// Creates rows of which none or all have been on screen.
    fn of(rows: Vec<Row>, shown: bool) -> Self {
        let count = if shown { rows.len() } else { 0 };
        Self { shown: vec![shown; rows.len()], rows, count }
    }

    fn seen(&mut self, from: usize, height: usize) {
        for shown in self.shown.iter_mut().skip(from).take(height) {
            if !std::mem::replace(shown, true) {
                self.count += 1;
            }
        }
    }
}

impl Sheet {
    pub(super) fn new(approval: &Approval, width: u16, shared: &Shared) -> Self {
        let scheme = shared.schemes.get(approval.connection.as_str()).map_or("", String::as_str);
        // No gateway sends more. A longer text would be laid out in one go, so it is cut and can then only be
        // denied.
        let shown = beginning(&approval.detail, MAX_DETAIL);
        let truncated = approval.truncated || shown.len() < approval.detail.len();
        let mut sheet = Self {
            approval: Approval { detail: shown.to_owned(), truncated, ..without_detail(approval) },
            facts: Vec::new(),
            history: None,
            origin: origin(approval, shared),
            machine: shared.look.signs.machine,
            syntax: Syntax::of(scheme, &approval.detail),
            width: 0,
            above: Part::default(),
            payload: Part::default(),
            sent: 0,
            top: 0,
        };
        sheet.facts = sheet.tell();
        sheet.wrap(width);
        sheet
    }

    pub(super) fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Returns whether this is the sheet of exactly this command.
    pub(super) fn is_of(&self, approval: &Approval) -> bool {
        self.approval.id == approval.id && self.approval.digest == approval.digest
    }

    pub(super) fn id(&self) -> ApprovalId {
        self.approval.id
    }

    /// Returns the rows visible in a window of `height` rows.
    pub(super) fn window(&self, height: usize) -> impl Iterator<Item = SheetRow<'_>> {
        let sent = self.payload.rows.iter().take(self.sent).map(SheetRow::Sent);
        let below = self.payload.rows.iter().skip(self.sent).map(SheetRow::Ours);
        self.above.rows.iter().map(SheetRow::Ours).chain(sent).chain(below).skip(self.top).take(height)
    }

    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.above.rows.len() + self.payload.rows.len()
    }

    /// Returns the number of rows that have not been on screen yet; at least one while there is no room for
    /// any.
    pub(super) fn unseen(&self) -> usize {
        if self.payload.rows.is_empty() { 1 } else { self.rows() - self.above.count - self.payload.count }
    }

    /// Takes a newer state of the approval, without its payload.
    pub(super) fn renew(&mut self, approval: &Approval, shared: &Shared) {
        if approval.id != self.approval.id {
            return;
        }
        let detail = std::mem::take(&mut self.approval.detail);
        let truncated = self.approval.truncated;
        self.approval = Approval { detail, truncated, ..approval.clone() };
        self.tell_origin(shared);
    }

    /// Updates the location of the policy, which may be known now.
    pub(super) fn tell_origin(&mut self, shared: &Shared) {
        self.origin = origin(&self.approval, shared);
        self.retell();
    }

    /// Adds a summary of the requester's recent approvals.
    pub(super) fn tell_history(&mut self, approvals: &[Approval], shared: &Shared) {
        let since = shared.now.wall_ms.saturating_sub(HISTORY_MS);
        let count = |states: &[ApprovalState]| {
            approvals
                .iter()
                .filter(|one| {
                    one.created_ms >= since && one.id != self.approval.id && states.contains(&one.state)
                })
                .count()
        };
        self.history = Some(format!(
            "{} approved, {} denied, {} expired or left in 24 h",
            count(&[ApprovalState::Approved, ApprovalState::Used]),
            count(&[ApprovalState::Denied]),
            count(&[ApprovalState::Expired, ApprovalState::Cancelled, ApprovalState::Stopped]),
        ));
        self.retell();
    }

    /// Updates the facts. Read payload rows stay read as long as they keep their place.
    fn retell(&mut self) {
        let facts = self.tell();
        if facts != self.facts {
            let before = self.above.rows.len();
            self.facts = facts;
            self.above = Part::of(self.facts_in(self.width), false);
            // The text in view stays in place.
            if self.top >= before {
                self.top = self.top - before + self.above.rows.len();
            }
        }
    }

    fn facts_in(&self, width: u16) -> Vec<Row> {
        let mut rows = Vec::new();
        for line in &self.facts {
            rows.extend(text::wrapped_words(line, width, NAMES));
        }
        rows.push(Row { goes_on: false, pieces: Vec::new() });
        rows
    }

    /// Wraps the text at a width. If all of it was on screen before, it stays read: it is the same text.
    pub(super) fn wrap(&mut self, width: u16) {
        // Without room nothing is shown, and read rows stay read.
        if width == self.width || width == 0 {
            return;
        }
        let whole = self.unseen() == 0;
        self.width = width;
        let detail = self.approval.detail.strip_suffix('\n').unwrap_or(&self.approval.detail);
        // One column is for the edge.
        let mut rows = text::rows(detail, self.syntax, width.saturating_sub(1));
        self.sent = rows.len();
        if self.approval.truncated {
            let words = "(not all of it is shown: it can be denied, not approved)";
            rows.extend(text::wrapped_words(&[(Role::Bad, words.to_owned())], width, 0));
        }
        self.payload = Part::of(rows, whole);
        self.above = Part::of(self.facts_in(width), whole);
        self.top = 0;
    }

    /// Scrolls by a number of rows in a window of `height` rows.
    pub(super) fn scroll(&mut self, by: isize, height: usize) {
        let last = self.rows().saturating_sub(height);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Marks the `height` rows from the top as read.
    pub(super) fn seen(&mut self, height: usize) {
        let above = self.above.rows.len();
        self.above.seen(self.top, height);
        let left = height.saturating_sub(above.saturating_sub(self.top));
        self.payload.seen(self.top.saturating_sub(above), left);
    }

    fn tell(&self) -> Vec<Vec<Piece>> {
        let approval = &self.approval;
        let mut facts = Vec::new();
        let mut fact = |name: &str, pieces: Vec<Piece>| {
            let mut line = vec![(Role::Dim, format!("{name:0$}", usize::from(NAMES)))];
            line.extend(pieces);
            facts.push(line);
        };
        let text = |text: String| (Role::Text, text);
        let sign = if approval.kind == Kind::Human { String::new() } else { format!("{} ", self.machine) };
        let groups = if approval.groups.is_empty() {
            "no groups".to_owned()
        } else {
            format!("groups {}", approval.groups.join(", "))
        };
        fact(
            "who",
            vec![
                (Role::Title, approval.label.clone()),
                text(format!(" {sign}{} {}", approval.kind.as_str(), approval.principal)),
                text(format!(", {groups}, from {}", approval.source)),
            ],
        );
        let origin = self.origin.as_deref().map(|origin| format!(" ({origin})")).unwrap_or_default();
        fact("why", vec![text(format!("policy {}{origin}, needs {}", approval.rule, needs(approval)))]);
        let (risk, word) = risk(approval.risk());
        fact(
            "effect",
            vec![
                text(format!("{}, ", approval.class.as_str())),
                (risk, format!("risk {word}")),
                text(format!("; a yes gives {}", gives(approval.spec.grant))),
            ],
        );
        if !approval.reason.is_empty() {
            fact("reason", vec![text(format!("\"{}\"", approval.reason))]);
        }
        for decision in &approval.decisions {
            let (role, word) =
                if decision.approve { (Role::Good, "approved") } else { (Role::Bad, "denied") };
            let why =
                if decision.reason.is_empty() { String::new() } else { format!(" \"{}\"", decision.reason) };
            fact("said", vec![(role, word.to_owned()), text(format!(" by {}{why}", decision.by))]);
        }
        if let Some(history) = &self.history {
            fact("before", vec![text(history.clone())]);
        }
        facts
    }
}

/// Copies an approval without its one long text.
fn without_detail(approval: &Approval) -> Approval {
    Approval { detail: String::new(), ..approval.clone() }
}

fn origin(approval: &Approval, shared: &Shared) -> Option<String> {
    let known: Vec<&str> =
        approval.rule.split(',').filter_map(|rule| shared.origins.get(rule)).map(String::as_str).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// Formats `1 of dba`, with the count of approvals if several are needed.
pub(super) fn needs(approval: &Approval) -> String {
    let from = approval.spec.from.join(", ");
    let yes = approval.decisions.iter().filter(|decision| decision.approve).count();
    match approval.spec.min {
        0 | 1 => format!("1 of {from}"),
        min => format!("{min} of {from}; {yes} of {min} approved"),
    }
}

/// Describes what an approval grants.
pub(super) fn gives(scope: GrantScope) -> String {
    match scope {
        GrantScope::Once => "this one command".to_owned(),
        GrantScope::Session => "all its rule holds until the session ends".to_owned(),
        GrantScope::Window(_) => format!("all its rule holds, for {scope}"),
    }
}

/// Returns the role and word of a risk.
pub(super) fn risk(risk: Risk) -> (Role, &'static str) {
    let role = match risk {
        Risk::Low => Role::Text,
        Risk::Medium => Role::Warn,
        Risk::High => Role::Bad,
    };
    (role, risk.as_str())
}

/// Returns the symbol of a risk.
pub(super) fn risk_sign(risk: Risk, look: &Look) -> &'static str {
    match risk {
        Risk::Low => look.signs.low,
        Risk::Medium => look.signs.medium,
        Risk::High => look.signs.high,
    }
}
