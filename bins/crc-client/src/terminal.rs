//! Somebody at a terminal: edits lines while others talk.
//!
//! Two threads beside the driver's: one edits the line, the other prints, so
//! that the driver never waits for somebody who types. Both end by themselves,
//! or are left alone when the process ends; [`Terminal::finish`] leaves the
//! terminal as it was found in either case. What lines mean is not known here,
//! but for the names that can be completed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crc_core::{ClientNotice, Escaped, is_printable};
use crc_net::{CommandSender, SendError};
use crc_wire::HostId;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};

use crate::desk::{Desk, News, Order};
use crate::face::{write_error, write_line};
use crate::gate::Gate;
use crate::line::{self, Line, Whom};
use crate::text::{self, Palette};

/// How many messages may wait for the terminal.
const MESSAGES_MAX: usize = 1_000;

/// How long the next prompt waits for what the last line led to.
const PROMPT_WITHIN: Duration = Duration::from_millis(1_500);

/// How long it waits for everything to be printed.
const PRINTED_WITHIN: Duration = Duration::from_millis(200);

/// Endpoints the mode in which the terminal marks what is pasted.
const PASTE_MODE_OFF: &str = "\x1b[?2004l";

/// A terminal with somebody at it.
#[derive(Debug)]
pub(crate) struct Terminal {
    palette: Palette,
    known: Shared<Known>,
    log: LogLines,
    commander: CommandSender<Order>,
    gate: Gate,
    /// As it was found.
    found: Option<Termios>,
    /// Whether a line is being edited: the terminal is in another mode then.
    editing: Arc<AtomicBool>,
    printing: Option<(Messages, JoinHandle<()>)>,
}

/// The way to the thread that prints.
#[derive(Debug, Clone)]
struct Messages {
    sender: SyncSender<String>,
    /// Counts those that are not printed yet.
    unprinted: Gate,
}

impl Messages {
    /// Hands one on, as soon as there is room.
    fn send(&self, message: String) {
        self.unprinted.enter(usize::MAX);
        if self.sender.send(message).is_err() {
            self.unprinted.leave();
        }
    }

    /// Hands one on if there is room.
    fn try_send(&self, message: String) -> bool {
        self.unprinted.enter(usize::MAX);
        let sent = self.sender.try_send(message).is_ok();
        if !sent {
            self.unprinted.leave();
        }
        sent
    }
}

/// What the editor has to know of the desk.
#[derive(Debug, Default)]
struct Known {
    names: BTreeMap<HostId, String>,
    channels: BTreeSet<String>,
    target: Option<Whom>,
}

/// Something that threads share, and that is never half changed.
#[derive(Debug, Default)]
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    pub(crate) fn new(
        palette: Palette,
        log: LogLines,
        commander: CommandSender<Order>,
        gate: Gate,
    ) -> Self {
        Terminal {
            palette,
            known: Shared::default(),
            log,
            commander,
            gate,
            found: tcgetattr(rustix::stdio::stdin()).ok(),
            editing: Arc::default(),
            printing: None,
        }
    }

    /// Shows `news`. The first of them that leaves room for commands brings the
    /// prompt; before that there is nothing to say to anybody.
    pub(crate) fn show(&mut self, news: &News, desk: &Desk) {
        self.known.lock().note(news, desk);
        let error = || text::error(news, desk).filter(|_| !news.is_fatal());
        let lines = text::lines(news, self.palette)
            .or_else(|| error().map(|sentence| text::trouble(&sentence, self.palette)));
        if let Some(lines) = lines {
            self.print(lines);
        }
        let settled = matches!(
            news,
            News::Client(
                ClientNotice::Welcome { .. }
                    | ClientNotice::Unreachable { .. }
                    | ClientNotice::Disconnected {
                        retry_in: Some(_),
                        ..
                    }
            )
        );
        if settled && self.printing.is_none() {
            self.start();
        }
    }

    fn print(&self, lines: String) {
        match &self.printing {
            Some((messages, _)) => messages.send(lines),
            // A terminal that is gone sends a signal, or ends the editing.
            None => drop(write_line(&lines)),
        }
    }

    /// Begins to take lines.
    fn start(&mut self) {
        let (sender, incoming) = sync_channel(MESSAGES_MAX);
        let unprinted = Gate::default();
        let messages = Messages {
            sender,
            unprinted: unprinted.clone(),
        };
        let (ready, printer) = sync_channel(1);
        let editing = Editing {
            palette: self.palette,
            known: self.known.clone(),
            commander: self.commander.clone(),
            gate: self.gate.clone(),
            editing: Arc::clone(&self.editing),
            unprinted: unprinted.clone(),
        };
        let name = |name: &str| thread::Builder::new().name(name.to_owned());
        let edit = name("editing").spawn(move || editing.run(&ready));
        let print = name("printing").spawn(move || print_all(&incoming, &printer, &unprinted));
        match (edit, print) {
            (Ok(_), Ok(print)) => {
                *self.log.0.lock() = Some(messages.clone());
                self.printing = Some((messages, print));
            }
            (Err(error), _) | (_, Err(error)) => {
                log::error!("no thread can be started to edit lines: {error}");
                leave(&self.commander);
            }
        }
    }

    /// Prints what is left and gives the terminal back.
    pub(crate) fn finish(self) {
        self.log.0.lock().take();
        if let Some((messages, print)) = self.printing {
            drop(messages);
            // A thread that panicked has said so.
            drop(print.join());
        }
        if self.editing.load(Ordering::SeqCst) {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{PASTE_MODE_OFF}\r");
            let _ = out.flush();
            if let Some(found) = &self.found {
                let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, found);
            }
        }
    }
}

