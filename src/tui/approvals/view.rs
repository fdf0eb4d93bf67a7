//! Draws approvals.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::principal::Kind;
use crate::tui::Shared;
use crate::tui::approvals::Approvals;
use crate::tui::approvals::sheet::SheetRow;
use crate::tui::approvals::sheet::risk;
use crate::tui::approvals::sheet::risk_sign;
use crate::tui::link::Link;
use crate::tui::look::Role;
use crate::tui::table;
use crate::tui::table::Cell;
use crate::tui::text;
use crate::tui::view::framed;
use crate::tui::view::typed;

/// The layout. An empty area is not drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Areas {
    /// The list with its frame.
    list: Rect,
    /// The sheet's frame.
    frame: Rect,
    /// The sheet's rows inside the frame.
    pub(super) sheet: Rect,
    /// The lines of the dialog or the filter.
    dialog: Rect,
}

impl Areas {
    /// Returns the number of rows of the list.
    pub(super) fn rows(&self) -> usize {
        // The frame and the column headers.
        usize::from(self.list.height.saturating_sub(3))
    }
}

/// Lays out the screen from the terminal's size and what is open.
pub(super) fn areas(approvals: &Approvals, shared: &Shared) -> Areas {
    let body = shared.body();
    let dialog_height = match (&approvals.dialog, approvals.queue.list.is_typing()) {
        (Some(dialog), _) => 1 + u16::from(dialog.prompt().is_some()),
        (None, typed) => u16::from(typed),
    };
    let dialog_height = dialog_height.min(body.height);
    let rest = Rect { height: body.height - dialog_height, ..body };
    let dialog = Rect { y: body.y + rest.height, height: dialog_height, ..body };
    let (list, frame) = if approvals.queue.order().is_empty() {
        (rest, Rect::default())
    } else if approvals.open {
        (Rect::default(), rest)
    } else if shared.is_narrow() {
        (rest, Rect::default())
    } else if shared.is_wide() {
        let width = rest.width / 2;
        (Rect { width, ..rest }, Rect { x: rest.x + width, width: rest.width - width, ..rest })
    } else {
        let wanted = u16::try_from(approvals.queue.order().len()).unwrap_or(u16::MAX).saturating_add(3);
        let height = wanted.clamp(5, (rest.height * 2 / 5).max(5)).min(rest.height);
        (Rect { height, ..rest }, Rect { y: rest.y + height, height: rest.height - height, ..rest })
    };
    let inside = Rect {
        x: frame.x.saturating_add(1),
        y: frame.y.saturating_add(1),
        width: frame.width.saturating_sub(2),
        height: frame.height.saturating_sub(2),
    };
    Areas { list, frame, sheet: inside, dialog }
}

pub(super) fn view(approvals: &Approvals, shared: &Shared, frame: &mut Frame<'_>, _area: Rect) {
    let areas = areas(approvals, shared);
    if areas.list.height > 0 {
        list(approvals, shared, frame, areas);
    }
    if areas.frame.height > 0 {
        sheet(approvals, shared, frame, areas);
    }
    let foot = |place: u16| Rect { y: areas.dialog.y + place, height: 1, ..areas.dialog };
    if let Some(dialog) = &approvals.dialog {
        let look = &shared.look;
        let role = if dialog.is_yes() { Role::Good } else { Role::Bad };
        let ends = if dialog.prompt().is_none() { "  [enter/esc]" } else { "" };
        let room = usize::from(areas.dialog.width).saturating_sub(2 + ends.len());
        let question = text::fitted(dialog.question(), room, look);
        let line = Line::from(vec![
            Span::styled(format!(" {question}"), look.style(role)),
            Span::styled(ends, look.style(Role::Accent)),
        ]);
        frame.render_widget(line, foot(0));
        if let Some((prompt, parts)) = dialog.prompt() {
            frame.render_widget(typed(shared, &prompt, parts), foot(1));
        }
    } else {
        approvals.queue.list.draw_input(shared, frame, areas.dialog);
    }
}

