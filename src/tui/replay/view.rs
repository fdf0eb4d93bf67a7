//! Draws the player and the list of sessions.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Clear;
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

use crate::control::noun::session::SessionView;
use crate::tui::Shared;
use crate::tui::look::Role;
use crate::tui::replay::bar;
use crate::tui::replay::chain::Chain;
use crate::tui::replay::chooser::Chooser;
use crate::tui::replay::export;
use crate::tui::replay::export::Export;
use crate::tui::replay::recording::Load;
use crate::tui::replay::recording::Recording;
use crate::tui::table;
use crate::tui::table::Cell;
use crate::tui::text;
use crate::tui::view::framed;
use crate::tui::view::typed;

/// Minimum length of a truncated id.
const SHORTEST_ID: usize = 14;
/// Minimum width for the legal hold's actor and reason, in columns.
const LEAST_OF_HOLD: usize = 24;
/// The size of the export dialog.
const BOX: (u16, u16) = (72, 10);

/// Formats a time in UTC.
fn moment(ms: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

/// Splits an area into consecutive rows.
struct Rows(Rect);

impl Rows {
    fn next(&mut self, height: u16) -> Rect {
        let height = height.min(self.0.height);
        let row = Rect { height, ..self.0 };
        self.0 = Rect { y: self.0.y + height, height: self.0.height - height, ..self.0 };
        row
    }
}

/// Draws an open recording.
pub(super) fn recording(open: &Recording, slow: bool, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let (look, layout) = (&shared.look, open.layout(shared));
    let width = usize::from(area.width);
    let mut rows = Rows(area);
    frame.render_widget(title(open, shared, width), rows.next(1));
    if layout.title > 1 {
        let (role, told) = open.chain.told(look);
        let told = text::fitted(&told, width.saturating_sub(2), look);
        frame.render_widget(Line::styled(format!(" {told}"), look.style(role)), rows.next(1));
    }
    let mut middle = rows.next(layout.middle);
    if layout.framed {
        let block = framed(shared, &about(open, shared), middle.width);
        let inner = block.inner(middle);
        frame.render_widget(block, middle);
        middle = inner;
    }
    let window = open.window(shared);
    let lines: Vec<Line<'_>> =
        window.rows(open.bottom).iter().map(|row| text::line(row, look, Style::new())).collect();
    if lines.is_empty() {
        empty(&nothing(open, slow), shared, frame, middle);
    } else {
        frame.render_widget(Paragraph::new(lines), middle);
    }
    if let Some(note) = open.note() {
        let role = if matches!(open.load, Load::Asked(_)) { Role::Dim } else { Role::Warn };
        let sign = if role == Role::Dim { look.signs.retry } else { look.signs.high };
        let note = text::fitted(&note, width.saturating_sub(4), look);
        frame.render_widget(Line::styled(format!(" {sign} {note}"), look.style(role)), rows.next(1));
    }
    if let Some(input) = &open.prompt {
        frame.render_widget(typed(shared, "/", input.parts()), rows.next(1));
    }
    frame.render_widget(bar::line(open, shared), rows.next(1));
    if let Some(export) = &open.export {
        exporting(export, shared, frame, area);
    }
}

/// Draws the title: the recording, its owner and the state of its chain.
fn title(open: &Recording, shared: &Shared, width: usize) -> Line<'static> {
    let look = &shared.look;
    let (role, told) = open.chain.told(look);
    // The problem has its own row.
    let told = match open.chain {
        Chain::Broken(_) => format!("{} BROKEN", look.signs.no),
        Chain::Unknown(_) => format!("{} not checked", look.signs.high),
        _ => told,
    };
    let mut spans = vec![Span::styled(" replay ", look.style(Role::Dim))];
    let room = width.saturating_sub(8 + told.width() + 3);
    spans.extend(named(open, shared, room));
    spans.push(Span::raw("  "));
    spans.push(Span::styled(told, look.style(role)));
    Line::from(spans)
}

/// Formats id, owner, connection and time as far as there is room: the time is dropped first, then the id is
/// cut.
fn named(open: &Recording, shared: &Shared, room: usize) -> Vec<Span<'static>> {
    let look = &shared.look;
    let name = open.file.clone().or_else(|| open.name()).unwrap_or_default();
    let Some(view) = &open.view else {
        return vec![Span::styled(text::fitted(&name, room, look), look.style(Role::Accent))];
    };
    let arrow = text::own_signs("→", look);
    let who = format!(
        "{} {arrow} {} ({})",
        text::fitted(&view.label, 32, look),
        text::fitted(&view.connection, 32, look),
        text::fitted(&view.protocol, 12, look)
    );
    let when = moment(view.started_ms, "%Y-%m-%d %H:%M:%SZ");
    let least = name.width().min(SHORTEST_ID);
    // The reason of a legal hold takes precedence over the start time.
    let with_time = view.hold.is_none() && least + who.width() + when.width() + 4 <= room;
    let rest = who.width() + 2 + if with_time { when.width() + 2 } else { 0 };
    let mut spans = Vec::new();
    if least + rest <= room {
        spans.push(Span::styled(text::fitted(&name, room - rest, look), look.style(Role::Accent)));
        spans.push(Span::raw("  "));
    }
    spans.push(Span::styled(text::fitted(&who, room, look), look.style(Role::Title)));
    if with_time {
        spans.push(Span::styled(format!("  {when}"), look.style(Role::Dim)));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    if let Some(hold) = view.hold.as_ref().filter(|_| used + LEAST_OF_HOLD <= room) {
        let why = format!("  {} held by {}: {}", look.signs.kept, hold.actor, hold.reason);
        spans.push(Span::styled(text::fitted(&why, room - used, look), look.style(Role::Warn)));
    }
    spans
}

