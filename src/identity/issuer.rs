//! One accepted `iss`: its settings, prepared for judging tokens.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::identity::entra::EntraIssuer;
use crate::identity::settings::IssuerSettings;
use crate::identity::settings::Profile;

/// One accepted `iss`. An entry that accepts v1 beside v2 has two of them.
#[derive(Debug)]
pub(crate) struct Issuer {
    /// The `iss`, byte for byte.
    pub(crate) iss: String,
    /// The name of the entry, shared by all its principals.
    pub(crate) name: Arc<str>,
    /// The entry.
    pub(crate) settings: Arc<IssuerSettings>,
    /// The tenant and version, under the Entra profile.
    pub(crate) entra: Option<EntraIssuer>,
    /// The names of each group id.
    pub(crate) group_names: BTreeMap<String, Vec<Arc<str>>>,
}

impl Issuer {
    /// Returns the issuers that an entry accepts.
    pub(crate) fn of(settings: IssuerSettings) -> Vec<Self> {
        let settings = Arc::new(settings);
        let name: Arc<str> = settings.name.as_str().into();
        let mut group_names: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
        for (group, id) in &settings.group_names {
            group_names.entry(id.clone()).or_default().push(group.as_str().into());
        }
        let entra = match settings.profile {
            Profile::Entra => EntraIssuer::parse(&settings.issuer),
            Profile::Generic => None,
        };
        let sibling = entra.as_ref().filter(|_| settings.accept_v1).and_then(EntraIssuer::v1_sibling);
        let first = (settings.issuer.clone(), entra);
        std::iter::once(first)
            .chain(sibling.map(|(iss, entra)| (iss, Some(entra))))
            .map(|(iss, entra)| Self {
                iss,
                name: Arc::clone(&name),
                settings: Arc::clone(&settings),
                entra,
                group_names: group_names.clone(),
            })
            .collect()
    }

    /// Returns the URL of the discovery document. `discovery_url` and `jwks_uri` apply to the configured
    /// issuer, not to its v1 sibling.
    pub(crate) fn discovery_url(&self) -> String {
        match (&self.settings.discovery_url, &self.entra) {
            (Some(url), _) if !self.is_sibling() => url.clone(),
            (_, Some(entra)) => entra.discovery_url(),
            (_, None) => format!("{}/.well-known/openid-configuration", self.iss.trim_end_matches('/')),
        }
    }

    /// Returns the configured URL of the keys; `None` if they are found by discovery.
    pub(crate) fn pinned_keys(&self) -> Option<&str> {
        self.settings.jwks_uri.as_deref().filter(|_| !self.is_sibling())
    }

    /// Returns the name under which keys are stored: it differs for another issuer, or another location of
    /// its keys.
    pub(crate) fn keeper_name(&self) -> String {
        match self.pinned_keys() {
            Some(uri) => format!("{} {uri}", self.iss),
            None => self.iss.clone(),
        }
    }

    /// Returns the scopes that a client asks for: those of the entry's login for MCP clients, or else the
    /// ones of which a person's token needs one. Entra interprets short scope names as those of another API,
    /// so they get the audience as a prefix.
    pub(crate) fn asked_scopes(&self) -> Vec<String> {
        if let Some(login) = &self.settings.mcp_login {
            return login.told_scopes().map(str::to_owned).collect();
        }
        let audience = self.entra.as_ref().and_then(|_| self.settings.audiences.first());
        let asked = |scope: &String| match audience {
            Some(audience) if !scope.contains('/') => format!("{audience}/{scope}"),
            _ => scope.clone(),
        };
        self.settings.scopes.iter().map(asked).collect()
    }

    /// Returns whether a key that names `key_issuer` may sign for this issuer. Only Entra gives the member a
    /// meaning.
    pub(crate) fn admits_key_of(&self, key_issuer: &str) -> bool {
        self.entra.as_ref().is_none_or(|entra| entra.admits_key_of(key_issuer, &self.iss))
    }

    /// Returns what the ids of its principals begin with, up to the first slash: `entra:{tid}`, or the
    /// entry's name.
    pub(crate) fn origin(&self) -> Cow<'_, str> {
        match &self.entra {
            Some(entra) => Cow::Owned(format!("entra:{}", entra.tenant)),
            None => Cow::Borrowed(&self.name),
        }
    }

    /// Returns whether it is the v1 form of an entry with the v2 issuer.
    pub(crate) fn is_sibling(&self) -> bool {
        self.iss != self.settings.issuer
    }
}
