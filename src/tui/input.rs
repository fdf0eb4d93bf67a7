//! A single-line text input.

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::text::is_deceptive;

/// The result of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// The text may have changed.
    Text,
    /// Enter: the input is complete.
    Done,
    /// Escape: the input is cancelled.
    GivenUp,
    /// Not a key of an input line.
    Nothing,
}

/// The text of an input line and its cursor. Holds no control or hidden characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    before: String,
    behind: String,
    most: usize,
}

impl Input {
    /// Creates an empty line for at most `most` characters.
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Creates a line with a text and the cursor at its end.
    pub fn with(text: &str, most: usize) -> Self {
        let mut input = Self::new(most);
        input.insert(text);
        input
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.behind)
    }

    /// Returns the text before and after the cursor.
    pub fn parts(&self) -> (&str, &str) {
        (&self.before, &self.behind)
    }

    /// Returns whether the text is empty or blank.
    pub fn is_blank(&self) -> bool {
        self.before.trim().is_empty() && self.behind.trim().is_empty()
    }

    /// Inserts text at the cursor. Line ends become spaces; other invisible characters are dropped.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars() {
            let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
            if !is_deceptive(c) && self.before.chars().count() + self.behind.chars().count() < self.most {
                self.before.push(c);
            }
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Typed::Done,
            KeyCode::Esc => return Typed::GivenUp,
            KeyCode::Char('c' | 'g') if ctrl => return Typed::GivenUp,
            KeyCode::Char('a') if ctrl => self.home(),
            KeyCode::Char('e') if ctrl => self.end(),
            KeyCode::Char('u') if ctrl => self.before.clear(),
            KeyCode::Char('k') if ctrl => self.behind.clear(),
            KeyCode::Char('w') if ctrl => self.rub_word(),
            KeyCode::Char(c) if !ctrl && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(c.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => drop(self.rub()),
            KeyCode::Delete => {
                let rest = self.behind.graphemes(true).skip(1).collect();
                self.behind = rest;
            }
            KeyCode::Left => {
                if let Some(last) = self.rub() {
                    self.behind.insert_str(0, &last);
                }
            }
            KeyCode::Right => {
                let first = self.behind.graphemes(true).next().map(str::to_owned);
                if let Some(first) = first {
                    self.behind.drain(..first.len());
                    self.before.push_str(&first);
                }
            }
            KeyCode::Home => self.home(),
            KeyCode::End => self.end(),
            _ => return Typed::Nothing,
        }
        Typed::Text
    }

    fn rub(&mut self) -> Option<String> {
        let last = self.before.graphemes(true).next_back().map(str::to_owned)?;
        self.before.truncate(self.before.len() - last.len());
        Some(last)
    }

    fn rub_word(&mut self) {
        let kept = self.before.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
        self.before.truncate(kept);
    }

    fn home(&mut self) {
        self.behind.insert_str(0, &std::mem::take(&mut self.before));
    }

    fn end(&mut self) {
        self.before.push_str(&std::mem::take(&mut self.behind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &mut Input, keys: &[KeyCode]) -> Typed {
        let press = |code: &KeyCode| KeyEvent::new(*code, KeyModifiers::NONE);
        keys.iter().map(|code| input.key(press(code))).last().unwrap()
    }

    #[test]
    fn a_text_is_typed_and_mended() {
        let mut input = Input::new(20);
        typed(&mut input, &"holp".chars().map(KeyCode::Char).collect::<Vec<_>>());
        typed(&mut input, &[KeyCode::Left, KeyCode::Left, KeyCode::Backspace, KeyCode::Char('e')]);
        assert_eq!(input.parts(), ("he", "lp"));
        typed(&mut input, &[KeyCode::Home, KeyCode::Delete, KeyCode::End, KeyCode::Char('!')]);
        assert_eq!(input.text(), "elp!");
        assert_eq!(typed(&mut input, &[KeyCode::Enter]), Typed::Done);
        assert_eq!(typed(&mut input, &[KeyCode::Esc]), Typed::GivenUp);
        let ctrl = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        let mut input = Input::with("one two three", 20);
        input.key(ctrl('w'));
        assert_eq!(input.text(), "one two ");
        input.key(ctrl('u'));
        assert!(input.is_blank());
    }

    #[test]
    fn what_is_pasted_is_one_visible_line_of_bounded_length() {
        let mut input = Input::new(8);
        input.insert("a\u{1b}[31m\nb\u{202e}cdefgh");
        assert_eq!(input.text(), "a[31m bc");
        let mut emoji = Input::with("x👩\u{200d}💻", 9);
        assert_eq!(emoji.text(), "x👩💻");
        typed(&mut emoji, &[KeyCode::Backspace]);
        assert_eq!(emoji.text(), "x👩");
    }
}
