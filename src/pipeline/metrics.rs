//! Counters, in the text form of Prometheus. Labels name connections and codes, never principals or paths.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::sync::lock;

/// The counters of one connection.
#[derive(Debug)]
pub struct Counters {
    protocol: Protocol,
    allowed: AtomicU64,
    approved: AtomicU64,
    denied: AtomicU64,
    held: AtomicU64,
    masked: AtomicU64,
    pins_changed: AtomicU64,
    pins_flagged: AtomicU64,
    reply_bytes: AtomicU64,
    /// When the target last answered, in milliseconds since 1970; 0 if it has not.
    answered_ms: AtomicI64,
    /// When it last failed, and with which code.
    failed: Mutex<Option<(i64, DenyCode)>>,
}

/// A target's health as seen by the commands sent to it. There are no separate probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// When it last answered, in milliseconds since 1970; `None` if it has not since the start.
    pub answered_ms: Option<i64>,
    /// Time and code of the last failure to reach the target or to obtain or use its credential.
    pub failed: Option<(i64, DenyCode)>,
}

impl Counters {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            allowed: AtomicU64::default(),
            approved: AtomicU64::default(),
            denied: AtomicU64::default(),
            held: AtomicU64::default(),
            masked: AtomicU64::default(),
            pins_changed: AtomicU64::default(),
            pins_flagged: AtomicU64::default(),
            reply_bytes: AtomicU64::default(),
            answered_ms: AtomicI64::default(),
            failed: Mutex::default(),
        }
    }

    pub(super) fn allowed(&self) {
        self.allowed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn approved(&self) {
        self.approved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pins(&self, changed: u64, flagged: u64) {
        self.pins_changed.fetch_add(changed, Ordering::Relaxed);
        self.pins_flagged.fetch_add(flagged, Ordering::Relaxed);
    }

    /// Notes that the target answered at `at_ms`.
    pub(super) fn answered(&self, at_ms: i64) {
        self.answered_ms.store(at_ms, Ordering::Relaxed);
    }

    /// Notes that a command or login failed at `at_ms`, if the target was the cause.
    pub(super) fn failed(&self, at_ms: i64, denied: &Denied) {
        let of_target = matches!(denied.code, DenyCode::UpstreamCredential | DenyCode::UpstreamUnavailable);
        if of_target && !denied.is_clients_fault() {
            *lock(&self.failed) = Some((at_ms, denied.code));
        }
    }

    fn health(&self) -> TargetHealth {
        let answered_ms = self.answered_ms.load(Ordering::Relaxed);
        TargetHealth { answered_ms: (answered_ms != 0).then_some(answered_ms), failed: *lock(&self.failed) }
    }

    pub(super) fn replied(&self, bytes: u64, masked: u64) {
        self.reply_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.masked.fetch_add(masked, Ordering::Relaxed);
    }
}

/// Why a client's stream was closed before anything was read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamClosed {
    /// Too many streams from its address have not logged in.
    Address,
    /// Too many streams are open in total.
    All,
    /// The worker thread that was to serve it is overloaded.
    Behind,
}

/// All counters of the gateway.
#[derive(Debug, Default)]
pub struct Metrics {
    closed: [AtomicU64; 3],
    connections: Mutex<BTreeMap<ConnectionName, Arc<Counters>>>,
    refused: Mutex<BTreeMap<DenyCode, u64>>,
}

impl Metrics {
    /// Returns the counters of a connection. They begin at zero if its protocol has changed.
    pub(super) fn of(&self, connection: &ConnectionName, protocol: Protocol) -> Arc<Counters> {
        let mut connections = lock(&self.connections);
        if let Some(counters) = connections.get(connection).filter(|counters| counters.protocol == protocol) {
            return Arc::clone(counters);
        }
        let counters = Arc::new(Counters::new(protocol));
        connections.insert(connection.clone(), Arc::clone(&counters));
        counters
    }

    pub(super) fn refused(&self, code: DenyCode) {
        *lock(&self.refused).entry(code).or_default() += 1;
    }

