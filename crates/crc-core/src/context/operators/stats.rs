//! STATS (RFC 2812, 3.4.4): how long the server runs, for all; and what only operators with
//! the power `stats` get.

use irc_wire::{Numeric, Verb};

use super::Commander;
use crate::context::{Context, Out};
use crate::network::{BanKind, Host, HostKind};
use crate::operator::Powers;
use crate::work;

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

impl Context {
    /// Answers STATS: `u`, since when the server runs; for operators `k` and `d`, the bans;
    /// `l`, the links; `m`, how often each command was used; `o`, who may become an operator
    /// here.
    pub(crate) fn stats(&mut self, by: Commander, letter: &str, out: &mut Out) {
        let is_for_operators = letter.len() == 1 && "kdlmoKDLMO".contains(letter);
        let may = is_for_operators && self.network.operators().may(by.id, Powers::STATS);
        if may {
            self.report_act(by, &format!("used STATS {letter}"), out);
        }
        match letter {
            "u" => {
                let up = self.now.as_micros() / 1_000_000;
                let (days, hours) = (up / 86_400, up / 3600 % 24);
                let (minutes, seconds) = (up / 60 % 60, up % 60);
                let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
                self.reply(by.link, Numeric::RPL_STATSUPTIME, &[], &text, out);
            }
            "k" | "K" if may => self.stats_bans(by, BanKind::User, letter, out),
            "d" | "D" if may => self.stats_bans(by, BanKind::Address, letter, out),
            "l" | "L" if may => self.stats_links(by, out),
            "m" | "M" if may => self.stats_commands(by, out),
            "o" | "O" if may => self.stats_operators(by, out),
            _ => {}
        }
        let text = "End of STATS report";
        self.reply(by.link, Numeric::RPL_ENDOFSTATS, &[letter], text, out);
    }

    /// Whether an answer that began with the outbox at `start` has become too long; the user is
    /// told then.
    fn is_too_long(&mut self, by: Commander, start: usize, out: &mut Out) -> bool {
        let is_too_long = out.arena_len() - start > ANSWER_BYTES_MAX;
        if is_too_long {
            let text = "Too many lines in the answer, the rest is left out";
            self.reply(by.link, Numeric::ERR_TOOMANYMATCHES, &["STATS"], text, out);
        }
        is_too_long
    }

    fn stats_bans(&mut self, by: Commander, kind: BanKind, letter: &str, out: &mut Out) {
        let start = out.arena_len();
        let bans = self.network.bans().of(kind, self.network_ms());
        for ban in bans.cloned().collect::<Vec<_>>() {
            if self.is_too_long(by, start, out) {
                return;
            }
            let until = match ban.until_ms {
                0 => "*".to_owned(),
                ms => (self.wall_ms_of(ms) / 1000).to_string(),
            };
            let words = [letter, &*ban.mask, &until, &*ban.setter];
            self.reply(by.link, Numeric::RPL_STATSKLINE, &words, &ban.reason, out);
        }
    }

    /// The links: to servers first, then to others by their age.
    fn stats_links(&mut self, by: Commander, out: &mut Out) {
        let start = out.arena_len();
        self.work
            .charge_answer(work::LINK * self.links.len() as u64);
        let is_server = |link| {
            let neighbour = self.network.neighbours().find(link);
            neighbour.is_some_and(|neighbour| neighbour.kind == HostKind::Server)
        };
        let links = self.links.iter().map(|(link, _)| link);
        let (servers, others): (Vec<_>, Vec<_>) = links.partition(|link| is_server(*link));
        for link in servers.into_iter().chain(others) {
            if self.is_too_long(by, start, out) {
                return;
            }
            let Some(found) = self.links.find(link) else {
                continue;
            };
            let neighbour = self.network.neighbours().find(link);
            let host = neighbour.and_then(|n| self.network.directory().find(n.host));
            let name = match host.map(|host| (host.id(), Host::name(host))) {
                Some((id, name)) => format!("{name}[{id}@{}]", found.endpoints.peer),
                None => format!("*[@{}]", found.endpoints.peer),
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
            self.reply(by.link, Numeric::RPL_STATSLINKINFO, &words, &text, out);
        }
    }

    fn stats_commands(&mut self, by: Commander, out: &mut Out) {
        let used = self.command_uses;
        for (verb, uses) in Verb::ALL.iter().zip(used).filter(|(_, uses)| *uses > 0) {
            let words = [verb.as_str()];
            self.reply(
                by.link,
                Numeric::RPL_STATSCOMMANDS,
                &words,
                &uses.to_string(),
                out,
            );
        }
    }

    fn stats_operators(&mut self, by: Commander, out: &mut Out) {
        let known = self.config.operators.iter();
        let known: Vec<_> = known
            .map(|known| (known.name.clone(), known.powers.to_string()))
            .collect();
        for (name, powers) in known {
            let words = ["o", "*", "*", &*name];
            self.reply(by.link, Numeric::RPL_STATSOLINE, &words, &powers, out);
        }
    }
}
