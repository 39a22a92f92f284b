//! Which arrays and objects are open, as one bit each: a hostile body of 100 MiB of brackets takes 12.5 MiB.

/// The arrays and objects that are open.
#[derive(Default)]
pub(super) struct Nesting {
    depth: usize,
    deepest: usize,
    /// The innermost, at most 64, the last one in the lowest bit; 1 is an object.
    inner: u64,
    /// Those around them, by 64.
    outer: Vec<u64>,
}

impl Nesting {
    /// How many are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// How many were open at most.
    pub(super) fn deepest(&self) -> usize {
        self.deepest
    }

    /// Whether the innermost is an object.
    pub(super) fn in_object(&self) -> bool {
        self.inner & 1 == 1
    }

    /// One more is open.
    pub(super) fn open(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(is_object);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }

    /// The innermost is closed. There must be one.
    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.inner = match self.depth.is_multiple_of(64) {
            true => self.outer.pop().unwrap_or_default(),
            false => self.inner >> 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_opened_is_closed_in_turn() {
        let mut nesting = Nesting::default();
        let is_object = |n: usize| n.is_multiple_of(3) || n.is_multiple_of(7);
        for n in 0..1000 {
            nesting.open(is_object(n));
        }
        for n in (0..1000).rev() {
            assert_eq!((nesting.depth(), nesting.in_object()), (n + 1, is_object(n)));
            nesting.close();
        }
        assert_eq!((nesting.depth(), nesting.deepest()), (0, 1000));
    }
}
