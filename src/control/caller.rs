//! The caller of the admin API and its permissions: identified on the socket by the operating system, over
//! the network by a token.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::domain::json::Json;
use crate::domain::principal::Groups;
use crate::domain::principal::Kind;
use crate::domain::principal::Principal;

/// The peer of the admin socket according to the kernel (`SO_PEERCRED`), or this process itself if no gateway
/// is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Numeric user id.
    pub uid: u32,
    /// The user's name in the system's user database; `None` if it has none.
    pub user: Option<String>,
}

impl Peer {
    /// Looks up a user id. Queries the system's user database, which may block.
    pub fn look_up(uid: u32) -> Self {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
        Self { uid, user: user.map(|user| user.name) }
    }

    /// Returns the user of this process. Queries the system's user database, which may block.
    pub fn this_process() -> Self {
        Self::look_up(nix::unistd::geteuid().as_raw())
    }

    /// Returns the principal id: `local:{os user}`. A user without a name is `local:uid/{number}`, which no
    /// name can equal.
    pub fn principal_id(&self) -> String {
        match &self.user {
            Some(user) => format!("local:{user}"),
            None => format!("local:uid/{}", self.uid),
        }
    }
}

/// The permissions that groups of a token give over the network: `admin.roles`. Groups add up; a principal in
/// none of them is not admitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// May look and manage the gateway. Default none.
    pub operator: Vec<String>,
    /// May look, and decide approvals whose policy names one of the person's groups. Default none.
    pub approver: Vec<String>,
    /// May look. Default none.
    pub viewer: Vec<String>,
}

impl Roles {
    /// Returns all named groups.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.operator.iter().chain(&self.approver).chain(&self.viewer)
    }

    /// Returns whether this principal may decide approvals at all: only a person, never an agent.
    pub fn let_decide(&self, principal: &Principal) -> bool {
        principal.kind == Kind::Human && self.approver.iter().any(|group| principal.groups.contains(group))
    }
}

/// A caller of the admin API and its permissions.
///
/// - *Looking* (lists, sessions, recordings): everybody who is admitted. The socket's mode admits only the
///   gateway's own user and root; over the network only principals with one of the [`Roles`] are admitted.
/// - *Managing* (connections, policies, masks, secrets, locks, reload, ending sessions, revoking grants): the
///   gateway's own user, root, or an entry in `admin.local_groups`; over the network the role `operator`.
/// - *Deciding* approvals: an entry in `admin.local_groups`, or over the network the role `approver`; the
///   groups must be among those that the policy names. Root and the gateway's own user have no groups of
///   their own.
/// - *Reaching into the machine* (programs, files and variables of the gateway in a connection): only on the
///   socket.
#[derive(Debug, Clone)]
pub struct Caller {
    principal: Arc<Principal>,
    place: Place,
    manages: bool,
    decides: bool,
}

/// How the caller is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Socket,
    Network,
}

