//! A user of ordinary IRC: it keeps what it is told of its channels, and says when that
//! contradicts itself.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_core::{DialId, Event, LinkId, Timestamp};

use super::channel_view::ChannelView;
use super::lines::{Line, LineReader};
use super::{ForeignCommand, ForeignNotice, Out};
use crate::monitor::channel_chats::number;
use crate::node::irc_address;

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
    /// Whether it was told that its server lists all ranks of a member.
    pub(crate) sees_all_ranks: bool,
    /// Whether it asks for message-tags.
    pub(crate) has_tags: bool,
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
                let (capabilities, end) = match (self.sees_all_ranks, self.has_tags) {
                    (true, true) => ("CAP REQ :multi-prefix message-tags\r\n", "CAP END\r\n"),
                    (true, false) => ("CAP REQ :multi-prefix\r\n", "CAP END\r\n"),
                    (false, true) => ("CAP REQ :message-tags\r\n", "CAP END\r\n"),
                    (false, false) => ("", ""),
                };
                let (nick, info) = (&self.wanted_nick, self.info());
                let lines =
                    format!("{capabilities}NICK {nick}\r\nUSER {nick} 0 * :{info}\r\n{end}");
                out.send(link, lines.as_bytes());
            }
            Event::Bytes { link, bytes } => {
                for line in self.reader.read(bytes) {
                    self.on_line(link, &line, out);
                }
            }
            Event::LinkDown { .. } => {
                self.link = None;
                self.is_registered = false;
                self.channels.clear();
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
            let channel = line.param(0).to_ascii_lowercase();
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
        let target = line.param(0).to_ascii_lowercase();
        let channel = target.trim_start_matches(['@', '+']);
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

    /// What a user of IRC says with one id comes in the order in which it was said.
    fn check_order(&mut self, line: &Line, target: &str, text: &str) -> Result<(), String> {
        let host = line.source.split_once("!~");
        let host = host.and_then(|(_, rest)| Some(rest.split_once('@')?.1));
        let (Some(host), Some(number)) = (host, number(text)) else {
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
