//! Finds byte strings in a text of which some characters are escaped, each possibly in a different way, or
//! whose lines are wrapped.
//!
//! A byte string is found by its head, the first four bytes, and is read from there to its end. All unescaped
//! heads are searched for at once. Otherwise one of their bytes is escaped, or a line ends within the head:
//! at an escape or line end, up to three bytes before it are examined. The cost for a text therefore depends
//! on the number of byte strings, not on their length.

use std::collections::HashMap;

use aho_corasick::Span;
use aho_corasick::packed;
use memchr::memmem;

use crate::mask::escape;
use crate::mask::escape::Read;
use crate::mask::escape::Readings;
use crate::mask::escape::Way;

/// Length of a head in bytes. No byte string is shorter.
pub(super) const HEAD: usize = 4;

/// Number of heads that are searched for in one pass.
const AT_ONCE: usize = 32;

/// Byte strings to search for.
#[derive(Debug)]
pub(super) struct Echoes {
    needles: Vec<Needle>,
    heads: Vec<Heads>,
    /// For each byte value its occurrences in heads: which head, and at which place.
    places: Vec<Vec<(usize, usize)>>,
    /// Pairs of bytes that are adjacent in or after any head; may contain others too.
    neighbours: Box<[u64; 64]>,
}

/// Heads that are searched for in one pass.
#[derive(Debug)]
struct Heads {
    /// `None` if the machine has no instructions for it.
    packed: Option<packed::Searcher>,
    /// Each head with the byte strings that begin with it.
    heads: Vec<(Box<[u8]>, Vec<usize>)>,
}

#[derive(Debug)]
struct Needle {
    bytes: Box<[u8]>,
    /// Whether its lines may be wrapped: it is base64, or could be.
    wraps: bool,
}

/// How a needle continues in a text.
enum Run {
    /// To its end, at this position.
    Whole(usize),
    /// Up to the end of the text, and possibly further.
    Cut,
    /// It does not.
    Other,
}

/// The result of searching a text.
struct Found<'a> {
    text: &'a [u8],
    stars: &'a mut Vec<(usize, usize)>,
    /// Start of the first match that may be cut off by the end of the text.
    open: usize,
}

