//! Which relations share rows with those that a SQL text names: partitions and children, and what they are
//! part of. The text does not say it, the target's catalogue does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::sql::Object;

/// The kin of the relations of one text. Empty where nobody asks for it, and where there is no catalogue to
/// ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kin {
    /// By the name in the text.
    of: BTreeMap<Object, Vec<Arc<Object>>>,
    /// There may be more that nobody knows of.
    untold: bool,
}

impl Kin {
    /// Of which nothing is known.
    pub fn untold() -> Self {
        Self { of: BTreeMap::new(), untold: true }
    }

    /// Adds kin of a relation, as the text names it.
    pub fn add(&mut self, named: &Object, kin: Vec<Arc<Object>>) {
        if kin.is_empty() {
            return;
        }
        match self.of.get_mut(named) {
            Some(known) => known.extend(kin),
            None => {
                self.of.insert(named.clone(), kin);
            }
        }
    }

    /// All of it.
    pub fn all(&self) -> impl Iterator<Item = &Object> {
        self.of.values().flatten().map(|object| &**object)
    }

    /// That of a relation, as the text names it.
    pub fn of(&self, named: &Object) -> impl Iterator<Item = &Object> {
        self.of.get(named).into_iter().flatten().map(|object| &**object)
    }

    /// Whether there may be more that nobody knows of.
    pub fn is_untold(&self) -> bool {
        self.untold
    }
}
