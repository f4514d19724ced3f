//! The file format. Numbers are in groups of seven bits, lowest first; texts and bytes
//! follow their length.
//!
//! A file starts with eight bytes, of which the last is the version. Then come the server's
//! configuration and one entry for each event: the microseconds since the entry before, the
//! kind, and the fields of the event. Version 1 lacks the time to wait for candidates;
//! versions 1 and 2 lack the text protocols, version 3 the clock on the wall, version 4 the
//! secrets of links, version 5 passwords and operators, and version 6 gateways.

use core::time::Duration;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use crc_core::{
    Config, DialError, DialId, Endpoints, Event, Fingerprint, GatewayConfig, Limits, LinkConfig,
    LinkDirection, LinkDown, LinkId, ListenerId, OperatorConfig, Origin, PasswordHash, PeerAddress,
    Ports, Powers, QueueReport, Reconfiguration, Secret, Security, ServerCommand, TextProtocol,
    Timestamp, TlsFailure, Transport, Unsent,
};
use crc_wire::{HostId, Info, Name};
use ipnet::IpNet;

const MAGIC: &[u8; 8] = b"crc-rec\x07";

/// Why a file cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// It does not start like a recording.
    #[error("not a recording of crc-server")]
    NotARecording,
    /// It is of another version.
    #[error("unsupported recording version {0}: supported are 1 to 7")]
    OtherVersion(u8),
    /// It is invalid from this byte on.
    #[error("invalid recording at byte {0}")]
    Invalid(usize),
}

/// An entry.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Event(Timestamp, Event<'a, ServerCommand>),
    /// The server shut down gracefully, in a state with this digest.
    End(u64),
    /// The file reached its size limit, or the disk was too slow.
    Full,
}

// Writing.

pub(crate) fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn text(text: &str, out: &mut Vec<u8>) {
    bytes(text.as_bytes(), out);
}

fn micros(duration: Duration, out: &mut Vec<u8>) {
    number(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), out);
}

fn socket_address(address: SocketAddr, out: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => bytes(&ip.octets(), out),
        IpAddr::V6(ip) => bytes(&ip.octets(), out),
    }
    number(address.port().into(), out);
}

fn peer_address(address: &PeerAddress, out: &mut Vec<u8>) {
    text(&address.host, out);
    let port = u64::from(address.port);
    match address.transport {
        Transport::Plain => number(port, out),
        Transport::Tls { pin: None } => number(port | BY_TLS, out),
        Transport::Tls { pin: Some(pin) } => {
            number(port | BY_PINNED_TLS, out);
            bytes(&pin.0, out);
        }
    }
}

/// A port with this bit is dialled by TLS.
const BY_TLS: u64 = 1 << 16;

/// A port with this bit is dialled by TLS, and a pin follows.
const BY_PINNED_TLS: u64 = 1 << 17;

fn security(security: &Security, out: &mut Vec<u8>) {
    fingerprint(security.peer, out);
    bytes(&security.keying_material, out);
}

fn networks(networks: &[IpNet], out: &mut Vec<u8>) {
    number(networks.len() as u64, out);
    for net in networks {
        socket_address(SocketAddr::new(net.addr(), net.prefix_len().into()), out);
    }
}

/// Writes the limits that all versions have.
fn write_limits(limits: &Limits, out: &mut Vec<u8>) {
    number(limits.text_bytes_max.into(), out);
    micros(limits.registration_time_max, out);
    micros(limits.introduction_time_max, out);
    for size in [
        limits.client_queue_bytes_max,
        limits.server_queue_bytes_max,
        limits.hosts_max,
        limits.status_log_max,
    ] {
        number(size as u64, out);
    }
    number(limits.client_registrations_per_second.into(), out);
    number(limits.client_chats_per_second.into(), out);
}

