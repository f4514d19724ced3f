//! Writes lines: numerics and messages. Decides nothing.

use std::borrow::Cow;

use crc_machine::LinkId;
use crc_wire::{ChatKind, MemberFlags};
use irc_wire::{Numeric, text};
use jiff::Timestamp as Date;

use super::rename::shown_words;
use crate::context::{Context, Out};
use crate::text_protocol::{first_piece, pack_words, split_lines_bounded};
use crate::work;

/// The most bytes of a line, without its end.
pub(super) const LINE_BYTES_MAX: usize = 512 - 2;

/// The most bytes of words in a line of a list.
const LIST_BYTES_MAX: usize = 300;

/// The most bytes of the tag of a CTCP message that is repeated where the message is split.
const CTCP_TAG_BYTES_MAX: usize = 32;

/// A line that is being written. It stays one line within [`LINE_BYTES_MAX`]: words get
/// no blanks, texts no line breaks, and what is too long is shortened as
/// [`shorten`](Line::shorten) says.
pub(super) struct Line<'a> {
    arena: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Line<'a> {
    /// A line from `source`, after `tags` as they are written.
    pub(super) fn new(arena: &'a mut Vec<u8>, tags: &str, source: &str, command: &str) -> Self {
        if !tags.is_empty() {
            arena.extend_from_slice(tags.as_bytes());
            arena.push(b' ');
        }
        let start = arena.len();
        arena.push(b':');
        arena.extend_from_slice(source.as_bytes());
        arena.push(b' ');
        arena.extend_from_slice(command.as_bytes());
        Line { arena, start }
    }

    /// A parameter that is one word.
    pub(super) fn word(self, word: &str) -> Self {
        self.arena.push(b' ');
        match word.as_bytes() {
            [] => self.arena.push(b'*'),
            [b':', rest @ ..] => {
                self.arena.push(b'_');
                push_word(self.arena, rest);
            }
            all => push_word(self.arena, all),
        }
        self
    }

    /// The last parameter: a text.
    pub(super) fn text(self, text: &str) -> Self {
        self.arena.extend_from_slice(b" :");
        let blank = |byte| if is_forbidden(byte) { b' ' } else { byte };
        self.arena.extend(text.bytes().map(blank));
        self
    }

    /// The bytes written so far, without the tags.
    pub(super) fn len(&self) -> usize {
        self.arena.len() - self.start
    }

    /// Ends the line.
    pub(super) fn end(mut self) {
        if self.len() > LINE_BYTES_MAX {
            self.shorten();
        }
        self.arena.extend_from_slice(b"\r\n");
    }

    /// Makes the line fit. First goes what readers can do without: a server's prefix, and
    /// of a user's prefix all but the nick. Then go whole words at the end; only the first
    /// word of a text is cut, at a character boundary.
    fn shorten(&mut self) {
        let line = self.arena.get(self.start..).unwrap_or_default();
        let prefix = memchr::memchr(b' ', line).unwrap_or_default();
        let source = line.get(..prefix).unwrap_or_default();
        let (from, to) = match memchr::memchr(b'!', source) {
            Some(user) => (user, prefix),
            None => (0, prefix + 1),
        };
        self.arena.drain(self.start + from..self.start + to);
        let line = self.arena.get(self.start..).unwrap_or_default();
        if line.len() <= LINE_BYTES_MAX {
            return;
        }
        let text = memchr::memmem::find(line, b" :").map(|at| at + 2);
        let blank = match line.split_at_checked(LINE_BYTES_MAX + 1) {
            Some((fitting, _)) => memchr::memrchr(b' ', fitting).unwrap_or_default(),
            None => LINE_BYTES_MAX,
        };
        let len = match text {
            Some(text) if blank < text && text <= LINE_BYTES_MAX => {
                text::truncate_utf8(line, LINE_BYTES_MAX).len()
            }
            _ => blank,
        };
        self.arena.truncate(self.start + len);
    }
}

/// Appends a word with `_` in place of blanks and control characters.
fn push_word(arena: &mut Vec<u8>, word: &[u8]) {
    let good = |byte: u8| match byte {
        0..=b' ' => b'_',
        _ => byte,
    };
    arena.extend(word.iter().copied().map(good));
}

