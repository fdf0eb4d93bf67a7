//! tokio-postgres, which sends what is asked of it at once, without waiting for the answers to what came before.

use std::fmt::Debug;
use std::fmt::Write;
use std::future::poll_fn;
use std::time::Duration;
use std::time::Instant;

use futures_util::SinkExt;
use futures_util::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;
use tokio_postgres::Client;
use tokio_postgres::Config;
use tokio_postgres::Error;
use tokio_postgres::NoTls;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::types::ToSql;
use tokio_postgres::types::Type;

use super::check;
use super::peer::At;
use crate::support::World;
use crate::support::database::Database;

/// What is said on the side.
pub type Aside = mpsc::UnboundedReceiver<AsyncMessage>;

/// One connection, and what its program tells.
struct Talk {
    client: Client,
    aside: Aside,
    told: String,
    bad: &'static str,
}

pub async fn connect(world: &World, at: At<'_>) -> Result<(Client, Aside), Error> {
    let (port, user, password, database) = at.place(world);
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user(user).password(password).dbname(database);
    let (client, mut connection) = config.connect(NoTls).await?;
    let (tell, aside) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            drop(tell.send(message));
        }
    });
    Ok((client, aside))
}

/// An error as the driver has it, in short.
fn words(error: &Error) -> String {
    let Some(error) = error.as_db_error() else { return format!("{error:?}") };
    let at = match error.position() {
        Some(ErrorPosition::Original(at)) => format!(" at {at}"),
        _ => String::new(),
    };
    format!("DbError {}{at}", error.code().code())
}

/// What a simple query gave: its rows, and how many a statement touched.
fn simple(messages: &[SimpleQueryMessage]) -> Vec<String> {
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(format!("{:?}", row.get(0))),
            SimpleQueryMessage::CommandComplete(rows) => Some(format!("{rows} done")),
            _ => None,
        })
        .collect()
}

impl Talk {
    fn say(&mut self, what: &str, value: impl Debug) {
        writeln!(self.told, "{what} {value:?}").unwrap();
    }

    /// Tells what came of something.
    fn outcome<T: Debug>(&mut self, what: &str, result: Result<T, Error>) {
        match result {
            Ok(value) => self.say(what, value),
            Err(error) => writeln!(self.told, "{what} {}", words(&error)).unwrap(),
        }
    }

