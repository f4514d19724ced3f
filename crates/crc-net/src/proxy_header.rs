//! The header of the PROXY protocol, by which a proxy says for whom it has connected: version 1, a
//! line of text, and version 2.
//!
//! A pure function of bytes: see <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its line end included.
const V1_BYTES_MAX: usize = 107;

/// The longest header that is accepted: the fixed part of version 2, the longest addresses, and
/// room for TLVs.
pub const PROXY_HEADER_BYTES_MAX: usize = 536;

/// What version 2 begins with.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, the command, the family and the length.
const V2_FIXED_BYTES: usize = 16;

/// What the bytes at the beginning of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The beginning of a header. All of the bytes belong to it.
    Incomplete,
    /// A whole header, of this many bytes.
    Complete {
        /// The length of the header: what is behind it is the peer's.
        bytes: usize,
        /// The peer for whom the proxy has connected; `None` if it has connected for itself, or
        /// does not know the peer.
        peer: Option<SocketAddr>,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// They begin something else.
    #[error("no PROXY header")]
    Missing,
    /// The header is longer than accepted.
    #[error("the PROXY header is too long")]
    TooLong,
    /// The header breaks the rules of its version.
    #[error("invalid PROXY header")]
    Invalid,
    /// The peer is not connected by TCP over IP.
    #[error("the PROXY header is not for a TCP connection")]
    NotTcp,
}

/// Parses the header at the beginning of `bytes`.
///
/// ```
/// use crc_net::{ProxyHeader, parse_proxy_header};
///
/// let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 6667\r\nNICK ann";
/// let peer = "192.0.2.7:50000".parse().ok();
/// let header = ProxyHeader::Complete { bytes: 43, peer };
/// assert_eq!(parse_proxy_header(line), Ok(header));
/// assert_eq!(parse_proxy_header(&line[..42]), Ok(ProxyHeader::Incomplete));
/// ```
///
/// # Errors
///
/// [`ProxyHeaderError`], as soon as no more bytes could make a header of these.
pub fn parse_proxy_header(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    const V1_BEGIN: &[u8] = b"PROXY ";
    let begins = |begin: &[u8]| {
        let len = begin.len().min(bytes.len());
        bytes[..len] == begin[..len]
    };
    if begins(V1_BEGIN) {
        return parse_v1(bytes);
    }
    if begins(V2_SIGNATURE) {
        return parse_v2(bytes);
    }
    Err(ProxyHeaderError::Missing)
}

fn parse_v1(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    let within = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return match bytes.len() < V1_BYTES_MAX {
            true => Ok(ProxyHeader::Incomplete),
            false => Err(ProxyHeaderError::TooLong),
        };
    };
    let line = within[..end].strip_suffix(b"\r");
    let line = line.and_then(|line| core::str::from_utf8(line).ok());
    let line = line.ok_or(ProxyHeaderError::Invalid)?;
    let mut words = line.split(' ').skip(1);
    let family = words.next().ok_or(ProxyHeaderError::Invalid)?;
    let peer = match family {
        // What follows is to be ignored.
        "UNKNOWN" => None,
        "TCP4" | "TCP6" => {
            let peer = v1_addresses(family == "TCP4", words);
            Some(peer.ok_or(ProxyHeaderError::Invalid)?)
        }
        _ => return Err(ProxyHeaderError::Invalid),
    };
    let bytes = end + 1;
    Ok(ProxyHeader::Complete { bytes, peer })
}

/// The source of a line of version 1, of which all words must be valid.
fn v1_addresses<'a>(is_v4: bool, mut words: impl Iterator<Item = &'a str>) -> Option<SocketAddr> {
    let mut ip = || -> Option<IpAddr> {
        let word = words.next()?;
        match is_v4 {
            true => word.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            false => word.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        }
    };
    let (source, _) = (ip()?, ip()?);
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| word.parse().ok())?
    };
    let (source_port, _) = (port()?, port()?);
    let is_end = words.next().is_none();
    is_end.then_some(SocketAddr::new(source, source_port))
}

