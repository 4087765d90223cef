//! `os.date` with random formats and `os.time` with random fields, both at fixed times in UTC.

use super::value::{any, integer};
use super::{Random, call, lines, quoted};

/// The program of a seed.
pub fn program(random: &Random) -> String {
    lines(random, 16, line)
}

fn line(r: &Random) -> String {
    match r.below(8) {
        0..=3 => {
            let mut format = String::from(r.pick(&["", "", "!"]));
            for _ in 0..r.below(5) {
                format.push('%');
                let letter = r.below(26) as u8;
                match r.below(14) {
                    0 => format.push_str(r.pick(&[
                        "E", "O", "Ey", "EC", "Ex", "EX", "EY", "Ec", "Od", "Oe", "OH", "Ou", "Ow", "Oy", "OV",
                    ])),
                    1 => format.push_str(r.pick(&["%", "", "\0", " ", "-", "5", "+", "_d"])),
                    n if n % 2 == 0 => format.push((b'a' + letter) as char),
                    _ => format.push((b'A' + letter) as char),
                }
                format.push_str(r.pick(&["", " ", "-", "|", "\0", "%%"]));
            }
            // Seconds since the epoch are the same in each zone.
            let time = time(r);
            call(r, "os.date", &[quoted(format.as_bytes()), time])
        }
        4 => {
            let (utc, time) = (r.pick(&["", "!"]), time(r));
            format!(
                "P(pcall(function() local d = os.date('{utc}*t', {time}) return d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst end))"
            )
        }
        5 | 6 => {
            let mut fields = Vec::new();
            for name in ["year", "month", "day", "hour", "min", "sec"] {
                if r.chance(if fields.len() < 3 { 96 } else { 60 }) {
                    fields.push(format!("{name} = {}", field(r, name)));
                }
            }
            if r.chance(20) {
                fields.push(format!("isdst = {}", r.pick(&["true", "false", "nil", "1"])));
            }
            format!(
                "P(pcall(function() local t = {{ {} }} local n = os.time(t) return n, t.year, t.month, t.day, t.hour, t.min, t.sec, t.wday, t.yday, t.isdst end))",
                fields.join(", ")
            )
        }
        _ => {
            let (a, b) = (any(r), any(r));
            call(r, "os.difftime", &[a, b])
        }
    }
}

fn time(r: &Random) -> String {
    match r.below(12) {
        0..=6 => (r.below(0x7fffffff) as i64 * 2 - 0x3fffffff).to_string(),
        7 => (r.below(400) as i64 * 86400 * 365).to_string(),
        8 => ((r.bits() >> 27) as i64 - (1 << 36)).to_string(),
        // Years at the very limit of C's int are not among them: there the C library's own sums overflow.
        9 => r.pick(&["67768036191676800", "-67768040609740801", "67767000000000000", "-1", "0"]).to_string(),
        10 => integer(r),
        _ => {
            let v = any(r);
            // Without a time the function takes the present one.
            if v == "nil" { "0".to_string() } else { v }
        }
    }
}

fn field(r: &Random, name: &str) -> String {
    let usual = match name {
        "year" => 1900 + r.below(200) as i64,
        "month" => 1 + r.below(12) as i64,
        "day" => 1 + r.below(31) as i64,
        _ => r.below(60) as i64,
    };
    match r.below(20) {
        0..=11 => usual.to_string(),
        12..=15 => (r.below(4000) as i64 - 2000).to_string(),
        16 => r
            .pick(&[
                "2147483647",
                "2147483648",
                "-2147483648",
                "-2147483649",
                "2147485547",
                "2147485548",
                "67768036191676799",
            ])
            .to_string(),
        17 => format!("'{usual}'"),
        18 => format!("{usual}.0"),
        _ => any(r),
    }
}
