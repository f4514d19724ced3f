//! MODE: of channels and of users.

use crc_wire::{ChannelField, RequestKind};
use irc_wire::{Message, ModeChange, ModeError, ModeTable, Numeric, Sign, text};

use super::channel::{find_member, refuse, send_request};
use super::mask_list::{MaskLists, send_masks};
use super::session::NAMES;
use super::{UserRef, find_user_mut, reply, source_of, tags};
use crate::context::{Commander, Context, Out};
use crate::network::{Channel, KEY_BYTES_MAX, MASK_LISTS, MODES, Network};

/// The modes of channels.
const CHANNEL: ModeTable<'static> = ModeTable {
    lists: b"beI",
    always: b"k",
    when_set: b"l",
    flags: MODES,
    member_modes: b"ov",
};

/// The modes of users: those of RFC 2812, and `B` for bots.
const USER: ModeTable<'static> = ModeTable {
    flags: b"BaiorswO",
    ..ModeTable::USER
};

/// The most changes of one command that take a parameter (`MODES`).
const CHANGES_MAX: usize = 12;

/// MODE of a channel (RFC 2812, 3.2.3) or of a user (3.1.5): shows the modes or changes
/// them.
pub(super) fn mode(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let target = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let changes = message.params.get(1);
    if !NAMES.is_channel(target.as_bytes()) {
        return user_mode(cx, user_ref, &target, changes, out);
    }
    let Some(channel) = cx.network.channels().find(&target) else {
        return reply::reply_error(
            cx,
            user_ref.link,
            Numeric::ERR_NOSUCHCHANNEL,
            &[&target],
            out,
        );
    };
    if !Network::may_see(user_ref.id, channel) {
        let words = [channel.name()];
        return reply::reply_error(cx, user_ref.link, Numeric::ERR_NOTONCHANNEL, &words, out);
    }
    let Some(changes) = changes else {
        return send_modes(cx, user_ref, channel, out);
    };
    let name = channel.name().to_owned();
    let params = message.params.as_slice().get(2..).unwrap_or_default();
    change_channel(cx, user_ref, &name, changes, params, out);
}

// Channels.

/// Sends RPL_CHANNELMODEIS and RPL_CREATIONTIME.
fn send_modes(cx: &Context, user_ref: UserRef, channel: &Channel, out: &mut Out) {
    let inside = channel.member(user_ref.id).is_some();
    let mut modes = format!("+{}", channel.modes());
    let mut params = Vec::new();
    if !channel.key().is_empty() {
        modes.push('k');
        // Only members see the key.
        params.push(if inside { channel.key() } else { "*" }.to_owned());
    }
    if let Some(limit) = channel.limit() {
        modes.push('l');
        params.push(limit.to_string());
    }
    let mut words = vec![channel.name(), &modes];
    words.extend(params.iter().map(String::as_str));
    reply::send_numeric(
        cx,
        user_ref.link,
        Numeric::RPL_CHANNELMODEIS,
        &words,
        None,
        out,
    );
    let seconds = (cx.wall_ms_of(channel.founded().ms) / 1000).to_string();
    let words = [channel.name(), &seconds];
    let numeric = Numeric::RPL_CREATIONTIME;
    reply::send_numeric(cx, user_ref.link, numeric, &words, None, out);
}

