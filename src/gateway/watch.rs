//! `serve --watch`: sees that the configuration file is another one.
//!
//! It looks once a second, since a file may be written in place, put there by renaming, or be a link to another one (as a `ConfigMap` of Kubernetes
//! is), on any file system.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// How often it looks. What was changed twice within one look is changed once.
const LOOK: Duration = Duration::from_secs(1);

/// What tells one state of a file from another. `None`: it is not there, or cannot be looked at.
type State = Option<[i64; 5]>;

/// A file that is watched.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    known: State,
}

impl FileWatch {
    /// Watches a file for changes from now on.
    pub fn new(path: PathBuf) -> Self {
        Self { known: state(&path), path }
    }

    /// Resolves when the file is another one than it was, and has not changed for a whole second: whoever writes it is done, most
    /// likely. A file that is gone is no change, one that comes back may be one.
    pub async fn changed(&mut self) {
        let mut last = self.known;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = state(&self.path);
            if now.is_some() && now == last && now != self.known {
                self.known = now;
                return;
            }
            last = now;
        }
    }
}

fn state(path: &Path) -> State {
    let of = std::fs::metadata(path).ok()?;
    let [inode, size] = [of.ino(), of.size()].map(u64::cast_signed);
    Some([inode, size, of.mtime(), of.mtime_nsec(), of.ctime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_told(watch: &mut FileWatch) -> bool {
        tokio::time::timeout(LOOK * 4, watch.changed()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_written_or_replaced_is_told_once_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hoopctl.toml");
        std::fs::write(&path, "version = 1\n").unwrap();
        let mut watch = FileWatch::new(path.clone());
        assert!(!is_told(&mut watch).await);
        std::fs::write(&path, "version = 1\n\n").unwrap();
        assert!(is_told(&mut watch).await);
        assert!(!is_told(&mut watch).await);
        let other = folder.path().join("other");
        std::fs::write(&other, "version = 1\n\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(is_told(&mut watch).await);
        std::fs::remove_file(&path).unwrap();
        assert!(!is_told(&mut watch).await);
        std::fs::write(&path, "version = 1\n\n\n").unwrap();
        assert!(is_told(&mut watch).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_still_being_written_is_not_told_yet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hoopctl.toml");
        std::fs::write(&path, "").unwrap();
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
        assert!(is_told(&mut watch).await);
    }
}
