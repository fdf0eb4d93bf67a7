//! Rows with masked columns, as each driver decodes them: in text, in binary, of statements that the server keeps, and by cursors.

use futures_util::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::FromSql;
use tokio_postgres::types::Type;

use super::World;
use super::peer;
use super::peer::At;
use super::recorded;
use super::rust;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::database::Database;

const RULES: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read", "write"] }

[[mask]]
id = "pii"
match = { tags = { data = "pii" } }
fields = ["ssn", "credit_card", "pin", "salary", "phones"]
op = { kind = "keep_last", n = 4 }
"#;

/// One with everything, one with nothing.
const TABLES: &str = "\
CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, credit_card varchar(19), pin int, salary numeric, phones text[], balance numeric, born date, marks int[]);
INSERT INTO people VALUES (1, 'Ann', '078-05-1001', '4111 1111 1111 1111', 1313131313, 424242424242.42, '{555-0199}', 12.50, '1990-01-01', '{1,2}');
INSERT INTO people (id) VALUES (2);
GRANT SELECT ON people TO gateway;
";

/// What of it nobody may see.
const SECRETS: [&str; 6] = ["078-05", "4111 1111", "1313131313", "1313131314", "4242424242", "555-0199"];

/// The driver sees the masked values, and decodes what is beside them as it does without a gateway.
///
/// `row` and `nothing` are the two rows as the program prints them: `ANN` and `NOBODY` in what is wanted.
pub fn check(run: impl Fn(&World, At<'_>) -> String, wanted: &str, row: &str, nothing: &str) {
    let world = World::with_database(Database::new(TABLES), RULES);
    let token = world.token("reader");
    let direct = run(&world, At::Database);
    assert!(["078-05", "4111 1111", "555-0199"].iter().all(|secret| direct.contains(secret)), "{direct}");
    let through = run(&world, At::Gateway(&token));
    let wanted = wanted.replace("ANN", row).replace("NOBODY", nothing);
    peer::assert_same(&through, &wanted);
    assert_eq!(through.lines().count(), direct.lines().count(), "{direct}");
    for secret in SECRETS {
        assert!(!through.contains(secret), "{secret} is in {through}");
    }
    recorded::check(&world, &[&[&*token, DATABASE_PASSWORD][..], &SECRETS].concat());
}

#[test]
fn masked_by_psycopg() {
    let run = |world: &World, at: At<'_>| peer::run(world, peer::python("psycopg_client.py", "masked"), at);
    check(run, PSYCOPG, PYTHON, PYTHON_NOTHING);
}

#[test]
fn masked_by_asyncpg() {
    let run = |world: &World, at: At<'_>| peer::run(world, peer::python("asyncpg_client.py", "masked"), at);
    check(run, ASYNCPG, PYTHON, PYTHON_NOTHING);
}

#[test]
fn masked_by_node() {
    let row = r#"[1,"Ann","***-**-1001","**** **** **** 1111",null,null,null,[1,2]]"#;
    let nothing = "[2,null,null,null,null,null,null,null]";
    check(|world, at| peer::run(world, peer::node("pg.mjs", "masked"), at), NODE, row, nothing);
}

/// The bytes of a value in binary, where nothing decodes its type here.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row, each column read as what it is.
fn decoded(row: &Row) -> String {
    let text = |name: &str| row.get::<_, Option<String>>(name);
    let number = |name: &str| row.get::<_, Option<i32>>(name);
    let raw = |name: &str| row.get::<_, Option<Bytes<'_>>>(name).map(|bytes| bytes.0.len());
    format!(
        "{:?}",
        (
            number("id"),
            (text("name"), text("ssn"), text("credit_card")),
            (number("pin"), raw("salary"), row.get::<_, Option<Vec<String>>>("phones")),
            (raw("balance"), row.get::<_, Option<Vec<i32>>>("marks")),
        )
    )
}

/// All that this driver decodes comes in binary, but for its simple queries.
async fn ask(world: &World, at: At<'_>) -> Result<String, tokio_postgres::Error> {
    const PEOPLE: &str = "SELECT * FROM people ORDER BY id";
    let (mut client, _aside) = rust::connect(world, at).await?;
    let mut told = Vec::new();
    let mut tell = |what: &str, rows: &[Row]| {
        let rows: Vec<String> = rows.iter().map(decoded).collect();
        told.push(format!("{what} {}", rows.join(" ")));
    };
    tell("query", &client.query(PEOPLE, &[]).await?);
    let limited = format!("{PEOPLE} LIMIT $1");
    tell("typed", &client.query_typed(&limited, &[(&1_i64, Type::INT8)]).await?);
    let kept = client.prepare(&limited).await?;
    for _ in 0..2 {
        tell("kept", &client.query(&kept, &[&2_i64]).await?);
    }
    let both = tokio::try_join!(client.query(&kept, &[&1_i64]), client.query(&kept, &[&2_i64]))?;
    tell("piped", &[both.0, both.1].concat());
    let streamed: Vec<Row> = client.query_raw(&kept, [2_i64]).await?.try_collect().await?;
    tell("streamed", &streamed);
    let transaction = client.transaction().await?;
    let portal = transaction.bind(&kept, &[&2_i64]).await?;
    for _ in 0..2 {
        tell("portal", &transaction.query_portal(&portal, 1).await?);
    }
    transaction.rollback().await?;
    for message in client.simple_query(PEOPLE).await? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let cells: Vec<&str> = (0..row.len()).map(|place| row.get(place).unwrap_or("NULL")).collect();
        told.push(format!("simple {}", cells.join("|")));
    }
    Ok(told.join("\n") + "\n")
}

