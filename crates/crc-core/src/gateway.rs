//! Gateways: programs that connect for users of IRC, and say by WEBIRC for whom. The
//! configuration, and what such a line says; `irc/webirc.rs` handles it.

use core::net::{IpAddr, SocketAddr};

use crc_machine::Fingerprint;
use ipnet::IpNet;
use irc_wire::{Message, text};

use crate::operator::PasswordHash;

/// The most bytes of a gateway's name.
pub const GATEWAY_NAME_BYTES_MAX: usize = 32;

/// A gateway that may connect for users of IRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The name: a word of up to [`GATEWAY_NAME_BYTES_MAX`] bytes.
    pub name: Box<str>,
    /// The networks from which it connects.
    pub from: Vec<IpNet>,
    /// The hash of its password; `None` if the certificate is enough.
    pub password: Option<PasswordHash>,
    /// The certificate that it must show; `None` if the password is enough.
    pub certificate: Option<Fingerprint>,
}

impl GatewayConfig {
    /// Whether it connects from this address.
    pub(crate) fn is_at(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.from.iter().any(|network| network.contains(&ip))
    }
}

/// What a line `WEBIRC PASSWORD GATEWAY HOSTNAME IP [:OPTIONS]` says of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WebircUser {
    /// Its address. The port is 0 if the gateway does not say it.
    pub(crate) peer: SocketAddr,
    /// Whether it has reached the gateway by TLS, as the gateway says.
    pub(crate) is_secure: bool,
}

/// Why a line says nothing of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebircError {
    #[error("the line is not WEBIRC PASSWORD GATEWAY HOSTNAME IP")]
    Incomplete,
    #[error("the fourth parameter is not the IP address of a user")]
    NotAnAddress,
}

impl WebircUser {
    /// Reads a line.
    pub(crate) fn parse(line: &Message<'_>) -> Result<WebircUser, WebircError> {
        let address = line.params.get(3).ok_or(WebircError::Incomplete)?;
        let address = text::utf8_or_latin1(address);
        // `::1` loses its first colon, because that begins the last parameter, and then the
        // options are in the same parameter.
        let (address, more) = address.split_once(' ').unwrap_or((&address, ""));
        let more = more.strip_prefix(':').unwrap_or(more);
        let ip: Option<IpAddr> = match address.parse() {
            Err(_) if address.starts_with(':') => format!(":{address}").parse().ok(),
            parsed => parsed.ok(),
        };
        let ip = ip.ok_or(WebircError::NotAnAddress)?.to_canonical();
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(WebircError::NotAnAddress);
        }
        let options = text::utf8_or_latin1(line.params.get(4).unwrap_or_default());
        let options = more.split(' ').chain(options.split(' '));
        let (mut is_secure, mut port) = (false, 0);
        for option in options {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "secure" => is_secure = true,
                "remote-port" => port = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        Ok(WebircUser {
            peer: SocketAddr::new(ip, port),
            is_secure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(String, bool), WebircError> {
        let message = Message::parse(line.as_bytes()).unwrap();
        let user = WebircUser::parse(&message)?;
        Ok((user.peer.to_string(), user.is_secure))
    }

    #[test]
    fn a_line_says_where_the_user_is() {
        for (line, peer, is_secure) in [
            ("h 198.51.100.3", "198.51.100.3:0", false),
            ("h :198.51.100.3", "198.51.100.3:0", false),
            ("h 2001:DB8::3", "[2001:db8::3]:0", false),
            ("h 0::1", "[::1]:0", false),
            // The first colon of the address begins the last parameter.
            ("h ::1", "[::1]:0", false),
            ("h ::1 secure", "[::1]:0", true),
            ("h ::1 :secure", "[::1]:0", true),
            ("h ::1 :remote-port=7 secure", "[::1]:7", true),
            ("h ::2 remote-port=7 secure=x", "[::2]:7", true),
            ("h :::1", "[::1]:0", false),
            ("h ::ffff:198.51.100.3", "198.51.100.3:0", false),
            ("h 198.51.100.3 secure", "198.51.100.3:0", true),
            ("h 198.51.100.3 :secure=example", "198.51.100.3:0", true),
            (
                "h 198.51.100.3 :insecure local-port=1",
                "198.51.100.3:0",
                false,
            ),
            (
                "h 198.51.100.3 :secure local-port=6697 remote-port=21726",
                "198.51.100.3:21726",
                true,
            ),
            ("h 198.51.100.3 remote-port=65536", "198.51.100.3:0", false),
            ("h 198.51.100.3 :  ", "198.51.100.3:0", false),
        ] {
            let read = parse(&format!("WEBIRC pass kiwi {line}"));
            assert_eq!(read, Ok((peer.to_owned(), is_secure)), "{line:?}");
        }
    }

    proptest::proptest! {
        /// Any address of a user is read as it is, however a gateway writes it.
        #[test]
        fn any_address_is_read(ip: IpAddr, is_last: bool, has_zero: bool, port: u16) {
            let ip = ip.to_canonical();
            proptest::prop_assume!(!ip.is_unspecified() && !ip.is_multicast());
            let mut text = ip.to_string();
            if has_zero && text.starts_with(':') {
                text.insert(0, '0');
            }
            let (line, port) = match is_last {
                true => (format!("h {text}"), 0),
                false => (format!("h {text} :x remote-port={port}"), port),
            };
            let read = parse(&format!("WEBIRC pass kiwi {line}"));
            let peer = SocketAddr::new(ip, port).to_string();
            proptest::prop_assert_eq!(read, Ok((peer, false)));
        }

        #[test]
        fn any_line_is_read_or_refused(line: Vec<u8>) {
            let line = [b"WEBIRC a b c ", &line[..]].concat();
            if let Ok(message) = Message::parse(&line) {
                let _ = WebircUser::parse(&message);
            }
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        use WebircError::{Incomplete, NotAnAddress};
        for (line, error) in [
            ("", Incomplete),
            ("h", Incomplete),
            ("h :", NotAnAddress),
            ("h example.com", NotAnAddress),
            ("h 198.51.100", NotAnAddress),
            ("h 198.51.100.3:80", NotAnAddress),
            ("h 198.51.100.0/24", NotAnAddress),
            ("h [2001:db8::3]", NotAnAddress),
            ("h fe80::1%eth0", NotAnAddress),
            ("h 0.0.0.0", NotAnAddress),
            ("h ::", NotAnAddress),
            ("h 224.0.0.1", NotAnAddress),
            ("h ff02::1", NotAnAddress),
            ("h : 198.51.100.3", NotAnAddress),
        ] {
            let read = parse(&format!("WEBIRC pass kiwi {line}"));
            assert_eq!(read, Err(error), "{line:?}");
        }
    }
}
