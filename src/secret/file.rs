//! Secrets in files: private, owned by the gateway's user or root, read again when they change.

use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::secret::error::SecretError;

/// The longest secret, in bytes, from any source.
pub(super) const MAX_SECRET: usize = 64 << 10;

/// How old a file's last change must be before its times are sure to show the next one.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Identifies the content of a file: device, inode, length, and the times of content and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the stamp of the file at `path`; `None` if it cannot be read.
    pub(super) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Reads a secret without its line end, with the stamp of the file. The stamp is `None` if the file was
/// changed so recently that its times might not show another change, so that it must be read again next time.
pub(super) fn read(path: &Path) -> Result<(Secret, Option<Stamp>), SecretError> {
    let source_name = || format!("file:{}", path.display());
    let io = |operation| {
        move |error| SecretError::Io {
            operation,
            source_name: format!("file:{}", path.display()),
            source: Arc::new(error),
        }
    };
    // Non-blocking: a named pipe must not block the gateway. The opened file itself is checked and read.
    let mut file =
        OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path).map_err(
            |error| match error.kind() {
                std::io::ErrorKind::NotFound => SecretError::Missing { source_name: source_name() },
                _ => io("open")(error),
            },
        )?;
    let metadata = file.metadata().map_err(io("look at"))?;
    check(path, &metadata)?;
    let secret = read_bounded(&mut file, &source_name).map_err(|error| match error {
        Bounded::Io(error) => io("read")(error),
        Bounded::Secret(error) => error,
    })?;
    let settled = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.elapsed().ok())
        .is_some_and(|age| age >= SETTLED_AFTER && Stamp::at(path) == Some(Stamp::of(&metadata)));
    Ok((secret, settled.then(|| Stamp::of(&metadata))))
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    let source_name = format!("file:{}", path.display());
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { source_name });
    }
    let us = nix::unistd::geteuid().as_raw();
    if metadata.uid() != us && metadata.uid() != 0 {
        return Err(SecretError::WrongOwner { source_name, owner: metadata.uid(), us });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & !0o600 != 0 {
        return Err(SecretError::TooWide { source_name, path: path.to_owned(), mode });
    }
    Ok(())
}

enum Bounded {
    Io(std::io::Error),
    Secret(SecretError),
}

fn read_bounded(file: &mut File, source_name: &impl Fn() -> String) -> Result<Secret, Bounded> {
    // Allocated at full size, so that no part of the secret is left behind by a reallocation.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    file.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes).map_err(Bounded::Io)?;
    to_secret(&bytes, source_name).map_err(Bounded::Secret)
}

/// Checks a secret's length, removes one line end, and refuses an empty secret.
pub(super) fn to_secret(bytes: &[u8], source_name: &impl Fn() -> String) -> Result<Secret, SecretError> {
    if bytes.len() > MAX_SECRET {
        return Err(SecretError::TooLong { source_name: source_name(), limit: MAX_SECRET });
    }
    let content = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
    if content.is_empty() {
        return Err(SecretError::Empty { source_name: source_name() });
    }
    Ok(Secret::new(content.to_vec()))
}
