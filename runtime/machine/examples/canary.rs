//! Plants the faults that the sanitizers must report, so that a silent run of the tests means something: it is told which,
//! `use-after-free` or `leak` (AddressSanitizer), or `race` (ThreadSanitizer). Only .ci/run starts it.

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("use-after-free") => {
            let freed = {
                let b = Box::new(42u8);
                &raw const *b
            };
            // SAFETY: none, the box is gone. The sanitizer ends the process here.
            println!("{}", unsafe { std::ptr::read_volatile(freed) });
        }
        Some("leak") => {
            std::hint::black_box(Box::leak(Box::new([7u8; 4096])));
            // The last copies of the address must not be found on the stack.
            std::hint::black_box([0u8; 65536]);
        }
        Some("race") => {
            let mut shared = 0u64;
            let place = &raw mut shared as usize;
            let write = move |n: u64| {
                for _ in 0..1000 {
                    // SAFETY: none, two threads write without order. The place outlives both.
                    unsafe { std::ptr::write_volatile(place as *mut u64, n) };
                }
            };
            std::thread::scope(|s| {
                s.spawn(move || write(1));
                s.spawn(move || write(2));
            });
            println!("{shared}");
        }
        _ => println!("use-after-free, leak or race?"),
    }
}
