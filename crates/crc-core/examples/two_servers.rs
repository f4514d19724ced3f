//! Two linked servers and two clients in memory, without a socket: Ann, a client of one
//! server, chats with Bob, a client of the other.
//!
//! `Server` and `Client` are state machines: they get events and answer with effects. The
//! code around them is called a driver. This one carries bytes from machine to machine by
//! hand, on a virtual clock. The crate `crc-net` is the driver for real sockets.
//!
//! `cargo run -p crc-core --example two_servers`

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, Config, Effect, Endpoints, Event, LinkDown,
    LinkId, ListenerId, Machine, Origin, Outbox, Server, ServerCommand, Timestamp, Unsent,
};
use crc_wire::{HostId, Name};

// The machines, by their place in `Driver::machines`.
const REEF: usize = 0;
const LAGOON: usize = 1;
const ANN: usize = 2;
const BOB: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    // The server lagoon links to reef, which links to no server: it is the root.
    let reef = config(1, "reef")?;
    let mut lagoon = config(2, "lagoon")?;
    lagoon.connect = vec!["reef:33300".parse()?];
    // Each client dials one of the servers. The seed decides its id.
    let ann = ClientConfig::new("reef:33300".parse()?, "ann", "", 1);
    let bob = ClientConfig::new("lagoon:33300".parse()?, "bob", "", 2);

    let mut driver = Driver {
        now: Timestamp::START,
        machines: vec![
            Node::Server(Box::new(Server::new(reef))),
            Node::Server(Box::new(Server::new(lagoon))),
            Node::Client(Box::new(Client::new(ann)?)),
            Node::Client(Box::new(Client::new(bob)?)),
        ],
        connections: Vec::new(),
        links: 0,
        in_flight: VecDeque::new(),
    };

    println!("-- The servers start, and lagoon dials reef.");
    for server in [REEF, LAGOON] {
        let listening = Vec::new();
        let start = ServerCommand::Start { listening };
        driver.handle_server(server, Event::Command(start));
    }
    driver.run(Duration::from_secs(2));

    println!("-- The clients start, and each dials its server.");
    for client in [ANN, BOB] {
        driver.handle_client(client, Event::Command(ClientCommand::Start));
    }
    driver.run(Duration::from_secs(2));
    for server in [REEF, LAGOON] {
        driver.print_directory(server);
    }

    println!("-- They chat: ann -> reef -> lagoon -> bob, and back.");
    driver.send_chat(ANN, "bob", "hello from the reef")?;
    driver.run(Duration::from_secs(1));
    driver.send_chat(BOB, "ann", "hello from the lagoon")?;
    driver.run(Duration::from_secs(1));

    println!("-- Ann quits.");
    let text = "bye".to_owned();
    driver.handle_client(ANN, Event::Command(ClientCommand::Quit { text }));
    driver.run(Duration::from_secs(1));
    driver.print_directory(LAGOON);
    Ok(())
}

fn config(id: u32, name: &'static str) -> Result<Config, Box<dyn Error>> {
    let id = HostId::new(id).ok_or("an id is not 0")?;
    Ok(Config::new(id, Name::new(name)?))
}

/// A machine: a server or a client.
enum Node {
    Server(Box<Server>),
    Client(Box<Client>),
}

/// One end of a connection: the machine, and the link by which that machine knows it.
type End = (usize, LinkId);

/// What is on its way to a machine.
enum Arrival {
    Up(Origin),
    Bytes(Vec<u8>),
    Down,
}

/// Carries out what the machines ask for.
struct Driver {
    now: Timestamp,
    machines: Vec<Node>,
    /// Both ends of each connection that is not closed.
    connections: Vec<[End; 2]>,
    /// How many links there were: the number of a link is never used again.
    links: u32,
    /// In the order in which it was sent.
    in_flight: VecDeque<(End, Arrival)>,
}

