//! HTTP requests and responses: one of each on a connection.

use crc_core::{CloseWhen, LinkId, Outbox};

use super::metrics;

/// How long the head of a request may be.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How many headers it may have.
const HEADERS_MAX: usize = 64;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    State,
    Health,
    Ready,
    Metrics,
}

pub(super) type Request = (Method, Page);

/// Why a request gets no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpError {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    Timeout,
    TooLarge,
}

impl HttpError {
    pub(super) fn response(self) -> Response<'static> {
        let (status, body) = match self {
            HttpError::BadRequest => ("400 Bad Request", "not an HTTP request\n"),
            HttpError::NotFound => (
                "404 Not Found",
                "not found; try /state, /healthz, /readyz or /metrics\n",
            ),
            HttpError::MethodNotAllowed => (
                "405 Method Not Allowed",
                "method not allowed; use GET or HEAD\n",
            ),
            HttpError::Timeout => ("408 Request Timeout", "request timeout\n"),
            HttpError::TooLarge => (
                "431 Request Header Fields Too Large",
                "request head too large\n",
            ),
        };
        Response::text(status, body)
    }
}

/// The method of a request, as far as it has arrived. A response to HEAD has no body,
/// whatever else is wrong with the request.
pub(super) fn method_of(bytes: &[u8]) -> Method {
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = bytes.iter().take_while(|byte| blank(byte)).count();
    match bytes.get(start..).unwrap_or_default() {
        [b'H', b'E', b'A', b'D', b' ', ..] => Method::Head,
        _ => Method::Get,
    }
}

/// The path of a request's target, which may be a whole URL. It ends before a query.
fn path_of(target: &str) -> &str {
    let after_scheme = ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let path = match after_scheme {
        Some(url) => url.find(['/', '?', '#']).and_then(|at| url.get(at..)),
        None => Some(target),
    };
    path.and_then(|path| path.split(['?', '#']).next())
        .unwrap_or_default()
}

/// Parses the head of a request. `Ok(None)` when it is incomplete.
pub(super) fn parse_request(bytes: &[u8]) -> Result<Option<Request>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < REQUEST_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(HttpError::TooLarge);
        }
        Err(_) => return Err(HttpError::BadRequest),
    }
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => return Err(HttpError::MethodNotAllowed),
    };
    let page = match path_of(request.path.unwrap_or_default()) {
        "/state" => Page::State,
        "/healthz" => Page::Health,
        "/readyz" => Page::Ready,
        "/metrics" => Page::Metrics,
        _ => return Err(HttpError::NotFound),
    };
    Ok(Some((method, page)))
}

#[derive(Debug)]
pub(super) struct Response<'a> {
    status: &'static str,
    content_type: &'static str,
    body: &'a str,
}

impl<'a> Response<'a> {
    pub(super) fn text(status: &'static str, body: &'a str) -> Self {
        Response {
            status,
            content_type: TEXT,
            body,
        }
    }

    pub(super) fn json(body: &'a str) -> Self {
        Response {
            status: "200 OK",
            content_type: JSON,
            body,
        }
    }

    pub(super) fn metrics(body: &'a str) -> Self {
        Response {
            status: "200 OK",
            content_type: metrics::CONTENT_TYPE,
            body,
        }
    }

    /// Sends the response and closes the link behind it.
    pub(super) fn send<N>(&self, link: LinkId, method: Method, out: &mut Outbox<N>) {
        let Response {
            status,
            content_type,
            body,
        } = self;
        let allow = if status.starts_with("405") {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let body = match method {
            Method::Get => body.as_bytes(),
            Method::Head => &[],
        };
        out.bound(link, head.len() + body.len());
        let response = out.store(|arena| {
            arena.extend_from_slice(head.as_bytes());
            arena.extend_from_slice(body);
        });
        out.send_stored(link, response);
        out.close(link, CloseWhen::Flushed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_parsed_or_refused() {
        let long = [b"GET / HTTP/1.1\r\nX: ", &[b'x'; REQUEST_BYTES_MAX][..]].concat();
        for (request, parsed) in [
            (&b"GET /sta"[..], Ok(None)),
            (
                b"HEAD /healthz HTTP/1.0\r\n\r\n",
                Ok(Some((Method::Head, Page::Health))),
            ),
            (
                b"GET /metrics?x=y HTTP/1.1\r\nHost: x\r\n\r\n",
                Ok(Some((Method::Get, Page::Metrics))),
            ),
            (b"GET / HTTP/1.1\r\n\r\n", Err(HttpError::NotFound)),
            (
                b"GET http://host/healthz HTTP/1.1\r\nHost: host\r\n\r\n",
                Ok(Some((Method::Get, Page::Health))),
            ),
            (
                b"HEAD HTTP://[::1]:80/state?a=/b HTTP/1.1\r\n\r\n",
                Ok(Some((Method::Head, Page::State))),
            ),
            (
                b"GET http://host HTTP/1.1\r\n\r\n",
                Err(HttpError::NotFound),
            ),
            (
                b"GET http://host?/healthz HTTP/1.1\r\n\r\n",
                Err(HttpError::NotFound),
            ),
            (
                b"OPTIONS * HTTP/1.1\r\n\r\n",
                Err(HttpError::MethodNotAllowed),
            ),
            (
                b"POST /state HTTP/1.1\r\n\r\n",
                Err(HttpError::MethodNotAllowed),
            ),
            (
                b"\x80\x00\x00\x00\x65\x00\x00\x00\x00",
                Err(HttpError::BadRequest),
            ),
            (b"GET\r\n\r\n", Err(HttpError::BadRequest)),
            (&long, Err(HttpError::TooLarge)),
        ] {
            assert_eq!(parse_request(request), parsed);
        }
    }

    #[test]
    fn head_is_known_before_the_request_is_whole() {
        assert_eq!(method_of(b"\r\nHEAD /x"), Method::Head);
        for bytes in [&b""[..], b"HEAD", b"GET /", b"HEADS /", b"head /"] {
            assert_eq!(method_of(bytes), Method::Get, "{bytes:?}");
        }
    }
}
