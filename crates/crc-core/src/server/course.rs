//! The cut-down IRC of the course: its users, and its servers.

use crc_wire::{Field, HostId, Message};

use super::channels::{Happening, What};
use super::{Out, Server};
use crate::link::{DialId, LinkId};
use crate::relay::HostKind;
use crate::session::Lines;

/// Somebody who speaks the dialect of the course.
#[derive(Debug, Default)]
pub(crate) struct Peer {}

impl Peer {
    pub(crate) fn is_server(&self) -> bool {
        false
    }
}

impl Server {
    pub(super) fn course_lines_for(&self, _dial: DialId) -> Option<Lines> {
        None
    }
    pub(super) fn course_bytes(&mut self, _link: LinkId, _bytes: &[u8], _out: &mut Out) {}
    pub(super) fn course_told(&mut self, _link: LinkId, _message: &Message<'_>, _out: &mut Out) {}
    pub(super) fn course_closes(&mut self, _link: LinkId, _text: &str, _out: &mut Out) {}
    pub(super) fn course_host_joined(&mut self, _id: HostId, _from: LinkId, _out: &mut Out) {}
    pub(super) fn course_host_left(
        &mut self,
        _id: HostId,
        _kind: HostKind,
        _text: &str,
        _from: Option<LinkId>,
        _out: &mut Out,
    ) {
    }
    pub(super) fn course_host_renamed(
        &mut self,
        _id: HostId,
        _before: &str,
        _from: LinkId,
        _out: &mut Out,
    ) {
    }
    pub(super) fn course_user_quits(&mut self, _id: HostId, _text: &str, _out: &mut Out) {}
    pub(super) fn course_channel_joined(
        &mut self,
        _id: HostId,
        _channel: &str,
        _from: Option<LinkId>,
        _out: &mut Out,
    ) {
    }
    pub(super) fn course_channel_left(
        &mut self,
        _id: HostId,
        _channel: &str,
        _from: Option<LinkId>,
        _out: &mut Out,
    ) {
    }
    pub(super) fn course_channel_set(
        &mut self,
        _channel: &str,
        _source: Option<HostId>,
        _field: Field,
        _value: &str,
        _from: Option<LinkId>,
        _out: &mut Out,
    ) {
    }
    pub(super) fn course_channel_said(
        &mut self,
        _channel: &str,
        _who: Option<HostId>,
        _what: What<'_>,
        _from: Option<LinkId>,
        _out: &mut Out,
    ) {
    }
    pub(super) fn write_course(&self, _happening: &Happening<'_>, _arena: &mut Vec<u8>) {}
}
