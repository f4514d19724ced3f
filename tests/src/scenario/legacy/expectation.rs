//! What a file of the legacy IRC expects, and the comparison with what was observed.
//!
//! It compares the printed lines of a client as the original harness does, as a
//! set; with `strict` as a multiset, so that a line printed twice is a difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::fixture::IrcState;
use crate::fixture::legacy_user::UserView;
use crate::scenario::report::{Comparison, Problem, quoted};

/// What a file expects of one server or client; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The servers linked to a server.
    pub adjacent_servers: Option<Vec<String>>,
    /// All servers that a server knows.
    pub servers: Option<Vec<String>>,
    /// The users of a server.
    pub adjacent_users: Option<Vec<String>>,
    /// All users that a server knows.
    pub users: Option<Vec<String>>,
    /// The channels of a server, or those that a client knows.
    pub channels: Option<BTreeMap<String, ChannelExpectation>>,
    /// What a client has printed.
    pub printed: Option<Vec<String>>,
    /// The same, in order. The original harness does not know this key.
    pub printed_in_order: Option<Vec<String>>,
    /// The first read of each link of a server, and the texts sent to it.
    pub received: Option<Vec<String>>,
    /// The texts sent as if from a server.
    pub sent: Option<Vec<String>>,
    /// Other properties, which no check uses.
    pub unknown: Vec<String>,
}

/// What a file expects of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelExpectation {
    /// Its key, which clients do not know, and of which servers show that there is one.
    pub key: Option<Option<String>>,
    /// Its topic.
    pub topic: Option<Option<String>>,
    /// Its members.
    pub users: Option<Vec<String>>,
}

/// The observed state of one server or client, frozen when it was killed.
#[derive(Debug, Clone)]
pub(super) enum Observed {
    Server {
        /// `None` when it did not answer, or not with a state of IRC.
        state: Option<IrcState>,
        received: Vec<String>,
        sent: Vec<String>,
    },
    Client(UserView),
}

/// A channel as a server or client knows it.
struct ObservedChannel {
    key: Option<String>,
    topic: Option<String>,
    users: Vec<String>,
}

impl Expectation {
    pub(super) fn parse(
        properties: BTreeMap<String, Value>,
    ) -> Result<Expectation, (String, &'static str)> {
        let mut expectation = Expectation::default();
        for (property, value) in properties {
            let list = |wanted| texts(&value).map(Some).ok_or((property.clone(), wanted));
            let names = || list("a list of names");
            let lines = || list("a list of texts");
            // Of two keys for the same property, the first is the original one.
            match property.as_str() {
                "adjacent_servers" => expectation.adjacent_servers = names()?,
                "servers_lookuptable" | "servers" => expectation.servers = names()?,
                "adjacent_users" => expectation.adjacent_users = names()?,
                "users_lookuptable" | "users" => expectation.users = names()?,
                "channels" => {
                    let channels = channels(&value)
                        .ok_or((property, "channels, each with key, topic and users"))?;
                    expectation.channels = Some(channels);
                }
                "printed_messages" | "messages" => expectation.printed = lines()?,
                "printed_messages_in_order" => expectation.printed_in_order = lines()?,
                "recvd_messages_asdqw" => expectation.received = lines()?,
                "sent_messages_asdqw" => expectation.sent = lines()?,
                _ => expectation.unknown.push(property),
            }
        }
        Ok(expectation)
    }

    /// How `name` differs from the expectation.
    pub(super) fn problems(&self, name: &str, observed: &Observed, strict: bool) -> Vec<Problem> {
        let mut comparison = Comparison::new(name);
        match observed {
            Observed::Server {
                state,
                received,
                sent,
            } => {
                comparison.multisets("recvd_messages_asdqw", self.received.as_deref(), received);
                comparison.multisets("sent_messages_asdqw", self.sent.as_deref(), sent);
                match state {
                    Some(state) => self.compare_state(&mut comparison, state),
                    None if self.needs_state() => comparison.failure(format!(
                        "{name}: its admin page did not return a state of IRC"
                    )),
                    None => {}
                }
            }
            Observed::Client(view) => self.compare_view(&mut comparison, view, strict),
        }
        comparison.problems
    }

    /// The expectations about links alone.
    pub(super) fn links_only(&self) -> Expectation {
        Expectation {
            received: self.received.clone(),
            sent: self.sent.clone(),
            ..Expectation::default()
        }
    }

    fn needs_state(&self) -> bool {
        self.channels.is_some()
            || [
                &self.adjacent_servers,
                &self.servers,
                &self.adjacent_users,
                &self.users,
            ]
            .iter()
            .any(|names| names.is_some())
    }

