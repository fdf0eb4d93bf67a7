//! Signing in with a browser on another device (RFC 8628), for machines without one.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::cli::login::Fresh;
use crate::cli::login::Issuer;
use crate::cli::login::fresh;
use crate::cli::login::interrupts;
use crate::cli::login::issuer;
use crate::cli::login::issuer::Said;
use crate::cli::login::issuer::Unanswered;
use crate::cli::login::tokens::Hidden;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::domain::now_ms;
use crate::transport::fetch::Location;

/// Polling interval if the issuer does not give one.
const INTERVAL: Duration = Duration::from_secs(5);
/// By how much the interval grows on `slow_down`.
const LONGER: Duration = Duration::from_secs(5);
/// Minimum and maximum polling interval in seconds.
const PAUSES: (u64, u64) = (1, 60);
/// Maximum time to wait for a code, in seconds.
const PATIENCE_S: u64 = 1800;
/// The grant type.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The issuer's answer: a code for the person, and one for this side.
#[derive(Deserialize)]
struct Offer {
    device_code: Hidden,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// The instructions shown to the user.
#[derive(Debug, PartialEq, Eq)]
pub struct Prompt<'a> {
    /// The address to open.
    pub uri: &'a str,
    /// The code to enter there.
    pub code: &'a str,
    /// An address that includes the code; `None`: the issuer has none.
    pub whole: Option<&'a str>,
}

/// What to do after an answer without tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Poll again after the same interval.
    Again,
    /// Poll again after a longer interval.
    Slower,
    /// Stop, for this reason.
    Over(&'static str),
    /// Stop, for another reason.
    Other,
}

/// Returns the meaning of the issuer's error: RFC 8628, section 3.5, and Microsoft Entra's own codes.
pub(super) fn next(error: &str) -> Next {
    match error {
        "authorization_pending" => Next::Again,
        "slow_down" => Next::Slower,
        "access_denied" | "authorization_declined" => Next::Over("it was declined there"),
        "expired_token" | "code_expired" => Next::Over("the code has run out"),
        "bad_verification_code" => Next::Over("the issuer does not know the code any more"),
        _ => Next::Other,
    }
}

/// Signs in. `show` receives what the person is to be shown.
pub async fn sign_in(issuer: &Issuer, show: impl FnOnce(&Prompt<'_>)) -> Result<Fresh, Failure> {
    let endpoint = issuer.endpoints.device.as_deref().ok_or_else(|| {
        Failure::failed(format!("the issuer {} does not support login by device code", issuer.terms.issuer))
            .hint("run: hoopctl login, without --device")
    })?;
    let refused = |message: String| Failure::new(Exit::Refused, message.trim_end()).code("login_refused");
    let client_id = &*issuer.terms.client_id;
    let scope = issuer.terms.scopes.join(" ");
    let ca_file = issuer.ca_file.as_deref();
    let resource = issuer.resource.as_deref().map(|resource| ("resource", resource));
    let mut form = vec![("client_id", client_id), ("scope", &*scope)];
    form.extend(resource);
    let offer = match issuer::post(endpoint, &form, ca_file).await? {
        Said::Yes(body) => offer(&body)?,
        Said::No(error, description) => {
            return Err(refused(format!("the issuer gives no code for a device: {error} {description}")));
        }
    };
    show(&Prompt {
        uri: &offer.verification_uri,
        code: &offer.user_code,
        whole: offer.verification_uri_complete.as_deref().filter(|uri| Location::parse(uri).is_ok()),
    });
    let end = Instant::now() + Duration::from_secs(offer.expires_in.min(PATIENCE_S));
    let pause = offer.interval.map(|seconds| Duration::from_secs(seconds.clamp(PAUSES.0, PAUSES.1)));
    let mut pause = pause.unwrap_or(INTERVAL);
    let mut form =
        vec![("grant_type", GRANT), ("device_code", offer.device_code.expose()), ("client_id", client_id)];
    form.extend(resource);
    loop {
        tokio::time::sleep(pause).await;
        if Instant::now() >= end {
            return Err(refused("nobody signed in before the code ran out".to_owned()));
        }
        let waits = interrupts::hold_off()?;
        let asked_ms = now_ms();
        match issuer::post(&issuer.endpoints.token, &form, ca_file).await {
            Ok(Said::Yes(body)) => {
                return fresh::checked(issuer, &body, None, (asked_ms, waits)).await;
            }
            Ok(Said::No(error, description)) => match next(&error) {
                Next::Again => {}
                Next::Slower => pause += LONGER,
                Next::Over(why) => return Err(refused(format!("not signed in: {why}"))),
                Next::Other => {
                    return Err(refused(format!("the issuer gives no token: {error} {description}")));
                }
            },
            // Section 3.5: a missing answer is a reason to poll more slowly, not to give up.
            Err(Unanswered::Network(_)) => pause = (pause * 2).min(Duration::from_secs(PAUSES.1)),
            Err(Unanswered::Answer(failure)) => return Err(failure),
        }
    }
}

fn offer(body: &[u8]) -> Result<Offer, Failure> {
    let wrong =
        |problem| Failure::failed(format!("the issuer's device code response {problem}")).code("issuer");
    // The cause is left out: it may repeat part of the answer.
    let offer: Offer = serde_json::from_slice(body).map_err(|_other| wrong("cannot be read"))?;
    if Location::parse(&offer.verification_uri).is_err() {
        return Err(wrong("is to be entered at an address that is not https"));
    }
    if offer.user_code.is_empty() || offer.user_code.len() > 100 {
        return Err(wrong("is empty or too long"));
    }
    Ok(offer)
}
