//! Commands about the links between servers.

use crc_machine::CloseWhen;
use crc_wire::HostId;
use irc_wire::Numeric;

use super::{Commander, REASON_BYTES_MAX};
use crate::context::{Context, Out};
use crate::network::HostKind;
use crate::text_protocol::first_piece;

impl Context {
    /// SQUIT (RFC 2812, 3.1.8): closes the link to a server that is linked to this one.
    pub(super) fn squit(&mut self, by: Commander, wanted: &str, reason: &str, out: &mut Out) {
        let directory = self.network.directory();
        let names = self.network.names();
        let named = names.and_then(|names| names.servers.find(wanted));
        let numbered = wanted.parse().ok().and_then(HostId::new);
        let named = named.or(numbered).and_then(|id| directory.find(id));
        let Some(server) = named.filter(|host| host.kind() == HostKind::Server) else {
            let text = "No such server";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        };
        let (link, id) = (server.first_link(), server.id());
        let neighbour = self.network.neighbours().find(link);
        if neighbour.is_none_or(|neighbour| neighbour.host != id) {
            let text = "It is not linked to this server: use SQUIT at the one that it is linked to";
            return self.reply(by.link, Numeric::ERR_NOSUCHSERVER, &[wanted], text, out);
        }
        let reason = first_piece(reason, REASON_BYTES_MAX);
        self.report_act(by, &format!("used SQUIT {wanted}: {reason}"), out);
        let text = self.netsplit_text(id);
        self.close(link, CloseWhen::Flushed, &text, out);
    }
}
