//! The admin page: HTTP in, what the server knows out. Read-only.
//!
//! Sans-IO like the server that it looks at, and in the same loop; so it is kept
//! small in every way. Few connections, a short request each, one answer, and a
//! long answer is written a slice at a time, so that whoever asks for a large
//! directory does not keep the relay waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crc_core::{CloseWhen, LinkId, Outbox, Server, Timestamp};
use crc_net::Stats;

use crate::render::{self, StatePage};

/// How many may ask at the same time; more wait in front of the door, which is
/// another one than the relay's.
pub(crate) const LINKS_MAX: usize = 8;
/// How long a request may take to arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a request may be.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How many headers it may have.
const HEADERS_MAX: usize = 64;
/// How many hosts of a long answer are written in one turn of the loop.
const HOSTS_PER_TURN: usize = 512;

/// The admin page's connections and what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Admin {
    links: BTreeMap<LinkId, Asker>,
    /// Those who wait for a long answer, the first one's being written.
    queue: VecDeque<(LinkId, Method)>,
    page: Option<StatePage>,
    stats: Option<Arc<Stats>>,
    /// When the loop should come back to a long answer.
    again_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Asker {
    /// What of its request has come.
    request: Vec<u8>,
    /// When the rest must have come; `None` once it has been answered.
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Head,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    State,
    Health,
    Metrics,
}

/// Why a request is not answered with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    Timeout,
    TooLarge,
}

type Request = (Method, Page);

impl Admin {
    /// Shows the driver's counters as well.
    pub(crate) fn watch(&mut self, stats: Arc<Stats>) {
        self.stats = Some(stats);
    }

    /// Whether the link is one of ours.
    pub(crate) fn has(&self, link: LinkId) -> bool {
        !self.links.is_empty() && self.links.contains_key(&link)
    }

    pub(crate) fn link_up(&mut self, now: Timestamp, link: LinkId) {
        let until = Some(now + REQUEST_TIME_MAX);
        let request = Vec::new();
        self.links.insert(link, Asker { request, until });
    }

    pub(crate) fn link_down(&mut self, link: LinkId) {
        self.links.remove(&link);
        if self.queue.front().is_some_and(|(first, _)| *first == link) {
            self.page = None;
        }
        self.queue.retain(|(waiting, _)| *waiting != link);
        if self.queue.is_empty() {
            self.again_at = None;
        }
    }

    pub(crate) fn bytes<N>(
        &mut self,
        now: Timestamp,
        link: LinkId,
        bytes: &[u8],
        server: &Server,
        out: &mut Outbox<N>,
    ) {
        let Some(asker) = self.links.get_mut(&link) else {
            return;
        };
        if asker.until.is_none() {
            return;
        }
        asker.request.extend_from_slice(bytes);
        match parse(&asker.request) {
            Ok(None) => {}
            Ok(Some((method, page))) => {
                asker.until = None;
                asker.request = Vec::new();
                self.answer(now, link, (method, page), server, out);
            }
            Err(refusal) => self.refuse(link, refusal, out),
        }
    }

