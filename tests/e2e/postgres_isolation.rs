//! PostgreSQL's own tests of sessions that wait for each other, and of libpq's pipelines: where a policy
//! allows everything, each prints through the gateway what it prints at the database itself. `tests/setup`
//! builds them; nothing of them is in this repository.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use bytes::BytesMut;
use hoopctl::protocol::postgres::wire::opening;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::support::World;
use crate::support::database::DATABASE_PASSWORD;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// Everything passes, so that every difference is the gateway's own.
const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write", "ddl", "admin", "unknown"] }
"#;
/// How many specs run at a time: they wait more than they work.
const WORKERS: usize = 4;
/// A spec grants rights on a database of this name.
const NAMED: &str = "isolation_regression";
/// Specs that are left out, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("prepared-transactions", "needs a server that allows them; PostgreSQL's own schedule leaves it out too"),
    ("prepared-transactions-cic", "as the other"),
];
/// Specs whose notices may come a moment later through the gateway than the answer of another session that
/// tells who waits: two streams have no order between them. Their notices are compared by themselves.
const NOTICED: &[&str] = &["eval-plan-qual-trigger", "insert-conflict-specconflict"];
/// This test of pipelines sends as much as the sockets on its way take, which differs from run to run: only
/// its end is compared, and it goes by way of a [`Narrow`], since the sockets of a machine may take 36 MiB:
/// 200,000 statements and more.
const AS_MUCH_AS_FITS: &str = "uniqviol";
/// So many at least there must be: PostgreSQL 15 has 115.
const FEWEST: usize = 100;
/// How long one run of a spec may take: the longest needs 3 seconds, on a machine that has nothing else to
/// do.
const LIMIT: &str = "180";
/// What a spec that does anything prints.
const BEGUN: &str = "starting permutation:";
/// The end of what [`printed`] gives of a program that went well.
const ENDED: &str = "exit code 0\n";
/// As many rows as PostgreSQL's own script inserts.
const ROWS: &str = "700";

/// Where a program goes.
#[derive(Clone, Copy)]
enum At<'a> {
    /// To the database itself, as the gateway logs in there.
    Database,
    /// To the gateway, with this token.
    Gateway(&'a str),
}

/// A way to a port that takes little at a time, so that a client that does not stop writing soon finds its
/// socket full.
struct Narrow {
    port: u16,
    /// Its thread ends with this.
    _wanted: oneshot::Sender<()>,
}

impl Narrow {
    /// What its sockets hold, in bytes.
    const HOLDS: u32 = 16 << 10;
    /// What a segment on the way to it holds: the system makes the buffers of a client that writes by it, and
    /// those of its own loopback take megabytes.
    const SEGMENT: u32 = 536;
    /// What it waits after each piece that a client wrote.
    const PAUSE: Duration = Duration::from_millis(5);

    fn to(port: u16) -> Self {
        let (wanted, unwanted) = oneshot::channel();
        let (here, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listening = Self::socket();
                listening.bind(([127, 0, 0, 1], 0).into()).unwrap();
                let listener = listening.listen(8).unwrap();
                here.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = Self::serve(listener, port) => {}
                    _ = unwanted => {}
                }
            });
        });
        Self { port: told.recv().unwrap(), _wanted: wanted }
    }

    fn socket() -> TcpSocket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(Self::HOLDS as usize).unwrap();
        socket.set_send_buffer_size(Self::HOLDS as usize).unwrap();
        socket.set_tcp_mss(Self::SEGMENT).unwrap();
        socket.set_nonblocking(true).unwrap();
        TcpSocket::from_std_stream(socket.into())
    }

    async fn serve(listener: TcpListener, port: u16) {
        while let Ok((client, _)) = listener.accept().await {
            let behind = Self::socket().connect(([127, 0, 0, 1], port).into()).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_behind, mut to_behind) = behind.into_split();
            tokio::spawn(async move {
                let mut piece = [0; Self::HOLDS as usize];
                while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                    tokio::time::sleep(Self::PAUSE).await;
                    if to_behind.write_all(&piece[..length]).await.is_err() {
                        break;
                    }
                }
            });
            tokio::spawn(async move { tokio::io::copy(&mut from_behind, &mut to_client).await });
        }
    }
}

/// A world with these databases.
fn world(databases: &[String]) -> World {
    // As the one who tests a server: some specs make roles, or look at what only such a one sees.
    let world = World::with_database(Database::new("ALTER ROLE gateway SUPERUSER;\n"), RULES);
    // What the server logs of each statement is of no use here, and more than the rest of its work.
    for setting in ["log_min_messages = warning", "log_statement = none"] {
        world.direct(&format!("ALTER SYSTEM SET {setting}"));
    }
    world.direct("SELECT pg_reload_conf()");
    for database in databases {
        world.direct(&format!("CREATE DATABASE {database}"));
    }
    world
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/postgresql");
    assert!(folder.is_dir(), "PostgreSQL's own tests are not built; run tests/setup");
    folder
}

