//! How much memory a program may use: sizes on the command line, and what the machine has.

/// A size: bytes, or with K, M or G.
pub fn parse(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let n: usize = digits.parse().map_err(|_| "a number of bytes, or one with K, M or G".to_string())?;
    let bytes = n.checked_mul(1 << shift).ok_or("more than there can be")?;
    if bytes < MINIMUM { Err("at least 1M".to_string()) } else { Ok(bytes) }
}
/// Less than this does not hold the libraries.
const MINIMUM: usize = 1 << 20;

/// Four fifths of the memory of the machine, or of the group of processes this one is in (Linux control groups).
/// Without a limit where the system does not tell.
pub fn default_limit() -> usize {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
        line.split_whitespace().next()?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
    });
    let group = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<usize>().ok());
    match machine.into_iter().chain(group).min() {
        Some(bytes) => bytes / 5 * 4,
        None => usize::MAX,
    }
}
