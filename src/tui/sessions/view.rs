//! Draws the sessions screen. Only visible rows are laid out.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::merge::MergeStrategy;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Block;
use ratatui::widgets::Paragraph;
use ratatui::widgets::Wrap;
use unicode_width::UnicodeWidthStr as _;

use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::link::Link;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::sessions::Sessions;
use crate::tui::sessions::facts;
use crate::tui::sessions::roster::Known;
use crate::tui::sessions::roster::Over;
use crate::tui::sessions::roster::RATES;
use crate::tui::sessions::tail::Tail;
use crate::tui::table;
use crate::tui::table::Cell;
use crate::tui::text;
use crate::tui::text::Piece;
use crate::tui::view;

/// Delay before a message about a pending reply appears, in milliseconds.
const PATIENCE_MS: u128 = 150;

impl Sessions {
    /// Draws the screen.
    pub(super) fn draw(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        let places = super::Places::new(shared, area, self.state());
        if let Some(list) = places.list {
            self.list(shared, frame, list);
        }
        if let (Some(area), Some(known)) = (places.facts, self.selected()) {
            let title = format!("{} {} {}", known.view.id, shared.look.signs.dot, known.view.connection);
            let inner = framed(shared, frame, &title, area);
            let lines = facts::facts(known, shared, inner.height)
                .into_iter()
                .map(|fact| fit(&fact, usize::from(inner.width), &shared.look));
            frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inner);
        }
        if let Some(area) = places.tail {
            let rows = places.tail_rows();
            let inner = framed(shared, frame, &self.tail_title(shared, rows), area);
            frame.render_widget(self.tail_lines(shared, inner, rows), inner);
        }
        if let (Some(area), Some(prompt)) = (places.prompt, &self.prompt) {
            frame.render_widget(view::typed(shared, &prompt.question(shared), prompt.parts()), area);
        } else if let Some(area) = places.prompt {
            self.roster.list.draw_input(shared, frame, area);
        }
    }

    fn list(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        let (roster, look) = (&self.roster, &shared.look);
        let ((running, passing), dot, filter) = (roster.counts(), look.signs.dot, &roster.list.filter);
        let count = match (roster.is_loaded(), filter.is_empty()) {
            (false, _) => String::new(),
            (true, true) => format!(" {dot} {running}"),
            (true, false) => format!(" {dot} {passing} of {running}"),
        };
        let filter = if filter.is_empty() { "none" } else { filter.text() };
        let title = format!("Sessions{count} {dot} sort: {} {dot} filter: {filter}", roster.by().word());
        let inner = framed(shared, frame, &title, area);
        if roster.list.keys.is_empty() {
            let words = text::fitted(&self.nothing(shared), 400, look);
            let words = Paragraph::new(Line::styled(words, look.style(Role::Dim))).wrap(Wrap { trim: true });
            let room = Rect {
                x: inner.x + 1,
                y: inner.y + 1,
                width: inner.width.saturating_sub(2),
                height: inner.height.saturating_sub(1),
            };
            frame.render_widget(words, room.intersection(inner));
            return;
        }
        let columns = Columns::new(inner.width);
        let mut lines = vec![columns.head(look)];
        lines.extend(roster.list.seen().filter_map(|id| {
            let selected = roster.list.cursor.selected() == Some(id);
            roster.get(*id).map(|known| columns.line(known, selected, shared))
        }));
        frame.render_widget(Paragraph::new(lines), inner);
    }

    /// Explains why the list is empty, and what would fill it.
    fn nothing(&self, shared: &Shared) -> String {
        let waited =
            self.asked.is_none_or(|asked| shared.now.at.duration_since(asked.at).as_millis() >= PATIENCE_MS);
        match (&self.problem, self.roster.is_loaded()) {
            (Some(problem), false) => {
                format!("The sessions could not be read: {problem}. They are asked for again.")
            }
            (None, false) if shared.link == Link::Opening => "The gateway is asked ...".to_owned(),
            (None, false) if !shared.link.is_live() => {
                "The gateway is not reached: its sessions are not known.".to_owned()
            }
            (None, false) if waited => "Loading the sessions ...".to_owned(),
            (None, false) => String::new(),
            (_, true) if !self.roster.list.filter.is_empty() => {
                let (running, _) = self.roster.counts();
                format!(
                    "None of the sessions that run ({running}) fits {}. Esc shows all of them.",
                    self.roster.list.filter.text()
                )
            }
            (_, true) => {
                let counts = shared.status.as_ref().map(|status| &status.counts);
                let there = counts.map(|counts| {
                    format!(" Connections: {}, policies: {}.", counts.connections, counts.policies)
                });
                let there = there.unwrap_or_default();
                format!(
                    "No session runs. One begins with the first command on a connection.{there} Try: hoopctl demo"
                )
            }
        }
    }

    fn tail_title(&self, shared: &Shared, rows: usize) -> String {
        let dot = shared.look.signs.dot;
        let Some(tail) = self.tail.as_ref().filter(|tail| tail.len() > 0) else { return "Tail".to_owned() };
        let below = match tail.below(rows) {
            0 => String::new(),
            below => {
                let key = shared.keys.key(Context::Sessions, Action::PayloadDown);
                let key = key.map(|key| format!(" ({key})")).unwrap_or_default();
                format!(" {dot} {below} more below{key}")
            }
        };
        let how = match (shared.frozen, tail.follows()) {
            (true, _) => "frozen",
            (false, true) => "follows",
            (false, false) => "stands",
        };
        format!("Tail {dot} {how}{below}")
    }

    fn tail_lines(&self, shared: &Shared, inner: Rect, rows: usize) -> Paragraph<'static> {
        let look = &shared.look;
        let tail =
            self.tail.as_ref().filter(|tail| Some(&tail.session) == self.roster.list.cursor.selected());
        match tail {
            Some(tail) if tail.len() > 0 => {
                let lines = tail.seen(rows, look).map(|pieces| fit(&pieces, usize::from(inner.width), look));
                Paragraph::new(lines.collect::<Vec<_>>())
            }
            tail => {
                let loaded = tail.is_some_and(|tail: &Tail| tail.loaded);
                let words = if loaded { "No event of it is here." } else { "Loading its last events ..." };
                Paragraph::new(Line::styled(words, look.style(Role::Dim)))
            }
        }
    }
}

