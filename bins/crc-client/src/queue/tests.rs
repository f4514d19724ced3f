//! The command queue on a virtual clock.

use std::time::Duration;

use crc_core::{
    ClientConfig, DialError, DialId, Effect, Endpoints, LinkDown, LinkId, Origin, ResolveError,
    Unsent,
};
use crc_wire::{ClientChat, HostId, Info, Message, Name, Registration, Status, StatusCode, Text};

use super::session::{NAME_TIMEOUT, OPERATOR_TIMEOUT, QUEUED_MAX};
use super::*;
use crate::command::Target;
use crate::event::CommandError;

const LINK: LinkId = LinkId::new(0, 1);

struct Fixture {
    queue: CommandQueue,
    now: Timestamp,
    /// The destinations and texts of the chats that were sent.
    sent: Vec<(u32, String)>,
    /// The quit message, once it is sent.
    quit: Option<String>,
    events: Vec<OutputEvent>,
    handled: usize,
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

impl Fixture {
    /// A queue whose client dials.
    fn new(mode: Mode) -> Fixture {
        let server = "localhost:33300".parse().unwrap();
        let mut config = ClientConfig::new(server, "me", "", 1);
        config.id = Some(id(101));
        let mut fixture = Fixture {
            queue: CommandQueue::new(Client::new(config).unwrap(), mode),
            now: Timestamp::from_micros(5_000_000),
            sent: Vec::new(),
            quit: None,
            events: Vec::new(),
            handled: 0,
            stopped: false,
            dial: None,
        };
        fixture.handle(Event::Command(Input::Start));
        fixture
    }

    fn handle(&mut self, event: Event<'_, Input>) {
        let mut out = Outbox::new();
        self.queue.handle(self.now, event, &mut out);
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
                                self.sent.push((to, text.into_string()));
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
                Effect::Notice(OutputEvent::LineHandled) => self.handled += 1,
                Effect::Notice(events) => self.events.push(events.clone()),
                Effect::Bound { .. }
                | Effect::Watch { .. }
                | Effect::Pause { .. }
                | Effect::Readdress { .. } => {}
                Effect::Close { .. } => {}
            }
        }
        let due = self.queue.deadline().is_none_or(|due| due > self.now);
        assert!(
            due,
            "a deadline that has passed would spin: {:?}",
            self.queue
        );
    }

    fn line(&mut self, line: &str) {
        self.handle(Event::Command(Input::Line(Command::parse(line))));
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
            security: None,
        });
        self.receive(&status(StatusCode::WELCOME, "Welcome"));
    }

    fn settle(&mut self) {
        self.receive(&status(StatusCode::FEATURES, "crc-caps 1"));
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.handle(Event::Bytes { link: LINK, bytes });
    }

    fn joins(&mut self, number: u32, name: &str) {
        let registration = Message::ClientRegistration(Registration {
            source: id(number),
            last_hop: HostId::new(1),
            name: Name::truncated(name),
            info: Info::truncated("info"),
        });
        self.receive(&registration.to_vec());
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

    /// Fails every dial until the queue stops; returns how long that took.
    fn fail_until_it_stops(&mut self) -> Duration {
        let start = self.now;
        while !self.stopped {
            if let Some(dial) = self.dial.take() {
                let why = DialError::TimedOut;
                self.handle(Event::DialFailed { dial, why });
            }
            if let Some(due) = self.queue.deadline() {
                self.now = due;
                self.handle(Event::Tick);
            }
        }
        self.now.since(start)
    }

    fn sent(&mut self) -> Vec<(u32, String)> {
        std::mem::take(&mut self.sent)
    }

    fn errors(&mut self) -> Vec<CommandError> {
        let events = std::mem::take(&mut self.events);
        let errors = events.into_iter().filter_map(|events| match events {
            OutputEvent::CommandFailed(error) => Some(error),
            _ => None,
        });
        errors.collect()
    }
}

fn sent(sent: &[(u32, &str)]) -> Vec<(u32, String)> {
    sent.iter().map(|&(to, text)| (to, text.into())).collect()
}

fn unknown(name: &str) -> CommandError {
    ResolveError::Unknown(name.into()).into()
}

#[test]
fn a_batch_is_executed_in_order() {
    let mut fixture = Fixture::new(Mode::Batch);
    for line in [
        "/msg bob one",
        "/msg 9 two",
        "/who",
        "/msg bob three",
        "/quit bye",
    ] {
        fixture.line(line);
    }
    fixture.connect();
    fixture.joins(7, "carol");
    fixture.settle();
    assert_eq!(
        fixture.sent(),
        [],
        "the first line waits for bob, and the others behind it"
    );
    fixture.pass(Duration::from_millis(1_900));
    fixture.joins(5, "bob");
    assert_eq!(
        fixture.sent(),
        sent(&[(5, "one"), (9, "two"), (5, "three")])
    );
    let roster =
        |events: &OutputEvent| matches!(events, OutputEvent::Roster(clients) if clients.len() == 2);
    assert_eq!(
        fixture
            .events
            .iter()
            .filter(|events| roster(events))
            .count(),
        1
    );
    assert_eq!(fixture.quit.as_deref(), Some("bye"));
    assert_eq!(fixture.handled, 5);
    fixture.lose();
    assert!(fixture.stopped);
}