/// Whether no line may contain a byte.
const fn is_forbidden(byte: u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}

/// A message to `target`: a line for each line of the text, and more where one is too
/// long. A CTCP message that takes several lines is one in each of them.
pub(super) fn write_privmsg(
    arena: &mut Vec<u8>,
    tags: &str,
    source: &str,
    kind: ChatKind,
    target: &str,
    text: &str,
) {
    write_lines(arena, [tags, tags], source, kind, target, text);
}

/// The same with other tags in the first line than in those that follow it.
pub(super) fn write_lines(
    arena: &mut Vec<u8>,
    [tags, later_tags]: [&str; 2],
    source: &str,
    kind: ChatKind,
    target: &str,
    text: &str,
) {
    let command = command_of(kind);
    let one_line = memchr::memchr3(0, b'\r', b'\n', text.as_bytes()).is_none();
    let head = message_head_len(source.len(), kind, target.len());
    let room = LINE_BYTES_MAX.saturating_sub(head);
    if one_line && text.len() <= room {
        if !text.is_empty() {
            let line = Line::new(arena, tags, source, command);
            line.word(target).text(text).end();
        }
        return;
    }
    let mut tags = tags;
    let mut line = |arena: &mut Vec<u8>, parts: [&str; 3]| {
        let line = Line::new(arena, tags, source, command)
            .word(target)
            .text(parts[0]);
        for part in &parts[1..] {
            line.arena.extend_from_slice(part.as_bytes());
        }
        line.end();
        tags = later_tags;
    };
    let (opening, body, closing) = split_ctcp(text);
    // At least one character, however long the names are.
    let room = room.saturating_sub(opening.len() + closing.len()).max(4);
    let lines = body.split('\n');
    let lines = lines.map(|line| match one_line {
        true => Cow::Borrowed(line),
        false => line.replace(['\r', '\0'], "").into(),
    });
    for text in split_lines_bounded(lines) {
        let mut rest = &*text;
        while !rest.is_empty() {
            let piece = first_piece(rest, room);
            line(arena, [opening, piece, closing]);
            rest = rest.get(piece.len()..).unwrap_or_default();
        }
    }
}

/// The command that sends a message of this kind.
pub(super) const fn command_of(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Message => "PRIVMSG",
        ChatKind::Notice => "NOTICE",
    }
}

/// How many bytes of a line stand before the text of a message: prefix, command and target with
/// their blanks and colons.
pub(super) const fn message_head_len(source: usize, kind: ChatKind, target: usize) -> usize {
    source + command_of(kind).len() + target + 5
}

/// Splits a CTCP message such as an ACTION into what each of its pieces begins with, its
/// text, and what each piece ends with. Any other message is all text.
pub(super) fn split_ctcp(text: &str) -> (&str, &str, &str) {
    const DELIMITER: char = '\u{1}';
    let Some(content) = text.strip_prefix(DELIMITER) else {
        return ("", text, "");
    };
    match content.find(' ') {
        Some(tag) if tag <= CTCP_TAG_BYTES_MAX => {
            // The delimiter in front, and the blank.
            let (opening, body) = text.split_at(tag + 2);
            (
                opening,
                body.strip_suffix(DELIMITER).unwrap_or(body),
                "\u{1}",
            )
        }
        _ => ("", text, ""),
    }
}

/// The prefix of a member with these flags; with `all` every prefix, otherwise the
/// highest.
pub(super) const fn prefixes(flags: MemberFlags, all: bool) -> &'static str {
    match (flags.operator, flags.voice) {
        (true, true) if all => "@+",
        (true, _) => "@",
        (false, true) => "+",
        (false, false) => "",
    }
}

/// A date from Unix time, if it is in range.
pub(super) fn date(unix_ms: u64) -> Option<Date> {
    Date::from_millisecond(i64::try_from(unix_ms).ok()?).ok()
}

/// A date as text.
pub(super) fn date_text(unix_ms: u64) -> String {
    let date = date(unix_ms);
    let text = date.map(|date| date.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string());
    text.unwrap_or_default()
}

