//! Expected values were printed by the reference implementation, 5.4.4.

use super::*;

/// Budgets to run every case with: plenty, and so little that the match stops at every chance, its state
/// written and read back each time.
const BUDGETS: [u64; 3] = [u64::MAX, 1, 3];

fn run(matcher: &mut Matcher, subject: &[u8], pattern: &[u8], budget: u64) -> Step {
    loop {
        let step = matcher.run(subject, pattern, &mut { budget });
        if step != Step::OutOfBudget {
            return step;
        }
        let bytes = postcard::to_stdvec(&*matcher).expect("the state can be written");
        *matcher = postcard::from_bytes(&bytes).expect("the state can be read");
        assert!(matcher.is_valid_for(subject, pattern), "{matcher:?}");
    }
}

fn values(matcher: &Matcher, subject: &[u8], count: usize) -> Result<Vec<String>, PatternError> {
    (0..count)
        .map(|index| {
            Ok(match matcher.capture(index)? {
                Capture::Span(start, end) => String::from_utf8_lossy(&subject[start..end]).into_owned(),
                Capture::Position(position) => position.to_string(),
            })
        })
        .collect()
}

fn shown(result: Result<String, PatternError>) -> String {
    result.unwrap_or_else(|error| format!("error: {error}"))
}

/// What `string.find` returns.
fn find(subject: &[u8], pattern: &[u8], init: usize, mode: Mode, budget: u64) -> Result<String, PatternError> {
    let mut matcher = Matcher::new(pattern, init, mode);
    match run(&mut matcher, subject, pattern, budget) {
        Step::Matched { start, end } => {
            let mut results = vec![(start + 1).to_string(), end.to_string()];
            results.extend(values(&matcher, subject, matcher.capture_count())?);
            Ok(results.join(","))
        }
        Step::Error(error) => Err(error),
        _ => Ok("nil".to_owned()),
    }
}

/// All iterations of `string.gmatch`.
fn gmatch(subject: &[u8], pattern: &[u8], budget: u64) -> Result<String, PatternError> {
    let mut matcher = Matcher::new(pattern, 0, Mode::Repeated);
    let mut iterations = Vec::new();
    loop {
        match run(&mut matcher, subject, pattern, budget) {
            Step::Matched { .. } => {
                iterations.push(values(&matcher, subject, matcher.value_count())?.join(","));
                matcher.advance();
            }
            Step::Error(error) => return Err(error),
            _ => return Ok(iterations.join("|")),
        }
    }
}

/// What `string.gsub` returns.
fn gsub(subject: &[u8], pattern: &[u8], replacement: &[u8], budget: u64) -> Result<String, PatternError> {
    let mut matcher = Matcher::new(pattern, 0, Mode::Match);
    let (mut out, mut copied, mut count) = (Vec::new(), 0, 0);
    loop {
        match run(&mut matcher, subject, pattern, budget) {
            Step::Matched { start, end } => {
                out.extend_from_slice(&subject[copied..start]);
                let mut from = Some(0);
                while let Some(at) = from {
                    from = matcher.expand(subject, replacement, at, &mut out, usize::MAX, &mut { budget })?;
                }
                copied = end;
                count += 1;
                matcher.advance();
            }
            Step::Error(error) => return Err(error),
            _ => break,
        }
    }
    out.extend_from_slice(&subject[copied..]);
    Ok(format!("{},{count}", String::from_utf8_lossy(&out)))
}

