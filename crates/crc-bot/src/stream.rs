//! The events as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::bot::Bot;
use crate::error::Error;
use crate::event::Event;
use crate::mailbox::Mailbox;

impl Bot {
    /// The events as a stream, for tokio or another runtime. It does not end the bot when it is
    /// dropped, and ends when the bot has ended. Each event goes to one stream or iterator.
    #[must_use]
    pub fn stream(&self) -> EventStream {
        EventStream {
            mailbox: Arc::clone(&self.mailbox),
            is_over: false,
        }
    }
}

/// The events of a bot, from [`Bot::stream`].
#[derive(Debug)]
pub struct EventStream {
    mailbox: Arc<Mailbox>,
    is_over: bool,
}

impl Stream for EventStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.mailbox.poll_next(cx);
        self.is_over = matches!(next, Poll::Ready(None));
        next
    }
}

impl FusedStream for EventStream {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}
