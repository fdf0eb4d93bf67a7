//! Turns a token into a verified caller. Every request is verified; a thread caches the result for at most
//! five minutes, and never across a change of keys. Locks are checked afterwards, each time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::now_ms;
use crate::identity::Issuers;
use crate::identity::TokenError;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::enter::locked;
use crate::pipeline::snapshot::Snapshot;

/// How long a verified token is cached at most.
const REMEMBER: Duration = Duration::from_mins(5);
/// The size of one thread's cache, in bytes: about 5,000 tokens of usual size.
const CAPACITY: usize = 16 << 20;

#[derive(Default)]
struct Cache {
    issuers: usize,
    generation: u64,
    entries: HashMap<Box<str>, (Arc<Verified>, Instant), ahash::RandomState>,
    bytes: usize,
}

/// Estimates the size of an entry. What is known of a caller, above all the groups, is part of the token.
fn weight(token: &str) -> usize {
    token.len().saturating_mul(2).saturating_add(1024)
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

impl Cache {
    /// Returns the caller of a token that this thread has verified with the current keys.
    fn find(&mut self, issuers: &Arc<Issuers>, token: &str) -> Option<Arc<Verified>> {
        let (identity, generation) = (Arc::as_ptr(issuers).addr(), issuers.generation());
        if (self.issuers, self.generation) != (identity, generation) {
            self.clear();
            (self.issuers, self.generation) = (identity, generation);
            return None;
        }
        let (verified, since) = self.entries.get(token)?;
        if verified.expires_ms <= now_ms() || since.elapsed() > REMEMBER {
            self.entries.remove(token);
            self.bytes = self.bytes.saturating_sub(weight(token));
            return None;
        }
        Some(Arc::clone(verified))
    }

    fn keep(&mut self, token: &str, verified: &Arc<Verified>) {
        if verified.generation != self.generation {
            return;
        }
        let added = weight(token);
        if self.bytes.saturating_add(added) > CAPACITY {
            // Rare: many callers, or one with ever new tokens. Tokens still in use cost one verification
            // each.
            self.clear();
        }
        if self.entries.insert(token.into(), (Arc::clone(verified), Instant::now())).is_none() {
            self.bytes = self.bytes.saturating_add(added);
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

impl Gate {
    /// Verifies a token: signature, issuer, audience, times, claims. Returns the caller, and the snapshot
    /// whose issuers verified it, since its policies were written for those issuers.
    pub(super) async fn authenticate(&self, token: &str) -> Result<(Arc<Verified>, Arc<Snapshot>), Denied> {
        loop {
            let snapshot = self.snapshot();
            let issuers = snapshot.issuers();
            if let Some(verified) = CACHE.with_borrow_mut(|cache| cache.find(issuers, token)) {
                return Ok((verified, snapshot));
            }
            let verified = issuers.verify(token).await;
            // The verification may have waited for keys: a reload in the meantime applies to this request
            // too.
            if !Arc::ptr_eq(&snapshot, &self.0.snapshot.load()) {
                continue;
            }
            let verified = Arc::new(verified.map_err(|error| refused(&error))?);
            if verified.expires_ms <= now_ms() {
                return Err(unauthenticated("expired"));
            }
            CACHE.with_borrow_mut(|cache| cache.keep(token, &verified));
            return Ok((verified, snapshot));
        }
    }

    /// Identifies the holder of a token for requests that are not commands, such as those of the admin API
    /// over the network: verifies the token and checks the locks. A lock on everybody is ignored, so that an
    /// operator can log in to remove it.
    pub async fn identify(&self, token: &str) -> Result<Arc<Verified>, Denied> {
        let identified = async {
            let (verified, _snapshot) = self.authenticate(token).await?;
            if self.0.locks.load().names(&verified.principal, &verified.token_ids) {
                return Err(locked());
            }
            Ok(verified)
        };
        identified.await.inspect_err(|denied| self.0.metrics.refused(denied.code))
    }

    /// Returns whether an identified caller is still valid: its token has not expired, and no lock names it.
    /// The token itself is not verified again.
    pub fn still_holds(&self, verified: &Verified) -> bool {
        let locks = self.0.locks.load();
        verified.expires_ms > now_ms() && !locks.names(&verified.principal, &verified.token_ids)
    }
}

fn refused(error: &TokenError) -> Denied {
    if error.is_unavailable() {
        let detail = "the issuer's keys are not available; try again later";
        return Denied::new(DenyCode::IssuerUnavailable, detail)
            .because(error.reason())
            .retry_in(Duration::from_secs(5));
    }
    unauthenticated(error.reason())
}

/// The one answer to every token that is not valid: the reason is for the audit trail only.
pub(super) fn unauthenticated(reason: &'static str) -> Denied {
    Denied::new(
        DenyCode::Unauthenticated,
        "the bearer token is missing, wrong or no longer valid; get a new one",
    )
    .because(reason)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;
    use crate::identity::forge;

    #[tokio::test]
    async fn what_is_remembered_has_a_bound_in_bytes() {
        let (provider, pair) = (forge::Provider::default(), forge::Pair::rsa(0));
        provider.issue(forge::ISS, &[pair.jwk("k")]);
        let issuers = Arc::new(provider.issuers(vec![forge::generic()]));
        issuers.start(&Handle::current());
        let verified = Arc::new(issuers.verify(&pair.token("k", &forge::claims())).await.unwrap());
        let mut cache = Cache::default();
        assert!(cache.find(&issuers, "").is_none());
        let long = "t".repeat(60_000);
        for number in 0..1_000 {
            cache.keep(&format!("{long}{number}"), &verified);
            let kept: usize = cache.entries.keys().map(|token| token.len()).sum();
            assert!(kept <= CAPACITY && cache.bytes <= CAPACITY, "{number}: {kept}");
        }
        assert!(cache.entries.len() > 20, "{}", cache.entries.len());
        let expired = Arc::new(Verified {
            expires_ms: 1,
            principal: Arc::clone(&verified.principal),
            token_ids: Vec::new(),
            ..Verified::clone(&verified)
        });
        cache.clear();
        cache.keep("expired", &expired);
        assert!(cache.find(&issuers, "expired").is_none());
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
    }
}
