//! The event loop. One turn waits, reads, executes effects, writes, and arms the sockets.
//!
//! A turn first reads the links that have sent bytes before, then the new ones. So when a peer drops
//! its connection and reconnects immediately, the machine sees the old link's end before the new
//! link's registration. Dials, commands, listeners and deadlines follow. The turn gathers all
//! sends, and writes them at its end with one system call per link.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use crc_machine::{Effect, Event, LinkDown, LinkId, Machine, Timestamp};

use super::{Driver, Stopped};
use crate::batching;
use crate::clock::processor_time;
use crate::connection::ReadOutcome;
use crate::error::DriverError;
use crate::selector::Events;
use crate::signals::SignalAction;
use crate::sockets::{Accepted, LinkUp, SIGNALS_KEY};

/// The machine receives at most this many bytes per event, so that the driver can execute the
/// effects before the machine produces more.
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// If an event has at most this many effects, the machine receives the rest of the read in one
/// event.
const EFFECTS_FEW: usize = 64;

/// After a read of at least this many bytes, the driver writes immediately, while the bytes are in the
/// processor's cache. Gathering more would hardly make the write cheaper.
const IMMEDIATE_WRITE_BYTES: usize = 8 * 1024;

/// The driver writes when it has gathered this many sends, at most 12 MB of memory. A smaller
/// limit is expensive for broadcasts, because each flush costs a system call per link: when 6,000
/// links register at once, a sixteenth of this limit takes six times as long.
const SENDS_MAX: usize = 1024 * 1024;

/// How much processor time the links that are read in one turn may cost together, if the smallest
/// reads permit. A flood of bytes that are expensive to handle then delays other links no longer.
const TURN_TIME: Duration = Duration::from_millis(3);

/// The time of each link, however many there are.
const LINK_TIME_MIN: Duration = Duration::from_micros(50);

/// Smaller reads are not measured, unless larger ones were expensive.
const MEASURED_BYTES_MIN: usize = 2 * 1024;

/// The driver takes at most this many commands from the command queue per turn.
const COMMANDS_PER_TURN_MAX: usize = 256;

/// The callback for notices during a run.
pub(super) type OnNotice<'a, M> = &'a mut dyn FnMut(&M, <M as Machine>::Notice);

impl<M: Machine> Driver<M> {
    /// Performs one turn. Returns how the run ended, if it did.
    pub(super) fn turn(
        &mut self,
        events: &mut Events,
        on_notice: OnNotice<'_, M>,
    ) -> Result<Option<Stopped>, DriverError> {
        let until = self.wake_deadline();
        self.delay_for_batching(until);
        self.sockets
            .wait(events, until)
            .map_err(DriverError::Selector)?;
        let mut ready = core::mem::take(&mut self.ready);
        self.sockets.sort_events(events, &mut ready);

        // If a new link may register, the ends of established links must be read before.
        let drain = !ready.new.is_empty() || !ready.handshakes.is_empty();
        let links = u32::try_from(ready.established.len() + ready.new.len()).unwrap_or(u32::MAX);
        let share = (TURN_TIME / links.max(1)).max(LINK_TIME_MIN);
        for &link in &ready.established {
            self.read(link, drain, share, on_notice);
        }
        for &link in &ready.new {
            self.read(link, false, share, on_notice);
        }
        self.shake_hands(&ready.handshakes, share, on_notice);
        for &link in &ready.dials {
            if let Some(up) = self.sockets.on_dial_ready(link) {
                self.notify_link_up(up, on_notice);
            }
        }
        self.sockets.handle_lookups();
        self.notify_dials_failed(on_notice);
        if ready.signals && self.handle_signals(on_notice)? {
            return Ok(Some(Stopped::Forced));
        }
        self.handle_commands(on_notice);
        if let Some(limits) = self.new_limits.take() {
            self.sockets.set_link_limits(limits);
        }
        for &index in &ready.listeners {
            self.accept(index, on_notice);
        }
        self.ready = ready;

        let now = self.now();
        self.turn_ended = now;
        self.sockets.handle_deadlines(now);
        self.process_effects(on_notice);
        if self.machine.deadline().is_some_and(|due| due <= now) {
            // A machine that paces its sends measures from the tick, so earlier sends go first.
            self.flush_due(on_notice);
            self.handle_event(Event::Tick, on_notice);
        }
        self.flush_due(on_notice);
        self.sockets.arm_links();
        Ok(self.check_stopped(on_notice))
    }

