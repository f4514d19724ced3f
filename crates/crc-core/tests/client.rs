//! The client, without a socket: what it sends, says and asks for, event by event.

#![expect(clippy::unwrap_used, reason = "this is a test")]

#[path = "client/channels.rs"]
mod channels;

use std::time::Duration;

use crc_core::{
    BadFrame, Client, ClientCommand, ClientConfig, ClientFailure, ClientNotice, ClientSendError,
    CloseWhen, DialError, DialId, DisconnectReason, Effect, Endpoints, Event, Features, LinkDown,
    LinkId, ListenerId, Machine, Origin, Outbox, PeerAddress, ResolveError, Timestamp, Unsent,
};
use crc_wire::{FrameError, HostId, Kind, Message, MessageError, StatusCode};
use proptest::prelude::*;

/// What the client with id 101 registers with: "bob", "the builder".
const REGISTRATION: &[u8] = b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x0bbobthe builder";
/// The same, announced.
const ANNOUNCEMENT: &[u8] =
    b"\x80\x00\x00\x00\x65\x00\x00\x00\x00\x03\x00\x1dbobthe builder [crc2;f=channels]";
const WELCOME_TEXT: &str = "Welcome to the Clemson Relay Chat network shire";
const SERVER: u32 = 1;
const ME: u32 = 101;

/// One effect, with the bytes in it.
#[derive(Debug, Clone, PartialEq)]
enum Done {
    Send(LinkId, Vec<u8>),
    Close(LinkId, CloseWhen),
    Dial(DialId),
    Stop,
}

/// A client and the time.
struct Rig {
    client: Client,
    now: Timestamp,
    out: Outbox<ClientNotice>,
    done: Vec<Done>,
    notices: Vec<ClientNotice>,
    dial: Option<DialId>,
    links: u32,
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new(server(), "bob", "the builder", 7);
    config.id = Some(id(ME));
    config
}

fn any_id() -> ClientConfig {
    ClientConfig::new(server(), "bob", "the builder", 7)
}

fn server() -> PeerAddress {
    "localhost:33300".parse().unwrap()
}

fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Rig {
    fn new(config: ClientConfig) -> Self {
        Rig {
            client: Client::new(config).unwrap(),
            now: Timestamp::START,
            out: Outbox::new(),
            done: Vec::new(),
            notices: Vec::new(),
            dial: None,
            links: 0,
        }
    }

    /// A client that has dialled.
    fn started(config: ClientConfig) -> Self {
        let mut rig = Rig::new(config);
        rig.command(ClientCommand::Start);
        assert_eq!(rig.done(), [Done::Dial(DialId(0))]);
        rig
    }

    /// A client whose connection stands.
    fn connected(config: ClientConfig) -> (Self, LinkId) {
        let mut rig = Rig::started(config);
        let link = rig.link_up();
        rig.done();
        let server = server();
        assert_eq!(rig.notices(), [ClientNotice::Connected { server }]);
        (rig, link)
    }

    /// A client that has been taken by a server that has not said yet what it is.
    fn welcomed(config: ClientConfig) -> (Self, LinkId) {
        let (mut rig, link) = Rig::connected(config);
        rig.hear(link, &welcome(rig.client.id().get()));
        assert!(matches!(rig.notices()[..], [ClientNotice::Welcome { .. }]));
        rig.done();
        (rig, link)
    }

    /// A client of a server of ours.
    fn with_ours(config: ClientConfig) -> (Self, LinkId) {
        let (mut rig, link) = Rig::welcomed(config);
        rig.hear(link, &status(SERVER, ME, 0x0100, "crc-caps 1 server-quit"));
        rig.check(&[], &[]);
        (rig, link)
    }

    /// A client of an original server.
    fn with_original(config: ClientConfig) -> (Self, LinkId) {
        let (mut rig, link) = Rig::welcomed(config);
        rig.hear(link, &taken(rig.client.id().get()));
        rig.check(&[], &[]);
        (rig, link)
    }

    fn handle(&mut self, event: Event<'_, ClientCommand>) {
        self.client.handle(self.now, event, &mut self.out);
        let effects = self.out.take_effects();
        for effect in &effects {
            match effect.clone() {
                Effect::Send { link, range, .. } => {
                    let bytes = self.out.bytes(range).to_vec();
                    self.done.push(Done::Send(link, bytes));
                }
                Effect::Close { link, when } => self.done.push(Done::Close(link, when)),
                Effect::Dial { dial, to } => {
                    assert_eq!(to, server());
                    self.dial = Some(dial);
                    self.done.push(Done::Dial(dial));
                }
                Effect::Notice(notice) => self.notices.push(notice),
                Effect::Stop => self.done.push(Done::Stop),
                Effect::Bound { .. } => {}
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

    fn command(&mut self, command: ClientCommand) {
        self.handle(Event::Command(command));
    }

    fn say(&mut self, to: u32, text: &str) {
        let (to, text) = (id(to), text.to_owned());
        self.command(ClientCommand::SendChat { to, text });
    }

    fn quit(&mut self, text: &str) {
        let text = text.to_owned();
        self.command(ClientCommand::Quit { text });
    }

    fn link_up(&mut self) -> LinkId {
        self.links += 1;
        let link = LinkId::new(0, self.links);
        let dial = self.dial.take().expect("dialled");
        let origin = Origin::Dialed { dial };
        let endpoints = endpoints();
        self.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
        });
        link
    }

    fn hear(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    fn link_down(&mut self, link: LinkId) {
        self.link_down_with(link, Unsent::default());
    }

    fn link_down_with(&mut self, link: LinkId, unsent: Unsent<'_>) {
        let why = LinkDown::PeerClosed;
        self.handle(Event::LinkDown { link, why, unsent });
    }

    /// Lets time pass until the next deadline; returns how long that took.
    fn wait(&mut self) -> Duration {
        let due = self.client.deadline().expect("waiting for something");
        let waited = due.since(self.now);
        self.now = due;
        self.handle(Event::Tick);
        waited
    }

    fn done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }

    fn notices(&mut self) -> Vec<ClientNotice> {
        std::mem::take(&mut self.notices)
    }

    #[track_caller]
    fn check(&mut self, notices: &[ClientNotice], done: &[Done]) {
        assert_eq!(self.notices(), notices);
        assert_eq!(self.done(), done);
    }

    fn names(&self) -> Vec<(u32, &str, &str)> {
        let clients = self.client.clients();
        let names = clients.map(|(id, client)| (id.get(), &*client.name, &*client.info));
        names.collect()
    }
}

fn endpoints() -> Endpoints {
    Endpoints {
        peer: "127.0.0.1:33300".parse().unwrap(),
        local: "127.0.0.1:50000".parse().unwrap(),
    }
}

fn text_frame(head: &[u8], text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap();
    [head, &len.to_be_bytes(), text.as_bytes()].concat()
}

fn status(source: u32, destination: u32, code: u16, text: &str) -> Vec<u8> {
    let (source, destination) = (source.to_be_bytes(), destination.to_be_bytes());
    let head = [&[0x01], &source[..], &destination, &code.to_be_bytes()].concat();
    text_frame(&head, text)
}

fn welcome(to: u32) -> Vec<u8> {
    status(SERVER, to, 0, WELCOME_TEXT)
}

fn taken(taken: u32) -> Vec<u8> {
    status(SERVER, 0, 2, &taken_text(taken))
}

fn taken_text(taken: u32) -> String {
    format!("Someone has already registered with ID {taken}")
}

fn joined_frame(source: u32, name: &str, info: &str) -> Vec<u8> {
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

fn chat(from: u32, to: u32, text: &str) -> Vec<u8> {
    let head = [&[0x81], &from.to_be_bytes()[..], &to.to_be_bytes()].concat();
    text_frame(&head, text)
}

fn quit(source: u32, text: &str) -> Vec<u8> {
    text_frame(&[&[0x82], &source.to_be_bytes()[..]].concat(), text)
}

fn joined(number: u32, name: &str, info: &str, was: Option<&str>) -> ClientNotice {
    ClientNotice::Joined {
        id: id(number),
        name: name.into(),
        info: info.into(),
        previous_name: was.map(Into::into),
    }
}

fn news(code: u16, text: &str) -> ClientNotice {
    ClientNotice::Status {
        source: HostId::new(SERVER),
        code: StatusCode(code),
        text: text.into(),
    }
}

fn not_sent(to: u32, why: ClientSendError) -> ClientNotice {
    ClientNotice::NotSent { to: id(to), why }
}

fn left_for_good() -> ClientNotice {
    ClientNotice::Disconnected {
        reason: DisconnectReason::Quit,
        retry_in: None,
    }
}

/// The only notice is that the connection has ended; for how long?
#[track_caller]
fn disconnected(notices: &[ClientNotice]) -> (DisconnectReason, Duration) {
    match notices {
        [ClientNotice::Disconnected { reason, retry_in }] => (*reason, retry_in.unwrap()),
        _ => panic!("{notices:?}"),
    }
}

// Registering.

#[test]
fn registers_as_soon_as_the_connection_stands() {
    let mut rig = Rig::started(config());
    let link = rig.link_up();
    let server = server();
    rig.check(
        &[ClientNotice::Connected { server }],
        &[Done::Send(link, REGISTRATION.to_vec())],
    );
    assert!(!rig.client.is_welcomed());
}

#[test]
fn announces_itself_after_the_welcome_and_not_before() {
    let (mut rig, link) = Rig::connected(config());
    let (first, last) = {
        let welcome = welcome(ME);
        (welcome[..20].to_vec(), welcome[20..].to_vec())
    };
    rig.hear(link, &first);
    rig.check(&[], &[]);
    rig.hear(link, &last);
    rig.check(
        &[ClientNotice::Welcome {
            id: id(ME),
            text: WELCOME_TEXT.into(),
        }],
        &[Done::Send(link, ANNOUNCEMENT.to_vec())],
    );
    assert!(rig.client.is_welcomed() && !rig.client.is_settled());
}

#[test]
fn takes_the_welcome_of_every_server_in_the_field() {
    for welcome in [
        welcome(ME),
        welcome(0),
        welcome(9),
        status(0, ME, 0, WELCOME_TEXT),
        status(SERVER, ME, 1, WELCOME_TEXT),
    ] {
        let (mut rig, link) = Rig::connected(config());
        rig.hear(link, &welcome);
        assert!(matches!(rig.notices()[..], [ClientNotice::Welcome { .. }]));
        assert_eq!(rig.done(), [Done::Send(link, ANNOUNCEMENT.to_vec())]);
    }
}

#[test]
fn codes_beyond_version_1_are_no_welcome() {
    let (mut rig, link) = Rig::connected(config());
    rig.hear(link, &status(SERVER, 0, 0x0102, "Server leaving: x"));
    rig.hear(link, &status(SERVER, 0, 0x0100, "crc-caps 1"));
    rig.check(&[news(0x0102, "Server leaving: x")], &[]);
    assert!(!rig.client.is_welcomed());
}

#[test]
fn a_server_of_ours_tells_what_it_takes() {
    let (mut rig, link) = Rig::with_ours(config());
    assert!(rig.client.is_settled());
    let features = Features {
        server_quit: true,
        channels: false,
    };
    assert_eq!(rig.client.server_features(), Some(features));
    rig.hear(
        link,
        &status(SERVER, ME, 0x0100, "crc-caps 1 server-quit channels"),
    );
    assert_eq!(rig.client.server_features(), Some(Features::OURS));
    assert_eq!(rig.client.deadline(), None, "nothing is left to wait for");
}

#[test]
fn an_original_server_answers_and_nobody_sees_it() {
    // Some write the id that is taken into the source.
    for answer in [taken(ME), status(ME, 0, 2, &taken_text(ME))] {
        let (mut rig, link) = Rig::welcomed(config());
        rig.hear(link, &answer);
        rig.check(&[], &[]);
        assert!(rig.client.is_settled());
        assert_eq!(rig.client.server_features(), None);
    }
}

#[test]
fn a_silent_server_is_original_after_a_second_and_may_answer_late() {
    let (mut rig, link) = Rig::welcomed(config());
    assert_eq!(rig.wait(), ms(1_000));
    assert!(rig.client.is_settled());
    rig.hear(link, &taken(ME));
    rig.check(&[], &[]);
    rig.hear(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    rig.check(&[], &[]);
    assert_eq!(rig.client.server_features(), Some(Features::default()));
}

#[test]
fn a_server_that_says_nothing_is_left_after_a_while() {
    let (mut rig, link) = Rig::connected(config());
    assert_eq!(rig.wait(), ms(15_000));
    let (reason, retry_in) = disconnected(&rig.notices());
    assert_eq!(reason, DisconnectReason::WelcomeTimeout);
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
    rig.link_down(link);
    assert_eq!(rig.wait(), retry_in);
    rig.check(&[], &[Done::Dial(DialId(1))]);
}

#[test]
fn connections_that_nobody_waits_for_are_closed() {
    let (mut rig, _) = Rig::with_ours(config());
    let stray = LinkId::new(9, 9);
    for origin in [
        Origin::Dialed { dial: DialId(0) },
        Origin::Accepted {
            listener: ListenerId(0),
        },
    ] {
        let (link, endpoints) = (stray, endpoints());
        rig.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
        });
        rig.check(&[], &[Done::Close(stray, CloseWhen::Flushed)]);
    }
    rig.hear(stray, b"\xff");
    rig.link_down(stray);
    rig.handle(Event::DialFailed {
        dial: DialId(0),
        why: DialError::TimedOut,
    });
    rig.command(ClientCommand::Start);
    rig.check(&[], &[]);
    assert!(rig.client.is_welcomed());
}

#[test]
fn what_our_servers_do_not_admit_is_refused_at_once() {
    for (name, info) in [("", ""), ("bö", ""), (" bob", ""), ("bob", "x [crc2;f=]")] {
        let config = ClientConfig::new(server(), name, info, 0);
        assert!(Client::new(config).is_err(), "{name:?} {info:?}");
    }
}

// Refusals.

#[test]
fn a_given_id_that_is_taken_is_the_end() {
    let (mut rig, link) = Rig::connected(config());
    rig.say(5, "x");
    rig.hear(link, &taken(ME));
    let why = ClientFailure::IdTaken(id(ME));
    let reason = DisconnectReason::IdTaken(id(ME));
    rig.check(
        &[
            news(2, &taken_text(ME)),
            ClientNotice::Failed { why },
            ClientNotice::Disconnected {
                reason,
                retry_in: None,
            },
            not_sent(5, ClientSendError::Quit),
        ],
        &[Done::Close(link, CloseWhen::Flushed)],
    );
    rig.link_down(link);
    rig.check(&[], &[Done::Stop]);
}

#[test]
fn a_random_id_that_is_taken_is_replaced() {
    let (mut rig, link) = Rig::connected(any_id());
    let first = rig.client.id();
    rig.hear(link, &taken(first.get()));
    let notices = rig.notices();
    assert_eq!(notices[0], news(2, &taken_text(first.get())));
    let (reason, retry_in) = disconnected(&notices[1..]);
    assert_eq!(reason, DisconnectReason::IdTaken(first));
    assert!(retry_in >= ms(1_000), "{retry_in:?}");
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
    let second = rig.client.id();
    assert_ne!(second, first);
    rig.wait();
    rig.link_down(link);
    let link = rig.link_up();
    rig.hear(link, &welcome(0));
    assert!(matches!(rig.notices()[1..], [ClientNotice::Welcome { id, .. }] if id == second));
}

/// After a welcome and a lost connection, is refused until it gives up its id
/// or 10 minutes have passed; returns after how long it gave up.
fn refused_again_and_again(config: ClientConfig) -> Option<Duration> {
    let (mut rig, link) = Rig::with_ours(config);
    let first = rig.client.id();
    rig.link_down(link);
    rig.notices();
    let mut refused = None;
    let mut reports = 0;
    loop {
        rig.wait();
        let link = rig.link_up();
        rig.hear(link, &taken(rig.client.id().get()));
        rig.link_down(link);
        let notices = rig.notices();
        assert!(
            !notices
                .iter()
                .any(|notice| matches!(notice, ClientNotice::Failed { .. }))
        );
        let is_status = |notice: &&ClientNotice| matches!(notice, ClientNotice::Status { .. });
        reports += notices.iter().filter(is_status).count();
        assert_eq!(reports, 1, "the same refusal is reported once");
        let since = rig.now.since(*refused.get_or_insert(rig.now));
        if rig.client.id() != first {
            return Some(since);
        }
        if since > ms(600_000) {
            return None;
        }
    }
}

#[test]
fn a_client_that_was_welcomed_once_tries_to_get_its_id_back() {
    let gave_up = refused_again_and_again(any_id()).expect("it takes a fresh one");
    assert!((ms(45_000)..ms(75_000)).contains(&gave_up), "{gave_up:?}");
    assert_eq!(
        refused_again_and_again(config()),
        None,
        "a given id is kept"
    );
}

#[test]
fn an_id_that_is_taken_away_is_reported() {
    let (mut rig, link) = Rig::with_ours(any_id());
    let me = rig.client.id().get();
    rig.hear(link, &taken(me));
    rig.check(&[news(2, &taken_text(me))], &[]);
    rig.link_down(link);
    let (reason, retry_in) = disconnected(&rig.notices());
    assert_eq!(reason, DisconnectReason::Lost(LinkDown::PeerClosed));
    assert!(retry_in >= ms(1_000));
    assert_eq!(rig.client.id().get(), me, "it may yet be had back");
}

#[test]
fn nobody_is_made_to_quit_by_one_whose_id_was_taken_away() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.hear(link, &taken(ME));
    rig.notices();
    rig.quit("");
    rig.check(&[left_for_good()], &[Done::Close(link, CloseWhen::Flushed)]);

    let (mut rig, link) = Rig::with_original(config());
    rig.say(5, "x");
    rig.quit("");
    rig.done();
    rig.hear(link, &taken(ME));
    let notices = rig.notices();
    assert!(notices.contains(&left_for_good()), "{notices:?}");
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
}

