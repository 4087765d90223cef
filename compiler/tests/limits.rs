//! Large and deep source texts: limits in the reference's words, no quadratic time, little stack.

use rlua_compiler::{compile, dump, undump, verify};
use std::time::{Duration, Instant};

fn message(source: &str) -> String {
    match compile(source.as_bytes(), b"=x") {
        Ok(chunk) => {
            verify(&chunk).unwrap();
            "OK".to_string()
        }
        Err(error) => String::from_utf8_lossy(&error.message).into_owned(),
    }
}

/// Runs in a thread with a small stack.
fn with_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting() {
    with_small_stack(|| {
        let overflow = "C stack overflow";
        let nested = |open: &str, close: &str, n: usize| format!("x = {}1{}", open.repeat(n), close.repeat(n));
        assert_eq!(message(&nested("(", ")", 195)), "OK");
        for (open, close) in
            [("(", ")"), ("{", "}"), ("- ", ""), ("not ", ""), ("a[", "]"), ("a ^ ", ""), ("a .. ", "")]
        {
            assert_eq!(message(&nested(open, close, 1000)), overflow, "{open}");
        }
        assert_eq!(message(&nested("f(", ")", 190)), "OK");
        assert_eq!(message(&nested("f{", "}", 100)), "OK");
        assert_eq!(message(&nested("function() return ", " end", 1000)), overflow);
        assert_eq!(message(&format!("{}{}", "do ".repeat(196), "end ".repeat(196))), "OK");
        for open in ["do ", "if x then ", "while x do ", "repeat ", "function f() "] {
            assert_eq!(message(&open.repeat(1000)), overflow, "{open}");
        }
        assert_eq!(message(&format!("a{} = 1", ", a".repeat(300))), overflow);
        assert_eq!(message(&"(".repeat(1_000_000)), overflow);
    });
}

#[test]
fn long_chains() {
    with_small_stack(|| {
        let n = 200_000;
        let start = Instant::now();
        for source in [
            format!("x = a{}", "+a".repeat(n)),
            format!("x = a{}", " and a".repeat(n)),
            format!("x = a{}", " or a".repeat(n)),
            format!("x = a{}", " == a".repeat(n)),
            format!("x = a{}", ".b".repeat(n)),
            format!("f{}", "()".repeat(n)),
            format!("f{}", ":m()".repeat(n)),
            format!("if a then {} end", "elseif a then b() ".repeat(n)),
            format!("while a do {} end", "if a then break end ".repeat(30_000)),
            format!("x = {{{}}}", "1,".repeat(n)),
            format!("x = {{{}}}", "a=1,".repeat(n)),
            ";".repeat(n),
            "local x; x = 1 ".repeat(190),
            format!("x = '{}'", "a\\n".repeat(n)),
            format!("x = [==[{}]==]", "]=".repeat(n)),
            "\n".repeat(n),
            "--\n".repeat(n),
            format!("{} = 1", "a".repeat(n)),
            format!("x = 0x{}", "f".repeat(n)),
            format!("x = {}", "9".repeat(1000)),
        ] {
            assert_eq!(message(&source), "OK", "{}", &source[..20]);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "compilation is linear: {:?}", start.elapsed());
    });
}

#[test]
fn counts() {
    let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>().join(", ");
    let locals = |n: usize| (0..n).map(|i| format!("local a{i}\n")).collect::<String>();
    assert_eq!(message(&locals(200)), "OK");
    assert_eq!(message(&locals(201)), "x:202: too many local variables (limit is 200) in main function near <eof>");
    assert_eq!(
        message(&format!("function f()\n{} end", locals(201))),
        "x:203: too many local variables (limit is 200) in function at line 1 near 'end'"
    );
    let sums = |n: usize, m: usize| [names("a", n), names("b", m)].join(", ").replace(", ", "+");
    assert_eq!(
        message(&format!(
            "local {}\nfunction f() local {}\nreturn function() return {} end end",
            names("a", 180),
            names("b", 100),
            sums(180, 76)
        )),
        "x:3: too many upvalues (limit is 255) in function at line 3 near 'end'"
    );
    assert_eq!(
        message(&format!("f({})", names("a", 260))),
        "x:1: function or expression needs too many registers near 'a254'"
    );
    assert_eq!(message(&format!("return {}", names("a", 250))), "OK");
    assert_eq!(
        message(&format!("for {} in x do end", names("a", 197))),
        "x:1: too many local variables (limit is 200) in main function near 'in'"
    );
}

#[test]
fn many_constants() {
    let source: String = "x = {"
        .chars()
        .chain((0..140_000).flat_map(|i| format!("{i}.5,").chars().collect::<Vec<_>>()))
        .chain("}".chars())
        .collect();
    let chunk = compile(source.as_bytes(), b"=x").unwrap();
    assert!(chunk.prototypes[0].constants.len() > 131_072);
    verify(&chunk).unwrap();
    assert_eq!(undump(&dump(&chunk, false)).unwrap(), chunk);
}

#[test]
fn long_loops() {
    let body = "x = 1 ".repeat(140_000);
    assert_eq!(message(&format!("while a do {body} end")), "OK");
    assert_eq!(message(&format!("for i = 1, 2 do {body} end")), "x:1: control structure too long near 'end'");
}
