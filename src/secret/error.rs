//! Why a secret is not available, or cannot be sealed. The errors contain no part of a secret, of a program's
//! output or of its arguments.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a secret could not be resolved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// The source is empty.
    #[error("{source_name} is empty")]
    Empty {
        /// The source.
        source_name: String,
    },
    /// The program ended with a failure.
    #[error("exec:{program} failed ({status})")]
    ExecFailed {
        /// The program, without its arguments.
        program: String,
        /// Its exit status.
        status: String,
    },
    /// The program ran too long.
    #[error("exec:{program} did not end within {limit_s} s and was killed")]
    ExecTimeout {
        /// The program, without its arguments.
        program: String,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// The operating system refused.
    #[error("cannot {operation} {source_name}")]
    Io {
        /// The operation.
        operation: &'static str,
        /// The source.
        source_name: String,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// There is no such variable or stored secret.
    #[error("{source_name} is not set")]
    Missing {
        /// The source.
        source_name: String,
    },
    /// This process has no store to read from.
    #[error("{source_name}: no store is available")]
    NoStore {
        /// The source.
        source_name: String,
    },
    /// It is not a regular file.
    #[error("{source_name} is not a regular file")]
    NotAFile {
        /// The source.
        source_name: String,
    },
    /// It could not be opened.
    #[error("cannot open {source_name}")]
    Sealed {
        /// The source.
        source_name: String,
        /// The cause.
        source: SealError,
    },
    /// The store could not be read.
    #[error("cannot read {source_name} from the store: {problem}")]
    Store {
        /// The source.
        source_name: String,
        /// The store's error.
        problem: String,
    },
    /// It is longer than a secret may be.
    #[error("{source_name} is longer than {limit} bytes")]
    TooLong {
        /// The source.
        source_name: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Others could read or write it.
    #[error("{source_name} has mode {mode:03o}, so other users can read or change it; run: chmod 600 {}", path.display())]
    TooWide {
        /// The source.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs neither to the gateway's user nor to root.
    #[error("{source_name} belongs to user {owner}, not to user {us} that hoopctl runs as, nor to root")]
    WrongOwner {
        /// The source.
        source_name: String,
        /// The owner's user id.
        owner: u32,
        /// The gateway's user id.
        us: u32,
    },
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealError {
    /// It was changed or truncated, or belongs to another place.
    #[error("the sealed bytes were changed or belong elsewhere")]
    Altered,
    /// The library refused to seal.
    #[error("the bytes could not be sealed")]
    Cipher,
    /// It was written by another version, or is not sealed data at all.
    #[error("the sealed bytes have a form that this version does not know")]
    Form,
    /// The source of the key does not contain a valid key.
    #[error("{source_name} does not hold a key: it must be 32 random bytes, as 64 hex digits or in base64")]
    KeyForm {
        /// The source.
        source_name: String,
    },
    /// The key file could not be created.
    #[error("cannot make the key {}", path.display())]
    KeyMake {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// There are sealed secrets, but no key.
    #[error(
        "{source_name} is missing, but the store holds secrets sealed with it; put the key back, or remove the secrets"
    )]
    KeyMissing {
        /// The source.
        source_name: String,
    },
    /// The key could not be read.
    #[error("cannot read the key")]
    KeyRead(#[source] Box<SecretError>),
    /// A key cannot come from this kind of source.
    #[error("a sealing key comes from env: or file:, not from {scheme}:")]
    KeySource {
        /// The scheme of the source.
        scheme: &'static str,
    },
    /// It was sealed with another key.
    #[error("sealed with key {wanted}, but the key at hand is {found}")]
    WrongKey {
        /// The id of the key it was sealed with.
        wanted: String,
        /// The id of the current key.
        found: String,
    },
}
