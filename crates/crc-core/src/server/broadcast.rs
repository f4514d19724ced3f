//! Telling the neighbours: who joined, who left, and answers to single hosts.
//!
//! A change is told to every neighbour that has been listed the network, but
//! for the one it came from; to clients only what concerns clients. It is
//! written once for each dress, however many neighbours wear it.

use crc_wire::{
    ClientQuit, Frame, FrameLimits, HostId, Message, ServerQuit, Status, StatusCode, Text,
    truncate_utf8,
};

use super::{Out, Server};
use crate::announcement::{Features, features_text};
use crate::planted::planted;
use crate::relay::{HostKind, Neighbour, Route, Standing};
use crate::session::{DRESSES, Dress, Outlet, Session};
use crc_machine::ByteRange;
use crc_machine::LinkId;
use crc_machine::Unsent;

/// How much of a neighbour's last words is repeated for each host behind it:
/// there may be many.
const LOST_TEXT_BYTES_MAX: usize = 256;

/// How many servers that have left are remembered for a neighbour that cannot
/// be told.
const UNTOLD_MAX: usize = 1024;

/// A client's quit, as servers write it for clients that could not.
pub(super) fn quit(client: HostId, text: &str) -> Message<'_> {
    Message::ClientQuit(ClientQuit {
        source: client,
        text: Text::truncated(text),
    })
}

/// The text for a chat to nobody.
fn unknown_id(destination: Option<HostId>) -> String {
    format!("Unknown ID {}", destination.map_or(0, HostId::get))
}

/// Sends frames that stand in the outbox. What is paced is looked at again when
/// the event is over.
pub(super) fn hand_over(
    session: &mut Session,
    link: LinkId,
    frames: ByteRange,
    unsettled: &mut Vec<LinkId>,
    out: &mut Out,
) {
    session.deliver(link, frames, out);
    if matches!(session.outlet, Outlet::Paced(_)) && !session.due.noted {
        session.due.noted = true;
        unsettled.push(link);
    }
}

/// Frames in the outbox, one for each dress that somebody wears.
#[derive(Default)]
struct Wardrobe {
    frames: [Option<ByteRange>; DRESSES],
}

impl Wardrobe {
    fn wear(&mut self, dress: Dress, out: &mut Out, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
        *self.frames[dress as usize].get_or_insert_with(|| match dress {
            // Servers pass it on; for people a moment is nothing.
            Dress::Plain => out.store_deferred(write),
            _ => out.store(write),
        })
    }
}

impl Server {
    /// Tells the neighbours of a host that has joined, but for `from`.
    pub(super) fn tell_join(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        self.counters.hosts_joined += 1;
        let Some(host) = self.relay.directory().find(id) else {
            return;
        };
        let own_id = self.config.id;
        let mut wardrobe = Wardrobe::default();
        for (link, neighbour) in self.relay.neighbours().iter() {
            let concerned = host.kind() == HostKind::Client || neighbour.kind == HostKind::Server;
            let concerned = concerned || planted!(self, ClientsToldOfServers);
            let to_client = neighbour.kind == HostKind::Client;
            let forgotten = to_client && planted!(self, JoinUntoldToClients);
            let back = link == from && !planted!(self, JoinBack);
            if back || !neighbour.told || !concerned || forgotten {
                continue;
            }
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            // Who leaves and comes again needs no late word of having left.
            session.untold.remove(&id);
            let dress = Dress::of(neighbour.kind, neighbour.standing);
            let frame = match &session.alias {
                None => wardrobe.wear(dress, out, |arena| dress.write_host(host, own_id, arena)),
                Some(alias) => out.store(|arena| dress.write_host(host, alias.id, arena)),
            };
            hand_over(session, link, frame, &mut self.unsettled, out);
        }
        self.host_joined(id, from, out);
    }

    /// A neighbour has been told of a server that turned out to be behind itself.
    pub(super) fn retract(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let takes = self
            .sessions
            .find(link)
            .is_some_and(|session| session.features.server_quit);
        let told = self.relay.neighbours().find(link).is_some_and(|n| n.told);
        if takes && told {
            let quit = Message::ServerQuit(ServerQuit {
                source: id,
                replacement: None,
                text: Text::truncated("moved"),
            });
            self.send(link, &quit, out);
        }
    }

