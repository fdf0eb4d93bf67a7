//! Colours and signs. State is always a sign and a word, too: no meaning hangs on colour alone.

use ratatui::style::Color;
use ratatui::style::Modifier;
use ratatui::style::Style;
use ratatui::symbols::border;

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Plain text.
    Text,
    /// Less than plain text.
    Dim,
    /// Frames.
    Border,
    /// Titles and the heads of columns.
    Title,
    /// The selected row, and the tab of the screen.
    Selected,
    /// Something to act on: keys, ids.
    Accent,
    /// Allowed, approved, well.
    Good,
    /// Waits, warns.
    Warn,
    /// Denied, failed, high risk.
    Bad,
    /// Masked values.
    Masked,
    /// A row that is over.
    Over,
    /// What a person types.
    Input,
    /// Found by a search.
    Found,
    /// A word of a language: SELECT, GET.
    Keyword,
    /// A text in a payload.
    Quoted,
    /// A number in a payload.
    Number,
    /// The name of a member or a header.
    Name,
    /// A comment in a payload.
    Comment,
    /// A character that would deceive, shown as its number.
    Escape,
    /// The edge of text of others, beside each of its rows.
    Edge,
}

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None: bold, reverse and underlined only.
    Mono,
    /// The 16 of every terminal, in the terminal's own shades.
    Sixteen,
    /// 256.
    Indexed,
    /// All.
    True,
}

/// On what the colours stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// How everything looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    depth: Depth,
    ground: Ground,
    /// The signs.
    pub signs: &'static Signs,
}

