//! STATS (RFC 2812, 3.4.4): how long the server runs, for all; and what only operators with
//! the power `stats` get.

use crc_wire::HostId;
use irc_wire::{Numeric, Verb};

use super::Commander;
use crate::context::{Context, Out};
use crate::network::{BanKind, Host, HostKind};
use crate::operator::Powers;
use crate::work;

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// The most bytes of what stands in place of a letter.
const LETTER_BYTES_MAX: usize = 64;

/// A line of an answer to STATS.
#[derive(Debug)]
pub(crate) struct StatsLine {
    pub(crate) numeric: Numeric,
    pub(crate) words: Vec<String>,
    pub(crate) text: String,
}

/// The lines of an answer to STATS, within a number of bytes.
struct Report<'a> {
    cx: &'a Context,
    lines: Vec<StatsLine>,
    bytes_left: usize,
}

impl Report<'_> {
    /// Adds a line. `false` if there is no room for it: then the last line says so.
    fn add(&mut self, numeric: Numeric, words: &[&str], text: &str) -> bool {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        // The numeric, blanks and the end.
        let bytes = words.iter().map(|word| word.len() + 1).sum::<usize>() + text.len() + 8;
        self.cx.work.charge_answer(work::LINE);
        self.cx.work.charge_answer_bytes(bytes);
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            self.lines.push(StatsLine {
                numeric: Numeric::ERR_TOOMANYMATCHES,
                words: vec![Verb::Stats.as_str().to_owned()],
                text: "Too many lines in the answer, the rest is left out".to_owned(),
            });
            return false;
        };
        self.bytes_left = left;
        let text = text.to_owned();
        self.lines.push(StatsLine {
            numeric,
            words,
            text,
        });
        true
    }
}

/// Who gets an answer to STATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// A user of this server.
    Own,
    /// A user of another server: it is not told the addresses of clients and servers.
    Elsewhere,
}

/// At most so many bytes of the letter that STATS was given.
pub(crate) fn stats_letter(wanted: &str) -> &str {
    crc_wire::truncate_utf8(wanted, LETTER_BYTES_MAX)
}

impl Context {
    /// Answers STATS of a user of this server: `u`, since when the server runs; for operators `k`
    /// and `d`, the bans; `l`, the links; `m`, how often each command was used; `o`, who may become
    /// an operator here.
    pub(crate) fn stats(&mut self, by: Commander, letter: &str, out: &mut Out) {
        let letter = stats_letter(letter);
        self.report_stats(by, letter, None, out);
        for line in self.stats_lines(by.id, letter, Audience::Own, ANSWER_BYTES_MAX) {
            let words: Vec<_> = line.words.iter().map(String::as_str).collect();
            self.reply(by.link, line.numeric, &words, &line.text, out);
        }
    }

    /// Tells the operators that one of them reads what others do not get, of this server or of
    /// another one.
    pub(crate) fn report_stats(
        &mut self,
        by: Commander,
        letter: &str,
        server: Option<HostId>,
        out: &mut Out,
    ) {
        if self.may_read_stats(by.id, letter) {
            let at = server.map_or_else(String::new, |id| format!(" {}", self.server_name(id)));
            self.report_act(by, &format!("used STATS {letter}{at}"), out);
        }
    }

    /// Whether a letter is for operators, and the user is one that may read that.
    fn may_read_stats(&self, by: HostId, letter: &str) -> bool {
        let is_for_operators = letter.len() == 1 && "kdlmoKDLMO".contains(letter);
        is_for_operators && self.network.operators().may(by, Powers::STATS)
    }

    /// What this server answers to STATS of a user of another server, in at most so many bytes.
    pub(crate) fn stats_for_elsewhere(
        &self,
        by: HostId,
        letter: &str,
        bytes_max: usize,
    ) -> Vec<StatsLine> {
        if self.may_read_stats(by, letter) {
            log::info!("STATS {letter} by operator {by} {:?}", self.nick_of(by));
        }
        self.stats_lines(by, letter, Audience::Elsewhere, bytes_max)
    }

