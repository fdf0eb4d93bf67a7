//! `[[oidc]]`: the issuers whose tokens are accepted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::connection::name;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::value::DAY;
use crate::identity::Algorithm;
use crate::identity::ClaimNames;
use crate::identity::ClientEntry;
use crate::identity::IssuerSettings;
use crate::identity::McpLogin;
use crate::identity::Profile;

/// The placeholder tenant that `hoopctl init` writes.
const PLACEHOLDER: &str = "/00000000-0000-0000-0000-000000000000/";

/// Reads one `[[oidc]]`.
pub(super) fn read(value: &Value<'_>) -> Option<IssuerSettings> {
    let (settings, whole) = value.table(read_table)?;
    let problems = settings.check();
    let usable = whole && problems.is_empty();
    for problem in problems {
        let place = value.nearest_place(problem.key, &problem.found);
        // What the reader has refused need not be reported again.
        if !place.is_noted() {
            place.problem("not accepted", problem.problem.to_owned());
        }
    }
    usable.then_some(settings)
}

/// Returns the entry, and whether all of it could be read; if not, it has harmless values for the missing
/// parts.
fn read_table(table: &mut Table<'_>) -> (IssuerSettings, bool) {
    let name = table.required("name", "accepted: 1 to 63 of a-z, 0-9 and -").and_then(|value| name(&value));
    let issuer_value = table.required("issuer", "accepted: the exact issuer URL of the tokens, https://…");
    let issuer = issuer_value.as_ref().and_then(issuer_text);
    if let (Some(value), true) =
        (&issuer_value, issuer.as_deref().is_some_and(|text| text.contains(PLACEHOLDER)))
    {
        value.warning("the tenant is a placeholder", "write the id of your own tenant".to_owned());
    }
    let profiles = [Profile::Entra, Profile::Generic].map(|profile| (profile.as_str(), profile));
    let profile = table.take("profile").map_or(Some(Profile::Generic), |value| value.word(&profiles));
    let audiences = table.required("audiences", "accepted: a list of the audiences that mean this gateway");
    let audiences = audiences.map(|value| value.texts()).unwrap_or_default();
    let whole = name.is_some() && issuer.is_some() && profile.is_some() && !audiences.is_empty();
    let mut settings = IssuerSettings::new(
        name.as_ref().map_or("unnamed", |name| name.as_str()),
        issuer.unwrap_or_else(|| "https://unnamed.invalid".to_owned()),
        profile.unwrap_or(Profile::Generic),
        if audiences.is_empty() { vec!["none".to_owned()] } else { audiences },
    );
    Given::read(table).put_into(&mut settings);
    if profile.is_none() {
        // Keys of one profile cannot be judged.
        (settings.accept_v1, settings.allow_missing_idtyp, settings.rfc9068) = (false, false, false);
    }
    (settings, whole)
}

/// An issuer is compared byte for byte, so it is kept as written.
fn issuer_text(value: &Value<'_>) -> Option<String> {
    let text = value.url_text()?;
    if text.contains('@') {
        value.secret_problem("a user name or password in the URL", "leave it out".to_owned());
        return None;
    }
    Some(text.to_owned())
}

/// The optional keys, besides name, issuer, profile and audiences.
struct Given {
    discovery_url: Option<String>,
    jwks_uri: Option<String>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Option<Duration>,
    max_lifetime: Option<Duration>,
    claims: ClaimNames,
    scopes: Vec<String>,
    group_names: BTreeMap<String, String>,
    clients: BTreeMap<String, ClientEntry>,
    ca_file: Option<PathBuf>,
    switches: [Option<bool>; 3],
    mcp_login: Option<McpLogin>,
    refetch_interval: Option<Duration>,
    soft_ttl: Option<Duration>,
    hard_ttl: Option<Duration>,
}

