//! Draws the frame around the screens: the gateway's line, the tabs, the notice, the keys, the help.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Block;
use ratatui::widgets::Clear;
use ratatui::widgets::Paragraph;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::tui::Model;
use crate::tui::Screen;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Binding;
use crate::tui::keys::Context;
use crate::tui::keys::KeyMap;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::shared::SMALLEST;
use crate::tui::shared::Tone;
use crate::tui::text;

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let shared = &model.shared;
    let area = frame.area();
    if area.width < SMALLEST.width || area.height < SMALLEST.height {
        let words = format!(
            "{}x{} is too small, need {}x{}: hoopctl approval list works",
            area.width, area.height, SMALLEST.width, SMALLEST.height
        );
        frame.render_widget(Paragraph::new(words).wrap(ratatui::widgets::Wrap { trim: true }), area);
        return;
    }
    let row = |y: u16| Rect::new(0, y, area.width, 1).intersection(area);
    frame.render_widget(head(model, usize::from(area.width)), row(0));
    frame.render_widget(tabs(model, usize::from(area.width)), row(1));
    let body = shared.body().intersection(area);
    match model.help {
        Some(scrolled) => help(shared, scrolled, frame, body),
        None => model.pane(model.screen).view(shared, frame, body),
    }
    frame.render_widget(notice(model), row(area.height - 2));
    frame.render_widget(keys(model, usize::from(area.width)), row(area.height - 1));
}

/// Returns the frame of a screen with a title. The title is not escaped.
pub fn framed(shared: &Shared, title: &str, width: u16) -> Block<'static> {
    let title = text::fitted(title, usize::from(width.saturating_sub(6)), &shared.look);
    Block::bordered()
        .border_set(shared.look.signs.border)
        .border_style(shared.look.style(Role::Border))
        .title(Line::from(Span::styled(format!(" {title} "), shared.look.style(Role::Title))))
}

/// Formats the gateway's line: gateway, connection state, counts and user.
fn head(model: &Model, width: usize) -> Line<'static> {
    let shared = &model.shared;
    let look = &shared.look;
    let (sign, word, role) = match &shared.link {
        Link::Opening => (look.signs.retry, "opening".to_owned(), Role::Dim),
        Link::Live => (look.signs.live, "live".to_owned(), Role::Good),
        Link::Retry { in_ms, .. } => {
            (look.signs.retry, format!("retry {}s", in_ms.div_ceil(1000)), Role::Warn)
        }
        Link::Offline { .. } => (look.signs.offline, "offline (read-only)".to_owned(), Role::Bad),
        Link::SignedOut { .. } => (look.signs.offline, "signed out (read-only)".to_owned(), Role::Bad),
    };
    let mut left = vec![
        Span::styled(" hoopctl ", look.style(Role::Title)),
        Span::styled(format!("{sign} {word}"), look.style(role)),
    ];
    if shared.frozen {
        left.push(Span::styled("  frozen", look.style(Role::Warn)));
    }
    let mut right = String::new();
    if let Some(status) = &shared.status {
        let address = status.listeners.first().map(|listener| listener.address.as_str()).unwrap_or_default();
        left.insert(1, Span::styled(format!("{} ", text::fitted(address, 24, look)), look.style(Role::Dim)));
        // The list gets each change; the state is only polled.
        let pending = model.approvals.pending().unwrap_or(status.counts.approvals);
        let counts = {
            let many = if status.counts.sessions == 1 { "session" } else { "sessions" };
            format!("   {} {many}  {pending} pending", status.counts.sessions)
        };
        left.push(Span::styled(counts, look.style(Role::Text)));
        if status.counts.locks > 0 {
            left.push(Span::styled(format!("  {} locks", status.counts.locks), look.style(Role::Warn)));
        }
        if !status.ready {
            left.push(Span::styled("  takes no commands", look.style(Role::Bad)));
        }
        if let Some(you) = &status.you {
            let groups = if you.groups.is_empty() { "no groups".to_owned() } else { you.groups.join(", ") };
            right = text::fitted(&format!("{} ({groups})", you.principal), width / 3, look) + " ";
        }
    }
    let used: usize = left.iter().map(|span| span.content.width()).sum();
    let room = width.saturating_sub(used);
    if right.width() < room {
        left.push(Span::raw(" ".repeat(room - right.width())));
        left.push(Span::styled(right, look.style(Role::Dim)));
    }
    Line::from(left)
}

fn tabs(model: &Model, width: usize) -> Line<'static> {
    let look = &model.shared.look;
    let titles = |short: bool| -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        for (place, screen) in Screen::ALL.into_iter().enumerate() {
            let badge = model.pane(screen).badge();
            let shown = screen == model.screen;
            let title = if short && !shown { "" } else { screen.title() };
            let title = if shown { title.to_uppercase() } else { title.to_owned() };
            let badge = if badge.is_empty() { badge } else { format!("{}{badge}", look.signs.dot) };
            let style = look.style(if shown { Role::Selected } else { Role::Text });
            let number = format!(" {}", place + 1);
            let blank = if title.is_empty() { "" } else { " " };
            spans.push(Span::styled(format!("{number}{blank}{title}{badge} "), style));
        }
        spans
    };
    let long = titles(false);
    let fits = long.iter().map(|span| span.content.width()).sum::<usize>() <= width;
    Line::from(if fits { long } else { titles(true) })
}

