//! The driver: sets up listeners, signals and commands, and runs the event loop.

mod event_loop;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crc_machine::{ListenerId, Machine, Outbox, Timestamp};
use ipnet::IpNet;

use crate::batching::Batching;
use crate::command_sender::{CommandSender, command_queue};
use crate::config::DriverConfig;
use crate::error::{DriverError, ListenError};
use crate::limits_sender::{LimitsSender, NewLimits};
use crate::listener::{PlaintextAnswer, TlsListener};
use crate::selector::Events;
use crate::signals::Signals;
use crate::sockets::{ReadySockets, SIGNALS_KEY, Sockets};
use crate::stats::Stats;
use crate::tls::{TlsClient, TlsServer};

/// Runs a [`Machine`] on TCP sockets.
///
/// ```
/// use crc_machine::{Event, ListenerId, Machine, Outbox, Timestamp};
/// use crc_net::{Driver, DriverConfig, Stopped};
///
/// /// Echoes all bytes, and stops on command.
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
///                 out.notice("stopping".to_owned());
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
/// driver.listen(([127, 0, 0, 1], 0).into(), ListenerId(0))?;
/// driver.command(());
/// let mut notices = Vec::new();
/// let stopped = driver.run(|_machine, notice| notices.push(notice))?;
/// assert_eq!(stopped, Stopped::Graceful);
/// assert_eq!(notices, ["stopping"]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Driver<M: Machine> {
    machine: M,
    sockets: Sockets,
    outbox: Outbox<M::Notice>,
    /// Commands of this thread, for the next run.
    commands: VecDeque<M::Command>,
    command_sender: CommandSender<M::Command>,
    /// Commands of other threads.
    command_queue: Receiver<M::Command>,
    /// Limits of connections that another thread has set.
    new_limits: Arc<NewLimits>,
    /// Whether the command queue may hold commands whose wake-up the driver has already consumed.
    commands_left: bool,
    signals: Option<Signals<M::Command>>,
    ready: ReadySockets,
    batching: Batching,
    /// The approximate end of the latest turn.
    turn_ended: Timestamp,
    /// When the driver drops the remaining links, once the machine has stopped.
    stop_by: Option<Timestamp>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The machine stopped, and the driver closed all links.
    Graceful,
    /// A second signal came. The driver dropped all links without notifying the machine.
    Forced,
}

impl<M: Machine> Driver<M> {
    /// Creates a driver for `machine`, without links. Raises the process's limit of descriptors as
    /// far as the system permits.
    ///
    /// # Errors
    ///
    /// If the system cannot create a selector.
    pub fn new(machine: M, config: DriverConfig) -> Result<Self, DriverError> {
        let commands_max = config.commands_max;
        let sockets = Sockets::new(config)?;
        let (command_sender, command_queue) = command_queue(&sockets.selector, commands_max);
        Ok(Driver {
            machine,
            sockets,
            outbox: Outbox::new(),
            commands: VecDeque::new(),
            command_sender,
            command_queue,
            new_limits: Arc::default(),
            commands_left: false,
            signals: None,
            ready: ReadySockets::default(),
            batching: Batching::default(),
            turn_ended: Timestamp::START,
            stop_by: None,
        })
    }

    /// Listens on `address` and returns the bound address: port 0 becomes the port that the system
    /// chose. `id` identifies the listener in [`Origin::Accepted`](crc_machine::Origin::Accepted).
    ///
    /// # Errors
    ///
    /// [`ListenError`] says why the driver cannot listen on the address.
    pub fn listen(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
    ) -> Result<SocketAddr, ListenError> {
        self.sockets.listen(address, id, None, None)
    }

    /// Like [`listen`](Self::listen), for TLS with the certificates of `server`.
    ///
    /// A peer that does not speak TLS gets what `plaintext_answer` makes of its first bytes, and is
    /// closed. The machine hears of peers whose handshake has succeeded only.
    ///
    /// # Errors
    ///
    /// [`ListenError`] says why the driver cannot listen on the address.
    pub fn listen_tls(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
        server: TlsServer,
        plaintext_answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Result<SocketAddr, ListenError> {
        let tls = TlsListener {
            server,
            plaintext_answer: PlaintextAnswer(Arc::new(plaintext_answer)),
        };
        self.sockets.listen(address, id, None, Some(tls))
    }

    /// Accepts connections to a listener from these networks only, and expects the header of the
    /// PROXY protocol first, version 1 or 2, before TLS. The peer that the header names is that of
    /// the link, and its address counts for the limits; a proxy that connects for itself, or for an
    /// unknown peer, keeps its own address. A proxy that does not send a header in
    /// [`DriverConfig::proxy_header_max`] is closed.
    ///
    /// To be called before a run. It does nothing to a listener with a limit of its own.
    pub fn expect_proxies(&mut self, id: ListenerId, proxies: &[IpNet]) {
        self.sockets.expect_proxies(id, proxies);
    }

    /// Sets whom dials by TLS trust; without it the authorities of the system.
    pub fn set_tls_client(&mut self, client: TlsClient) {
        self.sockets.tls_client = client;
    }

    /// Like [`listen`](Self::listen), with a connection limit of the listener's own: at most
    /// `links_max` links at a time, at least one.
    ///
    /// Its links do not count towards [`DriverConfig::links_max`], and the listener accepts them
    /// even if that limit is reached. Further peers wait in the backlog. The descriptors come from
    /// [`DriverConfig::descriptors_reserve`].
    ///
    /// So that one address cannot keep others out, it has at most half of these links, and the last
    /// one is reserved for loopback addresses, which have no further limit. Other connections are
    /// closed at once. A listener with one link has no such rule.
    ///
    /// # Errors
    ///
    /// [`ListenError`] says why the driver cannot listen on the address.
    pub fn listen_with_own_limit(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
        links_max: usize,
    ) -> Result<SocketAddr, ListenError> {
        self.sockets.listen(address, id, Some(links_max), None)
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, mutably. Only possible before or after a run.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The time on the driver's clock, which is the time of the machine's events.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.sockets.clock.now()
    }

    /// The driver's counters. Other threads can read them during the run.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.sockets.stats)
    }

    /// Handles SIGTERM and SIGINT from now on: the first signal becomes a command, the second
    /// [forces](Stopped::Forced) the run to end.
    ///
    /// # Errors
    ///
    /// If the signal handlers cannot be installed.
    pub fn on_signals(
        &mut self,
        command: impl Fn() -> M::Command + 'static,
    ) -> Result<(), DriverError> {
        let signals = Signals::new(&self.sockets.selector, SIGNALS_KEY, Box::new(command))
            .map_err(DriverError::Signals)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// A sender of commands for other threads.
    #[must_use]
    pub fn command_sender(&self) -> CommandSender<M::Command> {
        self.command_sender.clone()
    }

    /// Changes the limits of connections from other threads.
    #[must_use]
    pub fn limits_sender(&self) -> LimitsSender {
        let selector = Arc::clone(&self.sockets.selector);
        LimitsSender::new(Arc::clone(&self.new_limits), selector)
    }

    /// Queues a command. The machine receives it first in the next run.
    pub fn command(&mut self, command: M::Command) {
        self.commands.push_back(command);
    }

    /// Runs until the machine stops and its links are closed, or until a second signal comes. Calls
    /// `on_notice` with each notice and the machine in its current state.
    ///
    /// After the run all listeners are closed.
    ///
    /// # Errors
    ///
    /// If the selector fails. Peers cannot cause that.
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
}

impl<M: Machine> fmt::Debug for Driver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("stats", &self.sockets.stats)
            .finish_non_exhaustive()
    }
}
