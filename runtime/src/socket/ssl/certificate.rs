//! Certificates that a peer has shown, as Lua sees them: by LuaSec's names, as far as nothing need be read in them.
//!
//! Journey: bytes -> **value**. An object is a table with the bytes (DER), so it goes along when its process moves.

use super::super::mime::Coding;
use super::{check, secured};
use rlua_machine::stdlib::field;
use rlua_machine::value::{Ref, Table, Value};
use rlua_machine::vm::Vm;
use rlua_machine::vm::native::{Result, Step};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// What objects are called, and the registry's field of their metatable.
const CLASS: &str = "SSL:Certificate";
/// The field of their bytes.
const BYTES: &[u8] = b"der";
/// Characters of a line of PEM.
const LINE: usize = 64;

fn metatable(vm: &mut Vm) -> Ref<Table> {
    let registry = vm.registry();
    if let Some(meta) = registry.get_field(&mut vm.heap, CLASS.as_bytes()).as_table() {
        return meta;
    }
    let (meta, methods) = (vm.heap.table_sized(0, 2), vm.heap.table_sized(0, 2));
    field(vm, registry, CLASS, Value::table(meta));
    field(vm, meta, "__index", Value::table(methods));
    let name = vm.heap.string(CLASS.as_bytes());
    field(vm, meta, "__name", name);
    for name in ["x509:digest", "x509:pem"] {
        let native = super::find_native(name).expect("it is one of this module");
        field(vm, methods, &name["x509:".len()..], Value::native(native));
    }
    meta
}
fn object(vm: &mut Vm, der: &[u8]) -> Value {
    let t = vm.heap.table_sized(0, 1);
    let bytes = vm.heap.string(der);
    field(vm, t, "der", bytes);
    let meta = metatable(vm);
    vm.set_metatable(t, Some(meta));
    Value::table(t)
}
fn chain(vm: &mut Vm) -> Result<Vec<Vec<u8>>> {
    let u = check(vm)?;
    let all = secured(vm, &u).map(|s| s.peers_certificates().iter().map(|c| c.to_vec()).collect());
    Ok(all.unwrap_or_default())
}

/// `connection:getpeercertificate([n])`: the peer's own certificate, or the n-th of its chain; nil: it has shown none.
pub fn getpeercertificate(vm: &mut Vm) -> Result<Step> {
    let all = chain(vm)?;
    let n = vm.opt_integer(1, 1)?;
    if n < 1 {
        return Err(vm.arg_error(1, "invalid certificate index"));
    }
    let found = usize::try_from(n - 1).ok().and_then(|i| all.get(i));
    let v = found.map_or(Value::NIL, |der| object(vm, der));
    vm.return_one(v)
}
/// `connection:getpeerchain()`: all that the peer has shown, its own first.
pub fn getpeerchain(vm: &mut Vm) -> Result<Step> {
    let all = chain(vm)?;
    let t = vm.heap.table_sized(all.len(), 0);
    // What it holds is not collected.
    vm.push(Value::table(t));
    for (i, der) in (1..).zip(&all) {
        let v = object(vm, der);
        t.set_integer(&mut vm.heap, i, v).expect("a small integer is a key");
    }
    Ok(Step::Return(1))
}

fn bytes_argument(vm: &mut Vm) -> Result<Vec<u8>> {
    let bytes = vm.arg(0).as_table().map(|t| t.get_field(&mut vm.heap, BYTES)).and_then(|v| v.as_string());
    match bytes {
        Some(bytes) => Ok(bytes.bytes().to_vec()),
        None => Err(vm.arg_error(0, format!("{CLASS} expected"))),
    }
}
/// `certificate:digest([name])`: of its bytes, in hexadecimal digits; by `'sha1'`, unless it is said.
pub fn digest(vm: &mut Vm) -> Result<Step> {
    let bytes = bytes_argument(vm)?;
    let name = vm.opt_string(1)?;
    vm.charge(1 + bytes.len() / 64);
    let digest = match name.as_ref().map_or(&b"sha1"[..], |n| n.bytes()) {
        b"sha1" => Sha1::digest(&bytes).to_vec(),
        b"sha256" => Sha256::digest(&bytes).to_vec(),
        b"sha384" => Sha384::digest(&bytes).to_vec(),
        b"sha512" => Sha512::digest(&bytes).to_vec(),
        other => {
            let other = String::from_utf8_lossy(other).into_owned();
            return super::refuse(
                vm,
                &format!("digest algorithm not supported ({other}): sha1, sha256, sha384 or sha512"),
            );
        }
    };
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = vm.heap.string(text.as_bytes());
    vm.return_one(text)
}
/// `certificate:pem()`.
pub fn pem(vm: &mut Vm) -> Result<Step> {
    let bytes = bytes_argument(vm)?;
    vm.charge(1 + bytes.len() / 64);
    let (mut kept, mut made) = (Vec::new(), Vec::new());
    for byte in bytes {
        Coding::Base64.take(byte, &mut kept, b"", &mut made);
    }
    Coding::Base64.finish(&kept, &mut made);
    let mut text = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in made.chunks(LINE) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(b"-----END CERTIFICATE-----\n");
    let text = vm.heap.string(&text);
    vm.return_one(text)
}
