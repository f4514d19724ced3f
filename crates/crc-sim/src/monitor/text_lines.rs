//! What the monitor reads in lines of text.

use crc_netem::Side;

use super::Monitor;
use crate::foreign::lines::{Line, lines};
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
        for line in lines(bytes) {
            self.record.counts.lines += 1;
            self.on_line_sent(network, connection, side, &line);
        }
    }

    fn on_line_sent(&mut self, network: &Network, connection: usize, side: Side, line: &Line) {
        match &*line.command {
            "PING" | "PONG" => return,
            "PRIVMSG" | "NOTICE" if line.param(0).starts_with('#') => {
                self.on_channel_chat_sent(network, connection, side, line.param(1));
            }
            _ => {}
        }
        self.mark_activity(network, "a line was sent");
    }
}
