//! The world: it runs the network. It takes the next step, gives it to a machine,
//! carries out the effects, and shows all of it to the monitor.
//!
//! What is done to the network on purpose is in [`faults`](crate::faults).

use core::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientNotice, CloseWhen, DialError, DialId, Effect, LinkId, Machine,
    Outbox, PeerAddress, Server, ServerCommand, ServerNotice, Timestamp, Work,
};
use crc_netem::{Dialing, Failure, LinkEvent, Step, mix};
use crc_wire::HostId;

use crate::event::{NodeCommand, NodeEvent, Notice, client_event, foreign_event, server_event};
use crate::foreign::{ForeignCommand, ForeignNotice};
use crate::invariant::Invariant;
use crate::monitor::Monitor;
use crate::monitor::effort::Effort;
use crate::network::{Entry, Network};
use crate::node::{NodeConfig, Role, address, is_text_address};
use crate::options::{Options, Settings};
use crate::plan::Plan;
use crate::rendezvous::{CANDIDATES_WITHIN, Rendezvous};
use crate::rest_checks;

/// How long after the last fault all servers are linked, whatever clients do: a dead link is
/// detected after 45 s, the pauses between dials grow to 30 s, and more than one dial may
/// be needed.
const LINKED_WITHIN: Duration = Duration::from_secs(180);

/// How many events no run has that ends by itself.
const EVENTS_MAX: u64 = 2_000_000;

/// How many ticks of one machine at the same time are too many.
const TICKS_NOW_MAX: u32 = 50;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) network: Network,
    pub(crate) monitor: Monitor,
    pub(crate) faults_over: bool,
    /// Whether a server is checking its own tables.
    pub(crate) is_checking: bool,
    /// The directory where servers find each other, if there is one.
    pub(crate) rendezvous: Option<Rendezvous>,
    /// Proofs that hostile servers have overheard and were not told yet.
    pub(crate) overheard: Vec<Vec<u8>>,
    server_out: Outbox<ServerNotice>,
    client_out: Outbox<ClientNotice>,
    foreign_out: Outbox<ForeignNotice>,
}

/// By how many milliseconds a server's clock is ahead of the slowest one. No two clocks
/// are the same; most differ by seconds, some by hours.
fn late_ms(seed: u64, node: usize) -> u64 {
    const HOUR_MS: u64 = 3_600_000;
    let drawn = mix(seed, node as u64);
    match drawn >> 61 {
        0 => drawn % (4 * HOUR_MS),
        _ => 2 * HOUR_MS + drawn % 10_000,
    }
}

impl World {
    pub(crate) fn new(seed: u64, settings: &Settings) -> World {
        let options = Options::draw(seed, settings);
        let plan = Plan::draw(seed, &options);
        let mut network = Network::new(seed, options);
        for (index, step) in plan.steps.iter().enumerate() {
            let wanted = settings.steps.as_ref();
            if wanted.is_none_or(|steps| steps.contains(&index)) {
                network.net.schedule(step.at, Entry::Step(index));
            }
        }
        network.net.schedule(plan.faults_end_at, Entry::EndFaults);
        // With small slices an event may handle what an earlier one has read. The judge knows
        // nothing of hostile servers.
        let judges =
            settings.people && !settings.hostile && network.options.work_slice == Work::SLICE;
        let hostile = network.options.hostile.as_ref();
        if hostile.is_some_and(|hostile| hostile.thieves > 0) {
            let linked_by = plan.faults_end_at + LINKED_WITHIN;
            network.net.schedule(linked_by, Entry::EndThieves);
        }
        World {
            seed,
            settings: settings.clone(),
            plan,
            monitor: Monitor::new(&network, settings.lines, judges),
            network,
            faults_over: false,
            is_checking: false,
            rendezvous: settings.rendezvous.then(|| Rendezvous::new(seed)),
            overheard: Vec::new(),
            server_out: Outbox::new(),
            client_out: Outbox::new(),
            foreign_out: Outbox::new(),
        }
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.network.net.now()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.network.options
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.monitor.record.violations.is_empty()
    }

    pub(crate) fn violation(&mut self, invariant: Invariant, text: String) {
        self.monitor.violation(&self.network, invariant, text);
    }

    /// When there was activity for the last time, and what it was.
    pub(crate) const fn last_activity(&self) -> (Timestamp, &'static str) {
        self.monitor.record.last_activity
    }

