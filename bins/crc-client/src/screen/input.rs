//! Lines that the user has typed: commands of the client, commands of the screen, and texts,
//! which go to the window in which they were typed.

use super::line::{Line, LineKind};
use super::state::{Now, Overlay, PENDING_MAX, State};
use super::window::{Window, With};
use crate::command::{Command, Target};
use crate::queue::Input;
use crate::shown::shown;
use crate::text;

/// The commands of the screen, as the help lists them.
pub(crate) const SCREEN_COMMANDS: &str = "  \
  /window N       show window N: its number, or a part of its name
  /search TEXT    find TEXT in this window
  /clear          forget the lines of this window";

/// Their names.
pub(crate) const SCREEN_NAMES: [&str; 3] = ["/clear", "/search", "/window"];

const NO_TARGET: &str =
    "This window is with the server. Use /join #channel, /to NAME or /msg NAME TEXT";

/// A text that cannot be sent. The user has been told why.
#[derive(Debug)]
pub(super) struct NotSaid;

impl State {
    /// The user has entered the line of this window.
    pub(super) fn enter(&mut self, now: &Now) {
        if !self.has_room() {
            self.hint =
                Some("The client is busy. The line stays here: press Enter again".to_owned());
            return;
        }
        let is_secret = self.secret_from().is_some();
        let line = self.window_mut().editor.take();
        if self.awaits_password_of().is_some() {
            let command = self.parser.parse(&line);
            self.send(Input::Line(command));
            return;
        }
        match is_secret {
            true => self.history.leave(),
            false => self.history.add(&line),
        }
        // A search scrolls.
        self.window_mut().bottom = None;
        if !self.execute_here(&line, now) {
            match self.parser.parse(&line) {
                Ok(command) => {
                    if let Err(NotSaid) = self.execute(command, now) {
                        self.window_mut().editor.refuse(&line);
                    }
                }
                Err(error) => self.error(self.active, &shown(&error.to_string()), now),
            }
        }
    }

    /// Executes a command of the screen. Whether it was one.
    fn execute_here(&mut self, line: &str, now: &Now) -> bool {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match command {
            "/clear" => self.window_mut().clear(),
            "/search" if rest.is_empty() => {
                self.error(self.active, "The text is missing. Use /search TEXT", now);
            }
            "/search" => {
                self.start_search();
                self.search_for(rest);
            }
            "/window" => self.switch_to_named(rest, now),
            _ => return false,
        }
        true
    }

    fn switch_to_named(&mut self, name: &str, now: &Now) {
        let by_number = name.parse::<usize>().ok().filter(|number| *number > 0);
        let lower = name.to_lowercase();
        let by_name = || {
            let titles = self.windows.iter().map(|it| it.title().to_lowercase());
            let mut titles = titles.enumerate();
            titles.find(|(_, title)| !lower.is_empty() && title.contains(&lower))
        };
        match (by_number, by_name()) {
            (Some(number), _) => self.switch_to(number - 1),
            (None, Some((index, _))) => self.switch_to(index),
            (None, None) => {
                let text = "There is no such window. Use /window NUMBER or /window NAME";
                self.error(self.active, text, now);
            }
        }
    }

    /// Closes the window, and leaves its channel.
    fn close_window(&mut self, now: &Now) {
        let index = self.active;
        match self.window().with.clone() {
            With::Server => {
                let text = "The server's window stays. Use /quit to leave";
                self.error(index, text, now);
                return;
            }
            With::Channel(channel) if self.is_online() => {
                if self.window().is_joined {
                    self.send_part(&channel);
                }
            }
            // The client would join it again.
            With::Channel(channel) => self.closed.push(channel),
            With::Person { .. } => {}
        }
        self.pending
            .retain(|(with, _)| *with != self.windows[index].with);
        self.remove_window(index);
    }

    pub(super) fn send_part(&mut self, channel: &str) {
        self.send(Input::Line(Ok(Command::Part {
            channel: Some(channel.to_owned()),
            text: String::new(),
        })));
    }

