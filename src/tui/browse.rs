//! A list that is gone through and filtered: what its keys do to it.

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

/// The longest filter, in characters.
const LONGEST: usize = 200;

/// How far an action goes where so many rows are seen: one, half of them, all the way; up when negative. `None`: it goes nowhere.
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

/// The first row that is seen of `all`, of which `rows` are, after going `by` from `top`.
pub fn scrolled(top: usize, by: isize, all: usize, rows: usize) -> usize {
    top.saturating_add_signed(by).min(all.saturating_sub(rows))
}

/// Where in a list one is, and what of it is shown.
#[derive(Debug)]
pub struct Browse<K> {
    /// What is selected.
    pub cursor: Cursor<K>,
    /// What is shown, in its order.
    pub keys: Vec<K>,
    /// What passes.
    pub filter: Filter,
    /// How many rows are seen.
    pub rows: usize,
    input: Option<Input>,
    names: &'static [&'static str],
}

impl<K: PartialEq + Clone> Browse<K> {
    /// An empty list, whose filters know these names.
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

    /// Whether a filter is being typed.
    pub fn is_typing(&self) -> bool {
        self.input.is_some()
    }

    /// These are shown from now on. Whether another one is selected now.
    pub fn show(&mut self, keys: Vec<K>) -> bool {
        self.keys = keys;
        self.cursor.settle(&self.keys, self.rows)
    }

    /// So many rows are seen from now on, of what `keys` are now. Whether another one is selected now.
    pub fn fit(&mut self, rows: usize) -> bool {
        self.rows = rows;
        self.cursor.settle(&self.keys, self.rows)
    }

    /// What is seen.
    pub fn seen(&self) -> impl Iterator<Item = &K> {
        self.keys.iter().skip(self.cursor.top()).take(self.rows)
    }

    /// Moves, or begins a filter. Whether another one is selected now; `None`: the action is none of these.
    pub fn act(&mut self, action: Action) -> Option<bool> {
        if action == Action::Filter {
            self.input = Some(Input::with(self.filter.text(), LONGEST));
            return Some(false);
        }
        way(action, self.rows).map(|by| self.cursor.step(&self.keys, self.rows, by))
    }

    /// Closes the line in which a filter is typed. What was typed so far holds.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// A key of a filter that is typed. Whether another filter holds now.
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

    /// A text pasted into it. Whether another filter holds now.
    pub fn paste(&mut self, text: &str) -> bool {
        if let Some(input) = &mut self.input {
            input.insert(text);
        }
        self.typed()
    }

    /// Takes what is typed so far; a word that is not finished yet changes nothing.
    fn typed(&mut self) -> bool {
        let found = self.input.as_ref().and_then(|input| Filter::parse(&input.text(), self.names).ok());
        found.is_some_and(|filter| {
            let other = filter != self.filter;
            self.filter = filter;
            other
        })
    }

    /// Lets everything pass again. Whether anything did not.
    pub fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.filter).is_empty()
    }

    /// What stands in the title behind the name: how many there are, and of how many.
    pub fn count(&self, all: usize) -> String {
        if self.filter.is_empty() {
            return all.to_string();
        }
        format!("{} of {all}, filter: {}", self.keys.len(), self.filter.text())
    }

    /// Draws the line in which a filter is typed, over the lowest line of `area`.
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

/// Draws sentences where there is nothing else, the first of them brighter. They are our own words.
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
