//! Who may decide approvals at this moment: OS users by the file, people over the network by the newest token that was seen of them.

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
use crate::domain::json::Json;
use crate::gateway::admin::remote::takes_client;
use crate::pipeline::locks::LockSet;

/// How many people are kept in mind. Beyond that all are forgotten, and count again when they come again.
const MOST: usize = 10_000;

/// Who may decide, by the configuration in force.
///
/// What the issuer says of a person is known from tokens only, so that an approval over the network counts as long as the newest
/// token of its approver that came since the start has the group, and no lock names the person.
///
/// Groups are not kept over a restart, and need not be. A process that has seen no token of a person knows no role of that person's, and
/// what that person approved counts for nothing, not for one of several either: what waits is asked for anew. Once the person is back, what
/// the issuer says then is what counts. A token from before a role was lost still says that it is there, as it does to whom it is shown
/// for a new decision, until it runs out; it takes back nothing that a newer one has said (`iat`), in whatever order they come.
/// Nor does an approval end with the token that it was given by: who approves something for a day goes home before it is over.
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

    /// Keeps in mind what a token said of somebody: what a newer token does not say any more, does not count any more. Of those, too, who
    /// may decide nothing: an older token of theirs may say otherwise.
    pub fn saw(&self, principal: &Arc<Principal>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&*principal.id) {
            Some(known) if issued_s(known) > issued_s(principal) => return,
            None if seen.len() >= MOST => seen.clear(),
            _ => {}
        }
        seen.insert((&*principal.id).into(), Arc::clone(principal));
    }

    fn seen(&self, id: &str) -> Option<Arc<Principal>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }
}

/// When the token was given out, in seconds since 1970; before all others, where it does not say so.
fn issued_s(principal: &Principal) -> Option<i64> {
    principal.claims.member("iat").and_then(Json::as_i64)
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