    fn execute(&mut self, command: Command, now: &Now) -> Result<(), NotSaid> {
        let here = match &self.window().with {
            With::Channel(channel) => Some(channel.clone()),
            _ => None,
        };
        match command {
            Command::Empty => {
                // The next line may be a password.
                if self.awaits_password_of().is_none() {
                    self.send(Input::Line(Ok(Command::Empty)));
                }
            }
            Command::Help => self.overlay = Overlay::Help(0),
            Command::Close => self.close_window(now),
            Command::Text { text } => return self.say(self.active, &text, now),
            Command::Me { text } => {
                let text = text::as_action(&text);
                return self.say(self.active, &text, now);
            }
            Command::Msg { to, text } => return self.say_to(to, text, now),
            Command::Notice { to, text } => {
                if self.is_online() {
                    self.echo_to(&to, LineKind::Notice, &text, now);
                }
                self.send(Input::Line(Ok(Command::Notice { to, text })));
            }
            Command::To { to: Some(to) } => self.show_conversation(to, now),
            Command::To { to: None } => self.switch_to(0),
            Command::Join { channel, key } => {
                if let Some(index) = self.channel_window(&channel)
                    && self.windows[index].is_joined
                {
                    self.switch_to(index);
                    return Ok(());
                }
                self.wanted
                    .retain(|name| !name.eq_ignore_ascii_case(&channel));
                self.wanted.push(channel.clone());
                self.closed
                    .retain(|name| !name.eq_ignore_ascii_case(&channel));
                self.send(Input::Line(Ok(Command::Join { channel, key })));
            }
            command => {
                let command = command.in_channel(here);
                self.tell_invitation(&command, now);
                self.send(Input::Line(Ok(command)));
            }
        }
        Ok(())
    }

    /// The server answers invitations only if it refuses them.
    fn tell_invitation(&mut self, command: &Command, now: &Now) {
        if let Command::Invite {
            channel: Some(channel),
            name,
        } = command
            && self.names.resolve(name).is_some()
            && self
                .channel_window(channel)
                .is_some_and(|index| self.windows[index].is_joined)
        {
            let text = format!("you invite {} to {}", shown(name), shown(channel));
            self.event(self.active, &text, now);
        }
    }

    /// `/to`: shows the conversation, or leaves the present one shown.
    fn show_conversation(&mut self, to: Target, now: &Now) {
        match to {
            Target::Channel(channel) => match self.channel_window(&channel) {
                Some(index) => self.switch_to(index),
                None => {
                    let channel = shown(&channel);
                    let text = format!("You are not in {channel}. Use /join {channel}");
                    self.error(self.active, &text, now);
                }
            },
            Target::Client(name) => match self.names.resolve(&name) {
                Some(id) => {
                    let name = self.names.get(id).map_or(name, str::to_owned);
                    let id = Some(id);
                    let index = self.open(With::Person { name, id });
                    self.switch_to(index);
                }
                None => {
                    let candidates = self.names.iter().filter(|(_, known)| *known == name);
                    let ids: Vec<_> = candidates.map(|(id, _)| id.to_string()).collect();
                    let name = shown(&name);
                    let text = match ids[..] {
                        [] if self.is_online() => {
                            format!("No client is named {name}. Use /who")
                        }
                        [] => "You are not connected. Wait until you are".to_owned(),
                        _ => format!(
                            "Several clients are named {name}. Use an id: {}",
                            ids.join(", ")
                        ),
                    };
                    self.error(self.active, &text, now);
                }
            },
        }
    }

    /// `/msg`: what is said is shown in its conversation, which stays in the background, and in
    /// short where the user looks.
    fn say_to(&mut self, to: Target, text: String, now: &Now) -> Result<(), NotSaid> {
        let index = match &to {
            Target::Channel(channel) => self.channel_window(channel),
            Target::Client(name) => self.names.resolve(name).map(|id| {
                let name = self.names.get(id).unwrap_or(name).to_owned();
                self.open(With::Person { name, id: Some(id) })
            }),
        };
        match index {
            Some(index) if index > 0 => {
                self.say(index, &text, now)?;
                if index != self.active {
                    let to = self.title(&self.windows[index]);
                    let text = format!("to {to}: {}", shown(&text));
                    self.event(self.active, &text, now);
                }
            }
            // The client says what is wrong.
            _ => self.send(Input::Line(Ok(Command::Msg { to, text }))),
        }
        Ok(())
    }

