//! Frames about channels from clients of this server (PROTOCOL section 9).

use crc_machine::LinkId;
use crc_wire::{
    ChannelField, ChannelRequest, HostId, Message, RequestKind, Status, StatusCode, Text,
};

use irc_wire::Command;

use crate::context::{Commander, Context, Out, is_operator_command};
use crate::crc::{people, questions};
use crate::names::wire_name;
use crate::network::{
    Channel, Host, InviteRefusal, MaskList, NEW_CHANNEL_MODES, Network, SetRefusal, SpeakRefusal,
    is_value, split_rename,
};
use crate::text_protocol::pack_words;
use crate::work;

/// The most bytes of one status with names.
const NAMES_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of all names that one request is answered with.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// A client has sent a frame about channels, in its own name.
pub(in crate::crc) fn on_client_frame(
    cx: &mut Context,
    link: LinkId,
    message: &Message<'_>,
    out: &mut Out,
) {
    let Some(host) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return;
    };
    match message {
        Message::ChannelRequest(request) => on_command(cx, link, host, request, out),
        Message::ChannelPart(part) => {
            let (name, text) = (part.channel.as_str(), part.text.as_str());
            if require_member(cx, host, name, out) {
                cx.leave_channel(host, None, name, text, None, out);
            }
        }
        Message::ChannelChat(chat) => {
            let name = chat.channel.as_str();
            let channel = cx.network.channels().find(name);
            let may = channel.map(|channel| {
                let is_silenced = |channel: &_| cx.is_silenced(host, channel);
                Network::may_say(host, channel, chat.text.as_str(), is_silenced)
            });
            match may {
                Some(Ok(())) => cx.say_in_channel(chat, None, None, out),
                Some(Err(SpeakRefusal::Silenced)) => refuse(cx, host, name, SILENCED, out),
                Some(Err(SpeakRefusal::Ctcp)) => refuse(cx, host, name, NO_CTCP, out),
                Some(Err(SpeakRefusal::NotMember)) | None => {
                    refuse(cx, host, name, NOT_MEMBER, out);
                }
            }
        }
        Message::ChannelSetting(set) => {
            let (name, value) = (set.channel.as_str(), set.value.as_str());
            if !require_member(cx, host, name, out) {
                return;
            }
            if set.field == ChannelField::RENAMED_TO {
                return rename(cx, host, name, value, out);
            }
            if !is_value(set.field, value) {
                return refuse(cx, host, name, "it can't be set so", out);
            }
            match cx.network.may_set(host, name, set.field) {
                Ok(()) => match MaskList::of_field(set.field) {
                    Some(list) => cx.set_masks(name, *list, host, value, out),
                    None => cx.set_channel(name, set.field, Some(host), value, out),
                },
                Err(SetRefusal::NotOperator) => {
                    refuse(cx, host, name, NOT_OPERATOR, out);
                }
                Err(SetRefusal::NoSuchChannel | SetRefusal::NotMember) => {
                    refuse(cx, host, name, NOT_MEMBER, out);
                }
            }
        }
        _ => {}
    }
}

/// A client renames a channel.
fn rename(cx: &mut Context, host: HostId, name: &str, value: &str, out: &mut Out) {
    let (new, why) = split_rename(value);
    let times = (cx.now, cx.network_ms());
    match cx.network.may_rename(host, name, new, times) {
        Ok(()) if is_value(ChannelField::RENAMED_TO, value) => {
            cx.rename_channel(host, name, new, why, out);
        }
        Ok(()) => refuse(cx, host, name, "it can't be set so", out),
        Err(why) => refuse(cx, host, name, &why.to_string(), out),
    }
}

/// A client has sent a request.
fn on_command(
    cx: &mut Context,
    link: LinkId,
    host: HostId,
    request: &ChannelRequest<'_>,
    out: &mut Out,
) {
    let name = request.channel.as_ref().map_or("", |name| name.as_str());
    match request.kind {
        RequestKind::JOIN => {
            // Others may have named it to the client as they know it.
            let known = cx.network.channels().find_shown(name);
            if let Some(channel) = known {
                cx.charge_bans(channel);
            }
            let name = &*known.map_or(name, Channel::name).to_owned();
            let matches = cx.ban_matcher(host);
            let key = request.text.as_str();
            if let Err(why) = cx.network.may_enter(host, name, key, matches, cx.now) {
                return refuse(cx, host, name, &why.to_string(), out);
            }
            if !is_value(ChannelField::KEY, key) {
                return refuse(cx, host, name, "no channel can have this key", out);
            }
            cx.join_channel(host, name, key, NEW_CHANNEL_MODES, out);
            crate::crc::burst::list_channel(cx, link, name, out);
        }
        RequestKind::COMMAND => {
            let by = Commander { link, id: host };
            let line = irc_wire::Message::parse(request.text.as_str().as_bytes());
            match line.map(|line| (line.command, line)) {
                Ok((Command::Verb(verb), line)) if is_operator_command(verb) => {
                    cx.count_command(verb);
                    if !questions::ask_stats(cx, by, verb, &line, out) {
                        cx.operator_command(by, verb, &line, out);
                    }
                }
                _ => crate::crc::send::note(cx, link, "Unknown command", out),
            }
        }
        // Servers say these to each other.
        RequestKind::OPERATOR
        | RequestKind::KILL
        | RequestKind::NOTE
        | RequestKind::WALLOPS
        | RequestKind::BAN
        | RequestKind::ORDER
        | RequestKind::ANSWER
        | RequestKind::METADATA
        | RequestKind::INVITED
        | RequestKind::QUESTION
        | RequestKind::REPLY => {
            cx.counters.dropped += 1;
        }
        RequestKind::SET_NAME | RequestKind::AWAY | RequestKind::WHOIS | RequestKind::LIST => {
            people::on_client_request(cx, link, host, request, out);
        }
        RequestKind::PING => crate::crc::send::send_features(cx, link, host, out),
        RequestKind::NAMES => {
            send_names(cx, host, name, out);
        }
        _ if request.destination.is_some() => {
            if let Err(why) = may_request(cx, host, request) {
                return refuse(cx, host, name, why, out);
            }
            match request.kind {
                RequestKind::INVITE => cx.invite(request, out),
                _ => cx.channel_request(request, out),
            }
        }
        _ => cx.counters.dropped += 1,
    }
}

