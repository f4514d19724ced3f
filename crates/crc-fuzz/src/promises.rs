//! What a machine promises of what it sends on one link: whole frames that the
//! peer can read, told once, and in nobody else's name; and lines where lines are spoken. Knows nothing of how
//! frames travel, or of what else is in the network.

use crc_core::{HostKind, LinkId, Neighbour, PeerVersion, Server, TextProtocol};
use crc_wire::{Frame, FrameLimits, HostId, Message};
use irc_wire::{LineLimits, Tags, legacy};

/// The longest piece that an original node can read.
const ORIGINAL_PIECE_BYTES_MAX: usize = 1024;

/// What the server knows of the peer that it sends to; `None` for one that has
/// not registered, or not any more.
pub(crate) fn neighbour(server: &Server, link: LinkId) -> Option<Neighbour> {
    let mut links = server.snapshot().links();
    Some(links.find(|view| view.link == link)?.neighbour)
}

/// What has been sent on a link so far, as far as it matters later.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The clients that the peer has been told of, and what they said of themselves.
    listed: Vec<(HostId, [String; 2])>,
    /// Those that it has ever been told of.
    ever: Vec<HostId>,
}

/// The clients that a peer has told of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Theirs<'a> {
    /// It is a raw peer, of whom nobody keeps account.
    Unknown,
    /// Those that it has ever told of: it may have said since that they left.
    Ever(&'a Sent),
    /// Those that it tells of now.
    Still(&'a Sent),
}

impl Theirs<'_> {
    fn may_be(self, id: HostId) -> bool {
        match self {
            Theirs::Unknown => true,
            Theirs::Ever(sent) => sent.ever.contains(&id),
            Theirs::Still(sent) => sent.listed.iter().any(|(listed, _)| *listed == id),
        }
    }
}

impl Sent {
    /// Looks at what a server sends to a peer, which itself has told of `theirs`.
    pub(crate) fn check_server(&mut self, to: Option<Neighbour>, theirs: Theirs<'_>, bytes: &[u8]) {
        if let Some(to) = to
            && to.version != PeerVersion::V2
        {
            assert!(
                bytes.len() <= ORIGINAL_PIECE_BYTES_MAX,
                "a piece of {} bytes for an original node",
                bytes.len()
            );
        }
        for message in messages(bytes) {
            self.check_told(to, theirs, &message);
            let Some(to) = to else { continue };
            match (to.kind, to.version) {
                (_, PeerVersion::V2) => {}
                (HostKind::Server, PeerVersion::Unknown) => assert!(
                    matches!(&message, Message::ServerRegistration(_)),
                    "to a server that has not shown what it is: {message:?}"
                ),
                (kind, _) => {
                    let readable = match &message {
                        Message::ServerQuit(_) => false,
                        Message::Status(status) => status.code.is_v1(),
                        other => !other.kind().is_channel(),
                    };
                    assert!(readable, "to an original node: {message:?}");
                    let texts = kind == HostKind::Client || is_ascii(&message);
                    assert!(texts, "to an original server: {message:?}");
                }
            }
            if to.kind == HostKind::Client {
                let theirs = !matches!(
                    &message,
                    Message::ServerRegistration(_) | Message::ServerQuit(_)
                );
                assert!(theirs, "clients are not told of servers: {message:?}");
            }
        }
    }

