//! A user of the stripped IRC, played by the rig itself.
//!
//! It does what the original client does, no more: sends USER at once, shows
//! the parameters of every line after its welcome, makes a channel known on the
//! first topic reply after its JOIN, and forgets it when it sends PART. What the
//! network should tell it is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::Line;
use crate::wait::LONG;

/// What a person types to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The command.
    pub verb: Verb,
    /// What follows it, texts with their quotes.
    pub words: Vec<String>,
}

/// The commands that the client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `JOIN #channel [key]`
    Join,
    /// `PART #channel`
    Part,
    /// `TOPIC #channel ["text"]`
    Topic,
    /// `NAMES [#channel]`
    Names,
    /// `PRIVMSG target "text"`
    Privmsg,
    /// `QUIT ["text"]`
    Quit,
}

impl Verb {
    /// The verb with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Verb> {
        Some(match name {
            "JOIN" => Verb::Join,
            "PART" => Verb::Part,
            "TOPIC" => Verb::Topic,
            "NAMES" => Verb::Names,
            "PRIVMSG" => Verb::Privmsg,
            "QUIT" => Verb::Quit,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Verb::Join => "JOIN",
            Verb::Part => "PART",
            Verb::Topic => "TOPIC",
            Verb::Names => "NAMES",
            Verb::Privmsg => "PRIVMSG",
            Verb::Quit => "QUIT",
        }
    }

    /// How many words it takes, and which of them is a text.
    fn shape(self) -> (usize, Option<usize>) {
        match self {
            Verb::Join => (2, None),
            Verb::Part | Verb::Names => (1, None),
            Verb::Topic | Verb::Privmsg => (2, Some(1)),
            Verb::Quit => (1, Some(0)),
        }
    }
}

impl Typed {
    /// The line that goes to the server, without its end. Words beyond those
    /// that the command takes are left out, and missing ones are missed by the
    /// server. A topic loses its quotes, other texts keep them.
    #[must_use]
    pub fn line(&self) -> String {
        let (count, text) = self.verb.shape();
        let mut line = self.verb.name().to_owned();
        for (index, word) in self.words.iter().take(count).enumerate() {
            line.push(' ');
            if text == Some(index) {
                line.push(':');
            }
            line.push_str(match self.verb {
                Verb::Topic if text == Some(index) => unquoted(word),
                _ => word,
            });
        }
        line
    }

    fn word(&self, index: usize) -> Option<&String> {
        self.words.get(index)
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text)
}

/// A channel as a client knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownChannel {
    /// Its topic, if it has one.
    pub topic: Option<String>,
    /// Those of whom it knows that they are in it.
    pub users: BTreeSet<String>,
}

/// All that can be seen of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserView {
    /// Whether the server has taken it.
    pub welcomed: bool,
    /// What it was told instead of a welcome.
    pub refusals: Vec<String>,
    /// What it has shown since its welcome, in order.
    pub printed: Vec<String>,
    /// The channels that it knows.
    pub channels: BTreeMap<String, KnownChannel>,
    /// What it has asked and got no answer to, as sent.
    pub unanswered: Vec<String>,
    /// Whether it has been told to quit.
    pub quitting: bool,
    /// Whether the connection is over.
    pub ended: bool,
    /// Bytes that are no text, or a line that has no command.
    pub garbage: Vec<String>,
}

/// What a client does with what it is told and what comes, without sockets.
#[derive(Debug)]
struct Behaviour {
    nick: String,
    view: UserView,
    /// What an answer must come to.
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    verb: Verb,
    channel: Option<String>,
    line: String,
}

impl Behaviour {
    fn new(nick: &str) -> Behaviour {
        Behaviour {
            nick: nick.to_owned(),
            view: UserView::default(),
            asked: Vec::new(),
        }
    }

    /// What is sent for what was typed.
    fn typed(&mut self, typed: &Typed) -> String {
        let line = typed.line();
        let channel = typed.word(0).cloned();
        let answered = match typed.verb {
            // Who is in a channel already is not answered.
            Verb::Join => channel
                .as_ref()
                .is_none_or(|name| !self.view.channels.contains_key(name)),
            Verb::Topic | Verb::Names => true,
            Verb::Part => {
                if let Some(name) = &channel {
                    self.view.channels.remove(name);
                }
                false
            }
            Verb::Privmsg => false,
            Verb::Quit => {
                self.view.quitting = true;
                false
            }
        };
        if answered {
            self.asked.push(Asked {
                verb: typed.verb,
                channel,
                line: line.clone(),
            });
        }
        self.note_unanswered();
        line
    }

