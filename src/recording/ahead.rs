//! What is written ahead of the database: every event goes to a plain file first, in the order of arrival, with one `write()`
//! by the thread that has it. That is all a read waits for, and one sync of this file all that anything else waits for. The
//! database follows in large batches, which cost a fraction of small ones.
//!
//! Room in the file is taken in steps before it is needed, so that a sync needs to bring the bytes to the disk and not a new length of the
//! file, too. What is taken and not written reads as zeros.
//!
//! The file comes in segments. One that is full is sealed, and removed once the database has all that is in it, on the disk.
//! What a dead process left behind is put into the database at the next start ([`replay`]).

pub(crate) mod frame;
pub(crate) mod replay;

use std::collections::VecDeque;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::AtomicBool;
#[cfg(test)]
use std::sync::atomic::Ordering;

/// Bytes after which a segment is sealed.
const FULL: u64 = 64 << 20;
/// Room is taken in steps of so many bytes.
const STEP: u64 = 1 << 20;
/// Frames that nobody waits for are written at the latest when there are so many bytes of them.
const MAX_PENDING: usize = 64 << 10;

/// A place in the segments: all before it is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) at: u64,
}

/// A segment that was made, and has nothing in it yet.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    path: PathBuf,
    file: Arc<File>,
}

impl Segment {
    /// Makes segment `number`; its name is on the disk before it is used.
    pub(crate) fn make(directory: &Path, number: u64) -> io::Result<Self> {
        let path = path_of(directory, number);
        let make = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match make() {
            // Left behind by a try that failed: nothing was ever written to a segment of this number.
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

/// A segment that takes no more.
#[derive(Debug)]
struct Sealed {
    segment: Segment,
    /// The last ticket in it.
    last: u64,
    synced: bool,
}

/// The segments, and the end of the last one.
#[derive(Debug)]
pub(crate) struct Ahead {
    current: Segment,
    length: u64,
    /// For how many bytes the file has room.
    room: u64,
    /// A write or a sync has failed: what is behind `length`, or before it, is unknown, and nothing more may be written.
    tainted: bool,
    /// Oldest first.
    sealed: VecDeque<Sealed>,
    /// Frames that nobody waits for; they are written before anything else is.
    pending: Vec<u8>,
    /// What tests put between it and the disk.
    #[cfg(test)]
    pub(crate) fails: Arc<AtomicBool>,
}

impl Ahead {
    /// Begins with an empty segment.
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

    /// Adds frames that somebody waits for: they are written at once, and all that was put off before them. `data` ends the last one.
    ///
    /// # Errors
    /// Nothing of `frames` is in the file, but perhaps a beginning: nothing more may be written to this segment.
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

    /// Adds frames that nobody waits for: they are written with the next that are waited for, or by [`Self::flush`].
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

    /// Writes what was put off.
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

    /// Takes room for so many more bytes. A file system that cannot do so, or is full, may still take the bytes themselves.
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
        // Not that of POSIX, which writes zeros where the file system cannot take room.
        let taken = fallocate(
            &self.current.file,
            FallocateFlags::empty(),
            number(self.room),
            number(room - self.room),
        );
        // Whatever comes of it, it is not tried again before the next step, and where it cannot be, not at all.
        self.room = if taken == Err(Errno::EOPNOTSUPP) { u64::MAX } else { room };
    }

    /// Takes no room before it is needed.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "other systems do something")]
    fn make_room(&mut self, _bytes: u64) {}

    /// A sync has failed.
    pub(crate) fn taint(&mut self) {
        self.tainted = true;
    }

    /// Whether it must go on in a new segment before anything is written.
    pub(crate) fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// The end of what is written.
    pub(crate) fn position(&self) -> Position {
        Position { segment: self.current.number, at: self.length }
    }

    /// Whether the segment should be sealed.
    pub(crate) fn is_full(&self) -> bool {
        self.length >= FULL
    }

    /// Seals the segment, whose last ticket is `last`, and goes on in `next`. What was put off is forgotten: the caller has it.
    pub(crate) fn go_on_in(&mut self, next: Segment, last: u64) {
        let segment = std::mem::replace(&mut self.current, next);
        self.sealed.push_back(Sealed { segment, last, synced: false });
        (self.length, self.room) = (0, 0);
        self.tainted = false;
        self.pending.clear();
    }

    /// The files that one sync must reach, the oldest first, and how many of them are sealed.
    pub(crate) fn unsynced(&self) -> (Vec<Arc<File>>, usize) {
        let sealed = self.sealed.iter().filter(|sealed| !sealed.synced);
        let mut files: Vec<_> = sealed.map(|sealed| Arc::clone(&sealed.segment.file)).collect();
        let count = files.len();
        files.push(Arc::clone(&self.current.file));
        (files, count)
    }

    /// The first `count` sealed segments that were not synced are so now.
    pub(crate) fn synced(&mut self, count: usize) {
        for sealed in self.sealed.iter_mut().filter(|sealed| !sealed.synced).take(count) {
            sealed.synced = true;
        }
    }

    /// Takes out the sealed segments of which the database has everything: all tickets up to `settled`.
    pub(crate) fn take_settled(&mut self, settled: u64) -> Vec<PathBuf> {
        let mut taken = Vec::new();
        while let Some(sealed) = self.sealed.pop_front_if(|sealed| sealed.synced && sealed.last <= settled) {
            taken.push(sealed.segment.path);
        }
        taken
    }

    /// Forgets the sealed segments: the database has everything that was in them.
    pub(crate) fn forget_sealed(&mut self) {
        self.sealed.clear();
    }
}

fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("ahead-{number:010}.log"))
}

/// Removes the segments with a number below `end`: the database has everything that was in them.
pub(crate) fn remove_before(directory: &Path, end: u64) -> io::Result<()> {
    let old = segments(directory)?.into_iter().filter(|(number, _)| *number < end);
    old.map(|(_, path)| path).try_for_each(std::fs::remove_file)
}

/// The segments in `directory`, the oldest first.
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
