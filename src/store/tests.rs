//! The store under use: intact, damaged, attacked, killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::domain::entity::EntityKind;
use crate::domain::lock::LockTarget;

/// A data directory below a temporary one.
struct Place {
    _above: TempDir,
    dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("data");
        Self { _above: above, dir }
    }

    fn db(&self) -> PathBuf {
        self.dir.join(DB_FILE)
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.dir)
    }

    /// Returns a closed store with content in every table.
    fn filled() -> Self {
        let place = Self::new();
        let store = place.open().unwrap();
        for number in 0..40 {
            change(&store, move |change| {
                change.put_entity(&policy(&format!("p{number}"), &"x = 1\n".repeat(50)), Put::New, "local:a")
            });
        }
        change(&store, |change| change.put_secret("k", b"sealed", "local:a"));
        place
    }

    fn raw(&self) -> Connection {
        Connection::open(self.db()).unwrap()
    }

    /// Returns all files on disk, by name.
    fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn policy(name: &str, body: &str) -> NewEntity {
    NewEntity {
        kind: EntityKind::Policy,
        name: name.to_owned(),
        body: body.to_owned(),
        managed_by: "cli".to_owned(),
    }
}

fn try_change<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&Change<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.call_blocking(move |db| db.change(job))
}

fn change<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&Change<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    try_change(store, job).unwrap()
}

fn read<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.call_blocking(move |db| db.read(job)).unwrap()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn everything_it_makes_is_private() {
    let place = Place::new();
    let store = place.open().unwrap();
    let _lock = lock_data_dir(&place.dir).unwrap();
    change(&store, |change| change.put_entity(&policy("a", ""), Put::New, "local:a"));
    assert_eq!(mode(&place.dir), 0o700);
    let files = place.bytes();
    assert!(files.len() >= 4, "{files:?}");
    for (path, _) in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_folder_or_file_that_lets_others_in_is_refused_with_the_command_to_run() {
    let place = Place::filled();
    for wide in [0o755, 0o750, 0o701, 0o770] {
        set_mode(&place.dir, wide);
        let error = place.open().err().unwrap().to_string();
        assert!(error.contains("chmod 700") && error.contains("data"), "{error}");
    }
    set_mode(&place.dir, 0o700);
    for wide in [0o644, 0o640, 0o606, 0o660] {
        set_mode(&place.db(), wide);
        let error = place.open().err().unwrap().to_string();
        assert!(error.contains("chmod 600") && error.contains(DB_FILE), "{error}");
    }
    set_mode(&place.db(), 0o400);
    assert!(matches!(place.open(), Err(StoreError::ReadOnly { .. })));
    set_mode(&place.db(), 0o600);
    assert!(place.open().is_ok());
}

#[test]
fn a_file_of_another_user_or_behind_a_link_is_refused() {
    let place = Place::filled();
    let aside = place.dir.join("aside.db");
    fs::rename(place.db(), &aside).unwrap();
    std::os::unix::fs::symlink(&aside, place.db()).unwrap();
    assert!(matches!(place.open(), Err(StoreError::WrongType { .. })));
    fs::remove_file(place.db()).unwrap();
    fs::rename(&aside, place.db()).unwrap();
    // Only root can change a file's owner.
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(place.db(), Some(12_345), None).unwrap();
        assert!(matches!(place.open(), Err(StoreError::WrongOwner { owner: 12_345, .. })));
    }
}

