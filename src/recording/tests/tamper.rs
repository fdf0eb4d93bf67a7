//! Attacks of somebody who can write the database.

use rusqlite::params;

use super::*;
use crate::recording::Broken;
use crate::recording::Damage;
use crate::recording::Finding;
use crate::recording::JournalVerification;
use crate::recording::RecordingFile;
use crate::recording::SessionRow;
use crate::recording::Verification;
use crate::recording::chain::Frames;
use crate::recording::export::write_jsonl;
use crate::recording::pack::unpack;

/// Records one session of `requests` requests in one block, and returns the block, uncompressed.
async fn one_block(dir: &Path, requests: u64) -> (SessionId, i64, Vec<u8>) {
    let (session, id, stored) = one_stored(dir, requests).await;
    (session, id, unpack(stored))
}

/// Returns [`one_block`] as it is stored.
async fn one_stored(dir: &Path, requests: u64) -> (SessionId, i64, Vec<u8>) {
    let (journal, session) = (open(dir), SessionId::new());
    let events = std::iter::once(start(session))
        .chain((1..=requests).map(|n| request(session, n)))
        .chain([end(session, requests + 1)]);
    journal.append(events, Durability::Written).await.unwrap();
    journal.close();
    let (id, bytes) = database(dir)
        .query_row("SELECT id, bytes FROM block ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(Reader::open(dir).unwrap().verify(session).unwrap().broken, None);
    (session, id, bytes)
}

fn frames(block: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = block;
    let mut out = Vec::new();
    for frame in Frames::new(block) {
        let (frame, after) = rest.split_at(36 + frame.unwrap().1.len());
        out.push(frame.to_vec());
        rest = after;
    }
    out
}

fn broken(seq: u64, class: Damage) -> Broken {
    Broken { seq, class }
}

fn verify_with(dir: &Path, session: SessionId, id: i64, bytes: &[u8]) -> Verification {
    database(dir).execute("UPDATE block SET bytes = ? WHERE id = ?", params![bytes, id]).unwrap();
    Reader::open(dir).unwrap().verify(session).unwrap()
}

#[tokio::test]
async fn every_flipped_byte_is_found_and_located() {
    let dir = tempfile::tempdir().unwrap();
    let (session, id, block) = one_block(dir.path(), 3).await;
    let frames = frames(&block);
    let (reader, database) = (Reader::open(dir.path()).unwrap(), database(dir.path()));
    let mut at = 0;
    for (place, frame) in frames.iter().enumerate() {
        for offset in 0..frame.len() {
            let mut changed = block.clone();
            changed[at + offset] ^= 1 << (offset % 8);
            database.execute("UPDATE block SET bytes = ? WHERE id = ?", params![changed, id]).unwrap();
            let found = reader.verify(session).unwrap();
            let seq = place as u64 + 1;
            assert_eq!(found.broken.map(|broken| broken.seq), Some(seq), "byte {offset} of event {seq}");
            assert_eq!(found.events, seq - 1);
            if offset >= 36 + 14 && place + 1 < frames.len() {
                let class = found.broken.unwrap().class;
                assert!(
                    matches!(class, Damage::Edited | Damage::Foreign),
                    "{class} byte {offset} of event {seq}"
                );
            }
        }
        at += frame.len();
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_packed_block_is_found_or_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (session, id, stored) = one_stored(dir.path(), 30).await;
    let block = unpack(stored.clone());
    assert!(stored.len() < block.len() / 3, "{} of {} bytes", stored.len(), block.len());
    let (reader, database) = (Reader::open(dir.path()).unwrap(), database(dir.path()));
    let mut harmless = 0;
    for at in 0..stored.len() {
        let mut changed = stored.clone();
        changed[at] ^= 1 << (at % 8);
        database.execute("UPDATE block SET bytes = ? WHERE id = ?", params![changed, id]).unwrap();
        let found = reader.verify(session).unwrap();
        let same = unpack(changed) == block;
        assert_eq!(found.broken.is_none(), same, "byte {at}: {found:?}");
        harmless += usize::from(same);
    }
    assert!(harmless < stored.len() / 20, "{harmless} of {} bytes say nothing", stored.len());
    for length in 1..stored.len() {
        let found = verify_with(dir.path(), session, id, &stored[..length]).broken.unwrap();
        assert_eq!(found, broken(1, Damage::Cut), "cut to {length} bytes");
    }
    assert_eq!(verify_with(dir.path(), session, id, &stored).broken, None);
}

#[tokio::test]
async fn dropped_swapped_doubled_and_cut_events_are_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (session, id, block) = one_block(dir.path(), 5).await;
    let whole = frames(&block);
    let last = whole.len();
    let check = |frames: Vec<Vec<u8>>| verify_with(dir.path(), session, id, &frames.concat()).broken;
    for at in 0..last {
        let mut frames = whole.clone();
        frames.remove(at);
        let class = if at + 1 == last { Damage::Cut } else { Damage::Missing };
        assert_eq!(check(frames), Some(broken(at as u64 + 1, class)), "dropped {at}");

        let mut frames = whole.clone();
        frames.insert(at, whole[at].clone());
        assert_eq!(check(frames), Some(broken(at as u64 + 2, Damage::Reordered)), "doubled {at}");

        for other in at + 1..last {
            let mut frames = whole.clone();
            frames.swap(at, other);
            assert_eq!(
                check(frames),
                Some(broken(at as u64 + 1, Damage::Reordered)),
                "swapped {at} and {other}"
            );
        }
        assert_eq!(check(whole[..at].to_vec()), Some(broken(at as u64 + 1, Damage::Cut)), "cut at {at}");
    }
    for length in 1..block.len() {
        let found = verify_with(dir.path(), session, id, &block[..length]).broken.unwrap();
        assert_eq!(found.class, Damage::Cut, "cut to {length} bytes");
    }
    assert_eq!(check(whole), None);
}

#[tokio::test]
async fn events_of_another_session_do_not_pass_for_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (other, _, stolen) = one_block(dir.path(), 5).await;
    let (session, id, block) = one_block(dir.path(), 5).await;
    let (ours, theirs) = (frames(&block), frames(&stolen));
    for at in 0..ours.len() {
        let mut frames = ours.clone();
        frames[at] = theirs[at].clone();
        let found = verify_with(dir.path(), session, id, &frames.concat());
        assert_eq!(found.broken, Some(broken(at as u64 + 1, Damage::Foreign)));
        // The same with the session's own id written over it.
        let forged =
            String::from_utf8_lossy(&theirs[at][36..]).replace(&other.to_string(), &session.to_string());
        frames[at].truncate(36);
        frames[at].extend_from_slice(forged.as_bytes());
        let found = verify_with(dir.path(), session, id, &frames.concat());
        assert_eq!(found.broken, Some(broken(at as u64 + 1, Damage::Edited)));
    }
    let found = verify_with(dir.path(), session, id, &stolen);
    assert_eq!(found.broken, Some(broken(1, Damage::Foreign)), "a whole block");
}