/// Formats the title of the transcript's frame.
fn about(open: &Recording, shared: &Shared) -> String {
    let look = &shared.look;
    let dot = look.signs.dot;
    let (shown, all) = (open.deck.shown(), open.deck.tape.events().len());
    let mut out = format!("transcript {dot} {shown} of {all} events");
    if let Some(find) = &open.find {
        let pattern = text::fitted(&find.text, 24, look);
        out.extend([" ", dot, " /", &pattern, " in ", &find.count().to_string()]);
    }
    if open.bottom.is_some() {
        out.extend([" ", dot, " scrolled, G: to the newest"]);
    }
    out
}

/// Returns the message for an empty transcript.
fn nothing(open: &Recording, slow: bool) -> Vec<String> {
    if open.is_loading() {
        return if slow { vec!["loading".to_owned()] } else { Vec::new() };
    }
    let view = open.view.as_ref();
    if !open.deck.tape.events().is_empty() {
        return vec!["before the first event: space plays".to_owned()];
    }
    if let Some(ms) = view.and_then(|view| view.pruned_ms) {
        return vec![
            "Its events were removed by retention.".to_owned(),
            format!("when: {}", moment(ms, "%Y-%m-%d %H:%M:%SZ")),
            "recording.retention in hoopctl.toml says how long they are kept".to_owned(),
        ];
    }
    if open.deck.tape.last_seq() > 0 {
        return vec![
            "There is no event in this part of the session.".to_owned(),
            "--from and --to name others".to_owned(),
        ];
    }
    if open.is_live() {
        return vec![
            "Nothing is recorded yet.".to_owned(),
            "f follows the session: events appear as they happen".to_owned(),
        ];
    }
    vec![
        "There is no event in this recording.".to_owned(),
        "recording.level in hoopctl.toml says what is recorded".to_owned(),
    ]
}

/// Draws centred text.
fn empty(words: &[String], shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let look = &shared.look;
    let above = usize::from(area.height).saturating_sub(words.len()) / 2;
    let lines =
        std::iter::repeat_n(Line::default(), above).chain(words.iter().enumerate().map(|(place, word)| {
            let role = if place == 0 { Role::Text } else { Role::Dim };
            let word = text::fitted(word, usize::from(area.width), look);
            Line::styled(word, look.style(role)).centered()
        }));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

/// Draws the export dialog.
fn exporting(export: &Export, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let look = &shared.look;
    let forms = u16::try_from(export.forms.len()).unwrap_or(u16::MAX);
    let size = (BOX.0.min(area.width), BOX.1.min(area.height));
    let place = Rect {
        x: area.x + (area.width - size.0) / 2,
        y: area.y + (area.height - size.1) / 2,
        width: size.0,
        height: size.1,
    };
    frame.render_widget(Clear, place);
    let block = framed(shared, "export", place.width);
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let mut rows = Rows(inner);
    let width = usize::from(inner.width);
    if inner.height > forms + 2 {
        rows.next(1);
    }
    for (number, form) in export.forms.iter().enumerate() {
        let chosen = number == export.chosen;
        let sign = if chosen { look.signs.cursor } else { " " };
        let fits = export::fits(*form, export.protocol());
        let purpose = if fits {
            export::purpose(*form).to_owned()
        } else {
            format!("not of a session that speaks {}", text::fitted(export.protocol(), 16, look))
        };
        let role = if fits { Role::Text } else { Role::Dim };
        let text = text::padded(&format!(" {sign} {:12} {purpose}", form.word()), width, look);
        let style = if chosen { look.style(Role::Selected) } else { look.style(role) };
        frame.render_widget(Line::styled(text, style), rows.next(1));
    }
    if inner.height > forms + 1 {
        rows.next(1);
    }
    let last = rows.next(1);
    if let Some(path) = &export.path {
        frame.render_widget(path_line(path.parts(), shared, last.width), last);
    } else {
        let words = " the form: up and down; then enter";
        frame.render_widget(Line::styled(text::fitted(words, width, look), look.style(Role::Dim)), last);
    }
}

/// Draws the path input; only its end if it is too long.
fn path_line((before, behind): (&str, &str), shared: &Shared, width: u16) -> Line<'static> {
    let look = &shared.look;
    let room = usize::from(width).saturating_sub(9).max(1);
    let skip = before.chars().count().saturating_sub(room);
    let before: String = before.chars().skip(skip).collect();
    let mut behind = behind.chars();
    let at = behind.next().map_or_else(|| " ".to_owned(), |c| c.to_string());
    Line::from(vec![
        Span::styled(" to ", look.style(Role::Accent)),
        Span::styled(before, look.style(Role::Input)),
        Span::styled(at, look.style(Role::Selected)),
        Span::styled(behind.collect::<String>(), look.style(Role::Input)),
    ])
}

