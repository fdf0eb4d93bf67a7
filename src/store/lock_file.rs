//! The `lock` file in the data directory: only one process at a time uses it.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::store::error::StoreError;
use crate::store::folder;

/// Name of the lock file in the data directory.
const LOCK_FILE: &str = "lock";

/// How long a data directory that another process holds is waited for.
pub const WAITS: Duration = Duration::from_secs(2);
/// How long between two looks at it.
pub const BETWEEN: Duration = Duration::from_millis(50);

/// The hold on a data directory. It ends when this is dropped or the process dies; the file stays.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// Locks the data directory, creating it (mode 0700) if it is missing. Does not wait.
///
/// # Errors
/// [`StoreError::Locked`] with the process that holds it; else as [`folder::private_folder`].
pub fn lock_data_dir(data_dir: &Path) -> Result<DataDirLock, StoreError> {
    folder::private_folder(data_dir)?;
    let path = data_dir.join(LOCK_FILE);
    let io = |operation| {
        let path = path.clone();
        move |source| StoreError::Io { operation, path, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(&path)
        .map_err(io("open"))?;
    folder::check_private_file(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { path: data_dir.to_owned(), pid: read_pid(&mut file) });
        }
        Err(TryLockError::Error(source)) => {
            return Err(StoreError::Io { operation: "lock", path, source });
        }
    }
    file.set_len(0).map_err(io("empty"))?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(io("write"))?;
    Ok(DataDirLock { _file: file })
}

/// The same, where another one may be about to go: another command, or a gateway that stops. Waits at most
/// [`WAITS`].
///
/// # Errors
/// As [`lock_data_dir`].
pub fn lock_data_dir_soon(data_dir: &Path) -> Result<DataDirLock, StoreError> {
    let end = Instant::now() + WAITS;
    loop {
        match lock_data_dir(data_dir) {
            Err(StoreError::Locked { .. }) if Instant::now() < end => std::thread::sleep(BETWEEN),
            done => return done,
        }
    }
}

/// The process number in the lock; `None` when there is none to read.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