#[test]
fn find_returns_positions_and_captures() {
    let cases: &[(&[u8], &[u8], &str)] = &[
        (b"hello world", b"o w", "5,7"),
        (b"hello", b"l+", "3,4"),
        (b"hello", b"(l)(l)", "3,4,l,l"),
        (b"hello", b"()ll()", "3,4,3,5"),
        (b"hello", b"^h", "1,1"),
        (b"hello", b"^e", "nil"),
        (b"hello", b"o$", "5,5"),
        (b"a$b", b"$b", "2,3"),
        (b"a^b", b"a^", "1,2"),
        (b"", b"", "1,0"),
        (b"abc", b"", "1,0"),
        (b"aaab", b"a-b", "1,4"),
        (b"aaab", b"a*ab", "1,4"),
        (b"aaa", b"a?a?a?a", "1,3"),
        (b"x = (a (b) c) d", b"%b()", "5,13"),
        (b"THE (quick) fox", b"%f[%a]%a+%f[%A]", "1,3"),
        (b"THE (quick) fox", b"%f[%l]%l+", "6,10"),
        (b"\"it's\" \"x\"", b"([\"'])(.-)%1", "1,6,\",it's"),
        (b"key = value", b"(%w+)%s*=%s*(%w+)", "1,11,key,value"),
        (b"a]b", b"[]]", "2,2"),
        (b"a-b", b"[a-]-b", "1,3"),
        (b"a-b", b"[%-x]", "2,2"),
        (b"0x1F", b"^0[xX](%x+)$", "1,4,1F"),
        (b"x^y", b"[x^]+", "1,2"),
        (b"abc123", b"[^%d]+", "1,3"),
        (b"a\x00b", b"%z", "2,2"),
        (b"a\x00b", b"\x00b", "2,3"),
        (b"\xe9t", b"[\x80-\xff]", "1,1"),
        (b"aXb", b"%u", "2,2"),
        (b"a)b", b")", "2,2"),
        (b"a.b", b"%.", "2,2"),
        (b"aa", b"()a%1", "nil"),
        (b"abab", b"(ab)%1", "1,4,ab"),
        (b"((a", b"%b()", "nil"),
        (b"abc", b"x[", "nil"),
        (b"aaa", b"(a-)(a-)$", "1,3,,aaa"),
        (b"abc", b"((a)(b))c", "1,3,ab,a,b"),
        (b"[[x]]", b"%[%[(.-)%]%]", "1,5,x"),
        (b"abc", b"%", "error: malformed pattern (ends with '%')"),
        (b"abc", b"[a", "error: malformed pattern (missing ']')"),
        (b"abc", b"[^", "error: malformed pattern (missing ']')"),
        (b"abc", b"[]", "error: malformed pattern (missing ']')"),
        (b"abc", b"[a%", "error: malformed pattern (missing ']')"),
        (b"abc", b"%f", "error: missing '[' after '%f' in pattern"),
        (b"abc", b"%fa", "error: missing '[' after '%f' in pattern"),
        (b"abc", b"%b", "error: malformed pattern (missing arguments to '%b')"),
        (b"abc", b"%ba", "error: malformed pattern (missing arguments to '%b')"),
        (b"abc", b"(", "error: unfinished capture"),
        (b"abc", b"a.)", "error: invalid pattern capture"),
        (b"abc", b"(%1)", "error: invalid capture index %1"),
        (b"abc", b"(%0)", "error: invalid capture index %0"),
        (b"abc", b"%9", "error: invalid capture index %9"),
        (b"abc", b"()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()", "error: too many captures"),
        (b"abc", b"(((((((((((((((((((((((((((((((((", "error: too many captures"),
    ];
    for &(subject, pattern, expected) in cases {
        for budget in BUDGETS {
            let found = shown(find(subject, pattern, 0, Mode::Find, budget));
            assert_eq!(found, expected, "{}", pattern.escape_ascii());
        }
    }
}

#[test]
fn find_starts_at_init() {
    let at = |subject: &[u8], pattern: &[u8], init, mode| shown(find(subject, pattern, init, mode, u64::MAX));
    assert_eq!(at(b"abc", b"", 3, Mode::Find), "4,3");
    assert_eq!(at(b"abc", b"", 4, Mode::Find), "nil");
    assert_eq!(at(b"abc", b"^b", 1, Mode::Find), "2,2");
    assert_eq!(at(b"abcabc", b"b.", 2, Mode::Find), "5,6");
    assert_eq!(at(b"a.b", b".", 0, Mode::Plain), "2,2");
    assert_eq!(at(b"a.b", b"^a", 0, Mode::Plain), "nil");
}

#[test]
fn a_stray_parenthesis_is_plain_in_find_alone() {
    assert_eq!(shown(find(b"a)b", b")", 0, Mode::Find, 9)), "2,2");
    let error = Err(PatternError::InvalidCapture);
    assert_eq!(find(b"a)b", b")", 0, Mode::Match, 9), error);
}

#[test]
fn gmatch_iterates() {
    let cases: &[(&[u8], &[u8], &str)] = &[
        (b"abc", b"", "|||"),
        (b"one two", b"%a+", "one|two"),
        (b"one two", b"%a*", "one|two"),
        (b"a=1, b=2", b"(%w+)=(%w+)", "a,1|b,2"),
        (b"^a^a", b"^a", "^a|^a"),
        (b"abc", b"()", "1|2|3|4"),
        (b"aXbX", b"X-", "||||"),
        (b"aabb", b"b*", "||bb"),
        (b"a,b,,c", b"([^,]*)", "a|b||c"),
    ];
    for &(subject, pattern, expected) in cases {
        for budget in BUDGETS {
            let found = shown(gmatch(subject, pattern, budget));
            assert_eq!(found, expected, "{}", pattern.escape_ascii());
        }
    }
}

