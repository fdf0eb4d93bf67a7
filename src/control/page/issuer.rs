//! What the page asks of the issuer, by way of the service layer: where a browser signs in, and the token for the code that it brings back.

use zeroize::Zeroizing;

/// A sign-in that begins. All of it is random.
#[derive(Debug)]
pub struct Begin {
    /// What the issuer gives back with the code.
    pub state: String,
    /// What its ID token repeats.
    pub nonce: String,
    /// The SHA-256 of what the code is redeemed with (RFC 7636).
    pub challenge: String,
    /// Whether the issuer is to ask who it is, though it knows somebody (`prompt=login`).
    pub anew: bool,
}

/// Where the browser goes on to.
#[derive(Debug, Clone)]
pub struct Onward {
    /// The issuer's address, with all parameters.
    pub url: String,
    /// The issuer.
    pub iss: String,
    /// Whether it promises to say who it is when it sends the browser back (RFC 9207).
    pub names_itself: bool,
}

/// What a browser brought back. It cannot be printed.
pub struct Returned {
    /// The code.
    pub code: Zeroizing<String>,
    /// What the challenge was made from.
    pub verifier: Zeroizing<String>,
    /// What the ID token must repeat, if one comes.
    pub nonce: String,
    /// Which issuer gave the code.
    pub iss: String,
}
