//! A server of legacy IRC with some users behind it: it keeps the users and channels of the
//! whole network, as it is told, and says when that contradicts itself.

use core::fmt::Write;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_core::{CloseWhen, DialId, Event, LinkId, Origin, Timestamp};

use super::lines::{Line, LineReader};
use super::{ForeignCommand, ForeignNotice, Out};
use crate::node::{LEGACY, legacy_address};

/// A channel of the legacy network.
#[derive(Debug, Clone, Default)]
pub(crate) struct LegacyChannel {
    pub(crate) members: BTreeSet<String>,
    topic: String,
}

/// A server of legacy IRC.
#[derive(Debug, Clone)]
pub(crate) struct LegacyServer {
    pub(crate) name: String,
    /// The server that it links to, or that links to it.
    pub(crate) gateway: usize,
    /// Whether it dials, and is not dialled.
    dials: bool,
    dialled: u64,
    link: Option<LinkId>,
    /// Whether the server at the other end has introduced itself.
    pub(crate) is_linked: bool,
    reader: LineReader,
    /// The nicks of its own users, and of all others.
    pub(crate) users: BTreeSet<String>,
    others: BTreeSet<String>,
    pub(crate) channels: BTreeMap<String, LegacyChannel>,
    retry_at: Option<Timestamp>,
    retries: u32,
}

