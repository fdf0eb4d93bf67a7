//! The approval page's requests to the issuer: where a browser signs in, and whether the answer belongs to
//! that sign-in.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use zeroize::Zeroizing;

use crate::config::PageSettings;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::page::issuer::Begin;
use crate::control::page::issuer::Onward;
use crate::control::page::issuer::Returned;
use crate::domain::json::Json;
use crate::gateway::admin::Admin;
use crate::identity::OAuthGrant;
use crate::identity::Redeemed;

impl Admin {
    pub(super) fn page_settings(&self) -> Option<PageSettings> {
        self.config.load().admin.remote.as_ref()?.page.clone()
    }

    fn page_in_force(&self) -> Result<PageSettings, ApiError> {
        let gone = || ApiError::new(ErrorCode::Unavailable, "this gateway no longer has an approval page");
        self.page_settings().ok_or_else(gone)
    }

    /// Returns where a browser signs in (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
    pub(super) async fn begin_sign_in(&self, begin: &Begin) -> Result<Onward, ApiError> {
        let page = self.page_in_force()?;
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", page.client.client_id.clone()),
            ("redirect_uri", page.site.redirect_uri()),
            ("scope", page.client.scopes.join(" ")),
            ("state", begin.state.clone()),
            ("nonce", begin.nonce.clone()),
            ("code_challenge", begin.challenge.clone()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if begin.anew {
            // OpenID Connect Core 1.0, section 3.1.2.1.
            parameters.push(("prompt", "login".to_owned()));
        }
        let parameters: Vec<_> =
            parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.running()?.live.onward(&page.issuer, &parameters).await
    }

    /// Redeems a code for a token (RFC 6749, section 4.1.3).
    pub(super) async fn finish_sign_in(&self, returned: Returned) -> Result<Zeroizing<String>, ApiError> {
        let page = self.page_in_force()?;
        let Returned { code, verifier, nonce, iss } = returned;
        let grant = OAuthGrant::Code { code, verifier, redirect_uri: page.site.redirect_uri(), scope: None };
        let Redeemed { status, body, .. } = self.running()?.live.redeem(&page, &iss, &grant).await?;
        let body = Zeroizing::new(body);
        let refused = |why: &str| {
            tracing::info!(issuer = page.issuer, why, "a sign-in on the approval page failed");
            ApiError::new(ErrorCode::Unauthenticated, format!("You are not signed in: {why}."))
        };
        let answer =
            Json::parse(&body, 16).map_err(|_not_json| refused("the issuer's answer is not JSON"))?;
        if status != StatusCode::OK {
            return Err(refused("the issuer rejected the code: it is of another sign-in, or used already"));
        }
        let text = |name: &str| answer.member(name).and_then(Json::as_str);
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(refused("the issuer's token is not a bearer token"));
        }
        match text("id_token") {
            Some(token) if !is_of(token, &nonce, &iss, &page.client.client_id) => {
                return Err(refused("the issuer's ID token is not of this sign-in"));
            }
            None if page.client.scopes.iter().any(|scope| scope == "openid") => {
                return Err(refused("the issuer gave no ID token, which the scope openid asks for"));
            }
            _ => {}
        }
        let token = text("access_token").ok_or_else(|| refused("the issuer gave no token"))?;
        Ok(Zeroizing::new(token.to_owned()))
    }
}

/// Returns whether an ID token belongs to that sign-in. It came from the issuer itself over a stream that was
/// just opened, so its signature adds nothing (OpenID Connect Core 1.0, section 3.1.3.7, step 6); the access
/// token identifies the person.
fn is_of(token: &str, nonce: &str, iss: &str, client_id: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let Some(claims) = claims.and_then(|claims| Json::parse(&claims, 16).ok()) else { return false };
    let says = |name: &str, wanted: &str| claims.member(name).and_then(Json::as_str) == Some(wanted);
    let for_client = match claims.member("aud") {
        Some(Json::Array(all)) => all.iter().any(|one| one.as_str() == Some(client_id)),
        _ => says("aud", client_id),
    };
    for_client && says("nonce", nonce) && says("iss", iss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_token_is_of_one_sign_in() {
        let token = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let good = r#"{"iss":"https://i","aud":"page","nonce":"n"}"#;
        assert!(is_of(&token(good), "n", "https://i", "page"));
        assert!(is_of(&token(&good.replace("\"page\"", "[\"x\",\"page\"]")), "n", "https://i", "page"));
        for claims in [
            good.replace("\"n\"", "\"m\""),
            good.replace(r#","nonce":"n""#, ""),
            good.replace("https://i", "https://j"),
            good.replace("\"page\"", "\"other\""),
            good.replace("\"page\"", "[]"),
            good.replace('}', r#","nonce":"m"}"#),
            "x".to_owned(),
        ] {
            assert!(!is_of(&token(&claims), "n", "https://i", "page"), "{claims}");
        }
        assert!(!is_of("", "n", "https://i", "page") && !is_of(good, "n", "https://i", "page"));
    }
}