#[test]
fn a_batch_waits_for_a_name() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.line("/msg bob early");
    fixture.connect();
    fixture.settle();
    assert_eq!(fixture.queue.deadline(), Some(fixture.now + NAME_TIMEOUT));
    fixture.line("/msg 9 next");
    fixture.pass(NAME_TIMEOUT);
    assert_eq!(fixture.errors(), [unknown("bob")]);
    assert_eq!(fixture.sent(), sent(&[(9, "next")]));

    fixture.line("/to bob");
    fixture.line("plain");
    fixture.pass(NAME_TIMEOUT - Duration::from_millis(1));
    assert_eq!(fixture.errors(), []);
    fixture.joins(5, "bob");
    assert_eq!(fixture.sent(), sent(&[(5, "plain")]));
}

#[test]
fn failed_commands_send_nothing() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.connect();
    for (id, name) in [(5, "bob"), (6, "bob"), (7, "carol")] {
        fixture.joins(id, name);
    }
    fixture.settle();
    fixture.line("plain");
    fixture.line("/to carol");
    fixture.line("plain");
    fixture.line("/to bob");
    fixture.line("meant for bob");
    fixture.line("/msg bob Hi");
    fixture.line("/nonsense");
    fixture.line("/msg 6 Hi");
    assert_eq!(fixture.sent(), sent(&[(7, "plain"), (6, "Hi")]));
    let ambiguous = || {
        CommandError::from(ResolveError::Ambiguous {
            name: "bob".into(),
            candidates: vec![id(5), id(6)],
        })
    };
    assert_eq!(
        fixture.errors(),
        [
            CommandError::NoTarget,
            ambiguous(),
            CommandError::NoTarget,
            ambiguous(),
            ParseError::UnknownCommand("/nonsense".into()).into(),
        ]
    );
    assert_eq!(fixture.handled, 8);
}

#[test]
fn a_batch_quits_after_its_last_message() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.line("/msg 9 Hi");
    fixture.handle(Event::Command(Input::End));
    fixture.connect();
    assert!(
        fixture.quit.is_none(),
        "a quit waits until the server's version is known"
    );
    fixture.settle();
    assert_eq!(fixture.sent(), sent(&[(9, "Hi")]));
    assert_eq!(fixture.quit.as_deref(), Some(""));
    fixture.line("/msg 9 late");
    assert_eq!((fixture.sent(), fixture.handled), (Vec::new(), 3));
}

#[test]
fn a_batch_without_a_server_gives_up_after_its_end() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.line("/msg 9 one");
    fixture.line("/to 9");
    fixture.line("two");
    let dial = fixture.dial.take().unwrap();
    let why = DialError::TimedOut;
    fixture.handle(Event::DialFailed { dial, why });
    fixture.pass(Duration::from_secs(3_600));
    assert!(!fixture.stopped, "more lines may come");
    fixture.handle(Event::Command(Input::End));
    assert_eq!(fixture.fail_until_it_stops(), SERVER_TIMEOUT);
    assert!(
        fixture.events.contains(&OutputEvent::GaveUp { unsent: 2 }),
        "{:?}",
        fixture.events
    );
    assert_eq!(fixture.handled, 4);
}

#[test]
fn a_batch_that_loses_its_server_waits_for_it() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.connect();
    fixture.settle();
    fixture.pass(Duration::from_secs(3_600));
    fixture.lose();
    fixture.line("/msg bob Hi");
    fixture.handle(Event::Command(Input::End));
    fixture.pass(Duration::from_secs(1));
    fixture.connect();
    fixture.settle();
    fixture.pass(Duration::from_secs(1));
    fixture.joins(5, "bob");
    assert_eq!(fixture.sent(), sent(&[(5, "Hi")]));
    assert!(fixture.quit.is_some());
}

#[test]
fn an_interactive_command_is_answered_at_once() {
    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.line("/msg 9 Hi");
    fixture.line("/who");
    fixture.line("/help");
    assert_eq!(fixture.events.pop(), Some(OutputEvent::Help));
    assert_eq!(fixture.events.pop(), Some(OutputEvent::Roster(Vec::new())));
    let to = Target::Client("9".to_owned());
    assert_eq!(fixture.events.pop(), Some(OutputEvent::Held { to }));

    fixture.connect();
    fixture.line("/msg 9 Hi");
    fixture.line("/msg bob Hi");
    assert_eq!(fixture.errors(), [], "the list may not be complete yet");
    fixture.settle();
    assert_eq!(fixture.errors(), [unknown("bob")]);
    fixture.line("/to bob");
    assert_eq!(fixture.errors(), [unknown("bob")]);
    assert_eq!(fixture.sent(), sent(&[(9, "Hi"), (9, "Hi")]));
    fixture.line("/quit");
    assert!(fixture.quit.is_some());
}