#[test]
fn a_cut_file_is_refused_at_every_length_and_left_alone() {
    let place = Place::filled();
    let whole = fs::read(place.db()).unwrap();
    let lengths = (0..200).chain((1..whole.len()).step_by(997)).chain([whole.len() - 1, whole.len() - 4096]);
    for length in lengths {
        fs::write(place.db(), &whole[..length]).unwrap();
        let error = place.open().err().unwrap_or_else(|| panic!("opened with {length} bytes"));
        assert!(matches!(error, StoreError::Damaged { .. }), "{length}: {error:?}");
        assert_eq!(fs::read(place.db()).unwrap(), &whole[..length], "{length}");
    }
    fs::write(place.db(), &whole).unwrap();
    assert_eq!(read(&place.open().unwrap(), |view| view.entities(None)).len(), 40);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let place = Place::filled();
    let whole = fs::read(place.db()).unwrap();
    let mut scrambled = whole.clone();
    scrambled[100..].fill(0xa5);
    let foreign = {
        let path = place.dir.join("foreign.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        bytes
    };
    let cases = [b"hello, world".repeat(900), vec![0; 8192], scrambled, foreign];
    for (case, bytes) in cases.iter().enumerate() {
        fs::write(place.db(), bytes).unwrap();
        let error = place.open().err().unwrap_or_else(|| panic!("opened case {case}"));
        let expected = if case == 3 {
            matches!(error, StoreError::NotOurs { .. })
        } else {
            matches!(error, StoreError::Damaged { .. })
        };
        assert!(expected, "{case}: {error:?}");
        assert_eq!(&fs::read(place.db()).unwrap(), bytes);
    }
}

#[test]
fn a_page_that_was_scrambled_is_found_at_the_start_wherever_it_is() {
    let place = Place::filled();
    let whole = fs::read(place.db()).unwrap();
    let used: Vec<_> =
        whole.chunks(4096).enumerate().filter(|(_, page)| page.iter().any(|byte| *byte != 0)).collect();
    assert!(used.len() > 20);
    for (number, _) in used {
        let mut scrambled = whole.clone();
        // The header of the first page is tested with `check_head`; this is about SQLite's page content.
        let start = if number == 0 { 100 } else { number * 4096 };
        scrambled[start..start + 16].fill(0xa5);
        fs::write(place.db(), &scrambled).unwrap();
        let error = place.open().err().unwrap_or_else(|| panic!("opened with page {number} scrambled"));
        assert!(matches!(error, StoreError::Damaged { .. }), "{number}: {error:?}");
        assert_eq!(fs::read(place.db()).unwrap(), scrambled);
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let place = Place::filled();
    place.raw().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(place.db()).unwrap();
    let error = place.open().err().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 8, .. }), "{error:?}");
    assert!(error.to_string().contains("newer hoopctl"));
    assert_eq!(fs::read(place.db()).unwrap(), before);
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let place = Place::filled();
    fs::write(place.dir.join("hoopctl.db-wal"), b"log").unwrap();
    fs::remove_file(place.db()).unwrap();
    assert!(matches!(place.open(), Err(StoreError::Damaged { .. })));
    assert_eq!(fs::read(place.dir.join("hoopctl.db-wal")).unwrap(), b"log");
    assert!(!place.db().exists());
}

#[test]
fn a_creation_that_was_cut_off_is_begun_anew() {
    let place = Place::new();
    private_folder(&place.dir).unwrap();
    fs::write(place.dir.join("hoopctl.db.new"), b"half of it").unwrap();
    assert!(place.open().is_ok());
    assert!(!place.dir.join("hoopctl.db.new").exists());
}

#[test]
fn two_never_hold_one_data_directory() {
    let place = Place::new();
    let first = lock_data_dir(&place.dir).unwrap();
    let error = lock_data_dir(&place.dir).unwrap_err();
    let us = std::process::id();
    assert!(matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == us), "{error:?}");
    drop(first);
    assert!(lock_data_dir(&place.dir).is_ok());
}

#[test]
fn a_data_directory_that_is_soon_free_is_waited_for() {
    let place = Place::new();
    let first = lock_data_dir(&place.dir).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            drop(first);
        });
        let second = lock_data_dir_soon(&place.dir).unwrap();
        let begin = std::time::Instant::now();
        assert!(matches!(lock_data_dir_soon(&place.dir), Err(StoreError::Locked { .. })));
        assert!(begin.elapsed() >= WAITS);
        drop(second);
    });
}

