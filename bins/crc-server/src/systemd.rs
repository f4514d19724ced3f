//! What the service manager is told, if there is one: systemd, or another one with its protocol
//! (`NOTIFY_SOCKET`).
//!
//! Every message begins on the thread of the driver, so that a watchdog notices when that hangs.
//! Another thread sends it, so that a service manager that does not read cannot make the driver
//! hang.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{env, io, thread};

use crc_core::Timestamp;
use sd_notify::NotifyState;

use crate::readiness::{Observed, Readiness};

/// How many messages may wait for the service manager. Further ones are dropped: the next status
/// and the next sign of life replace them.
const MESSAGES_MAX: usize = 16;

/// How often the status is told, at most.
const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The server serves.
    Ready,
    /// It reads its configuration again. [`Ready`](Message::Ready) follows.
    Reloading,
    Stopping,
    Status(String),
    /// The sign of life.
    Alive,
    /// None: the server ends, and all that waits is sent.
    End,
}

/// How long the server waits at its end for the last messages to be sent.
const END_TIME_MAX: Duration = Duration::from_millis(500);

/// Lives until the last message is sent.
#[derive(Debug)]
pub(crate) struct Ending(Receiver<()>);

/// Sends messages, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Notifier(Option<SyncSender<Message>>);

impl Notifier {
    /// A sender of messages to the service manager. Without one it does nothing.
    ///
    /// # Errors
    ///
    /// When the system provides no thread.
    pub(crate) fn start() -> io::Result<(Notifier, Ending)> {
        let (ended, ending) = sync_channel(1);
        if env::var_os("NOTIFY_SOCKET").is_none_or(|socket| socket.is_empty()) {
            return Ok((Notifier(None), Ending(ending)));
        }
        let (sender, messages) = sync_channel(MESSAGES_MAX);
        thread::Builder::new()
            .name("systemd".to_owned())
            .spawn(move || {
                send_all(&messages);
                drop(ended);
            })?;
        Ok((Notifier(Some(sender)), Ending(ending)))
    }

    /// The server ends: waits until what it has sent is on its way, for a moment at most.
    pub(crate) fn end(&self, ending: &Ending) {
        if self.send(Message::End) {
            // It ends with the thread.
            let _ = ending.0.recv_timeout(END_TIME_MAX);
        }
    }

    /// Sends a message. Returns whether it is on its way.
    pub(crate) fn send(&self, message: Message) -> bool {
        let sender = self.0.as_ref();
        sender.is_some_and(|sender| sender.try_send(message).is_ok())
    }

    /// Sends a message as soon as there is room. Not for the driver's thread.
    pub(crate) fn send_when_possible(&self, message: Message) {
        if let Some(sender) = &self.0 {
            // The receiver lives as long as the process.
            let _ = sender.send(message);
        }
    }

    fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

/// The thread: sends messages as they come.
fn send_all(messages: &Receiver<Message>) {
    let mut is_logged = false;
    for message in messages {
        let sent = match &message {
            Message::Ready => sd_notify::notify(&[NotifyState::Ready]),
            Message::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            Message::Status(text) => sd_notify::notify(&[NotifyState::Status(text)]),
            Message::End => return,
            Message::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
            // It must say when it began, in the same message.
            Message::Reloading => NotifyState::monotonic_usec_now()
                .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        };
        if let Err(error) = sent
            && !is_logged
        {
            is_logged = true;
            log::warn!("service manager: cannot be notified: {error}");
        }
    }
}

/// Tells the service manager about the server. Lives on the driver's thread.
#[derive(Debug)]
pub(crate) struct Service {
    notifier: Notifier,
    /// The last status that was sent.
    status: String,
    /// When the status is told if it has changed; `None` if nothing has happened since.
    status_at: Option<Timestamp>,
    /// How often a sign of life is sent, and when the next one is due.
    watchdog: Option<(Duration, Timestamp)>,
    is_started: bool,
    is_stopping: bool,
}

impl Service {
    /// Signs of life come twice as often as the service manager wants them.
    pub(crate) fn new(notifier: Notifier) -> Service {
        let period = sd_notify::watchdog_enabled().map(|period| period / 2);
        Service::with(notifier, period)
    }

    fn with(notifier: Notifier, period: Option<Duration>) -> Service {
        let period = period.filter(|period| notifier.is_on() && !period.is_zero());
        Service {
            notifier,
            status: String::new(),
            status_at: None,
            watchdog: period.map(|period| (period, Timestamp::START)),
            is_started: false,
            is_stopping: false,
        }
    }

    /// The server has begun to serve: all listeners are open.
    pub(crate) fn on_started(&mut self, now: Timestamp, observed: Observed<'_>) {
        if self.notifier.is_on() {
            self.is_started = true;
            self.tell_status(observed);
            self.notifier.send(Message::Ready);
            self.on_event(now, observed);
        }
    }

