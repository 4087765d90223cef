//! `check`: its first error is the compiler's, the others are true and where they should be, and nothing makes it fail.

use rlua_compiler::{check, compile};

/// The errors of a text as `line:column+length message`.
fn errors(text: &str) -> Vec<String> {
    check(text.as_bytes(), 100)
        .iter()
        .map(|d| format!("{}:{}+{} {}", d.line, d.column, d.length, String::from_utf8_lossy(&d.message)))
        .collect()
}

/// A text that compiles has no errors; of one that does not, the first is what the compiler says.
fn agrees_with_compile(text: &[u8]) {
    let found = check(text, 3);
    match compile(text, b"=x") {
        Ok(_) => assert!(found.is_empty(), "{:?} in {}", found, String::from_utf8_lossy(text)),
        Err(error) => {
            let message = String::from_utf8_lossy(&error.message).into_owned();
            let first = found.first().map(|d| String::from_utf8_lossy(&d.message).into_owned());
            let place = format!("x:{}: ", error.line);
            assert_eq!(
                first.as_deref(),
                Some(message.strip_prefix(&place).unwrap_or(&message)),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }
}

#[test]
fn no_errors() {
    assert!(errors("").is_empty());
    assert!(errors("local x <const> = 1; goto a; do ::b:: end ::a:: return x, ...").is_empty());
    assert!(errors("goto a; ::a:: for i = 1, 2 do break end return ...").is_empty());
}

#[test]
fn blocks_keep_their_ends() {
    let tail = "\nx = = 1";
    for (text, error) in [
        ("if x\n f()\nend", "2:2+1 'then' expected near 'f'"),
        ("if x = 1 then f() else g() end", "1:6+1 'then' expected near '='"),
        ("if x do f() end", "1:6+2 'then' expected near 'do'"),
        ("while x = 1 do break end", "1:9+1 'do' expected near '='"),
        ("while x\ndo x = end", "2:8+3 unexpected symbol near 'end'"),
        ("for i = 1 do break end", "1:11+2 ',' expected near 'do'"),
        ("for i = 1, 2\n f()\nend", "2:2+1 'do' expected near 'f'"),
        ("local function (a, ...)\n return ...\nend", "1:16+1 <name> expected near '('"),
        ("function f(a b)\n return ...\nend", "1:14+1 ')' expected near 'b'"),
        ("f(function() x = = 2 end)", "1:18+1 unexpected symbol near '='"),
        ("fi x then f() elseif y then g() end", "1:4+1 syntax error near 'x'"),
        ("whlie x do break end", "1:7+1 syntax error near 'x'"),
        ("fucntion f()\n return 1\nend", "1:10+1 syntax error near 'f'"),
        ("if x then f()\nelif y then g()\nend", "2:6+1 syntax error near 'y'"),
        ("repeat f() end", "1:12+3 'until' expected near 'end'"),
        ("local t = {\n a = 1\n b = 2,\n c = 3\n}", "3:2+1 '}' expected (to close '{' at line 1) near 'b'"),
        ("do return 1\n f() end", "2:2+1 'end' expected (to close 'do' at line 1) near 'f'"),
        ("x = 'abc", "1:5+4 unfinished string near ''abc'"),
        ("x = 12abc + 1", "1:5+5 malformed number near '12abc'"),
        ("x = 'a\\qb'", "1:7+2 invalid escape sequence near ''a\\q'"),
        ("// for each do\n", "1:1+2 unexpected symbol near '//'"),
        ("/* if x\nthen */", "1:1+1 unexpected symbol near '/'"),
    ] {
        let last = format!("{}:5+1 unexpected symbol near '='", text.lines().count() + 1);
        assert_eq!(errors(&format!("{}{tail}", text.trim_end())), [error.to_string(), last], "{text}");
    }
}

#[test]
fn semantic_errors_stop_nothing() {
    assert_eq!(
        errors(
            "local a <const>, b <close>, c <close>, d <what> = 1
             a.x, a = 1, 2
             function a() return ... end
             goto no
             do goto into local v ::into:: f(v) end
             ::twice:: f() ::twice::
             break"
        ),
        [
            "1:29+1 multiple to-be-closed variables in local list",
            "1:43+4 unknown attribute 'what'",
            "2:19+1 attempt to assign to const variable 'a'",
            "3:34+3 cannot use '...' outside a vararg function near '...'",
            "3:23+1 attempt to assign to const variable 'a'",
            "5:22+4 <goto into> at line 5 jumps into the scope of local 'v'",
            "6:30+5 label 'twice' already defined on line 6",
            "4:19+2 no visible label 'no' for <goto> at line 4",
            "7:14+5 break outside loop at line 7",
        ]
    );
}

#[test]
fn no_consequences() {
    assert_eq!(errors("goto a\nx = = 1 ::a::"), ["2:5+1 unexpected symbol near '='"]);
    assert_eq!(
        errors("x y then\nf()\nend end end"),
        ["1:3+1 syntax error near 'y'", "3:5+3 <eof> expected near 'end'"]
    );
    assert_eq!(
        errors("f(function()\n if x then g()\n)\nx = = 1"),
        ["3:1+1 unexpected symbol near ')'", "4:5+1 unexpected symbol near '='"]
    );
    assert_eq!(errors("if x then f('a) end"), ["1:13+7 unfinished string near <eof>"]);
    assert_eq!(errors("local c <const> = 1 f g c = 2"), ["1:23+1 syntax error near 'g'"]);
    assert_eq!(errors("x = = = 1 y ="), ["1:5+1 unexpected symbol near '='"]);
    assert_eq!(errors("x = = 1; y = = 1").len(), 2);
    assert_eq!(errors("do if x then f( [[").len(), 1);
    let many: String = (0..300).map(|i| format!("local v{i}\n")).collect();
    assert_eq!(errors(&many), ["202:1+5 too many local variables (limit is 200) in main function near 'local'"]);
}

#[test]
fn limit() {
    let text = "x = = 1\n".repeat(1000);
    assert_eq!(check(text.as_bytes(), 100).len(), 100);
    assert_eq!(check(text.as_bytes(), 1).len(), 1);
    assert_eq!(check(text.as_bytes(), 0).len(), 0);
    assert_eq!(check("goto x ".repeat(1000).as_bytes(), 7).len(), 7);
}

#[test]
fn hostile_texts() {
    for part in [
        "(",
        "{",
        "[",
        "f(",
        "x = function() ",
        "= function() ",
        "function ",
        "function f( ",
        "if ",
        "if x then ",
        "x then\n",
        "else ",
        "elseif x ",
        "end ",
        "until ",
        "repeat ",
        "while ",
        "do ",
        "for i ",
        "/*\n",
        "//\n",
        "::a ",
        "goto a ",
        "local ",
        "return ",
        "x = = ",
        "\"",
        "'\\q",
        "12abc ",
        "[==",
        "[[",
        "--[[",
        "\0",
        "\\xff",
        "a.",
        "; ",
        "fn f( ",
        "if x then x y then\n",
        "f(function() = ",
        "a b ",
    ] {
        for repeat in [50, 100_000] {
            let begun = std::time::Instant::now();
            let found = check(part.repeat(repeat).as_bytes(), 100);
            assert!(found.len() <= 100);
            assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{part:?}");
        }
        agrees_with_compile(part.repeat(300).as_bytes());
    }
}

/// Every script of the tests, whole and with each of many small damages.
#[test]
fn damaged_scripts() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../lua-tests");
    let mut random = 1u64;
    let mut next = |limit: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % limit.max(1)
    };
    for area in std::fs::read_dir(root).expect("lua-tests is there").flatten() {
        for file in std::fs::read_dir(area.path()).into_iter().flatten().flatten() {
            if file.path().extension().is_none_or(|e| e != "lua") {
                continue;
            }
            let text = std::fs::read(file.path()).expect("a script can be read");
            agrees_with_compile(&text);
            if text.len() > 20_000 {
                continue;
            }
            for _ in 0..20 {
                let words =
                    ["end", "then", " do ", "(", ")", "}", "=", "'", "[[", "function", "until", "3x", "$", "goto a "];
                let at = next(text.len());
                let removed = next(12).min(text.len() - at);
                let mut damaged = text.clone();
                damaged
                    .splice(at..at + removed, words[next(words.len())].bytes().take(if next(2) == 0 { 0 } else { 9 }));
                agrees_with_compile(&damaged);
            }
        }
    }
}
