//! The stored line of an event: serialized once, hashed, and never serialized again.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::event::{Direction, Event, EventKind, MaskNote};
use crate::domain::id::{RequestId, SessionId};
use crate::domain::json::push_number;
use crate::recording::chain::Hash;

/// Version of the line format.
const VERSION: u8 = 1;
/// The last millisecond of a year with four digits.
const LAST_MS: i64 = 253_402_300_799_999;

/// One recorded event, with exactly the bytes that were hashed.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Sequence number in the session, from 1.
    pub seq: u64,
    /// The chain hash up to and including this event.
    pub hash: Hash,
    /// The stored bytes: one JSON object on one line.
    pub line: Box<str>,
    /// The event that the line encodes.
    pub event: Event,
}

/// A stored line that cannot be read. Contains no part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a recorded line cannot be parsed: {problem}")]
pub struct LineError {
    /// The problem with the line.
    pub problem: String,
}

/// The members of a line.
#[derive(Deserialize)]
struct Wire<'a> {
    v: u8,
    sid: SessionId,
    seq: u64,
    t: u64,
    #[serde(borrow)]
    ts: std::borrow::Cow<'a, str>,
    kind: EventKind,
    dir: Option<Direction>,
    corr: Option<RequestId>,
    #[serde(borrow)]
    data: &'a RawValue,
    mask: Vec<MaskNote>,
}

impl StoredEvent {
    /// Reads a stored line.
    ///
    /// # Errors
    /// Text that is not a stored line, or a line of another version.
    pub fn read(hash: Hash, line: &[u8]) -> Result<Self, LineError> {
        let refuse = |problem: &str| LineError { problem: problem.to_owned() };
        let text = std::str::from_utf8(line).map_err(|_error| refuse("not UTF-8"))?;
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| LineError {
            // Category and position only: serde's message repeats the input.
            problem: format!("{:?} error at column {}", error.classify(), error.column()),
        })?;
        if wire.v != VERSION {
            return Err(refuse("another version of the form"));
        }
        let ts: jiff::Timestamp = wire.ts.parse().map_err(|_error| refuse("no time in ts"))?;
        let event = Event {
            session: wire.sid,
            t_us: wire.t,
            ts_ms: ts.as_millisecond(),
            kind: wire.kind,
            dir: wire.dir,
            corr: wire.corr,
            data: wire.data.get().into(),
            mask: wire.mask,
        };
        Ok(Self { seq: wire.seq, hash, line: text.into(), event })
    }

    /// Reads a line received over the admin API, with its hash as 64 hex digits.
    ///
    /// # Errors
    /// As [`StoredEvent::read`], and an invalid hash.
    pub fn received(hash: &str, line: &str) -> Result<Self, LineError> {
        let hash = crate::recording::chain::from_hex(hash)
            .ok_or_else(|| LineError { problem: "no hash".to_owned() })?;
        Self::read(hash, line.as_bytes())
    }

    /// Serializes an event that has its number and hash.
    pub(crate) fn compose(seq: u64, hash: Hash, event: Event) -> Result<Self, &'static str> {
        let mut line = Vec::new();
        write_line(&mut line, &prefix_of(event.session), seq, &event)?;
        let line = String::from_utf8(line).map_err(|_never| "not UTF-8")?;
        Ok(Self { seq, hash, line: line.into(), event })
    }
}

impl Serialize for StoredEvent {
    /// Writes the stored line verbatim.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.line).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Returns the prefix of every line of a session, up to the number.
pub(crate) fn prefix_of(session: SessionId) -> Vec<u8> {
    format!("{{\"v\":{VERSION},\"sid\":\"{session}\",\"seq\":").into_bytes()
}

/// Checks that `data` can be part of a line.
///
/// # Errors
/// `data` is not the text of one object on one line.
pub(crate) fn check_data(data: &str) -> Result<(), &'static str> {
    if !data.starts_with('{') || !data.ends_with('}') {
        return Err("not a JSON object");
    }
    if memchr::memchr(b'\n', data.as_bytes()).is_some() {
        return Err("more than one line");
    }
    Ok(())
}