    pub(crate) fn mark_activity(&mut self, what: &'static str) {
        self.monitor.mark_activity(&self.network, what);
    }

    fn line(&mut self, line: impl FnOnce(&Network) -> String) {
        self.monitor.line(&self.network, || line(&self.network));
    }

    /// Shows the monitor the progress of the streams.
    fn show_progress(&mut self) {
        let progress = self.network.net.take_progress();
        self.monitor.on_progress(&self.network, &progress);
    }

    /// Goes on until `until`, or to the first violation.
    pub(crate) fn run(&mut self, until: Timestamp) {
        while self.is_sound()
            && let Some(step) = self.network.net.poll(until)
        {
            self.show_progress();
            if self.monitor.record.counts.events > EVENTS_MAX {
                let what = self.last_activity().1;
                let text = format!("more than {EVENTS_MAX} events, and no end: {what}");
                return self.violation(Invariant::P1, text);
            }
            match step {
                Step::Entry(entry) => self.on_entry(entry),
                Step::Link {
                    host,
                    connection,
                    event,
                    ..
                } => self.on_link_event(host, connection, event),
                Step::DialFailed { host, event } => self.on_dial_failed(host, &event),
                Step::Wake { host } => self.on_wake(host),
                Step::Stopped { host } => {
                    self.fail(host, Failure::Process);
                    self.come_back(host);
                }
            }
        }
        self.show_progress();
    }

    fn on_entry(&mut self, entry: Entry) {
        match entry {
            Entry::Step(index) => self.take_step(index),
            Entry::Start { node, life } => {
                let host = self.network.net.host(node);
                if host.life() == life && !host.is_alive() && !self.network.nodes[node].removed {
                    self.start(node);
                }
            }
            Entry::EndFaults => self.end_faults(),
            Entry::EndThieves => self.end_thieves(),
            Entry::PasswordChecked {
                node,
                life,
                number,
                is_right,
            } => self.on_password_checked((node, life), number, is_right),
        }
    }

    // Nodes

    pub(crate) fn start(&mut self, node: usize) {
        let life = self.network.net.start(node);
        let command = self.boot(node, life);
        self.line(|network| format!("{} starts, life {life}", network.describe(node)));
        self.mark_activity("a node started");
        self.monitor.set_was_linked(node, false);
        self.monitor.on_new_registration(node);
        self.command(node, command);
        self.join_rendezvous(node);
    }

    /// Gives a node its machine, and returns that machine's first command.
    fn boot(&mut self, node: usize, life: u32) -> NodeCommand {
        let fresh_seed = mix(self.seed, (node as u64) << 32 | u64::from(life));
        let now = self.now().as_micros() / 1000;
        let it = &mut self.network.nodes[node];
        match &it.config {
            NodeConfig::Server(config) => {
                let mut config = config.clone();
                config.seed = fresh_seed;
                config.nonce_key = crate::secrets::nonce_key(fresh_seed);
                config.started_at_unix_ms = 1_700_000_000_000 + now + late_ms(self.seed, node);
                if self.rendezvous.is_some() {
                    config.connect.clear();
                    config.candidates_within = Some(CANDIDATES_WITHIN);
                }
                config.hash_seed = Some(self.settings.hash_seed);
                config.bans.clone_from(&self.network.disks[node]);
                it.role = Role::Server(Box::new(Server::new(*config)));
                let listening = vec![address(node)];
                ServerCommand::Start { listening }.into()
            }
            NodeConfig::Client(config) => {
                let mut config = config.clone();
                if life > 1 {
                    config.seed = fresh_seed;
                }
                let client = Client::new(*config).expect("valid names and texts");
                it.role = Role::Client(Box::new(client));
                ClientCommand::Start.into()
            }
            NodeConfig::Foreign(foreign) => {
                it.role = Role::Foreign(foreign.clone());
                ForeignCommand::Start.into()
            }
        }
    }

    /// Ends a node: its state is lost.
    pub(crate) fn fail(&mut self, node: usize, failure: Failure) {
        if !self.network.is_alive(node) {
            return;
        }
        self.line(|network| format!("{} ends", network.describe(node)));
        self.mark_activity("a node ended");
        self.network.nodes[node].role = Role::Down;
        self.monitor.on_node_down(node);
        self.network.net.fail(node, failure);
        self.show_progress();
        self.leave_rendezvous(node);
    }

    // Events

