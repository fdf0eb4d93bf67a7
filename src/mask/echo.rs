//! Byte strings in a text of which some characters are escaped, each in a way of its own, or whose lines are wrapped.
//!
//! An escaped one is found from its first escape: what is before that stands there as it is. So a text without escapes costs no
//! more than to see that it has none, and others a look at each character that an escape means.

use crate::mask::escape;
use crate::mask::escape::Read;

/// Byte strings to look for.
#[derive(Debug)]
pub(super) struct Echoes {
    needles: Vec<Needle>,
    /// Where each byte stands in them: which one, and at which place.
    places: Vec<Vec<(usize, usize)>>,
    /// Which two bytes follow one another in any of them; others may be in here too.
    neighbours: Box<[u64; 64]>,
}

#[derive(Debug)]
struct Needle {
    bytes: Box<[u8]>,
    /// Whether lines may be wrapped within it: it is base64, or could be.
    wraps: bool,
}

/// How a needle goes on in a text.
enum Run {
    /// To its end, here.
    Whole(usize),
    /// Up to the end of the text, and it may go on.
    Cut,
    /// It does not.
    Other,
}

/// What was found in a text.
struct Found<'a> {
    text: &'a [u8],
    stars: &'a mut Vec<(usize, usize)>,
    /// Where the first one begins that the end of the text may cut.
    open: usize,
}

impl Echoes {
    pub(super) fn new(needles: &[&Vec<u8>]) -> Self {
        let mut places = vec![Vec::new(); 256];
        let mut neighbours = Box::new([0; 64]);
        for (number, needle) in needles.iter().enumerate() {
            for (place, byte) in needle.iter().enumerate() {
                if let Some(places) = places.get_mut(usize::from(*byte)) {
                    places.push((number, place));
                }
            }
            for pair in needle.array_windows() {
                let (word, bit) = neighbour_bit(*pair);
                if let Some(word) = neighbours.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        let is_base64 =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
        let needles = needles
            .iter()
            .map(|needle| Needle { bytes: needle.as_slice().into(), wraps: needle.iter().all(is_base64) })
            .collect();
        Self { needles, places, neighbours }
    }

    /// Appends where they stand, escaped or wrapped; gives where the first one begins that may go on behind the end of the text.
    pub(super) fn find(&self, text: &[u8], stars: &mut Vec<(usize, usize)>) -> usize {
        let mut found = Found { text, stars, open: text.len() };
        for at in memchr::memchr3_iter(b'%', b'\\', b'&', text) {
            self.at_escape(at, &mut found);
        }
        for at in memchr::memchr3_iter(b'=', b'\n', b'\r', text) {
            match text.get(at) {
                Some(b'=') => self.at_escape(at, &mut found),
                // The line feed of a line end counts as one with what is before it.
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
        let mut last = at + 1;
        for level in 1..=escape::DEEPEST {
            match escape::read(found.text, at, level) {
                Read::Byte(_, next) if next == last => return,
                Read::Byte(byte, next) => {
                    last = next;
                    self.at_byte(at, byte, next, found);
                    if matches!(byte, b'\n' | b'\r') {
                        self.at_line_end(at, next, false, found);
                    }
                }
                Read::Joined(next) => return self.at_line_end(at, next, true, found),
                Read::End => {
                    found.open = found.open.min(self.hold_from(found.text.get(..at).unwrap_or_default()));
                    return;
                }
            }
        }
    }

    /// An escape that means `byte` stands from `at` to `next`.
    fn at_byte(&self, at: usize, byte: u8, next: usize, found: &mut Found<'_>) {
        for &(number, place) in self.places.get(usize::from(byte)).map(Vec::as_slice).unwrap_or_default() {
            let Some(needle) = self.needles.get(number) else { continue };
            needle.try_at(at, place, (place + 1, next), found);
        }
    }

    /// A line ends at `at`, and goes on at `next`; with `joined` for those, too, that are no base64.
    fn at_line_end(&self, at: usize, next: usize, joined: bool, found: &mut Found<'_>) {
        let text = found.text;
        let Some(&before) = at.checked_sub(1).and_then(|last| text.get(last)) else { return };
        let Some(&after) = text.get(next) else {
            // One character alone is too little to keep a line of a stream from its reader.
            let open = self.hold_from(text.get(..at).unwrap_or_default());
            if open + 2 <= at {
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

    /// Where the longest end of a text begins that one of them begins with.
    pub(super) fn hold_from(&self, text: &[u8]) -> usize {
        let mut hold = text.len();
        for needle in &self.needles {
            let needle = &needle.bytes;
            let from = (text.len() + 1).saturating_sub(needle.len());
            let Some((&first, tail)) = needle.first().zip(text.get(from..hold)) else { continue };
            let begins = |at: &usize| text.get(from + at..).is_some_and(|end| needle.starts_with(end));
            if let Some(at) = memchr::memchr_iter(first, tail).find(begins) {
                hold = from + at;
            }
        }
        hold
    }
}

impl Needle {
    /// Looks whether the first `before` bytes stand before `at`, and from its byte `rest.0` on it goes on at `rest.1`.
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

    /// Goes on from a place in it, at a place of the text; where an escape can be read in more than one way, in each of them.
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
            // Bytes of a target that makes fun of it are not worth more.
            steps -= 1;
            if steps == 0 {
                break;
            }
            if byte == wanted || (byte == b'+' && wanted == b' ') {
                ways.push((place + 1, at + 1));
            } else if self.wraps && matches!(byte, b'\n' | b'\r') {
                ways.push((place, at + 1));
            }
            let mut last = at + 1;
            for level in 1..=escape::DEEPEST {
                if !escape::begins(byte) {
                    break;
                }
                match escape::read(text, at, level) {
                    Read::Byte(_, next) if next == last => break,
                    Read::Byte(byte, next) => {
                        last = next;
                        if byte == wanted {
                            ways.push((place + 1, next));
                        } else if self.wraps && matches!(byte, b'\n' | b'\r') {
                            ways.push((place, next));
                        }
                    }
                    Read::Joined(next) => {
                        ways.push((place, next));
                        break;
                    }
                    Read::End => {
                        cut = true;
                        break;
                    }
                }
            }
        }
        if cut { Run::Cut } else { Run::Other }
    }
}

/// Where two neighbours are in the set of them.
fn neighbour_bit([one, other]: [u8; 2]) -> (usize, u64) {
    let hash = usize::from(one) * 67 + usize::from(other);
    (hash / 64 % 64, 1 << (hash % 64))
}
