//! The machine on the thread of the connection: a [`Client`], what waits to be sent by it, and
//! timers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientFailure, ClientNotice, ClientSendError, DisconnectReason, Effect,
    Event as MachineEvent, Machine, Outbox, Timers, Timestamp,
};
use crc_wire::StatusCode;

use crate::error::Error;
use crate::event::{Event, NotSent, Timer};
use crate::pace::Pace;
use crate::request::Request;
use crate::translate::translate;

/// What the program tells the machine.
pub(crate) enum Command {
    /// Connect.
    Start,
    /// Send something. It takes so many bytes of the mailbox's limit.
    Send { request: Request, bytes: usize },
    /// Say when all before is handed to the connection.
    Flush(Sender<()>),
    /// Look something up.
    Query(Box<dyn FnOnce(&Client) + Send>),
    /// Set a timer.
    SetTimer { timer: Timer, after: Duration },
    /// Cancel a timer.
    CancelTimer(Timer),
    /// Send what waits for so long at most, then quit.
    Close { text: String, within: Duration },
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").finish_non_exhaustive()
    }
}

/// What the machine tells the program.
#[derive(Debug)]
pub(crate) enum Output {
    Event(Event),
    TimerDue(Timer),
    /// Something that waited to be sent waits no more.
    Handled {
        bytes: usize,
    },
    AttemptFailed(Error),
    Closing,
}

#[derive(Debug)]
enum Waiting {
    Request { request: Request, bytes: usize },
    Flush(Sender<()>),
}

/// A bot that is about to end.
#[derive(Debug)]
struct Closing {
    text: String,
    /// When it ends, whatever waits.
    until: Timestamp,
    has_quit: bool,
}

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct BotMachine {
    client: Client,
    /// The channels to join at the start.
    joins: Vec<ClientCommand>,
    waiting: VecDeque<Waiting>,
    pace: Pace,
    timers: Timers<Timer>,
    closing: Option<Closing>,
    /// Why the client cannot go on.
    failure: Option<Error>,
    /// The server's reason for not admitting the client.
    refusal: String,
    /// How many messages and commands were not sent because the bot has ended.
    unsent: usize,
    scratch: Vec<Effect<ClientNotice>>,
}

type Out = Outbox<Output>;

impl BotMachine {
    pub(crate) fn new(client: Client, joins: Vec<ClientCommand>, pace: Pace) -> Self {
        BotMachine {
            client,
            joins,
            waiting: VecDeque::new(),
            pace,
            timers: Timers::new(),
            closing: None,
            failure: None,
            refusal: String::new(),
            unsent: 0,
            scratch: Vec::new(),
        }
    }

    /// Why the bot has ended, if not because it was told to; and how many messages and commands
    /// were not sent.
    pub(crate) fn outcome(&self) -> (Option<Error>, usize) {
        (self.failure.clone(), self.unsent + self.requests_waiting())
    }

    fn requests_waiting(&self) -> usize {
        let is_request = |waiting: &&Waiting| matches!(waiting, Waiting::Request { .. });
        self.waiting.iter().filter(is_request).count()
    }

    fn handle_command(&mut self, now: Timestamp, command: Command, out: &mut Out) {
        match command {
            Command::Start => {
                self.command_client(now, ClientCommand::Start, out);
                for join in core::mem::take(&mut self.joins) {
                    self.command_client(now, join, out);
                }
            }
            Command::Send { bytes, .. } if self.closing.is_some() => {
                self.unsent += 1;
                out.notice(Output::Handled { bytes });
            }
            Command::Send { request, bytes } => {
                self.waiting.push_back(Waiting::Request { request, bytes });
            }
            Command::Flush(done) => self.waiting.push_back(Waiting::Flush(done)),
            Command::Query(query) => query(&self.client),
            Command::SetTimer { timer, after } => self.timers.set(timer, now + after),
            Command::CancelTimer(timer) => self.timers.cancel(timer),
            Command::Close { text, within } => {
                let until = now + within;
                match &mut self.closing {
                    Some(closing) => closing.until = closing.until.min(until),
                    None => {
                        let has_quit = false;
                        self.closing = Some(Closing {
                            text,
                            until,
                            has_quit,
                        });
                        out.notice(Output::Closing);
                    }
                }
            }
        }
    }

    fn command_client(&mut self, now: Timestamp, command: ClientCommand, out: &mut Out) {
        self.handle_client(now, MachineEvent::Command(command), out);
    }

