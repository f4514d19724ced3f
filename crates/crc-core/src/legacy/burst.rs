//! What a legacy server is sent in its burst.

use crc_machine::LinkId;
use crc_wire::HostId;

use super::reply::{self, channel_word, names_room, write_names, write_topic};
use crate::context::{BurstWriter, Context, Out};
use crate::network::{Channel, Host, Place};
use crate::walk::{Due, Walk};
use crate::work::{self, LINE};

/// The most bytes of nicks in one line of the burst: a step of it is short.
const NAMES_BYTES_MAX: usize = 1 << 10;

/// Begins the burst to a server: every host but those behind `link`, and all channels. It
/// gets every change from now on of what it is told.
pub(super) fn begin(cx: &mut Context, link: LinkId, out: &mut Out) {
    cx.bound_queue(link, out);
    cx.legacy.synced_links.insert(link);
    cx.begin_burst(link, Walk::from(Place::START), out);
}

/// What a legacy server is sent in its burst.
pub(crate) struct Writer<'a> {
    cx: &'a Context,
    link: LinkId,
    me: String,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(cx: &'a Context, link: LinkId) -> Self {
        let me = reply::own_name(cx);
        Writer { cx, link, me }
    }

    fn is_elsewhere(&self, id: HostId) -> bool {
        let route = self.cx.network.directory().route(id);
        route.is_some_and(|(_, first_link)| first_link != self.link)
    }

    /// The members of a channel that come next, as many as a line is to have; `passed` is the last
    /// one that was visited. Returns their nicks, sorted, and the last one.
    fn next_members(
        &self,
        channel: &Channel,
        passed: Option<HostId>,
    ) -> (Vec<String>, Option<HostId>) {
        let name = channel_word(channel.name());
        let room = name.map_or(0, |name| names_room(&self.me, name.as_str()));
        let mut room = room.min(NAMES_BYTES_MAX);
        let (mut nicks, mut last) = (Vec::new(), None);
        for (id, _) in channel.members_after(passed) {
            self.cx.work.charge_answer(work::HOST);
            if self.is_elsewhere(id) {
                let nick = self.cx.legacy_nick_of(id);
                if nick.len() + 1 > room && !nicks.is_empty() {
                    break;
                }
                room = room.saturating_sub(nick.len() + 1);
                nicks.push(nick);
            }
            last = Some(id);
            if self.cx.work.is_spent() {
                break;
            }
        }
        nicks.sort_unstable();
        (nicks, last)
    }
}

impl BurstWriter for Writer<'_> {
    fn write_host(&self, host: &Host, due: Due, arena: &mut Vec<u8>) {
        if due == Due::Announcement && host.first_link() != self.link {
            reply::write_host(self.cx, arena, &self.me, host);
        }
    }

    fn write_next(&self, walk: &mut Walk, arena: &mut Vec<u8>) -> bool {
        let Some((channel, passed)) = walk.next_channel(self.cx.network.channels()) else {
            return true;
        };
        self.cx.work.charge_answer(LINE);
        let (nicks, last) = self.next_members(channel, passed);
        walk.pass_member(last);
        if let Some(name) = channel_word(channel.name())
            && !nicks.is_empty()
        {
            if walk.begin_channel() {
                write_topic(arena, &self.me, name, channel.topic());
            }
            let nicks: Vec<_> = nicks.iter().map(|nick| &**nick).collect();
            write_names(arena, &self.me, Some(name), &nicks);
        }
        false
    }
}
