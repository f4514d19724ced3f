//! Attacks by clients of CRC.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use super::by_servers::behind;
use super::field::{Field, client_at};
use crate::fixture::{Peer, wait, wire};

/// A client of the other server that reads everything.
const SINK: u32 = 900;

fn id(number: u32, attempt: u32) -> u32 {
    1_000_000 * (number + 1) + attempt
}

/// 100 masks of almost 128 bytes, different ones for each `mark`.
pub(super) fn masks(mark: u64) -> String {
    let masks = (0..100).map(|number| format!("*{mark:04}-{number:02}{}!*@*", "b".repeat(100)));
    masks.collect::<Vec<_>>().join(" ")
}

/// Runs `attack` while [`SINK`], a member of `#loud`, reads at the other server.
fn with_sink(field: &Field<'_>, attack: impl FnOnce()) -> io::Result<()> {
    let mut sink = client_at(field.leaf.address(), SINK, "sink")?;
    sink.send(&wire::channel_request(SINK, 0, 7, "#loud", ""))?;
    field.id_of("sink")?;
    thread::scope(|scope| {
        let reader = scope.spawn(|| field.read(sink.into_stream()));
        attack();
        reader.join().unwrap_or(Ok(()))
    })
}

pub(super) fn registrations(field: &Field<'_>) -> io::Result<()> {
    let info = "i".repeat(512);
    field.crowd(4, |number, attempt| {
        let id = id(number, attempt);
        let mut peer = Peer::connect(field.hub.address())?;
        let registration = wire::client_registration(id, 0, "restless", &info);
        field.send(&mut peer, &registration)?;
        peer.wait_status(0)?;
        field.send(&mut peer, &wire::quit(id, "and again"))
    });
    Ok(())
}

pub(super) fn joins(field: &Field<'_>) -> io::Result<()> {
    with_sink(field, || {
        field.crowd(4, |number, attempt| {
            let id = id(number, attempt);
            let client = field.client(id, "restless")?;
            field.flood(client.into_stream(), |_| {
                let names: Vec<String> = (0..64).map(|n| format!("#joins{n}")).collect();
                let joins = names
                    .iter()
                    .map(|name| wire::channel_request(id, 0, 7, name, ""));
                let parts = names
                    .iter()
                    .map(|name| wire::channel_part(id, 0, name, "bye"));
                joins.chain(parts).collect::<Vec<_>>().concat()
            })
        });
    })
}

pub(super) fn settings(field: &Field<'_>) -> io::Result<()> {
    let mut swamp = behind(field, 900)?;
    let values = [masks(0), masks(1)];
    // The founders come first: they are operators.
    field.crowd(4, |number, attempt| {
        let id = id(number, attempt);
        let channel = format!("#set{number}x{attempt}");
        let mut client = field.client(id, "operator")?;
        client.send(&wire::channel_request(id, 0, 7, &channel, ""))?;
        field.flood(client.into_stream(), |n| {
            let value = &values[usize::from(n % 2 == 1)];
            let topic = format!("{n}{}", "t".repeat(380));
            [
                wire::channel_setting(id, 0, 4, &channel, value),
                wire::channel_setting(id, 0, 0, &channel, &topic),
            ]
            .concat()
        })
    });
    swamp.send(&wire::quit(1000, "bye"))
}

pub(super) fn notices(field: &Field<'_>) -> io::Result<()> {
    with_sink(field, || {
        field.crowd(4, |number, attempt| {
            let id = id(number, attempt);
            let client = field.client(id, "loud")?;
            let notice = wire::channel_request(id, SINK, 0, "", "hear me").repeat(500);
            field.flood(client.into_stream(), |_| notice.clone())
        });
    })
}

pub(super) fn channel_chats(field: &Field<'_>) -> io::Result<()> {
    with_sink(field, || {
        field.crowd(4, |number, attempt| {
            let id = id(number, attempt);
            let mut client = field.client(id, "loud")?;
            client.send(&wire::channel_request(id, 0, 7, "#loud", ""))?;
            let chat = wire::channel_chat(id, "#loud", "hear me, all of you").repeat(500);
            field.flood(client.into_stream(), |_| chat.clone())
        });
    })
}

pub(super) fn full_channels(field: &Field<'_>) -> io::Result<()> {
    let mut clients = Vec::new();
    for number in 0..40 {
        let id = id(number, 0);
        let mut client = field.client(id, "operator")?;
        for channel in 0..64_u64 {
            let name = format!("#full{number}x{channel}");
            let frames = [
                wire::channel_request(id, 0, 7, &name, ""),
                wire::channel_setting(id, 0, 0, &name, &"t".repeat(390)),
                wire::channel_setting(id, 0, 1, &name, &"k".repeat(32)),
                wire::channel_setting(id, 0, 4, &name, &masks(channel)),
            ];
            field.send(&mut client, &frames.concat())?;
            if field.is_over() {
                return Ok(());
            }
        }
        clients.push(client);
    }
    field.crowd(1, |_, attempt| {
        let mut server = field.server(1000 + attempt)?;
        // The whole burst, which ends in silence.
        server.discard(Duration::from_millis(300)).map(drop)
    });
    drop(clients);
    Ok(())
}

pub(super) fn slow_neighbour(field: &Field<'_>) -> io::Result<()> {
    let mut pond = field.server(50)?;
    pond.send(&wire::client_registration(SINK, 50, "sink", "n"))?;
    field.id_of("sink")?;
    field.crowd(4, |number, attempt| {
        let id = id(number, attempt);
        let client = field.client(id, "flood")?;
        let chats = wire::chat(id, SINK, &"x".repeat(1000)).repeat(50);
        field.flood(client.into_stream(), |_| chats.clone())
    });
    drop(pond);
    Ok(())
}

pub(super) fn long_texts(field: &Field<'_>) -> io::Result<()> {
    with_sink(field, || {
        field.crowd(4, |number, attempt| {
            let id = id(number, attempt);
            let text = "x".repeat(60_000);
            let mut client = field.client(id, "loud")?;
            let frames = [
                wire::channel_request(id, 0, 7, "#loud", ""),
                wire::channel_chat(id, "#loud", &text),
                wire::chat(id, SINK, &text),
                wire::channel_part(id, 0, "#loud", &text),
            ];
            field.send(&mut client, &frames.concat())?;
            client.wait_status(0x101)?;
            field.send(&mut client, &wire::quit(id, &text))
        });
    })
}

pub(super) fn places(field: &Field<'_>) -> io::Result<()> {
    let flooder = Ipv4Addr::new(127, 0, 0, 9);
    field.crowd(4, |_, _| {
        let mut peers = Vec::new();
        while !field.is_over() && peers.len() < 200 {
            // The system may have no port left.
            match Peer::connect_from(flooder, field.hub.address()) {
                Ok(peer) => peers.push(peer),
                Err(_) => wait::pause(Duration::from_millis(10)),
            }
        }
        Ok(())
    });
    Ok(())
}
