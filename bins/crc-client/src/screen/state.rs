//! What the screen shows: the windows, the connection, the line that is being typed. It knows no
//! terminal, thread or clock; events and keys go in, inputs for the client come out.

use std::collections::VecDeque;
use std::time::Instant;

use crc_wire::HostId;
use ratatui::layout::Rect;

use super::complete::Cycle;
use super::editor::{Editor, History};
use super::line::{Line, LineKind};
use super::options::ScreenOptions;
use super::window::{Pane, Window, With};
use crate::clock::{Clock, Moment};
use crate::command::Target;
use crate::completion::Completer;
use crate::lines::LineParser;
use crate::mention;
use crate::names::Names;
use crate::queue::Input;
use crate::shown::shown;
use crate::{text, wrap};

/// How many lines may wait for a connection.
pub(crate) const PENDING_MAX: usize = 100;

/// How many windows there may be. Clients that write when there are more share the server's.
pub(crate) const WINDOWS_MAX: usize = 500;

/// How many inputs may wait for the client.
pub(crate) const INPUTS_MAX: usize = 1_000;

/// The time, when something happens.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) moment: Moment,
}

impl Now {
    pub(super) fn of(clock: &mut Clock) -> Now {
        Now {
            instant: Instant::now(),
            moment: clock.now(),
        }
    }
}

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// The client has not dialled yet, or waits for the server's answer.
    Connecting { server: String },
    /// The server has accepted the client.
    Online { server: String },
    /// There is none.
    Offline { retry_at: Option<Instant> },
}

/// What covers the windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Overlay {
    None,
    /// The help, scrolled by this many rows.
    Help(usize),
    /// Lines that were pasted: the user is asked what to do with them.
    Paste(Vec<String>),
    /// A search: the text, and the line that was found last.
    Search {
        text: Editor,
        found: Option<u64>,
    },
}

/// What the terminal is to do besides showing the windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    pub(crate) bell: bool,
    pub(crate) notification: Option<String>,
}

/// Where the name of a window stands on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tab {
    pub(crate) area: Rect,
    /// The window's place.
    pub(crate) index: usize,
}

/// What the user asks of the screen itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Draw all anew.
    Redraw,
    /// Stop the program, until the shell continues it.
    Suspend,
}

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: ScreenOptions,
    pub(crate) name: String,
    /// Whether the server says that the user is away.
    pub(crate) is_away: bool,
    pub(crate) connection: Connection,
    pub(super) names: Names,
    /// Whether the number of clients was shown at this server.
    pub(super) is_counted: bool,
    pub(crate) windows: Vec<Window>,
    pub(crate) active: usize,
    pub(super) previous: usize,
    pub(crate) overlay: Overlay,
    pub(crate) shows_members: bool,
    /// The shape of what shows lines, as it was drawn last.
    pub(crate) pane: Pane,
    /// Where the windows are listed, as that was drawn last.
    pub(crate) tabs: Vec<Tab>,
    pub(super) parser: LineParser,
    pub(super) history: History,
    pub(super) completer: Completer,
    pub(super) cycle: Option<Cycle>,
    /// Channels that the user has asked to join.
    pub(super) wanted: Vec<String>,
    /// Channels whose windows were closed without a connection.
    pub(super) closed: Vec<String>,
    /// What was typed without a connection, and where.
    pub(super) pending: VecDeque<(With, String)>,
    inputs: VecDeque<Input>,
    pub(super) signals: Signals,
    pub(super) request: Option<Request>,
    pub(super) is_focused: bool,
    /// A short answer to the last key.
    pub(crate) hint: Option<String>,
    pub(super) may_quit: bool,
    /// The loss of the connection, as long as the windows do not show it: the client may be with
    /// another server in a moment.
    pub(super) loss: Option<String>,
}

impl State {
    pub(crate) fn new(options: ScreenOptions, name: &str, server: &str) -> State {
        State {
            options,
            name: shown(name),
            is_away: false,
            connection: Connection::Connecting {
                server: server.to_owned(),
            },
            names: Names::default(),
            is_counted: false,
            windows: vec![Window::new(With::Server)],
            active: 0,
            previous: 0,
            overlay: Overlay::None,
            shows_members: true,
            pane: Pane::default(),
            tabs: Vec::new(),
            parser: LineParser::default(),
            history: History::default(),
            completer: Completer::default(),
            cycle: None,
            wanted: Vec::new(),
            closed: Vec::new(),
            pending: VecDeque::new(),
            inputs: VecDeque::new(),
            signals: Signals::default(),
            request: None,
            is_focused: true,
            hint: None,
            may_quit: false,
            loss: None,
        }
    }