/// Writes what comes before the first entry.
pub(crate) fn write_header(config: &Config, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    number(config.id.get().into(), out);
    text(config.name.as_str(), out);
    text(config.info.as_str(), out);
    number(config.connect.len() as u64, out);
    config
        .connect
        .iter()
        .for_each(|address| peer_address(address, out));
    let waits = config.candidates_within.map_or(0, |waits| {
        // 0 means that it does not wait.
        let waits = u64::try_from(waits.as_micros()).unwrap_or(u64::MAX);
        waits.saturating_add(1)
    });
    number(waits, out);
    number(config.advertise.is_some().into(), out);
    if let Some(address) = &config.advertise {
        peer_address(address, out);
    }
    number(config.rank.map_or(0, |rank| u64::from(rank) + 1), out);
    networks(&config.server_peers, out);
    let limits = &config.limits;
    write_limits(limits, out);
    number(config.seed, out);
    number(config.text_listeners.len() as u64, out);
    for (listener, protocol) in &config.text_listeners {
        number(listener.0.into(), out);
        number(
            match protocol {
                TextProtocol::Irc => 0,
                TextProtocol::Legacy => 1,
            },
            out,
        );
    }
    number(config.legacy_connect.len() as u64, out);
    config
        .legacy_connect
        .iter()
        .for_each(|address| peer_address(address, out));
    number(config.motd.len() as u64, out);
    config.motd.iter().for_each(|line| text(line, out));
    number(config.started_at_unix_ms, out);
    number(limits.irc_lines_per_second.into(), out);
    networks(&config.v1_peers, out);
    links(&config.links, out);
    out.extend_from_slice(&config.nonce_key);
    people(config.password.as_ref(), &config.operators, out);
    number(config.bans.len() as u64, out);
    config.bans.iter().for_each(|ban| text(ban, out));
    gateways(&config.gateways, out);
}

/// Writes who may register, and who may become an operator.
fn people(password: Option<&PasswordHash>, operators: &[OperatorConfig], out: &mut Vec<u8>) {
    password_hash(password, out);
    number(operators.len() as u64, out);
    for operator in operators {
        text(&operator.name, out);
        password_hash(operator.password.as_ref(), out);
        fingerprint(operator.certificate, out);
        number(operator.powers.bits().into(), out);
    }
}

fn gateways(gateways: &[GatewayConfig], out: &mut Vec<u8>) {
    number(gateways.len() as u64, out);
    for gateway in gateways {
        text(&gateway.name, out);
        networks(&gateway.from, out);
        password_hash(gateway.password.as_ref(), out);
        fingerprint(gateway.certificate, out);
    }
}

fn fingerprint(fingerprint: Option<Fingerprint>, out: &mut Vec<u8>) {
    bytes(fingerprint.as_ref().map_or(&[], |it| &it.0[..]), out);
}

/// A hash is never empty.
fn password_hash(hash: Option<&PasswordHash>, out: &mut Vec<u8>) {
    text(hash.map_or("", |hash| &hash.0), out);
}

fn links(links: &[LinkConfig], out: &mut Vec<u8>) {
    number(links.len() as u64, out);
    links.iter().for_each(|it| link(it, out));
}

fn link(link: &LinkConfig, out: &mut Vec<u8>) {
    text(link.name.as_ref().map_or("", |name| name.as_str()), out);
    number(link.address.is_some().into(), out);
    if let Some(address) = &link.address {
        peer_address(address, out);
    }
    // A secret is never empty.
    bytes(link.secret.as_ref().map_or(&[], Secret::expose), out);
    number(
        match link.direction {
            LinkDirection::Both => 0,
            LinkDirection::Dial => 1,
            LinkDirection::Accept => 2,
        },
        out,
    );
}

