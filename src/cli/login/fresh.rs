//! New tokens from an issuer: they are checked and stored, or else revoked.

use std::path::Path;
use std::time::Duration;

use crate::cli::login::Fresh;
use crate::cli::login::Issuer;
use crate::cli::login::interrupts::HeldOff;
use crate::cli::login::issuer;
use crate::cli::login::issuer::Given;
use crate::cli::login::issuer::Said;
use crate::cli::login::print_always;
use crate::cli::login::tokens::Entry;
use crate::cli::login::tokens::Held;
use crate::cli::login::tokens::TokenFile;
use crate::cli::login::tokens::Tokens;
use crate::cli::report::Failure;

/// How long another process may hold the file after a signal has arrived. It mostly renews, which is quick.
const GRACE: Duration = Duration::from_secs(1);

/// The revocation endpoint for the tokens of a client (RFC 7009).
pub struct Revocation<'a> {
    /// `None`: the issuer has none.
    endpoint: Option<&'a str>,
    client_id: &'a str,
    ca_file: Option<&'a Path>,
}

impl<'a> Revocation<'a> {
    /// Creates one for the stored login of a gateway.
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            endpoint: entry.revocation_endpoint.as_deref(),
            client_id: &entry.terms.client_id,
            ca_file: entry.issuer_ca_file.as_deref(),
        }
    }

    /// Creates one for a login that is not stored yet.
    fn at(issuer: &'a Issuer) -> Self {
        Self {
            endpoint: issuer.endpoints.revocation.as_deref(),
            client_id: &issuer.terms.client_id,
            ca_file: issuer.ca_file.as_deref(),
        }
    }

    /// Revokes tokens if the issuer has an endpoint for that. Returns whether it did.
    ///
    /// # Errors
    /// The issuer could not be reached, or refused.
    pub async fn revoke(&self, tokens: Option<&Tokens>) -> Result<bool, Failure> {
        let (Some(endpoint), Some(Tokens { access, refresh, .. })) = (self.endpoint, tokens) else {
            return Ok(false);
        };
        let refresh = refresh.as_ref().filter(|refresh| !refresh.expose().is_empty());
        let (token, hint) = refresh.map_or((access, "access_token"), |refresh| (refresh, "refresh_token"));
        let form = [("token", token.expose()), ("token_type_hint", hint), ("client_id", self.client_id)];
        match issuer::post(endpoint, &form, self.ca_file).await? {
            Said::Yes(_) => Ok(true),
            Said::No(error, description) => Err(Failure::failed(format!("{error} {description}").trim_end())),
        }
    }

    /// Revokes tokens that nobody keeps, and returns the outcome as text.
    pub async fn end(&self, tokens: Option<&Tokens>) -> String {
        match self.revoke(tokens).await {
            Ok(true) => "the login is revoked at the issuer".to_owned(),
            Ok(false) => {
                "the issuer revokes none, so that the login lasts there until it runs out".to_owned()
            }
            Err(other) => format!("at the issuer the login could not be revoked: {}", other.message),
        }
    }
}

/// Checks the answer of a token endpoint to a request made at `asked_ms`, in milliseconds since 1970. Refused
/// tokens are not kept but revoked.
///
/// # Errors
/// An answer without usable tokens.
pub async fn checked(
    issuer: &Issuer,
    body: &[u8],
    nonce: Option<&str>,
    (asked_ms, waits): (i64, HeldOff),
) -> Result<Fresh, Failure> {
    let given = Given::read(body)?;
    let checked = given.check(&issuer.terms, nonce);
    let tokens = given.tokens(asked_ms, None);
    let Err(mut failure) = checked else { return Ok(Fresh { tokens, waits }) };
    let end = Revocation::at(issuer).end(Some(&tokens)).await;
    failure.message = format!("{}; {end}", failure.message);
    Err(print_if_interrupted(failure, waits))
}

/// Stores a new login. One that cannot be stored is useless, and is revoked.
///
/// # Errors
/// Why it could not be stored, and what happened to it.
pub async fn keep(file: &TokenFile, origin: &str, entry: Entry, waits: HeldOff) -> Result<(), Failure> {
    let kept = in_time(put(file, origin, &entry), waits.interrupted()).await;
    let mut failure = match kept.unwrap_or_else(|| Err(Failure::failed("interrupted"))) {
        Ok(old) => {
            if let Some(old) = old.filter(|old| is_another(old, &entry)) {
                // The new login is valid in any case.
                Revocation::of(&old).revoke(old.tokens.as_ref()).await.ok();
            }
            return Ok(());
        }
        Err(failure) => failure,
    };
    let end = Revocation::of(&entry).end(entry.tokens.as_ref()).await;
    failure.message = format!("signed in, but the login could not be kept: {}; {end}", failure.message);
    Err(print_if_interrupted(failure, waits))
}

/// Prints why a login failed if a signal has arrived, since that ends the program when `waits` is dropped,
/// before the failure could be printed.
fn print_if_interrupted(failure: Failure, waits: HeldOff) -> Failure {
    if waits.has_come() {
        print_always(&failure.message.lines().map(str::to_owned).collect::<Vec<_>>());
    }
    drop(waits);
    failure
}

/// Returns the result of `kept`; `None`: a signal has arrived, and it is still not done after a grace period.
/// A signal that arrived while the issuer was asked counts from the beginning; without the grace period, a
/// file that another process holds for a moment would cost a valid login.
pub(super) async fn in_time<T>(
    kept: impl Future<Output = T>,
    interrupted: impl Future<Output = ()>,
) -> Option<T> {
    let given_up = async {
        interrupted.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        kept = kept => Some(kept),
        // Another process may hold the file for longer than anybody wants to wait.
        () = given_up => None,
    }
}

/// Stores a login, and returns the previous one.
async fn put(file: &TokenFile, origin: &str, entry: &Entry) -> Result<Option<Entry>, Failure> {
    let held = file.hold().await?;
    let mut old = None;
    match held.change(|all| old = all.insert(origin.to_owned(), entry.clone())) {
        Ok(()) => Ok(old),
        Err(error) => {
            put_back(&held, origin, entry, old);
            Err(error.into())
        }
    }
}

/// Restores the file, as far as possible. A write can fail after the new file is in place, if the directory
/// could not be synced. A revoked login must not stay there.
pub(super) fn put_back(held: &Held<'_>, origin: &str, entry: &Entry, old: Option<Entry>) {
    let back = held.change(|all| {
        if all.get(origin) == Some(entry) {
            match old {
                Some(old) => all.insert(origin.to_owned(), old),
                None => all.remove(origin),
            };
        }
    });
    // There is nothing else to try.
    back.ok();
}

/// Returns whether the replaced login can be revoked without harming the new one. With a token an issuer may
/// revoke everything that it gave the same client for the same person (RFC 7009, section 2.1), or their
/// session. If both logins are of one client, that could include the new one.
fn is_another(old: &Entry, new: &Entry) -> bool {
    (&old.revocation_endpoint, &old.terms.client_id) != (&new.revocation_endpoint, &new.terms.client_id)
}
