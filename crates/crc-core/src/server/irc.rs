//! Ordinary IRC: how the clients that people have speak to us (RFC 2812).

use crc_wire::{HostId, Message};
use irc_wire::CaseMapping;

use super::channels::{Happening, What};
use super::{Out, Server};
use crate::link::LinkId;

/// How many ways there are to word a happening.
pub(super) const VARIATIONS: usize = 2;

/// Which names are the same.
pub(super) const CASE: CaseMapping = CaseMapping::Ascii;

/// Somebody who speaks IRC.
#[derive(Debug, Default)]
pub(crate) struct User {}

impl Server {
    pub(super) fn irc_bytes(&mut self, _link: LinkId, _bytes: &[u8], _out: &mut Out) {}
    pub(super) fn irc_told(&mut self, _link: LinkId, _message: &Message<'_>, _out: &mut Out) {}
    pub(super) fn irc_closes(&mut self, _link: LinkId, _text: &str, _out: &mut Out) {}
    pub(super) fn irc_due(&mut self, _link: LinkId, _out: &mut Out) {}
    pub(super) fn irc_notice(
        &mut self,
        _link: LinkId,
        _source: HostId,
        _text: &str,
        _out: &mut Out,
    ) {
    }
    pub(super) fn irc_invited(
        &mut self,
        _link: LinkId,
        _source: HostId,
        _channel: &str,
        _out: &mut Out,
    ) {
    }

    /// `nick!user@host` of a host.
    pub(super) fn irc_source(&self, id: HostId) -> String {
        let nick = self.called(id);
        format!("{nick}!{nick}@{id}.crc")
    }

    pub(super) fn irc_host_quits(&mut self, _id: HostId, _text: &str, _out: &mut Out) {}
    pub(super) fn irc_host_renamed(&mut self, _id: HostId, _before: &str, _out: &mut Out) {}

    pub(super) fn irc_variation(
        &self,
        _user: &User,
        _own: bool,
        _what: &What<'_>,
    ) -> Option<usize> {
        None
    }

    pub(super) fn write_irc(
        &self,
        _happening: &Happening<'_>,
        _variation: usize,
        _arena: &mut Vec<u8>,
    ) {
    }
}
