//! Chance under a seed, for simulated networks and tests.
//!
//! Journey: none.

/// Numbers that a seed decides.
pub struct Random(pub u64);
impl Random {
    /// The next.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    /// One of so many.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Seldom true.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    /// For a handshake.
    pub fn key(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next() as u8)
    }
}
