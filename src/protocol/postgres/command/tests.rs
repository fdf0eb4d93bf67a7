//! From SQL to commands to verdicts, with the ways around that somebody might try.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use super::command;
use crate::config::Entity;
use crate::config::parse_entity;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::Origin;
use crate::domain::Principal;
use crate::domain::Protocol;
use crate::domain::entity::EntityKind;
use crate::domain::json::Json;
use crate::domain::sql::Effects;
use crate::domain::sql::NameUse;
use crate::policy::PolicySet;
use crate::policy::Subject;
use crate::protocol::postgres::command::by_its_words;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::cache::Limits;

static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::start(1, Limits::default()).unwrap());

/// Returns the command in a session that has prepared `reads` and `writes`, with a catalog that knows
/// `harmless`.
fn judged(sql: &[u8]) -> Command {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let judgement = runtime.block_on(JUDGE.judge(sql, Lexing::default()));
    let names = |used: &NameUse| match used.name.as_deref() {
        Some("reads") => Some(Class::Read),
        Some("writes") => Some(Class::Write),
        _ => None,
    };
    let opaque = |effects: &Effects| {
        let mut opaque = by_its_words(effects);
        opaque.retain(|function| &*function.object.name != "harmless");
        opaque
    };
    command(sql, &judgement, names, opaque)
}

