//! Ordinary IRC: how the clients that people have speak to us (RFC 2812, IRCv3).
//!
//! Here bytes become lines and lines commands, and here stands what is told to
//! users of IRC that they have not asked for. The parts: `registration` takes them
//! in; `speech` is what they say to each other; `membership` and `modes` are about
//! channels; `queries` answers what they ask; `words` writes. Who may do what in a
//! channel is checked here, at the user's own server; what follows from it is the
//! network's.

mod channel;
mod message;
mod mode;
mod query;
mod registration;
mod reply;
mod session;

use core::time::Duration;
use std::borrow::Cow;

use crc_wire::{ChatKind, HostId, Message, StatusCode};
use irc_wire::{CaseMapping, Command, Line, LineLimits, Numeric, Verb, text};

pub(crate) use reply::VARIATIONS;
pub(crate) use session::User;

use crate::context::{Context, Out, Stage, Timer};
use crate::crc::session::{Lines, Phase};
use crate::network::Host;
use crate::violation::Violation;
use crc_machine::CloseWhen;
use crc_machine::LinkId;
use session::{ANSWER_TIME_MAX, BACKLOG_BYTES_MAX, Capability, SILENCE_MAX};

/// Which names are the same.
pub(crate) const CASE: CaseMapping = CaseMapping::Ascii;

/// A user who asks for something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserRef {
    link: LinkId,
    id: HostId,
}

/// The beginning of a text, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    crc_wire::truncate_utf8(text, bytes_max)
}

impl Context {
    // Who is who.

    pub(crate) fn irc_user(&self, link: LinkId) -> Option<&User> {
        match &self.sessions.find(link)?.lines {
            Some(Lines::Irc(user)) => Some(user),
            _ => None,
        }
    }

    /// The user of a link that is not being closed.
    pub(crate) fn irc_user_mut(&mut self, link: LinkId) -> Option<&mut User> {
        let session = self.sessions.find_mut(link)?;
        match &mut session.lines {
            Some(Lines::Irc(user)) if session.phase != Phase::Closing => Some(user),
            _ => None,
        }
    }

    /// The user that a host is, if it is one of IRC who is linked to us; and its link.
    pub(crate) fn irc_user_of(&self, id: HostId) -> Option<(LinkId, &User)> {
        let link = self.network.directory().find(id)?.first_link();
        let user = self.irc_user(link)?;
        Some((link, user))
    }

