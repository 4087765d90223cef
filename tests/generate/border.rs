//! Borders of tables. The manual leaves open which border `#` gives if there are several, but tables here are laid out
//! as the reference's, so the same operations give the same border.

use super::{PRELUDE, Random};

/// The program of a seed.
pub fn program(r: &Random) -> String {
    let mut text = String::from(PRELUDE);
    for _ in 0..4 {
        text.push_str("do local t = ");
        text.push_str(&constructor(r));
        text.push_str(" P(#t)\n");
        for _ in 0..2 + r.below(10) {
            let line = match r.below(10) {
                0..=2 => "t[#t + 1] = #t".to_string(),
                3 | 4 => "t[#t] = nil".to_string(),
                5 => format!("for i = #t + 1, #t + {} do t[i] = i end", r.below(20)),
                6 => format!("for i = #t, {}, -1 do t[i] = nil end", r.below(20)),
                7 => "table.insert(t, 0)".to_string(),
                8 => "table.remove(t)".to_string(),
                _ => format!("t.{} = {}", r.pick(&["a", "b", "c", "d", "e", "f", "g"]), r.pick(&["nil", "1", "2"])),
            };
            text.push_str(&format!("  {line} P(#t)\n"));
        }
        text.push_str("end\n");
    }
    text
}

fn constructor(r: &Random) -> String {
    let n = r.below(12);
    let items: Vec<&str> = (0..n).map(|_| r.pick(&["1", "1", "'x'", "false", "1.5"])).collect();
    match r.below(6) {
        0 => "{}".to_string(),
        1 => format!("{{ {} }}", ["x = 1", "y = 2", "z = 3", "w = 4", "v = 5"][..r.below(6)].join(", ")),
        2 => format!("table.pack({})", items.join(", ")),
        3 => format!("{{ table.unpack({{ {} }}) }}", items.join(", ")),
        _ => format!("{{ {} }}", items.join(", ")),
    }
}
