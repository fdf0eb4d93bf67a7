//! `mask test`: what the detectors find in a text, with their confidence.

use std::io::Read;

use clap::Args;
use clap::Subcommand;
use serde_json::json;

use crate::cli::entity::pair;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::domain::mask::Entity;
use crate::mask::detect;

/// Maximum length of the text in bytes.
const TEXT_MAX: u64 = 64 << 20;

/// Subcommands of `mask`.
#[derive(Debug, Subcommand)]
pub enum MaskVerb {
    /// Find sensitive values in standard input; found values are printed redacted
    Test(TestArgs),
}

/// Options of `mask test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only this detector; may be repeated [default: all]
    #[arg(long = "entity", value_name = "ENTITY", value_parser = entity)]
    pub entities: Vec<Entity>,
    /// A custom regular expression; may be repeated
    #[arg(long = "pattern", value_name = "NAME=REGEX", value_parser = pair)]
    pub patterns: Vec<(String, String)>,
    /// The name of the field that holds the text, which raises the confidence of some detectors
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub field: String,
}

fn entity(name: &str) -> Result<Entity, String> {
    Entity::built_in(&name.to_uppercase()).ok_or_else(|| {
        format!("expected one of {}", Entity::BUILT_IN.each_ref().map(Entity::as_str).join(", "))
    })
}

/// Runs `mask`.
pub fn run(terminal: Terminal, verb: &MaskVerb) -> Outcome {
    let MaskVerb::Test(args) = verb;
    let text = input()?;
    let wanted = if args.entities.is_empty() { Entity::BUILT_IN.to_vec() } else { args.entities.clone() };
    let patterns = args.patterns.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str()));
    let found = detect::scan(&text, &wanted, patterns, &args.field)
        .map_err(|(name, problem)| Failure::usage(format!("--pattern {name}: {problem}")))?;
    let rows: Vec<Row> = found.iter().map(|finding| row(&text, finding)).collect();
    terminal.list(
        &["line", "column", "entity", "score", "value", "masked", "reason"],
        &rows,
        "nothing was found",
    )?;
    terminal.say(&format!("{} found in {} bytes", rows.len(), text.len()));
    Ok(Exit::Done)
}

fn input() -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot read standard input: {error}"));
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(TEXT_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > TEXT_MAX {
        return Err(Failure::failed("the text is longer than 64 MiB"));
    }
    String::from_utf8(bytes).map_err(|_not_text| Failure::failed("standard input is not UTF-8 text"))
}

fn row(text: &str, finding: &detect::Finding) -> Row {
    let before = text.get(..finding.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let value = hidden(text.get(finding.start..finding.end).unwrap_or_default());
    let score = (f64::from(finding.score) * 100.0).round() / 100.0;
    let json = json!({"line": line, "column": column, "start": finding.start, "end": finding.end,
        "entity": finding.entity.as_str(), "score": score, "value": value,
        "masked": finding.score >= detect::THRESHOLD, "reason": finding.reason});
    Row {
        cells: vec![
            line.to_string(),
            column.to_string(),
            finding.entity.to_string(),
            format!("{:.2}", finding.score),
            value,
            masked_word(finding).to_owned(),
            finding.reason.clone(),
        ],
        json,
    }
}

const fn masked_word(finding: &detect::Finding) -> &'static str {
    if finding.score >= detect::THRESHOLD { "yes" } else { "no" }
}

/// Returns the shape of a value, with at most its last two characters: a terminal's history keeps what is
/// printed.
fn hidden(value: &str) -> String {
    let count = value.chars().count();
    let stay = if count > 6 { 2 } else { 0 };
    let shape = value.chars().enumerate().map(|(place, c)| match c {
        c if c.is_alphanumeric() && place + stay < count => '*',
        c => c,
    });
    let shape: String = shape.collect();
    if count <= 40 {
        return shape;
    }
    let end: String = shape.chars().skip(count - 8).collect();
    shape.chars().take(24).collect::<String>() + "..." + &end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_value_shows_its_shape_and_two_characters() {
        assert_eq!(hidden("571-90-4399"), "***-**-**99");
        assert_eq!(hidden("a@b.c"), "*@*.*");
        let long = hidden(&"x".repeat(100));
        assert!(long.chars().count() < 40 && !long.contains("xxx"), "{long}");
    }
}
