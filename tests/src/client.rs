//! One client of ours as a process, spoken to in lines and heard as events.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use serde::Deserialize;

use crate::error::RigError;
use crate::process::Process;
use crate::rig::Rig;
use crate::wait::{self, LONG};

/// What a client will be started with.
#[derive(Debug)]
#[must_use = "a builder starts nothing by itself"]
pub struct ClientBuilder<'r> {
    rig: &'r Rig,
    id: u32,
    name: String,
    info: String,
    server: SocketAddr,
    log_file: Option<String>,
}

impl<'r> ClientBuilder<'r> {
    pub(crate) fn new(rig: &'r Rig, id: u32, name: &str, server: SocketAddr) -> Self {
        ClientBuilder {
            rig,
            id,
            name: name.to_owned(),
            info: format!("{name} as ever"),
            server,
            log_file: None,
        }
    }

    /// What it says about itself.
    pub fn info(mut self, info: &str) -> Self {
        info.clone_into(&mut self.info);
        self
    }

    /// What its log file is called.
    pub fn log_file(mut self, name: &str) -> Self {
        self.log_file = Some(name.to_owned());
        self
    }

    /// Starts it; its welcome is to be waited for.
    ///
    /// # Errors
    ///
    /// [`RigError::Start`] or [`RigError::File`].
    pub fn start(self) -> Result<Client, RigError> {
        let mut command = Command::new(&self.rig.binaries().client);
        command
            .arg("--server")
            .arg(self.server.to_string())
            .arg("--id")
            .arg(self.id.to_string())
            // Glued on, so that no value can look like an option.
            .arg(format!("--name={}", self.name))
            .arg(format!("--info={}", self.info))
            .arg("--json");
        let log = self
            .log_file
            .unwrap_or_else(|| format!("{}.log", self.name));
        Ok(Client {
            id: self.id,
            process: Process::start(&self.name, command, self.rig.logs().file(&log))?,
            quit_at: None,
        })
    }
}

/// A running client, or one that has left. Dropping it ends it without a word.
#[derive(Debug)]
pub struct Client {
    id: u32,
    process: Process,
    /// How many lines it had written when it was told to quit.
    quit_at: Option<usize>,
}

/// A chat that a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub from: u32,
    /// To whom.
    pub to: u32,
    /// What.
    pub text: String,
}

/// What a client knows, told from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientView {
    /// The other clients it knows; after its own quit, those it knew then.
    pub connected: BTreeSet<u32>,
    /// The texts of the statuses it got, welcomes included.
    pub statuses: Vec<String>,
    /// The chats it got.
    pub chats: Vec<Said>,
    /// What it complained of.
    pub errors: Vec<String>,
    /// Whether the last that was heard of its connection is a welcome.
    pub welcomed: bool,
    /// How often its connection was lost.
    pub disconnections: usize,
    /// Whether it was told to quit.
    pub quitting: bool,
    /// Lines that are no events.
    pub garbage: Vec<String>,
}

/// A line of the client's output, as far as anything here looks at it.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Welcome {
        text: String,
    },
    Chat {
        from: u32,
        to: u32,
        text: String,
    },
    Status {
        text: String,
    },
    Joined {
        id: u32,
    },
    Left {
        id: u32,
    },
    Connected,
    Disconnected,
    Error(serde_json::Value),
    #[serde(other)]
    Other,
}

impl ClientView {
    /// What the `lines` add up to, of which `quit_at` came before the client's
    /// own quit.
    fn of(lines: &[String], quit_at: Option<usize>) -> ClientView {
        let mut view = ClientView {
            quitting: quit_at.is_some(),
            ..ClientView::default()
        };
        for (index, line) in lines.iter().enumerate() {
            let frozen = quit_at.is_some_and(|quit_at| index >= quit_at);
            let Ok(event) = serde_json::from_str(line) else {
                view.garbage.push(line.clone());
                continue;
            };
            match event {
                Event::Welcome { text } => {
                    // What it knows now comes anew.
                    if !frozen {
                        view.connected.clear();
                    }
                    view.welcomed = true;
                    view.statuses.push(text);
                }
                Event::Chat { from, to, text } => view.chats.push(Said { from, to, text }),
                Event::Status { text } => view.statuses.push(text),
                Event::Joined { id } if !frozen => {
                    view.connected.insert(id);
                }
                Event::Left { id } if !frozen => {
                    view.connected.remove(&id);
                }
                Event::Disconnected => {
                    view.welcomed = false;
                    view.disconnections += 1;
                }
                Event::Error(what) => view.errors.push(what.to_string()),
                Event::Joined { .. } | Event::Left { .. } | Event::Connected | Event::Other => {}
            }
        }
        view
    }
}

