//! One pass over a text that finds the few places where a value can be, sixty-four bytes at a time.
//!
//! An anchor is a place inside every value of its kind. It is only a candidate: the detector examines the
//! text around it.

use crate::mask::bits::Block;
use crate::mask::bits::Class;
use crate::mask::bits::Classes;

/// The kind of value that may be around a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The twelfth digit of a run, or the fourth digit after a blank or dash with four before it.
    Card,
    /// An `@`.
    Email,
    /// The second check digit.
    Iban,
    /// The second or third dot of a dotted quad.
    Ipv4,
    /// A second adjacent colon, or the third of a close chain.
    Ipv6,
    /// The second dash (or blank) of `ddd-dd-`.
    Ssn,
    /// The end of a run of exactly nine digits.
    SsnBare,
}

/// Which anchors to find.
#[expect(clippy::struct_excessive_bools, reason = "one switch for each detector with anchors")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub card: bool,
    pub email: bool,
    pub iban: bool,
    pub ip: bool,
    pub ssn: bool,
}

impl Wanted {
    pub(super) fn nothing(self) -> bool {
        self == Self::default()
    }
}

/// The masks of one block that the next one refers to.
#[derive(Debug, Clone, Copy, Default)]
struct Masks {
    classes: Classes,
    /// Whether the masks of letters, dots and gaps are filled in: they are seldom needed for a block without
    /// digits.
    full: bool,
    digit: u64,
    two: u64,
    four: u64,
    twelve: u64,
    letter: u64,
    letters: u64,
    dot: u64,
    gap: u64,
    colon: u64,
    chain: u64,
    /// Whether anything beyond ASCII stood beside digits.
    wide: bool,
}

/// Shifts `mask` so that bit `n` is about the byte `by` places before.
#[inline]
fn back(mask: u64, previous: u64, by: u32) -> u64 {
    (mask << by) | (previous >> (64 - by))
}

/// Calls `visit` for each anchor, in the order of the blocks. Whether anything beyond ASCII stands beside
/// digits.
#[inline]
pub(super) fn each(text: &[u8], wanted: Wanted, mut visit: impl FnMut(Anchor, usize)) -> bool {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut previous = Masks::default();
    let mut at = 0;
    for block in blocks {
        previous = one(block, wanted, previous, at, &mut visit);
        at += 64;
    }
    // The last block is never full: a run of digits at the very end is followed by a byte that is not a
    // digit.
    let mut last: Block = [0; 64];
    if let Some(room) = last.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
    }
    one(&last, wanted, previous, at, &mut visit).wide
}

#[inline]
fn one(block: &Block, wanted: Wanted, was: Masks, at: usize, visit: &mut impl FnMut(Anchor, usize)) -> Masks {
    let classes = Classes::of(block);
    let mut now = Masks { classes, wide: was.wide, ..Masks::default() };
    if wanted.email {
        report(classes.mask(Class::At), Anchor::Email, at, visit);
    }
    if wanted.ip {
        now.colon = classes.mask(Class::Colon);
        if now.colon != 0 {
            let near = |mask, before| {
                back(mask, before, 2) | back(mask, before, 3) | back(mask, before, 4) | back(mask, before, 5)
            };
            now.chain = now.colon & near(now.colon, was.colon);
            let double = now.colon & back(now.colon, was.colon, 1);
            report(double | (now.colon & near(now.chain, was.chain)), Anchor::Ipv6, at, visit);
        }
    }
    if !(wanted.card || wanted.iban || wanted.ip || wanted.ssn) {
        return now;
    }
    now.digit = classes.mask(Class::Digit);
    if now.digit | (was.digit >> 54) == 0 {
        return now;
    }
    let was = if was.full { was } else { was.fill(wanted, 0) };
    now = now.fill(wanted, was.letter);
    now.wide |= block.iter().fold(0, |all, byte| all | byte) >= 0x80;
    numbers(wanted, was, &mut now, at, visit);
    now
}

impl Masks {
    /// Fills in the masks that only matter next to digits. A pair of letters that begins in the previous
    /// block only counts with `before`; nothing refers back that far.
    #[inline]
    fn fill(mut self, wanted: Wanted, before: u64) -> Self {
        self.full = true;
        if wanted.iban {
            self.letter = self.classes.mask(Class::Letter);
            self.letters = self.letter & back(self.letter, before, 1);
        }
        if wanted.ip {
            self.dot = self.classes.mask(Class::Dot);
        }
        if wanted.card || wanted.ssn {
            self.gap = self.classes.mask(Class::Gap);
        }
        self
    }
}

#[inline]
fn numbers(wanted: Wanted, was: Masks, now: &mut Masks, at: usize, visit: &mut impl FnMut(Anchor, usize)) {
    now.two = now.digit & back(now.digit, was.digit, 1);
    let three = now.two & back(now.digit, was.digit, 2);
    now.four = now.two & back(now.two, was.two, 2);
    if wanted.iban {
        let word = (now.letter | now.digit, was.letter | was.digit);
        report(
            now.two & back(now.letters, was.letters, 2) & !back(word.0, word.1, 4),
            Anchor::Iban,
            at,
            visit,
        );
    }
    if wanted.ip && now.dot != 0 {
        let was_three = was.two & (was.digit << 2);
        let second = back(now.dot, was.dot, 2)
            | (back(now.two, was.two, 1) & back(now.dot, was.dot, 3))
            | (back(three, was_three, 1) & back(now.dot, was.dot, 4));
        report(now.dot & back(now.digit, was.digit, 1) & second, Anchor::Ipv4, at, visit);
    }
    let eight = now.four & back(now.four, was.four, 4);
    if wanted.card {
        now.twelve = eight & back(now.four, was.four, 8);
        let reached = now.twelve & !back(now.twelve, was.twelve, 1);
        let grouped = now.four & back(now.gap, was.gap, 4) & back(now.four, was.four, 5);
        report(reached | grouped, Anchor::Card, at, visit);
    }
    if wanted.ssn {
        let was_three = was.two & (was.digit << 2);
        let dashed = now.gap
            & back(now.two, was.two, 1)
            & back(now.gap, was.gap, 3)
            & back(three, was_three, 4)
            & !back(now.digit, was.digit, 7);
        report(dashed, Anchor::Ssn, at, visit);
        let was_eight = was.four & (was.four << 4);
        let nine = (eight & back(now.digit, was.digit, 8), was_eight & (was.digit << 8));
        let end = !now.digit & back(nine.0, nine.1, 1) & !back(now.digit, was.digit, 10);
        report(end, Anchor::SsnBare, at, visit);
    }
}

#[inline]
fn report(mask: u64, anchor: Anchor, at: usize, visit: &mut impl FnMut(Anchor, usize)) {
    if mask != 0 {
        report_each(mask, anchor, at, visit);
    }
}

fn report_each(mut mask: u64, anchor: Anchor, at: usize, visit: &mut impl FnMut(Anchor, usize)) {
    while mask != 0 {
        visit(anchor, at + mask.trailing_zeros() as usize);
        mask &= mask - 1;
    }
}
