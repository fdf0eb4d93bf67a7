//! The settings of one issuer, and their checks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::identity::entra::EntraIssuer;
use crate::identity::entra::Version;
use crate::identity::login::McpLogin;
use crate::transport::fetch::Location;

/// How the claims of an issuer are interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Microsoft Entra: `tid` and `oid` identify the principal, `idtyp` its kind, groups may be left out
    /// (overage).
    Entra,
    /// Any `OpenID` provider: `sub` identifies the principal.
    Generic,
}

impl Profile {
    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Generic => "generic",
        }
    }

    /// Returns the profile that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Entra, Self::Generic].into_iter().find(|profile| profile.as_str() == word)
    }
}

/// A signature algorithm that may be allowed. RFC 7518 section 3.1, RFC 8037. There is no HMAC and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// RSA PKCS #1 1.5 with SHA-256.
    Rs256,
    /// RSA PKCS #1 1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 1.5 with SHA-512.
    Rs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// Returns its name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Returns the algorithm that a name stands for; case matters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    pub(crate) const fn is_rsa(self) -> bool {
        !matches!(self, Self::EdDsa | Self::Es256 | Self::Es384)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of claims. `None`: as the profile says. A name is first looked up as a whole, then, if it has
/// dots, as a path (`realm_access.roles`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The subject. Generic: `sub`. Entra: always `oid`.
    pub subject: Option<String>,
    /// The groups. Default `groups`.
    pub groups: Option<String>,
    /// The roles. Default `roles`.
    pub roles: Option<String>,
    /// The client. Generic: `client_id`, `azp`, `appid` or `cid`, whichever is present; if several are, they
    /// must agree. Entra: always `azp` (v2) or `appid` (v1).
    pub client: Option<String>,
}

/// Settings of one app whose tokens carry no groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientEntry {
    /// Its display name.
    pub name: String,
    /// Its groups, as policies name them. Only the app's own tokens get them, never a user who signed in
    /// through it.
    pub groups: Vec<String>,
}

/// One `[[oidc]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its name, 1 to 63 of a-z 0-9 -; part of each generic principal's id. Not `local`.
    pub name: String,
    /// The `iss` of its tokens, compared byte for byte.
    pub issuer: String,
    /// How its claims are interpreted.
    pub profile: Profile,
    /// The audiences of this gateway, at least one; compared byte for byte.
    pub audiences: Vec<String>,
    /// The URL of the discovery document, if it is not at the standard location below the issuer. Its
    /// `issuer` must still match.
    pub discovery_url: Option<String>,
    /// The URL of the keys. If set, there is no discovery.
    pub jwks_uri: Option<String>,
    /// The allowed algorithms. A key without `alg` is used with the first algorithm here that fits its type,
    /// and with no other.
    pub algorithms: Vec<Algorithm>,
    /// The allowed clock difference, at most 5 minutes.
    pub leeway: Duration,
    /// The longest lifetime of a token.
    pub max_lifetime: Duration,
    /// The names of claims.
    pub claims: ClaimNames,
    /// The scopes of which a person's token needs one. Empty: any (Entra: at least some `scp`).
    pub scopes: Vec<String>,
    /// Names for groups: name to the id that the issuer sends (or `role:NAME` for a role).
    pub group_names: BTreeMap<String, String>,
    /// Apps by client id.
    pub clients: BTreeMap<String, ClientEntry>,
    /// The certificate authorities for fetching, in place of the platform's.
    pub ca_file: Option<PathBuf>,
    /// Entra with a v2 issuer: accept v1 tokens of the same tenant too. Off by default: a v1 token is then
    /// refused as one of an unknown issuer, unless a second entry names the v1 issuer. Each form has its own
    /// metadata and keys.
    pub accept_v1: bool,
    /// Entra: a token without `idtyp` and without `scp` whose `sub` is its `oid` counts as an app's. Off by
    /// default.
    pub allow_missing_idtyp: bool,
    /// Generic: require RFC 9068 (`typ` is `at+jwt`; `client_id`, `jti` and `iat` are present). Off by
    /// default.
    pub rfc9068: bool,
    /// The login of people's MCP clients, for an issuer that does not support the OAuth features they need.
    /// At most one entry has it. Default: off.
    pub mcp_login: Option<McpLogin>,
    /// An unknown key id causes a fetch of the keys at most once in this time.
    pub refetch_interval: Duration,
    /// Keys older than this are fetched again.
    pub soft_ttl: Duration,
    /// Keys older than this are not used.
    pub hard_ttl: Duration,
}

