//! Broken source texts: programs with tokens removed, doubled, exchanged or replaced, and with bytes changed. They are
//! compiled only, for the message.

use super::{Random, program, quoted};

/// The program of a seed.
pub fn program(r: &Random) -> String {
    let mut text =
        String::from("local function try(text, name) local f, m = load(text, name) print(f and 'compiled' or m) end\n");
    let whole = program::program(r);
    let lines: Vec<&str> = whole.lines().collect();
    for _ in 0..12 {
        let source = if r.chance(70) {
            r.pick(SNIPPETS).to_string()
        } else {
            let (at, n) = (r.below(lines.len()), 1 + r.below(8));
            lines[at..(at + n).min(lines.len())].join("\n")
        };
        let broken = if r.chance(80) { tokens_changed(r, &source) } else { bytes_changed(r, &source) };
        // Not binary: those have a format of their own.
        let broken = broken.strip_prefix(b"\x1b").unwrap_or(&broken);
        let name = r.pick(&["=source", "=source", "@file.lua", "nil", "=", "@", "return 1\\nreturn 2", "=source"]);
        let name = if name == "nil" { name.to_string() } else { format!("'{name}'") };
        text.push_str(&format!("try({}, {name})\n", quoted(broken)));
    }
    text
}

const SNIPPETS: &[&str] = &[
    "local a <const>, b <close> = 1, nil a = 2",
    "local x <const> = 1; local function f() x = 2 end",
    "for i = 1, 10, 2 do if i > 3 then goto continue end print(i) ::continue:: end",
    "goto done do local x ::done:: end",
    "do goto l1 local a ::l1:: print(a) end",
    "::a:: ::a:: goto a",
    "repeat local x = f() if x then goto c end local y ::c:: until y",
    "while true do break end break",
    "local t = { 1, 2; x = 3, [4] = 5, f(), ... }",
    "function a.b.c:d(x, y, ...) return self, x, ... end",
    "local function f(...) local a, b = ..., (...) return f(a, b) end",
    "return function(a, b, ...) end, 1, 'x'",
    "f 'x' { 1 } (2) .y :z()",
    "a, b.c, d[1] = b, a",
    "local s = 'a\\n\\x41\\u{48}\\065\\z  b' .. \"q\" .. [[long]] .. [==[ ]] ]==]",
    "x = 0x1p4 + 3e-2 - .5 * 1. // 0xA.8 % 2 ^ 3 .. 4",
    "x = a and b or not c == d ~= e < f <= g > h >= i | j ~ k & l << m >> n",
    "-- comment\n--[[ long\ncomment ]] x = 1 --[==[ ]] ]==] y = 2",
    "if a then elseif b then return else f() end",
    "for k, v in pairs(t) do print(k, v) end for i = 1, 2 do end",
    "local a <foo> = 1",
    "local function g() return ... end",
    "x = function(...) return function() return ... end end",
    "return return",
    "local a <close>, b <close> = x, y",
    "do return end f()",
    "(a).b = 1 (f)() (a) = 2",
    "a.b:c = 1",
    "x = {f = function() end, 1, [1] = 2, g}",
    "#!shebang\nreturn 1",
    "\u{feff}return 1",
];

const TOKENS: &[&str] = &[
    "and",
    "break",
    "do",
    "else",
    "elseif",
    "end",
    "false",
    "for",
    "function",
    "goto",
    "if",
    "in",
    "local",
    "nil",
    "not",
    "or",
    "repeat",
    "return",
    "then",
    "true",
    "until",
    "while",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "#",
    "&",
    "~",
    "|",
    "<<",
    ">>",
    "//",
    "==",
    "~=",
    "<=",
    ">=",
    "<",
    ">",
    "=",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "::",
    ";",
    ":",
    ",",
    ".",
    "..",
    "...",
    "x",
    "y",
    "'s'",
    "1",
    "1.5",
    "0x",
    "3e",
    "1..2",
    "0x1p",
    "12ab",
    "'",
    "\"",
    "[[",
    "]]",
    "[=",
    "[==[",
    "--",
    "--[[",
    "\n",
    "'\\q'",
    "'\\300'",
    "'\\xg'",
    "'\\u{}'",
    "'\\u{110000000}'",
    "@",
    "$",
    "!",
    "`",
    "?",
    "\\",
    "\u{1}",
    "\0",
    "é",
    "<const>",
    "<close>",
    "<x>",
    "::x::",
    "goto x",
    "9999999999999999999999",
    "'a\nb'",
    "f()",
    "~ =",
    "= =",
    "\r\n",
];

fn tokens(source: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut word = false;
    for c in source.chars() {
        let letter = c.is_alphanumeric() || c == '_';
        match all.last_mut() {
            Some(last) if word && letter => last.push(c),
            _ => all.push(c.to_string()),
        }
        word = letter;
    }
    all
}

fn tokens_changed(r: &Random, source: &str) -> Vec<u8> {
    let mut all = tokens(source);
    for _ in 0..1 + r.below(3) {
        let at = r.below(all.len() + 1);
        let inside = at < all.len();
        match r.below(8) {
            0..=2 => all.insert(at, format!(" {} ", r.pick(TOKENS))),
            3 | 4 if inside => all[at] = r.pick(TOKENS).to_string(),
            5 if inside => {
                let token = all[at].clone();
                all.insert(at, token);
            }
            6 => all.truncate(at),
            _ if inside => {
                all.remove(at);
            }
            _ => {}
        }
    }
    all.concat().into_bytes()
}

fn bytes_changed(r: &Random, source: &str) -> Vec<u8> {
    let mut all = source.as_bytes().to_vec();
    for _ in 0..1 + r.below(4) {
        let at = r.below(all.len() + 1);
        match r.below(3) {
            0 => all.insert(at, r.below(256) as u8),
            1 if at < all.len() => all[at] = r.below(256) as u8,
            _ if at < all.len() => {
                all.remove(at);
            }
            _ => {}
        }
    }
    all
}
