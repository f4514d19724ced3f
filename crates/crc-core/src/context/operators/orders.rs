//! Orders: what operators want of servers elsewhere (PROTOCOL section 11). Every server asks
//! for itself whether the operator may.

use crc_machine::{CloseWhen, LinkId};
use crc_wire::{ChannelRequest, HostId, RequestKind};
use irc_wire::Numeric;

use super::{Commander, REASON_BYTES_MAX, server_request};
use crate::context::{Context, Out};
use crate::crc;
use crate::network::{Host, HostKind};
use crate::order::{Answer, Order, Says};
use crate::text_protocol::first_piece;
use crate::work;

impl Context {
    /// An operator of this server gives an order.
    pub(super) fn give_order(
        &mut self,
        by: HostId,
        to: Option<HostId>,
        order: Order<'_>,
        out: &mut Out,
    ) {
        let request = server_request(by, to, RequestKind::ORDER, &order.to_string());
        self.on_order(&request, None, out);
    }

    /// An operator, of this server or behind `from`, gives an order: this server carries it out
    /// or passes it on.
    pub(crate) fn on_order(
        &mut self,
        request: &ChannelRequest<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let by = request.source;
        let order = Order::parse(request.text.as_str());
        let order = order.filter(|order| self.network.operators().may(by, order.needs()));
        match (order, request.destination) {
            (Some(Order::Map { number }), None) => {
                if from.is_some() {
                    let says = Says::Place(self.own_place());
                    self.answer_order(by, Answer { number, says }, out);
                }
                crc::channel::flood_request(self, request, from, out);
            }
            (Some(Order::Trace { number }), Some(to)) => {
                self.on_trace(request, (number, to), from, out);
            }
            (Some(Order::Squit { reason }), Some(to)) => self.on_squit(request, to, reason, out),
            (Some(Order::Connect { to: wanted }), Some(to)) if to == self.config.id => {
                log::info!("CONNECT {wanted:?} by operator {by} {:?}", self.nick_of(by));
                let text = match crc::uplink::connect(self, wanted, by, out) {
                    Ok(address) => format!("linking to {address}"),
                    Err(why) => format!("CONNECT {wanted}: {why}"),
                };
                self.report_result(by, &text, out);
            }
            (Some(Order::Connect { .. }), Some(_)) => {
                self.pass_order(request, out);
            }
            (Some(Order::Map { .. }), Some(_)) | (Some(_), None) | (None, _) => {
                self.counters.dropped += 1;
            }
        }
    }

    /// Tells an operator what has become of an order here.
    pub(crate) fn report_result(&mut self, by: HostId, text: &str, out: &mut Out) {
        let own = self.config.name.as_str();
        let text = format!("{own}: {text}");
        self.note_operator(by, &text, out);
    }

    /// Sends an answer to the operator who has given an order.
    pub(super) fn answer_order(&mut self, by: HostId, answer: Answer, out: &mut Out) {
        let (own, kind) = (self.config.id, RequestKind::ANSWER);
        let answer = server_request(own, Some(by), kind, &answer.to_string());
        self.channel_request(&answer, out);
    }

    /// The way of a trace leads through this server, or ends here.
    fn on_trace(
        &mut self,
        request: &ChannelRequest<'_>,
        (number, to): (u32, HostId),
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let by = request.source;
        let next = self.network.directory().find(to);
        let is_client =
            next.is_some_and(|host| host.kind() == HostKind::Client && self.is_home_of(host));
        if to == self.config.id || is_client {
            let says = Says::End;
            return self.answer_order(by, Answer { number, says }, out);
        }
        if from.is_some() {
            let says = Says::Hop;
            self.answer_order(by, Answer { number, says }, out);
        }
        if !self.pass_order(request, out) {
            let says = Says::Stop;
            self.answer_order(by, Answer { number, says }, out);
        }
    }

    /// Passes an order on towards its destination. `false` if it cannot: the next server does
    /// not know orders, which the operator is told.
    fn pass_order(&mut self, request: &ChannelRequest<'_>, out: &mut Out) -> bool {
        let host = request
            .destination
            .and_then(|id| self.network.directory().find(id));
        let Some(link) = host.map(Host::first_link) else {
            // It has left.
            self.counters.dropped += 1;
            return false;
        };
        let takes = crc::channel::takes_operators(self, link);
        self.pass_request(request, link, out);
        takes
    }

