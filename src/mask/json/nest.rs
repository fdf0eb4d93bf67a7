//! The stack of open objects and arrays.

/// Maximum nesting depth of objects and arrays.
const DEEPEST: u32 = 64;

/// The open objects and arrays as bit masks, the lowest bit for the innermost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nest {
    depth: u32,
    objects: u64,
    masked: u64,
}

impl Nest {
    #[inline]
    pub(super) fn depth(self) -> u32 {
        self.depth
    }

    /// Returns whether the innermost one is an object.
    #[inline]
    pub(super) fn in_object(self) -> bool {
        self.objects & 1 == 1
    }

    /// Returns whether the innermost one is an array under a masked name, whose elements are masked one by
    /// one.
    #[inline]
    pub(super) fn in_masked(self) -> bool {
        self.masked & 1 == 1
    }

    /// Opens one; `false` if that is too deep.
    #[inline]
    pub(super) fn open(&mut self, is_object: bool, is_masked: bool) -> bool {
        if self.depth >= DEEPEST {
            return false;
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u64::from(is_object);
        self.masked = (self.masked << 1) | u64::from(is_masked);
        true
    }

    /// Closes the innermost one; `false` if it is of the other kind, or there is none.
    #[inline]
    pub(super) fn close(&mut self, is_object: bool) -> bool {
        if self.depth == 0 || self.in_object() != is_object {
            return false;
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.masked >>= 1;
        true
    }
}
