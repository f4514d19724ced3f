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
    ChannelMember, Client, ClientCommand, ClientNotice, Effect, Event, Machine, Outbox,
    RemoteClient, ResolveError, Timestamp,
};
use crc_wire::HostId;

use crate::line::{Line, LineError, Whom};

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
    Roster(Vec<(HostId, RemoteClient)>),
    /// One of our channels, as asked for.
    Channel {
        channel: String,
        members: Vec<ChannelMember>,
        topic: String,
    },
    /// The topic of one of our channels, as asked for.
    Topic { channel: String, topic: String },
    /// Our channels, as asked for: their names, and how many are in them.
    Channels(Vec<(String, usize)>),
    /// Whom plain lines go to has changed.
    Talking { to: Option<Whom> },
    /// An explanation of the commands is asked for.
    Help,
    /// One more line has been dealt with.
    LineDone,
    /// No server was there for too long; the client stops.
    GaveUp { unsent: usize },
}

impl News {
    /// Whether the client can't go on after this.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(
            self,
            News::GaveUp { .. } | News::Client(ClientNotice::Failed { .. })
        )
    }
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
    #[error("plain lines go to no channel; say which: {0} #CHANNEL")]
    NoChannel(&'static str),
    #[error("you are not in {0}")]
    NotIn(String),
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
    target: Option<Whom>,
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

    pub(crate) fn manner(&self) -> Manner {
        self.manner
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
            (
                Line::Who {
                    channel: Some(channel),
                },
                Manner::Script,
            ) => self.when_entered(now, Some(channel), waiting.since),
            (
                Line::Topic {
                    channel,
                    topic: None,
                },
                Manner::Script,
            ) => self.when_entered(now, channel.as_deref(), waiting.since),
            (
                Line::Who { .. }
                | Line::Quit { .. }
                | Line::Join { .. }
                | Line::Part { .. }
                | Line::Topic { .. }
                | Line::Names { .. }
                | Line::Channels,
                Manner::Script,
            ) => self.when_settled(),
            (Line::Msg { who, .. } | Line::To { who: Some(who) }, _) => {
                self.when_reachable(now, who, waiting.since)
            }
            (Line::Plain { .. }, _) => match &self.target {
                Some(who) => self.when_reachable(now, who, waiting.since),
                None => Ready::Yes,
            },
            _ => Ready::Yes,
        }
    }

    /// Ready when the server's list is complete and chats go out.
    fn when_settled(&self) -> Ready {
        if self.client.is_settled() && self.client.queued() < WAITING_MAX {
            Ready::Yes
        } else {
            Ready::Waits(self.hopeless_at())
        }
    }

    /// Ready when it is known whether we are in a channel.
    fn when_entered(&self, now: Timestamp, channel: Option<&str>, since: Timestamp) -> Ready {
        let channel = match (channel, &self.target) {
            (Some(channel), _) => channel,
            (None, Some(Whom::Channel(channel))) => channel,
            (None, _) => return Ready::Yes,
        };
        let until = since.max(self.turned) + NAME_WITHIN;
        match self.when_settled() {
            Ready::Yes if self.client.is_joining(channel) && now < until => {
                Ready::Waits(Some(until))
            }
            other => other,
        }
    }

    /// Ready when `who` can be written to, or won't be. What goes to a channel the
    /// server refuses if it must.
    fn when_reachable(&self, now: Timestamp, who: &Whom, since: Timestamp) -> Ready {
        match (who, self.manner) {
            (Whom::Client(who), _) => self.when_known(now, who, since),
            (Whom::Channel(_), Manner::Script) => self.when_settled(),
            (Whom::Channel(_), Manner::Person) => Ready::Yes,
        }
    }

    /// Ready when a client that is called `who` can be written to, or won't be.
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
                    Some(Whom::Client(who)) => self.client.resolve(who).map(|_| ()),
                    Some(Whom::Channel(_)) | None => Ok(()),
                };
                if done.is_ok() {
                    self.target = who;
                }
                let to = self.target.clone();
                out.notice(News::Talking { to });
                done?;
            }
            Line::Join { channel, key } => {
                self.wish(now, ClientCommand::Join { channel, key }, out)?;
            }
            Line::Part { channel, text } => {
                let channel = self.channel_or_target(channel, "/part")?;
                let target = self.target.as_ref();
                let left = target.is_some_and(|target| target.is_channel(&channel));
                self.wish(now, ClientCommand::Part { channel, text }, out)?;
                if left {
                    self.target = None;
                    out.notice(News::Talking { to: None });
                }
            }
            Line::Topic { channel, topic } => {
                let channel = self.channel_or_target(channel, "/topic")?;
                match topic {
                    Some(topic) => {
                        self.wish(now, ClientCommand::SetTopic { channel, topic }, out)?;
                    }
                    None => {
                        let known = self.client.channel(&channel);
                        let known = known.ok_or(Refusal::NotIn(channel))?;
                        out.notice(News::Topic {
                            channel: known.name().to_owned(),
                            topic: known.topic().to_owned(),
                        });
                    }
                }
            }
            Line::Names { channel } => {
                let channel = self.channel_or_target(channel, "/names")?;
                self.wish(now, ClientCommand::Names { channel }, out)?;
            }
            Line::Channels => {
                let channels = self.client.channels();
                let channels =
                    channels.map(|channel| (channel.name().to_owned(), channel.members().len()));
                out.notice(News::Channels(channels.collect()));
            }
            Line::Who {
                channel: Some(channel),
            } => {
                let known = self.client.channel(&channel);
                let known = known.ok_or(Refusal::NotIn(channel))?;
                let member = |(id, flags)| ChannelMember {
                    who: self.client.host_ref(id),
                    flags,
                };
                out.notice(News::Channel {
                    channel: known.name().to_owned(),
                    members: known.members().map(member).collect(),
                    topic: known.topic().to_owned(),
                });
            }
            Line::Who { channel: None } => {
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
        who: &Whom,
        text: String,
        out: &mut Outbox<News>,
    ) -> Result<(), Refusal> {
        if !self.client.is_welcomed() {
            return Err(Refusal::NotConnected);
        }
        let say = match who {
            Whom::Client(who) => {
                let to = self.client.resolve(who)?;
                ClientCommand::SendChat { to, text }
            }
            Whom::Channel(channel) => {
                let channel = channel.clone();
                ClientCommand::SendChannelChat { channel, text }
            }
        };
        self.wish(now, say, out)
    }

    /// Hands a command on that needs a server.
    fn wish(
        &mut self,
        now: Timestamp,
        command: ClientCommand,
        out: &mut Outbox<News>,
    ) -> Result<(), Refusal> {
        if !self.client.is_welcomed() {
            return Err(Refusal::NotConnected);
        }
        self.tell_client(now, Event::Command(command), out);
        Ok(())
    }

    /// The channel that is meant; the one that plain lines go to if none is named.
    fn channel_or_target(
        &self,
        channel: Option<String>,
        command: &'static str,
    ) -> Result<String, Refusal> {
        match (channel, &self.target) {
            (Some(channel), _) => Ok(channel),
            (None, Some(Whom::Channel(channel))) => Ok(channel.clone()),
            (None, _) => Err(Refusal::NoChannel(command)),
        }
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
            Event::LinkUp {
                link,
                origin,
                endpoints,
            } => {
                self.tell_client(
                    now,
                    Event::LinkUp {
                        link,
                        origin,
                        endpoints,
                    },
                    out,
                );
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
        [self.client.deadline(), self.due]
            .into_iter()
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crc_core::{ClientConfig, DialError, DialId, Endpoints, LinkDown, LinkId, Origin, Unsent};
    use crc_wire::{ClientChat, Info, Message, Name, Registration, Status, StatusCode, Text};

    use super::*;

    const LINK: LinkId = LinkId::new(0, 1);

    struct Rig {
        desk: Desk,
        now: Timestamp,
        /// Who was written to, and what.
        said: Vec<(u32, String)>,
        /// The last words, once they are said.
        quit: Option<String>,
        news: Vec<News>,
        done: usize,
        stopped: bool,
        dial: Option<DialId>,
    }

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn status(code: StatusCode, text: &str) -> Vec<u8> {
        let status = Message::Status(Status {
            source: HostId::new(1),
            destination: None,
            code,
            text: Text::truncated(text),
        });
        status.to_vec()
    }

    impl Rig {
        /// A desk that has been told to begin.
        fn new(manner: Manner) -> Rig {
            let server = "localhost:33300".parse().unwrap();
            let mut config = ClientConfig::new(server, "me", "", 1);
            config.id = Some(id(101));
            let mut rig = Rig {
                desk: Desk::new(Client::new(config).unwrap(), manner),
                now: Timestamp::from_micros(5_000_000),
                said: Vec::new(),
                quit: None,
                news: Vec::new(),
                done: 0,
                stopped: false,
                dial: None,
            };
            rig.handle(Event::Command(Order::Start));
            rig
        }

        fn handle(&mut self, event: Event<'_, Order>) {
            let mut out = Outbox::new();
            self.desk.handle(self.now, event, &mut out);
            for effect in out.effects() {
                match effect {
                    Effect::Send { range, .. } => {
                        let mut sent = out.bytes(*range);
                        let limits = crc_wire::FrameLimits::RELAY;
                        while let Ok(Some(frame)) = crc_wire::Frame::take(&mut sent, limits) {
                            match frame.message().unwrap() {
                                Message::ClientChat(ClientChat {
                                    destination, text, ..
                                }) => {
                                    let to = destination.unwrap().get();
                                    self.said.push((to, text.into_string()));
                                }
                                Message::ClientQuit(quit) => {
                                    self.quit = Some(quit.text.into_string());
                                }
                                _ => {}
                            }
                        }
                    }
                    Effect::Dial { dial, .. } => self.dial = Some(*dial),
                    Effect::Stop => self.stopped = true,
                    Effect::Notice(News::LineDone) => self.done += 1,
                    Effect::Notice(news) => self.news.push(news.clone()),
                    Effect::Bound { .. } | Effect::Close { .. } => {}
                }
            }
            let due = self.desk.deadline().is_none_or(|due| due > self.now);
            assert!(
                due,
                "a deadline that has passed would spin: {:?}",
                self.desk
            );
        }

        fn line(&mut self, line: &str) {
            self.handle(Event::Command(Order::Line(Line::parse(line))));
        }

        fn connect(&mut self) {
            let dial = self.dial.take().unwrap();
            self.handle(Event::LinkUp {
                link: LINK,
                origin: Origin::Dialed { dial },
                endpoints: Endpoints {
                    peer: "127.0.0.1:33300".parse().unwrap(),
                    local: "127.0.0.1:50000".parse().unwrap(),
                },
            });
            self.hear(&status(StatusCode::WELCOME, "Welcome"));
        }

        fn settle(&mut self) {
            self.hear(&status(StatusCode::FEATURES, "crc-caps 1"));
        }

        fn hear(&mut self, bytes: &[u8]) {
            self.handle(Event::Bytes { link: LINK, bytes });
        }

        fn joins(&mut self, number: u32, name: &str) {
            let registration = Message::ClientRegistration(Registration {
                source: id(number),
                last_hop: HostId::new(1),
                name: Name::truncated(name),
                info: Info::truncated("info"),
            });
            self.hear(&registration.to_vec());
        }

        fn lose(&mut self) {
            let (why, unsent) = (LinkDown::PeerClosed, Unsent::default());
            let link = LINK;
            self.handle(Event::LinkDown { link, why, unsent });
        }

        fn pass(&mut self, time: Duration) {
            self.now = self.now + time;
            self.handle(Event::Tick);
        }

        /// Lets every dial fail until the desk stops; how long did it take?
        fn fail_until_it_stops(&mut self) -> Duration {
            let start = self.now;
            while !self.stopped {
                if let Some(dial) = self.dial.take() {
                    let why = DialError::TimedOut;
                    self.handle(Event::DialFailed { dial, why });
                }
                if let Some(due) = self.desk.deadline() {
                    self.now = due;
                    self.handle(Event::Tick);
                }
            }
            self.now.since(start)
        }

        fn said(&mut self) -> Vec<(u32, String)> {
            std::mem::take(&mut self.said)
        }

        fn refusals(&mut self) -> Vec<Refusal> {
            let news = std::mem::take(&mut self.news);
            let refusals = news.into_iter().filter_map(|news| match news {
                News::Refused(refusal) => Some(refusal),
                _ => None,
            });
            refusals.collect()
        }
    }

    fn said(said: &[(u32, &str)]) -> Vec<(u32, String)> {
        said.iter().map(|&(to, text)| (to, text.into())).collect()
    }

    fn unknown(name: &str) -> Refusal {
        ResolveError::Unknown(name.into()).into()
    }

    #[test]
    fn a_script_is_carried_out_in_order_once_it_can_be() {
        let mut rig = Rig::new(Manner::Script);
        for line in [
            "/msg bob one",
            "/msg 9 two",
            "/who",
            "/msg bob three",
            "/quit bye",
        ] {
            rig.line(line);
        }
        rig.connect();
        rig.joins(7, "carol");
        rig.settle();
        assert_eq!(
            rig.said(),
            [],
            "bob is not here yet, and keeps the others waiting"
        );
        rig.pass(Duration::from_millis(1_900));
        rig.joins(5, "bob");
        assert_eq!(rig.said(), said(&[(5, "one"), (9, "two"), (5, "three")]));
        let roster = |news: &News| matches!(news, News::Roster(clients) if clients.len() == 2);
        assert_eq!(rig.news.iter().filter(|news| roster(news)).count(), 1);
        assert_eq!(rig.quit.as_deref(), Some("bye"));
        assert_eq!(rig.done, 5);
        rig.lose();
        assert!(rig.stopped);
    }

    #[test]
    fn a_name_is_waited_for_a_while() {
        let mut rig = Rig::new(Manner::Script);
        rig.line("/msg bob early");
        rig.connect();
        rig.settle();
        assert_eq!(rig.desk.deadline(), Some(rig.now + NAME_WITHIN));
        rig.line("/msg 9 next");
        rig.pass(NAME_WITHIN);
        assert_eq!(rig.refusals(), [unknown("bob")]);
        assert_eq!(rig.said(), said(&[(9, "next")]));

        rig.line("/to bob");
        rig.line("plain");
        rig.pass(NAME_WITHIN - Duration::from_millis(1));
        assert_eq!(rig.refusals(), []);
        rig.joins(5, "bob");
        assert_eq!(rig.said(), said(&[(5, "plain")]));
    }

    #[test]
    fn what_is_refused_goes_to_nobody() {
        let mut rig = Rig::new(Manner::Script);
        rig.connect();
        for (id, name) in [(5, "bob"), (6, "bob"), (7, "carol")] {
            rig.joins(id, name);
        }
        rig.settle();
        rig.line("plain");
        rig.line("/to carol");
        rig.line("plain");
        rig.line("/to bob");
        rig.line("meant for bob");
        rig.line("/msg bob Hi");
        rig.line("/nonsense");
        rig.line("/msg 6 Hi");
        assert_eq!(rig.said(), said(&[(7, "plain"), (6, "Hi")]));
        let ambiguous = || {
            Refusal::from(ResolveError::Ambiguous {
                name: "bob".into(),
                candidates: vec![id(5), id(6)],
            })
        };
        assert_eq!(
            rig.refusals(),
            [
                Refusal::ToNobody,
                ambiguous(),
                Refusal::ToNobody,
                ambiguous(),
                LineError::UnknownCommand("/nonsense".into()).into(),
            ]
        );
        assert_eq!(rig.done, 8);
    }

    #[test]
    fn a_script_ends_after_all_was_said() {
        let mut rig = Rig::new(Manner::Script);
        rig.line("/msg 9 Hi");
        rig.handle(Event::Command(Order::End));
        rig.connect();
        assert!(
            rig.quit.is_none(),
            "not before it is known what the server takes"
        );
        rig.settle();
        assert_eq!(rig.said(), said(&[(9, "Hi")]));
        assert_eq!(rig.quit.as_deref(), Some(""));
        rig.line("/msg 9 late");
        assert_eq!((rig.said(), rig.done), (Vec::new(), 3));
    }

    #[test]
    fn a_script_without_a_server_gives_up_after_its_end() {
        let mut rig = Rig::new(Manner::Script);
        rig.line("/msg 9 one");
        rig.line("/to 9");
        rig.line("two");
        let dial = rig.dial.take().unwrap();
        let why = DialError::TimedOut;
        rig.handle(Event::DialFailed { dial, why });
        rig.pass(Duration::from_secs(3_600));
        assert!(!rig.stopped, "more lines may come");
        rig.handle(Event::Command(Order::End));
        assert_eq!(rig.fail_until_it_stops(), SERVER_WITHIN);
        assert!(
            rig.news.contains(&News::GaveUp { unsent: 2 }),
            "{:?}",
            rig.news
        );
        assert_eq!(rig.done, 4);
    }

    #[test]
    fn a_script_that_loses_its_server_waits_for_it_again() {
        let mut rig = Rig::new(Manner::Script);
        rig.connect();
        rig.settle();
        rig.pass(Duration::from_secs(3_600));
        rig.lose();
        rig.line("/msg bob Hi");
        rig.handle(Event::Command(Order::End));
        rig.pass(Duration::from_secs(1));
        rig.connect();
        rig.settle();
        rig.pass(Duration::from_secs(1));
        rig.joins(5, "bob");
        assert_eq!(rig.said(), said(&[(5, "Hi")]));
        assert!(rig.quit.is_some());
    }

    #[test]
    fn a_person_is_answered_at_once() {
        let mut rig = Rig::new(Manner::Person);
        rig.line("/msg 9 Hi");
        rig.line("/who");
        rig.line("/help");
        assert_eq!(rig.news.pop(), Some(News::Help));
        assert_eq!(rig.news.pop(), Some(News::Roster(Vec::new())));
        assert_eq!(rig.refusals(), [Refusal::NotConnected]);

        rig.connect();
        rig.line("/msg 9 Hi");
        rig.line("/msg bob Hi");
        assert_eq!(rig.refusals(), [], "the list may not be complete yet");
        rig.settle();
        assert_eq!(rig.refusals(), [unknown("bob")]);
        rig.line("/to bob");
        assert_eq!(rig.refusals(), [unknown("bob")]);
        assert_eq!(rig.said(), said(&[(9, "Hi")]));
        rig.line("/quit");
        assert!(rig.quit.is_some());
    }

    #[test]
    fn a_person_may_leave_whenever_it_pleases() {
        let mut rig = Rig::new(Manner::Person);
        rig.line("/quit");
        assert!(rig.stopped);

        let mut rig = Rig::new(Manner::Person);
        rig.handle(Event::Command(Order::End));
        assert!(rig.stopped);
    }

    #[test]
    fn a_signal_does_not_wait_for_the_script() {
        let mut rig = Rig::new(Manner::Script);
        rig.connect();
        rig.settle();
        rig.line("/msg bob never");
        rig.line("/msg 9 never");
        rig.handle(Event::Command(Order::Leave));
        assert_eq!(
            (rig.quit.is_some(), rig.done, rig.said()),
            (true, 2, Vec::new())
        );
        // And once more: at once.
        rig.handle(Event::Command(Order::Leave));
        rig.lose();
        assert!(rig.stopped);
    }

    #[test]
    fn a_script_is_slowed_down_to_what_an_original_server_takes() {
        let mut rig = Rig::new(Manner::Script);
        rig.connect();
        rig.hear(&status(StatusCode::ID_TAKEN, "no"));
        for _ in 0..200 {
            rig.line("/msg 9 Hi");
        }
        assert_eq!(rig.done, WAITING_MAX);
        while let Some(due) = rig.desk.deadline() {
            rig.now = due;
            rig.handle(Event::Tick);
        }
        assert_eq!((rig.done, rig.said().len()), (200, 200));
    }
}
