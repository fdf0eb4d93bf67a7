//! Draws the log screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use crate::control::noun::audit::AuditEntry;
use crate::tui::Shared;
use crate::tui::browse::draw_words;
use crate::tui::log::Log;
use crate::tui::log::Which;
use crate::tui::log::Whole;
use crate::tui::log::denial;
use crate::tui::log::denial::Denial;
use crate::tui::log::rows;
use crate::tui::log::rows::Page;
use crate::tui::look::Role;
use crate::tui::panel;
use crate::tui::table;
use crate::tui::table::Cell;
use crate::tui::text;
use crate::tui::text::long_time;

/// The layout: inner areas, without frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    left: Rect,
    right: Option<Rect>,
    /// The list with its header; zero height if another part fills the screen.
    pub(super) list: Rect,
    /// The selected entry, or what fills the screen.
    pub(super) detail: Rect,
}

pub(super) fn places(of: &Log, shared: &Shared, area: Rect) -> Places {
    let rows = area.height.saturating_sub(2);
    let nothing = Rect::new(area.x, area.y, 0, 0);
    let mut out = Places { left: area, right: None, list: nothing, detail: nothing };
    if of.whole != Whole::Nothing {
        [out.detail] = panel::insides(area, [rows]);
    } else if shared.is_narrow() {
        [out.list] = panel::insides(area, [rows]);
    } else if shared.is_wide() {
        let width = area.width / 3 * 2;
        let right = Rect { x: area.x + width, width: area.width - width, ..area };
        (out.left, out.right) = (Rect { width, ..area }, Some(right));
        [out.list] = panel::insides(out.left, [rows]);
        [out.detail] = panel::insides(right, [rows]);
    } else {
        [out.list, out.detail] = panel::insides(area, [(rows / 2).saturating_sub(1), 0]);
    }
    out
}

