//! The nouns of the admin API. To add one: its file here, its line in [`route`], its trait in `Backend`.

pub mod approval;
pub mod audit;
pub mod entity;
pub mod event;
pub mod gateway;
pub mod grant;
pub mod lock;
pub mod pin;
pub mod secret;
pub mod session;

use serde::Deserialize;
use serde::Serialize;

use crate::control::Backend;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::error::ApiError;

/// Default number of items in a list.
pub const DEFAULT_LIMIT: u32 = 100;
/// Maximum number of items in a list.
pub const MAX_LIMIT: u32 = 1000;

/// Returns the number of items that a list may have: the requested one, clamped to 1..=[`MAX_LIMIT`], or
/// [`DEFAULT_LIMIT`].
pub fn bounded(limit: Option<u32>) -> u32 {
    limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
}

/// The answer to a list request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<T> {
    /// The items, in the order that the noun documents.
    pub items: Vec<T>,
    /// Whether the limit left items out.
    pub more: bool,
}

impl<T> List<T> {
    /// Returns a complete list.
    pub const fn all(items: Vec<T>) -> Self {
        Self { items, more: false }
    }

    /// Returns the first `limit` of `items`; `more` if there were others. Query the source for one more than
    /// the limit.
    pub fn cut(mut items: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

/// All paths, and what each takes.
#[cfg(test)]
pub fn routes() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let first = [approval::ROUTES, audit::ROUTES, entity::ROUTES, event::ROUTES, gateway::ROUTES];
    let second = [grant::ROUTES, lock::ROUTES, pin::ROUTES, secret::ROUTES, session::ROUTES];
    first.into_iter().chain(second).flatten()
}

/// Answers one call by the noun that its path names.
///
/// # Errors
/// The noun's errors, and `not_found` if there is none of that name.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match call.segments.first().map(String::as_str) {
        Some("approvals") => approval::route(call, backend).await,
        Some("audit") => audit::route(call, backend).await,
        Some("apply" | "connections" | "masks" | "policies") => entity::route(call, backend).await,
        Some("events") => event::route(call, backend).await,
        Some("explain" | "issuers" | "reload" | "status") => gateway::route(call, backend).await,
        Some("grants") => grant::route(call, backend).await,
        Some("locks") => lock::route(call, backend).await,
        Some("pins") => pin::route(call, backend).await,
        Some("secrets") => secret::route(call, backend).await,
        Some("sessions") => session::route(call, backend).await,
        _ => Err(call.unknown()),
    }
}
