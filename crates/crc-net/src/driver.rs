//! The loop: wait, read, hand over, carry out, write, arm.
//!
//! One turn goes like this: links that have given us bytes before are read,
//! then those that have not, so that who drops and comes back at once is gone
//! before it is back; then dials, commands, listeners and deadlines. What the
//! machine wants sent is gathered meanwhile, and written at the end with one
//! system call per link.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;

use crc_machine::{Effect, Event, LinkDown, LinkId, ListenerId, Machine, Outbox, Timestamp};

use crate::batching::{self, Batching};
use crate::command_sender::{CommandSender, command_queue};
use crate::config::DriverConfig;
use crate::connection::ReadOutcome;
use crate::error::{DriverError, ListenError};
use crate::selector::Events;
use crate::signals::{Signalled, Signals};
use crate::sockets::{Accepted, LinkUp, Ready, SIGNALS_KEY, Sockets};
use crate::stats::Stats;

/// The machine is handed so many bytes at a time, so that what it makes of them
/// can be carried out before it makes more.
const EVENT_BYTES_MAX: usize = 16 * 1024;

/// A machine that wants no more than this done after so many bytes makes little
/// of them: it is handed the rest at once, uncut.
const EFFECTS_FEW: usize = 64;

/// What was read so much at once is written at once, while it is near the
/// processor: more for the same link would hardly make the write cheaper.
const WRITE_AT_ONCE_BYTES: usize = 8 * 1024;

/// So many sends may be gathered before they are written out: 12 MB of
/// book-keeping at worst. Where everybody is told of everybody, a smaller number
/// means a system call for every few of them: with 6,000 links that all register
/// at once, a sixteenth of it takes six times as much time.
const PIECES_MAX: usize = 1024 * 1024;

/// So many commands of other threads are taken in one turn.
const COMMANDS_PER_TURN_MAX: usize = 256;

/// Runs a [`Machine`] on sockets.
///
/// ```
/// use crc_machine::{Event, Machine, Outbox, Timestamp};
/// use crc_net::{Driver, DriverConfig, Stopped};
///
/// /// Says everything back; ends when it is told to.
/// struct Echo;
///
/// impl Machine for Echo {
///     type Command = ();
///     type Notice = String;
///
///     fn handle(&mut self, _: Timestamp, event: Event<'_, ()>, out: &mut Outbox<String>) {
///         match event {
///             Event::Bytes { link, bytes } => out.send(link, bytes),
///             Event::Command(()) => {
///                 out.notice("ending".to_owned());
///                 out.stop();
///             }
///             _ => {}
///         }
///     }
///
///     fn deadline(&self) -> Option<Timestamp> {
///         None
///     }
/// }
///
/// let mut driver = Driver::new(Echo, DriverConfig::default())?;
/// driver.listen(([127, 0, 0, 1], 0).into(), crc_machine::ListenerId(0))?;
/// driver.command(());
/// let mut notices = Vec::new();
/// let stopped = driver.run(|_machine, notice| notices.push(notice))?;
/// assert_eq!(stopped, Stopped::Graceful);
/// assert_eq!(notices, ["ending"]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Driver<M: Machine> {
    machine: M,
    sockets: Sockets,
    outbox: Outbox<M::Notice>,
    /// Commands given before the run.
    commands: VecDeque<M::Command>,
    command_sender: CommandSender<M::Command>,
    inbox: Receiver<M::Command>,
    /// Whether there may be commands in the inbox that have not been taken,
    /// though their givers have woken us.
    commands_left: bool,
    signals: Option<Signals<M::Command>>,
    ready: Ready,
    batching: Batching,
    /// When the last turn ended, or about.
    turn_ended: Timestamp,
    /// When the last links are dropped, once the machine has said that it is done.
    stop_by: Option<Timestamp>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The machine was done, and its links have been closed.
    Graceful,
    /// A second signal came: everything was dropped, and the machine was told
    /// nothing more.
    Forced,
}

/// Who is told of notices during a run.
type OnNotice<'a, M> = &'a mut dyn FnMut(&M, <M as Machine>::Notice);

impl<M: Machine> Driver<M> {
    /// A driver for `machine` that is connected to nobody yet. Raises the
    /// process's limit of descriptors as far as it may.
    ///
    /// # Errors
    ///
    /// When the system has no selector for us.
    pub fn new(machine: M, config: DriverConfig) -> Result<Self, DriverError> {
        let commands_max = config.commands_max;
        let sockets = Sockets::new(config)?;
        let (command_sender, inbox) = command_queue(&sockets.selector, commands_max);
        Ok(Driver {
            machine,
            sockets,
            outbox: Outbox::new(),
            commands: VecDeque::new(),
            command_sender,
            inbox,
            commands_left: false,
            signals: None,
            ready: Ready::default(),
            batching: Batching::default(),
            turn_ended: Timestamp::START,
            stop_by: None,
        })
    }