    /// An original server has forgotten a client because somebody else said that
    /// it was gone. We know better, and it can't do without: it fails over the
    /// words of whom it does not know.
    pub(super) fn tell_again(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let Some(neighbour) = self.relay.neighbours().find(link) else {
            return;
        };
        let forgetful =
            neighbour.kind == HostKind::Server && neighbour.standing == Standing::Original;
        let host = self.relay.directory().find(id);
        if forgetful && host.is_some_and(|host| host.kind() == HostKind::Client) {
            self.tell_of(link, id, out);
        }
    }

    /// Tells one neighbour of one host, if it has been listed the network.
    fn tell_of(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let (Some(neighbour), Some(session), Some(host)) = (
            self.relay.neighbours().find(link),
            self.sessions.find_mut(link),
            self.relay.directory().find(id),
        ) else {
            return;
        };
        if neighbour.told {
            let dress = Dress::of(neighbour.kind, neighbour.standing);
            let known_as = session.known_as(self.config.id);
            let frame = out.store(|arena| dress.write_host(host, known_as, arena));
            hand_over(session, link, frame, &mut self.unsettled, out);
        }
    }

    /// Tells servers of ours, but for `from`, what a server says to machines now.
    pub(super) fn tell_machine_part(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        let own_id = self.config.id;
        let Some(host) = self.relay.directory().find(id) else {
            return;
        };
        let frame = out.store(|arena| Dress::Full.write_host(host, own_id, arena));
        for (link, neighbour) in self.relay.neighbours().iter() {
            let takes = neighbour.kind == HostKind::Server && neighbour.standing == Standing::Ours;
            if takes && neighbour.told && link != from && link != host.first_link() {
                out.send_stored(link, frame);
            }
        }
    }

    /// Remembers which neighbours cannot be told that a server has left: one of
    /// them may turn out to be ours.
    fn note_untold(&mut self, id: HostId, from: Option<LinkId>) {
        for (link, neighbour) in self.relay.neighbours().iter() {
            if let Some(session) = self.sessions.find_mut(link)
                && neighbour.kind == HostKind::Server
                && neighbour.told
                && !session.features.server_quit
                && Some(link) != from
                && session.untold.len() < UNTOLD_MAX
            {
                session.untold.insert(id);
            }
        }
    }

    /// Tells a server that turns out to be ours what it could not be told
    /// before: which servers have left, and what the others say to machines.
    pub(super) fn tell_what_was_untold(&mut self, link: LinkId, out: &mut Out) {
        let own_id = self.config.id;
        let directory = self.relay.directory();
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let untold = core::mem::take(&mut session.untold);
        let takes_quits = session.features.server_quit;
        let gone = |id: &HostId| takes_quits && directory.find(*id).is_none();
        let listing = out.store(|arena| {
            for id in untold.into_iter().filter(gone) {
                let quit = Message::ServerQuit(ServerQuit {
                    source: id,
                    replacement: None,
                    text: Text::truncated("it left before"),
                });
                Dress::Full.write(&quit, arena);
            }
            for host in directory.iter() {
                if host.machine().is_some() && host.first_link() != link {
                    Dress::Full.write_host(host, own_id, arena);
                }
            }
        });
        out.send_stored(link, listing);
        if let Some(channels) = self.channel_listing(link, out) {
            out.send_stored(link, channels);
        }
    }

    /// A host is gone: forgets it and tells the neighbours, but for `from`.
    pub(super) fn remove(
        &mut self,
        id: HostId,
        text: &Text<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        self.host_leaves(id, text.as_str(), from, out);
        let Some(host) = self.relay.directory_mut().remove(id) else {
            return;
        };
        self.counters.hosts_left += 1;
        let text = text.borrowed();
        match host.kind() {
            HostKind::Client => {
                let quit = Message::ClientQuit(ClientQuit { source: id, text });
                self.tell(&quit, from, out, |_, _| true);
            }
            HostKind::Server => {
                let quit = Message::ServerQuit(ServerQuit {
                    source: id,
                    replacement: None,
                    text,
                });
                self.note_untold(id, from);
                // Clients are not told of servers, whatever they say they take.
                self.tell(&quit, from, out, |neighbour, features| {
                    neighbour.kind == HostKind::Server && features.server_quit
                });
            }
        }
    }

