//! A mock backend that records calls.

use super::*;
use crate::control::noun::session::AcknowledgedRecordings;
use crate::store::AcknowledgedLegalHold;

/// The recorded calls, and the answers.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) groups: Mutex<BTreeMap<String, Vec<String>>>,
    pub(super) locks: Mutex<Vec<Lock>>,
    pub(super) secrets: Mutex<Vec<(String, Vec<u8>)>>,
    /// Whether the only token is locked out.
    pub(super) shut: Mutex<bool>,
    pub(super) applied: Mutex<Vec<Apply>>,
    pub(super) locking: tokio::sync::Notify,
    pub(super) feed: Arc<Feed>,
    /// The origin of the approval page.
    pub(super) page: Mutex<Option<Site>>,
}

/// The mock backend for one caller.
pub(super) struct Acting {
    pub(super) memory: Arc<Memory>,
    pub(super) caller: Caller,
}

/// The mock backend for all callers.
pub(super) struct Served(pub(super) Arc<Memory>);

impl Service for Served {
    fn acting_as(&self, peer: &Peer) -> Arc<dyn Backend> {
        let groups = self.0.groups.lock().unwrap();
        // The gateway runs as another user here, so that the caller is not its owner unless it is root.
        Arc::new(Acting { memory: Arc::clone(&self.0), caller: Caller::new(peer, &groups, u32::MAX - 7) })
    }

    /// The only valid token is `ada`.
    fn admit<'a>(&'a self, token: &'a str, _from: IpAddr) -> Answer<'a, Arc<dyn Backend>> {
        Box::pin(async move {
            if token != "ada" || *self.0.shut.lock().unwrap() {
                return Err(ApiError::new(ErrorCode::Unauthenticated, "no"));
            }
            let peer = Peer { uid: u32::MAX - 7, user: Some("ada".to_owned()) };
            Ok(self.acting_as(&peer))
        })
    }

    fn sign_in(&self, called: &str) -> SignIn {
        SignIn {
            resource: called.to_owned(),
            authorization_servers: vec!["https://idp.example".to_owned()],
            scopes_supported: Vec::new(),
            bearer_methods_supported: vec!["header".to_owned()],
            hoopctl_login: None,
        }
    }

    fn page(&self) -> Option<Site> {
        self.0.page.lock().unwrap().clone()
    }

    fn begin_sign_in<'a>(&'a self, begin: &'a Begin) -> Answer<'a, Onward> {
        let url = format!("https://idp.example/?state={}", begin.state);
        Box::pin(async { Ok(Onward { url, iss: "https://idp.example".to_owned(), names_itself: false }) })
    }

    fn finish_sign_in(&self, _returned: Returned) -> Answer<'_, Zeroizing<String>> {
        Box::pin(async { Ok(Zeroizing::new("ada".to_owned())) })
    }
}

fn no<T: Send + 'static>(text: &str) -> Answer<'static, T> {
    let error = ApiError::new(ErrorCode::NotFound, text);
    Box::pin(async move { Err(error) })
}

impl Locks for Acting {
    fn locks(&self) -> Answer<'_, List<Lock>> {
        Box::pin(async { Ok(List::all(self.memory.locks.lock().unwrap().clone())) })
    }

    fn add_lock(&self, lock: NewLock) -> Answer<'_, Lock> {
        Box::pin(async move {
            self.memory.locking.notify_one();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let actor = self.caller.actor().to_owned();
            let (target, reason) = (lock.target, lock.reason);
            let lock = Lock { id: LockId::new(), target, reason, actor, created_ms: 1, expires_ms: None };
            self.memory.locks.lock().unwrap().push(lock.clone());
            Ok(lock)
        })
    }

    fn remove_lock(&self, id: LockId) -> Answer<'_, Lock> {
        Box::pin(async move {
            let mut locks = self.memory.locks.lock().unwrap();
            let at = locks.iter().position(|lock| lock.id == id);
            at.map(|at| locks.remove(at))
                .ok_or_else(|| ApiError::new(ErrorCode::NotFound, "there is no such lock"))
        })
    }
}

impl Approvals for Acting {
    fn approvals(&self, filter: ApprovalFilter) -> Answer<'_, List<Approval>> {
        // Reports how it parsed the filter.
        no(&format!("{filter:?}"))
    }

    fn approval(&self, _id: ApprovalId) -> Answer<'_, Approval> {
        panic!("a fault inside the gateway");
    }

    fn decide_approval(&self, _id: ApprovalId, _decide: Decide) -> Answer<'_, Approval> {
        Box::pin(async {
            self.caller.must_decide()?;
            Err(ApiError::new(ErrorCode::Conflict, "it has ended").hint("look again"))
        })
    }

    fn wait_approval(&self, _id: ApprovalId, seconds: u64) -> Answer<'_, Approval> {
        no(&format!("waited {seconds}"))
    }
}

impl Audit for Acting {
    fn verify_audit(&self, from: AuditFrom) -> Answer<'_, AuditVerification> {
        no(&format!("verify the trail after {:?} {:?}", from.after, from.head))
    }

    fn audit(&self, _filter: AuditFilter) -> Answer<'_, List<AuditEntry>> {
        no("audit")
    }
}

