//! Seeds of the target `proxy_header`: headers of both versions.

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(rest: &[u8]) -> Vec<u8> {
    [SIGNATURE, rest].concat()
}

pub(super) fn proxy_header() -> Vec<(&'static str, Vec<u8>)> {
    let mut tcp6 = v2(b"\x21\x21\0\x28");
    tcp6.extend([7; 40]);
    vec![
        (
            "v1-tcp4",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 6667\r\nNICK ann".to_vec(),
        ),
        (
            "v1-tcp6",
            b"PROXY TCP6 2001:db8::7 2001:db8::1 5 6\r\n".to_vec(),
        ),
        ("v1-unknown", b"PROXY UNKNOWN\r\n".to_vec()),
        ("v1-incomplete", b"PROXY TCP4 192".to_vec()),
        (
            "v2-tcp4",
            v2(b"\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x1a\x0b\x80"),
        ),
        ("v2-tcp6-with-tlv", tcp6),
        ("v2-local", v2(b"\x20\0\0\0")),
        ("v2-unix", v2(b"\x21\x31\0\0")),
        ("v2-too-long", v2(b"\x21\x11\xff\xff")),
        ("none", b"NICK ann\r\n".to_vec()),
    ]
}
