//! Turns a bearer token into a principal: strict JWT verification, the issuers' keys and their lifetime,
//! profiles of claims.
//!
//! The order is fixed: syntax, header, issuer, key, signature, claims. Nothing in a token can make the
//! gateway call a URL, and any doubt refuses the token.

mod claims;
mod discovery;
mod entra;
mod error;
mod generation;
mod groups;
mod inspect;
mod issuer;
mod issuers;
mod jwk;
mod keeper;
mod keys;
mod kind;
mod login;
mod settings;
mod source;
mod token;
mod twin;

pub use entra::is_guid;
pub use error::IdentityError;
pub use error::TokenError;
pub use inspect::Inspection;
pub use inspect::inspect;
pub use issuers::Issuers;
#[cfg(test)]
pub(crate) use issuers::TokenKey;
pub use issuers::Trust;
pub use issuers::Verified;
pub use keeper::KeyKeeper;
pub use keeper::NoKeeper;
pub use login::Login;
pub use login::LoginError;
pub use login::McpLogin;
pub use login::OAuthGrant;
pub use login::OPENID;
pub use login::Portal;
pub use login::Redeemed;
pub use login::Via;
pub use settings::Algorithm;
pub use settings::ClaimNames;
pub use settings::ClientEntry;
pub use settings::IssuerSettings;
pub use settings::Profile;

#[cfg(test)]
pub(crate) mod forge;
