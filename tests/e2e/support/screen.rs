//! A real terminal: tmux with its own server.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::support::process::run;
use crate::support::world::World;

/// How long a text may take to appear.
const PATIENCE: Duration = Duration::from_secs(15);

/// A screen; its terminal and the program in it end with it.
pub struct Screen {
    server: String,
}

impl Screen {
    /// Runs `hoopctl` with these arguments in a terminal of this size. Its exit code is shown at the end.
    pub fn new(world: &World, size: (u16, u16), args: &[&str]) -> Self {
        Self::of(&world.hoopctl(args), world.folder.path(), size)
    }

    /// Runs a command in this folder, in a terminal of this size.
    pub fn of(command: &Command, folder: &Path, (width, height): (u16, u16)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let screen = Self { server: format!("hoopctl-{}-{count}", std::process::id()) };
        let mut words = vec![command.get_program().to_string_lossy().into_owned()];
        words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("{}; echo \"ended with $?\"; exec cat", quoted.join(" "));
        let mut tmux = screen.tmux();
        tmux.args([
            "-f",
            "/dev/null",
            "-u",
            "new-session",
            "-d",
            "-x",
            &width.to_string(),
            "-y",
            &height.to_string(),
        ]);
        tmux.arg("-c").arg(folder).arg(line);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                tmux.env(name, value);
            } else {
                tmux.env_remove(name);
            }
        }
        tmux.env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        let (code, _, err) = run(&mut tmux);
        assert_eq!(code, 0, "tmux: {err}");
        screen
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.server]).env_remove("TMUX");
        tmux
    }

    fn ask(&self, args: &[&str]) -> String {
        let (code, out, err) = run(self.tmux().args(args));
        assert_eq!(code, 0, "tmux {args:?}: {err}");
        out
    }

    /// Presses keys, by their names in tmux.
    pub fn press(&self, keys: &[&str]) {
        for key in keys {
            // Longer than deciding keys are dropped after the screen changed.
            std::thread::sleep(Duration::from_millis(350));
            self.ask(&["send-keys", key]);
        }
    }

    /// Types a text.
    pub fn write(&self, text: &str) {
        self.ask(&["send-keys", "-l", text]);
    }

    /// Writes to the terminal as another program would.
    pub fn write_over(&self, text: &str) {
        let terminal = self.ask(&["list-panes", "-F", "#{pane_tty}"]);
        std::fs::write(terminal.trim(), text).unwrap();
    }

    /// Returns the text on screen.
    pub fn shown(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// Returns the text on screen with colour escape sequences.
    pub fn coloured(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e"])
    }

    /// Waits for a text to appear. Returns the whole screen, once it is painted.
    pub fn wait(&self, wanted: &str) -> String {
        let begin = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(wanted) {
                return self.painted(shown, wanted);
            }
            assert!(begin.elapsed() < PATIENCE, "waited for {wanted:?}; on the screen is:\n{shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the screen once it stays as it is, or as it was last while it had the text.
    fn painted(&self, mut shown: String, wanted: &str) -> String {
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(30));
            let next = self.shown();
            if next == shown || !next.contains(wanted) {
                break;
            }
            shown = next;
        }
        shown
    }

    /// Resizes the terminal.
    pub fn resize(&self, width: u16, height: u16) {
        self.ask(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Returns the pid of the program on the screen.
    pub fn process(&self, name: &str) -> String {
        let shell = self.ask(&["list-panes", "-F", "#{pane_pid}"]);
        let (_, out, _) = run(Command::new("pgrep").args(["-P", shell.trim(), name]));
        let process = out.trim().to_owned();
        assert!(!process.is_empty(), "{name} does not run");
        process
    }

    /// Returns whether the program restored the terminal: no alternate screen, a visible cursor.
    pub fn is_restored(&self) -> bool {
        self.ask(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim() == "0 1"
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(run(self.tmux().arg("kill-server")));
    }
}
