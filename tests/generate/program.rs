//! Whole programs by a small grammar: mostly sensible code, and some that fails.
//!
//! Loops are bounded, no string grows past 40 bytes, and no globals are left.

use super::Random;

/// The program of a seed.
pub fn program(random: &Random) -> String {
    let mut g = Generator {
        random,
        text: String::from(PRELUDE),
        variables: Vec::new(),
        arrays: Vec::new(),
        functions: Vec::new(),
        indent: 0,
        in_loop: false,
        names: 0,
    };
    let statements = 4 + g.below(14);
    for _ in 0..statements {
        g.statement(3);
    }
    for v in g.variables.clone() {
        g.line(&format!("print('{v}', {v})"));
    }
    if g.chance(15) {
        let e = g.expression(2);
        g.line(&format!("local last = {e}"));
    }
    g.text
}

const PRELUDE: &str = "local function cut(s) if type(s) == 'string' and #s > 40 then return s:sub(1, 40) end return s end
local mt = {} mt.__index = function(t, k) return k end mt.__add = function(a, b) return 'add' end
mt.__lt = function(a, b) return true end mt.__le = function(a, b) return false end mt.__concat = function(a, b) return 'cat' end mt.__call = function(self, ...) return select('#', ...), ... end
mt.__len = function() return 7 end mt.__eq = function() return true end mt.__unm = function() return 'neg' end
mt.__sub = function(a, b) return a == nil, b end mt.__mul = function(a, b) return b, a end mt.__div = function() end
mt.__mod = function(a, b) return type(a) .. type(b) end mt.__pow = function(...) return select('#', ...) end mt.__idiv = function(a, b) error('idiv') end
mt.__band = function(a, b) return 1 end mt.__shl = function(a, b) return 'shl' end mt.__bxor = function() return false end
mt.__newindex = function(t, k, v) if k == nil or k ~= k then error('odd key') end print('set', type(k), type(v)) end
mt.__tostring = function() return 'object' end mt.__close = function(o, e) print('close', e) end mt.__name = 'Object'
local obj = setmetatable({}, mt)
local strict = setmetatable({}, { __index = function(t, k) error('no field ' .. tostring(k), 2) end, __name = 'Strict', __metatable = 'locked' })
local chain = setmetatable({ x = 1 }, { __index = setmetatable({ y = 2 }, { __index = mt, __newindex = mt }), __newindex = obj, __div = obj })
local function flat(v) if type(v) == 'table' and not rawequal(v, obj) or type(v) == 'function' then return type(v) end return v end
local function all(...) return select('#', ...), ... end
";

struct Generator<'a> {
    random: &'a Random,
    text: String,
    /// Locals in scope that hold any value.
    variables: Vec<String>,
    /// Locals that hold an array without holes.
    arrays: Vec<String>,
    /// Locals that hold a function.
    functions: Vec<String>,
    indent: usize,
    in_loop: bool,
    names: usize,
}

