//! The masks of one connection, compiled once and shared by all its bodies.

use aws_lc_rs::hmac;

use crate::domain::Connection;
use crate::domain::MaskOp;
use crate::domain::MaskRule;
use crate::domain::Predicates;
use crate::domain::hex;
use crate::mask::bits;
use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::PatternProblem;
use crate::mask::detect::Scanner;
use crate::mask::field;
use crate::mask::field::FieldNames;
use crate::mask::form::FormMasker;
use crate::mask::inert;
use crate::mask::inert::Glance;
use crate::mask::json::SpareMaskers;
use crate::mask::json::write_escaped;
use crate::mask::notes::Notes;
use crate::mask::operator;
use crate::mask::operator::REDACTED;
use crate::mask::pairs;
use crate::mask::pairs::Seen;
use crate::mask::tag::TagSeal;
use crate::mask::value::Finder;
use crate::mask::value::Found;

/// Maximum number of characters that `keep_first` and `keep_last` may keep: what PCI DSS (requirement 3.4)
/// allows for a card number.
const MOST_FIRST: u8 = 6;
const MOST_LAST: u8 = 4;

/// Why mask rules do not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A field pattern that consists of separators only.
    #[error("mask {rule}: fields: {field:?} does not name a field")]
    Field {
        /// The id of the rule.
        rule: String,
        /// The pattern.
        field: String,
    },
    /// An operator keeps too many characters.
    #[error("mask {rule}: op: keeps {n} characters, at most {most} may stay")]
    KeepsTooMuch {
        /// The id of the rule.
        rule: String,
        /// How many it keeps.
        n: u8,
        /// The maximum.
        most: u8,
    },
    /// A custom regular expression is refused.
    #[error("mask {rule}: patterns.{name}: {problem}")]
    Pattern {
        /// The id of the rule.
        rule: String,
        /// The name of the pattern.
        name: String,
        /// The problem.
        problem: String,
    },
    /// The text of `replace` contains a control character.
    #[error("mask {rule}: op: the text of replace contains a control character")]
    Replacement {
        /// The id of the rule.
        rule: String,
    },
    /// There are too many rules.
    #[error("more than {most} mask rules on one connection")]
    TooManyRules {
        /// The maximum.
        most: usize,
    },
}

/// The compiled masks of one connection.
#[derive(Debug)]
pub struct Plan {
    pub(super) fields: FieldNames,
    pub(super) scanner: Scanner,
    ops: Vec<MaskOp>,
    /// What each rule says about its columns in SQL texts.
    predicates: Vec<Predicates>,
    /// What the operators write that look at no value, as JSON.
    constants: Vec<Option<Box<[u8]>>>,
    key: hmac::Key,
    tags: TagSeal,
    pub(super) spare: SpareMaskers,
    /// The same with `redact` in place of `hash`, if any rule hashes.
    unhashed: Option<Box<Self>>,
}