#[test]
fn gsub_replaces() {
    let cases: &[([&[u8]; 3], &str)] = &[
        ([b"hello world", b"o", b"0"], "hell0 w0rld,2"),
        ([b"hello", b"", b"-"], "-h-e-l-l-o-,6"),
        ([b"abc", b"%w", b"%0%0"], "aabbcc,3"),
        ([b"hello world", b"(%w+) (%w+)", b"%2 %1"], "world hello,1"),
        ([b"abc", b"()", b"%1"], "1a2b3c4,4"),
        ([b"abc", b"b*", b"x"], "xaxcx,3"),
        ([b"abc", b"^a", b"x"], "xbc,1"),
        ([b"aaa", b"^a", b"x"], "xaa,1"),
        ([b"abc", b"b", b"%%"], "a%c,1"),
        ([b"abc", b"(", b"x"], "xaxbxcx,4"),
        ([b"abc", b"$", b"!"], "abc!,1"),
        ([b"  trim  ", b"^%s*(.-)%s*$", b"%1"], "trim,1"),
        ([b"alo", b".", b"%2"], "error: invalid capture index %2"),
        ([b"alo", b".", b"%x"], "error: invalid use of '%' in replacement string"),
        ([b"alo", b".", b"%"], "error: invalid use of '%' in replacement string"),
        ([b"abc", b"(", b"%1"], "error: unfinished capture"),
        ([b"abc", b"(()", b"%2"], "1a2b3c4,4"),
        ([b"abc", b"(()", b"%3"], "error: invalid capture index %3"),
        ([b"abc", b")", b"x"], "error: invalid pattern capture"),
    ];
    for &([subject, pattern, replacement], expected) in cases {
        for budget in BUDGETS {
            let replaced = shown(gsub(subject, pattern, replacement, budget));
            assert_eq!(replaced, expected, "{}", pattern.escape_ascii());
        }
    }
}

#[test]
fn a_search_can_go_on_from_offsets_alone() {
    let (subject, pattern) = (b"aab cb", b"%a*");
    let mut found = Vec::new();
    let (mut start, mut last_end) = (0, None);
    loop {
        let mut matcher = Matcher::new(pattern, start, Mode::Repeated).with_last_end(last_end);
        let Step::Matched { start: from, end } = matcher.run(subject, pattern, &mut { u64::MAX }) else {
            break;
        };
        found.push((from, end));
        matcher.advance();
        (start, last_end) = (matcher.start(), matcher.last_end());
    }
    assert_eq!(found, [(0, 3), (4, 6)]);
}

#[test]
fn long_scans_stop_within_the_budget() {
    let subject = [&b"a".repeat(100_000)[..], b"(", &b"b".repeat(100_000), b")x"].concat();
    for pattern in [&b"a+%(b*%)x$"[..], b"a-%(", b".-x", b".*a", b"%b()x", b"x", b"b%)x", b"[x]", b"a*(.-)%)"] {
        let expected = find(&subject, pattern, 0, Mode::Find, u64::MAX);
        let mut matcher = Matcher::new(pattern, 0, Mode::Find);
        let mut runs = 0;
        let step = loop {
            let step = matcher.run(&subject, pattern, &mut 100);
            if step != Step::OutOfBudget {
                break step;
            }
            runs += 1;
        };
        assert!(runs >= 10, "{} took {runs}", pattern.escape_ascii());
        let Step::Matched { start, end } = step else {
            panic!("{} gave {step:?}", pattern.escape_ascii());
        };
        let expected = expected.expect("the pattern is well formed");
        assert!(expected.starts_with(&format!("{},{end}", start + 1)));
    }
}

#[test]
fn a_huge_pattern_is_too_complex() {
    let subject = b"a".repeat(200_000);
    let pattern = b".?".repeat(200_000);
    let mut matcher = Matcher::new(&pattern, 0, Mode::Match);
    let step = matcher.run(&subject, &pattern, &mut { u64::MAX });
    assert_eq!(step, Step::Error(PatternError::TooComplex));
    let pattern = b".?".repeat(80);
    let step = Matcher::new(&pattern, 0, Mode::Match).run(&subject, &pattern, &mut { u64::MAX });
    assert_eq!(step, Step::Matched { start: 0, end: 80 });
}

