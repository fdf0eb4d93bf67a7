//! The judge against a real server: what it calls a read leaves no trace there, and what it does not name is not read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use hoopctl::domain::command::Class;
use hoopctl::protocol::postgres::judge::Judge;
use hoopctl::protocol::postgres::judge::Judgement;
use hoopctl::protocol::postgres::judge::Lexing;
use hoopctl::protocol::postgres::judge::cache::Limits;

use crate::support::postgres::Postgres;

const READS: &str = include_str!("postgres_judge/reads.sql");
const EFFECTS: &str = include_str!("postgres_judge/effects.sql");

/// What the statements work on. One line each, as a server without a network takes them.
const SCHEMA: &str = "CREATE ROLE open LOGIN SUPERUSER;\nCREATE ROLE other;\n\
    CREATE TABLE customers (id int PRIMARY KEY DEFAULT 0, name text, ssn text);\nINSERT INTO customers VALUES (1, 'a', 'b');\n\
    CREATE TABLE \"Customers\" (a int);\nCREATE TABLE t (a int, b text);\nCREATE SEQUENCE s;\nGRANT SELECT ON s TO other;\n\
    CREATE VIEW cv AS SELECT * FROM customers;\nCREATE MATERIALIZED VIEW cm AS SELECT * FROM customers;\n\
    CREATE TYPE mood AS ENUM ('down', 'up');\nCREATE TYPE pair AS (x int, y text);\n\
    CREATE DOMAIN positive AS int CHECK (value > 0);\n\
    CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM customers RETURNING 1';\n\
    CREATE PROCEDURE purge() LANGUAGE sql AS 'DELETE FROM customers';\n";

/// What can be seen of a statement before its transaction ends: whether it wrote, drew from the sequence, locked, became somebody
/// else or changed how the next text is read; and whether it touched `customers`.
const TRACE: &str = "SELECT pg_current_xact_id_if_assigned() IS NULL, (SELECT last_value::text || is_called FROM s), \
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), current_user, session_user, \
    current_setting('standard_conforming_strings'), current_setting('client_encoding'), \
    current_setting('session_replication_role'), coalesce(current_setting('app.tenant', true), ''), \
    EXISTS (SELECT FROM pg_locks WHERE relation = 'public.customers'::regclass AND pid = pg_backend_pid())";
/// The trace of nothing, without its last column.
const CLEAN: &str = "t|1false|0|open|open|on|UTF8|origin|";

fn server() -> Postgres {
    let mut server = Postgres::new("host all open 127.0.0.1/32 trust\n", SCHEMA);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    server.start(&certificate.pem(), &key.serialize_pem());
    server
}

fn statements(corpus: &str) -> impl Iterator<Item = &str> {
    corpus.lines().filter(|line| !line.is_empty() && !line.starts_with("--"))
}

/// Judges all of them, in their order.
fn judge<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Arc<Judgement>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let judge = Judge::start(1, Limits::default()).unwrap();
    texts.into_iter().map(|text| runtime.block_on(judge.judge(text.as_bytes(), Lexing::default()))).collect()
}

/// Runs each statement in a transaction of its own. Gives the traces of those that did not fail, by number; each ends with whether
/// `customers` was touched.
fn run(server: &Postgres, texts: &[&str]) -> BTreeMap<usize, (String, bool)> {
    let mut script = String::new();
    for (number, text) in texts.iter().enumerate() {
        // No message may pass for the answer to another statement: the trace has the statement's number.
        writeln!(
            script,
            "BEGIN;\n{text}\n;\n{};\nROLLBACK;\nRESET SESSION AUTHORIZATION;\nDISCARD ALL;",
            TRACE.replacen("SELECT ", &format!("SELECT '@@{number}', "), 1)
        )
        .unwrap();
    }
    let output = server.psql("open", &script);
    let mut traces = BTreeMap::new();
    for line in output.lines() {
        let Some((number, trace)) = line.strip_prefix("@@").and_then(|line| line.split_once('|')) else {
            continue;
        };
        let (trace, touched) = trace.rsplit_once('|').unwrap();
        traces.insert(number.parse().unwrap(), (trace.to_owned(), touched == "t"));
    }
    traces
}

