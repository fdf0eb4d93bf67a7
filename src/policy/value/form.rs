//! Paths into forms and queries. Targets make different things of a name: `a[b]` and `a.b` are a member of a member to Rails, PHP, Express and
//! Spring, `a[]` and `a[0]` elements of an array, `[a]`, ` a`, `a%00` and `!a` the same as `a` to some; to others each is a name of its own.
//! Only what is written as the path is surely meant; all that may be is a leaf too.

use crate::domain::form::Form;
use crate::domain::form::Pair;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::text;
use crate::policy::value::walk::Leaf;
use crate::policy::value::walk::Reading;
use crate::policy::value::walk::leaves;
use crate::policy::value::walk::walk;

/// The path in the ways in which its names may be written.
pub(super) struct Wanted<'a> {
    names: &'a [Box<str>],
    /// Cut as names of a form may be.
    cut: [Vec<Box<str>>; 2],
}

impl<'a> Wanted<'a> {
    pub(super) fn new(names: &'a [Box<str>]) -> Self {
        let cut = CUTS.map(|at| names.iter().flat_map(|name| name.split(at)).map(Into::into).collect());
        Self { names, cut }
    }

    /// Visits all that the form may hold at the path. Whether what is surely meant was there.
    pub(super) fn walk(&self, form: &Form, visit: &mut dyn FnMut(Leaf<'_>)) -> bool {
        if form.is_cut() {
            visit(Leaf::Doubtful);
            return false;
        }
        let mut there = false;
        for pair in form.pairs() {
            match self.names {
                [name] if *name == pair.name => {
                    there |= pair.sure;
                    leaves(&value(pair), Reading::ARGS, visit);
                }
                _ => self.alike(pair, visit),
            }
        }
        there
    }

    fn alike(&self, pair: &Pair, visit: &mut dyn FnMut(Leaf<'_>)) {
        let key = pair.name.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
        let key = key.split('\0').next().unwrap_or_default();
        let flat = match self.names {
            [name] => folded(key).eq(folded(name)),
            _ => false,
        };
        if flat {
            return leaves(&value(pair), Reading::ARGS, visit);
        }
        for (names, at) in self.cut.iter().zip(CUTS) {
            let segments: Vec<&str> = key.split(at).take(DEPTH + 1).collect();
            let Some((left, names)) = below(&segments, names) else { continue };
            if segments.len() > DEPTH {
                return visit(Leaf::Doubtful);
            }
            let whole = left.iter().rev().fold(value(pair), |inner, segment| {
                if is_place(segment) {
                    Json::Array(vec![inner])
                } else {
                    Json::Object(vec![((*segment).into(), inner)])
                }
            });
            return walk(&whole, names, Reading::ARGS, visit);
        }
    }
}

/// Where readers cut a name: at brackets and dots, or at brackets only.
const CUTS: [&[char]; 2] = [&['[', ']', '.'], &['[', ']']];

fn value(pair: &Pair) -> Json {
    Json::String(pair.value.clone())
}

/// Whether a part of a name is a place in an array, or what stands between `]` and `[`.
fn is_place(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is left of both where one leads to the other: of the name when it goes on below the path, of the path when its rest may be in the value.
fn below<'a>(segments: &'a [&'a str], names: &'a [Box<str>]) -> Option<(&'a [&'a str], &'a [Box<str>])> {
    let Some((name, names_left)) = names.split_first() else { return Some((segments, names)) };
    if name.is_empty() {
        return below(segments, names_left);
    }
    let Some((first, left)) = segments.split_first() else { return Some((segments, names)) };
    let met = folded(first).eq(folded(name)).then(|| below(left, names_left)).flatten();
    met.or_else(|| is_place(first).then(|| below(left, names)).flatten())
}

/// A name as those readers take it that fold case, and drop or rewrite what no variable may be called.
fn folded(name: &str) -> impl Iterator<Item = char> {
    let seen = |c: &char| {
        !matches!(c, '_' | '-' | '.' | '[' | ']' | '!')
            && !c.is_whitespace()
            && !c.is_control()
            && !text::is_deceptive(*c)
    };
    name.chars().filter(seen).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}
