//! Which protocol the first bytes of a peer begin. A peer that has come to the wrong port is told
//! so in its own protocol.
//!
//! At most [`BYTES_MAX`] bytes decide, and for nearly all peers 16 do. What is not clearly another
//! protocol is left to the one that belongs to the port.

use core::fmt;

use crc_wire::{HostId, Kind, Message, Status, StatusCode, Text};
use irc_wire::Verb;

use crate::text_protocol::TextProtocol;

/// No more bytes than these are needed: the target of CONNECT may be a long host name.
pub(crate) const BYTES_MAX: usize = 272;

/// The fixed part of a registration, which tells it from other bytes.
const REGISTRATION_BYTES: usize = 12;

/// The first byte of a TLS record of the handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// The second byte: the major version of all TLS.
const TLS_MAJOR: u8 = 0x03;

/// A TLS record with the fatal alert `handshake_failure`.
const TLS_ALERT: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];

/// How a header of the PROXY protocol begins: version 2, and version 1.
const PROXY_V2: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const PROXY_V1: &str = "PROXY";

/// How SSH begins.
const SSH: &str = "SSH";

/// The methods of HTTP, and the beginning of HTTP/2.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI",
];

/// Commands of IRC that [`Verb`] does not have.
const MORE_VERBS: [&str; 2] = ["STARTTLS", "PROTOCTL"];

/// The ports of this server by protocol, as far as peers can use them. A peer that has come to the
/// wrong one is told the right one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// The port for CRC clients and servers.
    pub crc: Option<u16>,
    /// The same, by TLS.
    pub crc_tls: Option<u16>,
    /// The port for IRC clients.
    pub irc: Option<u16>,
    /// The same, by TLS.
    pub irc_tls: Option<u16>,
    /// The port for users and servers of legacy IRC.
    pub legacy: Option<u16>,
}

/// The protocol that belongs to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Crc,
    Text(TextProtocol),
}

/// A protocol that does not belong to the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Crc,
    Irc,
    Http,
    Tls,
    /// The header of a proxy, which hides who the peer is.
    Proxy,
    Ssh,
}

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// They are too few.
    Undecided,
    /// They are left to the protocol of the port.
    Expected,
    /// They begin another protocol.
    Other(Other),
}

/// Judges the first bytes of a peer.
pub(crate) fn judge(bytes: &[u8], expected: Expected) -> FirstBytes {
    let bytes = &bytes[..bytes.len().min(BYTES_MAX)];
    let judged = match (bytes, expected) {
        ([], _) => FirstBytes::Undecided,
        ([first, ..], _) if first.is_ascii_alphabetic() => judge_text(bytes),
        ([TLS_HANDSHAKE], _) => FirstBytes::Undecided,
        ([TLS_HANDSHAKE, TLS_MAJOR, ..], _) => FirstBytes::Other(Other::Tls),
        _ if bytes.starts_with(&PROXY_V2) => FirstBytes::Other(Other::Proxy),
        _ if PROXY_V2.starts_with(bytes) => FirstBytes::Undecided,
        (_, Expected::Crc) => FirstBytes::Expected,
        (_, Expected::Text(_)) => judge_registration(bytes),
    };
    match (judged, expected) {
        (FirstBytes::Other(Other::Irc), Expected::Text(_))
        | (FirstBytes::Other(Other::Crc), Expected::Crc) => FirstBytes::Expected,
        _ => judged,
    }
}

/// Whether a registration of CRC begins, where no frame is expected.
fn judge_registration(bytes: &[u8]) -> FirstBytes {
    let kind = bytes.first().and_then(|kind| Kind::from_byte(*kind));
    if !kind.is_some_and(Kind::is_registration) {
        return FirstBytes::Expected;
    }
    let Some([_, source @ .., _, _, _, _, name, _, _]) = bytes.get(..REGISTRATION_BYTES) else {
        return FirstBytes::Undecided;
    };
    match source.iter().any(|byte| *byte != 0) && *name != 0 {
        true => FirstBytes::Other(Other::Crc),
        false => FirstBytes::Expected,
    }
}