    async fn ids(&self) -> Result<Vec<i32>, Error> {
        let rows = self.client.query("SELECT id FROM work ORDER BY id", &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn values(&mut self) -> Result<(), Error> {
        let name =
            self.client.query_one("SELECT name, NULL::int FROM customers WHERE id = $1", &[&7]).await?;
        self.say("row", (name.get::<_, String>(0), name.get::<_, Option<i32>>(1)));
        let text = "SELECT $1::bytea, $2::text, $3::int, $4::int[]";
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&&b"\0\xff"[..], &"žluťoučký 🐎", &None::<i32>, &vec![1, 2]];
        let row = self.client.query_one(text, &parameters).await?;
        self.say("values", (row.get::<_, Vec<u8>>(0), row.get::<_, String>(1), row.get::<_, Vec<i32>>(3)));
        let many: Vec<i32> = (0..1000).collect();
        let places: Vec<String> = (1..=1000).map(|place| format!("${place}")).collect();
        let text = format!("SELECT count(*), sum(v) FROM unnest(ARRAY[{}]) v", places.join(","));
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            many.iter().map(|value| (value as &(dyn ToSql + Sync), Type::INT4)).collect();
        let row = &self.client.query_typed(&text, &parameters).await?[0];
        self.say("many", (row.get::<_, i64>(0), row.get::<_, i64>(1)));
        let long = "x".repeat(1 << 20);
        let row = self.client.query_one("SELECT length($1)", &[&long]).await?;
        self.say("long", row.get::<_, i32>(0));
        let empty = self.client.simple_query("").await?;
        self.say("empty", (simple(&empty), self.client.execute("", &[]).await?));
        let rows =
            self.client.query("SELECT n, repeat('x', 20) FROM generate_series(1, 200000) n", &[]).await?;
        self.say("large", (rows.len(), rows.iter().map(|row| i64::from(row.get::<_, i32>(0))).sum::<i64>()));
        Ok(())
    }

    async fn prepared(&mut self) -> Result<(), Error> {
        let double = self.client.prepare("SELECT $1::int * 2").await?;
        let mut sum = 0;
        for number in 0..300 {
            sum += self.client.query_one(&double, &[&number]).await?.get::<_, i32>(0);
        }
        self.say("prepared", sum);
        self.client.batch_execute("PREPARE p(int) AS SELECT $1 + 1").await?;
        let executed = self.client.simple_query("EXECUTE p(41)").await?;
        self.say("execute", simple(&executed));
        // The driver's statement is gone at the server.
        self.client.batch_execute("DEALLOCATE ALL").await?;
        let gone = self.client.query_one(&double, &[&1]).await.map(|_row| ());
        self.outcome("gone", gone);
        Ok(())
    }

    /// All of these are on their way before the first is answered.
    async fn joined(&mut self) -> Result<(), Error> {
        for inside in [false, true] {
            let insert = self.client.prepare("INSERT INTO work VALUES ($1)").await?;
            let number = self.client.prepare("SELECT $1::int").await?;
            if inside {
                self.client.batch_execute("BEGIN").await?;
            }
            let Self { client, bad, .. } = &*self;
            let outcomes = tokio::join!(
                client.execute(&insert, &[&1]),
                client.query_typed("SELECT $1", &[(&2, Type::INT4)]),
                client.query_typed(bad, &[]),
                client.execute(&insert, &[&2]),
                client.simple_query("SELECT 3; INSERT INTO work VALUES (3)"),
                client.simple_query(bad),
                client.prepare(bad),
                client.query_one(&number, &[&4]),
            );
            self.outcome("joined 0", outcomes.0);
            self.outcome("joined 1", outcomes.1.map(|rows| rows[0].get::<_, i32>(0)));
            self.outcome("joined 2", outcomes.2.map(|rows| rows.len()));
            self.outcome("joined 3", outcomes.3);
            self.outcome("joined 4", outcomes.4.map(|messages| simple(&messages)));
            self.outcome("joined 5", outcomes.5.map(|messages| simple(&messages)));
            self.outcome("joined 6", outcomes.6.map(|statement| statement.columns().len()));
            self.outcome("joined 7", outcomes.7.map(|row| row.get::<_, i32>(0)));
            if inside {
                let end = self.client.simple_query("COMMIT").await.map(|messages| simple(&messages));
                self.outcome("commit", end);
            }
            let ids = self.ids().await;
            self.outcome("left", ids);
            self.client.batch_execute("DELETE FROM work").await?;
        }
        Ok(())
    }

    async fn portals(&mut self) -> Result<(), Error> {
        let transaction = self.client.transaction().await?;
        let numbers =
            |rows: Vec<tokio_postgres::Row>| -> Vec<i32> { rows.iter().map(|row| row.get(0)).collect() };
        let portal = transaction.bind("SELECT id FROM orders WHERE id > $1 ORDER BY id", &[&10]).await?;
        let other = transaction.bind("SELECT id FROM orders ORDER BY id DESC", &[]).await?;
        let mut read = Vec::new();
        for limit in [3, 1, 0] {
            read.push(numbers(transaction.query_portal(&portal, limit).await?));
            read.push(numbers(transaction.query_portal(&other, 2).await?));
        }
        let after = transaction.query_portal(&portal, 3).await.map(numbers);
        transaction.commit().await?;
        self.say("portals", read);
        self.outcome("after", after);
        Ok(())
    }

    async fn copies(&mut self) -> Result<(), Error> {
        let sink = self.client.copy_in("COPY work FROM STDIN").await?;
        let mut sink = std::pin::pin!(sink);
        for number in 0..20_000 {
            sink.send(bytes::Bytes::from(format!("{number}\té {number}\n"))).await?;
        }
        let copied = sink.finish().await?;
        self.say("copied in", copied);
        let out = self.client.copy_out("COPY (SELECT * FROM work ORDER BY id) TO STDOUT").await?;
        let chunks: Vec<bytes::Bytes> = out.try_collect().await?;
        self.say(
            "copied out",
            (chunks.len(), chunks.iter().map(bytes::Bytes::len).sum::<usize>(), &chunks[7]),
        );
        let ids = self.client.execute("DELETE FROM work", &[]).await?;
        self.say("on", ids);
        let sink = self.client.copy_in::<_, bytes::Bytes>("COPY work FROM STDIN").await?;
        // Dropped unfinished, it is given up.
        drop(sink);
        let ids = self.ids().await;
        self.outcome("given up", ids);
        Ok(())
    }

    async fn cancelled(&mut self) {
        let begin = Instant::now();
        let token = self.client.cancel_token();
        let (asked, slept) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                token.cancel_query(NoTls).await
            },
            self.client.batch_execute("SELECT pg_sleep(20)")
        );
        self.outcome("asked", asked);
        self.outcome("sleep", slept);
        self.say("soon", begin.elapsed() < Duration::from_secs(2));
    }

    /// The next thing said on the side.
    async fn heard(&mut self) {
        match self.aside.recv().await {
            Some(AsyncMessage::Notice(notice)) => {
                let words: Vec<&str> = notice.message().split(' ').take(3).collect();
                self.say(&format!("notice {} {}", notice.severity(), notice.code().code()), words.join(" "));
            }
            Some(AsyncMessage::Notification(news)) => {
                let said = (news.channel().to_owned(), news.payload().to_owned());
                self.say("notified", said);
            }
            _ => self.say("nothing", ()),
        }
    }

    async fn errors(&mut self) {
        for text in ["SELECT 'é' FRM x", "SELECT 1 FROM nowhere"] {
            let result = self.client.query_typed(text, &[]).await.map(|rows| rows.len());
            self.outcome("error", result);
            let result = self.client.simple_query(text).await.map(|messages| simple(&messages));
            self.outcome("error", result);
        }
        let result =
            self.client.query_typed("SELECT 1 / $1", &[(&0, Type::INT4)]).await.map(|rows| rows.len());
        self.outcome("division", result);
        let several = self.client.simple_query("SELECT 1; INSERT INTO work VALUES (8); SELECT 2").await;
        self.outcome("several", several.map(|messages| simple(&messages)));
        let string = self.client.simple_query("INSERT INTO work VALUES (9); SELECT 1 / 0").await;
        self.outcome("string", string.map(|messages| simple(&messages)));
        let block = self.client.batch_execute("DO $$ BEGIN INSERT INTO work VALUES (11); END $$").await;
        self.outcome("do", block);
        let ids = self.ids().await;
        self.outcome("left", ids);
        let deleted = self.client.execute("DELETE FROM work", &[]).await;
        self.outcome("deleted", deleted);
    }

    async fn same(&mut self, world: &World, at: At<'_>) -> Result<(), Error> {
        self.values().await?;
        self.prepared().await?;
        self.joined().await?;
        self.portals().await?;
        self.copies().await?;
        self.errors().await;
        self.cancelled().await;
        let (other, _aside) = connect(world, at).await?;
        self.client.batch_execute("LISTEN news").await?;
        other.batch_execute("NOTIFY news, 'žluť'").await?;
        self.heard().await;
        Ok(())
    }

    async fn denied(&mut self) -> Result<(), Error> {
        let count = |rows: Vec<tokio_postgres::Row>| rows.len();
        let result = self.client.query("SELECT name FROM customers WHERE id = $1", &[&7]).await.map(count);
        self.outcome("read", result);
        let result = self.client.simple_query("DELETE FROM work").await.map(|messages| simple(&messages));
        self.outcome("write", result);
        let result = self.client.execute("DELETE FROM work WHERE id = $1", &[&7]).await;
        self.outcome("write", result);
        let result =
            self.client.query_typed("DELETE FROM work WHERE id = $1", &[(&7, Type::INT4)]).await.map(count);
        self.outcome("write", result);
        let result = self.client.copy_in::<_, bytes::Bytes>("COPY work FROM STDIN").await.map(|_sink| ());
        self.outcome("copy", result);
        let result = self.client.query_typed("SELECT 'é', $1::int FRM x", &[]).await.map(count);
        self.outcome("syntax", result);
        let transaction = self.client.transaction().await?;
        let inside = transaction.execute("DELETE FROM work WHERE id = $1", &[&7]).await;
        let after = transaction.query_typed("SELECT 1", &[]).await.map(count);
        transaction.rollback().await?;
        self.outcome("inside", inside);
        self.outcome("after", after);
        let result = self.client.query("SELECT $1", &[&"x"]).await.map(count);
        self.outcome("on", result);
        Ok(())
    }

    /// What waits for people: the first statement is approved, the second is withdrawn.
    async fn held(&mut self) -> Result<(), Error> {
        let approved = self.client.simple_query("CREATE TABLE made_by_rust ()").await;
        self.outcome("approved", approved.map(|messages| simple(&messages)));
        self.heard().await;
        let token = self.client.cancel_token();
        let Self { client, aside, .. } = self;
        let (asked, withdrawn) = tokio::join!(
            async {
                aside.recv().await;
                token.cancel_query(NoTls).await
            },
            client.execute("CREATE TABLE never_made (id int)", &[])
        );
        self.outcome("asked", asked);
        self.outcome("withdrawn", withdrawn);
        let result = self.client.query("SELECT $1", &[&"x"]).await.map(|rows| rows.len());
        self.outcome("on", result);
        Ok(())
    }
}

