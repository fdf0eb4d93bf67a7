//! Yes, no, or unknown: Kleene's three-valued logic.

/// The result of a condition for one command. The order is that of the logic: AND is the minimum, OR the
/// maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// The condition does not hold.
    No,
    /// What the condition tests is missing, or can be read in two ways.
    Unsure,
    /// The condition holds.
    Yes,
}

impl Answer {
    /// Converts a boolean.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Negates the answer; unsure stays unsure.
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unsure => Self::Unsure,
            Self::Yes => Self::No,
        }
    }

    /// Returns the AND of the answers. Stops at the first `No`.
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

    /// Returns the OR of the answers. Stops at the first `Yes`.
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
