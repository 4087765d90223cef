//! Words that most frozen processes have, by their numbers: names of the library.
//!
//! Journey: value -> **bytes** -> value. They belong to the version of the format (spec/format.md): nothing is taken away and
//! nothing moves. A word that is not here is written out, which is only longer.

use rlua_machine::heap::Heap;
use rlua_machine::value::{Value, tag};
use rlua_machine::vm::native::{Native, Natives};
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

/// The words of version 3.
#[rustfmt::skip]
pub const WORDS: &[&str] = &[
    "_G", "_VERSION", "Lua 5.4", "assert", "collectgarbage", "dofile", "error", "getmetatable", "ipairs", "load", "loadfile",
    "loadstring", "next", "pairs", "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select",
    "setmetatable", "tonumber", "tostring", "type", "unpack", "warn", "xpcall", "arg", "package", "coroutine", "table", "io",
    "os", "string", "math", "utf8", "debug", "concurrent", "concurrent.time",
    "_LOADED", "_PRELOAD", "_IO_input", "_IO_output", "FILE*",
    "__index", "__newindex", "__call", "__gc", "__close", "__mode", "__name", "__tostring", "__metatable", "__pairs", "__len",
    "__eq", "__lt", "__le", "__concat", "__unm", "__bnot", "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__idiv",
    "__band", "__bor", "__bxor", "__shl", "__shr",
    "path", "cpath", "config", "preload", "loaded", "searchers", "searchpath", "loadlib",
    "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;/usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua",
    "/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so", "/\n;\n?\n!\n-\n",
    "stdin", "stdout", "stderr", "close", "flush", "input", "lines", "open", "output", "popen", "read", "tmpfile", "write",
    "io.close", "io.flush", "io.input", "io.lines", "io.open", "io.output", "io.popen", "io.read", "io.tmpfile", "io.type",
    "io.write", "file:__gc", "file:__tostring", "table.unpack", "package.loadlib", "package.searchpath",
    "package.searcher_preload", "package.searcher_lua", "package.searcher_c", "package.searcher_croot",
    "package.open_concurrent", "package.open_concurrent_time",
    "string.__add", "string.__sub", "string.__mul", "string.__div", "string.__mod", "string.__pow", "string.__idiv",
    "string.__unm", "concurrent.receive", "concurrent.sleep", "concurrent.migrate", "concurrent.checkpoint",
];

/// Marks of strings, found without looking at all of one.
const MARKS: usize = 1024;

struct Places {
    /// Where in `words` those of each mark begin, and end.
    first: [u16; MARKS + 1],
    /// Words and their numbers, by their marks.
    words: Vec<(&'static [u8], u64)>,
}

fn mark(bytes: &[u8]) -> usize {
    let end = |b: Option<&u8>| *b.unwrap_or(&0) as usize;
    (bytes.len() * 5 + end(bytes.first()) * 37 + end(bytes.last()) * 101) % MARKS
}
/// The number of a word.
pub fn find(bytes: &[u8]) -> Option<u64> {
    static PLACES: OnceLock<Places> = OnceLock::new();
    let places = PLACES.get_or_init(|| {
        let mut words: Vec<_> = (0..).zip(WORDS).map(|(i, w)| (w.as_bytes(), i)).collect();
        words.sort_by_key(|w| mark(w.0));
        Places { first: std::array::from_fn(|m| words.partition_point(|w| mark(w.0) < m) as u16), words }
    });
    let m = mark(bytes);
    let same_mark = &places.words[places.first[m] as usize..places.first[m + 1] as usize];
    same_mark.iter().find(|w| w.0 == bytes).map(|w| w.1)
}
/// The string of a word.
pub fn name(heap: &mut Heap, number: usize) -> Value {
    /// Those that are atoms, which are there for ever.
    static ATOMS: [AtomicU64; WORDS.len()] = [const { AtomicU64::new(0) }; WORDS.len()];
    let atom = ATOMS[number].load(Acquire);
    if atom != 0 {
        return Value { tag: tag::ATOM, bits: atom };
    }
    let name = heap.name(WORDS[number].as_bytes());
    if name.tag == tag::ATOM {
        ATOMS[number].store(name.bits, Release);
    }
    name
}
/// The native that has a word for its name.
pub fn native(natives: Natives, number: usize) -> Option<&'static Native> {
    static KNOWN: OnceLock<(Natives, [Option<&'static Native>; WORDS.len()])> = OnceLock::new();
    let (all, known) = KNOWN.get_or_init(|| (natives, std::array::from_fn(|i| natives(WORDS[i]))));
    if std::ptr::fn_addr_eq(*all, natives) { known[number] } else { natives(WORDS[number]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_number() {
        for (i, w) in WORDS.iter().enumerate() {
            assert_eq!(find(w.as_bytes()), Some(i as u64), "{w}");
        }
        assert_eq!(find(b"no such word"), None);
    }
}
