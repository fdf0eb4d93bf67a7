//! The first step: authenticates the caller, finds a connection that is open to it, and opens a session, or
//! refuses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::SessionId;
use crate::domain::denied::reason;
use crate::domain::now_ms;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::authenticate::unauthenticated;
use crate::pipeline::end::EndWatch;
use crate::pipeline::memory::BodyShare;
use crate::pipeline::metrics::Counters;
use crate::pipeline::metrics::StreamClosed;
use crate::pipeline::refusals::RefusedRequest;
use crate::pipeline::sessions::Session;
use crate::pipeline::side::SideNotes;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::snapshot::Snapshot;
use crate::policy::Subject;

/// A request that has just arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The request's id.
    pub request: RequestId,
    /// The protocol of the listener.
    pub protocol: Protocol,
    /// The client's address.
    pub source: IpAddr,
    /// The bearer token, if there is exactly one.
    pub token: Option<&'a str>,
    /// The connection's name, as the client sent it.
    pub connection: &'a str,
    /// The method, for the audit trail.
    pub method: &'a str,
    /// The path, for the audit trail.
    pub path: &'a str,
}

/// One command of an authenticated caller. It keeps the snapshot that it began with.
pub struct Exchange {
    pub(super) gate: Gate,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) request: RequestId,
    pub(super) source: IpAddr,
    pub(super) session: Arc<Session>,
    /// The connection as it is in this command's snapshot.
    pub(super) governed: Arc<Governed>,
    pub(super) verified: Arc<Verified>,
    pub(super) counters: Arc<Counters>,
    pub(super) began: Instant,
    /// Whether the command may change something. True until it is admitted, when its class is known.
    pub(super) changes: bool,
    /// The memory share of its body.
    pub(super) body_share: BodyShare,
}

/// A caller to whom a connection is open.
pub(super) struct Authorized {
    pub verified: Arc<Verified>,
    /// The snapshot whose issuers verified the caller.
    pub snapshot: Arc<Snapshot>,
    /// The connection as it is in this snapshot.
    pub governed: Arc<Governed>,
}

impl Gate {
    /// Authenticates a request: verifies its token, checks the locks, finds the connection, opens the
    /// session, and counts the request.
    pub async fn enter(&self, arrival: Arrival<'_>) -> Result<Exchange, Denied> {
        let began = Instant::now();
        let open = |Authorized { verified, snapshot, governed }| {
            let session =
                self.0.sessions.open(&verified, &governed, arrival.source, &snapshot, &self.0.journal)?;
            session.begin_exchange();
            let counters = self.counters(&governed);
            Ok(Exchange {
                gate: self.clone(),
                snapshot,
                request: arrival.request,
                source: arrival.source,
                counters,
                session,
                governed,
                verified,
                began,
                changes: true,
                body_share: BodyShare::default(),
            })
        };
        self.authorize_then(arrival, open).await
    }

    /// Identifies the caller and the connection without counting against the rate limit. Gives no `Exchange`,
    /// so nothing can be sent; used when a client cancels or closes.
    ///
    /// # Errors
    /// The token is not valid, or the connection is not open to its principal.
    pub async fn identify_uncounted(
        &self,
        arrival: Arrival<'_>,
    ) -> Result<(Arc<str>, Arc<Governed>), Denied> {
        let (verified, snapshot) = self.authenticate_arrival(&arrival).await?;
        let Authorized { verified, governed, .. } = self.authorize(&arrival, verified, snapshot)?;
        Ok((Arc::clone(&verified.principal.id), governed))
    }

    /// Returns whether a token is valid and no lock applies to its caller. Policies are not asked.
    pub async fn accepts_token(&self, token: &str) -> bool {
        let Ok((verified, _)) = self.authenticate(token).await else { return false };
        !self.0.locks.load().shuts_out(&verified.principal, &verified.token_ids)
    }

    /// Counts a client's stream that was closed before anything was read from it.
    pub fn stream_closed(&self, why: StreamClosed) {
        self.0.metrics.stream_closed(why);
    }