/// Whether a request of HTTP or a line of IRC begins. The first byte is a letter.
fn judge_text(bytes: &[u8]) -> FirstBytes {
    let end = bytes.iter().position(|byte| !byte.is_ascii_alphabetic());
    let Some(end) = end else {
        return match may_become_known(bytes) {
            true => FirstBytes::Undecided,
            false => FirstBytes::Expected,
        };
    };
    let (word, rest) = bytes.split_at(end);
    let [separator, target @ ..] = rest else {
        return FirstBytes::Undecided;
    };
    if *separator == b' ' && METHODS.iter().any(|method| method.as_bytes() == word) {
        let judged = match word {
            b"CONNECT" => judge_authority(target),
            _ => judge_target(target),
        };
        if judged != FirstBytes::Expected {
            return judged;
        }
    }
    match (word, separator) {
        (word, b' ') if word == PROXY_V1.as_bytes() => return FirstBytes::Other(Other::Proxy),
        (word, b'-') if word == SSH.as_bytes() => return FirstBytes::Other(Other::Ssh),
        _ => {}
    }
    let is_verb = Verb::new(word).is_some()
        || MORE_VERBS
            .iter()
            .any(|verb| verb.as_bytes().eq_ignore_ascii_case(word));
    match separator {
        b' ' | b'\r' | b'\n' if is_verb => FirstBytes::Other(Other::Irc),
        _ => FirstBytes::Expected,
    }
}

/// Whether more letters may make a known word of these.
fn may_become_known(letters: &[u8]) -> bool {
    let begins = |word: &str| {
        let begin = word.as_bytes().get(..letters.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(letters))
    };
    let verbs = Verb::ALL.iter().map(|verb| verb.as_str());
    let words = METHODS.into_iter().chain(MORE_VERBS);
    verbs.chain(words).chain([PROXY_V1, SSH]).any(begins)
}

/// Whether the target of a request begins: a path, `*` or a URL. The commands of IRC that are
/// spelled like a method have none.
fn judge_target(target: &[u8]) -> FirstBytes {
    const URLS: [&[u8]; 2] = [b"http:", b"https:"];
    match target {
        [] => FirstBytes::Undecided,
        [b'/' | b'*', ..] => FirstBytes::Other(Other::Http),
        _ if URLS.iter().any(|url| target.starts_with(url)) => FirstBytes::Other(Other::Http),
        _ if URLS.iter().any(|url| url.starts_with(target)) => FirstBytes::Undecided,
        _ => FirstBytes::Expected,
    }
}

/// Whether the target of CONNECT begins: HTTP has `HOST:PORT`, and IRC the name of a server.
fn judge_authority(target: &[u8]) -> FirstBytes {
    let end = target
        .iter()
        .position(|byte| matches!(byte, b':' | b' ' | b'\r' | b'\n'));
    match (target, end) {
        ([b'[', ..], _) => FirstBytes::Other(Other::Http),
        (_, Some(end)) if end > 0 && target[end] == b':' => FirstBytes::Other(Other::Http),
        (_, None) if target.len() < BYTES_MAX - "CONNECT ".len() => FirstBytes::Undecided,
        _ => FirstBytes::Expected,
    }
}

// The answer.

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Other::Crc => "CRC",
            Other::Irc => "IRC",
            Other::Http => "HTTP",
            Other::Tls => "TLS",
            Other::Proxy => "the PROXY protocol",
            Other::Ssh => "SSH",
        })
    }
}

/// What this port is for, and which one the peer looks for: for the peer and for the log.
/// `by_tls` says whether the peer has come by TLS.
pub(crate) fn advice(other: Other, expected: Expected, by_tls: bool, ports: &Ports) -> String {
    let here = match expected {
        Expected::Crc => "CRC clients and servers",
        Expected::Text(TextProtocol::Irc) => "IRC clients",
        Expected::Text(TextProtocol::Legacy) => "legacy IRC",
    };
    let (plain, tls) = match (other, expected) {
        (Other::Crc, _) => (ports.crc, ports.crc_tls),
        (Other::Irc, _) => (ports.irc, ports.irc_tls),
        (Other::Tls, Expected::Crc) => (None, ports.crc_tls),
        (Other::Tls, Expected::Text(TextProtocol::Irc)) => (None, ports.irc_tls),
        (Other::Tls, Expected::Text(TextProtocol::Legacy))
        | (Other::Http | Other::Proxy | Other::Ssh, _) => (None, None),
    };
    let how = match other {
        Other::Tls if !by_tls => ", without TLS",
        Other::Proxy => ", without that protocol (see --proxy-protocol)",
        _ => "",
    };
    let name = match other {
        Other::Tls => "TLS".to_owned(),
        other => format!("{other} by TLS"),
    };
    let plain = plain.map(|port| format!("; {other} is on port {port}"));
    let tls = tls.map(|port| format!("; {name} is on port {port}"));
    let right = if by_tls { tls.or(plain) } else { plain.or(tls) };
    format!("a port for {here}{how}{}", right.unwrap_or_default())
}

