//! Numbers nobody can guess, from the kernel.
//! It must never make do with others: who cannot have them is told so.
//! Follows getrandom(2), and urandom(4) where that call does not exist.

/// Fills `bytes`; false if the kernel gives none.
#[cfg(target_os = "linux")]
pub fn fill(bytes: &mut [u8]) -> bool {
    let flags = rustix::rand::GetRandomFlags::empty();
    let len = bytes.len();
    rustix::rand::getrandom(bytes, flags) == Ok(len)
}

/// Fills `bytes`; false if the kernel gives none.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "a device of the kernel, not a file of anybody's")]
pub fn fill(bytes: &mut [u8]) -> bool {
    use std::io::Read;
    std::fs::File::open("/dev/urandom").is_ok_and(|mut device| device.read_exact(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_filled_and_differ() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        assert!(fill(&mut a) && fill(&mut b));
        assert!(a != b && a[24..] != [0; 8]);
    }
}
