//! The tags in front of lines (IRCv3): when something happened, and that its source is a bot.

use core::cell::Cell;

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

/// The tags of a line from `source` for readers of a kind, as they are written, without the blank
/// behind them; `None` is this server.
#[inline]
pub(super) fn of_kind(cx: &Context, kind: usize, source: Option<HostId>) -> String {
    match kind % KINDS {
        NONE => String::new(),
        _ => write(cx, kind, source),
    }
}

fn write(cx: &Context, kind: usize, source: Option<HostId>) -> String {
    // The tags of a message follow, mostly an id.
    let mut tags = String::with_capacity(96);
    if kind & TIME != 0 {
        cx.second_text.push_time(cx.wall_ms(), &mut tags);
    }
    if kind & ALL != 0 && source.is_some_and(|id| is_bot(cx, id)) {
        add(&mut tags, "bot");
    }
    tags
}

/// Adds a tag to those of a line.
pub(super) fn add(tags: &mut String, tag: &str) {
    tags.push(if tags.is_empty() { '@' } else { ';' });
    tags.push_str(tag);
}

/// The last time that was written: lines with a time come many in a second.
#[derive(Debug, Default)]
pub(crate) struct SecondText(Cell<Option<(u64, TimeTag)>>);

/// A time as a tag: `@time=2026-11-29T10:57:02.123Z`.
type TimeTag = [u8; 30];

/// Where its milliseconds are.
const MS_AT: usize = 26;

impl SecondText {
    /// Begins the tags of a line with a time, unless no date can be that.
    fn push_time(&self, unix_ms: u64, tags: &mut String) {
        let (second, ms) = (unix_ms / 1000, unix_ms % 1000);
        let known = self.0.get().filter(|(known, _)| *known == second);
        let Some((_, mut tag)) = known.or_else(|| write_second(second)) else {
            return;
        };
        for (place, digit) in tag[MS_AT..].iter_mut().zip([ms / 100, ms / 10, ms]) {
            *place = b"0123456789"[(digit % 10) as usize];
        }
        self.0.set(Some((second, tag)));
        tags.push_str(str::from_utf8(&tag).unwrap_or_default());
    }
}

fn write_second(second: u64) -> Option<(u64, TimeTag)> {
    let date = date(second.checked_mul(1000)?)?;
    let tag = format!("@time={date:.3}");
    Some((second, tag.into_bytes().try_into().ok()?))
}

/// The same for the reader on a link.
pub(super) fn of_line(cx: &Context, reader: LinkId, source: Option<HostId>) -> String {
    find_user(cx, reader).map_or_else(String::new, |user| of_kind(cx, kind_of(user), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_and_may_be_out_of_range() {
        let seconds = SecondText::default();
        let time = |unix_ms| {
            let mut tags = String::new();
            seconds.push_time(unix_ms, &mut tags);
            tags
        };
        assert_eq!(time(0), "@time=1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_001), "@time=1970-01-01T00:00:01.001Z");
        assert_eq!(time(1_999), "@time=1970-01-01T00:00:01.999Z");
        assert_eq!(time(2_020), "@time=1970-01-01T00:00:02.020Z");
        // The last day that dates have, and times after it.
        assert_eq!(time(253_402_207_200_000), "@time=9999-12-30T22:00:00.000Z");
        assert_eq!(time(253_402_300_800_000), "");
        assert_eq!(time(u64::MAX), "");
        assert_eq!(time(1_001), "@time=1970-01-01T00:00:01.001Z");
    }
}
