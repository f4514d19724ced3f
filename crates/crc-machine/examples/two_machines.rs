//! Two machines exchange bytes in memory: one asks, the other echoes.
//!
//! `cargo run -p crc-machine --example two_machines`
//!
//! The loop in `main` is a driver without sockets. It turns the `Send` effects of each machine into
//! `Bytes` events of the other, and `Dial` into `LinkUp` at both.

use std::collections::VecDeque;

use crc_machine::{
    CloseWhen, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin,
    Outbox, Timestamp, Unsent,
};

/// The one link between the two machines.
const LINK: LinkId = LinkId::new(0, 1);

/// Sends all bytes back.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Notice = String;

    fn handle(&mut self, _now: Timestamp, event: Event<'_, ()>, out: &mut Outbox<String>) {
        if let Event::Bytes { link, bytes } = event {
            out.send(link, bytes);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}

/// Dials on command, sends a few lines, and closes the link when all have come back.
struct Asker {
    lines: VecDeque<&'static str>,
}

impl Asker {
    fn send_next(&mut self, out: &mut Outbox<String>) {
        match self.lines.pop_front() {
            Some(line) => out.send(LINK, line.as_bytes()),
            None => out.close(LINK, CloseWhen::Flushed),
        }
    }
}

impl Machine for Asker {
    type Command = ();
    type Notice = String;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ()>, out: &mut Outbox<String>) {
        match event {
            Event::Command(()) => {
                let to = "localhost:7".parse().expect("a host and a port");
                out.dial(DialId(1), to);
            }
            Event::LinkUp { .. } => self.send_next(out),
            Event::Bytes { bytes, .. } => {
                let text = String::from_utf8_lossy(bytes);
                out.notice(format!("{} µs: echoed: {text}", now.as_micros()));
                self.send_next(out);
            }
            Event::LinkDown { why, .. } => {
                out.notice(format!("{} µs: link down: {why}", now.as_micros()));
                out.stop();
            }
            Event::Queue { .. }
            | Event::Crowded { .. }
            | Event::DialFailed { .. }
            | Event::Tick => {}
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}

/// An event that waits for its machine, with the bytes that it owns.
enum Pending {
    Start,
    Up(Origin),
    Bytes(Vec<u8>),
    Down(LinkDown),
}

fn deliver(
    machine: &mut dyn Machine<Command = (), Notice = String>,
    now: Timestamp,
    pending: &Pending,
    out: &mut Outbox<String>,
) {
    let address = ([127, 0, 0, 1], 7).into();
    let event = match pending {
        Pending::Start => Event::Command(()),
        Pending::Up(origin) => Event::LinkUp {
            link: LINK,
            origin: *origin,
            endpoints: Endpoints {
                peer: address,
                local: address,
            },
            security: None,
        },
        Pending::Bytes(bytes) => Event::Bytes { link: LINK, bytes },
        Pending::Down(why) => Event::LinkDown {
            link: LINK,
            why: *why,
            unsent: Unsent::default(),
        },
    };
    machine.handle(now, event, out);
}

#[expect(clippy::print_stdout, reason = "an example prints its results")]
fn main() {
    let mut echo = Echo;
    let mut asker = Asker {
        lines: VecDeque::from(["one", "two", "three"]),
    };
    let mut out = Outbox::new();
    // Events in the order of their delivery, each with the machine that receives it.
    let mut queue = VecDeque::from([(false, Pending::Start)]);
    let mut now = Timestamp::START;
    while let Some((is_echo, pending)) = queue.pop_front() {
        // Every delivery takes 50 µs of virtual time.
        now = now + std::time::Duration::from_micros(50);
        if is_echo {
            deliver(&mut echo, now, &pending, &mut out);
        } else {
            deliver(&mut asker, now, &pending, &mut out);
        }
        let effects = out.take_effects();
        for effect in &effects {
            match effect {
                Effect::Send { range, .. } => {
                    queue.push_back((!is_echo, Pending::Bytes(out.bytes(*range).to_vec())));
                }
                Effect::Dial { dial, .. } => {
                    let listener = ListenerId(0);
                    queue.push_back((true, Pending::Up(Origin::Accepted { listener })));
                    queue.push_back((false, Pending::Up(Origin::Dialed { dial: *dial })));
                }
                Effect::Close { .. } => {
                    queue.push_back((is_echo, Pending::Down(LinkDown::Ended)));
                    queue.push_back((!is_echo, Pending::Down(LinkDown::PeerClosed)));
                }
                Effect::Notice(text) => println!("{text}"),
                Effect::Stop => println!("{} µs: stopped", now.as_micros()),
                Effect::Bound { .. }
                | Effect::Watch { .. }
                | Effect::Pause { .. }
                | Effect::Readdress { .. } => {}
            }
        }
        out.clear(effects, 64 * 1024);
    }
}
