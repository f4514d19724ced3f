//! Messages of several lines (IRCv3 draft/multiline).
//!
//! In the network such a message is one chat, with line feeds in its text. Where a client has
//! cut a long line, the text has no line feed, and the tag `joins` says at which byte; so the
//! lines arrive as they were sent. A client without the capability gets a message for each line.

use core::time::Duration;

use crc_machine::{LinkId, Timestamp};
use crc_wire::{ChatKind, TaggedKind};
use irc_wire::{Message, text};

use super::message::{self, Speech};
use super::reply::{self, LINE_BYTES_MAX, Line, command_of, message_head_len};
use super::session::{Capabilities, Capability};
use super::{UserRef, cut, find_user, find_user_mut, has, label, tagged};
use crate::context::{Context, Out};
use crate::network::{Channel, each_tag, fold};
use crate::text_protocol::first_piece;

/// What CAP LS says of the limits.
pub(super) const VALUE: &str = "max-bytes=4096,max-lines=24";

/// The most bytes of a message, with its line feeds.
const BYTES_MAX: usize = 4096;

/// The most lines of a message.
const LINES_MAX: usize = 24;

/// How long a client may take for one.
const OPEN_MAX: Duration = Duration::from_secs(60);

/// The most bytes of the reference of a batch.
const REFERENCE_BYTES_MAX: usize = 64;

/// The most lines that are sent as one batch: of a chat that has more, each is a message.
const SENT_LINES_MAX: usize = 100;

/// The reference of a batch that is sent. It ends in the same write as it begins, and those of
/// answers are numbers.
const REFERENCE: &str = "m";

/// A message of which a client has sent a part.
#[derive(Debug)]
pub(super) struct OpenBatch {
    reference: Box<str>,
    target: Box<str>,
    /// The client-only tags.
    tags: String,
    label: Option<Box<str>>,
    /// Whether it is a message or a notice, once a line has come.
    kind: Option<TaggedKind>,
    text: String,
    joins: Vec<usize>,
    lines: usize,
    opened_at: Timestamp,
    /// An error was answered: the rest is ignored.
    is_refused: bool,
}

/// What a user has enabled that gets and sends messages of several lines.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities::of(&[Capability::Multiline, Capability::Batch]);

/// Whether a user gets and sends messages of several lines.
pub(super) fn is_enabled(user: &super::User) -> bool {
    user.has_all(CAPABILITIES)
}

/// BATCH: begins or ends a message.
pub(super) fn batch(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let param = |at| text::utf8_or_latin1(message.params.get(at).unwrap_or_default());
    let (first, kind, target) = (param(0), param(1), param(2));
    if let Some(reference) = first.strip_prefix('-') {
        return close(cx, user_ref, reference, out);
    }
    let reference = first.strip_prefix('+').unwrap_or_default();
    let is_named = (1..=REFERENCE_BYTES_MAX).contains(&reference.len());
    let now = cx.now;
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let is_free = user.batch.as_ref().is_none_or(|open| open.is_late(now));
    if !is_enabled(user) || !is_named || kind != "draft/multiline" || target.is_empty() || !is_free
    {
        return invalid(cx, link, out);
    }
    // The answer to the whole message has the label.
    let label = user.label.take().map(|label| label.into_text());
    user.batch = Some(Box::new(OpenBatch {
        reference: reference.into(),
        target: cut(&target, LINE_BYTES_MAX).into(),
        tags: tagged::client_tags(message),
        label,
        kind: None,
        text: String::new(),
        joins: Vec::new(),
        lines: 0,
        opened_at: now,
        is_refused: false,
    }));
}

impl OpenBatch {
    fn is_late(&self, now: Timestamp) -> bool {
        now.since(self.opened_at) > OPEN_MAX
    }
}

