//! Who may decide approvals at this moment: OS users by the file, people over the network by the tokens that were seen of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use arc_swap::ArcSwap;

use crate::approval::Electorate;
use crate::config::Config;
use crate::domain::Kind;
use crate::domain::Principal;
use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::gateway::admin::remote::takes_client;
use crate::pipeline::locks::LockSet;

/// How many people are kept in mind. Beyond that one is forgotten, and counts again when it comes again: of those who may decide nothing,
/// as long as there are any, the one that was away for longest.
pub(super) const MOST: usize = 10_000;

/// Who may decide, by the configuration in force.
///
/// What the issuer says of a person is known from tokens only, so that an approval over the network counts as long as the tokens
/// of its approver that came since the start say that the group is there, and no lock names the person.
///
/// Groups are not kept over a restart, and need not be. A process that has seen no token of a person knows no role of that person's, and
/// what that person approved counts for nothing, not for one of several either: what waits is asked for anew. Once the person is back, what
/// the issuer says then is what counts. A token from before a role was lost still says that it is there, as it does to whom it is shown
/// for a new decision, until it runs out. Nor does an approval end with the token that it was given by: who approves something for a day
/// goes home before it is over.
///
/// Tokens come in any order, and which is newer is not always to be told: `iat` is in whole seconds, by the clocks of several machines, and
/// may be left out. So a group is lost with any token that is without it, however old, and comes back only with one that was given
/// out later than all that took it away. That may end a grant too early, until its approver calls with a new token, and never too late.
pub struct Electors {
    config: Arc<ArcSwap<Config>>,
    seen: Mutex<Seen>,
    /// Not the gate, which has the approvals, which have this: none of them would ever be closed.
    locks: OnceLock<Arc<ArcSwap<LockSet>>>,
}

/// Who was seen.
#[derive(Default)]
struct Seen {
    people: HashMap<Box<str>, Known>,
    /// How many tokens were looked at.
    count: u64,
}

/// What is known of one person.
struct Known {
    /// With nothing of the token that does not say who may decide.
    principal: Arc<Principal>,
    /// In seconds since 1970: what was given out later than this says what holds, and all else only what does not.
    as_of_s: i64,
    /// [`Seen::count`] when its last token came.
    last: u64,
}

impl Known {
    fn of(principal: &Principal, as_of_s: i64, last: u64) -> Self {
        let said = Principal { display: None, claims: Json::Object(Vec::new()), ..principal.clone() };
        Self { principal: Arc::new(said), as_of_s, last }
    }

    /// Takes away what a token does not say that may be the newest one, or may not be.
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

    /// Keeps in mind what a token said of somebody: what it does not say any more, does not count any more. Of those, too, who
    /// may decide nothing: an older token of theirs may say otherwise.
    pub fn saw(&self, principal: &Principal) {
        let issued_s = issued_s(principal);
        // What does not say when it was given out was given out by now.
        let by_s = issued_s.unwrap_or_else(|| now_ms() / 1000);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count += 1;
        let now = seen.count;
        match seen.people.get_mut(&*principal.id) {
            Some(known) if issued_s.is_none_or(|issued_s| issued_s <= known.as_of_s) => {
                known.lose(principal, by_s);
                if issued_s.is_none() {
                    // It may be the newest of all: what was given out before it came gives nothing back.
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

    fn forget_one(&self, people: &mut HashMap<Box<str>, Known>) {
        let config = self.config.load();
        let roles = config.admin.remote.as_ref().map(|remote| &remote.roles);
        let decides = |known: &Known| roles.is_some_and(|roles| roles.let_decide(&known.principal));
        let first = people.iter().min_by_key(|(_, known)| (decides(known), known.last));
        let first = first.map(|(id, _)| id.clone());
        first.and_then(|id| people.remove(&id));
    }

    fn seen(&self, id: &str) -> Option<Arc<Principal>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.people.get(id).map(|known| Arc::clone(&known.principal))
    }
}

/// When the token was given out, in seconds since 1970, where it says so.
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
            && remote.roles.let_decide(&principal)
    }
}
