//! The first bot of docs/BOTS.md.
#![allow(clippy::print_stdout, reason = "it is a program")]

use crc_bot::{Bot, Error, Event};

fn main() -> Result<(), Error> {
    let bot = Bot::builder("tide")
        .server("localhost:33300")
        .join("#reef")
        .close_on_signals()
        .connect()?;
    for event in &bot {
        match event? {
            Event::Message(message) if message.text == "!tide" => {
                bot.reply(&message, format!("{}: the tide comes in.", message.from))?;
            }
            Event::Joined { channel, member } => {
                bot.say(&channel, format!("Welcome, {}! Try !tide", member.user))?;
            }
            Event::Disconnected { reason, .. } => println!("disconnected: {reason}"),
            _ => {}
        }
    }
    bot.close()
}