    fn on_link_event(&mut self, node: usize, connection: usize, event: LinkEvent) {
        match event {
            LinkEvent::Up {
                link,
                origin,
                endpoints,
            } => {
                self.mark_activity_unless_futile(connection, "a link came up");
                self.handle(
                    node,
                    NodeEvent::LinkUp {
                        link,
                        origin,
                        endpoints,
                        security: None,
                    },
                );
            }
            LinkEvent::Bytes { link, bytes } => {
                let event = NodeEvent::Bytes {
                    link,
                    bytes: &bytes,
                };
                self.handle(node, event);
                self.network.net.recycle(bytes);
            }
            LinkEvent::Queue { link, report } => {
                self.handle(node, NodeEvent::Queue { link, report });
            }
            LinkEvent::Down { link, why, queue } => {
                self.mark_activity_unless_futile(connection, "a link went down");
                let unsent = queue.unsent();
                self.handle_event(node, NodeEvent::LinkDown { link, why, unsent });
                self.wake_at_deadline(node);
                self.network.net.finish_stop(node);
            }
            LinkEvent::DialFailed { .. } => {}
        }
    }

    fn mark_activity_unless_futile(&mut self, connection: usize, what: &'static str) {
        let network = &self.network;
        self.monitor
            .mark_activity_unless_futile(network, connection, what);
    }

    fn on_dial_failed(&mut self, node: usize, event: &LinkEvent) {
        if let &LinkEvent::DialFailed { dial, why } = event {
            if why == DialError::TimedOut {
                self.mark_activity("a dial timed out");
            }
            self.handle(node, NodeEvent::DialFailed { dial, why });
        }
    }

    fn on_wake(&mut self, node: usize) {
        let due = self.network.nodes[node].deadline();
        if due.is_none_or(|due| !self.network.net.has_come(node, due)) {
            return self.wake_at_deadline(node);
        }
        let now = self.now();
        let it = &mut self.network.nodes[node];
        it.ticks_now = match it.ticks_now {
            (when, count) if when == now => (when, count + 1),
            _ => (now, 0),
        };
        if it.ticks_now.1 > TICKS_NOW_MAX {
            let text = format!("{} wants a tick again and again", it.describe(node));
            return self.violation(Invariant::R3, text);
        }
        self.handle(node, NodeEvent::Tick);
    }

    fn wake_at_deadline(&mut self, node: usize) {
        let deadline = self.network.nodes[node].deadline();
        self.network.net.wake_at(node, deadline);
    }

    /// Gives a command to a node.
    pub(crate) fn command(&mut self, node: usize, command: impl Into<NodeCommand>) {
        self.handle(node, NodeEvent::Command(command.into()));
    }

    /// Gives an event to a node, and the ends of links that follow from it.
    pub(crate) fn handle(&mut self, node: usize, event: NodeEvent<'_>) {
        self.handle_event(node, event);
        while let Some(step) = self.network.net.poll_down() {
            self.show_progress();
            if let Step::Link {
                host,
                connection,
                event,
                ..
            } = step
            {
                self.on_link_event(host, connection, event);
            }
        }
        self.wake_at_deadline(node);
        let it = &mut self.network.nodes[node];
        it.events += 1;
        if it.events.is_multiple_of(8) {
            self.check_server(node);
        }
    }

    /// Lets a server check its own tables.
    fn check_server(&mut self, node: usize) {
        if let Some(server) = self.network.server(node) {
            self.is_checking = true;
            server.check();
            self.is_checking = false;
            self.monitor.check_memory(&self.network, node);
        }
    }