/// One problem with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {found:?}: {problem}")]
pub struct SettingProblem {
    /// The key below `[[oidc]]`.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// The problem, and what is accepted.
    pub problem: &'static str,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl IssuerSettings {
    /// Creates an entry with the defaults of its profile.
    pub fn new(
        name: impl Into<String>,
        issuer: impl Into<String>,
        profile: Profile,
        audiences: Vec<String>,
    ) -> Self {
        let entra = profile == Profile::Entra;
        Self {
            name: name.into(),
            issuer: issuer.into(),
            profile,
            audiences,
            discovery_url: None,
            jwks_uri: None,
            algorithms: if entra {
                vec![Algorithm::Rs256]
            } else {
                vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
            },
            leeway: MINUTE,
            max_lifetime: HOUR * if entra { 29 } else { 24 },
            claims: ClaimNames::default(),
            scopes: Vec::new(),
            group_names: BTreeMap::new(),
            clients: BTreeMap::new(),
            ca_file: None,
            accept_v1: false,
            allow_missing_idtyp: false,
            rfc9068: false,
            mcp_login: None,
            refetch_interval: MINUTE * if entra { 5 } else { 1 },
            soft_ttl: HOUR,
            hard_ttl: HOUR * 24,
        }
    }

    /// Returns the tenant under the Entra profile, a GUID in lower case.
    pub fn tenant(&self) -> Option<String> {
        let entra = EntraIssuer::parse(&self.issuer).filter(|_| self.profile == Profile::Entra);
        entra.map(|entra| entra.tenant)
    }

    /// Returns all problems of the entry by itself; empty if it can be used.
    pub fn check(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut say = |key, found: &str, problem| {
            problems.push(SettingProblem { key, found: found.to_owned(), problem });
        };
        if !is_entry_name(&self.name) {
            say("name", &self.name, "a name is 1 to 63 of a-z 0-9 - and not \"local\"");
        }
        for (key, url) in [
            ("issuer", Some(&self.issuer)),
            ("discovery_url", self.discovery_url.as_ref()),
            ("jwks_uri", self.jwks_uri.as_ref()),
        ] {
            let Some(url) = url else { continue };
            if Location::parse(url).is_err() {
                say(key, url, "not an https:// URL (http:// only to 127.0.0.1, [::1] or localhost)");
            } else if key == "issuer" && url.contains('?') {
                say(key, url, "an issuer has no query");
            }
        }
        self.check_lists(&mut say);
        self.check_times(&mut say);
        if let Some(login) = &self.mcp_login {
            login.check(&mut say);
        }
        match (self.profile, EntraIssuer::parse(&self.issuer)) {
            (Profile::Entra, None) => say("issuer", &self.issuer, WANTED_ENTRA),
            (Profile::Entra, Some(entra)) => {
                if self.accept_v1 && entra.v1_sibling().is_none() {
                    say(
                        "accept_v1",
                        "true",
                        "only an entry with the v2 issuer of a tenant can accept v1 too",
                    );
                }
                if self.mcp_login.is_some() && entra.version == Version::V1 {
                    say(
                        "issuer",
                        &self.issuer,
                        "mcp_login needs the v2 issuer of the tenant: v1 logins know no scopes",
                    );
                }
                if self.claims.subject.as_deref().is_some_and(|name| name != "oid") {
                    say("claims.subject", "", "the entra profile names principals by oid and nothing else");
                }
                if self.claims.client.as_deref().is_some_and(|name| name != "azp" && name != "appid") {
                    say("claims.client", "", "the entra profile names clients by azp (v2) or appid (v1)");
                }
                if self.rfc9068 {
                    say("rfc9068", "true", "only for the generic profile");
                }
            }
            (Profile::Generic, entra) => {
                if entra.is_some_and(|entra| !entra.simulated) {
                    say(
                        "profile",
                        "generic",
                        "an issuer of Microsoft Entra is judged by profile = \"entra\"",
                    );
                }
                if self.accept_v1 {
                    say("accept_v1", "true", "only for the entra profile");
                }
                if self.allow_missing_idtyp {
                    say("allow_missing_idtyp", "true", "only for the entra profile");
                }
            }
        }
        problems
    }