impl Entities for Acting {
    fn entities(&self, kind: EntityKind) -> Answer<'_, List<EntityView>> {
        no(kind.as_str())
    }

    fn entity(&self, kind: EntityKind, name: String) -> Answer<'_, EntityView> {
        no(&format!("{} {name}", kind.as_str()))
    }

    fn apply(&self, apply: Apply) -> Answer<'_, ApplyReport> {
        Box::pin(async move {
            let dry_run = apply.dry_run;
            self.memory.applied.lock().unwrap().push(apply);
            Ok(ApplyReport { changes: Vec::new(), warnings: Vec::new(), revision: 7, dry_run })
        })
    }
}

impl Events for Acting {
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>> {
        let follower = self.memory.feed.follow(filter, after.as_deref());
        Box::pin(async move { Ok(Box::new(follower) as Box<dyn EventSource>) })
    }
}

impl Gateway for Acting {
    fn status(&self) -> Answer<'_, StatusReport> {
        no("status")
    }

    fn reload(&self) -> Answer<'_, ReloadReport> {
        let problems = vec!["a.toml:1:2: x".to_owned(), "a.toml:3:4: y".to_owned()];
        Box::pin(async { Err(ApiError::new(ErrorCode::Invalid, "2 problems").problems(problems)) })
    }

    fn issuers(&self) -> Answer<'_, List<IssuerReport>> {
        // Longer than any socket buffer.
        let error = "x".repeat(1 << 20);
        let issuer = IssuerReport {
            name: "entra".to_owned(),
            issuer: "https://issuer".to_owned(),
            keys: 2,
            kids: Vec::new(),
            fetched_ms: None,
            usable: true,
            stale: false,
            error: Some(error),
        };
        Box::pin(async move { Ok(List::all(vec![issuer; 8])) })
    }

    fn refresh_issuer(&self, name: String) -> Answer<'_, IssuerReport> {
        no(&name)
    }

    fn explain(&self, explain: Explain) -> Answer<'_, ExplainReport> {
        no(&format!("{} {} {}", explain.kind, explain.method, explain.path))
    }
}

impl Grants for Acting {
    fn grants(&self, filter: GrantFilter) -> Answer<'_, List<Grant>> {
        no(&format!("{:?}", filter.ended))
    }

    fn revoke_grant(&self, id: GrantId) -> Answer<'_, Grant> {
        no(&id.to_string())
    }
}

impl Pins for Acting {
    fn pins(&self, connection: String, filter: PinFilter) -> Answer<'_, List<PinView>> {
        no(&format!("{connection} {:?}", filter.name))
    }

    fn forget_pins(&self, connection: String, forget: ForgetPins) -> Answer<'_, List<PinView>> {
        no(&format!("{connection} {:?}", forget.pins))
    }

    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>> {
        no(&format!("{connection} {:?}", accept.pins))
    }
}

impl Secrets for Acting {
    fn secrets(&self) -> Answer<'_, List<SecretEntry>> {
        no("secrets")
    }

    fn set_secret(&self, name: String, value: SecretValue) -> Answer<'_, SecretEntry> {
        Box::pin(async move {
            self.memory.secrets.lock().unwrap().push((name.clone(), value.expose().to_vec()));
            Ok(SecretEntry {
                name,
                updated_ms: 1,
                actor: self.caller.actor().to_owned(),
                used_by: Vec::new(),
                damaged: None,
            })
        })
    }

    fn remove_secret(&self, name: String) -> Answer<'_, SecretEntry> {
        no(&name)
    }
}

impl Sessions for Acting {
    fn sessions(&self, filter: SessionFilter) -> Answer<'_, List<SessionView>> {
        no(&format!("{:?} {:?}", filter.live, filter.limit))
    }

    fn session(&self, id: String) -> Answer<'_, SessionView> {
        no(&id)
    }

    fn session_events(&self, id: SessionId, from: EventsFrom) -> Answer<'_, EventPage> {
        let line = "{\"v\":1,\"data\":\"\\u001b é\"}".to_owned();
        let events = vec![RecordedEvent { seq: from.from.unwrap_or(0), line, hash: "00".repeat(32) }];
        Box::pin(async move { Ok(EventPage { session: id, events, next: Some(9), ended: false }) })
    }

    fn verify_session(&self, _id: SessionId) -> Answer<'_, VerifyReport> {
        no("verify")
    }

    fn verify_all(&self, from: VerifyFrom) -> Answer<'_, VerifyPage> {
        no(&format!("{:?}", from.after))
    }

    fn grep_sessions(&self, grep: Grep) -> Answer<'_, List<GrepMatch>> {
        no(&grep.pattern)
    }

    fn kill_session(&self, id: SessionId, _reason: String) -> Answer<'_, SessionView> {
        no(&id.to_string())
    }

    fn place_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        no(&format!("hold {id} {reason}"))
    }

    fn lift_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, SessionView> {
        no(&format!("release {id} {reason}"))
    }

    fn acknowledge_legal_hold(&self, id: SessionId, reason: String) -> Answer<'_, AcknowledgedLegalHold> {
        no(&format!("acknowledge {id} {reason}"))
    }

    fn acknowledge_recordings(&self, reason: String) -> Answer<'_, AcknowledgedRecordings> {
        no(&format!("acknowledge {reason}"))
    }
}