    pub(super) fn stream_closed(&self, why: StreamClosed) {
        let [address, all, behind] = &self.closed;
        let counter = match why {
            StreamClosed::Address => address,
            StreamClosed::All => all,
            StreamClosed::Behind => behind,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the health of a connection's target since the start.
    pub fn target(&self, connection: &ConnectionName) -> TargetHealth {
        let connections = lock(&self.connections);
        connections.get(connection).map(|counters| counters.health()).unwrap_or_default()
    }

    /// Writes the text exposition format, version 0.0.4. `gauges` are added as they are: name, help text,
    /// value.
    pub fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut out = String::new();
        out.push_str("# HELP hoopctl_requests_total Commands by connection and verdict.\n# TYPE hoopctl_requests_total counter\n");
        let connections = lock(&self.connections);
        for (name, counters) in connections.iter() {
            let protocol = counters.protocol;
            for (verdict, count) in [
                ("allowed", &counters.allowed),
                ("approved", &counters.approved),
                ("denied", &counters.denied),
                ("held", &counters.held),
            ] {
                let count = count.load(Ordering::Relaxed);
                let _infallible = writeln!(
                    out,
                    "hoopctl_requests_total{{connection=\"{name}\",protocol=\"{protocol}\",verdict=\"{verdict}\"}} {count}"
                );
            }
        }
        let mut counter = |metric: &str, help: &str, value: fn(&Counters) -> u64| {
            let _infallible = writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} counter");
            for (name, counters) in connections.iter() {
                let _infallible = writeln!(out, "{metric}{{connection=\"{name}\"}} {}", value(counters));
            }
        };
        counter("hoopctl_masked_values_total", "Values masked in replies.", |of| {
            of.masked.load(Ordering::Relaxed)
        });
        counter("hoopctl_reply_bytes_total", "Bytes of reply bodies sent to clients.", |of| {
            of.reply_bytes.load(Ordering::Relaxed)
        });
        counter("hoopctl_pins_changed_total", "Changes to server catalogs since they were accepted.", |of| {
            of.pins_changed.load(Ordering::Relaxed)
        });
        counter(
            "hoopctl_pins_flagged_total",
            "Catalog entries of servers with hidden characters or very long texts.",
            |of| of.pins_flagged.load(Ordering::Relaxed),
        );
        drop(connections);
        out.push_str(
            "# HELP hoopctl_refused_total Refusals by code.\n# TYPE hoopctl_refused_total counter\n",
        );
        for (code, count) in lock(&self.refused).iter() {
            let _infallible = writeln!(out, "hoopctl_refused_total{{code=\"{code}\"}} {count}");
        }
        out.push_str("# HELP hoopctl_streams_closed_total Client streams that were closed unread, by the limit that they met.\n# TYPE hoopctl_streams_closed_total counter\n");
        for (limit, count) in ["logins", "streams", "workers"].iter().zip(&self.closed) {
            let count = count.load(Ordering::Relaxed);
            let _infallible = writeln!(out, "hoopctl_streams_closed_total{{limit=\"{limit}\"}} {count}");
        }
        for (name, help, value) in gauges {
            let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_blamed_for_what_it_did_and_for_nothing_else() {
        let metrics = Metrics::default();
        let name: ConnectionName = "crm".parse().unwrap();
        assert_eq!(metrics.target(&name), TargetHealth::default());
        let counters = metrics.of(&name, Protocol::Http);
        for (code, reason) in [
            (DenyCode::Denied, None),
            (DenyCode::UnmaskableReply, None),
            (DenyCode::SessionEnded, None),
            (DenyCode::UpstreamUnavailable, Some("client_gone")),
            (DenyCode::UpstreamUnavailable, Some("client_cancelled")),
        ] {
            counters.failed(1, &Denied { audit: reason, ..Denied::new(code, "") });
            assert_eq!(metrics.target(&name).failed, None, "{code} {reason:?}");
        }
        counters.failed(5, &Denied::new(DenyCode::UpstreamUnavailable, "").because("upstream_timeout"));
        counters.failed(6, &Denied::new(DenyCode::UpstreamCredential, "").because("target_401"));
        counters.answered(9);
        let health = metrics.target(&name);
        assert_eq!(health.failed, Some((6, DenyCode::UpstreamCredential)));
        assert_eq!(health.answered_ms, Some(9));
    }

    #[test]
    fn commands_are_counted_under_their_protocol() {
        let metrics = Metrics::default();
        let name: ConnectionName = "db".parse().unwrap();
        metrics.of(&name, Protocol::Postgres).allowed();
        metrics.of(&name, Protocol::Postgres).allowed();
        let line = "hoopctl_requests_total{connection=\"db\",protocol=\"postgres\",verdict=\"allowed\"} 2\n";
        assert!(metrics.text(&[]).contains(line), "{}", metrics.text(&[]));
    }
}