#[test]
fn a_command_has_the_class_of_its_text_and_of_all_that_it_calls() {
    for (sql, class, base, opaque) in [
        ("SELECT 1", Class::Read, Class::Read, &[][..]),
        ("", Class::Read, Class::Read, &[]),
        ("DELETE FROM t; SELECT 1", Class::Write, Class::Write, &[]),
        ("SELECT refund(1)", Class::Unknown, Class::Read, &["refund"]),
        ("DELETE FROM t WHERE crm.refund(id)", Class::Unknown, Class::Write, &["crm.refund"]),
        ("SELECT harmless(1)", Class::Read, Class::Read, &[]),
        ("SELECT harmless(refund(1))", Class::Unknown, Class::Read, &["refund"]),
        ("CALL harmless()", Class::Write, Class::Write, &[]),
        // What is unknown for another reason stays so, whatever functions are known.
        ("DO 'BEGIN END'", Class::Unknown, Class::Unknown, &[]),
        ("SELECT refund(1); DO 'BEGIN END'", Class::Unknown, Class::Unknown, &["refund"]),
        ("SELECT harmless(1); DO 'BEGIN END'", Class::Unknown, Class::Unknown, &[]),
        ("EXECUTE reads", Class::Read, Class::Read, &[]),
        ("EXECUTE writes(1)", Class::Write, Class::Write, &[]),
        ("EXECUTE other", Class::Unknown, Class::Unknown, &[]),
        ("EXECUTE writes(refund(1))", Class::Unknown, Class::Write, &["refund"]),
        ("SELEC 1", Class::Unknown, Class::Unknown, &[]),
    ] {
        let command = judged(sql.as_bytes());
        let text = command.sql().unwrap();
        let names: Vec<String> = text.opaque.iter().map(|function| function.object.to_string()).collect();
        assert_eq!(
            (command.class, text.base, names.as_slice()),
            (class, base, &*opaque.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{sql}"
        );
        assert_eq!((&*text.text, command.protocol), (sql, Protocol::Postgres));
        assert_eq!(text.effects.is_none(), sql == "SELEC 1", "{sql}");
    }
    let binary = judged(b"SELECT '\xff'");
    assert_eq!((binary.class, &*binary.sql().unwrap().text), (Class::Unknown, "SELECT '\u{fffd}'"));
}

fn appdb() -> Connection {
    let text = "name = \"appdb\"\nupstream = \"https://appdb.example\"\n";
    match parse_entity(EntityKind::Connection, text, Origin::Store).unwrap() {
        Entity::Connection(connection) => Connection { protocol: Protocol::Postgres, ..connection },
        _ => unreachable!(),
    }
}

/// Returns the verdict of policies, each given as the body of its table without the id.
fn verdict(policies: &[&str], sql: &str) -> Effect {
    let read = |(place, text): (usize, &&str)| {
        let text = format!("id = \"r{place}\"\n{text}\n");
        match parse_entity(EntityKind::Policy, &text, Origin::Store) {
            Ok(Entity::Policy(policy)) => policy,
            other => panic!("{text}: {other:?}"),
        }
    };
    let set = PolicySet::compile(policies.iter().enumerate().map(read).collect(), 1).unwrap();
    let principal = Principal {
        id: "dev/a".into(),
        kind: Kind::Human,
        issuer: "dev".into(),
        client: None,
        display: None,
        groups: Groups::Unknown,
        claims: Json::Object(Vec::new()),
    };
    let connection = appdb();
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let subject = Subject { principal: &principal, connection: &connection, source, now_ms: 0 };
    set.decide(&subject, &judged(sql.as_bytes())).effect
}

const ALL: &str = "effect = \"allow\"\nmatch = { subjects = [\"*\"], operations = [\"read\", \"write\", \"ddl\", \"admin\", \"unknown\"] }";

#[test]
fn no_spelling_gets_past_a_deny_on_a_table() {
    let deny = "effect = \"deny\"\nmatch = { tables = [\"crm.customers\"] }";
    for sql in [
        "SELECT * FROM crm.customers",
        "SELECT * FROM CRM.Customers",
        "SELECT * FROM \"crm\".\"customers\"",
        "SELECT * FROM U&\"c\\0072m\".customers",
        "SELECT * FROM app.crm.customers",
        "SELECT * FROM crm . /* x */ customers",
        "SELECT * FROM customers",
        "TABLE crm.customers",
        "WITH x AS (SELECT 1 FROM crm.customers) SELECT 1",
        "SELECT 1 WHERE EXISTS (SELECT FROM crm.customers)",
        "SELECT 1 FROM crm.orders, LATERAL (SELECT * FROM crm.customers) x",
        "SELECT 1; SELECT 1 FROM ONLY (crm.customers)",
        "WITH customers AS (SELECT 1) SELECT * FROM crm.customers",
        "COPY crm.customers TO STDOUT",
        "COPY (SELECT * FROM crm.customers) TO STDOUT",
        "EXPLAIN SELECT * FROM crm.customers",
        "PREPARE p AS SELECT * FROM crm.customers",
        "EXECUTE reads",
        "DECLARE c CURSOR FOR SELECT * FROM crm.customers",
        "CREATE VIEW v AS SELECT * FROM crm.customers",
        "CREATE TABLE x (LIKE crm.customers)",
        "CREATE TABLE x () INHERITS (crm.customers)",
        "ALTER TABLE crm.customers RENAME TO x",
        "DROP TABLE crm.customers",
        "TRUNCATE crm.customers",
        "LOCK crm.customers",
        "MERGE INTO crm.orders USING crm.customers c ON true WHEN MATCHED THEN DELETE",
        "DELETE FROM crm.orders USING crm.customers",
        "GRANT SELECT ON crm.customers TO x",
        "SELEC * FROM crm.customers",
    ] {
        assert_eq!(verdict(&[ALL, deny], sql), Effect::Deny, "{sql}");
    }
    for sql in [
        "SELECT 1",
        "SELECT * FROM crm.orders",
        "SELECT 'crm.customers'",
        "WITH customers AS (SELECT 1) SELECT * FROM customers",
        "SELECT customers FROM crm.orders customers",
    ] {
        assert_eq!(verdict(&[ALL, deny], sql), Effect::Allow, "{sql}");
    }
}

#[test]
fn no_spelling_gets_past_a_forbidden_column() {
    let deny = "effect = \"deny\"\nmatch = { columns = [\"*.ssn\"] }";
    let allow = "effect = \"allow\"\nmatch = { subjects = [\"*\"], columns_not = [\"*.ssn\"] }";
    for sql in [
        "SELECT ssn FROM customers",
        "SELECT \"ssn\" FROM customers",
        "SELECT SSN FROM customers",
        "SELECT * FROM customers",
        "SELECT c FROM customers c",
        "SELECT row_to_json(c) FROM customers c",
        "SELECT (c).ssn FROM customers c",
        "SELECT c.* FROM customers c",
        "SELECT c::text FROM customers c",
        "SELECT x.b FROM customers AS x(a, b)",
        "SELECT 1 FROM customers JOIN (VALUES ('1')) v(ssn) USING (ssn)",
        "SELECT 1 FROM customers NATURAL JOIN (VALUES ('1')) v(ssn)",
        "SELECT id FROM customers WHERE ssn LIKE '1%'",
        "SELECT id FROM customers ORDER BY ssn",
        "TABLE customers",
        "COPY customers TO STDOUT",
        "COPY customers (ssn) TO STDOUT",
        "UPDATE customers SET name = ssn",
        "UPDATE customers SET ssn = '1'",
        "INSERT INTO customers VALUES ('1')",
        "INSERT INTO customers (ssn) VALUES ('1')",
        "COPY customers FROM STDIN",
        "DELETE FROM customers RETURNING *",
        "EXECUTE reads",
        "SELEC id FROM customers",
    ] {
        assert_eq!(verdict(&[ALL, deny], sql), Effect::Deny, "{sql}");
        assert_eq!(verdict(&[allow], sql), Effect::Deny, "{sql}");
    }
    for sql in ["SELECT id, c.name FROM customers c", "SELECT count(*) FROM customers", "SELECT 1"] {
        assert_eq!(verdict(&[ALL, deny], sql), Effect::Allow, "{sql}");
        assert_eq!(verdict(&[allow], sql), Effect::Allow, "{sql}");
    }
}

#[test]
fn nothing_but_the_tables_of_an_allow_passes() {
    let allow = "effect = \"allow\"\nmatch = { subjects = [\"*\"], tables = [\"public.*\"] }";
    for sql in [
        "SELECT * FROM hr.salaries",
        "SELECT * FROM public.a, hr.salaries",
        "SELECT 1 FROM a UNION SELECT 1 FROM hr.salaries",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT * FROM information_schema.tables",
        "SET search_path = hr",
        "SET LOCAL search_path = hr",
        "SELECT set_config('search_path', 'hr', false)",
        "SELECT set_config('search' || '_path', 'hr', false)",
        "SET search_path = hr; SELECT * FROM salaries",
        "EXECUTE reads",
        "SELECT refund(1) FROM a",
        "DO 'BEGIN END'",
        "SELEC 1",
    ] {
        assert_eq!(verdict(&[allow], sql), Effect::Deny, "{sql}");
    }
    for sql in [
        "SELECT * FROM a, public.b",
        "SELECT 1",
        "SHOW search_path",
        "SET search_path = public",
        "RESET search_path",
        "PREPARE p AS SELECT * FROM a; EXECUTE p",
    ] {
        assert_eq!(verdict(&[allow], sql), Effect::Allow, "{sql}");
    }
}

#[test]
fn a_policy_names_functions_without_naming_all_that_is_unknown() {
    let allow = "effect = \"allow\"\nmatch = { subjects = [\"*\"], functions = [\"public.refund\"], operations = [\"read\"] }";
    for (sql, expected) in [
        ("SELECT refund(1)", Effect::Allow),
        ("SELECT public.refund(1), lower('A'), harmless()", Effect::Allow),
        ("SELECT 1", Effect::Allow),
        ("SELECT hr.refund(1)", Effect::Deny),
        ("SELECT refund(purge(1))", Effect::Deny),
        ("SELECT refund(1); SELECT purge(1)", Effect::Deny),
        ("DELETE FROM t WHERE refund(id) = 1", Effect::Deny),
        ("CREATE FUNCTION refund(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", Effect::Deny),
        ("SELECT refund(1), pg_read_file('x')", Effect::Deny),
        ("DO 'BEGIN PERFORM refund(1); END'", Effect::Deny),
        ("SELECT refund(1) OPERATOR(hr.+) 1", Effect::Deny),
        ("SELEC refund(1)", Effect::Deny),
    ] {
        assert_eq!(verdict(&[allow], sql), expected, "{sql}");
    }
    let deny = "effect = \"deny\"\nmatch = { functions = [\"purge\"] }";
    for sql in [
        "SELECT purge(1)",
        "SELECT hr.PURGE(1)",
        "SELECT \"purge\"(1)",
        "CALL purge()",
        "SELECT * FROM purge() p",
    ] {
        assert_eq!(verdict(&[ALL, deny], sql), Effect::Deny, "{sql}");
    }
    let writes = "effect = \"deny\"\nmatch = { operations = [\"write\"] }";
    let refund = "effect = \"allow\"\nmatch = { subjects = [\"*\"], functions = [\"public.refund\"] }";
    for sql in [
        "DELETE FROM t WHERE refund(id) = 1",
        "DELETE FROM t; CREATE TABLE x ()",
        "SELECT refund(1); DELETE FROM t",
    ] {
        assert_eq!(verdict(&[refund, writes], sql), Effect::Deny, "{sql}");
        assert_eq!(verdict(&[refund], sql), Effect::Allow, "{sql}");
    }
}

#[test]
fn verbs_are_those_of_the_statements() {
    let allow = "effect = \"allow\"\nmatch = { subjects = [\"*\"], verbs = [\"select\", \"transaction\"] }";
    for (sql, expected) in [
        ("BEGIN; SELECT 1 FROM t; COMMIT", Effect::Allow),
        ("", Effect::Allow),
        ("SELECT 1; DELETE FROM t", Effect::Deny),
        ("WITH d AS (DELETE FROM t) SELECT 1", Effect::Deny),
        ("COPY t TO STDOUT", Effect::Deny),
        ("EXECUTE reads", Effect::Deny),
        ("SELECT 1 INTO x", Effect::Deny),
    ] {
        assert_eq!(verdict(&[allow], sql), expected, "{sql}");
    }
}

#[test]
fn what_is_assumed_by_words_alone_is_told() {
    let words = |texts: &[&str]| {
        let mut assumed = super::Assumed::default();
        for sql in texts {
            assumed.add(&judged(sql.as_bytes()));
        }
        assumed.words()
    };
    assert_eq!(
        words(&["SELECT id FROM customers WHERE id = 1", "SELECT 1 +", "SELECT pg_catalog.lower('a')"]),
        None
    );
    let told =
        words(&["SELECT refund(1), lower(name) FROM customers", "SELECT app.refund(1), now()"]).unwrap();
    assert_eq!(
        told,
        "judged by words alone, which take app.refund, refund for unknown, and lower, now for PostgreSQL's own; a session asks the \
         target's catalogue what they are"
    );
    let many: Vec<String> = (0..20).map(|n| format!("f{n}()")).collect();
    assert!(words(&[&format!("SELECT {}", many.join(", "))]).unwrap().contains("f15 and others for unknown"));
}