    /// Sends a text to whom a window is with. Without a connection it waits there.
    ///
    /// # Errors
    ///
    /// The text cannot be sent. The user has been told why, in the window that is shown.
    pub(super) fn say(&mut self, index: usize, text: &str, now: &Now) -> Result<(), NotSaid> {
        let window = &self.windows[index];
        let with = window.with.clone();
        if let With::Person { .. } = with
            && self.is_online()
            && self.target_of(&with).is_none()
        {
            let error = format!("{} is not here", self.title(window));
            self.error(self.active, &error, now);
            return Err(NotSaid);
        }
        if with == With::Server {
            self.error(self.active, NO_TARGET, now);
            return Err(NotSaid);
        };
        if matches!(with, With::Channel(_)) && self.is_online() && !window.is_joined {
            let channel = shown(window.title());
            let error = format!("You are not in {channel}. Use /join {channel}");
            self.error(self.active, &error, now);
            return Err(NotSaid);
        }
        if !self.is_online() {
            if self.pending.len() >= PENDING_MAX {
                self.hint = Some("Too many lines wait for the connection".to_owned());
                return Err(NotSaid);
            }
            self.pending.push_back((with, text.to_owned()));
            self.echo(index, LineKind::Pending, text, now);
            return Ok(());
        }
        let Some(to) = self.target_of(&with) else {
            return Err(NotSaid);
        };
        self.echo(index, LineKind::Chat, text, now);
        let text = text.to_owned();
        self.send(Input::Line(Ok(Command::Msg { to, text })));
        Ok(())
    }

    /// Sends what has waited for the connection: in the window of a channel as soon as the user
    /// is in it again; to persons once the client knows who is there.
    pub(super) fn flush_pending(&mut self, joined: Option<usize>, now: &Now) {
        if !self.is_online() {
            return;
        }
        let joined = joined.map(|index| self.windows[index].with.clone());
        let pending = core::mem::take(&mut self.pending);
        for (with, text) in pending {
            let is_due = match (&with, &joined) {
                (With::Channel(_), joined) => joined.as_ref() == Some(&with),
                (_, joined) => joined.is_none(),
            };
            let index = self.window_of_pending(&with);
            if !is_due {
                self.pending.push_back((with, text));
                continue;
            }
            let Some(index) = index else {
                let text = format!(
                    "This was not sent, since its window is gone: {}",
                    shown(&text)
                );
                self.error(0, &text, now);
                continue;
            };
            let with = self.windows[index].with.clone();
            let text_shown = shown(without_action(&text));
            match self.target_of(&with) {
                Some(to) => {
                    let kind = kind_of(&text, LineKind::Chat);
                    self.windows[index].settle_pending(&text_shown, kind);
                    self.send(Input::Line(Ok(Command::Msg { to, text })));
                }
                _ => {
                    self.windows[index].settle_pending(&text_shown, LineKind::Error);
                    let name = self.title(&self.windows[index]);
                    self.error(
                        index,
                        &format!("{name} is not here: this was not sent"),
                        now,
                    );
                }
            }
        }
    }

    /// The window in which a line waits: the person may have another id than when it was typed.
    fn window_of_pending(&self, with: &With) -> Option<usize> {
        let With::Person { name, id } = with else {
            return self.windows.iter().position(|it| it.with == *with);
        };
        let of_name = || {
            let is_of_name = |window: &Window| matches!(&window.with, With::Person { name: known, .. } if known == name);
            let mut windows = self.windows.iter().enumerate();
            let mut same = windows.by_ref().filter(|(_, window)| is_of_name(window));
            let (index, _) = same.next()?;
            // Of two persons with the name it could be either.
            same.next().is_none().then_some(index)
        };
        let of_id = id.and_then(|id| self.person_window(id));
        of_id.or_else(of_name)
    }

    /// Shows what the user says.
    fn echo(&mut self, index: usize, kind: LineKind, text: &str, now: &Now) {
        let kind = match kind {
            LineKind::Chat => kind_of(text, LineKind::Chat),
            kind => kind,
        };
        let line = Line {
            seq: 0,
            at: now.moment.clone(),
            kind,
            who: self.name.clone(),
            is_own: true,
            is_mention: false,
            text: shown(without_action(text)),
        };
        self.windows[index].bottom = None;
        self.push(index, line, false);
    }

    fn echo_to(&mut self, to: &Target, kind: LineKind, text: &str, now: &Now) {
        let index = match to {
            Target::Channel(channel) => self.channel_window(channel),
            Target::Client(name) => self
                .names
                .resolve(name)
                .and_then(|id| self.person_window(id)),
        };
        if let Some(index) = index {
            self.echo(index, kind, text, now);
        } else if let Target::Client(name) = to
            && self.names.resolve(name).is_some()
        {
            let text = format!("notice to {}: {}", shown(name), shown(text));
            self.event(self.active, &text, now);
        }
    }
}

fn kind_of(text: &str, other: LineKind) -> LineKind {
    match text::action(text) {
        Some(_) => LineKind::Action,
        None => other,
    }
}

fn without_action(text: &str) -> &str {
    text::action(text).unwrap_or(text)
}
