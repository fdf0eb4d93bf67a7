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
    #[error("cannot open the admin socket")]
    Admin {
        /// The cause.
        source: SocketError,
    },
    /// The approvals of the last run cannot be taken over.
    #[error("cannot load the approvals of the last run")]
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
    #[error("cannot open the store")]
    Store {
        /// The cause.
        source: StoreError,
    },
    /// The configured issuers cannot be used.
    #[error("cannot set up the issuers")]
    Identity {
        /// The cause.
        source: IdentityError,
    },
    /// The journal of recordings cannot be opened.
    #[error("cannot open the recordings")]
    Journal {
        /// The cause.
        source: RecordError,
    },
    /// The key of the `hash` mask cannot be read or created.
    #[error("cannot use the key for hashed values in {path}")]
    MaskKey {
        /// Its file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The variable that says what is logged is not understood.
    #[error(
        "HOOPCTL_LOG is {found:?}: it must be a level (off, error, warn, info, debug, trace), or a list of \
         module=level, such as info,hoopctl::recording=debug"
    )]
    LogFilter {
        /// What it says.
        found: String,
    },
    /// Listening on an address failed.
    #[error("cannot open a listener")]
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
    #[error("cannot start the runtime")]
    Runtime {
        /// The cause.
        source: io::Error,
    },
    /// The sealing key cannot be used.
    #[error("cannot use the key of the store")]
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
    #[error("cannot read the key of the listener's certificate")]
    CertificateKey {
        /// The cause.
        source: SecretError,
    },
    /// Certificate and key are not valid TLS settings.
    #[error("cannot use the listener's certificate")]
    Tls {
        /// The cause.
        source: TlsError,
    },
}
