//! The one loop with a terminal, threads and time in it.

use std::io;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crossterm::event;
use crossterm::event::Event;
use crossterm::event::MouseEventKind;
use nix::errno::Errno;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Size;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::control::Backend;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Look;
use crate::tui::Model;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::ground;
use crate::tui::ground::Late;
use crate::tui::keys::KeyMap;
use crate::tui::link;
use crate::tui::model::Jump;
use crate::tui::notify;
use crate::tui::notify::Notify as How;
use crate::tui::perform::perform;
use crate::tui::raw::Raw;
use crate::tui::replay::Begin;
use crate::tui::replay::Recorded;
use crate::tui::shared::Moment;
use crate::tui::signals;
use crate::tui::signals::Ended;
use crate::tui::signals::Heard;
use crate::tui::signals::Signals;
use crate::tui::view;

/// The shortest time between two pictures, but after a key.
const FRAME: Duration = Duration::from_millis(33);
/// How long what changes something may take after the screen is gone.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long after an error of the terminal a signal may come that says why.
const SIGNAL_AFTER: Duration = Duration::from_secs(1);
/// How many messages may wait to be taken.
const QUEUE: usize = 1024;
/// How many messages are taken before the next picture.
const BATCH: usize = 256;
/// How often the thread that reads keys looks whether it is still wanted.
const KEY_POLL: Duration = Duration::from_millis(50);

/// What to begin with.
#[derive(Debug)]
pub enum Start {
    /// A screen.
    Screen(Screen),
    /// The player, with a recording of the gateway, and how it is played at first.
    Session(String, Box<Begin>),
    /// The player, with a recording that was read from a file.
    File(Box<Recorded>),
}

/// How to run.
#[derive(Debug)]
pub struct Settings {
    /// What to begin with.
    pub start: Start,
    /// Colours and signs.
    pub look: Look,
    /// Whether the terminal is asked on which ground it shows them; else they are for the ground that `look` says.
    pub asks: bool,
    /// What keys mean.
    pub keys: KeyMap,
    /// How a person is told of new approvals.
    pub notify: How,
    /// Whether the wheel of the mouse scrolls. The terminal's own selection then needs a key.
    pub mouse: bool,
}

/// Why the terminal UI could not run, or not run on.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal cannot be used.
    #[error("the terminal cannot be used: {source}")]
    Terminal {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// A part of the program failed; its words are above.
    #[error("the screen was ended by a fault of this program; please report the words above")]
    Fault,
}

/// Runs until the person or a signal ends it; gives which. The terminal is as before afterwards, whatever happens: after an error, a
/// panic, SIGTERM, SIGHUP or SIGINT, too. SIGTSTP leaves the terminal to others until SIGCONT.
///
/// # Errors
/// [`TuiError`] when the terminal cannot be used.
pub async fn run(backend: Arc<dyn Backend>, settings: Settings) -> Result<Ended, TuiError> {
    let mouse = settings.mouse;
    let faults = Arc::new(Notify::new());
    let fault = Arc::clone(&faults);
    let before: Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync> = std::panic::take_hook().into();
    let told = Arc::clone(&before);
    std::panic::set_hook(Box::new(move |info| {
        // Before the words of the panic, so that they can be read.
        Raw::restore(mouse);
        told(info);
        // The terminal is not ours any more, whichever task it was.
        fault.notify_one();
    }));
    let done = screen(backend, settings, &faults).await;
    std::panic::set_hook(Box::new(move |info| before(info)));
    done
}

async fn screen(backend: Arc<dyn Backend>, settings: Settings, faults: &Notify) -> Result<Ended, TuiError> {
    // Before the terminal is taken: from then on nothing ends the program that does not give it back.
    let mut signals = Signals::new()?;
    match shown(backend, settings, faults, &mut signals).await {
        Err(TuiError::Terminal { source }) => Ok(closed(source, async || signals.next().await).await?),
        done => done,
    }
}

async fn shown(
    backend: Arc<dyn Backend>,
    settings: Settings,
    faults: &Notify,
    signals: &mut Signals,
) -> Result<Ended, TuiError> {
    let raw = Raw::new(settings.mouse)?;
    let look = if settings.asks { settings.look.on(ground::of_the_terminal()) } else { settings.look };
    let settings = Settings { look, ..settings };
    // Never dropped: that shows the cursor, which `Raw` does, and prints where it cannot. On a terminal that is gone that is a panic.
    let terminal = Terminal::new(CrosstermBackend::new(io::BufWriter::new(io::stdout())))?;
    let mut terminal = ManuallyDrop::new(terminal);
    terminal.clear()?;
    let (out, mut inbox) = mpsc::channel(QUEUE);
    let (watched, watching) = watch::channel(None);
    let (keys, gone) = Keys::start(out.clone())?;
    let follow = [
        tokio::spawn(link::follow_changes(Arc::clone(&backend), out.clone())),
        tokio::spawn(link::follow_watched(Arc::clone(&backend), watching, out.clone())),
    ];
    let mut outside = Outside { backend, out, watched, notify: settings.notify, changes: JoinSet::new() };
    let (mut model, effects) = begin(settings, terminal.size()?);
    outside.perform(effects, &mut terminal)?;
    let done = tokio::select! {
        biased;
        () = faults.notified() => Err(TuiError::Fault),
        Ok(error) = gone => Err(error.into()),
        done = turn(&mut model, &mut terminal, &mut inbox, &mut outside, (signals, &raw)) => done,
    };
    for task in follow {
        task.abort();
    }
    // What is typed next is for the shell: the thread must read no more, and not wait for room either.
    inbox.close();
    drop(keys);
    // A decision that was made is sent, though its maker does not wait for what comes of it.
    let sent = async { while outside.changes.join_next().await.is_some() {} };
    drop(tokio::time::timeout(LAST_WORDS, sent).await);
    done
}