/// Whether a client may make a request about another host; if not, why. The other host's
/// server asks again.
fn may_request(
    cx: &Context,
    host: HostId,
    request: &ChannelRequest<'_>,
) -> Result<(), &'static str> {
    let name = request.channel.as_ref().map_or("", |name| name.as_str());
    match (request.kind, request.destination) {
        (RequestKind::INVITE, Some(invited)) => {
            let may = cx.network.may_invite(host, invited, name);
            may.map(|_| ()).map_err(|refusal| match refusal {
                InviteRefusal::NoSuchChannel => "there is no such channel",
                InviteRefusal::NotMember => NOT_MEMBER,
                InviteRefusal::NotOperator => NOT_OPERATOR,
                InviteRefusal::AlreadyMember => "that client is in it already",
            })
        }
        (
            RequestKind::KICK
            | RequestKind::OP
            | RequestKind::DEOP
            | RequestKind::VOICE
            | RequestKind::DEVOICE,
            _,
        ) => {
            let may = cx.network.may_kick(host, name);
            may.map(|_| ()).map_err(|refusal| match refusal {
                SetRefusal::NoSuchChannel => "there is no such channel",
                SetRefusal::NotMember => NOT_MEMBER,
                SetRefusal::NotOperator => NOT_OPERATOR,
            })
        }
        _ => Ok(()),
    }
}

/// Answers with the names of a channel's members: in several statuses if there are many,
/// each of which begins with the channel's name. Names are not cut. A client with a
/// smaller limit than this server has does not read a longer status.
fn send_names(cx: &mut Context, host: HostId, name: &str, out: &mut Out) {
    let channel = cx.network.channels().find(name);
    let Some(channel) = channel.filter(|channel| Network::may_see(host, channel)) else {
        return refuse(cx, host, name, "there is no such channel", out);
    };
    let name = channel.name().to_owned();
    let text_bytes_max = cx.config.limits.text_bytes_max as usize;
    let room = NAMES_BYTES_MAX
        .min(text_bytes_max)
        .saturating_sub(name.len() + 1);
    let (mut left, mut is_complete) = (ANSWER_BYTES_MAX, true);
    let link = cx.network.directory().find(host).map(Host::first_link);
    let session = link.and_then(|link| cx.crc_session(link));
    let takes_utf8 = session.is_some_and(|session| session.features.utf8_names);
    let names = channel.members().map(|(id, _)| match cx.nick_of(id) {
        nick if takes_utf8 => nick,
        nick => wire_name(&nick).into_owned(),
    });
    let names = names.take_while(|nick| {
        cx.work.charge_answer(work::LINK);
        left = left.saturating_sub(nick.len() + 1);
        is_complete = left > 0;
        is_complete
    });
    let texts: Vec<_> = pack_words(names, room).collect();
    for text in texts {
        let text = format!("{name} {text}");
        send_channel_status(cx, host, StatusCode::CHANNEL_NAMES, &text, out);
    }
    if !is_complete {
        refuse(cx, host, &name, "it has more members than are listed", out);
    }
}

const NOT_MEMBER: &str = "you are not in it";
const SILENCED: &str = "you may not speak in it: it is moderated, or you are banned";
const NO_CTCP: &str = "it takes no CTCP but ACTION";
const NOT_OPERATOR: &str = "only its operators may do this";

/// Whether a client is in a channel; if not, it gets a refusal.
fn require_member(cx: &mut Context, host: HostId, name: &str, out: &mut Out) -> bool {
    let channel = cx.network.channels().find(name);
    let member = channel.is_some_and(|channel| channel.member(host).is_some());
    if !member {
        refuse(cx, host, name, NOT_MEMBER, out);
    }
    member
}

fn refuse(cx: &mut Context, host: HostId, name: &str, why: &str, out: &mut Out) {
    let text = format!("{name}: {why}");
    send_channel_status(cx, host, StatusCode::CHANNEL_REFUSED, &text, out);
}

fn send_channel_status(
    cx: &mut Context,
    host: HostId,
    code: StatusCode,
    text: &str,
    out: &mut Out,
) {
    let Some(link) = cx.link_of(host) else {
        return;
    };
    let status = Status {
        source: Some(cx.config.id),
        destination: Some(host),
        code,
        text: Text::truncated(text),
    };
    cx.send_status(link, &status, out);
}