const UP_ACCEPTED: u8 = 1;
const UP_DIALED: u8 = 2;
const BYTES: u8 = 3;
const DOWN: u8 = 4;
const DIAL_FAILED: u8 = 5;
const START: u8 = 6;
const LEAVE: u8 = 7;
const TICK: u8 = 8;
const END: u8 = 9;
const FULL: u8 = 10;
const CANDIDATES: u8 = 11;
const QUEUE: u8 = 12;
const WALL_CLOCK: u8 = 13;
const UP_ACCEPTED_TLS: u8 = 14;
const UP_DIALED_TLS: u8 = 15;
/// As version 5 has it: without passwords and operators.
const RECONFIGURE_5: u8 = 16;
const PORTS: u8 = 17;
/// As version 6 has it: without gateways.
const RECONFIGURE_6: u8 = 18;
const PASSWORD_CHECKED: u8 = 19;
const RECONFIGURE: u8 = 20;
const CROWDED: u8 = 21;
const TELL_OPERATORS: u8 = 22;
const CLIENT_ADDRESSES: u8 = 23;

/// The code of [`LinkDown::Truncated`].
const TRUNCATED: u8 = 255;

/// The first code of the TLS failures of dials.
const TLS_FAILURES_BEGIN: u8 = 128;

const TLS_FAILURES: [TlsFailure; 10] = [
    TlsFailure::Failed,
    TlsFailure::Expired,
    TlsFailure::WrongName,
    TlsFailure::UnknownAuthority,
    TlsFailure::WrongPin,
    TlsFailure::Changed,
    TlsFailure::BadCertificate,
    TlsFailure::NotTls,
    TlsFailure::Refused,
    TlsFailure::Closed,
];

fn tls_failure(why: TlsFailure) -> u8 {
    let place = TLS_FAILURES.iter().position(|known| *known == why);
    TLS_FAILURES_BEGIN + u8::try_from(place.unwrap_or(0)).unwrap_or(0)
}

