//! The tags in front of lines (IRCv3): when something happened, and that its source is a bot.

use crc_machine::LinkId;
use crc_wire::HostId;

use super::reply::date;
use super::session::User;
use super::{find_user, is_bot};
use crate::context::Context;

/// The reader takes no tags.
pub(super) const NONE: usize = 0;

/// The reader wants the time (`server-time`).
const TIME: usize = 1;

/// The reader takes all tags (`message-tags`).
pub(super) const ALL: usize = 2;

/// How many kinds of readers there are.
pub(super) const KINDS: usize = 4;

/// The kind of a reader: all readers of one kind get the same tags.
#[inline]
pub(super) const fn kind_of(reader: &User) -> usize {
    reader.capabilities.of_tags()
}

/// The tags of a line from `source` for readers of a kind, as they are written; `None` is this
/// server.
#[inline]
pub(super) fn of_kind(cx: &Context, kind: usize, source: Option<HostId>) -> String {
    match kind % KINDS {
        NONE => String::new(),
        _ => write(cx, kind, source),
    }
}

fn write(cx: &Context, kind: usize, source: Option<HostId>) -> String {
    let mut tags = String::new();
    if kind & TIME != 0
        && let Some(date) = date(cx.wall_ms())
    {
        tags = format!("@time={date:.3} ");
    }
    if kind & ALL != 0 && source.is_some_and(|id| is_bot(cx, id)) {
        tags = match tags.strip_suffix(' ') {
            Some(time) => format!("{time};bot "),
            None => "@bot ".to_owned(),
        };
    }
    tags
}

/// The same for the reader on a link.
pub(super) fn of_line(cx: &Context, reader: LinkId, source: Option<HostId>) -> String {
    find_user(cx, reader).map_or_else(String::new, |user| of_kind(cx, kind_of(user), source))
}
