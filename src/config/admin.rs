//! `[admin]`: who manages the gateway, locally and over the network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::settings::GatewaySettings;
use crate::config::settings::collide;
use crate::config::settings::public_url;
use crate::control::Roles;
use crate::control::SignInClient;
use crate::control::page::site::Site;
use crate::domain::secret::SecretRef;

/// The checked settings of `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// The Unix socket of the admin API. Default `admin.sock` in the data directory.
    pub socket: PathBuf,
    /// The groups that an OS user has on the socket. Users not listed may look but not decide.
    pub local_groups: BTreeMap<String, Vec<String>>,
    /// The admin API over the network. Default none.
    pub remote: Option<RemoteSettings>,
}

/// The admin API over the network: `admin.listen` and related keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Listen address. With TLS, using the gateway's certificate; without TLS only on a loopback address.
    pub listen: SocketAddr,
    /// The URL that people use, without a trailing `/`; `None`: the one that was called.
    pub public_url: Option<String>,
    /// Which groups may do what. Nobody else is admitted.
    pub roles: Roles,
    /// The clients whose tokens are accepted, as `ISSUER/ID`: the name of the issuer's entry and the client
    /// id in the token. At least one. A token that a person gave to another app, such as an agent, cannot be
    /// used to manage the gateway.
    pub clients: Vec<String>,
    /// How `hoopctl login` signs in. Default none: tokens come from elsewhere.
    pub login: Option<LoginSettings>,
    /// The approval page for browsers. Default none.
    pub page: Option<PageSettings>,
}

/// `admin.page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSettings {
    /// The name of the `[[oidc]]` entry where people sign in.
    pub issuer: String,
    /// The client and its scopes.
    pub client: SignInClient,
    /// The secret of that client, if it has one.
    pub secret: Option<SecretRef>,
    /// The origin of the page: `admin.public_url`.
    pub site: Site,
}

/// `admin.login`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// The name of the `[[oidc]]` entry where people sign in.
    pub issuer: String,
    /// The client and its scopes.
    pub client: SignInClient,
}

const CLIENTS: &str = "clients = [\"ID\"] names the apps whose tokens are taken, login = { client_id = \"ID\", scopes = [..] } the one of hoopctl login, page = { .. } that of browsers";

/// Reads `[admin]`; `issuers` are the names of all `[[oidc]]` entries.
pub(super) fn read(
    table: &mut Table<'_>,
    data_dir: &Path,
    gateway: &GatewaySettings,
    issuers: &[&str],
) -> AdminSettings {
    let socket = table.take("socket").and_then(|value| {
        // Joining an absolute path returns that path.
        let socket = data_dir.join(value.text()?);
        if socket.as_os_str().len() > 107 {
            // `sun_path` of `sockaddr_un` has 108 bytes, including the final zero.
            value.problem(
                "too long for a Unix socket",
                "accepted: at most 107 bytes with the data directory".to_owned(),
            );
        }
        Some(socket)
    });
    let local_groups =
        table.take("local_groups").map(|value| value.map(|groups| Some(groups.texts()))).unwrap_or_default();
    let remote = remote(table, gateway, issuers);
    AdminSettings { socket: socket.unwrap_or_else(|| data_dir.join("admin.sock")), local_groups, remote }
}

