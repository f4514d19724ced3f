//! How a message is encoded for the neighbour that gets it (PROTOCOL section 7).
//!
//! A v1 node takes frames of at most 1,024 bytes. A v1 server also needs ASCII,
//! because it counts characters where the wire counts bytes. Only this module knows
//! these limits.

use std::borrow::Cow;

use crc_wire::{
    ChannelField, ClientChat, ClientQuit, Frame, FrameLimits, HostId, Info, Message, Name,
    Registration, ServerQuit, Status, Text, frame_len, truncate_utf8,
};

use super::session::Session;
use crate::announcement::{ClientDetails, client_machine_part};
use crate::names::{utf8_name, wire_name};
use crate::network::{Host, HostKind, Neighbour, PeerVersion};

/// The longest frame in bytes, and the longest chunk of a stream, that every v1 node
/// can read.
pub(crate) const V1_FRAME_BYTES_MAX: usize = 1024;

/// The number of encodings.
pub(crate) const ENCODINGS: usize = 6;

/// One way to encode a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// For a v2 server: complete, with the machine parts of servers.
    V2Server,
    /// For a v2 server that takes times: also with the times at which clients registered, and
    /// their names in UTF-8.
    DatedServer,
    /// For a v2 client: complete, without machine parts.
    V2Client,
    /// For a v2 client that takes names in UTF-8: also with those.
    NamedClient,
    /// For a v1 client: texts are truncated to what it can read.
    V1Client,
    /// For a v1 server: texts are truncated, and in ASCII.
    V1Server,
}

impl Encoding {
    /// The encoding for a neighbour. A neighbour of unknown version gets what a v1 node
    /// can read.
    pub(crate) const fn of(kind: HostKind, version: PeerVersion) -> Encoding {
        match (kind, version) {
            (HostKind::Server, PeerVersion::V2) => Encoding::V2Server,
            (HostKind::Client, PeerVersion::V2) => Encoding::V2Client,
            (HostKind::Client, _) => Encoding::V1Client,
            (HostKind::Server, _) => Encoding::V1Server,
        }
    }

    /// The encoding of hosts for a neighbour.
    pub(crate) const fn of_hosts(neighbour: &Neighbour, session: &Session) -> Encoding {
        match Encoding::of(neighbour.kind, neighbour.version) {
            Encoding::V2Server if session.features.channel_age => Encoding::DatedServer,
            Encoding::V2Client if session.features.utf8_names => Encoding::NamedClient,
            encoding => encoding,
        }
    }

    /// Whether hosts are announced with their names in UTF-8.
    pub(crate) const fn has_utf8_names(self) -> bool {
        matches!(self, Encoding::DatedServer | Encoding::NamedClient)
    }

    /// Appends the registration that announces `host`.
    pub(crate) fn encode_host(self, host: &Host, last_hop: HostId, out: &mut Vec<u8>) {
        let machine = match self {
            Encoding::V2Server | Encoding::DatedServer => host.machine().map(Cow::Borrowed),
            _ => None,
        };
        let is_dated = self == Encoding::DatedServer;
        let registered_ms = host.registered_ms().filter(|_| is_dated);
        let details = match is_dated {
            true => host.details(),
            false => ClientDetails::default(),
        };
        let name = utf8_name(host.name()).filter(|_| self.has_utf8_names());
        let machine = match host.kind() {
            HostKind::Server => machine,
            HostKind::Client => client_machine_part(registered_ms, name, details).map(Cow::Owned),
        };
        let info = match machine {
            // Both are short: see `HostInfo`.
            Some(machine) => Cow::Owned([host.info(), &machine].concat()),
            None => Cow::Borrowed(host.info()),
        };
        let name = wire_name(host.name());
        self.encode(&host.registration(last_hop, &name, &info), out);
    }

