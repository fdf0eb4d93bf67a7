//! Exports a recording to a new file: reads it from the gateway page by page and writes it on a thread that
//! may block on the disk.

use std::future::Future;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::control::ApiError;
use crate::control::Backend;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::EventsFrom;
use crate::control::noun::session::SessionView;
use crate::recording::SessionRow;
use crate::recording::StoredEvent;
use crate::recording::export::ExportError;
use crate::recording::export::Form;
use crate::recording::export::NewFile;
use crate::tui::perform::PAGE;

/// Maximum number of queued pages. Together with the page being read and the page being written, this bounds
/// the memory use.
const WAITING: usize = 1;

/// A message to the writer thread.
enum Part {
    /// The next events.
    Events(Vec<StoredEvent>),
    /// The end of the recording.
    End,
}

/// Writes a recording to a new file that only its owner can read. Returns the number of events.
///
/// # Errors
/// A message for users: the gateway's error, an existing file, or the system's error on writing.
pub async fn export(
    backend: &dyn Backend,
    session: &SessionView,
    form: Form,
    to: &Path,
) -> Result<u64, String> {
    let page = |from| {
        let wanted = EventsFrom { from: Some(from), limit: Some(PAGE) };
        backend.session_events(session.id, wanted)
    };
    paged(page, session.row(), form, to.to_owned()).await
}

/// Implements [`export`] for a recording whose pages are requested by their first event.
async fn paged<F: Future<Output = Result<EventPage, ApiError>>>(
    page: impl FnMut(u64) -> F,
    row: SessionRow,
    form: Form,
    to: PathBuf,
) -> Result<u64, String> {
    let (parts, inbox) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || write(&row, form, &to, inbox));
    let read = read(page, &parts).await;
    // Without `Part::End` the recording is incomplete, and the thread discards the file.
    drop(parts);
    let written = writing.await.map_err(|fault| format!("the thread that writes failed: {fault}"))?;
    read.and(written)
}

/// Reads all events. A writer that has stopped is not an error here: it reports the reason itself.
async fn read<F: Future<Output = Result<EventPage, ApiError>>>(
    mut page: impl FnMut(u64) -> F,
    parts: &mpsc::Sender<Part>,
) -> Result<(), String> {
    let mut next = Some(1);
    while let Some(from) = next {
        let page = page(from).await.map_err(|error| error.message)?;
        let events: Result<Vec<_>, _> =
            page.events.iter().map(|event| StoredEvent::received(&event.hash, &event.line)).collect();
        let events = events.map_err(|error| error.to_string())?;
        // A page that does not advance would be read forever.
        next = page.next.filter(|next| *next > from);
        if parts.send(Part::Events(events)).await.is_err() {
            return Ok(());
        }
    }
    drop(parts.send(Part::End).await);
    Ok(())
}

/// Writes the parts on its own thread.
fn write(row: &SessionRow, form: Form, to: &Path, inbox: mpsc::Receiver<Part>) -> Result<u64, String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there(to),
        _ => format!("cannot write {}: {error}", to.display()),
    };
    let mut file = NewFile::create(to).map_err(failed)?;
    let mut count = 0;
    let events = Events { inbox, page: Vec::new().into_iter(), count: &mut count, over: false };
    form.write(row, events, &mut file).map_err(|error| message_of(&error))?;
    file.finish().map_err(failed)?;
    Ok(count)
}

fn is_there(to: &Path) -> String {
    format!("{} is there already: choose another name", to.display())
}

