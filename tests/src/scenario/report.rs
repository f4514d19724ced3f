//! Compares what was observed with what the file expects, and reports differences.
//!
//! It compares ids as sets, texts and bytes as multisets: a message that arrives
//! twice is as wrong as one that never arrives.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use super::file::{Expectation, Kind};
use crate::fixture::ClientView;
use crate::fixture::ServerState;

/// The result of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The name of the scenario.
    pub name: String,
    /// Differences and failures; empty if it passed.
    pub problems: Vec<Problem>,
    /// Oddities in the file that are no failures.
    pub warnings: Vec<String>,
}

impl Report {
    /// Whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A difference or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A property differs from what the file expects.
    Differs {
        /// The server or client.
        name: String,
        /// The property.
        property: String,
        /// The missing values.
        missing: Vec<String>,
        /// The unexpected values.
        extra: Vec<String>,
    },
    /// Something went wrong during the run.
    Failure(String),
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
            Problem::Failure(message) => f.write_str(message),
        }
    }
}

/// The observed state of one server or client, frozen when it was killed.
#[derive(Debug, Clone)]
pub(crate) enum Observed {
    Server {
        /// `None` when it did not answer.
        state: Option<Box<ServerState>>,
        /// The reads that its tap recorded, in hex.
        received: Vec<String>,
    },
    Client(ClientView),
}

impl Expectation {
    /// How `name` differs from the expectation.
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
                comparison.problems.push(Problem::Failure(format!(
                    "{name}: its admin page did not return its state"
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

/// The differences of one server or client so far.
pub(super) struct Comparison<'a> {
    /// The server or client.
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

    /// Compares texts as sets.
    pub(super) fn sets(&mut self, property: &str, expected: Option<&[String]>, found: &[String]) {
        let Some(expected) = expected else { return };
        let expected: BTreeSet<&String> = expected.iter().collect();
        let found: BTreeSet<&String> = found.iter().collect();
        let print = |texts: Vec<&&String>| texts.iter().map(|text| quoted(text)).collect();
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
        let print = |texts: Vec<String>| texts.into_iter().map(|text| quoted(&text)).collect();
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

    pub(super) fn failure(&mut self, message: String) {
        self.problems.push(Problem::Failure(message));
    }
}

/// A text for a report: in quotes, with control characters escaped, not too long.
pub(super) fn quoted(text: &str) -> String {
    const QUOTED_CHARS_MAX: usize = 200;
    let mut visible = String::new();
    for c in text.chars().take(QUOTED_CHARS_MAX) {
        // Do not escape quotes: they are part of most texts.
        if c.is_control() {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
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
        expected: &[&str],
    ) {
        let problems = expectation.problems("quay", observed, kind, strict);
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
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
        let silent = Observed::Server {
            state: None,
            received: Vec::new(),
        };
        check(
            &expectation,
            &silent,
            Kind::Functionality,
            false,
            &["quay: its admin page did not return its state"],
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
        let chat = Chat {
            from: 2,
            to: 1,
            text: "\"hi\"".into(),
        };
        let mut view = ClientView {
            connected: BTreeSet::from([2]),
            chats: vec![chat.clone()],
            ..ClientView::default()
        };
        check(
            &expectation,
            &Observed::Client(view.clone()),
            Kind::Functionality,
            true,
            &[],
        );
        view.chats.push(chat);
        check(
            &expectation,
            &Observed::Client(view),
            Kind::Functionality,
            false,
            &["quay: chat_messages_log\n    extra: ‹\"hi\"›"],
        );
    }

    #[test]
    fn quoted_texts_have_no_control_characters() {
        assert_eq!(quoted("a\x1b[2J\"b\""), "‹a\\u{1b}[2J\"b\"›");
        assert_eq!(
            quoted(&"x".repeat(300)),
            format!("‹{}...› (300 bytes)", "x".repeat(200))
        );
    }
}