/// Applies the changes of a MODE to a channel. A user that is no operator gets one
/// error, and may only list masks. Of more than [`CHANGES_MAX`] changes with a
/// parameter, the rest is ignored.
fn change_channel(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    changes: &[u8],
    params: &[&[u8]],
    out: &mut Out,
) {
    let link = user_ref.link;
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let may = cx.network.may_kick(user_ref.id, name);
    let mut modes = channel.modes().to_owned();
    let mut lists = MaskLists::of(channel);
    let (mut refused, mut listed, mut taken) = (false, [false; MASK_LISTS.len()], 0);
    for change in CHANNEL.parse(changes, params) {
        let change = match change {
            Ok(change) => change,
            // The key need not be known to remove it.
            Err(ModeError::NoParam {
                sign: sign @ Sign::Minus,
                letter: letter @ b'k',
            }) => ModeChange {
                sign,
                letter,
                param: None,
            },
            Err(ModeError::Unknown(letter)) => {
                let letter = char::from(letter).to_string();
                reply::reply_error(cx, link, Numeric::ERR_UNKNOWNMODE, &[&letter], out);
                continue;
            }
            Err(_) => {
                reply::reply_error(cx, link, Numeric::ERR_NEEDMOREPARAMS, &["MODE"], out);
                continue;
            }
        };
        let list = MASK_LISTS.iter().position(|it| it.letter == change.letter);
        if let (Some(place), None) = (list, change.param) {
            if !core::mem::replace(&mut listed[place], true)
                && let Some(channel) = cx.network.channels().find(name)
            {
                send_masks(cx, user_ref.link, channel, MASK_LISTS[place], out);
            }
            continue;
        }
        if let Err(refusal) = may {
            if !refused {
                refuse(cx, link, name, refusal, out);
            }
            refused = true;
            continue;
        }
        taken += usize::from(change.param.is_some());
        if taken > CHANGES_MAX {
            break;
        }
        let param = text::utf8_or_latin1(change.param.unwrap_or_default());
        match change.letter {
            b'o' | b'v' => change_rank(cx, user_ref, name, &change, &param, out),
            b'k' => change_key(cx, user_ref, name, &change, &param, out),
            b'l' => change_limit(cx, user_ref, name, &change, &param, out),
            b'b' | b'e' | b'I' => lists.change(cx, link, name, &change, out),
            letter => {
                let letter = char::from(letter);
                modes.retain(|mode| mode != letter);
                if change.sign == Sign::Plus {
                    modes.push(letter);
                }
            }
        }
    }
    if refused {
        return;
    }
    let mut sorted: Vec<_> = modes.chars().collect();
    sorted.sort_unstable();
    let modes = String::from_iter(sorted);
    let channel = cx.network.channels().find(name);
    if channel.is_some_and(|channel| channel.modes() != modes) {
        let field = ChannelField::MODES;
        cx.set_channel(name, field, Some(user_ref.id), &modes, out);
    }
    lists.store(cx, user_ref.id, name, out);
}

/// Mode `o` or `v`: asks the server of the member to change its rank.
fn change_rank(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    change: &ModeChange<'_>,
    nick: &str,
    out: &mut Out,
) {
    let Some(channel) = cx.network.channels().find(name) else {
        return;
    };
    let kind = match (change.letter, change.sign) {
        (b'o', Sign::Plus) => RequestKind::OP,
        (b'o', Sign::Minus) => RequestKind::DEOP,
        (_, Sign::Plus) => RequestKind::VOICE,
        (_, Sign::Minus) => RequestKind::DEVOICE,
    };
    if let Some(id) = find_member(cx, user_ref.link, channel, nick, out) {
        send_request(cx, user_ref, id, kind, name, "", out);
    }
}

/// Whether a parameter can be written as a word. The last parameter of a command may be
/// empty or begin with a colon.
pub(super) fn is_word(param: &str) -> bool {
    !param.is_empty() && !param.starts_with(':')
}

/// Mode `k`. A key that is no word, is too long, or has blanks, commas or control characters
/// is answered with ERR_INVALIDKEY.
fn change_key(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    change: &ModeChange<'_>,
    key: &str,
    out: &mut Out,
) {
    let bad = |c: char| c.is_control() || c.is_whitespace() || c == ',';
    let is_key = is_word(key) && key.len() <= KEY_BYTES_MAX && !key.contains(bad);
    let key = match change.sign {
        Sign::Minus => "",
        Sign::Plus if !is_key => {
            return reply::reply_error(cx, user_ref.link, Numeric::ERR_INVALIDKEY, &[name], out);
        }
        Sign::Plus => key,
    };
    let known = cx.network.channels().find(name).map(Channel::key);
    if known != Some(key) {
        cx.set_channel(name, ChannelField::KEY, Some(user_ref.id), key, out);
    }
}

