//! The locks in force, as a set that each request is checked against.

use std::collections::HashMap;

use crate::domain::Lock;
use crate::domain::LockTarget;
use crate::domain::Principal;
use crate::domain::now_ms;

/// The locks in force. Checking an empty set costs nothing.
#[derive(Debug, Default, Clone)]
pub struct LockSet {
    locks: Vec<Lock>,
    by_target: HashMap<LockTarget, Option<i64>>,
    first_end: Option<i64>,
}

impl LockSet {
    /// Creates a set of these locks, without those that have expired.
    pub fn new(locks: Vec<Lock>) -> Self {
        let now = now_ms();
        let locks: Vec<Lock> =
            locks.into_iter().filter(|lock| lock.expires_ms.is_none_or(|end| end > now)).collect();
        let mut by_target: HashMap<LockTarget, Option<i64>> = HashMap::with_capacity(locks.len());
        for lock in &locks {
            // If two locks are on one target, the later end counts.
            by_target
                .entry(lock.target.clone())
                .and_modify(|end| *end = end.zip(lock.expires_ms).map(|(one, other)| one.max(other)))
                .or_insert(lock.expires_ms);
        }
        let first_end = locks.iter().filter_map(|lock| lock.expires_ms).min();
        Self { locks, by_target, first_end }
    }

    /// Returns the locks.
    pub fn locks(&self) -> &[Lock] {
        &self.locks
    }

    fn stands(&self, target: &LockTarget, now: i64) -> bool {
        self.by_target.get(target).is_some_and(|end| end.is_none_or(|end| end > now))
    }

    /// Returns whether a lock applies to a caller with this token.
    pub fn shuts_out(&self, principal: &Principal, token_ids: &[Box<str>]) -> bool {
        !self.by_target.is_empty()
            && (self.stands(&LockTarget::Everybody, now_ms()) || self.names(principal, token_ids))
    }

    /// Returns whether a lock names this caller, its issuer, its client or its token. A lock on everybody
    /// names nobody.
    pub fn names(&self, principal: &Principal, token_ids: &[Box<str>]) -> bool {
        if self.by_target.is_empty() {
            return false;
        }
        let now = now_ms();
        self.stands(&LockTarget::Principal(principal.id.to_string()), now)
            || self.stands(&LockTarget::Issuer(principal.issuer.to_string()), now)
            || principal
                .client
                .as_ref()
                .is_some_and(|client| self.stands(&LockTarget::Client(client.to_string()), now))
            || token_ids.iter().any(|id| self.stands(&LockTarget::Token(id.to_string()), now))
    }

    /// Returns whether a connection is locked.
    pub fn shuts(&self, connection: &crate::domain::ConnectionName) -> bool {
        !self.by_target.is_empty() && self.stands(&LockTarget::Connection(connection.clone()), now_ms())
    }

    /// Returns whether some lock has expired.
    pub fn any_fell(&self) -> bool {
        self.first_end.is_some_and(|end| end <= now_ms())
    }

    /// Returns a set of the locks that have not expired.
    pub fn standing(&self) -> Self {
        Self::new(self.locks.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Groups;
    use crate::domain::Kind;
    use crate::domain::LockId;
    use crate::domain::json::Json;

    fn lock(target: &str, expires_ms: Option<i64>) -> Lock {
        let target = target.parse().unwrap();
        Lock {
            id: LockId::new(),
            target,
            reason: String::new(),
            actor: "local:ann".into(),
            created_ms: 0,
            expires_ms,
        }
    }

    fn caller() -> Principal {
        Principal {
            id: "entra:t/o".into(),
            kind: Kind::App,
            issuer: "entra".into(),
            client: Some("c1".into()),
            display: None,
            groups: Groups::from_iter(["etl"]),
            claims: Json::Object(Vec::new()),
        }
    }

    #[test]
    fn each_kind_of_lock_shuts_out_its_target_and_nobody_else() {
        for target in ["everybody", "principal:entra:t/o", "issuer:entra", "client:c1", "token:j1"] {
            assert!(LockSet::new(vec![lock(target, None)]).shuts_out(&caller(), &["j1".into()]), "{target}");
        }
        for target in ["principal:entra:t/other", "issuer:dev", "client:c2", "token:j2", "connection:crm"] {
            assert!(!LockSet::new(vec![lock(target, None)]).shuts_out(&caller(), &["j1".into()]), "{target}");
        }
        let set = LockSet::new(vec![lock("everybody", None)]);
        assert!(!set.names(&caller(), &["j1".into()]));
        assert!(LockSet::new(vec![lock("client:c1", None)]).names(&caller(), &[]));
        let set = LockSet::new(vec![lock("connection:crm", None)]);
        assert!(set.shuts(&"crm".parse().unwrap()) && !set.shuts(&"shop".parse().unwrap()));
    }

    #[test]
    fn a_lock_falls_at_its_end_and_the_longer_of_two_counts() {
        let now = now_ms();
        assert!(!LockSet::new(vec![lock("everybody", Some(now - 1))]).shuts_out(&caller(), &[]));
        let both = LockSet::new(vec![lock("everybody", Some(now + 300)), lock("everybody", None)]);
        std::thread::sleep(std::time::Duration::from_millis(310));
        assert!(both.shuts_out(&caller(), &[]) && both.any_fell());
        assert_eq!(both.standing().locks().len(), 1);
    }
}