impl Echoes {
    /// Compiles byte strings, each at least as long as a head.
    pub(super) fn new(needles: &[&Vec<u8>]) -> Self {
        let mut places = vec![Vec::new(); 256];
        let mut neighbours = Box::new([0; 64]);
        for (number, needle) in needles.iter().enumerate() {
            for (place, byte) in needle.iter().take(HEAD).enumerate() {
                if let Some(places) = places.get_mut(usize::from(*byte)) {
                    places.push((number, place));
                }
            }
            for pair in needle.array_windows().take(HEAD) {
                let (word, bit) = neighbour_bit(*pair);
                if let Some(word) = neighbours.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        let is_base64 =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
        let heads = Heads::of(needles);
        let needles = needles
            .iter()
            .map(|needle| Needle { bytes: needle.as_slice().into(), wraps: needle.iter().all(is_base64) })
            .collect();
        Self { needles, heads, places, neighbours }
    }

    /// Returns the number of byte strings.
    pub(super) fn len(&self) -> usize {
        self.needles.len()
    }

    /// Appends all matches, including overlapping ones; returns the start of the first one that may continue
    /// after the end of the text.
    pub(super) fn find(&self, text: &[u8], stars: &mut Vec<(usize, usize)>) -> usize {
        if self.needles.is_empty() {
            return text.len();
        }
        let mut found = Found { text, stars, open: self.begun(text, text.len()) };
        for heads in &self.heads {
            heads.each(text, |at, numbers| {
                for needle in numbers.iter().filter_map(|number| self.needles.get(*number)) {
                    needle.at_head(at, &mut found);
                }
            });
        }
        for at in memchr::memchr3_iter(b'%', b'\\', b'&', text) {
            self.at_escape(at, &mut found);
        }
        for at in memchr::memchr3_iter(b'=', b'\n', b'\r', text) {
            match text.get(at) {
                Some(b'=') => self.at_escape(at, &mut found),
                // The line feed of a line end counts as one with the character before it.
                Some(b'\n') if at > 0 && text.get(at - 1) == Some(&b'\r') => {}
                Some(b'\r') if text.get(at + 1) == Some(&b'\n') => {
                    self.at_line_end(at, at + 2, false, &mut found);
                }
                _ => self.at_line_end(at, at + 1, false, &mut found),
            }
        }
        found.open
    }

    fn at_escape(&self, at: usize, found: &mut Found<'_>) {
        for read in Readings::of(found.text, at, Way::ALL) {
            match read {
                Read::Byte(byte, next) => {
                    self.at_byte(at, byte, found);
                    if matches!(byte, b'\n' | b'\r') {
                        self.at_line_end(at, next, false, found);
                    }
                }
                Read::Char(sign, _) => {
                    let first = sign.encode_utf8(&mut [0; 4]).bytes().next();
                    for byte in u8::try_from(sign).ok().into_iter().chain(first) {
                        self.at_byte(at, byte, found);
                    }
                }
                Read::Joined(next) => self.at_line_end(at, next, true, found),
                Read::End => found.open = found.open.min(self.begun(found.text, at)),
            }
        }
    }

    /// Handles an escape at `at` that means `byte`, or begins with it.
    fn at_byte(&self, at: usize, byte: u8, found: &mut Found<'_>) {
        for &(number, place) in self.places.get(usize::from(byte)).map(Vec::as_slice).unwrap_or_default() {
            let Some(needle) = self.needles.get(number) else { continue };
            needle.try_at(at, place, (place, at), found);
        }
    }

    /// Handles a line end at `at`; the line continues at `next`. With `joined`, also for byte strings that
    /// are not base64.
    fn at_line_end(&self, at: usize, next: usize, joined: bool, found: &mut Found<'_>) {
        let text = found.text;
        let Some(&before) = at.checked_sub(1).and_then(|last| text.get(last)) else { return };
        let Some(&after) = text.get(next) else {
            // One character alone is not enough to delay a line of a stream, if nothing indicates that the
            // line continues.
            let open = self.begun(text, at);
            if open + 2 <= at || joined && open < at {
                found.open = found.open.min(open);
            }
            return;
        };
        let (word, bit) = neighbour_bit([before, after]);
        if !escape::begins(after) && self.neighbours.get(word).is_none_or(|word| word & bit == 0) {
            return;
        }
        for &(number, place) in self.places.get(usize::from(before)).map(Vec::as_slice).unwrap_or_default() {
            let Some(needle) = self.needles.get(number).filter(|needle| joined || needle.wraps) else {
                continue;
            };
            needle.try_at(at, place + 1, (place + 1, next), found);
        }
    }

    /// Returns the start of a match of whose head only a part precedes `at`; `at` if there is none.
    fn begun(&self, text: &[u8], at: usize) -> usize {
        // Usually the last byte shows that there is none: it would be in a head too.
        let last = at.checked_sub(1).and_then(|last| text.get(last)).map_or(0, |last| usize::from(*last));
        if self.places.get(last).is_none_or(Vec::is_empty) {
            return at;
        }
        let begins = |start: &usize| {
            let part = text.get(*start..at);
            part.is_some_and(|part| self.needles.iter().any(|needle| needle.bytes.starts_with(part)))
        };
        (at.saturating_sub(HEAD - 1)..at).find(begins).unwrap_or(at)
    }
}

impl Heads {
    fn of(needles: &[&Vec<u8>]) -> Vec<Self> {
        let mut heads: Vec<(Box<[u8]>, Vec<usize>)> = Vec::new();
        let mut known = HashMap::new();
        for (number, needle) in needles.iter().enumerate() {
            let Some(head) = needle.get(..HEAD) else { continue };
            let place = *known.entry(head).or_insert(heads.len());
            match heads.get_mut(place) {
                Some((_, numbers)) => numbers.push(number),
                None => heads.push((head.into(), vec![number])),
            }
        }
        let pass = |heads: &[(Box<[u8]>, Vec<usize>)]| Self {
            packed: packed::Searcher::new(heads.iter().map(|(head, _)| head)),
            heads: heads.to_vec(),
        };
        heads.chunks(AT_ONCE).map(pass).collect()
    }

    /// Calls `at_head` for each occurrence of a head, with the byte strings that begin with it.
    fn each(&self, text: &[u8], mut at_head: impl FnMut(usize, &[usize])) {
        let mut from = 0;
        if let Some(packed) = &self.packed {
            while let Some(found) = packed.find_in(text, Span::from(from..text.len())) {
                if let Some((_, numbers)) = self.heads.get(found.pattern().as_usize()) {
                    at_head(found.start(), numbers);
                }
                from = found.start() + 1;
            }
            return;
        }
        for (head, numbers) in &self.heads {
            let finder = memmem::Finder::new(head);
            from = 0;
            while let Some(found) = text.get(from..).and_then(|rest| finder.find(rest)) {
                at_head(from + found, numbers);
                from += found + 1;
            }
        }
    }
}

impl Needle {
    /// Handles its head at `at`.
    fn at_head(&self, at: usize, found: &mut Found<'_>) {
        if found.text.get(at..).is_some_and(|rest| rest.starts_with(&self.bytes)) {
            found.stars.push((at, at + self.bytes.len()));
        }
        self.try_at(at + HEAD, HEAD, (HEAD, at + HEAD), found);
    }

    /// Checks whether its first `before` bytes precede `at`, and whether from its byte `rest.0` on it
    /// continues at `rest.1`.
    fn try_at(&self, at: usize, before: usize, rest: (usize, usize), found: &mut Found<'_>) {
        let start = at.checked_sub(before);
        let Some(start) = start.filter(|start| found.text.get(*start..at) == self.bytes.get(..before)) else {
            return;
        };
        match self.run(found.text, rest) {
            Run::Whole(end) => found.stars.push((start, end)),
            Run::Cut => found.open = found.open.min(start),
            Run::Other => {}
        }
    }

    /// Continues from a place in the needle, at a place in the text; if an escape can be read in several
    /// ways, in each of them.
    fn run(&self, text: &[u8], rest: (usize, usize)) -> Run {
        let mut ways = vec![rest];
        let mut cut = false;
        let mut steps = 8 * self.bytes.len() + 64;
        while let Some((place, at)) = ways.pop() {
            let Some(&wanted) = self.bytes.get(place) else { return Run::Whole(at) };
            let Some(&byte) = text.get(at) else {
                cut = true;
                continue;
            };
            // A target that crafts such bytes gets no more work than this.
            steps -= 1;
            if steps == 0 {
                break;
            }
            if byte == wanted || (byte == b'+' && wanted == b' ') {
                ways.push((place + 1, at + 1));
            } else if self.wraps && matches!(byte, b'\n' | b'\r') {
                ways.push((place, at + 1));
            }
            if !escape::begins(byte) {
                continue;
            }
            for read in Readings::of(text, at, Way::ALL) {
                match read {
                    Read::Byte(byte, next) if byte == wanted => ways.push((place + 1, next)),
                    Read::Byte(b'\n' | b'\r', next) if self.wraps => ways.push((place, next)),
                    Read::Byte(..) => {}
                    Read::Char(sign, next) => {
                        if u8::try_from(sign) == Ok(wanted) {
                            ways.push((place + 1, next));
                        }
                        let (mut bytes, rest) = ([0; 4], self.bytes.get(place..).unwrap_or_default());
                        let sign = sign.encode_utf8(&mut bytes);
                        if rest.starts_with(sign.as_bytes()) {
                            ways.push((place + sign.len(), next));
                        }
                    }
                    Read::Joined(next) => ways.push((place, next)),
                    Read::End => cut = true,
                }
            }
        }
        if cut { Run::Cut } else { Run::Other }
    }
}

/// Returns the position of a pair of bytes in the set of neighbours.
fn neighbour_bit([one, other]: [u8; 2]) -> (usize, u64) {
    let hash = usize::from(one) * 67 + usize::from(other);
    (hash / 64 % 64, 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_that_overlap_and_without_the_instructions_too() {
        let needles = [b"aaaab".to_vec(), b"aabcd".to_vec(), b"aaaa".to_vec(), b"bcde".to_vec()];
        let needles: Vec<&Vec<u8>> = needles.iter().collect();
        for plain in [false, true] {
            let mut echoes = Echoes::new(&needles);
            if plain {
                echoes.heads.iter_mut().for_each(|heads| heads.packed = None);
            }
            let mut stars = Vec::new();
            assert_eq!(echoes.find(b"aaaaaabcde aaa", &mut stars), 11);
            stars.sort_unstable();
            stars.dedup();
            assert_eq!(stars, [(0, 4), (1, 5), (2, 6), (2, 7), (4, 9), (6, 10)]);
        }
    }
}
