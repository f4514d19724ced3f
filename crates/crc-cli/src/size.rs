//! Sizes in bytes, as people write them.

use core::fmt;
use core::str::FromStr;

/// A number of bytes. Read from a number with an optional unit, and shown with the largest
/// unit that fits.
///
/// ```
/// use crc_cli::Size;
///
/// for text in ["65536", "64K", "64k", "64KB", "64 KiB"] {
///     assert_eq!(text.parse(), Ok(Size(65_536)));
/// }
/// assert_eq!(Size(1 << 30).to_string(), "1G");
/// assert_eq!(Size(1000).to_string(), "1000");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It does not have the form of one.
    #[error("a size is a whole number of bytes, or of K, M, G or T, for example 64K")]
    Invalid,
    /// It has more bytes than a machine can count.
    #[error("the size is too large")]
    TooLarge,
}

/// The units, each 1024 of the one before.
const UNITS: [char; 4] = ['K', 'M', 'G', 'T'];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
        if digits.is_empty() {
            return Err(SizeError::Invalid);
        }
        let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_uppercase();
        let factor = match unit.strip_suffix('B').unwrap_or(&unit) {
            "" => 1,
            name => {
                let name = name.strip_suffix('I').unwrap_or(name);
                let power = UNITS
                    .iter()
                    .position(|unit| name.len() == 1 && name.starts_with(*unit));
                1_u64 << (10 * (power.ok_or(SizeError::Invalid)? + 1))
            }
        };
        let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
        let bytes = number.checked_mul(factor).ok_or(SizeError::TooLarge)?;
        Ok(Size(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = self.0;
        let mut unit = None;
        for larger in UNITS {
            if number == 0 || !number.is_multiple_of(1024) {
                break;
            }
            number /= 1024;
            unit = Some(larger);
        }
        write!(f, "{number}")?;
        unit.map_or(Ok(()), |unit| write!(f, "{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("007", 7),
            ("1B", 1),
            ("1k", 1 << 10),
            ("3MiB", 3 << 20),
            ("1G", 1 << 30),
            ("2 tb", 2 << 40),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text:?}");
        }
        for text in [
            "", "K", "-1", "+1", "1.5G", "1 000", "1X", "1KK", "1I", "1é", "½",
        ] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::Invalid), "{text:?}");
        }
        for text in ["18446744073709551616", "16777216T"] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::TooLarge), "{text:?}");
        }
    }

    #[test]
    fn a_size_is_shown_as_it_is_read() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1536, "1536"),
            (64 << 20, "64M"),
            (1 << 50, "1024T"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
    }
}
