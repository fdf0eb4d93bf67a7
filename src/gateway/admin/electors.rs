//! Who may decide approvals at this moment: OS users by the file, people over the network by the last token that was seen of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use arc_swap::ArcSwap;

use crate::approval::Electorate;
use crate::config::Config;
use crate::control::Caller;
use crate::domain::Principal;
use crate::gateway::admin::remote::takes_client;
use crate::pipeline::locks::LockSet;

/// How many approvers are kept in mind. Beyond that all are forgotten, and count again when they come again.
const MOST: usize = 10_000;

/// Who may decide, by the configuration in force.
///
/// What the issuer says of a person is known from tokens only, so that an approval over the network counts as long as the last
/// token of its approver that came since the start had the group, and no lock names the person. After a restart it counts
/// again once that person is back.
pub struct Electors {
    config: Arc<ArcSwap<Config>>,
    seen: Mutex<HashMap<Box<str>, Arc<Principal>>>,
    /// Not the gate, which has the approvals, which have this: none of them would ever be closed.
    locks: OnceLock<Arc<ArcSwap<LockSet>>>,
}

impl Electors {
    /// Nobody was seen yet.
    pub fn new(config: Arc<ArcSwap<Config>>) -> Arc<Self> {
        Arc::new(Self { config, seen: Mutex::default(), locks: OnceLock::new() })
    }

    /// From now on, whom one of these locks names does not count.
    pub fn heed(&self, locks: Arc<ArcSwap<LockSet>>) {
        // There is one set, given once at the start.
        let _already = self.locks.set(locks);
    }

    /// Keeps in mind what a token said of somebody who may decide now, or might so far: what a newer token does not say any more, does
    /// not count any more.
    pub fn saw(&self, principal: &Arc<Principal>, decides: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.contains_key(&*principal.id);
        if !known && !decides {
            return;
        }
        if !known && seen.len() >= MOST {
            seen.clear();
        }
        seen.insert((&*principal.id).into(), Arc::clone(principal));
    }

    fn seen(&self, id: &str) -> Option<Arc<Principal>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }
}

impl Electorate for Electors {
    fn may_decide(&self, approver: &str, from: &[String]) -> bool {
        let config = self.config.load();
        if let Some(user) = approver.strip_prefix("local:") {
            // `local:uid/77` is a user without a name, which no entry can mean.
            let groups = config.admin.local_groups.get(user).filter(|_| !user.contains('/'));
            return groups.is_some_and(|groups| groups.iter().any(|group| from.contains(group)));
        }
        let (Some(remote), Some(principal)) = (&config.admin.remote, self.seen(approver)) else {
            return false;
        };
        let locked = self.locks.get().is_some_and(|locks| locks.load().names(&principal, &[]));
        !locked
            && from.iter().any(|group| principal.groups.contains(group))
            && takes_client(remote, &principal)
            && Caller::signed_in(principal, &remote.roles).is_ok_and(|caller| caller.decides())
    }
}
