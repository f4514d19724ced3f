//! What speaks another protocol than the port that it connects to: how it is recognised, and what
//! it is told.

use core::fmt;

/// A protocol that is not the port's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// The handshake of TLS.
    Tls,
    /// A request of HTTP.
    Http,
    /// A line of IRC.
    Irc,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Foreign::Tls => {
                "it speaks TLS, and this port does not (see --listen-tls and --irc-tls)"
            }
            Foreign::Http => "it speaks HTTP, and this port does not (see --admin)",
            Foreign::Irc => "it speaks IRC, and this port does not (see --irc)",
        })
    }
}

/// The first words of IRC clients and servers.
const IRC_WORDS: [&[u8]; 5] = [b"CAP ", b"NICK ", b"PASS ", b"USER ", b"SERVER "];

/// The first words of HTTP.
const HTTP_WORDS: [&[u8]; 5] = [b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"CONNECT "];

impl Foreign {
    /// The protocol of a stream that begins like this, if it is one of these.
    pub(crate) fn of_beginning(bytes: &[u8]) -> Option<Foreign> {
        let begins = |words: &[&[u8]]| words.iter().any(|word| bytes.starts_with(word));
        match bytes {
            // A record of a handshake, of any version.
            [22] | [22, 3, ..] => Some(Foreign::Tls),
            _ if begins(&HTTP_WORDS) => Some(Foreign::Http),
            _ if begins(&IRC_WORDS) => Some(Foreign::Irc),
            _ => None,
        }
    }

    /// What a peer at the port of the binary protocol is told, in its own protocol.
    pub(crate) const fn answer(self) -> &'static [u8] {
        match self {
            Foreign::Tls => {
                b"This port does not speak TLS: connect without it, or to another port\r\n"
            }
            Foreign::Http => {
                b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
                  This is a port of a relay chat server, which does not speak HTTP\r\n"
            }
            Foreign::Irc => {
                b"ERROR :This port is for CRC clients: connect to the server's port for IRC\r\n"
            }
        }
    }
}