    fn compare_state(&self, comparison: &mut Comparison<'_>, state: &IrcState) {
        for (property, expected, found) in [
            (
                "adjacent_servers",
                &self.adjacent_servers,
                &state.adjacent_servers,
            ),
            ("servers", &self.servers, &state.servers),
            (
                "adjacent_users",
                &self.adjacent_users,
                &state.adjacent_users,
            ),
            ("users", &self.users, &state.users),
        ] {
            comparison.multisets(property, expected.as_deref(), found);
        }
        let found = state.channels.iter().map(|(name, channel)| {
            let observed = ObservedChannel {
                key: channel.key.clone(),
                topic: channel.topic.clone(),
                users: channel.users.clone(),
            };
            (name.clone(), observed)
        });
        self.compare_channels(comparison, &found.collect());
    }

    fn compare_view(&self, comparison: &mut Comparison<'_>, view: &UserView, strict: bool) {
        let found = view.channels.iter().map(|(name, channel)| {
            let observed = ObservedChannel {
                key: None,
                topic: channel.topic.clone(),
                users: channel.users.iter().cloned().collect(),
            };
            (name.clone(), observed)
        });
        self.compare_channels(comparison, &found.collect());
        let printed = self.printed.as_deref();
        if strict {
            comparison.multisets("printed_messages", printed, &view.printed);
        } else {
            comparison.sets("printed_messages", printed, &view.printed);
        }
        if let Some(expected) = &self.printed_in_order
            && *expected != view.printed
        {
            let lines = |lines: &[String]| {
                let lines: Vec<String> = lines.iter().map(|line| quoted(line)).collect();
                lines.join(", ")
            };
            comparison.failure(format!(
                "{}: printed_messages_in_order\n    expected: {}\n    found: {}",
                comparison.name,
                lines(expected),
                lines(&view.printed)
            ));
        }
    }

    fn compare_channels(
        &self,
        comparison: &mut Comparison<'_>,
        found: &BTreeMap<String, ObservedChannel>,
    ) {
        let Some(expected) = &self.channels else {
            return;
        };
        let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
        comparison.multisets(
            "channels",
            Some(&names(expected.keys().collect())),
            &names(found.keys().collect()),
        );
        for (name, expected) in expected {
            let Some(found) = found.get(name) else {
                continue;
            };
            let users = format!("users of {name}");
            comparison.multisets(&users, expected.users.as_deref(), &found.users);
            // A server shows whether there is a key, and not which.
            let key = expected.key.as_ref();
            let key = key.map(|key| key.as_ref().map(|_| "*".to_owned()));
            for (property, expected, found) in [
                ("key", &key, &found.key),
                ("topic", &expected.topic, &found.topic),
            ] {
                let Some(expected) = expected else { continue };
                if expected != found {
                    comparison.failure(format!(
                        "{}: {property} of {name}\n    expected: {}\n    found: {}",
                        comparison.name,
                        text_or_none(expected.as_ref()),
                        text_or_none(found.as_ref())
                    ));
                }
            }
        }
    }
}

fn text_or_none(text: Option<&String>) -> String {
    text.map_or("none".to_owned(), |text| quoted(text))
}

/// A list of texts, or the keys of an object.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect(),
        Value::Object(map) => Some(map.keys().cloned().collect()),
        _ => None,
    }
}

/// Channels with their expectations, or a list of names alone.
fn channels(value: &Value) -> Option<BTreeMap<String, ChannelExpectation>> {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| Some((name.clone(), channel(value.as_object()?)?)))
            .collect(),
        Value::Array(_) => {
            let names: BTreeSet<String> = texts(value)?.into_iter().collect();
            let names = names.into_iter();
            Some(names.map(|name| (name, Default::default())).collect())
        }
        _ => None,
    }
}

