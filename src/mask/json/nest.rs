//! The objects and arrays that are open.

/// How deep objects and arrays may be nested.
const DEEPEST: u32 = 64;

/// What is open. A bit of a number for each, the lowest one for the innermost.
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

    /// Whether the innermost one is an object.
    #[inline]
    pub(super) fn in_object(self) -> bool {
        self.objects & 1 == 1
    }

    /// Whether the innermost one is an array whose elements are masked one by one, as it stands under a masked name.
    #[inline]
    pub(super) fn in_masked(self) -> bool {
        self.masked & 1 == 1
    }

    /// Opens one more; `false` if that is too deep.
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

    /// Closes the innermost one; `false` if it is another, or none.
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