    fn check_lists(&self, say: &mut impl FnMut(&'static str, &str, &'static str)) {
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            say("audiences", "", "at least one audience, none empty, says which tokens are meant for us");
        }
        for audience in &self.audiences {
            if is_graph(audience) {
                say("audiences", audience, "that is Microsoft Graph: its tokens are not meant for us");
            }
        }
        if self.algorithms.is_empty() {
            say("algorithms", "", "at least one algorithm");
        }
        for (name, id) in &self.group_names {
            if name.is_empty() || id.is_empty() || name.starts_with("role:") {
                say(
                    "group_names",
                    name,
                    "neither a name nor an id is empty, and a name does not start with role:",
                );
            }
        }
        for (id, client) in &self.clients {
            if id.is_empty() || client.groups.iter().any(String::is_empty) {
                say("clients", id, "neither a client id nor a group is empty");
            }
        }
        let names = &self.claims;
        for (key, name) in [
            ("claims.subject", &names.subject),
            ("claims.groups", &names.groups),
            ("claims.roles", &names.roles),
            ("claims.client", &names.client),
        ] {
            if name.as_deref() == Some("") {
                say(key, "", "the name of a claim is not empty");
            }
        }
    }

    fn check_times(&self, say: &mut impl FnMut(&'static str, &str, &'static str)) {
        let shown = |time: Duration| format!("{}ms", time.as_millis());
        if self.leeway > 5 * MINUTE {
            say("leeway", &shown(self.leeway), "at most 5m");
        }
        if self.max_lifetime < MINUTE || self.max_lifetime > 30 * 24 * HOUR {
            say("max_lifetime", &shown(self.max_lifetime), "between 1m and 30d");
        }
        if self.soft_ttl.is_zero() || self.soft_ttl > self.hard_ttl || self.hard_ttl > 24 * HOUR {
            say(
                "soft_ttl",
                &shown(self.soft_ttl),
                "more than nothing, at most hard_ttl, which is at most 24h",
            );
        }
    }
}

const WANTED_ENTRA: &str = "the entra profile takes https://login.microsoftonline.com/TENANT-ID/v2.0 or \
    https://sts.windows.net/TENANT-ID/ with the tenant's id (a lower case GUID), not its domain, not common";

