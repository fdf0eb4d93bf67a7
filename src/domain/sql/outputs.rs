//! What the columns of a query are made of.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Object;

/// What the columns are made of that a query gives, as far as its text tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Those before the first `*`, or all of them: the columns of tables whose values go into each, and
    /// nothing else does; `None` for one into which anything may go.
    pub front: Vec<Option<BTreeSet<OutputSource>>>,
    /// Those behind the last `*`, if there is one.
    pub back: Option<Vec<Option<BTreeSet<OutputSource>>>>,
}

impl Outputs {
    /// What goes into one of so many columns that come; `None` where anything may, or where the columns that
    /// come are others than the text has.
    pub fn sources(&self, place: usize, count: usize) -> Option<&BTreeSet<OutputSource>> {
        let Some(back) = &self.back else {
            return self.front.get(place).filter(|_| count == self.front.len())?.as_ref();
        };
        let behind = count.checked_sub(back.len()).filter(|behind| self.front.len() <= *behind)?;
        let known = match place.checked_sub(behind) {
            Some(place) => back.get(place),
            None => self.front.get(place),
        };
        known?.as_ref()
    }

    /// How much they hold.
    pub(super) fn len(&self) -> usize {
        let all = self.front.iter().chain(self.back.iter().flatten());
        let entries = |sources: &BTreeSet<OutputSource>| {
            sources.iter().map(|source| source.relations.len().saturating_add(1)).sum::<usize>()
        };
        all.map(|sources| sources.as_ref().map_or(1, entries).saturating_add(1)).sum()
    }
}

/// A column of a table that goes into what a query gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputSource {
    /// The tables whose column it may be; at least one.
    pub relations: Arc<[Object]>,
    /// The column.
    pub name: Box<str>,
    /// It is a column of one of them; if not, it may be something else, which is told beside.
    pub certain: bool,
}