fn parse_v2(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    if let Some(command) = bytes.get(12)
        && !matches!(*command, LOCAL | PROXY)
    {
        return Err(ProxyHeaderError::Invalid);
    }
    let Some(&[command, family, high, low]) = bytes
        .get(12..V2_FIXED_BYTES)
        .and_then(|fixed| fixed.first_chunk::<4>())
    else {
        return Ok(ProxyHeader::Incomplete);
    };
    let len = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if len > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyHeaderError::TooLong);
    }
    let Some(rest) = bytes.get(V2_FIXED_BYTES..len) else {
        return Ok(ProxyHeader::Incomplete);
    };
    let complete = |peer| ProxyHeader::Complete { bytes: len, peer };
    if command == LOCAL {
        return Ok(complete(None));
    }
    let port = |at: usize| -> Option<u16> {
        let bytes = rest.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_be_bytes(*bytes))
    };
    let peer: Option<SocketAddr> = match family {
        // The proxy does not know the peer.
        0x00 => return Ok(complete(None)),
        0x11 => rest
            .first_chunk::<4>()
            .zip(port(8).filter(|_| rest.len() >= 12))
            .map(|(ip, port)| (Ipv4Addr::from(*ip), port).into()),
        0x21 => rest
            .first_chunk::<16>()
            .zip(port(32).filter(|_| rest.len() >= 36))
            .map(|(ip, port)| (Ipv6Addr::from(*ip), port).into()),
        0x12 | 0x22 | 0x31 | 0x32 => return Err(ProxyHeaderError::NotTcp),
        _ => return Err(ProxyHeaderError::Invalid),
    };
    let peer = peer.ok_or(ProxyHeaderError::Invalid)?;
    Ok(complete(Some(peer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&V2_SIGNATURE[..], &[command, family], &len, rest].concat()
    }

    fn tcp4() -> Vec<u8> {
        v2(
            0x21,
            0x11,
            &[192, 0, 2, 7, 192, 0, 2, 1, 0xc3, 0x50, 0x1a, 0x0b],
        )
    }

    fn tcp6(tlvs: usize) -> Vec<u8> {
        let mut rest = vec![0; 36 + tlvs];
        rest[..2].copy_from_slice(&[0x20, 0x01]);
        rest[15] = 7;
        rest[32..34].copy_from_slice(&[0xc3, 0x50]);
        v2(0x21, 0x21, &rest)
    }

    /// Parses a header whole, with bytes behind it, and byte by byte.
    fn parse(header: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
        let behind = [header, b"\r\nmore"].concat();
        let parsed = parse_proxy_header(&behind);
        let steps = (0..=behind.len()).map(|len| parse_proxy_header(&behind[..len]));
        let mut decided = steps.skip_while(|step| *step == Ok(ProxyHeader::Incomplete));
        assert_eq!(decided.next(), Some(parsed));
        assert!(decided.all(|step| step == parsed), "it stays so");
        match parsed? {
            ProxyHeader::Complete { bytes, peer } => {
                assert_eq!(bytes, header.len());
                Ok(peer)
            }
            ProxyHeader::Incomplete => panic!("incomplete: {header:?}"),
        }
    }

    #[test]
    fn headers_of_both_versions_name_the_peer() {
        let v4 = "192.0.2.7:50000".parse().ok();
        let v6 = "[2001::7]:50000".parse().ok();
        for (header, peer) in [
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 6667\r\n".to_vec(),
                v4,
            ),
            (b"PROXY TCP6 2001::7 2001::1 50000 6667\r\n".to_vec(), v6),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (tcp4(), v4),
            (tcp6(0), v6),
            (tcp6(484), v6),
            (v2(0x20, 0x00, b""), None),
            (v2(0x20, 0x31, &[7; 216]), None),
            (v2(0x21, 0x00, b"tlvs"), None),
        ] {
            assert_eq!(parse(&header), Ok(peer), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        use ProxyHeaderError::{Invalid, Missing, NotTcp, TooLong};
        let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 92], b"\r\n".to_vec()].concat();
        for (header, error) in [
            (b"NICK ann\r\n".to_vec(), Missing),
            (b"PROXIES".to_vec(), Missing),
            (b"\x80\0\0\0".to_vec(), Missing),
            (b"\x16\x03\x01".to_vec(), Missing),
            (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Missing),
            (long, TooLong),
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 6667\n".to_vec(),
                Invalid,
            ),
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 65536\r\n".to_vec(),
                Invalid,
            ),
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 +5 6\r\n".to_vec(), Invalid),
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 5 6 7\r\n".to_vec(),
                Invalid,
            ),
            (b"PROXY TCP4  192.0.2.7 192.0.2.1 5 6\r\n".to_vec(), Invalid),
            (b"PROXY TCP4 2001::7 2001::1 5 6\r\n".to_vec(), Invalid),
            (b"PROXY TCP6 192.0.2.7 192.0.2.1 5 6\r\n".to_vec(), Invalid),
            (b"PROXY TCP4\r\n".to_vec(), Invalid),
            (b"PROXY \r\n".to_vec(), Invalid),
            (b"PROXY UDP4 192.0.2.7 192.0.2.1 5 6\r\n".to_vec(), Invalid),
            (v2(0x22, 0x11, &[0; 12]), Invalid),
            (v2(0x11, 0x11, &[0; 12]), Invalid),
            (v2(0x21, 0x11, &[0; 11]), Invalid),
            (v2(0x21, 0x21, &[0; 35]), Invalid),
            (v2(0x21, 0x41, &[0; 36]), Invalid),
            (v2(0x21, 0x12, &[0; 12]), NotTcp),
            (v2(0x21, 0x31, &[0; 216]), NotTcp),
            (v2(0x21, 0x11, &[0; 521]), TooLong),
        ] {
            assert_eq!(parse(&header), Err(error), "{header:?}");
        }
    }
}
