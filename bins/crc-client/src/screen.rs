//! The client on the whole screen of a terminal.
//!
//! [`State`] is what is shown: pure, and tested without a terminal. The driver's thread hands it
//! the events, the thread of the screen the keys; the latter draws it, at most 30 times a second,
//! and is the only one that waits for the terminal. A flood of messages therefore costs no more
//! than keeping the lines, and a terminal that does not read holds up nobody but its user.

mod backend;
mod complete;
mod draw;
mod editor;
mod events;
mod input;
mod keys;
mod line;
mod options;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crc_cli::{Backpressure, print_error, suspend};
use crc_core::{Client, Escaped};
use crc_net::{CommandSender, SendError};
use crossterm::event::{self, Event};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;

use crate::clock::Clock;
use crate::event::OutputEvent;
use crate::queue::Input;

use backend::Screenful;
use line::LineKind;
use state::{Now, Request, State};

pub(crate) use options::ScreenOptions;

/// The time between two drawings.
const FRAME: Duration = Duration::from_millis(33);

/// The time between two drawings when nothing happens: clocks and countdowns go on.
const IDLE_FRAME: Duration = Duration::from_secs(1);

/// How long the end waits for a terminal that does not read.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(2);

/// How many messages to the thread of the screen may wait.
const MESSAGES_MAX: usize = 1_024;

/// How many lines of the log may wait to be shown.
const LOG_LINES_MAX: usize = 100;

/// The screen, from the driver's side.
#[derive(Debug)]
pub(crate) struct Screen {
    shared: Arc<Shared>,
    messages: SyncSender<Message>,
    ended: Receiver<()>,
    clock: Clock,
    log: ScreenLog,
}

/// What the two threads share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Whether the thread of the screen knows that the state has changed.
    is_told: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message to the thread of the screen.
enum Message {
    Terminal(Event),
    Changed,
    Stop,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// The error of the terminal, or of a thread that cannot be started.
    pub(crate) fn start(
        options: ScreenOptions,
        client: &Client,
        sender: CommandSender<Input>,
        unhandled: Backpressure,
        log: ScreenLog,
    ) -> io::Result<Screen> {
        let has_mouse = options.mouse;
        let clock = Clock::new(&options.time_format);
        let state = State::new(options, client.name(), &client.server().to_string());
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            is_told: AtomicBool::new(false),
        });
        let (messages, received) = sync_channel(MESSAGES_MAX);
        let (end, ended) = sync_channel(1);
        restore_on_panic();
        enter(has_mouse)?;
        let ui = Ui {
            shared: Arc::clone(&shared),
            terminal: Terminal::new(Screenful::new())?,
            sender: sender.clone(),
            unhandled,
            clock: clock.clone(),
            has_mouse,
            log: log.clone(),
        };
        log.attach();
        let name = |name: &str| thread::Builder::new().name(name.to_owned());
        name("screen").spawn(move || {
            ui.run(&received);
            // The other end may be gone.
            let _ = end.send(());
        })?;
        let keys = messages.clone();
        name("keys").spawn(move || {
            while let Ok(event) = event::read() {
                if keys.send(Message::Terminal(event)).is_err() {
                    return;
                }
            }
            // The terminal is gone.
            let _ = sender.send(Input::Quit);
        })?;
        Ok(Screen {
            shared,
            messages,
            ended,
            clock,
            log,
        })
    }

    /// Shows an event.
    pub(crate) fn render(&mut self, event: &OutputEvent, client: &Client) {
        let now = Now::of(&mut self.clock);
        self.shared.state().on_event(event, client, &now);
        if !self.shared.is_told.swap(true, Ordering::AcqRel) {
            // If many messages wait, the thread is about to draw anyway.
            let _ = self.messages.try_send(Message::Changed);
        }
    }

    /// Restores the terminal.
    pub(crate) fn finish(self) {
        let stopped = self.messages.send(Message::Stop);
        if stopped.is_ok() && self.ended.recv_timeout(RESTORE_TIMEOUT).is_err() {
            // It does not read. What is left to do may still arrive.
            leave();
        }
        for line in self.log.detach() {
            print_error(&line);
        }
    }
}

/// The thread of the screen.
struct Ui {
    shared: Arc<Shared>,
    terminal: Terminal<Screenful>,
    sender: CommandSender<Input>,
    /// Counts the lines that are typed and not handled.
    unhandled: Backpressure,
    clock: Clock,
    has_mouse: bool,
    log: ScreenLog,
}

