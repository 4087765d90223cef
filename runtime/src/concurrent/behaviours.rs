//! Behaviours: calls, servers, supervisors, futures, channels, groups, pools, maps. They are Lua, over the functions of this
//! library alone, and what each does stands in spec/behaviours.md.
//!
//! Journey: name -> **module** -> closure. `concurrent.server` and the like are natives that run a function of their module,
//! which is loaded when the process needs it first. The reader might expect tables that load themselves: but the table of the
//! library is one for all processes and holds no tables, and with a metatable it could not be sent. So who uses none of
//! this has only names more in a table that all share. How `require` finds the modules: chunk.rs.

use super::chunk::{Chunk, open_chunk};
use rlua_machine::value::Value;
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Native, Result, Step};

/// A module in Lua.
struct Behaviour {
    chunk: Chunk,
    open: &'static Native,
}

/// Declares a module, what its chunk is given, what opens it, and the functions of the library that are functions of it.
macro_rules! behaviours {
    ($($module:ident $name:literal $file:literal $given:expr, { $($native:literal $field:literal),* })*) => {
        $(static $module: Behaviour = Behaviour {
            chunk: Chunk::with($name, include_str!($file), $given),
            open: &Native::yieldable(concat!("package.open ", $name), |vm, state| open_chunk(vm, state, &$module.chunk)),
        };)*
        static ALL: &[&Behaviour] = &[$(&$module),*];
        /// The functions of the library that lead to modules.
        pub(super) static NATIVES: &[Native] = &[
            $($(Native::yieldable($native, |vm, state| enter(vm, state, &$module, $field)),)*)*
        ];
    };
}
behaviours! {
    CALL "concurrent.call" "behaviours/call.lua" super::call::NATIVES, { "concurrent.call" "call", "concurrent.cast" "cast" }
    SERVER "concurrent.server" "behaviours/server.lua" &[], { "concurrent.server" "start" }
    SUPERVISOR "concurrent.supervisor" "behaviours/supervisor.lua" &[], { "concurrent.supervisor" "start" }
    FUTURE "concurrent.future" "behaviours/future.lua" &[], { "concurrent.future" "new" }
    CHANNEL "concurrent.channel" "behaviours/channel.lua" &[], { "concurrent.channel" "new" }
    GROUP "concurrent.group" "behaviours/group.lua" &[], { "concurrent.group" "members" }
    POOL "concurrent.pool" "behaviours/pool.lua" &[], { "concurrent.pool" "start" }
    MAP "concurrent.map" "behaviours/map.lua" &[], { "concurrent.map" "map" }
}

/// What opens a module, by its stable name.
pub(super) fn find_native(name: &str) -> Option<&'static Native> {
    ALL.iter().flat_map(|b| b.chunk.given.iter().chain([b.open])).chain(NATIVES).find(|n| n.name == name)
}

/// State of [`enter`]: the module has been loaded, and is in the last register.
const LOADED: u32 = 1;
/// State of [`enter`]: its function has returned.
const RETURNED: u32 = 2;

/// Calls a function of a module with the arguments, and returns what it returns.
fn enter(vm: &mut Vm, state: u32, behaviour: &'static Behaviour, field: &str) -> Result<Step> {
    if state == RETURNED {
        return Ok(Step::Return(vm.count()));
    }
    let registry = vm.registry();
    let Some(loaded) = registry.get_field(&mut vm.heap, b"_LOADED").as_table() else {
        return Err(vm.error("'package.loaded' must be a table"));
    };
    let name = vm.heap.atom(behaviour.chunk.name.as_bytes());
    let module = match state {
        LOADED => {
            let module = vm.arg(vm.count() - 1);
            vm.truncate(vm.count() - 1);
            loaded.set(&mut vm.heap, name, module).expect("a name is a key");
            module
        }
        _ => loaded.get(name),
    };
    let Some(module) = module.as_table() else {
        let function = vm.count();
        vm.push(Value::native(behaviour.open));
        return Ok(Step::Call { function, results: 1, next: LOADED, catch: false });
    };
    let f = module.get_field(&mut vm.heap, field.as_bytes());
    vm.insert(0, f);
    Ok(Step::Call { function: 0, results: -1, next: RETURNED, catch: false })
}