#[test]
fn a_file_that_is_taken_away_or_exchanged_stops_the_store() {
    let place = Place::filled();
    let store = place.open().unwrap();
    fs::rename(place.db(), place.dir.join("away.db")).unwrap();
    let refused = |result: Result<Vec<StoredEntity>, StoreError>| {
        assert!(matches!(result, Err(StoreError::Replaced { .. })), "{result:?}");
    };
    refused(store.call_blocking(|db| db.read(|view| view.entities(None))));
    fs::copy(place.dir.join("away.db"), place.db()).unwrap();
    refused(store.call_blocking(|db| db.read(|view| view.entities(None))));
    fs::rename(place.dir.join("away.db"), place.db()).unwrap();
    assert_eq!(read(&store, |view| view.entities(None)).len(), 40);
}

#[test]
fn entities_say_what_was_there_already() {
    let place = Place::new();
    let store = place.open().unwrap();
    let put = |name: &str, body: &str, put: Put| {
        let new = policy(name, body);
        try_change(&store, move |change| change.put_entity(&new, put, "local:a"))
    };
    assert!(matches!(put("a", "1", Put::ReplaceAt(1)), Err(StoreError::Missing { .. })));
    let first = put("a", "1", Put::New).unwrap();
    assert!(matches!(put("a", "2", Put::New), Err(StoreError::Exists { .. })));
    let second = put("a", "2", Put::ReplaceAt(first.revision)).unwrap();
    assert!(matches!(put("a", "3", Put::ReplaceAt(first.revision)), Err(StoreError::Changed { .. })));
    assert_eq!((second.created_ms, second.revision), (first.created_ms, first.revision + 1));
    put("b", "", Put::New).unwrap();
    let names: Vec<_> = read(&store, |view| view.entities(Some(EntityKind::Policy)))
        .into_iter()
        .map(|entity| (entity.name, entity.body))
        .collect();
    assert_eq!(names, [("a".into(), "2".into()), ("b".into(), String::new())]);
    assert!(read(&store, |view| view.entities(Some(EntityKind::Mask))).is_empty());
    let removed = change(&store, |change| change.remove_entity(EntityKind::Policy, "a", None, "local:b"));
    assert_eq!(removed.body, "2");
    assert_eq!(read(&store, View::revision), first.revision + 3);
    let trail = read(&store, |view| view.audit(0, 100));
    let told: Vec<_> = trail.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    let a = "local:a";
    assert_eq!(
        told,
        [("policy.add", a), ("policy.edit", a), ("policy.add", a), ("policy.remove", "local:b")]
    );
}

#[test]
fn a_revision_never_stands_for_what_two_files_say() {
    let place = Place::new();
    let with = |store: &Store, file: &'static str| change(store, move |change| change.revision_with(file));
    let store = place.open().unwrap();
    let none = read(&store, View::revision);
    let seen = |file: &'static str| read(&store, move |view| view.revision_as(file));
    assert_eq!((seen("one"), read(&store, View::revision)), (none + 1, none));
    assert_eq!((with(&store, "one"), with(&store, "one")), (none + 1, none + 1));
    assert_eq!((seen("one"), seen("two")), (none + 1, none + 2));
    let new = policy("a", "");
    change(&store, move |change| change.put_entity(&new, Put::New, "local:a"));
    assert_eq!((with(&store, "one"), with(&store, "two")), (none + 2, none + 3));
    drop(store);
    let store = place.open().unwrap();
    assert_eq!((with(&store, "two"), with(&store, "one")), (none + 3, none + 4));
    assert_eq!(read(&store, View::revision), none + 4);
}

#[test]
fn a_store_from_before_files_were_counted_gives_none_of_its_numbers_again() {
    let place = Place::new();
    drop(place.open().unwrap());
    let older = "ALTER TABLE approval DROP COLUMN class; ALTER TABLE approval DROP COLUMN terms; ALTER TABLE approval_grant DROP COLUMN terms; DROP TABLE pin; DROP TABLE hold; DELETE FROM meta WHERE key = 'file'; UPDATE meta SET value = '7' WHERE key = 'revision'; PRAGMA user_version = 1";
    place.raw().execute_batch(older).unwrap();
    assert_eq!(read(&place.open().unwrap(), View::revision), 1007);
}