    fn handle_event(&mut self, node: usize, event: NodeEvent<'_>) {
        self.monitor.on_event(&self.network, node, &event);
        let now = self.network.net.clock(node);
        let read_from = match event {
            NodeEvent::Bytes { link, .. } => Some(link),
            _ => None,
        };
        let link = (event.link(), matches!(event, NodeEvent::LinkDown { .. }));
        let effort = Effort::before(&self.network, node, &event);
        match &mut self.network.nodes[node].role {
            Role::Server(server) => {
                let mut out = core::mem::take(&mut self.server_out);
                if let Some(event) = server_event(event) {
                    server.handle(now, event, &mut out);
                }
                self.monitor.check_effort(&self.network, node, effort, &out);
                self.monitor.judge(&self.network, node, link);
                self.monitor.check_operators(&self.network, node, link.0);
                self.monitor.check_peer(&self.network, node, link.0);
                self.occupy(node);
                self.carry_out(node, &mut out);
                self.server_out = out;
            }
            Role::Client(client) => {
                let mut out = core::mem::take(&mut self.client_out);
                if let Some(event) = client_event(event) {
                    client.handle(now, event, &mut out);
                }
                self.carry_out(node, &mut out);
                self.client_out = out;
            }
            Role::Foreign(foreign) => {
                let mut out = core::mem::take(&mut self.foreign_out);
                if let Some(event) = foreign_event(event) {
                    foreign.handle(now, event, &mut out);
                }
                self.carry_out(node, &mut out);
                self.foreign_out = out;
            }
            Role::Down => return,
        }
        if let Some(link) = read_from {
            self.monitor.on_bytes_handled(&self.network, node, link);
        }
    }

    // Effects

    fn carry_out<N: Into<Notice>>(&mut self, node: usize, out: &mut Outbox<N>) {
        let mut effects = out.take_effects();
        let mut stop = false;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { link, range, .. } => self.send(node, link, out.bytes(range)),
                Effect::Bound { link, bytes_max } => self.network.net.bound(node, link, bytes_max),
                Effect::Watch { link, step } => self.network.net.watch(node, link, step),
                Effect::Pause { link, paused } => self.network.net.pause(node, link, paused),
                Effect::Readdress { .. } => {}
                Effect::Close { link, when } => self.close(node, link, when),
                Effect::Dial { .. } if stop || self.network.net.host(node).is_stopping() => {}
                Effect::Dial { dial, to, within } => {
                    let within = within.is_some();
                    self.monitor.check_dial(&self.network, node, &to, within);
                    self.dial(node, dial, &to);
                }
                Effect::Notice(notice) => {
                    let notice = notice.into();
                    self.drive(node, &notice);
                    self.monitor.on_notice(&self.network, node, notice);
                }
                Effect::Stop => stop = true,
            }
        }
        out.clear(effects, 1 << 20);
        if stop {
            self.network.net.stop(node);
            self.show_progress();
        }
    }

    fn send(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        let Some((connection, side)) = self.network.net.sendable(node, link) else {
            return;
        };
        self.overhear(bytes);
        self.monitor.on_send(&self.network, connection, side, bytes);
        if !self.network.net.send(connection, side, bytes) {
            self.monitor
                .on_slow_consumer(&self.network, connection, side);
        }
    }

    fn close(&mut self, node: usize, link: LinkId, when: CloseWhen) {
        self.line(|network| format!("{} closes {link} {when:?}", network.describe(node)));
        self.network.net.close(node, link, when);
        self.show_progress();
    }

    fn dial(&mut self, node: usize, dial: DialId, to: &PeerAddress) {
        self.line(|network| format!("{} dials {to}", network.describe(node)));
        match self.network.net.dial(node, dial, to) {
            Dialing::Connecting(_) => self.monitor.on_connection(is_text_address(to)),
            Dialing::Failing => self.monitor.record.counts.dials_failed += 1,
        }
    }

    // Chats

    /// A client sends a chat.
    pub(crate) fn send_chat(&mut self, speaker: usize, to: HostId, bytes: usize) {
        let (to, text) = self.monitor.new_chat(speaker, to, bytes);
        let command = ClientCommand::SendChat { to, text };
        self.command(speaker, command);
    }

    // At rest

    /// Whether all is at rest: nothing but repetitions has moved for `quiet`, no end is
    /// yet to learn that its connection is dead, and no server looks for a place in the
    /// tree or will before `until`.
    pub(crate) fn is_at_rest(&self, quiet_at: Timestamp, until: Timestamp) -> bool {
        quiet_at <= self.now()
            && self.network.undetected_dead_link().is_none()
            && !rest_checks::is_looking(&self.network, until)
    }

    /// Checks everything that must hold at rest, and returns the parts of the network.
    pub(crate) fn check_at_rest(&mut self) -> rest_checks::Parts {
        let (parts, found) = rest_checks::check(&self.network, &self.monitor);
        for (invariant, text) in found {
            self.violation(invariant, text);
        }
        let registered = self.network.v1_clients_registered();
        self.monitor.record.counts.v1_clients_registered += registered as u64;
        for node in 0..self.network.nodes.len() {
            self.check_server(node);
        }
        parts
    }
}
