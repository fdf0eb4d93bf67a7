//! When events are due, and that their transcripts are harmless.

use std::convert::Infallible;
use std::time::Duration;
use std::time::Instant;

use proptest::prelude::*;

use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MaskNote;
use crate::domain::id::SessionId;
use crate::domain::text::is_deceptive;
use crate::recording::line::StoredEvent;
use crate::recording::replay::Clock;
use crate::recording::replay::PlayOptions;
use crate::recording::replay::Player;
use crate::recording::replay::Position;
use crate::recording::replay::position::Mark;
use crate::recording::replay::transcript;
use crate::recording::replay::transcript_whole;

pub(super) fn stored(seq: u64, t_ms: u64, kind: EventKind, data: &str) -> StoredEvent {
    let event = Event {
        session: SessionId::new(),
        t_us: t_ms * 1000,
        ts_ms: 0,
        kind,
        dir: Some(Direction::S2c),
        corr: None,
        data: data.into(),
        mask: Vec::new(),
    };
    StoredEvent { seq, hash: [0; 32], line: "".into(), event }
}

/// Requests at these milliseconds, the one at 300 an approval.
fn recording(times: &[u64]) -> Vec<Result<StoredEvent, Infallible>> {
    (1..)
        .zip(times)
        .map(|(seq, t)| {
            let kind = if *t == 300 { EventKind::ApprovalRequested } else { EventKind::HttpRequest };
            Ok(stored(seq, *t, kind, "{}"))
        })
        .collect()
}

/// Returns sequence number and point in the replay, in milliseconds.
fn played(times: &[u64], options: PlayOptions) -> Vec<(u64, u128)> {
    Player::new(recording(times).into_iter(), options)
        .map(|cue| cue.unwrap())
        .map(|cue| (cue.event.seq, cue.at.as_millis()))
        .collect()
}

fn at(text: &str) -> Position {
    text.parse().unwrap()
}

#[test]
fn events_keep_their_order_and_their_distances() {
    let all = PlayOptions::default;
    assert_eq!(played(&[0, 100, 300, 35_300], all()), [(1, 0), (2, 100), (3, 300), (4, 35_300)]);
    assert_eq!(played(&[0, 100, 90, 200], all()), [(1, 0), (2, 100), (3, 100), (4, 200)], "never back");
    assert_eq!(played(&[], all()), []);
}

#[test]
fn a_long_gap_is_shortened_to_the_limit_and_said_so() {
    let options = PlayOptions { idle_limit: Some(Duration::from_secs(2)), ..PlayOptions::default() };
    assert_eq!(
        played(&[0, 1000, 35_000, 36_000], options.clone()),
        [(1, 0), (2, 1000), (3, 3000), (4, 4000)]
    );
    let skipped: Vec<u64> = Player::new(recording(&[0, 1000, 35_000]).into_iter(), options)
        .map(|cue| cue.unwrap().skipped.as_secs())
        .collect();
    assert_eq!(skipped, [0, 0, 32]);
}

#[test]
fn a_part_is_played_from_where_to_where_it_is_asked_for() {
    let times = [0, 100, 300, 5000, 95_000];
    let part = |from: Option<Position>, to: Option<Position>| {
        played(&times, PlayOptions { from, to, idle_limit: None })
    };
    assert_eq!(part(Some(at("@4")), None), [(4, 0), (5, 90_000)]);
    assert_eq!(part(Some(at("5s")), None), [(4, 0), (5, 90_000)]);
    assert_eq!(part(Some(at("#approval")), Some(at("@4"))), [(3, 0), (4, 4700)]);
    assert_eq!(part(None, Some(at("#approval"))), [(1, 0), (2, 100), (3, 300)]);
    assert_eq!(part(None, Some(at("90s"))), [(1, 0), (2, 100), (3, 300), (4, 5000), (5, 95_000)]);
    assert_eq!(part(Some(at("@9")), None), []);
    for wrong in ["", "@", "@x", "#", "#nothing", "90", "-1s"] {
        assert!(wrong.parse::<Position>().is_err(), "{wrong}");
    }
    for text in ["@17", "#approval", "90s", "#denied"] {
        assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
    }
}

