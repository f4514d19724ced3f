//! Lists with commas: `JOIN #a,#b key`.

/// Returns the elements of a list. Skips empty ones.
///
/// ```
/// use irc_wire::lists;
///
/// let channels: Vec<_> = lists::elements(b"#a,,#b").collect();
/// assert_eq!(channels, [b"#a", b"#b"]);
/// ```
pub fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let elements = list.split(|&byte| byte == b',');
    elements.filter(|element| !element.is_empty())
}

/// Returns each channel of a JOIN with its key: the first channel with the first key,
/// and so on. An empty key is `None`, so `JOIN #a,#b ,key` has a key for `#b` only. An
/// empty channel is skipped together with its key.
///
/// ```
/// use irc_wire::lists;
///
/// let wanted: Vec<_> = lists::with_keys(b"#a,#b,#c", b"x,,z").collect();
/// assert_eq!(wanted, [
///     (&b"#a"[..], Some(&b"x"[..])),
///     (b"#b", None),
///     (b"#c", Some(b"z")),
/// ]);
/// ```
pub fn with_keys<'a>(
    channels: &'a [u8],
    keys: &'a [u8],
) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone {
    let keys = keys.split(|&byte| byte == b',');
    let keys = keys.map(Some).chain(core::iter::repeat(None));
    let channels = channels.split(|&byte| byte == b',');
    let both = channels.zip(keys);
    both.filter(|(channel, _)| !channel.is_empty())
        .map(|(channel, key)| (channel, key.filter(|key| !key.is_empty())))
}
