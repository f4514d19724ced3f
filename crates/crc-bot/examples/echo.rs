//! Repeats what is said to it and in #reef. Arguments: servers; none for localhost:33300.
use crc_bot::{Bot, Error, Event};

fn main() -> Result<(), Error> {
    let bot = Bot::builder("echo")
        .servers(std::env::args().skip(1))
        .join("#reef")
        .connect()?;
    for event in &bot {
        if let Event::Message(message) = event? {
            bot.reply(&message, &message.text)?;
        }
    }
    bot.close()
}