    fn came(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let line = Line::parse(text);
        if line.command.is_empty() {
            self.view.garbage.push(text.to_owned());
            return;
        }
        if !self.view.welcomed {
            // Some servers leave the zeros out.
            if line.command == "001" || line.command == "1" {
                self.view.welcomed = true;
            } else {
                self.view.refusals.push(line.shown());
            }
            return;
        }
        self.view.printed.push(line.shown());
        let subject = line.params.first().cloned().unwrap_or_default();
        let last = line.params.last().cloned().unwrap_or_default();
        match line.command.as_str() {
            "331" => self.topic(&subject, None),
            "332" => self.topic(&subject, Some(last)),
            "353" => {
                if let Some(channel) = self.view.channels.get_mut(&subject) {
                    channel.users = last.split_whitespace().map(str::to_owned).collect();
                }
            }
            "366" => self.answer(|asked| asked.verb == Verb::Names),
            "403" | "442" | "475" => {
                self.answer(|asked| asked.channel.as_ref() == Some(&subject));
            }
            "461" => self.answer(|asked| asked.verb.name() == subject),
            _ => {}
        }
        self.note_unanswered();
    }

    fn topic(&mut self, name: &str, topic: Option<String>) {
        let of_it = |asked: &Asked| asked.channel.as_deref() == Some(name);
        let joins = |asked: &Asked| of_it(asked) && asked.verb == Verb::Join;
        if self.asked.iter().any(joins) {
            let channel = self.view.channels.entry(name.to_owned()).or_default();
            channel.users.insert(self.nick.clone());
        }
        if let Some(channel) = self.view.channels.get_mut(name) {
            channel.topic = topic;
        }
        self.answer(|asked| of_it(asked) && asked.verb != Verb::Names);
    }

    /// Takes the first of what was asked that this is an answer to.
    fn answer(&mut self, is_it: impl Fn(&Asked) -> bool) {
        if let Some(index) = self.asked.iter().position(is_it) {
            self.asked.remove(index);
        }
    }

    fn note_unanswered(&mut self) {
        self.view.unanswered = self.asked.iter().map(|asked| asked.line.clone()).collect();
    }
}

/// A running client. Dropping it closes its connection.
#[derive(Debug)]
pub struct User {
    nick: String,
    stream: Option<TcpStream>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    /// What went over the line, both ways, for people.
    transcript: Mutex<File>,
}

impl User {
    /// Connects to `server`, which is called `server_name`, and registers. What
    /// goes over the line is noted in the file `log`.
    ///
    /// Nobody listening there is no error: the client has ended then.
    ///
    /// # Errors
    ///
    /// That the log can't be written.
    pub fn start(
        server: SocketAddr,
        nick: &str,
        host: &str,
        server_name: &str,
        real_name: &str,
        log: &Path,
    ) -> io::Result<User> {
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::new(nick)),
            transcript: Mutex::new(File::create(log)?),
        });
        let mut user = User {
            nick: nick.to_owned(),
            stream: None,
            shared,
            reader: None,
        };
        match TcpStream::connect_timeout(&server, LONG).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(LONG))?;
            Ok((stream.try_clone()?, stream))
        }) {
            Ok((stream, incoming)) => {
                user.stream = Some(stream);
                let shared = Arc::clone(&user.shared);
                user.reader = Some(thread::spawn(move || read(incoming, &shared)));
                user.send(&format!("USER {nick} {host} {server_name} :{real_name}"));
            }
            Err(error) => {
                user.shared.note("--", &format!("not connected: {error}"));
                user.shared.behaviour().view.ended = true;
            }
        }
        Ok(user)
    }

    /// The nick that it asked for.
    #[must_use]
    pub fn nick(&self) -> &str {
        &self.nick
    }

    /// Does what a person types. Nothing comes of it when the connection is over.
    pub fn typed(&self, typed: &Typed) {
        let line = self.shared.behaviour().typed(typed);
        self.send(&line);
    }

    fn send(&self, line: &str) {
        self.shared.note("->", line);
        if let Some(mut stream) = self.stream.as_ref()
            && let Err(error) = stream.write_all(format!("{line}\r\n").as_bytes())
        {
            self.shared.note("--", &format!("not sent: {error}"));
        }
    }

    /// What can be seen of it now.
    #[must_use]
    pub fn view(&self) -> UserView {
        self.shared.behaviour().view.clone()
    }

    /// Closes the connection without a word.
    pub fn hang_up(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().expect("nobody panics holding this")
    }

    fn note(&self, way: &str, line: &str) {
        let mut file = self.transcript.lock().expect("nobody panics holding this");
        // For people only: a full disk fails nothing.
        let _ = writeln!(file, "{way} {}", line.escape_debug());
    }
}

