//! Who stands at the admin socket: the operating system's word for it, and what that person may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::domain::json::Json;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;

/// The other end of the admin socket, as the kernel names it (`SO_PEERCRED`), or this process itself when no gateway runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The numeric user.
    pub uid: u32,
    /// The user's name in the system's user database; `None`: it has none.
    pub user: Option<String>,
}

impl Peer {
    /// The peer with that number. Asks the system's user database, which may block.
    pub fn look_up(uid: u32) -> Self {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
        Self { uid, user: user.map(|user| user.name) }
    }

    /// The user this process acts as. Asks the system's user database, which may block.
    pub fn this_process() -> Self {
        Self::look_up(nix::unistd::geteuid().as_raw())
    }

    /// The principal id: `local:{os user}`. A user without a name is `local:uid/{number}`, which no name can equal.
    pub fn principal_id(&self) -> String {
        match &self.user {
            Some(user) => format!("local:{user}"),
            None => format!("local:uid/{}", self.uid),
        }
    }
}

/// One caller of the admin API and what it may do.
///
/// - *Looking* (lists, sessions, recordings) is for everybody who gets through to the socket: its mode lets in only the
///   gateway's own user and root.
/// - *Managing* (connections, policies, masks, secrets, locks, reload, ending sessions, revoking grants) needs the
///   gateway's own user, root, or an entry in `admin.local_groups`.
/// - *Deciding* approvals needs an entry in `admin.local_groups`, and the groups there must be among those that the
///   policy names. Root and the gateway's own user have no groups of themselves.
#[derive(Debug, Clone)]
pub struct Caller {
    principal: Arc<Principal>,
    owner: bool,
    listed: bool,
}

impl Caller {
    /// The caller behind `peer`: its groups are those that `local_groups` gives its name; it owns the gateway when it is
    /// root or `gateway_uid`.
    pub fn new(peer: &Peer, local_groups: &BTreeMap<String, Vec<String>>, gateway_uid: u32) -> Self {
        let groups = peer.user.as_ref().and_then(|user| local_groups.get(user));
        let principal = Principal {
            id: peer.principal_id().into(),
            kind: Kind::Human,
            issuer: "local".into(),
            client: None,
            display: peer.user.as_deref().map(Into::into),
            groups: groups.into_iter().flatten().map(String::as_str).collect::<Groups>(),
            claims: Json::Object(Vec::new()),
        };
        Self {
            principal: Arc::new(principal),
            owner: peer.uid == 0 || peer.uid == gateway_uid,
            listed: groups.is_some(),
        }
    }

    /// Who it is.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The name for the audit trail: the principal id.
    pub fn actor(&self) -> &str {
        &self.principal.id
    }

    /// Whether it may change what the gateway does.
    pub const fn manages(&self) -> bool {
        self.owner || self.listed
    }

    /// Whether it may decide approvals at all; which ones, its groups say.
    pub const fn decides(&self) -> bool {
        self.listed
    }

    /// Passes who may change what the gateway does.
    ///
    /// # Errors
    /// `forbidden`, with the way to become permitted.
    pub fn must_manage(&self) -> Result<(), ApiError> {
        if self.manages() {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!(
                "{} may look, not change anything: neither the gateway's own user nor listed",
                self.actor()
            ),
        )
        .hint("run it as the gateway's user, or list the user in admin.local_groups and reload"))
    }

    /// Passes who may decide approvals.
    ///
    /// # Errors
    /// `forbidden`, with the way to become permitted.
    pub fn must_decide(&self) -> Result<(), ApiError> {
        if self.decides() {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("{} may look, not decide: admin.local_groups gives it no groups", self.actor()),
        )
        .hint("list the user with the approving groups in admin.local_groups and reload"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, user: &str) -> Peer {
        Peer { uid, user: Some(user.to_owned()) }
    }

    #[test]
    fn only_listed_people_decide_and_owners_manage_without_being_listed() {
        let groups = BTreeMap::from([("alice".to_owned(), vec!["dba".to_owned()])]);
        for (peer, manages, decides) in [
            (peer(1000, "alice"), true, true),
            (peer(1001, "bob"), false, false),
            (peer(0, "root"), true, false),
            (peer(500, "hoopctl"), true, false),
            (Peer { uid: 77, user: None }, false, false),
        ] {
            let caller = Caller::new(&peer, &groups, 500);
            assert_eq!((caller.manages(), caller.decides()), (manages, decides), "{peer:?}");
            assert_eq!(caller.must_manage().is_ok(), manages);
            assert_eq!(caller.must_decide().is_ok(), decides);
        }
        let alice = Caller::new(&peer(1000, "alice"), &groups, 500);
        assert!(alice.principal().groups.contains("dba"));
        assert_eq!((alice.actor(), alice.principal().kind), ("local:alice", Kind::Human));
    }

    #[test]
    fn a_user_without_a_name_matches_no_listed_name() {
        let groups = BTreeMap::from([("uid/77".to_owned(), vec!["dba".to_owned()]), (String::new(), vec![])]);
        let caller = Caller::new(&Peer { uid: 77, user: None }, &groups, 500);
        assert!(!caller.decides() && !caller.manages());
        assert_eq!(caller.actor(), "local:uid/77");
    }
}
