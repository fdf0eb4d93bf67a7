//! The OAuth grants that can be redeemed for tokens: the code of a person who logged in, or a refresh token.
//! There is no other kind, so that none can ask for a token of the client itself.

use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::domain::percent;

/// One grant of a client. It holds what must not be logged, so it cannot be printed.
pub enum OAuthGrant {
    /// `authorization_code` (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
    Code {
        /// The code.
        code: Zeroizing<String>,
        /// The PKCE verifier, which proves that the same client requested the code.
        verifier: Zeroizing<String>,
        /// The URI that the code was sent to.
        redirect_uri: String,
        /// The scopes that the client asks for again, all of them allowed.
        scope: Option<String>,
    },
    /// `refresh_token` (RFC 6749, section 6).
    Refresh {
        /// The refresh token.
        token: Zeroizing<String>,
        /// The scopes that the client asks for, all of them allowed.
        scope: Option<String>,
    },
}

impl OAuthGrant {
    /// The form for the token endpoint.
    pub(super) fn form(&self, client_id: &str, secret: Option<&Secret>) -> Zeroizing<Vec<u8>> {
        let mut pairs: Vec<(&str, &[u8])> = Vec::with_capacity(7);
        let scope = match self {
            Self::Code { code, verifier, redirect_uri, scope } => {
                pairs.push(("grant_type", b"authorization_code"));
                pairs.push(("code", code.as_bytes()));
                pairs.push(("code_verifier", verifier.as_bytes()));
                pairs.push(("redirect_uri", redirect_uri.as_bytes()));
                scope
            }
            Self::Refresh { token, scope } => {
                pairs.push(("grant_type", b"refresh_token"));
                pairs.push(("refresh_token", token.as_bytes()));
                scope
            }
        };
        if let Some(scope) = scope {
            pairs.push(("scope", scope.as_bytes()));
        }
        pairs.push(("client_id", client_id.as_bytes()));
        if let Some(secret) = secret {
            pairs.push(("client_secret", secret.expose()));
        }
        // Reserves the maximum, so that no part of it is left behind by a reallocation.
        let longest = pairs.iter().map(|(name, value)| name.len() + 2 + 3 * value.len()).sum();
        let mut form = String::with_capacity(longest);
        encode(pairs.into_iter(), &mut form);
        Zeroizing::new(form.into_bytes())
    }
}

/// Encodes pairs as a form or a query: everything but letters, digits and `-._~` is percent-encoded, so that
/// it is unambiguous.
pub(super) fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>, out: &mut String) {
    for (place, (name, value)) in pairs.enumerate() {
        if place > 0 {
            out.push('&');
        }
        // Writing to a String cannot fail.
        percent::encode(name.as_bytes(), b"", out).unwrap_or_default();
        out.push('=');
        percent::encode(value, b"", out).unwrap_or_default();
    }
}
