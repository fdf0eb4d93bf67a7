//! The page's requests to the issuer, through the service layer: the authorization URL, and the token for the
//! returned code.

use zeroize::Zeroizing;

/// A new sign-in. All values are random.
#[derive(Debug)]
pub struct Begin {
    /// The state that the issuer returns with the code.
    pub state: String,
    /// The nonce that its ID token repeats.
    pub nonce: String,
    /// The SHA-256 of the verifier with which the code is redeemed (RFC 7636).
    pub challenge: String,
    /// Whether the issuer must ask who it is, even if somebody is signed in there (`prompt=login`).
    pub anew: bool,
}

/// Where the browser continues.
#[derive(Debug, Clone)]
pub struct Onward {
    /// The issuer's authorization URL, with all parameters.
    pub url: String,
    /// The issuer.
    pub iss: String,
    /// Whether it promises to identify itself in the callback (RFC 9207).
    pub names_itself: bool,
}

/// A browser's callback. It cannot be printed.
pub struct Returned {
    /// The code.
    pub code: Zeroizing<String>,
    /// The PKCE verifier.
    pub verifier: Zeroizing<String>,
    /// The nonce that the ID token must repeat, if there is one.
    pub nonce: String,
    /// The issuer of the code.
    pub iss: String,
}
