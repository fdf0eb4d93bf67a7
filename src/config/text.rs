//! The commented configuration file that `hoopctl init` writes. It is valid as it is, and with every `#key`
//! uncommented.

/// The variants of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// For Microsoft Entra.
    Entra,
    /// For any OIDC provider.
    Generic,
}

/// Returns the text of the file.
pub fn template(kind: Template) -> String {
    let issuer = match kind {
        Template::Entra => ENTRA_ISSUER,
        Template::Generic => GENERIC_ISSUER,
    };
    [HEAD, issuer, STORAGE, TARGET, RULES].concat()
}

const HEAD: &str = r#"# hoopctl.toml: check it with `hoopctl config check`, run it with `hoopctl serve`.
# Lines that start with # and a key show a default or a choice: take the # away to set it. Unknown keys are errors.
# Editors check it: hoopctl config schema > hoopctl.schema.json, and at the very top the line #:schema ./hoopctl.schema.json
version = 1

[gateway]
listen = "127.0.0.1:8440"               # clients call http://127.0.0.1:8440/c/CONNECTION/...
#postgres_listen = "127.0.0.1:15432"    # where clients of PostgreSQL connect; the database is called CONNECTION
#public_url = "https://gw.example:8440"  # the address clients use, if it is another one
# Required as soon as a listener is not on a loopback address. The key file has mode 0600.
#tls = { cert = "tls.crt", key = "file:tls.key" }
#drain_timeout = "30s"                  # how long running requests may go on after a stop signal

# Only root and the OS user that runs the gateway can open the admin socket. These are the groups they approve with.
[admin]
#socket = "admin.sock"                  # relative to storage.data_dir
local_groups = { root = ["approvers"] } # put the user here that runs the gateway

"#;

const GENERIC_ISSUER: &str = r#"# Whose tokens are believed: any OIDC provider. `issuer` is the exact `iss` of its tokens.
[[oidc]]
name = "idp"
issuer = "https://idp.example.com"
audiences = ["hoopctl"]                 # a token must be meant for this gateway
#algorithms = ["RS256", "ES256", "EdDSA"]
#leeway = "60s"                         # allowed difference of clocks, at most 300s
#claims = { subject = "sub", groups = "groups", roles = "roles", client = "client_id" }
#group_names = { etl = "the-id-the-provider-sends" }
#clients = { "billing-mcp" = { name = "billing", groups = ["etl"] } }  # apps whose tokens carry no groups
#ca_file = "idp-ca.pem"                 # trust this authority, not the platform's

"#;

const ENTRA_ISSUER: &str = r#"# Whose tokens are believed: Microsoft Entra. Replace the zeros by the id of your tenant.
[[oidc]]
name = "entra"
issuer = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0"
profile = "entra"
# The client id of your app registration: that is the `aud` of its v2 tokens ("requestedAccessTokenVersion": 2 in the manifest).
# With accept_v1 = true add the application ID URI, api://...: a v1 token may have it as its `aud`.
audiences = ["33333333-3333-3333-3333-333333333333"]
# Entra sends groups as object ids: give them names that policies can use. App roles are groups named role:NAME.
group_names = { etl = "11111111-1111-1111-1111-111111111111" }
#clients = { "22222222-2222-2222-2222-222222222222" = { name = "billing-mcp", groups = ["etl"] } }  # apps without groups
#accept_v1 = true                       # also v1 tokens of the same tenant (sts.windows.net)
#leeway = "60s"
# People's MCP clients log in through the gateway, as one client of the tenant: Entra itself does not speak their dialect of OAuth.
#mcp_login = { client_id = "44444444-4444-4444-4444-444444444444", scopes = ["api://hoopctl/access", "offline_access"] }

"#;

const STORAGE: &str = r#"# The data directory belongs to `hoopctl serve`. Default: ~/.local/share/hoopctl, for root /var/lib/hoopctl.
[storage]
#data_dir = "/var/lib/hoopctl"
#key = "file:store.key"                 # seals secrets kept in the store; default: store.key in the data directory

[recording]
#level = "full"                         # full (after masking) | metadata | off
#sync = "writes"                        # writes | all: which commands are on disk before they are forwarded
#retention = { recordings = "30d", metadata = "400d", max_size = "20GiB" } # max_size: on the disk, packed
#max_body = "1MiB"                      # longer bodies are cut in the recording

"#;

const TARGET: &str = r#"# A target. The gateway keeps its credential; clients never see it. Secrets are named by their source, never written
# here: env:NAME, file:PATH (mode 0600), store:KEY (hoopctl secret set KEY), exec:COMMAND.
[[connection]]
name = "crm"                            # clients call /c/crm/...
upstream = "https://crm.example.com/api"
inject = "bearer:env:CRM_TOKEN"         # bearer:SRC | basic:USER:SRC | header:NAME:SRC | none
tags = { data = "pii" }
# limits.body is for bodies that are held or judged; others pass through, of any length.
#limits = { session = "1h", idle = "10m", body = "10MiB", approval_wait = "60s", rate = 50 }
#ca_file = "crm-ca.pem"

# A PostgreSQL server, with TLS. More of its keys: readonly, approval_mode, notifications, accept_md5, limits.rows.
# [[connection]]
# name = "appdb"
# upstream = "postgres://db.example.com/app"
# inject = "password:USER:env:APPDB_PASSWORD"

# An MCP server behind an address, or mcp+stdio:PROGRAM ARGUMENTS. More of its keys: transport, trust_annotations, pin, env.
# [[connection]]
# name = "tools"
# upstream = "mcp+https://tools.example.com/mcp"
# inject = "bearer:env:TOOLS_TOKEN"

"#;

const RULES: &str = r#"# Nothing is allowed unless a policy says so; deny beats approve, approve beats allow, their order never matters.
# An allow and an approve say who: groups, subjects, clients, issuers, kinds or claims. subjects = ["*"] is everybody.
[[policy]]
id = "reads"
effect = "allow"                        # allow | approve | deny
match = { groups = ["etl"], connections = ["crm"], operations = ["read"] }

[[policy]]
id = "writes-need-approval"
effect = "approve"
match = { groups = ["etl"], connections = ["crm"], operations = ["write"] }
approval = { from = ["approvers"], min = 1, timeout = "10m", reason = false, grant = "once" }  # once | session | "15m"
#limits = { session = "1h" }

[[policy]]
id = "no-deletes"
effect = "deny"
match = { connections = ["crm"], methods = ["DELETE"] }
#unless = { groups = ["break-glass"] }
message = "Deleting customers is blocked. Ask the CRM team."

# What comes back is masked before the client, the recording or an approver sees it.
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "credit_card", "*_token"]
entities = ["US_SSN", "CREDIT_CARD", "EMAIL_ADDRESS"]
#patterns = { CUSTOMER_NUMBER = "C-[0-9]{8}" }
op = { kind = "keep_last", n = 4 }      # redact | replace | keep_last | keep_first | hash | null
"#;
