//! HTTP requests and responses: one of each on a connection.

use crc_core::{CloseWhen, LinkId, Outbox};

/// How long the head of a request may be.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How many headers it may have.
const HEADERS_MAX: usize = 64;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    State,
    Health,
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
                "not found; try /state, /healthz or /metrics\n",
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
    let path = request.path.unwrap_or_default();
    let page = match path.split(['?', '#']).next() {
        Some("/state") => Page::State,
        Some("/healthz") => Page::Health,
        Some("/metrics") => Page::Metrics,
        _ => return Err(HttpError::NotFound),
    };
    match request.method {
        Some("GET") => Ok(Some((Method::Get, page))),
        Some("HEAD") => Ok(Some((Method::Head, page))),
        _ => Err(HttpError::MethodNotAllowed),
    }
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
            content_type: METRICS,
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
}
