//! `serve --watch`: notices changes of the configuration file.
//!
//! It checks once a second, since a file may be written in place, renamed into place, or be a link to another
//! one (as with a `ConfigMap` of Kubernetes), on any file system. Files that the configuration names, such as
//! certificates, are not watched.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// How often to check. Two changes within this time count as one.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a file could not be applied it is tried again: files that it names may come later.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The maximum of this delay, which doubles each time.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Identifies one state of a file. `None`: it does not exist, or cannot be read.
type State = Option<[i64; 7]>;

/// A watched file.
#[derive(Debug, Clone)]
pub struct FileWatch {
    path: PathBuf,
    /// The state in force, as far as known.
    taken: State,
    /// The state that was last reported.
    told: State,
    /// When a reported state that could not be applied is reported again.
    again: Option<Instant>,
    pause: Duration,
}

impl FileWatch {
    /// Watches a file for changes from now on. Must be created before the file is read.
    pub fn new(path: PathBuf) -> Self {
        let now = state(&path);
        Self { path, taken: now, told: now, again: None, pause: FIRST_PAUSE }
    }

    /// Resolves when the file differs from the one in force and has not changed for a whole second, so that
    /// its writer has most likely finished. A missing file is not a change; one that comes back may be. A
    /// state that could not be applied is reported again.
    pub async fn changed(&mut self) {
        let mut last = self.told;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = state(&self.path);
            let is_due = now != self.told || self.again.is_some_and(|again| again <= Instant::now());
            if now.is_some() && now == last && now != self.taken && is_due {
                if now != self.told {
                    self.pause = FIRST_PAUSE;
                }
                self.told = now;
                return;
            }
            last = now;
        }
    }

    /// Notes that the file is about to be read, for whatever reason.
    pub fn reads(&mut self) {
        self.told = state(&self.path);
    }

    /// Notes whether the file that was read is in force now.
    pub fn took(&mut self, is_taken: bool) {
        if is_taken {
            self.taken = self.told;
            (self.again, self.pause) = (None, FIRST_PAUSE);
        } else {
            self.again = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Waits for [`FileWatch::changed`]; never resolves if no file is watched.
pub async fn changed(watched: &mut Option<FileWatch>) {
    match watched {
        Some(file) => file.changed().await,
        None => std::future::pending().await,
    }
}

fn state(path: &Path) -> State {
    let of = std::fs::metadata(path).ok()?;
    let [device, inode, size] = [of.dev(), of.ino(), of.size()].map(u64::cast_signed);
    Some([device, inode, size, of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a change is reported within this time; notes that it is read then.
    async fn is_told(watch: &mut FileWatch, within: Duration) -> bool {
        let told = tokio::time::timeout(within, watch.changed()).await.is_ok();
        if told {
            watch.reads();
        }
        told
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hoopctl.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_written_or_replaced_is_told_once_and_only_then() {
        let (folder, path) = file("version = 1\n");
        let mut watch = FileWatch::new(path.clone());
        assert!(!is_told(&mut watch, LOOK * 4).await);
        std::fs::write(&path, "version = 1\n\n").unwrap();
        assert!(is_told(&mut watch, LOOK * 4).await);
        watch.took(true);
        assert!(!is_told(&mut watch, LOOK * 400).await);
        let other = folder.path().join("other");
        std::fs::write(&other, "version = 1\n\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(is_told(&mut watch, LOOK * 4).await);
        watch.took(true);
        std::fs::remove_file(&path).unwrap();
        assert!(!is_told(&mut watch, LOOK * 4).await);
        std::fs::write(&path, "version = 1\n\n\n").unwrap();
        assert!(is_told(&mut watch, LOOK * 4).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_taken_is_told_again_ever_more_seldom_and_a_new_change_at_once() {
        let (_folder, path) = file("version = 1\n");
        let mut watch = FileWatch::new(path.clone());
        std::fs::write(&path, "version = 2\n\n").unwrap();
        assert!(is_told(&mut watch, LOOK * 4).await);
        let mut pause = FIRST_PAUSE;
        for _ in 0..8 {
            watch.took(false);
            assert!(!is_told(&mut watch, pause.saturating_sub(LOOK)).await, "{pause:?}");
            assert!(is_told(&mut watch, LOOK * 4).await, "{pause:?}");
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        watch.took(false);
        std::fs::write(&path, "version = 1\n\n\n").unwrap();
        assert!(is_told(&mut watch, LOOK * 4).await);
        watch.took(false);
        assert!(is_told(&mut watch, FIRST_PAUSE + LOOK * 4).await, "the pause is the first one again");
        watch.took(true);
        assert!(!is_told(&mut watch, LONGEST_PAUSE * 4).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_has_reloaded_is_not_told() {
        let (_folder, path) = file("version = 1\n");
        let mut watch = FileWatch::new(path.clone());
        std::fs::write(&path, "version = 1\n\n").unwrap();
        watch.reads();
        watch.took(true);
        assert!(!is_told(&mut watch, LOOK * 40).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_still_being_written_is_not_told_yet() {
        let (_folder, path) = file("");
        let mut watch = FileWatch::new(path.clone());
        let mut text = String::new();
        let writing = async {
            for _ in 0..20 {
                text.push_str("# more\n");
                std::fs::write(&path, &text).unwrap();
                tokio::time::sleep(LOOK / 2).await;
            }
        };
        tokio::select! {
            () = watch.changed() => panic!("it is not whole"),
            () = writing => {}
        }
        assert!(is_told(&mut watch, LOOK * 4).await);
    }
}