fn read(mut stream: TcpStream, shared: &Shared) {
    let mut pending = Vec::new();
    let mut buffer = [0; 16384];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => pending.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
            let bytes: Vec<u8> = pending.drain(..=end).collect();
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches(['\r', '\n']);
            shared.note("<-", text);
            let mut behaviour = shared.behaviour();
            if !bytes.ends_with(b"\r\n") || std::str::from_utf8(&bytes).is_err() {
                behaviour.view.garbage.push(text.to_owned());
            }
            behaviour.came(text);
        }
    }
    // Who is left leaves as well.
    let _ = stream.shutdown(Shutdown::Both);
    shared.note("--", "closed");
    let mut behaviour = shared.behaviour();
    if !pending.is_empty() {
        let rest = String::from_utf8_lossy(&pending).into_owned();
        behaviour.view.garbage.push(rest);
    }
    behaviour.view.ended = true;
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::net::TcpListener;

    use super::*;
    use crate::wait;

    fn typed(verb: Verb, words: &[&str]) -> Typed {
        Typed {
            verb,
            words: words.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    #[track_caller]
    fn check_line(verb: Verb, words: &[&str], line: &str) {
        assert_eq!(typed(verb, words).line(), line);
    }

    fn welcomed() -> Behaviour {
        let mut wren = Behaviour::new("wren");
        wren.came(":quay 001 :Welcome wren!wren@pier");
        wren
    }

    fn users(view: &UserView, channel: &str) -> Vec<String> {
        view.channels[channel].users.iter().cloned().collect()
    }

    #[test]
    fn what_is_typed_and_what_is_sent() {
        check_line(Verb::Join, &["#reef"], "JOIN #reef");
        check_line(Verb::Join, &["#reef", "key", "more"], "JOIN #reef key");
        check_line(Verb::Join, &[], "JOIN");
        check_line(Verb::Part, &["#reef"], "PART #reef");
        check_line(Verb::Names, &[], "NAMES");
        check_line(Verb::Topic, &["#reef"], "TOPIC #reef");
        check_line(Verb::Topic, &["#reef", "\"a b\""], "TOPIC #reef :a b");
        check_line(Verb::Topic, &["#reef", "\"\""], "TOPIC #reef :");
        check_line(Verb::Topic, &["#reef", "plain"], "TOPIC #reef :plain");
        check_line(
            Verb::Privmsg,
            &["marlo", "\"a, b\""],
            "PRIVMSG marlo :\"a, b\"",
        );
        check_line(Verb::Privmsg, &["marlo"], "PRIVMSG marlo");
        check_line(Verb::Quit, &["\"so long\""], "QUIT :\"so long\"");
        check_line(Verb::Quit, &[], "QUIT");
    }

    #[test]
    fn nothing_is_shown_before_the_welcome_and_the_welcome_neither() {
        let mut wren = Behaviour::new("wren");
        wren.came(":quay 436 wren :Nickname collision KILL from wren@pier");
        assert!(!wren.view.welcomed);
        assert_eq!(
            wren.view.refusals,
            ["wren Nickname collision KILL from wren@pier"]
        );
        wren.came(":quay 1 :Welcome");
        assert!(wren.view.welcomed);
        assert!(wren.view.printed.is_empty());
        wren.came(":marlo PRIVMSG wren :\"hi\"");
        assert_eq!(wren.view.printed, ["wren \"hi\""]);
    }

    #[test]
    fn a_channel_is_known_from_the_first_topic_reply_after_joining() {
        let mut wren = welcomed();
        wren.came(":quay 331 #reef :No topic is set");
        assert!(wren.view.channels.is_empty());
        wren.typed(&typed(Verb::Join, &["#reef"]));
        assert_eq!(wren.view.unanswered, ["JOIN #reef"]);
        assert!(wren.view.channels.is_empty());
        wren.came(":quay 332 #reef :Tides, and more");
        assert!(wren.view.unanswered.is_empty());
        assert_eq!(
            wren.view.channels["#reef"].topic.as_deref(),
            Some("Tides, and more")
        );
        assert_eq!(users(&wren.view, "#reef"), ["wren"]);
        // Who is in it is not answered.
        wren.typed(&typed(Verb::Join, &["#reef"]));
        assert!(wren.view.unanswered.is_empty());
        wren.came(":quay 331 #reef :No topic is set");
        assert_eq!(wren.view.channels["#reef"].topic, None);
        wren.typed(&typed(Verb::Part, &["#reef"]));
        assert!(wren.view.channels.is_empty());
        wren.came(":quay 332 #reef :late");
        assert!(wren.view.channels.is_empty());
    }

    #[test]
    fn names_are_learned_for_known_channels_only() {
        let mut wren = welcomed();
        wren.typed(&typed(Verb::Join, &["#reef"]));
        wren.came(":quay 331 #reef :No topic is set");
        wren.typed(&typed(Verb::Names, &[]));
        wren.came(":quay 353 #reef :marlo wren");
        wren.came(":quay 353 #shoal :tamsin");
        wren.came(":quay 353 * :oskar");
        assert_eq!(wren.view.unanswered, ["NAMES"]);
        wren.came(":quay 366 :End of /NAMES list");
        assert!(wren.view.unanswered.is_empty());
        assert_eq!(wren.view.channels.len(), 1);
        assert_eq!(users(&wren.view, "#reef"), ["marlo", "wren"]);
        assert_eq!(
            wren.view.printed,
            [
                "#reef No topic is set",
                "#reef marlo wren",
                "#shoal tamsin",
                "* oskar",
                "End of /NAMES list"
            ]
        );
    }

    #[test]
    fn refusals_are_answers() {
        let mut wren = welcomed();
        wren.typed(&typed(Verb::Join, &["#reef", "wrong"]));
        wren.typed(&typed(Verb::Topic, &["#shoal"]));
        wren.typed(&typed(Verb::Names, &["#deep"]));
        wren.typed(&typed(Verb::Join, &[]));
        wren.came(":quay 475 #reef :Cannot join channel (+k)");
        wren.came(":quay 442 #shoal :You're not on that channel");
        wren.came(":quay 403 #deep :No such channel");
        assert_eq!(wren.view.unanswered, ["JOIN"]);
        wren.came(":quay 461 JOIN :Not enough parameters");
        assert!(wren.view.unanswered.is_empty());
        assert!(wren.view.channels.is_empty());
    }

    #[test]
    fn over_a_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("wren.log");
        let address = listener.local_addr().unwrap();
        let user = User::start(address, "wren", "pier", "quay", "Counts gulls", &log).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut lines = io::BufReader::new(server.try_clone().unwrap()).lines();
        assert_eq!(
            lines.next().unwrap().unwrap(),
            "USER wren pier quay :Counts gulls"
        );
        // In pieces, and two at once; then an end that is none.
        server.write_all(b":quay 00").unwrap();
        server
            .write_all(b"1 :Welcome\r\n:marlo PRIVMSG wren :one\r\n:marlo PRIVMSG wren :two\n")
            .unwrap();
        assert!(wait::holds(LONG, || user.view().printed.len() == 2));
        assert_eq!(user.view().printed, ["wren one", "wren two"]);
        assert_eq!(user.view().garbage, [":marlo PRIVMSG wren :two"]);
        user.typed(&typed(Verb::Quit, &[]));
        assert_eq!(lines.next().unwrap().unwrap(), "QUIT");
        assert!(user.view().quitting && !user.view().ended);
        server.shutdown(Shutdown::Write).unwrap();
        assert!(wait::holds(LONG, || user.view().ended));
        assert!(lines.next().is_none());
        let transcript = std::fs::read_to_string(&log).unwrap();
        assert!(transcript.contains("-> QUIT\n"), "{transcript}");
    }

    #[test]
    fn nobody_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("wren.log");
        let mut user = User::start(address, "wren", "pier", "quay", "", &log).unwrap();
        assert!(user.view().ended && !user.view().welcomed);
        user.typed(&typed(Verb::Names, &[]));
        user.hang_up();
    }
}
