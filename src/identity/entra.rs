//! The issuer URLs of Microsoft Entra: tenant, version, and the location of the metadata of each form.

use crate::transport::fetch::Location;

/// The version of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `ver` 1.0, `appid`.
    V1,
    /// `ver` 2.0, `azp`.
    V2,
}

impl Version {
    /// Returns the value of `ver`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}

/// One issuer of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntraIssuer {
    /// The tenant, a lower case GUID.
    pub(crate) tenant: String,
    /// The version of its tokens.
    pub(crate) version: Version,
    /// Whether it is a simulator on loopback instead of Microsoft.
    pub(crate) simulated: bool,
    /// Scheme and host of the login service, which has the metadata.
    login: String,
}

const LOGIN: [&str; 3] = [
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
];

impl EntraIssuer {
    /// Parses an issuer of exactly one tenant in one of Microsoft's clouds, or of a loopback simulator.
    /// `None` for everything else, including `common` and domain names.
    pub(crate) fn parse(issuer: &str) -> Option<Self> {
        let location = Location::parse(issuer).ok()?;
        let (scheme, rest) = issuer.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let origin = format!("{scheme}://{host}");
        let (tenant, form) = path.split_once('/')?;
        let version = match form {
            "v2.0" => Version::V2,
            "" => Version::V1,
            _ => return None,
        };
        if !is_guid(tenant) {
            return None;
        }
        let simulated = !location.secure && location.is_loopback();
        let login = match (version, origin.as_str()) {
            _ if simulated => origin,
            (Version::V2, _) if LOGIN.contains(&origin.as_str()) || is_external(host, tenant) => origin,
            (Version::V1, "https://sts.windows.net") => "https://login.microsoftonline.com".to_owned(),
            (Version::V1, "https://sts.chinacloudapi.cn") => {
                "https://login.partner.microsoftonline.cn".to_owned()
            }
            _ => return None,
        };
        Some(Self { tenant: tenant.to_owned(), version, simulated, login })
    }

    /// Returns the issuer of v1 tokens of the same tenant, with the location of its metadata; only for a v2
    /// issuer.
    pub(crate) fn v1_sibling(&self) -> Option<(String, Self)> {
        let tokens_from = match (self.version, self.login.as_str()) {
            (Version::V2, login) if self.simulated => login,
            (Version::V2, "https://login.microsoftonline.com" | "https://login.microsoftonline.us") => {
                "https://sts.windows.net"
            }
            (Version::V2, "https://login.partner.microsoftonline.cn") => "https://sts.chinacloudapi.cn",
            _ => return None,
        };
        let issuer = format!("{tokens_from}/{}/", self.tenant);
        Some((issuer, Self { version: Version::V1, ..self.clone() }))
    }

    /// Returns the URL of its discovery document.
    pub(crate) fn discovery_url(&self) -> String {
        let Self { login, tenant, .. } = self;
        match self.version {
            Version::V1 => format!("{login}/{tenant}/.well-known/openid-configuration"),
            Version::V2 => format!("{login}/{tenant}/v2.0/.well-known/openid-configuration"),
        }
    }

    /// Returns whether a key that names `key_issuer` may sign for this issuer. The v1 key set names either
    /// none, or the v2 issuer of the tenant; another tenant's never matches.
    pub(crate) fn admits_key_of(&self, key_issuer: &str, issuer: &str) -> bool {
        let named = key_issuer.replace("{tenantid}", &self.tenant);
        named == issuer
            || (self.version == Version::V1 && named == format!("{}/{}/v2.0", self.login, self.tenant))
    }
}

/// Returns whether a host belongs to Entra External ID, where the tenant is in the host too.
fn is_external(host: &str, tenant: &str) -> bool {
    host.strip_suffix(".ciamlogin.com").is_some_and(|name| name == tenant)
}

/// Returns whether a text is a GUID in the form that Entra sends: lower case, four hyphens.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-5555555555ff";

    #[test]
    fn each_form_knows_its_metadata_and_its_sibling() {
        let v2 = EntraIssuer::parse(&format!("https://login.microsoftonline.com/{TENANT}/v2.0")).unwrap();
        assert_eq!((v2.tenant.as_str(), v2.version, v2.simulated), (TENANT, Version::V2, false));
        let (sibling, v1) = v2.v1_sibling().unwrap();
        assert_eq!(sibling, format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(Some(&v1), EntraIssuer::parse(&sibling).as_ref());
        assert_eq!(
            v1.discovery_url(),
            format!("https://login.microsoftonline.com/{TENANT}/.well-known/openid-configuration")
        );
        assert!(v1.v1_sibling().is_none());
    }

    #[test]
    fn a_key_of_another_tenant_or_template_does_not_fit() {
        let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let v2 = EntraIssuer::parse(&issuer).unwrap();
        let (v1_issuer, v1) = v2.v1_sibling().unwrap();
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let consumers = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
        assert!(v2.admits_key_of(template, &issuer) && v2.admits_key_of(&issuer, &issuer));
        assert!(v1.admits_key_of(template, &v1_issuer) && v1.admits_key_of(&v1_issuer, &v1_issuer));
        for foreign in [consumers, &v1_issuer, "https://evil.example/{tenantid}/v2.0", "{tenantid}", ""] {
            assert!(!v2.admits_key_of(foreign, &issuer), "{foreign}");
        }
        assert!(!v1.admits_key_of(consumers, &v1_issuer));
    }

    #[test]
    fn only_one_form_of_a_guid_is_one() {
        assert!(is_guid(TENANT));
        for text in ["", "11111111222233334444555555555555", "11111111-2222-3333-4444-5555555555FF"] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