    /// Delays the turn if that improves batching and nothing is due before its end.
    fn delay_for_batching(&mut self, until: Option<Timestamp>) {
        let now = self.turn_ended;
        let bytes_enough = self.sockets.config.outbox_bytes_max;
        let should_delay = self
            .batching
            .should_delay(now, &self.sockets.stats, bytes_enough);
        if should_delay && until.is_none_or(|until| until > now + batching::DELAY) {
            thread::sleep(batching::DELAY);
        }
    }

    /// When the next turn must begin if no socket is ready.
    fn wake_deadline(&self) -> Option<Timestamp> {
        let pending = !self.commands.is_empty()
            || self.commands_left && !self.are_commands_paused()
            || !self.sockets.links_down.is_empty()
            || !self.sockets.reports.is_empty()
            || !self.sockets.dials_failed.is_empty();
        if pending {
            return Some(Timestamp::START);
        }
        [self.machine.deadline(), self.stop_by]
            .into_iter()
            .flatten()
            .min()
    }

    // Events and effects

    /// Has the machine handle an event, and executes the effects. Returns the number of effects.
    fn handle_event(&mut self, event: Event<'_, M::Command>, on_notice: OnNotice<'_, M>) -> usize {
        let now = self.now();
        self.machine.handle(now, event, &mut self.outbox);
        let effects = self.outbox.effects().len();
        self.process_effects(on_notice);
        effects
    }

    /// Has the machine handle received bytes at positions of the read buffer. Parts of them that
    /// the machine sends are written from there. Returns the number of effects.
    fn handle_bytes(
        &mut self,
        link: LinkId,
        positions: Range<usize>,
        on_notice: OnNotice<'_, M>,
    ) -> usize {
        let now = self.now();
        let start = positions.start;
        let bytes = self.sockets.read_buffer.get(positions);
        self.outbox.set_input(bytes, start);
        let event = Event::Bytes { link, bytes };
        self.machine.handle(now, event, &mut self.outbox);
        self.outbox.clear_input();
        let effects = self.outbox.effects().len();
        self.process_effects(on_notice);
        effects
    }

    /// Executes effects, notifies the machine of links that are down and hands it reports about
    /// queues, until nothing is left.
    /// Gathers sends, and writes them only if there are too many.
    fn process_effects(&mut self, on_notice: OnNotice<'_, M>) {
        loop {
            self.execute_effects(on_notice);
            let deferred = self.outbox.deferred_len();
            let immediate = self.outbox.arena_len() - deferred + self.sockets.read_buffer.kept();
            let bytes_max = self.sockets.config.outbox_bytes_max;
            if deferred > bytes_max || self.sockets.gathered_sends() > SENDS_MAX {
                self.sockets.flush(&mut self.outbox);
            } else if immediate > bytes_max || self.sockets.read_buffer.is_full() {
                // Deferred sends go to many links, each of which would cost a system call.
                self.sockets.flush_due(&mut self.outbox);
            }
            if let Some((link, why)) = self.sockets.links_down.pop_front() {
                self.notify_link_down(link, why);
            } else if let Some(link) = self.sockets.crowded.pop_front() {
                let now = self.sockets.clock.now();
                self.machine
                    .handle(now, Event::Crowded { link }, &mut self.outbox);
            } else if let Some((link, report)) = self.sockets.reports.pop_front() {
                let event = Event::Queue { link, report };
                self.machine
                    .handle(self.sockets.clock.now(), event, &mut self.outbox);
            } else {
                return;
            }
        }
    }

