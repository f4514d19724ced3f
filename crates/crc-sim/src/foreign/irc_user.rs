//! A user of ordinary IRC: it keeps what it is told of its channels, and says when that
//! contradicts itself.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crc_core::{DialId, Event, LinkId, Random, Timestamp};
use crc_netem::Draw;

use super::channel_view::ChannelView;
use super::lines::{Line, LineReader, first_name};
use super::{ForeignCommand, ForeignNotice, Out};
use crate::monitor::channel_chats::number;
use crate::node::irc_address;

/// What a user that has tags asks for.
const TAGS_CAPABILITIES: [&str; 3] = ["message-tags", "draft/message-redaction", "echo-message"];

/// How many messages a user remembers.
const MESSAGES_MAX: usize = 32;

/// A message that a user has read.
#[derive(Debug, Clone)]
struct ReadMessage {
    id: String,
    /// Behind the `@` of its author's source.
    author: String,
    target: String,
}

/// The last messages with ids that a user has read.
#[derive(Debug, Clone, Default)]
struct Messages(VecDeque<ReadMessage>);

impl Messages {
    fn read(&mut self, line: &Line) {
        let mut tags = line.tags.split(';');
        let Some(id) = tags.find_map(|tag| tag.strip_prefix("msgid=")) else {
            return;
        };
        if self.0.len() == MESSAGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(ReadMessage {
            id: id.to_owned(),
            author: host_of(&line.source).to_owned(),
            target: line.param(0).to_owned(),
        });
    }

    fn take(&mut self, id: &str) -> Option<ReadMessage> {
        let at = self.0.iter().position(|message| message.id == id)?;
        self.0.remove(at)
    }

    fn any(&self, random: &mut Random) -> Option<(&str, &str)> {
        let message = match self.0.is_empty() {
            true => return None,
            false => &self.0[random.index(self.0.len())],
        };
        Some((&message.target, &message.id))
    }
}

/// The host of a source: it stays the same when its nick changes.
fn host_of(source: &str) -> &str {
    source.split_once('@').map_or(source, |(_, host)| host)
}

/// A user of IRC.
#[derive(Debug, Clone)]
pub(crate) struct IrcUser {
    /// The server that it dials.
    pub(crate) server: usize,
    /// The nick that it asks for first, and the one that it has.
    wanted_nick: String,
    pub(crate) nick: String,
    tries: u32,
    dials: u64,
    link: Option<LinkId>,
    reader: LineReader,
    pub(crate) is_registered: bool,
    /// By name in lower case.
    pub(crate) channels: BTreeMap<String, ChannelView>,
    /// The channels that it joins again after a reconnect, with their keys.
    wanted: BTreeMap<String, String>,
    /// Whether it was told that its server lists all ranks of a member. It knows renames, too.
    pub(crate) sees_all_ranks: bool,
    /// Whether it asks for message-tags, redactions and its own messages.
    pub(crate) has_tags: bool,
    /// The messages with ids that it has read.
    messages: Messages,
    /// The number of the last chat that each other user of IRC has said to each target.
    heard: BTreeMap<(String, String), usize>,
    retry_at: Option<Timestamp>,
    retries: u32,
}