/// Whether a line belongs to a batch. Then it is kept, or refused.
pub(super) fn take_line(
    cx: &mut Context,
    user_ref: UserRef,
    kind: TaggedKind,
    message: &Message<'_>,
    out: &mut Out,
) -> bool {
    let link = user_ref.link;
    if message.tags.is_empty() || !find_user(cx, link).is_some_and(is_enabled) {
        return false;
    }
    let Some(tag) = message.tags.iter().rfind(|tag| tag.key() == b"batch") else {
        return false;
    };
    let reference = text::utf8_or_latin1(tag.escaped_value());
    let mut tags = message.tags.iter();
    let concat = tags.any(|tag| tag.key() == b"draft/multiline-concat");
    let target = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let said = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
    let chat_kind = tagged::kind_of_text(kind);
    let (_, name) = tagged::split_target(&target);
    let measured = cx.network.channels().find(name).map(Channel::longer_name);
    let measured = measured.unwrap_or(&target);
    let said = message::one_line(cx, link, chat_kind, measured, &said).into_owned();
    let now = cx.now;
    let open = find_user_mut(cx, link).and_then(|user| user.batch.as_mut());
    let Some(open) = open.filter(|open| *open.reference == *reference && !open.is_late(now)) else {
        invalid(cx, link, out);
        return true;
    };
    if open.is_refused {
        return true;
    }
    let refusal = open.add(kind, &target, &said, concat).err();
    open.is_refused = refusal.is_some();
    if let Some((code, words, why)) = refusal {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        reply::send_fail(cx, link, ("BATCH", code), &words, why, out);
    }
    true
}

/// A code, its words, and the text for people.
type Refusal = (&'static str, Vec<String>, &'static str);

impl OpenBatch {
    /// Adds a line, if it fits.
    fn add(
        &mut self,
        kind: TaggedKind,
        target: &str,
        said: &str,
        concat: bool,
    ) -> Result<(), Refusal> {
        if fold(target) != fold(&self.target) {
            let words = vec![self.target.as_ref().to_owned(), target.to_owned()];
            return Err(("MULTILINE_INVALID_TARGET", words, "Another target"));
        }
        let is_continued = concat && self.lines > 0;
        if self.kind.is_some_and(|before| before != kind) || is_continued && said.is_empty() {
            return Err(("MULTILINE_INVALID", Vec::new(), INVALID));
        }
        if self.lines == LINES_MAX {
            let words = vec![LINES_MAX.to_string()];
            return Err(("MULTILINE_MAX_LINES", words, "Too many lines"));
        }
        let feed = usize::from(self.lines > 0 && !is_continued);
        if self.text.len() + feed + said.len() > BYTES_MAX {
            let words = vec![BYTES_MAX.to_string()];
            return Err(("MULTILINE_MAX_BYTES", words, "Too many bytes"));
        }
        if is_continued {
            self.joins.push(self.text.len());
        } else if feed > 0 {
            self.text.push('\n');
        }
        self.text.push_str(said);
        self.kind = Some(kind);
        self.lines += 1;
        Ok(())
    }
}

const INVALID: &str = "Invalid multiline batch";

/// The message is complete: says it.
fn close(cx: &mut Context, user_ref: UserRef, reference: &str, out: &mut Out) {
    let link = user_ref.link;
    let now = cx.now;
    let open = find_user_mut(cx, link).and_then(|user| user.batch.take());
    let Some(open) = open.filter(|open| *open.reference == *reference) else {
        return invalid(cx, link, out);
    };
    if open.is_refused {
        return;
    }
    // The answer begins here, and has the label of the beginning.
    let mark = match &open.label {
        Some(label) => label::begin_with(cx, link, label, out),
        None => None,
    };
    let is_blank = open.text.chars().all(|c| c == '\n');
    match open.kind {
        Some(kind) if !is_blank && !open.is_late(now) => {
            let has_tags = has(cx, link, Capability::MessageTags);
            let speech = Speech {
                kind,
                tags: has_tags.then_some(&*open.tags),
                text: &open.text,
                joins: Some(&open.joins),
            };
            message::speak(cx, user_ref, &[open.target.as_ref().into()], &speech, out);
        }
        _ => invalid(cx, link, out),
    }
    if mark.is_some() {
        label::end(cx, link, mark, out);
    }
}

fn invalid(cx: &Context, link: LinkId, out: &mut Out) {
    reply::send_fail(cx, link, ("BATCH", "MULTILINE_INVALID"), &[], INVALID, out);
}

// Lines out.

/// The tag that says where lines were cut; empty if none was.
pub(super) fn joins_tag(joins: &[usize]) -> String {
    let at: Vec<_> = joins.iter().map(usize::to_string).collect();
    match at.is_empty() {
        true => String::new(),
        false => format!("joins={}", at.join(",")),
    }
}

