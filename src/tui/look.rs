//! Colours and symbols. State is always shown by a symbol and a word too: no meaning depends on colour alone.

use ratatui::style::Color;
use ratatui::style::Modifier;
use ratatui::style::Style;
use ratatui::symbols::border;

/// The role of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Normal text.
    Text,
    /// Less important text.
    Dim,
    /// Frames.
    Border,
    /// Titles and column headers.
    Title,
    /// The selected row, and the active tab.
    Selected,
    /// Something to act on: keys, ids.
    Accent,
    /// Allowed, approved, healthy.
    Good,
    /// Pending, warning.
    Warn,
    /// Denied, failed, high risk.
    Bad,
    /// Masked values.
    Masked,
    /// A row that has ended.
    Over,
    /// User input.
    Input,
    /// A search match.
    Found,
    /// A keyword of a language: SELECT, GET.
    Keyword,
    /// A string in a payload.
    Quoted,
    /// A number in a payload.
    Number,
    /// The name of a member or header.
    Name,
    /// A comment in a payload.
    Comment,
    /// A deceptive character, shown as its code point.
    Escape,
    /// The edge beside each row of foreign text.
    Edge,
}

/// The colour depth of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// No colours: only bold, reverse and underline.
    Mono,
    /// The 16 ANSI colours, in the terminal's own shades.
    Sixteen,
    /// 256 colours.
    Indexed,
    /// True colour.
    True,
}

/// The terminal's background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// Colours and symbols of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    depth: Depth,
    ground: Ground,
    /// The symbols.
    pub signs: &'static Signs,
}

/// The symbols, each one column wide.
#[derive(Debug, PartialEq, Eq)]
pub struct Signs {
    /// Allowed, approved.
    pub yes: &'static str,
    /// Denied.
    pub no: &'static str,
    /// Pending.
    pub waits: &'static str,
    /// High risk.
    pub high: &'static str,
    /// Medium risk.
    pub medium: &'static str,
    /// Low risk.
    pub low: &'static str,
    /// An app or agent.
    pub machine: &'static str,
    /// A recording on legal hold.
    pub kept: &'static str,
    /// The selected row.
    pub cursor: &'static str,
    /// The gateway is connected.
    pub live: &'static str,
    /// The connection is being retried.
    pub retry: &'static str,
    /// The gateway is offline.
    pub offline: &'static str,
    /// The start of a continuation line.
    pub goes_on: &'static str,
    /// A truncation mark.
    pub cut: &'static str,
    /// Beside each row of foreign text below hoopctl's own text. No frame uses it.
    pub edge: &'static str,
    /// Playing.
    pub playing: &'static str,
    /// Paused.
    pub paused: &'static str,
    /// The filled part of a bar.
    pub bar_full: &'static str,
    /// The empty part of a bar.
    pub bar_empty: &'static str,
    /// The position in a bar.
    pub bar_at: &'static str,
    /// A separator between words.
    pub dot: &'static str,
    /// Eight heights of a sparkline, lowest first.
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

/// A colour at each depth: one of 16; one of 256, for dark and for light backgrounds; true colour. The true
/// colours for dark backgrounds are the Okabe-Ito palette, which is distinguishable with any colour vision;
/// those for light backgrounds are darker.
struct Shade(Color, [u8; 2], (u8, u8, u8));

impl Look {
    /// Creates a look.
    pub const fn new(depth: Depth, ground: Ground, ascii: bool) -> Self {
        Self { depth, ground, signs: if ascii { &ASCII } else { &UNICODE } }
    }

    /// Returns the same look at another depth.
    pub const fn with_depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// Returns the same look for another background.
    pub const fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    /// Returns whether there are colours.
    pub fn is_coloured(&self) -> bool {
        self.depth != Depth::Mono
    }

    /// Detects the look from the environment: `NO_COLOR` and `TERM=dumb` mean no colours,
    /// `COLORTERM=truecolor` means true colour, and a locale without UTF-8 means ASCII. `variable` looks up
    /// one variable. Assumes a dark background.
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

    /// Returns the style of a role.
    pub fn style(&self, role: Role) -> Style {
        let modifier = modifier(role);
        if self.depth == Depth::Mono {
            return Style::new().add_modifier(modifier | mono(role));
        }
        let mut style = Style::new().add_modifier(modifier);
        if role == Role::Title {
            // Not the colour of the surrounding frame.
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

/// Returns the modifiers used with and without colours.
fn modifier(role: Role) -> Modifier {
    match role {
        Role::Title | Role::Input => Modifier::BOLD,
        Role::Selected | Role::Found => Modifier::REVERSED,
        Role::Over => Modifier::CROSSED_OUT.union(Modifier::DIM),
        Role::Escape => Modifier::REVERSED.union(Modifier::BOLD),
        _ => Modifier::empty(),
    }
}

/// Returns the modifiers that replace colours.
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