#[test]
fn a_store_from_before_pins_gets_them_and_keeps_what_it_has() {
    let place = Place::filled();
    place
        .raw()
        .execute_batch("ALTER TABLE approval DROP COLUMN class; ALTER TABLE approval DROP COLUMN terms; ALTER TABLE approval_grant DROP COLUMN terms; DROP TABLE pin; DROP TABLE hold; PRAGMA user_version = 2")
        .unwrap();
    let store = place.open().unwrap();
    assert!(read(&store, |view| view.pins(None)).is_empty());
    assert_eq!(read(&store, |view| view.entities(None)).len(), 40);
    drop(store);
    let version: i64 = place.raw().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 8);
}

#[test]
fn a_change_that_fails_at_its_end_leaves_nothing() {
    let place = Place::new();
    let store = place.open().unwrap();
    let before = read(&store, View::revision);
    let result: Result<(), _> = try_change(&store, |change| {
        change.put_entity(&policy("a", ""), Put::New, "local:a")?;
        change.add_lock(&LockTarget::Everybody, "", None, "local:a")?;
        change.put_secret("k", b"sealed", "local:a")?;
        Err(StoreError::Stopped)
    });
    assert!(result.is_err());
    assert!(read(&store, |view| view.entities(None)).is_empty());
    assert!(read(&store, |view| view.locks(0)).is_empty());
    assert!(read(&store, View::secrets).is_empty());
    assert!(read(&store, |view| view.audit(0, 10)).is_empty());
    assert_eq!(read(&store, View::revision), before);
}

#[test]
fn without_its_audit_entry_nothing_changes() {
    let place = Place::new();
    let store = place.open().unwrap();
    change(&store, |change| change.append_audit("a", "test", "x", &json!({})));
    place
        .raw()
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    assert!(try_change(&store, |change| change.put_entity(&policy("a", ""), Put::New, "a")).is_err());
    assert!(try_change(&store, |change| change.put_secret("k", b"s", "a")).is_err());
    assert!(try_change(&store, |change| change.add_lock(&LockTarget::Everybody, "", None, "a")).is_err());
    assert!(read(&store, |view| view.entities(None)).is_empty());
    assert!(read(&store, View::secrets).is_empty());
    assert!(read(&store, |view| view.locks(0)).is_empty());
}

#[test]
fn locks_fall_by_themselves_and_by_hand() {
    let place = Place::new();
    let store = place.open().unwrap();
    let target: LockTarget = "principal:entra:t/o".parse().unwrap();
    let wanted = target.clone();
    let timed = change(&store, move |change| change.add_lock(&wanted, "gone", Some(5_000), "local:a"));
    let lasting = change(&store, |change| change.add_lock(&LockTarget::Everybody, "", None, "local:a"));
    let at = |now_ms| read(&store, move |view| view.locks(now_ms));
    assert_eq!(at(4_999), [timed.clone(), lasting.clone()]);
    assert_eq!(at(4_999)[0].target, target);
    assert_eq!(at(5_000), std::slice::from_ref(&lasting));
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(change(&store, move |change| change.sweep_locks(4_999 + day)), []);
    assert_eq!(change(&store, move |change| change.sweep_locks(5_000 + day)), [timed]);
    let id = lasting.id;
    change(&store, move |change| change.remove_lock(id, "local:a"));
    let last = read(&store, |view| view.audit(0, 99)).pop().unwrap();
    assert_eq!((last.action.as_str(), last.detail.get("reason").is_some()), ("lock.remove", true));
    assert!(matches!(
        try_change(&store, move |change| change.remove_lock(id, "local:a")),
        Err(StoreError::Missing { .. })
    ));
    assert!(at(0).is_empty());
}