/// Writes one line to a link.
pub(super) fn send_line(
    link: LinkId,
    source: &str,
    command: &str,
    words: &[&str],
    text: Option<&str>,
    out: &mut Out,
) {
    send_tagged(link, "", source, command, words, text, out);
}

/// Writes one line to a link, after `tags` as they are written.
pub(super) fn send_tagged(
    link: LinkId,
    tags: &str,
    source: &str,
    command: &str,
    words: &[&str],
    text: Option<&str>,
    out: &mut Out,
) {
    let range = out.store(|arena| {
        let line = Line::new(arena, tags, source, command);
        let line = words.iter().fold(line, |line, word| line.word(word));
        match text {
            Some(text) => line.text(text).end(),
            None => line.end(),
        }
    });
    out.send_stored(link, range);
}

/// Answers with a numeric.
pub(super) fn send_numeric(
    cx: &Context,
    link: LinkId,
    numeric: Numeric,
    words: &[&str],
    text: Option<&str>,
    out: &mut Out,
) {
    cx.work.charge_answer(work::LINE);
    let range = out.store(|arena| {
        let line = Line::new(arena, "", own_name(cx), numeric.digits());
        let line = line.word(target_of(cx, link));
        let words = shown_words(cx, link, words);
        let line = words.iter().fold(line, |line, word| line.word(word));
        match text {
            Some(text) => line.text(text).end(),
            None => line.end(),
        }
    });
    out.send_stored(link, range);
}

/// Answers with a standard reply (IRCv3): a command has failed. The code is for programs, the
/// text for people.
pub(super) fn send_fail(
    cx: &Context,
    link: LinkId,
    (command, code): (&str, &str),
    context: &[&str],
    text: &str,
    out: &mut Out,
) {
    cx.work.charge_answer(work::LINE);
    let words = [&[command, code], &*shown_words(cx, link, context)].concat();
    send_line(link, own_name(cx), "FAIL", &words, Some(text), out);
}

/// Answers with a list of words, in as many lines as it needs: no word is cut. Sends one
/// line without words if there are none.
pub(super) fn send_list<W: AsRef<str>>(
    cx: &Context,
    link: LinkId,
    numeric: Numeric,
    words: &[&str],
    list: impl Iterator<Item = W>,
    out: &mut Out,
) {
    let words: Vec<_> = [target_of(cx, link)].iter().chain(words).copied().collect();
    send_list_lines(cx, link, numeric.digits(), &words, list, out);
}

/// The same with any command and all its words.
pub(super) fn send_list_lines<W: AsRef<str>>(
    cx: &Context,
    link: LinkId,
    command: &str,
    words: &[&str],
    list: impl Iterator<Item = W>,
    out: &mut Out,
) {
    let own = own_name(cx);
    let words = &*shown_words(cx, link, words);
    let lens = words.iter().map(|word| 1 + word.len().max(1));
    // The colons and the blanks around the source, and those before the list.
    let head = own.len() + command.len() + lens.sum::<usize>() + 4;
    let mut is_sent = false;
    let room = LIST_BYTES_MAX.min(LINE_BYTES_MAX.saturating_sub(head));
    for text in pack_words(list, room) {
        cx.work.charge_answer(work::LINE);
        send_line(link, own, command, words, Some(&text), out);
        is_sent = true;
    }
    if !is_sent {
        send_line(link, own, command, words, Some(""), out);
    }
}