fn list(approvals: &Approvals, shared: &Shared, frame: &mut Frame<'_>, areas: Areas) {
    let (look, queue) = (&shared.look, &approvals.queue);
    let filter = if queue.is_whole() { "none" } else { queue.list.filter.text() };
    let title =
        format!("Approvals {0} sort: {1} {0} filter: {filter}", look.signs.dot, queue.sorted_by().word());
    let block = framed(shared, &title, areas.list.width);
    let inside = block.inner(areas.list);
    frame.render_widget(block, areas.list);
    if queue.order().is_empty() {
        let words = match (queue.is_known(), queue.is_whole()) {
            (true, false) => "Nothing that waits fits the filter. Esc clears it.",
            (true, true) => {
                "Nothing waits. What a policy with effect = \"approve\" holds is shown here; try hoopctl demo."
            }
            (false, _) if matches!(shared.link, Link::Live) => "Reading what waits\u{2026}",
            (false, _) => "The gateway is not reached yet.",
        };
        let words = words.replace('\u{2026}', look.signs.cut);
        frame.render_widget(Paragraph::new(words).wrap(ratatui::widgets::Wrap { trim: true }), inside);
        return;
    }
    let widths = table::widths(inside.width, [1, 10, 14, 12, 8, 0], 5);
    let mut lines = vec![head(&widths, shared)];
    let selected = queue.list.cursor.selected();
    for id in queue.list.seen() {
        let Some(approval) = queue.get(*id) else { continue };
        let role = match (selected == Some(id), queue.has_ended(*id)) {
            (true, _) => Role::Selected,
            (false, true) => Role::Over,
            (false, false) => Role::Text,
        };
        lines.push(row(approval, role, queue.has_ended(*id), &widths, shared));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn head(widths: &[u16; 6], shared: &Shared) -> Line<'static> {
    let names = ["", "EXPIRES", "WHO", "CONNECTION", "RISK", "REQUEST"];
    let cells: Vec<Cell> = names
        .iter()
        .zip(widths)
        .filter(|(_, width)| **width > 0)
        .map(|(name, width)| Cell::new(*name, *width, Role::Title))
        .collect();
    table::row(&cells, Role::Text, &shared.look)
}

fn row(approval: &Approval, role: Role, ended: bool, widths: &[u16; 6], shared: &Shared) -> Line<'static> {
    let look = &shared.look;
    let left = approval.expires_ms.saturating_sub(shared.now.wall_ms);
    let (sign, when, how) = if ended {
        let yes = matches!(approval.state, ApprovalState::Approved | ApprovalState::Used);
        (if yes { look.signs.yes } else { look.signs.no }, approval.state.to_string(), Role::Dim)
    } else if left <= 0 {
        (look.signs.no, "expired".to_owned(), Role::Dim)
    } else {
        let how = if left < 60_000 { Role::Bad } else { Role::Text };
        (look.signs.waits, table::clock(left), how)
    };
    let cursor = if role == Role::Selected { look.signs.cursor } else { " " };
    let machine = if approval.kind == Kind::Human { "" } else { look.signs.machine };
    let (risk_role, word) = risk(approval.risk());
    let texts = [
        (cursor.to_owned(), Role::Accent),
        (format!("{sign} {when}"), how),
        // The symbol comes first: a long name must not push it out.
        (format!("{machine}{}{}", if machine.is_empty() { "" } else { " " }, approval.label), Role::Text),
        (approval.connection.to_string(), Role::Text),
        (format!("{} {word}", risk_sign(approval.risk(), look)), risk_role),
        (approval.summary.clone(), Role::Text),
    ];
    let cells: Vec<Cell> = texts
        .into_iter()
        .zip(widths)
        .filter(|(_, width)| **width > 0)
        .map(|((text, role), width)| Cell::new(text, *width, role))
        .collect();
    table::row(&cells, role, look)
}

fn sheet(approvals: &Approvals, shared: &Shared, frame: &mut Frame<'_>, areas: Areas) {
    let look = &shared.look;
    let selected = approvals.queue.list.cursor.selected();
    let sheet = approvals.sheet.as_ref().filter(|sheet| selected == Some(&sheet.id()));
    let title = match (selected, sheet) {
        (None, _) => String::new(),
        (Some(id), None) => format!("{id}"),
        (Some(id), Some(sheet)) => {
            let digest: String = sheet.approval().digest.chars().take(8).collect();
            let rows = sheet.rows();
            let read = match sheet.unseen() {
                0 => format!("all {rows} rows read"),
                unseen => format!("{unseen} of {rows} rows to read"),
            };
            let room = usize::from(areas.frame.width.saturating_sub(6));
            let long = format!("{id} {0} {read} {0} sha256 {digest}", look.signs.dot);
            if long.chars().count() <= room { long } else { format!("{id} {} {read}", look.signs.dot) }
        }
    };
    frame.render_widget(framed(shared, &title, areas.frame.width), areas.frame);
    let Some(sheet) = sheet else {
        if selected.is_some() {
            frame.render_widget(Line::from(Span::styled(" reading", look.style(Role::Dim))), areas.sheet);
        }
        return;
    };
    let lines: Vec<Line<'_>> = sheet
        .window(usize::from(areas.sheet.height))
        .map(|row| match row {
            SheetRow::Ours(row) => text::line(row, look, Style::new()),
            SheetRow::Sent(row) => text::line_of_others(row, look),
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), areas.sheet);
}