/// Draws the list of sessions.
pub(super) fn choices(
    chooser: &Chooser,
    opening: bool,
    slow: bool,
    shared: &Shared,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = &shared.look;
    let (all, passed) = chooser.counts();
    let dot = look.signs.dot;
    let filter = if chooser.list.filter.is_empty() { "none" } else { chooser.list.filter.text() };
    let more = if chooser.has_more() { ", the newest" } else { "" };
    let title = format!("Recordings {dot} {passed} of {all}{more} {dot} filter: {filter}");
    let block = framed(shared, &title, area.width);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if !chooser.is_there() || opening {
        let words = match &chooser.problem {
            Some(why) if !opening => vec!["The sessions cannot be listed.".to_owned(), why.clone()],
            _ if slow => vec!["loading".to_owned()],
            _ => Vec::new(),
        };
        empty(&words, shared, frame, inner);
        chooser.list.draw_input(shared, frame, inner);
        return;
    }
    let mut rows = Rows(inner);
    if passed == 0 {
        let words = if all == 0 {
            [
                "Nothing is recorded yet.",
                "a session is recorded as soon as somebody uses a connection",
                "try: hoopctl demo",
            ]
            .as_slice()
        } else {
            ["No session passes the filter.", "esc shows all"].as_slice()
        };
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        empty(&words, shared, frame, inner);
    } else {
        let widths = table::widths(inner.width, [1, 16, 24, 16, 10, 7, 8, 6, 6], 2);
        let heads =
            ["", "STARTED (UTC)", "WHO", "CONNECTION", "STATE", "EVENTS", "PROTO", "DENIED", "MASKED"];
        let cells: Vec<Cell> =
            heads.iter().zip(widths).map(|(head, width)| Cell::new(*head, width, Role::Title)).collect();
        frame.render_widget(table::row(&shown(cells), Role::Text, look), rows.next(1));
        for view in chooser.seen() {
            let chosen = chooser.list.cursor.selected() == Some(&view.id);
            let cells = cells_of(view, chosen, widths, shared);
            let role = if chosen { Role::Selected } else { Role::Text };
            frame.render_widget(table::row(&shown(cells), role, look), rows.next(1));
        }
    }
    chooser.list.draw_input(shared, frame, inner);
}

/// Keeps the cells with a non-zero width.
fn shown(cells: Vec<Cell>) -> Vec<Cell> {
    cells.into_iter().filter(|cell| cell.width > 0).collect()
}

fn cells_of(view: &SessionView, chosen: bool, widths: [u16; 9], shared: &Shared) -> Vec<Cell> {
    let signs = shared.look.signs;
    let machine = !matches!(view.kind, crate::domain::principal::Kind::Human);
    let who = if machine { format!("{} {}", view.label, signs.machine) } else { view.label.clone() };
    let (state, state_role) = match (view.pruned_ms, view.ended_ms, &view.hold) {
        (Some(_), _, _) => ("removed".to_owned(), Role::Warn),
        (None, None, None) => (format!("{} live", signs.live), Role::Good),
        (None, None, Some(_)) => (format!("{} live {}", signs.live, signs.kept), Role::Good),
        (None, Some(_), Some(_)) => (format!("{} held", signs.kept), Role::Warn),
        (None, Some(_), None) => ("ended".to_owned(), Role::Dim),
    };
    let grave = |count: u64, role: Role| if count > 0 { role } else { Role::Dim };
    let [sign, started, name, connection, of_state, events, protocol, denied, masked] = widths;
    let number = |number: u64, width: u16| format!("{number:>width$}", width = usize::from(width));
    vec![
        Cell::new(if chosen { signs.cursor } else { " " }, sign, Role::Accent),
        Cell::new(moment(view.started_ms, "%Y-%m-%d %H:%M"), started, Role::Dim),
        Cell::new(who, name, Role::Text),
        Cell::new(view.connection.clone(), connection, Role::Text),
        Cell::new(state, of_state, state_role),
        Cell::new(number(view.events, events), events, Role::Text),
        Cell::new(view.protocol.clone(), protocol, Role::Text),
        Cell::new(number(view.denied, denied), denied, grave(view.denied, Role::Bad)),
        Cell::new(number(view.masked, masked), masked, grave(view.masked, Role::Masked)),
    ]
}