    pub(crate) fn window(&self) -> &Window {
        &self.windows[self.active]
    }

    pub(crate) fn window_mut(&mut self) -> &mut Window {
        &mut self.windows[self.active]
    }

    pub(crate) fn is_online(&self) -> bool {
        matches!(self.connection, Connection::Online { .. })
    }

    /// Takes the inputs for the client out.
    pub(crate) fn take_inputs(&mut self) -> VecDeque<Input> {
        core::mem::take(&mut self.inputs)
    }

    /// Puts inputs back for which the client has no room yet.
    pub(crate) fn put_back(&mut self, mut inputs: VecDeque<Input>) {
        inputs.append(&mut self.inputs);
        self.inputs = inputs;
    }

    pub(super) fn has_room(&self) -> bool {
        self.inputs.len() < INPUTS_MAX
    }

    pub(super) fn send(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// Takes out what the terminal is to do.
    pub(crate) fn take_signals(&mut self) -> Signals {
        core::mem::take(&mut self.signals)
    }

    /// Takes out what the user asks of the screen.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// The operator whose password is being typed.
    pub(crate) fn awaits_password_of(&self) -> Option<&str> {
        self.parser.awaits_password_of()
    }

    /// Where the line that is being typed begins to be secret.
    pub(crate) fn secret_from(&self) -> Option<usize> {
        self.parser.secret_from(self.window().editor.text())
    }
}

/// Windows.
impl State {
    pub(super) fn channel_window(&self, name: &str) -> Option<usize> {
        self.windows
            .iter()
            .position(|window| window.is_channel(name))
    }

    pub(super) fn person_window(&self, id: HostId) -> Option<usize> {
        let is_with = |window: &Window| matches!(&window.with, With::Person { id: Some(with), .. } if *with == id);
        self.windows.iter().position(is_with)
    }

    /// Opens a window, or finds it.
    pub(super) fn open(&mut self, with: With) -> usize {
        let known = match &with {
            With::Server => Some(0),
            With::Channel(name) => self.channel_window(name),
            With::Person { name, id } => {
                let by_id = id.and_then(|id| self.person_window(id));
                // The client may have come back with another id.
                let by_name = || {
                    self.windows.iter().position(|window| {
                        matches!(&window.with, With::Person { name: known, id: with }
                            if known == name && with.is_none_or(|id| !self.names.contains(id)))
                    })
                };
                by_id.or_else(by_name)
            }
        };
        if let Some(index) = known {
            if let With::Person { id: Some(_), .. } = with {
                self.windows[index].with = with;
            }
            return index;
        }
        if self.windows.len() >= WINDOWS_MAX {
            return 0;
        }
        self.windows.push(Window::new(with));
        self.windows.len() - 1
    }

    /// Shows a window.
    pub(super) fn switch_to(&mut self, index: usize) {
        if index >= self.windows.len() {
            self.hint = Some(format!("There is no window {}", index + 1));
            return;
        }
        self.overlay = Overlay::None;
        self.cycle = None;
        self.history.leave();
        if index == self.active {
            return;
        }
        self.leave_window();
        self.previous = self.active;
        self.active = index;
        let window = self.window_mut();
        (window.unread, window.mentions) = (0, 0);
    }

    /// The user looks elsewhere.
    fn leave_window(&mut self) {
        if self.secret_from().is_some() {
            // A password is not left behind.
            self.window_mut().editor = Editor::default();
            self.parser.cancel();
        }
        let window = self.window_mut();
        window.seen = window.last_seq();
    }

    /// The user looks at the terminal, or no longer.
    pub(crate) fn set_focused(&mut self, is_focused: bool) {
        self.is_focused = is_focused;
        let window = self.window_mut();
        match is_focused {
            true => (window.unread, window.mentions) = (0, 0),
            false => window.seen = window.last_seq(),
        }
    }

    /// Takes a window away.
    pub(super) fn remove_window(&mut self, index: usize) {
        if index == 0 || index >= self.windows.len() {
            return;
        }
        let next = match self.previous {
            previous if previous == index => index - 1,
            previous => previous.min(self.windows.len() - 1),
        };
        if self.active == index {
            self.switch_to(next);
        }
        self.windows.remove(index);
        for place in [&mut self.active, &mut self.previous] {
            if *place > index {
                *place -= 1;
            } else if *place == index {
                *place = 0;
            }
        }
    }

