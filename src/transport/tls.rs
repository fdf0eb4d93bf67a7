//! The TLS settings of every stream: trusted roots, own certificates, and the cryptography.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::transport::certificate::OwnCertificate;

/// Why TLS settings could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities cannot be read.
    #[error("cannot read the certificate authorities in {path}")]
    ReadAuthorities {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file of authorities contains no usable certificate.
    #[error("{path} holds no certificate of an authority in PEM form")]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The machine has no certificate authorities.
    #[error("this machine has no trusted certificate authorities: install ca-certificates or set ca_file")]
    NoPlatformAuthority,
    /// The certificate chain cannot be read.
    #[error("the certificate file holds no certificate in PEM form")]
    NoCertificate,
    /// The private key cannot be read.
    #[error("the key file holds no private key in PEM form, or one that is encrypted")]
    NoKey,
    /// The file of a certificate cannot be read.
    #[error("cannot read the certificate in {path}")]
    ReadCertificate {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Certificate and key cannot be used together, or with this cryptography.
    #[error("the certificate and key cannot be used")]
    Refused(#[source] rustls::Error),
}

/// Returns the cryptography of all streams, passed explicitly: the process default is neither read nor set.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// Builds client settings: TLS 1.2 and 1.3, with certificates checked against the authorities in `ca_file`
/// only, or against those of the machine if there is none.
///
/// # Errors
/// The file cannot be read or contains no certificate, or the machine has no authorities.
pub fn client_config(ca_file: Option<&Path>, alpn: &[&[u8]]) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    client_config_with(ca_file, alpn, None)
}

/// Builds the same with `own` as the client certificate for servers that ask for one.
///
/// # Errors
/// The same as [`client_config`].
pub fn client_config_with(
    ca_file: Option<&Path>,
    alpn: &[&[u8]],
    own: Option<&Arc<OwnCertificate>>,
) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let roots = match ca_file {
        Some(path) => Arc::new(read_roots(path)?),
        None => platform_roots().ok_or(TlsError::NoPlatformAuthority)?,
    };
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => config.with_client_cert_resolver(Arc::<OwnCertificate>::clone(own)),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Returns the SHA-256 of a file of authorities, which shows changes; `None` if it cannot be read. Must be
/// called before [`client_config`] reads it, so that a change in between is noticed.
pub fn fingerprint(ca_file: &Path) -> Option<[u8; 32]> {
    let held = std::fs::read(ca_file).ok()?;
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &held).as_ref().try_into().ok()
}

/// Builds server settings with the chain in `cert_pem`, without client certificates.
///
/// # Errors
/// The PEM has no certificate or key, or the key does not belong to the certificate.
pub fn server_config(
    cert_pem: &[u8],
    key_pem: &[u8],
    alpn: &[&[u8]],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let (chain, key) = read_pair(cert_pem, key_pem)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Refused)?;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Parses a certificate chain and the key of the first certificate; does not check that they match.
pub(super) fn read_pair(
    cert_pem: &[u8],
    key_pem: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = CertificateDer::pem_slice_iter(cert_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_pem| TlsError::NoCertificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_pem| TlsError::NoKey)?;
    Ok((chain, key))
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let pem =
        std::fs::read(path).map_err(|source| TlsError::ReadAuthorities { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        // One invalid certificate makes the file doubtful: the whole file is refused, not silently shortened.
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(|| TlsError::NoAuthority { path: path.to_owned() })?;
    }
    if roots.is_empty() { Err(TlsError::NoAuthority { path: path.to_owned() }) } else { Ok(roots) }
}

/// Returns the authorities of the machine, read at the first use. Unreadable certificates there are left out,
/// which only trusts less.
fn platform_roots() -> Option<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Option<Arc<RootCertStore>>> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        let (added, _left_out) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        (added > 0).then(|| Arc::new(roots))
    };
    ROOTS.get_or_init(load).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_signed() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_server_needs_a_certificate_and_its_own_key() {
        let (cert, key) = self_signed();
        let (_, other) = self_signed();
        let config = server_config(cert.as_bytes(), key.as_bytes(), &[b"h2", b"http/1.1"]).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(matches!(server_config(b"", key.as_bytes(), &[]), Err(TlsError::NoCertificate)));
        assert!(matches!(server_config(cert.as_bytes(), b"secret", &[]), Err(TlsError::NoKey)));
        assert!(matches!(server_config(cert.as_bytes(), other.as_bytes(), &[]), Err(TlsError::Refused(_))));
    }

    #[test]
    fn a_file_of_authorities_is_read_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(matches!(client_config(Some(&path), &[]), Err(TlsError::ReadAuthorities { .. })));
        std::fs::write(&path, "no certificate").unwrap();
        assert!(matches!(client_config(Some(&path), &[]), Err(TlsError::NoAuthority { .. })));
        let (cert, _) = self_signed();
        std::fs::write(&path, &cert).unwrap();
        assert!(client_config(Some(&path), &[b"http/1.1"]).is_ok());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, format!("{cert}{broken}")).unwrap();
        assert!(matches!(client_config(Some(&path), &[]), Err(TlsError::NoAuthority { .. })));
    }
}