    /// Identifies the caller, finds the connection, which is open to it, counts against the rate limits, and
    /// then opens the caller's session with `open`. A refusal is recorded, with the caller as far as it is
    /// known.
    pub(super) async fn authorize_then<T>(
        &self,
        arrival: Arrival<'_>,
        open: impl FnOnce(Authorized) -> Result<T, Denied>,
    ) -> Result<T, Denied> {
        let (verified, snapshot) = self
            .authenticate_arrival(&arrival)
            .await
            .inspect_err(|denied| self.refuse_stranger(arrival, None, denied))?;
        let who = Arc::clone(&verified);
        let opened = self.authorize(&arrival, verified, snapshot).and_then(|authorized| {
            self.count_request(&authorized.verified, &authorized.snapshot, &authorized.governed)?;
            open(authorized)
        });
        opened.inspect_err(|denied| self.refuse_stranger(arrival, Some(&who), denied))
    }

    /// Verifies the token of a request.
    async fn authenticate_arrival(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<(Arc<Verified>, Arc<Snapshot>), Denied> {
        let token = arrival.token.ok_or_else(|| unauthenticated(reason::NO_TOKEN))?;
        self.authenticate(token).await
    }

    /// Counts a request of a caller against the limits of its rate.
    ///
    /// # Errors
    /// The caller asks too fast.
    pub(super) fn count_request(
        &self,
        verified: &Verified,
        snapshot: &Snapshot,
        governed: &Governed,
    ) -> Result<(), Denied> {
        let id = &verified.principal.id;
        self.0.callers.admit(id, None, snapshot.limits().rate)?;
        self.0.callers.admit(id, Some(&governed.connection.name), governed.connection.limits.rate)
    }

    /// Checks the locks on a caller, and finds the connection, which is open to it.
    fn authorize(
        &self,
        arrival: &Arrival<'_>,
        verified: Arc<Verified>,
        snapshot: Arc<Snapshot>,
    ) -> Result<Authorized, Denied> {
        let locks = self.0.locks.load();
        if locks.shuts_out(&verified.principal, &verified.token_ids) {
            return Err(locked());
        }
        let Some(governed) = snapshot.connection(arrival.connection).map(Arc::clone) else {
            return Err(no_such_connection().because("unknown"));
        };
        // A database cannot be reached through HTTP, nor an API through a database's protocol.
        if governed.connection.protocol != arrival.protocol {
            return Err(no_such_connection().because("wrong_protocol"));
        }
        let subject = subject(&verified, &governed, arrival.source);
        if !snapshot.policies().opens(&subject) {
            return Err(no_such_connection().because("not_open"));
        }
        if locks.shuts(&governed.connection.name) {
            return Err(locked());
        }
        Ok(Authorized { verified, snapshot, governed })
    }

    /// Returns the counters of a connection.
    pub(super) fn counters(&self, governed: &Governed) -> Arc<Counters> {
        Arc::clone(
            governed
                .counters
                .get_or_init(|| self.0.metrics.of(&governed.connection.name, governed.connection.protocol)),
        )
    }

    /// Records a refusal that has no session.
    pub fn refuse_stranger(&self, arrival: Arrival<'_>, who: Option<&Arc<Verified>>, denied: &Denied) {
        self.0.metrics.refused(denied.code);
        tracing::info!(request = %arrival.request, code = %denied.code, reason = denied.audit.unwrap_or_default(), "request refused");
        let refused = RefusedRequest {
            request: arrival.request,
            source: arrival.source,
            method: arrival.method,
            path: arrival.path,
            principal: who.map(|verified| &*verified.principal.id),
        };
        let snapshot = self.0.snapshot.load();
        let governed = snapshot.connection(arrival.connection).map(|governed| &**governed);
        self.0.refusals.record(&self.0.journal, snapshot.revision(), refused, denied, governed);
    }

    /// Ends every session, and the recording of this run's refusals.
    pub fn close(&self) {
        self.0.sessions.end_all(&self.0.journal);
        self.0.sessions.record_ends(&self.0.journal, std::time::Duration::ZERO);
        self.0.refusals.close(&self.0.journal);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.session.end_exchange(&self.gate.0.journal);
    }
}

impl Exchange {
    /// Returns the session's id.
    pub fn session_id(&self) -> SessionId {
        self.session.id
    }

