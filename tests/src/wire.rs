//! The frames of version 1, written and read in the plainest way.
//!
//! A second opinion: it shares no code with the project's own codec, so that
//! both would have to be wrong in the same way. It reads as the original nodes
//! do, exactly what is there.

/// The type byte of a server's registration.
pub const SERVER_REGISTRATION: u8 = 0x00;
/// The type byte of a status.
pub const STATUS: u8 = 0x01;
/// The type byte of a server's quit, which original nodes can't read.
pub const SERVER_QUIT: u8 = 0x02;
/// The type byte of a client's registration.
pub const CLIENT_REGISTRATION: u8 = 0x80;
/// The type byte of a chat.
pub const CHAT: u8 = 0x81;
/// The type byte of a client's quit.
pub const CLIENT_QUIT: u8 = 0x82;

/// One frame, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the protocol, by name")]
pub enum Frame {
    /// `0x00` or `0x80`.
    Registration {
        kind: u8,
        source: u32,
        last_hop: u32,
        name: String,
        info: String,
    },
    /// `0x01`
    Status {
        source: u32,
        destination: u32,
        code: u16,
        text: String,
    },
    /// `0x02`
    ServerQuit {
        source: u32,
        replacement: u32,
        text: String,
    },
    /// `0x81`
    Chat {
        source: u32,
        destination: u32,
        text: String,
    },
    /// `0x82`
    Quit { source: u32, text: String },
}

/// A server's registration.
#[must_use]
pub fn server_registration(source: u32, last_hop: u32, name: &str, info: &str) -> Vec<u8> {
    registration(SERVER_REGISTRATION, source, last_hop, name, info)
}

/// A client's registration.
#[must_use]
pub fn client_registration(source: u32, last_hop: u32, name: &str, info: &str) -> Vec<u8> {
    registration(CLIENT_REGISTRATION, source, last_hop, name, info)
}

/// A registration of the given kind.
#[must_use]
pub fn registration(kind: u8, source: u32, last_hop: u32, name: &str, info: &str) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(source.to_be_bytes());
    frame.extend(last_hop.to_be_bytes());
    frame.push(u8::try_from(name.len()).expect("a name fits its length field"));
    let info_len = u16::try_from(info.len()).expect("an info fits its length field");
    frame.extend(info_len.to_be_bytes());
    frame.extend(name.as_bytes());
    frame.extend(info.as_bytes());
    frame
}

/// A status.
#[must_use]
pub fn status(source: u32, destination: u32, code: u16, text: &str) -> Vec<u8> {
    let mut frame = vec![STATUS];
    frame.extend(source.to_be_bytes());
    frame.extend(destination.to_be_bytes());
    frame.extend(code.to_be_bytes());
    append_text(&mut frame, text);
    frame
}

/// A server's quit.
#[must_use]
pub fn server_quit(source: u32, replacement: u32, text: &str) -> Vec<u8> {
    let mut frame = vec![SERVER_QUIT];
    frame.extend(source.to_be_bytes());
    frame.extend(replacement.to_be_bytes());
    append_text(&mut frame, text);
    frame
}

/// A chat.
#[must_use]
pub fn chat(source: u32, destination: u32, text: &str) -> Vec<u8> {
    let mut frame = vec![CHAT];
    frame.extend(source.to_be_bytes());
    frame.extend(destination.to_be_bytes());
    append_text(&mut frame, text);
    frame
}

/// What a member of a channel says there.
#[must_use]
pub fn channel_chat(source: u32, channel: &str, text: &str) -> Vec<u8> {
    let mut frame = vec![0x85];
    frame.extend(source.to_be_bytes());
    // A message, not a notice.
    frame.push(0);
    frame.push(u8::try_from(channel.len()).expect("channels have short names"));
    let length = u32::try_from(text.len()).expect("tests say short things");
    frame.extend(length.to_be_bytes());
    frame.extend(channel.as_bytes());
    frame.extend(text.as_bytes());
    frame
}

/// A client's quit.
#[must_use]
pub fn quit(source: u32, text: &str) -> Vec<u8> {
    let mut frame = vec![CLIENT_QUIT];
    frame.extend(source.to_be_bytes());
    append_text(&mut frame, text);
    frame
}

/// The text of a welcome.
#[must_use]
pub fn welcome_text(name: &str) -> String {
    format!("Welcome to the Clemson Relay Chat network {name}")
}

/// The text of an answer to a chat for nobody.
#[must_use]
pub fn unknown_text(id: u32) -> String {
    format!("Unknown ID {id}")
}

/// The text of a refusal, for a registration of the given kind.
#[must_use]
pub fn taken_text(kind: u8, id: u32) -> String {
    let who = match kind {
        SERVER_REGISTRATION => "A machine",
        _ => "Someone",
    };
    format!("{who} has already registered with ID {id}")
}

