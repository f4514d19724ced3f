//! Bytes in hexadecimal, as machine parts have them.

use core::fmt;

/// Shows bytes in lower-case digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads pairs of digits of either case.
pub(crate) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_nothing_else_is_read() {
        let all: Vec<u8> = (0..=255).collect();
        let digits = Hex(&all).to_string();
        assert_eq!(from_hex(&digits), Some(all));
        assert_eq!(from_hex("aB"), Some(vec![0xab]));
        assert_eq!(from_hex(""), Some(Vec::new()));
        for wrong in ["a", "abc", "+a", "0g", "é", " 0"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
