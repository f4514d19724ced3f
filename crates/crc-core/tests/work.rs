//! The work of one event is bounded, whatever a client asks for, and long answers are
//! sent in slices: a server with ten thousand hosts is asked for everything it knows.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    Config, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin,
    Outbox, QueueReport, Server, ServerCommand, ServerNotice, TextProtocol, Timestamp, Unsent,
    Work,
};
use crc_wire::{
    ChannelChat, ChannelJoin, ChannelName, ChannelPart, ChannelRequest, ChannelSetting, ChatKind,
    ClientChat, ClientQuit, DatedJoin, Decoder, FrameLimits, HostId, Info, MemberFlags, Message,
    Name, Registration, RequestKind, StatusCode, Text,
};

const IRC: ListenerId = ListenerId(1);
const LEGACY: ListenerId = ListenerId(2);
/// The hosts behind a server. All are in `#big`, every second one in `#mid`, and each
/// hundredth in a channel of its own.
const HOSTS: u32 = 12_000;
const SERVER: LinkId = LinkId::new(0, 1);
const ANN: LinkId = LinkId::new(1, 1);
const BOB: LinkId = LinkId::new(2, 1);
const CRC: LinkId = LinkId::new(3, 1);
/// A server that links late, and has the burst sent to it.
const LATE: LinkId = LinkId::new(4, 1);

/// The most bytes of one answer: 128 KiB of nicks or lines, and what stands around nicks.
const ANSWER_BYTES_MAX: usize = 144 * 1024;

fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

fn channel(name: &str) -> ChannelName<'static> {
    ChannelName::new(name.to_owned()).unwrap()
}

struct Net {
    server: Server,
    out: Outbox<ServerNotice>,
    now: Timestamp,
    sent: BTreeMap<LinkId, Vec<u8>>,
    /// The links that the driver does not read.
    paused: BTreeSet<LinkId>,
    /// The work of each event since it was last asked for.
    work: Vec<u64>,
    /// The server has stopped.
    is_stopped: bool,
    /// Links may be closed.
    is_closing: bool,
    /// The last dial.
    dial: Option<DialId>,
}

impl Net {
    /// A server without any other host.
    fn empty() -> Net {
        Net::of_slice(Work::SLICE)
    }

    /// The same, which spends so much work of one event on what can wait.
    fn of_slice(work_slice: u64) -> Net {
        Net::of_slice_with(work_slice, |_| {})
    }

    fn of_slice_with(work_slice: u64, change: impl FnOnce(&mut Config)) -> Net {
        let mut config = Config::new(id(2), Name::new("server").unwrap());
        config.text_listeners = vec![(IRC, TextProtocol::Irc), (LEGACY, TextProtocol::Legacy)];
        config.limits.irc_lines_per_second = 0;
        config.limits.work_slice = work_slice;
        change(&mut config);
        Net {
            server: Server::new(config),
            out: Outbox::new(),
            now: Timestamp::START,
            sent: BTreeMap::new(),
            paused: BTreeSet::new(),
            work: Vec::new(),
            is_stopped: false,
            is_closing: false,
            dial: None,
        }
    }

    fn new() -> Net {
        let mut net = Net::empty();
        net.connect(SERVER, ListenerId(0));
        let mut bytes = Vec::new();
        for info in ["", " [crc2;f=channels]"] {
            let server = registration(id(4), None, "neighbour", info);
            Message::ServerRegistration(server).encode(&mut bytes);
        }
        for number in 0..HOSTS {
            let (host, name) = (id(1000 + number), format!("{}{number}", "a".repeat(8)));
            let info = "a".repeat(100);
            let client = registration(host, Some(id(4)), &name, &info);
            Message::ClientRegistration(client).encode(&mut bytes);
            let own = format!("#own{number}");
            for (place, every) in [("#big", 1), ("#mid", 2), (&own, 100)] {
                if number % every == 0 {
                    let join = ChannelJoin {
                        source: host,
                        by: None,
                        flags: MemberFlags::NONE,
                        channel: channel(place),
                    };
                    Message::ChannelJoin(join).encode(&mut bytes);
                }
            }
            if number % 100 == 0 {
                net.bytes(SERVER, &core::mem::take(&mut bytes));
            }
        }
        net.bytes(SERVER, &bytes);
        for (link, nick) in [(ANN, "ann"), (BOB, "bob")] {
            net.connect(link, IRC);
            net.lines(link, &[&format!("NICK {nick}"), "USER u 0 * :Real"]);
        }
        net.connect(CRC, ListenerId(0));
        for info in ["", " [crc2;f=channels]"] {
            let client = registration(id(7), None, "eve", info);
            net.bytes(CRC, &Message::ClientRegistration(client).to_vec());
        }
        net.sent.clear();
        net.settle();
        net.sent.clear();
        net.work.clear();
        net
    }

    fn connect(&mut self, link: LinkId, listener: ListenerId) {
        self.link_up(link, Origin::Accepted { listener });
    }

    fn link_up(&mut self, link: LinkId, origin: Origin) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        self.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        });
    }

    fn handle(&mut self, event: Event<'_, crc_core::ServerCommand>) {
        self.server.handle(self.now, event, &mut self.out);
        for effect in self.out.effects() {
            match effect {
                Effect::Send { link, range } => {
                    let sent = self.sent.entry(*link).or_default();
                    sent.extend_from_slice(self.out.bytes(*range));
                }
                Effect::Pause { link, paused: true } => {
                    self.paused.insert(*link);
                }
                Effect::Pause { link, .. } => {
                    self.paused.remove(link);
                }
                Effect::Dial { dial, .. } => self.dial = Some(*dial),
                Effect::Close { .. } if self.is_closing => {}
                Effect::Close { link, .. } => panic!(
                    "{link} is closed: {:?}",
                    self.sent.get(link).map(|b| b.escape_ascii().to_string())
                ),
                Effect::Stop => self.is_stopped = true,
                _ => {}
            }
        }
        self.out.reset();
        self.work.push(self.server.snapshot().work().total);
    }

    fn bytes(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    fn lines(&mut self, link: LinkId, lines: &[&str]) {
        self.bytes(link, (lines.join("\r\n") + "\r\n").as_bytes());
    }

    /// What is left is done, and leaves a sound state.
    fn settle(&mut self) {
        self.run();
        self.server.check();
    }

    /// What is left is done, event by event. The other user is answered between any two.
    fn run(&mut self) {
        let soon = self.now + Duration::from_millis(100);
        while let Some(deadline) = self.server.deadline().filter(|at| *at <= soon) {
            self.now = self.now.max(deadline);
            self.handle(Event::Tick);
            if self.sent.contains_key(&ANN) {
                self.lines(BOB, &["PING :here"]);
                let pong = self.sent.remove(&BOB).unwrap_or_default();
                assert_eq!(pong, b":server PONG server :here\r\n");
            }
        }
    }

    /// What ann gets, and how many events it took.
    fn ask(&mut self, lines: &[&str]) -> (String, usize) {
        self.lines(ANN, lines);
        self.settle();
        let work = core::mem::take(&mut self.work);
        let most = work.iter().max().unwrap();
        let line = lines[0].get(..20).unwrap_or(lines[0]);
        assert!(
            *most <= Work::SLICE + Work::STEP_MAX,
            "{line}: {most} units"
        );
        let busy = work.iter().filter(|work| **work > Work::SLICE / 10).count();
        let answer = self.sent.remove(&ANN).unwrap_or_default();
        (String::from_utf8(answer).unwrap(), busy)
    }
}