#[test]
fn a_statement_that_failed_is_an_error_and_one_that_speaks_of_it_is_none() {
    let marked = |data: &str| Mark::Error.is_on(&stored(1, 0, EventKind::SqlDone, data));
    assert!(marked(r#"{"tag":"","end":"error","error":{"sqlstate":"42501"}}"#));
    assert!(!marked(r#"{"tag":"\"end\":\"error\"","end":"complete"}"#));
    assert!(!Mark::Error.is_on(&stored(1, 0, EventKind::SqlQuery, r#"{"end":"error"}"#)));
}

#[test]
fn a_fault_ends_the_replay() {
    let events =
        [Ok(stored(1, 0, EventKind::Marker, "{}")), Err("torn"), Ok(stored(3, 0, EventKind::Marker, "{}"))];
    let seen: Vec<_> =
        Player::new(events.into_iter(), PlayOptions::default()).map(|cue| cue.is_ok()).collect();
    assert_eq!(seen, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn the_whole_takes_recorded_time_divided_by_speed_however_slow_each_step_is() {
    let times: Vec<u64> = (0..100).map(|n| n * 250).collect();
    for speed in [0.5, 1.0, 4.0, 16.0] {
        let began = tokio::time::Instant::now();
        let clock = Clock::new(began.into_std(), speed);
        for cue in Player::new(recording(&times).into_iter(), PlayOptions::default()) {
            let due = clock.deadline(cue.unwrap().at).unwrap();
            tokio::time::sleep_until(due.into()).await;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let wanted = Duration::from_millis(99 * 250).div_f64(speed) + Duration::from_millis(3);
        let took = began.elapsed();
        assert!(took.abs_diff(wanted) <= Duration::from_millis(2), "{speed}: {took:?} for {wanted:?}");
    }
}

#[test]
fn a_change_of_speed_a_pause_and_a_jump_set_a_new_base() {
    let zero = Instant::now();
    let after = |millis| zero + Duration::from_millis(millis);
    let mut clock = Clock::new(zero, 1.0);
    assert_eq!(clock.deadline(Duration::from_secs(2)), Some(after(2000)));
    clock.set_speed(after(1000), 2.0);
    assert_eq!(clock.deadline(Duration::from_secs(2)), Some(after(1500)));
    clock.pause(after(1200));
    assert_eq!(
        (clock.deadline(Duration::from_secs(2)), clock.position(after(9000)).as_millis()),
        (None, 1400)
    );
    clock.resume(after(9000));
    assert_eq!(clock.deadline(Duration::from_secs(2)), Some(after(9300)));
    clock.seek(after(9100), Duration::from_secs(10));
    assert_eq!(clock.deadline(Duration::from_secs(2)), Some(after(9100)), "the past is due now");
    assert_eq!(clock.deadline(Duration::from_secs(12)), Some(after(10_100)));
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        clock.set_speed(after(9100), speed);
        assert!(clock.deadline(Duration::from_secs(11)).is_some() && clock.speed() > 0.0, "{speed}");
    }
}

#[test]
fn every_kind_has_its_line() {
    let note = |entity: &str, at: &str, n| MaskNote { entity: entity.to_owned(), at: at.to_owned(), n };
    let mut response = stored(
        9,
        212,
        EventKind::HttpResponse,
        r#"{"status":200,"headers":[["Content-Type","application/json"]],"body":{"text":"{\"id\":7,\"ssn\":\"***-**-4399\"}","length":28},"total_us":1234,"end":"cut"}"#,
    );
    response.event.mask =
        vec![note("US_SSN", "text", 1), note("US_SSN", "header:x", 1), note("field", "token", 3)];
    assert_eq!(
        transcript(&response),
        [
            "+00:00.212 ← 200 application/json  1.234 ms  [cut]  [masked US_SSN ×2, token ×3]",
            r#"             {"id":7,"ssn":"***-**-4399"}"#
        ]
    );
    for (kind, data, line) in [
        (
            EventKind::Decision,
            r#"{"effect":"approve","rule":"w","approval":"apr_1"}"#,
            "◷ held by w  approval apr_1",
        ),
        (
            EventKind::Decision,
            r#"{"effect":"deny","rule":null,"code":"denied"}"#,
            "✗ denied no policy matched",
        ),
        (EventKind::Decision, r#"{"effect":"deny","rule":"r","reason":"x"}"#, "✗ denied by r \"x\""),
        (EventKind::Decision, r#"{"effect":"new"}"#, "✗ denied no policy matched"),
        (
            EventKind::ApprovalRequested,
            r#"{"approval":"apr_1","from":["dba","ops"],"min":2,"summary":"PATCH /x"}"#,
            "◷ approval apr_1 requested of 2 dba,ops  for PATCH /x",
        ),
        (
            EventKind::ApprovalDecided,
            r#"{"by":"local:kate","approve":true,"reason":"INC-1"}"#,
            "✓ approved by local:kate \"INC-1\"",
        ),
        (EventKind::ApprovalDecided, r#"{"by":"local:kate"}"#, "✗ denied by local:kate"),
        (EventKind::ApprovalExpired, r#"{"approval":"apr_1","state":"expired"}"#, "✗ approval apr_1 expired"),
        (
            EventKind::Error,
            r#"{"code":"upstream_unavailable","detail":"refused"}"#,
            "! upstream_unavailable: refused",
        ),
        (
            EventKind::Error,
            r#"{"code":"unauthenticated","reason":"expired","source":"10.0.0.9","method":"GET","path":"/c/crm/x\u001b[2J\u202e","principal":"","not_recorded_before":3}"#,
            r"! unauthenticated (expired)  GET /c/crm/x\u{1b}[2J\u{202e}  from 10.0.0.9  after 3 that were only counted",
        ),
        (
            EventKind::Error,
            r#"{"code":"no_such_connection","reason":"","source":"::1","method":"","path":"","principal":"dev/kim"}"#,
            "! no_such_connection  from ::1  as dev/kim",
        ),
        (EventKind::SessionEnd, r#"{"reason":"locked"}"#, "■ session ended: locked"),
        (EventKind::Marker, r#"{"text":"here"}"#, "● here"),
        (EventKind::HttpChunk, r#"{"frame":"text","body":null}"#, "← text frame"),
    ] {
        assert_eq!(transcript(&stored(1, 3_723_004, kind, data)), [format!("+1:02:03.004 {line}")], "{data}");
    }
}

#[test]
fn bodies_are_laid_out_and_bounded() {
    let body = |text: &str| {
        let data =
            serde_json::json!({"status": 200, "body": {"text": text, "length": text.len()}}).to_string();
        transcript(&stored(1, 0, EventKind::HttpResponse, &data))[1..].to_vec()
    };
    let big = format!(r#"{{"n":12345678901234567890123,"list":[1,{{"a":[]}}],"text":"{}"}}"#, "x".repeat(80));
    assert_eq!(
        body(&big)[..4],
        [
            "             {",
            "               \"n\": 12345678901234567890123,",
            "               \"list\": [",
            "                 1,"
        ]
    );
    assert_eq!(body("a\nb\n\n"), ["             a", "             b"]);
    let many = body(&"line\n".repeat(1000));
    assert_eq!((many.len(), many[200].trim()), (201, "(800 more lines)"));
    let long = body(&"é".repeat(1000));
    assert!(long[0].ends_with("(600 more characters)") && long[0].chars().count() < 450);
    for (data, line) in [
        (r#"{"body":{"base64":"AAECAw==","length":4}}"#, "(4 bytes, not text)"),
        (r#"{"body":{"length":70000,"sha256":"ab"}}"#, "(70000 bytes, not recorded)"),
        (r#"{"body":{"text":"","length":9,"cut":true}}"#, "(the rest of 9 bytes was not recorded)"),
    ] {
        assert_eq!(transcript(&stored(1, 0, EventKind::HttpChunk, data))[1].trim(), line);
    }
    let data = serde_json::json!({"body": {"text": "line\n".repeat(1000)}}).to_string();
    assert_eq!(transcript_whole(&stored(1, 0, EventKind::HttpChunk, &data)).len(), 1001);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}\u{feff}]){0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_a_client_or_target_said_reaches_a_terminal_unescaped(
        kind in prop::sample::select(EventKind::ALL.to_vec()),
        values in prop::collection::vec(any_json(), 31),
        entity in any::<String>(),
    ) {
        let names = ["method", "path", "query", "headers", "body", "class", "status", "effect", "rule", "reason", "by",
            "approval", "label", "principal", "sql", "params", "how", "verbs", "tables", "statement", "portal", "decision",
            "columns", "rows", "tag", "error", "copy", "withheld", "tx", "end", "cut"];
        let data: serde_json::Map<String, serde_json::Value> =
            names.iter().map(|name| (*name).to_owned()).zip(values).collect();
        let mut event = stored(1, 5, kind, &serde_json::Value::Object(data).to_string());
        event.event.mask = vec![MaskNote { entity: entity.clone(), at: entity, n: 1 }];
        let lines = transcript(&event);
        prop_assert!(!lines.is_empty());
        for line in &lines {
            prop_assert!(!line.chars().any(is_deceptive), "{line:?}");
        }
        prop_assert!(lines[0].starts_with("+00:00.005 "));
        prop_assert!(lines[1..].iter().all(|line| line.starts_with("          ")), "a body line cannot pass for an event");
    }

    #[test]
    fn a_body_of_any_text_is_harmless(text in "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}]){0,300}") {
        let data = serde_json::json!({"status": 200, "headers": [["content-type", text.clone()]], "body": {"text": text}}).to_string();
        for line in transcript(&stored(1, 5, EventKind::HttpResponse, &data)) {
            prop_assert!(!line.chars().any(is_deceptive), "{line:?}");
        }
    }
}
