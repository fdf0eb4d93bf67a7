//! Callers over the network: which tokens are accepted, and for how long.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Interval;
use tokio::time::MissedTickBehavior;
use zeroize::Zeroizing;

use crate::config::RemoteSettings;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Backend;
use crate::control::Caller;
use crate::control::ErrorCode;
use crate::control::Peer;
use crate::control::Service;
use crate::control::SignIn;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::NextEvent;
use crate::control::page::issuer::Begin;
use crate::control::page::issuer::Onward;
use crate::control::page::issuer::Returned;
use crate::control::page::site::Site;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Principal;
use crate::domain::connection::Connection;
use crate::domain::secret::SecretRef;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::Live;
use crate::gateway::admin::streams::OpenStream;
use crate::identity::OPENID;
use crate::identity::Verified;

/// How often to check whether a stream's caller may still see it.
const LOOK: Duration = Duration::from_secs(1);

/// The token of a caller.
#[derive(Clone)]
pub(super) struct Seat {
    token: Arc<Zeroizing<String>>,
    verified: Arc<Verified>,
}

/// Returns whether a token issued to this principal's client is accepted by the admin API.
pub(super) fn takes_client(remote: &RemoteSettings, principal: &Principal) -> bool {
    let given_to = principal.client.as_deref().map(|client| format!("{}/{client}", principal.issuer));
    given_to.is_some_and(|client| remote.clients.contains(&client))
}

/// Returns the error for a token that is not accepted.
fn turned_away(denied: &Denied) -> ApiError {
    match denied.code {
        DenyCode::Locked => {
            let text = "the token, its holder, client or issuer is locked out";
            ApiError::new(ErrorCode::Forbidden, text).hint("on the gateway's machine: hoopctl lock list")
        }
        DenyCode::IssuerUnavailable => ApiError::new(ErrorCode::Unavailable, denied.detail.clone()),
        _ => ApiError::new(ErrorCode::Unauthenticated, "not signed in: the token is invalid or has expired")
            .hint("sign in with: hoopctl login --url URL"),
    }
}

impl Admin {
    /// Returns the rights of a token's holder by the configuration in force.
    fn signed_in(&self, verified: &Arc<Verified>) -> Result<Caller, ApiError> {
        let config = self.config.load();
        let forbidden = |text: String| ApiError::new(ErrorCode::Forbidden, text);
        let Some(remote) = &config.admin.remote else {
            return Err(forbidden("this gateway is no longer managed over the network".to_owned()));
        };
        let principal = &verified.principal;
        if !takes_client(remote, principal) {
            let client = principal.client.as_deref().unwrap_or("nobody");
            let text =
                format!("the token was given to the client {client:?}, which is none of admin.clients");
            return Err(forbidden(text).hint("sign in with: hoopctl login --url URL"));
        }
        Caller::signed_in(Arc::clone(principal), &remote.roles)
    }

    async fn admitted(self: &Arc<Self>, token: &str, from: IpAddr) -> Result<Arc<dyn Backend>, ApiError> {
        let running = self.running()?;
        let verified = running.live.identify(token).await.map_err(|denied| {
            tracing::info!(%from, code = %denied.code, reason = denied.audit.unwrap_or_default(), "a token does not open the admin API");
            turned_away(&denied)
        })?;
        let caller = self.signed_in(&verified);
        let of_ours = self
            .config
            .load()
            .admin
            .remote
            .as_ref()
            .is_some_and(|own| takes_client(own, &verified.principal));
        if of_ours {
            running.approvers.saw(&verified.principal);
        }
        let caller = caller.inspect_err(|error| {
            tracing::warn!(%from, principal = %verified.principal.id, why = %error.message, "somebody without a role called the admin API");
        })?;
        let seat = Seat { token: Arc::new(Zeroizing::new(token.to_owned())), verified };
        Ok(Arc::new(Acting { admin: Arc::clone(self), caller, seat: Some(seat) }))
    }
}

impl Service for Arc<Admin> {
    fn acting_as(&self, peer: &Peer) -> Arc<dyn Backend> {
        self.backend(peer)
    }

    fn admit<'a>(&'a self, token: &'a str, from: IpAddr) -> Answer<'a, Arc<dyn Backend>> {
        Box::pin(self.admitted(token, from))
    }

    fn page(&self) -> Option<Site> {
        Some(self.page_settings()?.site)
    }

    fn begin_sign_in<'a>(&'a self, begin: &'a Begin) -> Answer<'a, Onward> {
        Box::pin(Admin::begin_sign_in(self, begin))
    }

