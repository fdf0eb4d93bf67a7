//! Rate limits: a token bucket per principal, and per principal and connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::sync::lock;

/// A bucket that has not been used for this long is removed.
const QUIET: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Takes one request out of a bucket that holds `rate` requests and is refilled at `rate` per second; if
    /// it is empty, returns the time to wait.
    fn take(&mut self, rate: f64, now: Instant) -> Result<(), Duration> {
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.left = (self.left + refill).min(rate.max(1.0));
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64(((1.0 - self.left) / rate.max(f64::MIN_POSITIVE)).min(3600.0)))
        }
    }
}

type Key = (Arc<str>, Option<ConnectionName>);

/// The buckets of all principals that sent a request lately.
#[derive(Debug, Default)]
pub(super) struct Callers(Mutex<HashMap<Key, Bucket>>);

impl Callers {
    /// Counts one request of a principal, on one connection, or on all of them (`None`).
    pub fn admit(
        &self,
        principal: &Arc<str>,
        connection: Option<&ConnectionName>,
        rate: Option<u32>,
    ) -> Result<(), Denied> {
        let Some(rate) = rate else { return Ok(()) };
        let now = Instant::now();
        let mut buckets = lock(&self.0);
        let rate = f64::from(rate);
        let bucket = buckets
            .entry((Arc::clone(principal), connection.cloned()))
            .or_insert(Bucket { left: rate.max(1.0), at: now });
        bucket.take(rate, now).map_err(|wait| {
            let detail = format!("more than {rate} requests a second; wait and try again");
            Denied::new(DenyCode::LimitExceeded, detail).because("rate").retry_in(wait)
        })
    }

    /// Removes the buckets of principals without recent requests: they would be full again.
    pub fn forget_quiet(&self) {
        let mut buckets = lock(&self.0);
        buckets.retain(|_, bucket| bucket.at.elapsed() < QUIET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_the_rate_passes_and_the_next_waits() {
        let mut bucket = Bucket { left: 3.0, at: Instant::now() };
        let now = bucket.at;
        for _ in 0..3 {
            assert_eq!(bucket.take(3.0, now), Ok(()));
        }
        assert!(bucket.take(3.0, now).is_err());
        assert_eq!(bucket.take(3.0, now + Duration::from_millis(400)), Ok(()));
        assert!(bucket.take(3.0, now + Duration::from_millis(400)).is_err());
    }

    #[test]
    fn callers_do_not_share_their_rate() {
        let callers = Callers::default();
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        assert!(callers.admit(&ann, None, Some(1)).is_ok());
        let denied = callers.admit(&ann, None, Some(1)).unwrap_err();
        assert_eq!(denied.code, DenyCode::LimitExceeded);
        assert!(denied.retry_after.is_some());
        assert!(callers.admit(&bob, None, Some(1)).is_ok());
        assert!(callers.admit(&ann, None, None).is_ok());
    }
}
