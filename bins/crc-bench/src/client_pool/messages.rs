//! Sends messages: streams within a window per flow, and ping-pong.

use std::time::Instant;

use super::traffic::{Reply, Stream};
use super::{ClientPool, StallTimer, stalled};
use crate::failure::Failure;
use crate::flow::Flow;

/// One call sends at most this many bytes.
const SEND_BYTES: usize = 64 * 1024;
/// At most this many bytes of all flows together are in flight.
const WINDOW_TOTAL: usize = 1024 * 1024;
/// At most this many bytes of one flow are in flight.
const WINDOW: usize = 256 * 1024;

impl ClientPool {
    /// Removes all flows. None of their messages may be in flight.
    pub(crate) fn clear_flows(&mut self) {
        self.traffic.flows.clear();
        self.traffic.streams.clear();
        self.traffic.touched.clear();
        self.traffic.flow_of.fill(None);
    }

    /// Adds a flow of messages with `size` bytes of text.
    pub(crate) fn add_flow(&mut self, from: usize, to: usize, size: usize) {
        let traffic = &mut self.traffic;
        if let Some(flow) = traffic.flow_of.get_mut(from) {
            *flow = Some(traffic.flows.len());
        }
        let (from, to) = (traffic.ids.id(from), traffic.ids.id(to));
        traffic.flows.push(Flow::new(from, to, size));
        traffic.streams.push(Stream::default());
    }

    /// The length of a message's frame. All messages have the same.
    pub(crate) fn frame_len(&self) -> usize {
        self.traffic.flows.first().map_or(0, Flow::frame_len)
    }

    /// Starts to stream on all flows, as much as their windows permit.
    pub(crate) fn start_streams(&mut self) -> Result<(), Failure> {
        let window = (WINDOW_TOTAL / self.traffic.flows.len().max(1)).min(WINDOW);
        for number in 0..self.traffic.flows.len() {
            if let (Some(flow), Some(stream)) = (
                self.traffic.flows.get(number),
                self.traffic.streams.get_mut(number),
            ) {
                stream.window = (window / flow.frame_len()).max(1) as u64;
            }
            self.fill_window(number)?;
        }
        self.traffic.reply = Reply::None;
        Ok(())
    }

    /// Fills the windows of all flows of which a message has arrived.
    pub(crate) fn refill_streams(&mut self) -> Result<(), Failure> {
        while let Some(number) = self.traffic.touched.pop() {
            self.fill_window(number)?;
        }
        Ok(())
    }

    /// Sends the first question of each pair. Flows with even numbers carry the questions, the next
    /// flow the answers.
    pub(crate) fn start_ping_pong(&mut self) -> Result<(), Failure> {
        self.traffic.reply = Reply::Back { repeat: true };
        for number in (0..self.traffic.flows.len()).step_by(2) {
            self.send_next(number)?;
        }
        Ok(())
    }

    /// Sends only the answers that are due.
    pub(crate) fn stop_ping_pong(&mut self) {
        if let Reply::Back { repeat } = &mut self.traffic.reply {
            *repeat = false;
        }
    }

    /// Waits until all messages have arrived.
    pub(crate) fn drain(&mut self) -> Result<(), Failure> {
        let mut stall = StallTimer::new(self);
        while let Some(missing) = self.traffic.missing() {
            if stall.is_over(self) {
                return Err(missing.into());
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Fails if the run has stalled.
    pub(crate) fn check_stall(&self, stall: &mut StallTimer) -> Result<(), Failure> {
        if !stall.is_over(self) {
            return Ok(());
        }
        let missing = self.traffic.missing();
        Err(missing.map_or(stalled("for messages"), Failure::from))
    }

    /// Sends the next message of a flow.
    pub(super) fn send_next(&mut self, number: usize) -> Result<(), Failure> {
        let traffic = &mut self.traffic;
        let (Some(flow), Some(stream)) = (
            traffic.flows.get_mut(number),
            traffic.streams.get_mut(number),
        ) else {
            return Ok(());
        };
        self.scratch.clear();
        let sender = traffic.ids.client(flow.source().get(), self.clients.len());
        stream.probe = Some((flow.sent(), Instant::now()));
        flow.push_next(&mut self.scratch);
        self.send(sender)
    }

    /// Sends as many messages of a flow as its window permits.
    fn fill_window(&mut self, number: usize) -> Result<(), Failure> {
        loop {
            let traffic = &mut self.traffic;
            let (Some(flow), Some(stream)) = (
                traffic.flows.get_mut(number),
                traffic.streams.get_mut(number),
            ) else {
                return Ok(());
            };
            stream.touched = false;
            let room = stream.window.saturating_sub(flow.in_flight());
            let max = (SEND_BYTES / flow.frame_len()).max(1) as u64;
            let count = room.min(max);
            if count == 0 {
                return Ok(());
            }
            self.scratch.clear();
            for _ in 0..count {
                flow.push_next(&mut self.scratch);
            }
            if stream.probe.is_none() {
                stream.probe = Some((flow.sent() - 1, Instant::now()));
            }
            let sender = traffic.ids.client(flow.source().get(), self.clients.len());
            self.send(sender)?;
        }
    }

    /// Sends the bytes in `scratch`.
    fn send(&mut self, sender: Option<usize>) -> Result<(), Failure> {
        let Some(index) = sender else {
            return Ok(());
        };
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        match client.send(&self.scratch) {
            Ok(()) => Ok(()),
            Err(_) => self.on_closed(index),
        }
    }
}