/// Says to a peer what a port is for, in its own protocol. What stands behind a proxy speaks that
/// of the port.
pub(crate) fn answer(other: Other, expected: Expected, advice: &str, own_id: HostId) -> Vec<u8> {
    let text = format!("This is {advice}");
    match (other, expected) {
        (Other::Irc, _) | (Other::Proxy, Expected::Text(_)) => error_line(&text),
        (Other::Tls, _) => TLS_ALERT.to_vec(),
        (Other::Http, _) => http_answer(&format!("{text}, not a web server.")),
        (Other::Crc, _) | (Other::Proxy, Expected::Crc) => status(&text, own_id),
        (Other::Ssh, _) => format!("{text}\r\n").into_bytes(),
    }
}

/// What a peer gets that has sent these bytes, without TLS, to a port with it: in its own protocol,
/// if that is one of this server's or HTTP. `protocol`: that of the port, if it is one of text.
#[must_use]
pub fn plaintext_answer(bytes: &[u8], protocol: Option<TextProtocol>, own_id: HostId) -> Vec<u8> {
    let how = match protocol {
        None => "connect with tls://HOST:PORT",
        Some(_) => "turn on TLS in your client",
    };
    let text = format!("This port speaks TLS: {how}, or use another port");
    let expected = protocol.map_or(Expected::Crc, Expected::Text);
    match (judge(bytes, expected), judge_registration(bytes)) {
        (FirstBytes::Other(Other::Http), _) => http_answer(&format!("{text}.")),
        (_, FirstBytes::Other(Other::Crc)) => status(&text, own_id),
        _ if protocol.is_some() => error_line(&text),
        _ => format!("{text}\r\n").into_bytes(),
    }
}

fn error_line(text: &str) -> Vec<u8> {
    format!("ERROR :{text}\r\n").into_bytes()
}

fn http_answer(text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}\n",
        text.len() + 1
    )
    .into_bytes()
}

fn status(text: &str, own_id: HostId) -> Vec<u8> {
    Message::Status(Status {
        source: Some(own_id),
        destination: None,
        code: StatusCode::NOT_PERMITTED,
        text: Text::truncated(text),
    })
    .to_vec()
}

#[cfg(test)]
mod tests {
    use crc_wire::{Info, Name, Registration};
    use proptest::prelude::*;

    use super::*;

    const CRC: Expected = Expected::Crc;
    const IRC: Expected = Expected::Text(TextProtocol::Irc);
    const LEGACY: Expected = Expected::Text(TextProtocol::Legacy);

    fn registration(is_server: bool, id: u32, name: &str, info: &str) -> Vec<u8> {
        let registration = Registration {
            source: HostId::new(id).unwrap(),
            last_hop: None,
            name: Name::new(name.to_owned()).unwrap(),
            info: Info::new(info.to_owned()).unwrap(),
        };
        match is_server {
            true => Message::ServerRegistration(registration).to_vec(),
            false => Message::ClientRegistration(registration).to_vec(),
        }
    }

    /// What the bytes begin, judged whole and byte by byte.
    fn judge_both(bytes: &[u8], expected: Expected) -> FirstBytes {
        let mut prefixes = (1..=bytes.len()).map(|len| judge(&bytes[..len], expected));
        let first = prefixes.find(|judged| *judged != FirstBytes::Undecided);
        let whole = judge(bytes, expected);
        assert_eq!(first.unwrap_or(FirstBytes::Undecided), whole, "{bytes:?}");
        whole
    }

