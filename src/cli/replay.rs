//! `replay`: a recorded session, in the player or printed, at its original pace or at once.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use clap::Args;

use crate::cli::access::Access;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::session;
use crate::cli::session::recording;
use crate::cli::session::recording::Events;
use crate::cli::tui as screens;
use crate::cli::tui::LookArgs;
use crate::control::noun::session::SessionView;
use crate::domain::units;
use crate::recording::RecordingFile;
use crate::recording::StoredEvent;
use crate::recording::replay::Clock;
use crate::recording::replay::PlayOptions;
use crate::recording::replay::Player;
use crate::recording::replay::Position;
use crate::tui::Settings;
use crate::tui::notify::Notify;
use crate::tui::replay::Begin;
use crate::tui::replay::MOST_EVENTS;
use crate::tui::replay::Recorded;
use crate::tui::run::Start;

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A session's id, last, or an exported .jsonl file
    #[arg(value_name = "SESSION")]
    pub target: String,
    /// Speed factor, 0.01 to 1000
    #[arg(long, value_name = "N", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Start here: a time such as 90s, an event such as @17, or #approval, #denied, #error, #mask, #marker
    #[arg(long, value_name = "PLACE")]
    pub from: Option<Position>,
    /// End here
    #[arg(long, value_name = "PLACE")]
    pub to: Option<Position>,
    /// Shorten longer pauses to this
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub idle_limit: Option<Duration>,
    /// Print the transcript with its timing, even if standard output is not a terminal
    #[arg(long)]
    pub realtime: bool,
    /// On a terminal: print the transcript with its timing, instead of the player
    #[arg(long)]
    pub print: bool,
    /// Appearance of the player
    #[command(flatten)]
    pub look: LookArgs,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if (0.01..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.01 to 1000".to_owned()),
    }
}

/// Plays a session.
pub fn run(terminal: Terminal, place: &Place, args: &ReplayArgs) -> Outcome {
    let options = PlayOptions { idle_limit: args.idle_limit, from: args.from.clone(), to: args.to.clone() };
    if is_played(terminal, args) {
        return show(terminal, place, args);
    }
    let timed = args.realtime || (terminal.stdout && terminal.format == Format::Table);
    let speed = timed.then_some(args.speed);
    if recording::is_file(&args.target) {
        let file = recording::open_file(Path::new(&args.target))?;
        let broken = chain_of(&file)?.err().map(|why| is_broken(&args.target, &why));
        if let Some(broken) = &broken {
            // Before its events, which may be long, and again at the end.
            terminal.say(&broken.message);
        }
        let events = file.events().map_err(|error| recording::file_failure(&error))?;
        let events = events.map(|event| event.map_err(|error| recording::file_failure(&error)));
        let played = play(terminal, events, options, speed);
        return broken.map_or(played, Err);
    }
    let access = Access::to_look(terminal, place)?;
    let view = session::find(&access, &args.target)?;
    terminal.say(&format!("{}: {} on {}", view.id, view.label, view.connection));
    play(terminal, Events::of(&access, view.id), options, speed)
}

/// Returns whether to use the player, on a terminal that can show it.
fn is_played(terminal: Terminal, args: &ReplayArgs) -> bool {
    let printed = args.print || args.realtime || terminal.format != Format::Table;
    !printed
        && draws(std::env::var_os("TERM").as_deref())
        && terminal.stdout
        && io::IsTerminal::is_terminal(&io::stdin())
}

/// Returns whether a terminal with this value of `TERM` can move its cursor.
fn draws(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Opens the player.
fn show(terminal: Terminal, place: &Place, args: &ReplayArgs) -> Outcome {
    let begin =
        Begin { speed: args.speed, from: args.from.clone(), to: args.to.clone(), idle: args.idle_limit };
    let ((look, asks), keys) = (screens::appearance(&args.look), screens::keys(&args.look)?);
    let settings = |start| Settings { start, look, asks, keys, notify: Notify::Off, mouse: args.look.mouse };
    if recording::is_file(&args.target) {
        let recorded = recorded(Path::new(&args.target), begin)?;
        // The gateway is for the other screens, if it is running.
        let access = Access::whenever(place)?;
        let broken = recorded.chain.clone().err();
        let left = screens::show(&access, settings(Start::File(Box::new(recorded))))?;
        return broken.map_or(Ok(left), |why| Err(is_broken(&args.target, &why)));
    }
    let access = Access::to_look(terminal, place)?;
    // A missing session is reported on the command line, not on a screen.
    let view = session::find(&access, &args.target)?;
    screens::show(&access, settings(Start::Session(view.id.to_string(), Box::new(begin))))
}

/// Returns the failure for a broken file. Printed again after the player, with the exit code for scripts.
fn is_broken(file: &str, why: &str) -> Failure {
    Failure::new(Exit::Broken, format!("{file}: the recording is not as it was written: {why}"))
}

/// Verifies a file. The inner error says where it is broken.
fn chain_of(file: &RecordingFile) -> Result<Result<(), String>, Failure> {
    let verified = file.verify().map_err(|error| recording::file_failure(&error))?;
    Ok(match verified.broken {
        None => Ok(()),
        Some(broken) => Err(format!("at event {}: {}", broken.seq, broken.class)),
    })
}

/// Prepares a file for the player: its events as far as they can be read, and whether they are intact.
fn recorded(path: &Path, begin: Begin) -> Result<Recorded, Failure> {
    let file = recording::open_file(path)?;
    let chain = chain_of(&file)?;
    let events = file.events().map_err(|error| recording::file_failure(&error))?;
    // A truncated or changed file is played up to the damage; the title says where.
    let events = events.map_while(Result::ok).take(MOST_EVENTS + 1).collect();
    let session = Some(SessionView::of(file.session().clone()));
    Ok(Recorded { title: path.display().to_string(), session, events, chain, begin })
}

/// Plays events: with their timing at a speed, or at once.
fn play(
    terminal: Terminal,
    events: impl Iterator<Item = Result<StoredEvent, Failure>>,
    options: PlayOptions,
    speed: Option<f64>,
) -> Outcome {
    let clock = speed.map(|speed| Clock::new(Instant::now(), speed));
    let mut count = 0_usize;
    for cue in Player::new(events, options) {
        let cue = cue?;
        if let Some(due) = clock.as_ref().and_then(|clock| clock.deadline(cue.at)) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        if terminal.format == Format::Table && cue.skipped >= Duration::from_secs(1) {
            terminal.data(&format!("          ({} s left out)\n", cue.skipped.as_secs()))?;
        }
        recording::print(terminal, &cue.event, false)?;
        count += 1;
    }
    if count == 0 {
        terminal.say("there is no event in this part of the session");
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_bounded_numbers() {
        for (text, found) in
            [("1", Some(1.0)), ("0.25", Some(0.25)), ("4x", Some(4.0)), ("1000", Some(1000.0))]
        {
            assert_eq!(speed(text).ok(), found);
        }
        for text in ["0", "-1", "nan", "inf", "1001", "fast", ""] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn terminals_that_cannot_move_their_cursor_get_no_player() {
        for (term, drawn) in [
            (Some("xterm-256color"), true),
            (Some("linux"), true),
            (Some("dumb"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(draws(term.map(OsStr::new)), drawn, "{term:?}");
        }
    }

    #[test]
    fn a_broken_file_ends_as_broken() {
        assert_eq!(is_broken("a.jsonl", "at event 3: hash").exit, Exit::Broken);
    }
}