#[test]
fn a_join_of_a_person_is_handled_when_the_server_has_answered() {
    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.connect();
    fixture.receive(&status(StatusCode::FEATURES, "crc-caps 1 channels"));
    let join = b"\x83\0\0\0\x65\0\0\0\0\x01\x05#reef".to_vec();
    let refusal = status(StatusCode::CHANNEL_REFUSED, "#cave: wrong key");
    for (line, answer) in [("/join #reef", join), ("/join #cave", refusal)] {
        // The next prompt says where the next line goes, so it waits.
        fixture.handled = 0;
        fixture.line(line);
        assert_eq!(fixture.handled, 0, "{line}");
        fixture.receive(&answer);
        assert_eq!(fixture.handled, 1, "{line}");
    }
    let target = Some(Target::Channel("#reef".parse().unwrap()));
    let switched = OutputEvent::TargetChanged { target };
    assert!(fixture.events.contains(&switched), "{:?}", fixture.events);
}

#[test]
fn what_a_person_says_without_a_connection_is_sent_later_and_in_order() {
    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.connect();
    fixture.settle();
    fixture.joins(5, "bob");
    fixture.joins(6, "cat");
    fixture.line("/to bob");
    fixture.line("one");
    fixture.lose();
    fixture.line("two");
    fixture.line("/to cat");
    assert_eq!(fixture.errors(), [CommandError::NotConnectedYet]);
    fixture.line("/msg cat hello");
    fixture.line("three");
    fixture.line("/me waves");
    assert_eq!(fixture.sent(), sent(&[(5, "one")]));
    fixture.pass(Duration::from_secs(10));
    fixture.connect();
    fixture.line("four");
    fixture.joins(7, "bob");
    assert_eq!(fixture.sent(), sent(&[]));
    fixture.settle();
    // Bob has another id, and cat is gone.
    let waves = "\u{1}ACTION waves\u{1}";
    assert_eq!(
        fixture.sent(),
        sent(&[(7, "two"), (7, "three"), (7, waves), (7, "four")])
    );
    let gone = CommandError::HeldNotSent {
        text: "hello".to_owned(),
        why: Box::new(CommandError::NotHere("cat".to_owned())),
    };
    assert_eq!(fixture.errors(), [gone]);
    fixture.line("five");
    assert_eq!(fixture.sent(), sent(&[(7, "five")]));
}

#[test]
fn not_more_than_some_texts_wait_for_a_connection() {
    let mut fixture = Fixture::new(Mode::Interactive);
    for number in 0..150 {
        fixture.line(&format!("/msg 9 {number}"));
    }
    assert_eq!(fixture.errors(), vec![CommandError::TooManyHeld; 50]);
    fixture.connect();
    fixture.settle();
    assert_eq!(fixture.sent().len(), 100);
}

#[test]
fn an_interactive_quit_does_not_wait() {
    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.line("/quit");
    assert!(fixture.stopped);

    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.handle(Event::Command(Input::End));
    assert!(fixture.stopped);
}

#[test]
fn a_quit_does_not_wait_for_the_batch() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.connect();
    fixture.settle();
    fixture.line("/msg bob never");
    fixture.line("/msg 9 never");
    fixture.handle(Event::Command(Input::Quit));
    assert_eq!(
        (fixture.quit.is_some(), fixture.handled, fixture.sent()),
        (true, 2, Vec::new())
    );
    // A second quit ends at once.
    fixture.handle(Event::Command(Input::Quit));
    fixture.lose();
    assert!(fixture.stopped);
}

#[test]
fn a_batch_is_slowed_down_for_a_v1_server() {
    let mut fixture = Fixture::new(Mode::Batch);
    fixture.connect();
    fixture.receive(&status(StatusCode::ID_TAKEN, "no"));
    for _ in 0..200 {
        fixture.line("/msg 9 Hi");
    }
    assert_eq!(fixture.handled, QUEUED_MAX);
    while let Some(due) = fixture.queue.deadline() {
        fixture.now = due;
        fixture.handle(Event::Tick);
    }
    assert_eq!((fixture.handled, fixture.sent().len()), (200, 200));
}

#[test]
fn a_batch_waits_for_the_answer_to_an_operator() {
    for answered in [true, false] {
        let mut fixture = Fixture::new(Mode::Batch);
        fixture.line("/oper ann kelp");
        fixture.line("/msg 9 later");
        fixture.connect();
        fixture.receive(&status(StatusCode::FEATURES, "crc-caps 1 oper"));
        assert_eq!((fixture.handled, fixture.sent()), (1, vec![]));
        match answered {
            true => fixture.receive(&status(StatusCode::NOTE, "no")),
            false => fixture.pass(OPERATOR_TIMEOUT),
        }
        assert_eq!(fixture.sent(), sent(&[(9, "later")]));
    }
    // A user at a terminal does not wait.
    let mut fixture = Fixture::new(Mode::Interactive);
    fixture.connect();
    fixture.receive(&status(StatusCode::FEATURES, "crc-caps 1 oper"));
    fixture.line("/oper ann kelp");
    fixture.line("/msg 9 now");
    assert_eq!(fixture.sent(), sent(&[(9, "now")]));
}