impl Ui {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut drawn_at: Option<Instant> = None;
        let mut is_changed = true;
        loop {
            let frame = if is_changed { FRAME } else { IDLE_FRAME };
            let due = drawn_at.map_or_else(Instant::now, |at| at + frame);
            let mut next = messages.recv_timeout(due.saturating_duration_since(Instant::now()));
            // All that has come is handled before the next drawing.
            loop {
                match next {
                    Ok(Message::Terminal(event)) => self.on_terminal(event),
                    Ok(Message::Changed) => self.shared.is_told.store(false, Ordering::Release),
                    Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                        leave();
                        return;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                }
                is_changed = true;
                match messages.try_recv() {
                    Ok(message) => next = Ok(message),
                    Err(_) => break,
                }
            }
            self.forward();
            let now = Instant::now();
            let due =
                drawn_at.is_none_or(|at| now >= at + if is_changed { FRAME } else { IDLE_FRAME });
            if due {
                self.show_log();
                if self.draw().is_err() {
                    // The terminal is gone.
                    let _ = self.sender.try_send(Input::Quit);
                }
                drawn_at = Some(Instant::now());
                is_changed = false;
            }
        }
    }

    fn on_terminal(&mut self, event: Event) {
        let now = Now::of(&mut self.clock);
        let request = {
            let mut state = self.shared.state();
            state.on_terminal(event, &now);
            state.take_request()
        };
        if request == Some(Request::Suspend) {
            self.suspend();
        }
        if request.is_some() {
            // An error shows at the next drawing.
            let _ = self.terminal.clear();
        }
    }

    /// Hands what was typed to the client, as far as that has room.
    fn forward(&mut self) {
        let mut inputs = self.shared.state().take_inputs();
        while let Some(input) = inputs.pop_front() {
            let is_line = matches!(input, Input::Line(_));
            if is_line {
                self.unhandled.acquire(usize::MAX);
            }
            match self.sender.try_send(input.clone()) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    if is_line {
                        self.unhandled.release();
                    }
                    inputs.push_front(input);
                    break;
                }
                // The driver has ended.
                Err(SendError::Closed) => return,
            }
        }
        if !inputs.is_empty() {
            self.shared.state().put_back(inputs);
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let shared = &self.shared;
        let mut signals = state::Signals::default();
        self.terminal.draw(|frame| {
            let mut state = shared.state();
            signals = state.take_signals();
            let cursor = draw::draw(&mut state, frame.buffer_mut(), Instant::now());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        })?;
        let writer = self.terminal.backend_mut();
        if signals.bell {
            writer.write_all(b"\x07")?;
        }
        if let Some(text) = signals.notification {
            let text = Escaped(&text).to_string();
            write!(writer, "\x1b]9;{text}\x07")?;
        }
        Write::flush(writer)
    }

    fn show_log(&mut self) {
        let lines = self.log.take();
        if lines.is_empty() {
            return;
        }
        let now = Now::of(&mut self.clock);
        let mut state = self.shared.state();
        for line in lines {
            state.note(0, &Escaped(&line).to_string(), &now, &LineKind::Error);
        }
    }

    /// Stops the program, as the shell would, until the user continues it.
    fn suspend(&mut self) {
        leave();
        let _ = suspend();
        // An error shows at the next drawing.
        let _ = enter(self.has_mouse);
    }
}

fn enter(has_mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = io::stdout();
    execute!(
        out,
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange
    )?;
    if has_mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back as it was found. Errors have no remedy.
fn leave() {
    let mut out = io::stdout();
    let _ = execute!(
        out,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    );
    let _ = disable_raw_mode();
}

/// A panic's message is for the user's terminal, not for the screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave();
            hook(info);
        }));
    });
}

/// Where the log goes: into the server's window, and to standard error while there is no screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScreenLog(Arc<Mutex<Option<VecDeque<String>>>>);

impl ScreenLog {
    fn lines(&self) -> MutexGuard<'_, Option<VecDeque<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attach(&self) {
        self.lines().get_or_insert_default();
    }

    fn detach(&self) -> VecDeque<String> {
        self.lines().take().unwrap_or_default()
    }

    fn take(&self) -> VecDeque<String> {
        self.lines()
            .as_mut()
            .map(core::mem::take)
            .unwrap_or_default()
    }
}

impl Write for ScreenLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim_end().to_owned();
        match &mut *self.lines() {
            Some(lines) => {
                if lines.len() == LOG_LINES_MAX {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            None => print_error(&line),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