/// Asks the desk to leave. Never waits: on the driver's own thread it would be
/// for itself.
fn leave(commander: &CommandSender<Order>) {
    if let Err(SendError::Full) = commander.try_send(Order::Leave) {
        log::error!("too many lines wait; end the client by a signal");
    }
}

impl Known {
    fn note(&mut self, news: &News, desk: &Desk) {
        match news {
            News::Client(
                ClientNotice::ChannelEntered { .. }
                | ClientNotice::ChannelLeft { .. }
                | ClientNotice::Invited { .. },
            ) => {
                let channels = desk.client().channels();
                self.channels = channels.map(|channel| channel.name().to_owned()).collect();
                // To be invited is to be about to type its name.
                if let News::Client(ClientNotice::Invited { channel, .. }) = news {
                    self.channels.insert(channel.clone());
                }
            }
            News::Client(ClientNotice::Joined { id, name, .. }) => {
                self.names.insert(*id, name.clone());
            }
            News::Client(ClientNotice::Left { id, .. }) => {
                self.names.remove(id);
            }
            News::Client(ClientNotice::Disconnected { .. }) => {
                self.names.clear();
                self.channels.clear();
            }
            News::Talking { to } => self.target.clone_from(to),
            _ => {}
        }
    }

    fn prompt(&self) -> String {
        match &self.target {
            Some(target) => format!("to {}> ", Escaped(&target.to_string())),
            None => "> ".to_owned(),
        }
    }

