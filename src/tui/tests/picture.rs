//! Pictures of the screens for the documentation: SVG, drawn from the same buffer that the tests check.

use std::fmt::Write as _;
use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::buffer::Cell;
use ratatui::style::Color;
use ratatui::style::Modifier;

use super::Stage;
use super::approvals;
use super::replay;
use super::sessions;

/// The size of a cell, in units of the picture.
const CELL: (f64, f64) = (8.4, 18.0);
/// The margin around the screen.
const EDGE: f64 = 12.0;
const GROUND: &str = "#16181d";
const PLAIN: &str = "#d7dae0";

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the foreground, background and modifiers of a cell.
fn paint(cell: &Cell) -> (String, Option<String>, Modifier) {
    let letters = colour(cell.fg).unwrap_or_else(|| PLAIN.to_owned());
    let modifier = cell.modifier;
    if modifier.contains(Modifier::REVERSED) {
        return (GROUND.to_owned(), Some(letters), modifier);
    }
    (letters, colour(cell.bg), modifier)
}

/// Draws a screen as SVG.
pub(super) fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * EDGE, rows * CELL.1 + 2.0 * EDGE);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n"
    );
    for (row, cells) in buffer.content.chunks(usize::from(buffer.area.width)).enumerate() {
        let mut column = 0;
        while column < cells.len() {
            let style = paint(&cells[column]);
            let end =
                (column..cells.len()).find(|place| paint(&cells[*place]) != style).unwrap_or(cells.len());
            let text: String = cells[column..end].iter().map(Cell::symbol).collect();
            run(&mut out, &text, &style, (row, column, end - column));
            column = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn run(
    out: &mut String,
    text: &str,
    (letters, ground, modifier): &(String, Option<String>, Modifier),
    (row, column, length): (usize, usize, usize),
) {
    let place = |cells: usize| f64::from(u16::try_from(cells).unwrap());
    let (x, y) = (EDGE + place(column) * CELL.0, EDGE + place(row) * CELL.1);
    let wide = place(length) * CELL.0;
    if let Some(ground) = ground {
        writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{}\" fill=\"{ground}\"/>",
            CELL.1
        )
        .unwrap();
    }
    if text.trim().is_empty() {
        return;
    }
    let mut how = String::new();
    if modifier.contains(Modifier::BOLD) {
        how.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::DIM) {
        how.push_str(" opacity=\"0.6\"");
    }
    if modifier.contains(Modifier::CROSSED_OUT) {
        how.push_str(" text-decoration=\"line-through\"");
    }
    let base = y + 13.5;
    writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" textLength=\"{wide:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\" fill=\"{letters}\"{how}>{}</text>",
        escaped(text)
    )
    .unwrap();
}

/// Compares a picture with the one in `tests/pictures`, or writes it if `UPDATE_GOLDEN` is set.
pub(super) fn picture(name: &str, stage: &mut Stage) {
    let drawn = svg(stage.draw());
    let sources = Path::new(file!()).parent().unwrap().join("../../..");
    let path = sources.join("tests/pictures").join(format!("{name}.svg"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, drawn).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == drawn, "{} is another picture now: tests/pictures/make", path.display());
}

#[test]
fn the_pictures_of_the_readme() {
    picture("approvals", &mut approvals::picture());
    picture("sessions", &mut sessions::picture());
    picture("replay", &mut replay::picture());
}