    // SQUIT.

    /// SQUIT (RFC 2812, 3.1.8): the server that the named one is linked to, on the operator's
    /// side, closes the link.
    pub(super) fn squit(&mut self, by: Commander, wanted: &str, reason: &str, out: &mut Out) {
        let Some(server) = self.find_server(wanted) else {
            let text = "No such server";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        };
        if server == self.config.id {
            let text = "It is your own server: name the one at the other end of the link";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        }
        let reason = first_piece(reason, REASON_BYTES_MAX);
        self.report_act(by, &format!("used SQUIT {wanted}: {reason}"), out);
        self.give_order(by.id, Some(server), Order::Squit { reason }, out);
    }

    fn on_squit(&mut self, request: &ChannelRequest<'_>, to: HostId, reason: &str, out: &mut Out) {
        let host = self.network.directory().find(to);
        let server = host.filter(|host| host.kind() == HostKind::Server);
        let Some((server, link)) = server.map(|host| (host, host.first_link())) else {
            self.counters.dropped += 1;
            return;
        };
        if !self.is_home_of(server) {
            self.pass_order(request, out);
            return;
        }
        let by = request.source;
        log::info!(
            "{}: closed: SQUIT by operator {by} {:?}: {reason:?}",
            self.describe_peer(link),
            self.nick_of(by)
        );
        let text = self.netsplit_text(to);
        self.close(link, CloseWhen::Flushed, &text, out);
    }

    // CONNECT.

    /// CONNECT (RFC 2812, 3.4.7): has this server, or another one, link to a server now. The
    /// port may stand behind the address or be the second parameter, as in IRC.
    pub(super) fn connect(&mut self, by: Commander, params: [&str; 3], out: &mut Out) {
        let [wanted, second, third] = params;
        let is_port = !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_digit());
        let (wanted, at) = match is_port {
            true => (format!("{wanted}:{second}"), third),
            false => (wanted.to_owned(), second),
        };
        let own = self.config.id;
        let server = match at {
            "" => Some(own),
            name => self.find_server(name),
        };
        let Some(server) = server else {
            let text = "No such server";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[at], text, out);
        };
        let at = match server == own {
            true => String::new(),
            false => format!(" {}", self.server_name(server)),
        };
        self.report_act(by, &format!("used CONNECT {wanted}{at}"), out);
        let order = Order::Connect { to: &wanted };
        self.give_order(by.id, Some(server), order, out);
    }

    // Servers.

    /// The server that a command names, by its name or its id: this one or another.
    pub(crate) fn find_server(&self, wanted: &str) -> Option<HostId> {
        if wanted == self.config.name.as_str() {
            return Some(self.config.id);
        }
        let names = self.network.names();
        if let Some(id) = names.and_then(|names| names.servers.find(wanted)) {
            return Some(id);
        }
        let directory = self.network.directory();
        let is_server = |id: HostId| {
            let host = directory.find(id);
            id == self.config.id || host.is_some_and(|host| host.kind() == HostKind::Server)
        };
        let numbered = wanted.parse().ok().and_then(HostId::new);
        if let Some(id) = numbered.filter(|id| is_server(*id)) {
            return Some(id);
        }
        self.work
            .charge(work::LOOKUP * directory.servers_len() as u64);
        let mut named = directory.servers().filter(|host| host.name() == wanted);
        let first = named.next()?.id();
        named.next().is_none().then_some(first)
    }

    /// The name of a server, this one or another, as people know it here.
    pub(crate) fn server_name(&self, id: HostId) -> String {
        if id == self.config.id {
            return self.config.name.as_str().to_owned();
        }
        let names = self.network.names();
        let name = names.and_then(|names| names.servers.of(id));
        let host = self.network.directory().find(id);
        let name = name.or(host.map(Host::name));
        name.map_or_else(|| id.to_string(), str::to_owned)
    }
}
