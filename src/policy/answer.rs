//! Yes, no, or not known: Kleene's three values.

/// What a condition says about one command. The order is that of the logic: AND is the least, OR the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// It does not hold.
    No,
    /// What it asks about is missing, or can be read in two ways.
    Unsure,
    /// It holds.
    Yes,
}

impl Answer {
    /// Yes or no.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// The opposite; what is not known stays so.
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unsure => Self::Unsure,
            Self::Yes => Self::No,
        }
    }

    /// Whether all hold. Stops at the first that does not.
    pub(super) fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut least = Self::Yes;
        for answer in answers {
            least = least.min(answer);
            if least == Self::No {
                break;
            }
        }
        least
    }

    /// Whether one holds. Stops at the first that does.
    pub(super) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut greatest = Self::No;
        for answer in answers {
            greatest = greatest.max(answer);
            if greatest == Self::Yes {
                break;
            }
        }
        greatest
    }
}