/// A program of PostgreSQL's tests with the environment that its `pg_regress` gives it.
fn program(world: &World, name: &str, at: At<'_>, database: &str) -> Command {
    let (port, user, password, database) = match at {
        At::Database => (world.db().server.port, "gateway", DATABASE_PASSWORD, database.to_owned()),
        At::Gateway(token) => (world.db().gateway_port, "whoever", token, format!("db/{database}")),
    };
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", LIMIT]).arg(folder().join(name)).current_dir(world.folder.path());
    command
        .envs([("PGHOST", "127.0.0.1"), ("PGUSER", user), ("PGPASSWORD", password)])
        .envs([("PGSSLMODE", "disable"), ("PGGSSENCMODE", "disable"), ("PGDATABASE", &database)])
        .envs([("PGTZ", "PST8PDT"), ("PGDATESTYLE", "Postgres, MDY")])
        .env("PGOPTIONS", "-c intervalstyle=postgres_verbose")
        .env("PGPORT", port.to_string());
    command
}

/// Runs a program to its end; gives its exit code and all that it printed.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    format!("{out}{err}exit code {}\n", output.status.code().unwrap_or(-1))
}

/// Runs one spec.
fn isolation(world: &World, spec: &str, at: At<'_>, database: &str) -> String {
    let mut command = program(world, "isolationtester", at, database);
    let script = fs::File::open(folder().join(format!("specs/{spec}.spec"))).unwrap();
    // Without an argument it would go to the database `postgres`.
    command.arg("").stdin(script).env("PGAPPNAME", format!("isolation/{spec}"));
    printed(&mut command)
}

/// The first line that differs, with what is before it; `None` where all is the same.
fn difference(through: &str, direct: &str) -> Option<String> {
    if through == direct {
        return None;
    }
    let (through, direct): (Vec<_>, Vec<_>) = (through.lines().collect(), direct.lines().collect());
    let same = through.iter().zip(&direct).take_while(|(through, direct)| through == direct).count();
    let part = |lines: &[&str], from: usize| {
        lines.iter().skip(from).take(4).fold(String::new(), |out, line| out + "    " + line + "\n")
    };
    Some(format!(
        "line {}, after\n{}  through the gateway:\n{}  at the database:\n{}",
        same + 1,
        part(&through, same.saturating_sub(3)),
        part(&through, same),
        part(&direct, same)
    ))
}

/// What a spec printed, with its notices behind all else, those of each session together.
fn notices_last(text: &str) -> String {
    let (mut notices, rest): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.contains(": NOTICE:  "));
    notices.sort_by_key(|line| line.split(':').next());
    [rest, notices].concat().join("\n")
}

/// What PostgreSQL itself expects of a spec; of some it knows several outcomes. Only what is none of them is
/// run at the database, too.
fn expected(spec: &str) -> Vec<String> {
    let names = ["", "_1", "_2", "_3"].map(|variant| format!("expected/{spec}{variant}.out"));
    names.iter().filter_map(|name| fs::read_to_string(folder().join(name)).ok()).collect()
}

