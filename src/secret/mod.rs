//! The sources of secrets (environment, file, program, the gateway's own store), and the sealing of those in
//! the store.

mod command;
mod entry;
mod error;
mod file;
mod key;
mod sealer;
#[cfg(test)]
mod tests;
mod unusable;
mod vault;

pub use error::SealError;
pub use error::SecretError;
pub use key::load_key;
pub use sealer::SEALED_COLUMN;
pub use sealer::SEALED_TABLE;
#[cfg(test)]
pub use sealer::SealKey;
pub use sealer::Sealer;
pub use unusable::unusable;
pub use vault::FetchSealed;
pub use vault::SealedSource;
pub use vault::Vault;