    /// After an event of the driver.
    pub(crate) fn on_event(&mut self, now: Timestamp, observed: Observed<'_>) {
        if !self.is_started {
            return;
        }
        if let Some((period, next)) = &mut self.watchdog
            && *next <= now
        {
            *next = now + *period;
            self.notifier.send(Message::Alive);
        }
        if !self.is_stopping && !observed.server.snapshot().is_running() {
            self.is_stopping = self.notifier.send(Message::Stopping);
            return self.tell_status(observed);
        }
        match self.status_at {
            Some(at) if at <= now => {
                self.status_at = None;
                self.tell_status(observed);
            }
            Some(_) => {}
            None => self.status_at = Some(now + STATUS_PERIOD),
        }
    }

    /// When the next message is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let alive = self.watchdog.filter(|_| self.is_started);
        let alive = alive.map(|(_, next)| next);
        [alive, self.status_at].into_iter().flatten().min()
    }

    fn tell_status(&mut self, observed: Observed<'_>) {
        let status = status_text(observed);
        if status != self.status && self.notifier.send(Message::Status(status.clone())) {
            self.status = status;
        }
    }
}

/// The place of the server, and how many hosts there are besides it.
fn status_text(observed: Observed<'_>) -> String {
    let hosts = observed.server.snapshot().directory().len();
    let plural = if hosts == 1 { "" } else { "s" };
    format!("{}, {hosts} host{plural}", Readiness::of(observed))
}

#[cfg(test)]
mod tests {
    use crc_core::{Config, Event, Machine, Outbox, Server, ServerCommand};
    use crc_wire::{HostId, Name};

    use super::*;

    fn server() -> Server {
        let (id, name) = (HostId::new(5).unwrap(), Name::new("hub").unwrap());
        let mut server = Server::new(Config::new(id, name));
        let start = ServerCommand::Start { listening: vec![] };
        server.handle(Timestamp::START, Event::Command(start), &mut Outbox::new());
        server
    }

    fn observed(server: &Server) -> Observed<'_> {
        Observed {
            server,
            has_place: None,
        }
    }

    fn service(period: Option<Duration>) -> (Service, Receiver<Message>) {
        let (sender, messages) = sync_channel(MESSAGES_MAX);
        (Service::with(Notifier(Some(sender)), period), messages)
    }

    fn status(text: &str) -> Message {
        Message::Status(text.to_owned())
    }

    #[test]
    fn a_server_is_ready_once_it_serves_and_tells_when_it_leaves() {
        let mut server = server();
        let (mut service, messages) = service(None);
        let now = Timestamp::START;
        // What comes before its start is not told.
        service.on_event(now, observed(&server));
        assert_eq!(
            (service.deadline(), messages.try_iter().next()),
            (None, None)
        );
        service.on_started(now, observed(&server));
        service.on_event(now, observed(&server));
        // Nothing has changed, so nothing is told, and nothing wakes the server.
        service.on_event(now + STATUS_PERIOD, observed(&server));
        assert_eq!(service.deadline(), None);
        let sent: Vec<_> = messages.try_iter().collect();
        assert_eq!(sent, [status("root, 0 hosts"), Message::Ready]);

        let reason = "bye".into();
        let leave = Event::Command(ServerCommand::Leave { reason });
        server.handle(now, leave, &mut Outbox::new());
        service.on_event(now, observed(&server));
        service.on_event(now, observed(&server));
        let sent: Vec<_> = messages.try_iter().collect();
        let leaving = status("leaving the network, 0 hosts");
        assert_eq!(sent, [Message::Stopping, leaving]);
    }

    #[test]
    fn signs_of_life_come_from_the_events_of_the_driver_only() {
        let server = server();
        let period = Duration::from_secs(5);
        let (mut service, messages) = service(Some(period));
        let mut now = Timestamp::START;
        service.on_started(now, observed(&server));
        messages.try_iter().for_each(drop);
        let mut alive_at = Vec::new();
        for _ in 0..20 {
            assert_eq!(messages.try_iter().count(), 0, "a hung driver is silent");
            now = service.deadline().unwrap();
            service.on_event(now, observed(&server));
            alive_at.extend(messages.try_iter().map(|message| (message, now)));
        }
        assert!(alive_at.len() > 2, "{alive_at:?}");
        for (turn, alive) in (1..).zip(alive_at) {
            assert_eq!(alive, (Message::Alive, Timestamp::START + period * turn));
        }
    }

    #[test]
    fn a_service_manager_that_does_not_read_gets_the_last_status_later() {
        let server = server();
        let (mut service, messages) = service(None);
        while service.notifier.send(Message::Alive) {}
        service.on_started(Timestamp::START, observed(&server));
        assert_eq!(messages.try_iter().count(), MESSAGES_MAX);
        service.on_event(Timestamp::START + STATUS_PERIOD, observed(&server));
        let sent: Vec<_> = messages.try_iter().collect();
        assert_eq!(sent, [status("root, 0 hosts")]);
    }

    #[test]
    fn without_a_service_manager_nothing_is_due() {
        let server = server();
        let mut service = Service::with(Notifier(None), Some(Duration::from_secs(1)));
        service.on_started(Timestamp::START, observed(&server));
        service.on_event(Timestamp::START, observed(&server));
        assert_eq!(service.deadline(), None);
    }
}
