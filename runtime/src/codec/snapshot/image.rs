//! A view of a graph as what tables are filled from when they are first used.
//!
//! Journey: spawn -> records -> **the child's heap**. What a record becomes, in the parts that the machine asks for
//! (heap/lazy.rs). Only graphs that need not be thawed as a whole come here.

use super::Record;
use super::version::View;
use rlua_machine::heap::{Header, Image, Lazy, Maker, STRING_METATABLE};
use rlua_machine::value::function::{NativeClosure, Upvalue};
use rlua_machine::value::table::Parts;
use rlua_machine::value::{Ref, Table, Value, tag};
use rlua_machine::vm::load::Module;
use std::any::Any;
use std::sync::Arc;

impl Image for View {
    fn has_string_metatable(&self) -> bool {
        let strings = self.metatables()[0];
        (strings.tag, strings.bits) == (tag::TABLE, STRING_METATABLE as u64)
            && matches!(*self.head(STRING_METATABLE), Record::Table { .. })
    }
    fn make(&self, n: u32, maker: &mut Maker) -> Option<Value> {
        Some(match &*self.head(n) {
            Record::String(bytes) => maker.string(bytes),
            Record::Table { .. } => return None,
            Record::Library { library, .. } => {
                let t = maker.table();
                t.use_library(library);
                Value::table(t)
            }
            Record::Closure { proto, upvalues, .. } => Value::closure(maker.closure(*proto, upvalues.len())),
            Record::NativeClosure { native, upvalues, .. } => {
                Value::native_closure(maker.native_closure(native, &vec![Value::NIL; upvalues.len()]))
            }
            Record::Userdata { resource, .. } => Value::userdata(maker.userdata(*resource, None)),
            Record::Upvalue { .. } => Value::object(tag::UPVALUE, maker.upvalue(Value::NIL).as_ptr()),
            Record::Buffer(_) | Record::Placeholder { .. } => unreachable!("its graph is thawed as a whole"),
        })
    }
    fn complete(&self, n: u32, object: Value, lazy: &Lazy) {
        match &*self.head(n) {
            Record::Table { serial, metatable, .. } | Record::Library { serial, metatable, .. } => {
                let t = object.as_table().expect("made from this record");
                t.metatable.set(lazy.pointer(*metatable));
                t.header.serial.set(*serial);
            }
            Record::Closure { serial, upvalues, .. } => {
                let c = object.as_closure().expect("made from this record");
                for (i, &u) in upvalues.iter().enumerate() {
                    // SAFETY: a closure's upvalues are upvalues.
                    c.set_upvalue(i, unsafe { Ref::new(lazy.object(u).bits as *mut Upvalue) });
                }
                c.header.serial.set(*serial);
            }
            Record::NativeClosure { serial, upvalues, .. } => {
                // SAFETY: made from this record, as are the next ones.
                let c = unsafe { &*(object.bits as *const NativeClosure) };
                for (to, &v) in c.upvalues().iter().zip(upvalues) {
                    to.set(lazy.value(v));
                }
                c.header.serial.set(*serial);
            }
            Record::Userdata { serial, metatable, user_value, .. } => {
                let u = object.as_userdata().expect("made from this record");
                u.metatable.set(lazy.pointer(*metatable));
                u.user_value.set(lazy.value(*user_value));
                u.header.serial.set(*serial);
            }
            // SAFETY: made from a record of this kind.
            Record::Upvalue { serial, value } => unsafe {
                (*(object.bits as *const Upvalue)).set(lazy.value(*value));
                (*(object.bits as *const Header)).serial.set(*serial);
            },
            Record::String(_) | Record::Buffer(_) | Record::Placeholder { .. } => {}
        }
    }
    fn fill(&self, n: u32, t: Ref<Table>, lazy: &Lazy) {
        let record = self.record(n);
        let Record::Table { hash_key, last_free, border_hint, array, nodes, refers, .. } = &*record else {
            unreachable!("only tables are filled");
        };
        let (hash_key, last_free, border_hint) = (*hash_key, *last_free, *border_hint);
        t.set_parts(&Parts { array, nodes, hash_key, last_free, border_hint });
        if *refers {
            t.replace_all(|v| match v.tag {
                tag::DEAD_KEY if v.bits == u64::MAX => Value { tag: tag::DEAD_KEY, bits: 0 },
                tag::DEAD_KEY => Value { tag: tag::DEAD_KEY, bits: lazy.object(v.bits as u32).bits },
                _ => lazy.value(v),
            });
        }
    }
    fn refers(&self, n: u32, each: &mut dyn FnMut(u32)) {
        let mut value = |v: Value| {
            if v.tag & tag::HEAP_BIT != 0 || v.tag == tag::DEAD_KEY && v.bits != u64::MAX {
                each(v.bits as u32);
            }
        };
        match &*self.record(n) {
            Record::Table { metatable, array, nodes, refers, .. } => {
                value(*metatable);
                if *refers {
                    array.iter().for_each(|&v| value(v));
                    nodes.iter().for_each(|n| {
                        value(n.key());
                        value(n.value());
                    });
                }
            }
            Record::Library { metatable, .. } => value(*metatable),
            Record::Closure { upvalues, .. } => upvalues.iter().for_each(|&u| each(u)),
            Record::NativeClosure { upvalues, .. } => upvalues.iter().for_each(|&v| value(v)),
            Record::Userdata { metatable, user_value, .. } => {
                value(*metatable);
                value(*user_value);
            }
            Record::Upvalue { value: v, .. } => value(*v),
            Record::String(_) | Record::Buffer(_) | Record::Placeholder { .. } => {}
        }
    }
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
    fn modules(&self, each: &mut dyn FnMut(&Arc<Module>)) {
        self.each_module(each);
    }
}
