//! The target's credential, ready to be put into a request, and the net that catches it when a target echoes it.

use std::sync::Arc;

use base64::Engine;
use zeroize::Zeroizing;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Injection;
use crate::domain::Secret;
use crate::mask::Needles;
use crate::pipeline::Gate;
use crate::pipeline::snapshot::Governed;

/// A credential shorter than this could not be told from other text when a target echoes it, so it is not used.
const SHORTEST: usize = 4;

/// A credential, ready to use.
pub struct Credential {
    secret: Arc<Secret>,
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
    /// The header that carries it, in lower case, and its value.
    pub fn header(&self) -> (&str, &[u8]) {
        (&self.header, &self.value)
    }

    /// What the target wants to know, as it is: for protocols whose login is no header, and for programs.
    pub fn secret(&self) -> &Arc<Secret> {
        &self.secret
    }

    /// What to look for in replies.
    pub fn echoes(&self) -> &Arc<Needles> {
        &self.echoes
    }

    fn is_made_of(&self, secret: &Arc<Secret>) -> bool {
        Arc::ptr_eq(&self.secret, secret) || self.secret.expose() == secret.expose()
    }

    fn new(injection: &Injection, secret: &Arc<Secret>) -> Option<Self> {
        let plain = secret.expose();
        let base64 = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes).into_bytes();
        let (header, value) = match injection {
            Injection::None => return None,
            // Neither a database's login nor a variable of a program is a header.
            Injection::Password { .. } | Injection::Env { .. } => ("", Vec::new()),
            Injection::Bearer(_) => ("authorization", [b"Bearer ", plain].concat()),
            Injection::Basic { user, .. } => {
                let pair = Zeroizing::new([user.as_bytes(), b":", plain].concat());
                ("authorization", [b"Basic ", &*base64(&pair)].concat())
            }
            Injection::Header { name, .. } => (name.as_str(), plain.to_vec()),
        };
        let mut needles = Needles::shapes(plain);
        if let Injection::Basic { user, .. } = injection {
            needles.extend(Needles::shapes(&Zeroizing::new([user.as_bytes(), b":", plain].concat())));
        }
        let value = Zeroizing::new(value);
        Some(Self {
            secret: Arc::clone(secret),
            header: header.to_owned(),
            value,
            echoes: Needles::new(&needles),
        })
    }
}

impl Gate {
    /// The credential of a connection as it is now; `None` for a target that asks for none.
    pub(super) async fn credential(&self, governed: &Governed) -> Result<Option<Arc<Credential>>, Denied> {
        let injection = &governed.connection.inject;
        let Some(source) = injection.source() else { return Ok(None) };
        let secret = match self.0.vault.cached(source) {
            Some(secret) => secret,
            None => self.0.vault.resolve(source).await.map_err(|error| {
                tracing::error!(connection = %governed.connection.name, %error, "the target's credential is not to be had");
                Denied::new(DenyCode::UpstreamCredential, "the gateway cannot log in at the target; tell its operator")
            })?,
        };
        if secret.expose().len() < SHORTEST {
            tracing::error!(connection = %governed.connection.name, "the target's credential is too short to be kept out of replies");
            return Err(Denied::new(
                DenyCode::UpstreamCredential,
                "the gateway cannot log in at the target; tell its operator",
            ));
        }
        if let Some(ready) = governed.credential.load_full().filter(|ready| ready.is_made_of(&secret)) {
            return Ok(Some(ready));
        }
        let ready = Credential::new(injection, &secret).map(Arc::new);
        governed.credential.store(ready.clone());
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_injection_makes_its_header() {
        let secret = || Arc::new(Secret::new(b"s3cret/+".to_vec()));
        let source = "env:X".parse().unwrap();
        let bearer = Credential::new(&Injection::Bearer(source), &secret()).unwrap();
        assert_eq!(bearer.header(), ("authorization", &b"Bearer s3cret/+"[..]));
        let basic = Injection::Basic { user: "bot".into(), password: "env:X".parse().unwrap() };
        assert_eq!(
            Credential::new(&basic, &secret()).unwrap().header(),
            ("authorization", &b"Basic Ym90OnMzY3JldC8r"[..])
        );
        let header = Injection::Header { name: "x-api-key".into(), value: "env:X".parse().unwrap() };
        assert_eq!(Credential::new(&header, &secret()).unwrap().header(), ("x-api-key", &b"s3cret/+"[..]));
        let variable = Injection::Env { name: "TOKEN".into(), value: "env:X".parse().unwrap() };
        let variable = Credential::new(&variable, &secret()).unwrap();
        assert_eq!((variable.header(), variable.secret().expose()), (("", &b""[..]), &b"s3cret/+"[..]));
    }
}
