//! The client's desk: takes lines, in order, and hands them to the [`Client`]
//! when they can be carried out.
//!
//! Answers for whom a name means, for the one that plain lines go to, and for
//! how long a script waits: for the server, for a name to appear, for its end.
//! A machine like any other, around another one: no thread, clock, terminal or
//! file is known here, nor how anything is shown.

use std::collections::VecDeque;
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientNotice, Effect, Event, Machine, OtherClient, Outbox, ResolveError,
    Timestamp,
};
use crc_wire::HostId;

use crate::line::{Line, LineError};

/// How long a script waits for a name to appear, after the welcome or after
/// the line was read.
const NAME_WITHIN: Duration = Duration::from_secs(2);

/// How long a script whose input has ended waits for a server.
const SERVER_WITHIN: Duration = Duration::from_secs(15);

/// How many chats may wait in the client before a script is slowed down.
const WAITING_MAX: usize = 64;

/// Whose lines these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Somebody's at a terminal, who wants to know at once when something
    /// can't be done.
    Person,
    /// A program's, which has written them all beforehand.
    Script,
}

/// What the desk is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin.
    Start,
    /// A line was read.
    Line(Result<Line, LineError>),
    /// No more lines will come.
    End,
    /// Leave now, whatever waits.
    Leave,
}

/// What the desk tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// The client has something to say.
    Client(ClientNotice),
    /// A line can't be carried out.
    Refused(Refusal),
    /// The other clients, as asked for.
    Roster(Vec<(HostId, OtherClient)>),
    /// Whom plain lines go to has changed.
    Talking { to: Option<String> },
    /// An explanation of the commands is asked for.
    Help,
    /// One more line has been dealt with.
    LineDone,
    /// No server was there for too long; the client stops.
    GaveUp { unsent: usize },
}

/// Why a line can't be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Line(#[from] LineError),
    #[error("{0}; nothing was sent")]
    Resolve(#[from] ResolveError),
    #[error("not connected; nothing was sent")]
    NotConnected,
    #[error("nobody is chosen to talk to; say /to WHO first, or /msg WHO TEXT")]
    ToNobody,
}

/// A client and the lines that wait for it.
#[derive(Debug)]
pub(crate) struct Desk {
    client: Client,
    manner: Manner,
    waiting: VecDeque<Waiting>,
    /// When the first that waits is worth another look.
    due: Option<Timestamp>,
    /// Whom plain lines go to.
    target: Option<String>,
    /// When the client was last welcomed, or last was not any more.
    turned: Timestamp,
    /// When it became known that no more lines come.
    ended: Option<Timestamp>,
    leaving: bool,
    scratch: Vec<Effect<ClientNotice>>,
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    since: Timestamp,
}

#[derive(Debug)]
enum Item {
    Line(Result<Line, LineError>),
    End,
}

/// Whether something can be done now.
enum Ready {
    Yes,
    /// Not before something happens; at this time it is done anyway.
    Waits(Option<Timestamp>),
}

