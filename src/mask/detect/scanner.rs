//! All detectors of a plan combined: candidates, their owners, and overlaps.

use std::ops::Range;

use aho_corasick::packed;
use memchr::memmem;
use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

use crate::domain::Entity;
use crate::mask::detect::OPEN;
use crate::mask::detect::Span;
use crate::mask::detect::anchors;
use crate::mask::detect::anchors::Anchor;
use crate::mask::detect::anchors::Wanted;
use crate::mask::detect::aws;
use crate::mask::detect::card;
use crate::mask::detect::email;
use crate::mask::detect::iban;
use crate::mask::detect::ip;
use crate::mask::detect::jwt;
use crate::mask::detect::pem;
use crate::mask::detect::signs;
use crate::mask::detect::ssn;

/// The prefixes of secrets that have a fixed one, and an escaped `@`.
const LITERALS: [&str; 7] = ["eyJ", "AKIA", "ASIA", "ABIA", "ACCA", "-----BEGIN ", "%40"];

/// Only the last literal matters in a text shorter than this.
const SHORTEST_LITERAL_TEXT: usize = 16;

/// Maximum memory of one compiled custom pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// The detector or rule that masks a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mask) enum By {
    /// A detector, by its index in the scanner.
    Detector(u16),
    /// A rule, by the name of the field.
    Field(u16),
}

/// One candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mask) struct Hit {
    pub start: usize,
    pub end: usize,
    /// In hundredths.
    pub score: u8,
    pub by: By,
    pub reason: &'static str,
}

impl Hit {
    /// Returns whether its score is sufficient for masking.
    pub(in crate::mask) fn counts(&self) -> bool {
        self.score >= 50
    }

    /// Returns whether it may continue after the current text.
    pub(in crate::mask) fn is_open(&self) -> bool {
        self.reason == OPEN
    }
}

/// Why a custom pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::mask) enum PatternProblem {
    #[error("it matches the empty string")]
    Empty,
    #[error("{0}")]
    Syntax(String),
}

/// All enabled detectors. By default none.
#[derive(Debug, Default)]
pub(in crate::mask) struct Scanner {
    owners: Vec<(Entity, u16)>,
    aws: Option<By>,
    card: Option<By>,
    email: Option<By>,
    iban: Option<By>,
    ip: Option<By>,
    jwt: Option<By>,
    pem: Option<By>,
    ssn: Option<By>,
    patterns: Vec<(Regex, By)>,
    wanted: Wanted,
    literals: Option<Literals>,
}

/// A search for those of [`LITERALS`] whose detector is enabled: packed if the machine supports it, otherwise
/// one after another.
#[derive(Debug)]
struct Literals {
    wanted: Vec<&'static str>,
    packed: Option<packed::Searcher>,
}

impl Literals {
    /// Creates one; `None` if there is nothing to search for.
    fn new(wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let wanted: Vec<_> = LITERALS.into_iter().filter(|literal| wanted(literal)).collect();
        let packed = packed::Config::new().builder().extend(&wanted).build();
        (!wanted.is_empty()).then_some(Self { wanted, packed })
    }

    fn each(&self, text: &[u8], mut visit: impl FnMut(&str, usize)) {
        if let Some(searcher) = &self.packed {
            for found in searcher.find_iter(text) {
                if let Some(literal) = self.wanted.get(found.pattern().as_usize()) {
                    visit(literal, found.start());
                }
            }
        } else {
            for literal in &self.wanted {
                memmem::find_iter(text, literal).for_each(|at| visit(literal, at));
            }
        }
    }
}

