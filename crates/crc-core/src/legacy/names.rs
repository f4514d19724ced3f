//! The answer to NAMES: as much at once as the work of one event permits, and the rest in
//! later events. The user's further lines wait until the answer is complete. Nicks are
//! sorted within what is sent at once.

use crc_machine::{CloseWhen, LinkDown, LinkId};
use crc_wire::HostId;
use irc_wire::legacy::{Content, Middle};

use super::reply::{self, write_line, write_names};
use super::{peer_mut, registration};
use crate::context::{Context, Out};
use crate::network::{Channel, Host, Network, fold};
use crate::work::{self, units_of};

/// How many hosts are visited to answer one NAMES, and the most bytes of their nicks. The
/// protocol has no word for what is left out.
const VISITED_MAX: usize = 20_000;
const BYTES_MAX: usize = 128 * 1024;

/// How many channels are visited to answer a NAMES of all.
const CHANNELS_MAX: usize = 5_000;

/// An answer that is not complete.
#[derive(Debug)]
pub(super) struct Names {
    at: At,
    /// The other channels that were asked for, in lower case, the next one last; `None` if only one was.
    others: Option<Vec<Box<str>>>,
    hosts_left: usize,
    bytes_left: usize,
    /// How many bytes have been sent.
    bytes: usize,
}

/// Where it goes on.
#[derive(Debug)]
enum At {
    /// The members of a channel, in lower case, that come after one.
    Members {
        channel: Box<str>,
        after: Option<HostId>,
    },
    /// The next channel.
    Channels,
    /// The users that are in no channel, from this place in the directory on.
    Others { place: usize },
    /// The last line.
    End,
}

/// NAMES: of one channel, or of all and of the users that are in none. Closes the link
/// if the answers to the bytes in hand exceed the limit of its queue.
pub(super) fn on_names(cx: &mut Context, link: LinkId, channel: Option<Middle<'_>>, out: &mut Out) {
    let at = match channel {
        None => At::Channels,
        Some(name) => match find_visible(cx, link, name.as_str()) {
            Some(known) => At::Members {
                channel: fold(known.name()).into(),
                after: None,
            },
            None => {
                let answer = Content::NoSuchChannel { channel: name };
                return registration::answer(cx, link, answer, out);
            }
        },
    };
    let names = Names {
        at,
        others: channel.is_none().then(|| all_channels(cx, link)),
        hosts_left: VISITED_MAX,
        bytes_left: BYTES_MAX,
        bytes: 0,
    };
    run(cx, link, Box::new(names), out);
}

/// The channel with this name, if the user of a link may see it.
fn find_visible<'a>(cx: &'a Context, link: LinkId, name: &str) -> Option<&'a Channel> {
    let known = reply::find_channel(cx, name);
    known.filter(|channel| may_see(cx, link, channel))
}

fn may_see(cx: &Context, link: LinkId, channel: &Channel) -> bool {
    let asks = cx.network.neighbours().find(link).map(|it| it.host);
    asks.is_some_and(|asks| Network::may_see(asks, channel))
}

/// The channels, in descending order of their names as they are shown.
fn all_channels(cx: &Context, link: LinkId) -> Vec<Box<str>> {
    let channels = cx.network.channels().iter().take(CHANNELS_MAX);
    let mut channels: Vec<_> = channels.collect();
    cx.work.charge_answer(work::LINE * channels.len() as u64);
    channels.retain(|channel| may_see(cx, link, channel));
    channels.sort_unstable_by(|one, other| other.name().cmp(one.name()));
    let names = channels
        .into_iter()
        .map(|channel| fold(channel.name()).into());
    names.collect()
}

/// Goes on with an answer, if one is not complete. Whether it is now.
pub(super) fn go_on(cx: &mut Context, link: LinkId, out: &mut Out) -> bool {
    let names = peer_mut(cx, link).and_then(|peer| peer.names.take());
    names.is_none_or(|names| run(cx, link, names, out))
}

