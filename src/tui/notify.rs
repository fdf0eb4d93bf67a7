//! Notifies a user who looks at another window, and copies text to the clipboard, by terminal escape
//! sequences.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::text::Shown;

/// How to notify the user of new approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// By the terminal's bell.
    #[default]
    Bell,
    /// By a notification of the desktop (OSC 9), which most terminals know.
    Osc9,
    /// Not at all.
    Off,
}

/// Maximum length of a notification, in characters.
const LONGEST: usize = 120;

/// Returns the bytes to write to the terminal for a notification.
pub fn notification(how: Notify, text: &str, in_tmux: bool) -> String {
    match how {
        Notify::Off => String::new(),
        Notify::Bell => "\u{7}".to_owned(),
        Notify::Osc9 => {
            let text: String = text.chars().take(LONGEST).collect();
            passed(&format!("\u{1b}]9;{}\u{7}", Shown(&text)), in_tmux)
        }
    }
}

/// Returns the bytes to write to the terminal to copy a text to the clipboard (OSC 52).
pub fn copied(text: &str, in_tmux: bool) -> String {
    passed(&format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text)), in_tmux)
}

/// Wraps a sequence so that tmux passes it through to the outer terminal.
fn passed(sequence: &str, in_tmux: bool) -> String {
    if !in_tmux {
        return sequence.to_owned();
    }
    format!("\u{1b}Ptmux;{}\u{1b}\\", sequence.replace('\u{1b}', "\u{1b}\u{1b}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_notification() {
        let told = notification(Notify::Osc9, "etl \u{7}\u{1b}]0;evil\u{7} waits", false);
        assert_eq!(told, "\u{1b}]9;etl \\u{7}\\u{1b}]0;evil\\u{7} waits\u{7}");
        assert_eq!(told.matches('\u{7}').count(), 1);
        assert!(notification(Notify::Osc9, &"x".repeat(1000), false).len() < 140);
        assert_eq!(notification(Notify::Bell, "x", true), "\u{7}");
        assert_eq!(notification(Notify::Off, "x", true), "");
    }

    #[test]
    fn tmux_hands_on() {
        assert_eq!(copied("apr_1", false), "\u{1b}]52;c;YXByXzE=\u{7}");
        assert_eq!(copied("apr_1", true), "\u{1b}Ptmux;\u{1b}\u{1b}]52;c;YXByXzE=\u{7}\u{1b}\\");
    }
}