#[tokio::test]
async fn blocks_and_rows_cannot_be_moved_or_removed_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    record(&journal, session, 4).await;
    let (kept, gone) = (SessionId::new(), SessionId::new());
    record(&journal, kept, 1).await;
    record(&journal, gone, 1).await;
    journal.close();
    let original = std::fs::read(dir.path().join("events.db")).unwrap();
    let after = |sql: &str| {
        std::fs::write(dir.path().join("events.db"), &original).unwrap();
        let database = database(dir.path());
        database.execute_batch(sql).unwrap();
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())).unwrap();
        drop(database);
        let reader = Reader::open(dir.path()).unwrap();
        let (mut found, mut broken) = (None, 0);
        let each = |one: Finding| {
            let Finding::Session(one) = one else { panic!("{one:?}") };
            broken += u32::from(one.broken.is_some());
            if one.session == session {
                found = one.broken;
            }
            true
        };
        assert_eq!(reader.verify_after(i64::MIN, each).unwrap(), None);
        (found, broken, reader.verify_numbers().unwrap())
    };
    let (first, one) = ((1_i64 << 32) + 1, 1_i64 << 32);
    for (sql, expected) in [
        (format!("DELETE FROM block WHERE id = {}", first + 2), broken(3, Damage::Missing)),
        (format!("DELETE FROM block WHERE id >= {} AND id < {}", first + 3, one * 2), broken(4, Damage::Cut)),
        (format!("DELETE FROM block WHERE id < {}", one * 2), broken(1, Damage::Cut)),
        (
            format!(
                "UPDATE block SET id = 99 WHERE id = {a}; UPDATE block SET id = {a} WHERE id = {b}; UPDATE block SET id = {b} WHERE id = 99",
                a = first + 1,
                b = first + 2
            ),
            broken(2, Damage::Reordered),
        ),
        ("UPDATE session SET principal = 'local:somebody' WHERE no = 1".to_owned(), broken(1, Damage::Index)),
        ("UPDATE session SET started_ms = 5 WHERE no = 1".to_owned(), broken(1, Damage::Index)),
        ("UPDATE session SET tail_hash = zeroblob(32) WHERE no = 1".to_owned(), broken(6, Damage::Index)),
        ("UPDATE session SET tail_seq = 5 WHERE no = 1".to_owned(), broken(6, Damage::Index)),
        (
            // The end removed, and the row adjusted to match: an ended session must have an end event.
            format!(
                "DELETE FROM block WHERE id = {last}; UPDATE session SET tail_seq = 5, tail_hash = (SELECT substr(bytes, 5, 32) FROM block WHERE id = {before}) WHERE no = 1",
                last = first + 5,
                before = first + 4
            ),
            broken(6, Damage::Cut),
        ),
        (
            format!(
                "UPDATE block SET bytes = (SELECT bytes FROM block WHERE id = {}) WHERE id = {}",
                (2_i64 << 32) + 1,
                first
            ),
            broken(1, Damage::Foreign),
        ),
    ] {
        let (found, count, report) = after(&sql);
        assert_eq!((found, count), (Some(expected), 1), "{sql}");
        assert_eq!(report, JournalVerification::default(), "{sql}");
    }
    let (found, count, report) = after("DELETE FROM session WHERE no = 3");
    assert_eq!((found, count, report.missing, report.stray_blocks), (None, 0, 1, 3));
    let (_, _, report) =
        after(&format!("DELETE FROM session WHERE no = 3; DELETE FROM block WHERE id > {}", one * 3));
    assert_eq!((report.missing, report.stray_blocks), (1, 0));
    // A number that no session can have conceals nothing.
    let (_, count, report) =
        after(&format!("UPDATE session SET no = -3 WHERE no = 3; DELETE FROM block WHERE id > {}", one * 3));
    assert_eq!((count, report.stray_blocks), (1, 0));
    let (_, count, report) = after("SELECT 1");
    assert_eq!((count, report), (0, JournalVerification::default()));
    // Page by page: each continues where the one before stopped.
    let reader = Reader::open(dir.path()).unwrap();
    let mut seen = Vec::new();
    let mut next = Some(i64::MIN);
    while let Some(after) = next {
        next = reader
            .verify_after(after, |one| {
                let Finding::Session(one) = one else { panic!("{one:?}") };
                seen.push(one.session);
                false
            })
            .unwrap();
    }
    assert_eq!(seen, [session, kept, gone]);
}

