//! `tui`: approvals, sessions, replay and more on one screen.

use std::io;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::cli::access::Access;
use crate::cli::login::interrupts;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::tui;
use crate::tui::Ended;
use crate::tui::Look;
use crate::tui::Screen;
use crate::tui::keys::KeyMap;
use crate::tui::look::Depth;
use crate::tui::look::Ground;
use crate::tui::notify::Notify;
use crate::tui::run::Start;
use crate::tui::run::TuiError;

/// Options of `tui`.
#[derive(Debug, Args)]
pub struct TuiArgs {
    /// The screen to begin with
    #[arg(default_value = "approvals")]
    pub screen: Screen,
    /// Appearance
    #[command(flatten)]
    pub look: LookArgs,
    /// How to signal new approvals: by the terminal's bell, by a desktop notification (OSC 9), or not at all
    #[arg(long, value_name = "HOW", default_value = "bell")]
    pub notify: NotifyWord,
}

/// Appearance and keys of the screens and the player.
#[derive(Debug, Args)]
pub struct LookArgs {
    /// ASCII symbols only; implied if the locale is not UTF-8
    #[arg(long)]
    pub ascii: bool,
    /// The colours: by the terminal's background, for a dark or a light one, or none
    #[arg(long, value_name = "THEME", default_value = "auto")]
    pub theme: ThemeWord,
    /// Scroll with the wheel; selecting text in the terminal then needs shift
    #[arg(long)]
    pub mouse: bool,
    /// A file that remaps keys.
    #[arg(
        long,
        value_name = "FILE",
        help = "A file that changes keys [default: hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]"
    )]
    pub keys: Option<PathBuf>,
}

impl ValueEnum for Screen {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.about()))
    }
}

/// A colour theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThemeWord {
    /// By the background that the terminal reports; dark if it reports none
    Auto,
    /// For a dark background
    Dark,
    /// For a light background
    Light,
    /// No colours
    Mono,
}

/// How new approvals are signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NotifyWord {
    /// The terminal's bell
    Bell,
    /// A desktop notification
    Osc9,
    /// Not at all
    Off,
}

/// Runs `tui`.
pub fn run(terminal: Terminal, place: &Place, args: &TuiArgs) -> Outcome {
    must_be_terminal(terminal, "hoopctl approval list and hoopctl session tail work without one")?;
    let notify = match args.notify {
        NotifyWord::Bell => Notify::Bell,
        NotifyWord::Osc9 => Notify::Osc9,
        NotifyWord::Off => Notify::Off,
    };
    let ((look, asks), keys) = (appearance(&args.look), keys(&args.look)?);
    let access = Access::online(place)?;
    if access.is_remote() {
        // An error that prevents access is printed on the command line, not on a screen.
        access.wait(access.backend().status())?;
    }
    let start = Start::Screen(args.screen);
    let settings = tui::Settings { start, look, asks, keys, notify, mouse: args.look.mouse };
    show(&access, settings)
}

/// Shows the screens until the user or a signal ends them.
pub fn show(access: &Access, settings: tui::Settings) -> Outcome {
    // The terminal is restored before the access ends, which waits for token renewals.
    let elsewhere = interrupts::Elsewhere::begin();
    let ended = access.block_on(tui::run(access.shared(), settings));
    // That wait is only for a token, so that a signal ends it if no token is lost.
    drop(elsewhere);
    let ended = ended.map_err(|error| match error {
        TuiError::Background => Failure::usage(error.to_string())
            .hint("run it in the foreground: without &, and with timeout --foreground"),
        _ => Failure::failed(error.to_string()),
    })?;
    Ok(match ended {
        Ended::Left => Exit::Done,
        Ended::Hangup => Exit::Hangup,
        Ended::Interrupt => Exit::Interrupt,
        Ended::Terminate => Exit::Terminate,
    })
}

/// Refuses to go on without a terminal.
pub fn must_be_terminal(terminal: Terminal, hint: &str) -> Result<(), Failure> {
    if terminal.stdout && io::IsTerminal::is_terminal(&io::stdin()) {
        return Ok(());
    }
    Err(Failure::usage("the screen needs a terminal, for input and output").hint(hint))
}

/// Returns the appearance, and whether to query the terminal's background.
pub fn appearance(args: &LookArgs) -> (Look, bool) {
    let found = Look::detect(|name| std::env::var(name).ok(), args.ascii);
    let look = match args.theme {
        ThemeWord::Auto | ThemeWord::Dark => found.on(Ground::Dark),
        ThemeWord::Light => found.on(Ground::Light),
        ThemeWord::Mono => found.with_depth(Depth::Mono),
    };
    (look, args.theme == ThemeWord::Auto && look.is_coloured())
}

/// Returns the key map: the default, with the changes of a file.
pub fn keys(args: &LookArgs) -> Result<KeyMap, Failure> {
    let (path, must) = match &args.keys {
        Some(path) => (path.clone(), true),
        None => match default_keys() {
            Some(path) => (path, false),
            None => return Ok(KeyMap::default()),
        },
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must => return Ok(KeyMap::default()),
        Err(error) => return Err(Failure::failed(format!("cannot read {}: {error}", path.display()))),
    };
    KeyMap::read(&text).map_err(|error| Failure::new(Exit::Config, format!("{}: {error}", path.display())))
}

fn default_keys() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(base.join("hoopctl").join("keys.toml"))
}