impl Scanner {
    /// Enables a built-in detector for a rule. The first rule that does so owns it.
    pub(in crate::mask) fn add_built_in(&mut self, entity: &Entity, rule: u16) {
        let by = By::Detector(u16::try_from(self.owners.len()).unwrap_or(u16::MAX));
        let place = match entity {
            Entity::AwsKey => &mut self.aws,
            Entity::CreditCard => &mut self.card,
            Entity::EmailAddress => &mut self.email,
            Entity::Iban => &mut self.iban,
            Entity::IpAddress => &mut self.ip,
            Entity::Jwt => &mut self.jwt,
            Entity::Pem => &mut self.pem,
            Entity::UsSsn => &mut self.ssn,
            Entity::Custom(_) => return,
        };
        if place.is_none() {
            *place = Some(by);
            self.owners.push((entity.clone(), rule));
        }
        self.wanted = Wanted {
            card: self.card.is_some(),
            email: self.email.is_some(),
            iban: self.iban.is_some(),
            ip: self.ip.is_some(),
            ssn: self.ssn.is_some(),
        };
        self.literals = Literals::new(|literal| self.owner_of(literal).is_some());
    }

    /// Returns the detector of the values that a literal begins, if it is enabled.
    fn owner_of(&self, literal: &str) -> Option<By> {
        match literal {
            "eyJ" => self.jwt,
            "-----BEGIN " => self.pem,
            "%40" => self.email,
            _ => self.aws,
        }
    }

    /// Adds a custom pattern.
    pub(in crate::mask) fn add_pattern(
        &mut self,
        name: &str,
        pattern: &str,
        rule: u16,
    ) -> Result<(), PatternProblem> {
        let regex = RegexBuilder::new(pattern)
            .multi_line(true)
            .crlf(true)
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(PATTERN_SIZE)
            .build()
            .map_err(|error| PatternProblem::Syntax(error.to_string()))?;
        if regex.is_match(b"") {
            return Err(PatternProblem::Empty);
        }
        let by = By::Detector(u16::try_from(self.owners.len()).unwrap_or(u16::MAX));
        self.owners.push((Entity::Custom(name.to_owned()), rule));
        self.patterns.push((regex, by));
        Ok(())
    }

    /// Returns whether no detector is enabled.
    pub(in crate::mask) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    pub(in crate::mask) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Returns the detector of a hit, and the rule that enabled it.
    pub(in crate::mask) fn owner(&self, by: By) -> Option<(&Entity, u16)> {
        let By::Detector(place) = by else { return None };
        self.owners.get(usize::from(place)).map(|(entity, rule)| (entity, *rule))
    }

    /// Appends all candidates in a text, unordered, including those below the threshold. `whole`: the text
    /// ends here, it is not a piece of a longer one.
    pub(in crate::mask) fn candidates(&self, text: &[u8], field: &str, whole: bool, hits: &mut Vec<Hit>) {
        self.shapes(text, field, whole, hits);
        self.own_patterns(text, 0..text.len(), hits);
    }

    /// Appends the candidates of the built-in detectors.
    pub(in crate::mask) fn shapes(&self, text: &[u8], field: &str, whole: bool, hits: &mut Vec<Hit>) {
        let mut joined = false;
        if !self.wanted.nothing() && worth_a_look(text) {
            let wide;
            (joined, wide) = self.anchored(self.wanted, text, field, hits);
            if wide {
                self.beyond_ascii(text, field, hits);
            }
        }
        let long = text.len() >= SHORTEST_LITERAL_TEXT || memchr::memchr(b'%', text).is_some();
        if long && let Some(literals) = &self.literals {
            let (mut tokens, mut block_end) = (jwt::Search::default(), 0);
            literals.each(text, |literal, at| {
                let span = match literal {
                    "eyJ" => tokens.at(text, at),
                    "-----BEGIN " if at < block_end => None,
                    "-----BEGIN " => pem::at(text, at, whole).inspect(|block| block_end = block.end),
                    "%40" => email::at(text, at, 3),
                    _ => aws::at(text, at),
                };
                if let (Some(by), Some(span)) = (self.owner_of(literal), span) {
                    hits.push(hit(by, span));
                }
            });
        }
        if joined {
            ssn::clear_up(text, hits);
        }
    }