/// Writes an event, `after` microseconds after the one before.
pub(crate) fn write_event(after: u64, event: &Event<'_, ServerCommand>, out: &mut Vec<u8>) {
    number(after, out);
    match event {
        Event::LinkUp {
            link,
            origin,
            endpoints,
            security: secured_by,
        } => {
            let (kind, by) = match (origin, secured_by) {
                (Origin::Accepted { listener }, None) => (UP_ACCEPTED, listener.0.into()),
                (Origin::Accepted { listener }, Some(_)) => (UP_ACCEPTED_TLS, listener.0.into()),
                (Origin::Dialed { dial }, None) => (UP_DIALED, dial.0),
                (Origin::Dialed { dial }, Some(_)) => (UP_DIALED_TLS, dial.0),
            };
            out.push(kind);
            number(link.as_u64(), out);
            number(by, out);
            socket_address(endpoints.peer, out);
            socket_address(endpoints.local, out);
            if let Some(secured_by) = secured_by {
                security(secured_by, out);
            }
        }
        Event::Bytes { link, bytes: read } => {
            out.push(BYTES);
            number(link.as_u64(), out);
            bytes(read, out);
        }
        Event::Queue { link, report } => {
            out.push(QUEUE);
            number(link.as_u64(), out);
            number(report.waiting as u64, out);
            number(report.written as u64, out);
        }
        Event::Crowded { link } => {
            out.push(CROWDED);
            number(link.as_u64(), out);
        }
        Event::LinkDown { link, why, unsent } => {
            out.push(DOWN);
            number(link.as_u64(), out);
            out.push(match why {
                LinkDown::Ended => 0,
                LinkDown::PeerClosed => 1,
                LinkDown::SlowConsumer => 2,
                LinkDown::Failed(kind) => 3 + failure(*kind),
                LinkDown::Truncated => TRUNCATED,
            });
            bytes(unsent.bytes, out);
            number(unsent.written as u64, out);
        }
        Event::DialFailed { dial, why } => {
            out.push(DIAL_FAILED);
            number(dial.0, out);
            out.push(match why {
                DialError::UnknownName => 0,
                DialError::TimedOut => 1,
                DialError::NotPermitted => 2,
                DialError::Failed(kind) => 3 + failure(*kind),
                DialError::Tls(why) => tls_failure(*why),
            });
        }
        Event::Command(ServerCommand::Start { listening }) => {
            out.push(START);
            number(listening.len() as u64, out);
            listening
                .iter()
                .for_each(|address| socket_address(*address, out));
        }
        Event::Command(ServerCommand::Ports(ports)) => {
            out.push(PORTS);
            let Ports {
                crc,
                crc_tls,
                irc,
                irc_tls,
                legacy,
            } = *ports;
            // No listener has port 0.
            for port in [crc, crc_tls, irc, irc_tls, legacy] {
                number(port.unwrap_or(0).into(), out);
            }
        }
        Event::Command(ServerCommand::ClientAddresses(addresses)) => {
            out.push(CLIENT_ADDRESSES);
            number(addresses.len() as u64, out);
            addresses
                .iter()
                .for_each(|address| peer_address(address, out));
        }
        Event::Command(ServerCommand::Candidates(found)) => {
            out.push(CANDIDATES);
            number(found.len() as u64, out);
            found.iter().for_each(|address| peer_address(address, out));
        }
        Event::Command(ServerCommand::WallClock { unix_ms }) => {
            out.push(WALL_CLOCK);
            number(*unix_ms, out);
        }
        Event::Command(ServerCommand::Reconfigure(changed)) => {
            out.push(RECONFIGURE);
            networks(&changed.server_peers, out);
            networks(&changed.v1_peers, out);
            links(&changed.links, out);
            number(changed.motd.len() as u64, out);
            changed.motd.iter().for_each(|line| text(line, out));
            write_limits(&changed.limits, out);
            number(changed.limits.irc_lines_per_second.into(), out);
            people(changed.password.as_ref(), &changed.operators, out);
            gateways(&changed.gateways, out);
        }
        Event::Command(ServerCommand::PasswordChecked {
            number: request,
            is_right,
        }) => {
            out.push(PASSWORD_CHECKED);
            number(*request, out);
            number((*is_right).into(), out);
        }
        Event::Command(ServerCommand::TellOperators { text: told }) => {
            out.push(TELL_OPERATORS);
            text(told, out);
        }
        Event::Command(ServerCommand::Leave { reason }) => {
            out.push(LEAVE);
            text(reason, out);
        }
        Event::Tick => out.push(TICK),
    }
}

pub(crate) fn write_end(digest: u64, out: &mut Vec<u8>) {
    number(0, out);
    out.push(END);
    number(digest, out);
}

pub(crate) fn write_full(out: &mut Vec<u8>) {
    number(0, out);
    out.push(FULL);
}

/// The error kinds that are distinguished. A machine only shows them to people.
const FAILURES: [ErrorKind; 9] = [
    ErrorKind::Other,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::TimedOut,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::Interrupted,
];

fn failure(kind: ErrorKind) -> u8 {
    let place = FAILURES.iter().position(|known| *known == kind);
    u8::try_from(place.unwrap_or(0)).unwrap_or(0)
}

// Reading.

/// Reads a recording from its start.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    all: &'a [u8],
    at: usize,
    now: Timestamp,
}

impl<'a> Reader<'a> {
    /// The configuration, and a reader of the entries.
    pub(crate) fn new(all: &'a [u8]) -> Result<(Config, Self), RecordingError> {
        let (name, version) = MAGIC.split_at(MAGIC.len() - 1);
        if !all.starts_with(name) || all.len() < MAGIC.len() {
            return Err(RecordingError::NotARecording);
        }
        let found = all[name.len()];
        if found == 0 || found > version[0] {
            return Err(RecordingError::OtherVersion(found));
        }
        let mut reader = Reader {
            all,
            at: MAGIC.len(),
            now: Timestamp::START,
        };
        let config = reader
            .config(found)
            .ok_or(RecordingError::Invalid(reader.at))?;
        Ok((config, reader))
    }

