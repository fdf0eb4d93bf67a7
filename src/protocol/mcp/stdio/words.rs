//! The end of a failed program's log, for the gateway's log and the recording.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::domain::sync::lock;

/// How many bytes of it are kept.
const MOST: usize = 4 << 10;

/// The kept part of a program's log. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Words(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    /// The number of lines that are not kept, except for withheld ones.
    left_out: u64,
    withheld: u64,
}

/// How a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its exit status, if known.
    pub status: String,
    /// How long it lived.
    pub lived: Duration,
    /// The last lines of its log.
    pub said: String,
    /// How many lines before or between them are left out, except for withheld ones.
    pub left_out: u64,
    /// How many lines are withheld, because they may contain masked values.
    pub withheld: u64,
}

impl Words {
    /// Adds a line, with secrets removed; `None` counts a withheld one.
    pub fn add(&self, line: Option<&str>) {
        let mut kept = lock(&self.0);
        let Some(line) = line else {
            kept.withheld += 1;
            return;
        };
        // The end of a very long line may state the cause.
        let from = line.ceil_char_boundary(line.len().saturating_sub(MOST));
        let line = line.get(from..).unwrap_or_default();
        kept.bytes += line.len() + 1;
        kept.lines.push_back(line.to_owned());
        while kept.bytes > MOST && kept.lines.len() > 1 {
            let Some(oldest) = kept.lines.pop_front() else { return };
            kept.bytes = kept.bytes.saturating_sub(oldest.len() + 1);
            kept.left_out += 1;
        }
    }

    /// Returns the failure with the kept lines.
    pub fn failed(&self, status: Option<ExitStatus>, lived: Duration) -> Failed {
        let kept = lock(&self.0);
        let lines: Vec<&str> = kept.lines.iter().map(String::as_str).collect();
        Failed {
            status: status.map(|status| status.to_string()).unwrap_or_default(),
            lived,
            said: lines.join("\n"),
            left_out: kept.left_out,
            withheld: kept.withheld,
        }
    }
}

impl Failed {
    /// Writes the data of its marker in a recording. The log of a `shared` program may be about any of its
    /// users, so it is not in the recording of a single one.
    pub fn marker(&self, shared: bool) -> String {
        let Self { status, lived, said, left_out, withheld } = self;
        let status = if status.is_empty() { String::new() } else { format!(" ({status})") };
        let words = match (said.is_empty(), withheld) {
            (true, 0) => "; it left no words".to_owned(),
            (false, 0) if shared => "; its last words are in the gateway's log alone".to_owned(),
            (_, 0) => String::new(),
            (_, withheld) => {
                format!("; lines of its log that are masked here, or too long, are withheld: {withheld}")
            }
        };
        let mut data = json!({
            "text": format!("the target's program has ended by itself{status}{words}"),
            "program": {
                "lived_ms": u64::try_from(lived.as_millis()).unwrap_or(u64::MAX),
                "left_out": left_out,
                "withheld": withheld,
            },
        });
        if let Some(members) = data.as_object_mut().filter(|_| !said.is_empty() && !shared) {
            members.insert("body".to_owned(), json!({ "text": said, "length": said.len() }));
        }
        data.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn marker(words: &Words) -> Value {
        serde_json::from_str(&words.failed(None, Duration::from_millis(1500)).marker(false)).unwrap()
    }

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        let words = Words::default();
        assert_eq!(marker(&words)["text"], "the target's program has ended by itself; it left no words");
        for number in 0..2000 {
            words.add(Some(&format!("line {number}")));
        }
        let failed = words.failed(None, Duration::ZERO);
        assert!(
            failed.said.ends_with("line 1998\nline 1999") && failed.said.len() <= MOST,
            "{}",
            failed.said.len()
        );
        assert_eq!(failed.left_out, 2000 - failed.said.lines().count() as u64);
        words.add(Some(&format!("{}ž why", "ž".repeat(MOST))));
        let failed = words.failed(None, Duration::ZERO);
        assert!(failed.said.ends_with("ž why") && failed.said.len() <= MOST, "{}", failed.said.len());
        let told = marker(&words);
        assert_eq!(
            (&told["body"]["length"], &told["program"]["lived_ms"]),
            (&json!(failed.said.len()), &json!(1500))
        );
    }

    #[test]
    fn what_a_shared_program_said_is_in_no_recording() {
        let words = Words::default();
        let failed = || words.failed(None, Duration::ZERO);
        assert_eq!(failed().marker(true), failed().marker(false), "it said nothing");
        words.add(Some("bob's account 4711 is broken"));
        let told = failed().marker(true);
        assert!(!told.contains("4711") && told.contains("in the gateway's log alone"), "{told}");
        assert!(failed().marker(false).contains("4711"));
    }

    #[test]
    fn what_is_withheld_is_said_to_be() {
        let words = Words::default();
        words.add(None);
        words.add(None);
        let told = marker(&words);
        assert!(told["text"].as_str().unwrap().contains("are withheld: 2"), "{told}");
        assert!(told.get("body").is_none());
    }
}
