//! Refusals that have no session are recorded too: in recordings of the gateway's own, one after the other.
//! Retention only prunes recordings that have ended, so each of them has a bounded length.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::domain::Denied;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::SessionId;
use crate::domain::json::write::Object;
use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::domain::text::beginning;
use crate::mask::Notes;
use crate::pipeline::snapshot::Governed;
use crate::recording::GATEWAY;
use crate::recording::Journal;

/// How many refusals per second are recorded one by one; beyond it, the next recorded one carries the number
/// left out.
const PER_SECOND: u32 = 200;
/// How much of a path is kept, in bytes.
const MAX_PATH: usize = 512;
/// How much of a path is looked at, in bytes: anybody may send a long one.
const MAX_LOOK: usize = 4 << 10;

/// How many refusals one recording holds: a few megabytes at most.
const PER_RECORDING: u32 = 10_000;
/// How long one recording lasts.
const LONGEST: Duration = Duration::from_hours(24);

/// The gateway's own recordings.
#[derive(Debug)]
pub(super) struct Refusals {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    recording: Recording,
    flood: Flood,
}

/// The current recording.
#[derive(Debug, Clone, Copy)]
struct Recording {
    session: SessionId,
    started: Instant,
    events: u32,
}

/// Limits how many events of a kind are recorded one by one in a second.
#[derive(Debug)]
pub(super) struct Flood {
    per_second: u32,
    second: u64,
    recorded: u32,
    suppressed: u64,
}

impl Default for Flood {
    fn default() -> Self {
        Self::new(PER_SECOND)
    }
}

impl Flood {
    /// Creates a limit of `per_second` events.
    pub(super) const fn new(per_second: u32) -> Self {
        Self { per_second, second: 0, recorded: 0, suppressed: 0 }
    }

    /// Returns `None` if an event in this second is only counted; else how many before it were only counted.
    pub(super) fn admit(&mut self, second: u64) -> Option<u64> {
        if self.second != second {
            self.second = second;
            self.recorded = 0;
        }
        if self.recorded >= self.per_second {
            self.suppressed += 1;
            return None;
        }
        self.recorded += 1;
        Some(self.take_suppressed())
    }

    /// Returns and resets the number of events that were only counted.
    pub(super) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

/// A request of an unauthenticated peer, or of a caller that was refused before it had a session.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRequest<'a> {
    /// The request's id.
    pub request: RequestId,
    /// The client's address.
    pub source: IpAddr,
    /// The method as it was sent, or empty.
    pub method: &'a str,
    /// The path as it was sent, or empty.
    pub path: &'a str,
    /// The principal, if a token was valid.
    pub principal: Option<&'a str>,
}

impl Refusals {
    /// Begins the first recording of this run.
    pub fn open(journal: &Journal, revision: u64) -> Self {
        let recording = Recording::begin(journal, revision);
        Self { state: Mutex::new(State { recording, flood: Flood::default() }) }
    }

    /// Records one refusal. The path is masked with the masks of the connection it names, if there is one.
    pub fn record(
        &self,
        journal: &Journal,
        revision: u64,
        request: RefusedRequest<'_>,
        denied: &Denied,
        governed: Option<&Governed>,
    ) {
        let Some((recording, suppressed)) = self.admit(journal, revision) else { return };
        let mut notes = Notes::default();
        let path = without_values(whole_segments(request.path));
        // Masked before it is cut: part of a value would not be recognized.
        let masked = governed.and_then(|governed| governed.plan.text(&path, "path", &mut notes));
        let path = masked.as_deref().unwrap_or(&path);
        let path = beginning(path, MAX_PATH);
        let mut data = String::with_capacity(256);
        let mut refusal = Object::begin(&mut data);
        write_failure(&mut refusal, denied);
        refusal.word("source", request.source).text("method", request.method).text("path", path);
        refusal.text("principal", request.principal.unwrap_or_default());
        if suppressed > 0 {
            refusal.value("not_recorded_before", suppressed);
        }
        drop(refusal);
        recording.push(journal, EventKind::Error, Some(request.request), data, notes.take());
    }

