//! Durations and sizes as people write them: `90s`, `10m`, `1h`, `30d`; `1MiB`, `64KiB`, `20GiB`.

use std::time::Duration;

/// Text that is not a duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {wanted}")]
pub struct InvalidUnit {
    /// The text.
    pub found: String,
    /// The expected form.
    pub wanted: &'static str,
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

/// Parses a whole number and one of `ms s m h d`.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidUnit> {
    let read = || {
        let (number, unit) = split(text)?;
        Some(match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        })
    };
    read().ok_or_else(|| InvalidUnit {
        found: text.to_owned(),
        wanted: "a duration such as 90s, 10m, 1h or 30d",
    })
}

/// Formats a duration roughly, for people: `42s`, `10m`, `3h`, `5d`.
pub fn rough(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Formats a duration so that [`parse_duration`] reads it back: with the largest unit that leaves no
/// remainder.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_millis() > 0 {
        return format!("{}ms", duration.as_millis());
    }
    match [("d", 86_400), ("h", 3600), ("m", 60)]
        .into_iter()
        .find(|(_, size)| seconds > 0 && seconds.is_multiple_of(*size))
    {
        Some((unit, size)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

/// Parses a whole number of bytes, with `KiB`, `MiB` or `GiB`, or `B` or nothing for bytes.
pub fn parse_size(text: &str) -> Result<u64, InvalidUnit> {
    let read = || {
        let (number, unit) = split(text)?;
        let shift = match unit {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.checked_mul(1 << shift)
    };
    read().ok_or_else(|| InvalidUnit {
        found: text.to_owned(),
        wanted: "a size such as 512KiB, 10MiB or 20GiB",
    })
}

/// Formats a size so that [`parse_size`] reads it back.
pub fn format_size(bytes: u64) -> String {
    match [("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift))
    {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_survive_their_text() {
        for text in ["0s", "90s", "10m", "1h", "30d", "250ms", "61m"] {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), Ok(text));
        }
        for text in ["0B", "100B", "64KiB", "1MiB", "20GiB"] {
            assert_eq!(parse_size(text).map(format_size).as_deref(), Ok(text));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "1", "s", "1 s", "1.5h", "-1s", "1S", "99999999999999999999s", "999999999999999999d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["", "KiB", "1KB", "1 MiB", "-1B", "999999999999GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
