//! The budget of a client: everything that it sends draws from it, in every protocol.
//!
//! This file holds the rates and the costs. What happens to a client that has spent its
//! budget is up to its protocol: CRC clients and legacy users are closed, lines of IRC
//! users are read later.

use core::time::Duration;

use crc_machine::{RateLimiter, Timestamp};
use crc_wire::{Message, RequestKind};
use irc_wire::{Command, Verb, lists};

use crate::limits::Limits;

/// The cost of a chat. The budget is counted in chats.
pub(crate) const CHAT: u32 = 1;

/// The cost of what every server keeps and sends on, or of what has a long answer.
const EXPENSIVE: u32 = 2;

/// How many seconds' worth of lines of an IRC user are read at once.
const LINES_BURST_SECONDS: u32 = 5;

/// What one client may send. The rates are in [`Limits`], and a rate of 0 is no limit.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Everything, by its cost.
    spent: RateLimiter,
    /// Lines of IRC, each the same.
    lines: RateLimiter,
    /// Repeated registrations.
    registrations: RateLimiter,
}

impl Budget {
    /// Takes the cost of what the client sends. `false` if the budget is spent.
    ///
    /// Something expensive may leave a debt, so that it is possible at any rate.
    #[inline]
    pub(crate) fn try_spend(&mut self, now: Timestamp, limits: &Limits, cost: u32) -> bool {
        let rate = limits.client_chats_per_second;
        let available = cost == 0 || self.spent.check(now, rate, rate);
        if available {
            self.spent.charge(rate, cost);
        }
        available
    }

    /// Counts a repeated registration. `false` if there were too many.
    pub(crate) fn try_register(&mut self, now: Timestamp, limits: &Limits) -> bool {
        let rate = limits.client_registrations_per_second;
        self.registrations.try_acquire(now, rate)
    }

    /// Whether another line of IRC may be read now.
    #[inline]
    pub(crate) fn may_read_line(&mut self, now: Timestamp, rates: LineRates) -> bool {
        let LineRates { lines, chats } = rates;
        let burst = lines.saturating_mul(LINES_BURST_SECONDS);
        self.lines.check(now, lines, burst) && self.spent.check(now, chats, chats)
    }

    /// Counts a line of IRC that was read.
    #[inline]
    pub(crate) fn count_line(&mut self, rates: LineRates) {
        self.lines.charge(rates.lines, 1);
    }

    /// Takes the cost of a line of IRC that was read. What is missing delays the next
    /// line.
    pub(crate) fn spend(&mut self, limits: &Limits, cost: u32) {
        self.spent.charge(limits.client_chats_per_second, cost);
    }
}

/// The rates at which lines of IRC are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineRates {
    lines: u32,
    chats: u32,
}

impl LineRates {
    pub(crate) const fn new(limits: &Limits) -> Self {
        LineRates {
            lines: limits.irc_lines_per_second,
            chats: limits.client_chats_per_second,
        }
    }

    /// Whether lines draw from the budget.
    pub(crate) const fn has_budget(self) -> bool {
        self.chats != 0
    }

    /// The pause after which another line may be available.
    pub(crate) fn pause(self) -> Duration {
        let rates = [self.lines, self.chats];
        let slowest = rates.into_iter().filter(|rate| *rate != 0).min();
        Duration::from_secs(1) / slowest.unwrap_or(1) + Duration::from_micros(1)
    }
}

/// The cost of a frame of a registered client.
pub(crate) const fn cost_of_frame(message: &Message<'_>) -> u32 {
    match message {
        // A client that leaves sends nothing more.
        Message::ClientQuit(_) => 0,
        Message::ChannelSetting(_) => EXPENSIVE,
        Message::ChannelRequest(request) => match request.kind {
            RequestKind::JOIN
            | RequestKind::NAMES
            | RequestKind::SET_NAME
            | RequestKind::AWAY
            | RequestKind::WHOIS
            | RequestKind::LIST => EXPENSIVE,
            _ => CHAT,
        },
        _ => CHAT,
    }
}

/// The cost of a line of a registered user of IRC or of the legacy protocol: of each
/// target, if it names several.
pub(crate) fn cost_of_line(line: &irc_wire::Message<'_>) -> u32 {
    let Command::Verb(verb) = line.command else {
        return CHAT;
    };
    let cost = match verb {
        Verb::Quit => 0,
        // Without a value these only ask.
        Verb::Topic | Verb::Mode if line.params.len() < 2 => CHAT,
        Verb::Join
        | Verb::Topic
        | Verb::Mode
        | Verb::Nick
        | Verb::Setname
        | Verb::Away
        | Verb::Rename => EXPENSIVE,
        Verb::Metadata => EXPENSIVE,
        Verb::Names | Verb::List | Verb::Who | Verb::Whois | Verb::Whowas => EXPENSIVE,
        _ => CHAT,
    };
    let targets = |param| {
        let param: Option<&[u8]> = line.params.get(param);
        param.map_or(0, |list| lists::elements(list).count())
    };
    let targets = match verb {
        Verb::Kick => targets(0).max(targets(1)),
        Verb::Privmsg | Verb::Notice | Verb::Tagmsg => targets(0),
        Verb::Join | Verb::Part | Verb::Names | Verb::Whois => targets(0),
        _ => 1,
    };
    // A line has at most a few hundred targets.
    cost * u32::try_from(targets.max(1)).unwrap_or(u32::MAX / EXPENSIVE)
}
