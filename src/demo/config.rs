//! The configuration of the demo: one connection to the sample target, policies of each effect, masks.

use std::net::SocketAddr;

use crate::demo::mcp::PATH;

/// What the demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Scenario {
    /// An HTTP API
    #[default]
    Http,
    /// An MCP server: tools of an agent
    Mcp,
}

/// The parameters of the sample configuration.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Address of the gateway.
    pub gateway: SocketAddr,
    /// Address of the token issuer.
    pub issuer: SocketAddr,
    /// Address of the sample target.
    pub target: SocketAddr,
    /// The kind of sample target.
    pub scenario: Scenario,
    /// Whether the MCP server is a recorded one, whose tools are not known in advance.
    pub recorded: bool,
    /// The OS user who decides approvals.
    pub user: String,
}

/// Name of the issuer, as shown in principals.
pub const ISSUER: &str = "dev";
/// The required audience of tokens.
pub const AUDIENCE: &str = "api://hoopctl";
/// Name of the only connection.
pub const CONNECTION: &str = "crm";
/// The file with the credential of the sample target, beside the configuration.
pub const KEY_FILE: &str = "crm.key";
/// Name of the configuration file.
pub const FILE: &str = "hoopctl.toml";

/// Policies for the sample MCP server.
const SAMPLE: &str = r#"# Deny beats approve beats allow. What no policy allows is denied, and a tool that a caller may never use is not in the list it gets.
[[policy]]
id = "support-reads"
effect = "allow"
match = { groups = ["support"], connections = ["CONNECTION"], operations = ["read"] }

[[policy]]
id = "small-refunds"
effect = "allow"
match = { groups = ["support"], connections = ["CONNECTION"], tools = ["refund"], args = { amount = "<= 100" } }

[[policy]]
id = "large-refunds"
effect = "approve"
match = { groups = ["support"], connections = ["CONNECTION"], tools = ["refund"], args = { amount = "> 100" } }
approval = { from = ["dba"], min = 1, timeout = "10m", reason = true, grant = "once" }

[[policy]]
id = "no-huge-refunds"
effect = "deny"
match = { connections = ["CONNECTION"], tools = ["refund"], args = { amount = "> 1000" } }
message = "Refunds above 1000 are not made from here. Ask #dba."

[[policy]]
id = "no-deletes"
effect = "deny"
match = { connections = ["CONNECTION"], tools = ["delete_*"] }
"#;
/// Masks of personal data.
const MASK: &str = r#"
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "credit_card", "iban", "*_token"]
entities = ["US_SSN", "CREDIT_CARD", "IBAN", "EMAIL_ADDRESS"]
op = { kind = "keep_last", n = 4 }
"#;
/// Tags of the connection.
const SAMPLE_TAGS: &str = r#"tags = { env = "demo", data = "pii" }"#;
/// Allows a recorded server to repeat the requests it sent to its client.
const RECORDED_MAY: &str = r#"tags = { env = "demo" }
allow_server_requests = ["elicitation", "roots", "sampling"]"#;
/// Allows all recorded requests.
const RECORDED: &str = r#"[[policy]]
id = "recorded"
effect = "allow"
match = { groups = ["support"], connections = ["CONNECTION"], operations = ["read", "write", "admin", "unknown"] }
"#;

impl DemoConfig {
    /// Returns the configuration file as text. Paths in it are relative to its folder.
    pub fn toml(&self) -> String {
        let Self { gateway, issuer, user, .. } = self;
        let mut user_key = String::new();
        // Writing to a string cannot fail.
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

{}{}"#,
            match self.scenario {
                Scenario::Http => self.http(),
                Scenario::Mcp => self.mcp(),
            },
            // Recorded values are masked already.
            if self.recorded { "" } else { MASK }
        )
    }

    /// Returns the sample API's connection and its policies.
    fn http(&self) -> String {
        let api = self.target;
        format!(
            r#"# The sample API with invented customers. It wants a credential that only the gateway has.
[[connection]]
name = "{CONNECTION}"
upstream = "http://{api}"
inject = "bearer:file:{KEY_FILE}"
tags = {{ env = "demo", data = "pii" }}
limits = {{ session = "1h", idle = "10m", approval_wait = "60s" }}

# Deny beats approve beats allow. What no policy allows is denied.
[[policy]]
id = "support-reads"
effect = "allow"
match = {{ groups = ["support"], connections = ["{CONNECTION}"], operations = ["read"] }}

[[policy]]
id = "support-writes"
effect = "approve"
match = {{ groups = ["support"], connections = ["{CONNECTION}"], operations = ["write"] }}
approval = {{ from = ["dba"], min = 1, timeout = "10m", reason = true, grant = "once" }}

[[policy]]
id = "no-deletes"
effect = "deny"
match = {{ connections = ["{CONNECTION}"], methods = ["DELETE"] }}
unless = {{ groups = ["break-glass"] }}
message = "Customers are never deleted from here. Ask #dba."
"#
        )
    }

    /// Returns the connection of the sample or recorded MCP server and its policies.
    fn mcp(&self) -> String {
        let Self { target, recorded, .. } = self;
        let (what, more, policies) = if *recorded {
            ("A recorded MCP server.", RECORDED_MAY, RECORDED)
        } else {
            ("The sample MCP server with invented customers.", SAMPLE_TAGS, SAMPLE)
        };
        let policies = policies.replace("CONNECTION", CONNECTION);
        format!(
            r#"# {what} It wants a credential that only the gateway has.
[[connection]]
name = "{CONNECTION}"
upstream = "mcp+http://{target}{PATH}"
inject = "bearer:file:{KEY_FILE}"
trust_annotations = true            # a tool that the server lists as read-only reads, every other one writes
{more}
limits = {{ session = "1h", idle = "10m", approval_wait = "50s" }}

{policies}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_holds_whatever_the_user_is_called() {
        for (scenario, recorded, policies, masks) in
            [(Scenario::Http, false, 3, 1), (Scenario::Mcp, false, 5, 1), (Scenario::Mcp, true, 1, 0)]
        {
            for user in ["root", "dev user", "a\"b\\c"] {
                let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
                let demo = DemoConfig {
                    gateway: address(1),
                    issuer: address(2),
                    target: address(3),
                    scenario,
                    recorded,
                    user: user.to_owned(),
                };
                let text = demo.toml();
                let config = crate::config::parse(&text, std::path::Path::new("/tmp/demo/hoopctl.toml"))
                    .unwrap_or_else(|problems| panic!("{}", problems.report()));
                assert!(config.warnings.is_empty(), "{:?}", config.warnings);
                let groups = config.admin.local_groups.get(user).map(Vec::as_slice);
                assert_eq!(groups, Some(&["dba".to_owned()][..]));
                let counts = (config.connections.len(), config.policies.len(), config.masks.len());
                assert_eq!(counts, (1, policies, masks));
                assert_eq!(config.dev_issuer.map(|issuer| issuer.listen), Some(address(2)));
            }
        }
    }
}
