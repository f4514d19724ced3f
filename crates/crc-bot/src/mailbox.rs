//! What the thread of the connection and the threads of the program share: the events that wait
//! for the program, and how much waits to be sent.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::Error;
use crate::event::{Event, Timer};

/// How many timers a bot may have.
const TIMERS_MAX: usize = 100_000;

/// The limits of a mailbox, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailboxLimits {
    /// The events that wait for the program.
    pub(crate) events: usize,
    /// The messages and commands that wait to be sent.
    pub(crate) outgoing: usize,
    /// How many attempts to connect may fail before the first one that succeeds, for a program that
    /// waits for it.
    pub(crate) attempts: usize,
}

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Mailbox {
    limits: MailboxLimits,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    event_bytes: usize,
    /// How many events were dropped since the program has taken one.
    missed: u64,
    /// The timers that are set, or due and not taken.
    timers: BTreeSet<Timer>,
    due: VecDeque<Timer>,
    last_timer: u64,
    outgoing_bytes: usize,
    first_attempt: FirstAttempt,
    /// The bot is about to end, and takes no more messages.
    is_closing: bool,
    end: Option<End>,
    wakers: Vec<Waker>,
}

/// How the first connection comes about.
#[derive(Debug, Default)]
enum FirstAttempt {
    #[default]
    Begun,
    Failed {
        times: usize,
        why: Error,
    },
    Connected,
}

/// How the bot has ended.
#[derive(Debug)]
struct End {
    failure: Option<Error>,
    is_failure_taken: bool,
    unsent: usize,
}

impl Mailbox {
    pub(crate) fn new(limits: MailboxLimits) -> Self {
        Mailbox {
            limits,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics with the lock held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_while(state, condition);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all threads and tasks that wait that something has changed.
    fn notify(&self, mut state: MutexGuard<'_, State>) {
        let wakers = core::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The thread of the connection.
impl Mailbox {
    /// Adds an event. The oldest ones go when there are too many.
    pub(crate) fn push(&self, event: Event) {
        let mut state = self.lock();
        if let Event::Connected { .. } = event {
            state.first_attempt = FirstAttempt::Connected;
        }
        state.event_bytes += event.bytes();
        state.events.push_back(event);
        while state.event_bytes > self.limits.events && state.events.len() > 1 {
            let dropped = state.events.pop_front();
            state.event_bytes -= dropped.map_or(0, |event| event.bytes());
            state.missed += 1;
        }
        self.notify(state);
    }

    pub(crate) fn on_timer_due(&self, timer: Timer) {
        let mut state = self.lock();
        if !state.timers.contains(&timer) {
            // The program has cancelled it meanwhile.
            return;
        }
        state.due.push_back(timer);
        self.notify(state);
    }

    /// An attempt to connect has failed.
    pub(crate) fn on_attempt_failed(&self, why: Error) {
        let mut state = self.lock();
        let times = match state.first_attempt {
            FirstAttempt::Begun => 1,
            FirstAttempt::Failed { times, .. } => times + 1,
            FirstAttempt::Connected => return,
        };
        state.first_attempt = FirstAttempt::Failed { times, why };
        self.notify(state);
    }

    /// A message or command waits no more.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.outgoing_bytes = state.outgoing_bytes.saturating_sub(bytes);
        self.notify(state);
    }

    pub(crate) fn set_closing(&self) {
        let mut state = self.lock();
        state.is_closing = true;
        self.notify(state);
    }

    /// The bot has ended. Only the first call counts.
    pub(crate) fn end(&self, failure: Option<Error>, unsent: usize) {
        let mut state = self.lock();
        state.is_closing = true;
        state.end.get_or_insert(End {
            failure,
            is_failure_taken: false,
            unsent,
        });
        self.notify(state);
    }
}

/// The threads of the program.
impl Mailbox {
    /// Waits until the first connection is there, or has failed too often.
    pub(crate) fn wait_connected(&self) -> Result<(), Error> {
        let attempts_max = self.limits.attempts;
        let state = self.wait(self.lock(), |state| {
            let undecided = match &state.first_attempt {
                FirstAttempt::Begun => true,
                FirstAttempt::Failed { times, .. } => *times < attempts_max,
                FirstAttempt::Connected => false,
            };
            undecided && state.end.is_none()
        });
        if let FirstAttempt::Connected = state.first_attempt {
            return Ok(());
        }
        let ended = state.end.as_ref();
        if let Some(failure) = ended.and_then(|end| end.failure.clone()) {
            return Err(failure);
        }
        match &state.first_attempt {
            FirstAttempt::Failed { why, .. } if ended.is_none() => Err(why.clone()),
            _ => Err(Error::Ended),
        }
    }

    /// The next event. Waits for it.
    pub(crate) fn next(&self) -> Option<Result<Event, Error>> {
        self.wait(self.lock(), |state| !state.has_next()).take()
    }

    /// The next event. Waits for it for `timeout` at most; `Ok(None)` when none has come.
    pub(crate) fn next_timeout(&self, timeout: Duration) -> Option<Result<Option<Event>, Error>> {
        let waiting = |state: &mut State| !state.has_next();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, waiting);
        let (mut state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() && !state.has_next() {
            return Some(Ok(None));
        }
        state.take().map(|next| next.map(Some))
    }

    /// The next event, for a task.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        let mut state = self.lock();
        if state.has_next() {
            return Poll::Ready(state.take());
        }
        state.wake_later(cx);
        Poll::Pending
    }

    /// Whether half of the messages and commands that may wait would find room, for a task.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.outgoing_bytes <= self.limits.outgoing / 2 || state.is_closing {
            return Poll::Ready(());
        }
        state.wake_later(cx);
        Poll::Pending
    }