fn run(world: &World, mode: &str, at: At<'_>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let talk = async {
        let (client, aside) = connect(world, at).await?;
        let mut talk = Talk { client, aside, told: String::new(), bad: at.bad() };
        match mode {
            "same" => talk.same(world, at).await?,
            "denied" => talk.denied().await?,
            _ => talk.held().await?,
        }
        Ok::<_, Error>(talk.told)
    };
    let limited = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(50), talk).await });
    limited.expect("it takes too long").unwrap_or_else(|error| panic!("{error:?} {}", world.log()))
}

#[test]
fn tokio_postgres() {
    let same =
        ["large (200000, 20000100000)", "joined 2 DbError 42501", "joined 7 DbError 25P02", "soon true"];
    check(run, &same, DENIED, HELD);
}

/// Writes are held, one by one.
const HOLDING: &str = r#"
[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["db"], operations = ["read"] }

[[policy]]
id = "writes"
effect = "approve"
match = { groups = ["etl"], connections = ["db"], operations = ["write"] }
approval = { from = ["dba"], timeout = "20s" }
"#;

/// Decides about the one statement that waits.
fn decide(world: &World, word: &str) {
    let pending = world.wait_pending();
    world.ok(&["approval", word, pending["id"].as_str().unwrap(), "-r", "so it is"]);
}

