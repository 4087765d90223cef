//! Modules (manual 6.3): `require` and the table `package`. Modules are Lua files; C modules are not supported.
//!
//! Journey: source text -> closure. `require` calls the searchers one by one, then the loader.

use super::base::read_source;
use crate::value::{Kind, Ref, Table, Value};
use crate::vm::load::Literals;
use crate::vm::native::{Native, Result, Step};
use crate::vm::{LoadMode, Vm};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The library's functions.
pub static NATIVES: &[Native] = &[
    Native::steps("require", require),
    Native::steps("package.loadlib", loadlib),
    Native::steps("package.searchpath", searchpath),
    Native::steps("package.searcher_preload", searcher_preload),
    Native::steps("package.searcher_lua", searcher_lua),
    Native::steps("package.searcher_c", |vm, _| searcher_c(vm, false)),
    Native::steps("package.searcher_croot", |vm, _| searcher_c(vm, true)),
];
const DEFAULT_PATH: &str = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
                            /usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
/// Bytes of the longest name of a module that a native opens.
const OPENED: usize = 64;
/// Where the reference looks for C modules. They are looked for here, too, to say that they are not supported.
const DEFAULT_CPATH: &str = "/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so";

fn native(name: &str) -> Value {
    Value::native(NATIVES.iter().find(|n| n.name == name).expect("it is in the list"))
}

/// Builds the library's table, and sets the global `require`.
pub fn open(vm: &mut Vm) -> Value {
    let t = vm.heap.table();
    let registry = vm.registry();
    let loaded = registry.get_field(&mut vm.heap, b"_LOADED");
    super::field(vm, t, "loaded", loaded);
    let preload = vm.heap.table();
    super::field(vm, t, "preload", Value::table(preload));
    super::field(vm, registry, "_PRELOAD", Value::table(preload));
    let path = vm.heap.string(DEFAULT_PATH.as_bytes());
    super::field(vm, t, "path", path);
    let cpath = vm.heap.string(DEFAULT_CPATH.as_bytes());
    super::field(vm, t, "cpath", cpath);
    let config = vm.heap.string(b"/\n;\n?\n!\n-\n");
    super::field(vm, t, "config", config);
    super::field(vm, t, "loadlib", native("package.loadlib"));
    super::field(vm, t, "searchpath", native("package.searchpath"));
    let names = ["package.searcher_preload", "package.searcher_lua", "package.searcher_c", "package.searcher_croot"];
    let searchers = vm.heap.table_sized(names.len(), 0);
    for (i, name) in names.into_iter().enumerate() {
        searchers.set_integer(&mut vm.heap, i as i64 + 1, native(name)).expect("a small integer is a key");
    }
    super::field(vm, t, "searchers", Value::table(searchers));
    super::field(vm, registry, "package", Value::table(t));
    let globals = vm.globals();
    super::field(vm, globals, "require", native("require"));
    Value::table(t)
}

