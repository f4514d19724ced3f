//! A client without a socket: events in, actions and notices out.

use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, ClientSendError, CloseWhen, DialId,
    DisconnectReason, Effect, Endpoints, Event, LinkDown, LinkId, Machine, Origin, Outbox,
    PeerAddress, Timestamp, Unsent,
};
use crc_wire::{HostId, StatusCode};

/// The registration of client 101, "bob", "the builder".
pub(crate) const REGISTRATION: &[u8] =
    b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x0bbobthe builder";
/// The same with its announcement.
pub(crate) const ANNOUNCEMENT: &[u8] =
    b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x3fbobthe builder [crc2;f=channels,notices,servers,utf8-names,people]";
pub(crate) const WELCOME_TEXT: &str = "Welcome to the Clemson Relay Chat network shire";
pub(crate) const SERVER: u32 = 1;
pub(crate) const ME: u32 = 101;

/// An effect that is not a notice, with its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Send(LinkId, Vec<u8>),
    Close(LinkId, CloseWhen),
    Dial(DialId),
    Stop,
}

/// A client on a virtual clock, with its effects.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) now: Timestamp,
    pub(crate) out: Outbox<ClientNotice>,
    pub(crate) actions: Vec<Action>,
    pub(crate) notices: Vec<ClientNotice>,
    pub(crate) dial: Option<DialId>,
    /// The servers that were dialled, in order.
    pub(crate) dialed: Vec<String>,
    pub(crate) links: u32,
}

pub(crate) fn config() -> ClientConfig {
    let mut config = ClientConfig::new(server(), "bob", "the builder", 7);
    config.id = Some(id(ME));
    config
}

pub(crate) fn any_id() -> ClientConfig {
    ClientConfig::new(server(), "bob", "the builder", 7)
}

pub(crate) fn server() -> PeerAddress {
    "localhost:33300".parse().unwrap()
}

pub(crate) fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Fixture {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Fixture {
            client: Client::new(config).unwrap(),
            now: Timestamp::START,
            out: Outbox::new(),
            actions: Vec::new(),
            notices: Vec::new(),
            dial: None,
            dialed: Vec::new(),
            links: 0,
        }
    }

    /// A client that waits for the answer to its dial.
    pub(crate) fn started(config: ClientConfig) -> Self {
        let mut fixture = Fixture::new(config);
        fixture.command(ClientCommand::Start);
        assert_eq!(fixture.actions(), [Action::Dial(DialId(0))]);
        fixture
    }

    /// A client that has sent its registration.
    pub(crate) fn connected(config: ClientConfig) -> (Self, LinkId) {
        let mut fixture = Fixture::started(config);
        let link = fixture.link_up();
        fixture.actions();
        let server = server();
        assert_eq!(fixture.notices(), [ClientNotice::Connected { server }]);
        (fixture, link)
    }

    /// A client that a server of unknown version has welcomed.
    pub(crate) fn welcomed(config: ClientConfig) -> (Self, LinkId) {
        let (mut fixture, link) = Fixture::connected(config);
        fixture.receive(link, &welcome(fixture.client.id().get()));
        assert!(matches!(
            fixture.notices()[..],
            [ClientNotice::Welcome { .. }]
        ));
        fixture.actions();
        (fixture, link)
    }

    /// A client of a v2 server.
    pub(crate) fn with_v2_server(config: ClientConfig) -> (Self, LinkId) {
        let (mut fixture, link) = Fixture::welcomed(config);
        fixture.receive(link, &status(SERVER, ME, 0x0100, "crc-caps 1 server-quit"));
        fixture.check(&[], &[]);
        (fixture, link)
    }

    /// A client of a v1 server.
    pub(crate) fn with_v1_server(config: ClientConfig) -> (Self, LinkId) {
        let (mut fixture, link) = Fixture::welcomed(config);
        fixture.receive(link, &taken(fixture.client.id().get()));
        fixture.check(&[], &[]);
        (fixture, link)
    }

    pub(crate) fn handle(&mut self, event: Event<'_, ClientCommand>) {
        self.client.handle(self.now, event, &mut self.out);
        let effects = self.out.take_effects();
        for effect in &effects {
            match effect.clone() {
                Effect::Send { link, range, .. } => {
                    let bytes = self.out.bytes(range).to_vec();
                    self.actions.push(Action::Send(link, bytes));
                }
                Effect::Close { link, when } => self.actions.push(Action::Close(link, when)),
                Effect::Dial { dial, to, .. } => {
                    self.dial = Some(dial);
                    self.dialed.push(to.to_string());
                    self.actions.push(Action::Dial(dial));
                }
                Effect::Notice(notice) => self.notices.push(notice),
                Effect::Stop => self.actions.push(Action::Stop),
                Effect::Bound { .. }
                | Effect::Watch { .. }
                | Effect::Pause { .. }
                | Effect::Readdress { .. } => {}
            }
        }
        self.out.clear(effects, usize::MAX);
        let due = self.client.deadline().is_none_or(|due| due > self.now);
        assert!(
            due,
            "a deadline that has passed would spin: {:?}",
            self.client
        );
    }

    pub(crate) fn command(&mut self, command: ClientCommand) {
        self.handle(Event::Command(command));
    }

    pub(crate) fn send_chat(&mut self, to: u32, text: &str) {
        let (to, text) = (id(to), text.to_owned());
        self.command(ClientCommand::SendChat { to, text });
    }

    pub(crate) fn quit(&mut self, text: &str) {
        let text = text.to_owned();
        self.command(ClientCommand::Quit { text });
    }

    pub(crate) fn link_up(&mut self) -> LinkId {
        self.links += 1;
        let link = LinkId::new(0, self.links);
        let dial = self.dial.take().expect("dialled");
        let origin = Origin::Dialed { dial };
        let endpoints = endpoints();
        self.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        });
        link
    }

    pub(crate) fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    pub(crate) fn link_down(&mut self, link: LinkId) {
        self.link_down_with(link, Unsent::default());
    }

    pub(crate) fn link_down_with(&mut self, link: LinkId, unsent: Unsent<'_>) {
        let why = LinkDown::PeerClosed;
        self.handle(Event::LinkDown { link, why, unsent });
    }

    /// Advances the clock to the next deadline; returns by how much.
    pub(crate) fn wait(&mut self) -> Duration {
        let due = self.client.deadline().expect("waiting for something");
        let waited = due.since(self.now);
        self.now = due;
        self.handle(Event::Tick);
        waited
    }

    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(crate) fn notices(&mut self) -> Vec<ClientNotice> {
        std::mem::take(&mut self.notices)
    }

    #[track_caller]
    pub(crate) fn check(&mut self, notices: &[ClientNotice], actions: &[Action]) {
        assert_eq!(self.notices(), notices);
        assert_eq!(self.actions(), actions);
    }

    pub(crate) fn names(&self) -> Vec<(u32, &str, &str)> {
        let clients = self.client.clients();
        let names = clients.map(|(id, client)| (id.get(), &*client.name, &*client.info));
        names.collect()
    }
}