// The other clients.

#[test]
fn the_list_follows_registrations_and_quits() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.hear(link, &joined_frame(105, "carol", "c"));
    rig.hear(link, &joined_frame(102, "alice", "Grüße"));
    rig.hear(link, &joined_frame(ME, "bob", "the builder"));
    rig.check(
        &[
            joined(105, "carol", "c", None),
            joined(102, "alice", "Grüße", None),
        ],
        &[],
    );
    assert_eq!(
        rig.names(),
        [(102, "alice", "Grüße"), (105, "carol", "c")],
        "in the order of ids, without myself"
    );

    rig.hear(link, &joined_frame(105, "carol", "c"));
    rig.check(&[], &[]);
    rig.hear(link, &joined_frame(105, "caroline", "c"));
    rig.check(&[joined(105, "caroline", "c", Some("carol"))], &[]);

    rig.hear(link, &quit(102, "bye"));
    rig.hear(link, &quit(102, "bye"));
    rig.hear(link, &quit(999, "who?"));
    rig.hear(link, &quit(ME, "me?"));
    let left = ClientNotice::Left {
        id: id(102),
        name: "alice".into(),
        text: "bye".into(),
    };
    rig.check(&[left], &[]);
    assert_eq!(rig.names(), [(105, "caroline", "c")]);

    rig.link_down(link);
    assert_eq!(rig.names(), [], "what a lost server said is forgotten");
}

