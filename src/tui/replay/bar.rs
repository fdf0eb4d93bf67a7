//! The timeline: the position of the replay, and its marks.

use std::time::Duration;

use ratatui::text::Line;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr as _;

use crate::recording::replay::Mark;
use crate::tui::Shared;
use crate::tui::look::Role;
use crate::tui::replay::recording::Recording;
use crate::tui::replay::tape;
use crate::tui::text;

/// Below this width, in columns, there is no bar.
const SHORTEST: usize = 8;
/// From this width on, in columns, the state is shown as a word too.
const WORDY: u16 = 100;

/// Returns the letter of a mark and its role.
const fn letter(mark: Mark) -> Option<(&'static str, Role)> {
    match mark {
        Mark::Denied => Some(("X", Role::Bad)),
        Mark::Error => Some(("E", Role::Bad)),
        Mark::Approval => Some(("A", Role::Warn)),
        Mark::Mask => Some(("M", Role::Masked)),
        Mark::Marker => None,
    }
}

/// Formats a time as `00:41.9`, with hours if there are any.
pub(super) fn time(at: Duration) -> String {
    let (tenths, seconds) = (at.subsec_millis() / 100, at.as_secs());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{tenths}")
    } else {
        format!("{minutes:02}:{seconds:02}.{tenths}")
    }
}

/// Draws the timeline.
pub(super) fn line(open: &Recording, shared: &Shared) -> Line<'static> {
    let look = &shared.look;
    let (deck, signs) = (&open.deck, look.signs);
    let width = usize::from(shared.size.width);
    let (sign, word, role) = if open.follows {
        (signs.live, "follows", Role::Good)
    } else if deck.is_playing() {
        (signs.playing, "plays", Role::Accent)
    } else {
        (signs.paused, "paused", Role::Text)
    };
    let word = if shared.size.width >= WORDY || open.follows { format!("{word} ") } else { String::new() };
    let speed = text::own_signs(&format!("{}×", deck.speed()), look);
    let (at, end) = (deck.position(shared.now.at), deck.tape.end());
    let cap = match deck.tape.cap() {
        Some(cap) => format!("idle cap {}s", cap.as_secs_f32()),
        None => "idle cap off".to_owned(),
    };
    let mut left = vec![
        Span::styled(format!(" {sign} {word}"), look.style(role)),
        Span::styled(format!("{speed}  "), look.style(Role::Text)),
        Span::styled(time(at), look.style(Role::Title)),
        Span::raw(" "),
    ];
    let mut right = vec![
        Span::raw(" "),
        Span::styled(time(end), look.style(Role::Text)),
        Span::styled(format!("  {cap} "), look.style(Role::Dim)),
    ];
    let used = |spans: &[Span<'_>]| spans.iter().map(|span| span.content.width()).sum::<usize>();
    if width < used(&left) + used(&right) + SHORTEST {
        right.truncate(2);
    }
    let room = width.saturating_sub(used(&left) + used(&right) + 1);
    if room >= SHORTEST {
        left.extend(bar(open, at, room, shared));
    }
    left.extend(right);
    Line::from(left)
}

fn bar(open: &Recording, at: Duration, width: usize, shared: &Shared) -> Vec<Span<'static>> {
    let (look, tape) = (&shared.look, &open.deck.tape);
    let mut marks: Vec<Option<Mark>> = vec![None; width];
    let steps = tape::PARTS.saturating_sub(1).max(1);
    for (place, mark) in tape.parts().iter().enumerate() {
        let column = place * width.saturating_sub(1) / steps;
        if let (Some(mark), Some(here)) = (mark.filter(|mark| letter(*mark).is_some()), marks.get_mut(column))
            && tape::graver(mark, *here)
        {
            *here = Some(mark);
        }
    }
    let here = tape::part(at, tape.end(), width);
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (column, mark) in marks.into_iter().enumerate() {
        let (sign, role) = match mark.and_then(letter) {
            _ if column == here => (look.signs.bar_at, Role::Accent),
            Some(marked) => marked,
            None if column < here => (look.signs.bar_full, Role::Accent),
            None => (look.signs.bar_empty, Role::Dim),
        };
        spans.push(Span::styled(sign, look.style(role)));
    }
    spans
}