/// Appends the line of `event` with number `seq`; `prefix` is [`prefix_of`] its session.
///
/// # Errors
/// `data` is not the text of one object on one line.
pub(crate) fn write_line(
    out: &mut Vec<u8>,
    prefix: &[u8],
    seq: u64,
    event: &Event,
) -> Result<(), &'static str> {
    check_data(&event.data)?;
    let data = event.data.as_bytes();
    out.reserve(prefix.len() + data.len() + 200);
    out.extend_from_slice(prefix);
    push_number(seq, out);
    out.extend_from_slice(b",\"t\":");
    push_number(event.t_us, out);
    out.extend_from_slice(b",\"ts\":\"");
    write_time(out, event.ts_ms);
    out.extend_from_slice(b"\",\"kind\":\"");
    out.extend_from_slice(event.kind.as_str().as_bytes());
    out.extend_from_slice(match event.dir {
        None => b"\",\"dir\":null,\"corr\":".as_slice(),
        Some(Direction::C2s) => b"\",\"dir\":\"c2s\",\"corr\":",
        Some(Direction::S2c) => b"\",\"dir\":\"s2c\",\"corr\":",
    });
    match event.corr {
        None => out.extend_from_slice(b"null"),
        Some(corr) => write!(out, "\"{corr}\"").map_err(|_never| "no memory")?,
    }
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.extend_from_slice(b",\"mask\":");
    MaskNote::write_all(&event.mask, out);
    out.push(b'}');
    Ok(())
}

/// Appends a time as RFC 3339 with milliseconds, in UTC. Times before 1970 or after 9999 are clamped.
pub(crate) fn write_time(out: &mut Vec<u8>, ms: i64) {
    let ms = ms.clamp(0, LAST_MS).unsigned_abs();
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Days to a date of the Gregorian calendar, with years that begin on 1 March (H. Hinnant,
    // chrono-compatible algorithms).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let digit = |value: u64| b'0' + u8::try_from(value % 10).unwrap_or(0);
    let two = |value: u64| [digit(value / 10), digit(value)];
    let [y1, y2, y3, y4] = [digit(year / 1000), digit(year / 100), digit(year / 10), digit(year)];
    let [[mo1, mo2], [d1, d2], [h1, h2], [m1, m2], [s1, s2]] =
        [two(month), two(day), two(rest / 3_600_000), two(rest / 60_000 % 60), two(rest / 1000 % 60)];
    let [f1, f2, f3] = [digit(rest / 100), digit(rest / 10), digit(rest)];
    out.extend_from_slice(&[
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2,
        f3, b'Z',
    ]);
}

/// Formats a time like [`write_time`].
pub(crate) fn time_text(ms: i64) -> String {
    let mut out = Vec::with_capacity(24);
    write_time(&mut out, ms);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::chain::GENESIS;

    fn event(data: &str) -> Event {
        Event {
            session: SessionId::new(),
            t_us: 6_118_402,
            ts_ms: 1_795_166_049_118,
            kind: EventKind::HttpRequest,
            dir: Some(Direction::C2s),
            corr: Some(RequestId::new()),
            data: data.into(),
            mask: vec![MaskNote { entity: "US_SSN".to_owned(), at: "ssn".to_owned(), n: 2 }],
        }
    }

    #[test]
    fn a_line_has_its_members_in_their_order() {
        let event = event(r#"{"a":1}"#);
        let (sid, corr) = (event.session, event.corr.unwrap());
        let stored = StoredEvent::compose(17, GENESIS, event).unwrap();
        assert_eq!(
            &*stored.line,
            format!(
                r#"{{"v":1,"sid":"{sid}","seq":17,"t":6118402,"ts":"2026-11-20T09:14:09.118Z","kind":"http.request","dir":"c2s","corr":"{corr}","data":{{"a":1}},"mask":[{{"entity":"US_SSN","at":"ssn","n":2}}]}}"#
            )
        );
        assert_eq!(serde_json::to_string(&stored).unwrap(), *stored.line);
        let read = StoredEvent::read(GENESIS, stored.line.as_bytes()).unwrap();
        assert_eq!((read.seq, read.event.ts_ms, read.event.corr), (17, 1_795_166_049_118, Some(corr)));
    }

    #[test]
    fn what_is_no_line_is_refused_and_not_repeated() {
        let whole = StoredEvent::compose(1, GENESIS, event(r#"{"secret":1}"#)).unwrap().line;
        for line in [
            whole.replace("\"v\":1", "\"v\":2"),
            whole.replace("2026-11", "2026-13"),
            whole.replace("http.request", "http.secret"),
            whole.replace("\"mask\"", "\"secret\""),
            whole.replace("\"seq\":1", "\"seq\":-1"),
            "secret".to_owned(),
            String::new(),
        ] {
            let error = StoredEvent::read(GENESIS, line.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn times_and_numbers_are_written_as_others_write_them(ms in 0..=LAST_MS, number in any::<u64>()) {
            let expected = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(time_text(ms), format!("{expected:.3}"));
            let mut out = Vec::new();
            push_number(number, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }

    #[test]
    fn the_ends_of_time_are_written_too() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time_text(i64::MIN), "1970-01-01T00:00:00.000Z");
        assert_eq!(time_text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(time_text(i64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