    /// Appends `message`. For a v1 node its texts are truncated, and a kind beyond
    /// version 1 is left out.
    pub(crate) fn encode(self, message: &Message<'_>, out: &mut Vec<u8>) {
        let longest = match self {
            Encoding::V2Server
            | Encoding::DatedServer
            | Encoding::V2Client
            | Encoding::NamedClient => {
                return message.encode(out);
            }
            Encoding::V1Client | Encoding::V1Server => {
                V1_FRAME_BYTES_MAX - message.kind().fixed_len()
            }
        };
        let text = |text: &Text<'_>| Text::new(self.fit(text.as_str(), longest)).expect(SHORTER);
        let registration = |m: &Registration<'_>| {
            let name = self.fit(m.name.as_str(), longest);
            let left = longest - name.len();
            Registration {
                source: m.source,
                last_hop: m.last_hop,
                name: Name::new(name).expect(SHORTER),
                info: Info::new(self.fit(m.info.as_str(), left)).expect(SHORTER),
            }
        };
        let encoded = match message {
            Message::ServerRegistration(m) => Message::ServerRegistration(registration(m)),
            Message::ClientRegistration(m) => Message::ClientRegistration(registration(m)),
            Message::Status(m) => Message::Status(Status {
                text: text(&m.text),
                ..*m
            }),
            Message::ClientChat(m) => Message::ClientChat(ClientChat {
                text: text(&m.text),
                ..*m
            }),
            Message::ClientQuit(m) => Message::ClientQuit(ClientQuit {
                text: text(&m.text),
                ..*m
            }),
            Message::ServerQuit(m) => Message::ServerQuit(ServerQuit {
                text: text(&m.text),
                ..*m
            }),
            // A v1 node does not know any other kind.
            _ => return,
        };
        encoded.encode(out);
    }

    /// A text of at most `longest` bytes, in ASCII for a v1 server.
    fn fit(self, text: &str, longest: usize) -> String {
        match self {
            Encoding::V1Server if !text.is_ascii() => {
                let ascii = |c: char| if c.is_ascii() { c } else { '?' };
                text.chars().map(ascii).take(longest).collect()
            }
            _ => truncate_utf8(text, longest).to_owned(),
        }
    }
}

/// The frames that a peer takes whose texts have at most `text_bytes_max` bytes: longer texts are
/// cut, and what makes no sense without its end is left out. `None` if all fit as they are.
pub(crate) fn fit_frames(frames: &[u8], text_bytes_max: u32) -> Option<Vec<u8>> {
    let limits = FrameLimits::WIRE.with_text_bytes_max(text_bytes_max);
    let mut rest = frames;
    while let Ok(Some(_)) = Frame::take(&mut rest, limits) {}
    if rest.is_empty() {
        return None;
    }
    let (mut fitting, mut rest) = (Vec::new(), frames);
    while let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) {
        if matches!(frame_len(frame.bytes(), limits), Ok(Some(_))) {
            fitting.extend_from_slice(frame.bytes());
        } else if let Ok(mut message) = frame.message()
            && cut_text(&mut message, text_bytes_max as usize)
        {
            message.encode(&mut fitting);
        }
    }
    Some(fitting)
}

/// Cuts the text of a message for people. `false` if the message must not be cut.
fn cut_text(message: &mut Message<'_>, bytes_max: usize) -> bool {
    let text = match message {
        Message::Status(m) => &mut m.text,
        Message::ClientQuit(m) => &mut m.text,
        Message::ServerQuit(m) => &mut m.text,
        Message::ChannelPart(m) => &mut m.text,
        Message::ChannelSetting(m) if m.field == ChannelField::TOPIC => &mut m.value,
        Message::DatedSetting(m) if m.field == ChannelField::TOPIC => &mut m.value,
        _ => return false,
    };
    *text = Text::new(truncate_utf8(text.as_str(), bytes_max).to_owned()).expect(SHORTER);
    true
}