impl Plan {
    /// Compiles the rules of a connection, in order: the first rule that names a field or detector owns it.
    /// `hash_key` is the connection's key of the `hash` operator. Without rules the plan masks nothing.
    ///
    /// # Errors
    /// The first rule that is invalid.
    pub fn compile(rules: &[&MaskRule], hash_key: [u8; 32]) -> Result<Self, PlanError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &hash_key);
        let mut plan = Self {
            fields: FieldNames::default(),
            scanner: Scanner::default(),
            ops: Vec::new(),
            predicates: Vec::new(),
            constants: Vec::new(),
            tags: TagSeal::new(&key, &MaskRule::told(rules)),
            key,
            spare: SpareMaskers::default(),
            unhashed: None,
        };
        for (place, rule) in rules.iter().enumerate() {
            let number = u16::try_from(place)
                .ok()
                .filter(|number| *number < 1000)
                .ok_or(PlanError::TooManyRules { most: 1000 })?;
            check_op(rule)?;
            for name in &rule.fields {
                if !plan.fields.add(name, number) {
                    return Err(PlanError::Field { rule: rule.id.clone(), field: name.clone() });
                }
            }
            for entity in &rule.entities {
                plan.scanner.add_built_in(entity, number);
            }
            for (name, pattern) in &rule.patterns {
                plan.scanner.add_pattern(name, pattern, number).map_err(|problem: PatternProblem| {
                    PlanError::Pattern {
                        rule: rule.id.clone(),
                        name: name.clone(),
                        problem: problem.to_string(),
                    }
                })?;
            }
            plan.constants.push(constant(&rule.op));
            plan.ops.push(rule.op.clone());
            plan.predicates.push(rule.predicates);
        }
        if rules.iter().any(|rule| rule.op == MaskOp::Hash) {
            let redacts = |rule: &&MaskRule| {
                let op = if rule.op == MaskOp::Hash { MaskOp::Redact } else { rule.op.clone() };
                MaskRule { op, ..(*rule).clone() }
            };
            let redacting: Vec<MaskRule> = rules.iter().map(redacts).collect();
            let redacting: Vec<&MaskRule> = redacting.iter().collect();
            plan.unhashed = Some(Box::new(Self::compile(&redacting, hash_key)?));
        }
        Ok(plan)
    }

    /// Returns the plan for values that callers can choose themselves, as in a SQL text that computes them:
    /// what this one hashes it redacts. The hash of a value that a caller knows would tell him where else
    /// that value stands.
    pub fn for_computed(&self) -> &Self {
        self.unhashed.as_deref().unwrap_or(self)
    }

    /// Returns whether nothing can be masked, so that bodies pass unchanged.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.scanner.is_empty()
    }

    /// Masks a complete text outside a body, such as a path. `None` if nothing was found. `at`
    /// names the place in the notes. Names of fields are matched in `name=value` and in JSON.
    pub fn text(&self, text: &str, at: &str, notes: &mut Notes) -> Option<String> {
        let masked = self.whole(text.as_bytes(), "", || at.to_owned(), notes)?;
        Some(String::from_utf8_lossy(&masked).into_owned())
    }

    /// Masks the query of an address, which is a form. `None` if nothing was found.
    pub fn query(&self, query: &str, notes: &mut Notes) -> Option<String> {
        if self.is_empty() || query.is_empty() {
            return None;
        }
        let (mut form, mut out, mut own) = (FormMasker::default(), Vec::new(), Notes::new());
        let read = form
            .push(self, query.as_bytes(), &mut own, &mut out)
            .and_then(|()| form.finish(self, &mut own, &mut out));
        for note in own.as_slice() {
            notes.count(&note.entity, "query", note.n);
        }
        match read {
            Ok(()) if own.is_empty() => None,
            Ok(()) => Some(String::from_utf8_lossy(&out).into_owned()),
            // A value that cannot be parsed is redacted.
            Err(_) => Some(String::from_utf8_lossy(REDACTED).into_owned()),
        }
    }

    /// Masks the value of a header. `None` if nothing was found. A header that is named like a masked field
    /// is masked entirely.
    pub fn header(&self, name: &str, value: &[u8], notes: &mut Notes) -> Option<Vec<u8>> {
        let at = || format!("header:{}", name.to_ascii_lowercase());
        if let Some(rule) = self.fields.find(name.as_bytes()) {
            let mut out = Vec::new();
            self.write(rule, value, &mut out);
            notes.add("field", &at());
            return Some(out);
        }
        self.whole(value, name, at, notes)
    }

    /// `at` is called for the place only if something is found.
    pub(super) fn whole(
        &self,
        text: &[u8],
        field: &str,
        at: impl Fn() -> String,
        notes: &mut Notes,
    ) -> Option<Vec<u8>> {
        if self.is_empty() || self.is_inert(text) {
            return None;
        }
        let mut finder = Finder::default();
        match finder.look(self, text, field, 0, notes) {
            Ok(Found::Nothing) => None,
            Ok(Found::Rewritten(text, _)) => Some(text),
            Ok(Found::Whole(by)) => {
                let mut out = Vec::new();
                self.write(self.count(by, &at(), notes), text, &mut out);
                Some(out)
            }
            Ok(Found::Hits) => {
                let mut out = Vec::new();
                self.splice(text, finder.hits(), &at(), notes, &mut out);
                Some(out)
            }
            // A value that cannot be parsed is redacted.
            Err(_) => Some(REDACTED.to_vec()),
        }
    }

    /// Returns whether the quick check shows that nothing is masked in a text outside a body.
    fn is_inert(&self, text: &[u8]) -> bool {
        if self.scanner.has_patterns() {
            return false;
        }
        match inert::glance(text) {
            Glance::Inert => true,
            Glance::Pairs => {
                let mut hits = Vec::new();
                self.pairs(text, &mut hits);
                hits.is_empty()
            }
            Glance::Telling => false,
        }
    }

    /// Appends `text`, with each hit replaced. The hits are sorted and disjoint.
    pub(super) fn splice(&self, text: &[u8], hits: &[Hit], at: &str, notes: &mut Notes, out: &mut Vec<u8>) {
        let mut done = 0;
        for hit in hits {
            out.extend_from_slice(text.get(done..hit.start).unwrap_or_default());
            let rule = self.count(hit.by, at, notes);
            self.write(rule, text.get(hit.start..hit.end).unwrap_or_default(), out);
            done = hit.end;
        }
        out.extend_from_slice(text.get(done..).unwrap_or_default());
    }

    /// Notes one masked value, and returns the rule that owns it.
    pub(super) fn count(&self, by: By, at: &str, notes: &mut Notes) -> u16 {
        let entity = self.scanner.owner(by).map_or("field", |(entity, _)| entity.as_str());
        notes.add(entity, at);
        self.rule(by)
    }

    /// Returns the rule that owns a hit.
    pub(super) fn rule(&self, by: By) -> u16 {
        match by {
            By::Field(rule) => rule,
            By::Detector(_) => self.scanner.owner(by).map_or(0, |(_, rule)| rule),
        }
    }

    /// Returns the replacement of any JSON string by a rule whose operator ignores the value.
    #[inline]
    pub(super) fn constant(&self, rule: u16) -> Option<&[u8]> {
        self.constants.get(usize::from(rule))?.as_deref()
    }

    /// Returns the operator of a rule.
    pub(super) fn op(&self, rule: u16) -> &MaskOp {
        self.ops.get(usize::from(rule)).unwrap_or(&MaskOp::Redact)
    }

    /// Where SQL texts may name the columns that a rule masks.
    pub(super) fn rule_predicates(&self, rule: u16) -> Predicates {
        self.predicates.get(usize::from(rule)).copied().unwrap_or(Predicates::Deny)
    }

    /// The strictest that any rule says about that.
    pub fn strictest(&self) -> Predicates {
        self.predicates.iter().copied().max().unwrap_or_default()
    }

    /// The entity tag of the masked body at an address, for the target's own, both without quotes; `None`:
    /// there is none to show.
    pub fn seal_tag(&self, path: &str, query: &str, tag: &[u8]) -> Option<String> {
        self.tags.seal(path, query, tag)
    }

    /// Returns the target's own entity tag for one that [`Plan::seal_tag`] returned for this path and query,
    /// or any query, under this connection's key and these rules.
    pub fn open_tag(&self, path: &str, query: Option<&str>, sealed: &str) -> Option<Vec<u8>> {
        self.tags.open(path, query, sealed)
    }

    /// Returns a keyed digest (HMAC) of bytes that are not shown, under a key of the connection: the digest
    /// alone does not allow testing guesses of the bytes.
    pub fn keyed_digest(&self, bytes: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.key, b"withheld bytes\0").as_ref());
        hex::encode(hmac::sign(&key, bytes).as_ref())
    }

    /// Returns the record of a body that is not shown, as JSON: its length and keyed digest.
    pub fn withheld(&self, body: &[u8]) -> String {
        let digest = self.keyed_digest(body);
        format!("{{\"length\":{},\"hmac\":\"{digest}\",\"withheld\":true}}", body.len())
    }

    /// Appends the masked text of a value.
    pub(super) fn write(&self, rule: u16, value: &[u8], out: &mut Vec<u8>) {
        operator::write_masked(self.op(rule), &self.key, value, out);
    }

    /// Returns whether a closer look at a text may find the value of a masked field in it: a name may end
    /// before a separator, or a separator is escaped.
    #[inline]
    pub(super) fn may_pair(&self, text: &[u8]) -> bool {
        bits::may_pair(text) && pairs::may_find(&self.fields, text)
    }

    /// Adds the values of masked fields in a complete free text.
    pub(super) fn pairs(&self, text: &[u8], hits: &mut Vec<Hit>) {
        if !self.fields.is_empty() {
            pairs::find(&self.fields, text, text.len(), Seen::whole(text), hits);
        }
    }

    /// Searches like [`Self::pairs`] in a part of a text, for names that begin before a place.
    pub(super) fn pairs_before(&self, text: &[u8], end: usize, seen: Seen, hits: &mut Vec<Hit>) {
        if !self.fields.is_empty() {
            pairs::find(&self.fields, text, end, seen, hits);
        }
    }
}