impl Desk {
    pub(crate) fn new(client: Client, manner: Manner) -> Self {
        Desk {
            client,
            manner,
            waiting: VecDeque::new(),
            due: None,
            target: None,
            turned: Timestamp::START,
            ended: None,
            leaving: false,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn tell_client(
        &mut self,
        now: Timestamp,
        event: Event<'_, ClientCommand>,
        out: &mut Outbox<News>,
    ) {
        let before = self.client.is_welcomed();
        let (client, scratch) = (&mut self.client, &mut self.scratch);
        out.nested(
            scratch,
            |out| client.handle(now, event, out),
            |notice| Some(News::Client(notice)),
        );
        if before != self.client.is_welcomed() {
            self.turned = now;
        }
    }

    fn take_order(&mut self, now: Timestamp, order: Order, out: &mut Outbox<News>) {
        let item = match order {
            Order::Start => {
                self.turned = now;
                self.tell_client(now, Event::Command(ClientCommand::Start), out);
                return;
            }
            Order::Leave => {
                self.leave(now, String::new(), out);
                return;
            }
            Order::Line(line) => Item::Line(line),
            Order::End => Item::End,
        };
        if self.leaving {
            out.notice(News::LineDone);
            return;
        }
        if let Item::End | Item::Line(Ok(Line::Quit { .. })) = item {
            self.ended.get_or_insert(now);
        }
        let since = now;
        self.waiting.push_back(Waiting { item, since });
    }

    /// Carries out what waits, as far as that can be done.
    fn work(&mut self, now: Timestamp, out: &mut Outbox<News>) {
        self.due = None;
        if self.is_hopeless(now) {
            self.give_up(now, out);
        }
        while let Some(next) = self.waiting.pop_front() {
            match self.readiness(now, &next) {
                Ready::Yes => {
                    self.carry_out(now, next.item, out);
                    out.notice(News::LineDone);
                }
                Ready::Waits(until) => {
                    self.waiting.push_front(next);
                    self.due = until;
                    return;
                }
            }
        }
    }

    fn readiness(&self, now: Timestamp, waiting: &Waiting) -> Ready {
        let Item::Line(Ok(line)) = &waiting.item else {
            return match (&waiting.item, self.manner) {
                (Item::End, Manner::Script) => self.when_settled(),
                _ => Ready::Yes,
            };
        };
        match (line, self.manner) {
            (Line::Who | Line::Quit { .. }, Manner::Script) => self.when_settled(),
            (Line::Msg { who, .. } | Line::To { who: Some(who) }, _) => {
                self.when_known(now, who, waiting.since)
            }
            (Line::Plain { .. }, _) => match &self.target {
                Some(who) => self.when_known(now, who, waiting.since),
                None => Ready::Yes,
            },
            _ => Ready::Yes,
        }
    }

    /// Ready when the server's list is complete and chats go out.
    fn when_settled(&self) -> Ready {
        if self.client.is_settled() && self.client.waiting() < WAITING_MAX {
            Ready::Yes
        } else {
            Ready::Waits(self.hopeless_at())
        }
    }

    /// Ready when `who` can be written to, or won't be.
    fn when_known(&self, now: Timestamp, who: &str, since: Timestamp) -> Ready {
        let unknown = matches!(self.client.resolve(who), Err(ResolveError::Unknown(_)));
        match self.manner {
            Manner::Person => {
                let may_come = self.client.is_welcomed() && !self.client.is_settled();
                if unknown && may_come {
                    Ready::Waits(None)
                } else {
                    Ready::Yes
                }
            }
            Manner::Script => {
                let until = since.max(self.turned) + NAME_WITHIN;
                match self.when_settled() {
                    Ready::Yes if unknown && now < until => Ready::Waits(Some(until)),
                    other => other,
                }
            }
        }
    }

    fn carry_out(&mut self, now: Timestamp, item: Item, out: &mut Outbox<News>) {
        let done = match item {
            Item::Line(Err(error)) => Err(error.into()),
            Item::Line(Ok(line)) => self.carry_out_line(now, line, out),
            Item::End => {
                self.leave(now, String::new(), out);
                Ok(())
            }
        };
        if let Err(refusal) = done {
            out.notice(News::Refused(refusal));
        }
    }

    fn carry_out_line(
        &mut self,
        now: Timestamp,
        line: Line,
        out: &mut Outbox<News>,
    ) -> Result<(), Refusal> {
        match line {
            Line::Empty => {}
            Line::Msg { who, text } => self.say(now, &who, text, out)?,
            Line::Plain { text } => {
                let who = self.target.clone().ok_or(Refusal::ToNobody)?;
                self.say(now, &who, text, out)?;
            }
            Line::To { who } => {
                // Refused or not: what follows must not go to somebody else.
                self.target = None;
                let done = match &who {
                    Some(who) => self.client.resolve(who).map(|_| ()),
                    None => Ok(()),
                };
                if done.is_ok() {
                    self.target = who;
                }
                let to = self.target.clone();
                out.notice(News::Talking { to });
                done?;
            }
            Line::Who => {
                let clients = self.client.clients();
                let clients = clients.map(|(id, client)| (id, client.clone()));
                out.notice(News::Roster(clients.collect()));
            }
            Line::Quit { text } => self.leave(now, text, out),
            Line::Help => out.notice(News::Help),
        }
        Ok(())
    }

    fn say(
        &mut self,
        now: Timestamp,
        who: &str,
        text: String,
        out: &mut Outbox<News>,
    ) -> Result<(), Refusal> {
        if !self.client.is_welcomed() {
            return Err(Refusal::NotConnected);
        }
        let to = self.client.resolve(who)?;
        let say = ClientCommand::Say { to, text };
        self.tell_client(now, Event::Command(say), out);
        Ok(())
    }

    /// Leaves; what waits is forgotten.
    fn leave(&mut self, now: Timestamp, text: String, out: &mut Outbox<News>) {
        self.leaving = true;
        for _ in self.waiting.drain(..) {
            out.notice(News::LineDone);
        }
        let quit = ClientCommand::Quit { text };
        self.tell_client(now, Event::Command(quit), out);
    }

    /// When a script stops to hope for a server.
    fn hopeless_at(&self) -> Option<Timestamp> {
        let hoping = self.manner == Manner::Script && !self.leaving && !self.client.is_welcomed();
        let ended = self.ended.filter(|_| hoping)?;
        Some(ended.max(self.turned) + SERVER_WITHIN)
    }

    fn is_hopeless(&self, now: Timestamp) -> bool {
        self.hopeless_at().is_some_and(|at| at <= now)
    }

    fn give_up(&mut self, now: Timestamp, out: &mut Outbox<News>) {
        let is_chat = |waiting: &&Waiting| {
            let item = &waiting.item;
            matches!(item, Item::Line(Ok(Line::Msg { .. } | Line::Plain { .. })))
        };
        let unsent = self.waiting.iter().filter(is_chat).count();
        out.notice(News::GaveUp { unsent });
        self.leave(now, String::new(), out);
    }
}

impl Machine for Desk {
    type Command = Order;
    type Notice = News;

    fn handle(&mut self, now: Timestamp, event: Event<'_, Order>, out: &mut Outbox<News>) {
        match event {
            Event::Command(order) => self.take_order(now, order, out),
            Event::LinkUp { link, origin, ends } => {
                self.tell_client(now, Event::LinkUp { link, origin, ends }, out);
            }
            Event::Bytes { link, bytes } => {
                self.tell_client(now, Event::Bytes { link, bytes }, out);
            }
            Event::LinkDown { link, why, unsent } => {
                self.tell_client(now, Event::LinkDown { link, why, unsent }, out);
            }
            Event::DialFailed { dial, why } => {
                self.tell_client(now, Event::DialFailed { dial, why }, out);
            }
            Event::Tick => self.tell_client(now, Event::Tick, out),
        }
        self.work(now, out);
    }

    fn deadline(&self) -> Option<Timestamp> {
        [self.client.deadline(), self.due].into_iter().flatten().min()
    }
}
