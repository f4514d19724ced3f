//! The events as a stream, in tokio.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;

use std::pin::pin;

use crc_bot::{Event, EventStream};
use futures_core::Stream;
use futures_core::stream::FusedStream;

use fixture::{TestServer, next_notice, wait_entered};

async fn next(stream: &mut EventStream) -> Option<Event> {
    let mut stream = pin!(stream);
    let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
    next.map(Result::unwrap)
}

#[test]
fn an_echo_bot_runs_in_tokio_and_ends() {
    let server = TestServer::start();
    let ann = server.bot("ann").join("#reef").connect().unwrap();
    wait_entered(&ann, "#reef");
    let bot = server.bot("bot").join("#reef").start().unwrap();
    let mut stream = bot.stream();
    let echo = async move {
        while let Some(event) = next(&mut stream).await {
            match event {
                Event::Entered { .. } => bot.say("ann", "ready").unwrap(),
                Event::Message(message) => {
                    bot.ready().await;
                    bot.reply(&message, &message.text).unwrap();
                    if message.text == "end" {
                        bot.quit("");
                    }
                }
                _ => {}
            }
        }
        assert!(stream.is_terminated());
        assert!(bot.next_event().await.is_none());
        bot.close().unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let thread = std::thread::spawn(move || {
        let runtime = runtime.unwrap();
        runtime.block_on(async { tokio::spawn(echo).await.unwrap() });
    });
    assert_eq!(fixture::next_message(&ann).text, "ready");
    for text in ["one", "two", "end"] {
        ann.say("#reef", text).unwrap();
        assert_eq!(next_notice(&ann).text, text);
    }
    thread.join().unwrap();
}
