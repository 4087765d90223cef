//! What happened, as a message diagram: a column a process, time downwards, an arrow for each message and signal.
//!
//! Journey: a history -> **text**. Pure.

use rlua_runtime::Event;
use std::fmt::Write;

/// Rows that are shown, the latest.
const ROWS: usize = 120;
/// Columns that are shown: the processes of which most is told.
const COLUMNS: usize = 9;
/// Characters of a column, at least and at most.
const NARROW: usize = 9;
const WIDE: usize = 16;

/// The text of what has happened to these processes; so many events before that are not known any more.
pub fn draw(events: &[Event], processes: &[String], forgotten: usize) -> String {
    let skipped = events.len().saturating_sub(ROWS);
    let events = &events[skipped..];
    // Who has a column.
    let mut told = vec![0usize; processes.len()];
    for e in events {
        e.from.into_iter().chain(e.to).for_each(|p| told[p] += 1);
    }
    let mut by_count: Vec<usize> = (0..told.len()).filter(|p| told[*p] > 0).collect();
    by_count.sort_by_key(|p| (std::cmp::Reverse(told[*p]), *p));
    by_count.truncate(COLUMNS);
    by_count.sort_unstable();
    let place = |p: usize| by_count.iter().position(|c| *c == p);
    let names: Vec<String> = by_count.iter().map(|p| processes[*p].chars().take(WIDE - 2).collect()).collect();
    let width = names.iter().map(|n| n.chars().count() + 2).max().unwrap_or(0).clamp(NARROW, WIDE);
    let mut text = String::new();
    let left_out = skipped + forgotten;
    if left_out > 0 {
        let _ = writeln!(text, "({left_out} events before these are left out)");
    }
    let others = told.iter().filter(|n| **n > 0).count() - by_count.len();
    if others > 0 {
        let _ = writeln!(text, "({others} more processes are left out)");
    }
    let head: String = names.iter().map(|n| format!("{n:^width$}")).collect();
    let _ = writeln!(text, "{:>12} {}", "", head.trim_end());
    // Who is there before the first row: those that do not begin in one.
    let begins = |p: usize| events.iter().position(|e| e.to == Some(p) && is_beginning(e));
    let mut is_there: Vec<bool> = by_count.iter().map(|p| begins(*p).is_none()).collect();
    for event in events {
        row(&mut text, event, &place, &mut is_there, width);
    }
    text
}
/// Of a process, or of the main script of a node.
fn is_beginning(event: &Event) -> bool {
    matches!(event.text.as_str(), "spawns" | "begins")
}
fn row(text: &mut String, event: &Event, place: &impl Fn(usize) -> Option<usize>, is_there: &mut [bool], width: usize) {
    let (from, to) = (event.from.map(place), event.to.map(place));
    // Of processes that have no column.
    if matches!(from, Some(None)) || matches!(to, Some(None)) {
        return;
    }
    let (from, to) = (from.flatten(), to.flatten());
    let centre = |column: usize| column * width + width / 2;
    let mut line: Vec<char> = vec![' '; width * is_there.len()];
    for (column, there) in is_there.iter().enumerate() {
        if *there {
            line[centre(column)] = '│';
        }
    }
    match (from, to) {
        (Some(a), Some(b)) if a != b => {
            let (a, b) = (centre(a), centre(b));
            line[a.min(b) + 1..a.max(b)].fill('─');
            line[a] = '●';
            line[b] = if a < b { '▶' } else { '◀' };
        }
        (Some(a), _) | (None, Some(a)) => line[centre(a)] = '◆',
        (None, None) => {}
    }
    let line: String = line.into_iter().collect();
    let _ = writeln!(text, "{:>9.3} ms {line} {}", event.at as f64 / 1e6, event.text);
    if let (Some(b), true) = (to, is_beginning(event)) {
        is_there[b] = true;
    }
    if let (Some(a), None, true) = (from, to, event.text.starts_with("ends")) {
        is_there[a] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: u64, from: i32, to: i32, text: &str) -> Event {
        // -1: nobody.
        let [from, to] = [from, to].map(|n| usize::try_from(n).ok());
        Event { at: at * 1000, from, to, text: text.to_string() }
    }
    #[test]
    fn a_column_a_process_and_an_arrow_a_message() {
        let events = vec![
            event(1, 0, 1, "spawns"),
            event(2, 0, 2, "spawns"),
            event(5, 2, 1, "calls 'get'"),
            event(9, 1, 2, "replies 0"),
            event(12, 0, 0, "'to itself'"),
            event(20, -1, 0, "its time is over"),
            event(30, 2, -1, "ends"),
            event(31, 0, 1, "'last'"),
        ];
        let processes = ["main", "server", "<0.3>"].map(String::from).to_vec();
        let drawn = draw(&events, &processes, 0);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 9, "{drawn}");
        assert!(lines[0].contains("main") && lines[0].contains("server") && lines[0].contains("<0.3>"), "{drawn}");
        let column = |line: &str, sign: char| line.chars().position(|c| c == sign);
        assert!(column(lines[1], '●') < column(lines[1], '▶'), "{drawn}");
        assert!(lines[3].contains("◀") && lines[3].ends_with("calls 'get'"), "{drawn}");
        assert!(lines[4].contains("▶") && column(lines[4], '●') == column(lines[3], '◀'), "{drawn}");
        assert_eq!(column(lines[5], '◆'), column(lines[1], '●'), "{drawn}");
        assert!(lines[7].contains('◆') && lines[7].ends_with(" ends"), "{drawn}");
        // What has ended has no line any more.
        assert_eq!(lines[8].matches(['│', '●', '▶']).count(), 2, "{drawn}");
    }
    #[test]
    fn of_very_much_the_latest_is_shown() {
        let events: Vec<Event> = (0..1000).map(|i| event(i, i as i32 % 30, (i as i32 + 1) % 30, "x")).collect();
        let processes: Vec<String> = (0..30).map(|i| format!("p{i}")).collect();
        let drawn = draw(&events, &processes, 0);
        assert!(
            drawn.starts_with("(880 events before these are left out)\n(21 more processes are left out)\n"),
            "{drawn}"
        );
        assert!(drawn.lines().count() <= ROWS + 3);
        assert_eq!(draw(&[], &[], 0).lines().count(), 1);
    }
}