    /// `nick!user@host` of a host. What users of this server have said of themselves
    /// is known here; of others the nick stands for the user name.
    pub(crate) fn irc_source(&self, id: HostId) -> Cow<'_, str> {
        if let Some((_, user)) = self.irc_user_of(id)
            && !user.source.is_empty()
        {
            return Cow::Borrowed(&user.source);
        }
        let nick = self.nick_of(id);
        Cow::Owned(format!("{nick}!{nick}@{id}.crc"))
    }

    // What comes in.

    pub(crate) fn irc_bytes(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        if !user.backlog.is_empty() {
            return self.irc_keep(link, bytes, out);
        }
        let rest = self.irc_read(link, bytes, out);
        if !rest.is_empty() {
            self.irc_keep(link, rest, out);
        }
    }

    /// Deals with as many lines as may be read now. What is left of the bytes.
    pub(crate) fn irc_read<'b>(
        &mut self,
        link: LinkId,
        bytes: &'b [u8],
        out: &mut Out,
    ) -> &'b [u8] {
        let per_second = self.config.limits.irc_lines_per_second;
        let (mut input, now) = (bytes, self.now);
        let Some(user) = self.irc_user_mut(link) else {
            return &[];
        };
        let mut decoder = core::mem::take(&mut user.decoder);
        loop {
            if self.stage != Stage::Running {
                return &[];
            }
            let Some(user) = self.irc_user_mut(link) else {
                return &[];
            };
            if !user.may_go_on(now, per_second) {
                break;
            }
            let Some(line) = decoder.next_line(&mut input, LineLimits::CLIENT) else {
                break;
            };
            user.count_line(now, per_second);
            if !self.relay_privmsg_fast(link, line, out) {
                self.irc_line(link, line, out);
            }
        }
        if let Some(user) = self.irc_user_mut(link) {
            user.decoder = decoder;
        }
        input
    }

    /// Keeps what comes too fast, to be read later; but not all of it.
    pub(crate) fn irc_keep(&mut self, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        if user.backlog.len() + bytes.len() > BACKLOG_BYTES_MAX {
            return self.violation(link, Violation::Flood, out);
        }
        let first = user.backlog.is_empty();
        user.backlog.extend_from_slice(bytes);
        if first {
            self.irc_reads_later(link);
        }
    }

    /// One more line may be read when a line's time has passed.
    pub(crate) fn irc_reads_later(&mut self, link: LinkId) {
        let per_second = self.config.limits.irc_lines_per_second.max(1);
        let pause = Duration::from_secs(1) / per_second + Duration::from_micros(1);
        self.timers.set(Timer::Irc(link), self.now + pause);
    }

    /// Reads on what came too fast; asks a silent client whether it is there.
    pub(crate) fn irc_due(&mut self, link: LinkId, out: &mut Out) {
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        let mut backlog = core::mem::take(&mut user.backlog);
        if !backlog.is_empty() {
            let left = self.irc_read(link, &backlog, out).len();
            backlog.drain(..backlog.len() - left);
            let Some(user) = self.irc_user_mut(link) else {
                return;
            };
            if !backlog.is_empty() {
                user.backlog = backlog;
                return self.irc_reads_later(link);
            }
        }
        self.irc_watch(link, out);
    }

    pub(crate) fn irc_watch(&mut self, link: LinkId, out: &mut Out) {
        let now = self.now;
        let registered = self.network.neighbours().find(link).is_some();
        let Some(session) = self.sessions.find(link).filter(|_| registered) else {
            return;
        };
        let heard_at = session.heard_at;
        let Some(user) = self.irc_user_mut(link) else {
            return;
        };
        let pinged_at = user.pinged_at.filter(|pinged_at| *pinged_at >= heard_at);
        let next = match pinged_at {
            Some(pinged_at) if now >= pinged_at + ANSWER_TIME_MAX => {
                log::info!("{}: closed: ping timeout", self.describe_peer(link));
                return self.close_text_link(link, "Ping timeout", "Ping timeout", out);
            }
            Some(pinged_at) => pinged_at + ANSWER_TIME_MAX,
            None if now < heard_at + SILENCE_MAX => heard_at + SILENCE_MAX,
            None => {
                user.pinged_at = Some(now);
                let own = self.irc_own_name();
                let range = out.store(|arena| {
                    arena.extend_from_slice(b"PING :");
                    arena.extend_from_slice(own.as_bytes());
                    arena.extend_from_slice(b"\r\n");
                });
                out.send_stored(link, range);
                now + ANSWER_TIME_MAX
            }
        };
        self.timers.set(Timer::Irc(link), next);
    }

    /// One line.
    pub(crate) fn irc_line(&mut self, link: LinkId, line: Line<'_>, out: &mut Out) {
        let Ok(bytes) = line.whole() else {
            self.counters.dropped += 1;
            return self.reply_error(link, Numeric::ERR_INPUTTOOLONG, &[], out);
        };
        let Ok(message) = irc_wire::Message::parse(bytes) else {
            self.counters.dropped += 1;
            return;
        };
        match self.network.neighbours().find(link).map(|n| n.host) {
            Some(id) => self.irc_command(UserRef { link, id }, &message, out),
            None => self.irc_registration(link, &message, out),
        }
    }

    /// One command of a user.
    pub(crate) fn irc_command(
        &mut self,
        user_ref: UserRef,
        message: &irc_wire::Message<'_>,
        out: &mut Out,
    ) {
        let link = user_ref.link;
        let verb = match message.command {
            Command::Verb(verb) => verb,
            // Only servers say these.
            Command::Numeric(_) => return,
            Command::Other(word) => {
                let words = [word.as_str()];
                return self.reply_error(link, Numeric::ERR_UNKNOWNCOMMAND, &words, out);
            }
        };
        let needs = match verb {
            Verb::Join | Verb::Part | Verb::Topic | Verb::Mode | Verb::Userhost | Verb::Ison => 1,
            Verb::Invite | Verb::Kick | Verb::Oper => 2,
            _ => 0,
        };
        if message.params.len() < needs {
            let words = [verb.as_str()];
            return self.reply_error(link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
        }
        match verb {
            Verb::Privmsg => self.privmsg(user_ref, ChatKind::Message, message, out),
            Verb::Notice => self.privmsg(user_ref, ChatKind::Notice, message, out),
            Verb::Ping => self.irc_ping(link, message, out),
            // Tags are not passed on, which is told in advance.
            Verb::Pong | Verb::Error | Verb::Tagmsg => {}
            Verb::Join => self.irc_join(user_ref, message, out),
            Verb::Part => self.irc_part(user_ref, message, out),
            Verb::Topic => self.irc_topic(user_ref, message, out),
            Verb::Names => self.irc_names(user_ref, message, out),
            Verb::List => self.irc_list(user_ref, message, out),
            Verb::Invite => self.irc_invite(user_ref, message, out),
            Verb::Kick => self.irc_kick(user_ref, message, out),
            Verb::Mode => self.irc_mode(user_ref, message, out),
            Verb::Nick => self.irc_nick(user_ref, message, out),
            Verb::Setname => self.irc_setname(user_ref, message, out),
            Verb::Cap => self.irc_cap(link, message, out),
            Verb::Away => self.irc_away(user_ref, message, out),
            Verb::Who => self.irc_who(user_ref, message, out),
            Verb::Whois => self.irc_whois(user_ref, message, out),
            Verb::Whowas => self.irc_whowas(user_ref, message, out),
            Verb::Ison => self.irc_ison(user_ref, message, out),
            Verb::Userhost => self.irc_userhost(user_ref, message, out),
            Verb::Quit => self.irc_quit(user_ref, message, out),
            Verb::Pass | Verb::User | Verb::Server | Verb::Service | Verb::Webirc => {
                self.reply_error(link, Numeric::ERR_ALREADYREGISTRED, &[], out);
            }
            Verb::Oper => self.reply_error(link, Numeric::ERR_NOOPERHOST, &[], out),
            Verb::Kill
            | Verb::Rehash
            | Verb::Restart
            | Verb::Die
            | Verb::Connect
            | Verb::Squit
            | Verb::Wallops => self.reply_error(link, Numeric::ERR_NOPRIVILEGES, &[], out),
            _ => self.irc_server_query(user_ref, verb, message, out),
        }
    }

    pub(crate) fn irc_ping(&self, link: LinkId, message: &irc_wire::Message<'_>, out: &mut Out) {
        let Some(token) = message.params.get(0).filter(|token| !token.is_empty()) else {
            return self.reply_error(link, Numeric::ERR_NOORIGIN, &[], out);
        };
        let (own, token) = (self.irc_own_name(), text::utf8_or_latin1(token));
        self.irc_line_to(link, own, "PONG", &[own], Some(&token), out);
    }

    pub(crate) fn irc_quit(
        &mut self,
        user_ref: UserRef,
        message: &irc_wire::Message<'_>,
        out: &mut Out,
    ) {
        let link = user_ref.link;
        let text = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
        log::info!("{} quits: {text:?}", self.describe_peer(link));
        self.irc_closes(link, &format!("Quit: {text}"), out);
        self.close(link, CloseWhen::Flushed, &text, out);
    }

    // What goes out.

    /// The network has something to tell a user.
    pub(crate) fn irc_told(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        match message {
            Message::ClientChat(chat) => {
                let (source, text) = (chat.source, chat.text.as_str());
                self.irc_tell_said(link, source, ChatKind::Message, text, out);
            }
            Message::Status(status) => {
                let text = status.text.as_str();
                match status.code {
                    StatusCode::UNKNOWN_ID => {
                        let id = text.rsplit(' ').next().and_then(|id| id.parse().ok());
                        let nick = match id.and_then(HostId::new) {
                            Some(id) => self.nick_of(id),
                            None => "*".to_owned(),
                        };
                        self.reply_error(link, Numeric::ERR_NOSUCHNICK, &[&nick], out);
                    }
                    StatusCode::WELCOME | StatusCode::FEATURES => {}
                    StatusCode::LEAVING => {
                        self.irc_server_notice(link, text, out);
                        self.irc_closes(link, text, out);
                    }
                    _ => self.irc_server_notice(link, text, out),
                }
            }
            _ => {}
        }
    }

    /// The server itself has something to say to a user.
    pub(crate) fn irc_server_notice(&self, link: LinkId, text: &str, out: &mut Out) {
        let words = [self.irc_target(link)];
        self.irc_line_to(link, self.irc_own_name(), "NOTICE", &words, Some(text), out);
    }

    /// The last line on a link.
    pub(crate) fn irc_closes(&mut self, link: LinkId, text: &str, out: &mut Out) {
        let target = self.irc_target(link);
        let range = out.store(|arena| {
            let line = format!("ERROR :Closing Link: {target} ({text})");
            let blank = |c: char| if c.is_control() { ' ' } else { c };
            let line: String = line.chars().map(blank).collect();
            arena.extend_from_slice(cut(&line, 510).as_bytes());
            arena.extend_from_slice(b"\r\n");
        });
        out.send_stored(link, range);
    }

    pub(crate) fn irc_notice(&mut self, link: LinkId, source: HostId, text: &str, out: &mut Out) {
        self.irc_tell_said(link, source, ChatKind::Notice, text, out);
    }

    pub(crate) fn irc_invited(
        &mut self,
        link: LinkId,
        source: HostId,
        channel: &str,
        out: &mut Out,
    ) {
        if let Some(user) = self.irc_user_mut(link) {
            user.invite(channel);
            let words = [self.irc_target(link), channel];
            let source = self.irc_source(source);
            self.irc_line_to(link, &source, "INVITE", &words, None, out);
        }
    }

    /// The links of the users of IRC who share a channel with a host, each once, but
    /// for `except`.
    pub(crate) fn irc_acquaintances(&self, id: HostId, except: Option<LinkId>) -> Vec<LinkId> {
        let channels = self.network.channels().of(id);
        let links = channels.flat_map(|channel| channel.links());
        let mut links: Vec<_> = links
            .filter(|link| Some(*link) != except && self.irc_user(*link).is_some())
            .collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    /// Tells users something about a host, in one line.
    pub(crate) fn irc_tell_of(
        &self,
        links: &[LinkId],
        source: &str,
        command: &str,
        text: &str,
        out: &mut Out,
    ) {
        let mut written = [None; 2];
        for &link in links {
            let user = self.irc_user(link);
            let timed = user.is_some_and(|user| user.has(Capability::ServerTime));
            let range = *written[usize::from(timed)].get_or_insert_with(|| {
                let tags = self.time_tag(timed);
                out.store(|arena| {
                    reply::Line::new(arena, &tags, source, command)
                        .text(text)
                        .end();
                })
            });
            out.send_stored(link, range);
        }
    }

    pub(crate) fn irc_host_quits(&mut self, id: HostId, text: &str, out: &mut Out) {
        // Who quits itself has had its last line.
        let own = self.irc_user_of(id).map(|(link, _)| link);
        let links = self.irc_acquaintances(id, own);
        if !links.is_empty() {
            self.irc_tell_of(&links, &self.irc_source(id), "QUIT", text, out);
        }
    }

    pub(crate) fn irc_host_renamed(&mut self, id: HostId, before: &str, out: &mut Out) {
        let own = self.irc_user_of(id).map(|(link, _)| link);
        let mut links = self.irc_acquaintances(id, own);
        links.extend(own);
        if !links.is_empty() {
            let source = self.irc_source(id);
            // Of those whose source is known it is the one from before.
            let source = match own {
                Some(_) => source.into_owned(),
                None => format!("{before}!{before}@{id}.crc"),
            };
            self.irc_tell_of(&links, &source, "NICK", &self.nick_of(id), out);
        }
        self.irc_host_joined(id);
    }

    /// What a host that is behind a link is called by whom IRC asks for the server.
    pub(crate) fn irc_server_of(&self, host: &Host) -> &str {
        let neighbour = self.network.neighbours().find(host.first_link());
        let servers = self.names.as_ref().map(|names| &names.servers);
        let name = neighbour.and_then(|n| servers?.of(n.host));
        name.unwrap_or_else(|| self.irc_own_name())
    }
}