impl LegacyServer {
    pub(crate) fn new(name: &str, gateway: usize, dials: bool, users: BTreeSet<String>) -> Self {
        LegacyServer {
            name: name.to_owned(),
            gateway,
            dials,
            dialled: 0,
            link: None,
            is_linked: false,
            reader: LineReader::default(),
            users,
            others: BTreeSet::new(),
            channels: BTreeMap::new(),
            retry_at: None,
            retries: 0,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// Its own users in a channel.
    pub(crate) fn own_members(&self, channel: &str) -> impl Iterator<Item = &String> {
        let known = self.channels.get(channel).into_iter();
        let members = known.flat_map(|known| &known.members);
        members.filter(|nick| self.users.contains(*nick))
    }

    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, ForeignCommand>,
        out: &mut Out,
    ) {
        match event {
            Event::Command(ForeignCommand::Start) if self.dials => self.dial(out),
            Event::Command(ForeignCommand::Lines(lines)) => {
                for line in lines.lines().map(Line::parse) {
                    self.apply(&line);
                }
                if let Some(link) = self.link.filter(|_| self.is_linked) {
                    out.send(link, lines.as_bytes());
                }
            }
            Event::Tick if self.retry_at.is_some_and(|at| at <= now) => {
                self.retry_at = None;
                self.dial(out);
            }
            Event::DialFailed { .. } => self.retry(now),
            // Another node has found its address, and speaks another protocol.
            Event::LinkUp {
                link,
                origin: Origin::Accepted { listener },
                ..
            } if listener != LEGACY => {
                out.close(link, CloseWhen::Now);
            }
            Event::LinkUp { link, origin, .. } => {
                self.forget_others();
                self.link = Some(link);
                self.reader = LineReader::default();
                if matches!(origin, Origin::Dialed { .. }) {
                    out.send(link, self.burst().as_bytes());
                }
            }
            Event::Bytes { link, bytes } if Some(link) == self.link => {
                for line in self.reader.read(bytes) {
                    self.on_line(link, &line, out);
                }
            }
            Event::LinkDown { link, .. } if Some(link) == self.link => {
                self.forget_others();
                self.link = None;
                self.retry(now);
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dialled += 1;
        out.dial(DialId(self.dialled), legacy_address(self.gateway).into());
    }

    fn retry(&mut self, now: Timestamp) {
        if self.dials {
            self.retries += 1;
            let pause = 300 << self.retries.min(6);
            self.retry_at = Some(now + Duration::from_millis(pause));
        }
    }

    /// The other side is gone, with all its users.
    fn forget_others(&mut self) {
        self.is_linked = false;
        for nick in core::mem::take(&mut self.others) {
            self.leave_all(&nick);
        }
    }

    fn leave_all(&mut self, nick: &str) {
        for channel in self.channels.values_mut() {
            channel.members.remove(nick);
        }
        self.channels.retain(|_, known| !known.members.is_empty());
    }

    /// Its introduction, its users, and the channels that they are in.
    fn burst(&self) -> String {
        let name = &self.name;
        let mut lines = format!(":{name} SERVER {name} 1 :Legacy\r\n");
        for nick in &self.users {
            let _ = write!(lines, ":{name} USER {nick} host {name} :legacy\r\n");
        }
        for (channel, known) in &self.channels {
            let own: Vec<&str> = self.own_members(channel).map(String::as_str).collect();
            if own.is_empty() {
                continue;
            }
            let _ = match &*known.topic {
                "" => write!(lines, ":{name} 331 {channel} :No topic is set\r\n"),
                topic => write!(lines, ":{name} 332 {channel} :{topic}\r\n"),
            };
            let _ = write!(lines, ":{name} 353 {channel} :{}\r\n", own.join(" "));
        }
        lines
    }

    fn on_line(&mut self, link: LinkId, line: &Line, out: &mut Out) {
        if !self.is_linked {
            if line.command != "SERVER" {
                return;
            }
            self.is_linked = true;
            self.retries = 0;
            if !self.dials {
                out.send(link, self.burst().as_bytes());
            }
        }
        if line.command == "PRIVMSG" && line.param(0).starts_with('#') {
            out.notice(ForeignNotice::Heard(line.param(1).to_owned()));
        }
        if let Some(what) = self.apply(line) {
            let text = format!("{} was told {what}: {line:?}", self.name);
            out.notice(ForeignNotice::Contradiction(text));
        }
    }

    /// Keeps what a line says, its own or one of the other side. Returns what it
    /// contradicts.
    fn apply(&mut self, line: &Line) -> Option<&'static str> {
        let (who, first) = (&line.who, line.param(0));
        let is_known = self.users.contains(who) || self.others.contains(who);
        match &*line.command {
            "USER" if *who == self.name => {
                self.users.insert(first.to_owned());
                None
            }
            "USER" => {
                let is_new = self.others.insert(first.to_owned());
                (!is_new).then_some("of a user that it knows")
            }
            "QUIT" => {
                let known = self.users.remove(who) || self.others.remove(who);
                self.leave_all(who);
                (!known).then_some("that a user quits that it does not know")
            }
            "JOIN" => {
                let channel = self.channels.entry(first.to_owned()).or_default();
                let is_new = channel.members.insert(who.clone());
                match (is_known, is_new) {
                    (false, _) => Some("that a user joins that it does not know"),
                    (true, false) if !self.users.contains(who) => Some("that a member joins"),
                    _ => None,
                }
            }
            "PART" => {
                let channel = self.channels.get_mut(first);
                let known = channel.is_some_and(|channel| channel.members.remove(who));
                self.channels.retain(|_, known| !known.members.is_empty());
                (!known).then_some("that a user leaves that is no member")
            }
            "353" => {
                let nicks = line.param(1).split_ascii_whitespace().map(str::to_owned);
                let nicks: Vec<String> = nicks.collect();
                let unknown = nicks.iter().any(|nick| !self.others.contains(nick));
                let channel = self.channels.entry(first.to_owned()).or_default();
                channel.members.extend(nicks);
                unknown.then_some("of a member that it does not know")
            }
            "TOPIC" | "332" | "331" => {
                let topic = match &*line.command {
                    "331" => "",
                    _ => line.param(1),
                };
                if let Some(channel) = self.channels.get_mut(first) {
                    channel.topic = topic.to_owned();
                }
                None
            }
            _ => None,
        }
    }
}