#[test]
fn masked_by_tokio_postgres() {
    let row = r#"(Some(1), (Some("Ann"), Some("***-**-1001"), Some("**** **** **** 1111")), (None, None, None), (Some(12), Some([1, 2])))"#;
    let nothing = "(Some(2), (None, None, None), (None, None, None), (None, None))";
    let run = |world: &World, at: At<'_>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(world, at)).unwrap()
    };
    check(run, RUST, row, nothing);
}

const PYTHON: &str = "(1, 'Ann', '***-**-1001', '**** **** **** 1111', None, None, None, Decimal('12.50'), datetime.date(1990, 1, 1), [1, 2])";
const PYTHON_NOTHING: &str = "(2, None, None, None, None, None, None, None, None, None)";

const PSYCOPG: &str = "\
plain False [ANN, NOBODY]
values False [ANN]
prepared False [ANN, NOBODY]
prepared False [ANN, NOBODY]
named False [ANN, NOBODY]
pipeline False [[ANN], [ANN, NOBODY]]
streamed False [ANN, NOBODY]
plain True [ANN, NOBODY]
values True [ANN]
prepared True [ANN, NOBODY]
prepared True [ANN, NOBODY]
named True [ANN, NOBODY]
pipeline True [[ANN], [ANN, NOBODY]]
streamed True [ANN, NOBODY]
computed [(None, '[REDACTED]', '[REDACTED]', 'Ann'), (None, None, None, None)]
";

const ASYNCPG: &str = "\
plain [ANN, NOBODY]
values [ANN]
prepared [ANN, NOBODY]
prepared [ANN, NOBODY]
cursor [ANN, NOBODY]
forward [ANN, NOBODY]
computed [(None, '[REDACTED]', '[REDACTED]', 'Ann'), (None, None, None, None)]
";

const NODE: &str = r#"plain [ANN,NOBODY]
values false [ANN]
named false [ANN,NOBODY]
named false [ANN,NOBODY]
values true [ANN]
named true [ANN,NOBODY]
named true [ANN,NOBODY]
cursor [ANN,NOBODY]
computed [[null,"[REDACTED]","[REDACTED]","Ann"],[null,null,null,null]]
"#;

const RUST: &str = "\
query ANN NOBODY
typed ANN
kept ANN NOBODY
kept ANN NOBODY
piped ANN ANN NOBODY
streamed ANN NOBODY
portal ANN
portal NOBODY
simple 1|Ann|***-**-1001|**** **** **** 1111|NULL|NULL|NULL|12.50|1990-01-01|{1,2}
simple 2|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL
";
