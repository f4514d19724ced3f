//! What the monitor reads in lines of text.

use crc_netem::Side;

use super::Monitor;
use crate::foreign::lines::Line;
use crate::network::Network;

impl Monitor {
    /// A node is about to send lines.
    pub(super) fn on_lines_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        bytes: &[u8],
    ) {
        let mut end = network.connection(connection).stream(side).sent();
        let text = String::from_utf8_lossy(bytes);
        for line in text.split_inclusive('\n') {
            end += line.len() as u64;
            self.record.counts.lines += 1;
            let line = Line::parse(line.trim_end());
            self.on_line_sent(network, connection, side, &line, end);
        }
    }

    fn on_line_sent(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        line: &Line,
        end: u64,
    ) {
        let node = network.node_at(connection, side);
        if let Some(judge) = &mut self.judge {
            judge.on_line_sent(network, connection, side, line, end);
        }
        match &*line.command {
            "PING" | "PONG" => return,
            "PRIVMSG" | "NOTICE" if line.param(0).starts_with('#') => {
                self.judge_speech(network, node, line);
                self.on_channel_chat_sent(network, connection, side, line.param(1));
            }
            _ => {}
        }
        self.mark_activity(network, "a line was sent");
    }

    /// A server passes on what a host says in a channel.
    fn judge_speech(&mut self, network: &Network, node: usize, line: &Line) {
        let nicks = network.server(node).and_then(|it| it.snapshot().nicks());
        let speaker = nicks.and_then(|nicks| nicks.find(&line.who));
        if let (Some(judge), Some(speaker)) = (&self.judge, speaker)
            && let Some((invariant, text)) =
                judge.check_speech(network, node, speaker, line.param(0))
        {
            self.violation(network, invariant, text);
        }
    }
}