    fn stats_lines(
        &self,
        by: HostId,
        letter: &str,
        audience: Audience,
        bytes_max: usize,
    ) -> Vec<StatsLine> {
        let mut report = Report {
            cx: self,
            lines: Vec::new(),
            bytes_left: bytes_max,
        };
        let may = self.may_read_stats(by, letter);
        match letter {
            "u" => {
                let up = self.now.as_micros() / 1_000_000;
                let (days, hours) = (up / 86_400, up / 3600 % 24);
                let (minutes, seconds) = (up / 60 % 60, up % 60);
                let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
                report.add(Numeric::RPL_STATSUPTIME, &[], &text);
            }
            "k" | "K" if may => self.stats_bans(BanKind::User, letter, &mut report),
            "d" | "D" if may => self.stats_bans(BanKind::Address, letter, &mut report),
            "l" | "L" if may => self.stats_links(audience, &mut report),
            "m" | "M" if may => self.stats_commands(&mut report),
            "o" | "O" if may => self.stats_operators(&mut report),
            _ => {}
        }
        let mut lines = report.lines;
        lines.push(StatsLine {
            numeric: Numeric::RPL_ENDOFSTATS,
            words: vec![letter.to_owned()],
            text: "End of STATS report".to_owned(),
        });
        lines
    }

    fn stats_bans(&self, kind: BanKind, letter: &str, report: &mut Report<'_>) {
        for ban in self.network.bans().of(kind, self.network_ms()) {
            let until = match ban.until_ms {
                0 => "*".to_owned(),
                ms => (self.wall_ms_of(ms) / 1000).to_string(),
            };
            let words = [letter, &*ban.mask, &until, &*ban.setter];
            if !report.add(Numeric::RPL_STATSKLINE, &words, &ban.reason) {
                return;
            }
        }
    }

    /// The links: to servers first, then to others by their age. Elsewhere only those to servers
    /// are known, and no address is.
    fn stats_links(&self, audience: Audience, report: &mut Report<'_>) {
        self.work
            .charge_answer(work::LINK * self.links.len() as u64);
        let is_server = |link| {
            let neighbour = self.network.neighbours().find(link);
            neighbour.is_some_and(|neighbour| neighbour.kind == HostKind::Server)
        };
        let links = self.links.iter().map(|(link, _)| link);
        let (servers, mut others): (Vec<_>, Vec<_>) = links.partition(|link| is_server(*link));
        if audience == Audience::Elsewhere {
            others.clear();
        }
        for link in servers.into_iter().chain(others) {
            let Some(found) = self.links.find(link) else {
                continue;
            };
            let neighbour = self.network.neighbours().find(link);
            let host = neighbour.and_then(|n| self.network.directory().find(n.host));
            let peer = found.endpoints.peer;
            let name = match (host.map(|host| (host.id(), Host::name(host))), audience) {
                (Some((id, name)), Audience::Own) => format!("{name}[{id}@{peer}]"),
                (Some((id, name)), Audience::Elsewhere) => format!("{name}[{id}]"),
                (None, Audience::Own) => format!("*[@{peer}]"),
                (None, Audience::Elsewhere) => "*".to_owned(),
            };
            let congested = found.congestion.as_ref().map(|it| it.waiting());
            let waiting = congested.unwrap_or(0).max(found.outlet.waiting().len());
            let (received, since) = (found.received_bytes / 1024, self.now.since(found.up_at));
            let words = [
                &*name,
                &*waiting.to_string(),
                "*",
                "*",
                "*",
                &*received.to_string(),
            ];
            let text = since.as_secs().to_string();
            if !report.add(Numeric::RPL_STATSLINKINFO, &words, &text) {
                return;
            }
        }
    }

    fn stats_commands(&self, report: &mut Report<'_>) {
        let used = Verb::ALL.iter().zip(self.command_uses);
        for (verb, uses) in used.filter(|(_, uses)| *uses > 0) {
            let numeric = Numeric::RPL_STATSCOMMANDS;
            if !report.add(numeric, &[verb.as_str()], &uses.to_string()) {
                return;
            }
        }
    }

    fn stats_operators(&self, report: &mut Report<'_>) {
        for known in &self.config.operators {
            let words = ["o", "*", "*", &*known.name];
            if !report.add(Numeric::RPL_STATSOLINE, &words, &known.powers.to_string()) {
                return;
            }
        }
    }
}
