//! A login session, for protocols that send their token once, at the start of a stream, and not with each
//! command.
//!
//! Each command checks again that the token has not expired, no lock applies, the connection is still open to
//! the caller, and the rate limit is kept.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::Effect;
use crate::domain::EventKind;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::identity::Verified;
use crate::pipeline::Credential;
use crate::pipeline::Gate;
use crate::pipeline::decision::CommandRecord;
use crate::pipeline::decision::unrecorded;
use crate::pipeline::decision::write_decision;
use crate::pipeline::end::EndWatch;
use crate::pipeline::enter::Arrival;
use crate::pipeline::enter::Authorized;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::no_such_connection;
use crate::pipeline::enter::session_ended;
use crate::pipeline::enter::subject;
use crate::pipeline::judged::unjudged;
use crate::pipeline::memory::BodyShare;
use crate::pipeline::metrics::Counters;
use crate::pipeline::notice::Said;
use crate::pipeline::permit::Preparation;
use crate::pipeline::refusals::Flood;
use crate::pipeline::refusals::failure_data;
use crate::pipeline::sessions::Session;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::snapshot::Snapshot;

/// One caller logged in on one connection. Dropping it ends the session.
pub struct Seat {
    pub(super) gate: Gate,
    verified: Arc<Verified>,
    source: IpAddr,
    pub(super) session: Arc<Session>,
    pub(super) counters: Arc<Counters>,
    /// The last snapshot in which the connection was open to the caller, and the connection in it.
    standing: RefCell<(Arc<Snapshot>, Arc<Governed>)>,
    /// The number of recently recorded refusals of messages that are no command.
    flood: RefCell<Flood>,
    /// Messages from the target that belong to no reply and are not recorded yet.
    pub(super) said: RefCell<Said>,
}

impl Gate {
    /// Logs a caller in: verifies its token, checks the locks, finds the connection, and opens a session of
    /// its own.
    ///
    /// # Errors
    /// The same as [`Gate::enter`]; the refusal is recorded.
    pub async fn log_in(&self, arrival: Arrival<'_>) -> Result<Seat, Denied> {
        let open = |Authorized { verified, snapshot, governed }| {
            let session =
                self.0.sessions.open_own(&verified, &governed, arrival.source, &snapshot, &self.0.journal)?;
            let counters = self.counters(&governed);
            let standing = RefCell::new((snapshot, governed));
            Ok(Seat {
                gate: self.clone(),
                verified,
                source: arrival.source,
                session,
                counters,
                standing,
                flood: RefCell::default(),
                said: RefCell::default(),
            })
        };
        self.authorize_then(arrival, open).await
    }
}

impl Seat {
    /// Returns the connection as of the last command.
    pub fn governed(&self) -> Arc<Governed> {
        Arc::clone(&self.standing.borrow().1)
    }

    /// Returns the current connection, or the last one if it is no longer open to the caller.
    pub fn current(&self) -> Arc<Governed> {
        self.standing().map_or_else(|_denied| self.governed(), |(_, governed)| governed)
    }

    /// Returns whether some policy that could apply to the caller here depends on columns: see
    /// [`PolicySet::asks_columns`](crate::policy::PolicySet::asks_columns).
    pub fn asks_columns(&self) -> bool {
        self.standing().map_or(true, |(snapshot, governed)| {
            snapshot.policies().asks_columns(&subject(&self.verified, &governed, self.source))
        })
    }

    /// Whether some policy that could hold for the caller here goes by what shares rows with the relations
    /// that a text names: see [`PolicySet::asks_kin`](crate::policy::PolicySet::asks_kin).
    pub fn asks_kin(&self) -> bool {
        self.standing().map_or(true, |(snapshot, governed)| {
            snapshot.policies().asks_kin(&subject(&self.verified, &governed, self.source))
        })
    }

    /// The session ends, and why: before the seat is left, which would say that its client has left. An end
    /// that came before stays.
    pub fn ends(&self, why: SessionEnd) {
        self.gate.0.sessions.end_login(self.session.id, why, &self.gate.0.journal);
    }

    /// Returns a watch that resolves when the session ends, the token expires or a lock applies.
    pub fn end_watch(&self) -> EndWatch {
        EndWatch::new(&self.gate, &self.verified, &self.governed(), &self.session)
    }

    /// Marks the session as used, so that idle time counts from now.
    pub fn mark_active(&self) {
        self.session.mark_active();
    }

    /// Returns how many bytes of a statement's text are recorded; `None` if none are.
    pub fn keeps(&self) -> Option<u64> {
        let recording = self.standing.borrow().0.recording().clone();
        recording.keeps_bodies().then_some(recording.max_body)
    }

    /// Returns the target's current credential.
    ///
    /// # Errors
    /// The credential is not available.
    pub async fn credential(&self) -> Result<Option<Arc<Credential>>, Denied> {
        self.gate.credential(&self.governed()).await
    }

    /// Fetches the credential again after the target refused `old`; `None` if it has not changed.
    ///
    /// # Errors
    /// The credential is not available.
    pub async fn credential_instead(&self, old: &Credential) -> Result<Option<Arc<Credential>>, Denied> {
        self.gate.credential_instead(&self.governed(), old).await
    }

