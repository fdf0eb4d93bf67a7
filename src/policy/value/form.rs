//! Paths into forms and queries. Targets interpret a name differently: `a[b]` and `a.b` are a member of a
//! member to Rails, PHP, Express and Spring; `a[]` and `a[0]` are elements of an array; `[a]`, ` a`, `a%00`
//! and `!a` equal `a` to some; to others each is a distinct name. Only a name written like the path is
//! certain; every possible match is a leaf too.

use crate::domain::form::Form;
use crate::domain::form::Pair;
use crate::domain::form::Part;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::policy::value::readings;
use crate::policy::value::texts::Texts;
use crate::policy::value::walk::Leaf;
use crate::policy::value::walk::Walk;

/// How many bytes of a name are one step of a walk.
pub(super) const STEP: usize = 4;

/// A form whose names are parsed once for all policies.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pairs: Box<[Named]>,
    is_cut: bool,
}

/// One name-value pair.
#[derive(Debug)]
struct Named {
    name: Box<str>,
    /// The part of the name that readers take for the key.
    key: Box<str>,
    /// The key, folded.
    flat: Box<str>,
    /// The first part of the key that is not an index, folded, for each of the [`CUTS`].
    first: [Option<Box<str>>; 2],
    value: Json,
    sure: bool,
    fault: Option<Part>,
}

impl Parts {
    pub(super) fn new(form: &Form) -> Self {
        Self { pairs: form.pairs().iter().map(Named::new).collect(), is_cut: form.is_cut() }
    }

    /// Parses the JSON in its values.
    pub(super) fn read_into(&self, texts: &mut Texts) {
        self.pairs.iter().for_each(|pair| texts.read(&pair.value));
    }

    /// Returns whether there are no pairs.
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl Named {
    fn new(pair: &Pair) -> Self {
        let key = pair.name.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
        let key = key.split('\0').next().unwrap_or_default();
        let first = |at| key.split(at).find(|part| !is_place(part)).map(fold);
        Self {
            name: pair.name.clone(),
            key: key.into(),
            flat: fold(key),
            first: CUTS.map(first),
            value: Json::String(pair.value.clone()),
            sure: pair.sure,
            fault: pair.fault,
        }
    }
}

/// The path in the notations in which form names may express it.
pub(super) struct Wanted<'a> {
    names: &'a [Box<str>],
    /// The path, if it is one name, folded.
    flat: Option<Box<str>>,
    /// The path split like form names.
    cut: [Vec<Box<str>>; 2],
    /// The first part of such a name, folded; `None`: any.
    first: [Option<Box<str>>; 2],
}

impl<'a> Wanted<'a> {
    pub(super) fn new(names: &'a [Box<str>]) -> Self {
        let cut = CUTS.map(|at| {
            let parts = names.iter().flat_map(|name| name.split(at));
            parts.filter(|part| !part.is_empty()).map(Into::into).collect()
        });
        let first =
            |names: &Vec<Box<str>>| names.first().filter(|name| !is_place(name)).map(|name| fold(name));
        let [one, other] = &cut;
        let flat = match names {
            [name] => Some(fold(name)),
            _ => None,
        };
        Self { names, flat, first: [first(one), first(other)], cut }
    }

    /// Visits everything that the form may hold at the path. Returns whether a certain match was found.
    pub(super) fn walk(&self, form: &Parts, walk: &mut Walk<'_>) -> bool {
        if form.is_cut {
            walk.leaf(Leaf::Doubtful);
            return false;
        }
        let mut there = false;
        for pair in &form.pairs {
            let is_here = match self.names {
                [name] if *name == pair.name => {
                    there |= pair.sure;
                    walk.leaves(&pair.value);
                    true
                }
                _ => self.alike(pair, walk),
            };
            if pair.fault == Some(Part::Name) || (is_here && pair.fault.is_some()) {
                walk.leaf(Leaf::Doubtful);
            }
        }
        there
    }

    /// Visits the pair if its name may be the path. Returns whether it may.
    fn alike(&self, pair: &Named, walk: &mut Walk<'_>) -> bool {
        if self.flat.as_ref().is_some_and(|flat| *flat == pair.flat) {
            walk.leaves(&pair.value);
            return true;
        }
        let firsts = self.first.iter().zip(&pair.first);
        for ((names, at), (wanted, first)) in self.cut.iter().zip(CUTS).zip(firsts) {
            if matches!((wanted, first), (Some(wanted), Some(first)) if wanted != first) {
                continue;
            }
            if !walk.goes_on(1 + pair.key.len() / STEP) {
                return true;
            }
            let segments: Vec<&str> = pair.key.split(at).take(DEPTH + 1).collect();
            let Some((left, names)) = below(&segments, names) else { continue };
            if segments.len() > DEPTH {
                walk.leaf(Leaf::Doubtful);
            } else if left.iter().all(|part| is_place(part)) {
                walk.path(&pair.value, names);
            } else {
                walk.leaf(Leaf::Value(&Json::Object(Vec::new())));
            }
            return true;
        }
        false
    }
}

/// Where readers cut a name: at brackets and dots, or at brackets only.
pub(super) const CUTS: [&[char]; 2] = [&['[', ']', '.'], &['[', ']']];

/// Whether a part of a name is a place in an array, or what stands between `]` and `[`.
pub(super) fn is_place(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is left of both where one leads to the other: of the name when it goes on below the path, of the path
/// when its rest may be in the value.
pub(super) fn below<'a>(
    segments: &'a [&'a str],
    names: &'a [Box<str>],
) -> Option<(&'a [&'a str], &'a [Box<str>])> {
    let Some((name, names_left)) = names.split_first() else { return Some((segments, names)) };
    let Some((first, left)) = segments.split_first() else { return Some((segments, names)) };
    let is_same = **first == **name || folded(first).eq(folded(name));
    let met = is_same.then(|| below(left, names_left)).flatten();
    met.or_else(|| is_place(first).then(|| below(left, names)).flatten())
}

/// Returns [`folded`] as a string. The names of a command are folded in full, so ASCII, which most are, has a
/// faster path.
fn fold(name: &str) -> Box<str> {
    if !name.is_ascii() {
        return folded(name).collect::<String>().into();
    }
    let seen =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'!');
    name.bytes().filter(seen).map(|byte| char::from(byte.to_ascii_lowercase())).collect::<String>().into()
}

/// Returns a name as read by those that fold case, and that drop or rewrite characters that a variable name
/// cannot have.
fn folded(name: &str) -> impl Iterator<Item = char> {
    readings::folded(name).filter(|c| !matches!(c, '_' | '-' | '.' | '[' | ']' | '!' | ' '))
}
