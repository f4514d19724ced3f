//! Attacks by users of IRC, and by operators.

use std::io;

use super::by_servers::{behind, pool};
use super::field::Field;
use crate::fixture::wire;

/// The hosts that answers are about.
const HOSTS: u32 = 900;

pub(super) fn who_masks(field: &Field<'_>) -> io::Result<()> {
    let name = |number| format!("{}{number}", "a".repeat(60));
    let mut swamp = field.server(50)?;
    for number in 0..HOSTS {
        let host = wire::client_registration(1000 + number, 50, &name(number), &"a".repeat(500));
        field.send(&mut swamp, &host)?;
    }
    field.wait_hosts(HOSTS as usize)?;
    let question = format!("WHO *{}b\r\n", "a".repeat(240)).repeat(50);
    field.crowd(4, |number, attempt| {
        let user = field.irc_user(&format!("w{number}x{attempt}"))?;
        field.flood(user.into_stream(), |_| question.clone().into_bytes())
    });
    Ok(())
}

pub(super) fn long_answers(field: &Field<'_>) -> io::Result<()> {
    let _pool = pool(field, HOSTS, 5000)?;
    let targets: Vec<String> = (0..20).map(|n| format!("host{n}")).collect();
    let whois = format!("WHOIS {}\r\n", targets.join(","));
    field.crowd(4, |number, attempt| {
        let user = field.irc_user(&format!("w{number}x{attempt}"))?;
        let question = match number {
            0 => "WHO *\r\n",
            1 => "LIST\r\n",
            2 => "NAMES\r\nWHO #c1\r\n",
            _ => &whois,
        };
        field.flood(user.into_stream(), |_| question.repeat(10).into_bytes())
    });
    Ok(())
}

pub(super) fn names_again(field: &Field<'_>) -> io::Result<()> {
    let mut swamp = behind(field, HOSTS)?;
    for number in 0..HOSTS {
        field.send(
            &mut swamp,
            &wire::channel_join(1000 + number, 0, 0, "#deep"),
        )?;
    }
    let names = |bytes: usize| {
        let channels = vec!["#deep"; bytes / 6];
        format!("NAMES {}\r\n", channels.join(","))
    };
    let (short, long) = (names(490), names(8000));
    field.crowd(6, |number, attempt| {
        let nick = format!("n{number}x{attempt}");
        match number % 3 {
            0 => {
                let user = field.irc_user(&nick)?;
                field.flood(user.into_stream(), |_| short.clone().into_bytes())
            }
            1 => {
                let user = field.legacy_user(&nick)?;
                field.flood(user.into_stream(), |_| long.clone().into_bytes())
            }
            _ => {
                let id = 10_000 * (number + 1) + attempt;
                let mut client = field.client(id, &nick)?;
                client.send(&wire::channel_request(id, 0, 7, "#deep", ""))?;
                let question = wire::channel_request(id, 0, 8, "#deep", "");
                field.flood(client.into_stream(), |_| question.repeat(20))
            }
        }
    });
    Ok(())
}

pub(super) fn state(field: &Field<'_>) -> io::Result<()> {
    let _pool = pool(field, HOSTS, 5000)?;
    // The page has four places for one address.
    field.crowd(3, |_, _| {
        let answer = crate::fixture::get(field.hub.admin(), "/state")?;
        match answer.status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("status {status}"))),
        }
    });
    Ok(())
}

pub(super) fn nicks(field: &Field<'_>) -> io::Result<()> {
    field.crowd(4, |number, attempt| {
        let mut user = field.irc_user(&format!("n{number}x{attempt}"))?;
        user.send_line("JOIN #nicks")?;
        field.flood(user.into_stream(), |n| {
            let names = (0..10).map(|k| format!("NICK n{number}x{attempt}y{}\r\n", 10 * n + k));
            names.collect::<String>().into_bytes()
        })
    });
    Ok(())
}

pub(super) fn many_lines(field: &Field<'_>) -> io::Result<()> {
    let sink = field.irc_user("sink")?.into_stream();
    let sink_id = field.id_of("sink")?;
    let text = "a\n".repeat(32_000);
    let sink = &std::sync::Mutex::new(Some(sink));
    field.crowd(3, |number, attempt| {
        if number == 0 {
            let stream = sink.lock().ok().and_then(|mut sink| sink.take());
            return match stream {
                Some(stream) => field.read(stream),
                None => field.read(field.irc_user(&format!("sink{attempt}"))?.into_stream()),
            };
        }
        let id = 10_000 * (number + 1) + attempt;
        let client = field.client(id, "loud")?;
        let chat = wire::chat(id, sink_id, &text);
        field.flood(client.into_stream(), |_| chat.clone())
    });
    Ok(())
}
