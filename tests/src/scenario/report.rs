//! What was found, compared with what was expected, in words.
//!
//! Ids are compared as sets, texts and bytes as multisets: a message that
//! arrives twice is as wrong as one that never does.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use super::file::{Expectation, Kind};
use crate::fixture::ClientView;
use crate::fixture::ServerState;

/// How a scenario went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What was not as it should be; nothing, if it passed.
    pub problems: Vec<Problem>,
    /// What is odd about the file, but no failure.
    pub warnings: Vec<String>,
}

impl Report {
    /// Whether all was as it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A property differs from what the file expects.
    Differs {
        /// Whose property.
        name: String,
        /// Which one.
        property: String,
        /// What should be there and isn't.
        missing: Vec<String>,
        /// What is there and shouldn't be.
        extra: Vec<String>,
    },
    /// Something went wrong on the way.
    Trouble(String),
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Differs {
                name,
                property,
                missing,
                extra,
            } => {
                write!(f, "{name}: {property}")?;
                for (word, values) in [("missing", missing), ("extra", extra)] {
                    if !values.is_empty() {
                        write!(f, "\n    {word}: {}", values.join(", "))?;
                    }
                }
                Ok(())
            }
            Problem::Trouble(sentence) => f.write_str(sentence),
        }
    }
}

/// What was seen of one server or client, at the time that counts for it.
#[derive(Debug, Clone)]
pub(crate) enum Observed {
    Server {
        /// `None` when it could not be asked.
        state: Option<Box<ServerState>>,
        /// The registrations that its tap noted, in hex.
        received: Vec<String>,
    },
    Client(ClientView),
}

impl Expectation {
    /// Everything about `name` that is not as expected.
    pub(crate) fn problems(
        &self,
        name: &str,
        observed: &Observed,
        kind: Kind,
        strict: bool,
    ) -> Vec<Problem> {
        let mut comparison = Comparison::new(name);
        match (observed, kind) {
            (Observed::Server { received, .. }, Kind::Connectivity) => {
                comparison.multisets("recvd_messages_asdqw", self.received.as_deref(), received);
            }
            (Observed::Server { state: None, .. }, Kind::Functionality) => {
                comparison.problems.push(Problem::Trouble(format!(
                    "{name}: its admin page did not say what it knows"
                )));
            }
            (
                Observed::Server {
                    state: Some(state), ..
                },
                Kind::Functionality,
            ) => {
                if strict {
                    comparison.ids(
                        "adjacent_user_ids",
                        self.adjacent_user_ids.as_ref(),
                        &state.adjacent_client_set(),
                    );
                    comparison.ids(
                        "adjacent_server_ids",
                        self.adjacent_server_ids.as_ref(),
                        &state.adjacent_server_set(),
                    );
                }
                comparison.ids("hosts_db", self.hosts_db.as_ref(), &state.host_set());
                comparison.multisets(
                    "status_updates_log",
                    self.status_updates_log.as_deref(),
                    &state.status_log,
                );
            }
            (Observed::Client(_), Kind::Connectivity) => {}
            (Observed::Client(view), Kind::Functionality) => {
                comparison.ids(
                    "connected_user_ids",
                    self.connected_user_ids.as_ref(),
                    &view.connected,
                );
                comparison.multisets(
                    "status_updates_log",
                    self.status_updates_log.as_deref(),
                    &view.statuses,
                );
                let texts: Vec<String> = view.chats.iter().map(|chat| chat.text.clone()).collect();
                comparison.multisets(
                    "chat_messages_log",
                    self.chat_messages_log.as_deref(),
                    &texts,
                );
            }
        }
        comparison.problems
    }
}

/// What is found wrong about one server or client.
pub(super) struct Comparison<'a> {
    /// Whose.
    pub(super) name: &'a str,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(name: &'a str) -> Comparison<'a> {
        Comparison {
            name,
            problems: Vec::new(),
        }
    }

    fn ids(&mut self, property: &str, expected: Option<&BTreeSet<u32>>, found: &BTreeSet<u32>) {
        let Some(expected) = expected else { return };
        let print = |ids: Vec<&u32>| ids.iter().map(ToString::to_string).collect();
        self.differ(
            property,
            print(expected.difference(found).collect()),
            print(found.difference(expected).collect()),
        );
    }

    /// However often each text comes.
    pub(super) fn sets(&mut self, property: &str, expected: Option<&[String]>, found: &[String]) {
        let Some(expected) = expected else { return };
        let expected: BTreeSet<&String> = expected.iter().collect();
        let found: BTreeSet<&String> = found.iter().collect();
        let print = |texts: Vec<&&String>| texts.iter().map(|text| shown(text)).collect();
        self.differ(
            property,
            print(expected.difference(&found).collect()),
            print(found.difference(&expected).collect()),
        );
    }

    pub(super) fn multisets(
        &mut self,
        property: &str,
        expected: Option<&[String]>,
        found: &[String],
    ) {
        let Some(expected) = expected else { return };
        let mut extra = found.to_vec();
        let mut missing = Vec::new();
        for text in expected {
            match extra.iter().position(|other| other == text) {
                Some(index) => {
                    extra.remove(index);
                }
                None => missing.push(text.clone()),
            }
        }
        let print = |texts: Vec<String>| texts.into_iter().map(|text| shown(&text)).collect();
        self.differ(property, print(missing), print(extra));
    }

    fn differ(&mut self, property: &str, missing: Vec<String>, extra: Vec<String>) {
        if missing.is_empty() && extra.is_empty() {
            return;
        }
        self.problems.push(Problem::Differs {
            name: self.name.to_owned(),
            property: property.to_owned(),
            missing,
            extra,
        });
    }

    pub(super) fn trouble(&mut self, sentence: String) {
        self.problems.push(Problem::Trouble(sentence));
    }
}