fn is_entry_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name != "local"
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Returns whether an audience is Microsoft Graph, whose tokens only Graph can verify.
pub(crate) fn is_graph(audience: &str) -> bool {
    matches!(
        audience.trim_end_matches('/'),
        "00000003-0000-0000-c000-000000000000"
            | "https://graph.microsoft.com"
            | "https://graph.microsoft.us"
            | "https://dod-graph.microsoft.us"
            | "https://microsoftgraph.chinacloudapi.cn"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";

    fn keys_of(settings: &IssuerSettings) -> Vec<&'static str> {
        settings.check().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_of_both_profiles_can_be_used() {
        let audience = vec!["api://hoopctl".to_owned()];
        let generic = IssuerSettings::new("idp", "https://idp.example", Profile::Generic, audience.clone());
        let entra = IssuerSettings::new("entra", V2, Profile::Entra, audience);
        assert_eq!((keys_of(&generic), keys_of(&entra)), (vec![], vec![]));
        assert_eq!(entra.algorithms, [Algorithm::Rs256]);
        assert_eq!(entra.refetch_interval, Duration::from_mins(5));
        assert!(!entra.accept_v1 && !entra.allow_missing_idtyp);
    }

    #[test]
    fn each_mistake_is_named_by_its_key() {
        type Change = fn(&mut IssuerSettings);
        let login = |s: &mut IssuerSettings, change: fn(&mut McpLogin)| {
            let mut login = McpLogin {
                client_id: "cli".to_owned(),
                scopes: vec!["use".to_owned()],
                secret: None,
                redirect_uris: McpLogin::REDIRECT_URIS.map(str::to_owned).to_vec(),
            };
            change(&mut login);
            s.mcp_login = Some(login);
        };
        let mut settings =
            IssuerSettings::new("idp", "https://idp.example", Profile::Generic, vec!["a".to_owned()]);
        login(&mut settings, |_| ());
        assert_eq!(keys_of(&settings), [""; 0]);
        for (key, change) in [
            ("mcp_login.client_id", (|l| l.client_id = "a b".to_owned()) as fn(&mut McpLogin)),
            ("mcp_login.client_id", |l| l.client_id.clear()),
            ("mcp_login.scopes", |l| l.scopes.push("use more".to_owned())),
            ("mcp_login.scopes", |l| l.scopes = vec!["openid".to_owned(), "offline_access".to_owned()]),
            ("mcp_login.redirect_uris", |l| l.redirect_uris.clear()),
            ("mcp_login.redirect_uris", |l| l.redirect_uris.push("http://claude.ai/".to_owned())),
        ] {
            login(&mut settings, change);
            assert_eq!(keys_of(&settings), [key]);
        }
        let v1 = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
        let mut settings = IssuerSettings::new("entra", v1, Profile::Entra, vec!["a".to_owned()]);
        assert_eq!(keys_of(&settings), [""; 0]);
        login(&mut settings, |_| ());
        assert_eq!(keys_of(&settings), ["issuer"]);
        let table: [(&str, Change); 17] = [
            ("name", |s| s.name = "a/b".to_owned()),
            ("name", |s| s.name = "local".to_owned()),
            ("issuer", |s| s.issuer = "http://idp.example".to_owned()),
            ("issuer", |s| s.issuer = "https://idp.example?x=1".to_owned()),
            ("jwks_uri", |s| s.jwks_uri = Some("http://169.254.169.254/keys".to_owned())),
            ("discovery_url", |s| s.discovery_url = Some("file:///etc/passwd".to_owned())),
            ("audiences", |s| s.audiences.clear()),
            ("audiences", |s| s.audiences = vec!["https://graph.microsoft.com/".to_owned()]),
            ("algorithms", |s| s.algorithms.clear()),
            ("group_names", |s| drop(s.group_names.insert("role:x".to_owned(), "1".to_owned()))),
            ("clients", |s| drop(s.clients.insert(String::new(), ClientEntry::default()))),
            ("claims.groups", |s| s.claims.groups = Some(String::new())),
            ("leeway", |s| s.leeway = Duration::from_secs(301)),
            ("max_lifetime", |s| s.max_lifetime = Duration::from_secs(59)),
            ("soft_ttl", |s| s.soft_ttl = Duration::from_secs(100_000)),
            ("accept_v1", |s| s.accept_v1 = true),
            ("allow_missing_idtyp", |s| s.allow_missing_idtyp = true),
        ];
        for (key, change) in table {
            let mut settings =
                IssuerSettings::new("idp", "https://idp.example", Profile::Generic, vec!["a".to_owned()]);
            change(&mut settings);
            assert_eq!(keys_of(&settings), [key]);
        }
    }

    #[test]
    fn the_entra_profile_takes_only_the_issuers_of_one_tenant() {
        for issuer in [
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/TENANT/v2.0",
            "https://login.microsoftonline.com/contoso.com/v2.0",
            "https://evil.example/11111111-2222-3333-4444-555555555555/v2.0",
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/",
            "https://sts.windows.net/11111111-2222-3333-4444-555555555555",
        ] {
            let settings = IssuerSettings::new("entra", issuer, Profile::Entra, vec!["a".to_owned()]);
            assert_eq!(keys_of(&settings), ["issuer"], "{issuer}");
        }
    }
}
