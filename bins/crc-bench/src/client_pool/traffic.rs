//! Which client sends to which, and which joins and quits were announced: everything that the
//! frames from the servers are checked against.

use std::time::Instant;

use crc_wire::{
    ClientQuit, Frame, FrameLimits, HostId, Kind, Message, Registration, Status, StatusCode,
};
use hdrhistogram::Histogram;

use super::client::{Client, Phase, Session};
use super::server_name;
use crate::failure::Failure;
use crate::flow::{Flow, Violation};
use crate::presence::{Ids, Presence};
use crate::servers::Target;

/// A flow's window, and its latency probe.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// How many messages may be in flight.
    pub(super) window: u64,
    /// The number of a message, and when it was sent. Its latency is measured.
    pub(super) probe: Option<(u64, Instant)>,
    /// Whether a message has arrived since the window was last filled.
    pub(super) touched: bool,
}

/// What a client does when a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing.
    None,
    /// The receiver sends the next message of its own flow: an answer, and after an answer the next
    /// question if `repeat` is set.
    Back { repeat: bool },
}

/// What one read brought.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) messages: u64,
    /// Whether the client must send its next message.
    pub(super) must_reply: bool,
}

/// The traffic of all clients.
pub(super) struct Traffic {
    pub(super) ids: Ids,
    pub(super) presence: Presence,
    pub(super) flows: Vec<Flow>,
    pub(super) streams: Vec<Stream>,
    /// The flow of each client that sends.
    pub(super) flow_of: Vec<Option<usize>>,
    /// The flows of which a message has arrived since their windows were last filled.
    pub(super) touched: Vec<usize>,
    pub(super) reply: Reply,
    pub(super) received: u64,
    /// Latencies or round trips in nanoseconds.
    pub(super) latencies: Option<Histogram<u64>>,
    /// A violation that showed when the receiver was leaving already.
    pub(super) late_violation: Option<Violation>,
}

impl Traffic {
    pub(super) fn new(ids: Ids, clients: usize) -> Traffic {
        Traffic {
            ids,
            presence: Presence::new(ids, clients),
            flows: Vec::new(),
            streams: Vec::new(),
            flow_of: vec![None; clients],
            touched: Vec::new(),
            reply: Reply::None,
            received: 0,
            latencies: None,
            late_violation: None,
        }
    }

    /// How many messages have been sent and have not arrived.
    pub(super) fn in_flight(&self) -> u64 {
        self.flows.iter().map(Flow::in_flight).sum()
    }

    /// The violation that messages in flight did not arrive, if there are any.
    pub(super) fn missing(&self) -> Option<Violation> {
        let first = self.flows.iter().find(|flow| flow.in_flight() > 0)?;
        Some(first.missing(self.in_flight()))
    }