/// Draws a frame whose borders join those of its neighbours. Returns the inner area.
fn framed(shared: &Shared, frame: &mut Frame<'_>, title: &str, area: Rect) -> Rect {
    let block: Block<'_> = view::framed(shared, title, area.width).merge_borders(MergeStrategy::Exact);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// Fits pieces on one line, escaped, and truncated at the width.
fn fit(pieces: &[Piece], width: usize, look: &Look) -> Line<'static> {
    let mut left = width;
    let mut spans = Vec::with_capacity(pieces.len());
    for (role, raw) in pieces.iter().filter(|(_, raw)| !raw.is_empty()) {
        if left == 0 {
            break;
        }
        let shown = text::fitted(raw, left, look);
        left = left.saturating_sub(shown.width());
        spans.push(Span::styled(shown, look.style(*role)));
    }
    Line::from(spans)
}

/// The column widths; zero for hidden columns.
struct Columns {
    mark: u16,
    who: u16,
    connection: u16,
    protocol: u16,
    age: u16,
    commands: u16,
    denied: u16,
    masked: u16,
    rate: u16,
    idle: u16,
    total: u16,
}

impl Columns {
    fn new(total: u16) -> Self {
        // On wide screens, names get the extra width first.
        let more = total.saturating_sub(60) / 2;
        let spark = u16::try_from(RATES).unwrap_or(8);
        // In the order of priority: the last ones are hidden first.
        let wanted = [2, 0, 12 + more / 3, 7, 5, 6, 6, spark, 7, 8];
        let [mark, who, connection, idle, commands, denied, masked, rate, age, protocol] =
            table::widths(total - (more - more / 3), wanted, 1);
        Self {
            mark,
            who: who + more - more / 3,
            connection,
            protocol,
            age,
            commands,
            denied,
            masked,
            rate,
            idle,
            total,
        }
    }

