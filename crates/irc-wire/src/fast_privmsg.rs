//! What most lines of clients are, read at a glance: `PRIVMSG target :text`.
//!
//! Whoever passes on much that is said need not take each line apart: most have no
//! tags, no prefix, one target and a text behind a colon. All others are for
//! [`Message::parse`](crate::Message::parse), and whatever is read here it reads the
//! same.

use memchr::memchr3;

/// Something said to one target.
///
/// ```
/// use irc_wire::FastPrivmsg;
///
/// let said = FastPrivmsg::parse(b"PRIVMSG #reef :Hi all").unwrap();
/// assert_eq!((said.target, said.text, said.notice), (&b"#reef"[..], &b"Hi all"[..], false));
/// // Not wrong, but not to be read at a glance.
/// assert_eq!(FastPrivmsg::parse(b"PRIVMSG ann,bob :Hi"), None);
/// assert_eq!(FastPrivmsg::parse(b"privmsg ann Hi"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FastPrivmsg<'a> {
    /// Whether it is a NOTICE and no PRIVMSG.
    pub notice: bool,
    /// A nick or a channel: not empty, and no list.
    pub target: &'a [u8],
    /// What is said; not empty.
    pub text: &'a [u8],
}

impl<'a> FastPrivmsg<'a> {
    /// What a line says, without its end, if that can be seen at a glance.
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