impl Generator<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.random.below(n)
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }
    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        self.random.pick(list)
    }
    fn one_of(&mut self, names: &[String]) -> String {
        names[self.below(names.len())].clone()
    }
    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }
    fn line(&mut self, text: &str) {
        self.text.push_str(&"  ".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }
    /// Some variable, or a constant.
    fn variable(&mut self) -> String {
        if self.variables.is_empty() || self.chance(3) {
            return self.pick(&["undefined", "mt", "obj", "strict", "chain", "math.undefined", "chain.y"]).to_string();
        }
        let i = self.below(self.variables.len());
        self.variables[i].clone()
    }
    fn integer(&mut self) -> String {
        self.pick(&[
            "0",
            "1",
            "2",
            "3",
            "-1",
            "7",
            "10",
            "255",
            "256",
            "-128",
            "127",
            "128",
            "65535",
            "65536",
            "1000000",
            "0x7fffffff",
            "0x80000000",
            "4294967296",
            "math.maxinteger",
            "math.mininteger",
            "9007199254740993",
            "-5",
            "63",
            "64",
            "0xff",
        ])
        .to_string()
    }
    fn float(&mut self) -> String {
        self.pick(&[
            "0.0",
            "-0.0",
            "0.5",
            "1.0",
            "1.5",
            "-2.5",
            "3.14159",
            "1e10",
            "1e15",
            "1e16",
            "1e100",
            "1e300",
            "2^53",
            "2^63",
            "-2^63",
            "1e-10",
            "math.huge",
            "-math.huge",
            "100.0",
            "0x1p-3",
            "123456.789",
            "5e-324",
            "math.pi",
        ])
        .to_string()
    }
    fn string(&mut self) -> String {
        self.pick(&[
            "''",
            "'a'",
            "'abc'",
            "'10'",
            "'0x10'",
            "' 5 '",
            "'1e1'",
            "'hello world'",
            "'x=1, y=2'",
            "'%d'",
            "'\\xff\\xfe'",
            "'inf'",
            "'nan'",
            "'-7'",
            "'3.5'",
            "'k1'",
            "[[long\nstring]]",
            "'tab\\tquote\"'",
            "'0x'",
            "'1_0'",
        ])
        .to_string()
    }
    fn literal(&mut self) -> String {
        match self.below(10) {
            0..=3 => self.integer(),
            4 | 5 => self.float(),
            6 | 7 => self.string(),
            8 => self.pick(&["true", "false"]).to_string(),
            _ => self.pick(&["nil", "true", "{}", "obj", "strict", "chain"]).to_string(),
        }
    }
    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return if self.chance(60) { self.variable() } else { self.literal() };
        }
        let d = depth - 1;
        match self.below(30) {
            0..=7 => {
                let (a, b) = (self.expression(d), self.expression(d));
                let op = self.pick(&["+", "-", "*", "/", "//", "%", "+", "-", "*"]);
                format!("({a} {op} {b})")
            }
            8 => {
                let (a, b) = (self.expression(d), self.pick(&["2", "0.5", "3", "-1", "'2'", "0"]));
                format!("({a}) ^ {b}")
            }
            9 | 10 => {
                let (a, b) = (self.expression(d), self.expression(d));
                let op = self.pick(&["&", "|", "~", "<<", ">>"]);
                format!("({a} {op} {b})")
            }
            11 | 12 => {
                let (a, b) = (self.expression(d), self.expression(d));
                let op = self.pick(&["<", "<=", ">", ">=", "==", "~=", "==", "<"]);
                format!("({a} {op} {b})")
            }
            13 | 14 => {
                let (a, b) = (self.expression(d), self.expression(d));
                let op = self.pick(&["and", "or"]);
                format!("({a} {op} {b})")
            }
            15 => {
                let (a, op) = (self.expression(d), self.pick(&["-", "not ", "~", "- -"]));
                format!("({op}({a}))")
            }
            16 | 17 => {
                let (a, b) = (self.expression(d), self.expression(d));
                format!("cut({a} .. {b})")
            }
            18 => {
                let (a, b, c) = (self.expression(0), self.expression(0), self.literal());
                format!("cut({a} .. '-' .. {b} .. {c})")
            }
            19 | 20 => self.string_call(d),
            21 => self.math_call(d),
            22 => {
                let a = self.expression(d);
                let f = self.pick(&["tostring", "tonumber", "type", "math.type", "#", "rawlen", "tointeger"]);
                match f {
                    "#" => {
                        let s = self.string();
                        format!("#({s} .. {})", self.literal())
                    }
                    "tointeger" => format!("math.tointeger({a})"),
                    "rawlen" => format!("rawequal({a}, {})", self.literal()),
                    f => format!("{f}({a})"),
                }
            }
            23 | 24 if !self.arrays.is_empty() => {
                let i = self.below(self.arrays.len());
                let t = self.arrays[i].clone();
                match self.below(6) {
                    0 => format!("#{t}"),
                    1 => format!("{t}[#{t}]"),
                    2 => format!("(table.unpack({t}))"),
                    3 => format!("select('#', table.unpack({t}, 1, 3))"),
                    4 => format!("{t}.field"),
                    _ => {
                        let k = self.expression(d);
                        format!("{t}[{k}]")
                    }
                }
            }
            25 | 26 if !self.functions.is_empty() => {
                let i = self.below(self.functions.len());
                let f = self.functions[i].clone();
                let (a, b) = (self.expression(d), self.expression(d));
                match self.below(4) {
                    0 => format!("{f}({a})"),
                    1 => format!("select(-1, {f}({a}, {b}))"),
                    2 => format!("select('#', {f}({b}))"),
                    _ => format!("{f}({a}, {b})"),
                }
            }
            27 => {
                let (a, b) = (self.expression(d), self.pick(&["x", "y", "field", "__index", "len"]));
                format!("({a}).{b}")
            }
            28 => {
                let (a, b) = (self.expression(d), self.expression(d));
                format!("select(2, pcall(function() return {a}, {b} end))")
            }
            _ => self.expression(0),
        }
    }
    fn string_call(&mut self, d: usize) -> String {
        let s = if self.chance(70) { self.string() } else { self.expression(d) };
        let (a, b) = (self.expression(0), self.expression(0));
        let p = self.pick(&[
            "'a'",
            "'%a+'",
            "'%d+'",
            "'(%w)(%w*)'",
            "'.'",
            "'^%s*(.-)%s*$'",
            "'[a-f]+'",
            "'%f[%w]%w+'",
            "'l+'",
            "'()'",
            "'%b()'",
            "'[^%d]'",
            "''",
            "'x*'",
            "'%'",
            "'(a'",
            "'[a'",
        ]);
        match self.below(14) {
            0 => format!("({s}):upper()"),
            1 => format!("({s}):sub({a}, {b})"),
            2 => format!("({s}):len()"),
            3 => format!("({s}):byte({a})"),
            4 => format!("cut(({s}):rep(3, {p}))"),
            5 => format!("({s}):reverse()"),
            6 => format!("({s}):find({p}, {a})"),
            7 => format!("({s}):match({p})"),
            8 => format!("cut((({s}):gsub({p}, '<%0>')))"),
            9 => format!("cut((({s}):gsub({p}, function(x) return x end, {a})))"),
            10 => {
                let f = self.pick(&[
                    "%d", "%5d", "%x", "%5.2f", "%g", "%s", "%q", "%-6s|", "%.3s", "%c", "%i", "%e", "%a", "%u",
                    "%05d", "%+d", "%10.4s|",
                ]);
                format!("string.format('{f}', flat({a}))")
            }
            11 => format!("string.char({a})"),
            12 => format!("({s}):lower()"),
            _ => format!("string.format('%s %s', flat({a}), flat({b}))"),
        }
    }
    fn math_call(&mut self, d: usize) -> String {
        let (a, b) = (self.expression(d), self.expression(d));
        match self.below(9) {
            0 => format!("math.floor({a})"),
            1 => format!("math.ceil({a})"),
            2 => format!("math.abs({a})"),
            3 => format!("math.max({a}, {b})"),
            4 => format!("math.min({a}, {b})"),
            5 => format!("math.fmod({a}, {b})"),
            6 => format!("math.ult({a}, {b})"),
            7 => format!("(math.modf({a}))"),
            _ => format!("math.sqrt({a})"),
        }
    }
    /// A block with its own scope.
    fn block(&mut self, depth: usize, statements: usize) {
        let (v, a, f) = (self.variables.len(), self.arrays.len(), self.functions.len());
        self.indent += 1;
        for _ in 0..1 + self.below(statements) {
            self.statement(depth);
        }
        self.indent -= 1;
        self.variables.truncate(v);
        self.arrays.truncate(a);
        self.functions.truncate(f);
    }
    fn statement(&mut self, depth: usize) {
        // Most statements that may fail are caught, so that a program goes on.
        match self.below(if depth == 0 { 12 } else { 37 }) {
            0..=2 => {
                let e = if self.chance(70) { self.literal() } else { self.safe() };
                let v = self.name("v");
                let attribute = if self.chance(5) { " <const>" } else { "" };
                self.line(&format!("local {v}{attribute} = {e}"));
                if attribute.is_empty() {
                    self.variables.push(v);
                }
            }
            3..=6 => {
                let (a, b) = (self.expression(3), self.expression(2));
                self.line(&format!("print(pcall(function() return {a}, {b} end))"));
            }
            7 | 8 => {
                if self.variables.is_empty() {
                    return;
                }
                let v = self.one_of(&self.variables.clone());
                let e = self.safe();
                if self.chance(30) && self.variables.len() > 1 {
                    let w = self.one_of(&self.variables.clone());
                    let e2 = self.safe();
                    self.line(&format!("{v}, {w} = {e}, {e2}"));
                } else {
                    self.line(&format!("{v} = {e}"));
                }
            }
            9 => {
                let t = self.name("t");
                let items: Vec<String> =
                    (0..self.below(6)).map(|_| if self.chance(50) { self.integer() } else { self.string() }).collect();
                self.line(&format!("local {t} = {{ {} }}", items.join(", ")));
                self.arrays.push(t);
            }
            10 if !self.arrays.is_empty() => {
                let t = self.one_of(&self.arrays.clone());
                let e = self.safe();
                match self.below(6) {
                    0 => self.line(&format!("table.insert({t}, ({e}) or 0)")),
                    1 => self.line(&format!("print(table.remove({t}))")),
                    2 => self.line(&format!("{t}[#{t} + 1] = ({e}) or false")),
                    3 => self.line(&format!("print(pcall(table.concat, {t}, ','))")),
                    4 => self.line(&format!("print(pcall(table.sort, {t})) print(table.unpack({t}))")),
                    _ => self.line(&format!("for i, x in ipairs({t}) do print(i, x) end")),
                }
            }
            11 => {
                let (v, e) = (self.variable(), self.expression(1));
                let k = self.pick(&["x", "y", "field"]);
                let text = match self.below(4) {
                    0 => format!("{v}.{k} = {e}"),
                    1 => format!("{v}[{e}] = 1"),
                    2 => format!("{v}:{k}({e})"),
                    _ => format!("{v}({e})"),
                };
                self.line(&format!("print(pcall(function() {text} end))"));
            }
            12 | 13 => {
                let c = self.safe();
                self.line(&format!("if {c} then"));
                self.block(depth - 1, 3);
                if self.chance(50) {
                    if self.chance(40) {
                        let c = self.safe();
                        self.line(&format!("elseif {c} then"));
                        self.block(depth - 1, 2);
                    }
                    self.line("else");
                    self.block(depth - 1, 3);
                }
                self.line("end");
            }
            14..=16 => {
                let v = self.name("i");
                let range = self.pick(&[
                    "1, 3",
                    "3, 1, -1",
                    "1, 2, 0.5",
                    "0, 10, 4",
                    "1.0, 3",
                    "5, 1",
                    "-1, 1",
                    "math.maxinteger - 1, math.maxinteger",
                ]);
                self.line(&format!("for {v} = {range} do"));
                self.variables.push(v);
                let was = std::mem::replace(&mut self.in_loop, true);
                self.block(depth - 1, 3);
                self.in_loop = was;
                self.variables.pop();
                self.line("end");
            }
            17 => {
                let n = self.name("n");
                let c = self.safe();
                self.line(&format!("local {n} = 0 while {n} < 4 and ({c} or true) do {n} = {n} + 1"));
                let was = std::mem::replace(&mut self.in_loop, true);
                self.block(depth - 1, 2);
                self.in_loop = was;
                self.line("end");
            }
            18 => {
                let (n, l) = (self.name("n"), self.name("l"));
                self.line(&format!("local {n} = 0 repeat local {l} = {n} {n} = {n} + 1"));
                let was = std::mem::replace(&mut self.in_loop, false);
                self.block(depth - 1, 2);
                self.in_loop = was;
                self.line(&format!("until {l} >= 2"));
            }
            19..=22 => {
                let (f, p, q) = (self.name("f"), self.name("p"), self.name("q"));
                let vararg = self.chance(30);
                self.line(&format!("local function {f}({p}, {q}{})", if vararg { ", ..." } else { "" }));
                let was = std::mem::replace(&mut self.in_loop, false);
                self.variables.extend([p, q]);
                if vararg {
                    self.line("  print(select('#', ...), (...))");
                }
                self.block(depth - 1, 3);
                let (a, b) = (self.expression(2), self.expression(1));
                match self.below(4) {
                    0 => self.line(&format!("  return {a}, {b}")),
                    1 => self.line(&format!("  return function() return {a} end")),
                    2 => self.line(&format!("  return cut({a})")),
                    _ => self.line(&format!("  error({b})")),
                }
                self.variables.truncate(self.variables.len() - 2);
                self.in_loop = was;
                self.line("end");
                let (a, b) = (self.expression(1), self.expression(1));
                self.line(&format!("print(pcall({f}, pcall(function() return {a}, {b} end)))"));
                self.functions.push(f);
            }
            23 => {
                self.line("do local c <close> = obj");
                self.block(depth - 1, 2);
                self.line("end");
            }
            24 => {
                let e = self.expression(2);
                self.line(&format!(
                    "print(xpcall(function() local x <close> = obj; return {e} end, function(m) return 'handled ' .. tostring(m) end))"
                ));
            }
            26..=36 => self.feature(depth),
            _ => {
                let (a, b) = (self.expression(1), self.expression(2));
                let co = self.name("co");
                self.line(&format!(
                    "local {co} = coroutine.wrap(function(a) local b = coroutine.yield(a, {a}) return b, {b} end)"
                ));
                self.line(&format!("print(pcall({co}, 1)) print(pcall({co}, 2)) print(pcall({co}, 3))"));
            }
        }
        if self.in_loop && self.chance(4) {
            let c = self.safe();
            self.line(&format!("if {c} then break end"));
        }
    }
    /// A statement about one feature of the language.
    fn feature(&mut self, depth: usize) {
        match self.below(12) {
            0 => {
                // A loop made of goto, whose body may continue or leave.
                let (n, l) = (self.name("n"), self.name("l"));
                self.line(&format!("do local {n} = 0 ::{l}:: {n} = {n} + 1"));
                let was = std::mem::replace(&mut self.in_loop, false);
                self.block(depth - 1, 2);
                self.in_loop = was;
                let c = self.safe();
                self.line(&format!("if {n} < 3 and ({c} or true) then goto {l} end print({n}) end"));
            }
            1 => {
                let (i, l, c) = (self.name("i"), self.name("l"), self.safe());
                let range = self.numeric_range();
                let count = self.name("n");
                self.line(&format!(
                    "local {count} = 0 for {i} = {range} do {count} = {count} + 1 if {count} > 4 then break end"
                ));
                self.line(&format!("if {c} then goto {l} end"));
                self.variables.push(i.clone());
                self.block(depth - 1, 2);
                self.variables.pop();
                self.line(&format!("print({i}) ::{l}:: end"));
            }
            2 => {
                let range = self.numeric_range();
                let (a, b) = (self.expression(1), self.expression(1));
                let range = if self.chance(40) { format!("{a}, {b}") } else { range };
                self.line(&format!(
                    "print(pcall(function() local n = 0 for i = {range} do n = n + 1 print(i, math.type(i)) if n > 3 then return n end end end))"
                ));
            }
            3 => {
                // Several variables to close, some with values that cannot be closed or whose closing fails.
                let how = self.pick(&[
                    "error('closing ' .. tostring(e), 0)",
                    "print('closed', e)",
                    "error(e)",
                    "error()",
                    "return 1",
                ]);
                let value = self.pick(&["closer", "closer", "nil", "false", "obj", "1", "{}", "'s'"]);
                let end = self.pick(&[
                    "return 1, 2",
                    "error('body')",
                    "error({})",
                    "error(nil)",
                    "local z = nil + 1",
                    "return all(1, 2)",
                    "goto out",
                ]);
                self.line(&format!(
                    "print(pcall(function() local closer = setmetatable({{}}, {{ __close = function(_, e) {how} end }})"
                ));
                self.line(&format!("do local a <close> = closer local b <close> = obj local c <close> = {value}"));
                self.block(depth - 1, 2);
                self.line(&format!("do {end} end end ::out:: end))"));
            }
            4 => {
                // Closures of a loop share or do not share what they capture.
                let (f, e) = (self.name("f"), self.expression(1));
                self.line(&format!("local {f} = {{}} for i = 1, 3 do local j = i {f}[i] = function(x) i = i + 1 j = j + (x or i) return i, j end end"));
                self.line(&format!("print({f}[1](), {f}[2](2), {f}[1](5)) print(pcall({f}[3], {e}))"));
            }
            5 => {
                let (a, b, c) = (self.expression(1), self.expression(1), self.literal());
                let n = self.pick(&["1", "2", "-1", "'#'", "0", "-4", "3.0", "'2'", "1.5"]);
                let text = match self.below(5) {
                    0 => format!("select({n}, ...)"),
                    1 => "(...), ...".to_string(),
                    2 => "all(..., all(...))".to_string(),
                    3 => "#{ ... }, #{ ..., nil }, #{ (...) }".to_string(),
                    _ => "table.unpack({ ..., 1 }, 1, 3)".to_string(),
                };
                self.line(&format!("print(pcall(function(...) return {text} end, {a}, {b}, {c}))"));
            }
            6 => {
                // A coroutine resumed until it is dead, and once more.
                let co = self.name("co");
                self.line(&format!("local {co} = coroutine.create(function(a, ...)"));
                self.variables.push("a".to_string());
                let was = std::mem::replace(&mut self.in_loop, false);
                for _ in 0..1 + self.below(3) {
                    let e = self.safe();
                    let text = match self.below(5) {
                        0 => format!("a = coroutine.yield({e}, ...)"),
                        1 => format!("for i = 1, 2 do print(pcall(coroutine.yield, i, {e})) end"),
                        2 => "local c <close> = obj coroutine.yield(coroutine.isyieldable())".to_string(),
                        3 => format!("print(pcall(function() local r = coroutine.yield({e}) error(r) end))"),
                        _ => "setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end }).key(1)"
                            .to_string(),
                    };
                    self.line(&format!("  {text}"));
                }
                self.block(depth - 1, 2);
                self.variables.pop();
                self.in_loop = was;
                let (e, n) = (self.expression(1), 1 + self.below(4));
                self.line(&format!("  return {e} end)"));
                self.line(&format!(
                    "for i = 1, {n} do print(coroutine.resume({co}, i, 'r')) print(coroutine.status({co})) end"
                ));
                let last = self.pick(&[
                    "coroutine.close",
                    "coroutine.status",
                    "coroutine.isyieldable",
                    "coroutine.wrap",
                    "coroutine.resume",
                ]);
                let last = if last == "coroutine.wrap" {
                    format!("type(coroutine.wrap(function() return {co} end)())")
                } else {
                    format!("pcall({last}, {co})")
                };
                self.line(&format!("print({last})"));
            }
            7 => {
                // What an error of each shape becomes.
                let e = self.expression(1);
                let level = self.pick(&["", ", 0", ", 1", ", 2", ", 3", ", nil", ", 'x'", ", 99"]);
                let handler = self.pick(&[
                    "tostring",
                    "function(m) return m, 1 end",
                    "function(m) error(m, 0) end",
                    "debug.traceback and type",
                    "nil",
                    "function(m) return (m .. '!') end",
                ]);
                self.line(&format!("local function thrower() error({e}{level}) end"));
                self.line(&format!("print(pcall(thrower)) print(xpcall(thrower, {handler})) print(pcall(error)) print(pcall(error, nil))"));
            }
            8 => {
                // Operands with a name of each kind, for the messages.
                let v = self.pick(&[
                    "up",
                    "t.field",
                    "t[1]",
                    "t.a.b",
                    "loc",
                    "glob",
                    "t[loc]",
                    "('s').x",
                    "t:method()",
                    "string.nothing",
                    "(up)",
                    "t[up]",
                ]);
                let k = self.pick(&[
                    "{} + 1",
                    "1 - {}",
                    "{} .. 'x'",
                    "'x' .. {}",
                    "-{}",
                    "#{}",
                    "{}()",
                    "{}.x",
                    "{}.x.y",
                    "{} < 1",
                    "{} <= {}",
                    "{}:m()",
                    "{} & 1",
                    "~{}",
                    "1.5 | {}",
                    "{} // 0",
                    "{} % 0",
                    "{}[nil]",
                    "2^53 | {}",
                    "'a' + {}",
                    "'1.5' & {}",
                    "{} >> 1.5",
                    "{} < {}",
                    "{}{}",
                    "{}''",
                    "for i = {}, 1",
                ]);
                let value = self.pick(&["nil", "{}", "true", "'text'", "print", "1.5", "1", "obj", "strict"]);
                let text = if k == "for i = {}, 1" {
                    format!("for i = {v}, 1 do end")
                } else {
                    format!("return {}", k.replace("{}", v))
                };
                let text = if k == "{}{}" { format!("return {v}{{}}") } else { text };
                self.line(&format!("do local up = {value} print(pcall(function(loc) local t = {{ field = up, up, a = {{ b = up }} }} {text} end, up)) end"));
            }
            9 => {
                let (v, e) = (self.variable(), self.expression(1));
                let text = self.pick(&[
                    "x.y.z = 1",
                    "x[nil] = 1",
                    "x[0/0] = 1",
                    "x.y = nil",
                    "x[1][2] = 3",
                    "x[1.0] = 2 return next(x) ~= nil, x[1]",
                    "x.f.g()",
                    "x.f:g()",
                    "x = x .. x",
                    "rawset(x, nil, 1)",
                    "setmetatable(x, {})",
                    "return getmetatable(x)",
                ]);
                self.line(&format!("print(pcall(function() local x = {v} if x == obj or x == mt or x == string then x = {e} end {text} end))"));
            }
            10 => {
                // A generic loop: with a closing value, or over something that cannot be called.
                let (e, a) = (self.expression(1), self.literal());
                let list = match self.below(6) {
                    0 => e,
                    1 => format!("function(s, c) c = (c or 0) + 1 if c < 4 then return c, s end end, {a}"),
                    2 => format!("function(s, c) if not c then return 1 end end, {a}, nil, obj"),
                    3 => format!("next, {{ {a} }}"),
                    4 => "coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i, i * 2) end end)".to_string(),
                    _ => format!("ipairs({e})"),
                };
                self.line(&format!("print(pcall(function() local n = 0 for k, v in {list} do n = n + 1 print(type(k), v) if n > 3 then break end end end))"));
            }
            _ => {
                // A method object with inheritance.
                let (c, e) = (self.name("c"), self.expression(1));
                self.line(&format!("local {c} = {{ n = 1 }} {c}.__index = {c} function {c}:add(k, ...) self.n = self.n + k return self, ... end function {c}.make(n) return setmetatable({{ n = n }}, {c}) end"));
                self.line(&format!("print(pcall(function() return {c}.make({e}):add(2):add(3, 4).n, {c}.n end)) print(pcall({c}.add, {c}, {e})) print(pcall(function() {c}:none() end))"));
            }
        }
    }
    fn numeric_range(&mut self) -> String {
        self.pick(&[
            "1, 3",
            "3, 1, -1",
            "1, 2, 0.25",
            "1.5, 0, -0.5",
            "math.maxinteger - 1, math.huge",
            "math.mininteger, -math.huge, -1",
            "math.mininteger, math.maxinteger, math.maxinteger",
            "1, 0",
            "1, 3, 0",
            "1.0, 3, 0",
            "1, 3.7",
            "-3, -1.5",
            "1, 0/0",
            "2^53, 2^53 + 2",
            "1, '3'",
            "'1', 3",
            "1, 3, '1'",
            "3, math.mininteger, math.mininteger",
            "math.maxinteger, math.maxinteger + 1.0",
            "1, -math.huge",
            "-1, math.huge, 2^62",
            "1, 10, math.maxinteger",
        ])
        .to_string()
    }
    /// An expression whose error is caught.
    fn safe(&mut self) -> String {
        let e = self.expression(2);
        format!("select(2, pcall(function() return {e} end))")
    }
}