    /// Returns the request's id.
    pub fn request_id(&self) -> RequestId {
        self.request
    }

    /// Returns the caller's principal id.
    pub fn principal(&self) -> &str {
        &self.verified.principal.id
    }

    /// Returns what the entry of the caller's issuer says, as a digest: see
    /// [`Issuers::digest_of`](crate::identity::Issuers::digest_of).
    pub fn issuer_digest(&self) -> [u8; 32] {
        self.snapshot.issuers().digest_of(self.principal())
    }

    /// Returns whether a command may pass with some arguments, at once or when approved. Commands that may
    /// not are hidden from the caller. Uses the current policies: a stream may outlive the ones it began
    /// with.
    pub fn shows(&self, command: &Command) -> bool {
        self.gate.0.snapshot.load().policies().may_pass(&self.subject(), command)
    }

    /// Returns whether the caller may read some resource of a template.
    pub fn shows_template(&self, template: &str) -> bool {
        self.gate.0.snapshot.load().policies().may_read_template(&self.subject(), template)
    }

    /// Returns the connection.
    pub fn governed(&self) -> &Arc<Governed> {
        &self.governed
    }

    /// Returns a watch that resolves when the session ends, the token expires or a lock applies.
    pub fn end_watch(&self) -> EndWatch {
        EndWatch::new(&self.gate, &self.verified, &self.governed, &self.session)
    }

    /// Returns a recorder for events beside the command's own steps.
    pub fn notes(&self) -> SideNotes {
        SideNotes::new(&self.gate, &self.session, self.request)
    }

    /// Returns whether replies may have to be readable: they are masked, or a credential is configured, which
    /// they could echo.
    pub fn may_read_bodies(&self) -> bool {
        !self.governed().plan.is_empty() || self.governed().connection.inject.source().is_some()
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        subject(&self.verified, &self.governed, self.source)
    }

    /// Checks that the session is open, the token has not expired, its issuer still lists the key that signed
    /// it, and no lock applies.
    pub(super) fn still_stands(&self) -> Result<(), Denied> {
        if let Some(end) = self.session.end() {
            return Err(session_ended(end));
        }
        if self.verified.expires_ms <= now_ms() {
            return Err(unauthenticated("expired"));
        }
        if self.gate.0.snapshot.load().issuers().has_withdrawn(&self.verified) {
            return Err(unauthenticated("unknown_kid"));
        }
        let locks = self.gate.0.locks.load();
        let shut = locks.shuts_out(&self.verified.principal, &self.verified.token_ids)
            || locks.shuts(&self.governed.connection.name);
        if shut { Err(locked()) } else { Ok(()) }
    }
}

pub(super) fn subject<'a>(verified: &'a Verified, governed: &'a Governed, source: IpAddr) -> Subject<'a> {
    Subject { principal: &verified.principal, connection: &governed.connection, source, now_ms: now_ms() }
}

/// The refusal of a command whose session has ended. A caller that is locked out is told so: no further
/// session would be opened.
pub fn session_ended(end: SessionEnd) -> Denied {
    if end == SessionEnd::Locked {
        return locked();
    }
    let detail = format!("the session has ended ({end}); the next request opens another");
    Denied::new(DenyCode::SessionEnded, detail).because(end.as_str())
}

pub(super) fn locked() -> Denied {
    Denied::new(DenyCode::Locked, "access is locked; ask the operator of this gateway")
}

pub(super) fn no_such_connection() -> Denied {
    Denied::new(DenyCode::NoSuchConnection, "there is no connection of this name that you may use")
}
