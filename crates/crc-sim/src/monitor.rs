//! The wire monitor: it sees every event of every machine and all that is sent, checks
//! what can be checked at once, and keeps what the rest checks need to know.
//!
//! It only reads the network. What it keeps of it:
//!
//! - `record`: violations, the trace, the counts, and the last activity;
//! - for each direction of each connection, what was announced to the reader ([`StreamState`]);
//! - where every chat is ([`chats`]) and which connections each channel chat has crossed
//!   ([`channel_chats`]).

pub(crate) mod channel_chats;
pub(crate) mod chats;
mod describe;
pub(crate) mod effort;
mod flood;
mod hostile;
mod memory;
pub(crate) mod operators;
mod stream_state;
mod text_lines;
mod wire_checks;

use std::collections::BTreeMap;

use crc_core::{ClientNotice, LinkId, ServerNotice, Timestamp, Work};
use crc_netem::{Progress, Side};
use crc_wire::StatusCode;

use crate::event::{NodeCommand, NodeEvent, Notice};
use crate::foreign::ForeignNotice;
use crate::invariant::{Invariant, Violation};
use crate::judge::Judge;
use crate::network::Network;
use crate::report::Counts;
use crate::trace::Trace;

use channel_chats::ChannelChat;
use chats::ChatLedger;
use describe::describe_frames;
use flood::FloodRecord;
use hostile::HostileRecord;
use operators::OperatorRecord;
pub(crate) use stream_state::StreamState;

/// What a run leaves behind.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) violations: Vec<Violation>,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    /// When there was activity for the last time, and what it was. Endless
    /// repetitions, such as keepalives, do not count.
    pub(crate) last_activity: (Timestamp, &'static str),
}

impl Record {
    pub(crate) fn violation(&mut self, at: Timestamp, invariant: Invariant, text: String) {
        self.trace
            .line(at, || format!("VIOLATION {invariant}: {text}"));
        self.violations.push(Violation {
            invariant,
            at,
            text,
        });
    }
}

#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) record: Record,
    /// By connection, and by the end that writes.
    pub(crate) streams: Vec<[StreamState; 2]>,
    /// By connection: whether lines of text are spoken there, and not frames.
    text: Vec<bool>,
    pub(crate) chats: ChatLedger,
    pub(crate) channel_chats: Vec<ChannelChat>,
    /// The judge of people, if there is one.
    pub(crate) judge: Option<Judge>,
    hostile: HostileRecord,
    flood: FloodRecord,
    /// How many bytes the server that handles an event has to handle, where slices are small.
    unread_before: BTreeMap<(usize, Side), u64>,
    /// What is kept of operators, if there are any.
    operators: Option<OperatorRecord>,
}

impl Monitor {
    pub(crate) fn new(network: &Network, lines: bool, judges: bool) -> Monitor {
        let nodes = network.nodes.len();
        let operators = network.options.operators;
        Monitor {
            record: Record {
                violations: Vec::new(),
                trace: Trace::new(lines),
                counts: Counts::default(),
                last_activity: (Timestamp::START, "the start"),
            },
            streams: Vec::new(),
            text: Vec::new(),
            chats: ChatLedger::new(nodes),
            channel_chats: Vec::new(),
            judge: judges.then(Judge::default),
            hostile: HostileRecord::new(nodes),
            flood: FloodRecord::default(),
            unread_before: BTreeMap::new(),
            operators: operators.then(|| OperatorRecord::new(nodes)),
        }
    }

    pub(crate) fn violation(&mut self, network: &Network, invariant: Invariant, text: String) {
        let now = network.net.now();
        self.record.violation(now, invariant, text);
    }

    /// There is activity.
    pub(crate) fn mark_activity(&mut self, network: &Network, what: &'static str) {
        self.record.last_activity = (network.net.now(), what);
    }

    /// There is activity on a connection, unless its attempts are futile: those of a node
    /// that a v1 server refuses, or whose client a v1 node does not forget; and those at the
    /// address of a legacy server, which a hostile server has announced, and which closes all.
    pub(crate) fn mark_activity_unless_futile(
        &mut self,
        network: &Network,
        connection: usize,
        what: &'static str,
    ) {
        let it = network.connection(connection);
        let tries_for_ever = it.ends().iter().any(|end| {
            let node = &network.nodes[end.host()];
            node.is_v1_server() || node.is_client()
        });
        // What follows on an accepted link is seen anyway.
        let unanswered = self.streams[connection][1].announced.is_empty();
        let acceptor = &network.nodes[it.ends()[1].host()];
        if acceptor.is_legacy_server() && !self.text[connection] {
            return;
        }
        if network.options.v1_servers == 0 || !tries_for_ever && !unanswered {
            self.mark_activity(network, what);
        }
    }

    /// A connection was made.
    pub(crate) fn on_connection(&mut self, is_text: bool) {
        self.record.counts.connections += 1;
        self.streams.push(Default::default());
        self.text.push(is_text);
    }