impl Client {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to wait for its end.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it knows by now.
    #[must_use]
    pub fn view(&self) -> ClientView {
        ClientView::of(&self.process.lines(), self.quit_at)
    }

    /// Gives it a line, as a user does.
    ///
    /// # Errors
    ///
    /// [`RigError::Input`] when it takes no more.
    pub fn command(&mut self, line: &str) -> Result<(), RigError> {
        self.process.write_line(line)
    }

    /// Lets it say `text` to the client `to`.
    ///
    /// # Errors
    ///
    /// [`RigError::Input`] when it takes no more.
    pub fn say(&mut self, to: u32, text: &str) -> Result<(), RigError> {
        self.command(&format!("/msg {to} {text}"))
    }

    /// Lets it quit with the last words `text`, which may be empty.
    ///
    /// # Errors
    ///
    /// [`RigError::Input`] when it takes no more.
    pub fn quit(&mut self, text: &str) -> Result<(), RigError> {
        let known = self.process.lines().len();
        self.quit_at.get_or_insert(known);
        self.command(format!("/quit {text}").trim_end())
    }

    /// Waits until what it knows is as `condition` wants it, and returns it.
    ///
    /// # Errors
    ///
    /// [`RigError::Late`] with what it knows instead.
    pub fn wait_view(
        &self,
        mut condition: impl FnMut(&ClientView) -> bool,
    ) -> Result<ClientView, RigError> {
        let found = wait::until(LONG, || Some(self.view()).filter(|view| condition(view)));
        found.ok_or_else(|| RigError::Late {
            name: self.name().to_owned(),
            what: "what it knows".to_owned(),
            bound: LONG,
            seen: format!(
                "it is {:#?}, its last words: {}",
                self.view(),
                self.process.last_words()
            ),
        })
    }

    /// Waits until it has been welcomed.
    ///
    /// # Errors
    ///
    /// See [`wait_view`](Self::wait_view).
    pub fn wait_welcome(&self) -> Result<ClientView, RigError> {
        self.wait_view(|view| view.welcomed)
    }

    /// Waits until it knows exactly the clients `ids`.
    ///
    /// # Errors
    ///
    /// See [`wait_view`](Self::wait_view).
    pub fn wait_connected(&self, ids: &[u32]) -> Result<ClientView, RigError> {
        self.wait_view(|view| view.connected.iter().copied().eq(ids.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_add_up() {
        let lines = [
            r#"{"event":"connected","server":"127.0.0.1:1"}"#,
            r#"{"event":"welcome","id":101,"name":"wren","text":"Welcome wren"}"#,
            r#"{"event":"joined","id":102,"name":"juno","info":"x"}"#,
            r#"{"event":"joined","id":103,"name":"ibbet","info":"x"}"#,
            r#"{"event":"chat","from":102,"from_name":"juno","to":101,"text":"\"hé\""}"#,
            r#"{"event":"status","code":1,"text":"Unknown ID 9"}"#,
            r#"{"event":"left","id":103,"name":"ibbet","text":""}"#,
            r#"{"event":"something","new":true}"#,
            r#"{"event":"error","text":"oh"}"#,
            "oops",
            r#"{"event":"left","id":102,"name":"juno","text":""}"#,
            r#"{"event":"disconnected"}"#,
        ]
        .map(str::to_owned);
        let view = ClientView::of(&lines, Some(10));
        assert_eq!(view.connected, BTreeSet::from([102]), "frozen at its quit");
        assert_eq!(view.statuses, ["Welcome wren", "Unknown ID 9"]);
        assert_eq!(
            view.chats,
            [Said {
                from: 102,
                to: 101,
                text: "\"hé\"".into()
            }]
        );
        assert_eq!(view.errors.len(), 1);
        assert_eq!(view.garbage, ["oops"]);
        assert!(!view.welcomed);
        assert_eq!(view.disconnections, 1);
        assert!(view.quitting);

        let view = ClientView::of(&lines, None);
        assert!(view.connected.is_empty());
        let again = [&lines[..10], &lines[1..2]].concat();
        let view = ClientView::of(&again, None);
        assert!(view.connected.is_empty(), "a new welcome begins anew");
        assert!(view.welcomed);
    }
}
