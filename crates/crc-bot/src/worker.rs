//! The thread of the connection.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crc_core::{Client, ClientCommand};
use crc_net::{CommandSender, Driver, DriverConfig, DriverError, Stopped, TlsClient};

use crate::bot::Bot;
use crate::error::Error;
use crate::machine::{BotMachine, Command, Output};
use crate::mailbox::{Mailbox, MailboxLimits};
use crate::pace::Pace;

/// What a bot is started with.
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) tls: TlsClient,
    pub(crate) joins: Vec<ClientCommand>,
    pub(crate) limits: MailboxLimits,
    pub(crate) message_bytes_max: usize,
    pub(crate) per_second: u32,
    pub(crate) close_within: Duration,
    pub(crate) closes_on_signals: bool,
}

type Ready = Result<CommandSender<Command>, DriverError>;

/// Starts the thread.
pub(crate) fn start(settings: Settings) -> Result<Bot, Error> {
    let mailbox = Arc::new(Mailbox::new(settings.limits));
    let own = Arc::clone(&mailbox);
    let (close_within, message_bytes_max) = (settings.close_within, settings.message_bytes_max);
    let name = settings.client.name().to_owned();
    let (ready, answer) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("crc-bot".to_owned())
        .spawn(move || run(settings, &own, &ready))
        .map_err(DriverError::Thread)?;
    // Without an answer the thread has ended.
    let commands = answer.recv().map_err(|_| Error::Ended)??;
    Ok(Bot {
        mailbox,
        commands,
        thread: Some(thread),
        name,
        close_within,
        message_bytes_max,
    })
}

/// Ends the mailbox, whatever becomes of the thread.
struct EndGuard<'a>(&'a Mailbox);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        let why = "the thread of the connection has ended".to_owned();
        self.0.end(Some(Error::System(why)), 0);
    }
}

fn run(settings: Settings, mailbox: &Mailbox, ready: &Sender<Ready>) {
    // Only the first end counts.
    let _guard = EndGuard(mailbox);
    let mut driver = match create_driver(settings) {
        Ok(driver) => driver,
        Err(error) => {
            // The thread that starts this one waits for it.
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(driver.command_sender())).is_err() {
        return;
    }
    let stopped = driver.run(|_, output| match output {
        Output::Event(event) => mailbox.push(event),
        Output::TimerDue(timer) => mailbox.on_timer_due(timer),
        Output::Handled { bytes } => mailbox.release(bytes),
        Output::AttemptFailed(why) => mailbox.on_attempt_failed(why),
        Output::Closing => mailbox.set_closing(),
    });
    let (failure, unsent) = driver.machine().outcome();
    let failure = match stopped {
        Ok(Stopped::Graceful | Stopped::Forced) => failure,
        Err(error) => Some(error.into()),
    };
    mailbox.end(failure, unsent);
}

fn create_driver(settings: Settings) -> Result<Driver<BotMachine>, DriverError> {
    let pace = Pace::new(settings.per_second);
    let machine = BotMachine::new(settings.client, settings.joins, pace);
    let mut driver = Driver::new(machine, DriverConfig::default())?;
    driver.set_tls_client(settings.tls);
    if settings.closes_on_signals {
        let within = settings.close_within;
        driver.on_signals(move || Command::Close {
            text: String::new(),
            within,
        })?;
    }
    driver.command(Command::Start);
    Ok(driver)
}
