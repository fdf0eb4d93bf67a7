//! A frame around several stacked parts of a screen, each with a title.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;
use unicode_width::UnicodeWidthStr as _;

use crate::tui::Shared;
use crate::tui::look::Role;
use crate::tui::text;
use crate::tui::view::framed;

/// Returns the inner areas of parts with these heights in a frame around `area`; the last part gets the rest.
/// Parts that do not fit have zero height.
pub fn insides<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    let mut y = area.y.saturating_add(1);
    let bottom = area.bottom().saturating_sub(1);
    let mut place = 0;
    heights.map(|height| {
        place += 1;
        let left = bottom.saturating_sub(y);
        let height = if place == N { left } else { height.min(left) };
        let inside = Rect::new(area.x.saturating_add(1), y, area.width.saturating_sub(2), height);
        y = y.saturating_add(height).saturating_add(1);
        inside
    })
}

/// Draws the frame with a line between the parts. Returns their inner areas. Titles are not escaped.
pub fn stacked<const N: usize>(
    shared: &Shared,
    frame: &mut Frame<'_>,
    area: Rect,
    parts: [(&str, u16); N],
) -> [Rect; N] {
    let found = insides(area, parts.map(|(_, height)| height));
    let first = parts.first().map_or("", |(title, _)| title);
    frame.render_widget(framed(shared, first, area.width), area);
    for (inside, (title, _)) in found.iter().zip(parts).skip(1) {
        if inside.height > 0 {
            frame.render_widget(
                divider(shared, title, area.width),
                Rect::new(area.x, inside.y - 1, area.width, 1),
            );
        }
    }
    found
}

fn divider(shared: &Shared, title: &str, width: u16) -> Paragraph<'static> {
    let look = &shared.look;
    let border = look.signs.border;
    // The border sets have no symbols for junctions.
    let (left, right) = if border.top_left.is_ascii() { ("+", "+") } else { ("├", "┤") };
    let title = format!(" {} ", text::fitted(title, usize::from(width.saturating_sub(6)), look));
    let rest = usize::from(width).saturating_sub(3 + title.width());
    let line = |text: String| Span::styled(text, look.style(Role::Border));
    Paragraph::new(Line::from(vec![
        line(format!("{left}{}", border.horizontal_top)),
        Span::styled(title, look.style(Role::Title)),
        line(format!("{}{right}", border.horizontal_top.repeat(rest))),
    ]))
}