    /// What the word before the cursor could be: where it begins, and what may
    /// stand there.
    fn complete(&self, line: &str) -> (usize, Vec<Pair>) {
        let Some((command, rest)) = line.split_once(' ') else {
            let commands = line::NAMES.iter().filter(|name| name.starts_with(line));
            let pair = |name: &&'static str| Pair {
                display: (*name).to_owned(),
                replacement: match *name {
                    "/help" | "/quit" | "/who" | "/channels" => (*name).to_owned(),
                    _ => format!("{name} "),
                },
            };
            let commands = line.starts_with('/').then(|| commands.map(pair).collect());
            return (0, commands.unwrap_or_default());
        };
        let word = rest.trim_start();
        if word.starts_with('#') {
            return self.complete_channel(line, command, word);
        }
        let typed = word.strip_prefix('"').unwrap_or(word);
        let whole = word.contains(' ') && typed.len() == word.len();
        if !matches!(command, "/msg" | "/to") || whole || typed.contains('"') {
            return (line.len(), Vec::new());
        }
        let typed = typed.to_lowercase();
        let matching = self
            .names
            .iter()
            .filter(|(_, name)| name.to_lowercase().starts_with(&typed));
        let pairs = matching.map(|(id, name)| Pair {
            display: format!("{} ({id})", Escaped(name)),
            replacement: self.way_to(*id, name),
        });
        (line.len() - word.len(), pairs.collect())
    }

    /// What a channel's name could be.
    fn complete_channel(&self, line: &str, command: &str, word: &str) -> (usize, Vec<Pair>) {
        let takes_one = matches!(
            command,
            "/msg" | "/to" | "/join" | "/part" | "/topic" | "/names" | "/who"
        );
        if !takes_one || word.contains(' ') {
            return (line.len(), Vec::new());
        }
        let typed = word.to_lowercase();
        let matching = self
            .channels
            .iter()
            .filter(|name| name.to_lowercase().starts_with(&typed))
            .filter(|name| name.chars().all(is_printable));
        let pairs = matching.map(|name| Pair {
            display: Escaped(name).to_string(),
            replacement: format!("{name} "),
        });
        (line.len() - word.len(), pairs.collect())
    }

    /// How to write whom one means: by the name if it can be typed and is
    /// nobody else's, or else by the id.
    fn way_to(&self, id: HostId, name: &str) -> String {
        let one = self.names.values().filter(|other| *other == name).count() == 1;
        let number = name.bytes().all(|byte| byte.is_ascii_digit());
        let typable = name.chars().all(is_printable) && !name.contains('"');
        let quoted = name.contains(' ') || name.starts_with('#');
        match (one && typable && !number, quoted) {
            (true, false) => format!("{name} "),
            (true, true) => format!("\"{name}\" "),
            (false, _) => format!("{id} "),
        }
    }
}

/// The thread that edits lines.
struct Editing {
    palette: Palette,
    known: Shared<Known>,
    commander: CommandSender<Order>,
    gate: Gate,
    editing: Arc<AtomicBool>,
    unprinted: Gate,
}

type Printer = Option<Box<dyn ExternalPrinter + Send>>;

impl Editing {
    fn run(self, ready: &SyncSender<Printer>) {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let mut editor = match Editor::with_history(config, MemHistory::new()) {
            Ok(editor) => editor,
            Err(error) => {
                log::error!("lines can't be edited here: {error}");
                leave(&self.commander);
                return;
            }
        };
        editor.set_helper(Some(Assistant(self.known.clone())));
        // A terminal without it is a simple one, where nothing can tear.
        let printer = editor.create_external_printer().ok();
        let printer = printer.map(|printer| Box::new(printer) as Box<dyn ExternalPrinter + Send>);
        if ready.send(printer).is_err() {
            return;
        }
        while self.edit_line(&mut editor) {}
    }

    /// Edits one line and hands it on; false when it was the last.
    fn edit_line(&self, editor: &mut Editor<Assistant, MemHistory>) -> bool {
        self.gate.wait_empty(PROMPT_WITHIN);
        // While a line is edited the editor prints, and it looks at the keys
        // first: what the last line led to could come late.
        self.unprinted.wait_empty(PRINTED_WITHIN);
        let prompt = self.known.lock().prompt();
        let coloured = self.palette.prompt(&prompt);
        self.editing.store(true, Ordering::SeqCst);
        let read = editor.readline(&(prompt, coloured));
        self.editing.store(false, Ordering::SeqCst);
        let order = match read {
            Ok(text) => return text.lines().all(|line| self.hand_on(line)),
            Err(ReadlineError::Eof) => Order::End,
            Err(ReadlineError::Interrupted) => Order::Leave,
            Err(error) => {
                log::error!("the terminal can't be read: {error}");
                Order::Leave
            }
        };
        // Without a desk there is nothing left to end.
        let _ = self.commander.send(order);
        false
    }

    /// Hands one line on; false when nothing should follow it.
    fn hand_on(&self, line: &str) -> bool {
        let line = Line::parse(line);
        let last = matches!(line, Ok(Line::Quit { .. }));
        self.gate.enter(usize::MAX);
        self.commander.send(Order::Line(line)).is_ok() && !last
    }
}

/// The thread that prints, above the line that is being edited.
fn print_all(messages: &Receiver<String>, printer: &Receiver<Printer>, unprinted: &Gate) {
    let mut printer = printer.recv().ok().flatten();
    for message in messages {
        let line = format!("{message}\n");
        let printed = printer.as_mut().map(|printer| printer.print(line));
        if !matches!(printed, Some(Ok(()))) {
            // Nobody edits, so that nothing can tear.
            drop(write_line(&message));
        }
        unprinted.leave();
    }
}

