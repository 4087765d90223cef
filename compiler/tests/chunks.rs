//! What is compiled passes the verifier, survives the binary form, and damaged binary forms do no harm.

use rlua_compiler::opcode::Instruction;
use rlua_compiler::{Chunk, LoadError, compile, disassemble, dump, extract, hash, undump, verify};

const PROGRAM: &str = r##"
local a <const>, b <close>, c = 10, nil, "x"
local t = {1, 2, x = 3, ["long key that is more than forty bytes in length"] = c; ...}
function t.method:name(p, q, ...)
    local n = select("#", ...)
    for i = 1, n do
        if i == a then goto continue elseif i > 3.0 then break end
        t[i] = function() i = i + 1; return i, p end
        ::continue::
    end
    for k, v in pairs(self) do t[k] = v .. k .. "!" end
    repeat local u = f(function() return u end) until u or not n
    while n >= 0 and (n < 5 or p ~= nil) do n = n - 1 end
    return self:name(p & 7, 3 << q, q >> 2, ~p, -q, #p, p // 2, 2 ^ q, n % a)
end
t.x, t[1], c = f(), (f())
local function g(x) return g(x - 1) end
return g, {f()}, t.x == "x", ...
"##;

fn program() -> Chunk {
    compile(PROGRAM.as_bytes(), b"@program.lua").unwrap()
}

#[test]
fn round_trip() {
    let chunk = program();
    verify(&chunk).unwrap();
    let bytes = dump(&chunk, false);
    assert_eq!(undump(&bytes).unwrap(), chunk);
    assert_eq!(hash(&undump(&bytes).unwrap()), hash(&chunk));
    assert!(disassemble(&chunk).contains("TFORCALL"));
    let stripped = undump(&dump(&chunk, true)).unwrap();
    assert_eq!(&*stripped.name, b"=?");
    assert!(stripped.prototypes.iter().all(|p| p.lines.is_empty() && p.locals.is_empty()));
    assert!(stripped.prototypes.iter().flat_map(|p| &p.upvalues).all(|u| u.name.is_empty()));
    assert!(stripped.prototypes[0].code == chunk.prototypes[0].code);
}

#[test]
fn parts() {
    let chunk = program();
    for index in 0..chunk.prototypes.len() as u32 {
        let part = extract(&chunk, index).unwrap();
        verify(&part).unwrap();
        assert!(part.prototypes[0].code == chunk.prototypes[index as usize].code);
    }
    assert!(extract(&chunk, chunk.prototypes.len() as u32).is_none());
}

#[test]
fn damaged() {
    let bytes = dump(&program(), false);
    for length in 0..bytes.len() {
        assert_eq!(undump(&bytes[..length]), Err(LoadError::Truncated), "{length}");
    }
    assert_eq!(undump(b"\x1bXua"), Err(LoadError::NotBinary));
    let mut other = dump(&compile(b"return 1", b"=x").expect("it compiles"), false);
    let version = other.iter().position(|&b| b == b'R').expect("the mark") + 4;
    other[version] = 0xff;
    assert_eq!(undump(&other), Err(LoadError::VersionMismatch));
    assert_eq!(undump(b"\x1bLua\x53\x00"), Err(LoadError::VersionMismatch));
    assert_eq!(undump(b"\x1bLua\x54\x01"), Err(LoadError::FormatMismatch));
    assert_eq!(undump(b"\x1bLua\x54\x00\x18"), Err(LoadError::Corrupted));
    other[version - 1] = b'b';
    assert_eq!(undump(&other), Err(LoadError::Foreign));
    assert_eq!(undump(&[&bytes[..], b"x"].concat()), Err(LoadError::BadFormat));
    // Any byte changed: an error or a chunk that passes the verifier, never a panic.
    for place in 6..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[place] ^= change;
            if let Ok(chunk) = undump(&bytes) {
                verify(&chunk).unwrap();
                disassemble(&chunk);
            }
        }
    }
    // A claimed length of 2^60 prototypes.
    let huge = [&bytes[..=version], b"\x00", &[0xff; 8], &[0x0f]].concat();
    assert_eq!(undump(&huge), Err(LoadError::Truncated));
}

#[test]
fn damaged_code() {
    let chunk = program();
    let mut refused = 0;
    let mut passed = 0;
    for index in 0..chunk.prototypes.len() {
        for pc in 0..chunk.prototypes[index].code.len() {
            for bit in 0..32 {
                let mut chunk = chunk.clone();
                let code = &mut chunk.prototypes[index].code;
                code[pc] = Instruction(code[pc].0 ^ 1 << bit);
                disassemble(&chunk);
                match verify(&chunk) {
                    Ok(()) => passed += 1,
                    Err(_) => refused += 1,
                }
            }
            let mut chunk = chunk.clone();
            chunk.prototypes[index].code.remove(pc);
            chunk.prototypes[index].lines = Default::default();
            let _ = verify(&chunk);
        }
    }
    assert!(refused > passed, "{refused} refused, {passed} passed");
}

