//! The target's credential as it is sent with a request, and the patterns to find it where a target echoes
//! it.

use std::sync::Arc;

use base64::Engine;
use zeroize::Zeroizing;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Injection;
use crate::domain::Secret;
use crate::domain::SecretRef;
use crate::domain::secret::SHORTEST_CREDENTIAL;
use crate::mask::Needles;
use crate::pipeline::Gate;
use crate::pipeline::snapshot::Governed;

/// A credential, ready to use.
pub struct Credential {
    secret: Option<Arc<Secret>>,
    /// The private key of the client certificate.
    key: Option<Arc<Secret>>,
    header: String,
    value: Zeroizing<Vec<u8>>,
    echoes: Arc<Needles>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(..)")
    }
}

impl Credential {
    /// Returns the header that carries the credential, in lower case, and its value.
    pub fn header(&self) -> (&str, &[u8]) {
        (&self.header, &self.value)
    }

    /// Returns the bare secret, for child processes and for protocols that log in without a header. `None`:
    /// there is only a client certificate.
    pub fn secret(&self) -> Option<&Arc<Secret>> {
        self.secret.as_ref()
    }

    /// Returns the patterns to look for in replies.
    pub fn echoes(&self) -> &Arc<Needles> {
        &self.echoes
    }

    /// Returns whether the secret stands in a name of a header, which is sent in lower case.
    pub(super) fn stands_in_name(&self, name: &str) -> bool {
        self.secret.as_ref().is_some_and(|secret| {
            let secret = secret.expose();
            name.as_bytes().windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret))
        })
    }

    fn is_made_of(&self, secret: Option<&Arc<Secret>>, key: Option<&Arc<Secret>>) -> bool {
        is_same(self.secret.as_ref(), secret) && is_same(self.key.as_ref(), key)
    }

    fn new(injection: &Injection, secret: Option<Arc<Secret>>, key: Option<Arc<Secret>>) -> Self {
        let plain = secret.as_ref().map(|secret| secret.expose()).unwrap_or_default();
        let base64 = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes).into_bytes();
        let (header, value) = match injection {
            // The login of a database, a certificate, and an environment variable are not headers.
            Injection::Certificate { .. }
            | Injection::Env { .. }
            | Injection::None
            | Injection::Password { .. } => ("", Vec::new()),
            Injection::Bearer(_) => ("authorization", [b"Bearer ", plain].concat()),
            Injection::Basic { user, .. } => {
                let pair = Zeroizing::new([user.as_bytes(), b":", plain].concat());
                ("authorization", [b"Basic ", &*base64(&pair)].concat())
            }
            Injection::Header { name, .. } => (name.as_str(), plain.to_vec()),
        };
        // A private key is never sent, so it cannot be echoed.
        let mut needles = Needles::shapes(plain);
        if let Injection::Basic { user, .. } = injection {
            needles.extend(Needles::shapes(&Zeroizing::new([user.as_bytes(), b":", plain].concat())));
        }
        let value = Zeroizing::new(value);
        Self { header: header.to_owned(), value, echoes: Needles::new(&needles), secret, key }
    }
}

fn is_same(one: Option<&Arc<Secret>>, other: Option<&Arc<Secret>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.expose() == other.expose(),
        (None, None) => true,
        _ => false,
    }
}

impl Governed {
    /// Returns the private key of the client certificate, as of the last login.
    pub fn certificate_key(&self) -> Option<Arc<Secret>> {
        self.credential.load().as_ref()?.key.clone()
    }
}