    #[test]
    fn other_protocols_are_recognised() {
        let registration = registration(false, 7, "ann", "");
        for (bytes, other) in [
            (&b"NICK ann\r\n"[..], Other::Irc),
            (b"nick ann", Other::Irc),
            (b"CAP LS 302\r\n", Other::Irc),
            (b"USER a 0 * :A", Other::Irc),
            (b"PASS secret", Other::Irc),
            (b"QUIT\n", Other::Irc),
            (b"SERVER reef 1 :Reef", Other::Irc),
            (b"STARTTLS\r\n", Other::Irc),
            (b"CONNECT reef.example 6667\r\n", Other::Irc),
            (b"TRACE reef\r\n", Other::Irc),
            (b"GET / HTTP/1.1\r\n", Other::Http),
            (b"HEAD /x", Other::Http),
            (b"POST http://reef/ HTTP/1.0\r\n", Other::Http),
            (b"OPTIONS * HTTP/1.1\r\n", Other::Http),
            (b"CONNECT reef.example:443 HTTP/1.1\r\n", Other::Http),
            (b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n", Other::Http),
            (b"TRACE / HTTP/1.1\r\n", Other::Http),
            (b"PRI * HTTP/2.0\r\n", Other::Http),
            (b"\x16\x03\x01\x02\x00\x01", Other::Tls),
            (b"\x16\x03", Other::Tls),
            (&registration, Other::Crc),
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.9 4444 6667\r\nNICK ann\r\n",
                Other::Proxy,
            ),
            (b"PROXY UNKNOWN\r\n", Other::Proxy),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", Other::Proxy),
            (b"SSH-2.0-x\r\n", Other::Ssh),
        ] {
            for expected in [CRC, IRC, LEGACY] {
                let own = match other {
                    Other::Crc => expected == CRC,
                    Other::Irc => expected != CRC,
                    Other::Http | Other::Tls | Other::Proxy | Other::Ssh => false,
                };
                let judged = match own {
                    true => FirstBytes::Expected,
                    false => FirstBytes::Other(other),
                };
                assert_eq!(judge_both(bytes, expected), judged, "{bytes:?}");
            }
        }
    }

    #[test]
    fn what_is_not_clear_is_left_to_the_port() {
        for bytes in [
            &b"hello\r\n"[..],
            b"GET\r\n",
            b"GET x\r\n",
            b"get / HTTP/1.1",
            b"GETAWAY /",
            b"NICKS ann",
            b"PROXYING x\r\n",
            b"SSH x\r\n",
            b"\r\n\r\nNICK ann\r\n",
            b"\r\n\r\n\0\r\nQUIT :x\r\n",
            b":ann NICK bob",
            b"@a=b NICK bob",
            b"\r\nNICK ann",
            b"\x15\x03\x01",
            b"\x16\x02",
            b"\xff\xff",
            b"\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0",
            // Registrations of no host and without a name.
            &[0; 20],
            b"\x80\0\0\0\x01\0\0\0\0\0\0\0",
        ] {
            for expected in [IRC, LEGACY, CRC] {
                assert_eq!(
                    judge_both(bytes, expected),
                    FirstBytes::Expected,
                    "{bytes:?}"
                );
            }
        }
    }

    #[test]
    fn the_answer_names_the_right_port() {
        let ports = Ports {
            crc: Some(1),
            crc_tls: Some(2),
            irc: Some(3),
            irc_tls: Some(4),
            legacy: Some(5),
        };
        let none = Ports::default();
        for (other, expected, by_tls, ports, text) in [
            (
                Other::Irc,
                CRC,
                false,
                ports,
                "a port for CRC clients and servers; IRC is on port 3",
            ),
            (
                Other::Irc,
                CRC,
                true,
                ports,
                "a port for CRC clients and servers; IRC by TLS is on port 4",
            ),
            (
                Other::Irc,
                CRC,
                false,
                none,
                "a port for CRC clients and servers",
            ),
            (
                Other::Crc,
                IRC,
                false,
                Ports { crc: None, ..ports },
                "a port for IRC clients; CRC by TLS is on port 2",
            ),
            (
                Other::Tls,
                IRC,
                false,
                ports,
                "a port for IRC clients, without TLS; TLS is on port 4",
            ),
            (Other::Http, LEGACY, false, ports, "a port for legacy IRC"),
            (
                Other::Proxy,
                IRC,
                false,
                ports,
                "a port for IRC clients, without that protocol (see --proxy-protocol)",
            ),
            (
                Other::Ssh,
                CRC,
                false,
                ports,
                "a port for CRC clients and servers",
            ),
        ] {
            assert_eq!(advice(other, expected, by_tls, &ports), text);
        }
    }