/// Each line: a change to a good chunk, and what the verifier says.
#[test]
fn rules() {
    fn check(source: &str, change: impl FnOnce(&mut Chunk), want: &str) {
        let mut chunk = compile(source.as_bytes(), b"=x").unwrap();
        verify(&chunk).unwrap();
        change(&mut chunk);
        let error = verify(&chunk).expect_err(want);
        assert_eq!(error.what, want, "{source}");
    }
    check("return 1", |c| c.prototypes.clear(), "a chunk has a main function");
    check("return 1", |c| (c.prototypes[0].code, c.prototypes[0].lines) = Default::default(), "there is code");
    check("return 1", |c| c.prototypes[0].code.truncate(1), "there is a line for each instruction");
    check("return 1", |c| c.prototypes[0].registers = 1, "there are two registers at least");
    check("local a, b, c = 1, 2, 3", |c| c.prototypes[0].registers = 2, "each active local variable has a register");
    check("f(1, 2, 3)", |c| c.prototypes[0].registers = 3, "a register exists");
    check("x = 'a'", |c| c.prototypes[0].constants.truncate(1), "a constant exists");
    check("x = y", |c| c.prototypes[0].constants.clear(), "the constant is a string");
    check("x = y", |c| c.prototypes[0].upvalues.clear(), "an upvalue exists");
    check("x = function() end", |c| c.prototypes[0].nested.clear(), "a prototype is nested in another");
    check(
        "x = function() end",
        |c| c.prototypes[0].nested[0] = 0,
        "a nested prototype has a greater index than the one around it",
    );
    check("x = function() end", |c| c.prototypes[0].nested.push(1), "a prototype is nested in one other only");
    check(
        "local a; return function() return a end",
        |c| c.prototypes[1].upvalues[0].index = 9,
        "an upvalue comes from a register or upvalue of the enclosing prototype",
    );
    check("x = ...", |c| c.prototypes[0].is_vararg = false, "VARARGPREP begins a vararg function");
    check(
        "function f() local a; function g() return a end; return 1 end",
        |c| {
            let code = &mut c.prototypes[1].code;
            for i in code.iter_mut() {
                i.0 &= if i.opcode().name() == "RETURN" { !(1 << 15) } else { !0 };
            }
        },
        "a return closes what is captured",
    );
    check(
        "f(g())",
        |c| {
            let code = &mut c.prototypes[0].code;
            let open = code.iter().position(|i| i.opcode().name() == "CALL" && i.b() == 0).unwrap();
            code.swap(open, open - 1);
        },
        "open operands follow open results",
    );
}

#[test]
fn shared_strings() {
    let chunk = compile(b"x = 'a'; function f() return 'a' end", b"=x").unwrap();
    let find = |index: usize| {
        chunk.prototypes[index].constants.iter().find_map(|constant| match constant {
            rlua_compiler::prototype::Constant::String(text) if &**text == b"a" => Some(text.clone()),
            _ => None,
        })
    };
    assert!(std::sync::Arc::ptr_eq(&find(0).unwrap(), &find(1).unwrap()));
}

#[test]
fn damaged_source() {
    let mut compiled = 0;
    for place in 0..PROGRAM.len() {
        for change in
            [&b""[..], b" ", b"\0", b"\xff", b"(", b")", b"'", b"[[", b"]", b"end ", b"do ", b"=", b"...", b"1"]
        {
            let source = [&PROGRAM.as_bytes()[..place], change, &PROGRAM.as_bytes()[place + 1..]].concat();
            if let Ok(chunk) = compile(&source, b"=x") {
                verify(&chunk).unwrap();
                compiled += 1;
            }
        }
    }
    assert!(compiled > 100, "{compiled} compiled");
}

/// The variable that a goto leaves behind is closed, though the label ends its block and other variables are there.
#[test]
fn last_label_closes() {
    let source = "do if x then goto m end do local b; function f() b = 1 end goto m end local c, d ::m:: end";
    let chunk = compile(source.as_bytes(), b"=x").unwrap();
    verify(&chunk).unwrap();
    let code = &chunk.prototypes[0].code;
    let last_close = code.iter().rfind(|i| i.opcode().name() == "CLOSE").unwrap();
    assert_eq!(last_close.a(), 0);
}
