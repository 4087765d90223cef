//! Orders of processes that are drawn from a seed to find what only some orders show, and the decisions that make one.
//!
//! Journey: every process's life: ready -> **queue** -> **slice** -> wait. Pure. What is decided: which ready process runs next, how
//! long its slice is, how late a timer is. Each decision has a number, which counts those of its kind, and is written down
//! where it differs from what is done of oneself: the process that has waited longest, a whole slice, a timer on time. So
//! the decisions that were written down make the same order again, and some of them make another one: with fewer of them
//! that still shows the same, a person sees what matters.
//!
//! A seed draws a plan first, since no way of drawing finds all: at random throughout; mostly in turn, with a few exceptions;
//! the latest first; or by priorities that change at a few moments (PCT: Burckhardt and others, *A Randomized Scheduler with
//! Probabilistic Guarantees of Finding Bugs*, 2010).
//!
//! Always: no process waits for ever while others run: whoever has run often in a row makes room.

use super::queue::next_random;
use crate::process::core::Time;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What a decision is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Which of the ready processes runs: the number of those that have waited longer.
    Process,
    /// How long its slice is, in reductions.
    Slice,
    /// How late a timer is, in nanoseconds.
    Timer,
    /// What breaks in a simulated cluster: a number that says what and when.
    Fault,
}

/// A decision that differs from what is done of oneself. As text: `12:3`, `12/40`, `5+1000`, `1@77`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Decision {
    /// The slice, the timer, or the fault, counted from 1.
    pub at: u64,
    /// What it is about.
    pub kind: Kind,
    /// What was decided.
    pub value: u64,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mark = match self.kind {
            Kind::Process => ':',
            Kind::Slice => '/',
            Kind::Timer => '+',
            Kind::Fault => '@',
        };
        write!(f, "{}{mark}{}", self.at, self.value)
    }
}
impl FromStr for Decision {
    type Err = String;
    fn from_str(text: &str) -> Result<Decision, String> {
        let kinds = [(':', Kind::Process), ('/', Kind::Slice), ('+', Kind::Timer), ('@', Kind::Fault)];
        let found = kinds.into_iter().find_map(|(mark, kind)| Some((kind, text.split_once(mark)?)));
        let decision =
            found.and_then(|(kind, (at, v))| Some(Decision { at: at.parse().ok()?, kind, value: v.parse().ok()? }));
        decision.ok_or_else(|| format!("no decision: '{text}' (as 12:3, 12/40, 5+1000 or 1@77)"))
    }
}

/// How the next process is drawn.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Each as likely as the others.
    Random,
    /// In turn, but one of so many times at random.
    InTurn(u64),
    /// The latest, but one of so many times at random.
    Latest(u64),
    /// By priorities, which change one of so many times.
    Priorities(u64),
}
/// How long slices are.
#[derive(Clone, Copy, Debug)]
enum Lengths {
    Whole,
    /// Of any length up to a whole one, short ones as likely as long ones.
    Any,
    /// One of so many is cut short.
    Some(u64),
}

/// How often in a row one process runs while others are ready.
const IN_A_ROW: u32 = 12;

/// The decisions of a run.
pub struct Schedule {
    random: u64,
    /// What priorities are drawn with.
    salt: u64,
    order: Order,
    lengths: Lengths,
    /// One of so many timers is late; 0: none.
    late_one_in: u64,
    /// What is decided otherwise than of oneself; none: it is drawn.
    given: Option<HashMap<(Kind, u64), u64>>,
    taken: Vec<Decision>,
    slices: u64,
    timers: u64,
    whole: i64,
    /// Priorities that are not what the process's number says, the less the later.
    lowered: HashMap<u64, u64>,
    last: (u64, u32),
}