fn registration<'a>(
    source: HostId,
    last_hop: Option<HostId>,
    name: &'a str,
    info: &'a str,
) -> Registration<'a> {
    Registration {
        source,
        last_hop,
        name: Name::new(name).unwrap(),
        info: Info::new(info).unwrap(),
    }
}

impl Net {
    /// A server links, and does not read. How many bytes wait for it is reported after
    /// each event.
    fn link_late_server(&mut self) {
        self.connect(LATE, ListenerId(0));
        for info in ["", " [crc2;r=9;f=server-quit,channels,channel-age]"] {
            let server = registration(id(5), None, "late", info);
            self.late(Message::ServerRegistration(server));
        }
    }

    fn late(&mut self, message: Message<'_>) {
        self.bytes(LATE, &message.to_vec());
        self.report(0);
        self.run_to_report();
    }

    fn report(&mut self, written: usize) {
        let waiting = self.sent.get(&LATE).map_or(0, Vec::len);
        let report = QueueReport { waiting, written };
        self.handle(Event::Queue { link: LATE, report });
    }

    /// All that is due, with a report after each event.
    fn run_to_report(&mut self) {
        let soon = self.now + Duration::from_millis(1);
        while let Some(deadline) = self.server.deadline().filter(|at| *at <= soon) {
            self.now = self.now.max(deadline);
            self.handle(Event::Tick);
            self.report(0);
        }
    }

    /// The late server reads all that waits, which is not much.
    fn read_late_bytes(&mut self) -> Vec<u8> {
        let bytes = self.sent.remove(&LATE).unwrap_or_default();
        assert!(bytes.len() <= 80_000, "{} bytes wait", bytes.len());
        self.report(bytes.len());
        self.run_to_report();
        bytes
    }

    fn read_late(&mut self) -> Vec<Message<'static>> {
        messages(&self.read_late_bytes())
    }

    /// A server of the legacy protocol links, and does not read.
    fn link_late_legacy_server(&mut self) {
        self.connect(LATE, LEGACY);
        self.late_line("SERVER late 1 :Late");
    }

    fn late_line(&mut self, line: &str) {
        self.lines(LATE, &[line]);
        self.report(0);
        self.run_to_report();
    }

    fn read_late_lines(&mut self) -> Vec<String> {
        let text = String::from_utf8(self.read_late_bytes()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn read_late_lines_to_the_end(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let some = self.read_late_lines();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// It reads until nothing comes any more.
    fn read_late_to_the_end(&mut self) -> Vec<Message<'static>> {
        let mut all = Vec::new();
        loop {
            let some = self.read_late();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }
}

fn messages(mut bytes: &[u8]) -> Vec<Message<'static>> {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    while let Some(frame) = decoder.next_frame(&mut bytes, FrameLimits::RELAY).unwrap() {
        messages.push(frame.message().unwrap().into_owned());
    }
    messages
}

/// The hosts that are registered, and the members of channels, with duplicates.
fn told(messages: &[Message<'_>]) -> (Vec<u32>, Vec<(u32, String)>) {
    let (mut hosts, mut members) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            Message::ClientRegistration(client) => hosts.push(client.source.get()),
            Message::DatedJoin(join) => {
                members.push((join.source.get(), join.channel.as_str().to_owned()));
            }
            _ => {}
        }
    }
    (hosts, members)
}

/// The nicks of all RPL_NAMREPLY lines.
fn nicks(answer: &str) -> Vec<&str> {
    let lines = answer.lines().filter(|line| line.contains(" 353 "));
    let lists = lines.map(|line| line.rsplit_once(" :").unwrap().1);
    lists.flat_map(|list| list.split(' ')).collect()
}

#[test]
fn long_answers_come_in_slices_and_are_bounded() {
    let mut net = Net::new();
    let long_mask = format!("*{}b", "a".repeat(240));
    let repeated = format!("NAMES {}", "#big,".repeat(90));
    let own: Vec<_> = (0..40).map(|number| format!("#own{number}00")).collect();
    let all_own = format!("NAMES #big,{},#big", own.join(","));
    for (line, end, at_least) in [
        (&*format!("WHO {long_mask}"), " 315 ", 4),
        ("WHO *a*a*a*a*a*a*a*a*ab", " 315 ", 4),
        ("WHO *", " 315 ", 1),
        ("WHO #big", " 315 ", 1),
        ("WHO #big %tcuihsnfdlaor,1", " 315 ", 1),
        ("NAMES", " 366 ", 1),
        ("NAMES #big", " 366 ", 1),
        (&repeated, " 366 ", 1),
        (&all_own, " 366 ", 1),
        ("LIST", " 323 ", 0),
        ("WHOIS ann,bob,aaaaaaaa1", " 318 ", 0),
        ("LUSERS", " 266 ", 0),
        ("LINKS", " 365 ", 0),
        ("JOIN #big", " 366 ", 1),
        ("PART #big", " PART ", 0),
    ] {
        let (answer, events) = net.ask(&[line]);
        let shown = line.get(..20).unwrap_or(line);
        let last = answer.lines().last().unwrap_or_default();
        assert!(last.contains(end), "{shown}: {last}");
        assert!(
            answer.len() <= ANSWER_BYTES_MAX,
            "{shown}: {}",
            answer.len()
        );
        assert!(events >= at_least, "{shown}: {events} events");
        let left_out = answer.matches(" 416 ").count();
        assert!(left_out <= 1, "{shown}");
    }
    // What is repeated is answered once.
    let (answer, _) = net.ask(&[&repeated]);
    assert_eq!(answer.matches(" 366 ").count(), 1);
    let (answer, _) = net.ask(&[&all_own]);
    assert_eq!(answer.matches(" 366 ").count(), 41);
}

#[test]
fn an_answer_in_slices_is_complete() {
    let mut net = Net::new();
    let (answer, events) = net.ask(&["NAMES #mid"]);
    let names = nicks(&answer);
    assert_eq!(names.len(), HOSTS as usize / 2);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(events > 1, "{events}");
    assert_eq!(answer.matches(" 366 ").count(), 1);
    // The lines behind it are answered in order, when it is complete.
    let lines = ["WHO *a*b", "NAMES #mid", "PING :end"];
    let (answer, _) = net.ask(&lines);
    let ends = [" 315 ", " 366 ", " PONG "].map(|end| answer.find(end).unwrap());
    assert!(ends.is_sorted(), "{ends:?}");
    assert!(answer.ends_with("PONG server :end\r\n"));
}

#[test]
fn many_lines_in_one_read_wait_for_each_other() {
    let mut net = Net::new();
    let mask = format!("WHO *{}b", "a".repeat(240));
    let lines = vec![&*mask; 10];
    let (answer, events) = net.ask(&lines);
    assert_eq!(answer.matches(" 315 ").count(), 10);
    assert!(events >= 40, "{events}");
}

