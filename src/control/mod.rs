//! The admin API: HTTP/1.1 and JSON over a Unix socket or TLS, its server, its client and the live event stream.
//!
//! One noun is one file in `noun/`: its wire types, the trait of what can be done with it, the routes (server) and the
//! calls (client). [`Backend`] is all nouns together, as one caller sees them. It has two implementations: the gateway's
//! own service layer, which the server calls and which the command line uses directly when no gateway runs, and
//! [`Client`], which carries each call over the socket or the network. So the command line works on a `dyn Backend` and cannot tell
//! the two apart.

#[cfg(test)]
pub mod api;
pub mod call;
pub mod caller;
pub mod client;
pub mod error;
pub mod feed;
pub mod noun;
pub mod page;
pub mod paging;
pub mod remote;
pub mod server;
pub mod sign_in;
pub mod socket;
pub mod sse;
mod stall;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use caller::Caller;
pub use caller::Peer;
pub use caller::Roles;
pub use client::Bearer;
pub use client::Client;
pub use error::ApiError;
pub use error::ClientError;
pub use error::ErrorCode;
pub use sign_in::SignIn;
pub use sign_in::SignInClient;

/// The answer to one admin call, to be awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// Everything the admin API can do, as one caller sees it: what the caller may not do fails with `forbidden`.
pub trait Backend:
    noun::approval::Approvals
    + noun::audit::Audit
    + noun::entity::Entities
    + noun::event::Events
    + noun::gateway::Gateway
    + noun::grant::Grants
    + noun::lock::Locks
    + noun::pin::Pins
    + noun::secret::Secrets
    + noun::session::Sessions
    + Send
    + Sync
{
}

impl<T> Backend for T where
    T: noun::approval::Approvals
        + noun::audit::Audit
        + noun::entity::Entities
        + noun::event::Events
        + noun::gateway::Gateway
        + noun::grant::Grants
        + noun::lock::Locks
        + noun::pin::Pins
        + noun::secret::Secrets
        + noun::session::Sessions
        + Send
        + Sync
{
}

/// What the server serves: a backend for each caller.
pub trait Service: Send + Sync + 'static {
    /// The admin API as `peer` may use it now. Asked anew for each call, so that a reload holds at once.
    fn acting_as(&self, peer: &Peer) -> Arc<dyn Backend>;

    /// The admin API as whoever holds `token` may use it now, over the network. Asked anew for each call.
    /// `unauthenticated`: the token does not hold; `forbidden`: its holder may not use the admin API.
    fn admit<'a>(&'a self, token: &'a str, from: IpAddr) -> Answer<'a, Arc<dyn Backend>>;

    /// Where people sign in who call over the network. `called` is the address they called: scheme and `Host`.
    fn sign_in(&self, called: &str) -> SignIn;

    /// Where the approval page is; `None`: there is none.
    fn page(&self) -> Option<page::site::Site>;

    /// Where a browser signs in for the page. `unavailable`: the issuer does not say where.
    fn begin_sign_in<'a>(&'a self, begin: &'a page::issuer::Begin) -> Answer<'a, page::issuer::Onward>;

    /// The token for the code that a browser brought back, asked for once. `unauthenticated`: the issuer gives none, or one that is not for
    /// this sign-in.
    fn finish_sign_in(&self, returned: page::issuer::Returned) -> Answer<'_, Zeroizing<String>>;
}
