//! Valid values without information, in place of a mask that a schema rejects.

use regex::RegexBuilder;
use regex_syntax::hir::Class;
use regex_syntax::hir::Hir;
use regex_syntax::hir::HirKind;

use crate::domain::json::Json;
use crate::mask::mcp::schema::Checker;
use crate::mask::mcp::schema::Fit;
use crate::mask::mcp::schema::Pattern;
use crate::mask::mcp::schema::Typed;
use crate::mask::mcp::schema::check::number;
use crate::mask::mcp::schema::formats;

/// Maximum length in bytes of a text that is made to fit.
const LONGEST: usize = 4096;

/// How many extra repetitions of a pattern's repeated parts are tried, in order, to reach a length.
const MORE: [usize; 12] = [0, 1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64];

impl<'a> Checker<'a> {
    /// Returns the mask itself if all schemas of a value certainly accept it; otherwise the first value that
    /// they accept and that reveals nothing of the masked one. `None`: none is known. `plain` is JSON.
    pub(in crate::mask::mcp) fn fit(&self, typed: &Typed<'a>, plain: &str) -> Option<String> {
        let fits = |text: &str| self.takes(typed, text);
        if fits(plain) {
            return Some(plain.to_owned());
        }
        let schemas = self.all(typed);
        let mut candidates = match typed.value {
            Json::Bool(_) => vec!["false".to_owned()],
            Json::Number(_) => numbers(&schemas),
            Json::String(_) => self.strings(&schemas),
            Json::Array(_) => vec!["[]".to_owned()],
            Json::Object(_) => vec!["{}".to_owned()],
            Json::Null => Vec::new(),
        };
        // The choices, which are public in the schema, those of the same type first; the same one for every
        // value.
        let mut choices: Vec<&Json> = Vec::new();
        for schema in &schemas {
            choices.extend(schema.member("enum").and_then(Json::as_array).into_iter().flatten());
            choices.extend(schema.member("const"));
        }
        choices.sort_by_key(|choice| std::mem::discriminant(*choice) != std::mem::discriminant(typed.value));
        candidates.extend(choices.iter().take(100).map(ToString::to_string));
        candidates.push("null".to_owned());
        candidates.into_iter().find(|candidate| fits(candidate))
    }

    /// Returns whether all schemas of a value certainly accept another one in its place. `json` is an empty
    /// object or array, or neither.
    pub(in crate::mask::mcp) fn takes(&self, typed: &Typed<'a>, json: &str) -> bool {
        Json::parse(json.as_bytes(), 2)
            .is_ok_and(|value| typed.schemas.iter().all(|schema| self.check(schema, &value, 0) == Fit::Yes))
    }

    fn strings(&self, schemas: &[&Json]) -> Vec<String> {
        let mut texts = vec!["[REDACTED]".to_owned(), "REDACTED".to_owned(), String::new()];
        let mut lengths = Vec::new();
        for schema in schemas {
            let text = |word| schema.member(word).and_then(Json::as_str);
            texts.extend(text("format").and_then(formats::sample).map(str::to_owned));
            if let Some(pattern) = text("pattern").and_then(|pattern| self.pattern(pattern)) {
                texts.extend(pattern.samples.iter().cloned());
            }
            for word in ["minLength", "maxLength"] {
                let length =
                    schema.member(word).and_then(Json::as_i64).and_then(|size| usize::try_from(size).ok());
                lengths.extend(length.filter(|size| *size <= LONGEST));
            }
        }
        texts.extend(lengths.into_iter().map(|length| "*".repeat(length)));
        texts.iter().map(|text| Json::String(text.as_str().into()).to_string()).collect()
    }
}

fn numbers(schemas: &[&Json]) -> Vec<String> {
    let mut found = vec!["0".to_owned()];
    let mut limits = Vec::new();
    let mut step = 1.0;
    for schema in schemas {
        for word in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            if let Some(content) = schema.member(word) {
                found.push(content.to_string());
                limits.extend(number(content));
            }
        }
        step = schema.member("multipleOf").and_then(number).unwrap_or(step);
    }
    for limit in limits.clone() {
        let nearest = (limit / step).floor() * step;
        found.extend([nearest, nearest + step, nearest - step, nearest + 2.0 * step].map(|n| n.to_string()));
    }
    if let (Some(first), Some(last)) = (limits.first(), limits.last()) {
        found.push(f64::midpoint(*first, *last).to_string());
    }
    found
}

/// Parses a pattern, and generates texts that match it. `None`: unsupported.
pub(super) fn compile(pattern: &str) -> Option<Pattern> {
    let regex = RegexBuilder::new(pattern).size_limit(1 << 18).dfa_size_limit(1 << 18).build().ok()?;
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut samples: Vec<String> = Vec::new();
    for more in MORE {
        let mut text = String::new();
        if write(&hir, more, &mut text).is_some() && regex.is_match(&text) && !samples.contains(&text) {
            samples.push(text);
        }
    }
    Some(Pattern { regex, samples })
}

/// Appends a text that matches a part of a pattern, with `more` extra repetitions of open ones. `None`: it is
/// too long.
fn write(hir: &Hir, more: usize, out: &mut String) -> Option<()> {
    if out.len() > LONGEST {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => out.push(pick(class)?),
        HirKind::Repetition(part) => {
            let least = usize::try_from(part.min).ok()?;
            let most = part.max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
            for _ in 0..least.saturating_add(more).min(most) {
                write(&part.sub, more, out)?;
                if out.len() > LONGEST {
                    return None;
                }
            }
        }
        HirKind::Capture(part) => write(&part.sub, more, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, more, out)?;
            }
        }
        HirKind::Alternation(parts) => write(parts.first()?, more, out)?,
    }
    Some(())
}

/// Returns a character of a class: a zero, an X, or any other.
fn pick(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let has = |c: &char| class.iter().any(|range| range.start() <= *c && *c <= range.end());
    "0Xxa*_-. "
        .chars()
        .find(has)
        .or_else(|| ('!'..='~').find(has))
        .or_else(|| Some(class.iter().next()?.start()))
}