/// What one user says in one read reaches its channel over several events, in order.
#[test]
fn messages_to_a_channel_are_handled_in_slices() {
    const SLICE: u64 = 1_000;
    const MEMBERS: u32 = 20;
    for capabilities in ["", "echo-message message-tags"] {
        let mut net = Net::of_slice(SLICE);
        let first = LinkId::new(10, 1);
        for number in 0..MEMBERS {
            let link = LinkId::new(10 + number, 1);
            net.connect(link, IRC);
            let lines = [
                &*format!("CAP REQ :{capabilities}"),
                &format!("NICK ann{number}"),
                "USER u 0 * :Real",
                "CAP END",
                "JOIN #reef",
            ];
            net.lines(link, &lines);
            net.settle();
        }
        net.sent.clear();
        net.work.clear();
        let lines: Vec<_> = (0..100).map(|at| format!("PRIVMSG #reef :{at}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        net.lines(first, &lines);
        net.settle();
        let most = net.work.iter().max().unwrap();
        assert!(*most <= 2 * SLICE + 10 * u64::from(MEMBERS), "{most} units");
        assert!(net.work.len() >= 5, "{:?}", net.work);
        let heard = net.sent.remove(&LinkId::new(10 + MEMBERS - 1, 1)).unwrap();
        let heard = String::from_utf8(heard).unwrap();
        let texts: Vec<_> = heard
            .lines()
            .map(|line| line.rsplit_once(':').unwrap().1)
            .collect();
        let said: Vec<_> = (0..100).map(|at: u32| at.to_string()).collect();
        assert_eq!(texts, said);
    }
}

#[test]
fn a_crc_client_gets_names_in_statuses_that_it_can_read() {
    let mut net = Net::new();
    let request = Message::ChannelRequest(ChannelRequest {
        source: id(7),
        destination: None,
        kind: RequestKind::NAMES,
        channel: Some(channel("#big")),
        text: Text::default(),
    });
    // More at once than one event answers.
    net.bytes(CRC, &request.to_vec().repeat(20));
    net.settle();
    assert!(
        net.work
            .iter()
            .all(|work| *work <= Work::SLICE + Work::STEP_MAX)
    );
    let sent = net.sent.remove(&CRC).unwrap();
    let (mut bytes, mut decoder) = (&*sent, Decoder::new());
    let (mut names, mut refusals) = (Vec::new(), 0);
    while let Some(frame) = decoder.next_frame(&mut bytes, FrameLimits::RELAY).unwrap() {
        match frame.message().unwrap() {
            Message::Status(status) if status.code == StatusCode::CHANNEL_NAMES => {
                assert!(status.text.as_str().len() <= 16 * 1024);
                let words = status.text.as_str().split(' ').map(str::to_owned);
                let words: Vec<_> = words.collect();
                assert_eq!(words[0], "#big");
                names.extend_from_slice(&words[1..]);
            }
            Message::Status(status) => {
                let text = "#big: it has more members than are listed";
                assert_eq!(status.text.as_str(), text);
                refusals += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refusals, 20);
    let known = net.server.snapshot();
    let nicks = known.nicks().unwrap();
    assert!(names.iter().all(|name| nicks.find(name).is_some()));
    assert!(names.len() > 20 * 4000, "{}", names.len());
}

#[test]
fn a_change_of_many_bans_takes_little_work() {
    let mut net = Net::new();
    net.ask(&["JOIN #big"]);
    let bans = |letter: &str| {
        let bans = (0..2_000).map(|number| format!("{letter}{number}"));
        bans.collect::<Vec<_>>().join(" ")
    };
    // All of them are different, or only one.
    for (version, value) in [bans("a"), bans("b"), bans("b") + " c"].iter().enumerate() {
        let set = ChannelSetting {
            source: Some(id(1000)),
            version: 1 << 41 | version as u64,
            field: crc_wire::ChannelField::BANS,
            channel: channel("#big"),
            value: Text::new(value.clone()).unwrap(),
        };
        net.bytes(SERVER, &Message::ChannelSetting(set).to_vec());
        let line = net.sent.remove(&ANN).unwrap_or_default();
        let changes = line.split(|byte| *byte == b'\n').count();
        assert!(changes < 1000, "{changes}");
    }
}

#[test]
fn a_burst_of_any_length_takes_little_work_and_memory() {
    let mut net = Net::new();
    net.link_late_server();
    let messages = net.read_late_to_the_end();
    let most = net.work.iter().max().unwrap();
    assert!(*most <= Work::SLICE + Work::STEP_MAX, "{most} units");
    let (mut hosts, mut members) = told(&messages);
    let (hosts_len, members_len) = (hosts.len(), members.len());
    hosts.sort_unstable();
    hosts.dedup();
    members.sort_unstable();
    members.dedup();
    assert_eq!(
        hosts.len(),
        HOSTS as usize + 3,
        "ann, bob and eve are there"
    );
    assert_eq!(members.len(), (HOSTS + HOSTS / 2 + HOSTS / 100) as usize);
    assert_eq!((hosts_len, members_len), (hosts.len(), members.len()));
    let Some(Message::Status(last)) = messages.last() else {
        panic!("{:?}", messages.last());
    };
    assert_eq!(last.code, StatusCode::BURST_END);
}

/// What happens while a burst is under way: changes of what the neighbour knows reach it,
/// all else is as it is when the burst comes to it.
#[test]
fn a_neighbour_learns_of_what_happens_during_its_burst() {
    let mut net = Net::new();
    net.link_late_server();
    let mut messages = net.read_late();
    let (hosts, _) = told(&messages);
    let (first, last) = (hosts[0], 1000 + HOSTS - 1);
    assert!(!hosts.contains(&last));
    let dave = registration(id(9), Some(id(5)), "dave", "");
    net.late(Message::ClientRegistration(dave));
    let quit = |source| {
        Message::ClientQuit(ClientQuit {
            source: id(source),
            text: Text::default(),
        })
    };
    let chat = |source, text| {
        Message::ClientChat(ClientChat {
            source: id(source),
            destination: Some(id(9)),
            text: Text::new(text).unwrap(),
        })
    };
    let part = |source| {
        Message::ChannelPart(ChannelPart {
            source: id(source),
            by: None,
            channel: channel("#big"),
            text: Text::default(),
        })
    };
    for message in [
        chat(last, "before its time"),
        chat(last, "again"),
        // One that is known leaves, and others that are not.
        quit(first),
        quit(last - 1),
        part(last - 2),
        quit(last - 3),
        Message::ClientRegistration(registration(id(last - 3), Some(id(4)), "fresh", "")),
    ] {
        net.bytes(SERVER, &message.to_vec());
    }
    messages.extend(net.read_late_to_the_end());
    let at = |wanted: &Message<'_>| {
        let mut places = messages.iter().enumerate();
        let place = places.find(|(_, message)| *message == wanted);
        place.unwrap_or_else(|| panic!("{wanted:?}")).0
    };
    let (hosts, members) = told(&messages);
    let count = |host: u32| hosts.iter().filter(|found| **found == host).count();
    assert_eq!(
        [first, last, last - 1, last - 2, last - 3].map(count),
        [1, 1, 0, 1, 1]
    );
    assert_eq!(
        at(&chat(last, "again")),
        at(&chat(last, "before its time")) + 1
    );
    let announced = messages.iter().position(|message| {
        matches!(message, Message::ClientRegistration(client) if client.source == id(last))
    });
    assert!(announced.unwrap() < at(&chat(last, "before its time")));
    at(&quit(first));
    assert!(!messages.contains(&quit(last - 1)));
    assert!(!messages.contains(&part(last - 2)));
    for (host, times) in [(first, 0), (last, 1), (last - 2, 0), (last - 3, 0)] {
        let found = members
            .iter()
            .filter(|(id, name)| *id == host && name == "#big");
        assert_eq!(found.count(), times, "{host}");
    }
}

fn quit(source: u32) -> Message<'static> {
    Message::ClientQuit(ClientQuit {
        source: id(source),
        text: Text::default(),
    })
}

fn part(source: u32, name: &str) -> Message<'static> {
    Message::ChannelPart(ChannelPart {
        source: id(source),
        by: None,
        channel: channel(name),
        text: Text::default(),
    })
}

fn say(source: u32, name: &str, text: &str) -> Message<'static> {
    Message::ChannelChat(ChannelChat {
        source: id(source),
        kind: ChatKind::Message,
        channel: channel(name),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

/// A member that speaks during a burst is announced early. If it leaves its channel before
/// the burst comes to that, it is heard to leave.
#[test]
fn a_member_that_was_announced_early_is_heard_to_leave() {
    let mut net = Net::new();
    net.link_late_server();
    let mut messages = net.read_late();
    let dave = registration(id(9), Some(id(5)), "dave", "");
    net.late(Message::ClientRegistration(dave));
    net.late(Message::DatedJoin(crc_wire::DatedJoin {
        source: id(9),
        by: None,
        flags: MemberFlags::NONE,
        channel: channel("#big"),
        founded: 1 << 42,
        tag: 7,
    }));
    let last = 1000 + HOSTS - 1;
    for message in [
        say(last, "#big", "one"),
        say(last, "#big", "two"),
        part(last, "#big"),
        say(last - 1, "#big", "three"),
        quit(last - 1),
    ] {
        net.bytes(SERVER, &message.to_vec());
    }
    messages.extend(net.read_late_to_the_end());
    let of = |host: u32| -> Vec<_> {
        let kinds = messages.iter().filter_map(|message| match message {
            Message::ClientRegistration(it) if it.source == id(host) => Some("host"),
            Message::DatedJoin(it) if it.source == id(host) => {
                (it.channel.as_str() == "#big").then_some("join")
            }
            Message::ChannelChat(it) if it.source == id(host) => Some("chat"),
            Message::ChannelPart(it) if it.source == id(host) => Some("part"),
            Message::ClientQuit(it) if it.source == id(host) => Some("quit"),
            _ => None,
        });
        kinds.collect()
    };
    assert_eq!(of(last), ["host", "join", "chat", "chat", "part"]);
    assert_eq!(of(last - 1), ["host", "join", "chat", "quit"]);
}

/// The nicks that USER lines announce, and the members in lists of names, with duplicates.
fn told_in(lines: &[String]) -> (Vec<&str>, Vec<(&str, &str)>) {
    let (mut users, mut members) = (Vec::new(), Vec::new());
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        match words[1] {
            "USER" => users.push(words[2]),
            "353" => {
                let nicks = line.rsplit_once(':').unwrap().1.split(' ');
                members.extend(nicks.map(|nick| (words[2], nick)));
            }
            _ => {}
        }
    }
    (users, members)
}

#[test]
fn a_burst_to_a_legacy_server_takes_little_work_and_memory() {
    let mut net = Net::new();
    net.link_late_legacy_server();
    let lines = net.read_late_lines_to_the_end();
    let most = net.work.iter().max().unwrap();
    assert!(*most <= Work::SLICE + Work::STEP_MAX, "{most} units");
    let busy = net.work.iter().filter(|work| **work > Work::SLICE / 10);
    assert!(busy.count() > 3, "{:?}", net.work);
    let places = ["SERVER", "USER", "331", "353"].map(|verb| {
        let is_verb = |line: &String| line.split(' ').nth(1) == Some(verb);
        lines.iter().position(is_verb).unwrap()
    });
    assert!(places.is_sorted(), "{places:?}");
    let (mut users, mut members) = told_in(&lines);
    let (users_len, members_len) = (users.len(), members.len());
    users.sort_unstable();
    users.dedup();
    members.sort_unstable();
    members.dedup();
    assert_eq!(
        users.len(),
        HOSTS as usize + 3,
        "ann, bob and eve are there"
    );
    assert_eq!(members.len(), (HOSTS + HOSTS / 2 + HOSTS / 100) as usize);
    assert_eq!((users_len, members_len), (users.len(), members.len()));
    let topics = lines.iter().filter(|line| line.contains(" 331 "));
    assert_eq!(
        topics.count(),
        2 + (HOSTS / 100) as usize,
        "one of each channel"
    );
}

/// What happens while the burst to a legacy server is under way: changes of what the
/// server knows reach it, all else is as it is when the burst comes to it.
#[test]
fn a_legacy_server_learns_of_what_happens_during_its_burst() {
    let mut net = Net::new();
    net.link_late_legacy_server();
    let mut lines = net.read_late_lines();
    let nick = |number: u32| format!("aaaaaaaa{number}");
    let (users, _) = told_in(&lines);
    assert_eq!(users[0], nick(0));
    assert!(users.len() < 1000, "{}", users.len());
    net.late_line(":late USER dave box late :Dave");
    net.late_line(":dave JOIN #big");
    let dave = net.server.snapshot().nicks().unwrap().find("dave").unwrap();
    let number = |back: u32| HOSTS - 1 - back;
    let last = |back: u32| 1000 + number(back);
    let chat = |source, text| {
        Message::ClientChat(ClientChat {
            source: id(source),
            destination: Some(dave),
            text: Text::new(text).unwrap(),
        })
    };
    for message in [
        chat(last(0), "before its time"),
        chat(last(0), "again"),
        // One that is known leaves, and others that are not.
        quit(1000),
        quit(last(1)),
        part(last(2), "#big"),
        // They are announced because they speak in a channel, and one leaves it.
        say(last(3), "#big", "in the channel"),
        say(last(4), "#big", "in the channel"),
        part(last(4), "#big"),
        say(last(5), "#big", "in the channel"),
        quit(last(5)),
        Message::ClientRegistration(registration(id(last(3)), Some(id(4)), "renamed", "")),
    ] {
        net.bytes(SERVER, &message.to_vec());
    }
    lines.extend(net.read_late_lines_to_the_end());
    // The cursor has come to the end: every change counts.
    net.bytes(SERVER, &part(last(6), "#big").to_vec());
    let rest = net.read_late_lines();
    assert_eq!(rest, [format!(":{} PART #big", nick(number(6)))]);
    let of = |nick: &str| -> Vec<&str> {
        let about = lines.iter().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let is_source = words[0].strip_prefix(':') == Some(nick);
            match words[1] {
                "USER" if words[2] == nick => Some("USER"),
                "353" if words[2] == "#big" => {
                    let names = line.rsplit_once(':').unwrap().1;
                    names.split(' ').any(|word| word == nick).then_some("353")
                }
                verb if is_source => Some(verb),
                _ => None,
            }
        });
        about.collect()
    };
    assert_eq!(of(&nick(0)), ["USER", "QUIT"]);
    assert_eq!(of(&nick(1)), ["USER", "353"]);
    assert_eq!(of(&nick(number(0))), ["USER", "PRIVMSG", "PRIVMSG", "353"]);
    assert_eq!(of(&nick(number(1))), [""; 0]);
    assert_eq!(of(&nick(number(2))), ["USER"]);
    assert_eq!(of(&nick(number(3))), ["USER", "JOIN", "PRIVMSG", "QUIT"]);
    assert_eq!(of("renamed"), ["USER", "JOIN", "353"]);
    assert_eq!(of(&nick(number(4))), ["USER", "JOIN", "PRIVMSG", "PART"]);
    assert_eq!(of(&nick(number(5))), ["USER", "JOIN", "PRIVMSG", "QUIT"]);
}