impl IrcUser {
    pub(crate) fn new(nick: &str, server: usize, sees_all_ranks: bool, has_tags: bool) -> Self {
        IrcUser {
            server,
            wanted_nick: nick.to_owned(),
            nick: String::new(),
            tries: 0,
            dials: 0,
            link: None,
            reader: LineReader::default(),
            is_registered: false,
            channels: BTreeMap::new(),
            wanted: BTreeMap::new(),
            sees_all_ranks,
            has_tags,
            messages: Messages::default(),
            heard: BTreeMap::new(),
            retry_at: None,
            retries: 0,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// The name for people that its server gives it.
    pub(crate) fn info(&self) -> String {
        format!("Real {}", self.wanted_nick)
    }

    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ForeignCommand>,
        out: &mut Out,
    ) {
        match event {
            Event::Command(ForeignCommand::Start) => self.dial(out),
            Event::Command(ForeignCommand::Lines(lines)) => self.send(&lines, out),
            Event::Tick if self.retry_at.is_some_and(|at| at <= now) => {
                self.retry_at = None;
                self.dial(out);
            }
            Event::DialFailed { .. } => self.retry(now),
            Event::LinkUp { link, .. } => {
                self.link = Some(link);
                self.reader = LineReader::default();
                self.tries = 0;
                let (nick, info) = (&self.wanted_nick, self.info());
                let mut lines = format!("NICK {nick}\r\nUSER {nick} 0 * :{info}\r\n");
                let mut capabilities = Vec::new();
                if self.sees_all_ranks {
                    capabilities.extend(["multi-prefix", "draft/channel-rename"]);
                }
                if self.has_tags {
                    capabilities.extend(TAGS_CAPABILITIES);
                }
                if !capabilities.is_empty() {
                    let wanted = capabilities.join(" ");
                    lines = format!("CAP REQ :{wanted}\r\n{lines}CAP END\r\n");
                }
                out.send(link, lines.as_bytes());
            }
            Event::Bytes { link, bytes } => {
                for line in self.reader.read(bytes) {
                    if let Err(what) = self.check_name(&line) {
                        let text = format!("{} was told {what}: {line:?}", self.nick);
                        out.notice(ForeignNotice::Contradiction(text));
                    }
                    self.on_line(link, &line.with_first_names(), out);
                    if line.command == "JOIN" && line.who == self.nick {
                        let shown = line.param(0);
                        let first = first_name(shown).to_ascii_lowercase();
                        if let Some(view) = self.channels.get_mut(&first) {
                            shown.clone_into(&mut view.shown);
                        }
                    }
                }
            }
            Event::LinkDown { .. } => {
                self.link = None;
                self.is_registered = false;
                self.channels.clear();
                self.messages = Messages::default();
                self.heard.clear();
                self.retry(now);
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        out.dial(DialId(self.dials), irc_address(self.server).into());
    }

    fn retry(&mut self, now: Timestamp) {
        self.retries += 1;
        let pause = 300 << self.retries.min(6);
        self.retry_at = Some(now + Duration::from_millis(pause));
    }

    fn send(&mut self, lines: &str, out: &mut Out) {
        let Some(link) = self.link.filter(|_| self.is_registered) else {
            return;
        };
        for line in lines.lines().map(Line::parse) {
            let channel = first_name(line.param(0)).to_ascii_lowercase();
            match &*line.command {
                "JOIN" => {
                    self.wanted.insert(channel, line.param(1).to_owned());
                }
                "PART" => {
                    self.wanted.remove(&channel);
                }
                _ => {}
            }
        }
        out.send(link, lines.as_bytes());
    }

    fn on_line(&mut self, link: LinkId, line: &Line, out: &mut Out) {
        let result = match &*line.command {
            "PING" => {
                out.send(link, format!("PONG :{}\r\n", line.param(0)).as_bytes());
                Ok(())
            }
            "001" => {
                self.on_welcome(link, line, out);
                Ok(())
            }
            "433" => {
                self.on_nick_in_use(link, out);
                Ok(())
            }
            "471" | "473" | "474" | "475" | "403" | "405" => {
                // It does not try again by itself.
                self.wanted.remove(&line.param(1).to_ascii_lowercase());
                Ok(())
            }
            "PRIVMSG" | "NOTICE" => self.on_text(line, line.param(1), out),
            "TAGMSG" => match super::numbered_tag(&line.tags) {
                Some(text) => self.on_text(line, &text, out),
                None => Ok(()),
            },
            "REDACT" => self.on_redaction(line),
            // See `check_name`.
            "RENAME" | "FAIL" | "470" => Ok(()),
            _ if !self.is_registered => Ok(()),
            "JOIN" => self.on_join(line),
            "PART" => self.on_left(line, &line.who),
            "KICK" => self.on_left(line, line.param(1)),
            "QUIT" => self.on_quit(&line.who),
            "NICK" => self.on_nick(&line.who, line.param(0)),
            "MODE" if line.param(0).starts_with('#') => self.on_mode(line),
            "TOPIC" => self.in_channel(line.param(0), |it| {
                it.topic = line.param(1).to_owned();
                Ok(())
            }),
            "332" => self.answered(line.param(1), |it| {
                it.topic = line.param(2).to_owned();
                Ok(())
            }),
            "353" => self.answered(line.param(2), |it| {
                it.list_names(line.param(3));
                Ok(())
            }),
            "366" => self.on_names_end(link, line, out),
            "324" => self.answered(line.param(1), |it| {
                it.set_modes(line.param(2), line.params.get(3..).unwrap_or_default());
                Ok(())
            }),
            "346" | "348" | "367" => self.answered(line.param(1), |it| {
                let letter = match &*line.command {
                    "346" => 'I',
                    "348" => 'e',
                    _ => 'b',
                };
                it.masks.insert(format!("{letter} {}", line.param(2)));
                Ok(())
            }),
            // The last of the three lists that it asks for.
            "347" => self.answered(line.param(1), |it| {
                it.knows_masks = true;
                Ok(())
            }),
            _ => Ok(()),
        };
        if let Err(what) = result {
            let text = format!("{} was told {what}: {line:?}", self.nick);
            out.notice(ForeignNotice::Contradiction(text));
        }
    }

    /// It is told of a channel under the name that it knows, or of another name of it.
    fn check_name(&mut self, line: &Line) -> Result<(), String> {
        let name = line.param(0).trim_start_matches(['@', '+']);
        match &*line.command {
            "FAIL" if line.param(1) == "CHANNEL_RENAMED" => {
                if !self.sees_all_ranks {
                    return Err("a name in a way that it has not asked for".to_owned());
                }
                // Under its new name it might found another one: the channel may have its first
                // name again by then.
                self.wanted.remove(&line.param(2).to_ascii_lowercase());
                return Ok(());
            }
            "RENAME" if !self.sees_all_ranks => {
                return Err("a name in a way that it has not asked for".to_owned());
            }
            "JOIN" if line.who == self.nick => return Ok(()),
            "RENAME" | "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" | "JOIN" | "PART" | "KICK"
            | "MODE" | "TOPIC" => {}
            _ => return Ok(()),
        }
        let first = first_name(name).to_ascii_lowercase();
        let Some(view) = self.channels.get_mut(&first) else {
            return Ok(());
        };
        if !view.shown.eq_ignore_ascii_case(name) {
            return Err(format!("another name of {}", view.shown));
        }
        if line.command == "RENAME" {
            line.param(1).clone_into(&mut view.shown);
        }
        Ok(())
    }

    fn on_welcome(&mut self, link: LinkId, line: &Line, out: &mut Out) {
        self.is_registered = true;
        self.retries = 0;
        self.nick = line.param(0).to_owned();
        for (channel, key) in &self.wanted {
            out.send(link, format!("JOIN {channel} {key}\r\n").as_bytes());
        }
    }

    fn on_nick_in_use(&mut self, link: LinkId, out: &mut Out) {
        if !self.is_registered {
            self.tries += 1;
            let line = format!("NICK {}{}\r\n", self.wanted_nick, self.tries);
            out.send(link, line.as_bytes());
        }
    }

    /// Changes what it was told of a channel, which it must be in.
    fn in_channel(
        &mut self,
        channel: &str,
        change: impl FnOnce(&mut ChannelView) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.channels.get_mut(&channel.to_ascii_lowercase()) {
            Some(view) => change(view),
            None => Err("something of a channel that it is not in".to_owned()),
        }
    }

    /// Changes what it was told of a channel: an answer, which may come after it has left.
    fn answered(
        &mut self,
        channel: &str,
        change: impl FnOnce(&mut ChannelView) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.channels.get_mut(&channel.to_ascii_lowercase()) {
            Some(view) => change(view),
            None => Ok(()),
        }
    }

    /// Something is said to it, or in a channel.
    fn on_text(&mut self, line: &Line, text: &str, out: &mut Out) -> Result<(), String> {
        if !self.has_tags && (!line.tags.is_empty() || line.command == "TAGMSG") {
            return Err("tags that it has not asked for".to_owned());
        }
        self.messages.read(line);
        let target = line.param(0).to_ascii_lowercase();
        let channel = target.trim_start_matches(['@', '+']);
        if self.has_tags && line.who == self.nick {
            // Its own message.
            return Ok(());
        }
        // The server speaks, too.
        if channel.starts_with('#') || line.source.contains("!~") {
            out.notice(ForeignNotice::Heard(text.to_owned()));
        }
        self.check_order(line, &target, text)?;
        if !channel.starts_with('#') {
            return Ok(());
        }
        let Some(view) = self.channels.get(channel) else {
            return Err("a text in a channel that it is not in".to_owned());
        };
        let Some(rank) = view.members.get(&self.nick) else {
            return Ok(());
        };
        let may = match target.as_bytes() {
            [b'@', ..] => rank.operator,
            [b'+', ..] => rank.operator || rank.voice,
            _ => true,
        };
        match may || !self.sees_all_ranks || !view.is_listed {
            true => Ok(()),
            false => Err("a text for members with a rank that it does not have".to_owned()),
        }
    }

    /// A message is taken back: by its author, or by an operator of the channel.
    fn on_redaction(&mut self, line: &Line) -> Result<(), String> {
        if !self.has_tags {
            return Err("a redaction that it has not asked for".to_owned());
        }
        let channel = line.param(0).to_ascii_lowercase();
        let channel = channel.trim_start_matches(['@', '+']);
        let view = self.channels.get(channel);
        if channel.starts_with('#') && view.is_none() && line.who != self.nick {
            return Err("a redaction in a channel that it is not in".to_owned());
        }
        // One that it has not read, it ignores.
        let Some(message) = self.messages.take(line.param(1)) else {
            return Ok(());
        };
        let same = message.target.eq_ignore_ascii_case(line.param(0));
        // Nicks change.
        let is_private = !channel.starts_with('#') && !message.target.contains('#');
        if !same && !is_private {
            return Err(format!("a redaction of a message to {}", message.target));
        }
        let is_operator = view.is_some_and(|view| {
            let rank = view.members.get(&line.who);
            !view.is_listed || rank.is_some_and(|rank| rank.operator)
        });
        match message.author == host_of(&line.source) || is_operator {
            true => Ok(()),
            false => Err("a redaction by neither the author nor an operator".to_owned()),
        }
    }

    /// A message that it has read, to redact it: its target and id.
    pub(crate) fn any_message(&self, random: &mut Random) -> Option<(&str, &str)> {
        self.messages.any(random)
    }

    /// What a user of IRC says with one id comes in the order in which it was said.
    fn check_order(&mut self, line: &Line, target: &str, text: &str) -> Result<(), String> {
        let (host, true, Some(number)) = (
            host_of(&line.source),
            line.source.contains("!~"),
            number(text),
        ) else {
            return Ok(());
        };
        let channel = target.trim_start_matches(['@', '+']);
        let target = match channel.starts_with('#') {
            true => channel,
            false => "itself",
        };
        let before = self
            .heard
            .insert((host.to_owned(), target.to_owned()), number);
        match before.filter(|before| *before >= number) {
            Some(before) => Err(format!("k{number} after k{before}")),
            None => Ok(()),
        }
    }

    fn on_join(&mut self, line: &Line) -> Result<(), String> {
        let channel = line.param(0).to_ascii_lowercase();
        if line.who == self.nick {
            let mut view = ChannelView::default();
            view.members.insert(self.nick.clone(), Default::default());
            let before = self.channels.insert(channel, view);
            return match before {
                Some(_) => Err("that it joins a channel that it is in".to_owned()),
                None => Ok(()),
            };
        }
        self.in_channel(&channel, |view| {
            let before = view.members.insert(line.who.clone(), Default::default());
            match before {
                Some(_) if view.is_listed => Err("that a member joins".to_owned()),
                _ => Ok(()),
            }
        })
    }

    /// A member has left, or was kicked.
    fn on_left(&mut self, line: &Line, who: &str) -> Result<(), String> {
        let channel = line.param(0).to_ascii_lowercase();
        if who == self.nick {
            return match self.channels.remove(&channel) {
                Some(_) => Ok(()),
                None => Err("that it leaves a channel that it is not in".to_owned()),
            };
        }
        self.in_channel(&channel, |view| match view.members.remove(who) {
            None if view.is_listed => Err(format!("that {who} leaves, which is no member")),
            _ => Ok(()),
        })
    }

    fn on_quit(&mut self, who: &str) -> Result<(), String> {
        let mut known = false;
        let mut listed = true;
        for view in self.channels.values_mut() {
            known |= view.members.remove(who).is_some();
            listed &= view.is_listed;
        }
        match known || !listed || who == self.nick {
            true => Ok(()),
            false => Err(format!("that {who} quits, with which it shares no channel")),
        }
    }

    fn on_nick(&mut self, before: &str, after: &str) -> Result<(), String> {
        let mut known = before == self.nick;
        if known {
            self.nick = after.to_owned();
        }
        for view in self.channels.values_mut() {
            if let Some(rank) = view.members.remove(before) {
                known = true;
                let taken = view.members.insert(after.to_owned(), rank);
                if taken.is_some() {
                    return Err(format!("that {before} is {after}, which is another member"));
                }
            }
            known |= !view.is_listed;
        }
        match known {
            true => Ok(()),
            false => Err(format!("the new nick of {before}, which it does not know")),
        }
    }

    fn on_mode(&mut self, line: &Line) -> Result<(), String> {
        self.in_channel(line.param(0), |view| {
            view.change(line.param(1), line.params.get(2..).unwrap_or_default())
        })
    }

    /// The names are complete: it asks for the rest.
    fn on_names_end(&mut self, link: LinkId, line: &Line, out: &mut Out) -> Result<(), String> {
        let name = line.param(1);
        if let Some(view) = self.channels.get_mut(&name.to_ascii_lowercase())
            && !view.is_listed
        {
            view.is_listed = true;
            out.send(
                link,
                format!("MODE {name}\r\nMODE {name} beI\r\n").as_bytes(),
            );
        }
        Ok(())
    }
}
