//! A fast parser for the most frequent line of clients, `PRIVMSG target :text`.
//!
//! Most lines of clients have no tags, no prefix, one target, and a text behind a
//! colon. A server that relays many messages tries this parser first. For all other
//! lines there is [`Message::parse`](crate::Message::parse), which gives the same
//! result for every line that this parser accepts.

use memchr::memchr3;

/// A PRIVMSG or a NOTICE to one target.
///
/// ```
/// use irc_wire::FastPrivmsg;
///
/// let fast = FastPrivmsg::parse(b"PRIVMSG #reef :Hi all").unwrap();
/// assert_eq!((fast.target, fast.text, fast.notice), (&b"#reef"[..], &b"Hi all"[..], false));
/// // Well-formed, but not for this parser.
/// assert_eq!(FastPrivmsg::parse(b"PRIVMSG ann,bob :Hi"), None);
/// assert_eq!(FastPrivmsg::parse(b"privmsg ann Hi"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FastPrivmsg<'a> {
    /// Whether it is a NOTICE.
    pub notice: bool,
    /// A nick or a channel. Not empty, and no list.
    pub target: &'a [u8],
    /// The text. Not empty.
    pub text: &'a [u8],
}

impl<'a> FastPrivmsg<'a> {
    /// Parses a line without its end. Returns `None` for every line that needs the
    /// full parser.
    #[inline]
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<FastPrivmsg<'a>> {
        let (notice, rest) = match line.strip_prefix(b"PRIVMSG ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix(b"NOTICE ")?),
        };
        let end = rest
            .iter()
            .position(|&byte| matches!(byte, b' ' | b',' | b':'))?;
        let (target, rest) = rest.split_at(end);
        let text = rest.strip_prefix(b" :")?;
        let whole = memchr3(b'\0', b'\r', b'\n', line).is_none();
        (whole && !target.is_empty() && !text.is_empty()).then_some(FastPrivmsg {
            notice,
            target,
            text,
        })
    }
}