/// A neighbour that is never done reading gets its burst all the same.
#[test]
fn a_flood_does_not_hold_up_a_burst() {
    let mut net = Net::new();
    net.link_late_server();
    let mut hosts = 0;
    for _ in 0..1_000 {
        let bytes = net.sent.remove(&LATE).unwrap_or_default();
        hosts += told(&messages(&bytes)).0.len();
        // As much waits as before, from others.
        let (waiting, written) = (5 << 20, bytes.len());
        let report = QueueReport { waiting, written };
        net.handle(Event::Queue { link: LATE, report });
        let soon = net.now + Duration::from_millis(1);
        while let Some(deadline) = net.server.deadline().filter(|at| *at <= soon) {
            net.now = net.now.max(deadline);
            net.handle(Event::Tick);
        }
    }
    assert_eq!(hosts, HOSTS as usize + 3);
}

/// Clients of this server that get what happens in the network.
const CLIENTS: u32 = 1_500;

/// A server with many clients, and no other hosts, but a server that is linked to it.
fn with_many_clients() -> Net {
    Net::empty().with_many_clients()
}

impl Net {
    fn with_many_clients(mut self) -> Net {
        let net = &mut self;
        for number in 0..CLIENTS {
            let link = LinkId::new(10 + number, 1);
            net.connect(link, ListenerId(0));
            for info in ["", " [crc2;f=channels]"] {
                let client = registration(id(5_000 + number), None, "client", info);
                net.bytes(link, &Message::ClientRegistration(client).to_vec());
            }
        }
        net.connect(SERVER, ListenerId(0));
        for info in ["", " [crc2;f=channels]"] {
            let server = registration(id(4), None, "neighbour", info);
            net.bytes(SERVER, &Message::ServerRegistration(server).to_vec());
        }
        net.settle();
        net.sent.clear();
        net.work.clear();
        self
    }
}

