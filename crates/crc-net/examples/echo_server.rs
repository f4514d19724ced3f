//! A TCP echo server. Ctrl-C ends it gracefully.
//!
//! `cargo run -p crc-net --example echo_server [ADDRESS]`, then for instance `nc 127.0.0.1 7007`.
//! The default address is 127.0.0.1:7007.

use std::error::Error;
use std::net::SocketAddr;

use crc_machine::{Event, ListenerId, Machine, Outbox, Timestamp};
use crc_net::{Driver, DriverConfig};

/// Echoes all bytes, and reports links.
struct Echo;

/// The only command: stop.
struct Stop;

impl Machine for Echo {
    type Command = Stop;
    type Notice = String;

    fn handle(&mut self, _now: Timestamp, event: Event<'_, Stop>, out: &mut Outbox<String>) {
        match event {
            Event::LinkUp {
                link, endpoints, ..
            } => out.notice(format!("{link}: up: peer={}", endpoints.peer)),
            Event::Bytes { link, bytes } => out.send(link, bytes),
            Event::LinkDown { link, why, .. } => {
                out.notice(format!("{link}: down: reason=\"{why}\""));
            }
            Event::Command(Stop) => out.stop(),
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

#[expect(clippy::print_stdout, reason = "an example prints its results")]
fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => ([127, 0, 0, 1], 7007).into(),
    };
    let mut driver = Driver::new(Echo, DriverConfig::default())?;
    let bound = driver.listen(address, ListenerId(0))?;
    driver.on_signals(|| Stop)?;
    println!("listening on {bound}");
    let stopped = driver.run(|_machine, notice| println!("{notice}"))?;
    println!("stopped: {stopped:?}");
    Ok(())
}