    /// Waits until there is room for a message or command of this size.
    pub(crate) fn acquire(&self, bytes: usize) -> Result<(), Error> {
        let max = self.limits.outgoing;
        let mut state = self.wait(self.lock(), |state| {
            let is_full = state.outgoing_bytes > 0 && state.outgoing_bytes + bytes > max;
            is_full && !state.is_closing
        });
        if state.is_closing {
            return Err(Error::Ended);
        }
        state.outgoing_bytes += bytes;
        Ok(())
    }

    pub(crate) fn add_timer(&self) -> Result<Timer, Error> {
        let mut state = self.lock();
        if state.is_closing {
            return Err(Error::Ended);
        }
        if state.timers.len() >= TIMERS_MAX {
            return Err(Error::TooManyTimers(TIMERS_MAX));
        }
        state.last_timer += 1;
        let timer = Timer(state.last_timer);
        state.timers.insert(timer);
        Ok(timer)
    }

    pub(crate) fn remove_timer(&self, timer: Timer) {
        let mut state = self.lock();
        if state.timers.remove(&timer) {
            state.due.retain(|due| *due != timer);
        }
    }

    /// Waits until the bot has ended.
    pub(crate) fn wait_end(&self) -> Result<(), Error> {
        let state = self.wait(self.lock(), |state| state.end.is_none());
        match &state.end {
            Some(End {
                failure: Some(failure),
                ..
            }) => Err(failure.clone()),
            Some(End { unsent, .. }) if *unsent > 0 => Err(Error::Unsent(*unsent)),
            _ => Ok(()),
        }
    }
}

impl State {
    /// Has the task polled again when something has changed.
    fn wake_later(&mut self, cx: &Context<'_>) {
        if !self.wakers.iter().any(|known| known.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
    }

    /// Whether there is something to take, or nothing more will be.
    fn has_next(&self) -> bool {
        !self.due.is_empty() || !self.events.is_empty() || self.end.is_some()
    }

    /// The next event; `None` at the end.
    fn take(&mut self) -> Option<Result<Event, Error>> {
        if let Some(timer) = self.due.pop_front() {
            self.timers.remove(&timer);
            return Some(Ok(Event::Timer(timer)));
        }
        if self.missed > 0 {
            let missed = core::mem::take(&mut self.missed);
            return Some(Ok(Event::Lagged { missed }));
        }
        if let Some(event) = self.events.pop_front() {
            self.event_bytes -= event.bytes();
            return Some(Ok(event));
        }
        let end = self.end.as_mut()?;
        let is_taken = core::mem::replace(&mut end.is_failure_taken, true);
        let failure = end.failure.clone().filter(|_| !is_taken)?;
        Some(Err(failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(events: usize) -> Mailbox {
        Mailbox::new(MailboxLimits {
            events,
            outgoing: 100,
            attempts: 2,
        })
    }

    fn lagged(missed: u64) -> Event {
        Event::Lagged { missed }
    }

    fn status(text: &str) -> Event {
        Event::Refused {
            channel: None,
            text: text.to_owned(),
        }
    }

    fn take(mailbox: &Mailbox) -> Option<Event> {
        mailbox.next().map(Result::unwrap)
    }

    #[test]
    fn the_oldest_events_are_dropped_and_counted() {
        let mailbox = mailbox(3 * status("a").bytes());
        for text in ["a", "b", "c", "d", "e"] {
            mailbox.push(status(text));
        }
        assert_eq!(take(&mailbox), Some(lagged(2)));
        assert_eq!(take(&mailbox), Some(status("c")));
        mailbox.push(status(&"x".repeat(10_000)));
        assert_eq!(take(&mailbox), Some(lagged(2)));
        assert_eq!(take(&mailbox), Some(status(&"x".repeat(10_000))));
        mailbox.end(None, 0);
        assert_eq!(take(&mailbox), None);
    }

    #[test]
    fn a_timer_that_is_due_is_not_dropped_and_a_cancelled_one_not_given() {
        let mailbox = mailbox(1);
        let timers = [(); 3].map(|()| mailbox.add_timer().unwrap());
        for timer in timers {
            mailbox.on_timer_due(timer);
            mailbox.push(status("a"));
        }
        mailbox.remove_timer(timers[1]);
        assert_eq!(take(&mailbox), Some(Event::Timer(timers[0])));
        assert_eq!(take(&mailbox), Some(Event::Timer(timers[2])));
        assert_eq!(take(&mailbox), Some(lagged(2)));
    }

    #[test]
    fn a_failure_is_given_once_behind_the_events() {
        let mailbox = mailbox(1_000);
        mailbox.push(status("a"));
        mailbox.end(Some(Error::Refused("full".to_owned())), 3);
        mailbox.end(None, 0);
        assert_eq!(take(&mailbox), Some(status("a")));
        assert!(matches!(mailbox.next(), Some(Err(Error::Refused(_)))));
        assert!(mailbox.next().is_none());
        assert!(matches!(mailbox.wait_end(), Err(Error::Refused(_))));
        assert!(matches!(mailbox.acquire(1), Err(Error::Ended)));
    }

    #[test]
    fn the_first_connection_fails_when_each_server_has() {
        let refused = || Error::Refused("no".to_owned());
        let mailbox = mailbox(1_000);
        mailbox.on_attempt_failed(refused());
        mailbox.on_attempt_failed(refused());
        assert!(matches!(mailbox.wait_connected(), Err(Error::Refused(_))));
    }
}