fn channel(properties: &Map<String, Value>) -> Option<ChannelExpectation> {
    let mut expectation = ChannelExpectation::default();
    for (property, value) in properties {
        let text = || match value {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text.clone())),
            _ => None,
        };
        match property.as_str() {
            "key" => expectation.key = Some(text()?),
            "topic" => expectation.topic = Some(text()?),
            "users" => expectation.users = Some(texts(value)?),
            // The original files repeat the name.
            _ => {}
        }
    }
    Some(expectation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::IrcChannel;
    use crate::fixture::legacy_user::KnownChannel;

    fn parse(json: &str) -> Result<Expectation, (String, &'static str)> {
        Expectation::parse(serde_json::from_str(json).unwrap())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[track_caller]
    fn check(expectation: &Expectation, observed: &Observed, strict: bool, expected: &[&str]) {
        let problems = expectation.problems("quay", observed, strict);
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn original_and_plain_keys_mean_the_same() {
        let original = parse(
            r##"{"servers_lookuptable": ["a"], "users_lookuptable": {"wren": 1},
            "channels": {"#reef": {"channelname": "#reef", "key": null, "topic": "t", "users": ["wren"]}},
            "printed_messages": ["x"], "more": 1}"##,
        )
        .unwrap();
        let plain = parse(
            r##"{"servers": ["a"], "users": ["wren"],
            "channels": {"#reef": {"key": null, "topic": "t", "users": ["wren"]}},
            "messages": ["x"]}"##,
        )
        .unwrap();
        assert_eq!(original.unknown, ["more"]);
        let unknown = original.unknown.clone();
        assert_eq!(original, Expectation { unknown, ..plain });
        let listed = parse(r##"{"channels": ["#reef"]}"##).unwrap().channels;
        assert_eq!(listed.unwrap()["#reef"], ChannelExpectation::default());
        assert_eq!(
            parse(r#"{"users": "wren"}"#),
            Err(("users".to_owned(), "a list of names"))
        );
        assert!(parse(r##"{"channels": {"#reef": {"key": 7}}}"##).is_err());
    }

    #[test]
    fn servers_are_compared_by_names_and_channels() {
        let expectation = parse(
            r##"{"adjacent_users": ["wren"], "users": ["wren", "marlo"],
            "channels": {"#reef": {"key": null, "topic": "low", "users": ["wren"]}, "#shoal": {}},
            "recvd_messages_asdqw": ["SERVER a 1 :x\r\n"]}"##,
        )
        .unwrap();
        let reef = IrcChannel {
            key: Some("*".into()),
            topic: None,
            users: names(&["wren", "wren"]),
        };
        let state = IrcState {
            adjacent_users: names(&["wren"]),
            users: names(&["wren", "tamsin"]),
            channels: BTreeMap::from([("#reef".to_owned(), reef)]),
            servers: names(&["not compared"]),
            ..IrcState::default()
        };
        let mut observed = Observed::Server {
            state: Some(state),
            received: names(&["SERVER a 1 :y\r\n"]),
            sent: Vec::new(),
        };
        check(
            &expectation,
            &observed,
            false,
            &[
                "quay: recvd_messages_asdqw\n    missing: ‹SERVER a 1 :x\\r\\n›\n    extra: ‹SERVER a 1 :y\\r\\n›",
                "quay: users\n    missing: ‹marlo›\n    extra: ‹tamsin›",
                "quay: channels\n    missing: ‹#shoal›",
                "quay: users of #reef\n    extra: ‹wren›",
                "quay: key of #reef\n    expected: none\n    found: ‹*›",
                "quay: topic of #reef\n    expected: ‹low›\n    found: none",
            ],
        );
        if let Observed::Server {
            state, received, ..
        } = &mut observed
        {
            *state = None;
            *received = names(&["SERVER a 1 :x\r\n"]);
        }
        let silent = ["quay: its admin page did not return a state of IRC"];
        check(&expectation, &observed, false, &silent);
        check(&expectation.links_only(), &observed, true, &[]);
    }

    #[test]
    fn a_line_printed_twice_is_a_difference_with_strict_only() {
        let expectation = parse(r#"{"printed_messages": ["x", "y"], "channels": {}}"#).unwrap();
        let mut view = UserView {
            printed: names(&["y", "x", "x"]),
            ..UserView::default()
        };
        let observed = Observed::Client(view.clone());
        check(&expectation, &observed, false, &[]);
        let twice = "quay: printed_messages\n    extra: ‹x›";
        check(&expectation, &observed, true, &[twice]);
        view.printed = names(&["y", "z"]);
        view.channels
            .insert("#reef".into(), KnownChannel::default());
        check(
            &expectation,
            &Observed::Client(view),
            false,
            &[
                "quay: channels\n    extra: ‹#reef›",
                "quay: printed_messages\n    missing: ‹x›\n    extra: ‹z›",
            ],
        );
    }

    #[test]
    fn printed_messages_in_order_compares_the_order() {
        let expectation = parse(r#"{"printed_messages_in_order": ["x", "y"]}"#).unwrap();
        let mut view = UserView {
            printed: names(&["x", "y"]),
            ..UserView::default()
        };
        check(&expectation, &Observed::Client(view.clone()), true, &[]);
        view.printed.reverse();
        check(
            &expectation,
            &Observed::Client(view),
            true,
            &["quay: printed_messages_in_order\n    expected: ‹x›, ‹y›\n    found: ‹y›, ‹x›"],
        );
    }
}
