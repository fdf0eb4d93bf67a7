//! The listener's certificate, as shown in this protocol.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::protocol::postgres::upstream::ALPN;

/// The TLS settings, and those that they were made from.
type Made = (Arc<rustls::ServerConfig>, Arc<rustls::ServerConfig>);

/// The certificate that the HTTP listener also shows, and that a reload swaps, with the ALPN name of this
/// protocol. The settings are made once for each certificate, not for each stream.
pub(super) struct Certificate {
    theirs: Arc<ArcSwapOption<rustls::ServerConfig>>,
    own: RefCell<Option<Made>>,
}

impl Certificate {
    /// Creates the certificate of a listener that shows `theirs`.
    pub(super) fn new(theirs: Arc<ArcSwapOption<rustls::ServerConfig>>) -> Self {
        Self { theirs, own: RefCell::new(None) }
    }

    /// Returns the current settings; `None` if the listener is plain.
    pub(super) fn config(&self) -> Option<Arc<rustls::ServerConfig>> {
        let theirs = self.theirs.load_full()?;
        let mut own = self.own.borrow_mut();
        if let Some((of, config)) = &*own
            && Arc::ptr_eq(of, &theirs)
        {
            return Some(Arc::clone(config));
        }
        let mut config = rustls::ServerConfig::clone(&theirs);
        config.alpn_protocols = vec![ALPN.to_vec()];
        let config = Arc::new(config);
        *own = Some((theirs, Arc::clone(&config)));
        Some(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Arc<rustls::ServerConfig> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    #[test]
    fn settings_are_made_once_for_each_certificate() {
        let theirs = Arc::new(ArcSwapOption::from(None));
        let certificate = Certificate::new(Arc::clone(&theirs));
        assert!(certificate.config().is_none());
        theirs.store(Some(settings()));
        let first = certificate.config().unwrap();
        assert_eq!(first.alpn_protocols, [ALPN.to_vec()]);
        assert!(Arc::ptr_eq(&first, &certificate.config().unwrap()));
        // A reload takes effect at once.
        theirs.store(Some(settings()));
        assert!(!Arc::ptr_eq(&first, &certificate.config().unwrap()));
        theirs.store(None);
        assert!(certificate.config().is_none());
    }
}