    pub(crate) fn tick<N>(&mut self, now: Timestamp, server: &Server, out: &mut Outbox<N>) {
        let late = |asker: &Asker| asker.until.is_some_and(|until| until <= now);
        let late: Vec<_> = self.links.iter().filter(|(_, asker)| late(asker)).collect();
        let late: Vec<_> = late.into_iter().map(|(link, _)| *link).collect();
        for link in late {
            self.refuse(link, Refusal::Timeout, out);
        }
        if self.again_at.is_some_and(|at| at <= now) {
            self.write_on(now, server, out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let requests = self.links.values().filter_map(|asker| asker.until);
        requests.chain(self.again_at).min()
    }

    fn answer<N>(
        &mut self,
        now: Timestamp,
        link: LinkId,
        (method, page): Request,
        server: &Server,
        out: &mut Outbox<N>,
    ) {
        match page {
            Page::Health => send(link, "200 OK", TEXT, b"ok\n", method, out),
            Page::Metrics => {
                let body = render::metrics(&server.snapshot(), self.stats.as_deref());
                send(link, "200 OK", METRICS, body.as_bytes(), method, out);
            }
            Page::State => {
                self.queue.push_back((link, method));
                if self.queue.len() == 1 {
                    self.write_on(now, server, out);
                }
            }
        }
    }

    /// Writes a slice of the long answer that is in hand. One a turn, however
    /// many wait.
    fn write_on<N>(&mut self, now: Timestamp, server: &Server, out: &mut Outbox<N>) {
        self.again_at = None;
        let Some(&(link, method)) = self.queue.front() else {
            return;
        };
        let snapshot = server.snapshot();
        let page = self.page.get_or_insert_with(|| StatePage::new(&snapshot));
        if page.write(&snapshot, HOSTS_PER_TURN) {
            let body = page.finish(&snapshot, now);
            send(link, "200 OK", JSON, body.as_bytes(), method, out);
            self.page = None;
            self.queue.pop_front();
        }
        if !self.queue.is_empty() {
            self.again_at = Some(now);
        }
    }

    fn refuse<N>(&mut self, link: LinkId, refusal: Refusal, out: &mut Outbox<N>) {
        if let Some(asker) = self.links.get_mut(&link) {
            asker.until = None;
            asker.request = Vec::new();
        }
        let (status, body) = match refusal {
            Refusal::BadRequest => ("400 Bad Request", "this is not an HTTP request\n"),
            Refusal::NotFound => (
                "404 Not Found",
                "there are /state, /healthz and /metrics here\n",
            ),
            Refusal::MethodNotAllowed => (
                "405 Method Not Allowed",
                "this page can only be read: GET or HEAD\n",
            ),
            Refusal::Timeout => ("408 Request Timeout", "the request took too long\n"),
            Refusal::TooLarge => ("431 Request Header Fields Too Large", "too long\n"),
        };
        send(link, status, TEXT, body.as_bytes(), Method::Get, out);
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Sends one answer, and ends the connection behind it.
fn send<N>(
    link: LinkId,
    status: &str,
    kind: &str,
    body: &[u8],
    method: Method,
    out: &mut Outbox<N>,
) {
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = match method {
        Method::Get => body,
        Method::Head => &[],
    };
    out.bound(link, head.len() + body.len());
    let answer = out.store(|arena| {
        arena.extend_from_slice(head.as_bytes());
        arena.extend_from_slice(body);
    });
    out.send_stored(link, answer);
    out.close(link, CloseWhen::Flushed);
}

/// Reads a request's head. `Ok(None)` when the rest is yet to come.
fn parse(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < REQUEST_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::TooLarge);
        }
        Err(_) => return Err(Refusal::BadRequest),
    }
    let path = request.path.unwrap_or_default();
    let page = match path.split(['?', '#']).next() {
        Some("/state") => Page::State,
        Some("/healthz") => Page::Health,
        Some("/metrics") => Page::Metrics,
        _ => return Err(Refusal::NotFound),
    };
    match request.method {
        Some("GET") => Ok(Some((Method::Get, page))),
        Some("HEAD") => Ok(Some((Method::Head, page))),
        _ => Err(Refusal::MethodNotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crc_core::{Config, Effect, Endpoints, Event, ListenerId, Machine, Origin, TextProtocol};
    use crc_wire::{HostId, Message, Name};

    const LINK: LinkId = LinkId::new(1, 1);

    fn server() -> Server {
        let name = Name::new("anchor").unwrap();
        Server::new(Config::new(HostId::new(1).unwrap(), name))
    }

    /// What comes back for a request that arrives in pieces.
    fn ask(pieces: &[&[u8]]) -> String {
        let (server, mut admin) = (server(), Admin::default());
        let mut out = Outbox::<()>::new();
        admin.link_up(Timestamp::START, LINK);
        for piece in pieces {
            admin.bytes(Timestamp::START, LINK, piece, &server, &mut out);
        }
        answer(&mut out)
    }

    fn answer(out: &mut Outbox<()>) -> String {
        let mut text = String::new();
        let mut closed = false;
        for effect in out.take_effects() {
            match effect {
                Effect::Send { range, .. } => {
                    assert!(!closed, "one answer only");
                    text.push_str(std::str::from_utf8(out.bytes(range)).unwrap());
                }
                Effect::Close { .. } => closed = true,
                _ => {}
            }
        }
        assert_eq!(closed, !text.is_empty());
        text
    }

    #[test]
    fn pages_are_served() {
        let health = ask(&[b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]);
        assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
        assert!(health.ends_with("\r\n\r\nok\n"), "{health}");
        assert!(health.contains("Content-Length: 3\r\n"), "{health}");
        let head = ask(&[b"HEAD /healthz HTTP/1.0\r\n\r\n"]);
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        let cut = ask(&[b"GET /sta", b"te HTTP/1.1\r", b"\n\r\n", b"more"]);
        let body = cut.split_once("\r\n\r\n").unwrap().1;
        let state: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(state["id"], 1);
        assert_eq!(state["name"], "anchor");
        assert_eq!(state["hosts"], serde_json::json!([]));
        let metrics = ask(&[b"GET /metrics?x=y HTTP/1.1\r\n\r\n"]);
        assert!(
            metrics.contains("crc_hosts{kind=\"client\"} 0\n"),
            "{metrics}"
        );
    }

    #[test]
    fn whatever_else_is_refused() {
        let long = [b"GET / HTTP/1.1\r\nX: ", &[b'x'; REQUEST_BYTES_MAX][..]].concat();
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /state HTTP/1.1\r\n\r\n", "405"),
            (b"\x80\x00\x00\x00\x65\x00\x00\x00\x00", "400"),
            (b"GET\r\n\r\n", "400"),
            (&long, "431"),
        ] {
            let answer = ask(&[request]);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
    }

    /// A server below which there are that many clients.
    fn crowded(clients: u32) -> Server {
        let registration = |id: u32| crc_wire::Registration {
            source: HostId::new(id).unwrap(),
            last_hop: None,
            name: Name::new("x").unwrap(),
            info: crc_wire::Info::default(),
        };
        let mut frames = Message::ServerRegistration(registration(2)).to_vec();
        for id in 0..clients {
            Message::ClientRegistration(registration(1000 + id)).encode(&mut frames);
        }
        let mut server = server();
        let mut out = Outbox::new();
        let link = LinkId::new(9, 9);
        let listener = ListenerId(0);
        let address = "127.0.0.1:1".parse().unwrap();
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        let origin = Origin::Accepted { listener };
        let up = Event::LinkUp {
            link,
            origin,
            endpoints,
        };
        server.handle(Timestamp::START, up, &mut out);
        let bytes = Event::Bytes {
            link,
            bytes: &frames,
        };
        server.handle(Timestamp::START, bytes, &mut out);
        server
    }

    #[test]
    fn dialects_have_a_page_of_their_own() {
        let listener = ListenerId(7);
        let mut config = Config::new(HostId::new(1).unwrap(), Name::new("anchor").unwrap());
        config.text_listeners = vec![(listener, TextProtocol::Legacy)];
        let mut server = Server::new(config);
        let mut out = Outbox::new();
        let address = "127.0.0.1:1".parse().unwrap();
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        for (slot, lines) in [
            (
                1,
                "SERVER reef 1 :Reef\r\n:reef USER zoe box reef :Zoe\r\n:zoe JOIN #b key\r\n",
            ),
            (
                2,
                "USER ann box anchor :Ann\r\nJOIN #a\r\nTOPIC #a :tide\r\nJOIN #b key\r\n",
            ),
        ] {
            let link = LinkId::new(slot, 1);
            let origin = Origin::Accepted { listener };
            let up = Event::LinkUp {
                link,
                origin,
                endpoints,
            };
            server.handle(Timestamp::START, up, &mut out);
            let bytes = lines.as_bytes();
            server.handle(Timestamp::START, Event::Bytes { link, bytes }, &mut out);
        }
        let mut page = StatePage::new(&server.snapshot());
        assert!(page.write(&server.snapshot(), 9));
        let page = page.finish(&server.snapshot(), Timestamp::START);
        let state: serde_json::Value = serde_json::from_str(&page).unwrap();
        let expected = serde_json::json!({
            "adjacent_servers": ["reef"],
            "servers": ["reef"],
            "adjacent_users": ["ann"],
            "users": ["ann", "zoe"],
            "channels": {
                "#a": {"key": null, "topic": "tide", "users": ["ann"]},
                "#b": {"key": "key", "topic": null, "users": ["ann", "zoe"]},
            },
        });
        assert_eq!(state["irc"], expected);
        assert_eq!(state["links"][0]["node"], "irc-legacy");
        let metrics = render::metrics(&server.snapshot(), None);
        for line in [
            "crc_channels 2\n",
            "crc_dialect_hosts{dialect=\"irc-legacy\",kind=\"server\"} 1\n",
        ] {
            assert!(metrics.contains(line), "{metrics}");
        }
        let plain = ask(&[b"GET /state HTTP/1.1\r\n\r\n"]);
        assert!(!plain.contains("\"irc\""), "nobody speaks one there");
    }

    #[test]
    fn a_long_answer_is_written_a_slice_a_turn() {
        let (server, mut admin) = (crowded(1200), Admin::default());
        let mut out = Outbox::<()>::new();
        let other = LinkId::new(2, 1);
        for link in [LINK, other] {
            admin.link_up(Timestamp::START, link);
            let request = b"GET /state HTTP/1.1\r\n\r\n";
            admin.bytes(Timestamp::START, link, request, &server, &mut out);
            assert_eq!(answer(&mut out), "", "not in one turn");
        }
        for done in [false, true, false, false, true] {
            assert_eq!(admin.deadline(), Some(Timestamp::START), "at the next turn");
            admin.tick(Timestamp::START, &server, &mut out);
            let answer = answer(&mut out);
            assert_eq!(!answer.is_empty(), done);
            if let Some((_, body)) = answer.split_once("\r\n\r\n") {
                let state: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(state["hosts"].as_array().unwrap().len(), 1201);
            }
            out.reset();
        }
        assert_eq!(admin.deadline(), None);
    }

    #[test]
    fn the_slow_are_turned_away() {
        let (server, mut admin) = (server(), Admin::default());
        let mut out = Outbox::<()>::new();
        admin.link_up(Timestamp::START, LINK);
        admin.bytes(Timestamp::START, LINK, b"GET /", &server, &mut out);
        assert_eq!(answer(&mut out), "");
        let late = admin.deadline().unwrap();
        admin.tick(late, &server, &mut out);
        assert!(answer(&mut out).starts_with("HTTP/1.1 408 "));
        assert_eq!(admin.deadline(), None);
    }
}
