//! A machine, its clock and its effects.

use std::net::SocketAddr;
use std::time::Duration;

use crc_machine::{
    CloseWhen, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin,
    Outbox, Timestamp, Unsent,
};

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A machine and its effects.
pub(crate) struct Fixture<M: Machine> {
    pub(crate) machine: M,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<(LinkId, String)>,
    pub(crate) closed: Vec<LinkId>,
    pub(crate) bounds: Vec<(LinkId, usize)>,
    pub(crate) dialed: Vec<(DialId, String)>,
    pub(crate) notices: Vec<M::Notice>,
    pub(crate) stopped: bool,
    pub(crate) links: u32,
}

impl<M: Machine> Fixture<M> {
    pub(crate) fn new(machine: M) -> Self {
        Fixture {
            machine,
            now: Timestamp::from_micros(1_000_000),
            sent: Vec::new(),
            closed: Vec::new(),
            bounds: Vec::new(),
            dialed: Vec::new(),
            notices: Vec::new(),
            stopped: false,
            links: 0,
        }
    }

    pub(crate) fn handle(&mut self, event: Event<'_, M::Command>) {
        let mut out = Outbox::new();
        self.machine.handle(self.now, event, &mut out);
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => {
                    let text = String::from_utf8(out.bytes(range).to_vec()).unwrap();
                    self.sent.push((link, text));
                }
                Effect::Watch { .. } | Effect::Pause { .. } | Effect::Readdress { .. } => {}
                Effect::Bound { link, bytes_max } => self.bounds.push((link, bytes_max)),
                Effect::Close { link, when } => {
                    assert_eq!(when, CloseWhen::Flushed);
                    self.closed.push(link);
                }
                Effect::Dial { dial, to, .. } => self.dialed.push((dial, to.to_string())),
                Effect::Notice(notice) => self.notices.push(notice),
                Effect::Stop => self.stopped = true,
            }
        }
    }

    pub(crate) fn link_up(&mut self, origin: Origin, peer: &str) -> LinkId {
        self.links += 1;
        let link = LinkId::new(self.links, 1);
        let (peer, local) = (at(peer), at("10.0.0.1:50000"));
        let endpoints = Endpoints { peer, local };
        self.handle(Event::LinkUp {
            link,
            origin,
            endpoints,
            security: None,
        });
        link
    }

    pub(crate) fn accept(&mut self, peer: &str) -> LinkId {
        let listener = ListenerId(0);
        self.link_up(Origin::Accepted { listener }, peer)
    }

    pub(crate) fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        self.handle(Event::Bytes { link, bytes });
    }

    pub(crate) fn lose(&mut self, link: LinkId) {
        let (why, unsent) = (LinkDown::PeerClosed, Unsent::default());
        self.handle(Event::LinkDown { link, why, unsent });
    }

    /// Advances the clock, with a tick at each deadline.
    pub(crate) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.machine.deadline()
            && due <= end
        {
            self.now = self.now.max(due);
            self.handle(Event::Tick);
        }
        self.now = end;
    }

    pub(crate) fn pause(&mut self) {
        self.wait(Duration::from_millis(100));
    }

    pub(crate) fn sent(&mut self) -> Vec<(LinkId, String)> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn notices(&mut self) -> Vec<M::Notice> {
        std::mem::take(&mut self.notices)
    }
}