impl Driver {
    /// Delivers all that is in flight, and expires timers, until `duration` has passed.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            if let Some((to, arrival)) = self.in_flight.pop_front() {
                self.deliver(to, &arrival);
                continue;
            }
            // Nothing is in flight: the clock jumps to the next deadline of a machine.
            let deadlines = self.machines.iter().enumerate();
            let deadlines = deadlines.filter_map(|(machine, node)| {
                let deadline = match node {
                    Node::Server(server) => server.deadline(),
                    Node::Client(client) => client.deadline(),
                };
                Some((deadline?, machine))
            });
            match deadlines.min() {
                Some((deadline, machine)) if deadline <= end => {
                    self.now = self.now.max(deadline);
                    match &self.machines[machine] {
                        Node::Server(_) => self.handle_server(machine, Event::Tick),
                        Node::Client(_) => self.handle_client(machine, Event::Tick),
                    }
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Hands an arrival to its machine, as an event.
    fn deliver(&mut self, (machine, link): End, arrival: &Arrival) {
        match &self.machines[machine] {
            Node::Server(_) => self.handle_server(machine, arrival.as_event(link)),
            Node::Client(_) => self.handle_client(machine, arrival.as_event(link)),
        }
    }

    /// Hands an event to a server, and carries out the effects.
    fn handle_server(&mut self, machine: usize, event: Event<'_, ServerCommand>) {
        let Node::Server(server) = &mut self.machines[machine] else {
            return;
        };
        let mut out = Outbox::new();
        server.handle(self.now, event, &mut out);
        for effect in out.effects() {
            if let Effect::Notice(notice) = effect {
                println!("{}: {notice:?}", server.snapshot().name());
            }
        }
        self.carry_out(machine, &out);
    }

    /// Hands an event to a client, and carries out the effects.
    fn handle_client(&mut self, machine: usize, event: Event<'_, ClientCommand>) {
        let Node::Client(client) = &mut self.machines[machine] else {
            return;
        };
        let mut out = Outbox::new();
        client.handle(self.now, event, &mut out);
        for effect in out.effects() {
            let Effect::Notice(notice) = effect else {
                continue;
            };
            let name = client.name();
            match notice {
                ClientNotice::Welcome { text, .. } => println!("{name}: {text}"),
                ClientNotice::Joined { name: other, .. } => println!("{name}: {other} has joined"),
                ClientNotice::Left { name: other, .. } => println!("{name}: {other} has left"),
                ClientNotice::Chat {
                    from_name, text, ..
                } => {
                    println!(
                        "{name}: {} writes {text:?}",
                        from_name.as_deref().unwrap_or("?")
                    );
                }
                _ => {}
            }
        }
        self.carry_out(machine, &out);
    }

    /// Carries out the effects of one event.
    fn carry_out<N>(&mut self, machine: usize, out: &Outbox<N>) {
        for effect in out.effects() {
            match effect {
                Effect::Dial { dial, to, .. } => {
                    // The name of a server is its address here.
                    let server = if *to.host == *"reef" { REEF } else { LAGOON };
                    self.connect(machine, Origin::Dialed { dial: *dial }, server);
                }
                Effect::Send { link, range, .. } => {
                    if let Some(other) = self.other_end((machine, *link)) {
                        let bytes = out.bytes(*range).to_vec();
                        self.in_flight.push_back((other, Arrival::Bytes(bytes)));
                    }
                }
                Effect::Close { link, .. } => {
                    // Each machine gets one `LinkDown` for each `LinkUp`.
                    let end = (machine, *link);
                    if let Some(other) = self.other_end(end) {
                        self.connections.retain(|ends| !ends.contains(&end));
                        self.in_flight.push_back((other, Arrival::Down));
                        self.in_flight.push_back((end, Arrival::Down));
                    }
                }
                // Notices are printed above. Nothing waits in a queue here that needs a
                // bound, and no machine stops the program.
                Effect::Watch { .. } | Effect::Pause { .. } | Effect::Readdress { .. } => {}
                Effect::Notice(_) | Effect::Bound { .. } | Effect::Stop => {}
            }
        }
    }

    /// Makes a connection from a machine to a server.
    fn connect(&mut self, machine: usize, origin: Origin, server: usize) {
        let link = LinkId::new(self.links, 0);
        self.links += 1;
        let ends = [(machine, link), (server, link)];
        let listener = ListenerId(0);
        let accepted = Origin::Accepted { listener };
        self.connections.push(ends);
        self.in_flight.push_back((ends[1], Arrival::Up(accepted)));
        self.in_flight.push_back((ends[0], Arrival::Up(origin)));
    }

    /// The other end of a connection that is not closed.
    fn other_end(&self, end: End) -> Option<End> {
        self.connections.iter().find_map(|[one, other]| match end {
            end if end == *one => Some(*other),
            end if end == *other => Some(*one),
            _ => None,
        })
    }

    /// Gives a client the command to send a chat.
    fn send_chat(&mut self, from: usize, to: &str, text: &str) -> Result<(), Box<dyn Error>> {
        let Node::Client(client) = &self.machines[from] else {
            return Err("only clients chat".into());
        };
        let to = client.resolve(to)?;
        let text = text.to_owned();
        let chat = ClientCommand::SendChat { to, text };
        self.handle_client(from, Event::Command(chat));
        Ok(())
    }

    fn print_directory(&self, machine: usize) {
        let Node::Server(server) = &self.machines[machine] else {
            return;
        };
        let snapshot = server.snapshot();
        let hosts = snapshot.directory().iter();
        let hosts: Vec<_> = hosts
            .map(|host| format!("{} {}", host.kind(), host.name()))
            .collect();
        println!(
            "{}: the directory has {}",
            snapshot.name(),
            hosts.join(", ")
        );
    }
}

impl Arrival {
    fn as_event<C>(&self, link: LinkId) -> Event<'_, C> {
        let loopback = ([127, 0, 0, 1], 33_300).into();
        match self {
            Arrival::Up(origin) => Event::LinkUp {
                link,
                origin: *origin,
                endpoints: Endpoints {
                    peer: loopback,
                    local: loopback,
                },
                security: None,
            },
            Arrival::Bytes(bytes) => Event::Bytes { link, bytes },
            Arrival::Down => Event::LinkDown {
                link,
                why: LinkDown::PeerClosed,
                unsent: Unsent::default(),
            },
        }
    }
}