/// Formats the command line, or the notice.
fn notice(model: &Model) -> Line<'static> {
    let (shared, look) = (&model.shared, &model.shared.look);
    if let Some(input) = &model.command {
        return typed(shared, ":", input.parts());
    }
    let width = usize::from(shared.size.width).saturating_sub(2);
    if let Some(notice) = shared.notice() {
        let (sign, role) = match notice.tone {
            Tone::Good => (look.signs.yes, Role::Good),
            Tone::Plain => (look.signs.dot, Role::Text),
            Tone::Bad => (look.signs.high, Role::Bad),
        };
        let said = text::fitted(&notice.text, width.saturating_sub(2), look);
        return Line::from(Span::styled(format!(" {sign} {said}"), look.style(role)));
    }
    match &shared.link {
        Link::Retry { why, .. } | Link::Offline { why, .. } | Link::SignedOut { why, .. } => {
            let said = text::fitted(why, width.saturating_sub(2), look);
            Line::from(Span::styled(format!(" {} {said}", look.signs.offline), look.style(Role::Warn)))
        }
        Link::Opening | Link::Live => Line::default(),
    }
}

/// Formats an input line: prompt, input and cursor.
pub fn typed(shared: &Shared, prompt: &str, (before, behind): (&str, &str)) -> Line<'static> {
    let look = &shared.look;
    let room = usize::from(shared.size.width).saturating_sub(prompt.width() + 3);
    let mut behind = behind.chars();
    let at = behind.next().map_or_else(|| " ".to_owned(), |c| c.to_string());
    // The end of the text before the cursor, and as much after it as fits.
    let (mut start, mut used) = (before.len(), at.width());
    for (place, cluster) in before.grapheme_indices(true).rev() {
        if used + cluster.width() > room {
            break;
        }
        (start, used) = (place, used + cluster.width());
    }
    let before = before.get(start..).unwrap_or_default().to_owned();
    let behind = text::fitted(behind.as_str(), room.saturating_sub(used), look);
    Line::from(vec![
        Span::styled(format!(" {prompt} "), look.style(Role::Accent)),
        Span::styled(before, look.style(Role::Input)),
        Span::styled(at, look.style(Role::Selected)),
        Span::styled(behind, look.style(Role::Input)),
    ])
}

/// Formats the last line: the useful keys.
fn keys(model: &Model, width: usize) -> Line<'static> {
    let (shared, look) = (&model.shared, &model.shared.look);
    let pane = model.pane(model.screen);
    let (context, hints) = match (&model.help, &model.command) {
        (Some(_), _) => (Context::List, vec![Action::Down, Action::Up, Action::HalfDown, Action::Back]),
        (None, Some(_)) => return keys_of_text(shared),
        (None, None) if pane.takes_text() => return keys_of_text(shared),
        (None, None) => {
            let mut hints = pane.hints(shared);
            hints.extend([Action::Help, Action::Back]);
            (pane.context(), hints)
        }
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for action in hints {
        let Some(key) = shared.keys.key(context, action) else { continue };
        let (key, word) = (key.to_string(), action.short());
        let wide = key.width() + word.width() + 3;
        if used + wide > width {
            break;
        }
        used += wide;
        spans.push(Span::styled(format!(" {key}"), look.style(Role::Accent)));
        spans.push(Span::styled(format!(" {word} "), look.style(Role::Dim)));
    }
    Line::from(spans)
}

fn keys_of_text(shared: &Shared) -> Line<'static> {
    let look = &shared.look;
    let pair = |key: &'static str, word: &'static str| {
        [Span::styled(key, look.style(Role::Accent)), Span::styled(word, look.style(Role::Dim))]
    };
    Line::from([pair(" enter", " done "), pair(" esc", " give up ")].concat())
}

/// Returns the rows of the help.
fn help_lines(keys: &KeyMap) -> Vec<(bool, String)> {
    let mut lines = Vec::new();
    for context in Context::ALL {
        lines.push((true, format!("[{}]", context.word())));
        let row = |binding: &Binding| {
            let names: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
            (false, format!("{:16} {}", names.join(" "), binding.action.help()))
        };
        lines.extend(keys.of(context).filter(|binding| !binding.keys.is_empty()).map(row));
        lines.push((false, String::new()));
    }
    lines.push((false, "Keys can be changed in keys.toml: hoopctl tui --help says where it is.".to_owned()));
    lines
}

/// Returns the number of rows of the help.
pub fn help_rows(keys: &KeyMap) -> u16 {
    u16::try_from(help_lines(keys).len() + 2).unwrap_or(u16::MAX)
}

fn help(shared: &Shared, scrolled: u16, frame: &mut Frame<'_>, area: Rect) {
    let look = &shared.look;
    let lines: Vec<Line<'_>> = help_lines(&shared.keys)
        .into_iter()
        .map(|(head, text)| Line::styled(text, if head { look.style(Role::Title) } else { Style::new() }))
        .collect();
    frame.render_widget(Clear, area);
    let block = framed(shared, "Keys", area.width);
    frame.render_widget(Paragraph::new(lines).block(block).scroll((scrolled, 0)), area);
}