    /// Hands an event to the client, and reports what follows from it.
    fn handle_client(
        &mut self,
        now: Timestamp,
        event: MachineEvent<'_, ClientCommand>,
        out: &mut Out,
    ) {
        let was_settled = self.client.is_settled();
        let mut notices = Vec::new();
        let (client, scratch) = (&mut self.client, &mut self.scratch);
        out.nested(
            scratch,
            |out| client.handle(now, event, out),
            |notice| {
                notices.push(notice);
                None
            },
        );
        if self.client.is_settled() && !was_settled {
            out.notice(Output::Event(Event::Connected {
                server: self.client.server().to_string(),
                id: self.client.id(),
            }));
        }
        for notice in notices {
            self.on_notice(notice, was_settled, out);
        }
    }

    fn on_notice(&mut self, notice: ClientNotice, was_settled: bool, out: &mut Out) {
        match &notice {
            // The users that were there before the bot.
            ClientNotice::Joined { .. } | ClientNotice::Left { .. } if !was_settled => return,
            ClientNotice::Failed { why } => self.failure = Some(self.failure(*why)),
            ClientNotice::Status { code, text, .. } if *code == StatusCode::NOT_PERMITTED => {
                self.refusal.clone_from(text);
            }
            ClientNotice::NotSent { why, .. } | ClientNotice::ChannelNotSent { why, .. }
                if *why == ClientSendError::Quit =>
            {
                self.unsent += 1;
            }
            ClientNotice::Unreachable { server, why, .. } => {
                let (server, why) = (server.to_string(), *why);
                out.notice(Output::AttemptFailed(Error::Unreachable { server, why }));
            }
            ClientNotice::Disconnected { reason, retry_in } => {
                // The next attempt is with another id.
                let is_repeated = matches!(reason, DisconnectReason::IdTaken(_));
                if retry_in.is_some() && !is_repeated {
                    let (server, why) = (self.client.server().to_string(), *reason);
                    out.notice(Output::AttemptFailed(Error::NotAccepted { server, why }));
                }
            }
            _ => {}
        }
        if let Some(event) = translate(notice, self.client.id()) {
            out.notice(Output::Event(event));
        }
    }

    fn failure(&self, why: ClientFailure) -> Error {
        match why {
            ClientFailure::IdTaken(id) => Error::IdTaken(id),
            ClientFailure::Untrusted(why) => Error::Untrusted(why),
            ClientFailure::NotPermitted => Error::Refused(self.refusal.clone()),
            other => Error::Refused(other.to_string()),
        }
    }

    /// Hands the client what the server may be sent by now.
    fn send_waiting(&mut self, now: Timestamp, out: &mut Out) {
        while self.client.is_settled()
            && let Some(next) = self.waiting.pop_front()
        {
            let (request, bytes) = match next {
                Waiting::Request { request, bytes } => (request, bytes),
                Waiting::Flush(done) => {
                    // The program may have given up.
                    let _ = done.send(());
                    continue;
                }
            };
            if self.pace.ready_at() > now {
                self.waiting.push_front(Waiting::Request { request, bytes });
                return;
            }
            let place = request.place();
            let cost = request.cost();
            match self.prepare(request) {
                Ok(command) => {
                    self.pace.charge(now, cost);
                    self.command_client(now, command, out);
                }
                Err(why) => out.notice(Output::Event(Event::NotSent { to: place, why })),
            }
            out.notice(Output::Handled { bytes });
        }
    }

    fn prepare(&self, request: Request) -> Result<ClientCommand, NotSent> {
        let features = self.client.server_features();
        if request.is_reply() && !features.is_some_and(|features| features.channels) {
            return Err(NotSent::NoNotices);
        }
        Ok(request.into_command(|name| self.client.resolve(name))?)
    }

    /// Quits when all is sent, or when it is time.
    fn end_if_due(&mut self, now: Timestamp, out: &mut Out) {
        let is_due = |closing: &Closing| {
            !closing.has_quit && (now >= closing.until || self.requests_waiting() == 0)
        };
        if !self.closing.as_ref().is_some_and(is_due) {
            return;
        }
        self.unsent += self.requests_waiting();
        self.waiting.clear();
        let text = self.closing.as_mut().map_or_else(String::new, |closing| {
            closing.has_quit = true;
            core::mem::take(&mut closing.text)
        });
        self.command_client(now, ClientCommand::Quit { text }, out);
    }

    /// When the next message may be sent, if one waits for that.
    fn send_at(&self) -> Option<Timestamp> {
        let waits = self.client.is_settled() && !self.waiting.is_empty();
        waits.then(|| self.pace.ready_at())
    }

    fn close_at(&self) -> Option<Timestamp> {
        let closing = self.closing.as_ref().filter(|closing| !closing.has_quit);
        closing.map(|closing| closing.until)
    }
}

impl Machine for BotMachine {
    type Command = Command;
    type Notice = Output;