/// What an error of the terminal means. One that is closed shows in several ways, and which of them comes first is chance: no keys, nothing
/// that can be drawn, SIGHUP. So the signal is waited for, a moment; and where it comes to somebody else only, the system's word for a
/// terminal that hung up says as much.
async fn closed(error: io::Error, mut next: impl AsyncFnMut() -> Heard) -> io::Result<Ended> {
    let ended = async {
        loop {
            // What would hold or change a screen means nothing to one that is gone.
            if let Heard::End(ended) = next().await {
                return ended;
            }
        }
    };
    match tokio::time::timeout(SIGNAL_AFTER, ended).await {
        Ok(ended) => Ok(ended),
        Err(_none) if error.raw_os_error() == Some(Errno::EIO as i32) => Ok(Ended::Hangup),
        Err(_none) => Err(error),
    }
}

fn begin(settings: Settings, size: Size) -> (Model, Vec<Effect>) {
    let now = now();
    let Settings { start, look, keys, .. } = settings;
    match start {
        Start::Screen(screen) => Model::new(now, size, look, keys, screen),
        Start::Session(session, with) => {
            let (mut model, first) = Model::new(now, size, look, keys, Screen::Replay);
            model.replay.begin_with(*with);
            let opened = model.begin(Jump::Replay { session, at: None });
            (model, [first, opened].concat())
        }
        Start::File(recorded) => {
            let (mut model, first) = Model::new(now, size, look, keys, Screen::Replay);
            model.replay.load(*recorded, &mut model.shared);
            (model, first)
        }
    }
}

fn now() -> Moment {
    Moment { at: Instant::now(), wall_ms: jiff::Timestamp::now().as_millisecond() }
}

type Screens = Terminal<CrosstermBackend<io::BufWriter<io::Stdout>>>;

async fn turn(
    model: &mut Model,
    terminal: &mut Screens,
    inbox: &mut mpsc::Receiver<Msg>,
    outside: &mut Outside,
    (signals, raw): (&mut Signals, &Raw),
) -> Result<Ended, TuiError> {
    let mut drawn_at = None;
    loop {
        let size = terminal.size()?;
        if size != model.shared.size {
            let resized = model.update(now(), Msg::Resize(size));
            outside.perform(resized, terminal)?;
        }
        let picture = terminal.draw(|frame| view::view(model, frame))?.area.as_size();
        // Only now it is on the terminal, which may be slow.
        let drawn = now();
        let mut effects = model.update(drawn, Msg::Drawn(picture));
        let wake = model.wake();
        let mut taken = Vec::new();
        let heard = tokio::select! {
            biased;
            heard = signals.next() => Some(heard),
            found = inbox.recv_many(&mut taken, BATCH) => (found == 0).then_some(Heard::End(Ended::Left)),
            () = tokio::time::sleep(wake) => None,
        };
        match heard {
            Some(Heard::End(ended)) => return Ok(ended),
            Some(heard) => take_up(heard, raw, terminal)?,
            None => {}
        }
        let typed = taken.iter().any(|msg| matches!(msg, Msg::Key { .. }));
        for msg in taken {
            effects.extend(model.update(now(), msg));
        }
        effects.extend(model.update(now(), Msg::Tick));
        if outside.perform(effects, terminal)? {
            return Ok(Ended::Left);
        }
        // Not more pictures than the eye sees; what comes meanwhile waits in the queue.
        if !typed && let Some(last) = drawn_at.replace(drawn.at) {
            tokio::time::sleep(FRAME.saturating_sub(drawn.at.duration_since(last))).await;
        }
    }
}

/// Stands still where that was asked for; then takes the terminal again, and draws all of it anew.
fn take_up(heard: Heard, raw: &Raw, terminal: &mut Screens) -> io::Result<()> {
    if heard == Heard::Stop {
        raw.leave();
        let stood = signals::stand_still();
        raw.again()?;
        stood?;
    } else {
        raw.again()?;
    }
    terminal.clear()
}

