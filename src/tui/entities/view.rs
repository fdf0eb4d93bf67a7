//! Draws connections and policies.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use crate::control::noun::gateway::IssuerReport;
use crate::control::noun::gateway::TargetReport;
use crate::domain::entity::EntityKind;
use crate::domain::units;
use crate::domain::verdict::Effect;
use crate::tui::Shared;
use crate::tui::browse::draw_words;
use crate::tui::entities::Entities;
use crate::tui::entities::facts::Fact;
use crate::tui::entities::facts::Special;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::panel;
use crate::tui::table;
use crate::tui::table::Cell;
use crate::tui::text;

/// Maximum number of issuer rows.
const ISSUERS: u16 = 4;

/// Below this height, all rows go to the list and the selected entity.
const ROWS_FOR_ISSUERS: u16 = 14;

/// The layout: inner areas, without frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// The left frame, or the only one.
    left: Rect,
    /// The right frame, if there is one.
    right: Option<Rect>,
    /// Heights of the parts on the left.
    heights: [u16; 3],
    /// The list with its header.
    pub(super) list: Rect,
    /// The issuers' keys.
    issuers: Rect,
    /// The selected entity: summary and text.
    whole: Rect,
    /// The text alone.
    pub(super) detail: Rect,
}

/// Height of the summary above the text, in rows.
const FACTS: u16 = 2;

pub(super) fn places(of: &Entities, shared: &Shared, area: Rect) -> Places {
    let issuers = shared.status.as_ref().map_or(0, |status| status.issuers.len());
    let fits = of.has_health() && area.height >= ROWS_FOR_ISSUERS;
    let issuers = if fits { u16::try_from(issuers).unwrap_or(ISSUERS).min(ISSUERS) } else { 0 };
    let nothing = Rect::new(area.x, area.y, 0, 0);
    let rows = area.height.saturating_sub(2);
    let text_of = |whole: Rect| {
        let facts = FACTS.min(whole.height.saturating_sub(1));
        Rect::new(whole.x, whole.y + facts, whole.width, whole.height - facts)
    };
    let mut out = Places {
        left: area,
        right: None,
        heights: [rows, 0, 0],
        list: nothing,
        issuers: nothing,
        whole: nothing,
        detail: nothing,
    };
    if of.opened {
        [out.whole] = panel::insides(area, [rows]);
    } else if shared.is_narrow() {
        [out.list] = panel::insides(area, [rows]);
    } else if shared.is_wide() {
        let width = area.width / 3 * 2;
        out.left = Rect { width, ..area };
        let right = Rect { x: area.x + width, width: area.width - width, ..area };
        out.right = Some(right);
        out.heights = [rows.saturating_sub(if issuers > 0 { issuers + 1 } else { 0 }), issuers, 0];
        [out.list, out.issuers] = panel::insides(out.left, [out.heights[0], issuers]);
        [out.whole] = panel::insides(right, [rows]);
    } else {
        let list = (rows / 2).max(3);
        let [issuers, rest] = if issuers > 0 { [issuers, 0] } else { [0, 0] };
        out.heights = [list, issuers, rest];
        if issuers > 0 {
            [out.list, out.issuers, out.whole] = panel::insides(area, out.heights);
        } else {
            [out.list, out.whole] = panel::insides(area, [list, 0]);
        }
    }
    out.detail = text_of(out.whole);
    out
}

pub(super) fn draw(of: &Entities, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let places = places(of, shared, area);
    let word = if of.kind == EntityKind::Policy { "Policies" } else { "Connections" };
    let all = of.all.as_ref().map(std::collections::BTreeMap::len);
    let title = all.map_or_else(
        || word.to_owned(),
        |all| format!("{word} {} {}", shared.look.signs.dot, of.list.count(all)),
    );
    let name = of.selected().map_or("nothing selected", |fact| fact.name.as_str());
    let [list, issuers, _] = places.heights;
    if of.opened {
        panel::stacked(shared, frame, area, [(name, places.heights[0])]);
    } else if places.right.is_some() || places.whole.height == 0 {
        if places.issuers.height > 0 {
            panel::stacked(shared, frame, places.left, [(title.as_str(), list), ("Issuers", issuers)]);
        } else {
            panel::stacked(shared, frame, places.left, [(title.as_str(), list)]);
        }
        if let Some(right) = places.right {
            panel::stacked(shared, frame, right, [(name, 0)]);
        }
    } else if places.issuers.height > 0 {
        panel::stacked(shared, frame, area, [(title.as_str(), list), ("Issuers", issuers), (name, 0)]);
    } else {
        panel::stacked(shared, frame, area, [(title.as_str(), list), (name, 0)]);
    }
    draw_list(of, shared, frame, places.list);
    draw_issuers(shared, frame, places.issuers);
    draw_detail(of, shared, frame, &places);
    of.list.draw_input(shared, frame, area);
}

