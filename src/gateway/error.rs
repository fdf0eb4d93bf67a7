//! Why the gateway does not start.

use std::io;
use std::path::PathBuf;

use crate::config::Problems;
use crate::control::socket::SocketError;
use crate::identity::IdentityError;
use crate::pipeline::snapshot::SnapshotError;
use crate::policy::PolicyProblem;
use crate::recording::RecordError;
use crate::secret::SealError;
use crate::secret::SecretError;
use crate::store::StoreError;
use crate::transport::listen::ListenError;
use crate::transport::tls::TlsError;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Listening on the admin socket failed.
    #[error("the admin socket cannot be used")]
    Admin {
        /// The cause.
        source: SocketError,
    },
    /// The approvals of the last run cannot be taken over.
    #[error("the approvals of the last run cannot be taken over")]
    Approvals {
        /// The cause.
        source: StoreError,
    },
    /// File and store together are not a valid configuration.
    #[error("the configuration is invalid")]
    Config {
        /// The problems.
        problems: Problems,
    },
    /// The data directory or its store cannot be opened.
    #[error("the store cannot be used")]
    Store {
        /// The cause.
        source: StoreError,
    },
    /// The configured issuers cannot be used.
    #[error("the issuers cannot be used")]
    Identity {
        /// The cause.
        source: IdentityError,
    },
    /// The journal of recordings cannot be opened.
    #[error("the recordings cannot be used")]
    Journal {
        /// The cause.
        source: RecordError,
    },
    /// The key of the `hash` mask cannot be read or created.
    #[error("the key for hashed values in {path} cannot be used")]
    MaskKey {
        /// Its file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Listening on an address failed.
    #[error("clients cannot connect")]
    Listen {
        /// The cause.
        source: ListenError,
    },
    /// Policies do not compile, although they passed the check of the configuration.
    #[error("the policies do not compile: {}", problems.first().map(ToString::to_string).unwrap_or_default())]
    Policies {
        /// The problems.
        problems: Vec<PolicyProblem>,
    },
    /// The runtime cannot be started.
    #[error("the runtime does not start")]
    Runtime {
        /// The cause.
        source: io::Error,
    },
    /// The sealing key cannot be used.
    #[error("the key of the store cannot be used")]
    Seal {
        /// The cause.
        source: SealError,
    },
    /// Masks do not compile.
    #[error("the masks do not compile")]
    Snapshot {
        /// The cause.
        source: SnapshotError,
    },
    /// The certificate cannot be read.
    #[error("cannot read the certificate {path}")]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The certificate's key is not available.
    #[error("the key of the listener's certificate is not to be had")]
    CertificateKey {
        /// The cause.
        source: SecretError,
    },
    /// Certificate and key are not valid TLS settings.
    #[error("the listener's certificate cannot be used")]
    Tls {
        /// The cause.
        source: TlsError,
    },
}