fn remote(table: &mut Table<'_>, gateway: &GatewaySettings, issuers: &[&str]) -> Option<RemoteSettings> {
    let listen = table.take("listen");
    let keys = ["public_url", "roles", "clients", "login", "page"];
    let alone = listen.is_none().then(|| keys.iter().find_map(|key| table.peek(key))).flatten();
    if let Some(value) = alone {
        let hint = "open one: listen = \"127.0.0.1:8441\", or leave this out".to_owned();
        value.problem("without admin.listen there is no admin API over the network", hint);
    }
    let url_value = table.take("public_url");
    let public_url = url_value.as_ref().and_then(public_url);
    let roles_value = table.take("roles");
    let roles = roles_value.as_ref().and_then(|value| value.table(roles)).unwrap_or_default();
    let clients_value = table.take("clients");
    let login_value = table.take("login");
    let login = login_value.as_ref().and_then(|value| value.table(|table| login(table, issuers))).flatten();
    let mut clients =
        clients_value.as_ref().map(|value| value.list(|id| of_issuer(id, issuers))).unwrap_or_default();
    let page_value = table.take("page");
    let page = page_value.as_ref().and_then(|value| {
        // Without the listener only that is reported.
        let site = listen.as_ref().and_then(|_| site(value, url_value.as_ref(), public_url.as_deref()));
        let page = value.table(|table| page(table, issuers)).flatten();
        page.zip(site).map(|((issuer, client, secret), site)| PageSettings { issuer, client, secret, site })
    });
    let own = login.iter().map(|login| (&login.issuer, &login.client));
    for (issuer, client) in own.chain(page.iter().map(|page| (&page.issuer, &page.client))) {
        let client = format!("{issuer}/{}", client.client_id);
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    let value = listen?;
    let listen = value.listener();
    if let Some(listen) = listen {
        check_listener(&value, listen, gateway);
    }
    if issuers.is_empty() {
        value.problem(
            "nobody can sign in: there is no [[oidc]]",
            "add the issuer of the tokens that people manage the gateway with".to_owned(),
        );
    }
    if roles == Roles::default() && !roles_value.is_some_and(|value| value.is_noted()) {
        let hint =
            "say who: roles = { operator = [\"GROUP\"], approver = [\"GROUP\"], viewer = [\"GROUP\"] }";
        value.problem("nobody may use it: admin.roles names no group", hint.to_owned());
    }
    if clients.is_empty() && clients_value.is_none() && login_value.is_none() && page_value.is_none() {
        value.problem("a token that was given to any app would open it", CLIENTS.to_owned());
    }
    Some(RemoteSettings { listen: listen?, public_url, roles, clients, login, page })
}

/// Returns a client prefixed with the name of its issuer's entry, since client ids are unique within one
/// issuer only.
fn of_issuer(value: &Value<'_>, issuers: &[&str]) -> Option<String> {
    let text = value.text()?;
    let names = |issuer: &&str| {
        text.strip_prefix(*issuer).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    };
    match issuers {
        _ if issuers.iter().any(names) => Some(text.to_owned()),
        [] => None,
        [one] => Some(format!("{one}/{text}")),
        _ => {
            let hint = format!("write ISSUER/ID, where ISSUER is one of {}", issuers.join(", "));
            value.problem("there are several issuers, each with clients of its own", hint);
            None
        }
    }
}

fn check_listener(value: &Value<'_>, listen: SocketAddr, gateway: &GatewaySettings) {
    if !listen.ip().is_loopback() && gateway.tls.is_none() {
        value.problem(
            "tls is required when the listener is not loopback: tokens would cross the network unencrypted",
            "add [gateway] tls = { cert = \"tls.crt\", key = \"file:tls.key\" }, or listen on 127.0.0.1"
                .to_owned(),
        );
    }
    if gateway.listeners().any(|own| collide(own, listen)) {
        value.problem("admin.listen is the same address as gateway.listen", "choose another port".to_owned());
    }
}

fn roles(table: &mut Table<'_>) -> Roles {
    let mut groups = |key| table.take(key).map(|value: Value<'_>| value.texts()).unwrap_or_default();
    Roles { operator: groups("operator"), approver: groups("approver"), viewer: groups("viewer") }
}

fn login(table: &mut Table<'_>, issuers: &[&str]) -> Option<LoginSettings> {
    let wanted = "accepted: the id of a public client at the issuer, for hoopctl login alone";
    let (issuer, client) = client(table, issuers, wanted)?;
    Some(LoginSettings { issuer, client })
}

/// Returns the client of the page, and its secret.
fn page(table: &mut Table<'_>, issuers: &[&str]) -> Option<(String, SignInClient, Option<SecretRef>)> {
    let secret = table.take("secret").and_then(|value| value.secret());
    let wanted = "accepted: the id of a client at the issuer, for the approval page alone";
    let (issuer, client) = client(table, issuers, wanted)?;
    Some((issuer, client, secret))
}

/// Returns the origin of the page. A URL that cannot be parsed is reported already.
fn site(page: &Value<'_>, value: Option<&Value<'_>>, url: Option<&str>) -> Option<Site> {
    let Some(value) = value else {
        let hint =
            "say where: public_url = \"https://HOST:8441\"; the issuer sends browsers back to its /signed-in";
        page.problem(
            "browsers must know where the page is, and admin.public_url does not say",
            hint.to_owned(),
        );
        return None;
    };
    match Site::parse(url?) {
        Ok(site) => Some(site),
        Err(problem) => {
            let hint = "admin.page needs https://HOST[:PORT], or http:// to 127.0.0.1, [::1] or localhost";
            value.problem(problem, hint.to_owned());
            None
        }
    }
}

/// Returns a client at an issuer: the issuer, its id, its scopes.
fn client(table: &mut Table<'_>, issuers: &[&str], wanted: &str) -> Option<(String, SignInClient)> {
    let client_id = table.required("client_id", wanted).and_then(|value| value.text().map(str::to_owned));
    let scopes = table
        .required(
            "scopes",
            "accepted: a list such as [\"openid\", \"offline_access\", \"api://hoopctl/access\"]",
        )
        .map(|value| value.texts());
    let issuer = match table.take("issuer") {
        Some(value) => {
            let name = value.text()?;
            if !issuers.contains(&name) {
                value.problem("no [[oidc]] has that name", format!("accepted: {}", issuers.join(", ")));
                return None;
            }
            name.to_owned()
        }
        None => match issuers {
            [one] => (*one).to_owned(),
            [] => return None,
            _ => {
                table.required("issuer", &format!("accepted: {}", issuers.join(", ")));
                return None;
            }
        },
    };
    let scopes = scopes.filter(|scopes| !scopes.is_empty())?;
    Some((issuer, SignInClient { client_id: client_id?, scopes }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::config::Problems;
    use crate::config::parse;

    const OIDC: &str = "[[oidc]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudiences = [\"a\"]\n";

    fn read(gateway: &str, admin: &str, rest: &str) -> Result<Config, Problems> {
        let text = format!(
            "version = 1\n[storage]\ndata_dir = \"/d\"\n[gateway]\n{gateway}\n[admin]\n{admin}\n{rest}"
        );
        parse(&text, Path::new("h.toml"))
    }

    const ROLES: &str = "roles = { operator = [\"ops\"], approver = [\"dba\"] }";
    const LOGIN: &str = "login = { client_id = \"cli\", scopes = [\"openid\", \"use\"] }";

    #[test]
    fn a_listener_with_roles_and_a_login_is_whole() {
        let admin = format!("listen = \"127.0.0.1:8441\"\n{ROLES}\n{LOGIN}\nclients = [\"ci\"]");
        let config = read("", &admin, OIDC).unwrap();
        let remote = config.admin.remote.unwrap();
        assert_eq!(remote.clients, ["idp/ci", "idp/cli"]);
        assert_eq!((remote.roles.operator, remote.roles.approver), (vec!["ops".into()], vec!["dba".into()]));
        let login = remote.login.unwrap();
        assert_eq!((login.issuer.as_str(), login.client.client_id.as_str()), ("idp", "cli"));
        assert_eq!(read("", "", OIDC).unwrap().admin.remote, None);
    }

    const PAGE: &str = "page = { client_id = \"web\", scopes = [\"openid\", \"use\"], secret = \"file:/s\" }";

    #[test]
    fn a_page_has_an_origin_of_its_own_and_a_client_whose_tokens_are_taken() {
        let listen = format!("listen = \"127.0.0.1:8441\"\n{ROLES}");
        let page_at = |url: &str| read("", &format!("{listen}\npublic_url = \"{url}\"\n{PAGE}"), OIDC);
        for (url, origin) in [
            ("https://GW.example:443/", "https://gw.example"),
            ("https://gw.example:8441", "https://gw.example:8441"),
            ("http://127.0.0.1:8441", "http://127.0.0.1:8441"),
            ("http://localhost:8441", "http://localhost:8441"),
        ] {
            let remote = page_at(url).unwrap().admin.remote.unwrap();
            assert_eq!(remote.clients, ["idp/web"]);
            let page = remote.page.unwrap();
            assert_eq!((page.site.origin(), page.issuer.as_str()), (origin, "idp"));
            assert!(page.secret.is_some());
        }
        let told = |read: Result<Config, Problems>| -> Vec<String> {
            read.unwrap_err().iter().map(ToString::to_string).collect()
        };
        for (read, wanted) in [
            (page_at("http://gw.example"), "http:// to this machine alone"),
            (page_at("https://gw.example/admin"), "a path or a query"),
            (read("", &format!("{listen}\n{PAGE}"), OIDC), "admin.public_url does not say"),
            (read("", PAGE, OIDC), "without admin.listen"),
            (page_at("nowhere"), "not an http"),
        ] {
            let told = told(read);
            assert!(told.len() == 1 && told[0].contains(wanted), "{wanted}: {told:?}");
        }
        let url = "public_url = \"https://gw.example\"";
        for (from, to, wanted) in [
            ("client_id = \"web\", ", "", "client_id"),
            ("scopes = [\"openid\", \"use\"], ", "", "scopes"),
            ("secret = \"file:/s\"", "secret = \"hunter2\"", "secret"),
            ("secret = \"file:/s\"", "issuer = \"none\"", "no [[oidc]] has that name"),
            ("secret = \"file:/s\"", "redirect_uri = \"x\"", "redirect_uri"),
        ] {
            let told = told(read("", &format!("{listen}\n{url}\n{}", PAGE.replace(from, to)), OIDC));
            assert!(told.len() == 1 && told[0].contains(wanted), "{wanted}: {told:?}");
            assert!(!told[0].contains("hunter2"));
        }
    }

    #[test]
    fn what_would_let_anybody_in_or_nobody_is_refused() {
        let tls = "tls = { cert = \"c\", key = \"env:K\" }";
        let two = format!("{OIDC}{}", OIDC.replace("\"idp\"", "\"other\"").replace("idp.", "other."));
        let dev = format!("{OIDC}[dev_issuer]\n");
        let agents = format!("{OIDC}mcp_login = {{ client_id = \"cli\", scopes = [\"use\"] }}\n");
        let whole = |listen: &str| format!("listen = \"{listen}\"\n{ROLES}\n{LOGIN}");
        let no_role = format!("listen = \"127.0.0.1:8441\"\nroles = {{ viewer = [] }}\n{LOGIN}");
        let wrong_issuer = LOGIN.replace("client_id", "issuer = \"none\", client_id");
        for (gateway, admin, rest, wanted) in [
            ("", whole("0.0.0.0:8441"), OIDC, "tls is required"),
            ("", whole("127.0.0.1:8440"), OIDC, "same address as gateway.listen"),
            ("", whole("127.0.0.1:8441"), "", "there is no [[oidc]]"),
            ("", whole("127.0.0.1:8441"), &two, "issuer"),
            ("", whole("127.0.0.1:8441"), &dev, "development issuer"),
            ("", whole("nowhere"), OIDC, "nowhere"),
            ("", no_role.replace("viewer = []", ""), OIDC, "names no group"),
            ("", no_role, OIDC, "an empty list"),
            (
                "",
                format!(
                    "{}\nclients = [\"ci\", \"idp/ci\"]",
                    whole("127.0.0.1:8441").replace("client_id", "issuer = \"idp\", client_id")
                ),
                &two,
                "several issuers",
            ),
            ("", whole("127.0.0.1:8441"), &agents, "MCP clients"),
            ("", format!("listen = \"127.0.0.1:8441\"\n{LOGIN}"), OIDC, "names no group"),
            ("", format!("listen = \"127.0.0.1:8441\"\n{ROLES}"), OIDC, "any app"),
            ("", format!("listen = \"127.0.0.1:8441\"\n{ROLES}\nclients = []"), OIDC, "an empty list"),
            (
                "",
                format!("listen = \"127.0.0.1:8441\"\n{ROLES}\n{wrong_issuer}"),
                OIDC,
                "no [[oidc]] has that name",
            ),
            (
                "",
                format!("listen = \"127.0.0.1:8441\"\n{ROLES}\nlogin = {{ client_id = \"x\" }}"),
                OIDC,
                "scopes",
            ),
            ("", ROLES.to_owned(), OIDC, "without admin.listen"),
            ("", LOGIN.to_owned(), OIDC, "without admin.listen"),
        ] {
            let problems = read(gateway, &admin, rest).unwrap_err();
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), 1, "{admin}: {told:?}");
            assert!(told.iter().any(|problem| problem.contains(wanted)), "{admin}: {told:?}");
        }
        assert!(read(tls, &whole("0.0.0.0:8441"), OIDC).is_ok());
    }
}
