//! Sets of numbers as ranges, which are few if most numbers are adjacent.

use serde::Deserialize;
use serde::Serialize;

/// A set of numbers: the first and the last of each range, ascending, with a gap between any two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<[i64; 2]>")]
pub struct Ranges(Vec<[i64; 2]>);

impl From<Vec<[i64; 2]>> for Ranges {
    /// Accepts ranges in any order, which may overlap. A range that ends before it begins is ignored.
    fn from(mut ranges: Vec<[i64; 2]>) -> Self {
        ranges.retain(|[first, last]| first <= last);
        ranges.sort_unstable();
        let mut joined: Vec<[i64; 2]> = Vec::new();
        for [first, last] in ranges {
            match joined.last_mut() {
                Some([_, end]) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => joined.push([first, last]),
            }
        }
        Self(joined)
    }
}

impl FromIterator<i64> for Ranges {
    fn from_iter<T: IntoIterator<Item = i64>>(numbers: T) -> Self {
        numbers.into_iter().map(|number| [number, number]).collect::<Vec<_>>().into()
    }
}

impl Ranges {
    /// Returns the ranges.
    pub fn as_slice(&self) -> &[[i64; 2]] {
        &self.0
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many numbers are in the set.
    pub fn count(&self) -> u64 {
        let count = |[first, last]: &[i64; 2]| last.abs_diff(*first).saturating_add(1);
        self.0.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Returns whether a number is in the set.
    pub fn contains(&self, number: i64) -> bool {
        let place = self.0.partition_point(|[_, last]| *last < number);
        self.0.get(place).is_some_and(|[first, _]| *first <= number)
    }

    /// Returns whether the sets have a number in common.
    pub fn meets(&self, other: &Self) -> bool {
        other.0.iter().any(|[first, last]| {
            let place = self.0.partition_point(|[_, end]| end < first);
            self.0.get(place).is_some_and(|[begin, _]| begin <= last)
        })
    }

    /// Adds the numbers of another set.
    pub fn add(&mut self, other: Self) {
        let mut all = std::mem::take(&mut self.0);
        all.extend(other.0);
        *self = all.into();
    }

    /// Returns the numbers that are not in another set.
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut others = other.0.as_slice();
        for &[first, last] in &self.0 {
            others = others.get(others.partition_point(|[_, to]| *to < first)..).unwrap_or_default();
            let mut next = Some(first);
            for &[from, to] in others.iter().take_while(|[from, _]| *from <= last) {
                if let Some(next) = next.filter(|next| *next < from) {
                    left.push([next, from - 1]);
                }
                next = to.checked_add(1);
            }
            left.extend(next.filter(|next| *next <= last).map(|next| [next, last]));
        }
        Self(left)
    }

    /// Keeps the first `ranges` ranges.
    pub fn first(mut self, ranges: usize) -> Self {
        self.0.truncate(ranges);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[[i64; 2]]) -> Ranges {
        of.to_vec().into()
    }

    #[test]
    fn numbers_side_by_side_are_one_range() {
        assert_eq!([7, 1, 2, 3, 9].into_iter().collect::<Ranges>(), ranges(&[[1, 3], [7, 7], [9, 9]]));
        let mut all = ranges(&[[5, 1], [8, 9], [1, 3], [2, 6]]);
        assert_eq!((all.as_slice(), all.count()), (&[[1, 6], [8, 9]][..], 8));
        all.add(ranges(&[[7, 7]]));
        assert_eq!(all.as_slice(), [[1, 9]]);
        assert!(all.contains(9) && !all.contains(10) && !all.contains(0));
        assert!(all.meets(&ranges(&[[9, 12]])) && !all.meets(&ranges(&[[10, 12]])));
    }

    #[test]
    fn what_is_not_in_another_set_is_left() {
        const ALL: [i64; 2] = [i64::MIN, i64::MAX];
        for (of, other, left) in [
            (&[[1, 3]][..], &[[1, 1], [2, 3]][..], &[][..]),
            (&[[1, 10]], &[[1, 3], [5, 5]], &[[4, 4], [6, 10]]),
            (&[[1, 10]], &[], &[[1, 10]]),
            (&[], &[[1, 9]], &[]),
            (&[[4, 4], [8, 9]], &[[1, 8]], &[[9, 9]]),
            (&[[1, i64::MAX]], &[[1, 2]], &[[3, i64::MAX]]),
            (&[ALL], &[[5, i64::MAX]], &[[i64::MIN, 4]]),
            (&[ALL], &[ALL], &[]),
            (&[[1, 2], [4, 5]], &[[2, 4]], &[[1, 1], [5, 5]]),
        ] {
            assert_eq!(ranges(of).without(&ranges(other)).as_slice(), left, "{of:?} {other:?}");
        }
    }
}