/// As much as a driver reads at once: 500 hosts join, and the last one chats.
fn a_long_read() -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..500 {
        let host = registration(id(1_000 + number), Some(id(4)), "fresh", "");
        Message::ClientRegistration(host).encode(&mut bytes);
    }
    let chat = ClientChat {
        source: id(1_499),
        destination: Some(id(5_000)),
        text: Text::new("all of it").unwrap(),
    };
    Message::ClientChat(chat).encode(&mut bytes);
    bytes
}

const FIRST: LinkId = LinkId::new(10, 1);

#[test]
fn what_a_server_sends_is_handled_in_slices() {
    let mut net = with_many_clients();
    net.bytes(SERVER, &a_long_read());
    assert!(net.paused.contains(&SERVER), "it is not read meanwhile");
    assert!(net.server.snapshot().directory().len() < 1_700);
    net.settle();
    assert!(net.paused.is_empty());
    let most = net.work.iter().max().unwrap();
    assert!(
        *most <= 2 * Work::SLICE + 10 * u64::from(CLIENTS),
        "{most} units"
    );
    assert_eq!(
        net.server.snapshot().directory().len(),
        CLIENTS as usize + 501
    );
    let heard = messages(&net.sent.remove(&FIRST).unwrap());
    assert_eq!(heard.len(), 501);
    assert!(matches!(heard.last(), Some(Message::ClientChat(_))));
}

#[test]
fn what_was_read_before_a_link_ended_is_handled() {
    let mut net = with_many_clients();
    net.bytes(SERVER, &a_long_read());
    net.handle(Event::LinkDown {
        link: SERVER,
        why: LinkDown::Ended,
        unsent: Unsent::default(),
    });
    // It can no longer be reached, and says so.
    let chat = ClientChat {
        source: id(5_001),
        destination: Some(id(1_000)),
        text: Text::new("still there?").unwrap(),
    };
    net.bytes(LinkId::new(11, 1), &Message::ClientChat(chat).to_vec());
    net.settle();
    assert_eq!(net.server.snapshot().directory().len(), CLIENTS as usize);
    let heard = messages(&net.sent.remove(&FIRST).unwrap());
    let chats = heard
        .iter()
        .filter(|message| matches!(message, Message::ClientChat(_)));
    assert_eq!(chats.count(), 1);
    let quits = heard
        .iter()
        .filter(|message| matches!(message, Message::ClientQuit(_)));
    assert_eq!(quits.count(), 500);
    let answer = messages(&net.sent.remove(&LinkId::new(11, 1)).unwrap());
    let bounced = answer.iter().any(|message| {
        matches!(message, Message::Status(status) if status.text.as_str() == "Unknown ID 1000")
    });
    assert!(bounced);
}

/// A client that enters a large channel is sent it in slices. What happens meanwhile it
/// gets as it happens.
#[test]
fn a_large_channel_is_listed_in_slices() {
    let mut net = Net::new();
    let join = Message::ChannelRequest(ChannelRequest {
        source: id(7),
        destination: None,
        kind: RequestKind::JOIN,
        channel: Some(channel("#big")),
        text: Text::default(),
    });
    net.bytes(CRC, &join.to_vec());
    let first = messages(&net.sent.remove(&CRC).unwrap());
    assert!(first.len() < 2_000, "{} frames at once", first.len());
    let part = |number| {
        Message::ChannelPart(ChannelPart {
            source: id(1000 + number),
            by: None,
            channel: channel("#big"),
            text: Text::default(),
        })
    };
    // One that was listed, and one that was not.
    net.bytes(
        SERVER,
        &[part(0).to_vec(), part(HOSTS - 1).to_vec()].concat(),
    );
    net.settle();
    let most = net.work.iter().max().unwrap();
    assert!(*most <= Work::SLICE + Work::STEP_MAX, "{most} units");
    let rest = messages(&net.sent.remove(&CRC).unwrap());
    let joins = first
        .iter()
        .chain(&rest)
        .filter_map(|message| match message {
            Message::ChannelJoin(join) => Some(join.source.get()),
            _ => None,
        });
    let joins: Vec<_> = joins.collect();
    assert_eq!(
        joins.len(),
        HOSTS as usize,
        "without the last one, with eve"
    );
    assert_eq!(joins.iter().collect::<BTreeSet<_>>().len(), joins.len());
    assert_eq!(joins.last(), Some(&7), "the client itself is last");
    assert!(rest.contains(&part(0)));
}

