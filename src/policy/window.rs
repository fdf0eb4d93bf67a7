//! Time windows: days and hours in one time zone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::policy::answer::Answer;
use crate::policy::problem::Findings;
use crate::policy::problem::Refusal;
use crate::policy::rule::When;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const HOURS: &str = "write HH:MM-HH:MM, such as 08:00-19:00, or 22:00-06:00 across midnight";
const DAY_MINUTES: u16 = 24 * 60;

/// A compiled [`When`].
#[derive(Debug, Clone)]
pub(super) struct Window {
    text: Box<str>,
    /// One entry per day, from Monday.
    days: [bool; 7],
    /// Minutes since midnight, first inside and first outside; `from > to` spans midnight.
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl Window {
    /// Compiles a `when` table.
    pub(super) fn compile(when: &When, findings: &mut Findings<'_>) -> Option<Self> {
        if when.days.is_empty() && when.hours.is_empty() {
            findings.note(
                "when",
                "",
                "neither days nor hours",
                "give days = [\"mon-fri\"], hours = \"08:00-19:00\" or both",
            );
            return None;
        }
        let mut days = [when.days.is_empty(); 7];
        let mut sound = true;
        for written in &when.days {
            match read_days(written) {
                Ok(named) => {
                    for (day, named) in days.iter_mut().zip(named) {
                        *day |= named;
                    }
                }
                Err(refusal) => {
                    findings.refuse("when.days", written, refusal);
                    sound = false;
                }
            }
        }
        let hours = if when.hours.is_empty() { Ok((0, DAY_MINUTES)) } else { read_hours(&when.hours) };
        let hours = findings.keep("when.hours", &when.hours, hours);
        let name = if when.tz.is_empty() { "UTC" } else { &when.tz };
        let zone = TimeZone::get(name).map_err(|_unknown| {
            Refusal::new("an unknown time zone", "write an IANA name such as Europe/Lisbon or UTC")
        });
        let zone = findings.keep("when.tz", &when.tz, zone);
        let (Some((from, to)), Some(zone), true) = (hours, zone, sound) else { return None };
        let all_days = if when.days.is_empty() { "every day".to_owned() } else { when.days.join(", ") };
        let all_hours = if when.hours.is_empty() { "all day" } else { &when.hours };
        Some(Self { text: format!("{all_days} {all_hours} {name}").into(), days, from, to, zone })
    }

    /// Returns whether the time, in milliseconds since 1970, is inside.
    pub(super) fn answer(&self, now_ms: i64) -> Answer {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return Answer::Unsure };
        let local = self.zone.to_datetime(now);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday();
        Answer::of(if self.from < self.to {
            self.on(today) && (self.from..self.to).contains(&minute)
        } else {
            (self.on(today) && minute >= self.from) || (self.on(today.previous()) && minute < self.to)
        })
    }

    fn on(&self, day: Weekday) -> bool {
        self.days.get(usize::from(day.to_monday_zero_offset().unsigned_abs())).copied().unwrap_or(false)
    }