/// Formats a time of day in UTC: `09:14:03`; with the date if it is another day.
fn short_time(ts_ms: i64, now_ms: i64) -> String {
    const DAY: i64 = 86_400_000;
    if ts_ms.div_euclid(DAY) == now_ms.div_euclid(DAY) {
        let seconds = ts_ms.rem_euclid(DAY) / 1000;
        return format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let day = jiff::Timestamp::from_millisecond(ts_ms).map(|time| time.strftime("%d %b").to_string());
    day.unwrap_or_else(|_beyond| "-".to_owned())
}

pub(super) fn draw(of: &Log, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let places = places(of, shared, area);
    let dot = shared.look.signs.dot;
    let title = match of.which {
        Which::Denials => {
            let held = of.denials.held();
            let held = if held > 0 { format!(", {held} new held back") } else { String::new() };
            let bound = if of.denials.len() >= denial::MOST { ", the last" } else { "" };
            format!("Denials {dot} {}{bound}{held}", of.by_denial.count(of.denials.len()))
        }
        Which::Changes => format!("Changes {dot} {}", of.by_change.count(of.changes.len())),
    };
    let name = match (&of.whole, of.which) {
        (Whole::Explanation(_), _) => "Why it is denied".to_owned(),
        (_, Which::Denials) => of.selected().map_or_else(
            || "nothing selected".to_owned(),
            |denial| format!("{}  {} @{}", long_time(denial.ts_ms), denial.key.0, denial.key.1),
        ),
        (_, Which::Changes) => of
            .by_change
            .cursor
            .selected()
            .map_or_else(|| "nothing selected".to_owned(), |seq| format!("entry {seq} of the audit trail")),
    };
    let rows = area.height.saturating_sub(2);
    if places.list.height == 0 {
        panel::stacked(shared, frame, area, [(name.as_str(), rows)]);
    } else if places.right.is_some() || places.detail.height == 0 {
        panel::stacked(shared, frame, places.left, [(title.as_str(), rows)]);
        if let Some(right) = places.right {
            panel::stacked(shared, frame, right, [(name.as_str(), rows)]);
        }
    } else {
        panel::stacked(shared, frame, area, [(title.as_str(), places.list.height), (name.as_str(), 0)]);
    }
    match of.which {
        _ if places.list.height == 0 => {}
        Which::Denials => draw_denials(of, shared, frame, places.list),
        Which::Changes => draw_changes(of, shared, frame, places.list),
    }
    let page = if matches!(of.whole, Whole::Explanation(_)) { &of.explanation } else { &of.detail };
    draw_page(page, of.whole == Whole::Nothing, shared, frame, places.detail);
    match of.which {
        Which::Denials => of.by_denial.draw_input(shared, frame, area),
        Which::Changes => of.by_change.draw_input(shared, frame, area),
    }
}

fn draw_page(page: &Page, is_part: bool, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let look = &shared.look;
    let seen = page.rows.iter().skip(page.top).take(usize::from(area.height));
    let mut lines: Vec<Line<'_>> = seen.map(|row| text::line(row, look, Style::new())).collect();
    let rest = page.rows.len().saturating_sub(page.top + lines.len());
    if rest > 0
        && let Some(last) = lines.last_mut()
    {
        let how = if is_part { "space reads on" } else { "j reads on" };
        let words = format!(" {} {} more rows: {how}", look.signs.cut, rest + 1);
        *last = Line::from(Span::styled(words, look.style(Role::Dim)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn shown(cells: [Cell; 7]) -> Vec<Cell> {
    cells.into_iter().filter(|cell| cell.width > 0).collect()
}

fn head(names: [&str; 7], widths: [u16; 7], shared: &Shared) -> Line<'static> {
    let mut names = names.into_iter();
    let cells = widths.map(|width| Cell::new(names.next().unwrap_or_default(), width, Role::Title));
    table::row(&shown(cells), Role::Text, &shared.look)
}

fn draw_denials(of: &Log, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    if of.by_denial.keys.is_empty() {
        let words: &[&str] = match of.denials.len() {
            0 if !shared.link.is_live() => &["Not known: the gateway is not reached."],
            0 if !of.known => &["Asking the gateway for the denials of the last 24 hours."],
            0 => &[
                "Nothing was denied in the last 24 hours.",
                "A command that no policy allows comes here at once.",
            ],
            _ => &["Nothing passes the filter.", "esc shows all again."],
        };
        draw_words(words, shared, frame, area);
        return;
    }
    let widths = table::widths(area.width, [1, 8, 14, 18, 0, 12, 16], 4);
    let names = ["", "TIME", "WHO", "DENIED", "COMMAND", "CONNECTION", "POLICY"];
    let mut lines = vec![head(names, widths, shared)];
    for (place, key) in of.by_denial.seen().enumerate() {
        let Some(denial) = of.denials.get(key) else { continue };
        let selected = of.by_denial.cursor.top() + place == of.by_denial.cursor.place();
        lines.push(denial_row(of, denial, selected, widths, shared));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn denial_row(of: &Log, denial: &Denial, selected: bool, widths: [u16; 7], shared: &Shared) -> Line<'static> {
    let look = &shared.look;
    let [mark, time, who, code, what, on, rule] = widths;
    let sign = if selected { look.signs.cursor } else { "" };
    let person = of.people.of(denial.key.0);
    let name = person.map_or_else(
        || (denial.key.0.to_string(), Role::Dim),
        |person| {
            let label = if person.label.is_empty() { &person.principal } else { &person.label };
            let human = person.kind == crate::domain::principal::Kind::Human;
            (if human { label.clone() } else { format!("{label} {}", look.signs.machine) }, Role::Text)
        },
    );
    let connection = person.map(|person| person.connection.clone()).unwrap_or_default();
    let command =
        of.line(&denial.key).map_or_else(|| (denial.reason.clone(), Role::Dim), |line| (line, Role::Text));
    let cells = [
        Cell::new(sign, mark, Role::Accent),
        Cell::new(short_time(denial.ts_ms, shared.now.wall_ms), time, Role::Dim),
        Cell::new(name.0, who, name.1),
        Cell::new(format!("{} {}", look.signs.no, denial.code), code, Role::Bad),
        Cell::new(command.0, what, command.1),
        Cell::new(connection, on, Role::Text),
        Cell::new(denial.rule.as_deref().unwrap_or("none"), rule, Role::Dim),
    ];
    table::row(&shown(cells), if selected { Role::Selected } else { Role::Text }, look)
}

fn draw_changes(of: &Log, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    if of.by_change.keys.is_empty() {
        let words: &[&str] = match of.changes.len() {
            0 if !shared.link.is_live() => &["Not known: the gateway is not reached."],
            0 if !of.changes.known => &["Reading the audit trail."],
            0 => {
                &["Nobody changed anything yet.", "Every change to the gateway comes here, with who made it."]
            }
            _ => &["Nothing passes the filter.", "esc shows all again."],
        };
        draw_words(words, shared, frame, area);
        return;
    }
    let widths = table::widths(area.width, [1, 8, 16, 18, 18, 0, 0], 5);
    let names = ["", "TIME", "WHO", "ACTION", "TARGET", "DETAIL", ""];
    let mut lines = vec![head(names, widths, shared)];
    for (place, seq) in of.by_change.seen().enumerate() {
        let Some(entry) = of.changes.get(*seq) else { continue };
        let selected = of.by_change.cursor.top() + place == of.by_change.cursor.place();
        lines.push(change_row(entry, selected, widths, shared));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn change_row(entry: &AuditEntry, selected: bool, widths: [u16; 7], shared: &Shared) -> Line<'static> {
    let look = &shared.look;
    let [mark, time, who, action, subject, detail, rest] = widths;
    let more = if rows::is_empty(entry) { String::new() } else { entry.detail.to_string() };
    let cells = [
        Cell::new(if selected { look.signs.cursor } else { "" }, mark, Role::Accent),
        Cell::new(short_time(entry.ts_ms, shared.now.wall_ms), time, Role::Dim),
        Cell::new(entry.actor.as_str(), who, Role::Text),
        Cell::new(entry.action.as_str(), action, Role::Accent),
        Cell::new(entry.subject.as_str(), subject, Role::Text),
        Cell::new(more, detail, Role::Dim),
        Cell::new("", rest, Role::Text),
    ];
    table::row(&shown(cells), if selected { Role::Selected } else { Role::Text }, look)
}
