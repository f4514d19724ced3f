//! The target `proxy_header`: any bytes as the header of a proxy.

use crc_net::{PROXY_HEADER_BYTES_MAX, ProxyHeader, parse_proxy_header};

/// Parses any bytes as the header of a proxy.
///
/// Cut at any place they give the same header or error as whole; no header is longer than the
/// limit, and as many bytes as that decide.
///
/// # Panics
///
/// When that is not so.
pub fn proxy_header(bytes: &[u8]) {
    let whole = parse_proxy_header(bytes);
    let mut is_decided = false;
    for len in 0..=bytes.len() {
        let parsed = parse_proxy_header(&bytes[..len]);
        let is_incomplete = parsed == Ok(ProxyHeader::Incomplete);
        assert!(!(is_decided && is_incomplete), "it is decided once");
        is_decided |= !is_incomplete;
        if is_decided {
            assert_eq!(parsed, whole);
        } else {
            assert!(len < PROXY_HEADER_BYTES_MAX, "so many bytes decide");
        }
        if let Ok(ProxyHeader::Complete { bytes, .. }) = parsed {
            assert!(bytes <= len && bytes <= PROXY_HEADER_BYTES_MAX);
        }
    }
}
