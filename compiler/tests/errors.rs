//! Error messages and their order, word for word those of the reference implementation.

use rlua_compiler::{compile, short_source, skip_shebang};

/// A source text and the message of the reference's `load` for it, chunk name `=x`; `OK` if it compiles.
const CASES: &[(&[u8], &[u8])] = &[
    (b"x = = 1", b"x:1: unexpected symbol near '='"),
    (b"foo bar", b"x:1: syntax error near 'bar'"),
    (b"x = }", b"x:1: unexpected symbol near '}'"),
    (b"if x then", b"x:1: 'end' expected near <eof>"),
    (b"if x", b"x:1: 'then' expected near <eof>"),
    (b" then y()", b"x:1: unexpected symbol near 'then'"),
    (b"", b"OK"),
    (b"for", b"x:1: <name> expected near <eof>"),
    (b"for i", b"x:1: '=' or 'in' expected near <eof>"),
    (b"for i = 1 do", b"x:1: ',' expected near 'do'"),
    (b"for i in", b"x:1: unexpected symbol near <eof>"),
    (b"local function", b"x:1: <name> expected near <eof>"),
    (b"local x <foo> = 1", b"x:1: unknown attribute 'foo'"),
    (
        b"local x <const> = 1; x = 2",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (
        b"local x <const> = {}; x = 2",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (
        b"local x <close> = nil; x = 1",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (
        b"local x <const> = {}; function f() x = 1 end",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (
        b"local x <close>, y <close> = 1",
        b"x:1: multiple to-be-closed variables in local list",
    ),
    (b"goto x", b"x:1: no visible label 'x' for <goto> at line 1"),
    (
        b"do goto x end; local y; ::x:: print(y)",
        b"x:1: <goto x> at line 1 jumps into the scope of local 'y'",
    ),
    (
        b"goto x; local y; ::x:: print(y)",
        b"x:1: <goto x> at line 1 jumps into the scope of local 'y'",
    ),
    (b"goto x; local y; ::x::", b"OK"),
    (b"::a:: ::a::", b"x:1: label 'a' already defined on line 1"),
    (
        b"::a:: do ::a:: end",
        b"x:1: label 'a' already defined on line 1",
    ),
    (b"break", b"x:1: break outside loop at line 1"),
    (
        b"while true do function f() break end end",
        b"x:1: break outside loop at line 1",
    ),
    (
        b"function f() return ... end",
        b"x:1: cannot use '...' outside a vararg function near '...'",
    ),
    (b"x = \"abc", b"x:1: unfinished string near <eof>"),
    (
        b"x = \"abc\\q\"",
        b"x:1: invalid escape sequence near '\"abc\\q'",
    ),
    (
        b"x = \"\\xZZ\"",
        b"x:1: hexadecimal digit expected near '\"\\xZ'",
    ),
    (
        b"x = \"\\x1Z\"",
        b"x:1: hexadecimal digit expected near '\"\\x1Z'",
    ),
    (
        b"x = \"\\300\"",
        b"x:1: decimal escape too large near '\"\\300\"'",
    ),
    (
        b"x = \"\\u{zz}\"",
        b"x:1: hexadecimal digit expected near '\"\\u{z'",
    ),
    (
        b"x = \"\\u{110000000000}\"",
        b"x:1: UTF-8 value too large near '\"\\u{110000000'",
    ),
    (b"x = \"\\u123\"", b"x:1: missing '{' near '\"\\u1'"),
    (b"x = \"\\u{12\"", b"x:1: missing '}' near '\"\\u{12\"'"),
    (
        b"x = [[abc",
        b"x:1: unfinished long string (starting at line 1) near <eof>",
    ),
    (
        b"x = [==[abc]=]",
        b"x:1: unfinished long string (starting at line 1) near <eof>",
    ),
    (
        b"x = [=abc",
        b"x:1: invalid long string delimiter near '[='",
    ),
    (
        b"--[[ abc",
        b"x:1: unfinished long comment (starting at line 1) near <eof>",
    ),
    (
        b"--[==[ abc ]=]",
        b"x:1: unfinished long comment (starting at line 1) near <eof>",
    ),
    (b"x = 3x", b"x:1: malformed number near '3x'"),
    (b"x = 0x", b"x:1: malformed number near '0x'"),
    (b"x = 0xep1", b"OK"),
    (b"x = 1e", b"x:1: malformed number near '1e'"),
    (b"x = 1..2", b"x:1: malformed number near '1..2'"),
    (b"x = 1.2.3", b"x:1: malformed number near '1.2.3'"),
    (b"x = 08a", b"x:1: malformed number near '08a'"),
    (b"x = 0x1p", b"x:1: malformed number near '0x1p'"),
    (b"x = 'abc", b"x:1: unfinished string near <eof>"),
    (b"x = 'a\\", b"x:1: unfinished string near <eof>"),
    (b"b' 'c'", b"x:1: unfinished string near <eof>"),
    (b"x = 'a\\z", b"x:1: unfinished string near <eof>"),
    (b"   b' = ", b"x:1: unfinished string near <eof>"),
    (b"return 1 2", b"x:1: <eof> expected near '2'"),
    (b"return return", b"x:1: unexpected symbol near 'return'"),
    (b"f", b"x:1: syntax error near <eof>"),
    (b"f.x", b"x:1: syntax error near <eof>"),
    (b"f:x", b"x:1: function arguments expected near <eof>"),
    (b"f:x = 1", b"x:1: function arguments expected near '='"),
    (b"(f) = 1", b"x:1: syntax error near '='"),
    (b"(f).x = 1", b"OK"),
    (b"f() = 1", b"x:1: syntax error near '='"),
    (b"a, f() = 1", b"x:1: syntax error near '='"),
    (b"a.b, c", b"x:1: '=' expected near <eof>"),
    (b"a, ", b"x:1: unexpected symbol near <eof>"),
    (b"local a.b", b"x:1: unexpected symbol near '.'"),
    (
        b"x = function( end",
        b"x:1: <name> or '...' expected near 'end'",
    ),
    (
        b"x = function(a,) end",
        b"x:1: <name> or '...' expected near ')'",
    ),
    (b"x = function(..., a) end", b"x:1: ')' expected near ','"),
    (b"x = {1, 2", b"x:1: '}' expected near <eof>"),
    (b"x = {1,", b"x:1: unexpected symbol near <eof>"),
    (b" 2", b"x:1: unexpected symbol near '2'"),
    (b"x = f(1,", b"x:1: unexpected symbol near <eof>"),
    (b"x = (1", b"x:1: ')' expected near <eof>"),
    (b"x = a[1", b"x:1: ']' expected near <eof>"),
    (b"x = #", b"x:1: unexpected symbol near <eof>"),
    (b"x = -", b"x:1: unexpected symbol near <eof>"),
    (b"x = not", b"x:1: unexpected symbol near <eof>"),
    (b"x = a and", b"x:1: unexpected symbol near <eof>"),
    (b"x = @", b"x:1: unexpected symbol near '@'"),
    (b"x = $", b"x:1: unexpected symbol near '$'"),
    (b"x = \\", b"x:1: unexpected symbol near '\\'"),
    (b"x = 'a' 'b' = 1", b"x:1: unexpected symbol near ''b''"),
    (b"x = ~", b"x:1: unexpected symbol near <eof>"),
    (b"x ~ 1", b"x:1: syntax error near '~'"),
    (b"::1::", b"x:1: <name> expected near '1'"),
    (b"goto 1", b"x:1: <name> expected near '1'"),
    (b"until x", b"x:1: <eof> expected near 'until'"),
    (b"end", b"x:1: <eof> expected near 'end'"),
    (b"repeat until", b"x:1: unexpected symbol near <eof>"),
    (
        b"repeat local x; if y then goto c end; local z; ::c:: until z",
        b"x:1: <goto c> at line 1 jumps into the scope of local 'z'",
    ),
    (
        b"do local x; goto a; ::a:: end ::a:: ::b:: goto b; goto a",
        b"OK",
    ),
    (b"while x", b"x:1: 'do' expected near <eof>"),
    (b"while x do", b"x:1: 'end' expected near <eof>"),
    (b"function f(", b"x:1: <name> or '...' expected near <eof>"),
    (b"function f.x:y.z() end", b"x:1: '(' expected near '.'"),
    (b"function 1() end", b"x:1: <name> expected near '1'"),
    (b"function f:x() return self end", b"OK"),
    (
        b"local a <const> = 5; local b <const> = a; b = 1",
        b"x:1: attempt to assign to const variable 'b'",
    ),
    (b"x = \"a\\0b\" y z", b"x:1: syntax error near 'z'"),
    (
        b"x = [[a",
        b"x:1: unfinished long string (starting at line 1) near <eof>",
    ),
    (b"b]] y z", b"x:1: syntax error near ']'"),
    (b" == ", b"x:1: unexpected symbol near '=='"),
    (b"x = a.1", b"x:1: unexpected symbol near '.1'"),
    (b"x = a.", b"x:1: <name> expected near <eof>"),
    (b"x = a:b", b"x:1: function arguments expected near <eof>"),
    (b"x = a:b.c()", b"x:1: function arguments expected near '.'"),
    (b"x = ...; y = ...", b"OK"),
    (
        b"local function f(a) x = ... end",
        b"x:1: cannot use '...' outside a vararg function near '...'",
    ),
    (
        b"for a.b = 1, 2 do end",
        b"x:1: '=' or 'in' expected near '.'",
    ),
    (b"for a, b = 1, 2 do end", b"x:1: 'in' expected near '='"),
    (b"for a = 1 do end", b"x:1: ',' expected near 'do'"),
    (b"for a = 1, 2, 3, 4 do end", b"x:1: 'do' expected near ','"),
    (b"for a in b c do end", b"x:1: 'do' expected near 'c'"),
    (
        b"if a then else elseif b then end",
        b"x:1: 'end' expected near 'elseif'",
    ),
    (
        b"if a then elseif end",
        b"x:1: unexpected symbol near 'end'",
    ),
    (b"local x <const>", b"OK"),
    (
        b"local x <close> = 1, 2; x = 3",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (b"x = 1 ; ; = 2", b"x:1: unexpected symbol near '='"),
    (b";;; x", b"x:1: syntax error near <eof>"),
    (b"x = \"unfinished \\", b"x:1: unfinished string near <eof>"),
    (b" yes", b"x:1: syntax error near <eof>"),
    (b"a.b:c = 1", b"x:1: function arguments expected near '='"),
    (b"a{1}.b = 1 c", b"x:1: syntax error near <eof>"),
    (b"a\"x\" \"y\" z", b"x:1: syntax error near <eof>"),
    (b"not a = 1", b"x:1: unexpected symbol near 'not'"),
    (b"-a = 1", b"x:1: unexpected symbol near '-'"),
    (b"x = {a = }", b"x:1: unexpected symbol near '}'"),
    (b"x = {[1] 2}", b"x:1: '=' expected near '2'"),
    (b"x = {[1 = 2}", b"x:1: ']' expected near '='"),
    (b"x = {a.b = 1}", b"x:1: '}' expected near '='"),
    (b"x = {1 = 2}", b"x:1: '}' expected near '='"),
    (b"x = 'x' .. ", b"x:1: unexpected symbol near <eof>"),
    (b"\"abc\" = 1", b"x:1: unexpected symbol near '\"abc\"'"),
    (b"nil = 1", b"x:1: unexpected symbol near 'nil'"),
    (b"x, nil = 1", b"x:1: unexpected symbol near 'nil'"),
    (
        b"x = \"\\u{7FFFFFFF}\\u{80000000}\"",
        b"x:1: UTF-8 value too large near '\"\xfd\xbf\xbf\xbf\xbf\xbf\\u{80000000'",
    ),
    (b"x = '\\10000' y z", b"x:1: syntax error near 'z'"),
    (b"x = 0x1.8p y", b"x:1: malformed number near '0x1.8p'"),
    (b"x = 1e+ y", b"x:1: malformed number near '1e+'"),
    (b"x = .", b"x:1: unexpected symbol near '.'"),
    (b"x = ..", b"x:1: unexpected symbol near '..'"),
    (b"x = .. y", b"x:1: unexpected symbol near '..'"),
    (b"x = 5 //", b"x:1: unexpected symbol near <eof>"),
    (b"x = 5 << << 3", b"x:1: unexpected symbol near '<<'"),
    (b"goto goto", b"x:1: <name> expected near 'goto'"),
    (b"goto continue; local continue; ::continue:: ; ;", b"OK"),
    (
        b"goto continue; local continue; ::continue:: ; ; print(1)",
        b"x:1: <goto continue> at line 1 jumps into the scope of local 'continue'",
    ),
    (b"local _ENV <const> = 1; x = 1", b"OK"),
    (
        b"local x <const> = 1; local y = function() x = 2 end",
        b"x:1: attempt to assign to const variable 'x'",
    ),
    (
        b"local a = {} ; local b <const> = a ; function b.c() end ; function b() end",
        b"x:1: attempt to assign to const variable 'b'",
    ),
    (
        b"for i = 1, 2 do i <const> = 1 end",
        b"x:1: syntax error near '<'",
    ),
    (
        b"::x:: local a; goto x; ::x::",
        b"x:1: label 'x' already defined on line 1",
    ),
    (b"if x then break end", b"x:1: break outside loop at line 1"),
    (b"if x then break", b"x:1: 'end' expected near <eof>"),
    (b"while 1 do if x then break; print(1) end end", b"OK"),
    (
        b"if x then goto y end ::y:: ::y::",
        b"x:1: label 'y' already defined on line 1",
    ),
    (b"return;;", b"x:1: <eof> expected near ';'"),
    (b"return", b"OK"),
    (b"return 1,", b"x:1: unexpected symbol near <eof>"),
    (b"return ;", b"OK"),
    (
        b"x = [==[ abc ]==] [[",
        b"x:1: unfinished long string (starting at line 1) near <eof>",
    ),
    (b"x = '\\'' y z", b"x:1: syntax error near 'z'"),
    (b"x = \"\\\"\" y z", b"x:1: syntax error near 'z'"),
    (
        b"x = 'a\xc3\xa9' \xc3\xa9",
        b"x:1: unexpected symbol near '<\\195>'",
    ),
    (b"\xc3\xa9 = 1", b"x:1: unexpected symbol near '<\\195>'"),
    (b"x = 'a\tb' y z", b"x:1: syntax error near 'z'"),
    (b"x = 1 --[[ foo ]] y", b"x:1: syntax error near <eof>"),
    (b"x = 1 -- foo", b"OK"),
    (b" y", b"x:1: syntax error near <eof>"),
    (b"x = 12 13", b"x:1: unexpected symbol near '13'"),
    (b"x = 1.5 1.6", b"x:1: unexpected symbol near '1.6'"),
    (b"x = 0xff 0xfe", b"x:1: unexpected symbol near '0xfe'"),
    (b"x = {} {}", b"x:1: unexpected symbol near '{'"),
    (
        b"x = function() end function() end",
        b"x:1: <name> expected near '('",
    ),
    (b"x = nil nil", b"x:1: unexpected symbol near 'nil'"),
    (
        b"--[=[",
        b"x:1: unfinished long comment (starting at line 1) near <eof>",
    ),
    (b"]=] x", b"x:1: unexpected symbol near ']'"),
    (b"x = a.end", b"x:1: <name> expected near 'end'"),
    (b"a.b.c.d.e f", b"x:1: syntax error near 'f'"),
    (b"f(x y)", b"x:1: ')' expected near 'y'"),
    (b"f(", b"x:1: unexpected symbol near <eof>"),
    (b"x", b"x:1: syntax error near <eof>"),
    (b"y)", b"x:1: syntax error near ')'"),
    (b"local x, y, z <const", b"x:1: '>' expected near <eof>"),
    (b"local x <", b"x:1: <name> expected near <eof>"),
    (b"local <x>", b"x:1: <name> expected near '<'"),
    (b"function() end", b"x:1: <name> expected near '('"),
    (b"local function() end", b"x:1: <name> expected near '('"),
    (b"local function f.x() end", b"x:1: '(' expected near '.'"),
    (b"a.b[\"c\"", b"x:1: ']' expected near <eof>"),
    (b"a.b[\"c\"] d", b"x:1: syntax error near 'd'"),
    (b"x = a or or b", b"x:1: unexpected symbol near 'or'"),
    (
        b"if x\n then y()\n",
        b"x:3: 'end' expected (to close 'if' at line 1) near <eof>",
    ),
    (
        b"x = {1,\n 2\n",
        b"x:3: '}' expected (to close '{' at line 1) near <eof>",
    ),
    (
        b"f(\nx\ny)",
        b"x:3: ')' expected (to close '(' at line 1) near 'y'",
    ),
    (b"x = [[a\nb]] y z", b"x:2: syntax error near 'z'"),
    (b"x = 'a\\\nb' y z", b"x:2: syntax error near 'z'"),
    (b"x = 'a\\z\n   b' y z", b"x:2: syntax error near 'z'"),
    (
        b"while x do\n y()\n",
        b"x:3: 'end' expected (to close 'while' at line 1) near <eof>",
    ),
    (
        b"function f()\n\n x()\n",
        b"x:4: 'end' expected (to close 'function' at line 1) near <eof>",
    ),
    (
        b"repeat\n x()\n",
        b"x:3: 'until' expected (to close 'repeat' at line 1) near <eof>",
    ),
    (
        b"for i=1,2 do\n\n",
        b"x:3: 'end' expected (to close 'for' at line 1) near <eof>",
    ),
    (
        b"do\n",
        b"x:2: 'end' expected (to close 'do' at line 1) near <eof>",
    ),
    (
        b"x = [==[\nabc\n",
        b"x:3: unfinished long string (starting at line 1) near <eof>",
    ),
    (
        b"--[[\n\n",
        b"x:3: unfinished long comment (starting at line 1) near <eof>",
    ),
    (b"x = 'abc\n\n'", b"x:1: unfinished string near ''abc'"),
    (
        b"x = (\n1\n2",
        b"x:3: ')' expected (to close '(' at line 1) near '2'",
    ),
    (
        b"if a then\n elseif b then\n",
        b"x:3: 'end' expected (to close 'if' at line 1) near <eof>",
    ),
    (b"local x\n\n = = 2", b"x:3: unexpected symbol near '='"),
    (
        b"x = \"\\\n\\q\"",
        b"x:2: invalid escape sequence near '\"\n\\q'",
    ),
    (b"\r\nx = = 1", b"x:2: unexpected symbol near '='"),
    (b"\n\r\n\rx = = 1", b"x:3: unexpected symbol near '='"),
    (b"x\n(y)\nz = w", b"OK"),
    (b"x = a\n..b\n..\n", b"x:4: unexpected symbol near <eof>"),
    (
        b"goto x\n\n\n",
        b"x:4: no visible label 'x' for <goto> at line 1",
    ),
    (b"\n\nbreak\n", b"x:4: break outside loop at line 3"),
    (
        b"::x::\n\n::x::\n",
        b"x:4: label 'x' already defined on line 3",
    ),
    (
        b"do\ngoto x\nlocal y\n::x::\nprint(y)\nend",
        b"x:5: <goto x> at line 2 jumps into the scope of local 'y'",
    ),
    (
        b"local x <const> = 1\nx\n=\n2\n",
        b"x:3: attempt to assign to const variable 'x'",
    ),
    (b"x = '\\0' y z", b"x:1: syntax error near 'z'"),
    (b"x = \xff", b"x:1: unexpected symbol near '<\\255>'"),
    (b"x='\xff' y z", b"x:1: syntax error near 'z'"),
    (b"x = \x7f", b"x:1: unexpected symbol near '<\\127>'"),
    (b"x=\t\x01", b"x:1: unexpected symbol near '<\\1>'"),
    (b"#!x\ny", b"x:1: unexpected symbol near '#'"),
    (b"\xef\xbb\xbfx", b"x:1: unexpected symbol near '<\\239>'"),
    (b"x = [=[\n\n]=] y z", b"x:3: syntax error near 'z'"),
    (b"x = [[]] ]] z", b"x:1: unexpected symbol near ']'"),
    (b"[=[x]=]", b"x:1: unexpected symbol near '[=[x]=]'"),
    (
        b"x = [[\n",
        b"x:2: unfinished long string (starting at line 1) near <eof>",
    ),
    (b"x = 'a\rb'", b"x:1: unfinished string near ''a'"),
    (b"x = 'a\\\r\nb' y z", b"x:2: syntax error near 'z'"),
    (b"x = [[\r\n\n\r]] y z", b"x:3: syntax error near 'z'"),
    (
        b"a=\"\\u{FFFFFFFFF}\"",
        b"x:1: UTF-8 value too large near '\"\\u{FFFFFFFF'",
    ),
    (b"a='\\xg'", b"x:1: hexadecimal digit expected near ''\\xg'"),
    (b"a='\\1234' b c", b"x:1: syntax error near 'c'"),
    (b"a='\\25a' b c", b"x:1: syntax error near 'c'"),
    (
        b"a='\\256' b c",
        b"x:1: decimal escape too large near ''\\256''",
    ),
    (b"a='\\' b c", b"x:1: unfinished string near <eof>"),
    (b"a='\\", b"x:1: unfinished string near <eof>"),
    (b"a='\\x", b"x:1: hexadecimal digit expected near ''\\x'"),
    (b"a='\\u", b"x:1: missing '{' near ''\\u'"),
    (b"a='\\u{", b"x:1: hexadecimal digit expected near ''\\u{'"),
    (b"a='\\u{1", b"x:1: missing '}' near ''\\u{1'"),
    (b"a='\\3", b"x:1: unfinished string near <eof>"),
    (b"a='\\z", b"x:1: unfinished string near <eof>"),
    (b"a='\\z   ", b"x:1: unfinished string near <eof>"),
    // A NUL is no token to the reference, which then quotes nothing, and ends what it quotes.
    (b"x\0 = 1", b"x:1: syntax error"),
    (b"x = 'a\0b' y z", b"x:1: syntax error near 'z'"),
    (b"f 'a\0b' 'c' = ", b"x:1: syntax error near '='"),
    (b"local 'a\0b'", b"x:1: <name> expected near ''a'"),
];

#[test]
fn messages() {
    for (source, want) in CASES {
        let got = match compile(source, b"=x") {
            Ok(_) => b"OK".to_vec(),
            Err(error) => error.message,
        };
        let text = String::from_utf8_lossy;
        assert_eq!(text(&got), text(want), "{:?}", text(source));
    }
}

#[test]
fn positions() {
    let position = |source: &[u8]| {
        compile(source, b"=x")
            .map(|_| ())
            .map_err(|error| (error.line, error.column))
    };
    assert_eq!(position(b"x = = 1"), Err((1, 5)));
    assert_eq!(position(b"x = 1\n  y z"), Err((2, 5)));
    assert_eq!(position(b"x = \"abc\\q\""), Err((1, 5)));
    assert_eq!(position(b"if x then\n"), Err((2, 1)));
}

#[test]
fn chunk_names() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"=name", b"name"),
        (b"@file.lua", b"file.lua"),
        (b"return 1", b"[string \"return 1\"]"),
        (b"return 1\nreturn 2", b"[string \"return 1...\"]"),
        (b"", b"[string \"\"]"),
        (
            &[b'x'; 44],
            b"[string \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]",
        ),
        (
            &[b'x'; 45],
            b"[string \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"]",
        ),
        (b"a\0b", b"[string \"a"),
    ];
    for (name, want) in cases {
        assert_eq!(short_source(name), *want);
    }
    for first in [b'=', b'@'] {
        let mut name = vec![first];
        name.extend((0..100).map(|n| b'a' + n % 26));
        assert_eq!(short_source(&name).len(), 59);
        assert_eq!(short_source(&name[..60]), name[1..60]);
    }
    assert!(short_source(&[&b"@"[..], &[b'a'; 80], b"/end.lua"].concat()).ends_with(b"/end.lua"));
}

#[test]
fn shebang() {
    assert_eq!(skip_shebang(b"#!lua\nx"), b"\nx");
    assert_eq!(skip_shebang(b"\xef\xbb\xbf#!lua"), b"");
    assert_eq!(skip_shebang(b"\xef\xbb\xbfx"), b"x");
    assert_eq!(skip_shebang(b"x\n#y"), b"x\n#y");
}
