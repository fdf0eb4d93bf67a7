//! The time of day.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Returns the milliseconds since 1970, or 0 before that.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