#[test]
fn clients_that_are_told_of_before_the_welcome_count() {
    let (mut rig, link) = Rig::connected(config());
    rig.hear(link, &joined_frame(105, "carol", "c"));
    rig.check(&[joined(105, "carol", "c", None)], &[]);
}

#[test]
fn words_become_ids() {
    let (mut rig, link) = Rig::with_ours(config());
    for (id, name) in [(7, "dave"), (9, "eve"), (8, "dave")] {
        rig.hear(link, &joined_frame(id, name, ""));
    }
    assert_eq!(rig.client.resolve("eve"), Ok(id(9)));
    assert_eq!(rig.client.resolve("1234"), Ok(id(1234)));
    assert_eq!(
        rig.client.resolve("dave"),
        Err(ResolveError::Ambiguous {
            name: "dave".into(),
            candidates: vec![id(7), id(8)]
        })
    );
    assert_eq!(
        rig.client.resolve("bob"),
        Err(ResolveError::Unknown("bob".into()))
    );
}

#[test]
fn a_list_without_end_ends_the_connection() {
    let mut config = config();
    config.limits.roster_bytes_max = 1_000;
    let (mut rig, link) = Rig::with_ours(config);
    let all: Vec<u8> = (1..20)
        .flat_map(|id| joined_frame(id, "name", &"i".repeat(100)))
        .collect();
    rig.hear(link, &all);
    let notices = rig.notices();
    assert_eq!(
        disconnected(&notices[notices.len() - 1..]).0,
        DisconnectReason::RosterFull
    );
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
    assert_eq!(rig.names(), []);
}

