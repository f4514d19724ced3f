//! The addresses that a program listens on.

use std::net::{SocketAddr, ToSocketAddrs};

use crc_machine::split_host_port;

/// Why a text is not the address of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// It has no port, or its host is unknown.
    #[error("expected ADDRESS:PORT, for example 127.0.0.1:33300 or [::]:33300")]
    Invalid,
    /// Its host is a name without an address.
    #[error("the name has no address")]
    NoAddress,
}

/// Parses `ADDRESS:PORT`, for a clap `value_parser`. An IPv6 address may have a scope
/// (`[fe80::1%eth0]:33300`). A host name is looked up once, now, and its first address is
/// taken.
///
/// # Errors
///
/// [`ListenAddressError`] when there is no port or no such host.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, ListenAddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // The lookup knows the scope of `fe80::1%lo`, but no brackets.
    let host_port = split_host_port(text).ok_or(ListenAddressError::Invalid)?;
    let mut found = host_port
        .to_socket_addrs()
        .map_err(|_| ListenAddressError::Invalid)?;
    found.next().ok_or(ListenAddressError::NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        for text in ["127.0.0.1:0", "[::]:33300", "localhost:80"] {
            assert!(parse_listen_address(text).is_ok(), "{text}");
        }
        // Link-local addresses are incomplete without their interface.
        for (text, scope_id) in [("[fe80::1%1]:33300", 1), ("[fe80::1%lo]:33300", 1)] {
            let Ok(SocketAddr::V6(address)) = parse_listen_address(text) else {
                panic!("{text} is an IPv6 address");
            };
            assert_eq!((address.scope_id(), address.port()), (scope_id, 33300));
        }
        for text in [
            "",
            "33300",
            "[fe80::1%none]:1",
            "fe80::1%lo:1",
            "[::1]",
            "127.0.0.1",
            "localhost",
            "::1",
        ] {
            let error = parse_listen_address(text).unwrap_err();
            assert_eq!(error, ListenAddressError::Invalid, "{text}");
        }
    }
}