impl Given {
    fn read(table: &mut Table<'_>) -> Self {
        let second = Duration::from_secs(1);
        let duration = |table: &mut Table<'_>, key, low, high| {
            table.take(key).and_then(|value| value.duration(low..=high))
        };
        Self {
            discovery_url: table.take("discovery_url").as_ref().and_then(issuer_text),
            jwks_uri: table.take("jwks_uri").as_ref().and_then(issuer_text),
            algorithms: table.take("algorithms").map(|value| value.list(algorithm)),
            leeway: duration(table, "leeway", Duration::ZERO, second * 300),
            max_lifetime: duration(table, "max_lifetime", second * 60, DAY * 30),
            claims: table.take("claims").and_then(|value| value.table(claims)).unwrap_or_default(),
            scopes: table.take("scopes").map(|value| value.texts()).unwrap_or_default(),
            group_names: table.take("group_names").map(|value| value.text_map()).unwrap_or_default(),
            clients: table.take("clients").map(|value| value.map(client)).unwrap_or_default(),
            ca_file: table.take("ca_file").and_then(|value| value.file()),
            switches: ["accept_v1", "allow_missing_idtyp", "rfc9068"].map(|key| table.take(key)?.flag()),
            mcp_login: table.take("mcp_login").and_then(|value| value.table(mcp_login)).flatten(),
            refetch_interval: duration(table, "refetch_interval", second, second * 3600),
            soft_ttl: duration(table, "soft_ttl", second, DAY),
            hard_ttl: duration(table, "hard_ttl", second, DAY),
        }
    }

    fn put_into(self, settings: &mut IssuerSettings) {
        let [accept_v1, allow_missing_idtyp, rfc9068] = self.switches.map(|switch| switch.unwrap_or(false));
        settings.discovery_url = self.discovery_url;
        settings.jwks_uri = self.jwks_uri;
        settings.claims = self.claims;
        settings.scopes = self.scopes;
        settings.group_names = self.group_names;
        settings.clients = self.clients;
        settings.ca_file = self.ca_file;
        settings.accept_v1 = accept_v1;
        settings.allow_missing_idtyp = allow_missing_idtyp;
        settings.rfc9068 = rfc9068;
        settings.mcp_login = self.mcp_login;
        // A list whose words were all invalid has been reported; the default takes its place until it is
        // fixed.
        if let Some(algorithms) = self.algorithms.filter(|list| !list.is_empty()) {
            settings.algorithms = algorithms;
        }
        for (given, place) in [
            (self.leeway, &mut settings.leeway),
            (self.max_lifetime, &mut settings.max_lifetime),
            (self.refetch_interval, &mut settings.refetch_interval),
            (self.soft_ttl, &mut settings.soft_ttl),
            (self.hard_ttl, &mut settings.hard_ttl),
        ] {
            if let Some(duration) = given {
                *place = duration;
            }
        }
    }
}

/// Reports a second login for MCP clients, which are sent to one issuer.
pub(super) fn refuse_second_login(entries: &[Value<'_>]) {
    for second in entries.iter().filter_map(|entry| entry.at("mcp_login")).skip(1) {
        let hint = "keep it at the entry of the issuer where people log in".to_owned();
        second.problem("a second login for MCP clients", hint);
    }
}

fn mcp_login(table: &mut Table<'_>) -> Option<McpLogin> {
    let client_id = table
        .required("client_id", "accepted: the id of the client as which MCP clients log in at the issuer");
    let client_id = client_id.and_then(|value| value.text().map(str::to_owned));
    let scopes = table
        .required(
            "scopes",
            "accepted: a list of scopes that give a token for this gateway, [\"api://hoopctl/access\"]",
        )
        .map(|value| value.texts());
    let secret = table.take("secret").and_then(|value| value.secret());
    let redirect_uris = table.take("redirect_uris").map(|value| value.texts());
    let own_machine = || McpLogin::REDIRECT_URIS.map(str::to_owned).to_vec();
    // A list that could not be read is reported already.
    let redirect_uris = redirect_uris.filter(|list| !list.is_empty()).unwrap_or_else(own_machine);
    let scopes = scopes.filter(|list| !list.is_empty())?;
    Some(McpLogin { client_id: client_id?, scopes, secret, redirect_uris })
}

fn claims(table: &mut Table<'_>) -> ClaimNames {
    let mut claim = |key| table.take(key).and_then(|value| value.text().map(str::to_owned));
    ClaimNames {
        subject: claim("subject"),
        groups: claim("groups"),
        roles: claim("roles"),
        client: claim("client"),
    }
}

fn algorithm(value: &Value<'_>) -> Option<Algorithm> {
    let words = Algorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
    if value.node.as_str().is_some_and(|word| word.starts_with("HS") || word.eq_ignore_ascii_case("none")) {
        let accepted = words.map(|(word, _)| word).join(", ");
        value.problem("not a signature that only the issuer can make", format!("accepted: {accepted}"));
        return None;
    }
    value.word(&words)
}

fn client(value: &Value<'_>) -> Option<ClientEntry> {
    value.table(|table| {
        let name = table.required("name", "accepted: a name for people").and_then(|value| value.text());
        let groups = table.take("groups").map(|value| value.texts()).unwrap_or_default();
        Some(ClientEntry { name: name?.to_owned(), groups })
    })?
}
