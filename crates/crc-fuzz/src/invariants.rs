//! Invariants of what a machine sends on one link: whole frames that the peer can read,
//! each host announced once, clients speaking for themselves only; and whole lines on
//! links of text protocols.

use crc_core::{HostKind, LinkId, Neighbour, PeerVersion, Server, TextProtocol};
use crc_wire::{Frame, FrameLimits, HostId, Message, StatusCode};
use irc_wire::{LineLimits, Tags, legacy};

/// The longest write that a v1 node can read.
const V1_WRITE_BYTES_MAX: usize = 1024;

/// The peer of a link as the server knows it; `None` if it is not registered.
pub(crate) fn neighbour(server: &Server, link: LinkId) -> Option<Neighbour> {
    let mut links = server.snapshot().links();
    Some(links.find(|view| view.link == link)?.neighbour)
}

/// What has been sent on a link so far.
#[derive(Debug, Default)]
pub(crate) struct SentState {
    /// The clients that were announced to the peer, with their names and infos.
    listed: Vec<(HostId, [String; 2])>,
    /// The clients that were ever announced to the peer.
    ever: Vec<HostId>,
}

/// The clients that a peer has announced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Announced<'a> {
    /// A scripted peer may have announced any.
    Unknown,
    /// All that it ever announced: it may have sent quits since.
    Ever(&'a SentState),
    /// Those that it announces now.
    Still(&'a SentState),
}

impl Announced<'_> {
    fn may_include(self, id: HostId) -> bool {
        match self {
            Announced::Unknown => true,
            Announced::Ever(sent) => sent.ever.contains(&id),
            Announced::Still(sent) => sent.listed.iter().any(|(listed, _)| *listed == id),
        }
    }
}

impl SentState {
    /// Checks what a server sends to a peer that has announced `announced`.
    pub(crate) fn check_server(
        &mut self,
        to: Option<Neighbour>,
        announced: Announced<'_>,
        bytes: &[u8],
    ) {
        if let Some(to) = to
            && to.version != PeerVersion::V2
        {
            assert!(
                bytes.len() <= V1_WRITE_BYTES_MAX,
                "a write of {} bytes for a v1 node",
                bytes.len()
            );
        }
        for message in messages(bytes) {
            self.check_announcement(to, announced, &message);
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
                    assert!(readable, "to a v1 node: {message:?}");
                    let readable = kind == HostKind::Client || is_ascii(&message);
                    assert!(readable, "to a v1 server: {message:?}");
                }
            }
            if to.kind == HostKind::Client {
                let about_servers = matches!(
                    &message,
                    Message::ServerRegistration(_) | Message::ServerQuit(_)
                );
                assert!(!about_servers, "a client learns of a server: {message:?}");
            }
        }
    }

    /// Joins and quits are sent once; quits only to peers that know the join from either
    /// side. A client that yields to another one with its id quits on every link.
    fn check_announcement(
        &mut self,
        to: Option<Neighbour>,
        announced: Announced<'_>,
        message: &Message<'_>,
    ) {
        // A v1 server may get again what it has lost.
        let strict =
            to.is_some_and(|to| to.kind == HostKind::Client || to.version == PeerVersion::V2);
        match message {
            Message::ClientRegistration(registration) => {
                let id = registration.source;
                let content = [registration.name.as_str(), registration.info.as_str()];
                let content = content.map(str::to_owned);
                let known = self.listed.iter_mut().find(|(listed, _)| *listed == id);
                if let Some((_, before)) = &known {
                    // A node that supports channels learns in this way that a client has a new
                    // name or info.
                    let renamed = to.is_some_and(|to| to.version == PeerVersion::V2);
                    let renamed = renamed && *before != content;
                    assert!(
                        renamed || !strict,
                        "{to:?} learns twice of {id}: {content:?}"
                    );
                }
                if let Some(to) = to {
                    assert_ne!(to.host, id, "{to:?} learns of itself");
                }
                match known {
                    Some((_, before)) => *before = content,
                    None => {
                        self.listed.push((id, content));
                        self.ever.push(id);
                    }
                }
            }
            Message::ClientQuit(quit) => {
                let id = quit.source;
                let known = self.listed.iter().position(|(listed, _)| *listed == id);
                let is_theirs =
                    to.is_some_and(|to| to.kind == HostKind::Server) && announced.may_include(id);
                assert!(
                    !(strict && known.is_none() && !is_theirs),
                    "{to:?} gets a quit of {id}, which was not announced"
                );
                if let Some(known) = known {
                    self.listed.swap_remove(known);
                }
            }
            _ => {}
        }
    }
}

/// Checks what a client with this id sends to its server.
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
                assert_eq!(setting.version, 0, "only servers give versions");
                setting.source.expect("a source")
            }
            Message::ChannelRequest(request) => request.source,
            other => panic!("a client sends {other:?}"),
        };
        assert_eq!(source, id, "a client sends for itself only");
    }
}

/// Whether a peer that has not registered is told that it has come to the wrong port, in the
/// protocol that it speaks.
pub(crate) fn is_answer_at_wrong_port(bytes: &[u8]) -> bool {
    const TLS_ALERT: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];
    if bytes == TLS_ALERT || bytes.starts_with(b"HTTP/1.1 400 Bad Request\r\n") {
        return true;
    }
    if bytes.starts_with(b"ERROR :This is a port for ") {
        return bytes.ends_with(b"\r\n");
    }
    let mut rest = bytes;
    let frame = Frame::take(&mut rest, FrameLimits::WIRE);
    let message = frame.ok().flatten().and_then(|frame| frame.message().ok());
    let is_status = matches!(message, Some(Message::Status(status)) if status.code == StatusCode::NOT_PERMITTED);
    is_status && rest.is_empty()
}

/// Checks what a server sends on a link of a text protocol: whole lines that the peer can
/// read.
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
        let content =
            content.unwrap_or_else(|| panic!("a line that ends in LF alone: {:?}", shown()));
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
            let legacy = legacy::Message::from_message(&message);
            assert!(legacy.is_ok(), "{legacy:?}: {:?}", shown());
        }
    }
}

/// The messages of one send, which are whole and valid.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let frame = Frame::take(&mut bytes, FrameLimits::WIRE).expect("a boundary");
        let frame = frame.expect("only whole frames are sent");
        Some(frame.message().expect("a valid frame"))
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