    /// What a window's lines are sent to; `None` for the server's, and if the person is gone. A
    /// client of that name who has come since is another one, and has a window of its own.
    pub(super) fn target_of(&self, with: &With) -> Option<Target> {
        match with {
            With::Server => None,
            With::Channel(name) => Some(Target::Channel(name.clone())),
            With::Person { id: Some(id), name }
                if self.names.contains(*id) || *name == id.to_string() =>
            {
                Some(Target::Client(id.to_string()))
            }
            With::Person { id: Some(_), .. } => None,
            With::Person { id: None, name } => Some(Target::Client(name.clone())),
        }
    }

    /// What a window is called on the screen: with the id of the person, if others have the name.
    pub(crate) fn title(&self, window: &Window) -> String {
        match &window.with {
            With::Person { name, id: Some(id) } => self.names.shown(*id, Some(name)),
            _ => shown(window.title()),
        }
    }

    /// The list of clients is complete: persons that there are windows for may have another id at
    /// this server.
    fn find_persons_again(&mut self) {
        for index in 0..self.windows.len() {
            let With::Person { name, id: Some(id) } = &self.windows[index].with else {
                continue;
            };
            if self.names.contains(*id) {
                continue;
            }
            let same = self.names.iter().filter(|(_, known)| known == name);
            let mut same = same.filter(|(id, _)| self.person_window(*id).is_none());
            if let (Some((id, _)), None) = (same.next(), same.next()) {
                let (name, id) = (name.clone(), Some(id));
                self.windows[index].with = With::Person { name, id };
            }
        }
    }
}

/// Lines.
impl State {
    /// Appends a line to a window. `is_message`: it counts as unread.
    pub(super) fn push(&mut self, index: usize, line: Line, is_message: bool) {
        let is_watched = self.is_focused && index == self.active;
        let window = &mut self.windows[index];
        let is_up_to_date = window.seen == window.last_seq();
        let is_mention = line.is_mention;
        let notification = (is_mention && !is_watched && self.options.notify).then(|| {
            let place = match &window.with {
                With::Channel(channel) => format!(" in {}", shown(channel)),
                _ => String::new(),
            };
            let text = wrap::fit(&line.text, 200);
            format!("{}{place}: {text}", line.who)
        });
        window.push(line);
        if is_watched {
            if is_up_to_date {
                window.seen = window.last_seq();
            }
            return;
        }
        if is_message {
            window.unread += 1;
            window.mentions += usize::from(is_mention);
        }
        self.signals.bell |= is_mention && self.options.bell;
        if notification.is_some() {
            self.signals.notification = notification;
        }
    }

    /// Appends lines of an event or an error, one for each line of the text.
    pub(super) fn note(&mut self, index: usize, text: &str, now: &Now, kind: &LineKind) {
        for text in text.lines() {
            let line = Line {
                seq: 0,
                at: now.moment.clone(),
                kind: kind.clone(),
                who: String::new(),
                is_own: false,
                is_mention: false,
                text: text.to_owned(),
            };
            self.push(index, line, false);
        }
    }

    pub(super) fn event(&mut self, index: usize, text: &str, now: &Now) {
        self.note(index, text, now, &LineKind::Event);
    }

    pub(super) fn error(&mut self, index: usize, text: &str, now: &Now) {
        self.note(index, text, now, &LineKind::Error);
    }

    pub(super) fn presence(&mut self, index: usize, came: bool, name: &str, now: &Now) {
        let window = &mut self.windows[index];
        let is_up_to_date = window.seen == window.last_seq();
        window.push_presence(came, name, &now.moment);
        if is_up_to_date && (index != self.active || self.is_focused) {
            window.seen = window.last_seq();
        }
    }

    /// Whether a text mentions the user.
    pub(super) fn mentions(&self, text: &str) -> bool {
        mention::mentions(text, &self.name, &self.options.highlights)
    }

    /// The client has the list of all others now: how many there are is shown, once.
    pub(super) fn count_clients(&mut self, now: &Now) {
        self.is_counted = true;
        self.find_persons_again();
        let text = format!("{} and keys", text::others_here(self.names.len()));
        self.event(0, &text, now);
        self.flush_pending(None, now);
    }
}
