//! Answers in a batch (IRCv3 batch).

use crc_machine::LinkId;

use super::find_user_mut;
use super::rename::shown_words;
use super::reply;
use super::session::Capability;
use crate::context::{Context, Out};
use crate::work;

/// A batch that a user is being sent. A client that knows none gets its lines without one.
#[derive(Debug, Clone)]
pub(super) struct Batch(Option<Box<str>>);

impl Batch {
    /// No batch: for lines that belong to none.
    pub(super) const NONE: Batch = Batch(None);

    /// Begins a batch of a type, with its parameters.
    pub(super) fn begin(
        cx: &mut Context,
        link: LinkId,
        kind: &str,
        params: &[&str],
        out: &mut Out,
    ) -> Batch {
        let user = find_user_mut(cx, link).filter(|user| user.has(Capability::Batch));
        let Some(id) = user.map(|user| Box::from(user.next_batch())) else {
            return Batch::NONE;
        };
        let start = format!("+{id}");
        let words = [&[&*start, kind], &*shown_words(cx, link, params)].concat();
        reply::send_line(link, reply::own_name(cx), "BATCH", &words, None, out);
        Batch(Some(id))
    }

    /// Sends a line in the batch.
    pub(super) fn send(
        &self,
        cx: &Context,
        link: LinkId,
        command: &str,
        words: &[&str],
        text: Option<&str>,
        out: &mut Out,
    ) {
        cx.work.charge_answer(work::LINE);
        let tags = self.0.as_ref().map(|id| format!("@batch={id}"));
        let words = &*shown_words(cx, link, words);
        let (tags, own) = (tags.as_deref().unwrap_or_default(), reply::own_name(cx));
        reply::send_tagged(link, tags, own, command, words, text, out);
    }

    /// Ends the batch.
    pub(super) fn end(self, cx: &Context, link: LinkId, out: &mut Out) {
        if let Some(id) = self.0 {
            let end = format!("-{id}");
            reply::send_line(link, reply::own_name(cx), "BATCH", &[&end], None, out);
        }
    }

    /// Says in the batch that a part of a command cannot be done.
    pub(super) fn warn(
        &self,
        cx: &Context,
        link: LinkId,
        (command, code): (&str, &str),
        context: &[&str],
        text: &str,
        out: &mut Out,
    ) {
        let words = [&[command, code], context].concat();
        self.send(cx, link, "WARN", &words, Some(text), out);
    }
}
