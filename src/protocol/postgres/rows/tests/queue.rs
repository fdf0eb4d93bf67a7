//! Job queues in a table: rows are taken by a condition, and returned.

use std::sync::Arc;

use super::exposure::effects;
use crate::domain::MaskOp;
use crate::protocol::postgres::catalog::tests::{answers, plan, rows};
use crate::protocol::postgres::catalog::{Catalog, Masked};
use crate::protocol::postgres::rows::Exposure;

/// Returns a queue whose payload is JSON, under rules that name `fields`.
fn queue(fields: &[&str]) -> Masked {
    let mut answers = answers();
    answers.relations.extend(rows(
        "16490|public|jobs|r|1|id||f 16490|public|jobs|r|2|state||f 16490|public|jobs|r|3|payload||t
         16490|public|jobs|r|4|ssn||f 16490|public|jobs|r|5|attempts||f",
    ));
    Arc::new(Catalog::read(&answers).unwrap()).masked(&plan(&[(fields, &[], MaskOp::Redact)]))
}

/// They take a row by columns that are not masked, and return it.
const TAKES: &[&str] = &[
    "UPDATE jobs SET state = 'run' WHERE id = (SELECT id FROM jobs WHERE state = 'new' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id, payload",
    "UPDATE jobs SET state = 'run' WHERE id = (SELECT id FROM jobs WHERE state = 'new' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING *",
    "UPDATE jobs SET state = 'run', attempts = attempts + 1 WHERE id IN (SELECT j.id FROM jobs j WHERE j.state = 'new' ORDER BY j.id LIMIT 10 FOR UPDATE OF j SKIP LOCKED) RETURNING jobs.id, jobs.payload, ssn",
    "UPDATE jobs j SET state = 'run' FROM (SELECT id FROM jobs WHERE state = 'new' LIMIT 1 FOR UPDATE SKIP LOCKED) s WHERE j.id = s.id RETURNING j.*",
    "WITH next AS (SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE jobs SET state = 'run' FROM next WHERE jobs.id = next.id RETURNING jobs.*",
    "WITH next AS MATERIALIZED (SELECT id FROM jobs WHERE state = 'new' LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE jobs j SET state = 'run' FROM next n WHERE j.id = n.id RETURNING j.id, j.payload, j.ssn",
    "UPDATE jobs SET state = 'run' WHERE ctid = ANY (ARRAY(SELECT ctid FROM jobs WHERE state = 'new' LIMIT 1 FOR UPDATE SKIP LOCKED)) RETURNING *",
    "UPDATE jobs SET state = 'done' WHERE id = $1 RETURNING payload ->> 'ssn', upper(ssn), (SELECT max(j.ssn) FROM jobs j)",
    "DELETE FROM jobs WHERE id = (SELECT id FROM jobs ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id, payload",
    "DELETE FROM jobs j USING (SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) s WHERE j.id = s.id RETURNING j.*",
    "WITH next AS (SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) DELETE FROM jobs USING next WHERE jobs.id = next.id RETURNING jobs.*",
    "SELECT * FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    "INSERT INTO jobs (state, payload, ssn) VALUES ('new', $1, $2) RETURNING *",
    "INSERT INTO jobs (state, payload) VALUES ('new', $1) ON CONFLICT (id) DO UPDATE SET state = excluded.state RETURNING *",
    "MERGE INTO jobs j USING orders o ON o.id = j.id WHEN MATCHED THEN UPDATE SET state = 'run' RETURNING j.*",
];

/// They look like those, but leave masked values where they are not masked any more.
const STEALS: &[&str] = &[
    "UPDATE jobs SET state = ssn RETURNING ssn",
    "UPDATE jobs SET state = payload ->> 'ssn' RETURNING payload",
    "UPDATE jobs SET state = j.ssn FROM jobs j RETURNING jobs.ssn",
    "UPDATE jobs SET state = j.b FROM jobs AS j(a, c, d, b, e) RETURNING *",
    "UPDATE jobs SET state = 'x' FROM jobs j WHERE j.ssn LIKE jobs.state RETURNING jobs.ssn",
    "UPDATE jobs SET state = 'x' FROM orders o WHERE jobs.ssn LIKE o.total RETURNING ssn",
    "UPDATE jobs SET state = 'x' WHERE id = (SELECT id FROM jobs ORDER BY ssn LIMIT 1) RETURNING ssn",
    "UPDATE jobs SET state = 'x' WHERE id = (SELECT id FROM jobs j WHERE j.ssn LIKE '1%' LIMIT 1) RETURNING *",
    "UPDATE jobs SET state = 'x' WHERE id = (SELECT id FROM jobs ORDER BY payload ->> 'ssn' LIMIT 1) RETURNING payload",
    "UPDATE jobs SET state = 'x' WHERE id = (SELECT id FROM (SELECT * FROM jobs) s LIMIT 1) RETURNING *",
    "UPDATE jobs SET state = 'x' FROM customers NATURAL JOIN orders RETURNING *",
    "WITH a AS (UPDATE jobs SET state = 'x' RETURNING ssn) INSERT INTO orders (total) SELECT ssn FROM a",
    "WITH a AS (UPDATE jobs SET state = 'x' RETURNING *), b AS (INSERT INTO orders (total) SELECT ssn FROM a) SELECT 1",
    "WITH a AS (DELETE FROM jobs RETURNING ssn) UPDATE orders SET total = a.ssn FROM a RETURNING a.ssn",
    "UPDATE jobs SET state = 'x' RETURNING set_config('my.x', ssn, false)",
    "DELETE FROM jobs RETURNING pg_advisory_lock(ssn::bigint)",
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC UPDATE jobs SET state = 'x' RETURNING ssn; END",
    "CREATE RULE r AS ON DELETE TO orders DO INSTEAD UPDATE jobs SET state = 'x' RETURNING jobs.id, jobs.ssn, '1'",
    "UPDATE jobs SET state = 'x' RETURNING ssn; CREATE TABLE t AS SELECT j.ssn AS x FROM jobs j",
    "UPDATE jobs SET state = 'x' RETURNING getssn()",
];

#[test]
fn what_is_given_back_is_not_kept() {
    for fields in [&["ssn"][..], &["ssn", "payload"], &["public.jobs.payload", "jobs.ssn"]] {
        let masked = queue(fields);
        for (texts, keeps) in [(TAKES, false), (STEALS, true)] {
            for sql in texts {
                let effects = effects(sql);
                let exposure = Exposure::of(Some(&effects), &masked, false, false);
                assert_eq!(exposure.keeps(Some(&effects)), keeps, "{fields:?} {sql}");
            }
        }
        let copy = effects("COPY (UPDATE jobs SET state = 'x' RETURNING ssn) TO STDOUT");
        assert!(Exposure::of(Some(&copy), &masked, false, false).copies(Some(&copy)));
    }
}