/// The loss of a server with all that is behind it takes little work at a time. What is
/// still listed behind it is gone for all who ask.
#[test]
fn a_lost_server_costs_little_work_at_a_time() {
    let mut net = Net::new();
    net.lines(ANN, &["JOIN #big"]);
    net.settle();
    net.sent.clear();
    net.work.clear();
    net.handle(Event::LinkDown {
        link: SERVER,
        why: LinkDown::Ended,
        unsent: Unsent::default(),
    });
    let left = net.server.snapshot().directory().len();
    assert!(left > HOSTS as usize / 2, "{left} are left");
    // The last to leave: it gets no chat, and its nick can be had.
    let (last, nick) = (1000 + HOSTS - 1, format!("aaaaaaaa{}", HOSTS - 1));
    assert!(net.server.snapshot().directory().find(id(last)).is_some());
    net.lines(BOB, &[&format!("PRIVMSG {nick} :there?")]);
    let answer = String::from_utf8(net.sent.remove(&BOB).unwrap()).unwrap();
    assert!(answer.contains(&format!(" 401 bob {nick} ")), "{answer}");
    net.lines(BOB, &[&format!("NICK {nick}")]);
    let answer = String::from_utf8(net.sent.remove(&BOB).unwrap()).unwrap();
    assert!(answer.ends_with(&format!(" NICK :{nick}\r\n")), "{answer}");
    net.lines(BOB, &["NICK bob"]);
    net.sent.remove(&BOB);
    // The server is back, under its id.
    net.connect(LATE, ListenerId(0));
    let server = registration(id(4), None, "neighbour", "");
    net.bytes(LATE, &Message::ServerRegistration(server).to_vec());
    assert!(!messages(&net.sent.remove(&LATE).unwrap()).is_empty());
    let hosts = net.server.snapshot().directory().len();
    assert!(
        hosts > HOSTS as usize / 2,
        "{hosts}: the others are still leaving"
    );
    net.settle();
    assert_eq!(
        net.server.snapshot().directory().len(),
        4,
        "ann, bob, eve, neighbour"
    );
    let most = net.work.iter().max().unwrap();
    assert!(*most <= 2 * Work::SLICE + 1_000, "{most} units");
    let heard = String::from_utf8(net.sent.remove(&ANN).unwrap()).unwrap();
    let quits = heard.matches(" QUIT :server.crc neighbour.crc\r\n").count();
    assert_eq!(quits, HOSTS as usize);
}

#[test]
fn a_link_that_comes_up_finds_the_ended_ones_removed() {
    let mut net = with_many_clients();
    net.bytes(SERVER, &a_long_read());
    net.handle(Event::LinkDown {
        link: SERVER,
        why: LinkDown::Ended,
        unsent: Unsent::default(),
    });
    // The same server comes back, in the same slot, before time passes.
    let again = LinkId::new(u32::try_from(SERVER.slot()).unwrap(), 2);
    net.connect(again, ListenerId(0));
    net.sent.clear();
    let server = registration(id(4), None, "neighbour", "");
    net.bytes(again, &Message::ServerRegistration(server).to_vec());
    let answer = messages(&net.sent.remove(&again).unwrap());
    assert!(
        matches!(&answer[0], Message::ServerRegistration(it) if it.source == id(2)),
        "{answer:?}"
    );
    net.settle();
    net.server.check();
    assert_eq!(
        net.server.snapshot().directory().len(),
        CLIENTS as usize + 1
    );
}

fn leave(net: &mut Net) {
    let reason = "bye".into();
    net.work.clear();
    net.sent.clear();
    net.handle(Event::Command(ServerCommand::Leave { reason }));
}

/// A server that leaves says so to all its neighbours before it stops, to some in each
/// event.
#[test]
fn a_server_that_leaves_says_so_in_slices() {
    let mut net = Net::of_slice(1_000).with_many_clients();
    leave(&mut net);
    assert!(!net.is_stopped);
    assert!(net.sent.len() < 100, "{} goodbyes at once", net.sent.len());
    // One of them is gone before its turn.
    let gone = LinkId::new(10 + CLIENTS - 1, 1);
    net.handle(Event::LinkDown {
        link: gone,
        why: LinkDown::Ended,
        unsent: Unsent::default(),
    });
    net.work.clear();
    while !net.is_stopped {
        net.now = net.server.deadline().unwrap();
        net.handle(Event::Tick);
    }
    let most = net.work.iter().max().unwrap();
    assert!(*most <= 1_100, "{most} units");
    for number in 0..CLIENTS - 1 {
        let heard = messages(&net.sent[&LinkId::new(10 + number, 1)]);
        let Some(Message::Status(last)) = heard.last() else {
            panic!("{heard:?}");
        };
        assert_eq!(last.text.as_str(), "Server leaving: bye");
    }
}

/// A v1 server is sent a quit of each client instead, no faster than it reads.
#[test]
fn a_server_that_leaves_retracts_clients_as_fast_as_a_v1_server_reads() {
    let mut net = Net::new();
    net.connect(LATE, ListenerId(0));
    let server = registration(id(5), None, "late", "");
    net.bytes(LATE, &Message::ServerRegistration(server).to_vec());
    let mut told = 0;
    while told < HOSTS as usize + 3 {
        net.now = net.server.deadline().unwrap();
        net.handle(Event::Tick);
        let bytes = net.sent.remove(&LATE).unwrap_or_default();
        told += self::told(&messages(&bytes)).0.len();
    }
    net.now = net.now + Duration::from_millis(100);
    net.handle(Event::Tick);
    leave(&mut net);
    let mut quits = Vec::new();
    let left_at = net.now;
    loop {
        let bytes = net.sent.remove(&LATE).unwrap_or_default();
        assert!(bytes.len() <= 1024);
        let waiting = net.server.snapshot().memory().waiting_bytes;
        assert!(waiting < 10_000, "{waiting} bytes wait");
        quits.extend(messages(&bytes));
        if net.is_stopped {
            break;
        }
        net.now = net.server.deadline().unwrap();
        net.handle(Event::Tick);
    }
    let most = net.work.iter().max().unwrap();
    assert!(*most <= Work::SLICE + 20, "{most} units");
    assert!(
        quits
            .iter()
            .all(|quit| matches!(quit, Message::ClientQuit(_)))
    );
    assert_eq!(quits.len(), HOSTS as usize + 3);
    assert!(net.now <= left_at + Duration::from_secs(2));
}