#[test]
fn an_older_key_set_does_not_replace_a_newer() {
    let place = Place::new();
    let store = place.open().unwrap();
    change(&store, |change| {
        change.save_jwks("entra", b"new", 20)?;
        change.save_jwks("entra", b"old", 10)
    });
    assert_eq!(read(&store, |view| view.jwks("entra")), Some((b"new".to_vec(), 20)));
    assert_eq!(read(&store, |view| view.jwks("other")), None);
}

#[test]
fn sealed_bytes_that_were_replaced_or_removed_are_gone_from_the_disk() {
    let place = Place::new();
    let store = place.open().unwrap();
    let patterns: Vec<Vec<u8>> = (0_u8..3).map(|number| vec![0xc0 | number; 48]).collect();
    let on_disk = |pattern: &[u8]| place.bytes().iter().any(|(_, bytes)| contains(bytes, pattern));
    for pattern in patterns.clone() {
        change(&store, move |change| change.put_secret("k", &pattern, "local:a"));
    }
    assert_eq!(patterns.iter().map(|pattern| on_disk(pattern)).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(read(&store, View::sealed_secrets), [("k".to_owned(), patterns[2].clone())]);
    let set: Vec<_> = read(&store, |view| view.audit(0, 9)).into_iter().map(|entry| entry.detail).collect();
    assert_eq!(set, [false, true, true].map(|replaced| json!({ "replaced": replaced })));
    change(&store, |change| change.remove_secret("k", "local:a"));
    assert!(!on_disk(&patterns[2]));
    assert!(matches!(
        try_change(&store, |change| change.remove_secret("k", "local:a")),
        Err(StoreError::Missing { .. })
    ));
}

/// Returns a closed store with nine audit entries.
fn audited() -> Place {
    let place = Place::new();
    let store = place.open().unwrap();
    for number in 0..9 {
        let subject = format!("s\"{number}");
        change(&store, move |change| {
            change.append_audit("local:é", "test.do", &subject, &json!({ "n": number, "t": "x" }))
        });
    }
    place
}

#[test]
fn every_change_of_the_audit_trail_is_found() {
    let columns = [
        "ts_ms = ts_ms + 1",
        "actor = 'b'",
        "action = 'c'",
        "subject = ''",
        "detail = '{}'",
        "hash = zeroblob(32)",
    ];
    let edits = columns
        .iter()
        .flat_map(|set| (1..=9).map(move |seq| (format!("UPDATE audit SET {set} WHERE seq = {seq}"), seq)))
        .chain((1..=9).map(|seq| (format!("DELETE FROM audit WHERE seq = {seq}"), seq)))
        .chain((1..=9).map(|from| (format!("DELETE FROM audit WHERE seq >= {from}"), from)))
        .chain([
            ("UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 100".to_owned(), 3),
            ("INSERT INTO audit SELECT 10, ts_ms, actor, action, subject, detail, hash FROM audit WHERE seq = 9".to_owned(), 10),
            ("UPDATE meta SET value = '' WHERE key = 'audit_head'".to_owned(), 10),
            ("DELETE FROM meta WHERE key = 'audit_head'".to_owned(), 10),
            ("DELETE FROM audit; UPDATE meta SET value = '' WHERE key = 'audit_head'".to_owned(), 1),
            ("DELETE FROM audit; DELETE FROM meta WHERE key LIKE 'audit%'".to_owned(), 1),
            ("DELETE FROM audit; DELETE FROM meta WHERE key = 'audited'; UPDATE meta SET value = '' WHERE key = 'audit_head'".to_owned(), 1),
            ("DELETE FROM audit; UPDATE meta SET value = '' WHERE key LIKE 'audit%'; INSERT INTO lock VALUES ('l', 't', '', 'a', 1, NULL)".to_owned(), 1),
        ]);
    let place = audited();
    let whole = fs::read(place.db()).unwrap();
    let verify = |place: &Place| read(&place.open().unwrap(), View::verify_audit);
    let clean = verify(&place);
    assert_eq!((clean.entries, clean.broken), (9, None));
    for (sql, at) in edits {
        fs::write(place.db(), &whole).unwrap();
        place
            .raw()
            .execute_batch(&format!(
                "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut; {sql}"
            ))
            .unwrap();
        let found = verify(&place);
        assert_eq!(found.broken, Some(at), "{sql}");
        assert_eq!(found.entries, at - 1, "{sql}");
    }
}

#[test]
fn a_long_audit_trail_is_checked_part_by_part() {
    let place = Place::new();
    let store = place.open().unwrap();
    change(&store, |change| {
        (0..4096).try_for_each(|number| change.append_audit("a", "test.do", "s", &json!({ "n": number })))
    });
    let mut check = AuditCheck::default();
    for wanted in [None, Some(4097)] {
        let mut on = check.clone();
        let (so_far, found) = read(&store, move |view| {
            let found = view.verify_audit_on(&mut on)?;
            Ok((on, found))
        });
        // A caller that verifies page by page returns the previous page's result.
        let part = so_far.part();
        assert!(part.more && AuditCheck::after(part.entries, "ab").is_none());
        check = AuditCheck::after(part.entries, &part.head).unwrap();
        assert_eq!(found.map(|found| (found.entries, found.broken)), wanted.map(|entries| (entries, None)));
        if wanted.is_none() {
            change(&store, |change| change.append_audit("a", "test.do", "meanwhile", &json!({})));
        }
    }
}

#[test]
fn the_audit_trail_is_only_added_to_and_not_after_its_tail_was_cut() {
    let place = audited();
    assert!(place.raw().execute("UPDATE audit SET actor = 'b'", []).is_err());
    assert!(place.raw().execute("DELETE FROM audit", []).is_err());
    place.raw().execute_batch("DROP TRIGGER audit_is_not_cut; DELETE FROM audit WHERE seq = 9").unwrap();
    let store = place.open().unwrap();
    let refused = try_change(&store, |change| change.put_entity(&policy("a", ""), Put::New, "a"));
    assert!(matches!(refused, Err(StoreError::AuditBroken { seq: 9 })), "{refused:?}");
    assert!(read(&store, |view| view.entities(None)).is_empty());
    drop(store);
    // Emptying it does not restart the trail either.
    place
        .raw()
        .execute_batch("DELETE FROM audit; UPDATE meta SET value = '' WHERE key = 'audit_head'")
        .unwrap();
    let refused = try_change(&place.open().unwrap(), |change| change.note_journal(true));
    assert!(matches!(refused, Err(StoreError::AuditBroken { seq: 1 })), "{refused:?}");
}

#[test]
fn audit_entries_come_back_as_they_were_written() {
    let place = audited();
    let store = place.open().unwrap();
    let entries = read(&store, |view| view.audit(7, 10));
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [8, 9]);
    assert_eq!((entries[0].actor.as_str(), entries[0].subject.as_str()), ("local:é", "s\"7"));
    assert_eq!(entries[1].detail, json!({ "n": 8, "t": "x" }));
    assert_eq!(read(&store, View::verify_audit).head, entries[1].hash);
}

