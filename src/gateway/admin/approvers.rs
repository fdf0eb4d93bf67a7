//! The current approvers: OS users by the configuration file, people over the network by the tokens that were
//! seen of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use arc_swap::ArcSwap;

use crate::approval::ApproverRoster;
use crate::config::Config;
use crate::domain::Kind;
use crate::domain::Principal;
use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::gateway::admin::remote::takes_client;
use crate::pipeline::locks::LockSet;

/// How many people are remembered. Beyond that one is forgotten until it is seen again: the one not seen for
/// longest, first among those who may decide nothing.
pub(super) const MOST: usize = 10_000;

/// The current approvers, by the configuration in force.
///
/// What the issuer says of a person is only known from tokens, so an approval over the network counts as long
/// as the approver's tokens since the start contain the group, and no lock names the person.
///
/// Groups are not kept across a restart, and need not be. A process that has seen no token of a person knows
/// none of that person's roles, and the person's approvals count for nothing, not even as one of several: the
/// pending command has to be asked for again. Once the person is back, the issuer's current statement counts.
/// A token from before a role was lost still contains it, as it does for a new decision, until it expires.
/// Nor does an approval end with the token it was given by: whoever approves something for a day goes home
/// before it is over.
///
/// Tokens come in any order, and it is not always known which is newer: `iat` is in whole seconds, by the
/// clocks of several machines, and may be missing. So a group is lost with any token without it, however old,
/// and only comes back with a token that was issued later than all those without it. That may end a grant too
/// early, until its approver calls with a new token, but never too late.
pub struct CurrentApprovers {
    config: Arc<ArcSwap<Config>>,
    seen: Mutex<Seen>,
    /// Not the gate, which owns the approvals, which own this: the cycle would never be freed.
    locks: OnceLock<Arc<ArcSwap<LockSet>>>,
}

/// The people that were seen.
#[derive(Default)]
struct Seen {
    people: HashMap<Box<str>, Known>,
    /// How many tokens were seen.
    count: u64,
}

/// The state of one person.
struct Known {
    /// Without the parts of the token that have no bearing on who may decide.
    principal: Arc<Principal>,
    /// In seconds since 1970: a token issued later than this is authoritative, any other can only remove
    /// groups.
    as_of_s: i64,
    /// The value of [`Seen::count`] when its last token was seen.
    last: u64,
}

impl Known {
    fn of(principal: &Principal, as_of_s: i64, last: u64) -> Self {
        let said = Principal { display: None, claims: Json::Object(Vec::new()), ..principal.clone() };
        Self { principal: Arc::new(said), as_of_s, last }
    }

    /// Removes the groups that are missing in a token, which may or may not be the newest one.
    fn lose(&mut self, principal: &Principal, as_of_s: i64) {
        let had = self.principal.groups.iter().count();
        let human = principal.kind == Kind::Human;
        let left = self.principal.groups.iter().filter(|group| human && principal.groups.contains(group));
        let left: Vec<Arc<str>> = left.map(Into::into).collect();
        if left.len() < had {
            let groups = left.into_iter().collect();
            self.principal = Arc::new(Principal { groups, ..Principal::clone(&self.principal) });
            self.as_of_s = self.as_of_s.max(as_of_s);
        }
    }
}

impl CurrentApprovers {
    /// Creates an empty state.
    pub fn new(config: Arc<ArcSwap<Config>>) -> Arc<Self> {
        Arc::new(Self { config, seen: Mutex::default(), locks: OnceLock::new() })
    }

    /// Sets the locks: people named by one of them do not count.
    pub fn heed(&self, locks: Arc<ArcSwap<LockSet>>) {
        // There is one set, given once at the start.
        let _already = self.locks.set(locks);
    }

    /// Remembers the content of a person's token: groups that are no longer in it no longer count. People who
    /// may decide nothing are remembered too, since an older token of theirs may contain a group.
    pub fn saw(&self, principal: &Principal) {
        let issued_s = issued_s(principal);
        // A token without `iat` was issued by now.
        let by_s = issued_s.unwrap_or_else(|| now_ms() / 1000);
        let mut seen = lock(&self.seen);
        seen.count += 1;
        let now = seen.count;
        match seen.people.get_mut(&*principal.id) {
            Some(known) if issued_s.is_none_or(|issued_s| issued_s <= known.as_of_s) => {
                known.lose(principal, by_s);
                if issued_s.is_none() {
                    // It may be the newest of all: tokens issued before it give nothing back.
                    known.as_of_s = known.as_of_s.max(by_s);
                }
                known.last = now;
            }
            Some(known) => *known = Known::of(principal, by_s, now),
            None => {
                if seen.people.len() >= MOST {
                    self.forget_one(&mut seen.people);
                }
                seen.people.insert((&*principal.id).into(), Known::of(principal, by_s, now));
            }
        }
    }

    /// Forgets people for whose tokens `is_trusted` says that their issuer's entry has changed: their groups
    /// may be others now, and count again with their next token.
    pub fn forget_unless(&self, is_trusted: impl Fn(&Principal) -> bool) {
        lock(&self.seen).people.retain(|_id, known| is_trusted(&known.principal));
    }

    fn forget_one(&self, people: &mut HashMap<Box<str>, Known>) {
        let config = self.config.load();
        let roles = config.admin.remote.as_ref().map(|remote| &remote.roles);
        let decides = |known: &Known| roles.is_some_and(|roles| roles.let_decide(&known.principal));
        let first = people.iter().min_by_key(|(_, known)| (decides(known), known.last));
        let first = first.map(|(id, _)| id.clone());
        first.and_then(|id| people.remove(&id));
    }

    fn seen(&self, id: &str) -> Option<Arc<Principal>> {
        let seen = lock(&self.seen);
        seen.people.get(id).map(|known| Arc::clone(&known.principal))
    }
}

/// Returns when the token was issued, in seconds since 1970; `None` if it does not say so.
fn issued_s(principal: &Principal) -> Option<i64> {
    principal.claims.member("iat").and_then(Json::as_i64)
}

impl ApproverRoster for CurrentApprovers {
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
            && remote.roles.let_decide(&principal)
    }
}