#[tokio::test]
async fn an_exported_file_proves_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _, _) = one_block(dir.path(), 3).await;
    let reader = Reader::open(dir.path()).unwrap();
    let row = reader.session(session).unwrap().unwrap();
    let mut whole = Vec::new();
    write_jsonl(&row, reader.events(session, 1).unwrap(), &mut whole).unwrap();
    let path = dir.path().join("file.jsonl");
    let check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        RecordingFile::read(&path).map(|file| file.verify().unwrap())
    };
    assert_eq!(check(&whole).unwrap(), reader.verify(session).unwrap());
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let count = lines.len();
    for (place, line) in lines.iter().enumerate().skip(1) {
        let start: usize = lines[..place].iter().map(|line| line.len()).sum();
        for offset in 0..line.len() {
            let mut changed = whole.clone();
            changed[start + offset] ^= 1 << (offset % 7);
            let found = check(&changed).unwrap();
            if place + 1 < count {
                assert_eq!(
                    found.broken.map(|broken| broken.seq),
                    Some(place as u64),
                    "byte {offset} of line {place}"
                );
            } else if offset + 1 < line.len() {
                assert!(found.broken.is_some(), "byte {offset} of the last line");
            }
        }
        let without: Vec<u8> = [&lines[..place], &lines[place + 1..]].concat().concat();
        assert!(check(&without).unwrap().broken.is_some(), "without line {place}");
    }
    for length in lines[0].len()..whole.len() - 1 {
        let found = check(&whole[..length]).unwrap();
        assert!(found.broken.is_some(), "cut to {length}");
    }
    for wrong in [&b""[..], b"{}", b"\n", &whole[1..], &whole[lines[0].len()..]] {
        assert!(check(wrong).is_err());
    }
}