    /// Returns the recording for this refusal and the number left out before it; `None` if this one is only
    /// counted.
    fn admit(&self, journal: &Journal, revision: u64) -> Option<(Recording, u64)> {
        let mut state = lock(&self.state);
        let second = state.recording.started.elapsed().as_secs();
        let suppressed = state.flood.admit(second)?;
        state.turn(journal, revision);
        state.recording.events += 1;
        Some((state.recording, suppressed))
    }

    /// Ends a recording that has lasted too long.
    pub fn tick(&self, journal: &Journal, revision: u64) {
        lock(&self.state).turn(journal, revision);
    }

    /// Pretends that `events` more have been recorded.
    #[cfg(test)]
    pub fn grow_by(&self, events: u32) {
        lock(&self.state).recording.events += events;
    }

    /// Ends the recording of this run.
    pub fn close(&self, journal: &Journal) {
        let state = lock(&self.state);
        state.recording.end(journal, SessionEnd::Stopped);
    }
}

impl State {
    /// Begins another recording if this one is full, or has events and is too old.
    fn turn(&mut self, journal: &Journal, revision: u64) {
        let Recording { events, started, .. } = self.recording;
        if events >= PER_RECORDING || (events > 0 && started.elapsed() > LONGEST) {
            self.recording.end(journal, SessionEnd::Limit);
            self.recording = Recording::begin(journal, revision);
        }
    }
}

impl Recording {
    fn begin(journal: &Journal, revision: u64) -> Self {
        let recording = Self { session: SessionId::new(), started: Instant::now(), events: 0 };
        let mut data = String::with_capacity(256);
        Object::begin(&mut data)
            .word("principal", GATEWAY)
            .word("label", "gateway")
            .word("kind", "app")
            .word("issuer", "local")
            .word("client", "")
            .word("connection", "gateway")
            .word("protocol", "http")
            .word("upstream", "")
            .word("source", "")
            .texts("groups", [""; 0])
            .value("policy_rev", revision);
        recording.push(journal, EventKind::SessionStart, None, data, Vec::new());
        recording
    }

    fn end(self, journal: &Journal, reason: SessionEnd) {
        let mut data = String::new();
        Object::begin(&mut data).word("reason", reason);
        self.push(journal, EventKind::SessionEnd, None, data, Vec::new());
    }

    fn push(
        self,
        journal: &Journal,
        kind: EventKind,
        corr: Option<RequestId>,
        data: String,
        mask: Vec<MaskNote>,
    ) {
        let event = Event {
            session: self.session,
            t_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            ts_ms: now_ms(),
            kind,
            dir: None,
            corr,
            data,
            mask,
        };
        // The request is refused either way, and nothing was forwarded that had to be recorded first.
        if let Err(error) = journal.push(event) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }
}

/// Returns as much of a path as is looked at, without the segment that does not end there.
fn whole_segments(path: &str) -> &str {
    let looked = beginning(path, MAX_LOOK);
    if looked.len() == path.len() {
        path
    } else {
        looked.get(..=looked.rfind('/').unwrap_or(0)).unwrap_or_default()
    }
}

/// Returns a path without the values of its parameters, in the query or after a `;`: the caller is not known,
/// and a value may be a token. The delimiters may be percent-encoded, as by a client that took the query for
/// a part of the path.
fn without_values(path: &str) -> String {
    let mut out = String::with_capacity(path.len().min(2 * MAX_PATH));
    let (mut in_query, mut in_value) = (false, false);
    let mut rest = path;
    while let Some((mark, length)) = first_mark(rest) {
        let (this, after) = rest.split_at(length);
        rest = after;
        // Anything else may be part of the value, even a `/` or an encoded delimiter, so only the delimiter
        // itself ends it.
        let ends = if in_query { this == "&" } else { matches!(this, ";" | "&" | "?") };
        in_value &= !ends;
        if in_value {
            continue;
        }
        out.push_str(this);
        in_query |= mark == '?';
        if mark == '=' {
            in_value = true;
            out.push_str("[withheld]");
        }
    }
    out
}