// Hearing.

#[test]
fn chats_name_their_speaker_if_it_is_known() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.hear(link, &joined_frame(103, "carol", ""));
    rig.notices();
    for (from, to, name) in [
        (103, ME, Some("carol")),
        (104, 0, None),
        (103, 77, Some("carol")),
    ] {
        rig.hear(link, &chat(from, to, "\"Hi\" \u{1b}[2J"));
        let heard = ClientNotice::Chat {
            from: id(from),
            from_name: name.map(Into::into),
            to: HostId::new(to),
            text: "\"Hi\" \u{1b}[2J".into(),
        };
        rig.check(&[heard], &[]);
    }
}

#[test]
fn statuses_are_passed_on_whatever_their_code() {
    let (mut rig, link) = Rig::with_ours(config());
    for code in [0, 1, 3, 0x0101, 0x0102, 0xffff] {
        rig.hear(link, &status(SERVER, 0, code, "so it is"));
        rig.check(&[news(code, "so it is")], &[]);
    }
}

#[test]
fn what_makes_no_sense_is_dropped_while_the_stream_does() {
    let (mut rig, link) = Rig::with_ours(config());
    let mut bad = chat(103, ME, "Hi");
    *bad.last_mut().unwrap() = 0xff;
    let mut server_frame = joined_frame(2, "rivendale", "");
    server_frame[0] = 0x00;
    let quit_of_server = text_frame(b"\x02\x00\x00\x00\x02\x00\x00\x00\x00", "bye");
    rig.hear(
        link,
        &[
            bad,
            chat(0, ME, "Hi"),
            server_frame,
            quit_of_server,
            chat(103, ME, "Hi"),
        ]
        .concat(),
    );
    let dropped = |why| ClientNotice::FrameDropped { why };
    let notices = rig.notices();
    assert_eq!(
        notices[..4],
        [
            dropped(BadFrame::Message(MessageError::NotUtf8)),
            dropped(BadFrame::Message(MessageError::SourceZero)),
            dropped(BadFrame::NotForClients(Kind::ServerRegistration)),
            dropped(BadFrame::NotForClients(Kind::ServerQuit)),
        ]
    );
    assert!(matches!(notices[4..], [ClientNotice::Chat { .. }]));
    assert_eq!(rig.done(), []);
}

#[test]
fn a_stream_out_of_step_ends_the_connection() {
    let too_long = text_frame(&chat(103, ME, "")[..9], &"x".repeat(65_537));
    for (bytes, error) in [
        (vec![0x42], FrameError::UnknownKind(0x42)),
        (
            too_long,
            FrameError::TooLong {
                kind: Kind::ClientChat,
                announced: 65_537,
                max: 65_536,
            },
        ),
    ] {
        let (mut rig, link) = Rig::with_ours(config());
        rig.hear(
            link,
            &[chat(103, ME, "last"), bytes, chat(103, ME, "never")].concat(),
        );
        let notices = rig.notices();
        assert!(matches!(&notices[0], ClientNotice::Chat { text, .. } if text == "last"));
        let (reason, retry_in) = disconnected(&notices[1..]);
        assert_eq!(reason, DisconnectReason::InvalidFrame(error));
        assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
        rig.hear(link, &chat(103, ME, "still"));
        rig.link_down(link);
        rig.check(&[], &[]);
        assert_eq!(rig.wait(), retry_in);
        assert_eq!(rig.done(), [Done::Dial(DialId(1))]);
    }
}

#[test]
fn the_longest_text_arrives() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.hear(link, &chat(103, ME, &"x".repeat(65_536)));
    assert!(
        matches!(&rig.notices()[..], [ClientNotice::Chat { text, .. }] if text.len() == 65_536)
    );
}

