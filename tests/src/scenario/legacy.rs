//! Scenarios of the legacy IRC: nodes have names and no ids, there are channels, and
//! the runner itself plays the clients.

mod command;
mod expectation;
mod network;

use std::collections::BTreeMap;

use serde_json::Value;

use super::command::first_word;
use super::file::{ClientUse, Kind, Language};
use super::tokenizer::split_words;

pub use command::{Command, LaunchClient, LaunchServer};
pub use expectation::{ChannelExpectation, Expectation};
pub(super) use network::LegacyNetwork;

/// Whether these commands launch a network of the legacy IRC: its servers and
/// clients have no ids; those of CRC all have one.
///
/// The type of a file does not distinguish them: both kinds of networks use the same types, and
/// most files of the legacy IRC have none.
pub(super) fn is_legacy(lines: &[String]) -> bool {
    let has_id = |rest: &str| {
        let words = split_words(rest);
        words
            .iter()
            .any(|word| word == "--id" || word.starts_with("--id="))
    };
    let mut launches = lines
        .iter()
        .map(|line| first_word(line))
        .filter(|(word, _)| matches!(*word, "LAUNCHSERVER" | "LAUNCHCLIENT"))
        .map(|(_, rest)| has_id(rest))
        .peekable();
    launches.peek().is_some() && launches.all(|has_id| !has_id)
}

/// The syntax of scenarios of the legacy IRC.
pub(super) struct Legacy;

impl Language for Legacy {
    type Command = Command;
    type Expectation = Expectation;

    fn kind(name: Option<&str>) -> Option<Kind> {
        match name {
            None | Some("CRC_functionality" | "IRC_functionality") => Some(Kind::Functionality),
            Some("basic_connectivity" | "network_connectivity") => Some(Kind::Connectivity),
            Some(_) => None,
        }
    }

    fn expectation(
        properties: BTreeMap<String, Value>,
    ) -> Result<Expectation, (String, &'static str)> {
        Expectation::parse(properties)
    }

    fn client_use(command: &Command) -> ClientUse<'_> {
        match command {
            Command::LaunchClient(client) => {
                ClientUse::Launches(vec![client.nick.clone(), client.full_name()])
            }
            Command::ClientCommand { name, .. } => ClientUse::Commands(name),
            _ => ClientUse::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], legacy: bool) {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(is_legacy(&lines), legacy, "{lines:?}");
    }

    #[test]
    fn launches_without_ids_are_legacy() {
        let irc = r#"LAUNCHSERVER --servername quay --port 1 --info "give --id 3""#;
        let crc = "LAUNCHSERVER --servername quay --port 1 --info x --id=1";
        let client = "LAUNCHCLIENT -S quay -P 1 --nick wren --hostname pier --realname W";
        check(&[irc, "WAIT 1", client], true);
        check(&[client], true);
        check(&[crc], false);
        check(&[crc, client], false);
        check(&["LAUNCHSERVER --id 1 --servername quay"], false);
        check(&["WAIT 1", "KILL ALL"], false);
        check(&[], false);
    }
}
