//! The folder, the issuer, the API and the gateway of one test.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::process::run;

/// The gateway's token for the API; no client may ever see it.
pub const API_TOKEN: &str = "api-s3cret/+token";

/// The policies of most tests.
pub const RULES: &str = r#"
[[policy]]
id = "support-reads"
effect = "allow"
match = { groups = ["support"], connections = ["crm"], operations = ["read"] }

[[policy]]
id = "etl-writes"
effect = "approve"
match = { groups = ["etl"], connections = ["crm"], operations = ["write"], methods = ["PATCH", "POST"] }
approval = { from = ["dba"], timeout = "3s", reason = true }

[[policy]]
id = "no-deletes"
effect = "deny"
match = { connections = ["crm"], methods = ["DELETE"] }
message = "Deleting is done by the nightly job only."

[[policy]]
id = "uploads"
effect = "allow"
match = { groups = ["support"], connections = ["crm", "raw"], methods = ["PUT"], paths = ["/__size"] }

[[policy]]
id = "raw"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], operations = ["read", "unknown"] }

[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "*_token"]
entities = ["US_SSN", "CREDIT_CARD", "EMAIL_ADDRESS"]
op = { kind = "keep_last", n = 4 }
"#;

/// Returns a command that runs a script of the peers.
fn node(script: &str) -> Command {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    assert!(peers.join("node_modules").is_dir(), "the peers are not installed; run tests/setup");
    let mut command = Command::new("node");
    command.arg(peers.join(script));
    command
}

/// Returns the port of the issuer shared by all tests: it keeps no state of them.
fn issuer() -> u16 {
    static ISSUER: OnceLock<(u16, Process)> = OnceLock::new();
    let start = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer");
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let mut command = node("issuer.mjs");
        command.args([&port.to_string(), "keys.json"]).env("TIED", "1").current_dir(&folder);
        let mut process = Process::tied("issuer", &mut command, &folder);
        process.wait_port(port);
        (port, process)
    };
    ISSUER.get_or_init(start).0
}

/// The environment of one test.
pub struct World {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub api_port: u16,
    pub issuer_port: u16,
    pub gateway: Option<Process>,
    /// The issuer, if the test has its own.
    pub issuer: Option<Process>,
    api: Option<Process>,
    /// The database and the gateway's port for it, if the test has one.
    pub database: Option<Database>,
    /// An additional environment variable of the gateway.
    variable: Option<(&'static str, &'static str)>,
}

impl World {
    /// Starts issuer, API and gateway with [`RULES`].
    pub fn new() -> Self {
        Self::with(RULES)
    }

    /// Starts issuer, API and gateway with other policies.
    pub fn with(rules: &str) -> Self {
        let mut world = Self::without_gateway(rules);
        world.start();
        world
    }