// Saying.

#[test]
fn says_to_a_server_of_ours_at_once_and_in_order() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.say(103, "Hi");
    rig.say(9, "\"Grüße\"");
    rig.check(
        &[],
        &[
            Done::Send(
                link,
                b"\x81\x00\x00\x00\x65\x00\x00\x00\x67\x00\x00\x00\x02Hi".to_vec(),
            ),
            Done::Send(link, chat(ME, 9, "\"Grüße\"")),
        ],
    );
}

#[test]
fn what_is_said_early_waits_until_it_is_known_what_the_server_is() {
    let mut rig = Rig::new(config());
    rig.say(1, "a");
    rig.command(ClientCommand::Start);
    rig.say(2, "b");
    let link = rig.link_up();
    rig.say(3, "c");
    rig.hear(link, &welcome(ME));
    rig.say(4, "d");
    assert_eq!(
        rig.done(),
        [
            Done::Dial(DialId(0)),
            Done::Send(link, REGISTRATION.to_vec()),
            Done::Send(link, ANNOUNCEMENT.to_vec())
        ]
    );
    assert_eq!(rig.client.queued(), 4);
    rig.hear(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    let chats = [(1, "a"), (2, "b"), (3, "c"), (4, "d")].map(|(to, text)| chat(ME, to, text));
    assert_eq!(rig.done(), [Done::Send(link, chats.concat())]);
    assert_eq!(rig.client.queued(), 0);
}

#[test]
fn an_original_server_gets_one_short_ascii_frame_at_a_time() {
    let (mut rig, link) = Rig::with_original(config());
    rig.say(3, "naïve 👋");
    rig.say(4, &"x".repeat(1_012));
    rig.say(5, &"x".repeat(1_011));
    rig.quit("Grüße");
    rig.check(&[], &[]);
    assert_eq!(rig.wait(), ms(10));
    rig.check(&[], &[Done::Send(link, chat(ME, 3, "na?ve ?"))]);
    assert_eq!(rig.wait(), ms(10));
    let (len, max) = (1_012, 1_011);
    let why = ClientSendError::TooLongForServer { len, max };
    let longest = chat(ME, 5, &"x".repeat(1_011));
    assert_eq!(longest.len(), 1_024);
    rig.check(&[not_sent(4, why)], &[Done::Send(link, longest)]);
    assert_eq!(rig.wait(), ms(10));
    rig.check(&[], &[Done::Send(link, quit(ME, "Gr??e"))]);
}

#[test]
fn the_last_words_to_an_original_server_are_cut() {
    let (mut rig, link) = Rig::with_original(config());
    rig.quit(&"ö".repeat(2_000));
    rig.wait();
    rig.check(&[], &[Done::Send(link, quit(ME, &"?".repeat(1_015)))]);
}

#[test]
fn too_long_and_too_much_are_refused() {
    let mut config = config();
    config.limits.queue_bytes_max = 70_000;
    let (mut rig, link) = Rig::connected(config);
    rig.say(5, &"x".repeat(65_537));
    let (len, max) = (65_537, 65_536);
    rig.check(&[not_sent(5, ClientSendError::TooLong { len, max })], &[]);
    rig.say(6, &"x".repeat(65_536));
    rig.check(&[], &[]);
    rig.say(7, &"x".repeat(5_000));
    rig.check(&[not_sent(7, ClientSendError::QueueFull)], &[]);

    rig.hear(link, &welcome(ME));
    rig.hear(link, &status(SERVER, ME, 0x0100, "crc-caps 1"));
    let sent = rig.done().pop();
    assert_eq!(
        sent,
        Some(Done::Send(link, chat(ME, 6, &"x".repeat(65_536))))
    );
}

#[test]
fn what_never_left_is_said_again() {
    let (mut rig, link) = Rig::with_ours(config());
    let (gone, cut, whole) = (
        chat(ME, 1, "gone"),
        chat(ME, 2, "cut"),
        chat(ME, 3, "whole"),
    );
    rig.say(1, "gone");
    rig.say(2, "cut");
    rig.say(3, "whole");
    rig.done();
    let unsent = [&gone[..], &cut, &whole].concat();
    rig.link_down_with(
        link,
        Unsent {
            bytes: &unsent,
            written: gone.len() + 1,
        },
    );
    rig.say(4, "later");
    rig.notices();
    rig.wait();
    let link = rig.link_up();
    rig.hear(
        link,
        &[welcome(ME), status(SERVER, ME, 0x0100, "crc-caps 1")].concat(),
    );
    let said = [cut, whole, chat(ME, 4, "later")].concat();
    assert_eq!(
        rig.done(),
        [
            Done::Dial(DialId(1)),
            Done::Send(link, REGISTRATION.to_vec()),
            Done::Send(link, [ANNOUNCEMENT, &said].concat())
        ]
    );
}

// Leaving.

#[test]
fn quits_waits_for_the_server_to_close_and_stops() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.say(9, "last");
    rig.quit("bye");
    let last = [
        chat(ME, 9, "last"),
        b"\x82\x00\x00\x00\x65\x00\x00\x00\x03bye".to_vec(),
    ];
    rig.check(
        &[],
        &[
            Done::Send(link, last[0].clone()),
            Done::Send(link, last[1].clone()),
        ],
    );
    assert!(!rig.client.is_welcomed());
    rig.say(9, "too late");
    rig.check(&[not_sent(9, ClientSendError::Quit)], &[]);
    rig.hear(link, &status(SERVER, ME, 1, "Unknown ID 9"));
    rig.check(&[news(1, "Unknown ID 9")], &[]);
    rig.link_down(link);
    rig.check(&[left_for_good()], &[Done::Stop]);
    assert_eq!(rig.client.deadline(), None);
    rig.command(ClientCommand::Start);
    rig.quit("");
    rig.check(&[], &[]);
}

