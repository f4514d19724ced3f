//! A user of legacy IRC: it is told little, and keeps that.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_core::{DialId, Event, LinkId, Timestamp};

use super::lines::{Line, LineReader};
use super::{ForeignCommand, ForeignNotice, Out};
use crate::node::legacy_address;

/// A user of legacy IRC.
#[derive(Debug, Clone)]
pub(crate) struct LegacyUser {
    /// The server that it dials.
    pub(crate) server: usize,
    pub(crate) nick: String,
    dials: u64,
    link: Option<LinkId>,
    reader: LineReader,
    pub(crate) is_registered: bool,
    /// The channels that it is in as far as it knows, with their topics. Nothing tells it
    /// that it was kicked.
    pub(crate) channels: BTreeMap<String, String>,
    /// The members of channels, as a NAMES has listed them last.
    pub(crate) names: BTreeMap<String, BTreeSet<String>>,
    retry_at: Option<Timestamp>,
    retries: u32,
}

impl LegacyUser {
    pub(crate) fn new(nick: &str, server: usize) -> Self {
        LegacyUser {
            server,
            nick: nick.to_owned(),
            dials: 0,
            link: None,
            reader: LineReader::default(),
            is_registered: false,
            channels: BTreeMap::new(),
            names: BTreeMap::new(),
            retry_at: None,
            retries: 0,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.retry_at
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
                self.register(link, out);
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
                self.names.clear();
                self.retry(now);
            }
            _ => {}
        }
    }

    fn dial(&mut self, out: &mut Out) {
        self.dials += 1;
        out.dial(DialId(self.dials), legacy_address(self.server).into());
    }

    fn retry(&mut self, now: Timestamp) {
        self.retries += 1;
        let pause = 300 << self.retries.min(6);
        self.retry_at = Some(now + Duration::from_millis(pause));
    }

    fn register(&self, link: LinkId, out: &mut Out) {
        let nick = &self.nick;
        out.send(
            link,
            format!("USER {nick} host server :legacy\r\n").as_bytes(),
        );
    }

    fn send(&mut self, lines: &str, out: &mut Out) {
        let Some(link) = self.link.filter(|_| self.is_registered) else {
            return;
        };
        for line in lines.lines().map(Line::parse) {
            let channel = line.param(0);
            match &*line.command {
                "PART" => {
                    self.channels.remove(channel);
                }
                "NAMES" => {
                    self.names.remove(channel);
                }
                _ => {}
            }
        }
        out.send(link, lines.as_bytes());
    }

    fn on_line(&mut self, link: LinkId, line: &Line, out: &mut Out) {
        let channel = line.param(0).to_owned();
        match &*line.command {
            "001" => {
                self.is_registered = true;
                self.retries = 0;
            }
            "436" | "432" => {
                // Another user has the nick: it tries another one.
                self.nick.push('x');
                if self.nick.len() < 40 {
                    self.register(link, out);
                }
            }
            "331" | "332" => {
                let topic = match &*line.command {
                    "332" => line.param(1),
                    _ => "",
                };
                self.channels.insert(channel, topic.to_owned());
            }
            "442" => {
                // It was kicked, or never was in.
                self.channels.remove(&channel);
            }
            "353" => {
                let nicks = line.param(1).split_ascii_whitespace().map(str::to_owned);
                self.names.entry(channel).or_default().extend(nicks);
            }
            "PRIVMSG" if channel.starts_with('#') => {
                out.notice(ForeignNotice::Heard(line.param(1).to_owned()));
            }
            _ => {}
        }
    }
}
