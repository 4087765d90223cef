//! Table functions and `next`: on sequences, on proxies that tell each access, with positions out of range.

use super::value::{any, integer, number, position};
use super::{Random, call, lines};

/// A proxy prints what is read and written through it.
const PROXY: &str = "local function proxy(t)
  return setmetatable({}, {
    __index = function(_, k) print('get', q(k), q(t[k])) return t[k] end,
    __newindex = function(_, k, v) print('set', q(k), q(v)) t[k] = v end,
    __len = function() print('len') return #t end,
  })
end
local function sorted(t)
  local all = {}
  for k, v in pairs(t) do all[#all + 1] = q(k) .. '=' .. q(v) end
  table.sort(all)
  return table.concat(all, ' ')
end
local function odd(n) return setmetatable({}, { __len = function() return n end, __index = function(_, k) if math.abs(k) < 20 then return k end end }) end
";

/// The program of a seed.
pub fn program(random: &Random) -> String {
    let text = lines(random, 18, line);
    let at = super::PRELUDE.len();
    format!("{}{PROXY}{}", &text[..at], &text[at..])
}

fn line(r: &Random) -> String {
    let t = table(r);
    match r.below(16) {
        0 | 1 => {
            let mut arguments = vec![t];
            for _ in 0..r.below(3) {
                arguments.push(position(r));
            }
            if r.chance(80) {
                arguments.push(any(r));
            }
            changed(r, "table.insert", &arguments)
        }
        2 | 3 => {
            let mut arguments = vec![t];
            if r.chance(70) {
                arguments.push(position(r));
            }
            changed(r, "table.remove", &arguments)
        }
        4 | 5 => {
            // The ends lie near each other, since what lies between is moved one by one.
            let base = if r.chance(85) { "0".to_string() } else { integer(r) };
            let first = format!("{base} + {}", r.below(8) as i64 - 3);
            let last = format!("{base} + {}", r.below(9) as i64 - 3);
            let mut arguments = vec![t, first, last, position(r)];
            if r.chance(25) {
                arguments.push(table(r));
            }
            changed(r, "table.move", &arguments)
        }
        6 | 7 => {
            let mut arguments = vec![t];
            if r.chance(70) {
                arguments.push(r.pick(&["','", "''", "1", "'\\0'", "nil", "{}", "2.5", "true"]).to_string());
                if r.chance(60) {
                    arguments.push(position(r));
                    if r.chance(60) {
                        arguments.push(position(r));
                    }
                }
            }
            call(r, "table.concat", &arguments)
        }
        8 => {
            let mut arguments = vec![t];
            if r.chance(70) {
                // Few results, or more than any stack holds.
                let base = if r.chance(80) { "0" } else { r.pick(&["math.maxinteger - 4", "math.mininteger + 4"]) };
                arguments.push(format!("{base} + {}", r.below(8) as i64 - 4));
                if r.chance(70) {
                    arguments.push(format!("{base} + {}", r.below(8) as i64 - 4));
                }
            }
            let text = call(r, "table.unpack", &arguments);
            if text.contains("mininteger") && arguments.len() < 3 { String::new() } else { text }
        }
        9 => {
            let n = r.below(9);
            let values: Vec<String> = (0..n).map(|_| if r.chance(50) { number(r) } else { position(r) }).collect();
            let values: Vec<String> = values.into_iter().filter(|v| !v.contains("0/0")).collect();
            let order = r.pick(&[
                "",
                ", function(a, b) return a > b end",
                ", function(a, b) return a < b end",
                ", math.ult",
                ", nil",
                ", 1",
            ]);
            if order == ", math.ult" && values.iter().any(|v| v.parse::<i64>().is_err()) {
                return String::new();
            }
            format!(
                "P(pcall(function() local t = {{ {} }} table.sort(t{order}) return table.unpack(t) end))",
                values.join(", ")
            )
        }
        10 => {
            let n = r.below(8);
            let values: Vec<String> = (0..n).map(|_| super::quoted(&super::value::bytes(r, 4))).collect();
            format!(
                "P(pcall(function() local t = {{ {} }} table.sort(t) return table.unpack(t) end))",
                values.join(", ")
            )
        }
        11 => {
            let (a, b) = (any(r), any(r));
            format!("P(pcall(function() local t = {{ {a}, {b} }} table.sort(t) return #t end))")
        }
        12 => {
            // No floats: the reference's `next` knows a float key of integer value only if it is an integer.
            let k = any(r);
            let k = if k.contains(['.', 'e', '^', '/']) { integer(r) } else { k };
            format!(
                "P(pcall(function() local t = {t} local k = {k} local ok, m = pcall(next, t, k) return ok, ok or m end))"
            )
        }
        13 => {
            let (k, v) = (any(r), any(r));
            format!(
                "P(pcall(function() local t = {t} t[{k}] = {v} for k in pairs(t) do t[k] = nil end t[{k}] = {v} return next(t), t[{k}] end))"
            )
        }
        14 => {
            let (k, v) = (any(r), any(r));
            format!(
                "P(pcall(function() local t = {t} rawset(t, {k}, {v}) return sorted(t), rawget(t, {k}), rawequal({k}, {v}) end))"
            )
        }
        _ => {
            let n = r.below(5);
            let all: Vec<String> = (0..n).map(|_| any(r)).collect();
            let comma = if n == 0 { "" } else { ", " };
            let at = position(r);
            match r.below(3) {
                0 => format!("P(pcall(function() local t = table.pack({}) return t.n, sorted(t) end))", all.join(", ")),
                1 => format!("P(pcall(select, {at}{comma}{}))", all.join(", ")),
                _ => format!("P(pcall(function() for i, v in ipairs({t}) do P(i, v) if i > 9 then break end end end))"),
            }
        }
    }
}

/// A table, a proxy of one, or no table.
fn table(r: &Random) -> String {
    let n = r.below(7);
    let items: Vec<String> = (0..n)
        .map(|_| match r.below(8) {
            0 => number(r),
            1 => "'s'".to_string(),
            2 => r.pick(&["1.5", "true", "{}", "'\\0'", "-0.0"]).to_string(),
            _ => r.below(10).to_string(),
        })
        .collect();
    let items = items.join(", ");
    match r.below(20) {
        0..=11 => format!("{{ {items} }}"),
        12..=15 => format!("proxy {{ {items} }}"),
        16 => r.pick(&["odd(3)", "odd('2')", "odd(2.0)", "odd(1.5)", "odd('x')", "odd(nil)", "odd {}"]).to_string(),
        17 => "odd(math.maxinteger)".to_string(),
        18 => format!("{{ {items}, x = 1, [0] = 0 }}"),
        _ => any(r),
    }
}

/// A call that changes its first argument, and what that is then.
fn changed(r: &Random, function: &str, arguments: &[String]) -> String {
    let t = &arguments[0];
    if t == "odd(math.maxinteger)" && function != "table.insert" {
        return call(r, "rawlen", std::slice::from_ref(t));
    }
    let rest: String = arguments[1..].iter().map(|a| format!(", {a}")).collect();
    if r.chance(20) {
        return call(r, function, arguments);
    }
    format!(
        "P(pcall(function() local t = {t} P(pcall({function}, t{rest})) return type(t) == 'table' and sorted(t) end))"
    )
}
