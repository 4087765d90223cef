//! What is written down piece by piece is what is written down in one go.

use super::*;

impl Owner for Vm {
    fn vm(&mut self) -> &mut Vm {
        self
    }
}

/// The bytes of a machine in pieces of about that length, of which none is much longer, and as many as was said; and the machine.
fn in_pieces(vm: Vm, with_code: bool, about: usize) -> (Vec<u8>, Vm) {
    let mut freezing = Freezing::new(vm);
    let Ok(Begun::Long(length)) = freezing.begin(with_code, 0) else { panic!("nothing may be kept") };
    let (mut all, mut piece) = (Vec::new(), Vec::new());
    while freezing.piece(&mut piece, about) {
        assert!(!piece.is_empty() && piece.len() < about + (64 << 10), "{} bytes", piece.len());
        all.append(&mut piece);
    }
    assert_eq!(all.len() as u64, length);
    assert!(!freezing.piece(&mut piece, about) && piece.is_empty());
    (all, freezing.into_owner())
}
/// Compares bytes with what pieces of odd lengths join to.
pub(super) fn compared(mut vm: Vm, with_code: bool, bytes: &[u8]) -> Vm {
    for about in [97, 1 << 17] {
        let (all, back) = in_pieces(vm, with_code, about);
        assert!(all == bytes, "pieces of {about} bytes");
        vm = back;
    }
    vm
}
/// A program that stops, before which that many reductions are used.
fn stopped(program: &str) -> Vm {
    let mut vm = started(program);
    assert_eq!(vm.run(1 << 30), Exit::Request(7), "{program}");
    vm
}

/// Large objects of each kind are cut where a piece ends.
#[test]
fn large_objects_are_written_in_parts() {
    let programs = [
        // An array, a table of nodes, one of both.
        "t = {} for i = 1, 5000 do t[i] = i * 1.5 end",
        "t = {} for i = 1, 5000 do t[i * 7.5] = {} end",
        "t = {} for i = 1, 3000 do t[i] = i t[-i] = { i } end",
        // Long strings, as values and keys; short ones.
        "t = { ('x'):rep(300000), [('y'):rep(200000)] = 1 } for i = 1, 9000 do t[i + 2] = 'item ' .. i end",
        // Dead keys, some of objects that live elsewhere; a traversal under way.
        "local k = {} t = {} for i = 1, 5000 do t[{}] = i t['k' .. i] = {} end
         for i = 1, 5000 do k[i] = next(t, k[i - 1]) end
         for i = 1, 5000 do if i % 3 > 0 then t[k[i]] = nil end if i % 2 > 0 then k[i] = nil end end collect()",
        // A deep coroutine, with upvalues that are open; many coroutines.
        "local function deep(n, ...) local up = n local f = function() return up end
           if n == 0 then return coroutine.yield(f) end return 1 + deep(n - 1, f, n, ...) end
         co = coroutine.create(deep) coroutine.resume(co, 190)
         all = {} for i = 1, 500 do all[i] = coroutine.wrap(function() coroutine.yield(i) end) all[i]() end",
        // Closures, natives with upvalues, a native in progress with a long state.
        "fs = {} for i = 1, 3000 do local a, b = i, {} fs[i] = function() a = a + 1 return b end end
         it = string.gmatch(('ab '):rep(70000), '%a+') it()
         local n, stop = 0, ask
         ask = function() end
         string.gsub(('ab '):rep(50000), 'a', function() n = n + 1 if n == 40000 then stop() end return 'long' end)",
    ];
    for program in programs {
        let mut vm = stopped(&format!("{program} ask()"));
        let bytes = freeze(&mut vm).expect("a stopped process");
        assert!(bytes.len() > 20_000, "{} bytes: {program}", bytes.len());
        let mut vm = compared(vm, true, &bytes);
        // It goes on, and so does what was made of the pieces.
        vm.finish_request(&[]);
        assert_eq!(vm.run(1 << 30), Exit::Finished, "{program}");
        let modules = vm.heap.modules().to_vec();
        let mut thawed = thaw(&bytes, Box::new(Output(String::new())), find_native, &modules).expect("its own bytes");
        thawed.finish_request(&[]);
        assert_eq!(thawed.run(1 << 30), Exit::Finished, "{program}");
    }
}
/// Who stops in the middle has the machine as it was.
#[test]
fn what_is_given_up_goes_on() {
    let mut vm = stopped(
        "t = {} for i = 1, 20000 do t[i] = { 'item ' .. i } end local s = #t ask() for i = 1, #t do s = s + #t[i][1] end return s",
    );
    let before = freeze_without_code(&mut vm).expect("a stopped process");
    for pieces in [0, 1, 5, 40, 1000] {
        let mut freezing = Freezing::new(vm);
        let Ok(Begun::Long(_)) = freezing.begin(false, 1000) else { panic!("it is long") };
        let mut piece = Vec::new();
        let made = (0..pieces).filter(|_| freezing.piece(&mut piece, 10_000)).count();
        assert!(made == pieces || piece == before);
        assert!(before.starts_with(&piece));
        vm = freezing.into_owner();
        assert!(freeze_without_code(&mut vm).expect("a stopped process") == before);
    }
    vm.finish_request(&[]);
    assert_eq!(vm.run(1 << 30), Exit::Finished);
    let digits = 9 + 90 * 2 + 900 * 3 + 9000 * 4 + 10001 * 5;
    assert_eq!(vm.results()[0].as_integer(), Some(20000 + 20000 * 5 + digits));
}
/// What is not more than may be kept is there at once, and nothing else.
#[test]
fn what_is_short_is_whole() {
    let mut vm = stopped("t = { ('x'):rep(5000) } ask()");
    let bytes = freeze_without_code(&mut vm).expect("a stopped process");
    for (most, is_whole) in [(100, false), (5000, false), (bytes.len(), true)] {
        match Freezing::new(&mut vm).begin(false, most) {
            Ok(Begun::Whole(whole)) => assert!(is_whole && whole == bytes),
            Ok(Begun::Long(length)) => assert!(!is_whole && length == bytes.len() as u64),
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(freezable(&mut vm), Ok(()));
}