/// Returns the files as kill -9 leaves them: copied at this moment.
fn as_after_a_kill(place: &Place) -> Place {
    let copy = Place::new();
    private_folder(&copy.dir).unwrap();
    for (path, bytes) in place.bytes() {
        let to = copy.dir.join(path.file_name().unwrap());
        if !to.to_string_lossy().ends_with("-shm") {
            fs::write(&to, bytes).unwrap();
            set_mode(&to, 0o600);
        }
    }
    copy
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Place::new();
    let store = place.open().unwrap();
    for number in 0..20_usize {
        change(&store, move |change| change.put_entity(&policy(&format!("p{number}"), ""), Put::New, "a"));
        let copy = as_after_a_kill(&place);
        let reopened = copy.open().unwrap();
        assert_eq!(read(&reopened, |view| view.entities(None)).len(), number + 1);
        assert_eq!(read(&reopened, View::verify_audit).broken, None);
    }
}

#[test]
fn a_log_cut_anywhere_leaves_a_whole_store_with_a_prefix_of_the_changes() {
    let place = Place::new();
    let store = place.open().unwrap();
    let before = read(&store, View::revision);
    for number in 0..6 {
        change(&store, move |change| change.put_entity(&policy(&format!("p{number}"), ""), Put::New, "a"));
    }
    let copy = as_after_a_kill(&place);
    let log = copy.dir.join("hoopctl.db-wal");
    let (whole_db, whole) = (fs::read(copy.db()).unwrap(), fs::read(&log).unwrap());
    assert!(whole.len() > 10_000);
    for length in (0..=whole.len()).step_by(1999) {
        fs::write(copy.db(), &whole_db).unwrap();
        fs::write(&log, &whole[..length]).unwrap();
        set_mode(&log, 0o600);
        let reopened = copy.open().unwrap();
        let entities = read(&reopened, |view| view.entities(None)).len() as u64;
        assert_eq!(read(&reopened, View::revision), before + entities);
        let trail = read(&reopened, View::verify_audit);
        assert_eq!((trail.entries, trail.broken), (entities, None));
    }
}