/// Changes something of a session.
type Forge = fn(&mut SessionRow);

#[tokio::test]
async fn the_first_line_of_an_exported_file_is_proved_by_its_events_and_its_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _, _) = one_block(dir.path(), 3).await;
    let reader = Reader::open(dir.path()).unwrap();
    let row = reader.session(session).unwrap().unwrap();
    let written = |row: &SessionRow, events: usize| {
        let mut out = Vec::new();
        write_jsonl(row, reader.events(session, 1).unwrap().take(events), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let path = dir.path().join("file.jsonl");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        RecordingFile::read(&path).map(|file| (file.verify().unwrap(), file.has_head().unwrap()))
    };
    let all = usize::MAX;
    let whole = written(&row, all);
    assert_eq!(check(&whole).unwrap(), (reader.verify(session).unwrap(), true));
    // Written by somebody who knows the format, with another first line.
    let forged: [(&str, Forge); 16] = [
        ("principal", |row| row.principal = "entra/eve".to_owned()),
        ("label", |row| row.label = "Eve".to_owned()),
        ("kind", |row| row.kind = crate::domain::Kind::Agent),
        ("connection", |row| row.connection = "other".to_owned()),
        ("protocol", |row| row.protocol = "other".to_owned()),
        ("issuer", |row| row.issuer = "other".to_owned()),
        ("client", |row| row.client = Some("other".to_owned())),
        ("source", |row| row.source = "192.0.2.99".to_owned()),
        ("started_ms", |row| row.started_ms -= 1),
        ("ended_ms", |row| row.ended_ms = row.ended_ms.map(|ms| ms + 60_000)),
        ("end", |row| row.end = Some(crate::domain::session::SessionEnd::Killed)),
        ("events", |row| row.events += 1),
        ("denied", |row| row.denied += 1),
        ("masked", |row| row.masked += 1),
        ("bytes", |row| row.bytes += 1),
        ("pruned_ms", |row| row.pruned_ms = Some(row.started_ms)),
    ];
    for (what, forge) in forged {
        let mut forged = row.clone();
        forge(&mut forged);
        assert_ne!(forged, row, "{what}");
        let (found, _) = check(&written(&forged, all)).unwrap();
        assert_eq!(found.broken.map(|broken| broken.class), Some(Damage::Index), "{what}");
    }
    // Cut, and told to go on.
    let live = SessionRow { ended_ms: None, end: None, ..row.clone() };
    for text in [written(&live, 3), written(&live, all), written(&row, 3)] {
        assert!(check(&text).unwrap().0.broken.is_some(), "{text}");
    }
    // Only changed.
    let member = whole.replacen("{\"hoopctl\"", "{ \"hoopctl\"", 1);
    assert_eq!(check(&member).unwrap().0.broken, Some(broken(1, Damage::Index)));
    for added in ["{\"note\":1,\"hoopctl\"", "{\"v\":1,\"hoopctl\""] {
        assert!(check(&whole.replacen("{\"hoopctl\"", added, 1)).is_err(), "{added}");
    }
    assert!(check(&whole.replacen("\"session\":{", "\"session\":{\"note\":1,", 1)).is_err());
    // An export of an older version has no digest of its first line.
    let (before, digest) = whole.split_once(",\"head\":").unwrap();
    let older = format!("{before}{}", &digest[66..]);
    assert_eq!(check(&older).unwrap(), (reader.verify(session).unwrap(), false));
    // The row of a live session may be older than its events.
    let mut early = live.clone();
    early.events = 1;
    early.bytes = reader.events(session, 1).unwrap().next().unwrap().unwrap().line.len() as u64;
    (early.masked, early.denied) = (0, 0);
    assert_eq!(check(&written(&early, all)).unwrap().0.broken, None);
}