/// A table of hosts that once was long costs a burst little work at a time, too.
#[test]
fn places_of_hosts_that_have_left_cost_a_burst_little_work() {
    let mut net = Net::of_slice(1_000);
    net.connect(SERVER, ListenerId(0));
    for info in ["", " [crc2;f=channels]"] {
        let server = registration(id(4), None, "neighbour", info);
        net.bytes(SERVER, &Message::ServerRegistration(server).to_vec());
    }
    for number in 0..HOSTS {
        let host = registration(id(1_000 + number), Some(id(4)), "host", "");
        net.bytes(SERVER, &Message::ClientRegistration(host).to_vec());
    }
    for number in 0..HOSTS - 1 {
        net.bytes(SERVER, &quit(1_000 + number).to_vec());
    }
    net.settle();
    net.work.clear();
    net.link_late_server();
    let (hosts, _) = told(&net.read_late_to_the_end());
    assert_eq!(hosts, [1_000 + HOSTS - 1]);
    let busy = net.work.iter().filter(|work| **work >= 1_000);
    assert!(busy.count() >= HOSTS as usize / 1_100, "{:?}", net.work);
    // And a list of users.
    for (link, nick) in [(ANN, "ann"), (BOB, "bob")] {
        net.connect(link, IRC);
        net.lines(link, &[&format!("NICK {nick}"), "USER u 0 * :Real"]);
    }
    net.sent.clear();
    net.work.clear();
    net.lines(ANN, &["WHO *"]);
    net.settle();
    let answer = String::from_utf8(net.sent.remove(&ANN).unwrap()).unwrap();
    assert!(answer.contains(" 315 "), "{answer}");
    let most = net.work.iter().max().unwrap();
    assert!(*most < 2_000, "{most} units");
    assert!(net.work.len() > HOSTS as usize / 1_100);
}

/// When the network's clock began for servers whose own clock was never set.
const CLOCK_MS: u64 = 1_577_836_800_000;
/// Members of a channel who have voice.
const VOICED: u32 = 2_000;

impl Net {
    /// A neighbour announces itself.
    fn link_server(&mut self, link: LinkId, server: u32, words: &str) {
        self.connect(link, ListenerId(0));
        self.announce_server(link, server, words);
    }

    fn announce_server(&mut self, link: LinkId, server: u32, words: &str) {
        for info in ["", &format!(" [crc2;{words}]")] {
            let server = registration(id(server), None, "neighbour", info);
            self.bytes(link, &Message::ServerRegistration(server).to_vec());
        }
    }

    /// Users of the legacy protocol come.
    fn legacy_users(&mut self, links: impl Iterator<Item = u32>) {
        for number in links {
            let link = LinkId::new(number, 1);
            self.connect(link, LEGACY);
            self.lines(link, &[&format!("USER legacy{number} box server :Real")]);
        }
    }

    /// The most work of an event since this was last asked for.
    fn most_work(&mut self) -> u64 {
        core::mem::take(&mut self.work).into_iter().max().unwrap()
    }

    /// All that is due happens; the driver has sent all. How many events it took.
    fn settle_events(&mut self) -> usize {
        let before = self.work.len();
        self.settle();
        self.work.len() - before
    }
}

/// A server with a channel in which thousands have voice, and as many have no rank; ann is
/// in it. They are behind a neighbour; another one is linked.
fn with_ranks() -> Net {
    let mut net = Net::of_slice(1_000);
    net.link_server(SERVER, 4, "f=channels,channel-age");
    for number in 0..2 * VOICED {
        let host = registration(id(1_000 + number), Some(id(4)), "host", "");
        net.bytes(SERVER, &Message::ClientRegistration(host).to_vec());
        let flags = MemberFlags::NONE.with_voice(number < VOICED);
        net.bytes(SERVER, &dated_join(1_000 + number, flags, CLOCK_MS, 7));
    }
    for (link, nick) in [(ANN, "ann"), (BOB, "bob")] {
        net.connect(link, IRC);
        net.lines(link, &[&format!("NICK {nick}"), "USER u 0 * :Real"]);
    }
    net.lines(ANN, &["JOIN #ranks"]);
    net.sent.clear();
    net.settle();
    net.link_server(LATE, 5, "f=channels,channel-age");
    for _ in 0..100 {
        net.settle();
        let written = net.sent.remove(&LATE).map_or(0, |bytes| bytes.len());
        let report = QueueReport {
            waiting: 0,
            written,
        };
        net.handle(Event::Queue { link: LATE, report });
    }
    let host = registration(id(900), Some(id(5)), "host", "");
    net.bytes(LATE, &Message::ClientRegistration(host).to_vec());
    net.settle();
    net.sent.clear();
    net.work.clear();
    net
}

fn dated_join(source: u32, flags: MemberFlags, founded: u64, tag: u32) -> Vec<u8> {
    let join = DatedJoin {
        source: id(source),
        by: None,
        flags,
        founded,
        tag,
        channel: channel("#ranks"),
    };
    Message::DatedJoin(join).to_vec()
}

/// An older channel ends thousands of ranks at once; users learn of it bit by bit.
#[test]
fn an_older_channel_ends_ranks_with_little_work() {
    let mut net = with_ranks();
    net.bytes(
        LATE,
        &dated_join(900, MemberFlags::NONE, CLOCK_MS - 90_000, 8),
    );
    let snapshot = net.server.snapshot();
    let ranks = snapshot.channels().find("#ranks").unwrap();
    assert!(ranks.members().all(|(_, flags)| flags == MemberFlags::NONE));
    let mut heard = Vec::new();
    let soon = net.now + Duration::from_millis(100);
    let mut events = 0;
    while let Some(deadline) = net.server.deadline().filter(|at| *at <= soon) {
        net.now = net.now.max(deadline);
        net.handle(Event::Tick);
        events += 1;
        heard.extend(net.sent.remove(&ANN).unwrap_or_default());
    }
    let heard = String::from_utf8(heard).unwrap();
    assert_eq!(heard.matches(" MODE #ranks -v ").count(), VOICED as usize);
    assert!(events > 10, "{events}");
    let most = net.most_work();
    assert!(most <= 3_000, "{most} units");
}

/// An earlier time of one founding is learned: servers are told all ranks again, bit by bit.
#[test]
fn ranks_are_told_again_with_little_work() {
    let mut net = with_ranks();
    net.bytes(
        LATE,
        &dated_join(900, MemberFlags::NONE, CLOCK_MS - 9_000, 7),
    );
    let events = net.settle_events();
    let told = messages(&net.sent.remove(&LATE).unwrap());
    let voiced = told.iter().filter_map(|message| match message {
        Message::DatedJoin(join) if join.flags.voice => Some((join.source.get(), join.founded)),
        _ => None,
    });
    let all: Vec<_> = (0..VOICED)
        .map(|number| (1_000 + number, CLOCK_MS - 9_000))
        .collect();
    assert_eq!(voiced.collect::<Vec<_>>(), all);
    assert!(events > 10, "{events}");
    let most = net.most_work();
    assert!(most <= 3_000, "{most} units");
}

