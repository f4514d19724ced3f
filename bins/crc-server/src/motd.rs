//! The message of the day: a text file as any editor writes it.

use std::io;
use std::path::Path;

use irc_wire::text;

/// The largest file. Every user of IRC gets all of it.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// The most lines of it.
const LINES_MAX: usize = 1000;

/// Reads the lines of a file.
///
/// # Errors
///
/// When it cannot be read or is too large.
pub(crate) fn read(path: &Path) -> io::Result<Vec<String>> {
    let (bytes, _) = crc_cli::read_file(path, FILE_BYTES_MAX)?;
    let lines = lines_of(&decode(&bytes));
    if lines.len() > LINES_MAX {
        return Err(io::Error::other("it has more than 1000 lines"));
    }
    Ok(lines)
}

/// The text of a file: in UTF-16 or UTF-8 if it says so at its beginning, otherwise in
/// UTF-8 or Latin-1.
fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, units @ ..] => decode_utf16(units, u16::from_le_bytes),
        [0xfe, 0xff, units @ ..] => decode_utf16(units, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, text @ ..] | text => text::utf8_or_latin1(text).into_owned(),
    }
}

fn decode_utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|bytes| unit(*bytes));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The lines of a text. They end with LF, CR LF or CR; the end of the last one may be
/// missing.
fn lines_of(text: &str) -> Vec<String> {
    let text = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    text.lines().map(|line| line.replace('\0', "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read_bytes(bytes: &[u8]) -> io::Result<Vec<String>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("motd.txt");
        fs::write(&path, bytes)?;
        read(&path)
    }

    #[test]
    fn a_file_in_any_encoding_is_read() {
        let text = "Grüße, 世界\r\n\r\nlast";
        let lines = ["Grüße, 世界", "", "last"];
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let with_mark = |units: &[u16], bytes: fn(u16) -> [u8; 2]| {
            let units = [&[0xfeff], units].concat();
            units.into_iter().flat_map(bytes).collect::<Vec<u8>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            text.replace("\r\n", "\n").into_bytes(),
            text.replace("\r\n", "\r").into_bytes(),
            ["\u{feff}", text, "\r\n"].concat().into_bytes(),
            with_mark(&utf16, u16::to_le_bytes),
            with_mark(&utf16, u16::to_be_bytes),
        ] {
            assert_eq!(read_bytes(&bytes).unwrap(), lines, "{bytes:?}");
        }
        assert_eq!(read_bytes(b"Gr\xfc\xdfe \x80\n").unwrap(), ["Grüße €"]);
        assert_eq!(read_bytes(b"\xff\xfea\0\xc0").unwrap(), ["a"]);
        assert_eq!(read_bytes(b"").unwrap(), [""; 0]);
        assert_eq!(read_bytes(b"\xef\xbb\xbf").unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        assert_eq!(read_bytes(&[b'a'; FILE_BYTES_MAX]).unwrap().len(), 1);
        assert!(read_bytes(&[b'a'; FILE_BYTES_MAX + 1]).is_err());
        assert_eq!(read_bytes(&[b'\n'; LINES_MAX]).unwrap().len(), LINES_MAX);
        assert!(read_bytes(&[b'\n'; LINES_MAX + 1]).is_err());
    }
}