    /// Handles the bytes that a client has read.
    pub(super) fn handle_input(
        &mut self,
        index: usize,
        client: &mut Client,
        servers: &[Target],
        mut input: &[u8],
    ) -> Result<Arrived, Failure> {
        let mut arrived = Arrived::default();
        loop {
            let frame = match client.decoder.next_frame(&mut input, FrameLimits::RELAY) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(arrived),
                // An aborted run may have skipped the rest of a frame.
                Err(_) if client.session.phase == Phase::Leaving => return Ok(arrived),
                Err(source) => {
                    let server = server_name(servers, client.session.server);
                    return Err(Failure::InvalidFrame { server, source });
                }
            };
            let leaving = client.session.phase == Phase::Leaving;
            if frame.kind() == Kind::ClientChat {
                match self.on_chat(index, frame, &mut arrived) {
                    Err(violation) if leaving => {
                        self.late_violation.get_or_insert(violation);
                    }
                    other => other?,
                }
                continue;
            }
            if leaving {
                continue;
            }
            match frame.message() {
                Ok(Message::ClientRegistration(Registration { source, .. })) => {
                    if let Some(of) = self.client(source) {
                        self.presence.on_join(index, of)?;
                    }
                }
                Ok(Message::ClientQuit(ClientQuit { source, .. })) => {
                    if let Some(of) = self.client(source) {
                        self.presence.on_quit(index, of)?;
                    }
                }
                Ok(Message::Status(status)) => {
                    self.on_status(index, &mut client.session, servers, &status)?;
                }
                // Messages of servers are not checked.
                Ok(_) => {}
                Err(source) => {
                    let server = server_name(servers, client.session.server);
                    return Err(Failure::InvalidMessage { server, source });
                }
            }
        }
    }

    #[inline]
    fn on_chat(
        &mut self,
        index: usize,
        frame: Frame<'_>,
        arrived: &mut Arrived,
    ) -> Result<(), Violation> {
        let &[_, a, b, c, d, ..] = frame.bytes() else {
            return Ok(());
        };
        let source = u32::from_be_bytes([a, b, c, d]);
        let Some(sender) = self.ids.client(source, self.flow_of.len()) else {
            // A user of the network who is not part of the measurement.
            return Ok(());
        };
        let misdelivered = || Violation::Misdelivered {
            source_id: self.ids.id(sender),
            receiver: self.ids.id(index),
        };
        let Some(&Some(number)) = self.flow_of.get(sender) else {
            return Err(misdelivered());
        };
        let (Some(flow), Some(stream)) = (self.flows.get_mut(number), self.streams.get_mut(number))
        else {
            return Err(misdelivered());
        };
        if flow.destination() != self.ids.id(index) {
            return Err(misdelivered());
        }
        flow.check_arrival(frame.bytes())?;
        arrived.messages += 1;
        if let Some((probe, since)) = stream.probe
            && flow.received() > probe
            && self.reply == Reply::None
        {
            stream.probe = None;
            record(&mut self.latencies, since);
        }
        match self.reply {
            Reply::None => {
                if !stream.touched {
                    stream.touched = true;
                    self.touched.push(number);
                }
            }
            Reply::Back { repeat } => {
                // Each question's flow has an even number, its answer's flow the next one.
                let is_answer = number % 2 == 1;
                arrived.must_reply = !is_answer || repeat;
                if is_answer
                    && let Some(question) = self.streams.get_mut(number - 1)
                    && let Some((_, since)) = question.probe.take()
                {
                    record(&mut self.latencies, since);
                }
            }
        }
        Ok(())
    }

    /// Handles a status: the answers to a client's registration, and rejections of messages.
    fn on_status(
        &mut self,
        index: usize,
        session: &mut Session,
        servers: &[Target],
        status: &Status<'_>,
    ) -> Result<(), Failure> {
        if !matches!(status.code, StatusCode::WELCOME | StatusCode::FEATURES) {
            session.last_status = status.text.as_str().to_owned();
        }
        session.phase = match (status.code, session.phase) {
            (StatusCode::WELCOME, Phase::Registering) => Phase::Announcing,
            // A v1 server answers the announcement with "id taken".
            (StatusCode::FEATURES | StatusCode::ID_TAKEN, Phase::Announcing) => Phase::Ready,
            (StatusCode::ID_TAKEN, Phase::Registering) => {
                return Err(Failure::Refused {
                    server: server_name(servers, session.server),
                    client: self.ids.id(index),
                    text: status.text.as_str().to_owned(),
                });
            }
            (StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG, _) => {
                return Err(Failure::Violation(Violation::Rejected {
                    source_id: self.ids.id(index),
                    text: status.text.as_str().to_owned(),
                }));
            }
            (_, phase) => phase,
        };
        Ok(())
    }

    /// The index of the client with this id, if it is one of the pool.
    fn client(&self, id: HostId) -> Option<usize> {
        self.ids.client(id.get(), self.flow_of.len())
    }
}

fn record(latencies: &mut Option<Histogram<u64>>, since: Instant) {
    if let Some(latencies) = latencies {
        let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // It fails only if the histogram cannot grow, and then one sample is lost.
        let _ = latencies.record(nanoseconds);
    }
}
