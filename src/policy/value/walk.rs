//! Walks paths through JSON.

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;
use crate::policy::value::form;
use crate::policy::value::readings::looks_like;
use crate::policy::value::texts::Inside;
use crate::policy::value::texts::Texts;

/// Maximum steps of one path in the arguments of one command: values, and some names. Anything beyond is
/// unknown.
pub(super) const MOST_STEPS: usize = 1 << 16;

/// Number of names of an object that count as one step.
const NAMES: usize = 8;

/// The result of following a path.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'a> {
    /// A value that is not an array.
    Value(&'a Json),
    /// An object that some readers see in the text before it.
    Within,
    /// An empty array.
    Empty,
    /// Nothing.
    Missing,
    /// Something that some reader may interpret, and this one cannot.
    Doubtful,
}

/// How a value is read.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    /// Exactly as written, since its author means it so.
    Exact,
    /// As any target may. Members whose names only look alike, or like the path as forms write it, are
    /// visited too; where the exact one is missing, that is a leaf as well, so that such a name alone never
    /// decides. Texts that are JSON are read as such too.
    Lenient(&'a Texts),
}

/// One walk over values, which ends in doubt when it takes too long.
// It goes as deep as the JSON does, which its reader bounds, and as the JSON in its texts.
pub(super) struct Walk<'a> {
    reading: Reading<'a>,
    left: usize,
    visit: &'a mut dyn FnMut(Leaf<'_>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(reading: Reading<'a>, visit: &'a mut dyn FnMut(Leaf<'_>)) -> Self {
        let left = match reading {
            Reading::Exact => usize::MAX,
            Reading::Lenient(_) => MOST_STEPS,
        };
        Self { reading, left, visit }
    }

    /// Visits one leaf.
    pub(super) fn leaf(&mut self, leaf: Leaf<'_>) {
        (self.visit)(leaf);
    }

    /// Takes `steps` from the budget. Returns `false` if it is used up; the first time, that is a leaf in
    /// doubt.
    pub(super) fn goes_on(&mut self, steps: usize) -> bool {
        let before = self.left;
        self.left = before.saturating_sub(steps);
        if before > 0 && self.left == 0 {
            self.leaf(Leaf::Doubtful);
        }
        self.left > 0
    }

    fn inside(&self, value: &Json) -> Inside<'a> {
        match self.reading {
            Reading::Exact => Inside::Nothing,
            Reading::Lenient(texts) => texts.inside(value),
        }
    }

    /// Visits everything that the names lead to from `value`.
    pub(super) fn path(&mut self, value: &Json, names: &[Box<str>]) {
        let Some((name, rest)) = names.split_first() else {
            return self.leaves(value);
        };
        if !self.goes_on(1) {
            return;
        }
        match value {
            Json::Array(elements) => {
                if elements.is_empty() {
                    self.leaf(Leaf::Missing);
                }
                for element in elements {
                    if self.left > 0 {
                        self.path(element, names);
                    }
                }
            }
            Json::Object(members) => {
                let mut there = false;
                if !self.goes_on(members.len() / NAMES) {
                    return;
                }
                for (key, member) in members {
                    let exact = **key == **name;
                    there |= exact;
                    let is_lenient = matches!(self.reading, Reading::Lenient(_));
                    if exact || (is_lenient && looks_like(key, name)) {
                        self.path(member, rest);
                    } else if is_lenient && memchr::memchr3(b'.', b'[', b']', key.as_bytes()).is_some() {
                        self.flat(key, member, names);
                    }
                }
                if !there {
                    self.leaf(Leaf::Missing);
                }
            }
            _ => {
                self.leaf(Leaf::Missing);
                match self.inside(value) {
                    Inside::Nothing => {}
                    Inside::Value(value) => self.path(value, names),
                    Inside::Doubt(_) => self.leaf(Leaf::Doubtful),
                }
            }
        }
    }

    /// Visits a member whose name some targets take apart, as they do in a form: `order.amount`,
    /// `order[amount]`.
    fn flat(&mut self, key: &str, member: &Json, names: &[Box<str>]) {
        if !self.goes_on(1 + key.len() / NAMES) {
            return;
        }
        for at in form::CUTS {
            let segments: Vec<&str> = key.split(at).take(DEPTH + 1).collect();
            let Some((left, names)) = form::below(&segments, names) else { continue };
            if segments.len() > DEPTH {
                self.leaf(Leaf::Doubtful);
            } else if left.iter().all(|part| form::is_place(part)) {
                self.path(member, names);
            } else {
                continue;
            }
            return;
        }
    }

    /// Visits a value, or all that an array holds at any depth.
    pub(super) fn leaves(&mut self, value: &Json) {
        self.below(value, false);
    }

    fn below(&mut self, value: &Json, in_text: bool) {
        if !self.goes_on(1) {
            return;
        }
        match value {
            Json::Array(elements) if elements.is_empty() => self.leaf(Leaf::Empty),
            Json::Array(elements) => {
                for element in elements {
                    if self.left > 0 {
                        self.below(element, in_text);
                    }
                }
            }
            Json::Object(_) if in_text => self.leaf(Leaf::Within),
            _ => {
                self.leaf(Leaf::Value(value));
                match self.inside(value) {
                    Inside::Nothing => {}
                    Inside::Value(value) => self.below(value, true),
                    Inside::Doubt(true) => self.leaf(Leaf::Within),
                    Inside::Doubt(false) => self.leaf(Leaf::Doubtful),
                }
            }
        }
    }
}

/// Reads a path as it was written.
pub(super) fn read_names(path: &str) -> Result<Box<[Box<str>]>, Refusal> {
    check_text(path)?;
    let refusal = || Refusal::new("no path", "write member names joined by dots, such as order.amount");
    let mut names = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match (c, names.last_mut()) {
            ('.', _) => names.push(String::new()),
            ('\\', Some(name)) => match chars.next() {
                Some(escaped @ ('.' | '\\')) => name.push(escaped),
                _ => {
                    return Err(Refusal::new(
                        "a backslash that escapes nothing",
                        "write \\. for a dot inside a name, \\\\ for a backslash",
                    ));
                }
            },
            (c, Some(name)) => name.push(c),
            (_, None) => return Err(refusal()),
        }
    }
    if names.iter().any(String::is_empty) {
        Err(refusal())
    } else {
        Ok(names.into_iter().map(Into::into).collect())
    }
}