/// What is outside of the model.
struct Outside {
    backend: Arc<dyn Backend>,
    out: mpsc::Sender<Msg>,
    watched: watch::Sender<Option<SessionId>>,
    notify: How,
    /// Questions that change something, on their way.
    changes: JoinSet<()>,
}

impl Outside {
    /// Does what the model wants; whether it wants to end.
    fn perform(&mut self, effects: Vec<Effect>, terminal: &mut Screens) -> Result<bool, TuiError> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Redraw => terminal.clear()?,
                Effect::Notify(text) => write(&notify::notification(self.notify, &text, in_tmux()))?,
                Effect::Copy(text) => write(&notify::copied(&text, in_tmux()))?,
                Effect::Ask(request) => {
                    let (backend, out) = (Arc::clone(&self.backend), self.out.clone());
                    let changes = request.changes();
                    let asking = async move {
                        let answer = perform(&*backend, request, now().wall_ms).await;
                        // Nobody takes it any more: the program ends.
                        drop(out.send(Msg::Answer(Box::new(answer))).await);
                    };
                    if changes {
                        while self.changes.try_join_next().is_some() {}
                        self.changes.spawn(asking);
                    } else {
                        tokio::spawn(asking);
                    }
                }
                Effect::Watch(session) => {
                    self.watched.send_if_modified(|watched| {
                        let changed = *watched != session;
                        *watched = session;
                        changed
                    });
                }
                // The model follows jumps itself.
                Effect::Go(_) => {}
            }
        }
        Ok(false)
    }
}

fn in_tmux() -> bool {
    std::env::var_os("TMUX").is_some_and(|value| !value.is_empty())
}

fn write(sequence: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(sequence.as_bytes())?;
    out.flush()
}

/// The thread that reads keys; it ends soon after this goes.
struct Keys {
    wanted: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keys {
    /// With what comes when the terminal gives no keys any more: why.
    fn start(out: mpsc::Sender<Msg>) -> io::Result<(Self, oneshot::Receiver<io::Error>)> {
        let (gone, told) = oneshot::channel();
        let wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&wanted);
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            let mut late = Late::default();
            while still.load(Ordering::Relaxed) {
                let msg = match event::poll(KEY_POLL).and_then(|some| some.then(event::read).transpose()) {
                    Ok(Some(Event::Key(key))) if late.has(&key, Instant::now()) => None,
                    Ok(Some(event)) => msg_of(event),
                    Ok(None) => None,
                    Err(no_terminal) => {
                        drop(gone.send(no_terminal));
                        return;
                    }
                };
                if msg.is_some_and(|msg| out.blocking_send(msg).is_err()) {
                    return;
                }
            }
        })?;
        Ok((Self { wanted, thread }, told))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
        // Where the terminal is gone it may read on for ever: nobody waits for that, and the program's end ends it.
        let begin = Instant::now();
        while !self.thread.is_finished() && begin.elapsed() < KEY_POLL * 3 {
            std::thread::sleep(KEY_POLL / 10);
        }
    }
}

fn msg_of(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Some(Msg::Key { key, at: Instant::now() }),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(Size { width, height })),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => Some(Msg::Wheel { up: true }),
            MouseEventKind::ScrollDown => Some(Msg::Wheel { up: false }),
            _ => None,
        },
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signals that come one after another, each after so many milliseconds; then none.
    async fn end(error: io::Error, signals: &[(u64, Heard)]) -> Result<Ended, io::ErrorKind> {
        let mut left = signals.iter().copied();
        let next = async || {
            let Some((after, heard)) = left.next() else { return std::future::pending().await };
            tokio::time::sleep(Duration::from_millis(after)).await;
            heard
        };
        closed(error, next).await.map_err(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_terminal_is_told_as_one_however_it_shows_first() {
        let no_keys = || io::Error::other("no keys");
        let hung_up = || io::Error::from(Errno::EIO);
        let hangup = Heard::End(Ended::Hangup);
        for error in [no_keys, hung_up] {
            assert_eq!(end(error(), &[(0, hangup)]).await, Ok(Ended::Hangup));
            assert_eq!(end(error(), &[(500, hangup)]).await, Ok(Ended::Hangup), "the signal is late");
            assert_eq!(end(error(), &[(1, Heard::GoesOn), (1, hangup)]).await, Ok(Ended::Hangup));
            assert_eq!(end(error(), &[(1, Heard::End(Ended::Terminate))]).await, Ok(Ended::Terminate));
        }
        // The signal went to another process: the system's word does.
        assert_eq!(end(hung_up(), &[]).await, Ok(Ended::Hangup));
        // What is no end of a terminal is not told as one, and nobody waits for ever.
        let begin = tokio::time::Instant::now();
        assert_eq!(end(no_keys(), &[]).await, Err(io::ErrorKind::Other));
        assert_eq!(begin.elapsed(), SIGNAL_AFTER);
    }
}