#[test]
fn what_is_called_a_read_leaves_no_trace() {
    let server = server();
    let texts: Vec<&str> = statements(READS).collect();
    let judged = judge(texts.iter().copied());
    let traces = run(&server, &texts);
    let mut wrong = Vec::new();
    for (number, (text, judgement)) in texts.iter().zip(&judged).enumerate() {
        if judgement.class() != Class::Read {
            wrong.push(format!("not a read: {text}: {judgement:?}"));
            continue;
        }
        let Some((trace, touched)) = traces.get(&number) else {
            wrong.push(format!("fails at the server: {text}"));
            continue;
        };
        if trace != CLEAN {
            wrong.push(format!("left a trace: {text}: {trace}"));
        }
        let named = judgement
            .effects()
            .unwrap()
            .relations
            .iter()
            .any(|relation| ["customers", "cv"].contains(&&*relation.object.name));
        if *touched && !named {
            wrong.push(format!("reads customers without telling: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(texts.len() >= 190, "{}", texts.len());
}

#[test]
fn what_leaves_a_trace_is_no_read() {
    let server = server();
    let texts: Vec<&str> = statements(EFFECTS).collect();
    let plain: Vec<&str> = texts.iter().map(|text| text.trim_start_matches('+')).collect();
    let mut wrong = Vec::new();
    for (text, judgement) in plain.iter().zip(judge(plain.iter().copied())) {
        if judgement.effects().is_none() || judgement.class() == Class::Read {
            wrong.push(format!("called a read, or not understood: {text}: {judgement:?}"));
        }
    }
    // The others need more than a transaction, or would end the test.
    let marked: Vec<&str> = texts.iter().filter_map(|text| text.strip_prefix('+')).collect();
    let traces = run(&server, &marked);
    for (number, text) in marked.iter().enumerate() {
        if traces.get(&number).is_none_or(|(trace, _)| trace == CLEAN) {
            wrong.push(format!("leaves no trace: {text}: {:?}", traces.get(&number)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Values to call functions with, by type.
const VALUES: &str = "CASE t WHEN 'text'::regtype THEN '''PG_VERSION''::text' WHEN 'name'::regtype THEN '''s''::name' \
    WHEN 'regclass'::regtype THEN '''s''::regclass' WHEN 'bool'::regtype THEN 'true' \
    WHEN '\"any\"'::regtype THEN '''s''::text' WHEN 'anyelement'::regtype THEN '1' WHEN 'anyarray'::regtype THEN 'ARRAY[1]' \
    WHEN 'anynonarray'::regtype THEN '1' WHEN 'record'::regtype THEN 'ROW(1, 2)' \
    WHEN 'jsonb'::regtype THEN '''{}''::jsonb' WHEN 'json'::regtype THEN '''{}''::json' \
    WHEN 'xml'::regtype THEN '''<a/>''::xml' WHEN 'timestamptz'::regtype THEN 'now()' \
    WHEN 'bytea'::regtype THEN '''a''::bytea' ELSE CASE \
    WHEN t IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype, \
    'oid'::regtype) THEN '1::' || t::regtype ELSE 'NULL::' || t::regtype END END";

/// Each function of the server, called with values that fit, as a call and behind a dot.
#[test]
fn no_function_that_is_called_harmless_leaves_a_trace() {
    let server = server();
    // NULL would hide what most functions do, so it is the last resort.
    let calls = format!(
        "SELECT '@@' || n || '(' || coalesce(string_agg(v, ', ' ORDER BY o), '') || ')', \
         CASE count(v) WHEN 1 THEN '@@(' || min(v) || ').' || p END FROM (SELECT p.oid AS f, proname AS p, \
         quote_ident(nspname) || '.' || quote_ident(proname) AS n, o, {VALUES} AS v \
         FROM pg_proc p JOIN pg_namespace ON pronamespace = pg_namespace.oid \
         LEFT JOIN LATERAL unnest(proargtypes) WITH ORDINALITY AS a (t, o) ON true \
         WHERE prokind IN ('f', 'a', 'w') AND nspname IN ('pg_catalog', 'information_schema') \
         AND NOT proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[]) x GROUP BY f, n, p;"
    );
    let answer = server.psql("open", &calls);
    let texts: Vec<String> = answer
        .lines()
        .flat_map(|line| line.split('|'))
        .filter_map(|call| call.strip_prefix("@@"))
        .map(|call| format!("SELECT {call}"))
        .collect();
    assert!(texts.len() > 3_000, "{}", texts.len());
    let reads: Vec<&str> = texts
        .iter()
        .zip(judge(texts.iter().map(String::as_str)))
        .filter(|(_, judgement)| judgement.class() == Class::Read)
        .map(|(text, _)| text.as_str())
        .collect();
    let traces = run(&server, &reads);
    let wrong: Vec<String> = traces
        .iter()
        .filter(|(_, (trace, _))| trace != CLEAN)
        .map(|(number, (trace, _))| format!("{}: {trace}", reads[*number]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(reads.len() > 2_000 && traces.len() > 1_200, "{} of {}", traces.len(), reads.len());
}
