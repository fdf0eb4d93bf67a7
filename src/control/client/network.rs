//! The connection to a remote gateway: TLS to its admin listener, and a token with each call.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;

use crate::control::Answer;
use crate::control::error::ClientError;
use crate::domain::Secret;
use crate::transport::fetch::FetchError;
use crate::transport::fetch::Location;
use crate::transport::stream::Stream;
use crate::transport::tls;

/// Timeout for DNS, connecting and the TLS handshake together.
const CONNECT: Duration = Duration::from_secs(10);

/// A source of the caller's tokens. Queried for each call, so that a renewed token is used.
pub trait Bearer: fmt::Debug + Send + Sync {
    /// Returns the token to send now.
    fn token(&self) -> Answer<'_, Arc<Secret>>;

    /// Returns the token to send after the gateway refused `refused`; `None` if there is no other one.
    fn another(&self, refused: Arc<Secret>) -> Answer<'_, Option<Arc<Secret>>>;

    /// Returns what the user can do if the gateway accepts no token.
    fn advice(&self) -> String;
}

/// The admin listener of a gateway.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) location: Arc<Location>,
    tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) bearer: Arc<dyn Bearer>,
}

impl Network {
    pub(super) fn new(
        location: Location,
        ca_file: Option<&Path>,
        bearer: Arc<dyn Bearer>,
    ) -> Result<Self, ClientError> {
        let tls = if location.secure {
            let config = tls::client_config(ca_file, &[b"http/1.1"]);
            Some(config.map_err(|source| ClientError::Authorities { source })?)
        } else {
            None
        };
        Ok(Self { location: Arc::new(location), tls, bearer })
    }

    pub(super) async fn open(&self) -> Result<Stream, ClientError> {
        let opened = tokio::time::timeout(CONNECT, self.location.open(self.tls.clone())).await;
        opened
            .unwrap_or(Err(FetchError::Timeout(CONNECT)))
            .map_err(|error| refined(self.location.origin(), error))
    }
}

/// Distinguishes an invalid certificate from an unreachable gateway.
pub fn refined(origin: String, error: FetchError) -> ClientError {
    let inner = match &error {
        FetchError::Tls { source, .. } => {
            source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        }
        _ => None,
    };
    match inner.and_then(words) {
        Some((why, advice)) => ClientError::NotTrusted { origin, why, advice },
        None => ClientError::Unreachable { origin, source: error },
    }
}

/// Returns the names in a certificate, without rustls's decoration, `DnsName("gw.example")`.
fn names(presented: &[String]) -> String {
    let bare = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name));
    bare.collect::<Vec<_>>().join(", ")
}

/// Returns what is wrong with a certificate, and what to do. `None` for other errors.
fn words(error: &rustls::Error) -> Option<(String, &'static str)> {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return matches!(error, rustls::Error::InvalidMessage(_)).then(|| {
            (
                "it does not speak TLS".to_owned(),
                "is it the port of [admin] listen? http:// is for this machine only",
            )
        });
    };
    Some(match problem {
        // The second case is an authority of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is of no authority that this machine trusts".to_owned(),
            "--ca-file FILE names the authority of the gateway's certificate",
        ),
        CertificateError::NotValidForName => {
            ("its certificate is for another name".to_owned(), "use the name that is in the certificate")
        }
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("its certificate is for another name: {}", names(presented)),
            "use the name that is in the certificate",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has run out".to_owned(),
            "renew it on the gateway; is the clock of this machine right?",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("its certificate does not hold yet".to_owned(), "is the clock of this machine right?")
        }
        other => (format!("its certificate cannot be used: {other}"), "look at [admin] tls on the gateway"),
    })
}
