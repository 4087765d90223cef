//! Plants the two faults that AddressSanitizer must report, so that a silent run of the tests means something: it is
//! told which, `use-after-free` or `leak`. Only .ci/run starts it.

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
        _ => println!("use-after-free or leak?"),
    }
}