/// Returns the first character of `text` and its length there. A delimiter is recognized however often it is
/// percent-encoded: a path may be decoded more than once on its way.
fn first_mark(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    let Some(mut code) = text.strip_prefix('%') else { return Some((first, first.len_utf8())) };
    while let Some(inner) = code.strip_prefix("25") {
        code = inner;
    }
    let mark = match code.get(..2).map(str::to_ascii_uppercase).as_deref() {
        Some("3B") => ';',
        Some("3D") => '=',
        Some("3F") => '?',
        _ => return Some((first, 1)),
    };
    Some((mark, text.len() - code.len() + 2))
}

/// The data of an `error` event.
pub(super) fn failure_data(denied: &Denied) -> String {
    let mut data = String::new();
    write_failure(&mut Object::begin(&mut data), denied);
    data
}

fn write_failure(data: &mut Object<'_>, denied: &Denied) {
    data.word("code", denied.code).word("reason", denied.audit.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_one() {
        let mut flood = Flood::default();
        let recorded = (0..1000).filter(|_| flood.admit(7).is_some()).count();
        assert_eq!(recorded, 200);
        assert_eq!((flood.admit(8), flood.admit(8)), (Some(800), Some(0)));
    }

    #[test]
    fn of_a_long_path_whole_segments_are_looked_at() {
        let segment = "eyJ.".repeat(MAX_LOOK / 4);
        for (path, looked_at) in [
            ("/c/crm/a", "/c/crm/a".to_owned()),
            (&*format!("/c/crm/{segment}"), "/c/crm/".to_owned()),
            (&segment[..MAX_LOOK], segment[..MAX_LOOK].to_owned()),
            (&format!("x\u{e9}{segment}"), "x".to_owned()),
        ] {
            assert_eq!(whole_segments(path), looked_at);
        }
    }

    #[test]
    fn a_path_is_kept_without_the_values_of_its_parameters() {
        for (path, kept) in [
            ("/c/crm/customers/7", "/c/crm/customers/7"),
            ("", ""),
            ("/c/crm/x?access_token=s3cr/et;x&b=1", "/c/crm/x?access_token=[withheld]&b=[withheld]"),
            ("/c/crm/x?flag&b", "/c/crm/x?flag&b"),
            ("/c/crm/x%3Faccess_token%3ds3cret%26b%3D1", "/c/crm/x%3Faccess_token%3d[withheld]"),
            ("/c/crm/x;sid=s3cret/y;v=1?a=2", "/c/crm/x;sid=[withheld];v=[withheld]?a=[withheld]"),
            ("/c/crm/x%3bsid=s3cret%3Fa=b/c", "/c/crm/x%3bsid=[withheld]"),
            ("/c/crm/a==b/\u{e9}%", "/c/crm/a=[withheld]"),
            ("/c/crm/\u{e9}%/%2\u{e9}%25", "/c/crm/\u{e9}%/%2\u{e9}%25"),
            ("/c/crm/x;token=abc%3Fdef", "/c/crm/x;token=[withheld]"),
            ("/c/crm/x;sid=ab/cd", "/c/crm/x;sid=[withheld]"),
            ("/c/crm/x%253Faccess_token%253Ds3cret", "/c/crm/x%253Faccess_token%253D[withheld]"),
            ("/c/crm/x%25253fa%3D1?b=2", "/c/crm/x%25253fa%3D[withheld]"),
        ] {
            assert_eq!(without_values(path), kept, "{path}");
        }
    }
}
