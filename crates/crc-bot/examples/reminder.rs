//! Reminds people: whisper `remind me in 5m to turn the tide`, or say it in #reef.
//!
//! Arguments: servers; none for localhost:33300.

use std::collections::HashMap;
use std::time::Duration;

use crc_bot::{Bot, Error, Event, Message, Timer};

fn main() -> Result<(), Error> {
    let bot = Bot::builder("reminder")
        .servers(std::env::args().skip(1))
        .join("#reef")
        .close_on_signals()
        .connect()?;
    let mut reminders: HashMap<Timer, (Message, String)> = HashMap::new();
    for event in &bot {
        match event? {
            Event::Message(message) => match parse(&message.text) {
                Some((after, what)) => {
                    let (timer, what) = (bot.set_timer(after)?, what.to_owned());
                    bot.reply(&message, format!("I will, {}.", message.from))?;
                    reminders.insert(timer, (message, what));
                }
                None if message.channel.is_none() => {
                    bot.reply(&message, "Say: remind me in 5m to turn the tide")?;
                }
                None => {}
            },
            Event::Timer(timer) => {
                if let Some((message, what)) = reminders.remove(&timer) {
                    bot.reply(&message, format!("{}: {what}", message.from))?;
                }
            }
            _ => {}
        }
    }
    bot.close()
}

/// `remind me in 5m to turn the tide` or `remind me in 90s: tea`: the time and the text.
fn parse(text: &str) -> Option<(Duration, &str)> {
    let rest = text.strip_prefix("remind me in ")?;
    let (time, what) = rest.split_once([' ', ':'])?;
    let digits = time.strip_suffix(['s', 'm', 'h'])?;
    let seconds = match time.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        _ => 3600,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
    let what = what.trim_start();
    Some((
        Duration::from_secs(seconds),
        what.strip_prefix("to ").unwrap_or(what),
    ))
}