    /// The next entry; `None` at the end of the file, also if its last entry is cut.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'a>>, RecordingError> {
        let begin = self.at;
        let entry = self.entry();
        match entry {
            Some(entry) => Ok(Some(entry)),
            None if self.at >= self.all.len() => Ok(None),
            None => Err(RecordingError::Invalid(begin)),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.all.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len: usize = self.small()?;
        let end = self.at.checked_add(len)?;
        let bytes = self.all.get(self.at..end);
        // Bytes that are missing are the end of a file that was cut.
        self.at = end;
        bytes
    }

    fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }

    fn micros(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_micros)
    }

    fn socket_address(&mut self) -> Option<SocketAddr> {
        let bytes = self.bytes()?;
        let ip: IpAddr = match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
            _ => <[u8; 16]>::try_from(bytes).ok()?.into(),
        };
        Some(SocketAddr::new(ip, self.small()?))
    }

    /// A port, if it is not 0.
    fn port(&mut self) -> Option<Option<u16>> {
        let port: u16 = self.small()?;
        Some((port != 0).then_some(port))
    }

    fn peer_address(&mut self) -> Option<PeerAddress> {
        let host = self.text()?.into();
        let port: u64 = self.number()?;
        let transport = match port & !0xffff {
            0 => Transport::Plain,
            BY_TLS => Transport::Tls { pin: None },
            BY_PINNED_TLS => {
                let pin = Fingerprint(self.bytes()?.try_into().ok()?);
                Transport::Tls { pin: Some(pin) }
            }
            _ => return None,
        };
        let port = u16::try_from(port & 0xffff).ok()?;
        Some(PeerAddress {
            host,
            port,
            transport,
        })
    }

    fn security(&mut self) -> Option<Security> {
        let peer = self.fingerprint()?;
        let keying_material = self.bytes()?.try_into().ok()?;
        Some(Security {
            peer,
            keying_material,
        })
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| one(self)).collect()
    }

    fn networks(&mut self) -> Option<Vec<IpNet>> {
        self.many(|reader| {
            let net = reader.socket_address()?;
            IpNet::new(net.ip(), u8::try_from(net.port()).ok()?).ok()
        })
    }

    /// The limits that all versions have.
    fn limits(&mut self) -> Option<Limits> {
        Some(Limits {
            text_bytes_max: self.small()?,
            registration_time_max: self.micros()?,
            introduction_time_max: self.micros()?,
            client_queue_bytes_max: self.small()?,
            server_queue_bytes_max: self.small()?,
            hosts_max: self.small()?,
            status_log_max: self.small()?,
            client_registrations_per_second: self.small()?,
            client_chats_per_second: self.small()?,
            ..Limits::default()
        })
    }

    fn config(&mut self, version: u8) -> Option<Config> {
        let id = HostId::new(self.small()?)?;
        let name = Name::new(self.text()?.to_owned()).ok()?;
        let mut config = Config::new(id, name);
        config.info = Info::new(self.text()?.to_owned()).ok()?;
        config.connect = self.many(Self::peer_address)?;
        if version > 1 {
            let waits = self.number()?.checked_sub(1);
            config.candidates_within = waits.map(Duration::from_micros);
        }
        config.advertise = match self.number()? {
            0 => None,
            _ => Some(self.peer_address()?),
        };
        config.rank = match self.number()? {
            0 => None,
            rank => Some(u32::try_from(rank - 1).ok()?),
        };
        config.server_peers = self.networks()?;
        config.limits = self.limits()?;
        config.seed = self.number()?;
        if version > 2 {
            config.text_listeners = self.many(|reader| {
                let listener = ListenerId(reader.small()?);
                let protocol = match reader.number()? {
                    0 => TextProtocol::Irc,
                    1 => TextProtocol::Legacy,
                    _ => return None,
                };
                Some((listener, protocol))
            })?;
            config.legacy_connect = self.many(Self::peer_address)?;
            config.motd = self.many(|reader| Some(reader.text()?.to_owned()))?;
            config.started_at_unix_ms = self.number()?;
            config.limits.irc_lines_per_second = self.small()?;
        }
        if version > 4 {
            config.v1_peers = self.networks()?;
            config.links = self.many(Self::link)?;
            for byte in &mut config.nonce_key {
                *byte = self.byte()?;
            }
        }
        if version > 5 {
            (config.password, config.operators) = self.people()?;
            config.bans = self.many(|reader| Some(reader.text()?.into()))?;
        }
        if version > 6 {
            config.gateways = self.many(Self::gateway)?;
        }
        Some(config)
    }

    fn people(&mut self) -> Option<(Option<PasswordHash>, Vec<OperatorConfig>)> {
        let password = self.password_hash()?;
        let operators = self.many(|reader| {
            Some(OperatorConfig {
                name: reader.text()?.into(),
                password: reader.password_hash()?,
                certificate: reader.fingerprint()?,
                powers: Powers::from_bits(reader.small()?),
            })
        })?;
        Some((password, operators))
    }

    fn gateway(&mut self) -> Option<GatewayConfig> {
        Some(GatewayConfig {
            name: self.text()?.into(),
            from: self.networks()?,
            password: self.password_hash()?,
            certificate: self.fingerprint()?,
        })
    }

    fn fingerprint(&mut self) -> Option<Option<Fingerprint>> {
        Some(match self.bytes()? {
            [] => None,
            bytes => Some(Fingerprint(bytes.try_into().ok()?)),
        })
    }

    fn password_hash(&mut self) -> Option<Option<PasswordHash>> {
        let text = self.text()?;
        Some((!text.is_empty()).then(|| PasswordHash(text.into())))
    }

    fn link(&mut self) -> Option<LinkConfig> {
        let name = match self.text()? {
            "" => None,
            name => Some(Name::new(name.to_owned()).ok()?),
        };
        let address = match self.number()? {
            0 => None,
            _ => Some(self.peer_address()?),
        };
        let secret = match self.bytes()? {
            [] => None,
            secret => Some(Secret::new(secret).ok()?),
        };
        let direction = match self.number()? {
            0 => LinkDirection::Both,
            1 => LinkDirection::Dial,
            2 => LinkDirection::Accept,
            _ => return None,
        };
        Some(LinkConfig {
            name,
            address,
            secret,
            direction,
        })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let after = self.number()?;
        self.now = self.now + Duration::from_micros(after);
        let event = match self.byte()? {
            kind @ (UP_ACCEPTED | UP_DIALED | UP_ACCEPTED_TLS | UP_DIALED_TLS) => {
                let link = LinkId::from_u64(self.number()?);
                let origin = match kind {
                    UP_ACCEPTED | UP_ACCEPTED_TLS => Origin::Accepted {
                        listener: ListenerId(self.small()?),
                    },
                    _ => Origin::Dialed {
                        dial: DialId(self.number()?),
                    },
                };
                let (peer, local) = (self.socket_address()?, self.socket_address()?);
                let endpoints = Endpoints { peer, local };
                let security = match kind {
                    UP_ACCEPTED_TLS | UP_DIALED_TLS => Some(Box::new(self.security()?)),
                    _ => None,
                };
                Event::LinkUp {
                    link,
                    origin,
                    endpoints,
                    security,
                }
            }
            BYTES => Event::Bytes {
                link: LinkId::from_u64(self.number()?),
                bytes: self.bytes()?,
            },
            DOWN => {
                let link = LinkId::from_u64(self.number()?);
                let why = match self.byte()? {
                    0 => LinkDown::Ended,
                    1 => LinkDown::PeerClosed,
                    2 => LinkDown::SlowConsumer,
                    TRUNCATED => LinkDown::Truncated,
                    other => LinkDown::Failed(*FAILURES.get(usize::from(other) - 3)?),
                };
                let bytes = self.bytes()?;
                let written: usize = self.small()?;
                let unsent = (written <= bytes.len()).then_some(Unsent { bytes, written })?;
                Event::LinkDown { link, why, unsent }
            }
            CROWDED => Event::Crowded {
                link: LinkId::from_u64(self.number()?),
            },
            DIAL_FAILED => {
                let dial = DialId(self.number()?);
                let why = match self.byte()? {
                    0 => DialError::UnknownName,
                    1 => DialError::TimedOut,
                    2 => DialError::NotPermitted,
                    code @ TLS_FAILURES_BEGIN.. => {
                        let place = usize::from(code - TLS_FAILURES_BEGIN);
                        DialError::Tls(*TLS_FAILURES.get(place)?)
                    }
                    other => DialError::Failed(*FAILURES.get(usize::from(other).checked_sub(3)?)?),
                };
                Event::DialFailed { dial, why }
            }
            START => {
                let listening = self.many(Self::socket_address)?;
                Event::Command(ServerCommand::Start { listening })
            }
            PORTS => {
                let ports = Ports {
                    crc: self.port()?,
                    crc_tls: self.port()?,
                    irc: self.port()?,
                    irc_tls: self.port()?,
                    legacy: self.port()?,
                };
                Event::Command(ServerCommand::Ports(ports))
            }
            CLIENT_ADDRESSES => {
                let addresses = self.many(Self::peer_address)?;
                Event::Command(ServerCommand::ClientAddresses(addresses))
            }
            WALL_CLOCK => {
                let unix_ms = self.number()?;
                Event::Command(ServerCommand::WallClock { unix_ms })
            }
            kind @ (RECONFIGURE | RECONFIGURE_5 | RECONFIGURE_6) => {
                let server_peers = self.networks()?;
                let v1_peers = self.networks()?;
                let links = self.many(Self::link)?;
                let motd = self.many(|reader| Some(reader.text()?.to_owned()))?;
                let mut limits = self.limits()?;
                limits.irc_lines_per_second = self.small()?;
                let (password, operators) = match kind {
                    RECONFIGURE_5 => (None, Vec::new()),
                    _ => self.people()?,
                };
                let gateways = match kind {
                    RECONFIGURE => self.many(Self::gateway)?,
                    _ => Vec::new(),
                };
                let changed = Reconfiguration {
                    server_peers,
                    v1_peers,
                    links,
                    password,
                    operators,
                    gateways,
                    motd,
                    limits,
                };
                Event::Command(ServerCommand::Reconfigure(Box::new(changed)))
            }
            PASSWORD_CHECKED => Event::Command(ServerCommand::PasswordChecked {
                number: self.number()?,
                is_right: self.number()? != 0,
            }),
            TELL_OPERATORS => {
                let text = self.text()?.into();
                Event::Command(ServerCommand::TellOperators { text })
            }
            LEAVE => {
                let reason = self.text()?.into();
                Event::Command(ServerCommand::Leave { reason })
            }
            CANDIDATES => {
                let found = self.many(Self::peer_address)?;
                Event::Command(ServerCommand::Candidates(found))
            }
            QUEUE => Event::Queue {
                link: LinkId::from_u64(self.number()?),
                report: QueueReport {
                    waiting: self.small()?,
                    written: self.small()?,
                },
            },
            TICK => Event::Tick,
            END => return Some(Entry::End(self.number()?)),
            FULL => return Some(Entry::Full),
            _ => return None,
        };
        Some(Entry::Event(self.now, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_tls_links_are_recorded() {
        let mut config = Config::new(HostId::new(1).unwrap(), Name::new("a".to_owned()).unwrap());
        let pin = format!("sha256:{}", "ab".repeat(32));
        for address in ["h:1", "tls://h:1", &format!("tls://[::1]:65535#{pin}")] {
            config.connect.push(address.parse().unwrap());
        }
        let up = |origin, security: Option<Security>| Event::LinkUp {
            link: LinkId::new(1, 2),
            origin,
            endpoints: Endpoints {
                peer: "127.0.0.1:1".parse().unwrap(),
                local: "[::1]:2".parse().unwrap(),
            },
            security: security.map(Box::new),
        };
        let security = |peer| Security {
            peer,
            keying_material: [7; 32],
        };
        let dialed = Origin::Dialed { dial: DialId(3) };
        let accepted = Origin::Accepted {
            listener: ListenerId(4),
        };
        let mut events = vec![
            up(accepted, None),
            up(accepted, Some(security(None))),
            up(dialed, Some(security(Some(Fingerprint([9; 32]))))),
            Event::LinkDown {
                link: LinkId::new(1, 2),
                why: LinkDown::Truncated,
                unsent: Unsent::default(),
            },
            Event::Command(ServerCommand::Ports(Ports {
                crc: Some(65_535),
                irc_tls: Some(1),
                ..Ports::default()
            })),
            Event::Command(ServerCommand::ClientAddresses(vec![
                "tls://reef:1".parse().unwrap(),
            ])),
        ];
        events.extend(TLS_FAILURES.map(|why| Event::DialFailed {
            dial: DialId(3),
            why: DialError::Tls(why),
        }));
        let mut file = Vec::new();
        write_header(&config, &mut file);
        for event in &events {
            write_event(0, event, &mut file);
        }
        let (read, mut reader) = Reader::new(&file).unwrap();
        assert_eq!(read.connect, config.connect);
        for event in &events {
            match reader.entry().unwrap() {
                Entry::Event(_, read) => assert_eq!(format!("{read:?}"), format!("{event:?}")),
                _ => panic!("it is an event"),
            }
        }
    }

    #[test]
    fn gateways_are_recorded_and_version_6_has_none() {
        let mut config = Config::new(HostId::new(1).unwrap(), Name::new("a".to_owned()).unwrap());
        let gateway = |name: &str, password: Option<&str>| GatewayConfig {
            name: name.into(),
            from: vec![
                "10.0.0.7/32".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            password: password.map(|hash| PasswordHash(hash.into())),
            certificate: password.is_none().then_some(Fingerprint([7; 32])),
        };
        config.gateways = vec![gateway("kiwi", Some("$argon2id$...")), gateway("moa", None)];
        let crowded = LinkId::new(1, 2);
        let write = |config: &Config| {
            let (mut header, mut changed, mut file) = (Vec::new(), Vec::new(), Vec::new());
            write_header(config, &mut header);
            let event = ServerCommand::Reconfigure(Box::new(config.reconfiguration()));
            write_event(0, &Event::Command(event), &mut changed);
            write_event(0, &Event::Crowded { link: crowded }, &mut file);
            (header, changed, file)
        };
        let read = |file: &[u8]| {
            let (config, mut reader) = Reader::new(file).unwrap();
            let Entry::Event(_, Event::Command(ServerCommand::Reconfigure(changed))) =
                reader.entry().unwrap()
            else {
                panic!("it is a reconfiguration");
            };
            match reader.entry().unwrap() {
                Entry::Event(_, Event::Crowded { link }) => assert_eq!(link, crowded),
                _ => panic!("it is about a crowded link"),
            }
            (config.gateways, changed.gateways)
        };
        let (header, changed, rest) = write(&config);
        let gateways = config.gateways.clone();
        assert_eq!(
            read(&[header, changed, rest].concat()),
            (gateways.clone(), gateways)
        );
        // The number of gateways is what comes last.
        config.gateways.clear();
        let (mut header, mut changed, rest) = write(&config);
        assert_eq!((header.pop(), changed.pop()), (Some(0), Some(0)));
        (header[7], changed[1]) = (6, RECONFIGURE_6);
        let none = (Vec::new(), Vec::new());
        assert_eq!(read(&[header, changed, rest].concat()), none);
    }
}