impl Gate {
    /// Returns the connection's current credential; `None` if the target needs none.
    pub(super) async fn credential(&self, governed: &Governed) -> Result<Option<Arc<Credential>>, Denied> {
        let connection = &governed.connection;
        let key = match &connection.upstream.certificate {
            Some(certificate) => Some(self.secret(governed, &certificate.key).await?),
            None => None,
        };
        let secret = match connection.inject.source() {
            Some(source) => Some(self.secret(governed, source).await?),
            None => None,
        };
        if secret.is_none() && key.is_none() {
            return Ok(None);
        }
        if secret.as_ref().is_some_and(|secret| secret.expose().len() < SHORTEST_CREDENTIAL) {
            tracing::error!(connection = %connection.name, "the target's credential is too short to be kept out of replies");
            return Err(no_login("the credential is too short"));
        }
        let known = governed.credential.load_full();
        if let Some(ready) = known.filter(|ready| ready.is_made_of(secret.as_ref(), key.as_ref())) {
            return Ok(Some(ready));
        }
        let ready = Arc::new(Credential::new(&connection.inject, secret, key));
        governed.credential.store(Some(Arc::clone(&ready)));
        Ok(Some(ready))
    }

    /// Fetches the credential again after the target refused `old`; `None` if it has not changed.
    pub(super) async fn credential_instead(
        &self,
        governed: &Governed,
        old: &Credential,
    ) -> Result<Option<Arc<Credential>>, Denied> {
        for source in governed.connection.secrets() {
            for secret in old.secret.iter().chain(&old.key) {
                self.0.vault.forget_if(source, secret);
            }
        }
        let now = self.credential(governed).await?;
        Ok(now.filter(|now| !now.is_made_of(old.secret.as_ref(), old.key.as_ref())))
    }

    async fn secret(&self, governed: &Governed, source: &SecretRef) -> Result<Arc<Secret>, Denied> {
        if let Some(secret) = self.0.vault.cached(source) {
            return Ok(secret);
        }
        self.0.vault.resolve(source).await.map_err(|error| {
            tracing::error!(connection = %governed.connection.name, %error, "the target's credential is not available");
            no_login("the credential is not available")
        })
    }
}

fn no_login(why: &'static str) -> Denied {
    let told = "the gateway cannot log in at the target; tell its operator";
    Denied::new(DenyCode::UpstreamCredential, told).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_injection_makes_its_header() {
        let secret = || Some(Arc::new(Secret::new(b"s3cret/+".to_vec())));
        let source = "env:X".parse().unwrap();
        let bearer = Credential::new(&Injection::Bearer(source), secret(), None);
        assert_eq!(bearer.header(), ("authorization", &b"Bearer s3cret/+"[..]));
        let basic = Injection::Basic { user: "bot".into(), password: "env:X".parse().unwrap() };
        assert_eq!(
            Credential::new(&basic, secret(), None).header(),
            ("authorization", &b"Basic Ym90OnMzY3JldC8r"[..])
        );
        let header = Injection::Header { name: "x-api-key".into(), value: "env:X".parse().unwrap() };
        assert_eq!(Credential::new(&header, secret(), None).header(), ("x-api-key", &b"s3cret/+"[..]));
        let variable = Injection::Env { name: "TOKEN".into(), value: "env:X".parse().unwrap() };
        let variable = Credential::new(&variable, secret(), None);
        assert_eq!(variable.header(), ("", &b""[..]));
        assert_eq!(variable.secret().unwrap().expose(), &b"s3cret/+"[..]);
    }

    #[test]
    fn a_credential_is_made_anew_when_any_part_of_it_changes() {
        let secret = |text: &str| Some(Arc::new(Secret::new(text.as_bytes().to_vec())));
        let injection = Injection::Password { user: "svc".into(), password: "env:X".parse().unwrap() };
        let made = Credential::new(&injection, secret("pass"), secret("key"));
        let is = |one: Option<Arc<Secret>>, other: Option<Arc<Secret>>| {
            made.is_made_of(one.as_ref(), other.as_ref())
        };
        assert!(is(secret("pass"), secret("key")));
        for (one, other) in
            [("pass", None), ("other", Some("key")), ("pass", Some("other")), ("key", Some("pass"))]
        {
            assert!(!is(secret(one), other.and_then(secret)), "{one} {other:?}");
        }
        assert!(!is(None, secret("key")));
        let alone = Credential::new(&Injection::Certificate { user: "svc".into() }, None, secret("key"));
        assert!(alone.secret().is_none() && alone.header() == ("", b""));
    }
}
