//! A list with selection and filter, and its keys.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use crate::tui::Shared;
use crate::tui::filter::Filter;
use crate::tui::input::Input;
use crate::tui::input::Typed;
use crate::tui::keys::Action;
use crate::tui::look::Role;
use crate::tui::shared::Tone;
use crate::tui::table::Cursor;
use crate::tui::text;
use crate::tui::view;

/// Maximum length of a filter, in characters.
const LONGEST: usize = 200;

/// Returns how far an action moves in a window of `rows` rows: one, half a window or all the way; negative
/// for up. `None` if the action does not move.
pub fn way(action: Action, rows: usize) -> Option<isize> {
    let half = isize::try_from(rows / 2).unwrap_or(isize::MAX).max(1);
    Some(match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::HalfDown => half,
        Action::HalfUp => -half,
        Action::Top => isize::MIN,
        Action::Bottom => isize::MAX,
        _ => return None,
    })
}

/// Returns the first visible row after moving by `by` from `top`, with `rows` of `all` rows visible.
pub fn scrolled(top: usize, by: isize, all: usize, rows: usize) -> usize {
    top.saturating_add_signed(by).min(all.saturating_sub(rows))
}

/// The state of a list: selection, visible keys and filter.
#[derive(Debug)]
pub struct Browse<K> {
    /// The selection.
    pub cursor: Cursor<K>,
    /// The keys that pass the filter, in order.
    pub keys: Vec<K>,
    /// The filter.
    pub filter: Filter,
    /// The number of visible rows.
    pub rows: usize,
    input: Option<Input>,
    names: &'static [&'static str],
}

impl<K: PartialEq + Clone> Browse<K> {
    /// Creates an empty list with these field names for filters.
    pub fn new(names: &'static [&'static str]) -> Self {
        Self {
            cursor: Cursor::default(),
            keys: Vec::new(),
            filter: Filter::default(),
            rows: 0,
            input: None,
            names,
        }
    }

    /// Returns whether a filter is being typed.
    pub fn is_typing(&self) -> bool {
        self.input.is_some()
    }

    /// Replaces the keys. Returns whether the selection changed.
    pub fn show(&mut self, keys: Vec<K>) -> bool {
        self.keys = keys;
        self.cursor.settle(&self.keys, self.rows)
    }

    /// Sets the number of visible rows. Returns whether the selection changed.
    pub fn fit(&mut self, rows: usize) -> bool {
        self.rows = rows;
        self.cursor.settle(&self.keys, self.rows)
    }

    /// Returns the keys in view.
    pub fn seen(&self) -> impl Iterator<Item = &K> {
        self.keys.iter().skip(self.cursor.top()).take(self.rows)
    }

    /// Moves the selection or starts a filter. Returns whether the selection changed; `None` if the action is
    /// neither.
    pub fn act(&mut self, action: Action) -> Option<bool> {
        if action == Action::Filter {
            self.input = Some(Input::with(self.filter.text(), LONGEST));
            return Some(false);
        }
        way(action, self.rows).map(|by| self.cursor.step(&self.keys, self.rows, by))
    }

    /// Closes the filter input. The filter typed so far stays.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// Handles a key in the filter input. Returns whether the filter changed.
    pub fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> bool {
        let Some(input) = &mut self.input else { return false };
        match input.key(key) {
            Typed::Nothing => return false,
            Typed::Text => {}
            Typed::Done => {
                if let Err(problem) = Filter::parse(&input.text(), self.names) {
                    shared.say(Tone::Bad, problem);
                    return false;
                }
                self.input = None;
                return false;
            }
            Typed::GivenUp => {
                self.input = None;
                return !std::mem::take(&mut self.filter).is_empty();
            }
        }
        self.typed()
    }

    /// Handles pasted text in the filter input. Returns whether the filter changed.
    pub fn paste(&mut self, text: &str) -> bool {
        if let Some(input) = &mut self.input {
            input.insert(text);
        }
        self.typed()
    }

    /// Applies the filter typed so far; an unfinished word changes nothing.
    fn typed(&mut self) -> bool {
        let found = self.input.as_ref().and_then(|input| Filter::parse(&input.text(), self.names).ok());
        found.is_some_and(|filter| {
            let other = filter != self.filter;
            self.filter = filter;
            other
        })
    }

    /// Clears the filter. Returns whether there was one.
    pub fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.filter).is_empty()
    }

    /// Formats the count for the title: all rows, or visible rows of all with the filter.
    pub fn count(&self, all: usize) -> String {
        if self.filter.is_empty() {
            return all.to_string();
        }
        format!("{} of {all}, filter: {}", self.keys.len(), self.filter.text())
    }

    /// Draws the filter input over the last line of `area`.
    pub fn draw_input(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        let Some(input) = &self.input else { return };
        let row = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1).intersection(area);
        let mut line = view::typed(shared, "/", input.parts());
        if input.is_blank() {
            let names = self.names.iter().map(|name| format!("{name}:")).collect::<Vec<_>>().join(" ");
            line.push_span(Span::styled(format!("words, {names}"), shared.look.style(Role::Dim)));
        }
        frame.render_widget(ratatui::widgets::Clear, row);
        frame.render_widget(Paragraph::new(line), row);
    }
}

/// Draws hoopctl's own sentences in an empty area, the first of them brighter.
pub fn draw_words(words: &[&str], shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
    let look = &shared.look;
    let mut lines = Vec::new();
    for (place, words) in words.iter().enumerate() {
        let role = if place == 0 { Role::Text } else { Role::Dim };
        for row in text::rows(words, text::Syntax::Plain, area.width) {
            let row = row.pieces.into_iter().map(|(_, piece)| Span::styled(piece, look.style(role)));
            let mut spans = vec![Span::raw(" ")];
            spans.extend(row);
            lines.push(Line::from(spans));
        }
    }
    frame.render_widget(Paragraph::new(lines), area);
}