pub(crate) fn endpoints() -> Endpoints {
    Endpoints {
        peer: "127.0.0.1:33300".parse().unwrap(),
        local: "127.0.0.1:50000".parse().unwrap(),
    }
}

pub(crate) fn text_frame(head: &[u8], text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap();
    [head, &len.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn status(source: u32, destination: u32, code: u16, text: &str) -> Vec<u8> {
    let (source, destination) = (source.to_be_bytes(), destination.to_be_bytes());
    let head = [&[0x01], &source[..], &destination, &code.to_be_bytes()].concat();
    text_frame(&head, text)
}

pub(crate) fn welcome(to: u32) -> Vec<u8> {
    status(SERVER, to, 0, WELCOME_TEXT)
}

pub(crate) fn taken(taken: u32) -> Vec<u8> {
    status(SERVER, 0, 2, &taken_text(taken))
}

pub(crate) fn taken_text(taken: u32) -> String {
    format!("Someone has already registered with ID {taken}")
}

pub(crate) fn joined_frame(source: u32, name: &str, info: &str) -> Vec<u8> {
    let (name_len, info_len) = (name.len(), info.len());
    [
        &[0x80][..],
        &source.to_be_bytes(),
        &SERVER.to_be_bytes(),
        &[u8::try_from(name_len).unwrap()],
        &u16::try_from(info_len).unwrap().to_be_bytes(),
        name.as_bytes(),
        info.as_bytes(),
    ]
    .concat()
}

pub(crate) fn chat(from: u32, to: u32, text: &str) -> Vec<u8> {
    let head = [&[0x81], &from.to_be_bytes()[..], &to.to_be_bytes()].concat();
    text_frame(&head, text)
}

pub(crate) fn quit(source: u32, text: &str) -> Vec<u8> {
    text_frame(&[&[0x82], &source.to_be_bytes()[..]].concat(), text)
}

pub(crate) fn joined(number: u32, name: &str, info: &str, was: Option<&str>) -> ClientNotice {
    ClientNotice::Joined {
        id: id(number),
        name: name.into(),
        info: info.into(),
        previous_name: was.map(Into::into),
    }
}

pub(crate) fn renamed(number: u32, old: &str, new: &str) -> ClientNotice {
    ClientNotice::Renamed {
        id: id(number),
        old: old.into(),
        new: new.into(),
    }
}

pub(crate) fn status_notice(code: u16, text: &str) -> ClientNotice {
    ClientNotice::Status {
        source: HostId::new(SERVER),
        code: StatusCode(code),
        text: text.into(),
    }
}

pub(crate) fn not_sent(to: u32, why: ClientSendError) -> ClientNotice {
    ClientNotice::NotSent { to: id(to), why }
}

pub(crate) fn quit_notice() -> ClientNotice {
    ClientNotice::Disconnected {
        reason: DisconnectReason::Quit,
        retry_in: None,
    }
}

/// The reason and the pause of the only notice, which is `Disconnected`.
#[track_caller]
pub(crate) fn disconnected(notices: &[ClientNotice]) -> (DisconnectReason, Duration) {
    match notices {
        [ClientNotice::Disconnected { reason, retry_in }] => (*reason, retry_in.unwrap()),
        _ => panic!("{notices:?}"),
    }
}