/// Mode `l`. A limit that is no number above 0 is answered with ERR_INVALIDMODEPARAM.
fn change_limit(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    change: &ModeChange<'_>,
    limit: &str,
    out: &mut Out,
) {
    let limit = match (change.sign, limit.parse::<u32>()) {
        (Sign::Minus, _) => String::new(),
        (Sign::Plus, Ok(limit)) if limit > 0 => limit.to_string(),
        (Sign::Plus, _) => {
            let (words, text) = ([name, "l", limit], Some("Not a number above 0"));
            let numeric = Numeric::ERR_INVALIDMODEPARAM;
            return reply::send_numeric(cx, user_ref.link, numeric, &words, text, out);
        }
    };
    cx.set_channel(name, ChannelField::LIMIT, Some(user_ref.id), &limit, out);
}

// Users.

/// MODE of a user: only its own. `B`, `i` and `w` can be changed, and `o` be given up.
fn user_mode(
    cx: &mut Context,
    user_ref: UserRef,
    target: &str,
    changes: Option<&[u8]>,
    out: &mut Out,
) {
    let link = user_ref.link;
    let nick = cx.nick_of(user_ref.id);
    if !nick.eq_ignore_ascii_case(target) {
        let names = cx.network.names();
        let known = names.is_some_and(|names| names.nicks.find(target).is_some());
        let numeric = match known {
            true => Numeric::ERR_USERSDONTMATCH,
            false => Numeric::ERR_NOSUCHNICK,
        };
        let words: &[&str] = if known { &[] } else { &[target] };
        return reply::reply_error(cx, link, numeric, words, out);
    }
    let host = cx.network.directory().find(user_ref.id);
    let mut modes_now = host.map(|host| host.details().modes).unwrap_or_default();
    let Some(user) = find_user_mut(cx, link) else {
        return;
    };
    let before = [modes_now.bot, modes_now.invisible, user.wallops];
    let Some(changes) = changes else {
        let is_operator = cx.network.operators().find(user_ref.id).is_some();
        let [bot, invisible, wallops] = before;
        let all = [
            ("B", bot),
            ("i", invisible),
            ("o", is_operator),
            ("w", wallops),
        ];
        let set = all.iter().filter(|(_, is_set)| *is_set);
        let modes = set.fold("+".to_owned(), |modes, (letter, _)| modes + letter);
        return reply::send_numeric(cx, link, Numeric::RPL_UMODEIS, &[&modes], None, out);
    };
    let (mut unknown, mut resigns) = (false, false);
    for change in USER.parse(changes, &[]) {
        match change {
            Ok(change) if change.letter == b'B' => {
                modes_now.bot = change.sign == Sign::Plus;
            }
            Ok(change) if change.letter == b'i' => {
                modes_now.invisible = change.sign == Sign::Plus;
            }
            Ok(change) if change.letter == b'w' => {
                user.wallops = change.sign == Sign::Plus;
            }
            Ok(change) if change.letter == b'o' => resigns = change.sign == Sign::Minus,
            // The other modes of the RFC cannot be set, which is no error.
            Ok(_) => {}
            Err(_) => unknown = true,
        }
    }
    let after = [modes_now.bot, modes_now.invisible, user.wallops];
    if before[..2] != after[..2] {
        cx.set_user_modes(link, modes_now, out);
    }
    if unknown {
        reply::reply_error(cx, link, Numeric::ERR_UMODEUNKNOWNFLAG, &[], out);
    }
    let mut modes = String::new();
    let changes = || "Biw".chars().zip(before.into_iter().zip(after));
    for (sign, is_set) in [('-', false), ('+', true)] {
        let changed = changes().filter(|(_, (before, after))| before != after && *after == is_set);
        let letters: String = changed.map(|(letter, _)| letter).collect();
        if !letters.is_empty() {
            modes.push(sign);
            modes += &letters;
        }
    }
    if !modes.is_empty() {
        let source = source_of(cx, user_ref.id);
        let tags = tags::of_line(cx, link, Some(user_ref.id));
        reply::send_tagged(link, &tags, &source, "MODE", &[&nick, &modes], None, out);
    }
    if resigns {
        let by = Commander {
            link,
            id: user_ref.id,
        };
        cx.resign_operator(by, out);
    }
}
