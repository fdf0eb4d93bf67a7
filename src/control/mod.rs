//! The admin API: HTTP/1.1 and JSON over a Unix socket or TLS, with its server, its client and the live event
//! stream.
//!
//! Each noun is one file in `noun/`: its wire types, the trait of its operations, its routes (server) and its
//! calls (client). [`Backend`] is all nouns together, as seen by one caller. It has two implementations: the
//! gateway's service layer, which the server calls and which the command line uses directly if no gateway is
//! running, and [`Client`], which sends each call over the socket or the network. The command line therefore
//! works on a `dyn Backend` and cannot tell the two apart.

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

/// The future of one admin call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// All operations of the admin API, as seen by one caller: operations that the caller may not use fail with
/// `forbidden`.
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

/// The service behind the server: a backend for each caller.
pub trait Service: Send + Sync + 'static {
    /// Returns the admin API with the current permissions of `peer`. Called for each call, so that a reload
    /// takes effect at once.
    fn acting_as(&self, peer: &Peer) -> Arc<dyn Backend>;

    /// Returns the admin API with the current permissions of the holder of `token`, over the network. Called
    /// for each call. `unauthenticated`: the token is invalid; `forbidden`: its holder may not use the admin
    /// API.
    fn admit<'a>(&'a self, token: &'a str, from: IpAddr) -> Answer<'a, Arc<dyn Backend>>;

    /// Returns where callers over the network sign in. `called` is the address they called: scheme and
    /// `Host`.
    fn sign_in(&self, called: &str) -> SignIn;

    /// Returns the origin of the approval page; `None`: there is none.
    fn page(&self) -> Option<page::site::Site>;

    /// Returns the address at which a browser signs in for the page. `unavailable`: the issuer's metadata is
    /// missing.
    fn begin_sign_in<'a>(&'a self, begin: &'a page::issuer::Begin) -> Answer<'a, page::issuer::Onward>;

    /// Exchanges the code that a browser brought back for a token, once. `unauthenticated`: the issuer
    /// refuses, or its token is not for this sign-in.
    fn finish_sign_in(&self, returned: page::issuer::Returned) -> Answer<'_, Zeroizing<String>>;
}