#[test]
fn foreign_state_is_refused_or_harmless() {
    let subject = b"aabab(ab)abab[ab]";
    for (pattern, steps) in [(&b"(a-)b?[ab]*(%b())%1$"[..], 60), (b"[^%a]", 20), (b"abab[", 40)] {
        let plain = pattern.ends_with(b"[");
        foreign_state(subject, pattern, if plain { Mode::Plain } else { Mode::Match }, steps);
    }
}
fn foreign_state(subject: &[u8], pattern: &[u8], mode: Mode, steps: usize) {
    let mut matcher = Matcher::new(pattern, 0, mode);
    for steps in 1..steps {
        let _ = matcher.run(subject, pattern, &mut 1);
        let bytes = postcard::to_stdvec(&matcher).expect("the state can be written");
        for index in 0..bytes.len() {
            for flip in [1, 3, 16, 64, 255] {
                let mut broken = bytes.clone();
                broken[index] ^= flip;
                let Ok(mut broken) = postcard::from_bytes::<Matcher>(&broken) else {
                    continue;
                };
                if broken.is_valid_for(subject, pattern) {
                    let step = broken.run(subject, pattern, &mut 1000);
                    if let Step::Matched { start, end } = step {
                        assert!(start <= end && end <= subject.len(), "after {steps} steps");
                        let _ = broken.expand(subject, b"%0%1%2", 0, &mut Vec::new(), 1000, &mut 1000);
                    }
                }
            }
        }
    }
}

/// Long substrings have a search of their own, which begins at four bytes here.
#[test]
fn substrings_are_found_where_they_are() {
    let mut seed = 7u64;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % n
    };
    for round in 0..3000 {
        let letters = 1 + round % 3;
        let mut text = |n: usize| -> Vec<u8> { (0..n).map(|_| b'a' + random(letters) as u8).collect() };
        let (mut needle, mut subject) = (text(4 + round % 23), text(round % 97));
        if round % 4 == 0 {
            // Periods, and the needle at some places.
            let unit = needle[..1 + round % 4].to_vec();
            needle = unit.iter().copied().cycle().take(needle.len()).collect();
        }
        for _ in 0..round % 3 {
            let at = round % (subject.len() + 1);
            subject.splice(at..at, needle.iter().copied());
        }
        let mut expected = Vec::new();
        let mut at = 0;
        while let Some(found) = memmem::find(&subject[at..], &needle) {
            expected.push(at + found);
            at += found + needle.len();
        }
        for budget in BUDGETS {
            let mut matcher = Matcher::new(&needle, 0, Mode::Plain);
            let mut found = Vec::new();
            while let Step::Matched { start, end } = run(&mut matcher, &subject, &needle, budget) {
                assert_eq!(end, start + needle.len());
                found.push(start);
                matcher.advance();
            }
            let shown = (String::from_utf8_lossy(&subject), String::from_utf8_lossy(&needle));
            assert_eq!(found, expected, "{shown:?} with a budget of {budget}");
        }
    }
}

/// Each of these would take seconds or gigabytes if it were done in one go.
#[test]
fn long_patterns_stop_within_the_budget() {
    let mega = 1 << 20;
    let plain = vec![b'a'; mega];
    let set = [b"[".as_slice(), &b"%a".repeat(mega / 2), b"]"].concat();
    let sets = b"[ab]".repeat(mega / 4);
    let subject = vec![b'a'; 2 * mega];
    for pattern in [&plain, &set, &sets] {
        let mut matcher = Matcher::new(pattern, 0, Mode::Match);
        let mut stops = 0;
        let step = loop {
            let mut budget = 10_000;
            match matcher.run(&subject, pattern, &mut budget) {
                Step::OutOfBudget => stops += 1,
                step => break step,
            }
        };
        assert!(matches!(step, Step::Matched { start: 0, .. }));
        assert!(stops > 10, "{stops}");
    }
    let matcher = {
        let mut matcher = Matcher::new(b".*", 0, Mode::Match);
        assert!(matches!(run(&mut matcher, &subject, b".*", u64::MAX), Step::Matched { .. }));
        matcher
    };
    let (mut out, mut from) = (Vec::new(), 0);
    for _ in 0..3 {
        from = matcher
            .expand(&subject, &b"%0".repeat(mega), from, &mut out, usize::MAX, &mut 10_000)
            .expect("the replacement is right")
            .expect("there is more");
    }
    assert!(out.len() <= 3 * 2 * mega, "{}", out.len());
}

#[test]
fn a_short_search_looks_at_no_more_than_its_steps_allow() {
    let subject = vec![b'x'; 1 << 20];
    for pattern in ["^x*", "^x+$", "^%w*y", "^[^y]*", "^(x*)(x*)$"] {
        let mut short = Short::new(&subject, pattern.as_bytes(), STEPS_MAX).expect("it is short");
        assert_eq!(short.search(0, true, None), Outcome::GivenUp, "{pattern}");
    }
    let mut short = Short::new(&subject, b"^.*", STEPS_MAX).expect("it is short");
    assert_eq!(short.search(0, true, None), Outcome::Found { start: 0, end: subject.len() });
}