#[test]
fn every_isolation_spec_prints_the_same_as_at_the_database() {
    // Each worker has one database for the runs at the database and one for those through the gateway, which
    // so find the same there.
    let pairs: Vec<[String; 2]> =
        (0..WORKERS).map(|worker| ["direct", "through"].map(|way| format!("{way}_{worker}"))).collect();
    let world = world(&[pairs.concat(), vec![NAMED.to_owned()]].concat());
    let files = fs::read_dir(folder().join("specs")).unwrap();
    let mut specs: Vec<String> = files
        .filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".spec")?.to_owned()))
        .filter(|spec| LEFT_OUT.iter().all(|(left, _)| left != spec))
        .collect();
    specs.sort();
    assert!(specs.len() >= FEWEST, "{specs:?}");

    let todo = Mutex::new(specs);
    let wrong = Mutex::new(Vec::new());
    let check = |spec: &str, [one, other]: &[String; 2]| {
        // All specs together may take longer than a token is valid.
        let through = isolation(&world, spec, At::Gateway(&world.token("writer")), other);
        let may_be = expected(spec);
        let is_one = |found: &str| may_be.iter().any(|text| found.strip_prefix(text.as_str()) == Some(ENDED));
        if through.contains(BEGUN) && is_one(&through) {
            return;
        }
        let direct = isolation(&world, spec, At::Database, one);
        if !direct.contains(BEGUN) || !direct.ends_with(ENDED) {
            wrong.lock().unwrap().push(format!("{spec} does not run at the database: {direct}"));
        }
        let compared = [&through, &direct]
            .map(|text| if NOTICED.contains(&spec) { notices_last(text) } else { text.clone() });
        let Some(difference) = difference(&compared[0], &compared[1]) else { return };
        wrong.lock().unwrap().push(format!("{spec}: {difference}"));
    };
    std::thread::scope(|scope| {
        for pair in &pairs {
            let (todo, check) = (&todo, &check);
            scope.spawn(move || {
                loop {
                    let next = todo.lock().unwrap().pop();
                    let Some(spec) = next else { return };
                    check(&spec, pair);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!world.log().contains("a session was ended"), "{}", world.log());
}

/// A trace without the order in which the two directions took turns, which with so much under way is that of
/// the network.
fn by_direction(trace: &str) -> String {
    let (sent, came): (Vec<_>, Vec<_>) = trace.lines().partition(|line| line.starts_with('F'));
    [sent, came].concat().join("\n")
}

#[test]
fn every_pipeline_test_of_libpq_sends_and_gets_the_same_messages() {
    let names = ["direct", "through"].map(str::to_owned);
    let world = world(&names);
    let token = world.token("writer");
    let listed = printed(Command::new(folder().join("libpq_pipeline")).arg("tests"));
    let tests: Vec<&str> = listed.strip_suffix(ENDED).unwrap().lines().collect();
    assert!(tests.len() >= 11, "{tests:?}");
    for test in tests {
        let run = |at: At<'_>, database: &str| {
            let trace = world.path(&format!("{test}.{database}"));
            let mut command = program(&world, "libpq_pipeline", at, database);
            command.args(["-r", ROWS]);
            let narrow = (test == AS_MUCH_AS_FITS).then(|| {
                let port = match at {
                    At::Database => world.db().server.port,
                    At::Gateway(_) => world.db().gateway_port,
                };
                Narrow::to(port)
            });
            match &narrow {
                Some(narrow) => command.env("PGPORT", narrow.port.to_string()),
                None => command.arg("-t").arg(&trace),
            };
            (printed(command.arg(test)), fs::read_to_string(trace).unwrap_or_default())
        };
        let (direct, through) = std::thread::scope(|scope| {
            let direct = scope.spawn(|| run(At::Database, &names[0]));
            let through = run(At::Gateway(&token), &names[1]);
            (direct.join().unwrap(), through)
        });
        assert!(direct.0.ends_with(ENDED), "{test}: {}", direct.0);
        if test == AS_MUCH_AS_FITS {
            assert!(through.0.ends_with(&format!("ok\n{ENDED}")), "{test}: {}", through.0);
            let results = through.0.matches("result ").count();
            assert!(
                (200..50_000).contains(&results),
                "{test}: {results} results are too few to fill a socket, or many"
            );
            continue;
        }
        assert!(direct.1.contains("\nB\t"), "{test}: {}", direct.1);
        let traced = match fs::read_to_string(folder().join(format!("traces/{test}.trace"))) {
            Ok(known) => difference(&through.1, &direct.1).or_else(|| difference(&through.1, &known)),
            Err(_none) => difference(&by_direction(&through.1), &by_direction(&direct.1)),
        };
        if let Some(difference) = difference(&through.0, &direct.0).or(traced) {
            panic!("{test}: {difference}");
        }
    }
    assert!(!world.log().contains("a session was ended"), "{}", world.log());
}

#[test]
fn a_client_is_told_its_true_process_id_and_a_key_of_the_gateways_own() {
    let world = world(&[]);
    let mut raw = Raw::login(&world, &world.token("writer"));
    let (process, key) = raw.key.clone();
    let replies = raw.ask(&world, &Script::new().query("SELECT pg_backend_pid()"), 1);
    assert_eq!(replies.rows(), [process.to_string()]);

    let cancel_at = |port: u16| {
        let mut request = BytesMut::new();
        opening::write_cancel_request(&mut request, process, &key).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&request).unwrap();
        // Closed once it was looked at.
        stream.read_to_end(&mut Vec::new()).unwrap();
    };
    raw.send(&Script::new().query("SELECT pg_sleep(1)"));
    wait_asleep(&world, process);
    cancel_at(world.db().server.port);
    assert_eq!(raw.replies(&world, 1).letters(), "TDCZ", "the target knows no such key");
    raw.send(&Script::new().query("SELECT pg_sleep(20)"));
    wait_asleep(&world, process);
    cancel_at(world.db().gateway_port);
    assert_eq!(raw.replies(&world, 1).errors(), ["57014"]);
}

#[test]
fn a_function_of_the_server_is_not_looked_up_in_the_catalogue() {
    let world = world(&[]);
    let mut raw = Raw::login(&world, &world.token("writer"));
    let mut looks = |call: &str| {
        let before = world.db().server.log().matches("application_name=hoopctl").count();
        let replies = raw.ask(&world, &Script::new().query(&format!("SELECT {call}")), 1);
        assert_eq!(replies.rows(), ["f"], "{replies:?}");
        world.db().server.log().matches("application_name=hoopctl").count() - before
    };
    let call = "pg_isolation_test_session_is_blocked(1, '{}')";
    assert_eq!((looks(&format!("pg_catalog.{call}")), looks(call)), (0, 1));
}

/// Waits until a session sleeps at the database.
fn wait_asleep(world: &World, process: i32) {
    let asks =
        format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process} AND wait_event = 'PgSleep'");
    let begin = Instant::now();
    while world.direct(&asks) != "1" {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not sleep");
        std::thread::sleep(Duration::from_millis(20));
    }
}
