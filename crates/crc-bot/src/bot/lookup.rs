//! What a bot knows of the network.

use std::sync::mpsc;

use crc_core::Client;
use crc_wire::{HostId, MemberFlags};

use super::Bot;
use crate::error::Error;
use crate::event::{Member, User};
use crate::machine::Command;

/// What the bot knows. These ask the thread of the connection, and wait for its answer.
impl Bot {
    /// The name that the bot was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the bot. It may change when the bot connects again.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn id(&self) -> Result<HostId, Error> {
        self.query(Client::id)
    }

    /// Whether a server has accepted the bot, on a connection that holds.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.query(Client::is_settled).unwrap_or(false)
    }

    /// The other users of the network, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn users(&self) -> Result<Vec<User>, Error> {
        self.query(|client| {
            let users = client.clients().map(|(id, remote)| User {
                id,
                name: remote.name.to_string(),
            });
            users.collect()
        })
    }

    /// The channels that the bot is in, in the order of their names.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn channels(&self) -> Result<Vec<String>, Error> {
        self.query(|client| {
            let channels = client.channels();
            channels.map(|channel| channel.name().to_owned()).collect()
        })
    }

    /// The members of a channel that the bot is in, the bot among them; none for another channel.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn members(&self, channel: impl Into<String>) -> Result<Vec<Member>, Error> {
        let name = channel.into();
        self.query(move |client| {
            let members = client.channel(&name).into_iter();
            let members = members.flat_map(|channel| channel.members());
            let member = |(id, flags): (_, MemberFlags)| Member {
                user: client.host_ref(id).into(),
                is_operator: flags.operator,
                is_voiced: flags.voice,
            };
            members.map(member).collect()
        })
    }

    /// The topic of a channel that the bot is in; empty for none, and for another channel.
    ///
    /// # Errors
    ///
    /// If the bot has ended.
    pub fn topic(&self, channel: impl Into<String>) -> Result<String, Error> {
        let name = channel.into();
        self.query(move |client| {
            let channel = client.channel(&name);
            channel.map_or_else(String::new, |channel| channel.topic().to_owned())
        })
    }

    fn query<T: Send + 'static>(
        &self,
        look_up: impl FnOnce(&Client) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answer) = mpsc::channel();
        let query = move |client: &Client| {
            // The other thread waits for it.
            let _ = sender.send(look_up(client));
        };
        self.command(Command::Query(Box::new(query)))?;
        answer.recv().map_err(|_| Error::Ended)
    }
}