    /// Returns the time in the window's zone, for display.
    pub(super) fn found(&self, now_ms: i64) -> String {
        match Timestamp::from_millisecond(now_ms) {
            Ok(now) => now.to_zoned(self.zone.clone()).strftime("%a %H:%M %Z").to_string(),
            Err(_) => "a time out of range".to_owned(),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn read_days(text: &str) -> Result<[bool; 7], Refusal> {
    let place = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().position(|day| *day == name)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Some(first), Some(last)) = (place(first), place(last)) else {
        return Err(Refusal::new(
            "no day",
            "write mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri",
        ));
    };
    let length = (last + 7 - first) % 7;
    let mut days = [false; 7];
    for (place, day) in days.iter_mut().enumerate() {
        *day = (place + 7 - first) % 7 <= length;
    }
    Ok(days)
}

fn read_hours(text: &str) -> Result<(u16, u16), Refusal> {
    let minute = |clock: &str| {
        let (hour, minute) = clock.trim().split_once(':')?;
        let two = |part: &str| {
            (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
        };
        let minutes = two(hour)?? * 60 + two(minute)??;
        (two(minute)?? < 60 && minutes <= DAY_MINUTES).then_some(minutes)
    };
    let window = text.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
    match window {
        None | Some((DAY_MINUTES, _)) => Err(Refusal::new("no window of hours", HOURS)),
        Some((from, to)) if from == to => Err(Refusal::new(
            "a window without length",
            "leave hours out for all day, or write two different times",
        )),
        // A window to 00:00 ends the day it started on.
        Some((from, 0)) => Ok((from, DAY_MINUTES)),
        Some(window) => Ok(window),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[&str], hours: &str, tz: &str) -> Result<Window, Vec<String>> {
        let when =
            When { days: days.iter().map(ToString::to_string).collect(), hours: hours.into(), tz: tz.into() };
        let mut problems = Vec::new();
        let window = Window::compile(&when, &mut Findings { rule: "r", problems: &mut problems });
        window.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_millisecond()
    }

    #[test]
    fn a_window_holds_its_first_minute_and_not_its_last() {
        // 2026-03-02 is a Monday.
        let cases = [
            (&["mon-fri"][..], "08:00-19:00", "UTC", "2026-03-02T08:00:00Z", true),
            (&["mon-fri"], "08:00-19:00", "UTC", "2026-03-02T07:59:59Z", false),
            (&["mon-fri"], "08:00-19:00", "UTC", "2026-03-02T18:59:59.999Z", true),
            (&["mon-fri"], "08:00-19:00", "UTC", "2026-03-02T19:00:00Z", false),
            (&["mon-fri"], "08:00-19:00", "UTC", "2026-03-07T12:00:00Z", false),
            (&["sat-mon"], "", "UTC", "2026-03-02T23:59:59Z", true),
            (&["sat-mon"], "", "UTC", "2026-03-03T00:00:00Z", false),
            (&["tue", "sat"], "", "", "2026-03-07T00:00:00Z", true),
            (&[], "09:00-10:00", "", "2026-03-08T09:30:00Z", true),
            (&["fri"], "22:00-06:00", "UTC", "2026-03-06T22:00:00Z", true),
            (&["fri"], "22:00-06:00", "UTC", "2026-03-07T05:59:00Z", true),
            (&["fri"], "22:00-06:00", "UTC", "2026-03-07T06:00:00Z", false),
            (&["fri"], "22:00-06:00", "UTC", "2026-03-06T05:00:00Z", false),
            (&["fri"], "22:00-06:00", "UTC", "2026-03-07T22:00:00Z", false),
            (&[], "18:00-24:00", "UTC", "2026-03-07T23:59:59Z", true),
            (&[], "18:00-00:00", "UTC", "2026-03-07T23:59:59Z", true),
            (&[], "18:00-00:00", "UTC", "2026-03-07T00:00:00Z", false),
            // One hour ahead in winter, two in summer.
            (&[], "08:00-09:00", "Europe/Berlin", "2026-03-02T07:30:00Z", true),
            (&[], "08:00-09:00", "Europe/Berlin", "2026-07-02T06:30:00Z", true),
            (&[], "08:00-09:00", "Europe/Berlin", "2026-07-02T07:30:00Z", false),
            // Already Tuesday in Auckland.
            (&["tue"], "", "Pacific/Auckland", "2026-03-02T12:00:00Z", true),
            (&["mon"], "", "Pacific/Auckland", "2026-03-02T12:00:00Z", false),
        ];
        for (days, hours, tz, now, inside) in cases {
            let window = window(days, hours, tz).expect(hours);
            assert_eq!(window.answer(at(now)), Answer::of(inside), "{days:?} {hours} {tz} {now}");
        }
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_unsure() {
        let window = window(&["mon"], "", "UTC").expect("window");
        assert_eq!(window.answer(i64::MAX), Answer::Unsure);
        assert_eq!(window.found(i64::MAX), "a time out of range");
    }

    #[test]
    fn every_mistake_is_told() {
        for (days, hours, tz, problems) in [
            (&["monday"][..], "8-19", "Europe/Lisabon", 3),
            (&["mon-"], "", "", 1),
            (&[""], "", "", 1),
            (&["mon-tue-wed"], "", "", 1),
            (&[], "", "UTC", 1),
            (&[], "08:00-08:00", "", 1),
            (&[], "00:00-00:00", "", 1),
            (&[], "24:00-06:00", "", 1),
            (&[], "08:60-09:00", "", 1),
            (&[], "08:00-24:01", "", 1),
            (&[], "8:00-9:00", "", 1),
            (&[], "+8:00-09:00", "", 1),
            (&[], "08:00", "", 1),
        ] {
            let found = window(days, hours, tz).expect_err(hours);
            assert_eq!(found.len(), problems, "{found:?}");
        }
    }
}
