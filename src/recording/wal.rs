//! The write-ahead log (WAL). Every event is first appended to a plain file, in order of arrival, with one
//! `write()` on the thread that records it. A read command waits only for that write; every other command
//! waits for one sync of the file. The database follows in large batches, which cost a fraction of small
//! ones. SQLite keeps a write-ahead log of its own besides, `events.db-wal`.
//!
//! File space is allocated in steps before it is needed, so that a sync flushes data only and not a new file
//! length as well. Space that is allocated but not yet written reads as zeros.
//!
//! The log is split into segments. A full segment is sealed, and removed once everything in it is durable in
//! the database. Segments left by a process that died are applied to the database at the next start
//! ([`replay`]).

pub(crate) mod frame;
pub(crate) mod replay;

use std::collections::VecDeque;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::AtomicBool;
#[cfg(test)]
use std::sync::atomic::Ordering;

/// Size in bytes at which a segment is sealed.
const FULL: u64 = 64 << 20;
/// File space is allocated in steps of this many bytes.
const STEP: u64 = 1 << 20;
/// Upper bound, in bytes, for buffered frames that nobody waits for; beyond it they are written.
const MAX_PENDING: usize = 64 << 10;

/// A position in the segments. Everything before it is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) at: u64,
}

/// A newly created, still empty segment.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    path: PathBuf,
    file: Arc<File>,
}

impl Segment {
    /// Creates segment `number`. Its directory entry is durable when this returns.
    pub(crate) fn make(directory: &Path, number: u64) -> io::Result<Self> {
        let path = path_of(directory, number);
        let make = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match make() {
            // Left by an earlier attempt that failed. No frame was ever written to a segment of this number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_file(&path)?;
                make()?
            }
            made => made?,
        };
        let segment = Self { number, path, file: Arc::new(file) };
        File::open(directory)?.sync_all()?;
        Ok(segment)
    }
}

/// A sealed segment, which is no longer appended to.
#[derive(Debug)]
struct Sealed {
    segment: Segment,
    /// The last ticket in the segment.
    last: u64,
    synced: bool,
}

/// The write-ahead log: the sealed segments, the current one, and its write position.
#[derive(Debug)]
pub(crate) struct Wal {
    current: Segment,
    length: u64,
    /// Allocated file size in bytes.
    room: u64,
    /// A write or a sync has failed. The state of the file around `length` is unknown, so nothing more may be
    /// written to it.
    tainted: bool,
    /// Sealed segments, oldest first.
    sealed: VecDeque<Sealed>,
    /// Frames that nobody waits for. They are written before any other frame.
    pending: Vec<u8>,
    /// Fault injection for tests, between the log and the disk.
    #[cfg(test)]
    pub(crate) fails: Arc<AtomicBool>,
}

impl Wal {
    /// Starts with an empty segment.
    pub(crate) fn new(current: Segment) -> Self {
        Self {
            current,
            length: 0,
            room: 0,
            tainted: false,
            sealed: VecDeque::new(),
            pending: Vec::new(),
            #[cfg(test)]
            fails: Arc::default(),
        }
    }

    /// Appends frames that somebody waits for. They are written at once, after all buffered frames. `data` is
    /// the tail of the last frame.
    ///
    /// # Errors
    /// None of `frames` is complete in the file, but a part may be. Nothing more may be written to this
    /// segment.
    pub(crate) fn write(&mut self, frames: &[u8], data: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(frames);
        let small = self.pending.len() + data.len() <= MAX_PENDING;
        if small {
            self.pending.extend_from_slice(data);
        }
        self.flush()?;
        if !small {
            self.put(data)?;
        }
        Ok(())
    }

    /// Buffers frames that nobody waits for. They are written with the next frames that are waited for, or by
    /// [`Self::flush`].
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn put_off(&mut self, frames: &[u8], data: &[u8]) -> io::Result<()> {
        if self.pending.len() + frames.len() + data.len() > MAX_PENDING {
            return self.write(frames, data);
        }
        self.pending.extend_from_slice(frames);
        self.pending.extend_from_slice(data);
        Ok(())
    }