/// Answers with a text, each line of it behind `lead`, in as many lines as it needs.
pub(super) fn send_wrapped(
    cx: &Context,
    link: LinkId,
    numeric: Numeric,
    lead: &str,
    text: &str,
    out: &mut Out,
) {
    let head = own_name(cx).len() + target_of(cx, link).len() + lead.len() + ": 372  :".len();
    let room = LINE_BYTES_MAX.saturating_sub(head).max(4);
    let mut rest = text;
    loop {
        let piece = first_piece(rest, room);
        let line = format!("{lead}{piece}");
        send_numeric(cx, link, numeric, &[], Some(&line), out);
        rest = rest.get(piece.len()..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
    }
}

/// Says that an answer has become too long.
pub(super) fn reply_truncated(cx: &Context, link: LinkId, command: &str, out: &mut Out) {
    let text = Some("Too many lines in the answer, the rest is left out");
    send_numeric(cx, link, Numeric::ERR_TOOMANYMATCHES, &[command], text, out);
}

/// Answers with an error numeric and its usual text.
pub(super) fn reply_error(
    cx: &Context,
    link: LinkId,
    numeric: Numeric,
    words: &[&str],
    out: &mut Out,
) {
    send_numeric(cx, link, numeric, words, Some(error_text(numeric)), out);
}

/// The nick of a link's user, `*` before it has registered.
pub(super) fn target_of(cx: &Context, link: LinkId) -> &str {
    let neighbour = cx.network.neighbours().find(link);
    let nick = neighbour.and_then(|n| cx.network.names()?.nicks.of(n.host));
    nick.unwrap_or("*")
}

/// The name of this server.
pub(super) fn own_name(cx: &Context) -> &str {
    let names = cx.network.names();
    let name = names.and_then(|names| names.servers.of(cx.config.id));
    name.unwrap_or("server")
}

/// The text of an error numeric.
const fn error_text(numeric: Numeric) -> &'static str {
    match numeric {
        Numeric::ERR_NOSUCHNICK => "No such nick/channel",
        Numeric::ERR_NOSUCHSERVER => "No such server",
        Numeric::ERR_NOSUCHCHANNEL => "No such channel",
        Numeric::ERR_CANNOTSENDTOCHAN => "Cannot send to channel",
        Numeric::ERR_TOOMANYCHANNELS => "You have joined too many channels",
        Numeric::ERR_WASNOSUCHNICK => "There was no such nickname",
        Numeric::ERR_TOOMANYTARGETS => "Too many targets",
        Numeric::ERR_NOSUCHSERVICE => "No such service",
        Numeric::ERR_NOORIGIN => "No origin specified",
        Numeric::ERR_INVALIDCAPCMD => "Invalid CAP command",
        Numeric::ERR_NOTEXTTOSEND => "No text to send",
        Numeric::ERR_INPUTTOOLONG => "Input line was too long",
        Numeric::ERR_UNKNOWNCOMMAND => "Unknown command",
        Numeric::ERR_NOMOTD => "There is no message of the day",
        Numeric::ERR_NOADMININFO => "No administrative info available",
        Numeric::ERR_NONICKNAMEGIVEN => "No nickname given",
        Numeric::ERR_ERRONEUSNICKNAME => "Erroneous nickname",
        Numeric::ERR_NICKNAMEINUSE => "Nickname is already in use",
        Numeric::ERR_USERNOTINCHANNEL => "They aren't on that channel",
        Numeric::ERR_NOTONCHANNEL => "You're not on that channel",
        Numeric::ERR_USERONCHANNEL => "is already on channel",
        Numeric::ERR_SUMMONDISABLED => "SUMMON has been disabled",
        Numeric::ERR_USERSDISABLED => "USERS has been disabled",
        Numeric::ERR_NOTREGISTERED => "You have not registered",
        Numeric::ERR_NEEDMOREPARAMS => "Not enough parameters",
        Numeric::ERR_ALREADYREGISTRED => "You may not reregister",
        Numeric::ERR_CHANNELISFULL => "Cannot join channel (+l)",
        Numeric::ERR_UNKNOWNMODE => "is no channel mode known here",
        Numeric::ERR_INVITEONLYCHAN => "Cannot join channel (+i)",
        Numeric::ERR_BANNEDFROMCHAN => "Cannot join channel (+b)",
        Numeric::ERR_BADCHANNELKEY => "Cannot join channel (+k)",
        Numeric::ERR_BADCHANMASK => "No channel can have this name",
        Numeric::ERR_BANLISTFULL => "The channel's list is full",
        Numeric::ERR_CHANOPRIVSNEEDED => "You're not channel operator",
        Numeric::ERR_UMODEUNKNOWNFLAG => "Unknown mode flag",
        Numeric::ERR_USERSDONTMATCH => "Can't ask or change modes of other users",
        Numeric::ERR_HELPNOTFOUND => "No help available on this topic",
        Numeric::ERR_INVALIDKEY => "Key is not well-formed",
        _ => "Error",
    }
}
