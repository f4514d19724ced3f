//! MAP and TRACE: what other servers answer is gathered and shown to the operator.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::Numeric;

use super::Commander;
use crate::context::{Context, Out, Timer};
use crate::irc;
use crate::network::{Host, HostKind};
use crate::order::{Answer, Order, Place};
use crate::survey::{Answered, PLACES_MAX, Progress, Question, Survey, as_tree};
use crate::work;

impl Context {
    /// MAP: all servers as a tree, each with its clients, its version and the time until its
    /// answer.
    pub(super) fn map(&mut self, by: Commander, out: &mut Out) {
        let own = Answered {
            place: self.own_place(),
            after: Duration::ZERO,
        };
        let awaited = self.network.directory().servers_len() + 1;
        let places = [(self.config.id, own)].into();
        let question = Question::Map { awaited, places };
        let Some(number) = self.begin_survey(by, "MAP", question, out) else {
            return;
        };
        self.report_act(by, "used MAP", out);
        match awaited {
            1 => self.finish_survey(by.id, None, out),
            _ => self.give_order(by.id, None, Order::Map { number }, out),
        }
    }

    /// TRACE (RFC 2812, 3.4.8): the servers on the way to a host, each with the time until its
    /// answer.
    pub(super) fn trace(&mut self, by: Commander, wanted: &str, out: &mut Out) {
        let to = self
            .find_client(wanted)
            .or_else(|| self.find_server(wanted));
        let Some(to) = to else {
            let text = "No such nick/channel";
            return self.reply(by.link, Numeric::ERR_NOSUCHNICK, &[wanted], text, out);
        };
        let question = Question::Trace { to, hops: 0 };
        if let Some(number) = self.begin_survey(by, "TRACE", question, out) {
            self.report_act(by, &format!("used TRACE {wanted}"), out);
            self.give_order(by.id, Some(to), Order::Trace { number }, out);
        }
    }

    fn begin_survey(
        &mut self,
        by: Commander,
        command: &str,
        question: Question,
        out: &mut Out,
    ) -> Option<u32> {
        match self.surveys.begin(by.id, question, self.now) {
            Ok(number) => {
                self.set_survey_timer();
                Some(number)
            }
            Err(refusal) => {
                let text = refusal.to_string();
                self.reply(by.link, Numeric::RPL_TRYAGAIN, &[command], &text, out);
                None
            }
        }
    }

    fn set_survey_timer(&mut self) {
        match self.surveys.deadline() {
            Some(when) => self.timers.set(Timer::Surveys, when),
            None => self.timers.cancel(Timer::Surveys),
        }
    }

    /// What this server answers to a MAP.
    pub(super) fn own_place(&self) -> Place {
        let neighbours = self.network.neighbours();
        self.work.charge_answer(neighbours.len() as u64);
        let all = || neighbours.iter().map(|(_, neighbour)| neighbour);
        let clients = all().filter(|n| n.kind == HostKind::Client).count();
        let uplink = all().find(|n| n.uplink);
        Place {
            uplink: uplink.map(|uplink| uplink.host),
            clients: u32::try_from(clients).unwrap_or(u32::MAX),
            version: irc::VERSION.into(),
        }
    }

    /// A server has answered an order of an operator of this server.
    pub(in crate::context) fn on_order_answer(
        &mut self,
        server: HostId,
        operator: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let answer = Answer::parse(text).filter(|_| !self.network.is_client(server));
        let Some(answer) = answer else {
            self.counters.dropped += 1;
            return;
        };
        match self.surveys.on_answer(operator, server, answer, self.now) {
            Progress::Wait => {}
            Progress::Hop(hop, after) => self.show_hop(operator, server, (hop, after), out),
            Progress::Complete(last) => {
                if let Some(last) = last.filter(|_| server != self.config.id) {
                    self.show_hop(operator, server, last, out);
                }
                self.finish_survey(operator, None, out);
            }
            Progress::Stopped => {
                let text = "a server on the way knows no operators";
                self.finish_survey(operator, Some(text), out);
            }
        }
    }

    /// The time of surveys is over.
    pub(crate) fn end_surveys(&mut self, out: &mut Out) {
        while let Some(survey) = self.surveys.end_overdue(self.now) {
            let text = "a server on the way does not answer";
            self.show_end(survey, Some(text), out);
        }
        self.set_survey_timer();
    }

    fn finish_survey(&mut self, operator: HostId, why: Option<&str>, out: &mut Out) {
        if let Some(survey) = self.surveys.end(operator) {
            self.show_end(survey, why, out);
        }
        self.set_survey_timer();
    }

    fn show_hop(
        &mut self,
        operator: HostId,
        server: HostId,
        (hop, after): (u32, Duration),
        out: &mut Out,
    ) {
        if let Some(link) = self.operator_link(operator) {
            let words = ["Serv", &*hop.to_string(), &*self.server_name(server)];
            let text = in_ms(after);
            self.reply(link, Numeric::RPL_TRACESERVER, &words, &text, out);
        }
    }

    /// `why`: the trace has not come to its destination.
    fn show_end(&mut self, survey: Survey, why: Option<&str>, out: &mut Out) {
        let Some(link) = self.operator_link(survey.operator) else {
            return;
        };
        match survey.question {
            Question::Trace { to, .. } => {
                let name = match self.network.is_client(to) {
                    true => self.nick_of(to),
                    false => self.server_name(to),
                };
                let text = match why {
                    Some(why) => format!("End of TRACE: {why}"),
                    None => "End of TRACE".to_owned(),
                };
                self.reply(link, Numeric::RPL_TRACEEND, &[&name], &text, out);
            }
            Question::Map { awaited, places } => {
                for (branch, id) in as_tree(&places) {
                    self.work.charge_answer(work::LINE);
                    let Some(Answered { place, after }) = places.get(&id) else {
                        continue;
                    };
                    let (name, version) = (self.server_name(id), &place.version);
                    let clients = match place.clients {
                        1 => "1 client".to_owned(),
                        clients => format!("{clients} clients"),
                    };
                    let text = format!(
                        "{branch}{name} [{id}] {clients}, {version}, {}",
                        in_ms(*after)
                    );
                    self.reply(link, Numeric::RPL_MAP, &[], &text, out);
                }
                self.show_silent(link, &places, out);
                let text = match awaited > PLACES_MAX {
                    true => "End of MAP: there are more servers than it shows",
                    false => "End of MAP",
                };
                self.reply(link, Numeric::RPL_MAPEND, &[], text, out);
            }
        }
    }

    /// The servers that have not answered: those of version 1, and of legacy IRC.
    fn show_silent(&mut self, link: LinkId, places: &BTreeMap<HostId, Answered>, out: &mut Out) {
        let directory = self.network.directory();
        self.work
            .charge_answer(work::HOST * directory.servers_len() as u64);
        let silent = directory.servers().map(Host::id);
        let silent = silent.filter(|id| !places.contains_key(id));
        let room = PLACES_MAX.saturating_sub(places.len());
        for id in silent.take(room).collect::<Vec<_>>() {
            let text = format!("{} [{id}] does not answer", self.server_name(id));
            self.reply(link, Numeric::RPL_MAP, &[], &text, out);
        }
    }
}

fn in_ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