fn draw_list(of: &Entities, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    if of.list.keys.is_empty() {
        let words = match (&of.all, of.kind) {
            (None, _) if shared.link.is_live() => ["Asking the gateway.", ""],
            (None, _) => ["Not known: the gateway is not reached.", ""],
            (Some(all), _) if !all.is_empty() => ["Nothing passes the filter.", "esc shows all again."],
            (_, EntityKind::Policy) => {
                ["No policies, so nothing passes.", "hoopctl policy add, or [[policy]] in hoopctl.toml."]
            }
            _ => [
                "No connections.",
                "hoopctl connect add NAME --upstream URL, or [[connection]] in hoopctl.toml.",
            ],
        };
        draw_words(&words, shared, frame, area);
        return;
    }
    let look = &shared.look;
    let mut lines = Vec::new();
    let widths = columns(of.kind, area.width);
    lines.push(head(of.kind, widths, look));
    for (place, name) in of.list.seen().enumerate() {
        let Some(fact) = of.all.as_ref().and_then(|all| all.get(name)) else { continue };
        let selected = of.list.cursor.top() + place == of.list.cursor.place();
        let cells = cells(of, fact, selected, widths, shared);
        lines.push(table::row(&cells, if selected { Role::Selected } else { Role::Text }, look));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn columns(kind: EntityKind, width: u16) -> [u16; 8] {
    match kind {
        EntityKind::Policy => table::widths(width, [1, 20, 9, 0, 16, 20, 0, 0], 3),
        _ => table::widths(width, [1, 15, 22, 0, 9, 8, 16, 18], 3),
    }
}

fn head(kind: EntityKind, widths: [u16; 8], look: &Look) -> Line<'static> {
    let names = match kind {
        EntityKind::Policy => ["", "ID", "EFFECT", "MATCH", "APPROVAL", "FROM", "", ""],
        _ => ["", "NAME", "HEALTH", "TARGET", "PROTOCOL", "INJECT", "TAGS", "FROM"],
    };
    let cells = names.into_iter().zip(widths).filter(|(_, width)| *width > 0);
    let cells: Vec<Cell> = cells.map(|(name, width)| Cell::new(name, width, Role::Title)).collect();
    table::row(&cells, Role::Text, look)
}

fn cells(of: &Entities, fact: &Fact, selected: bool, widths: [u16; 8], shared: &Shared) -> Vec<Cell> {
    let look = &shared.look;
    let mark = if selected { look.signs.cursor } else { "" };
    let mut texts = vec![(mark.to_owned(), Role::Accent), (fact.name.clone(), Role::Text)];
    match &fact.special {
        Special::Connection { target, scheme, inject, tags, .. } => {
            let (state, role) = health(of.targets.get(&fact.name), shared, false);
            texts.extend([
                (state, role),
                (target.clone(), Role::Text),
                (scheme.clone(), Role::Text),
                (inject.clone(), Role::Dim),
                (tags.clone(), Role::Dim),
                (fact.origin.clone(), Role::Dim),
            ]);
        }
        Special::Policy { effect, what, approval, .. } => {
            let (word, role) = effect_word(*effect, look);
            texts.extend([
                (word, role),
                (what.clone(), Role::Text),
                (approval.clone(), Role::Text),
                (fact.origin.clone(), Role::Dim),
            ]);
        }
    }
    let cells = texts.into_iter().zip(widths).filter(|(_, width)| *width > 0);
    cells.map(|((text, role), width)| Cell::new(text, width, role)).collect()
}

fn effect_word(effect: Option<Effect>, look: &Look) -> (String, Role) {
    let (sign, role) = match effect {
        Some(Effect::Allow) => (look.signs.yes, Role::Good),
        Some(Effect::Approve) => (look.signs.waits, Role::Warn),
        Some(Effect::Deny) => (look.signs.no, Role::Bad),
        None => return ("?".to_owned(), Role::Warn),
    };
    (format!("{sign} {}", effect.map_or("", Effect::as_str)), role)
}

/// Formats the state of a target: `✓ answered 3s ago`. With `whole`, also its state before that.
fn health(target: Option<&TargetReport>, shared: &Shared, whole: bool) -> (String, Role) {
    let signs = shared.look.signs;
    let since = |ms: i64| age(shared.now.wall_ms.saturating_sub(ms));
    let Some(target) = target.filter(|target| target.answered_ms.or(target.failed_ms).is_some()) else {
        return (format!("{} not used yet", signs.low), Role::Dim);
    };
    let answered = target.answered_ms.map(|ms| format!("answered {} ago", since(ms)));
    let error = target.error.as_deref().unwrap_or("failed");
    // The column header already says that it is the target's error.
    let brief = if whole { error } else { error.strip_prefix("upstream_").unwrap_or(error) };
    let failed = target.failed_ms.map(|ms| format!("{brief} {} ago", since(ms)));
    let (sign, role, first, second) = if target.fails() {
        (signs.no, Role::Bad, failed, answered.map(|answered| format!("last {answered}")))
    } else {
        (signs.yes, Role::Good, answered, failed.map(|failed| format!("before that {failed}")))
    };
    let second = second.filter(|_| whole).map(|second| format!(", {second}")).unwrap_or_default();
    (format!("{sign} {}{second}", first.unwrap_or_default()), role)
}

fn age(ms: i64) -> String {
    units::rough(ms.max(0).unsigned_abs())
}

fn draw_issuers(shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let Some(status) = shared.status.as_ref().filter(|_| area.height > 0) else { return };
    // An unusable issuer locks out everybody with its tokens, so it is visible however many there are.
    let mut issuers: Vec<&IssuerReport> = status.issuers.iter().collect();
    issuers.sort_by_key(|issuer| issuer.usable);
    let line = |issuer: &&IssuerReport| issuer_line(issuer, shared, area.width);
    let lines: Vec<Line<'_>> = issuers.iter().take(usize::from(area.height)).map(line).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn issuer_line(issuer: &IssuerReport, shared: &Shared, width: u16) -> Line<'static> {
    let look = &shared.look;
    let keys = if issuer.keys == 1 { "1 key".to_owned() } else { format!("{} keys", issuer.keys) };
    let fetched = issuer.fetched_ms.map_or_else(
        || "never fetched".to_owned(),
        |ms| format!("fetched {} ago", age(shared.now.wall_ms.saturating_sub(ms))),
    );
    let (sign, word, role) = match (issuer.usable, &issuer.error) {
        (true, None) => (look.signs.yes, "usable".to_owned(), Role::Good),
        (true, Some(error)) => {
            (look.signs.high, format!("usable, but the last fetch failed: {error}"), Role::Warn)
        }
        (false, Some(error)) => (look.signs.no, format!("not usable: {error}"), Role::Bad),
        (false, None) => (look.signs.no, "not usable yet".to_owned(), Role::Bad),
    };
    let [mark, name, state, last] = table::widths(width, [1, 15, 35, 0], 3);
    let known = format!("{keys}, {fetched}");
    // A healthy issuer shows its address, an unhealthy one the reason.
    let (state, last) = if issuer.error.is_some() || !issuer.usable {
        let [.., brief, rest] = table::widths(width, [1, 15, 25, 0], 3);
        (Cell::new(known, brief, Role::Dim), Cell::new(format!("{sign} {word}"), rest, role))
    } else {
        let state = Cell::new(format!("{sign} {word}, {known}"), state, role);
        (state, Cell::new(issuer.issuer.as_str(), last, Role::Dim))
    };
    let cells =
        [Cell::new("", mark, Role::Text), Cell::new(issuer.name.as_str(), name, Role::Text), state, last];
    let cells: Vec<Cell> = cells.into_iter().filter(|cell| cell.width > 0).collect();
    table::row(&cells, Role::Text, look)
}

fn draw_detail(of: &Entities, shared: &Shared, frame: &mut Frame<'_>, places: &Places) {
    let (whole, area) = (places.whole, places.detail);
    let Some(fact) = of.selected().filter(|_| whole.height > 0) else { return };
    let look = &shared.look;
    let width = usize::from(whole.width).saturating_sub(2);
    let line = |text: &str, role: Role| {
        Line::from(Span::styled(format!(" {}", text::fitted(text, width, look)), look.style(role)))
    };
    let mut lines = vec![line(&format!("from {}", fact.origin), Role::Dim)];
    match &fact.special {
        Special::Connection { .. } => {
            let (state, role) = health(of.targets.get(&fact.name), shared, true);
            lines.push(line(&state, role));
        }
        Special::Policy { effect, .. } => {
            let (word, role) = effect_word(*effect, look);
            lines.push(line(&word, role));
        }
    }
    lines.truncate(usize::from(area.y - whole.y));
    frame.render_widget(Paragraph::new(lines), whole);
    let rows = of.detail.rows.iter().skip(of.detail.top).take(usize::from(area.height));
    let mut lines: Vec<Line<'_>> =
        rows.map(|row| text::line(row, look, ratatui::style::Style::new())).collect();
    let seen = of.detail.top + lines.len();
    if !of.opened
        && seen < of.detail.rows.len()
        && let Some(last) = lines.last_mut()
    {
        let rest = of.detail.rows.len() - seen + 1;
        *last = line(&format!("{} {rest} more rows: enter shows all", look.signs.cut), Role::Dim);
    }
    frame.render_widget(Paragraph::new(lines), area);
}
