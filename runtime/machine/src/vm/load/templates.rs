//! What constructors make, found before they run.
//!
//! Journey: prototype -> **templates** -> closure. The fields that a constructor sets are known from the code behind its
//! NEWTABLE: its table begins as a copy of a template, in which the names have their places (value/table/block.rs).
//!
//! Always: one pass, whatever lies in what. A template is a guess: a table that begins with another one's is only slower.

use crate::value::Value;
use crate::value::table::Template;
use crate::vm::op::Op;
use rlua_compiler::opcode::Opcode;
use rlua_compiler::prototype::Prototype;
use smallvec::SmallVec;

/// Finds out which fields constructors set, and notes a template in the EXTRAARG that follows each NEWTABLE.
///
/// A field is a string that is set in a table's register as long as the table is the topmost that is not temporary. There may
/// be one too many, of what follows a constructor: that has its place then, and no value until it is set.
pub(super) fn set_templates(p: &Prototype, k: &[Value], words: &mut [u64]) -> Box<[Template]> {
    use Opcode as O;
    let mut made = Made::default();
    // Constructors that may go on, by ascending registers.
    let mut open: Vec<Constructor> = Vec::new();
    for (i, ins) in p.code.iter().enumerate() {
        let (op, a) = (ins.opcode(), ins.a());
        if open.is_empty() && op != O::NewTable {
            continue;
        }
        match op {
            O::SetField => {
                let Ok(at) = open.binary_search_by_key(&a, |c| c.register) else { continue };
                let (constructor, key) = (&mut open[at], k[ins.b() as usize]);
                if !constructor.keys.iter().any(|known| known.raw_equals(key)) {
                    constructor.keys.push(key);
                }
                if constructor.keys.len() == constructor.count {
                    made.close(&open.remove(at), words);
                }
            }
            O::Return | O::Return0 | O::Return1 | O::TailCall | O::ForLoop | O::ForPrep | O::TForPrep | O::TForLoop => {
                open.drain(..).for_each(|c| made.close(&c, words));
            }
            O::Jmp if ins.sj_arg() < 0 => open.drain(..).for_each(|c| made.close(&c, words)),
            // These set no register.
            O::SetUpval | O::SetTabUp | O::SetTable | O::SetI | O::SetList | O::Close | O::Tbc => {}
            O::Jmp | O::Eq | O::Lt | O::Le | O::EqK | O::EqI | O::LtI | O::LeI | O::GtI | O::GeI | O::Test => {}
            O::ExtraArg | O::VarArgPrep => {}
            _ => {
                while open.last().is_some_and(|c| c.register >= a)
                    && let Some(constructor) = open.pop()
                {
                    made.close(&constructor, words);
                }
                if op == O::NewTable && (1..=TEMPLATE_BITS).contains(&ins.b()) {
                    open.push(Constructor {
                        extra: i + 1,
                        register: a,
                        count: 1 << (ins.b() - 1),
                        keys: SmallVec::new(),
                    });
                }
            }
        }
    }
    open.drain(..).for_each(|c| made.close(&c, words));
    let all = made.all.into_boxed_slice();
    if !all.is_empty() {
        for (i, _) in p.code.iter().enumerate().filter(|(_, ins)| ins.opcode() == O::NewTable) {
            if let Some(number) = (words[i + 1] >> 8).checked_sub(1) {
                words[i + 1] = Op::ExtraArg as u64 | (std::ptr::from_ref(&all[number as usize]) as u64) << 8;
            }
        }
    }
    all
}
/// A constructor whose fields are looked for.
struct Constructor {
    /// Index of the EXTRAARG that follows its NEWTABLE.
    extra: usize,
    register: u32,
    /// Nodes of its table.
    count: usize,
    keys: SmallVec<[Value; 4]>,
}
/// Templates under way.
#[derive(Default)]
struct Made {
    all: Vec<Template>,
    /// The last constructor, and its template's number from 1.
    last: Option<(usize, SmallVec<[Value; 4]>, u64)>,
}
impl Made {
    /// Notes the number of a constructor's template, from 1, where its address will be.
    fn close(&mut self, c: &Constructor, words: &mut [u64]) {
        if c.keys.is_empty() {
            return;
        }
        // Rows of a table have the same fields.
        if let Some((count, keys, number)) = &self.last
            && *count == c.count
            && keys.iter().zip(&c.keys).all(|(a, b)| a.raw_equals(*b))
            && keys.len() == c.keys.len()
        {
            words[c.extra] |= number << 8;
            return;
        }
        let Some(template) = Template::new(c.count, &c.keys) else { return };
        let near = self.all.len().saturating_sub(NEAR);
        let known = self.all[near..].iter().position(|t| t.is_same(&template)).map(|n| near + n);
        if known.is_none() && self.all.len() == MOST_TEMPLATES {
            return;
        }
        let number = known.unwrap_or(self.all.len()) as u64 + 1;
        if known.is_none() {
            self.all.push(template);
        }
        words[c.extra] |= number << 8;
        self.last = Some((c.count, c.keys.clone(), number));
    }
}
/// Templates of a prototype: one with more constructors is a table that was written down, and runs once.
const MOST_TEMPLATES: usize = 256;
/// The latest of them among which the same is looked for.
const NEAR: usize = 8;
/// The largest `B` of a NEWTABLE for which there are templates.
const TEMPLATE_BITS: u32 = 5;
/// The template that an EXTRAARG after NEWTABLE names, or null. Addresses have 56 bits at most.
#[inline(always)]
pub(in crate::vm) fn template_at(extra: u64) -> *const Template {
    (extra >> 8) as *const Template
}
