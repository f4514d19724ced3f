//! The rules for infos and channels, and the errors of those for names, which are in
//! `names` (PROTOCOL section 3). A client checks its own name and info. A server checks
//! those of the peers that register on its links. Hosts that other servers report have to
//! keep the limits of the wire only.

use crc_machine::is_printable;
use crc_wire::truncate_utf8;

use crate::announcement::{split_info, strip_machine_parts};

/// The most bytes in a name.
pub const NAME_BYTES_MAX: usize = 64;

/// The most bytes in an info, the machine part not included.
pub const INFO_BYTES_MAX: usize = 512;

/// The most bytes of a channel's name, the `#` included.
pub const CHANNEL_NAME_BYTES_MAX: usize = 64;

/// Why a name or an info is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// The name is empty.
    #[error("the name is empty")]
    NameEmpty,
    /// The name is too long.
    #[error("the name has {len} bytes where at most {NAME_BYTES_MAX} are allowed")]
    NameTooLong {
        /// The length in bytes.
        len: usize,
    },
    /// The name holds a control character.
    #[error("the name holds characters that can't be printed")]
    NameUnprintable,
    /// The name, which is that of a server or one on the wire, is not printable ASCII.
    #[error("the name holds characters that are not printable ASCII")]
    NameNotAscii,
    /// The name holds a character that a name may not hold, such as an invisible one.
    #[error("a name may not hold the character U+{:04X}", u32::from(*character))]
    NameCharacter {
        /// The character.
        character: char,
    },
    /// The name begins with a combining mark, or has too many in a row.
    #[error("the name has an accent without a letter, or too many on one letter")]
    NameMarks,
    /// The name is not in the form that [`prepare_name`](crate::prepare_name) gives it.
    #[error("the name is not in the form of RFC 8266")]
    NameUnprepared,
    /// The name begins or ends with a blank.
    #[error("the name begins or ends with a blank")]
    NameBlankAtEnd,
    /// The info is too long.
    #[error("the info has {len} bytes where at most {INFO_BYTES_MAX} are allowed")]
    InfoTooLong {
        /// The length in bytes.
        len: usize,
    },
    /// The info holds a character that cannot be printed, such as a control character.
    #[error("the info holds characters that can't be printed")]
    InfoUnprintable,
    /// The info ends in a machine part. Only nodes add one.
    #[error("the info ends like the words that nodes exchange, ` [crc2...]`")]
    InfoMachinePart,
    /// A client has no server to register with, or more than
    /// [`CLIENT_SERVERS_MAX`](crate::CLIENT_SERVERS_MAX).
    #[error("there are {0} servers where 1 to {max} are allowed", max = crate::CLIENT_SERVERS_MAX)]
    ServerCount(usize),
}

/// Checks an info: at most 512 bytes of printable UTF-8 that do not end in a machine
/// part.
///
/// # Errors
///
/// The rule that it breaks.
pub fn check_info(info: &str) -> Result<(), AdmissionError> {
    if info.len() > INFO_BYTES_MAX {
        return Err(AdmissionError::InfoTooLong { len: info.len() });
    }
    if !info.chars().all(is_printable) {
        return Err(AdmissionError::InfoUnprintable);
    }
    if split_info(info).1.is_some() {
        return Err(AdmissionError::InfoMachinePart);
    }
    Ok(())
}

/// The info of a host of a text protocol, from a real name or the description of a server:
/// what [`check_info`] admits of it. A cut can make the end of a text a machine part, so
/// machine parts are stripped before it and after it.
pub(crate) fn admitted_info(text: &str) -> String {
    let printable: String = text.chars().filter(|c| is_printable(*c)).collect();
    let info = truncate_utf8(strip_machine_parts(&printable), INFO_BYTES_MAX);
    strip_machine_parts(info).to_owned()
}

/// Whether `name` is valid for a channel: `#` and at least one more character, at most
/// 64 bytes, without blanks, commas and control characters.
///
/// ```
/// use crc_core::is_channel_name;
///
/// assert!(is_channel_name("#reef"));
/// assert!(!is_channel_name("reef"));
/// ```
#[must_use]
pub fn is_channel_name(name: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || c == ',';
    name.strip_prefix('#').is_some_and(|rest| !rest.is_empty())
        && name.len() <= CHANNEL_NAME_BYTES_MAX
        && !name.contains(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infos_are_printable_and_not_for_machines() {
        let longest = "i".repeat(INFO_BYTES_MAX);
        for info in ["", "Grüße 👋", " \"quoted\" ", "[crc2]", &longest] {
            assert_eq!(check_info(info), Ok(()), "{info:?}");
        }
        let longer = "i".repeat(INFO_BYTES_MAX + 1);
        for (info, error) in [
            (&*longer, AdmissionError::InfoTooLong { len: 513 }),
            ("a\nb", AdmissionError::InfoUnprintable),
            ("a\u{202e}b", AdmissionError::InfoUnprintable),
            ("hello [crc2;f=]", AdmissionError::InfoMachinePart),
        ] {
            assert_eq!(check_info(info), Err(error), "{info:?}");
        }
    }

    #[test]
    fn infos_of_text_protocols_become_what_is_admitted() {
        let padded = |len: usize| format!("{} [crc2;a=10.0.0.9:1;r=0]", "i".repeat(len - 24));
        for (text, info) in [
            ("Ann", "Ann"),
            ("A\u{7}nn [crc2;\u{7}f=]", "Ann"),
            ("Ann [crc2;a=10.0.0.9:1;r=0] [crc2;f=]", "Ann"),
            // A cut after 512 bytes leaves a machine part at the end.
            (
                &*format!("{}more", padded(INFO_BYTES_MAX)),
                &*"i".repeat(INFO_BYTES_MAX - 24),
            ),
        ] {
            assert_eq!(admitted_info(text), info, "{text:?}");
            assert_eq!(check_info(&admitted_info(text)), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn channels_begin_with_their_sign_and_have_no_blanks() {
        let longest = format!("#{}", "c".repeat(CHANNEL_NAME_BYTES_MAX - 1));
        for name in ["#a", "##", "#Île", "#a:b", &longest] {
            assert!(is_channel_name(name), "{name}");
        }
        let too_long = format!("{longest}c");
        for name in [
            "",
            "#",
            "a",
            "a#b",
            "#a b",
            "#a,b",
            "#a\u{7}",
            "#a\u{2003}b",
            &too_long,
        ] {
            assert!(!is_channel_name(name), "{name:?}");
        }
    }
}