impl Caller {
    /// Returns the caller behind `peer`. It has the groups that `local_groups` gives its name, and owns the
    /// gateway if it is root or `gateway_uid`.
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
        let owner = peer.uid == 0 || peer.uid == gateway_uid;
        Self {
            principal: Arc::new(principal),
            place: Place::Socket,
            manages: owner || groups.is_some(),
            decides: groups.is_some(),
        }
    }

    /// Returns the caller whose token identifies it as `principal`. Agents are never admitted, and only a
    /// person decides.
    ///
    /// # Errors
    /// `forbidden` for a principal without a role.
    pub fn signed_in(principal: Arc<Principal>, roles: &Roles) -> Result<Self, ApiError> {
        let has = |groups: &[String]| groups.iter().any(|group| principal.groups.contains(group));
        let (manages, decides) = (has(&roles.operator), roles.let_decide(&principal));
        let why = match principal.kind {
            Kind::Agent => Some("an agent, and no agent may use the admin API"),
            Kind::Human | Kind::App if manages || decides || has(&roles.viewer) => None,
            Kind::Human | Kind::App => Some("in no group of admin.roles"),
        };
        match why {
            None => Ok(Self { principal, place: Place::Network, manages, decides }),
            Some(why) => {
                let text = format!("{} may not use the admin API: it is {why}", principal.id);
                let hint = "ask who runs the gateway: admin.roles names the groups that get in";
                Err(ApiError::new(ErrorCode::Forbidden, text).hint(hint))
            }
        }
    }

    /// Returns the principal.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Returns the name in the audit trail: the principal id.
    pub fn actor(&self) -> &str {
        &self.principal.id
    }

    /// Returns whether it may manage the gateway.
    pub const fn manages(&self) -> bool {
        self.manages
    }

    /// Returns whether it may decide approvals at all; which ones depends on its groups.
    pub const fn decides(&self) -> bool {
        self.decides
    }

    /// Checks that the caller may manage the gateway.
    ///
    /// # Errors
    /// `forbidden`, with how to get permission.
    pub fn must_manage(&self) -> Result<(), ApiError> {
        if self.manages {
            return Ok(());
        }
        let (why, hint) = match self.place {
            Place::Socket => (
                "neither the gateway's own user nor listed",
                "run it as the gateway's user, or list the user in admin.local_groups and reload",
            ),
            Place::Network => {
                ("in no group of admin.roles.operator", "ask who runs the gateway for the role operator")
            }
        };
        let text = format!("{} may look, not change anything: {why}", self.actor());
        Err(ApiError::new(ErrorCode::Forbidden, text).hint(hint))
    }

    /// Checks that the caller may decide approvals.
    ///
    /// # Errors
    /// `forbidden`, with how to get permission.
    pub fn must_decide(&self) -> Result<(), ApiError> {
        if self.decides {
            return Ok(());
        }
        let (why, hint) = match self.place {
            Place::Socket => (
                "admin.local_groups gives it no groups",
                "list the user with the approving groups in admin.local_groups and reload",
            ),
            Place::Network if self.principal.kind != Kind::Human => {
                ("only people decide", "sign in as a person: hoopctl login")
            }
            Place::Network => {
                ("in no group of admin.roles.approver", "ask who runs the gateway for the role approver")
            }
        };
        let text = format!("{} may look, not decide: {why}", self.actor());
        Err(ApiError::new(ErrorCode::Forbidden, text).hint(hint))
    }

    /// Checks that the caller may make the gateway run programs, and read files and variables of its machine.
    ///
    /// # Errors
    /// `forbidden` over the network, whatever the role; `what` is what needs it.
    pub fn must_be_local(&self, what: &str) -> Result<(), ApiError> {
        match self.place {
            Place::Socket => Ok(()),
            Place::Network => {
                let text = format!(
                    "{what} reaches into the gateway's own machine, which is not done over the network"
                );
                let hint = "do it on that machine, or write it into its file; secrets for the network are in the store: hoopctl secret set";
                Err(ApiError::new(ErrorCode::Forbidden, text).hint(hint))
            }
        }
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

    fn signed_in(kind: Kind, groups: &[&str]) -> Result<Caller, ApiError> {
        let roles = Roles {
            operator: vec!["ops".to_owned()],
            approver: vec!["dba".to_owned(), "sec".to_owned()],
            viewer: vec!["audit".to_owned()],
        };
        let principal = Principal {
            id: "idp/ada".into(),
            kind,
            issuer: "idp".into(),
            client: Some("cli".into()),
            display: None,
            groups: groups.iter().copied().collect(),
            claims: Json::Object(Vec::new()),
        };
        Caller::signed_in(Arc::new(principal), &roles)
    }

    #[test]
    fn over_the_network_roles_add_up_and_nobody_else_gets_in() {
        for (kind, groups, manages, decides) in [
            (Kind::Human, &["ops"][..], true, false),
            (Kind::Human, &["sec"], false, true),
            (Kind::Human, &["audit"], false, false),
            (Kind::Human, &["ops", "dba", "x"], true, true),
            // A program may manage, but never decides.
            (Kind::App, &["ops", "dba"], true, false),
            (Kind::App, &["audit"], false, false),
        ] {
            let caller = signed_in(kind, groups).unwrap();
            assert_eq!((caller.manages(), caller.decides()), (manages, decides), "{kind:?} {groups:?}");
            assert_eq!((caller.must_manage().is_ok(), caller.must_decide().is_ok()), (manages, decides));
            assert_eq!(caller.must_be_local("x").unwrap_err().code, ErrorCode::Forbidden);
        }
        for (kind, groups) in [
            (Kind::Human, &[][..]),
            (Kind::Human, &["OPS", "dba2", ""]),
            (Kind::App, &["dba"]),
            (Kind::Agent, &["ops", "dba", "audit"]),
        ] {
            assert_eq!(
                signed_in(kind, groups).unwrap_err().code,
                ErrorCode::Forbidden,
                "{kind:?} {groups:?}"
            );
        }
        let nobody = Caller::signed_in(
            signed_in(Kind::Human, &["ops"]).unwrap().principal().clone(),
            &Roles::default(),
        );
        assert_eq!(nobody.unwrap_err().code, ErrorCode::Forbidden);
        let local = Caller::new(&peer(0, "root"), &BTreeMap::new(), 500);
        assert!(local.must_be_local("x").is_ok());
    }
}