fn constant(op: &MaskOp) -> Option<Box<[u8]>> {
    let text = match op {
        MaskOp::Hash | MaskOp::KeepFirst { .. } | MaskOp::KeepLast { .. } => return None,
        MaskOp::Null => return Some((*b"null").into()),
        MaskOp::Redact => REDACTED,
        MaskOp::Replace { with } => with.as_bytes(),
    };
    let mut json = vec![b'"'];
    write_escaped(text, &mut json);
    json.push(b'"');
    Some(json.into())
}

fn check_op(rule: &MaskRule) -> Result<(), PlanError> {
    let (n, most) = match &rule.op {
        MaskOp::KeepFirst { n } => (*n, MOST_FIRST),
        MaskOp::KeepLast { n } => (*n, MOST_LAST),
        MaskOp::Replace { with } if with.chars().any(char::is_control) => {
            return Err(PlanError::Replacement { rule: rule.id.clone() });
        }
        _ => return Ok(()),
    };
    if n > most { Err(PlanError::KeepsTooMuch { rule: rule.id.clone(), n, most }) } else { Ok(()) }
}

/// Returns whether a rule applies to a connection: its name matches one of the globs, if there are any, and
/// all tags match.
pub fn applies(rule: &MaskRule, connection: &Connection) -> bool {
    let name = connection.name.as_str();
    let named = rule.connections.is_empty() || rule.connections.iter().any(|glob| field::matches(glob, name));
    named && rule.tags.iter().all(|(key, value)| connection.tags.get(key) == Some(value))
}