/// Sends parts of an answer. Whether it is complete.
fn run(cx: &mut Context, link: LinkId, mut names: Box<Names>, out: &mut Out) -> bool {
    let me = reply::own_name(cx);
    let lines = out.store(|arena| {
        while !matches!(names.at, At::End) && !cx.work.is_spent() {
            let start = arena.len();
            names.step(cx, link, &me, arena);
            cx.work.charge_answer(units_of(arena.len() - start));
        }
        if matches!(names.at, At::End) {
            write_line(arena, &me, Content::EndOfNames);
        }
    });
    names.bytes += lines.len();
    // One answer may have any length. Several in one read may exceed the limit by one.
    let bytes_max = cx.config.limits.client_queue_bytes_max;
    let bytes_max = bytes_max.saturating_add(names.bytes);
    out.bound(link, bytes_max);
    out.send_stored(link, lines);
    let is_complete = matches!(names.at, At::End);
    let Some(peer) = peer_mut(cx, link) else {
        return true;
    };
    peer.names_bytes = peer.names_bytes.saturating_add(lines.len());
    if peer.names_bytes > bytes_max {
        cx.counters.slow_consumers += 1;
        log::warn!(
            "{}: closed: {}",
            cx.describe_peer(link),
            LinkDown::SlowConsumer
        );
        cx.close(link, CloseWhen::Now, "too slow", out);
        return true;
    }
    if !is_complete {
        peer.names = Some(names);
    }
    is_complete
}

impl Names {
    /// Writes what comes next, until the work of the event is spent.
    fn step(&mut self, cx: &Context, link: LinkId, me: &str, arena: &mut Vec<u8>) {
        cx.work.charge_answer(work::LINE);
        let at = core::mem::replace(&mut self.at, At::End);
        self.at = match at {
            At::Members { channel, after } => self.members(cx, me, channel, after, arena),
            At::Channels => match self.others.as_mut().and_then(Vec::pop) {
                Some(channel) => At::Members {
                    channel,
                    after: None,
                },
                None => At::Others { place: 0 },
            },
            At::Others { place } => self.others(cx, link, me, place, arena),
            At::End => At::End,
        };
        if self.hosts_left == 0 || self.bytes_left == 0 {
            self.at = At::End;
        }
    }

    fn members(
        &mut self,
        cx: &Context,
        me: &str,
        channel: Box<str>,
        after: Option<HostId>,
        arena: &mut Vec<u8>,
    ) -> At {
        let (mut nicks, mut last, mut is_over) = (Vec::new(), after, true);
        if let Some(known) = cx.network.channels().find(&channel) {
            for (id, _) in known.members_after(after) {
                is_over = self.may_visit(cx);
                if !is_over {
                    break;
                }
                last = Some(id);
                self.add(cx.legacy_nick_of(id), &mut nicks);
            }
            if let Some(name) = reply::channel_word(known.name()) {
                write_sorted(arena, me, Some(name), nicks);
            }
        }
        match is_over {
            false => At::Members {
                channel,
                after: last,
            },
            true if self.others.is_some() => At::Channels,
            true => At::End,
        }
    }

    fn others(
        &mut self,
        cx: &Context,
        link: LinkId,
        me: &str,
        place: usize,
        arena: &mut Vec<u8>,
    ) -> At {
        let (mut nicks, mut rest) = (Vec::new(), None);
        for (place, host) in cx.network.directory().clients_from(place) {
            if !self.may_visit_place(cx, host.is_some()) {
                rest = Some(place);
                break;
            }
            let is_alone = |id: &HostId| {
                let mut channels = cx.network.channels().of(*id);
                !channels.any(|channel| may_see(cx, link, channel))
            };
            if let Some(id) = host.map(Host::id).filter(is_alone) {
                self.add(cx.legacy_nick_of(id), &mut nicks);
            }
        }
        write_sorted(arena, me, None, nicks);
        rest.map_or(At::End, |place| At::Others { place })
    }

    /// Whether another host may be visited.
    fn may_visit(&mut self, cx: &Context) -> bool {
        let may = !cx.work.is_spent() && self.hosts_left > 0 && self.bytes_left > 0;
        if may {
            self.hosts_left -= 1;
            cx.work.charge_answer(work::HOST);
        }
        may
    }

    /// Whether another place may be visited, where a host may be.
    fn may_visit_place(&mut self, cx: &Context, is_taken: bool) -> bool {
        if is_taken {
            return self.may_visit(cx);
        }
        cx.work.charge_answer(1);
        !cx.work.is_spent()
    }

    fn add(&mut self, nick: String, nicks: &mut Vec<String>) {
        self.bytes_left = self.bytes_left.saturating_sub(nick.len() + 1);
        nicks.push(nick);
    }
}

fn write_sorted(
    arena: &mut Vec<u8>,
    me: &str,
    channel: Option<Middle<'_>>,
    mut nicks: Vec<String>,
) {
    nicks.sort_unstable();
    let nicks: Vec<_> = nicks.iter().map(|nick| &**nick).collect();
    write_names(arena, me, channel, &nicks);
}
