//! The smallest HTTP that reads an admin page.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one step of an exchange may take.
const STEP: Duration = Duration::from_secs(5);

/// More than any page of ours has; a runaway answer ends here.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 when all is well.
    pub status: u16,
    /// The header lines, without the status line.
    pub headers: String,
    /// What follows them.
    pub body: String,
}

/// Fetches `path` from the server at `address`.
///
/// # Errors
///
/// What the socket says, or [`io::ErrorKind::InvalidData`] when the answer is
/// no HTTP.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, STEP)?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    // In one write: some of those who read this take a request apart badly.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(BYTES_MAX).read_to_end(&mut bytes)?;
    parse(bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"))
}

fn parse(bytes: Vec<u8>) -> Option<Answer> {
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    for header in headers.split("\r\n") {
        let Some((name, value)) = header.split_once(':') else {
            continue;
        };
        // A page that was cut is none. (`transfer-encoding` is not spoken here.)
        if name.eq_ignore_ascii_case("content-length") && value.trim().parse() != Ok(body.len()) {
            return None;
        }
    }
    Some(Answer {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_falls_into_its_parts() {
        let answer =
            parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nok".to_vec()).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers, "Content-Length: 2\r\nA: b");
        assert_eq!(answer.body, "ok");
    }

    #[test]
    fn what_is_cut_or_no_http_is_refused() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"[..],
            b"HTTP/1.1 200 OK\r\n",
            b"hello\r\n\r\n",
            b"",
        ] {
            assert_eq!(parse(bytes.to_vec()), None);
        }
    }
}
