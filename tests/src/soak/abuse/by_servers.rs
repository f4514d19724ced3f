//! Attacks by servers, and by clients that pretend to be one.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::field::{Field, client_at};
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Peer, wire};

/// The id of the hostile server.
const SWAMP: u32 = 50;
/// The id of a server that goes down and comes back.
const ISLE: u32 = 3;

/// A server with so many clients, from the id 1000.
pub(super) fn behind(field: &Field<'_>, hosts: u32) -> io::Result<Peer> {
    let mut swamp = field.server(SWAMP)?;
    for number in 0..hosts {
        let name = format!("host{number}");
        let host = wire::client_registration(1000 + number, SWAMP, &name, "one of many");
        field.send(&mut swamp, &host)?;
    }
    field.wait_hosts(hosts as usize)?;
    Ok(swamp)
}

/// The same with each client in 64 of so many channels.
pub(super) fn pool(field: &Field<'_>, hosts: u32, channels: u32) -> io::Result<Peer> {
    let mut swamp = behind(field, hosts)?;
    for number in 0..hosts {
        let names = (0..64).map(|n| format!("#c{}", (64 * number + n) % channels));
        let joins = names.map(|name| wire::channel_join(1000 + number, 0, 0, &name));
        field.send(&mut swamp, &joins.collect::<Vec<_>>().concat())?;
    }
    Ok(swamp)
}

pub(super) fn large_hosts(field: &Field<'_>) -> io::Result<()> {
    field.crowd(1, |_, attempt| {
        let swamp = field.server(1000 + attempt)?;
        let info = format!("x [crc2;a={}]", "h".repeat(60_000));
        field.flood(swamp.into_stream(), |n| {
            // At most 2,000 at a time.
            let id = |n: u64| u32::try_from(10_000 + n % 4_000).unwrap_or(1);
            let host = wire::client_registration(id(n), 1000 + attempt, &"n".repeat(255), &info);
            let gone = wire::quit(id(n + 2_000), &"bye ".repeat(10_000));
            [host, gone].concat()
        })
    });
    Ok(())
}

pub(super) fn many_channels(field: &Field<'_>) -> io::Result<()> {
    let hosts = 200;
    let swamp = behind(field, hosts)?;
    let value = "v".repeat(60_000);
    field.flood(swamp.into_stream(), |n| {
        let id = 1000 + u32::try_from(n % u64::from(hosts)).unwrap_or(0);
        let name = format!("#{}{}", "c".repeat(200), n % 100_000);
        let mut frames = wire::channel_join(id, 0, 3, &name);
        for field in [0, 1, 4, 99] {
            frames.extend(wire::channel_setting(id, n + 1, field, &name, &value));
        }
        frames
    })
}

pub(super) fn ban_diffs(field: &Field<'_>) -> io::Result<()> {
    let mut users = Vec::new();
    for number in 0..10 {
        let mut user = field.irc_user(&format!("user{number}"))?;
        user.send_line("JOIN #bans")?;
        users.push(user.into_stream());
    }
    let mut swamp = behind(field, 1)?;
    swamp.send(&wire::channel_join(1000, 0, 1, "#bans"))?;
    let masks = |mark: u64, count: u64, len: usize| {
        let masks = (0..count).map(|n| format!("{mark}a{n}{}!*@*", "b".repeat(len)));
        masks.collect::<Vec<_>>().join(" ")
    };
    // So many as are too many, and so many as are permitted.
    let values = [0, 1].map(|mark| [masks(mark, 2047, 20), masks(mark, 100, 110)]);
    thread::scope(|scope| {
        for user in users {
            scope.spawn(|| field.read(user));
        }
        field.flood(swamp.into_stream(), |n| {
            let values = &values[usize::from(n % 2 == 1)];
            let set = |value: &String| wire::channel_setting(1000, 1_000 + n, 4, "#bans", value);
            values.iter().flat_map(set).collect()
        })
    })
}

/// Nothing may connect to the victim.
pub(super) fn ghosts(field: &Field<'_>) -> Vec<String> {
    // Nodes of other tests may still dial a port of 127.0.0.1 that was theirs.
    let victim = match TcpListener::bind("127.0.0.66:0") {
        Ok(victim) => victim,
        Err(error) => return vec![format!("cannot listen: {error}")],
    };
    let address = match victim.local_addr() {
        Ok(address) if victim.set_nonblocking(true).is_ok() => address,
        _ => return vec!["cannot listen".to_owned()],
    };
    field.crowd(2, |number, attempt| {
        let id = 10_000 * (number + 1) + attempt;
        let mut swamp = field.server(id)?;
        for ghost in 0..1_100 {
            let ghost = 1_000_000 * (number + 1) + 1_100 * (attempt % 100) + ghost;
            let info = format!("ghost [crc2;a={address};r=0;f=server-quit]");
            field.send(
                &mut swamp,
                &wire::server_registration(ghost, id, "ghost", &info),
            )?;
        }
        field.id_of("ghost").map(drop)
    });
    match victim.accept() {
        Ok(_) => vec!["a server has dialled the victim".to_owned()],
        Err(_) => Vec::new(),
    }
}

/// The server must link again within the time that a server may take.
pub(super) fn id_thieves(field: &Field<'_>) -> Vec<String> {
    let start = |name: &str| {
        let isle = field.fixture.server(ISLE, name).arg("-q");
        isle.uplink(field.hub.address()).start()
    };
    let is_linked = || {
        let state = field.hub.state();
        state.is_ok_and(|state| state.adjacent_servers.contains(&ISLE))
    };
    let mut problems = Vec::new();
    let rounds_are_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for server in [field.hub, field.leaf] {
            for _ in 0..2 {
                let rounds_are_over = &rounds_are_over;
                scope.spawn(move || {
                    while !rounds_are_over.load(Ordering::Relaxed) {
                        // Refused, or displaced after a while.
                        if let Ok(mut thief) = client_at(server.address(), ISLE, "thief") {
                            let _ = thief.next_frame(Duration::from_millis(50));
                        }
                        wait::pause(Duration::from_millis(1));
                    }
                });
            }
        }
        let mut round = 0;
        while !field.is_over() || round == 0 {
            round += 1;
            let began = Instant::now();
            match start(&format!("isle{round}")) {
                Err(error) => problems.push(error.to_string()),
                Ok(mut isle) => {
                    if !wait::holds(LONG, is_linked) {
                        let took = began.elapsed();
                        problems.push(format!("the server did not link again in {took:.1?}"));
                    }
                    isle.process_mut().kill();
                }
            }
        }
        rounds_are_over.store(true, Ordering::Relaxed);
    });
    problems
}