    fn handle(&mut self, now: Timestamp, event: MachineEvent<'_, Command>, out: &mut Out) {
        match event.into_command() {
            Ok(command) => self.handle_command(now, command, out),
            Err(event) => self.handle_client(now, event, out),
        }
        while let Some(timer) = self.timers.pop_due(now) {
            out.notice(Output::TimerDue(timer));
        }
        self.send_waiting(now, out);
        self.end_if_due(now, out);
    }

    fn deadline(&self) -> Option<Timestamp> {
        let deadlines = [
            self.client.deadline(),
            self.timers.next(),
            self.send_at(),
            self.close_at(),
        ];
        deadlines.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use crc_core::{ClientConfig, DialId, Endpoints, LinkId, Origin};
    use crc_wire::{Message, Status, StatusCode, Text};

    use super::*;
    use crate::request::{Target, TextKind};

    const LINK: LinkId = LinkId::new(0, 0);

    /// A bot that a server has accepted, and has answered its announcement with this.
    fn bot_at_server(answer: (StatusCode, &str)) -> BotMachine {
        let server = "localhost:33300".parse().unwrap();
        let client = Client::new(ClientConfig::new(server, "bot", "", 7)).unwrap();
        let mut bot = BotMachine::new(client, Vec::new(), Pace::new(10));
        outputs(&mut bot, MachineEvent::Command(Command::Start));
        let address = ([127, 0, 0, 1], 33300).into();
        let up = MachineEvent::LinkUp {
            link: LINK,
            origin: Origin::Dialed { dial: DialId(0) },
            endpoints: Endpoints {
                peer: address,
                local: address,
            },
            security: None,
        };
        outputs(&mut bot, up);
        for (code, text) in [(StatusCode::WELCOME, "Welcome"), answer] {
            let status = Message::Status(Status {
                source: None,
                destination: Some(bot.client.id()),
                code,
                text: Text::truncated(text),
            });
            let bytes = &status.to_vec();
            outputs(&mut bot, MachineEvent::Bytes { link: LINK, bytes });
        }
        bot
    }

    /// What the bot says about an event, and how many frames it sends.
    fn outputs(bot: &mut BotMachine, event: MachineEvent<'_, Command>) -> (Vec<Output>, usize) {
        let mut out = Outbox::new();
        bot.handle(Timestamp::START, event, &mut out);
        let effects: Vec<_> = out.drain_effects().collect();
        let sent = effects
            .iter()
            .filter(|it| matches!(it, Effect::Send { .. }));
        let sent = sent.count();
        let notices = effects.into_iter().filter_map(|effect| match effect {
            Effect::Notice(notice) => Some(notice),
            _ => None,
        });
        (notices.collect(), sent)
    }

    fn text(kind: TextKind) -> MachineEvent<'static, Command> {
        let to = Target::from("5");
        let text = "hello".to_owned();
        MachineEvent::Command(Command::Send {
            request: Request::Text { to, kind, text },
            bytes: 1,
        })
    }

    #[test]
    fn a_reply_is_a_notice_and_never_a_message() {
        let mut bot = bot_at_server((StatusCode::FEATURES, "crc-caps 1 channels notices"));
        let (outputs_of, sent) = outputs(&mut bot, text(TextKind::Reply));
        assert!(matches!(outputs_of[..], [Output::Handled { bytes: 1 }]));
        assert_eq!(sent, 1);

        // A v1 server answers the announcement so.
        let mut bot = bot_at_server((StatusCode::ID_TAKEN, "taken"));
        let (outputs_of, sent) = outputs(&mut bot, text(TextKind::Reply));
        let [
            Output::Event(Event::NotSent { to, why }),
            Output::Handled { .. },
        ] = &outputs_of[..]
        else {
            panic!("{outputs_of:?}");
        };
        assert_eq!((&**to, why), ("5", &NotSent::NoNotices));
        assert_eq!(sent, 0);
    }

    #[test]
    fn messages_wait_for_their_time_and_for_the_server() {
        let mut bot = bot_at_server((StatusCode::FEATURES, "crc-caps 1 channels notices"));
        let sent: usize = (0..20)
            .map(|_| outputs(&mut bot, text(TextKind::Message)).1)
            .sum();
        assert_eq!(sent, 5);
        let next = Timestamp::START + Duration::from_millis(100);
        assert_eq!(bot.send_at(), Some(next));
        let within = Duration::from_secs(9);
        let close = Command::Close {
            text: String::new(),
            within,
        };
        let (outputs_of, sent) = outputs(&mut bot, MachineEvent::Command(close));
        assert!(matches!(outputs_of[..], [Output::Closing]));
        assert_eq!((sent, bot.close_at()), (0, Some(Timestamp::START + within)));
        assert_eq!(bot.deadline(), Some(next));
        assert_eq!(bot.outcome().1, 15);
    }
}