    /// Tells `message` to the neighbours that have been listed the network, but
    /// for `from`, as far as `takes` says that they take it.
    pub(super) fn tell(
        &mut self,
        message: &Message<'_>,
        from: Option<LinkId>,
        out: &mut Out,
        takes: impl Fn(&Neighbour, Features) -> bool,
    ) {
        let mut wardrobe = Wardrobe::default();
        for (link, neighbour) in self.relay.neighbours().iter() {
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            let back = Some(link) == from && !planted!(self, QuitBack);
            let takes = takes(neighbour, session.features)
                || planted!(self, ServerQuitToOriginals) && neighbour.kind == HostKind::Server;
            if back || !neighbour.told || !takes {
                continue;
            }
            let dress = Dress::of(neighbour.kind, neighbour.standing);
            let frame = wardrobe.wear(dress, out, |arena| dress.write(message, arena));
            hand_over(session, link, frame, &mut self.unsettled, out);
        }
    }

    /// Forgets all that was behind `link`, the neighbour itself last, and tells
    /// the others.
    pub(super) fn forget(&mut self, link: LinkId, text: &str, out: &mut Out) {
        self.course.close(link);
        let Some(neighbour) = self.relay.neighbours_mut().remove(link) else {
            return;
        };
        self.fall_back_on_hearsay(link, neighbour.host);
        let behind = self.relay.directory().behind(link);
        let mut lost: Vec<_> = behind.map(|host| (host.kind(), host.id())).collect();
        let last = neighbour.host;
        // Clients before servers, the neighbour behind all others.
        lost.sort_unstable_by_key(|&(kind, id)| (id == last, kind == HostKind::Server, id));
        for (kind, id) in lost {
            let stays = id == last && planted!(self, NeighbourStays)
                || kind == HostKind::Client && id != last && planted!(self, ClientsStay);
            if stays {
                continue;
            }
            if planted!(self, QuitsUntold)
                || kind == HostKind::Server && planted!(self, ServersUntold)
            {
                self.relay.directory_mut().remove(id);
                continue;
            }
            let text = match id == last {
                true => text,
                false => truncate_utf8(text, LOST_TEXT_BYTES_MAX),
            };
            self.remove(id, &Text::truncated(text), None, out);
        }
    }

    /// Who told us of a server takes it back, after that server has come itself:
    /// from now on it is there by its own word only, and the teller is told so.
    pub(super) fn end_hearsay(&mut self, teller: LinkId, id: HostId, out: &mut Out) {
        let Some(host) = self.relay.directory().find(id) else {
            return;
        };
        let Some(session) = self.sessions.find_mut(host.first_link()) else {
            return;
        };
        if session.hearsay != Some(teller) {
            return;
        }
        session.hearsay = None;
        self.tell_of(teller, id, out);
    }

    /// A link ends whose peer had not shown yet that it is who it says: what was
    /// known of that server before stands again.
    fn fall_back_on_hearsay(&mut self, link: LinkId, id: HostId) {
        let session = self.sessions.find(link);
        let Some(before) = session.and_then(|session| session.hearsay) else {
            return;
        };
        if self.relay.neighbours().find(before).is_some()
            && let Some(host) = self.relay.directory_mut().remove(id)
        {
            self.relay.directory_mut().insert(host.behind(before));
        }
    }

    /// Sends one message to one neighbour, dressed for it.
    pub(super) fn send(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let Some(neighbour) = self.relay.neighbours().find(link) else {
            return;
        };
        if self.sessions.find(link).is_some_and(|s| s.lines.is_some()) {
            return self.tell_in_lines(link, message, out);
        }
        let dress = Dress::of(neighbour.kind, neighbour.standing);
        let frame = out.store(|arena| dress.write(message, arena));
        self.deliver(link, frame, out);
    }

    pub(super) fn deliver(&mut self, link: LinkId, frames: ByteRange, out: &mut Out) {
        if let Some(session) = self.sessions.find_mut(link) {
            hand_over(session, link, frames, &mut self.unsettled, out);
        }
    }

