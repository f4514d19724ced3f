//! LINKS: the servers of the network as a tree, seen from this server.

use std::collections::BTreeMap;

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::Numeric;
use irc_wire::mask::PreparedMask;

use super::channel::is_local;
use super::{CASE, reply};
use crate::announcement::stated_home;
use crate::context::{Context, Out};
use crate::network::{Host, HostKind};
use crate::work;

/// The most hops that are counted: more are as many.
const HOPS_MAX: u32 = 255;

/// The server that is linked to another one, on the way from here. Where that is not known, it
/// is the adjacent one.
fn server_before(cx: &Context, host: &Host) -> HostId {
    let (own, link) = (cx.config.id, host.first_link());
    if is_local(cx, host) {
        return own;
    }
    let is_on_the_way = |id: &HostId| {
        let there = cx.network.directory().find(*id);
        let there = there.filter(|there| there.kind() == HostKind::Server);
        *id != host.id() && there.is_some_and(|there| there.first_link() == link)
    };
    let stated = host.machine().and_then(stated_home).filter(is_on_the_way);
    let adjacent = cx.network.neighbours().find(link);
    stated.unwrap_or_else(|| adjacent.map_or(own, |adjacent| adjacent.host))
}

/// How far servers are, as far as it is known.
#[derive(Default)]
struct Distances(BTreeMap<HostId, u32>);

impl Distances {
    /// How many hops a server is away.
    fn of(&mut self, cx: &Context, id: HostId) -> u32 {
        let (mut way, mut next, mut hops) = (Vec::new(), id, 0);
        while next != cx.config.id {
            if let Some(known) = self.0.get(&next) {
                hops = *known;
                break;
            }
            way.push(next);
            cx.work.charge_answer(work::LOOKUP);
            let host = cx.network.directory().find(next);
            next = host.map_or(cx.config.id, |host| server_before(cx, host));
            if way.len() > HOPS_MAX as usize {
                // Servers may state a loop.
                break;
            }
        }
        for id in way.into_iter().rev() {
            hops = HOPS_MAX.min(hops + 1);
            self.0.insert(id, hops);
        }
        hops
    }
}

/// Sends the servers that a mask matches (RFC 2812, 3.4.5): each with the one that it is linked
/// to, on the way from here, and how many hops it is away. All in about so many bytes.
pub(super) fn send_links(
    cx: &Context,
    link: LinkId,
    (mask, bytes_max): (&str, usize),
    out: &mut Out,
) {
    let own = reply::own_name(cx);
    let prepared = PreparedMask::new(mask.as_bytes(), CASE);
    let is_wanted = |name: &str| {
        // Each byte is compared with 64 elements of the mask at once.
        cx.work
            .charge_answer_bytes(name.len() * (mask.len() / 64 + 1) * 2);
        prepared.matches(name.as_bytes())
    };
    let names = cx.network.names();
    let name_of = |id| {
        let name = names.and_then(|names| names.servers.of(id));
        name.unwrap_or(own)
    };
    let mut distances = Distances::default();
    let start = out.arena_len();
    for host in cx.network.directory().servers() {
        if out.arena_len() - start > bytes_max {
            reply::reply_truncated(cx, link, "LINKS", out);
            break;
        }
        cx.work.charge_answer(work::HOST + work::LINE);
        let name = name_of(host.id());
        if !is_wanted(name) {
            continue;
        }
        let before = name_of(server_before(cx, host));
        let text = format!("{} {}", distances.of(cx, host.id()), host.info());
        let words = [name, before];
        reply::send_numeric(cx, link, Numeric::RPL_LINKS, &words, Some(&text), out);
    }
    if is_wanted(own) {
        let text = format!("0 {}", cx.config.info);
        reply::send_numeric(cx, link, Numeric::RPL_LINKS, &[own, own], Some(&text), out);
    }
    let text = Some("End of LINKS list");
    reply::send_numeric(cx, link, Numeric::RPL_ENDOFLINKS, &[mask], text, out);
}
