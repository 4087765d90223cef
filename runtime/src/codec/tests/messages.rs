//! Messages: all forms, in one go and in steps, here and outside; damaged ones; tables to match.

use super::*;
use rlua_machine::heap::Stress;

/// A portable message as it comes in: whole, or in parts.
pub(super) fn received(m: &PortableMessage) -> std::result::Result<Message, message::DecodeError> {
    let whole = Message::from_portable(&m.bytes, &m.modules, &Runtime::find);
    assert_eq!(shown(in_parts(m, m.bytes.len() / 4 + 1)), shown(whole.clone()));
    whole
}
/// What comes in parts of so many bytes.
fn in_parts(m: &PortableMessage, size: usize) -> std::result::Result<Message, message::DecodeError> {
    let mut arriving = message::Arriving::default();
    let mut came = Vec::new();
    for part in m.bytes.chunks(size) {
        came.extend_from_slice(part);
        arriving.look(&came, m.bytes.len(), &m.modules, &Runtime::find);
    }
    arriving.finish(came, &m.modules, &Runtime::find).map_err(|(e, _)| e)
}
fn shown(came: std::result::Result<Message, message::DecodeError>) -> std::result::Result<Vec<u8>, String> {
    came.map(|m| m.to_portable().bytes).map_err(|e| e.to_string())
}

