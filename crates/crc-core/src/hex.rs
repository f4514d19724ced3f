//! Bytes and numbers in hexadecimal, as machine parts and ids of messages have them.

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

/// Appends the lowest digits of a number, in lower case.
pub(crate) fn push_number(text: &mut String, number: u64, digits: u32) {
    text.extend((0..digits).rev().map(|place| {
        let digit = number >> (4 * place) & 0xf;
        char::from(b"0123456789abcdef"[digit as usize])
    }));
}

/// Reads a number from digits in lower case. Without any it is 0.
pub(crate) fn number_of(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0_u64, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number.checked_mul(16)? | u64::from(digit))
    })
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

    #[test]
    fn numbers_come_back() {
        for (number, digits, text) in [
            (0, 0, ""),
            (0, 2, "00"),
            (0x1f, 4, "001f"),
            (u64::MAX, 16, "ffffffffffffffff"),
        ] {
            let mut out = String::new();
            push_number(&mut out, number, digits);
            assert_eq!(out, text);
            assert_eq!(number_of(text), Some(number));
        }
        for wrong in ["1F", "+1", "1 ", "10000000000000000"] {
            assert_eq!(number_of(wrong), None, "{wrong}");
        }
    }
}
