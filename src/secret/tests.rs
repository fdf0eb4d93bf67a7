//! Tests of secrets under attack: moved, modified, rotated, readable by others, endless, invalid.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use proptest::prelude::*;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretRef;
use crate::secret::file::MAX_SECRET;

const CANARY: &[u8] = b"canary-7f3a91-do-not-show";

fn sealer(byte: u8) -> Sealer {
    Sealer::new(&SealKey::new(Zeroizing::new([byte; 32]))).unwrap()
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    (dir, path)
}

fn file_of(path: &Path) -> SecretRef {
    SecretRef::File(path.to_owned())
}

fn vault() -> Vault {
    Vault::new(None)
}

/// Returns the texts of an error and its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, " {error} {error:?}").unwrap();
        cause = error.source();
    }
    text
}

#[test]
fn what_was_sealed_opens_at_its_own_place_only() {
    let sealer = sealer(7);
    let sealed = sealer.seal("secret", "crm", "sealed", CANARY).unwrap();
    assert_eq!(sealer.open("secret", "crm", "sealed", &sealed).unwrap().expose(), CANARY);
    for (table, row, column) in [
        ("secret", "crm2", "sealed"),
        ("secret", "CRM", "sealed"),
        ("jwks", "crm", "sealed"),
        ("secret", "crm", "body"),
        ("secret", "", "crmsealed"),
        ("secretcrm", "", "sealed"),
        ("secre", "tcrm", "sealed"),
    ] {
        let moved = sealer.open(table, row, column, &sealed);
        assert!(matches!(moved, Err(SealError::Altered)), "{table} {row} {column}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let sealer = sealer(7);
    let sealed = sealer.seal("secret", "crm", "sealed", CANARY).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = sealer.open("secret", "crm", "sealed", &changed).unwrap_err();
        match bit / 8 {
            0 => assert!(matches!(error, SealError::Form)),
            1..=8 => assert!(matches!(error, SealError::WrongKey { .. })),
            _ => assert!(matches!(error, SealError::Altered)),
        }
        assert!(!told(&error).contains("canary"));
    }
    for length in 0..sealed.len() {
        assert!(sealer.open("secret", "crm", "sealed", &sealed[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_wrong_key_is_named_and_a_key_id_says_nothing_about_the_key() {
    let (ours, theirs) = (sealer(1), sealer(2));
    let sealed = theirs.seal("secret", "crm", "sealed", CANARY).unwrap();
    let error = ours.open("secret", "crm", "sealed", &sealed).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("sealed with key {}, but the key at hand is {}", theirs.key_id(), ours.key_id())
    );
    // Prepending the id of another key does not make it ours.
    let mut relabelled = sealed;
    relabelled[1..9].copy_from_slice(&ours.seal("secret", "crm", "sealed", b"x").unwrap()[1..9]);
    assert!(matches!(ours.open("secret", "crm", "sealed", &relabelled), Err(SealError::Altered)));
    assert!(!format!("{ours:?}").contains("01010101") && !ours.key_id().contains("0101"));
}

#[test]
fn one_row_proves_the_key_and_only_none_refutes_it() {
    let (own, other) = (sealer(1), sealer(2));
    let row = |name: &str, sealer: &Sealer| {
        (name.to_owned(), sealer.seal(SEALED_TABLE, name, SEALED_COLUMN, CANARY).unwrap())
    };
    let prove = |rows: &[(String, Vec<u8>)]| {
        let failed = own.prove(SEALED_TABLE, SEALED_COLUMN, rows)?;
        Ok::<_, SealError>(failed.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert!(prove(&[]).unwrap().is_empty());
    let torn = || ("a".to_owned(), b"torn".to_vec());
    assert_eq!(prove(&[torn(), row("b", &other), row("c", &own)]).unwrap(), ["a", "b"]);
    // What this key sealed and somebody changed is no sign of another key.
    let (name, mut changed) = row("a", &own);
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(prove(&[(name, changed), row("b", &other)]).unwrap(), ["a", "b"]);
    assert!(matches!(prove(&[torn(), row("b", &other)]), Err(SealError::WrongKey { .. })));
    assert!(matches!(prove(&[torn()]), Err(SealError::Form)));
}

#[test]
fn the_same_secret_never_seals_to_the_same_bytes() {
    let sealer = sealer(7);
    let all: std::collections::BTreeSet<_> =
        (0..200).map(|_| sealer.seal("secret", "crm", "sealed", CANARY).unwrap()).collect();
    assert_eq!(all.len(), 200);
}

proptest! {
    #[test]
    fn any_bytes_survive_sealing(row in ".*", plain in prop::collection::vec(any::<u8>(), 0..2000)) {
        let sealer = sealer(7);
        let sealed = sealer.seal("secret", &row, "sealed", &plain).unwrap();
        let opened = sealer.open("secret", &row, "sealed", &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plain[..]);
    }

    #[test]
    fn opening_garbage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(sealer(7).open("secret", "a", "sealed", &bytes).is_err());
    }
}

#[test]
fn no_write_of_a_secret_leaves_it_plain_in_the_database_or_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE secret (key TEXT PRIMARY KEY, sealed BLOB)")
        .unwrap();
    let sealer = sealer(7);
    // The second and third write as well: a changed secret must be sealed like the first one.
    for number in 0..3_u8 {
        let plain = [CANARY, &[b'0' + number]].concat();
        let sealed = sealer.seal("secret", "crm", "sealed", &plain).unwrap();
        connection.execute("INSERT OR REPLACE INTO secret VALUES ('crm', ?1)", [&sealed]).unwrap();
        let mut seen = 0;
        for entry in fs::read_dir(dir.path()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY));
            seen += usize::from(bytes.windows(sealed.len()).any(|window| window == sealed));
        }
        assert!(seen > 0, "the sealed bytes are nowhere, so the search proves nothing");
        let kept: Vec<u8> = connection.query_row("SELECT sealed FROM secret", [], |row| row.get(0)).unwrap();
        assert_eq!(sealer.open("secret", "crm", "sealed", &kept).unwrap().expose(), plain);
    }
}

#[test]
fn a_key_is_made_once_and_never_where_something_is_sealed_already() {
    let (_dir, path) = folder();
    let source = file_of(&path);
    assert!(matches!(load_key(&source, true), Err(SealError::KeyMissing { .. })));
    assert!(!path.exists());
    let first = Sealer::new(&load_key(&source, false).unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    for sealed_before in [true, false] {
        let again = Sealer::new(&load_key(&source, sealed_before).unwrap()).unwrap();
        assert_eq!(again.key_id(), first.key_id());
    }
    let (_other, other) = folder();
    let second = Sealer::new(&load_key(&file_of(&other), false).unwrap()).unwrap();
    assert_ne!(second.key_id(), first.key_id());
}

#[test]
fn a_key_is_read_in_hex_and_base64_and_nothing_else_is_taken_for_one() {
    let (_dir, path) = folder();
    let id = |text: &str| {
        write(&path, text.as_bytes(), 0o600);
        load_key(&file_of(&path), true).map(|key| Sealer::new(&key).unwrap().key_id())
    };
    let hex = "ab".repeat(32);
    let wanted = id(&hex).unwrap();
    let base64 = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s";
    for text in [format!("{hex}\n"), hex.to_uppercase(), format!("{base64}=\n"), format!("  {base64}\r\n")] {
        assert_eq!(id(&text).unwrap(), wanted, "{text}");
    }
    let bad = [
        "hunter2".to_owned(),
        "ab".repeat(31),
        "ab".repeat(33),
        "zz".repeat(32),
        "00".repeat(32),
        format!("{base64}AAAA"),
        format!("+{}", &hex[1..]),
    ];
    for text in bad {
        let error = id(&text).unwrap_err();
        assert!(matches!(error, SealError::KeyForm { .. }), "{text}: {error:?}");
        assert!(!told(&error).contains(&text));
    }
    write(&path, hex.as_bytes(), 0o644);
    assert!(matches!(load_key(&file_of(&path), false), Err(SealError::KeyRead(_))));
    for source in ["exec:cat key", "store:key"] {
        assert!(matches!(load_key(&source.parse().unwrap(), false), Err(SealError::KeySource { .. })));
    }
    assert!(load_key(&SecretRef::Env("HOOPCTL_TEST_NO_SUCH_KEY".into()), false).is_err());
}

#[tokio::test]
async fn a_file_is_read_without_its_one_line_end() {
    let (_dir, path) = folder();
    let cases: [(&[u8], &[u8]); 5] =
        [(b"a", b"a"), (b"a\n", b"a"), (b"a\r\n", b"a"), (b"a\n\n", b"a\n"), (b" a \n", b" a ")];
    for (written, wanted) in cases {
        write(&path, written, 0o600);
        assert_eq!(vault().resolve(&file_of(&path)).await.unwrap().expose(), wanted);
    }
    for mode in [0o400, 0o200 | 0o400, 0o600] {
        write(&path, b"a", 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(vault().resolve(&file_of(&path)).await.is_ok(), "{mode:o}");
    }
}

#[tokio::test]
async fn a_file_that_is_wide_open_empty_too_long_or_no_file_is_refused() {
    let (dir, path) = folder();
    let refused = async |path: &Path| vault().resolve(&file_of(path)).await.unwrap_err();
    assert!(matches!(refused(&path).await, SecretError::Missing { .. }));
    for mode in [0o640, 0o604, 0o644, 0o660, 0o700, 0o4600] {
        write(&path, CANARY, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, SecretError::TooWide { .. }), "{mode:o}: {error:?}");
        assert!(error.to_string().contains("chmod 600") && !told(&error).contains("canary"));
    }
    for empty in [&b""[..], b"\n", b"\r\n"] {
        write(&path, empty, 0o600);
        assert!(matches!(refused(&path).await, SecretError::Empty { .. }));
    }
    write(&path, &vec![b'x'; MAX_SECRET + 1], 0o600);
    assert!(matches!(refused(&path).await, SecretError::TooLong { .. }));
    write(&path, &vec![b'x'; MAX_SECRET], 0o600);
    assert_eq!(vault().resolve(&file_of(&path)).await.unwrap().expose().len(), MAX_SECRET);
    assert!(matches!(refused(dir.path()).await, SecretError::NotAFile { .. }));
    assert!(matches!(refused(Path::new("/dev/zero")).await, SecretError::NotAFile { .. }));
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    assert!(matches!(refused(&pipe).await, SecretError::NotAFile { .. }));
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(matches!(refused(&path).await, SecretError::WrongOwner { owner: 12_345, .. }));
    }
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_one_that_goes_bad_gives_no_old_value() {
    let (_dir, path) = folder();
    let (vault, source) = (vault(), file_of(&path));
    write(&path, b"first", 0o600);
    assert!(vault.cached(&source).is_none());
    assert!(
        file::read(&path).unwrap().1.is_none(),
        "the times of a file that was just written prove nothing"
    );
    let first = vault.resolve(&source).await.unwrap();
    assert!(Arc::ptr_eq(&first, &vault.cached(&source).unwrap()));
    // With the same length, at the same moment: a change that the times of a file do not show.
    write(&path, b"other", 0o600);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(vault.cached(&source).is_none());
    assert_eq!(vault.resolve(&source).await.unwrap().expose(), b"other");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(vault.cached(&source).is_none());
    assert!(matches!(vault.resolve(&source).await, Err(SecretError::TooWide { .. })));
    assert!(vault.cached(&source).is_none());
    fs::remove_file(&path).unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(matches!(vault.resolve(&source).await, Err(SecretError::Missing { .. })));
    write(&path, b"third", 0o600);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(vault.resolve(&source).await.unwrap().expose(), b"third");
}

#[tokio::test]
async fn a_settled_file_is_not_read_again_and_one_put_in_its_place_is() {
    let (dir, path) = folder();
    let (vault, source) = (vault(), file_of(&path));
    write(&path, b"first", 0o600);
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
    let age =
        |path: &Path| fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    age(&path);
    let first = vault.resolve(&source).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert!(Arc::ptr_eq(&first, &vault.resolve(&source).await.unwrap()));
    // Another file with the same length and time of change.
    let other = dir.path().join("other");
    write(&other, b"evil!", 0o600);
    age(&other);
    fs::rename(&other, &path).unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(vault.resolve(&source).await.unwrap().expose(), b"evil!");
}

#[tokio::test]
async fn a_variable_is_read_each_time() {
    // PATH is always set, and setting a variable would need unsafe code.
    let source = SecretRef::Env("PATH".into());
    let wanted = std::env::var("PATH").unwrap();
    assert_eq!(vault().resolve(&source).await.unwrap().expose(), wanted.as_bytes());
    assert_eq!(vault().cached(&source).unwrap().expose(), wanted.as_bytes());
    for name in ["HOOPCTL_TEST_NOT_SET", "A=B", "A\0B", "="] {
        let source = SecretRef::Env(name.into());
        assert!(matches!(vault().resolve(&source).await, Err(SecretError::Missing { .. })), "{name:?}");
        assert!(vault().cached(&source).is_none());
    }
}

fn exec(command: impl Into<String>) -> SecretRef {
    SecretRef::Exec(command.into())
}

fn script(dir: &Path, name: &str, body: &str) -> String {
    let path = dir.join(name);
    write(&path, format!("#!/bin/sh\n{body}\n").as_bytes(), 0o700);
    path.display().to_string()
}

#[tokio::test]
async fn a_program_runs_without_a_shell_and_sees_nothing_of_ours() {
    let shown = vault().resolve(&exec("echo $HOME; `id` 'a b' *")).await.unwrap();
    assert_eq!(shown.expose(), b"$HOME; `id` 'a b' *");
    let environment = vault().resolve(&exec("env")).await.unwrap();
    let names: Vec<_> = std::str::from_utf8(environment.expose())
        .unwrap()
        .lines()
        .map(|line| line.split('=').next().unwrap().to_owned())
        .collect();
    assert!(names.iter().all(|name| ["HOME", "PATH"].contains(&name.as_str())), "{names:?}");
    assert!(names.contains(&"PATH".to_owned()));
}

#[tokio::test]
async fn a_program_that_fails_prints_nothing_into_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let fails = script(dir.path(), "fails", "echo canary-out; echo canary-err >&2; exit 3");
    let error = vault().resolve(&exec(format!("{fails} canary-argument"))).await.unwrap_err();
    assert!(matches!(&error, SecretError::ExecFailed { status, .. } if status.contains('3')), "{error:?}");
    assert!(!told(&error).contains("canary"));
    let silent = vault().resolve(&exec("true")).await.unwrap_err();
    assert!(matches!(silent, SecretError::Empty { .. }));
    let missing = vault().resolve(&exec("/no/such/program canary")).await.unwrap_err();
    assert!(matches!(missing, SecretError::Io { .. }) && !told(&missing).contains("canary"));
    let endless = vault().resolve(&exec("yes canary")).await.unwrap_err();
    assert!(matches!(endless, SecretError::TooLong { .. }) && !told(&endless).contains("canary"));
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let hangs = script(dir.path(), "hangs", &format!("sleep 60 & echo $! > {}; wait", pid_file.display()));
    let started = Instant::now();
    let result = command::run(&hangs, Duration::from_millis(400)).await;
    assert!(matches!(result, Err(SecretError::ExecTimeout { .. })));
    assert!(started.elapsed() < Duration::from_secs(3));
    let child = nix::unistd::Pid::from_raw(fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap());
    // It may take a moment until it is gone; a zombie without a parent to reap it counts as gone.
    let gone =
        || fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..100 {
        if gone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what the program started still runs");
}

#[tokio::test]
async fn many_that_ask_at_once_share_one_run_and_failures_are_not_repeated_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for (name, end) in [("good", "echo value"), ("bad", "exit 1")] {
        let runs = dir.path().join(format!("{name}.runs"));
        let program = script(dir.path(), name, &format!("echo run >> {}; {end}", runs.display()));
        let vault = Arc::new(vault());
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (vault, source) = (Arc::clone(&vault), exec(&program));
            asking.spawn(async move { vault.resolve(&source).await.is_ok() });
        }
        let good = asking.join_all().await;
        assert!(good.iter().all(|ok| *ok == (name == "good")));
        assert_eq!(fs::read_to_string(&runs).unwrap(), "run\n");
        assert_eq!(vault.cached(&exec(&program)).is_some(), name == "good");
    }
}

/// A store in memory that counts fetches.
#[derive(Default)]
struct Rows(Mutex<(std::collections::BTreeMap<String, Vec<u8>>, usize)>);

impl SealedSource for Rows {
    fn fetch<'a>(&'a self, key: &'a str) -> FetchSealed<'a> {
        Box::pin(async move {
            let mut rows = self.0.lock().unwrap();
            rows.1 += 1;
            if key == "broken" { Err("the disk is full".to_owned()) } else { Ok(rows.0.get(key).cloned()) }
        })
    }
}

#[tokio::test]
async fn stored_secrets_are_opened_and_a_moved_row_is_refused() {
    let (rows, sealer) = (Arc::new(Rows::default()), Arc::new(sealer(7)));
    let vault = Vault::new(Some((Arc::clone(&sealer), Arc::clone(&rows) as Arc<dyn SealedSource>)));
    let put = |key: &str, sealed: Vec<u8>| drop(rows.0.lock().unwrap().0.insert(key.to_owned(), sealed));
    let stored = |key: &str| SecretRef::Store(key.to_owned());
    let seal = |key: &str, plain: &[u8]| sealer.seal(SEALED_TABLE, key, SEALED_COLUMN, plain).unwrap();
    put("crm", seal("crm", b"first"));
    put("moved", seal("crm", b"first"));
    put("foreign", self::sealer(8).seal(SEALED_TABLE, "foreign", SEALED_COLUMN, b"x").unwrap());
    assert_eq!(vault.resolve(&stored("crm")).await.unwrap().expose(), b"first");
    vault.resolve(&stored("crm")).await.unwrap();
    assert_eq!(rows.0.lock().unwrap().1, 1);
    let error = async |key: &str| vault.resolve(&stored(key)).await.unwrap_err();
    assert!(matches!(error("moved").await, SecretError::Sealed { source: SealError::Altered, .. }));
    assert!(matches!(error("foreign").await, SecretError::Sealed { source: SealError::WrongKey { .. }, .. }));
    assert!(matches!(error("missing").await, SecretError::Missing { .. }));
    assert!(matches!(error("broken").await, SecretError::Store { .. }));
    put("crm", seal("crm", b"second"));
    vault.forget_stored("crm");
    assert!(vault.cached(&stored("crm")).is_none());
    assert_eq!(vault.resolve(&stored("crm")).await.unwrap().expose(), b"second");
    assert!(matches!(self::vault().resolve(&stored("crm")).await, Err(SecretError::NoStore { .. })));
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let shown = format!(
        "{:?} {:?} {:?}",
        Secret::new(CANARY.to_vec()),
        SealKey::new(Zeroizing::new([65; 32])),
        sealer(65)
    );
    assert!(!shown.contains("canary") && !shown.contains("65, 65") && !shown.contains("AAAA"));
}
