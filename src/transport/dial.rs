//! Opens streams to targets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::domain::connection::Upstream;
use crate::transport::listen::keep_alive;
use crate::transport::stream::Stream;

/// Why a target could not be reached. For the log and the operator; a client only learns that it is
/// unavailable.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name did not resolve, or no address accepted.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The target's host.
        host: Arc<str>,
        /// The target's port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// The host is not valid in a certificate.
    #[error("{host:?} is not a host name that TLS can check")]
    Name {
        /// The target's host.
        host: Arc<str>,
    },
    /// There was no stream within the limit.
    #[error("{host}:{port} did not answer within {limit:?}")]
    TimedOut {
        /// The target's host.
        host: Arc<str>,
        /// The target's port.
        port: u16,
        /// The limit.
        limit: Duration,
    },
    /// The TLS handshake failed: another certificate, an unknown authority, no common version.
    #[error("the TLS handshake with {host}:{port} failed")]
    Tls {
        /// The target's host.
        host: Arc<str>,
        /// The target's port.
        port: u16,
        /// The cause.
        source: io::Error,
    },
}

impl DialError {
    /// Describes why a TLS handshake failed, in words that name nobody; `None` if it was not the handshake.
    pub fn of_handshake(&self) -> Option<&'static str> {
        let Self::Tls { source, .. } = self else { return None };
        let error = source.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        Some(match error {
            Some(rustls::Error::InvalidCertificate(_)) => {
                "no TLS with the target: its certificate is not trusted here"
            }
            Some(rustls::Error::AlertReceived(_)) => {
                "no TLS with the target: it refuses the gateway's handshake or certificate"
            }
            Some(rustls::Error::InvalidMessage(_)) => "no TLS with the target: it does not speak TLS",
            Some(_) => "no TLS with the target: the handshake failed",
            None => "no TLS with the target: it aborted the handshake",
        })
    }
}

/// Opens a stream to `upstream` within `limit`, with TLS if the upstream requires it.
pub async fn dial(
    upstream: &Upstream,
    tls: Option<&Arc<rustls::ClientConfig>>,
    limit: Duration,
) -> Result<Stream, DialError> {
    let (host, port) = (Arc::clone(&upstream.host), upstream.port);
    match tokio::time::timeout(limit, open(upstream, tls)).await {
        Ok(opened) => opened,
        Err(_elapsed) => Err(DialError::TimedOut { host, port, limit }),
    }
}

async fn open(upstream: &Upstream, tls: Option<&Arc<rustls::ClientConfig>>) -> Result<Stream, DialError> {
    let tcp = connect(upstream).await?;
    match tls.filter(|_| upstream.tls) {
        Some(config) => secure(tcp, upstream, config).await,
        None => Ok(Stream::Plain(tcp)),
    }
}

/// Opens a plain stream to `upstream`, for a protocol that starts TLS itself.
pub async fn connect(upstream: &Upstream) -> Result<TcpStream, DialError> {
    let (host, port) = (&upstream.host, upstream.port);
    let connect = |source| DialError::Connect { host: Arc::clone(host), port, source };
    if upstream.program.is_some() {
        // Whatever the resolver makes of an empty name, it is not the target.
        return Err(connect(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the target is a program, not an address",
        )));
    }
    let tcp = TcpStream::connect((&**host, port)).await.map_err(connect)?;
    keep_alive(&tcp).map_err(connect)?;
    Ok(tcp)
}

/// Starts TLS on a stream to `upstream`, whose name the certificate must have.
pub async fn secure(
    tcp: TcpStream,
    upstream: &Upstream,
    config: &Arc<rustls::ClientConfig>,
) -> Result<Stream, DialError> {
    let (host, port) = (&upstream.host, upstream.port);
    let name = ServerName::try_from(host.to_string())
        .map_err(|_invalid| DialError::Name { host: Arc::clone(host) })?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|source| DialError::Tls { host: Arc::clone(host), port, source })?;
    Ok(Stream::TlsClient(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Program;
    use crate::domain::Protocol;

    #[test]
    fn what_of_a_handshake_failed_is_told() {
        let tls = |source| DialError::Tls { host: "crm".into(), port: 443, source };
        let own = |error: rustls::Error| tls(io::Error::new(io::ErrorKind::InvalidData, error));
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        for (error, word) in [
            (own(unknown), "trusted"),
            (own(alert), "refuses"),
            (
                own(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
                "does not speak TLS",
            ),
            (tls(io::ErrorKind::ConnectionReset.into()), "aborted"),
            (tls(io::ErrorKind::UnexpectedEof.into()), "aborted"),
        ] {
            let told = error.of_handshake().unwrap();
            assert!(told.contains(word), "{told}");
        }
        assert_eq!(DialError::Name { host: "crm".into() }.of_handshake(), None);
    }

    #[tokio::test]
    async fn a_program_is_not_dialled_whatever_listens_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Upstream {
            protocol: Protocol::Mcp,
            tls: false,
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            base_path: "".into(),
            program: None,
            certificate: None,
        };
        let stream = connect(&address).await.unwrap();
        // The stream notices a target that vanished, and sends without delay.
        let socket = socket2::SockRef::from(&stream);
        assert!(stream.nodelay().unwrap() && socket.keepalive().unwrap());
        let program = Some(Program { name: "server".into(), args: Vec::new() });
        let error = connect(&Upstream { program, ..address }).await.unwrap_err();
        assert!(
            matches!(error, DialError::Connect { source, .. } if source.kind() == io::ErrorKind::InvalidInput)
        );
    }
}