#[test]
fn a_server_that_does_not_close_is_left_after_a_while() {
    let (mut rig, link) = Rig::with_ours(config());
    rig.quit("");
    assert_eq!(rig.done(), [Done::Send(link, quit(ME, ""))]);
    assert_eq!(rig.wait(), ms(2_000));
    rig.check(&[left_for_good()], &[Done::Close(link, CloseWhen::Flushed)]);
    rig.link_down(link);
    rig.check(&[], &[Done::Stop]);
}

#[test]
fn quitting_twice_ends_at_once() {
    // The quit has been sent; or it waits behind something.
    for sent in [true, false] {
        let (mut rig, link) = Rig::welcomed(config());
        if !sent {
            rig.say(5, "x");
        }
        rig.now = rig.now + ms(10);
        rig.quit("one");
        let quits = rig.done().len();
        assert_eq!(quits, usize::from(sent));
        rig.quit("two");
        let mut notices = rig.notices();
        if !sent {
            assert_eq!(notices.remove(0), not_sent(5, ClientSendError::Quit));
        }
        assert_eq!(notices, [left_for_good()]);
        assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Now)]);
        rig.link_down(link);
        rig.check(&[], &[Done::Stop]);
    }
}

#[test]
fn quitting_without_a_connection_stops() {
    let mut idle = Rig::new(config());
    idle.say(5, "x");
    idle.quit("");
    idle.check(&[not_sent(5, ClientSendError::Quit)], &[Done::Stop]);

    let mut dialing = Rig::started(config());
    dialing.quit("");
    dialing.check(&[], &[Done::Stop]);

    let (mut pausing, link) = Rig::with_ours(config());
    pausing.link_down(link);
    pausing.notices();
    pausing.quit("");
    pausing.check(&[], &[Done::Stop]);
}

#[test]
fn quitting_before_the_welcome_waits_for_it_a_moment() {
    // An original server would let whoever has that id quit.
    let (mut rig, link) = Rig::connected(config());
    rig.say(5, "x");
    rig.now = rig.now + ms(100);
    rig.quit("bye");
    rig.check(&[not_sent(5, ClientSendError::Quit)], &[]);
    rig.hear(link, &welcome(ME));
    assert_eq!(
        rig.done(),
        [],
        "no need to announce, and not too early to quit"
    );
    rig.wait();
    assert_eq!(rig.done(), [Done::Send(link, quit(ME, "bye"))]);

    let (mut rig, link) = Rig::connected(config());
    rig.quit("bye");
    assert_eq!(rig.wait(), ms(2_000));
    rig.check(&[left_for_good()], &[Done::Close(link, CloseWhen::Flushed)]);

    let (mut rig, link) = Rig::connected(any_id());
    rig.quit("bye");
    rig.hear(link, &taken(rig.client.id().get()));
    assert_eq!(rig.done(), [Done::Close(link, CloseWhen::Flushed)]);
    rig.link_down(link);
    assert_eq!(rig.done(), [Done::Stop]);
}

#[test]
fn a_connection_lost_while_leaving_is_the_end() {
    let (mut rig, link) = Rig::with_original(config());
    rig.say(5, "x");
    rig.quit("");
    rig.link_down(link);
    rig.check(
        &[
            ClientNotice::Disconnected {
                reason: DisconnectReason::Lost(LinkDown::PeerClosed),
                retry_in: None,
            },
            not_sent(5, ClientSendError::Quit),
        ],
        &[Done::Stop],
    );
}

// Coming back.

#[test]
fn an_unreachable_server_is_tried_again_with_growing_pauses() {
    let mut longest = [Duration::ZERO; 9];
    for seed in 0..200 {
        let mut config = config();
        config.seed = seed;
        let mut rig = Rig::started(config);
        for longest in &mut longest {
            let dial = rig.dial.take().unwrap();
            let why = DialError::TimedOut;
            rig.handle(Event::DialFailed { dial, why });
            let notices = rig.notices();
            let [
                ClientNotice::Unreachable {
                    server: to,
                    why: said,
                    retry_in,
                },
            ] = &notices[..]
            else {
                panic!("{notices:?}");
            };
            assert_eq!((to, *said), (&server(), why));
            assert_eq!(rig.wait(), *retry_in);
            *longest = (*longest).max(*retry_in);
        }
    }
    let max = [
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ];
    for (longest, max) in longest.into_iter().zip(max) {
        assert!(
            (ms(max * 9 / 10)..=ms(max)).contains(&longest),
            "{longest:?} of {max}"
        );
    }
}

