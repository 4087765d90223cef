
pub mod concurrent;
pub mod heap;
pub mod stdlib;
pub mod value;
pub mod vm;