    /// Joins and leaves are told once; leaves to those who were told of the join,
    /// or have told of it: a client that gives way to another is said to quit
    /// on every link.
    fn check_told(&mut self, to: Option<Neighbour>, theirs: Theirs<'_>, message: &Message<'_>) {
        // An original server may be told again what it remembers wrongly.
        let strict =
            to.is_some_and(|to| to.kind == HostKind::Client || to.version == PeerVersion::V2);
        match message {
            Message::ClientRegistration(registration) => {
                let id = registration.source;
                let said = [registration.name.as_str(), registration.info.as_str()];
                let said = said.map(str::to_owned);
                let known = self.listed.iter_mut().find(|(listed, _)| *listed == id);
                if let Some((_, before)) = &known {
                    // Who takes channels is told so that a client says something else
                    // of itself, and is the same.
                    let renamed = to.is_some_and(|to| to.version == PeerVersion::V2);
                    let renamed = renamed && *before != said;
                    assert!(renamed || !strict, "{to:?} is told twice of {id}: {said:?}");
                }
                if let Some(to) = to {
                    assert_ne!(to.host, id, "{to:?} is told of itself");
                }
                match known {
                    Some((_, before)) => *before = said,
                    None => {
                        self.listed.push((id, said));
                        self.ever.push(id);
                    }
                }
            }
            Message::ClientQuit(quit) => {
                let id = quit.source;
                let known = self.listed.iter().position(|(listed, _)| *listed == id);
                let told_us = to.is_some_and(|to| to.kind == HostKind::Server) && theirs.may_be(id);
                assert!(
                    !(strict && known.is_none() && !told_us),
                    "{to:?} is told that {id} quits, of whom it was never told"
                );
                if let Some(known) = known {
                    self.listed.swap_remove(known);
                }
            }
            _ => {}
        }
    }
}

/// Looks at what a client with this id sends to its server.
pub(crate) fn check_client(id: HostId, bytes: &[u8]) {
    for message in messages(bytes) {
        let source = match &message {
            Message::ClientRegistration(registration) => {
                assert_eq!(registration.last_hop, None);
                registration.source
            }
            Message::ClientChat(chat) => chat.source,
            Message::ClientQuit(quit) => quit.source,
            Message::ChannelPart(part) => {
                assert_eq!(part.by, None);
                part.source
            }
            Message::ChannelChat(chat) => chat.source,
            Message::ChannelSetting(setting) => {
                assert_eq!(setting.version, 0, "versions are the server's to give");
                setting.source.expect("it says who")
            }
            Message::ChannelRequest(request) => request.source,
            other => panic!("a client sends {other:?}"),
        };
        assert_eq!(source, id, "a client speaks for itself");
    }
}

/// Looks at what a server sends where a dialect of text is spoken: whole lines that the
/// other end can read.
pub(crate) fn check_lines(dialect: TextProtocol, bytes: &[u8]) {
    let limits = match dialect {
        TextProtocol::Irc => LineLimits::SERVER,
        TextProtocol::Legacy => LineLimits::LEGACY,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.expect("only whole lines are sent");
        let (line, behind) = rest.split_at(end + 1);
        rest = behind;
        let shown = || String::from_utf8_lossy(line).into_owned();
        let content = line.strip_suffix(b"\r\n");
        let content = content.unwrap_or_else(|| panic!("it ends in LF alone: {:?}", shown()));
        let bad = content.iter().any(|byte| b"\0\r\n".contains(byte));
        assert!(!bad, "more than a line: {:?}", shown());
        let message = irc_wire::Message::parse(content);
        let message = message.unwrap_or_else(|error| panic!("{error}: {:?}", shown()));
        let tags = match message.tags {
            Tags::NONE => 0,
            _ => 1 + content.iter().position(|byte| *byte == b' ').unwrap_or(0),
        };
        let len = line.len() - tags;
        assert!(tags <= limits.tags_bytes_max, "tags of {tags} bytes");
        assert!(len <= limits.line_bytes_max, "a line of {len} bytes");
        if dialect == TextProtocol::Legacy {
            let said = legacy::Message::from_message(&message);
            assert!(said.is_ok(), "{said:?}: {:?}", shown());
        }
    }
}

/// What is sent at once, which is whole frames that can be read.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let frame = Frame::take(&mut bytes, FrameLimits::WIRE).expect("a boundary");
        let frame = frame.expect("only whole frames are sent");
        Some(frame.message().expect("what is sent can be read"))
    })
}

fn is_ascii(message: &Message<'_>) -> bool {
    match message {
        Message::ServerRegistration(m) | Message::ClientRegistration(m) => {
            m.name.as_str().is_ascii() && m.info.as_str().is_ascii()
        }
        Message::Status(m) => m.text.as_str().is_ascii(),
        Message::ClientChat(m) => m.text.as_str().is_ascii(),
        Message::ClientQuit(m) => m.text.as_str().is_ascii(),
        Message::ServerQuit(m) => m.text.as_str().is_ascii(),
        _ => false,
    }
}