/// Helps whoever edits a line.
struct Assistant(Shared<Known>);

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.0.lock().complete(&line[..position]))
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl Validator for Assistant {}

impl Helper for Assistant {}

/// Where log lines go: to standard error, or above the line that is being edited.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogLines(Shared<Option<Messages>>);

impl Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.trim_end();
        let messages = self.0.lock().clone();
        // Whoever logs must never wait for the terminal: it may be the terminal.
        let printed = messages.is_some_and(|messages| messages.try_send(line.to_owned()));
        if !printed {
            write_error(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[(u32, &str)]) -> Known {
        let name = |&(id, name): &(u32, &str)| (HostId::new(id).unwrap(), name.to_owned());
        Known {
            names: names.iter().map(name).collect(),
            channels: BTreeSet::new(),
            target: None,
        }
    }

    #[track_caller]
    fn check(known: &Known, line: &str, start: usize, replacements: &[&str]) {
        let (found, pairs) = known.complete(line);
        let pairs: Vec<&str> = pairs.iter().map(|pair| &*pair.replacement).collect();
        assert_eq!((found, &pairs[..]), (start, replacements), "{line:?}");
    }

    #[test]
    fn commands_are_completed() {
        let known = known(&[(1, "alice")]);
        check(&known, "/m", 0, &["/msg "]);
        let all = [
            "/channels",
            "/help",
            "/join ",
            "/msg ",
            "/names ",
            "/part ",
            "/quit",
            "/to ",
            "/topic ",
            "/who",
        ];
        check(&known, "/", 0, &all);
        check(&known, "/x", 0, &[]);
        check(&known, "", 0, &[]);
        check(&known, "al", 0, &[]);
        check(&known, "/who a", 6, &[]);
    }

    #[test]
    fn names_are_completed_so_that_they_can_be_understood() {
        let known = known(&[
            (1, "alice"),
            (2, "Bob"),
            (3, "Bob the 2nd"),
            (4, "carol"),
            (5, "carol"),
            (6, "7"),
            (8, "d\u{202e}"),
        ]);
        check(&known, "/msg a", 5, &["alice "]);
        check(&known, "/to  a", 5, &["alice "]);
        check(&known, "/msg b", 5, &["Bob ", "\"Bob the 2nd\" "]);
        check(&known, "/msg \"bob t", 5, &["\"Bob the 2nd\" "]);
        check(&known, "/msg c", 5, &["4 ", "5 "]);
        check(&known, "/msg 7", 5, &["6 "]);
        check(&known, "/msg d", 5, &["8 "]);
        check(&known, "/msg alice a", 12, &[]);
        check(&known, "/msg \"Bob\" a", 12, &[]);
        for name in known.names.values() {
            let (_, pairs) = known.complete(&format!("/msg {}", &name[..1]));
            for pair in pairs {
                let line = Line::parse(&format!("/msg {}Hi", pair.replacement));
                assert!(matches!(line, Ok(Line::Msg { text, .. }) if text == "Hi"));
            }
        }
    }

    #[test]
    fn channels_are_completed_where_one_may_stand() {
        let mut known = known(&[(1, "#alice")]);
        known.channels = ["#Reef", "#rocks", "#r\u{202e}"].map(Into::into).into();
        for command in ["/msg", "/to", "/join", "/part", "/topic", "/names", "/who"] {
            let start = command.len() + 1;
            let all = ["#Reef ", "#rocks "];
            check(&known, &format!("{command} #R"), start, &all);
            check(&known, &format!("{command} #re"), start, &["#Reef "]);
        }
        check(&known, "/part #reef #r", 14, &[]);
        check(&known, "/quit #r", 8, &[]);
        check(&known, "/msg \"#", 5, &["\"#alice\" "]);
    }

    #[test]
    fn the_prompt_tells_whom_lines_go_to() {
        let mut known = known(&[]);
        assert_eq!(known.prompt(), "> ");
        known.target = Some(Whom::Client("\u{1b}bob".to_owned()));
        assert_eq!(known.prompt(), "to ␛bob> ");
    }
}
