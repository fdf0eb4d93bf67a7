//! The main loop, with the terminal, threads and time.

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
use crate::tui::perform::perform;
use crate::tui::raw;
use crate::tui::raw::Raw;
use crate::tui::replay::Begin;
use crate::tui::replay::Recorded;
use crate::tui::shared::Moment;
use crate::tui::signals;
use crate::tui::signals::Ended;
use crate::tui::signals::Heard;
use crate::tui::signals::Signals;
use crate::tui::view;

/// Minimum time between two pictures, except after a key.
const FRAME: Duration = Duration::from_millis(33);
/// How long pending changes may take after the screen is gone.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long to wait after a terminal error for the signal that explains it.
const SIGNAL_AFTER: Duration = Duration::from_secs(1);
/// Maximum number of queued messages.
const QUEUE: usize = 1024;
/// Maximum number of messages handled before the next picture.
const BATCH: usize = 256;
/// How often the key thread checks whether it must stop.
const KEY_POLL: Duration = Duration::from_millis(50);

/// What to show first.
#[derive(Debug)]
pub enum Start {
    /// A screen.
    Screen(Screen),
    /// The player, with a recording of the gateway and how playback starts.
    Session(String, Box<Begin>),
    /// The player, with a recording read from a file.
    File(Box<Recorded>),
}

/// Settings of the terminal UI.
#[derive(Debug)]
pub struct Settings {
    /// What to show first.
    pub start: Start,
    /// Colours and symbols.
    pub look: Look,
    /// Whether to query the terminal's background colour; otherwise `look` decides.
    pub asks: bool,
    /// Key bindings.
    pub keys: KeyMap,
    /// How to notify the user of new approvals.
    pub notify: notify::Notify,
    /// Whether the mouse wheel scrolls. The terminal's own selection then needs a modifier key.
    pub mouse: bool,
}

/// Why the terminal UI could not run, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The process is in the background of its terminal.
    #[error(
        "the screen needs the terminal, but this process is in its background: another one reads its keys"
    )]
    Background,
    /// The terminal cannot be used.
    #[error("the terminal cannot be used: {source}")]
    Terminal {
        /// The system's error.
        #[from]
        source: io::Error,
    },
    /// A task panicked; the message is printed above.
    #[error("the screen was ended by a fault of this program; please report the words above")]
    Fault,
}

/// Runs until the user or a signal ends it. Returns which. The terminal is restored in any case, also after
/// an error, a panic, SIGTERM, SIGHUP or SIGINT. SIGTSTP releases the terminal until SIGCONT.
///
/// # Errors
/// [`TuiError`] if the terminal cannot be used.
pub async fn run(backend: Arc<dyn Backend>, settings: Settings) -> Result<Ended, TuiError> {
    if !raw::is_ours() {
        return Err(TuiError::Background);
    }
    let mouse = settings.mouse;
    let faults = Arc::new(Notify::new());
    let fault = Arc::clone(&faults);
    let before: Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync> = std::panic::take_hook().into();
    let told = Arc::clone(&before);
    std::panic::set_hook(Box::new(move |info| {
        // Restored before the panic message is printed, so that it is readable.
        Raw::restore(mouse);
        told(info);
        // The terminal is no longer usable here, whichever task panicked.
        fault.notify_one();
    }));
    let done = screen(backend, settings, &faults).await;
    std::panic::set_hook(Box::new(move |info| before(info)));
    done
}

async fn screen(backend: Arc<dyn Backend>, settings: Settings, faults: &Notify) -> Result<Ended, TuiError> {
    // Installed before the terminal is set up: from then on every exit restores it.
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
    // Never dropped: the drop shows the cursor, which `Raw` does, and prints an error on failure, which
    // panics if the terminal is gone.
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
    // What is typed next belongs to the shell: the thread must stop reading, and must not wait for room
    // either.
    inbox.close();
    drop(keys);
    // A confirmed decision is still sent, although its reply is not awaited.
    let sent = async { while outside.changes.join_next().await.is_some() {} };
    drop(tokio::time::timeout(LAST_WORDS, sent).await);
    done
}

/// Interprets a terminal error. A closed terminal shows up as missing keys, failed drawing or SIGHUP,
/// whichever comes first. So the signal is awaited for a moment; if it goes to another process only, the
/// system's error for a hung-up terminal counts as well.
async fn closed(error: io::Error, mut next: impl AsyncFnMut() -> Heard) -> io::Result<Ended> {
    let ended = async {
        loop {
            // Signals that suspend or resize the screen mean nothing once it is gone.
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
        // Only now the picture is on the terminal, which may be slow.
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
            Some(heard) => {
                if let Some(ended) = take_up(heard, raw, signals, terminal).await? {
                    return Ok(ended);
                }
            }
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
        // Not more pictures than useful; messages wait in the queue meanwhile.
        if !typed && let Some(last) = drawn_at.replace(drawn.at) {
            tokio::time::sleep(FRAME.saturating_sub(drawn.at.duration_since(last))).await;
        }
    }
}

/// Suspends the process if requested, and as long as it is in the background. Then sets the terminal up again
/// and redraws it. Returns the signal that ended it meanwhile.
async fn take_up(
    heard: Heard,
    raw: &Raw,
    signals: &mut Signals,
    terminal: &mut Screens,
) -> io::Result<Option<Ended>> {
    if heard == Heard::Stop {
        raw.leave();
        signals::stand_still()?;
    }
    while !raw::is_ours() {
        // What ends it makes it go on first.
        if let Ok(Heard::End(ended)) = tokio::time::timeout(FRAME, signals.next()).await {
            return Ok(Some(ended));
        }
        if !raw::is_ours() {
            signals::stand_still()?;
        }
    }
    raw.again()?;
    terminal.clear()?;
    Ok(None)
}

/// The state outside the model.
struct Outside {
    backend: Arc<dyn Backend>,
    out: mpsc::Sender<Msg>,
    watched: watch::Sender<Option<SessionId>>,
    notify: notify::Notify,
    /// Requests in flight that change something.
    changes: JoinSet<()>,
}

impl Outside {
    /// Performs effects. Returns whether to exit.
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
                        // An error means that the receiver is gone: the program ends.
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

/// The thread that reads keys; it ends soon after this is dropped.
struct Keys {
    wanted: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keys {
    /// Starts the thread. The receiver gets the error when the terminal gives no more keys.
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
        // If the terminal is gone, the thread may read forever: nothing waits for it, and the exit of the
        // process ends it.
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

    /// Simulates signals that arrive one after another, each after a delay in milliseconds, then none.
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
        // The signal went to another process: the system's error is enough.
        assert_eq!(end(hung_up(), &[]).await, Ok(Ended::Hangup));
        // An error that is not a closed terminal is not reported as one, and does not wait forever.
        let begin = tokio::time::Instant::now();
        assert_eq!(end(no_keys(), &[]).await, Err(io::ErrorKind::Other));
        assert_eq!(begin.elapsed(), SIGNAL_AFTER);
    }
}
