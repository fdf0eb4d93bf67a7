//! A database behind the gateway: a real PostgreSQL with TLS, tables, and a role for the gateway.

use std::process::Command;

use crate::support::World;
use crate::support::postgres::Postgres;
use crate::support::process::free_port;
use crate::support::process::run;

/// The gateway's database password; no client may ever see it.
pub const DATABASE_PASSWORD: &str = "db-s3cret-of-the-gateway";

/// The policies of most tests.
pub const SQL_RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"] }

[[policy]]
id = "writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write"] }
approval = { from = ["dba"], timeout = "20s" }

[[policy]]
id = "no-payroll"
effect = "deny"
match = { connections = ["db"], tables = ["payroll"] }
message = "Payroll is not for this gateway."
"#;

/// Policies to read everything and to change orders without approval.
pub const WRITE_RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write", "ddl"] }
"#;

/// Masks of the columns of `customers` that only some may see.
pub const MASKS: &str = r#"
[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "credit_card"]
op = { kind = "keep_last", n = 4 }
"#;

/// The content of the database.
const TABLES: &str = "\
CREATE ROLE gateway LOGIN PASSWORD 'db-s3cret-of-the-gateway';
CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, credit_card varchar(19), balance numeric, born date);
INSERT INTO customers SELECT n, 'Customer ' || n, '078-05-' || (1000 + n), '4111 1111 1111 1111', n * 10, '1990-01-01' FROM generate_series(1, 20) n;
CREATE TABLE orders (id serial PRIMARY KEY, customer int, amount numeric, note text);
INSERT INTO orders (customer, amount, note) SELECT n, n, 'order ' || n FROM generate_series(1, 50) n;
CREATE TABLE payroll (id int, salary numeric);
GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gateway;
GRANT ALL ON SCHEMA public TO gateway;
";

/// The database of one test.
pub struct Database {
    pub server: Postgres,
    /// The gateway's port for it.
    pub gateway_port: u16,
    /// Configuration lines of its connection.
    options: String,
}

impl Database {
    /// Creates a database with [`TABLES`] and additional statements, one per line.
    pub fn new(more: &str) -> Self {
        Self::with_options(more, "")
    }

    /// Creates a database like [`Self::new`], with lines for its `[[connection]]`.
    pub fn with_options(more: &str, options: &str) -> Self {
        Self::with_access("", more, options, |_server| {})
    }

    /// Creates a database like [`Self::with_options`], with lines for `pg_hba.conf`; `before` runs before the
    /// server starts.
    pub fn with_access(hba: &str, more: &str, options: &str, before: impl FnOnce(&Postgres)) -> Self {
        let usual = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        let mut server = Postgres::new(&format!("{hba}{usual}"), &format!("{TABLES}{more}"));
        before(&server);
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(server.folder().join("ca.pem"), made.cert.pem()).unwrap();
        server.start(&made.cert.pem(), &made.signing_key.serialize_pem());
        Self { server, gateway_port: free_port(), options: options.to_owned() }
    }

    /// Returns its `[[connection]]`.
    pub fn connection(&self) -> String {
        let (port, ca) = (self.server.port, self.server.folder().join("ca.pem"));
        format!(
            "[[connection]]\nname = \"db\"\nupstream = \"postgres://localhost:{port}/postgres\"\n\
             inject = \"password:gateway:env:DB_PASSWORD\"\nca_file = \"{}\"\ntags = {{ data = \"pii\" }}\n{}\n",
            ca.display(),
            self.options
        )
    }
}

impl World {
    /// Returns the database.
    pub fn db(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// Returns a `psql` command that connects through the gateway with this token, reads statements from
    /// `sql`, continues after errors and prints the SQLSTATE of each.
    pub fn psql_command(&self, token: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.current_dir(self.folder.path());
        psql.args(["-X", "-At", "-v", "VERBOSITY=verbose", "-v", "SHOW_CONTEXT=never"]);
        psql.env("PGPASSWORD", token)
            .env("PGHOST", "127.0.0.1")
            .env("PGDATABASE", "db")
            .env("PGUSER", "whoever");
        psql.env("PGPORT", self.db().gateway_port.to_string())
            .env("PGSSLMODE", "disable")
            .env("PGGSSENCMODE", "disable");
        psql
    }

    /// Runs statements through the gateway. Returns exit code, standard output and standard error.
    pub fn psql(&self, token: &str, statements: &[&str]) -> (i32, String, String) {
        let mut psql = self.psql_command(token);
        for statement in statements {
            psql.args(["-c", statement]);
        }
        run(&mut psql)
    }

    /// Runs statements through the gateway, and expects that psql reports `said`: the SQLSTATE and text of an
    /// error.
    #[track_caller]
    pub fn refused(&self, token: &str, statements: &[&str], said: &str) {
        let (_, out, err) = self.psql(token, statements);
        assert!(err.contains(said), "{statements:?}: {out} {err} {}", self.log());
    }

    /// Runs statements through the gateway that must pass without an error.
    #[track_caller]
    pub fn passes(&self, token: &str, statements: &[&str]) {
        let (_, out, err) = self.psql(token, statements);
        assert!(!err.contains("ERROR"), "{statements:?}: {out} {err} {}", self.log());
    }

    /// Runs a statement directly on the database, as superuser.
    pub fn direct(&self, statement: &str) -> String {
        let mut psql = Command::new("psql");
        psql.current_dir(self.folder.path());
        psql.args(["-X", "-At", "-c", statement]).env("PGHOST", "127.0.0.1").env("PGUSER", "postgres");
        psql.env("PGDATABASE", "postgres").env("PGPORT", self.db().server.port.to_string());
        let (code, out, err) = run(&mut psql);
        assert_eq!(code, 0, "{statement}: {err}");
        out.trim().to_owned()
    }

    /// Returns the id of the newest session on the database.
    pub fn last_session(&self) -> String {
        let sessions = self.list(&["session", "list"]);
        let mut ids: Vec<String> = sessions
            .iter()
            .filter(|session| session["connection"] == "db")
            .map(|session| session["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids.pop().unwrap_or_else(|| panic!("there is no session: {sessions:?}"))
    }
}
