//! The addresses that a program listens on.

use std::net::{SocketAddr, ToSocketAddrs};

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

/// Parses `ADDRESS:PORT`, for a clap `value_parser`. A host name is looked up once,
/// now, and its first address is taken.
///
/// # Errors
///
/// [`ListenAddressError`] when there is no port or no such host.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, ListenAddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mut found = text
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
        for text in ["", "33300", "127.0.0.1", "localhost", "::1"] {
            let error = parse_listen_address(text).unwrap_err();
            assert_eq!(error, ListenAddressError::Invalid, "{text}");
        }
    }
}