    /// The machine of a node is about to get an event.
    pub(crate) fn on_event(&mut self, network: &Network, node: usize, event: &NodeEvent<'_>) {
        if let Some(judge) = &mut self.judge {
            judge.before_event(event);
        }
        self.note_unread(network, node, event);
        let record = &mut self.record;
        record.counts.events += 1;
        let kind = match event {
            NodeEvent::LinkUp { .. } => 1,
            NodeEvent::Bytes { bytes, .. } => {
                record.trace.bytes(bytes);
                2
            }
            NodeEvent::LinkDown { unsent, .. } => {
                record.trace.bytes(unsent.bytes);
                3
            }
            NodeEvent::DialFailed { .. } => 4,
            NodeEvent::Command(NodeCommand::Server(_)) => 5,
            NodeEvent::Command(NodeCommand::Client(_)) => 6,
            NodeEvent::Command(NodeCommand::Foreign(_)) => 7,
            NodeEvent::Tick => 8,
            NodeEvent::Queue { .. } => 9,
            NodeEvent::Crowded { .. } => 10,
        };
        let now = network.net.now();
        let link = event.link().map_or(0, LinkId::as_u64);
        record.trace.number(kind << 56 | (node as u64) << 40 | link);
        record.trace.number(now.as_micros());
        record.trace.line(now, || {
            let what = match event {
                NodeEvent::LinkUp {
                    link,
                    origin,
                    endpoints,
                    ..
                } => {
                    format!("{link} is up, {origin:?}, {}", endpoints.peer)
                }
                NodeEvent::Bytes { link, bytes } => format!("{link} {}", describe_frames(bytes)),
                NodeEvent::LinkDown { link, why, unsent } => {
                    let unsent = unsent.bytes.len() - unsent.written;
                    format!("{link} is down: {why}; {unsent} bytes unsent")
                }
                other => format!("{other:?}"),
            };
            format!("{} <- {what}", network.describe(node))
        });
    }

    fn note_unread(&mut self, network: &Network, node: usize, event: &NodeEvent<'_>) {
        self.unread_before.clear();
        let Some(server) = network.server(node) else {
            return;
        };
        if network.options.work_slice == Work::SLICE {
            return;
        }
        let links = server.snapshot().links();
        for view in links.filter(|view| view.unread_bytes > 0) {
            if let Some(place) = network.net.find(node, view.link) {
                self.unread_before.insert(place, view.unread_bytes as u64);
            }
        }
        if let NodeEvent::Bytes { link, bytes } = event
            && let Some(place) = network.net.find(node, *link)
        {
            *self.unread_before.entry(place).or_default() += bytes.len() as u64;
        }
    }

    /// Streams have made progress.
    pub(crate) fn on_progress(&mut self, network: &Network, progress: &[Progress]) {
        for &progress in progress {
            match progress {
                Progress::Read {
                    connection,
                    writer,
                    upto,
                    kept,
                } => {
                    if let Some(judge) = &mut self.judge {
                        judge.on_read(connection, writer, upto, kept);
                    }
                    self.on_read(network, connection, writer, upto, kept);
                }
                Progress::Lost {
                    connection,
                    writer,
                    after,
                    upto,
                } => self.on_lost(connection, writer, after, upto),
                Progress::Returned {
                    connection,
                    writer,
                    written,
                } => self.on_returned(network, connection, writer, written),
            }
        }
    }

    /// The machine of a node notices something.
    pub(crate) fn on_notice(&mut self, network: &Network, node: usize, notice: Notice) {
        match notice {
            Notice::Foreign(ForeignNotice::Complaint(text)) => {
                let text = format!("{}: {text}", network.describe(node));
                self.violation(network, Invariant::O1, text);
            }
            Notice::Foreign(ForeignNotice::Contradiction(text)) => {
                self.violation(network, Invariant::K4, text);
            }
            Notice::Foreign(ForeignNotice::Heard(text)) => {
                self.on_channel_chat_received(network, node, &text);
            }
            Notice::Client(ClientNotice::Chat { from, to, text, .. }) => {
                self.on_chat_received(network, node, from, to, &text);
            }
            Notice::Client(ClientNotice::ChannelChat { text, .. }) => {
                self.on_channel_chat_received(network, node, &text);
            }
            Notice::Client(ClientNotice::NotSent { .. }) => self.record.counts.not_sent += 1,
            Notice::Client(notice) => {
                match &notice {
                    ClientNotice::Welcome { .. } => self.on_new_registration(node),
                    ClientNotice::Moved { .. } => self.record.counts.moves += 1,
                    ClientNotice::Renamed { id, .. }
                        if network.client(node).map(crc_core::Client::id) == Some(*id) =>
                    {
                        self.record.counts.renames += 1;
                    }
                    ClientNotice::Status {
                        code: StatusCode::NOTE,
                        text,
                        ..
                    } => self.on_operator_note(network, node, text),
                    _ => {}
                }
                self.trace_notice(network, node, &notice);
            }
            Notice::Server(notice) => {
                if matches!(notice, ServerNotice::Linked { .. }) {
                    self.set_was_linked(node, true);
                }
                self.trace_notice(network, node, &notice);
            }
        }
    }

    fn trace_notice(&mut self, network: &Network, node: usize, notice: &dyn core::fmt::Debug) {
        self.line(network, || {
            format!("{} notices {notice:?}", network.describe(node))
        });
    }

    /// A server has handled an event: of which link, and whether that was lost.
    pub(crate) fn judge(&mut self, network: &Network, node: usize, link: (Option<LinkId>, bool)) {
        let Some(judge) = &mut self.judge else {
            return;
        };
        for (invariant, text) in judge.after_event(network, node, link) {
            self.violation(network, invariant, text);
        }
    }

    /// Writes a line of the trace, if lines are wanted.
    pub(crate) fn line(&mut self, network: &Network, line: impl FnOnce() -> String) {
        self.record.trace.line(network.net.now(), line);
    }
}
