//! Validates a value against a schema: the constraining keywords of JSON Schema, as far as they can be
//! decided with certainty.

use crate::domain::json::Json;
use crate::mask::mcp::schema::Checker;
use crate::mask::mcp::schema::Fit;
use crate::mask::mcp::schema::formats;

/// How deep references and branches are followed.
const DEEPEST: usize = 160;

/// Constraining keywords that are not supported here, whatever the value.
const OPAQUE: [&str; 3] = ["$dynamicRef", "$recursiveRef", "dependencies"];

type Members = [(Box<str>, Json)];

impl<'a> Checker<'a> {
    /// Returns whether a schema accepts a value.
    pub(super) fn check(&self, schema: &'a Json, value: &Json, depth: usize) -> Fit {
        if depth > DEEPEST || !self.step() {
            return Fit::Unsure;
        }
        let words = match schema {
            Json::Bool(all) => return Fit::of(*all),
            Json::Object(words) => words,
            _ => return Fit::Unsure,
        };
        let mut fit = Fit::Yes;
        for (word, content) in words {
            fit = fit.and(self.word(words, word, content, value, depth));
            if fit == Fit::No {
                break;
            }
        }
        fit
    }

    fn word(&self, words: &'a Members, word: &str, content: &'a Json, value: &Json, depth: usize) -> Fit {
        if OPAQUE.contains(&word) {
            return Fit::Unsure;
        }
        match word {
            "$ref" => {
                let known = content.as_str().and_then(|name| self.resolve(name));
                known.map_or(Fit::Unsure, |schema| self.check(schema, value, depth + 1))
            }
            "type" => has_type(content, value),
            "const" => Fit::of(same(content, value)),
            "enum" => match content {
                Json::Array(choices) => Fit::of(choices.iter().any(|choice| same(choice, value))),
                _ => Fit::Unsure,
            },
            "allOf" => self.branches(content, value, depth).into_iter().fold(Fit::Yes, Fit::and),
            "anyOf" => {
                self.branches(content, value, depth).into_iter().map(Fit::not).fold(Fit::Yes, Fit::and).not()
            }
            "oneOf" => {
                let fits = self.branches(content, value, depth);
                let count = |wanted| fits.iter().filter(|fit| **fit == wanted).count();
                match (count(Fit::Yes), count(Fit::Unsure)) {
                    (2.., _) | (0, 0) => Fit::No,
                    (1, 0) => Fit::Yes,
                    _ => Fit::Unsure,
                }
            }
            "not" => self.check(content, value, depth + 1).not(),
            "if" => {
                let branch = |name| {
                    let found = words.iter().find(|(word, _)| &**word == name);
                    found.map_or(Fit::Yes, |(_, schema)| self.check(schema, value, depth + 1))
                };
                match self.check(content, value, depth + 1) {
                    Fit::Yes => branch("then"),
                    Fit::No => branch("else"),
                    Fit::Unsure => match (branch("then"), branch("else")) {
                        (one, other) if one == other => one,
                        _ => Fit::Unsure,
                    },
                }
            }
            _ => match value {
                Json::Array(values) => self.array_word(words, word, content, values, depth),
                Json::Number(text) => number_word(word, content, text),
                Json::Object(members) => self.object_word(words, word, content, members, depth),
                Json::String(text) => self.string_word(word, content, text),
                Json::Bool(_) | Json::Null => Fit::Yes,
            },
        }
    }

    fn branches(&self, content: &'a Json, value: &Json, depth: usize) -> Vec<Fit> {
        match content {
            Json::Array(schemas) => {
                schemas.iter().map(|schema| self.check(schema, value, depth + 1)).collect()
            }
            _ => vec![Fit::Unsure],
        }
    }

    fn string_word(&self, word: &str, content: &Json, text: &str) -> Fit {
        // Clients count UTF-16 units or characters: a value must match by both.
        let sizes = || (amount(text.chars().count()), amount(text.encode_utf16().count()));
        match word {
            "minLength" => limit(content, |least| sizes().0 >= least),
            "maxLength" => limit(content, |most| sizes().1 <= most),
            "pattern" => match content.as_str().and_then(|pattern| self.pattern(pattern)) {
                Some(pattern) => Fit::of(pattern.regex.is_match(text)),
                None => Fit::Unsure,
            },
            "format" => {
                Fit::of(content.as_str().and_then(|format| formats::has(format, text)).unwrap_or(true))
            }
            _ => Fit::Yes,
        }
    }