/// Where the lines of a text were cut, as its tags say, if that makes sense.
fn joins_of(tags: &str, text: &str) -> Vec<usize> {
    let tag = each_tag(tags).find_map(|tag| tag.strip_prefix("joins="));
    let joins = tag.unwrap_or_default().split(',').take(LINES_MAX);
    let joins: Vec<usize> = joins.filter_map(|at| at.parse().ok()).collect();
    let is_inside = |at: &usize| (1..text.len()).contains(at) && text.is_char_boundary(*at);
    match joins.iter().all(is_inside) && joins.is_sorted_by(|one, next| one < next) {
        true => joins,
        false => Vec::new(),
    }
}

/// The lines of a text, and of each whether it goes on with the line before it.
fn pieces<'t>(tags: &str, text: &'t str, room: usize) -> Vec<(&'t str, bool)> {
    let mut ends = joins_of(tags, text);
    ends.push(text.len());
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (number, end) in ends.into_iter().enumerate() {
        let part = text.get(start..end).unwrap_or_default();
        start = end;
        for (line, whole) in part.split('\n').enumerate() {
            let mut goes_on = number > 0 && line == 0;
            let mut rest = whole;
            loop {
                let piece = first_piece(rest, room);
                rest = rest.get(piece.len()..).unwrap_or_default();
                pieces.push((piece, goes_on));
                goes_on = true;
                if rest.is_empty() {
                    break;
                }
            }
        }
    }
    pieces
}

/// Whether a text may be several lines.
pub(super) fn is_multiline(text: &str) -> bool {
    memchr::memchr(b'\n', text.as_bytes()).is_some()
}

/// A message that may have several lines, for a user that gets them as one (`whole`) or as a
/// message each. `tags`: those of the message, and those of all its lines. `sent`: the tags with
/// which it came.
#[expect(clippy::too_many_arguments, reason = "a message has these parts")]
pub(super) fn write(
    arena: &mut Vec<u8>,
    whole: bool,
    tags: [&str; 2],
    source: &str,
    kind: ChatKind,
    target: &str,
    text: &str,
    sent: &str,
) {
    let is_cut = each_tag(sent).any(|tag| tag.starts_with("joins="));
    // An action is one in each of its lines.
    if !is_multiline(text) && !is_cut || text.starts_with('\u{1}') {
        return reply::write_lines(arena, tags, source, kind, target, text);
    }
    let head = message_head_len(source.len(), kind, target.len());
    let room = LINE_BYTES_MAX.saturating_sub(head).max(4);
    let pieces = pieces(sent, text, room);
    let clean = |piece: &str| piece.replace(['\r', '\0'], "");
    if pieces.len() > SENT_LINES_MAX || pieces.iter().all(|(piece, _)| clean(piece).is_empty()) {
        return reply::write_lines(arena, tags, source, kind, target, text);
    }
    let command = command_of(kind);
    if !whole {
        let [mut first, later] = tags;
        for (piece, _) in pieces {
            let piece = clean(piece);
            if !piece.is_empty() {
                let line = Line::new(arena, first, source, command);
                line.word(target).text(&piece).end();
                first = later;
            }
        }
        return;
    }
    let begin = Line::new(arena, tags[0], source, "BATCH");
    let begin = begin.word(&["+", REFERENCE].concat());
    begin.word("draft/multiline").word(target).end();
    for (piece, goes_on) in pieces {
        let concat = if goes_on {
            ";draft/multiline-concat"
        } else {
            ""
        };
        let tags = format!("@batch={REFERENCE}{concat}");
        let line = Line::new(arena, &tags, source, command);
        line.word(target).text(&clean(piece)).end();
    }
    let end = Line::new(arena, "", source, "BATCH");
    end.word(&["-", REFERENCE].concat()).end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_that_were_sent() {
        let shown = |tags: &str, text| pieces(tags, text, 8);
        assert_eq!(
            shown("", "a\n\nb"),
            [("a", false), ("", false), ("b", false)]
        );
        assert_eq!(
            shown("+x;joins=3,7", "one two\nsix"),
            [("one", false), (" two", true), ("", true), ("six", false)]
        );
        assert_eq!(
            shown("joins=2", "a\nb"),
            [("a", false), ("", false), ("b", true)]
        );
        // Not inside, not between characters, not in order.
        for tags in ["joins=9", "joins=0", "joins=2,2", "joins=1", "joins=x"] {
            assert_eq!(shown(tags, "éa"), [("éa", false)], "{tags}");
        }
        assert_eq!(
            shown("", "12345678901"),
            [("12345678", false), ("901", true)]
        );
    }
}
