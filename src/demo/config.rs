//! The configuration of the demo: one connection to the sample API, policies of each effect, masks.

use std::net::SocketAddr;

/// What the sample configuration depends on.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Where the token issuer listens.
    pub issuer: SocketAddr,
    /// Where the sample API listens.
    pub api: SocketAddr,
    /// The OS user who decides approvals.
    pub user: String,
}

/// The name of the issuer, as principals show it.
pub const ISSUER: &str = "dev";
/// The audience that tokens must have.
pub const AUDIENCE: &str = "api://hoopctl";
/// The file with the credential of the sample API, beside the configuration.
pub const KEY_FILE: &str = "crm.key";
/// The name of the configuration file.
pub const FILE: &str = "hoopctl.toml";

impl DemoConfig {
    /// The configuration file as text. Paths in it are relative to its folder.
    pub fn toml(&self) -> String {
        let Self { gateway, issuer, api, user } = self;
        let mut user_key = String::new();
        // Writing into a text does not fail.
        crate::domain::json::write_string(user, &mut user_key).ok();
        format!(
            r#"# A configuration to try hoopctl with, written by `hoopctl demo` or `hoopctl init --demo`.
# Not for production: whoever reaches the issuer on this machine gets any token.
version = 1

[gateway]
listen = "{gateway}"                # clients call http://{gateway}/c/<connection>/...

[admin]
# Who may decide approvals: OS users, and the groups they decide with.
local_groups = {{ {user_key} = ["dba"] }}

[dev_issuer]
listen = "{issuer}"                # hoopctl token mint asks here

[[oidc]]
name = "{ISSUER}"
issuer = "http://{issuer}"
audiences = ["{AUDIENCE}"]

[storage]
data_dir = "data"

# The sample API with invented customers. It wants a credential that only the gateway has.
[[connection]]
name = "crm"
upstream = "http://{api}"
inject = "bearer:file:{KEY_FILE}"
tags = {{ env = "demo", data = "pii" }}
limits = {{ session = "1h", idle = "10m", approval_wait = "60s" }}

# Deny beats approve beats allow. What no policy allows is denied.
[[policy]]
id = "support-reads"
effect = "allow"
match = {{ groups = ["support"], connections = ["crm"], operations = ["read"] }}

[[policy]]
id = "support-writes"
effect = "approve"
match = {{ groups = ["support"], connections = ["crm"], operations = ["write"] }}
approval = {{ from = ["dba"], min = 1, timeout = "10m", reason = true, grant = "once" }}

[[policy]]
id = "no-deletes"
effect = "deny"
match = {{ connections = ["crm"], methods = ["DELETE"] }}
unless = {{ groups = ["break-glass"] }}
message = "Customers are never deleted from here. Ask #dba."

[[mask]]
id = "pii"
match = {{ tags = {{ data = "pii" }} }}
fields = ["ssn", "credit_card", "iban", "*_token"]
entities = ["US_SSN", "CREDIT_CARD", "IBAN", "EMAIL_ADDRESS"]
op = {{ kind = "keep_last", n = 4 }}
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_holds_whatever_the_user_is_called() {
        for user in ["root", "dev user", "a\"b\\c"] {
            let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
            let demo = DemoConfig {
                gateway: address(1),
                issuer: address(2),
                api: address(3),
                user: user.to_owned(),
            };
            let text = demo.toml();
            let config = crate::config::parse(&text, std::path::Path::new("/tmp/demo/hoopctl.toml"))
                .unwrap_or_else(|problems| panic!("{}", problems.report()));
            assert!(config.warnings.is_empty(), "{:?}", config.warnings);
            assert_eq!(config.admin.local_groups.get(user).map(Vec::as_slice), Some(&["dba".to_owned()][..]));
            assert_eq!((config.connections.len(), config.policies.len(), config.masks.len()), (1, 3, 1));
            assert_eq!(config.dev_issuer.map(|issuer| issuer.listen), Some(address(2)));
        }
    }
}
