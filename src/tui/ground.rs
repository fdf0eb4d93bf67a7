//! Detects the terminal's background colour (OSC 11), and keeps its replies from being taken for keys.

use std::io;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyModifiers;
use nix::sys::termios;
use terminal_colorsaurus::QueryOptions;

use crate::tui::look::Ground;

/// Timeout of the query: the terminal may be remote.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// A key that comes later than this after the rest of a reply was typed by the user.
const PAUSE: Duration = Duration::from_secs(1);
/// A `]` this soon after `ESC` was sent together with it.
const TOGETHER: Duration = Duration::from_millis(30);
/// The characters of a reply, as keys: `11;rgb:fdfd/f6f6/e3e3`.
const LETTERS: &str = "0123456789abcdefABCDEF;:/rgb";
/// Maximum length of a reply, in keys.
const LONGEST: usize = 64;

/// Queries the terminal, which must be in raw mode and not be read by anyone else meanwhile. A terminal that
/// does not support the query replies at once; without a reply in time the background counts as dark.
pub fn of_the_terminal() -> Ground {
    let mut asked = QueryOptions::default();
    asked.timeout = ASKED_FOR;
    let ground = terminal_colorsaurus::background_color(asked);
    // If keys were typed meanwhile, the reply may have been read in part: its rest must not be taken for
    // keys.
    let _gone_terminal = termios::tcflush(io::stdin(), termios::FlushArg::TCIFLUSH);
    if ground.is_ok_and(|ground| ground.perceived_lightness() > 0.5) { Ground::Light } else { Ground::Dark }
}

/// Recognizes replies that arrive late: `ESC ]`, the reply, and `BEL` or `ESC \`, each decoded as a key.
#[derive(Debug, Default)]
pub struct Late {
    /// When the last key of a reply came, and the number of keys so far.
    last: Option<(Instant, usize)>,
    /// When a lone `ESC` came.
    escape: Option<Instant>,
}

impl Late {
    /// Returns whether a key belongs to a reply.
    pub fn has(&mut self, key: &KeyEvent, now: Instant) -> bool {
        let after_escape = self.escape.take().is_some_and(|at| now.duration_since(at) <= TOGETHER);
        let inside =
            self.last.take().filter(|(at, keys)| now.duration_since(*at) <= PAUSE && *keys < LONGEST);
        if key.code == KeyCode::Esc {
            // A lone `ESC` may start a reply, or end one.
            self.escape = Some(now);
            self.last = inside;
            return inside.is_some();
        }
        let of_both = |letter| {
            is(key, KeyModifiers::ALT, letter) || (after_escape && is(key, KeyModifiers::NONE, letter))
        };
        let goes_on = of_both(']') || (inside.is_some() && is_of_one(key));
        let ends = inside.is_some() && (of_both('\\') || is(key, KeyModifiers::CONTROL, 'g'));
        let keys = inside.map_or(0, |(_, keys)| keys);
        self.last = goes_on.then_some((now, keys + 1));
        goes_on || ends
    }
}

fn is_of_one(key: &KeyEvent) -> bool {
    let plain = (key.modifiers - KeyModifiers::SHIFT).is_empty();
    plain && matches!(key.code, KeyCode::Char(letter) if LETTERS.contains(letter))
}

fn is(key: &KeyEvent, held: KeyModifiers, letter: char) -> bool {
    key.code == KeyCode::Char(letter) && key.modifiers == held
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALT: KeyModifiers = KeyModifiers::ALT;
    const NONE: KeyModifiers = KeyModifiers::NONE;

    /// Returns the keys that are not part of a reply; each is given with its delay in milliseconds.
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
        // In pieces, as on a slow line or a busy machine.
        let (first, rest) = answer.split_at(9);
        let pieces = [(0, ALT, "]"), (600, NONE, first), (900, NONE, rest), (500, ALT, "\\"), (0, NONE, "q")];
        assert_eq!(left(&pieces), "q");
    }

    #[test]
    fn an_answer_whose_escape_comes_alone_is_no_keys_but_for_that() {
        let (mut late, now) = (Late::default(), Instant::now());
        let mut left = |code, after: u64| {
            let key = KeyEvent::new(code, NONE);
            !late.has(&key, now + Duration::from_millis(after))
        };
        assert!(left(KeyCode::Esc, 0), "nobody knows yet what it begins");
        for (place, c) in "]11;rgb:aaaa/dddd/eeee".chars().enumerate() {
            assert!(!left(KeyCode::Char(c), 5 + place as u64), "{c}");
        }
        assert!(!left(KeyCode::Esc, 40) && !left(KeyCode::Char('\\'), 41));
        assert!(left(KeyCode::Char('a'), 42));
        // A user presses them one after the other.
        assert!(left(KeyCode::Esc, 1000) && left(KeyCode::Char(']'), 1200) && left(KeyCode::Char('a'), 1201));
    }

    #[test]
    fn a_person_is_not_silenced() {
        assert_eq!(left(&[(0, ALT, "]"), (0, NONE, "q")]), "q", "no answer has it");
        let meant = [(0, ALT, "]"), (1100, NONE, "a")];
        assert_eq!(left(&meant), "a", "who meant the key");
        let unended = [(0, ALT, "]"), (0, NONE, "11;rgb:fd"), (1100, NONE, "a")];
        assert_eq!(left(&unended), "a", "an answer without an end");
        let endless = "b".repeat(LONGEST);
        assert_eq!(left(&[(0, ALT, "]"), (0, NONE, &endless), (0, NONE, "d")]), "bd", "it has no end at all");
        assert_eq!(left(&[(0, NONE, "]\\g"), (0, KeyModifiers::CONTROL, "g")]), "]\\gg");
        assert_eq!(
            left(&[(0, ALT, "]"), (1, ALT, "]"), (0, NONE, "1"), (0, ALT, "\\")]),
            "",
            "two beginnings"
        );
    }
}