    /// Fetches the credential, for a task that outlives the login session.
    pub fn credential_of(
        &self,
        governed: &Arc<Governed>,
    ) -> impl Future<Output = Result<Option<Arc<Credential>>, Denied>> + use<> {
        let (gate, governed) = (self.gate.clone(), Arc::clone(governed));
        async move { gate.credential(&governed).await }
    }

    /// Begins one command of this caller.
    ///
    /// # Errors
    /// The session has ended, the token has expired, a lock applies, the connection is no longer open to the
    /// caller, or the rate limit is exceeded.
    pub fn exchange(&self, request: RequestId) -> Result<Exchange, Denied> {
        let began = Instant::now();
        if let Some(end) = self.session.end() {
            return Err(session_ended(end));
        }
        let (snapshot, governed) = self.standing()?;
        self.gate.count_request(&self.verified, &snapshot, &governed)?;
        self.session.begin_exchange();
        self.session.count_command(&self.verified);
        let exchange = Exchange {
            gate: self.gate.clone(),
            snapshot,
            request,
            source: self.source,
            session: Arc::clone(&self.session),
            governed,
            verified: Arc::clone(&self.verified),
            counters: Arc::clone(&self.counters),
            began,
            changes: true,
            body_share: BodyShare::default(),
        };
        exchange.still_stands()?;
        Ok(exchange)
    }

    /// Gives a permit for something that only prepares a command; `None` if the policies deny that command.
    /// It is not recorded: running it is, and is judged then.
    ///
    /// # Errors
    /// The same as [`Seat::exchange`], except for the rate limit.
    pub fn prepare<P>(&self, command: &Command, payload: P) -> Result<Option<Preparation<P>>, Denied> {
        if let Some(end) = self.session.end() {
            return Err(session_ended(end));
        }
        let (snapshot, governed) = self.standing()?;
        let subject = subject(&self.verified, &governed, self.source);
        let verdict = snapshot.policies().decide(&subject, command);
        Ok((verdict.effect != Effect::Deny).then_some(Preparation(payload)))
    }

    /// Records a failure that belongs to no command, such as a failed login at the target or a broken stream.
    pub fn record_failure(&self, denied: &Denied) {
        self.counters.failed(crate::domain::now_ms(), denied);
        self.gate.0.metrics.refused(denied.code);
        tracing::warn!(session = %self.session.id, code = %denied.code, reason = denied.audit.unwrap_or_default(), "a login or its session failed");
        let event = self.session.event(EventKind::Error, None, None, failure_data(denied));
        if let Err(error) = self.gate.0.journal.push(event) {
            tracing::error!(session = %self.session.id, %error, "a failure could not be recorded");
        }
    }

    /// Records the refusal of a message that never became a command, such as an unknown name or an overlong
    /// text. Returns the refusal for the client.
    ///
    /// A flood of them is not recorded one by one: the next recorded one carries the number left out.
    pub fn refuse(&self, request: RequestId, record: CommandRecord, denied: Denied) -> Denied {
        self.counters.denied();
        self.gate.0.metrics.refused(denied.code);
        tracing::info!(%request, session = %self.session.id, code = %denied.code, reason = denied.audit.unwrap_or_default(), "message refused");
        let second = self.session.elapsed_us() / 1_000_000;
        let Some(left_out) = self.flood.borrow_mut().admit(second) else { return denied };
        let revision = self.standing.borrow().0.revision();
        let mut decision = String::with_capacity(128);
        write_decision(&mut decision, &unjudged(revision), Some(&denied), None);
        if left_out > 0
            && let Some(mut decision) = Object::reopen(&mut decision)
        {
            decision.value("not_recorded_before", left_out);
        }
        let CommandRecord { kind, data, mask } = record;
        let mut event = self.session.event(kind, Some(Direction::C2s), Some(request), data);
        event.mask = mask;
        let decision = self.session.event(EventKind::Decision, None, Some(request), decision);
        match [event, decision].into_iter().try_for_each(|event| self.gate.0.journal.write(event)) {
            Ok(()) => denied,
            Err(error) => {
                tracing::error!(%request, %error, "a refusal could not be recorded");
                unrecorded()
            }
        }
    }

    /// Returns the current snapshot and connection, if it is still open to the caller.
    fn standing(&self) -> Result<(Arc<Snapshot>, Arc<Governed>), Denied> {
        let now = self.gate.0.snapshot.load();
        if Arc::ptr_eq(&now, &self.standing.borrow().0) {
            return Ok(self.standing.borrow().clone());
        }
        let snapshot = Arc::clone(&now);
        let name = self.governed().connection.name.clone();
        let governed = snapshot.connection(name.as_str()).map(Arc::clone).ok_or_else(no_such_connection)?;
        if !snapshot.policies().opens(&subject(&self.verified, &governed, self.source)) {
            return Err(no_such_connection().because("not_open"));
        }
        let standing = (snapshot, governed);
        self.standing.replace(standing.clone());
        Ok(standing)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.ends(SessionEnd::Left);
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Seat").field(&self.session.id).finish()
    }
}
