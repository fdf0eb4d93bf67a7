//! What an operator says about the login of people's MCP clients, and what is wrong with it.

use crate::domain::secret::SecretRef;
use crate::identity::login::redirect::RedirectRule;

/// Scopes of `OpenID` Connect itself: they ask for no token of anything, and no token is held against them.
pub const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// `mcp_login` of an `[[oidc]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpLogin {
    /// The client at the issuer as which every MCP client logs in.
    pub client_id: String,
    /// The scopes that give a token for this gateway, at least one that is none of `OpenID` Connect itself.
    pub scopes: Vec<String>,
    /// The secret of that client, if it has one.
    pub secret: Option<SecretRef>,
    /// Where a code may be sent. `http://127.0.0.1/callback`, and the same with `[::1]` and `localhost`, means any port; with `/*` for its
    /// path also any path. Everything else is taken byte for byte.
    pub redirect_uris: Vec<String>,
}

impl McpLogin {
    /// Where a code may be sent unless something else is said: any port and path of the person's own machine.
    pub const REDIRECT_URIS: [&str; 3] = ["http://127.0.0.1/*", "http://[::1]/*", "http://localhost/*"];

    /// Whether a code may be sent there.
    pub fn admits(&self, redirect_uri: &str) -> bool {
        let rules = self.redirect_uris.iter().filter_map(|rule| RedirectRule::parse(rule).ok());
        rules.into_iter().any(|rule| rule.admits(redirect_uri))
    }

    /// The scopes that clients are told to ask for. Not `offline_access`: some clients that read of it ask for consent each time, which
    /// people cannot give where an administrator gave it for all. It is asked for all the same where it is configured.
    pub fn told_scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str).filter(|scope| !OPENID.contains(scope))
    }

    /// The scopes of a login: those that are configured, and of `OpenID` Connect's own what the client asked for. Nothing else, so that no
    /// token for another service can be had through here.
    pub fn scope(&self, asked: Option<&str>) -> String {
        let mut scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        for scope in asked.unwrap_or_default().split(' ').filter(|scope| OPENID.contains(scope)) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes.join(" ")
    }

    /// What of the scopes that a client asks for with a grant may be asked for; `None`: nothing, and the issuer gives what it gave before.
    pub fn narrowed(&self, asked: Option<&str>) -> Option<String> {
        let allowed = |scope: &&str| OPENID.contains(scope) || self.scopes.iter().any(|own| own == scope);
        let kept: Vec<&str> = asked.unwrap_or_default().split(' ').filter(allowed).collect();
        (!kept.is_empty()).then(|| kept.join(" "))
    }

    /// Says what is wrong: key, value, problem.
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