/// The uplink's clock is another one: all times are shifted, bit by bit. What comes meanwhile
/// is handled behind that.
#[test]
fn times_are_shifted_with_little_work() {
    const UPLINK: LinkId = LinkId::new(5, 1);
    const AHEAD_MS: u64 = 3_600_000;
    let mut net = Net::of_slice_with(1_000, |config| {
        config.connect = vec!["up:1".parse().unwrap()];
    });
    net.handle(Event::Command(ServerCommand::Start { listening: vec![] }));
    net.link_server(SERVER, 4, "f=channels,channel-age");
    for number in 0..HOSTS {
        let info = format!(" [crc2;s={}]", CLOCK_MS - u64::from(number));
        let host = registration(id(1_000 + number), Some(id(4)), "host", &info);
        net.bytes(SERVER, &Message::ClientRegistration(host).to_vec());
        if number < 2_000 {
            let join = DatedJoin {
                source: id(1_000 + number),
                by: None,
                flags: MemberFlags::NONE,
                founded: CLOCK_MS - u64::from(number),
                tag: number,
                channel: channel(&format!("#of{number}")),
            };
            net.bytes(SERVER, &Message::DatedJoin(join).to_vec());
        }
    }
    // One channel has ended.
    net.bytes(SERVER, &quit(2_999).to_vec());
    net.settle();
    net.work.clear();
    let dial = net.dial.take().expect("it dials its uplink");
    net.link_up(UPLINK, Origin::Dialed { dial });
    let words = format!("r=0;t={};f=channels,channel-age", CLOCK_MS + AHEAD_MS);
    net.announce_server(UPLINK, 1, &words);
    // A chat to the far end of the directory, while times are shifted.
    let chat = ClientChat {
        source: id(1_000),
        destination: Some(id(1_001)),
        text: Text::new("meanwhile").unwrap(),
    };
    net.bytes(SERVER, &Message::ClientChat(chat).to_vec());
    assert!(net.paused.contains(&SERVER), "it waits");
    let events = net.settle_events();
    assert!(!net.paused.contains(&SERVER));
    assert!(events > 30, "{events}");
    let most = net.most_work();
    assert!(most <= 3_000, "{most} units");
    let snapshot = net.server.snapshot();
    assert!(snapshot.network_ms() >= CLOCK_MS + AHEAD_MS);
    for number in 0..1_999_u32 {
        let known = snapshot.channels().find(&format!("#of{number}")).unwrap();
        let founded = CLOCK_MS + AHEAD_MS - u64::from(number);
        assert_eq!(known.founded().ms, founded, "{number}");
    }
    // The channel that has ended is remembered, and newer than this one.
    let founded = CLOCK_MS + AHEAD_MS - 1_999;
    let join = DatedJoin {
        source: id(1_000),
        by: None,
        flags: MemberFlags::NONE,
        founded,
        tag: 1_999,
        channel: channel("#of1999"),
    };
    net.bytes(SERVER, &Message::DatedJoin(join).to_vec());
    let snapshot = net.server.snapshot();
    let again = snapshot.channels().find("#of1999").unwrap();
    assert_eq!(again.founded().ms, founded);
    // And the times at which clients have registered.
    let mut told = net.sent.remove(&UPLINK).unwrap();
    for _ in 0..1_000 {
        let waiting = 0;
        let written = 1;
        let report = QueueReport { waiting, written };
        net.handle(Event::Queue {
            link: UPLINK,
            report,
        });
        net.run();
        told.extend(net.sent.remove(&UPLINK).unwrap_or_default());
    }
    net.settle();
    let times = messages(&told);
    let times: BTreeSet<_> = times
        .iter()
        .filter_map(|message| match message {
            Message::ClientRegistration(client) => {
                let (_, time) = client.info.as_str().split_once("s=")?;
                let ms: u64 = time.trim_end_matches(']').parse().unwrap();
                Some((client.source.get(), ms))
            }
            _ => None,
        })
        .collect();
    let all: BTreeSet<_> = (0..HOSTS)
        .filter(|number| *number != 1_999)
        .map(|number| (1_000 + number, CLOCK_MS + AHEAD_MS - u64::from(number)))
        .collect();
    assert_eq!(times.len(), all.len());
    assert!(times == all);
}

/// A NAMES of the legacy protocol is answered in slices; what was asked next is answered
/// behind it.
#[test]
fn names_of_the_legacy_protocol_come_in_slices() {
    let mut net = Net::new();
    net.legacy_users(20..21);
    let user = LinkId::new(20, 1);
    net.sent.clear();
    net.work.clear();
    for (lines, at_least, members) in [
        (&["NAMES #big", "PRIVMSG #none :x"][..], 1, HOSTS as usize),
        (&["NAMES", "PRIVMSG #none :x"], 2, 18_000),
    ] {
        net.lines(user, lines);
        let is_paused = net.paused.contains(&user);
        assert!(is_paused, "it is not read meanwhile");
        let events = net.settle_events();
        assert!(!net.paused.contains(&user));
        assert!(events >= at_least, "{events}");
        let most = net.most_work();
        assert!(most <= Work::SLICE + Work::STEP_MAX, "{most} units");
        assert!(most <= Work::SLICE + 20_000, "{most} units");
        let answer = String::from_utf8(net.sent.remove(&user).unwrap()).unwrap();
        let nicks: Vec<_> = nicks(&answer);
        assert!(answer.len() <= ANSWER_BYTES_MAX, "{}", answer.len());
        assert!(
            nicks.len() > 8_000 && nicks.len() <= members,
            "{}",
            nicks.len()
        );
        let ends = [" 366 ", " 403 "].map(|end| answer.find(end).unwrap());
        assert!(ends.is_sorted(), "{ends:?}");
        assert_eq!(answer.matches(" 366 ").count(), 1);
    }
    // Alone, without a line behind it.
    net.lines(user, &["NAMES"]);
    net.settle();
    let answer = String::from_utf8(net.sent.remove(&user).unwrap()).unwrap();
    assert!(answer.ends_with(" 366 :End of /NAMES list\r\n"));
}

/// A user who shares many channels with a host that quits is told once, and each visit counts.
#[test]
fn a_quit_is_counted_and_visits_each_link_once() {
    const USERS: u32 = 600;
    const CHANNELS: u32 = 20;
    let mut net = Net::empty();
    net.legacy_users(20..20 + USERS);
    for user in 20..20 + USERS {
        for place in 0..CHANNELS {
            net.lines(LinkId::new(user, 1), &[&format!("JOIN #c{place}")]);
        }
    }
    net.settle();
    net.sent.clear();
    net.work.clear();
    net.handle(Event::LinkDown {
        link: LinkId::new(20, 1),
        why: LinkDown::Ended,
        unsent: Unsent::default(),
    });
    let without_text = net.most_work();
    assert!(net.sent.is_empty(), "a lost link has no text");
    net.is_closing = true;
    net.lines(LinkId::new(21, 1), &["QUIT :bye"]);
    let told = net
        .sent
        .values()
        .filter(|bytes| bytes.starts_with(b":legacy21 QUIT"));
    assert_eq!(told.count(), USERS as usize - 2);
    let most = net.most_work();
    let (links, visits) = (u64::from(USERS), u64::from(USERS * CHANNELS));
    assert!(most >= without_text + 5 * links, "{most} units");
    assert!(most <= 10 * links + visits, "{most} units");
}