/// Formats an error with the system's message.
fn message_of(error: &ExportError) -> String {
    match error {
        ExportError::Write { source } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

/// The events as they arrive.
struct Events<'a> {
    inbox: mpsc::Receiver<Part>,
    page: std::vec::IntoIter<StoredEvent>,
    count: &'a mut u64,
    over: bool,
}

impl Iterator for Events<'_> {
    type Item = Result<StoredEvent, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.page.next() {
                *self.count = self.count.saturating_add(1);
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            match self.inbox.blocking_recv() {
                Some(Part::Events(page)) => self.page = page.into_iter(),
                Some(Part::End) => self.over = true,
                None => {
                    self.over = true;
                    let source = io::Error::other("the recording was not read to its end");
                    return Some(Err(ExportError::Write { source }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ErrorCode;
    use crate::control::noun::session::RecordedEvent;
    use crate::domain::id::SessionId;

    const EVENTS: u64 = 25_000;

    fn row() -> SessionRow {
        SessionRow {
            id: SessionId::from_bits(7),
            principal: "corp/kim".to_owned(),
            label: "kim".to_owned(),
            kind: crate::domain::principal::Kind::Human,
            connection: "crm".to_owned(),
            protocol: "http".to_owned(),
            issuer: "corp".to_owned(),
            client: None,
            source: "127.0.0.1:1".to_owned(),
            started_ms: 0,
            ended_ms: None,
            end: None,
            events: EVENTS,
            denied: 0,
            masked: 0,
            bytes: 0,
            pruned_ms: None,
        }
    }

    /// Returns a page of a recording of [`EVENTS`] events.
    fn page(from: u64) -> EventPage {
        let last = (from + u64::from(PAGE) - 1).min(EVENTS);
        let event = |seq| {
            let line = serde_json::json!({
                "v": 1, "sid": SessionId::from_bits(7).to_string(), "seq": seq, "t": seq, "ts": "2026-11-20T09:14:03.000Z",
                "kind": "marker", "dir": null, "corr": null, "data": {"text": format!("mark {seq}")}, "mask": [],
            });
            RecordedEvent { seq, hash: "0".repeat(64), line: line.to_string() }
        };
        EventPage {
            session: SessionId::from_bits(7),
            events: (from..=last).map(event).collect(),
            next: (last < EVENTS).then_some(last + 1),
            ended: true,
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        std::fs::read_dir(dir).unwrap().map(name).collect()
    }

    #[tokio::test]
    async fn many_events_are_all_in_the_file_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("all.txt");
        let found = paged(|from| std::future::ready(Ok(page(from))), row(), Form::Text, to.clone()).await;
        assert_eq!(found, Ok(EVENTS));
        let text = std::fs::read_to_string(&to).unwrap();
        assert_eq!(text.lines().count() as u64, EVENTS);
        assert!(text.lines().last().unwrap().ends_with("mark 25000"));
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["all.txt"]);
    }

    #[tokio::test]
    async fn no_more_pages_are_read_than_can_be_written() {
        let (parts, inbox) = mpsc::channel(WAITING);
        let asked = std::cell::Cell::new(0);
        let ask = |from| {
            asked.set(asked.get() + 1);
            std::future::ready(Ok(page(from)))
        };
        let reading = read(ask, &parts);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), reading).await.is_err());
        assert_eq!(asked.get(), WAITING + 1);
        drop(inbox);
    }

    #[tokio::test]
    async fn an_error_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("half.jsonl");
        let fails = |from| {
            let lost = Err(ApiError::new(ErrorCode::Unavailable, "the gateway stops"));
            std::future::ready(if from > 3000 { lost } else { Ok(page(from)) })
        };
        let found = paged(fails, row(), Form::Jsonl, to.clone()).await;
        assert_eq!(found, Err("the gateway stops".to_owned()));
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
        // A format that cannot hold it.
        let found = paged(|from| std::future::ready(Ok(page(from))), row(), Form::Sql, to).await;
        assert!(found.unwrap_err().contains("it speaks http"));
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }

    #[tokio::test]
    async fn one_that_is_given_up_half_way_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("half.txt");
        let (told, heard) = tokio::sync::oneshot::channel();
        let mut told = Some(told);
        let hangs = move |from| {
            if from > 3000
                && let Some(told) = told.take()
            {
                told.send(()).unwrap();
            }
            async move {
                if from > 3000 {
                    std::future::pending::<()>().await;
                }
                Ok(page(from))
            }
        };
        let task = tokio::spawn(paged(hangs, row(), Form::Text, to.clone()));
        heard.await.unwrap();
        assert!(!to.exists(), "it is written under another name, or none");
        task.abort();
        let begun = std::time::Instant::now();
        while !names(dir.path()).is_empty() {
            assert!(begun.elapsed().as_secs() < 10, "{:?}", names(dir.path()));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn nothing_is_written_over_even_if_it_came_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("kept.txt");
        std::fs::write(&to, "mine").unwrap();
        let all = |from| std::future::ready(Ok(page(from)));
        let found = paged(all, row(), Form::Text, to.clone()).await;
        assert!(found.unwrap_err().contains("kept.txt is there already"));
        // A dangling link counts as an existing file, as does a file created during the export.
        let link = dir.path().join("link.txt");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        assert!(paged(all, row(), Form::Text, link).await.unwrap_err().contains("is there already"));
        let late = dir.path().join("late.txt");
        let comes = |from| {
            if from > 20_000 {
                std::fs::write(dir.path().join("late.txt"), "theirs").unwrap();
            }
            all(from)
        };
        let found = paged(comes, row(), Form::Text, late.clone()).await;
        assert!(found.unwrap_err().contains("late.txt is there already"));
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(&late).unwrap(), "theirs");
        let mut left = names(dir.path());
        left.sort();
        assert_eq!(left, ["kept.txt", "late.txt", "link.txt"]);
        // A path that names no file is reported.
        let found = paged(all, row(), Form::Text, dir.path().join("no/such/place.txt")).await;
        assert!(found.unwrap_err().starts_with("cannot write "));
    }
}