#[test]
fn pauses_are_short_again_after_a_stable_minute() {
    let lose = |held: Duration| {
        let pauses = (0..100).map(|seed| {
            let mut config = config();
            config.seed = seed;
            let mut rig = Rig::started(config);
            for _ in 0..4 {
                let dial = rig.dial.take().unwrap();
                let why = DialError::TimedOut;
                rig.handle(Event::DialFailed { dial, why });
                rig.wait();
            }
            let link = rig.link_up();
            rig.hear(link, &welcome(ME));
            rig.notices();
            rig.now = rig.now + held;
            rig.link_down(link);
            disconnected(&rig.notices()).1
        });
        pauses.max().unwrap()
    };
    assert!(lose(ms(59_999)) > ms(500));
    assert!(lose(ms(60_000)) <= ms(500));
}

#[test]
fn comes_back_with_the_same_id_and_a_fresh_stream() {
    let (mut rig, link) = Rig::with_ours(any_id());
    let me = rig.client.id();
    rig.hear(link, &chat(103, me.get(), "cut in two")[..7]);
    rig.link_down(link);
    let (reason, _) = disconnected(&rig.notices());
    assert_eq!(reason, DisconnectReason::Lost(LinkDown::PeerClosed));
    assert!(!rig.client.is_welcomed());
    rig.wait();
    let link = rig.link_up();
    rig.hear(link, &welcome(me.get()));
    assert!(rig.client.is_welcomed());
    assert_eq!(rig.client.id(), me);
}

#[test]
fn the_same_seed_makes_the_same_client() {
    let ids: Vec<HostId> = (0..3)
        .map(|seed| {
            let config = |seed| ClientConfig::new(server(), "bob", "", seed);
            let id = Client::new(config(seed)).unwrap().id();
            assert_eq!(id, Client::new(config(seed)).unwrap().id());
            id
        })
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

// Any split, any bytes.

/// What a server might send, in whole frames or not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = "[a-zß\u{1b}]{0,12}";
    let frame = prop_oneof![
        (100..104_u32, text, text).prop_map(|(id, name, info)| joined_frame(id, &name, &info)),
        (100..104_u32, text).prop_map(|(id, text)| quit(id, &text)),
        (100..104_u32, text).prop_map(|(id, text)| chat(id, ME, &text)),
        (prop_oneof![0..4_u16, 0x0100..0x0105_u16], text)
            .prop_map(|(code, text)| status(SERVER, ME, code, &text)),
        channels::frame(),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(frame, 0..20).prop_map(|frames| frames.concat())
}

/// All notices after `stream` came in pieces of at most these lengths.
fn notices_after(config: ClientConfig, stream: &[u8], pieces: &[usize]) -> Vec<ClientNotice> {
    let (mut rig, link) = Rig::connected(config);
    let mut rest = stream;
    let mut lengths = pieces.iter().cycle();
    while !rest.is_empty() {
        let len = lengths
            .next()
            .map_or(rest.len(), |&len| len.min(rest.len()));
        let (piece, later) = rest.split_at(len);
        rig.hear(link, piece);
        rest = later;
    }
    rig.notices()
}

proptest! {
    #[test]
    fn any_split_of_the_stream_says_the_same(
        stream in stream(),
        pieces in prop::collection::vec(1..30_usize, 1..10),
        given in any::<bool>(),
    ) {
        let config = || if given { config() } else { any_id() };
        let whole = notices_after(config(), &stream, &[]);
        prop_assert_eq!(notices_after(config(), &stream, &pieces), whole.clone());
        prop_assert_eq!(notices_after(config(), &stream, &[1]), whole);
    }

    #[test]
    fn whatever_is_sent_can_be_read(texts in prop::collection::vec(".{0,40}", 0..10), ours: bool) {
        let (mut rig, _) = if ours {
            Rig::with_ours(config())
        } else {
            Rig::with_original(config())
        };
        for text in &texts {
            rig.say(9, text);
        }
        rig.quit("bye");
        while rig.client.is_welcomed() {
            rig.wait();
        }
        let sent: Vec<u8> = rig
            .done()
            .into_iter()
            .filter_map(|done| match done {
                Done::Send(_, bytes) => Some(bytes),
                _ => None,
            })
            .flatten()
            .collect();
        let mut input = &sent[..];
        let mut decoder = crc_wire::Decoder::new();
        let mut chats = 0;
        while let Some(frame) = decoder.next_frame(&mut input, crc_wire::FrameLimits::RELAY).unwrap() {
            let message = frame.message().unwrap();
            chats += usize::from(matches!(message, Message::ClientChat(_)));
        }
        prop_assert_eq!(chats, texts.len());
    }
}
