//! A recording as a file of its own: `jsonl`, lossless, with all hashes, so that it can be kept, verified and
//! played elsewhere.
//!
//! The first line names the format and the session, each line after it is one event
//! `{"h":"<hash>","e":<stored bytes>}`, and the last line has the number of events and the digest of the
//! first line. The stored bytes are copied verbatim, so they can be hashed without being serialized again.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::hex;
use crate::recording::chain;
use crate::recording::chain::Hash;
use crate::recording::line::LineError;
use crate::recording::line::StoredEvent;
use crate::recording::prove::Told;
use crate::recording::session::SessionRow;
use crate::recording::verify::Broken;
use crate::recording::verify::Damage;
use crate::recording::verify::End;
use crate::recording::verify::Verification;
use crate::recording::verify::Verifier;

/// Version of the format.
pub(crate) const VERSION: u32 = 1;
/// Maximum length of a line in bytes: more than the longest event.
const MAX_LINE: u64 = 256 << 20;
/// The text before the hash, between hash and event, and after the event.
pub(crate) const EVENT: (&[u8], &[u8], &[u8]) = (b"{\"h\":\"", b"\",\"e\":", b"}");
/// Prefix of the last line.
const LAST: &[u8] = b"{\"end\":";

/// Why a file cannot be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An event in it cannot be read; `verify` gives details.
    #[error("{path}:{line}: {source}")]
    Event {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// The problem with the line.
        source: LineError,
    },
    /// The file is not an exported recording.
    #[error("{path}:{line}: not a recording: {problem}")]
    Form {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// The problem with the file.
        problem: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct First {
    pub(crate) hoopctl: String,
    pub(crate) v: u32,
    pub(crate) session: SessionRow,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Last {
    pub(crate) end: LastEvent,
}

/// The last event, as stated by the last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastEvent {
    pub(crate) events: u64,
    pub(crate) hash: String,
    /// SHA-256 of the first line, as 64 hex digits. Older files lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
}

/// Returns the digest of the first line, given without its end.
pub(crate) fn head_of(line: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, line).as_ref())
}

/// An exported recording.
#[derive(Debug)]
pub struct RecordingFile {
    path: PathBuf,
    session: SessionRow,
    /// The digest of the first line.
    head: String,
}