    fn execute_effects(&mut self, on_notice: OnNotice<'_, M>) {
        let mut stop = false;
        for effect in self.outbox.drain_effects() {
            match effect {
                Effect::Send { link, range } => self.sockets.send(link, range),
                Effect::Bound { link, bytes_max } => self.sockets.bound(link, bytes_max),
                Effect::Watch { link, step } => self.sockets.watch(link, step),
                Effect::Pause { link, paused } => self.sockets.pause(link, paused),
                Effect::Readdress { link, peer } => {
                    let now = self.sockets.clock.now();
                    self.sockets.readdress(link, peer, now);
                }
                Effect::Close { link, when } => {
                    self.sockets.close(link, when, self.sockets.clock.now());
                }
                // A machine that has stopped gets no new links.
                Effect::Dial { .. } if stop || self.stop_by.is_some() => {}
                Effect::Dial { dial, to, within } => {
                    let now = self.sockets.clock.now();
                    self.sockets.dial(dial, to, within, now);
                }
                Effect::Notice(notice) => on_notice(&self.machine, notice),
                Effect::Stop => stop = true,
            }
        }
        if stop && self.stop_by.is_none() {
            let now = self.now();
            self.stop_by = Some(now + self.sockets.config.linger_max);
            self.sockets.close_all(now);
        }
    }

    /// Writes all sends that are due.
    fn flush_due(&mut self, on_notice: OnNotice<'_, M>) {
        loop {
            self.sockets.flush_due(&mut self.outbox);
            // Writing crowds no address.
            if self.sockets.links_down.is_empty() && self.sockets.reports.is_empty() {
                return;
            }
            self.process_effects(on_notice);
        }
    }

    fn notify_link_up(&mut self, up: LinkUp, on_notice: OnNotice<'_, M>) {
        let LinkUp {
            link,
            origin,
            endpoints,
            security,
        } = up;
        self.handle_event(
            Event::LinkUp {
                link,
                origin,
                endpoints,
                security,
            },
            on_notice,
        );
    }

    fn notify_link_down(&mut self, link: LinkId, why: LinkDown) {
        let Some(connection) = self.sockets.remove_link(link, why, &self.outbox) else {
            return;
        };
        drop(connection.socket);
        let unsent = connection.queue.unsent();
        let event = Event::LinkDown { link, why, unsent };
        self.machine
            .handle(self.sockets.clock.now(), event, &mut self.outbox);
    }

    fn notify_dials_failed(&mut self, on_notice: OnNotice<'_, M>) {
        // The machine may dial again and fail immediately. The next turn handles that.
        for _ in 0..self.sockets.dials_failed.len() {
            if let Some((dial, why)) = self.sockets.dials_failed.pop_front() {
                self.handle_event(Event::DialFailed { dial, why }, on_notice);
            }
        }
    }

    // Sources of events

    /// Reads a link up to the budget, or until its bytes have cost `share`. With `drain`, reads
    /// until the socket has no further bytes, so that an end of the stream shows.
    fn read(&mut self, link: LinkId, drain: bool, share: Duration, on_notice: OnNotice<'_, M>) {
        let mut budget = self.sockets.config.read_budget_bytes.max(1);
        let mut spent = Duration::ZERO;
        while budget > 0 && spent <= share {
            let size = self.sockets.read_size(link).min(budget);
            let (start, outcome) = self.sockets.read(link, size);
            let ReadOutcome::Bytes { count, taken, all } = outcome else {
                self.process_effects(on_notice);
                return;
            };
            let is_measured = count >= MEASURED_BYTES_MIN || count == size;
            let before = is_measured.then(processor_time);
            let mut rest = start..start + count;
            let mut bytes_max = EVENT_BYTES_MAX;
            while !rest.is_empty() {
                let positions = rest.start..rest.end.min(rest.start.saturating_add(bytes_max));
                rest.start = positions.end;
                match self.sockets.link(link) {
                    Some(connection) if connection.is_up() => connection.has_received = true,
                    // The machine closed the link, so the rest of the bytes is discarded.
                    _ => break,
                }
                let few = self.handle_bytes(link, positions, on_notice) <= EFFECTS_FEW;
                bytes_max = if few { usize::MAX } else { EVENT_BYTES_MAX };
            }
            if count >= IMMEDIATE_WRITE_BYTES {
                self.sockets.flush_due(&mut self.outbox);
                self.process_effects(on_notice);
            }
            if let Some(before) = before {
                let used = processor_time().saturating_sub(before);
                spent += used;
                if let Some(connection) = self.sockets.link(link) {
                    connection.adapt_read_size(count, size, used, share);
                }
            }
            let paused = self.sockets.link(link).is_some_and(|link| link.is_paused());
            if paused || all && !drain {
                return;
            }
            budget = budget.saturating_sub(count.max(taken));
        }
        self.sockets.read_plaintext_later(link);
    }