/// Encodes the global `m` of a program's machine and decodes it in another one as its global `m`, there runs the
/// second program.
fn sent(sender: &str, receiver: &str) -> String {
    let mut from = started(sender);
    let exit = from.run(1_000_000);
    assert_eq!(exit, Exit::Finished, "{:?}", outcome(&mut from, exit));
    let v = from.globals().get_field(&mut from.heap, b"m");
    let mut outcomes = Vec::new();
    for portable in [false, true] {
        let message = if portable {
            match encode_message(&from, v) {
                Ok(m) => received(&m.to_portable()).expect("made here"),
                Err(e) => return e.to_string(),
            }
        } else {
            match encode_message(&from, v) {
                Ok(m) => m,
                Err(e) => return e.to_string(),
            }
        };
        let mut to = started(receiver);
        to.heap.set_stress(if portable { Stress::Pieces } else { Stress::Whole });
        let got = match decode_message(&mut to, &message) {
            Ok(got) => got,
            Err(e) => return e.to_string(),
        };
        let g = to.globals();
        g.set_field(&mut to.heap, b"m", got).expect("a name");
        let exit = to.run(1_000_000);
        outcomes.push(outcome(&mut to, exit));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes.swap_remove(0)
}

#[test]
fn a_message_has_a_short_form_for_people() {
    let brief = |program: &str, most| {
        let mut from = started(program);
        let exit = from.run(1_000_000);
        assert_eq!(exit, Exit::Finished, "{:?}", outcome(&mut from, exit));
        let v = from.globals().get_field(&mut from.heap, b"m");
        let m = encode_message(&from, v).expect("it can be sent");
        let text = m.brief(most);
        assert!(text.len() <= most, "{text}");
        assert_eq!(received(&m.to_portable()).expect("made here").brief(most), text, "of whatever form");
        text
    };
    for (program, expected) in [
        ("m = true", "true"),
        ("m = 0.1", "0.1"),
        ("m = { 1, 2, 3, 4, 5, 'x' }", "{1, 2, 3, 4, 5, 'x'}"),
        ("m = { 1.5, 2, print }", "{1.5, 2, function 'print'}"),
        ("m = { tag = { 'a', { { {} } } } }", "{tag={'a', {{..."),
        ("m = {} m.me = m", "{me=<again>}"),
        ("m = { function() end, 1 }", "{function..."),
        ("m = { [true] = ('x'):rep(1000) }", &format!("{{[true]='{}...'}}", "x".repeat(40))),
        ("m = { ('x'):rep(1000000), 1 }", &format!("{{'{}...'...", "x".repeat(40))),
    ] {
        assert_eq!(brief(program, 80), expected, "{program}");
    }
    let all = brief("m = {} for i = 1, 100000 do m[i] = i m['k' .. i] = i end", 30);
    assert!(all.starts_with("{1, 2, 3") && all.ends_with("..."), "{all}");
}

#[test]
fn messages_are_values() {
    for (sender, receiver, expected) in [
        ("m = 'short'", "return m", "| Finished short"),
        ("m = ('long '):rep(20)", "return #m", "| Finished 100"),
        ("m = -7", "return m", "| Finished -7"),
        (
            "m = { tag = 'ping', n = 1, f = 2.5, no = false, [1] = 'a', [2] = 'b', [10] = 'c', [1.5] = 1 }",
            "return m.tag, m.n, m.f, m.no, m[1], m[2], #m, m[10], m[1.5]",
            "| Finished ping 1 2.5 false a b 2 c 1",
        ),
        ("m = { nil, nil, 3 }", "return m[1], m[2], m[3]", "| Finished nil nil 3"),
        (
            "m = {} m.me = m m.list = { m, m } m[m] = 'key'",
            "return m.me == m, m.list[2] == m, m[m]",
            "| Finished true true key",
        ),
        (
            "local k = { 1 } m = { [k] = k, k = k }",
            "for k, v in next, m do if k ~= 'k' then return k == v, k[1] end end",
            "| Finished true 1",
        ),
        (
            "local s = ('x'):rep(50) m = { s, s, [s] = s }",
            "return m[1] == m[2], m[m[1]] == m[1]",
            "| Finished true true",
        ),
        (
            "local t = {} for i = 1, 30 do t[i] = { i } end m = { t, t, t[7], [t[8]] = t[9] }",
            "return m[1] == m[2], m[1][7] == m[3], m[m[1][8]] == m[1][9], m[1][30][1]",
            "| Finished true true true 30",
        ),
        // Functions: variables by value and shared, code, globals of the receiver.
        (
            "local n = 5 m = { up = function() n = n + 1 return n end, get = function() return n, emit ~= nil, where end } where = 'there'",
            "where = 'here' m.up() m.up() return m.get()",
            "| Finished 7 true here",
        ),
        (
            "local function f(n) if n == 0 then return 'end' end return f(n - 1) end m = f",
            "return m(3)",
            "| Finished end",
        ),
        (
            "m = { string.rep, next, string.gmatch('a b c', '%a') }",
            "return m[1]('x', 3), m[2] == next, m[3](), m[3](), m[3](), m[3]()",
            "| Finished xxx true a b c",
        ),
        ("m = { {}, {}, { {} } }", "return #m, #m[3]", "| Finished 3 1"),
        ("m = {}", "return next(m)", "| Finished nil"),
        ("m = { a = { b = { c = { 1, { d = 2 } } } } }", "return m.a.b.c[2].d", "| Finished 2"),
        // What cannot be sent, and where.
        ("m = coroutine.create(print)", "", "cannot send a coroutine (at message)"),
        ("m = { job = { co = coroutine.create(print) } }", "", "cannot send a coroutine (at message.job.co)"),
        (
            "m = { 1, 2, { ['x y'] = { [true] = coroutine.create(print) } } }",
            "",
            "cannot send a coroutine (at message[3][\"x y\"][true])",
        ),
        (
            "local co = coroutine.create(print) m = { [0] = function() return co end }",
            "",
            "cannot send a coroutine (at message[0]'s upvalue 'co')",
        ),
        ("m = { f = coroutine.wrap(print) }", "", "cannot send a coroutine (at message.f's upvalue 1)"),
        ("m = { [coroutine.create(print)] = 1 }", "", "cannot send a coroutine (at message's key)"),
        (
            "m = { a = setmetatable({}, {}) }",
            "",
            "cannot send a table with a metatable (at message.a); register it with concurrent.metatable",
        ),
    ] {
        assert_eq!(sent(sender, receiver), expected, "{sender}");
    }
}

/// All forms of a table: small and large, as it lies and by content, in one go and in steps, here and outside.
#[test]
fn large_messages_are_made_in_steps() {
    let program = "
      m = { ints = {}, wide = {}, floats = {}, mixed = {}, names = {}, atoms = {}, holes = {}, long = {}, keys = {} }
      for i = 1, 9000 do
        m.ints[i] = i - 4500 m.wide[i] = i << 40 m.floats[i] = i / 2 m.mixed[i] = i % 3 == 0 and 'x' or i % 3 == 1 and i or i / 4
        m.names['name ' .. i] = i % 2 == 0 and i or { i } m.atoms[-i] = i m.holes[i] = i
        if i <= 300 then m.long[i] = ('long '):rep(20) .. i m.long[-i] = m.long[i] m.keys[{ i }] = i end
      end
      for i = 1, 9000 do if i % 50 ~= 0 then m.holes[i] = nil end end
      m.nested = { { {}, { 1, { a = { 'b', c = m.ints } } } }, false, nil, 2.5, emit, x = m.long[7] }
      local t = ('0123456789'):rep(20000)
      m.texts = { t, t .. 'x', { [t .. 'y'] = t }, t, of = t .. 'z' }";
    let check = "
      local function sum(t) local n, s = 0, 0 for k, v in next, t do n = n + 1 if type(v) == 'table' then v = v[1] end s = s + v end return n, s end
      local same = 0 for i = 1, 300 do if m.long[i] == m.long[-i] and #m.long[i] == 100 + #(i .. '') then same = same + 1 end end
      local x, i, f = 0, 0, 0 for _, v in next, m.mixed do if v == 'x' then x = x + 1 elseif v % 1 == 0 then i = i + 1 else f = f + 1 end end
      local n, keys = 0, 0 for k, v in next, m.keys do n = n + 1 keys = keys + (k[1] == v and 1 or 0) end
      emit(sum(m.ints)) emit(sum(m.wide)) emit(sum(m.floats)) emit(sum(m.names)) emit(sum(m.atoms)) emit(sum(m.holes))
      emit(m.ints[1], m.ints[9000], m.wide[9000], m.floats[3], m.names['name 8'], m.names['name 9'][1], m.atoms[-77], m.holes[100])
      emit(x + i + f, x, same, n, keys, #m.nested, m.nested[1][2][2].a.c == m.ints, m.nested[2], m.nested[4], m.nested.x == m.long[7])
      local t = ('0123456789'):rep(20000)
      emit(m.texts[1] == t, m.texts[2] == t .. 'x', m.texts[3][t .. 'y'] == t, m.texts[4] == t, m.texts.of == t .. 'z')
      m.names.new = 1 m.atoms[9001] = 2 m.ints[9001] = 3 return m.names.new, m.atoms[9001], #m.ints";
    let mut from = started(program);
    assert_eq!(from.run(10_000_000), Exit::Finished);
    let v = from.globals().get_field(&mut from.heap, b"m");
    let whole = encode_message(&from, v).expect("it can be sent");
    let mut encoding = Encoding::new(&from, v).expect("it can be sent");
    let mut steps = 0;
    let in_steps = loop {
        steps += 1;
        if let Some(m) = encoding.step(&from, &mut 1000).expect("it can be sent") {
            break m;
        }
        from.collect_garbage();
    };
    assert!(steps > 50, "{steps}");
    let portable = received(&whole.to_portable()).expect("made here");
    let (mut conversion, mut steps) = (Conversion::new(&whole), 1);
    let converted = loop {
        if let Some(converted) = conversion.step(&mut 1000) {
            break converted;
        }
        steps += 1;
    };
    assert!(steps > 50, "{steps}");
    assert_eq!(converted.bytes, whole.to_portable().bytes);
    assert_eq!(whole.to_portable().bytes, in_steps.to_portable().bytes);
    assert_eq!(portable.to_portable().bytes, whole.to_portable().bytes);
    let mut outcomes = Vec::new();
    for message in [whole, in_steps, portable] {
        for units in [usize::MAX, 1000] {
            let mut to = started(check);
            let g = to.globals();
            let mut decoding = Decoding::new(&message).expect("it is large");
            let got = loop {
                if let Some(v) = decoding.step(&mut to, &mut { units }).expect("it is whole") {
                    break v;
                }
                g.set_field(&mut to.heap, b"m", decoding.root()).expect("a name");
                to.collect_garbage();
            };
            g.set_field(&mut to.heap, b"m", got).expect("a name");
            let exit = to.run(10_000_000);
            outcomes.push(outcome(&mut to, exit));
        }
    }
    assert!(outcomes.iter().all(|o| *o == outcomes[0]), "{outcomes:?}");
    assert!(outcomes[0].contains("9000 4500 "), "{}", outcomes[0]);
    assert!(outcomes[0].ends_with("| Finished 1 2 9001"), "{}", outcomes[0]);
}

/// A string alone, of sizes at which it is copied in pieces and before.
#[test]
fn long_strings_are_copied_in_pieces() {
    for (n, emitted) in [(65_535, 1), (65_536, 1), (65_537, 2), (200_000, 4)] {
        let mut from = started(&format!("m = ('x'):rep({n} - 1) .. 'y'"));
        from.run(10_000_000);
        let v = from.globals().get_field(&mut from.heap, b"m");
        let (mut encoding, mut steps) = (Encoding::new(&from, v).expect("it can be sent"), 0);
        let message = loop {
            steps += 1;
            if let Some(m) = encoding.step(&from, &mut 1).expect("it can be sent") {
                break m;
            }
        };
        assert!(steps >= emitted, "{n}: {steps}");
        let outside = received(&message.to_portable()).expect("made here");
        for message in [message, outside] {
            let mut to = started("return #m, m:sub(-2)");
            let mut decoding = Decoding::new(&message).expect("it is large");
            let v = loop {
                if let Some(v) = decoding.step(&mut to, &mut 1).expect("it is whole") {
                    break v;
                }
            };
            let g = to.globals();
            g.set_field(&mut to.heap, b"m", v).expect("a name");
            let exit = to.run(1000);
            assert_eq!(outcome(&mut to, exit), format!("| Finished {n} xy"));
        }
    }
}

/// What a message outside is: no address, and a list of processes with their runtimes.
#[test]
fn portable_messages_name_what_they_mean() {
    let mut vm = started("m = { tag = 'ping', f = string.rep, n = 7 }");
    vm.run(1000);
    let v = vm.globals().get_field(&mut vm.heap, b"m");
    let runtime = Runtime::find(77 << 90).expect("there is room");
    let pid = Pid::new(runtime, 12);
    v.as_table().expect("a table").set_field(&mut vm.heap, b"from", Value::pid(pid)).expect("a name");
    let bytes = encode_message(&vm, v).expect("it can be sent").to_portable().bytes;
    for part in [&b"\x04ping"[..], b"\x05\x0astring.rep", &(77u128 << 90).to_le_bytes()] {
        assert!(bytes.windows(part.len()).any(|w| w == part), "{bytes:?}");
    }
    for (message, expected) in [
        (Message::system(b"DOWN", pid, Message::string(b"normal")), "DOWN"),
        (Message::system(b"EXIT", pid, encode_message(&vm, v).expect("it can be sent")), "EXIT"),
    ] {
        let again = received(&message.to_portable()).expect("made here");
        assert!(again.is_system(expected.as_bytes(), pid));
        let mut to = machine();
        let t = decode_message(&mut to, &again).expect("it is whole").as_table().expect("a table");
        assert!(t.get_field(&mut to.heap, b"from").as_pid() == Some(pid));
        let reason = t.get_field(&mut to.heap, b"reason");
        assert!(reason.as_string().is_some_and(|s| s.bytes() == b"normal") || reason.as_table().is_some());
    }
    for small in [Value::NIL, Value::TRUE, Value::integer(-5), Value::float(0.5), Value::pid(pid)] {
        let m = encode_message(&vm, small).expect("it can be sent");
        let again = received(&m.to_portable()).expect("made here");
        assert!(decode_message(&mut vm, &again).expect("it is whole").raw_equals(small));
    }
    let short = received(&Message::string(b"normal").to_portable()).expect("made here");
    assert!(short.is_string(b"normal"));
    let mut unknown = PortableMessage { bytes, modules: Vec::new(), runtimes: Vec::new() };
    assert!(received(&unknown).is_ok());
    unknown.bytes.push(0);
    assert!(received(&unknown).is_err(), "there is a byte after the end");
}

#[test]
fn a_small_table_leaves_and_comes_as_it_is() {
    let mut vm =
        started("m = { string = 'table', n = 7, f = 0.25, os = false, from = 0, [true] = 'n', [-3] = 'string' }");
    vm.run(1000);
    let v = vm.globals().get_field(&mut vm.heap, b"m");
    let pid = Pid::new(Runtime::find(77 << 90).expect("there is room"), 12);
    v.as_table().expect("a table").set_field(&mut vm.heap, b"from", Value::pid(pid)).expect("a name");
    let m = encode_message(&vm, v).expect("it can be sent");
    let portable = m.to_portable_at_once().expect("it is small");
    assert_eq!(portable.bytes, m.to_portable().bytes);
    assert!(portable.runtimes == [pid]);
    let mut to = machine();
    let again = received(&portable).expect("made here");
    let got = take_whole(&mut to, again).expect("it needs no decoding").as_table().expect("a table");
    for n in v.as_table().expect("a table").node_part().iter().filter(|n| !n.value().is_nil()) {
        assert!(got.get(n.key()).raw_equals(n.value()), "{:?}", n.key());
    }
    assert_eq!(got.node_part().iter().filter(|n| !n.value().is_nil()).count(), 7);
    // A key twice, nil as a key, a float that is an integer, and more than has such a form.
    for damaged in [&[13, 0, 2, 3, 2, 2, 1, 3, 2, 2, 1][..], &[13, 0, 1, 0, 2], &[13, 0, 17]] {
        let bytes = [&[1, 0, 0], damaged].concat();
        let m = Message::from_portable(&bytes, &NoModules, &Runtime::find);
        assert!(m.map_or(true, |m| take_whole(&mut to, m).is_err()), "{damaged:?}");
    }
    let float = [&[1, 0, 0, 13, 0, 1, 4][..], &3f64.to_bits().to_le_bytes(), &[2]].concat();
    let m = Message::from_portable(&float, &NoModules, &Runtime::find).expect("it is whole");
    let t = decode_message(&mut to, &m).expect("it is whole").as_table().expect("a table");
    assert!(t.get(Value::integer(3)).raw_equals(Value::TRUE));
}

/// What a table to match finds in the bytes is what it would find in the value.
#[test]
fn patterns_fit_bytes() {
    let messages = "
      local long, shared = ('long'):rep(20), { 7, deep = { 'x' } }
      local loop = { name = 'loop' } loop.me = loop
      local many = { kind = 'many' } for i = 1, 300 do many[i] = i many['key ' .. i] = i end
      all = { 1, 'text', { kind = 'a', n = 1 }, { kind = 'b', n = 2.0, f = string.rep }, { 1, 2, 3, 4, 5, 6 },
        { kind = long, [long] = long, also = long }, { a = shared, b = shared }, loop, many, { [{}] = 1, kind = 'key' },
        { f = function() return long end, kind = 'f' }, { list = { 1.5, 2.5, 3.5, 4.5, 5.5, 'x', { y = 1 } } }, {}, { false, [0] = true },
        { [next] = 'native', [{}] = 0 } }";
    // Pattern, and the number of the first message that it fits.
    let patterns = [
        ("{}", 3),
        ("{ kind = 'a' }", 3),
        ("{ kind = 'b', n = 2 }", 4),
        ("{ n = 1.0 }", 3),
        ("{ kind = 'a', n = 2 }", 0),
        ("{ f = string.rep }", 4),
        ("{ f = string.sub }", 0),
        ("{ [3] = 3, [6] = 6 }", 5),
        ("{ [3] = 3, [7] = 7 }", 9),
        ("{ 2 }", 0),
        ("{ also = ('long'):rep(20) }", 6),
        ("{ [('long'):rep(20)] = ('long'):rep(20), kind = ('long'):rep(20) }", 6),
        ("{ also = ('long'):rep(20) .. '!' }", 0),
        ("{ a = { deep = { 'x' } } }", 7),
        ("{ b = { deep = { 'x' } }, a = { 7 } }", 7),
        ("{ b = { deep = { 'y' } } }", 0),
        ("{ b = { 8 } }", 0),
        ("{ name = 'loop', me = { me = { me = { name = 'loop' } } } }", 8),
        ("{ me = { me = { me = { name = 'pool' } } } }", 0),
        ("{ ['key 250'] = 250, [300] = 300 }", 9),
        ("{ ['key 250'] = 251 }", 0),
        ("{ kind = 'key' }", 10),
        ("{ kind = 'f' }", 11),
        ("{ kind = 'f', f = print }", 0),
        ("{ list = { [6] = 'x', [7] = { y = 1 } } }", 12),
        ("{ list = { [4] = 4.5 } }", 12),
        ("{ list = { [4] = 4 } }", 0),
        ("{ list = {} }", 12),
        ("{ false }", 14),
        ("{ [0] = true }", 14),
        ("{ false, [0] = false }", 0),
        ("{ [next] = 'native' }", 15),
        ("{ [print] = 'native' }", 0),
    ];
    let mut from = started(messages);
    from.run(1_000_000);
    let all = from.globals().get_field(&mut from.heap, b"all").as_table().expect("a table");
    let local: Vec<Message> =
        (1..=15).map(|i| encode_message(&from, all.get_integer(i)).expect("it can be sent")).collect();
    let foreign = local.iter().map(|m| received(&m.to_portable()).expect("made here")).collect();
    for (text, expected) in patterns {
        let mut to = started(&format!("p = {text}"));
        to.run(1000);
        let t = to.globals().get_field(&mut to.heap, b"p").as_table().expect("a table");
        let mut pattern = Pattern::new(t);
        while !pattern.step(&mut 1).expect("it does not contain itself") {}
        for (messages, units) in [(&local, usize::MAX), (&local, 1), (&foreign, 1)] {
            let mut matching = Matching::default();
            let fits = |m: &Message| {
                loop {
                    if let Some(fits) = matching.step(&pattern, m, &mut { units }) {
                        break fits;
                    }
                }
            };
            assert_eq!(messages.iter().position(fits).map_or(0, |i| i + 1), expected, "{text}");
        }
    }
    let mut to = started(
        "p = { a = { 1 } } p.b = p.a p.c = { p.a } q = { { {} } } q[1][1].q = q r = {} for i = 1, 20 do r = { r, r } end",
    );
    to.run(1000);
    for (name, result) in [(&b"p"[..], Ok(true)), (b"q", Err(Cyclic)), (b"r", Ok(true))] {
        let t = to.globals().get_field(&mut to.heap, name).as_table().expect("a table");
        assert_eq!(Pattern::new(t).step(&mut { usize::MAX }), result);
    }
    // What is shared is compared once.
    let r = to.globals().get_field(&mut to.heap, b"r");
    let m = encode_message(&to, r).expect("it can be sent");
    let mut pattern = Pattern::new(r.as_table().expect("a table"));
    assert_eq!(pattern.step(&mut { usize::MAX }), Ok(true));
    assert_eq!(Matching::default().step(&pattern, &m, &mut { 100_000 }), Some(true));
    // The system's messages.
    let down = Message::system(b"DOWN", Pid::from_bits(4), Message::string(b"normal"));
    for (text, fits) in [
        ("{ signal = 'DOWN' }", true),
        ("{ signal = 'DOWN', reason = 'normal' }", true),
        ("{ signal = 'EXIT' }", false),
        ("{ reason = 'other' }", false),
        ("{ reason = { 1 } }", false),
        ("{ signal = 'DOWN', x = 1 }", false),
        ("{}", true),
    ] {
        let mut to = started(&format!("p = {text}"));
        to.run(1000);
        let t = to.globals().get_field(&mut to.heap, b"p").as_table().expect("a table");
        let mut pattern = Pattern::new(t);
        assert_eq!(pattern.step(&mut { usize::MAX }), Ok(true));
        assert_eq!(Matching::default().step(&pattern, &down, &mut { usize::MAX }), Some(fits), "{text}");
    }
}

/// A key that comes twice would hide what it had before from the collector, and nil is no field.
#[test]
fn fields_come_once() {
    let mut to = machine();
    for value in [&[13, 0, 2, 3, 8, 3, 2, 3, 8, 3, 4][..], &[13, 0, 1, 3, 8, 0], &[13, 1, 1, 3, 2, 3, 2, 3, 4]] {
        let m = received(&PortableMessage {
            bytes: [&[1, 0, 0][..], value].concat(),
            modules: Vec::new(),
            runtimes: Vec::new(),
        });
        assert!(decode_message(&mut to, &m.expect("it can be read")).is_err(), "{value:?}");
    }
}

#[test]
fn classes_travel_by_name() {
    let mut a = started("mt = { name = 'sender' } m = { setmetatable({ x = 1 }, mt), 2 }");
    a.run(1000);
    let mut b = started("mt = { name = 'receiver' }");
    b.run(1000);
    let v = a.globals().get_field(&mut a.heap, b"m");
    assert!(encode_message(&a, v).is_err());
    for vm in [&mut a, &mut b] {
        let mt = vm.globals().get_field(&mut vm.heap, b"mt").as_table().expect("a table");
        let name = vm.heap.string(b"Point");
        register_metatable(vm, name, mt);
    }
    let message = encode_message(&a, v).expect("the class is registered");
    let got = decode_message(&mut b, &message).expect("the class is registered");
    let got = got.as_table().expect("a table").get_integer(1).as_table().expect("a point");
    let mt = b.globals().get_field(&mut b.heap, b"mt").as_table();
    assert!(got.metatable() == mt);
    let mut c = machine();
    let error = decode_message(&mut c, &message).expect_err("no class is registered");
    assert_eq!(error, message::DecodeError::UnknownClass("Point".into()));
    let reason = decode_reason(&mut c, &message);
    let text = reason.as_string().expect("what cannot be made is a text");
    assert!(text.bytes().starts_with(b"a message has a table of the class 'Point'"));
}

#[test]
fn damaged_messages_are_refused() {
    let mut vm = started(
        "local n = 1 m = { tag = 'ping', list = { 1, 2.5, 'three', { true } }, f = function() n = n + 1 return n, m end,
         g = string.gmatch('a b', '%a'), ('x'):rep(60), [{}] = next, ints = { 1, 2, 3, 4, 500, -70000 },
         floats = { 1.5, 2.5, 3.5, 4.5 } } m.me = m",
    );
    vm.run(10_000);
    let v = vm.globals().get_field(&mut vm.heap, b"m");
    let PortableMessage { bytes, modules, .. } = encode_message(&vm, v).expect("it can be sent").to_portable();
    let good = PortableMessage { bytes: bytes.clone(), modules: modules.clone(), runtimes: Vec::new() };
    for size in 1..bytes.len() {
        assert!(in_parts(&good, size).is_ok_and(|m| m.to_portable().bytes == bytes), "in parts of {size} bytes");
    }
    // Code that is known only when the last part has come.
    let mut arriving = message::Arriving::default();
    arriving.look(&bytes[..bytes.len() / 2], bytes.len(), &NoModules, &Runtime::find);
    let Err((e, bytes)) = arriving.finish(bytes, &NoModules, &Runtime::find) else { panic!("its code is not known") };
    assert!(matches!(e, message::DecodeError::UnknownModule(hash) if hash == *modules[0].hash()));
    let mut arriving = message::Arriving::default();
    arriving.look(&bytes[..bytes.len() / 2], bytes.len(), &NoModules, &Runtime::find);
    let m = arriving.finish(bytes.clone(), &modules, &Runtime::find).map_err(|(e, _)| e).expect("it is known now");
    assert_eq!(m.to_portable().bytes, bytes);
    let mut random = Random(3);
    let mut to = machine();
    let (mut good, rounds) = (0, 30_000);
    for i in 0..rounds {
        let mut bad = bytes.clone();
        if i % 10 == 0 {
            bad.truncate(random.next(bad.len()));
        } else {
            for _ in 0..1 + random.next(3) {
                let i = random.next(bad.len());
                bad[i] = if random.next(2) == 0 { random.next(256) as u8 } else { bad[i] ^ 1 << random.next(8) };
            }
        }
        let bad = PortableMessage { bytes: bad, modules: modules.clone(), runtimes: Vec::new() };
        let Ok(message) = received(&bad) else { continue };
        let whole = decode_message(&mut to, &message);
        good += whole.is_ok() as usize;
        let mut decoding = Decoding::new(&message).expect("it is no small one");
        let in_steps = loop {
            match decoding.step(&mut to, &mut 1) {
                Ok(None) => {}
                Ok(Some(v)) => break Ok(v),
                Err(e) => break Err(e),
            }
        };
        assert_eq!(whole.map(|v| v.tag), in_steps.map(|v| v.tag));
        let again = received(&message.to_portable()).expect("what was let in can leave");
        assert_eq!(again.to_portable().bytes, message.to_portable().bytes);
        if i % 100 == 0 {
            to.collect_garbage();
        }
    }
    assert!(good > 0 && good < rounds);
}