    fn finish_sign_in(&self, returned: Returned) -> Answer<'_, Zeroizing<String>> {
        Box::pin(Admin::finish_sign_in(self, returned))
    }

    fn sign_in(&self, called: &str) -> SignIn {
        let config = self.config.load();
        let remote = config.admin.remote.as_ref();
        let login = remote.and_then(|remote| remote.login.as_ref());
        let (first, rest): (Vec<_>, Vec<_>) =
            config.oidc.iter().partition(|entry| login.is_some_and(|login| login.issuer == entry.name));
        let client = login.map(|login| login.client.clone());
        let scopes = client.iter().flat_map(|client| client.scopes.iter());
        SignIn {
            resource: remote
                .and_then(|remote| remote.public_url.clone())
                .unwrap_or_else(|| called.to_owned()),
            authorization_servers: first.into_iter().chain(rest).map(|entry| entry.issuer.clone()).collect(),
            scopes_supported: scopes.filter(|scope| !OPENID.contains(&scope.as_str())).cloned().collect(),
            bearer_methods_supported: vec!["header".to_owned()],
            hoopctl_login: client,
        }
    }
}

impl Acting {
    /// Checks that a caller of this kind may write a connection: over the network none that makes the gateway
    /// run a program, or read a file or variable of its machine.
    pub(super) fn must_reach(&self, connection: &Connection) -> Result<(), ApiError> {
        let what = if connection.upstream.program.is_some() {
            "a program as the target"
        } else if connection.secrets().any(|source| !matches!(source, SecretRef::Store(_))) {
            "a secret that is not in the store"
        } else if connection.ca_file.is_some() || connection.upstream.certificate.is_some() {
            "a file with certificates"
        } else {
            return Ok(());
        };
        self.caller.must_be_local(&format!("connection {}: {what}", connection.name))
    }

    /// Checks that a caller who has waited may still see what it waited for: over the network its token has
    /// not expired, no lock applies, and the role is not lost.
    pub(super) fn must_still_hold(&self) -> Result<(), ApiError> {
        let (Some(seat), Some(running)) = (&self.seat, &self.admin.running) else { return Ok(()) };
        if !running.live.still_holds(&seat.verified) {
            return Err(gone());
        }
        self.admin.signed_in(&seat.verified).map(drop)
    }

    /// Guards a stream for this caller: over the network it ends when the token expires, a lock applies, or
    /// the role is lost.
    ///
    /// # Errors
    /// `too_many` over the network, for a caller with the maximum number of streams.
    pub(super) fn guarded(
        &self,
        open: impl FnOnce() -> Box<dyn EventSource>,
    ) -> Result<Box<dyn EventSource>, ApiError> {
        match (&self.seat, &self.admin.running) {
            (Some(seat), Some(running)) => {
                let counted = self.admin.streams.enter(self.caller.actor())?;
                let mut look = tokio::time::interval(LOOK);
                look.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let (admin, live) = (Arc::clone(&self.admin), Arc::clone(&running.live));
                Ok(Box::new(Guarded {
                    source: open(),
                    admin,
                    live,
                    seat: seat.clone(),
                    look,
                    _counted: counted,
                }))
            }
            _ => Ok(open()),
        }
    }
}

/// Returns the error for a token that was accepted and holds no longer.
fn gone() -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated, "the token has run out, or is locked out")
}

/// A stream that ends when its caller may no longer see it.
struct Guarded {
    source: Box<dyn EventSource>,
    admin: Arc<Admin>,
    live: Arc<dyn Live>,
    seat: Seat,
    look: Interval,
    _counted: OpenStream,
}

impl Guarded {
    /// Checks whether the caller would be accepted now.
    async fn look(live: &dyn Live, admin: &Admin, seat: &Seat) -> Result<(), ApiError> {
        let verified = live.identify(&seat.token).await.map_err(|denied| turned_away(&denied))?;
        admin.signed_in(&verified).map(drop)
    }
}

impl EventSource for Guarded {
    fn next(&mut self) -> NextEvent<'_> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    biased;
                    _ = self.look.tick() => Self::look(&*self.live, &self.admin, &self.seat).await?,
                    event = self.source.next() => {
                        let event = event?;
                        // A lock that was set a moment ago applies to the events after it.
                        if !self.live.still_holds(&self.seat.verified) {
                            return Err(gone());
                        }
                        return Ok(event);
                    }
                }
            }
        })
    }
}