/// The signs, each one column wide.
#[derive(Debug, PartialEq, Eq)]
pub struct Signs {
    /// Allowed, approved.
    pub yes: &'static str,
    /// Denied.
    pub no: &'static str,
    /// Waits.
    pub waits: &'static str,
    /// High risk.
    pub high: &'static str,
    /// Medium risk.
    pub medium: &'static str,
    /// Low risk.
    pub low: &'static str,
    /// An app or agent.
    pub machine: &'static str,
    /// A recording that is kept.
    pub kept: &'static str,
    /// The selected row.
    pub cursor: &'static str,
    /// The gateway is there.
    pub live: &'static str,
    /// It is tried again.
    pub retry: &'static str,
    /// It is not there.
    pub offline: &'static str,
    /// What goes on in the next line, at its beginning.
    pub goes_on: &'static str,
    /// What is cut.
    pub cut: &'static str,
    /// Beside each row of text of others, where words of our own stand above it. No frame has it.
    pub edge: &'static str,
    /// Playing.
    pub playing: &'static str,
    /// Standing still.
    pub paused: &'static str,
    /// The part of a bar that is over.
    pub bar_full: &'static str,
    /// The part that is not.
    pub bar_empty: &'static str,
    /// Where a bar is.
    pub bar_at: &'static str,
    /// Between columns of words.
    pub dot: &'static str,
    /// Eight heights of a sparkline, from the lowest.
    pub spark: [&'static str; 8],
    /// Frames.
    pub border: border::Set<'static>,
}

const UNICODE: Signs = Signs {
    yes: "✓",
    no: "✗",
    waits: "◷",
    high: "▲",
    medium: "■",
    low: "·",
    machine: "⚙",
    kept: "◆",
    cursor: "▶",
    live: "●",
    retry: "◌",
    offline: "■",
    goes_on: "↪",
    cut: "…",
    edge: "┃",
    playing: "▶",
    paused: "‖",
    bar_full: "━",
    bar_empty: "─",
    bar_at: "●",
    dot: "·",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    border: border::PLAIN,
};

const ASCII: Signs = Signs {
    yes: "+",
    no: "x",
    waits: "?",
    high: "!",
    medium: "=",
    low: ".",
    machine: "@",
    kept: "&",
    cursor: ">",
    live: "*",
    retry: "~",
    offline: "#",
    goes_on: "\\",
    cut: "~",
    edge: ":",
    playing: ">",
    paused: "|",
    bar_full: "=",
    bar_empty: "-",
    bar_at: "O",
    dot: "-",
    spark: ["_", ".", ":", "-", "=", "+", "*", "#"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

/// A colour at each depth: of the 16; of the 256, on dark and on light ground; all bits. The true ones on dark ground are those of
/// Okabe and Ito, which people with any colour vision tell apart; on light ground they are darker.
struct Shade(Color, [u8; 2], (u8, u8, u8));

impl Look {
    /// A look.
    pub const fn new(depth: Depth, ground: Ground, ascii: bool) -> Self {
        Self { depth, ground, signs: if ascii { &ASCII } else { &UNICODE } }
    }

    /// The same at another depth.
    pub const fn with_depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The same on another ground.
    pub const fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    /// Whether there are colours.
    pub fn is_coloured(&self) -> bool {
        self.depth != Depth::Mono
    }

    /// What the environment asks for: `NO_COLOR` and `TERM=dumb` mean no colour, `COLORTERM=truecolor` all of them; a locale
    /// without UTF-8 means ASCII. `variable` looks up one variable. For a dark ground.
    pub fn detect(variable: impl Fn(&str) -> Option<String>, ascii: bool) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let colours = set("COLORTERM").unwrap_or_default();
        let depth = if set("NO_COLOR").is_some() || term == "dumb" {
            Depth::Mono
        } else if matches!(colours.as_str(), "truecolor" | "24bit") {
            Depth::True
        } else if term.contains("256color") {
            Depth::Indexed
        } else {
            Depth::Sixteen
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_lowercase();
        let ascii = ascii || !(locale.contains("utf-8") || locale.contains("utf8"));
        Self::new(depth, Ground::Dark, ascii)
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        let modifier = modifier(role);
        if self.depth == Depth::Mono {
            return Style::new().add_modifier(modifier | mono(role));
        }
        let mut style = Style::new().add_modifier(modifier);
        if role == Role::Title {
            // Not that of the frame it stands in.
            style = style.fg(Color::Reset);
        }
        if let Some(shade) = self.shade(role) {
            style = style.fg(self.colour(&shade));
        }
        style
    }

    fn colour(&self, shade: &Shade) -> Color {
        match self.depth {
            Depth::Mono => Color::Reset,
            Depth::Sixteen => shade.0,
            Depth::Indexed => {
                let [on_dark, on_light] = shade.1;
                Color::Indexed(if self.ground == Ground::Light { on_light } else { on_dark })
            }
            Depth::True => {
                let (red, green, blue) = shade.2;
                let dim = |part: u8| u8::try_from(u16::from(part) * 2 / 3).unwrap_or(part);
                match self.ground {
                    Ground::Dark => Color::Rgb(red, green, blue),
                    Ground::Light => Color::Rgb(dim(red), dim(green), dim(blue)),
                }
            }
        }
    }

    fn shade(&self, role: Role) -> Option<Shade> {
        let on_light = self.ground == Ground::Light;
        Some(match role {
            Role::Text | Role::Title | Role::Selected | Role::Over | Role::Input => return None,
            Role::Dim | Role::Border | Role::Comment => {
                let grey = if on_light { Color::DarkGray } else { Color::Gray };
                Shade(grey, [245, 242], (150, 150, 150))
            }
            Role::Accent | Role::Keyword | Role::Edge => Shade(Color::Cyan, [74, 31], (86, 180, 233)),
            Role::Good | Role::Quoted => Shade(Color::Green, [36, 29], (0, 158, 115)),
            Role::Warn | Role::Found => Shade(Color::Yellow, [214, 130], (230, 159, 0)),
            Role::Bad | Role::Escape => Shade(Color::Red, [202, 160], (213, 94, 0)),
            Role::Masked | Role::Number => Shade(Color::Magenta, [175, 132], (204, 121, 167)),
            Role::Name => Shade(Color::Blue, [32, 25], (0, 114, 178)),
        })
    }
}

/// What holds with colours and without.
fn modifier(role: Role) -> Modifier {
    match role {
        Role::Title | Role::Input => Modifier::BOLD,
        Role::Selected | Role::Found => Modifier::REVERSED,
        Role::Over => Modifier::CROSSED_OUT.union(Modifier::DIM),
        Role::Escape => Modifier::REVERSED.union(Modifier::BOLD),
        _ => Modifier::empty(),
    }
}

/// What stands for colour where there is none.
fn mono(role: Role) -> Modifier {
    match role {
        Role::Bad | Role::Keyword | Role::Edge => Modifier::BOLD,
        Role::Accent | Role::Masked => Modifier::UNDERLINED,
        Role::Warn => Modifier::BOLD.union(Modifier::UNDERLINED),
        Role::Dim | Role::Comment => Modifier::DIM,
        _ => Modifier::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr as _;

    fn detected(variables: &[(&str, &str)]) -> Look {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Look::detect(find, false)
    }

    #[test]
    fn the_environment_is_asked() {
        let utf8 = ("LANG", "C.UTF-8");
        for (variables, depth, ascii) in [
            (&[utf8, ("TERM", "xterm-256color")][..], Depth::Indexed, false),
            (&[utf8, ("TERM", "xterm")], Depth::Sixteen, false),
            (&[utf8, ("TERM", "xterm"), ("COLORTERM", "truecolor")], Depth::True, false),
            (&[utf8, ("TERM", "xterm"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Depth::Mono, false),
            (&[utf8, ("TERM", "xterm"), ("NO_COLOR", "")], Depth::Sixteen, false),
            (&[("TERM", "dumb"), ("LC_ALL", "C"), utf8], Depth::Mono, true),
            (&[("TERM", "xterm")], Depth::Sixteen, true),
        ] {
            let look = detected(variables);
            assert_eq!((look.depth, look.signs == &ASCII), (depth, ascii), "{variables:?}");
        }
    }

    #[test]
    fn without_colour_there_is_none_and_state_still_shows() {
        let look = Look::new(Depth::Mono, Ground::Dark, false);
        for role in
            [Role::Text, Role::Good, Role::Bad, Role::Warn, Role::Masked, Role::Escape, Role::Selected]
        {
            let style = look.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert_ne!(look.style(Role::Bad), look.style(Role::Text));
        assert_ne!(look.style(Role::Masked), look.style(Role::Text));
    }

    #[test]
    fn every_sign_is_one_column_wide_and_ascii_is_ascii() {
        for signs in [&UNICODE, &ASCII] {
            let single = [
                signs.yes,
                signs.no,
                signs.waits,
                signs.high,
                signs.medium,
                signs.low,
                signs.machine,
                signs.cursor,
                signs.live,
                signs.retry,
                signs.offline,
                signs.goes_on,
                signs.cut,
                signs.edge,
                signs.playing,
                signs.paused,
                signs.bar_full,
                signs.bar_empty,
                signs.bar_at,
                signs.dot,
            ];
            for sign in single.into_iter().chain(signs.spark) {
                assert_eq!(sign.width(), 1, "{sign}");
                assert!(*signs != ASCII || sign.is_ascii(), "{sign}");
            }
        }
    }
}
