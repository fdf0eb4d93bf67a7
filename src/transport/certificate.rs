//! The gateway's client certificate for targets that ask for one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::transport::tls;
use crate::transport::tls::TlsError;

/// A certificate with its key, for one stream, and whether it was requested there.
#[derive(Debug)]
pub struct OwnCertificate {
    pair: Arc<CertifiedKey>,
    asked: AtomicBool,
}

impl OwnCertificate {
    /// Reads the chain in `file`; `key_pem` is the key of its first certificate.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate; the key is missing, encrypted, or belongs to another
    /// certificate.
    pub fn read(file: &Path, key_pem: &[u8]) -> Result<Arc<Self>, TlsError> {
        let pem = std::fs::read(file)
            .map_err(|source| TlsError::ReadCertificate { path: file.to_owned(), source })?;
        let (chain, key) = tls::read_pair(&pem, key_pem)?;
        let pair = CertifiedKey::from_der(chain, key, &tls::provider()).map_err(TlsError::Refused)?;
        Ok(Arc::new(Self { pair: Arc::new(pair), asked: AtomicBool::new(false) }))
    }

    /// Returns whether the server requested it and got it.
    pub fn was_shown(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // A server that cannot check a signature by this key gets no certificate.
        self.pair.key.choose_scheme(schemes)?;
        self.asked.store(true, Ordering::Relaxed);
        Some(Arc::clone(&self.pair))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_needs_its_own_key_and_a_server_that_can_check_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.crt");
        let make = || rcgen::generate_simple_self_signed(vec!["gateway".to_owned()]).unwrap();
        let (own, other) = (make(), make());
        let key = own.signing_key.serialize_pem();
        assert!(matches!(OwnCertificate::read(&file, key.as_bytes()), Err(TlsError::ReadCertificate { .. })));
        std::fs::write(&file, own.cert.pem()).unwrap();
        let shown = OwnCertificate::read(&file, key.as_bytes()).unwrap();
        assert!(!shown.was_shown());
        assert!(shown.resolve(&[], &[SignatureScheme::RSA_PSS_SHA256]).is_none() && !shown.was_shown());
        assert!(shown.resolve(&[], &[SignatureScheme::ECDSA_NISTP256_SHA256]).is_some() && shown.was_shown());
        let foreign = other.signing_key.serialize_pem();
        assert!(matches!(OwnCertificate::read(&file, foreign.as_bytes()), Err(TlsError::Refused(_))));
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(matches!(OwnCertificate::read(&file, encrypted), Err(TlsError::NoKey)));
        std::fs::write(&file, key).unwrap();
        assert!(matches!(OwnCertificate::read(&file, b""), Err(TlsError::NoCertificate)));
    }
}