    fn head(&self, look: &Look) -> Line<'static> {
        let right = |word: &str, width: u16| format!("{word:>0$}", usize::from(width));
        let cells = self.cells([
            (String::new(), Role::Title),
            ("WHO".to_owned(), Role::Title),
            ("CONNECTION".to_owned(), Role::Title),
            ("PROTOCOL".to_owned(), Role::Title),
            (right("AGE", self.age), Role::Title),
            (right("CMDS", self.commands), Role::Title),
            (right("DENIED", self.denied), Role::Title),
            (right("MASKED", self.masked), Role::Title),
            ("RATE".to_owned(), Role::Title),
            (right("IDLE", self.idle), Role::Title),
        ]);
        table::row(&cells, Role::Title, look)
    }

    fn cells(&self, texts: [(String, Role); 10]) -> Vec<Cell> {
        let widths = [
            self.mark,
            self.who,
            self.connection,
            self.protocol,
            self.age,
            self.commands,
            self.denied,
            self.masked,
            self.rate,
            self.idle,
        ];
        let wide = texts.into_iter().zip(widths).filter(|(_, width)| *width > 0);
        wide.map(|((text, role), width)| Cell::new(text, width, role)).collect()
    }

    fn line(&self, known: &Known, selected: bool, shared: &Shared) -> Line<'static> {
        let look = &shared.look;
        let view = &known.view;
        let cursor = if selected { look.signs.cursor } else { " " };
        let mark = format!("{cursor}{}", facts::kind_sign(view.kind, look));
        if let Some(over) = &known.over {
            return self.line_over(known, &mark, over, selected, shared);
        }
        let since = |ms: i64| table::clock(shared.now.wall_ms.saturating_sub(ms).max(0));
        let right = |text: String, width: u16| format!("{text:>0$}", usize::from(width));
        let number = |number: u64, sign: &str, width: u16, role: Role| match number {
            0 => (right("0".to_owned(), width), Role::Dim),
            _ => (right(format!("{sign}{number}"), width), role),
        };
        let commands = known.live().map_or_else(|| "?".to_owned(), |live| live.commands.to_string());
        let idle = known.live().map_or_else(|| "?".to_owned(), |live| since(live.active_ms));
        let rate = table::sparkline(known.rates.iter().copied(), look);
        let cells = self.cells([
            (mark, Role::Text),
            (facts::name(view, look), Role::Text),
            (view.connection.clone(), Role::Text),
            (view.protocol.clone(), Role::Dim),
            (right(since(view.started_ms), self.age), Role::Text),
            (right(commands, self.commands), Role::Text),
            number(view.denied, look.signs.no, self.denied, Role::Bad),
            number(view.masked, "", self.masked, Role::Masked),
            (right(rate, self.rate), Role::Accent),
            (right(idle, self.idle), Role::Dim),
        ]);
        table::row(&cells, if selected { Role::Selected } else { Role::Text }, look)
    }

    /// Formats a session that has ended: owner and connection struck through, with the reason.
    fn line_over(
        &self,
        known: &Known,
        mark: &str,
        over: &Over,
        selected: bool,
        shared: &Shared,
    ) -> Line<'static> {
        let look = &shared.look;
        let cells = [
            Cell::new(facts::name(&known.view, look), self.who, Role::Text),
            Cell::new(known.view.connection.clone(), self.connection, Role::Text),
        ];
        let struck = table::row(&cells, Role::Over, look);
        let used = usize::from(self.mark + self.who + self.connection + 3);
        let why = format!("{} {}", look.signs.offline, facts::ended(over.why));
        let why = text::padded(&why, usize::from(self.total).saturating_sub(used), look);
        let base = if selected { look.style(Role::Selected) } else { Style::new() };
        let mut spans = vec![Span::raw(format!("{mark} "))];
        spans.extend(struck.spans);
        spans.push(Span::styled(format!(" {why}"), look.style(Role::Warn)));
        let spans = spans.into_iter().map(|span| {
            let style = span.style.patch(base);
            span.style(style)
        });
        Line::from(spans.collect::<Vec<_>>())
    }
}