    /// Numbers whose groups are joined by signs that ASCII does not have.
    #[cold]
    fn beyond_ascii(&self, text: &[u8], field: &str, hits: &mut Vec<Hit>) {
        let Some(view) = signs::plain(text) else { return };
        let from = hits.len();
        self.anchored(Wanted { email: false, ip: false, ..self.wanted }, view.text(), field, hits);
        for hit in hits.iter_mut().skip(from) {
            (hit.start, hit.end) = view.raw_range(hit.start, hit.end);
        }
    }

    /// The user's patterns on a part of a text, which they see as if nothing were around it.
    pub(in crate::mask) fn own_patterns(&self, text: &[u8], part: Range<usize>, hits: &mut Vec<Hit>) {
        let Some(seen) = text.get(part.clone()) else { return };
        for (regex, by) in &self.patterns {
            for found in regex.find_iter(seen).filter(|found| !found.is_empty()) {
                let (start, end) = (part.start + found.start(), part.start + found.end());
                hits.push(Hit { start, end, score: 90, by: *by, reason: "the pattern matches" });
            }
        }
    }

    /// Those with anchors. Whether one of them is to be cleared up when all are known, and whether signs
    /// beyond ASCII stand beside digits.
    fn anchored(&self, wanted: Wanted, text: &[u8], field: &str, hits: &mut Vec<Hit>) -> (bool, bool) {
        let (mut card_done, mut v4_done, mut v6_done, mut joined) = (0, 0, 0, false);
        let wide = anchors::each(text, wanted, |anchor, at| {
            let (by, span) = match anchor {
                Anchor::Card if at < card_done => return,
                Anchor::Ipv4 if at < v4_done => return,
                Anchor::Ipv6 if at < v6_done => return,
                Anchor::Card => (self.card, card::at(text, at)),
                Anchor::Email => (self.email, email::at(text, at, 1)),
                Anchor::Iban => (self.iban, iban::at(text, at)),
                Anchor::Ipv4 => (self.ip, ip::v4_at(text, at)),
                Anchor::Ipv6 => (self.ip, ip::v6_at(text, at)),
                Anchor::Ssn => (self.ssn, ssn::grouped_at(text, at, field)),
                Anchor::SsnBare => (self.ssn, ssn::bare_at(text, at, field)),
            };
            if let (Some(by), Some(span)) = (by, span) {
                match anchor {
                    Anchor::Card => card_done = span.end,
                    Anchor::Ipv4 => v4_done = span.end,
                    Anchor::Ipv6 => v6_done = span.end,
                    Anchor::Ssn => joined |= span.reason == ssn::JOINED,
                    _ => {}
                }
                hits.push(hit(by, span));
            }
        });
        (joined, wide)
    }
}

fn hit(by: By, span: Span) -> Hit {
    Hit { start: span.start, end: span.end, score: span.score, by, reason: span.reason }
}

/// Returns whether a short text has what a value with an anchor needs: an `@`; two colons; three dots; nine
/// digits; or, for an account number of at least fifteen characters, two digits.
#[inline]
fn worth_a_look(text: &[u8]) -> bool {
    if text.len() > 32 {
        return true;
    }
    let (mut ats, mut colons, mut dots, mut digits) = (0u8, 0u8, 0u8, 0u8);
    for &byte in text {
        ats += u8::from(byte == b'@');
        colons += u8::from(byte == b':');
        dots += u8::from(byte == b'.');
        digits += u8::from(byte.is_ascii_digit());
    }
    ats > 0 || colons > 1 || dots > 2 || digits > 8 || (digits > 1 && text.len() > 14)
}

/// Makes hits disjoint and sorted: the combined span of overlapping ones belongs to the one with the highest
/// score, then the longest.
pub(in crate::mask) fn merge(hits: &mut Vec<Hit>) {
    if hits.len() < 2 {
        return;
    }
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    hits.dedup_by(|next, kept| {
        if next.start >= kept.end {
            return false;
        }
        let rank = |hit: &Hit| (hit.score, hit.end - hit.start);
        let owner = if rank(next) > rank(kept) { *next } else { *kept };
        *kept = Hit { start: kept.start, end: kept.end.max(next.end), ..owner };
        true
    });
}
