//! What is refused before there is a session is recorded too: in the gateway's own recording, one per run.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use crate::domain::Denied;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::SessionId;
use crate::domain::json::write_string;
use crate::pipeline::now_ms;
use crate::recording::GATEWAY;
use crate::recording::Journal;

/// How many refusals a second are recorded one by one; a flood beyond that is counted in the next one.
const PER_SECOND: u32 = 200;
/// How much of a target's path is kept, in bytes.
const MAX_TARGET: usize = 512;

/// The gateway's own recording.
#[derive(Debug)]
pub(super) struct Refusals {
    session: SessionId,
    started: Instant,
    flood: Mutex<Flood>,
}

#[derive(Debug)]
struct Flood {
    second: u64,
    recorded: u32,
    suppressed: u64,
}

/// What is known of a request that has no session.
#[derive(Debug, Clone, Copy)]
pub struct Stranger<'a> {
    /// The request.
    pub request: RequestId,
    /// Where it came from.
    pub source: IpAddr,
    /// The method as it came, or empty.
    pub method: &'a str,
    /// The path as it came, or empty; never the query.
    pub path: &'a str,
    /// The principal, where a token held.
    pub principal: Option<&'a str>,
}

impl Refusals {
    /// Begins the recording of this run.
    pub fn open(journal: &Journal, revision: u64) -> Self {
        let refusals = Self {
            session: SessionId::new(),
            started: Instant::now(),
            flood: Mutex::new(Flood { second: 0, recorded: 0, suppressed: 0 }),
        };
        let data = format!(
            "{{\"principal\":\"{GATEWAY}\",\"label\":\"gateway\",\"kind\":\"app\",\"issuer\":\"local\",\"client\":\"\",\"connection\":\"gateway\",\"protocol\":\"http\",\"upstream\":\"\",\"source\":\"\",\"groups\":[],\"policy_rev\":{revision}}}"
        );
        refusals.push(journal, EventKind::SessionStart, None, data);
        refusals
    }

    fn push(&self, journal: &Journal, kind: EventKind, corr: Option<RequestId>, data: String) {
        let event = Event {
            session: self.session,
            t_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            ts_ms: now_ms(),
            kind,
            dir: None,
            corr,
            data,
            mask: Vec::new(),
        };
        // The request is refused either way; nothing was forwarded that would have to be in the recording first.
        if let Err(error) = journal.push(event) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    /// Records one refusal.
    pub fn record(&self, journal: &Journal, stranger: Stranger<'_>, denied: &Denied) {
        let Some(suppressed) = self.admit() else { return };
        let mut data = String::with_capacity(256);
        let _infallible = write!(
            data,
            "{{\"code\":\"{}\",\"reason\":\"{}\"",
            denied.code,
            denied.audit.unwrap_or_default()
        );
        let path = stranger.path.get(..stranger.path.floor_char_boundary(MAX_TARGET)).unwrap_or_default();
        let source = stranger.source.to_string();
        for (name, value) in [
            ("source", source.as_str()),
            ("method", stranger.method),
            ("path", path),
            ("principal", stranger.principal.unwrap_or_default()),
        ] {
            let _infallible = write!(data, ",\"{name}\":");
            let _infallible = write_string(value, &mut data);
        }
        if suppressed > 0 {
            let _infallible = write!(data, ",\"not_recorded_before\":{suppressed}");
        }
        data.push('}');
        self.push(journal, EventKind::Error, Some(stranger.request), data);
    }

    /// Whether this one is recorded, and how many before it were only counted.
    fn admit(&self) -> Option<u64> {
        let second = self.started.elapsed().as_secs();
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        if flood.second != second {
            flood.second = second;
            flood.recorded = 0;
        }
        if flood.recorded >= PER_SECOND {
            flood.suppressed += 1;
            return None;
        }
        flood.recorded += 1;
        Some(std::mem::take(&mut flood.suppressed))
    }

    /// Ends the recording of this run.
    pub fn close(&self, journal: &Journal) {
        self.push(
            journal,
            EventKind::SessionEnd,
            None,
            format!("{{\"reason\":\"{}\"}}", SessionEnd::Stopped),
        );
    }
}
