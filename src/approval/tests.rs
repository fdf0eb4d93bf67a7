//! Tests of approvals as a whole: bindings, ends, races, restarts, and refused approvers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::domain::json::Json;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;
use crate::store::Store;
use crate::store::View;

mod decide;
mod redeem;
mod restart;
mod scope;
mod steps;
mod wait;

const NOW: Duration = Duration::ZERO;

const SOON: Duration = Duration::from_secs(20);

const MINUTE: i64 = 60_000;

/// The people who have lost the right to decide.
type Former = Arc<Mutex<BTreeSet<String>>>;

struct House {
    dir: TempDir,
    store: Store,
    approvals: Approvals,
    former: Former,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let former = Former::default();
        let (store, approvals) = open(&dir.path().join("data"), &former);
        assert!(approvals.recover().await.unwrap().is_empty());
        Self { dir, store, approvals, former }
    }

    /// Returns the same data directory after the gateway was killed and started again.
    async fn restarted(self) -> (Self, Vec<Approval>) {
        let Self { dir, store, approvals, former } = self;
        drop((store, approvals));
        let (store, approvals) = open(&dir.path().join("data"), &former);
        let ended = approvals.recover().await.unwrap();
        (Self { dir, store, approvals, former }, ended)
    }

    async fn state(&self, id: ApprovalId) -> ApprovalState {
        self.approvals.show(id).await.unwrap().unwrap().state
    }

    async fn decide(&self, id: ApprovalId, who: &str, approve: bool) -> Result<Approval, DecideError> {
        self.approvals.decide(id, &person(who), approve, "").await
    }

    /// Returns an approved ticket, and its grant.
    async fn approved(&self, ask: Ask) -> (Ticket, GrantId) {
        let mut ticket = self.approvals.ask(ask).await.unwrap();
        let grant = self.decide(ticket.id(), "kate", true).await.unwrap().grant.unwrap();
        assert_eq!(ticket.wait(SOON).await, Outcome::Approved { approval: ticket.id(), grant });
        (ticket, grant)
    }

    async fn tick(&self, in_ms: i64) -> Vec<Approval> {
        self.approvals.tick(self.approvals.now_ms() + in_ms).await.unwrap()
    }

    /// Checks that the audit trail is intact, and returns how often an action is in it.
    async fn audited(&self, action: &'static str) -> usize {
        assert_eq!(self.store.read(View::verify_audit).await.unwrap().broken, None);
        let trail = self.store.read(|view| view.audit(0, u32::MAX)).await.unwrap();
        trail.iter().filter(|entry| entry.action == action).count()
    }
}

fn open(dir: &Path, former: &Former) -> (Store, Approvals) {
    let store = Store::open(dir).unwrap();
    let former = Arc::clone(former);
    let roster = move |who: &str, _from: &[String]| !former.lock().unwrap().contains(who);
    (store.clone(), Approvals::new(store, Arc::new(roster)))
}

fn person(name: &str) -> Principal {
    principal(&format!("local:{name}"), Kind::Human, ["dba"].into_iter().collect())
}

fn principal(id: &str, kind: Kind, groups: Groups) -> Principal {
    Principal {
        id: id.into(),
        kind,
        issuer: "local".into(),
        client: None,
        display: None,
        groups,
        claims: Json::Object(Vec::new()),
    }
}

fn ask() -> Ask {
    Ask {
        principal: "entra:t/etl".into(),
        label: "etl".into(),
        kind: Kind::App,
        groups: vec!["etl".into()],
        source: "10.2.0.14".into(),
        connection: "crm".parse().unwrap(),
        session: SessionId::new(),
        session_end_ms: crate::domain::now_ms() + 60 * MINUTE,
        request: RequestId::new(),
        rule: "etl-writes".into(),
        terms: "a".repeat(64),
        spec: ApprovalSpec {
            from: vec!["dba".into(), "lead".into()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "0123456789abcdef".repeat(4),
        class: Class::Write,
        summary: "PATCH /customers/8".into(),
        detail: "PATCH /customers/8 HTTP/1.1\r\n\r\n{}".into(),
        truncated: false,
        reason: String::new(),
        revision: 3,
    }
}

fn ask_for(grant: GrantScope) -> Ask {
    let mut ask = ask();
    ask.spec.grant = grant;
    ask
}

fn wanted(ask: &Ask) -> Wanted<'_> {
    Wanted {
        principal: &ask.principal,
        connection: &ask.connection,
        rule: &ask.rule,
        terms: &ask.terms,
        spec: &ask.spec,
        session: ask.session,
    }
}