    /// Listens on `address` and returns the real one, in which port 0 has become
    /// the port that was found. Links accepted there are told by `id`.
    ///
    /// # Errors
    ///
    /// [`ListenError`] says what is wrong with the address.
    pub fn listen(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
    ) -> Result<SocketAddr, ListenError> {
        self.sockets.listen(address, id, None)
    }

    /// Listens like [`listen`](Self::listen), but counts the links accepted
    /// there apart: at most `links_max` at a time, at least one. They take no
    /// place of [`DriverConfig::links_max`], and have theirs when the house is
    /// full; who is too many waits in the backlog. Their descriptors come from
    /// [`DriverConfig::descriptors_reserve`].
    ///
    /// # Errors
    ///
    /// [`ListenError`] says what is wrong with the address.
    pub fn listen_with_own_limit(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
        links_max: usize,
    ) -> Result<SocketAddr, ListenError> {
        self.sockets.listen(address, id, Some(links_max))
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to be changed before or after a run.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The time on the driver's clock, by which the machine is told the time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.sockets.clock.now()
    }

    /// The driver's counters, to be read while it runs.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.sockets.stats)
    }

    /// From now on SIGTERM and SIGINT do not end the process: the first becomes
    /// a command, the second ends the run at once.
    ///
    /// # Errors
    ///
    /// When they cannot be caught.
    pub fn on_signals(
        &mut self,
        command: impl Fn() -> M::Command + 'static,
    ) -> Result<(), DriverError> {
        let signals = Signals::new(&self.sockets.selector, SIGNALS_KEY, Box::new(command))
            .map_err(DriverError::Signals)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// A handle by which other threads give the machine commands.
    #[must_use]
    pub fn command_sender(&self) -> CommandSender<M::Command> {
        self.command_sender.clone()
    }

    /// Gives the machine a command: the first thing it is told in the next run.
    pub fn command(&mut self, command: M::Command) {
        self.commands.push_back(command);
    }

    /// Runs until the machine says that it is done and its links have been
    /// closed, or until a second signal comes. Notices are handed to `on_notice`
    /// as they come, together with the machine as it stands then.
    ///
    /// Afterwards nothing is listened on any more.
    ///
    /// # Errors
    ///
    /// When the selector fails, which it does not by anything that a peer does.
    pub fn run(
        &mut self,
        mut on_notice: impl FnMut(&M, M::Notice),
    ) -> Result<Stopped, DriverError> {
        let mut events = Events::new();
        let stopped = loop {
            match self.turn(&mut events, &mut on_notice) {
                Ok(None) => {}
                Ok(Some(stopped)) => break Ok(stopped),
                Err(error) => break Err(error),
            }
        };
        self.sockets.drop_all();
        self.outbox.reset();
        self.stop_by = None;
        stopped
    }

    /// One turn. Says how the run ended, if it did.
    fn turn(
        &mut self,
        events: &mut Events,
        on_notice: OnNotice<'_, M>,
    ) -> Result<Option<Stopped>, DriverError> {
        let until = self.wake_up_at();
        self.pause(until);
        self.sockets
            .wait(events, until)
            .map_err(DriverError::Selector)?;
        let mut ready = core::mem::take(&mut self.ready);
        self.sockets.sort(events, &mut ready);

        // Where somebody may be about to register, whoever left must be seen to
        // have left.
        let to_the_end = !ready.fresh.is_empty();
        for &link in &ready.known {
            self.read(link, to_the_end, on_notice);
        }
        for &link in &ready.fresh {
            self.read(link, false, on_notice);
        }
        for &link in &ready.dials {
            if let Some(up) = self.sockets.dial_ready(link) {
                self.tell_link_up(&up, on_notice);
            }
        }
        self.sockets.take_answers();
        self.tell_dials_failed(on_notice);
        if ready.signals && self.take_signals(on_notice)? {
            return Ok(Some(Stopped::Forced));
        }
        self.take_commands(on_notice);
        for &index in &ready.listeners {
            self.accept(index, on_notice);
        }
        self.ready = ready;

        let now = self.now();
        self.turn_ended = now;
        self.sockets.expire(now);
        self.settle(on_notice);
        if self.machine.deadline().is_some_and(|due| due <= now) {
            // A machine that paces what it sends counts from here.
            self.finish(on_notice);
            self.tell(Event::Tick, on_notice);
        }
        self.finish(on_notice);
        self.sockets.arm();
        Ok(self.stopped(on_notice))
    }

    /// Lets a moment pass if that pays and nothing has to be done until then.
    fn pause(&mut self, until: Option<Timestamp>) {
        let now = self.turn_ended;
        let bytes_enough = self.sockets.config.outbox_bytes_max;
        let should_delay = self
            .batching
            .should_delay(now, &self.sockets.stats, bytes_enough);
        if should_delay && until.is_none_or(|until| until > now + batching::PAUSE) {
            thread::sleep(batching::PAUSE);
        }
    }

    /// When the next turn has to begin if nothing happens.
    fn wake_up_at(&self) -> Option<Timestamp> {
        let pending = !self.commands.is_empty()
            || self.commands_left && !self.is_clogged()
            || !self.sockets.over.is_empty()
            || !self.sockets.dials_failed.is_empty();
        if pending {
            return Some(Timestamp::START);
        }
        [self.machine.deadline(), self.stop_by]
            .into_iter()
            .flatten()
            .min()
    }

    // Telling the machine, and doing what it says

    /// Tells the machine of an event, and does what it says. How much it said.
    fn tell(&mut self, event: Event<'_, M::Command>, on_notice: OnNotice<'_, M>) -> usize {
        let now = self.now();
        self.machine.handle(now, event, &mut self.outbox);
        let effects = self.outbox.effects().len();
        self.settle(on_notice);
        effects
    }

    /// Carries out what the machine wants, and tells it of links that are over,
    /// until there is nothing left of either. Sends are gathered only, unless
    /// there are too many.
    fn settle(&mut self, on_notice: OnNotice<'_, M>) {
        loop {
            self.carry_out(on_notice);
            let news = self.outbox.deferred_len();
            let urgent = self.outbox.arena_len() - news + self.sockets.input.kept();
            let bytes_max = self.sockets.config.outbox_bytes_max;
            if news > bytes_max || self.sockets.pieces() > PIECES_MAX {
                self.sockets.flush(&mut self.outbox);
            } else if urgent > bytes_max || self.sockets.input.is_full() {
                // News is for many, and for each of them a system call.
                self.sockets.flush_due(&mut self.outbox);
            }
            let Some((link, why)) = self.sockets.over.pop_front() else {
                return;
            };
            self.bury(link, why);
        }
    }

    fn carry_out(&mut self, on_notice: OnNotice<'_, M>) {
        let mut stop = false;
        for effect in self.outbox.drain_effects() {
            match effect {
                Effect::Send { link, range } => self.sockets.send(link, range),
                Effect::Bound { link, bytes_max } => self.sockets.bound(link, bytes_max),
                Effect::Close { link, when } => {
                    self.sockets.close(link, when, self.sockets.clock.now());
                }
                // Who is done reaches nobody any more.
                Effect::Dial { .. } if stop || self.stop_by.is_some() => {}
                Effect::Dial { dial, to } => {
                    self.sockets.dial(dial, to, self.sockets.clock.now());
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

    /// Tells the machine that a link is no more.
    fn bury(&mut self, link: LinkId, why: LinkDown) {
        let Some(connection) = self.sockets.take(link, why, &self.outbox) else {
            return;
        };
        drop(connection.socket);
        let unsent = connection.queue.unsent();
        let event = Event::LinkDown { link, why, unsent };
        self.machine
            .handle(self.sockets.clock.now(), event, &mut self.outbox);
    }

    /// Writes out all that was gathered and is due.
    fn finish(&mut self, on_notice: OnNotice<'_, M>) {
        loop {
            self.sockets.flush_due(&mut self.outbox);
            if self.sockets.over.is_empty() {
                return;
            }
            self.settle(on_notice);
        }
    }

    // What happened

    fn read(&mut self, link: LinkId, to_the_end: bool, on_notice: OnNotice<'_, M>) {
        let mut budget = self.sockets.config.read_budget_bytes.max(1);
        while budget > 0 {
            let (at, outcome) = self.sockets.read(link, budget);
            let ReadOutcome::Bytes { count, all } = outcome else {
                self.settle(on_notice);
                return;
            };
            let mut rest = at..at + count;
            let mut bytes_max = EVENT_BYTES_MAX;
            while !rest.is_empty() {
                let place = rest.start..rest.end.min(rest.start.saturating_add(bytes_max));
                rest.start = place.end;
                match self.sockets.link(link) {
                    Some(connection) if connection.is_machines() => connection.heard = true,
                    // It was closed: what still arrives on it is not wanted.
                    _ => break,
                }
                let few = self.tell_bytes(link, place, on_notice) <= EFFECTS_FEW;
                bytes_max = if few { usize::MAX } else { EVENT_BYTES_MAX };
            }
            if count >= WRITE_AT_ONCE_BYTES {
                self.sockets.flush_due(&mut self.outbox);
                self.settle(on_notice);
            }
            if all && !to_the_end {
                return;
            }
            budget -= count;
        }
    }

    /// Tells the machine of bytes that stand in the input. What it sends of them
    /// is written from there. How much it said.
    fn tell_bytes(
        &mut self,
        link: LinkId,
        place: Range<usize>,
        on_notice: OnNotice<'_, M>,
    ) -> usize {
        let now = self.now();
        let at = place.start;
        let bytes = self.sockets.input.get(place);
        self.outbox.set_input(bytes, at);
        let event = Event::Bytes { link, bytes };
        self.machine.handle(now, event, &mut self.outbox);
        self.outbox.clear_input();
        let effects = self.outbox.effects().len();
        self.settle(on_notice);
        effects
    }

    fn tell_dials_failed(&mut self, on_notice: OnNotice<'_, M>) {
        // Who is told of a failure may dial again, and fail at once again: that
        // belongs to the next turn.
        for _ in 0..self.sockets.dials_failed.len() {
            if let Some((dial, why)) = self.sockets.dials_failed.pop_front() {
                self.tell(Event::DialFailed { dial, why }, on_notice);
            }
        }
    }

    fn tell_link_up(&mut self, up: &LinkUp, on_notice: OnNotice<'_, M>) {
        let &LinkUp {
            link,
            origin,
            endpoints,
        } = up;
        self.tell(
            Event::LinkUp {
                link,
                origin,
                endpoints,
            },
            on_notice,
        );
    }

    /// Says whether everything is to end at once.
    fn take_signals(&mut self, on_notice: OnNotice<'_, M>) -> Result<bool, DriverError> {
        let Some(signals) = &mut self.signals else {
            return Ok(false);
        };
        match signals.take(SIGNALS_KEY).map_err(DriverError::Signals)? {
            Signalled::Nothing => Ok(false),
            Signalled::Command(command) => {
                self.tell(Event::Command(command), on_notice);
                Ok(false)
            }
            Signalled::EndAtOnce => Ok(true),
        }
    }

    fn take_commands(&mut self, on_notice: OnNotice<'_, M>) {
        while let Some(command) = self.commands.pop_front() {
            self.tell(Event::Command(command), on_notice);
        }
        self.commands_left = true;
        for _ in 0..COMMANDS_PER_TURN_MAX {
            if self.is_clogged() {
                return;
            }
            let Ok(command) = self.inbox.try_recv() else {
                self.commands_left = false;
                return;
            };
            self.tell(Event::Command(command), on_notice);
        }
    }

    /// Whether so much waits to be sent that no command should add to it.
    fn is_clogged(&self) -> bool {
        let waiting = self.sockets.stats.queue_bytes.value() + self.outbox.arena_len() as u64;
        waiting > self.sockets.config.commands_pause_bytes as u64
    }

    fn accept(&mut self, index: usize, on_notice: OnNotice<'_, M>) {
        for _ in 0..self.sockets.config.accepts_per_turn_max.max(1) {
            match self.sockets.accept(index, self.sockets.clock.now()) {
                Accepted::Up(up) => self.tell_link_up(&up, on_notice),
                Accepted::Gone => {}
                Accepted::Nobody => break,
            }
        }
        self.sockets.arm_listener(index);
    }

    /// Says whether the run is over.
    fn stopped(&mut self, on_notice: OnNotice<'_, M>) -> Option<Stopped> {
        let stop_by = self.stop_by?;
        if self.now() >= stop_by {
            self.sockets.end_all();
            self.settle(on_notice);
            self.tell_dials_failed(on_notice);
        }
        let nothing_left = self.sockets.count() == 0 && self.sockets.dials_failed.is_empty();
        nothing_left.then_some(Stopped::Graceful)
    }
}

impl<M: Machine> fmt::Debug for Driver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("stats", &self.sockets.stats)
            .finish_non_exhaustive()
    }
}