#[test]
fn a_job_that_panics_ends_its_call_and_not_the_store() {
    let place = Place::new();
    let store = place.open().unwrap();
    let result: Result<(), _> = try_change(&store, |change| {
        change.put_entity(&policy("a", ""), Put::New, "a")?;
        panic!("a bug in a job")
    });
    assert!(matches!(result, Err(StoreError::Stopped)));
    assert!(read(&store, |view| view.entities(None)).is_empty());
}

#[test]
fn after_a_fault_of_the_disk_the_file_is_checked_again_before_it_is_trusted() {
    let place = Place::filled();
    let store = place.open().unwrap();
    let fault = || StoreError::Database {
        operation: "commit to the store",
        source: rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        ),
    };
    let result: Result<(), _> = try_change(&store, move |change| {
        change.put_entity(&policy("lost", ""), Put::New, "a")?;
        Err(fault())
    });
    assert!(result.is_err());
    let whole = fs::read(place.db()).unwrap();
    fs::write(place.db(), &whole[..whole.len() / 2]).unwrap();
    let refused = store.call_blocking(|db| db.read(|view| view.entities(None)));
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    fs::write(place.db(), &whole).unwrap();
    assert_eq!(read(&store, |view| view.entities(None)).len(), 40);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_blocking_call_is_fine_on_a_runtime() {
    let place = Place::new();
    let store = place.open().unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    store.call_later(move |_db| assert!(wait.recv().is_ok())).unwrap();
    let mut taken = 0;
    while store.call_later(|_db| {}).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 1023);
    assert!(matches!(store.call_later(|_db| {}), Err(StoreError::Overloaded)));
    go.send(()).unwrap();
    assert!(read(&store, |view| view.entities(None)).is_empty());
    assert!(store.call(|db| db.read(|view| view.entities(None))).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_in_the_queue_is_done_though_its_caller_went_away() {
    let place = Place::new();
    let store = place.open().unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    store.call_later(move |_db| assert!(wait.recv().is_ok())).unwrap();
    let call = store.change(|change| change.put_entity(&policy("a", ""), Put::New, "a"));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), call).await.is_err());
    go.send(()).unwrap();
    assert_eq!(read(&store, |view| view.entities(None)).len(), 1);
}

#[test]
fn the_hot_queries_use_their_indexes() {
    let place = Place::filled();
    let raw = place.raw();
    for (sql, index) in [
        (
            "SELECT id FROM approval WHERE state IN ('approved', 'pending') AND expires_ms <= 1 ORDER BY expires_ms LIMIT 5",
            "approval_open",
        ),
        ("SELECT count(*) FROM approval WHERE state = 'pending' AND principal = 'a'", "approval_waiting"),
        ("SELECT count(*) FROM approval WHERE state = 'pending'", "approval_waiting"),
    ] {
        let plan: String =
            raw.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get("detail")).unwrap();
        assert!(plan.contains(index), "{sql}: {plan}");
    }
}
