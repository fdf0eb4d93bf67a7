//! Detectors: values that are sensitive by their shape, each with a score and a reason.
//!
//! A candidate with a score of at least [`THRESHOLD`] is masked. If candidates overlap, their combined span
//! is masked as one, under the name of the one with the highest score, so nothing of a weaker match is left
//! over.

mod anchors;
mod aws;
mod card;
mod email;
mod iban;
mod ip;
mod jwt;
mod pem;
mod scanner;
mod signs;
mod ssn;

use crate::domain::Entity;

pub(super) use pem::LONGEST as LONGEST_PEM;
pub(super) use scanner::By;
pub(super) use scanner::Hit;
pub(super) use scanner::PatternProblem;
pub(super) use scanner::Scanner;
pub(super) use scanner::merge;

/// The minimum score of a candidate that is masked.
pub const THRESHOLD: f32 = 0.5;

/// The reason of a candidate whose end has not arrived yet.
pub(super) const OPEN: &str = "it has not ended";

/// A finding of one detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The detector.
    pub entity: Entity,
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset of its end.
    pub end: usize,
    /// Confidence, 0 to 1. Below [`THRESHOLD`] it is shown but not masked.
    pub score: f32,
    /// The reason for the score.
    pub reason: String,
}

/// Returns all findings in one text, in order, including candidates below the threshold. `patterns` are
/// custom regular expressions by name; `field` is the name of the field that holds the text, or empty.
///
/// # Errors
/// The name of the first pattern that does not compile, and why.
pub fn scan<'a>(
    text: &str,
    entities: &[Entity],
    patterns: impl IntoIterator<Item = (&'a str, &'a str)>,
    field: &str,
) -> Result<Vec<Finding>, (String, String)> {
    let mut scanner = Scanner::default();
    for entity in entities {
        scanner.add_built_in(entity, 0);
    }
    for (name, pattern) in patterns {
        scanner.add_pattern(name, pattern, 0).map_err(|problem| (name.to_owned(), problem.to_string()))?;
    }
    let mut hits = Vec::new();
    scanner.candidates(text.as_bytes(), field, true, &mut hits);
    let (mut sure, weak): (Vec<Hit>, Vec<Hit>) = hits.into_iter().partition(Hit::counts);
    merge(&mut sure);
    let lone = |hit: &Hit| !sure.iter().any(|other| hit.start < other.end && other.start < hit.end);
    let mut shown: Vec<Hit> = weak.into_iter().filter(lone).collect();
    shown.extend(&sure);
    shown.sort_by_key(|hit| (hit.start, hit.end));
    shown.dedup_by_key(|hit| (hit.start, hit.end));
    Ok(shown
        .into_iter()
        .filter_map(|hit| {
            let (entity, _) = scanner.owner(hit.by)?;
            let score = f32::from(hit.score) / 100.0;
            Some(Finding {
                entity: entity.clone(),
                start: hit.start,
                end: hit.end,
                score,
                reason: hit.reason.to_owned(),
            })
        })
        .collect())
}

/// A span that one built-in detector claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    /// In hundredths.
    score: u8,
    reason: &'static str,
}

/// Returns the byte at a place, 0 beyond the ends.
fn byte_at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// Returns the byte before a place, 0 at the start.
fn byte_before(text: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |before| byte_at(text, before))
}

#[cfg(test)]
mod tests;