    /// Writes the buffered frames.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let put = self.put(&pending);
        self.pending = pending;
        self.pending.clear();
        put
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.tainted {
            return Err(io::Error::other("the end of the file is not known after a failure"));
        }
        #[cfg(test)]
        if self.fails.load(Ordering::SeqCst) {
            self.tainted = true;
            return Err(io::Error::other("a write that fails on purpose"));
        }
        self.make_room(bytes.len() as u64);
        let put = self.current.file.write_all_at(bytes, self.length);
        self.tainted |= put.is_err();
        put?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Allocates file space for `bytes` more bytes. Failure is ignored: a file system that is full, or does
    /// not support this, may still accept the write itself.
    #[cfg(target_os = "linux")]
    fn make_room(&mut self, bytes: u64) {
        use nix::errno::Errno;
        use nix::fcntl::FallocateFlags;
        use nix::fcntl::fallocate;

        let end = self.length.saturating_add(bytes);
        if end <= self.room {
            return;
        }
        let room = end.next_multiple_of(STEP);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        // Not `posix_fallocate`, which falls back to writing zeros where the file system cannot allocate.
        let taken = fallocate(
            &self.current.file,
            FallocateFlags::empty(),
            number(self.room),
            number(room - self.room),
        );
        // Whatever the outcome, the next attempt is one step later; there is none where allocation is
        // unsupported.
        self.room = if taken == Err(Errno::EOPNOTSUPP) { u64::MAX } else { room };
    }

    /// Does nothing: this platform cannot preallocate.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "other systems do something")]
    fn make_room(&mut self, _bytes: u64) {}

    /// Marks the segment as unusable after a failed sync.
    pub(crate) fn taint(&mut self) {
        self.tainted = true;
    }

    /// Returns whether a new segment must be started before anything is written.
    pub(crate) fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// Returns the current end of the log.
    pub(crate) fn position(&self) -> Position {
        Position { segment: self.current.number, at: self.length }
    }

    /// Checks that the current segment is the file that its name stands for.
    ///
    /// # Errors
    /// It was removed or replaced.
    pub(crate) fn check_place(&self) -> io::Result<()> {
        let Segment { path, file, .. } = &self.current;
        let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        if std::fs::metadata(path).map(id).ok() == Some(id(file.metadata()?)) {
            return Ok(());
        }
        Err(io::Error::other(format!("{} was removed or replaced while the gateway ran", path.display())))
    }

    /// Returns whether the segment should be sealed.
    pub(crate) fn is_full(&self) -> bool {
        self.length >= FULL
    }

    /// Seals the current segment, whose last ticket is `last`, and continues in `next`. Buffered frames are
    /// dropped: the caller still has them.
    pub(crate) fn go_on_in(&mut self, next: Segment, last: u64) {
        let segment = std::mem::replace(&mut self.current, next);
        self.sealed.push_back(Sealed { segment, last, synced: false });
        (self.length, self.room) = (0, 0);
        self.tainted = false;
        self.pending.clear();
    }

    /// Returns the files that a sync must cover, oldest first, and how many of them are sealed.
    pub(crate) fn unsynced(&self) -> (Vec<Arc<File>>, usize) {
        let sealed = self.sealed.iter().filter(|sealed| !sealed.synced);
        let mut files: Vec<_> = sealed.map(|sealed| Arc::clone(&sealed.segment.file)).collect();
        let count = files.len();
        files.push(Arc::clone(&self.current.file));
        (files, count)
    }

    /// Marks the first `count` unsynced sealed segments as synced.
    pub(crate) fn synced(&mut self, count: usize) {
        for sealed in self.sealed.iter_mut().filter(|sealed| !sealed.synced).take(count) {
            sealed.synced = true;
        }
    }

    /// Removes and returns the sealed segments that are entirely in the database: those whose tickets are all
    /// at most `stored`.
    pub(crate) fn take_stored(&mut self, stored: u64) -> Vec<PathBuf> {
        let mut taken = Vec::new();
        while let Some(sealed) = self.sealed.pop_front_if(|sealed| sealed.synced && sealed.last <= stored) {
            taken.push(sealed.segment.path);
        }
        taken
    }

    /// Forgets the sealed segments; everything in them is in the database.
    pub(crate) fn forget_sealed(&mut self) {
        self.sealed.clear();
    }
}

fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("ahead-{number:010}.log"))
}

/// Deletes the segments numbered below `end`; everything in them is in the database.
pub(crate) fn remove_before(directory: &Path, end: u64) -> io::Result<()> {
    let old = segments(directory)?.into_iter().filter(|(number, _)| *number < end);
    old.map(|(_, path)| path).try_for_each(std::fs::remove_file)
}

/// Lists the segments in `directory`, oldest first.
pub(crate) fn segments(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("ahead-").and_then(|rest| rest.strip_suffix(".log"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