    /// Sends a status on its way. What is beyond version 1 goes only to those
    /// who have announced themselves; a chat's answer becomes a plain one.
    pub(super) fn send_status(&mut self, link: LinkId, status: &Status<'_>, out: &mut Out) {
        let standing = self.relay.neighbours().find(link).map(|n| n.standing);
        if status.code.is_v1() || standing == Some(Standing::Ours) {
            return self.send(link, &Message::Status(status.clone()), out);
        }
        if status.code == StatusCode::TOO_LONG
            && let Some(id) = status.text.as_str().rsplit(' ').next()
        {
            let plain = Status {
                code: StatusCode::UNKNOWN_ID,
                text: Text::truncated(&format!("Unknown ID {id}")).into_owned(),
                ..*status
            };
            self.send(link, &Message::Status(plain), out);
        }
    }

    /// Answers a chat that goes nowhere: its source hears that there is nobody.
    pub(super) fn bounce(&mut self, source: HostId, destination: Option<HostId>, out: &mut Out) {
        if planted!(self, NoAnswer) {
            return;
        }
        let text = unknown_id(destination);
        if planted!(self, TwoAnswers) {
            self.answer(source, StatusCode::UNKNOWN_ID, &text, out);
        }
        self.answer(source, StatusCode::UNKNOWN_ID, &text, out);
    }

    /// Answers a chat that an original node on its way could not read.
    pub(super) fn bounce_long(&mut self, source: HostId, destination: HostId, out: &mut Out) {
        let text = format!("Message too long for ID {destination}");
        self.answer(source, StatusCode::TOO_LONG, &text, out);
    }

    fn answer(&mut self, to: HostId, code: StatusCode, text: &str, out: &mut Out) {
        self.counters.chats_bounced += 1;
        if let Route::To(link) = self.relay.route_status(None, to) {
            let status = Status {
                source: Some(self.config.id),
                destination: Some(to),
                code,
                text: Text::truncated(text),
            };
            self.send_status(link, &status, out);
        }
    }

    /// Answers the chats that were queued whole for a link that is no more.
    pub(super) fn bounce_unsent(&mut self, unsent: Unsent<'_>, out: &mut Out) {
        let mut rest = unsent.bytes;
        loop {
            let start = unsent.bytes.len() - rest.len();
            let Ok(Some(frame)) = Frame::take(&mut rest, FrameLimits::WIRE) else {
                return;
            };
            if start >= unsent.written
                && let Ok(Message::ClientChat(chat)) = frame.message()
            {
                self.bounce(chat.source, chat.destination, out);
            }
        }
    }

    /// A status on the connection itself: a welcome or a refusal.
    fn direct_status(
        &self,
        destination: Option<HostId>,
        code: StatusCode,
        text: &str,
    ) -> Status<'static> {
        Status {
            source: Some(self.config.id),
            destination,
            code,
            text: Text::truncated(text).into_owned(),
        }
    }

    /// The answer to a registration whose id is taken.
    pub(super) fn id_taken(&self, kind: HostKind, id: HostId) -> Vec<u8> {
        let text = match kind {
            HostKind::Server => format!("A machine has already registered with ID {id}"),
            HostKind::Client => format!("Someone has already registered with ID {id}"),
        };
        Message::Status(self.direct_status(None, StatusCode::ID_TAKEN, &text)).to_vec()
    }

    /// The first words to a new client.
    pub(super) fn welcome(&mut self, link: LinkId, id: HostId, name: &str, out: &mut Out) {
        let text = format!("Welcome to the Clemson Relay Chat network {name}");
        let welcome = self.direct_status(Some(id), StatusCode::WELCOME, &text);
        self.send(link, &Message::Status(welcome), out);
    }

    /// The answer to a client that has announced itself.
    pub(super) fn send_features(&mut self, link: LinkId, id: HostId, out: &mut Out) {
        let text = features_text(Features::OURS);
        let status = self.direct_status(Some(id), StatusCode::FEATURES, &text);
        self.send_status(link, &status, out);
    }

    /// The last words to a client that has announced itself; the wire of
    /// version 1 has none.
    pub(super) fn send_leaving(&mut self, link: LinkId, id: HostId, reason: &str, out: &mut Out) {
        let text = format!("Server leaving: {reason}");
        let status = self.direct_status(Some(id), StatusCode::LEAVING, &text);
        self.send_status(link, &status, out);
    }
}
