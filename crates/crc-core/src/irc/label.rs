//! Labels (IRCv3 labeled-response): what a line is answered with has its label.
//!
//! What a command sends to its own user is taken back from the outbox when the command is
//! done, and sent again with the tags. So no command knows of labels, and users without the
//! capability cost nothing.

use crc_machine::{ByteRange, LinkId, OutboxMark};
use irc_wire::{Message, text};

use super::reply;
use super::session::Capability;
use super::{find_user, find_user_mut};
use crate::context::{Context, Out};

/// The most bytes of a label; a longer one is ignored.
const LABEL_BYTES_MAX: usize = 64;

/// The label of the line that is being answered.
#[derive(Debug)]
pub(super) struct Label {
    /// As the client has escaped it.
    text: Box<str>,
    /// The batch that the answer is in, if it takes more than one event.
    batch: Option<String>,
    /// What the user has sent to itself: it is no answer, and follows it.
    behind: Vec<ByteRange>,
}

impl Label {
    /// The label, as the client has escaped it.
    pub(super) fn into_text(self) -> Box<str> {
        self.text
    }
}

/// A line is about to be handled. Returns where its answer begins, if it has a label.
pub(super) fn begin(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    out: &Out,
) -> Option<OutboxMark> {
    if message.tags.is_empty() {
        return None;
    }
    let user = find_user_mut(cx, link)?;
    if !user.has(Capability::LabeledResponse) || !user.has(Capability::Batch) {
        return None;
    }
    let tag = message.tags.iter().rfind(|tag| tag.key() == b"label")?;
    let text = text::utf8_or_latin1(tag.escaped_value());
    if text.is_empty() || text.len() > LABEL_BYTES_MAX {
        return None;
    }
    begin_with(cx, link, &text, out)
}

/// The same for an answer that has the label of an earlier line.
pub(super) fn begin_with(
    cx: &mut Context,
    link: LinkId,
    text: &str,
    out: &Out,
) -> Option<OutboxMark> {
    let user = find_user_mut(cx, link)?;
    user.label = Some(Box::new(Label {
        text: text.into(),
        batch: None,
        behind: Vec::new(),
    }));
    Some(out.mark())
}

/// What the tag of a line in a batch begins with, where the batch is part of the answer.
const IN_BATCH: &[u8] = b"@batch=";

/// A line from its command on.
fn behind_source(line: &[u8]) -> &[u8] {
    let mut rest = line;
    for lead in [b'@', b':'] {
        if rest.first() == Some(&lead) {
            let blank = memchr::memchr(b' ', rest).map_or(rest.len(), |at| at + 1);
            rest = rest.get(blank..).unwrap_or_default();
        }
    }
    rest
}

/// Whether lines are one message of several lines, whose batch has the label itself.
fn is_one_batch(lines: &[&[u8]]) -> bool {
    match lines {
        [first, inner @ .., last] => {
            behind_source(first).starts_with(b"BATCH +m draft/multiline ")
                && behind_source(last).starts_with(b"BATCH -")
                && inner.iter().all(|line| line.starts_with(IN_BATCH))
        }
        _ => false,
    }
}

/// The answer to an earlier line is about to go on. Returns where it does, if the line has a
/// label.
pub(super) fn resume(cx: &Context, link: LinkId, out: &Out) -> Option<OutboxMark> {
    let label = &find_user(cx, link)?.label;
    label.is_some().then(|| out.mark())
}

/// What was sent to the user since `mark` is an answer with a label: as many lines as there
/// are, in a batch unless there is one. An answer that is not complete leaves the batch open.
pub(super) fn end(cx: &mut Context, link: LinkId, mark: Option<OutboxMark>, out: &mut Out) {
    let (Some(mark), Some(user)) = (mark, find_user_mut(cx, link)) else {
        // A link that is being closed has been sent its last line.
        return;
    };
    let Some(mut label) = user.label.take() else {
        return;
    };
    let goes_on = user.answer.is_some();
    let bytes = out.take_back(mark, link);
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let is_whole = label.batch.is_none() && !goes_on && is_one_batch(&lines);
    let opens = label.batch.is_none() && (goes_on || lines.len() > 1) && !is_whole;
    if opens {
        label.batch = Some(user.next_batch());
    }
    let own = reply::own_name(cx);
    let range = out.store(|arena| {
        let tag = match (&label.batch, opens) {
            (None, _) => format!("label={}", label.text),
            (Some(batch), true) => {
                let start = format!(
                    "@label={} :{own} BATCH +{batch} labeled-response\r\n",
                    label.text
                );
                arena.extend_from_slice(start.as_bytes());
                format!("batch={batch}")
            }
            (Some(batch), false) => format!("batch={batch}"),
        };
        for (number, line) in lines.iter().enumerate() {
            if line.starts_with(IN_BATCH) || is_whole && number > 0 {
                arena.extend_from_slice(line);
                continue;
            }
            let (more, rest) = match line.strip_prefix(b"@") {
                Some(rest) => (";", rest),
                None => (" ", *line),
            };
            for part in [b"@", tag.as_bytes(), more.as_bytes(), rest] {
                arena.extend_from_slice(part);
            }
        }
        match &label.batch {
            Some(batch) if !goes_on => {
                let end = format!(":{own} BATCH -{batch}\r\n");
                arena.extend_from_slice(end.as_bytes());
            }
            None if lines.is_empty() => {
                arena.extend_from_slice(format!("@{tag} :{own} ACK\r\n").as_bytes());
            }
            _ => {}
        }
    });
    out.send_stored(link, range);
    for range in label.behind.drain(..) {
        out.send_stored(link, range);
    }
    if goes_on && let Some(user) = find_user_mut(cx, link) {
        user.label = Some(label);
    }
}

/// Sends a user what another one says, or the user to itself: it is no answer to a line.
pub(super) fn send_message(cx: &mut Context, link: LinkId, message: ByteRange, out: &mut Out) {
    match find_user_mut(cx, link).and_then(|user| user.label.as_mut()) {
        Some(label) => label.behind.push(message),
        None => out.send_stored(link, message),
    }
}
