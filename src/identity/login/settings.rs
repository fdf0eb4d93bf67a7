//! The settings of the login of people's MCP clients, and their checks.

use crate::domain::secret::SecretRef;
use crate::identity::login::redirect::RedirectRule;

/// Scopes of `OpenID` Connect itself: they ask for no access token, and tokens are not checked for them.
pub const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// `mcp_login` of an `[[oidc]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpLogin {
    /// The client at the issuer that all MCP clients log in as.
    pub client_id: String,
    /// The scopes that give a token for this gateway, at least one that is not of `OpenID` Connect itself.
    pub scopes: Vec<String>,
    /// The secret of that client, if it has one.
    pub secret: Option<SecretRef>,
    /// The URIs that a code may be sent to. `http://127.0.0.1/callback`, and the same with `[::1]` and
    /// `localhost`, allows any port; with the path `/*` also any path. Everything else is compared byte for
    /// byte.
    pub redirect_uris: Vec<String>,
}

impl McpLogin {
    /// The default of `redirect_uris`: any port and path of the person's own machine.
    pub const REDIRECT_URIS: [&str; 3] = ["http://127.0.0.1/*", "http://[::1]/*", "http://localhost/*"];

    /// Returns whether a code may be sent to this URI.
    pub fn admits(&self, redirect_uri: &str) -> bool {
        let rules = self.redirect_uris.iter().filter_map(|rule| RedirectRule::parse(rule).ok());
        rules.into_iter().any(|rule| rule.admits(redirect_uri))
    }

    /// Returns the scopes that clients are told to ask for. `offline_access` is left out: some clients that
    /// see it ask for consent each time, which people cannot give if an administrator gave it for all. It is
    /// requested all the same if it is configured.
    pub fn told_scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str).filter(|scope| !OPENID.contains(scope))
    }

    /// Returns the scopes of a login: the configured ones, and those of `OpenID` Connect that the client
    /// asked for. Nothing else, so that no token for another service can be obtained.
    pub fn scope(&self, asked: Option<&str>) -> String {
        let mut scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        for scope in asked.unwrap_or_default().split(' ').filter(|scope| OPENID.contains(scope)) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes.join(" ")
    }

    /// Returns the allowed ones of the scopes that a client asks for with a grant; `None` if there are none,
    /// and the issuer gives the same as before.
    pub fn narrowed(&self, asked: Option<&str>) -> Option<String> {
        let allowed = |scope: &&str| OPENID.contains(scope) || self.scopes.iter().any(|own| own == scope);
        let kept: Vec<&str> = asked.unwrap_or_default().split(' ').filter(allowed).collect();
        (!kept.is_empty()).then(|| kept.join(" "))
    }

    /// Reports all problems: key, value, problem.
    pub(crate) fn check(&self, say: &mut impl FnMut(&'static str, &str, &'static str)) {
        if self.client_id.is_empty() || !self.client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            say("mcp_login.client_id", &self.client_id, "a client id is printable ASCII without blanks");
        }
        // RFC 6749, section 3.3.
        let is_scope = |scope: &str| {
            !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        for scope in self.scopes.iter().filter(|scope| !is_scope(scope)) {
            say(
                "mcp_login.scopes",
                scope,
                "a scope is printable ASCII without blanks, \" and \\; each is one element",
            );
        }
        if self.told_scopes().next().is_none() {
            say(
                "mcp_login.scopes",
                "",
                "at least one scope that gives a token for this gateway, such as api://hoopctl/access",
            );
        }
        if self.redirect_uris.is_empty() {
            say("mcp_login.redirect_uris", "", "at least one place to which a code may be sent");
        }
        for uri in &self.redirect_uris {
            if let Err(problem) = RedirectRule::parse(uri) {
                say("mcp_login.redirect_uris", uri, problem);
            }
        }
    }
}
