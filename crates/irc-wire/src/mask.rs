//! Masks with wildcards: `*!*@*.example`.
//!
//! `*` is any number of bytes, none too; `?` is one byte; a backslash in front
//! of either means it literally, and is a backslash anywhere else. The time
//! is at most in proportion to the mask's length times the text's.

use alloc::vec::Vec;

use crate::case::CaseMapping;
use crate::message::Prefix;

/// Whether the whole of `text` fits `mask`.
///
/// ```
/// use irc_wire::{CaseMapping, mask};
///
/// let fits = |mask: &str, text: &str| {
///     mask::matches(mask.as_bytes(), text.as_bytes(), CaseMapping::Rfc1459)
/// };
/// assert!(fits("*!*@*.EXAMPLE", "ann!a@reef.example"));
/// assert!(fits("a?n*", "ann"));
/// assert!(fits(r"\*", "*") && !fits(r"\*", "a"));
/// assert!(!fits("ann", "anna"));
/// ```
#[must_use]
pub fn matches(mask: &[u8], text: &[u8], mapping: CaseMapping) -> bool {
    matches_parts(mask, [text], mapping)
}

/// Whether `name!user@host` fits `mask`. What is missing is empty: a server's
/// name is matched as `name!@`.
///
/// ```
/// use irc_wire::{CaseMapping, Prefix, mask};
///
/// let ann = Prefix::user_at("ann", "a", "reef.example")?;
/// assert!(mask::matches_prefix(b"ann!*@*", ann, CaseMapping::Ascii));
/// # Ok::<(), irc_wire::BadPrefix>(())
/// ```
#[must_use]
pub fn matches_prefix(mask: &[u8], prefix: Prefix<'_>, mapping: CaseMapping) -> bool {
    let user = prefix.user().unwrap_or_default();
    let host = prefix.host().unwrap_or_default();
    matches_parts(mask, [prefix.name(), b"!", user, b"@", host], mapping)
}

/// What a mask says that is given in short: `ann` is `ann!*@*`, `a@host` is
/// `*!a@host`, `ann!a` is `ann!a@*`, and what is empty is `*`.
///
/// ```
/// use irc_wire::mask;
///
/// assert_eq!(mask::complete(b"ann"), b"ann!*@*");
/// assert_eq!(mask::complete(b"reef.example"), b"*!*@reef.example");
/// assert_eq!(mask::complete(b"a@host"), b"*!a@host");
/// assert_eq!(mask::complete(b"ann!a"), b"ann!a@*");
/// ```
///
/// A mask with neither `!` nor `@` is one of a host if it holds `.` or `:`, which
/// no nick does.
#[must_use]
pub fn complete(mask: &[u8]) -> Vec<u8> {
    let (rest, host) = split(mask, b'@');
    let (name, user) = split(rest, b'!');
    let (name, user, host) = match (user, host) {
        (None, None) if name.iter().any(|byte| b".:".contains(byte)) => (&b""[..], &b""[..], name),
        (None, Some(host)) => (&b""[..], name, host),
        (user, host) => (name, user.unwrap_or_default(), host.unwrap_or_default()),
    };
    [or_any(name), b"!", or_any(user), b"@", or_any(host)].concat()
}

fn or_any(part: &[u8]) -> &[u8] {
    if part.is_empty() { b"*" } else { part }
}

fn split(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&byte| byte == mark);
    (parts.next().unwrap_or_default(), parts.next())
}

/// What a mask asks for at one place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Any,
    One,
    Byte(u8),
}

/// What `mask` asks for first, and what is left of it.
fn next_want(mask: &[u8]) -> Option<(Want, &[u8])> {
    match mask {
        [] => None,
        [b'\\', byte @ (b'*' | b'?'), rest @ ..] => Some((Want::Byte(*byte), rest)),
        [b'*', rest @ ..] => Some((Want::Any, rest)),
        [b'?', rest @ ..] => Some((Want::One, rest)),
        [byte, rest @ ..] => Some((Want::Byte(*byte), rest)),
    }
}

/// Goes along both. When something does not fit, only the last star may take one
/// byte more: what an earlier one might take, the last can as well.
fn matches_parts<const N: usize>(mask: &[u8], text: [&[u8]; N], mapping: CaseMapping) -> bool {
    let mut mask = mask;
    let mut text = text.into_iter().flatten().copied();
    let mut retry = None;
    loop {
        match next_want(mask) {
            Some((Want::Any, rest)) => {
                if rest.is_empty() {
                    return true;
                }
                mask = rest;
                retry = Some((rest, text.clone()));
                continue;
            }
            Some((want, rest)) => {
                let Some(byte) = text.next() else {
                    // Stars would have to take less than they do.
                    return false;
                };
                let fits = match want {
                    Want::Byte(wanted) => mapping.fold_byte(wanted) == mapping.fold_byte(byte),
                    Want::One | Want::Any => true,
                };
                if fits {
                    mask = rest;
                    continue;
                }
            }
            None if text.next().is_none() => return true,
            None => {}
        }
        let Some((behind, from)) = &mut retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        mask = behind;
        text = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(mask: &str, text: &str) -> bool {
        matches(mask.as_bytes(), text.as_bytes(), CaseMapping::Rfc1459)
    }

    #[test]
    fn wildcards() {
        for (mask, text) in [
            ("", ""),
            ("*", ""),
            ("**", "a"),
            ("*a*b*", "xaxbx"),
            ("*ab", "aab"),
            ("a*a", "aa"),
            ("?*?", "ab"),
            (r"a\?", "a?"),
            (r"\\*", r"\*"),
            (r"a\b", r"A|b"),
            (r"a\", r"a\"),
            ("[x]~", "{X}^"),
        ] {
            assert!(fits(mask, text), "{mask} {text}");
        }
        for (mask, text) in [
            ("", "a"),
            ("?", ""),
            ("a", ""),
            ("*a", "ab"),
            ("a*a", "a"),
            ("?*?", "a"),
            (r"a\?", "ab"),
            ("*a*b*", "ba"),
        ] {
            assert!(!fits(mask, text), "{mask} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        // With a way back for each star this would not end.
        let mask = "*a".repeat(2_000) + "b";
        assert!(!fits(&mask, &"a".repeat(8_000)));
    }

    #[test]
    fn prefixes_are_matched_as_they_are_written() {
        let ann = Prefix::user_at("ann", "a", "reef").unwrap();
        let server = Prefix::new("reef").unwrap();
        for (mask, at_ann, at_server) in [
            ("ann!a@reef", true, false),
            ("*!*@reef", true, false),
            ("*", true, true),
            ("reef!@", false, true),
            ("a*f", true, false),
        ] {
            let fits = |prefix| matches_prefix(mask.as_bytes(), prefix, CaseMapping::Ascii);
            assert_eq!((fits(ann), fits(server)), (at_ann, at_server), "{mask}");
        }
    }

    #[test]
    fn short_masks_are_completed() {
        for (short, whole) in [
            ("", "*!*@*"),
            ("*", "*!*@*"),
            ("@", "*!*@*"),
            ("!", "*!*@*"),
            ("a!b@c", "a!b@c"),
            ("@c", "*!*@c"),
            ("!b@c", "*!b@c"),
            ("10.0.*", "*!*@10.0.*"),
        ] {
            assert_eq!(complete(short.as_bytes()), whole.as_bytes());
        }
    }
}