fn append_text(frame: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).expect("a text fits its length field");
    frame.extend(len.to_be_bytes());
    frame.extend(text.as_bytes());
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame goes on after the last byte.
    #[error("a frame is cut after {0} bytes")]
    Cut(usize),
    /// The type byte is none.
    #[error("unknown type {0:#04x}")]
    Type(u8),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

/// Takes the frame that `bytes` begins with; `None` at its end.
///
/// # Errors
///
/// [`WireError`]; `bytes` is left as it was.
pub fn take_frame(bytes: &mut &[u8]) -> Result<Option<Frame>, WireError> {
    let Some(&kind) = bytes.first() else {
        return Ok(None);
    };
    let mut rest = Reader {
        whole: bytes,
        at: 1,
    };
    let frame = match kind {
        SERVER_REGISTRATION | CLIENT_REGISTRATION => {
            let source = rest.u32()?;
            let last_hop = rest.u32()?;
            let name_len = rest.u8()?.into();
            let info_len = rest.u16()?.into();
            Frame::Registration {
                kind,
                source,
                last_hop,
                name: rest.text(name_len)?,
                info: rest.text(info_len)?,
            }
        }
        STATUS => Frame::Status {
            source: rest.u32()?,
            destination: rest.u32()?,
            code: rest.u16()?,
            text: rest.long_text()?,
        },
        SERVER_QUIT => Frame::ServerQuit {
            source: rest.u32()?,
            replacement: rest.u32()?,
            text: rest.long_text()?,
        },
        CHAT => Frame::Chat {
            source: rest.u32()?,
            destination: rest.u32()?,
            text: rest.long_text()?,
        },
        CLIENT_QUIT => Frame::Quit {
            source: rest.u32()?,
            text: rest.long_text()?,
        },
        other => return Err(WireError::Type(other)),
    };
    let at = rest.at;
    *bytes = &bytes[at..];
    Ok(Some(frame))
}

/// All frames in `bytes`, which must end with the last of them.
///
/// # Errors
///
/// [`WireError`] when it does not.
pub fn frames(mut bytes: &[u8]) -> Result<Vec<Frame>, WireError> {
    let mut frames = Vec::new();
    while let Some(frame) = take_frame(&mut bytes)? {
        frames.push(frame);
    }
    Ok(frames)
}

/// Bytes as two small hex digits each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let taken = self
            .whole
            .get(self.at..)
            .and_then(|rest| rest.get(..count))
            .ok_or(WireError::Cut(self.whole.len()))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("as many as asked for"))
    }

    fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    fn text(&mut self, len: usize) -> Result<String, WireError> {
        let bytes = self.bytes(len)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| WireError::Text)
    }

    fn long_text(&mut self) -> Result<String, WireError> {
        let len = self.u32()?;
        self.text(usize::try_from(len).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes() {
        assert_eq!(
            hex(&server_registration(456, 0, "rivendale", "Elrond's House")),
            "00000001c80000000009000e726976656e64616c65456c726f6e64277320486f757365"
        );
        assert_eq!(hex(&chat(103, 101, "Hi")), "810000006700000065000000024869");
        assert_eq!(
            hex(&status(1, 101, 1, &unknown_text(9))),
            "01000000010000006500010000000c556e6b6e6f776e2049442039"
        );
        assert_eq!(hex(&quit(101, "bye")), "820000006500000003627965");
    }

    #[test]
    fn there_and_back() {
        let bytes = [
            server_registration(1, 2, "a", "bé"),
            client_registration(3, 4, "", ""),
            status(5, 6, 0x102, "x"),
            server_quit(7, 8, "y"),
            chat(9, 10, "zz"),
            quit(11, ""),
        ]
        .concat();
        let frames = frames(&bytes).unwrap();
        assert_eq!(frames.len(), 6);
        assert_eq!(
            frames[0],
            Frame::Registration {
                kind: SERVER_REGISTRATION,
                source: 1,
                last_hop: 2,
                name: "a".into(),
                info: "bé".into()
            }
        );
        assert_eq!(
            frames[5],
            Frame::Quit {
                source: 11,
                text: String::new()
            }
        );
    }

    #[test]
    fn what_is_no_frame() {
        let whole = chat(1, 2, "hello");
        for len in 1..whole.len() {
            assert_eq!(frames(&whole[..len]), Err(WireError::Cut(len)));
        }
        assert_eq!(frames(b"\x07"), Err(WireError::Type(7)));
        assert_eq!(
            frames(b"\x82\0\0\0\x01\0\0\0\x01\xff"),
            Err(WireError::Text)
        );
        assert_eq!(
            frames(b"\x82\0\0\0\x01\xff\xff\xff\xff"),
            Err(WireError::Cut(9))
        );
    }
}