impl RecordingFile {
    /// Reads the first line of a file, which says that it is a recording, and of which session. Events are
    /// read on demand.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a recording of a known version.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let mut lines = Lines::open(path)?;
        let line = lines.next()?.unwrap_or_default();
        let first: First = serde_json::from_slice(&line)
            .map_err(|_error| lines.refuse("its first line is not one of an export of this version"))?;
        if first.hoopctl != "recording" || first.v != VERSION {
            return Err(lines.refuse("it has another form or version"));
        }
        Ok(Self { path: path.to_owned(), session: first.session, head: head_of(&line) })
    }

    /// Returns the recorded session.
    pub const fn session(&self) -> &SessionRow {
        &self.session
    }

    /// Reads the events.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn events(&self) -> Result<FileEvents, FileError> {
        let mut lines = Lines::open(&self.path)?;
        lines.next()?;
        Ok(FileEvents { lines, over: false })
    }

    /// Verifies the recording, or finds where it is broken. This proves that its events are consistent from
    /// the first to the last, and that the first line agrees with them; compare `hash` with one that was kept
    /// elsewhere to prove that the whole chain was not rebuilt.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn verify(&self) -> Result<Verification, FileError> {
        let last = self.last()?;
        let end = last.as_ref().and_then(|last| Some((last.events, chain::from_hex(&last.hash)?)));
        let (seq, hash) = end.unwrap_or((0, chain::GENESIS));
        let row = &self.session;
        let over = row.ended_ms.is_some() && row.pruned_ms.is_none();
        let mut verifier = Verifier::new(row.id, End { seq, hash, last: end.is_some(), over });
        let mut told = Told::default();
        let mut lines = Lines::open(&self.path)?;
        lines.next()?;
        while let Some(line) = lines.next()? {
            match parts(&line) {
                Part::Event(hash, event) => {
                    let before = verifier.events();
                    verifier.push(&hash, event);
                    if verifier.events() > before {
                        told.add(row, row.events, hash, event);
                    }
                }
                Part::Last => break,
                Part::Other => verifier.torn(false),
            }
        }
        if end.is_none() {
            verifier.torn(true);
        }
        let (events, hash) = (verifier.events(), chain::hex(verifier.hash()));
        let head = last.and_then(|last| last.head);
        let broken = verifier.finish().or_else(|| {
            let seq = if head.is_some_and(|head| head != self.head) {
                Some(1)
            } else {
                self.contradicts(&told, events)
            };
            seq.map(|seq| Broken { seq, class: Damage::Index })
        });
        Ok(Verification {
            session: row.id,
            events,
            hash,
            live: row.ended_ms.is_none(),
            pruned_ms: row.pruned_ms,
            broken,
        })
    }

    /// Returns the event that the first line contradicts.
    fn contradicts(&self, told: &Told, events: u64) -> Option<u64> {
        let row = &self.session;
        if row.pruned_ms.is_some() {
            return (events > 0).then_some(1);
        }
        // The row of a live session is read before its events: it may have ended between.
        match (row.ended_ms, row.end) {
            (None, None) => told.contradicts_live(row),
            _ => told.contradicts(row, row.events),
        }
    }

    /// Returns whether the last line has the digest of the first one. Older files lack it: what their first
    /// line says is only compared with the events.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn has_head(&self) -> Result<bool, FileError> {
        Ok(self.last()?.is_some_and(|last| last.head.is_some()))
    }

    /// Reads the last line. `None`: there is no such line.
    fn last(&self) -> Result<Option<LastEvent>, FileError> {
        let mut lines = Lines::open(&self.path)?;
        let mut last = Vec::new();
        while let Some(line) = lines.next()? {
            last = line;
        }
        let last = last.starts_with(LAST).then(|| serde_json::from_slice::<Last>(&last).ok()).flatten();
        Ok(last.map(|last| last.end))
    }
}

enum Part<'a> {
    Event(Hash, &'a [u8]),
    Last,
    Other,
}

fn parts(line: &[u8]) -> Part<'_> {
    let (before, between, after) = EVENT;
    let event = || {
        let rest = line.strip_prefix(before)?;
        let (hash, rest) = rest.split_at_checked(64)?;
        let event = rest.strip_prefix(between)?.strip_suffix(after)?;
        Some((chain::from_hex(std::str::from_utf8(hash).ok()?)?, event))
    };
    match event() {
        Some((hash, event)) => Part::Event(hash, event),
        None if line.starts_with(LAST) => Part::Last,
        None => Part::Other,
    }
}

/// Reads the lines of a file, with a length limit.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(64 << 10, file), line: 0 })
    }

    fn refuse(&self, problem: &'static str) -> FileError {
        FileError::Form { path: self.path.clone(), line: self.line, problem }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(|source| FileError::Read { path: self.path.clone(), source })?;
        if line.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == MAX_LINE {
            return Err(self.refuse("a line that is too long"));
        }
        Ok(Some(line))
    }
}

/// Iterates over the events of a file, in order. An error ends the iteration.
pub struct FileEvents {
    lines: Lines,
    over: bool,
}

impl FileEvents {
    fn read(&mut self) -> Result<Option<StoredEvent>, FileError> {
        let Some(line) = self.lines.next()? else {
            return Err(self.lines.refuse("it is cut: its last line is missing"));
        };
        match parts(&line) {
            Part::Event(hash, event) => StoredEvent::read(hash, event).map(Some).map_err(|source| {
                FileError::Event { path: self.lines.path.clone(), line: self.lines.line, source }
            }),
            Part::Last => Ok(None),
            Part::Other => Err(self.lines.refuse("a line that is no event")),
        }
    }
}

impl Iterator for FileEvents {
    type Item = Result<StoredEvent, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.read().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}