/// A text as it is shown: marked off, nothing invisible in it, not too long.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 200;
    let mut visible = String::new();
    for c in text.chars().take(SHOWN_MAX) {
        // Quotes are part of most texts: escaping them would hide more than it shows.
        if c.is_control() {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    if text.chars().nth(SHOWN_MAX).is_some() {
        return format!("‹{visible}...› ({} bytes)", text.len());
    }
    format!("‹{visible}›")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Chat;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn server(hosts: &str, adjacent: &[u32], statuses: &[&str]) -> Observed {
        let json = format!(
            r#"{{"id": 1, "name": "quay", "info": "", "adjacent_servers": {adjacent:?}, "adjacent_clients": [],
            "hosts": [{hosts}], "status_log": {statuses:?}, "more": 1}}"#
        );
        Observed::Server {
            state: Some(serde_json::from_str(&json).unwrap()),
            received: texts(&["00", "00"]),
        }
    }

    const HOST_2: &str = r#"{"id": 2, "kind": "server", "name": "", "info": "", "first_link": 2}"#;

    #[track_caller]
    fn check(
        expectation: &Expectation,
        observed: &Observed,
        kind: Kind,
        strict: bool,
        said: &[&str],
    ) {
        let problems = expectation.problems("quay", observed, kind, strict);
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, said);
    }

    #[test]
    fn servers_are_compared_by_hosts_and_statuses() {
        let expectation = Expectation {
            hosts_db: Some(BTreeSet::from([3, 4])),
            status_updates_log: Some(texts(&["a", "a"])),
            adjacent_server_ids: Some(BTreeSet::from([7])),
            received: Some(Vec::new()),
            ..Expectation::default()
        };
        let observed = server(HOST_2, &[2], &["a", "b"]);
        let hosts = "quay: hosts_db\n    missing: 3, 4\n    extra: 2";
        let statuses = "quay: status_updates_log\n    missing: ‹a›\n    extra: ‹b›";
        check(
            &expectation,
            &observed,
            Kind::Functionality,
            false,
            &[hosts, statuses],
        );
        let adjacent = "quay: adjacent_server_ids\n    missing: 7\n    extra: 2";
        check(
            &expectation,
            &observed,
            Kind::Functionality,
            true,
            &[adjacent, hosts, statuses],
        );
        check(
            &expectation,
            &observed,
            Kind::Connectivity,
            true,
            &["quay: recvd_messages_asdqw\n    extra: ‹00›, ‹00›"],
        );
        check(
            &Expectation::default(),
            &observed,
            Kind::Functionality,
            true,
            &[],
        );
        let mute = Observed::Server {
            state: None,
            received: Vec::new(),
        };
        check(
            &expectation,
            &mute,
            Kind::Functionality,
            false,
            &["quay: its admin page did not say what it knows"],
        );
    }

    #[test]
    fn a_chat_that_arrives_twice_is_a_difference() {
        let expectation = Expectation {
            chat_messages_log: Some(texts(&["\"hi\""])),
            connected_user_ids: Some(BTreeSet::from([2])),
            status_updates_log: Some(Vec::new()),
            ..Expectation::default()
        };
        let said = Chat {
            from: 2,
            to: 1,
            text: "\"hi\"".into(),
        };
        let mut view = ClientView {
            connected: BTreeSet::from([2]),
            chats: vec![said.clone()],
            ..ClientView::default()
        };
        check(
            &expectation,
            &Observed::Client(view.clone()),
            Kind::Functionality,
            true,
            &[],
        );
        view.chats.push(said);
        check(
            &expectation,
            &Observed::Client(view),
            Kind::Functionality,
            false,
            &["quay: chat_messages_log\n    extra: ‹\"hi\"›"],
        );
    }

    #[test]
    fn texts_are_shown_safely() {
        assert_eq!(shown("a\x1b[2J\"b\""), "‹a\\u{1b}[2J\"b\"›");
        assert_eq!(
            shown(&"x".repeat(300)),
            format!("‹{}...› (300 bytes)", "x".repeat(200))
        );
    }
}
