//! Joins two channels, perhaps of two networks: what is said in one is said in the other.
//!
//! ```text
//! bridge SERVER CHANNEL SERVER CHANNEL
//! bridge localhost:33300 #reef tls://chat.example.org:33301 #lagoon
//! ```
//!
//! It repeats messages as messages, so that people on the other side may answer them, and skips
//! what other bridges say: it is said as `<ann> hello`, and no bridge repeats a text that begins
//! with `<`. Notices stay where they are.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::process::ExitCode;
use std::thread;

use crc_bot::{Bot, Error, Event};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, channel, other_server, other_channel] = &arguments[..] else {
        eprintln!("usage: bridge SERVER CHANNEL SERVER CHANNEL");
        return ExitCode::from(2);
    };
    match bridge([(server, channel), (other_server, other_channel)]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bridge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bridge(ends: [(&String, &String); 2]) -> Result<(), Error> {
    let connect = |(server, channel): (&String, &String)| {
        let bot = Bot::builder("bridge").server(server).join(channel);
        bot.close_on_signals().connect()
    };
    let (one, two) = (connect(ends[0])?, connect(ends[1])?);
    let (one_channel, two_channel) = (ends[0].1, ends[1].1);
    println!("{one_channel} and {two_channel} are joined");
    thread::scope(|scope| {
        let back = scope.spawn(|| {
            let ended = carry(&two, two_channel, &one, one_channel);
            one.quit("the other side has ended");
            ended
        });
        let ended = carry(&one, one_channel, &two, two_channel);
        two.quit("the other side has ended");
        ended.and(back.join().unwrap_or(Ok(())))
    })?;
    one.close().and(two.close())
}

/// Says in `to_channel` what is said in `from_channel`, until one of the bots ends.
fn carry(from: &Bot, from_channel: &str, to: &Bot, to_channel: &str) -> Result<(), Error> {
    for event in from {
        let Event::Message(message) = event? else {
            continue;
        };
        let is_here = message
            .channel
            .is_some_and(|it| it.eq_ignore_ascii_case(from_channel));
        if !is_here || message.text.starts_with('<') {
            continue;
        }
        let (name, text) = (message.from.name, message.text);
        let said = match message.is_action {
            true => to.say(to_channel, format!("<{name}> * {text}")),
            false => to.say(to_channel, format!("<{name}> {text}")),
        };
        match said {
            Err(Error::Ended) => break,
            other => other?,
        }
    }
    Ok(())
}
