//! What the terminal says its ground is (OSC 11), and that what it says is never taken for keys.

use std::io;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use nix::sys::termios;
use terminal_colorsaurus::QueryOptions;

use crate::tui::look::Ground;

/// How long the terminal may take to say it: it may be far away.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// A terminal says all of its answer at once: what comes later than this after the rest is typed by somebody.
const PAUSE: Duration = Duration::from_millis(100);
/// No answer is longer, in keys.
const LONGEST: usize = 64;

/// Asks the terminal, which must be raw, and from which nobody else may read meanwhile. One that does not know the question says so at once;
/// one that says nothing in time has dark ground.
pub fn of_the_terminal() -> Ground {
    let mut asked = QueryOptions::default();
    asked.timeout = ASKED_FOR;
    let ground = terminal_colorsaurus::background_color(asked);
    // Where keys were typed meanwhile, the answer may have been read in part: the rest of it is no keys.
    let _gone_terminal = termios::tcflush(io::stdin(), termios::FlushArg::TCIFLUSH);
    if ground.is_ok_and(|ground| ground.perceived_lightness() > 0.5) { Ground::Light } else { Ground::Dark }
}

/// Answers that come when nobody waits for them any more: `ESC ]`, the answer, and `BEL` or `ESC \`, each as the key it would be.
#[derive(Debug, Default)]
pub struct Late {
    /// When the last key of one came, and how many there were.
    last: Option<(Instant, usize)>,
}

impl Late {
    /// Whether a key is one of an answer.
    pub fn has(&mut self, key: &KeyEvent, now: Instant) -> bool {
        let Some((at, keys)) = self.last.take() else {
            let begins = is(key, KeyModifiers::ALT, ']');
            self.last = begins.then_some((now, 1));
            return begins;
        };
        if now.duration_since(at) > PAUSE || keys >= LONGEST {
            return self.has(key, now);
        }
        let ends = is(key, KeyModifiers::ALT, '\\') || is(key, KeyModifiers::CONTROL, 'g');
        self.last = (!ends).then_some((now, keys + 1));
        true
    }
}

fn is(key: &KeyEvent, held: KeyModifiers, letter: char) -> bool {
    key.code == KeyCode::Char(letter) && key.modifiers == held
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALT: KeyModifiers = KeyModifiers::ALT;
    const NONE: KeyModifiers = KeyModifiers::NONE;

    /// Which of these keys, so many milliseconds after the ones before them, are left.
    fn left(keys: &[(u64, KeyModifiers, &str)]) -> String {
        let (mut late, mut now) = (Late::default(), Instant::now());
        let mut out = String::new();
        for (pause, held, text) in keys {
            now += Duration::from_millis(*pause);
            out.extend(text.chars().filter(|c| !late.has(&KeyEvent::new(KeyCode::Char(*c), *held), now)));
        }
        out
    }

    #[test]
    fn an_answer_that_comes_late_is_no_keys() {
        let answer = "11;rgb:fdfd/aaaa/dede";
        for end in [(0, ALT, "\\"), (0, KeyModifiers::CONTROL, "g")] {
            let keys = [(0, NONE, "j"), (0, ALT, "]"), (1, NONE, answer), end, (0, NONE, "ad")];
            assert_eq!(left(&keys), "jad", "{end:?}");
        }
        // In pieces, as a slow line has them.
        let (first, rest) = answer.split_at(9);
        assert_eq!(
            left(&[(0, ALT, "]"), (60, NONE, first), (90, NONE, rest), (5, ALT, "\\"), (0, NONE, "q")]),
            "q"
        );
    }

    #[test]
    fn a_person_is_not_silenced() {
        assert_eq!(left(&[(0, ALT, "]"), (300, NONE, "q")]), "q", "who meant the key");
        assert_eq!(
            left(&[(0, ALT, "]"), (0, NONE, "11;rgb:fd"), (300, NONE, "q")]),
            "q",
            "an answer without an end"
        );
        let endless = "x".repeat(LONGEST);
        assert_eq!(left(&[(0, ALT, "]"), (0, NONE, &endless), (0, NONE, "q")]), "xq", "it has no end at all");
        assert_eq!(left(&[(0, NONE, "]\\g"), (0, KeyModifiers::CONTROL, "g")]), "]\\gg");
        assert_eq!(
            left(&[(0, ALT, "]"), (300, ALT, "]"), (0, NONE, "1"), (0, ALT, "\\")]),
            "",
            "two beginnings"
        );
    }
}
