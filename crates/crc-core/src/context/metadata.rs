//! What users and channels say of themselves in keys and values (IRCv3 metadata).

use crc_machine::LinkId;
use crc_wire::{ChannelField, ChannelRequest, HostId, RequestKind, Text};

use super::{Context, Out};
use crate::network::metadata::{NoRoom, channel_set_with, parse_statement, statement};
use crate::{crc, irc};

impl Context {
    /// A user gives a key a value; none, if that is empty. Tells all servers but that of `from`,
    /// and the users that want to know it.
    pub(crate) fn set_metadata(
        &mut self,
        host: HostId,
        (key, value): (&str, &str),
        from: Option<LinkId>,
        out: &mut Out,
    ) -> Result<(), NoRoom> {
        if self.network.set_metadata(host, key, value)? {
            let statement = metadata_statement(host, key, value);
            crc::channel::flood_metadata(self, &statement, from, out);
            irc::on_user_metadata(self, host, key, value, out);
        }
        Ok(())
    }

    /// A server states what a user behind it says of itself.
    pub(crate) fn on_metadata_statement(
        &mut self,
        host: HostId,
        text: &str,
        from: LinkId,
        out: &mut Out,
    ) {
        let set = parse_statement(text).map(|set| self.set_metadata(host, set, Some(from), out));
        if set.is_none_or(|set| set.is_err()) {
            self.counters.dropped += 1;
        }
    }

    /// An operator of a channel gives a key of it a value; none, if that is empty.
    pub(crate) fn set_channel_metadata(
        &mut self,
        host: HostId,
        name: &str,
        (key, value): (&str, &str),
        out: &mut Out,
    ) -> Result<(), NoRoom> {
        let field = ChannelField::METADATA;
        let known = self.network.channels().find(name);
        let before = known.map_or("", |channel| channel.value(field));
        let set = channel_set_with(before, key, value)?;
        if set != before {
            self.set_channel(name, field, Some(host), &set, out);
        }
        Ok(())
    }

    /// All that servers say to each other of what a user says of itself.
    pub(crate) fn metadata_statements(
        &self,
        host: HostId,
    ) -> impl Iterator<Item = ChannelRequest<'static>> {
        let all = self.network.metadata().of(host);
        all.map(move |(key, value)| metadata_statement(host, key, value))
    }
}

fn metadata_statement(source: HostId, key: &str, value: &str) -> ChannelRequest<'static> {
    let text = statement(key, value);
    ChannelRequest {
        source,
        destination: None,
        kind: RequestKind::METADATA,
        channel: None,
        text: Text::truncated(&text).into_owned(),
    }
}