const SHORTER: &str = "a text that fitted fits when it is shorter";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::HostInfo;
    use crc_wire::{Kind, strategies};
    use proptest::prelude::*;

    fn texts<'a>(message: &'a Message<'_>) -> Vec<&'a str> {
        match message {
            Message::ServerRegistration(m) | Message::ClientRegistration(m) => {
                vec![m.name.as_str(), m.info.as_str()]
            }
            Message::Status(m) => vec![m.text.as_str()],
            Message::ClientChat(m) => vec![m.text.as_str()],
            Message::ClientQuit(m) => vec![m.text.as_str()],
            Message::ServerQuit(m) => vec![m.text.as_str()],
            _ => unreachable!("a v1 node is not sent this kind"),
        }
    }

    proptest! {
        #[test]
        fn every_encoding_is_readable_for_its_neighbour(message in strategies::message()) {
            for encoding in [
                Encoding::V2Server,
                Encoding::DatedServer,
                Encoding::V2Client,
                Encoding::NamedClient,
                Encoding::V1Client,
                Encoding::V1Server,
            ] {
                let mut frame = Vec::new();
                encoding.encode(&message, &mut frame);
                if message.kind().is_channel() && matches!(encoding, Encoding::V1Client | Encoding::V1Server) {
                    prop_assert!(frame.is_empty(), "a v1 node stops at a kind that it does not know");
                    continue;
                }
                let encoded = Message::parse(&frame).unwrap();
                prop_assert_eq!(encoded.kind(), message.kind());
                match encoding {
                    Encoding::V2Server
                    | Encoding::DatedServer
                    | Encoding::V2Client
                    | Encoding::NamedClient => prop_assert_eq!(&encoded, &message),
                    Encoding::V1Client | Encoding::V1Server => {
                        prop_assert!(frame.len() <= V1_FRAME_BYTES_MAX);
                    }
                }
                if encoding == Encoding::V1Server {
                    prop_assert!(texts(&encoded).iter().all(|text| text.is_ascii()));
                }
            }
        }
    }

    #[test]
    fn only_v2_servers_get_the_machine_part() {
        let id = HostId::new(2).unwrap();
        let info = HostInfo::for_people(id, HostKind::Server, "Moorea", "Île 🏝");
        let info = info.with_machine(Some(" [crc2;r=1]"));
        let host = Host::new(crc_machine::LinkId::new(0, 0), &info);
        for (encoding, expected) in [
            (Encoding::V2Server, "Île 🏝 [crc2;r=1]"),
            (Encoding::DatedServer, "Île 🏝 [crc2;r=1]"),
            (Encoding::V2Client, "Île 🏝"),
            (Encoding::NamedClient, "Île 🏝"),
            (Encoding::V1Client, "Île 🏝"),
            (Encoding::V1Server, "?le ?"),
        ] {
            let mut frame = Vec::new();
            encoding.encode_host(&host, HostId::new(1).unwrap(), &mut frame);
            let message = Message::parse(&frame).unwrap();
            assert_eq!(message.kind(), Kind::ServerRegistration);
            assert_eq!(texts(&message), ["Moorea", expected]);
        }
    }

    #[test]
    fn only_those_who_take_it_get_a_name_in_utf_8() {
        let id = HostId::new(2).unwrap();
        let name = " [crc2;u=5a6fc3ab]";
        for (called, encoding, expected) in [
            ("Zoë", Encoding::V2Server, ["Zoe", "x"]),
            ("Zoë", Encoding::DatedServer, ["Zoe", &["x", name].concat()]),
            ("Zoë", Encoding::V2Client, ["Zoe", "x"]),
            ("Zoë", Encoding::NamedClient, ["Zoe", &["x", name].concat()]),
            ("Zoë", Encoding::V1Client, ["Zoe", "x"]),
            ("Zoë", Encoding::V1Server, ["Zoe", "x"]),
            // As another server reports it; it is not prepared.
            ("Zoe\u{308}", Encoding::NamedClient, ["Zoe", "x"]),
        ] {
            let info = HostInfo::for_people(id, HostKind::Client, called, "x");
            let host = Host::new(crc_machine::LinkId::new(0, 0), &info);
            let mut frame = Vec::new();
            encoding.encode_host(&host, HostId::new(1).unwrap(), &mut frame);
            assert_eq!(texts(&Message::parse(&frame).unwrap()), expected);
        }
    }

    #[test]
    fn a_long_info_is_cut_and_the_time_is_not() {
        let id = HostId::new(2).unwrap();
        let long = "ö".repeat(Info::BYTES_MAX / 2);
        let cut = &long[..1024];
        let info = HostInfo::for_people(id, HostKind::Client, "ann", &long);
        let info = info.registered_at(core::num::NonZeroU64::new(1_700_000_000_000));
        let host = Host::new(crc_machine::LinkId::new(0, 0), &info);
        let machine = " [crc2;s=1700000000000]";
        for (encoding, expected) in [
            (Encoding::V2Server, cut),
            (Encoding::V2Client, cut),
            (Encoding::DatedServer, &[cut, machine].concat()),
        ] {
            let mut frame = Vec::new();
            encoding.encode_host(&host, HostId::new(1).unwrap(), &mut frame);
            let message = Message::parse(&frame).unwrap();
            assert_eq!(texts(&message), ["ann", expected]);
        }
    }
}
