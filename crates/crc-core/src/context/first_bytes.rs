//! The first bytes of a peer that has connected: they are handled once it is known that they begin
//! the protocol of the port.

use crc_machine::{CloseWhen, LinkId};

use super::{Context, Out};
use crate::first_bytes::{self, Expected, FirstBytes, Other};
use crate::link::Protocol;
use crate::text_protocol::TextProtocol;

impl Context {
    /// Handles bytes of a link whose protocol is not known yet. Returns those that wait for a
    /// later event.
    #[cold]
    pub(super) fn on_first_bytes<'b>(
        &mut self,
        link: LinkId,
        bytes: &'b [u8],
        out: &mut Out,
    ) -> &'b [u8] {
        let Some(found) = self.links.find_mut(link) else {
            return &[];
        };
        let expected = match found.protocol {
            Protocol::Crc(_) => Expected::Crc,
            Protocol::Irc(_) => Expected::Text(TextProtocol::Irc),
            Protocol::Legacy(_) => Expected::Text(TextProtocol::Legacy),
        };
        // Nothing is copied of a peer whose first read decides.
        let before = core::mem::take(&mut found.first_bytes);
        let needed = bytes.len().min(first_bytes::BYTES_MAX);
        let judged = match before.is_empty() {
            true => first_bytes::judge(bytes, expected),
            false => first_bytes::judge(&[&before, &bytes[..needed]].concat(), expected),
        };
        match judged {
            FirstBytes::Undecided => {
                found.first_bytes = before;
                found.first_bytes.extend_from_slice(bytes);
                &[]
            }
            FirstBytes::Expected => {
                found.is_recognised = true;
                if !before.is_empty() {
                    // They hold no whole line and no frame, so nothing of them waits.
                    self.handle_by_protocol(link, &before, out);
                }
                self.handle_by_protocol(link, bytes, out)
            }
            FirstBytes::Other(other) => {
                found.is_recognised = true;
                self.refuse_protocol(link, other, expected, out);
                &[]
            }
        }
    }

    /// A peer speaks another protocol than that of the port: tells it so, and closes the link.
    fn refuse_protocol(&mut self, link: LinkId, other: Other, expected: Expected, out: &mut Out) {
        let found = self.links.find(link);
        let by_tls = found.is_some_and(|found| found.security.is_some());
        let advice = first_bytes::advice(other, expected, by_tls, &self.ports);
        let peer = self.describe_peer(link);
        log::warn!("{peer}: closed: peer speaks {other}: this is {advice}");
        self.counters.violations += 1;
        let answer = first_bytes::answer(other, expected, &advice, self.config.id);
        out.send(link, &answer);
        self.close(link, CloseWhen::Flushed, "protocol error", out);
    }
}