/// Fills `package.preload`.
pub fn preload(vm: &mut Vm, modules: &[(&str, &'static Native)]) {
    let registry = vm.registry();
    let Some(preload) = registry.get_field(&mut vm.heap, b"_PRELOAD").as_table() else { return };
    for (name, open) in modules {
        super::field(vm, preload, name, Value::native(open));
    }
}

/// Sets `package.path` and `package.cpath` to what LUA_PATH_5_4 or LUA_PATH, and LUA_CPATH_5_4 or LUA_CPATH say; `;;` in
/// them stands for the default.
pub fn path_from_environment(vm: &mut Vm) {
    for (field, variable, default) in [("path", "LUA_PATH", DEFAULT_PATH), ("cpath", "LUA_CPATH", DEFAULT_CPATH)] {
        let value = std::env::var_os(format!("{variable}_5_4")).or_else(|| std::env::var_os(variable));
        let (Some(path), Some(t)) = (value, package_table(vm)) else { continue };
        let path = path.as_bytes();
        let path = match memchr::memmem::find(path, b";;") {
            None => path.to_vec(),
            Some(i) => {
                let (before, after) = (&path[..i], &path[i + 2..]);
                let parts = [before, default.as_bytes(), after];
                parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(&b';')
            }
        };
        let path = vm.heap.string(&path);
        super::field(vm, t, field, path);
    }
}
fn package_table(vm: &mut Vm) -> Option<Ref<Table>> {
    let registry = vm.registry();
    registry.get_field(&mut vm.heap, b"package").as_table()
}

fn loadlib(vm: &mut Vm, _: u32) -> Result<Step> {
    vm.check_string(0)?;
    vm.check_string(1)?;
    let text = vm.heap.string(b"C modules are not supported");
    let kind = vm.heap.string(b"absent");
    vm.push(Value::NIL);
    vm.push(text);
    vm.push(kind);
    Ok(Step::Return(3))
}

/// What a template or a name became, as far as a file can have it as its name.
struct FileName {
    bytes: Vec<u8>,
    too_long: bool,
}

/// Longer names are none of a file: the system refuses them.
const LONGEST: usize = 4095;
/// More templates of a path are an error: each of them is a system call.
const TEMPLATES: usize = 1000;

fn replace(text: &[u8], from: &[u8], to: &FileName) -> FileName {
    let mut out = FileName { bytes: Vec::new(), too_long: false };
    let mut at = 0;
    while at < text.len() && out.bytes.len() <= LONGEST {
        let next = match from {
            [] => None,
            _ => memchr::memmem::find(&text[at..], from),
        };
        let plain = &text[at..next.map_or(text.len(), |n| at + n)];
        out.bytes.extend_from_slice(&plain[..plain.len().min(LONGEST + 1)]);
        at += plain.len();
        if next.is_some() {
            out.bytes.extend_from_slice(&to.bytes);
            out.too_long |= to.too_long;
            at += from.len();
        }
    }
    if out.bytes.len() > LONGEST {
        out.bytes.truncate(LONGEST + 1);
        out.too_long = true;
    }
    out
}

/// Looks for a readable file; the error lists what was tried. Its work is bounded, whatever the length of all these.
fn search(name: &[u8], path: &[u8], separator: &[u8], replacement: &[u8]) -> std::result::Result<Vec<u8>, Vec<u8>> {
    let replacement = FileName {
        bytes: replacement[..replacement.len().min(LONGEST + 1)].to_vec(),
        too_long: replacement.len() > LONGEST,
    };
    let name = replace(name, separator, &replacement);
    let mut tried = Vec::new();
    for template in path.split(|&b| b == b';') {
        let file = replace(template, b"?", &name);
        if !file.too_long && std::fs::File::open(OsStr::from_bytes(&file.bytes)).is_ok() {
            return Ok(file.bytes);
        }
        if !tried.is_empty() {
            tried.extend_from_slice(b"\n\t");
        }
        tried.extend_from_slice(b"no file '");
        match file.too_long {
            true => tried.extend_from_slice(&[&file.bytes[..file.bytes.len().min(200)], b"..."].concat()),
            false => tried.extend_from_slice(&file.bytes),
        }
        tried.push(b'\'');
    }
    Err(tried)
}
/// Errors: too many templates.
fn check_path(vm: &mut Vm, path: &[u8]) -> Result<()> {
    match memchr::memchr_iter(b';', path).take(TEMPLATES).count() {
        TEMPLATES => Err(vm.error(format!("a path of more than {TEMPLATES} templates"))),
        _ => Ok(()),
    }
}
fn searchpath(vm: &mut Vm, _: u32) -> Result<Step> {
    let name = vm.check_string(0)?.bytes().to_vec();
    let path = vm.check_string(1)?.bytes().to_vec();
    let separator = vm.opt_string(2)?.map_or(b".".to_vec(), |s| s.bytes().to_vec());
    let replacement = vm.opt_string(3)?.map_or(b"/".to_vec(), |s| s.bytes().to_vec());
    check_path(vm, &path)?;
    match super::host::blocking(vm, |_| search(&name, &path, &separator, &replacement)) {
        Ok(file) => {
            let v = vm.heap.string(&file);
            vm.return_one(v)
        }
        Err(tried) => {
            let v = vm.heap.string(&tried);
            vm.push(Value::NIL);
            vm.push(v);
            Ok(Step::Return(2))
        }
    }
}
fn package_field(vm: &mut Vm, name: &str) -> Value {
    match package_table(vm) {
        Some(t) => t.get_field(&mut vm.heap, name.as_bytes()),
        None => Value::NIL,
    }
}
fn searcher_preload(vm: &mut Vm, _: u32) -> Result<Step> {
    let name = vm.check_string(0)?.bytes().to_vec();
    let registry = vm.registry();
    let preload = registry.get_field(&mut vm.heap, b"_PRELOAD");
    let loader = match preload.as_table() {
        Some(t) => t.get(vm.arg(0)),
        None => Value::NIL,
    };
    // A module of the surroundings has no entry, but a native that opens it.
    let loader = match std::str::from_utf8(&name) {
        Ok(name) if loader.is_nil() && name.len() <= OPENED => {
            (vm.natives)(&format!("package.open {name}")).map_or(Value::NIL, Value::native)
        }
        _ => loader,
    };
    if loader.is_nil() {
        let text = [b"no field package.preload['".as_slice(), &name, b"']"].concat();
        let v = vm.heap.string(&text);
        return vm.return_one(v);
    }
    let data = vm.heap.string(b":preload:");
    vm.push(loader);
    vm.push(data);
    Ok(Step::Return(2))
}
/// A field of `package` that holds templates.
fn path_field(vm: &mut Vm, field: &str) -> Result<Vec<u8>> {
    let path = match package_field(vm, field) {
        n if n.is_number() => vm.number_to_string(n),
        v => v,
    };
    match path.as_string() {
        Some(path) => {
            let path = path.bytes().to_vec();
            check_path(vm, &path)?;
            Ok(path)
        }
        None => Err(vm.error(format!("'package.{field}' must be a string"))),
    }
}
/// Looks for a C module, by its name or by the first part of it, in order to say that it cannot be loaded.
fn searcher_c(vm: &mut Vm, root: bool) -> Result<Step> {
    let name = vm.check_string(0)?.bytes().to_vec();
    let wanted = match memchr::memchr(b'.', &name) {
        Some(i) if root => &name[..i],
        None if root => return Ok(Step::Return(0)),
        _ => &name,
    };
    let path = path_field(vm, "cpath")?;
    match super::host::blocking(vm, |_| search(wanted, &path, b".", b"/")) {
        Ok(file) => {
            let text = [
                b"error loading module '".as_slice(),
                &name,
                b"' from file '",
                &file,
                b"':\n\tC modules are not supported",
            ];
            Err(vm.error(text.concat()))
        }
        Err(tried) => {
            let v = vm.heap.string(&tried);
            vm.return_one(v)
        }
    }
}
fn searcher_lua(vm: &mut Vm, _: u32) -> Result<Step> {
    let name = vm.check_string(0)?.bytes().to_vec();
    let path = path_field(vm, "path")?;
    let file = match super::host::blocking(vm, |_| search(&name, &path, b".", b"/")) {
        Ok(file) => file,
        Err(tried) => {
            let v = vm.heap.string(&tried);
            return vm.return_one(v);
        }
    };
    let env = Value::table(vm.globals());
    let chunk = [b"@".as_slice(), &file].concat();
    let loaded = read_source(vm, Some(&file))?
        .and_then(|text| super::load_chunk(vm, &text, &chunk, LoadMode::Both, Literals::Atoms, env));
    match loaded {
        Ok(f) => {
            let data = vm.heap.string(&file);
            vm.push(f);
            vm.push(data);
            Ok(Step::Return(2))
        }
        Err(message) => {
            let text =
                [b"error loading module '".as_slice(), &name, b"' from file '", &file, b"':\n\t", &message].concat();
            Err(vm.error(text))
        }
    }
}

/// Registers: name, the messages so far, the searcher's number; then a call. States: 1 a searcher answered, 2 the loader
/// returned (register 3: loader data).
fn require(vm: &mut Vm, state: u32) -> Result<Step> {
    let registry = vm.registry();
    let loaded = registry.get_field(&mut vm.heap, b"_LOADED").as_table();
    let Some(loaded) = loaded else { return Err(vm.error("'package.loaded' must be a table")) };
    match state {
        0 => {
            vm.check_string(0)?;
            vm.truncate(1);
            let v = loaded.get(vm.arg(0));
            if !v.is_false() {
                return vm.return_one(v);
            }
            let none = vm.heap.string(b"");
            vm.push(none);
            vm.push(Value::integer(0));
        }
        1 => {
            let (found, data) = (vm.arg(3), vm.arg(4));
            vm.truncate(3);
            if found.is_function() {
                let name = vm.arg(0);
                vm.push(data);
                vm.push(found);
                vm.push(name);
                vm.push(data);
                return Ok(Step::Call { function: 4, results: 1, next: 2, catch: false });
            }
            let message = if found.is_number() { vm.number_to_string(found) } else { found };
            if let Kind::String(s) = message.kind() {
                let mut text = vm.arg(1).as_string().map_or(Vec::new(), |t| t.bytes().to_vec());
                text.extend_from_slice(b"\n\t");
                text.extend_from_slice(s.bytes());
                let text = vm.heap.string(&text);
                vm.set_arg(1, text);
            }
        }
        _ => {
            let (name, data, result) = (vm.arg(0), vm.arg(3), vm.arg(4));
            if !result.is_nil() {
                loaded.set(&mut vm.heap, name, result).expect("a string is a key");
            } else if loaded.get(name).is_nil() {
                loaded.set(&mut vm.heap, name, Value::TRUE).expect("a string is a key");
            }
            let v = loaded.get(name);
            vm.push(v);
            vm.push(data);
            return Ok(Step::Return(2));
        }
    }
    let Some(searchers) = package_field(vm, "searchers").as_table() else {
        return Err(vm.error("'package.searchers' must be a table"));
    };
    let n = vm.arg(2).as_integer().unwrap_or(0) + 1;
    let searcher = searchers.get_integer(n);
    if searcher.is_nil() {
        let (name, tried) = (vm.check_string(0)?, vm.check_string(1)?);
        let text = [b"module '".as_slice(), name.bytes(), b"' not found:", tried.bytes()].concat();
        return Err(vm.error(text));
    }
    vm.set_arg(2, Value::integer(n));
    let name = vm.arg(0);
    vm.push(searcher);
    vm.push(name);
    Ok(Step::Call { function: 3, results: 2, next: 1, catch: false })
}
