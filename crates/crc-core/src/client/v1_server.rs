//! The limits of v1 servers.
//!
//! A v1 server parses each read as if it held whole frames, and stops when a frame
//! is cut. It also cuts text that is not ASCII in the middle of a character, which
//! stops the node behind it. So it is sent one short ASCII frame at a time.

use core::time::Duration;

use crc_wire::Kind;

use super::ClientSendError;

/// The least time between two frames, so that the server reads each one alone.
pub(super) const FRAME_PAUSE: Duration = Duration::from_millis(10);

/// The longest frame in bytes.
const FRAME_BYTES_MAX: usize = 1_024;

/// The text of a chat, in ASCII.
pub(super) fn chat_text(text: &str) -> Result<String, ClientSendError> {
    let text = to_ascii(text);
    let (len, max) = (text.len(), text_bytes_max(Kind::ClientChat));
    if len > max {
        return Err(ClientSendError::TooLongForServer { len, max });
    }
    Ok(text)
}

/// The quit message, in ASCII and truncated.
pub(super) fn quit_text(text: &str) -> String {
    let mut text = to_ascii(text);
    text.truncate(text_bytes_max(Kind::ClientQuit));
    text
}

const fn text_bytes_max(kind: Kind) -> usize {
    FRAME_BYTES_MAX - kind.fixed_len()
}

fn to_ascii(text: &str) -> String {
    let replace = |c: char| if c.is_ascii() { c } else { '?' };
    text.chars().map(replace).collect()
}
