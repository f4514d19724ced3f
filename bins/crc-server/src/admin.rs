//! The admin page: read-only HTTP that shows the server's state.
//!
//! Sans-IO, like the relay server, and on the same event loop. It therefore limits
//! itself: few connections, one short request on each, one response. A long response is
//! built in slices, one per turn of the loop, so that a large directory does not delay
//! the relay.

mod http;
mod metrics;
mod process;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crc_core::{LinkId, Outbox, Server, Timestamp};
use crc_net::Stats;

use crate::readiness::{Observed, Readiness};

use self::http::{HttpError, Method, Page, Request, Response};
use self::state::StatePage;

/// How many connections the admin page has at the same time. They do not count as links
/// of the relay.
pub(crate) const LINKS_MAX: usize = 8;
/// How long a request may take to arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// How many hosts, or names in channels, of a long response are written in one turn of
/// the loop.
const ENTRIES_PER_TURN: usize = 512;

/// The connections of the admin page and their requests.
#[derive(Debug, Default)]
pub(crate) struct Admin {
    connections: BTreeMap<LinkId, Connection>,
    /// Requests for `/state`, oldest first. The first one is being answered.
    state_requests: VecDeque<(LinkId, Method)>,
    /// The response to the first of `state_requests`, as far as it is written.
    state_page: Option<StatePage>,
    /// When the next slice of `state_page` is written.
    next_slice_at: Option<Timestamp>,
    driver_stats: Option<Arc<Stats>>,
    /// When the process started, in milliseconds of Unix time.
    started_at_unix_ms: u64,
}

#[derive(Debug)]
struct Connection {
    /// The bytes of its request so far.
    request: Vec<u8>,
    /// When the whole request must have arrived; `None` once it is answered.
    deadline: Option<Timestamp>,
}

impl Admin {
    /// An admin page of a process that started at this time.
    pub(crate) fn new(started_at_unix_ms: u64) -> Self {
        Admin {
            started_at_unix_ms,
            ..Admin::default()
        }
    }

    /// Adds the driver's counters to `/metrics`.
    pub(crate) fn set_driver_stats(&mut self, stats: Arc<Stats>) {
        self.driver_stats = Some(stats);
    }

    /// Whether the link belongs to the admin page.
    pub(crate) fn owns_link(&self, link: LinkId) -> bool {
        !self.connections.is_empty() && self.connections.contains_key(&link)
    }

    pub(crate) fn on_link_up(&mut self, now: Timestamp, link: LinkId) {
        let connection = Connection {
            request: Vec::new(),
            deadline: Some(now + REQUEST_TIME_MAX),
        };
        self.connections.insert(link, connection);
    }

    pub(crate) fn on_link_down(&mut self, link: LinkId) {
        self.connections.remove(&link);
        let first = self.state_requests.front();
        if first.is_some_and(|(first, _)| *first == link) {
            self.state_page = None;
        }
        self.state_requests.retain(|(waiting, _)| *waiting != link);
        if self.state_requests.is_empty() {
            self.next_slice_at = None;
        }
    }

    pub(crate) fn on_bytes<N>(
        &mut self,
        now: Timestamp,
        link: LinkId,
        bytes: &[u8],
        observed: Observed<'_>,
        out: &mut Outbox<N>,
    ) {
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        if connection.deadline.is_none() {
            return;
        }
        connection.request.extend_from_slice(bytes);
        match http::parse_request(&connection.request) {
            Ok(None) => {}
            Ok(Some(request)) => {
                connection.finish_request();
                self.respond(now, link, request, observed, out);
            }
            Err(error) => self.respond_error(link, error, out),
        }
    }

    pub(crate) fn on_tick<N>(&mut self, now: Timestamp, server: &Server, out: &mut Outbox<N>) {
        let connections = self.connections.iter();
        let late = connections.filter(|(_, connection)| connection.is_late(now));
        let late: Vec<_> = late.map(|(link, _)| *link).collect();
        for link in late {
            self.respond_error(link, HttpError::Timeout, out);
        }
        if self.next_slice_at.is_some_and(|at| at <= now) {
            self.write_slice(now, server, out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let connections = self.connections.values();
        let requests = connections.filter_map(|connection| connection.deadline);
        requests.chain(self.next_slice_at).min()
    }

    fn respond<N>(
        &mut self,
        now: Timestamp,
        link: LinkId,
        (method, page): Request,
        observed: Observed<'_>,
        out: &mut Outbox<N>,
    ) {
        match page {
            Page::Health => Response::text("200 OK", "ok\n").send(link, method, out),
            Page::Ready => {
                let readiness = Readiness::of(observed);
                let status = match readiness.is_ready() {
                    true => "200 OK",
                    false => "503 Service Unavailable",
                };
                Response::text(status, &format!("{readiness}\n")).send(link, method, out);
            }
            Page::Metrics => {
                let stats = self.driver_stats.as_deref();
                let body = metrics::render(observed, stats, self.started_at_unix_ms);
                Response::metrics(&body).send(link, method, out);
            }
            Page::State => {
                self.state_requests.push_back((link, method));
                if self.state_requests.len() == 1 {
                    self.write_slice(now, observed.server, out);
                }
            }
        }
    }

    /// Writes one slice of the response to the first request for `/state`, and sends the
    /// response when it is complete.
    fn write_slice<N>(&mut self, now: Timestamp, server: &Server, out: &mut Outbox<N>) {
        self.next_slice_at = None;
        let Some(&(link, method)) = self.state_requests.front() else {
            return;
        };
        let snapshot = server.snapshot();
        let page = &mut self.state_page;
        let page = page.get_or_insert_with(|| StatePage::new(&snapshot));
        if page.write_slice(&snapshot, ENTRIES_PER_TURN) {
            let body = page.finish(&snapshot, now);
            Response::json(&body).send(link, method, out);
            self.state_page = None;
            self.state_requests.pop_front();
        }
        if !self.state_requests.is_empty() {
            self.next_slice_at = Some(now);
        }
    }

    fn respond_error<N>(&mut self, link: LinkId, error: HttpError, out: &mut Outbox<N>) {
        let mut method = Method::Get;
        if let Some(connection) = self.connections.get_mut(&link) {
            method = http::method_of(&connection.request);
            connection.finish_request();
        }
        error.response().send(link, method, out);
    }
}

impl Connection {
    fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Ignores further bytes.
    fn finish_request(&mut self) {
        self.deadline = None;
        self.request = Vec::new();
    }
}
