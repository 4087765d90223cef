//! Lists that grow by blocks.
//!
//! Journey: value -> **bytes** -> value. What is kept for each object of a large heap is much. A vector that grows is there twice for
//! a while, and what it has outgrown stays with the allocator; here nothing is ever moved but the first few.

/// Elements of a block.
const BLOCK: usize = 1024;

/// A list.
pub struct Blocks<T>(Vec<Vec<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Blocks<T> {
        Blocks(Vec::new())
    }
}

impl<T> Blocks<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }
    /// The so manieth.
    #[inline]
    pub fn get(&self, n: usize) -> Option<&T> {
        self.0.get(n / BLOCK)?.get(n % BLOCK)
    }
    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, n: usize) -> Option<&mut T> {
        self.0.get_mut(n / BLOCK)?.get_mut(n % BLOCK)
    }
    /// Adds one at the end.
    #[inline]
    pub fn push(&mut self, element: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(element),
            _ => self.push_block(element),
        }
    }
    #[cold]
    fn push_block(&mut self, element: T) {
        let mut block = if self.0.is_empty() { Vec::new() } else { Vec::with_capacity(BLOCK) };
        block.push(element);
        self.0.push(block);
    }
    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_there_is_there() {
        let mut all = Blocks::default();
        assert_eq!((all.len(), all.get(0)), (0, None));
        for n in 0..3 * BLOCK + 5 {
            assert_eq!(all.len(), n);
            all.push(n);
            *all.get_mut(n).expect("it was put there") += 1;
        }
        assert_eq!(all.get(3 * BLOCK + 5), None);
        assert!((0..all.len()).all(|n| all.get(n) == Some(&(n + 1))));
        assert!(all.iter().copied().eq(1..3 * BLOCK + 6));
    }
}