/// What a name stood for once says nothing of what it stands for now, by whichever protocol it was made.
#[test]
fn a_name_is_what_was_made_last_by_either_protocol() {
    let tables = "CREATE TABLE work (id int);\nINSERT INTO work VALUES (7);\nGRANT ALL ON work TO gateway;\n";
    let world = World::with_database(Database::new(tables), HOLDING);
    let token = world.token("writer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, _aside) = runtime.block_on(connect(&world, At::Gateway(&token))).unwrap();
    let run = &|text: &str, extended: bool| {
        runtime.block_on(async {
            if extended {
                client.execute(text, &[]).await.map(|_rows| ())
            } else {
                client.batch_execute(text).await
            }
        })
    };
    run("PREPARE p AS SELECT 1", false).unwrap();
    run("EXECUTE p", false).unwrap();
    run("DEALLOCATE p", true).unwrap();
    std::thread::scope(|scope| {
        let made = scope.spawn(|| run("PREPARE p AS DELETE FROM work", true));
        decide(&world, "approve");
        made.join().unwrap().unwrap();
        for extended in [false, true] {
            let executed = scope.spawn(move || run("EXECUTE p", extended));
            decide(&world, "deny");
            assert_eq!(words(&executed.join().unwrap().unwrap_err()), "DbError 42501");
        }
    });
    assert_eq!(world.direct("SELECT id FROM work"), "7");
}

const DENIED: &str = "\
read 1
write DbError 42501
write DbError 42501
write DbError 42501
copy DbError 42501
syntax DbError 42601 at 25
inside DbError 42501
after DbError 25P02
on 1
";

const HELD: &str = "\
approved [\"0 done\"]
notice NOTICE 01H01 \"waiting for approval\"
asked ()
withdrawn DbError 57014
on 1
";