    #[test]
    fn the_answer_is_in_the_protocol_of_the_peer() {
        let id = HostId::new(1).unwrap();
        let of = |other| answer(other, CRC, "a port for X", id);
        assert_eq!(of(Other::Irc), b"ERROR :This is a port for X\r\n");
        assert_eq!(of(Other::Tls), [0x15, 3, 3, 0, 2, 2, 40]);
        let http = String::from_utf8(of(Other::Http)).unwrap();
        let (head, body) = http.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        assert!(head.contains("\r\nConnection: close"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert_eq!(body, "This is a port for X, not a web server.\n");
        let status = of(Other::Crc);
        assert_eq!(status[..1], [1]);
        assert_eq!(status[9..11], [0x01, 0x07]);
        assert!(status.ends_with(b"This is a port for X"));
        // The client behind the proxy reads it.
        assert_eq!(of(Other::Proxy), status);
        let line = answer(Other::Proxy, IRC, "a port for X", id);
        assert_eq!(line, of(Other::Irc));
        assert_eq!(of(Other::Ssh), b"This is a port for X\r\n");
    }

    #[test]
    fn a_peer_without_tls_is_answered_in_its_protocol() {
        let id = HostId::new(1).unwrap();
        let registration = registration(true, 7, "reef", "");
        for (protocol, text) in [
            (
                None,
                "This port speaks TLS: connect with tls://HOST:PORT, or use another port",
            ),
            (
                Some(TextProtocol::Irc),
                "This port speaks TLS: turn on TLS in your client, or use another port",
            ),
        ] {
            let of = |bytes: &[u8]| plaintext_answer(bytes, protocol, id);
            let line = match protocol {
                None => format!("{text}\r\n"),
                Some(_) => format!("ERROR :{text}\r\n"),
            };
            for bytes in [
                &b"NICK ann\r\n"[..],
                b"hello",
                b"N",
                b"\xff",
                b"SSH-2.0-x\r\n",
            ] {
                assert_eq!(of(bytes), line.as_bytes(), "{bytes:?}");
            }
            let status = of(&registration);
            assert_eq!(status[9..11], [0x01, 0x07]);
            assert!(status.ends_with(text.as_bytes()));
            let http = String::from_utf8(of(b"GET / HTTP/1.1\r\n\r\n")).unwrap();
            assert!(http.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{http}");
            assert!(http.ends_with(&format!("\r\n\r\n{text}.\n")), "{http}");
        }
    }

    proptest! {
        #[test]
        fn a_registration_is_never_misjudged(
            is_server: bool,
            id in 1..=u32::MAX,
            name in "[!-~]{1,64}",
            info in ".{0,40}",
        ) {
            let bytes = registration(is_server, id, &name, &info);
            prop_assert_eq!(judge_both(&bytes, CRC), FirstBytes::Expected);
            prop_assert_eq!(judge(&bytes[..1], CRC), FirstBytes::Expected);
            prop_assert_eq!(judge_both(&bytes, IRC), FirstBytes::Other(Other::Crc));
        }

        #[test]
        fn a_line_of_irc_is_never_misjudged(
            verb in 0..Verb::ALL.len(),
            is_small: bool,
            params in proptest::collection::vec("[a-zA-Z#*/][a-zA-Z0-9._#*/-]{0,20}", 0..4),
            text in proptest::option::of(".{0,30}"),
        ) {
            let verb = Verb::ALL[verb].as_str();
            // A path or an asterisk behind a word that is also a method makes a request.
            let is_method = METHODS.contains(&verb);
            let params = params.iter().map(|param| match is_method {
                true => param.trim_start_matches(['/', '*']),
                false => param,
            });
            let params: String = params
                .filter(|param| !param.is_empty())
                .map(|param| format!(" {param}"))
                .collect();
            let text = text.map_or(String::new(), |text| format!(" :{}", text.replace(['\r', '\n'], "")));
            let verb = if is_small { verb.to_lowercase() } else { verb.to_owned() };
            let line = format!("{verb}{params}{text}\r\n");
            for expected in [IRC, LEGACY] {
                prop_assert_eq!(judge_both(line.as_bytes(), expected), FirstBytes::Expected);
            }
            prop_assert_eq!(judge_both(line.as_bytes(), CRC), FirstBytes::Other(Other::Irc));
        }

        #[test]
        fn any_bytes_are_judged_once_and_soon(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for expected in [CRC, IRC, LEGACY] {
                judge_both(&bytes, expected);
                if bytes.len() >= BYTES_MAX {
                    prop_assert_ne!(judge(&bytes, expected), FirstBytes::Undecided);
                }
            }
        }

        #[test]
        fn letters_wait_only_for_a_known_word(bytes in "[A-Z]{1,20}( [a-z]{0,300})?") {
            for expected in [CRC, IRC] {
                judge_both(bytes.as_bytes(), expected);
                if bytes.len() > 16 && !bytes.starts_with("CONNECT ") {
                    prop_assert_ne!(judge(bytes.as_bytes(), expected), FirstBytes::Undecided);
                }
            }
        }
    }
}