    /// Goes on with TLS handshakes for a limited time, and reads the links that are up.
    fn shake_hands(&mut self, links: &[LinkId], share: Duration, on_notice: OnNotice<'_, M>) {
        // One alone needs no clock.
        let began = (links.len() > 1).then(processor_time);
        for (number, &link) in links.iter().enumerate() {
            // Those that are left over are ready in the next turn as well.
            let in_time = number == 0
                || began.is_none_or(|began| processor_time().saturating_sub(began) < TURN_TIME);
            if in_time && let Some(up) = self.sockets.shake_hands(link) {
                self.notify_link_up(up, on_notice);
                // The peer's first bytes may have come with the end of the handshake.
                if self
                    .sockets
                    .link(link)
                    .is_some_and(|link| link.has_plaintext())
                {
                    self.read(link, false, share, on_notice);
                }
            }
            self.sockets.arm_handshake(link);
        }
    }

    /// Handles signals. Returns whether the run must end immediately.
    fn handle_signals(&mut self, on_notice: OnNotice<'_, M>) -> Result<bool, DriverError> {
        let Some(signals) = &mut self.signals else {
            return Ok(false);
        };
        match signals.handle(SIGNALS_KEY).map_err(DriverError::Signals)? {
            SignalAction::None => Ok(false),
            SignalAction::Command(command) => {
                self.handle_event(Event::Command(command), on_notice);
                Ok(false)
            }
            SignalAction::ForceStop => Ok(true),
        }
    }

    fn handle_commands(&mut self, on_notice: OnNotice<'_, M>) {
        while let Some(command) = self.commands.pop_front() {
            self.handle_event(Event::Command(command), on_notice);
        }
        self.commands_left = true;
        for _ in 0..COMMANDS_PER_TURN_MAX {
            if self.are_commands_paused() {
                return;
            }
            let Ok(command) = self.command_queue.try_recv() else {
                self.commands_left = false;
                return;
            };
            self.handle_event(Event::Command(command), on_notice);
        }
    }

    /// Whether so many bytes wait in the send queues that the command queue has to wait.
    fn are_commands_paused(&self) -> bool {
        let waiting = self.sockets.stats.queue_bytes.value() + self.outbox.arena_len() as u64;
        waiting > self.sockets.config.commands_pause_bytes as u64
    }

    fn accept(&mut self, index: usize, on_notice: OnNotice<'_, M>) {
        for _ in 0..self.sockets.config.accepts_per_turn_max.max(1) {
            match self.sockets.accept(index, self.sockets.clock.now()) {
                Accepted::Up(up) => self.notify_link_up(up, on_notice),
                Accepted::Handshake | Accepted::Failed => {}
                Accepted::None => break,
            }
        }
        self.sockets.arm_listener(index);
    }

    /// Returns [`Stopped::Graceful`] if the machine has stopped and nothing is left to close.
    fn check_stopped(&mut self, on_notice: OnNotice<'_, M>) -> Option<Stopped> {
        let stop_by = self.stop_by?;
        if self.now() >= stop_by {
            self.sockets.abort_all();
            self.process_effects(on_notice);
            self.notify_dials_failed(on_notice);
        }
        let nothing_left = self.sockets.len() == 0 && self.sockets.dials_failed.is_empty();
        nothing_left.then_some(Stopped::Graceful)
    }
}