impl Schedule {
    /// Draws from a seed, or takes these decisions; whole slices have so many reductions.
    pub fn new(seed: u64, whole: i64, given: Option<&[Decision]>) -> Schedule {
        let mut random = seed ^ 0x6a09_e667_f3bc_c908;
        let mut draw = |n: u64| next_random(&mut random) % n;
        let order = match draw(6) {
            0 => Order::Random,
            1 => Order::InTurn([2, 4, 12][draw(3) as usize]),
            2 => Order::Latest([2, 4, 12][draw(3) as usize]),
            _ => Order::Priorities([5, 15, 50, 200][draw(4) as usize]),
        };
        let lengths = match draw(4) {
            0 => Lengths::Whole,
            1 => Lengths::Any,
            _ => Lengths::Some([2, 5, 20][draw(3) as usize]),
        };
        let late_one_in = [0, 0, 2, 4][draw(4) as usize];
        Schedule {
            random,
            salt: !random,
            order,
            lengths,
            late_one_in,
            given: given.map(|all| all.iter().map(|d| ((d.kind, d.at), d.value)).collect()),
            taken: Vec::new(),
            slices: 0,
            timers: 0,
            whole,
            lowered: HashMap::new(),
            last: (0, 0),
        }
    }
    fn draw(&mut self, n: u64) -> u64 {
        next_random(&mut self.random) % n.max(1)
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.draw(n) == 0
    }
    fn note(&mut self, kind: Kind, at: u64, value: u64) {
        self.taken.push(Decision { at, kind, value });
    }
    /// Takes out what was decided so far.
    pub fn take_decisions(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.taken)
    }
    /// Which of `n` ready processes runs next, by how long they have waited, longest first; `key` tells them apart.
    pub fn pick(&mut self, n: usize, key: impl Fn(usize) -> u64) -> usize {
        self.slices += 1;
        if n <= 1 {
            return 0;
        }
        let i = match &self.given {
            Some(given) => given.get(&(Kind::Process, self.slices)).map_or(0, |v| *v as usize % n),
            None => self.pick_drawn(n, &key),
        };
        if i > 0 {
            self.note(Kind::Process, self.slices, i as u64);
        }
        i
    }
    fn pick_drawn(&mut self, n: usize, key: &impl Fn(usize) -> u64) -> usize {
        let any = |s: &mut Schedule| s.draw(n as u64) as usize;
        let mut i = match self.order {
            Order::Random => any(self),
            Order::InTurn(odds) => {
                if self.one_in(odds) {
                    any(self)
                } else {
                    0
                }
            }
            Order::Latest(odds) => {
                if self.one_in(odds) {
                    any(self)
                } else {
                    n - 1
                }
            }
            Order::Priorities(odds) => {
                let priority = |s: &Schedule, i: usize| match s.lowered.get(&key(i)) {
                    Some(low) => (0, *low),
                    None => (1, next_random(&mut (key(i) ^ s.salt))),
                };
                let highest = (0..n).max_by_key(|&i| priority(self, i)).unwrap_or(0);
                if self.one_in(odds) {
                    self.lowered.insert(key(highest), u64::MAX - self.slices);
                    (0..n).max_by_key(|&i| priority(self, i)).unwrap_or(0)
                } else {
                    highest
                }
            }
        };
        if self.last.0 == key(i) {
            self.last.1 += 1;
            if self.last.1 > IN_A_ROW {
                self.lowered.insert(key(i), u64::MAX - self.slices);
                i = (i + 1 + self.draw(n as u64 - 1) as usize) % n;
                self.last = (key(i), 1);
            }
        } else {
            self.last = (key(i), 1);
        }
        i
    }
    /// Reductions of the slice of the process that was picked last.
    pub fn slice(&mut self) -> i64 {
        let whole = self.whole;
        let length = match &self.given {
            Some(given) => given.get(&(Kind::Slice, self.slices)).map_or(whole, |v| (*v as i64).clamp(1, whole)),
            None => {
                let is_cut = match self.lengths {
                    Lengths::Whole => false,
                    Lengths::Any => true,
                    Lengths::Some(odds) => self.one_in(odds),
                };
                if is_cut {
                    // As many doublings as one likes, and something in between.
                    let most = 1 << self.draw(64 - (whole as u64).leading_zeros() as u64);
                    (1 + self.draw(most)).min(whole as u64) as i64
                } else {
                    whole
                }
            }
        };
        if length != whole {
            self.note(Kind::Slice, self.slices, length as u64);
        }
        length
    }
    /// What breaks, once and before anything else is decided: at most so many faults, each as a number.
    pub fn faults(&mut self, most: u64) -> Vec<u64> {
        let n = match &self.given {
            Some(_) => most,
            None => 1 + self.draw(most),
        };
        let mut faults = Vec::new();
        for at in 1..=n {
            let value = match &self.given {
                Some(given) => given.get(&(Kind::Fault, at)).copied().unwrap_or(0),
                None => 1 + self.draw(u64::from(u32::MAX)),
            };
            if value > 0 {
                self.note(Kind::Fault, at, value);
                faults.push(value);
            }
        }
        faults
    }
    fn late_drawn(&mut self, span: Time) -> Time {
        let is_late = self.late_one_in > 0 && self.one_in(self.late_one_in);
        if is_late { self.draw(span / 2 + 1) } else { 0 }
    }
    /// How much later than in so many nanoseconds a timer that is set now is due.
    pub fn late(&mut self, span: Time) -> Time {
        self.timers += 1;
        let late = match &self.given {
            Some(given) => given.get(&(Kind::Timer, self.timers)).copied().unwrap_or(0),
            None => self.late_drawn(span),
        };
        if late > 0 {
            self.note(Kind::Timer, self.timers, late);
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of some processes that are always ready: which ran, for how long.
    fn run(schedule: &mut Schedule) -> Vec<(u64, i64)> {
        let mut ready = vec![1, 2, 3, 4, 5];
        let mut ran = Vec::new();
        for _ in 0..400 {
            let key = ready.remove(schedule.pick(ready.len(), |i| ready[i]));
            ran.push((key, schedule.slice()));
            ready.push(key);
        }
        ran
    }
    #[test]
    fn decisions_make_the_order_again_and_none_make_the_one_of_itself() {
        for seed in 0..200 {
            let mut drawn = Schedule::new(seed, 4000, None);
            let (ran, late) = (run(&mut drawn), drawn.late(1000));
            let decisions = drawn.take_decisions();
            let text: Vec<String> = decisions.iter().map(Decision::to_string).collect();
            let read: Vec<Decision> = text.iter().map(|t| t.parse().expect("it was written")).collect();
            assert_eq!(read, decisions);
            let mut again = Schedule::new(seed + 1, 4000, Some(&read));
            assert_eq!((run(&mut again), again.late(1000)), (ran, late), "seed {seed}");
            assert_eq!(again.take_decisions(), decisions);
        }
        let mut plain = Schedule::new(7, 4000, Some(&[]));
        let in_turn: Vec<(u64, i64)> = (0..400).map(|i| (i % 5 + 1, 4000)).collect();
        assert_eq!(run(&mut plain), in_turn);
        assert!(plain.take_decisions().is_empty());
    }
    #[test]
    fn seeds_differ_and_nobody_waits_for_ever() {
        let mut all = std::collections::HashSet::new();
        for seed in 0..200 {
            let ran = run(&mut Schedule::new(seed, 4000, None));
            for key in 1..=5 {
                assert!(ran.iter().any(|(k, _)| *k == key), "seed {seed}: {key} never runs");
            }
            all.insert(ran);
        }
        assert!(all.len() > 195, "{} orders", all.len());
    }
    #[test]
    fn what_is_no_decision_is_an_error() {
        for text in ["", "5", "a:1", "1:b", "1-2", ":", "99999999999999999999:1"] {
            assert!(text.parse::<Decision>().is_err(), "{text}");
        }
    }
}