    fn array_word(
        &self,
        words: &'a Members,
        word: &str,
        content: &'a Json,
        values: &[Json],
        depth: usize,
    ) -> Fit {
        let size = amount(values.len());
        match word {
            "minItems" => limit(content, |least| size >= least),
            "maxItems" => limit(content, |most| size <= most),
            "uniqueItems" if content == &Json::Bool(true) => {
                let mut texts: Vec<String> = values.iter().map(Json::to_string).collect();
                texts.sort_unstable();
                Fit::of(texts.windows(2).all(|pair| pair.first() != pair.last()))
            }
            "contains" | "minContains" | "maxContains" | "unevaluatedItems" => Fit::Unsure,
            "items" | "prefixItems" | "additionalItems" => {
                let each = values.iter().enumerate().map(|(place, value)| {
                    let schema = items_at(words, word, content, place);
                    schema.map_or(Fit::Yes, |schema| self.check(schema, value, depth + 1))
                });
                each.fold(Fit::Yes, Fit::and)
            }
            _ => Fit::Yes,
        }
    }

    fn object_word(
        &self,
        words: &'a Members,
        word: &str,
        content: &'a Json,
        members: &Members,
        depth: usize,
    ) -> Fit {
        let size = amount(members.len());
        let has = |name: &Json| members.iter().any(|(member, _)| Some(&**member) == name.as_str());
        match word {
            "minProperties" => limit(content, |least| size >= least),
            "maxProperties" => limit(content, |most| size <= most),
            "required" => Fit::of(content.as_array().is_some_and(|names| names.iter().all(has))),
            "properties" | "patternProperties" | "additionalProperties" => {
                let mut fit = Fit::Yes;
                for (name, value) in members {
                    let (schemas, sure) = self.members_by(words, word, content, name);
                    fit = schemas
                        .into_iter()
                        .fold(fit, |fit, schema| fit.and(self.check(schema, value, depth + 1)));
                    if !sure {
                        fit = fit.and(Fit::Unsure);
                    }
                }
                fit
            }
            "propertyNames" => members.iter().fold(Fit::Yes, |fit, (name, _)| {
                fit.and(self.check(content, &Json::String(name.clone()), depth + 1))
            }),
            "dependentRequired" | "dependentSchemas" => Fit::Unsure,
            "unevaluatedProperties" if content != &Json::Bool(true) => Fit::Unsure,
            _ => Fit::Yes,
        }
    }
}

/// Returns the schema of an element according to `items` and similar keywords.
pub(super) fn items_at<'a>(
    words: &'a Members,
    word: &str,
    content: &'a Json,
    place: usize,
) -> Option<&'a Json> {
    let of = |name: &str| words.iter().find(|(word, _)| &**word == name).map(|(_, content)| content);
    match (word, content) {
        ("items" | "prefixItems", Json::Array(schemas)) => schemas.get(place),
        ("items", _) => {
            let before = of("prefixItems").and_then(Json::as_array).map_or(0, <[Json]>::len);
            (place >= before).then_some(content)
        }
        ("additionalItems", _) => {
            let before = of("items").and_then(Json::as_array)?.len();
            (place >= before).then_some(content)
        }
        _ => None,
    }
}

fn has_type(content: &Json, value: &Json) -> Fit {
    let one = |name: &Json| {
        let name = name.as_str().unwrap_or_default();
        match value {
            Json::Null => name == "null",
            Json::Bool(_) => name == "boolean",
            Json::Number(text) => name == "number" || (name == "integer" && is_whole(text)),
            Json::String(_) => name == "string",
            Json::Array(_) => name == "array",
            Json::Object(_) => name == "object",
        }
    };
    Fit::of(match content {
        Json::Array(names) => names.iter().any(one),
        name => one(name),
    })
}

/// Converts a count, for comparison with a limit.
fn amount(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn is_whole(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| number.fract() == 0.0)
}

/// Returns a numeric limit.
fn limit(content: &Json, fits: impl Fn(f64) -> bool) -> Fit {
    number(content).map_or(Fit::Unsure, |limit| Fit::of(fits(limit)))
}

/// Returns the number that a keyword has.
pub(super) fn number(content: &Json) -> Option<f64> {
    match content {
        Json::Number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn number_word(word: &str, content: &Json, text: &str) -> Fit {
    let Ok(value) = text.parse::<f64>() else { return Fit::Unsure };
    match word {
        "minimum" => limit(content, |least| value >= least),
        "maximum" => limit(content, |most| value <= most),
        // In draft 4, where they are booleans about the other limit.
        "exclusiveMinimum" | "exclusiveMaximum" if matches!(content, Json::Bool(_)) => Fit::Unsure,
        "exclusiveMinimum" => limit(content, |least| value > least),
        "exclusiveMaximum" => limit(content, |most| value < most),
        "multipleOf" => limit(content, |step| step > 0.0 && (value / step).fract() == 0.0),
        _ => Fit::Yes,
    }
}

/// Returns whether two values are equal in JSON Schema.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            one == other
                || matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one.total_cmp(&other).is_eq())
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(members), Json::Object(others)) => {
            members.len() == others.len()
                && members
                    .iter()
                    .all(|(name, value)| other.member(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}