    /// Starts issuer and API and writes a configuration, without a gateway.
    pub fn without_gateway(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, api_port) = (free_port(), free_port());
        let mut world = Self::bare(folder, port, api_port);
        world.write_db();
        let mut api = world.script("api.mjs", &[&world.api_port.to_string(), "db.json", API_TOKEN]);
        let mut api = Process::start("api", &mut api, world.folder.path());
        api.wait_port(world.api_port);
        world.api = Some(api);
        world.write_config(rules);
        world
    }

    fn bare(folder: tempfile::TempDir, port: u16, api_port: u16) -> Self {
        Self {
            folder,
            port,
            api_port,
            issuer_port: issuer(),
            gateway: None,
            issuer: None,
            api: None,
            database: None,
            variable: None,
        }
    }

    /// Starts issuer, database and gateway, without the API.
    pub fn with_database(database: Database, rules: &str) -> Self {
        let mut world = Self::bare(tempfile::tempdir().unwrap(), free_port(), free_port());
        world.database = Some(database);
        world.write_config(rules);
        world.start();
        world
    }

    /// Starts issuer, API, database and gateway, with a target in the policies and an additional environment
    /// variable.
    pub fn with_all(database: Database, rules: &str, variable: (&'static str, &'static str)) -> Self {
        let mut world = Self::without_gateway("");
        world.database = Some(database);
        world.variable = Some(variable);
        world.write_config(rules);
        world.start();
        world
    }

    /// Starts issuer and gateway, with a target in the policies and an additional environment variable,
    /// without the API.
    pub fn with_server(rules: &str, variable: (&'static str, &'static str)) -> Self {
        let mut world = Self::bare(tempfile::tempdir().unwrap(), free_port(), free_port());
        world.variable = Some(variable);
        world.write_config(rules);
        world.start();
        world
    }

    /// Returns a command that runs a JavaScript peer.
    pub fn script(&self, script: &str, args: &[&str]) -> Command {
        let mut command = node(script);
        command.args(args).current_dir(self.folder.path());
        command
    }

    /// Starts an issuer of its own for this test, which may stop or change it; `lifetime` of its tokens is in
    /// seconds. Write the configuration and start the gateway after this.
    pub fn own_issuer(&mut self, lifetime: u32) {
        self.issuer_port = free_port();
        self.start_issuer(lifetime);
    }

    /// Starts the test's own issuer, with its previous keys if it ran before.
    pub fn start_issuer(&mut self, lifetime: u32) {
        self.start_issuer_with(&[("TOKEN_TTL", &lifetime.to_string())]);
    }

    /// Starts an issuer of its own for this test, with user login and the behaviour of Microsoft Entra.
    pub fn peoples_issuer(&mut self) {
        self.issuer_port = free_port();
        self.start_issuer_with(&[("PEOPLE", "1")]);
    }

    /// Starts an issuer of its own for this test, for `hoopctl login`; `lifetime` of access tokens is in
    /// seconds. Write the configuration and start the gateway after this.
    pub fn sign_in_issuer(&mut self, lifetime: u32) {
        self.issuer_port = free_port();
        self.start_issuer_with(&[("SIGN_IN", "1"), ("TOKEN_TTL", &lifetime.to_string())]);
    }

    /// Starts an issuer of its own for this test, with user login for the approval page at `page`.
    pub fn page_issuer(&mut self, page: &str) {
        self.issuer_port = free_port();
        self.start_issuer_with(&[("PAGE", page)]);
    }

    /// Runs a JavaScript peer to its end. Returns exit code, standard output and standard error.
    pub fn peer(&self, script: &str, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
        run(self.script(script, args).envs(env.iter().copied()))
    }

    fn start_issuer_with(&mut self, env: &[(&str, &str)]) {
        let mut issuer = self.script("issuer.mjs", &[&self.issuer_port.to_string(), "keys.json"]);
        issuer.envs(env.iter().copied());
        let mut issuer = Process::start("issuer", &mut issuer, self.folder.path());
        issuer.wait_port(self.issuer_port);
        self.issuer = Some(issuer);
    }

    fn write_db(&self) {
        let customer = |id: u32| {
            json!({ "id": id, "name": format!("Customer {id}"), "ssn": "078-05-1120", "card": "4111 1111 1111 1111",
                    "mail": format!("c{id}@example.com"), "tier": "silver", "big": 1 })
        };
        let db = json!({ "customers": (1..=20).map(customer).collect::<Vec<_>>() });
        // A number that does not fit a double must pass unchanged.
        let text = db.to_string().replace("\"big\":1", "\"big\":12345678901234567890123");
        std::fs::write(self.path("db.json"), text).unwrap();
    }

    /// Returns the part of the configuration before the policies.
    pub fn head(&self) -> String {
        let Self { port, api_port, issuer_port, .. } = self;
        let user = run(Command::new("id").arg("-un")).1;
        let user = user.trim();
        let postgres_listen = self
            .database
            .as_ref()
            .map(|database| format!("postgres_listen = \"127.0.0.1:{}\"", database.gateway_port))
            .unwrap_or_default();
        format!(
            r#"version = 1
[gateway]
listen = "127.0.0.1:{port}"
{postgres_listen}
drain_timeout = "2s"
[admin]
local_groups = {{ "{user}" = ["dba"] }}
[[oidc]]
name = "idp"
issuer = "http://127.0.0.1:{issuer_port}"
audiences = ["api://hoopctl"]
[storage]
data_dir = "data"
[[connection]]
name = "crm"
upstream = "http://127.0.0.1:{api_port}"
inject = "bearer:env:CRM_TOKEN"
tags = {{ data = "pii" }}
limits = {{ approval_wait = "10s", body = "1MiB" }}
[[connection]]
name = "raw"
upstream = "http://127.0.0.1:{api_port}"
inject = "bearer:env:CRM_TOKEN"
"#
        ) + &self.database.as_ref().map(Database::connection).unwrap_or_default()
    }

    pub fn write_config(&self, rules: &str) {
        std::fs::write(self.path("hoopctl.toml"), self.head() + rules).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a command that runs the built hoopctl in this environment.
    pub fn hoopctl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
        command.args(args).arg("--config").arg(self.path("hoopctl.toml")).current_dir(self.folder.path());
        command
            .env("CRM_TOKEN", API_TOKEN)
            .env("DB_PASSWORD", DATABASE_PASSWORD)
            .env("HOME", self.folder.path())
            .envs(self.variable)
            .env_remove("HOOPCTL_CONFIG");
        command
    }

    /// Runs a command line. Returns exit code, standard output and standard error.
    pub fn cli(&self, args: &[&str]) -> (i32, String, String) {
        run(&mut self.hoopctl(args))
    }

    /// Runs a command line that must work; returns what it prints.
    pub fn ok(&self, args: &[&str]) -> String {
        let (code, out, err) = self.cli(args);
        assert_eq!(code, 0, "hoopctl {args:?}: {err}");
        out
    }

    /// Runs a command line that must succeed, and parses its JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["-o", "json"]].concat();
        let (code, out, err) = self.cli(&args);
        assert_eq!(code, 0, "hoopctl {args:?}: {err}");
        serde_json::from_str(&out)
            .unwrap_or_else(|error| panic!("hoopctl {args:?} gave no JSON ({error}): {out}"))
    }

    /// Returns the rows of a list.
    pub fn list(&self, args: &[&str]) -> Vec<Value> {
        let value = self.json(args);
        let rows = value.as_array().or_else(|| value["items"].as_array());
        rows.unwrap_or_else(|| panic!("hoopctl {args:?} gave no list: {value}")).clone()
    }

    /// Starts the gateway and waits until it is ready.
    pub fn start(&mut self) {
        let mut gateway = Process::start("gateway", &mut self.hoopctl(&["serve"]), self.folder.path());
        gateway.wait_port(self.port);
        self.gateway = Some(gateway);
        let begin = Instant::now();
        while self.get("/readyz", None).status != 200 {
            assert!(begin.elapsed() < Duration::from_secs(10), "not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Shuts the gateway down cleanly. Returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut gateway = self.gateway.take().unwrap();
        gateway.signal("TERM");
        gateway.wait(Duration::from_secs(10))
    }

    /// Returns the gateway's log.
    pub fn log(&self) -> String {
        self.gateway.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Requests a token for one of the issuer's clients.
    pub fn token(&self, client: &str) -> String {
        self.token_for(client, None)
    }

    /// Requests a token for another audience.
    pub fn token_for(&self, client: &str, resource: Option<&str>) -> String {
        let mut curl = Command::new("curl");
        let form = "grant_type=client_credentials&scope=use";
        curl.args(["-sS", "-u", &format!("{client}:secret"), "-d", form]);
        if let Some(resource) = resource {
            curl.args(["-d", &format!("resource={resource}")]);
        }
        let (_, out, err) = run(curl.arg(format!("http://127.0.0.1:{}/token", self.issuer_port)));
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no token: {out} {err}"));
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.send("GET", path, token, &[], None)
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let mut client = self.client();
        client.send(request(method, path, token, headers, body));
        let mut reply = client.head();
        if method != "HEAD" {
            client.read_body(&mut reply);
        }
        reply
    }

    /// Sends JSON.
    pub fn send_json(&self, method: &str, path: &str, token: &str, body: &str) -> Reply {
        self.send(method, path, Some(token), &[("Content-Type", "application/json")], Some(body))
    }

    /// Returns the requests that reached the API, except this query.
    pub fn hits(&self) -> Vec<String> {
        let mut client = Client::connect(self.api_port);
        client.send("GET /__hits HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
        client.reply().json().as_array().unwrap().iter().map(|hit| hit.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until exactly one command is held. Returns its approval.
    pub fn wait_pending(&self) -> Value {
        let begin = Instant::now();
        loop {
            let pending = self.list(&["approval", "list"]);
            if let [only] = &pending[..] {
                return only.clone();
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "nothing is held: {pending:?} {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the events of a session's recording.
    pub fn events(&self, session: &str) -> Vec<Value> {
        let (code, out, err) = self.cli(&["session", "export", session, "--format", "jsonl"]);
        assert_eq!(code, 0, "{err}");
        out.lines().filter_map(|line| event_of(&serde_json::from_str(line).unwrap())).collect()
    }
}

/// Returns the event in a line of an export; `None` for the header.
fn event_of(line: &Value) -> Option<Value> {
    match &line["e"] {
        Value::String(text) => Some(serde_json::from_str(text).unwrap()),
        Value::Null => None,
        event => Some(event.clone()),
    }
}
