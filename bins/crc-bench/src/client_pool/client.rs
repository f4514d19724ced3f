//! One client: its connection, how far its registration has progressed, and the bytes that its
//! socket has not accepted yet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crc_core::Announcement;
use crc_net::{Interest, PollSource, Selector, start_connect};
use crc_wire::{ClientQuit, Decoder, HostId, Info, Message, Name, Registration, Text};

/// How far a client's session has progressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    /// It sent its registration.
    Registering,
    /// The server welcomed it, and it announced itself as a v2 client.
    Announcing,
    Ready,
    /// It sent its quit, and waits until the server closes the connection.
    Leaving,
    /// The connection is closed.
    Closed,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    /// Its socket; `None` once the connection is closed.
    source: Option<PollSource<TcpStream>>,
    /// Its key in the selector: its index in the pool.
    key: u64,
    pub(super) session: Session,
    pub(super) decoder: Decoder,
    /// What the socket has not accepted yet.
    unsent: Vec<u8>,
}

/// A client's session with its server.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) phase: Phase,
    /// The index of the server.
    pub(super) server: usize,
    /// The text of the last status that was not a welcome, for error messages.
    pub(super) last_status: String,
}

impl Client {
    /// Starts to connect a client.
    pub(super) fn connect(
        selector: &Arc<Selector>,
        index: usize,
        server: usize,
        address: SocketAddr,
    ) -> io::Result<Client> {
        let stream = start_connect(address)?;
        let key = index as u64;
        let source = PollSource::new(selector, stream, key, Interest::WRITE)?;
        Ok(Client {
            source: Some(source),
            key,
            session: Session {
                phase: Phase::Connecting,
                server,
                last_status: String::new(),
            },
            decoder: Decoder::new(),
            unsent: Vec::new(),
        })
    }

    /// Its socket, unless the connection is closed.
    pub(super) fn socket(&self) -> Option<&TcpStream> {
        self.source.as_ref().map(PollSource::socket)
    }

    /// Notes that the selector reported the socket.
    pub(super) fn mark_fired(&mut self) {
        if let Some(source) = &mut self.source {
            source.mark_fired();
        }
    }

    /// Watches the socket for what the client waits for.
    pub(super) fn arm(&mut self) -> io::Result<()> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let interest = match self.session.phase {
            Phase::Connecting => Interest::WRITE,
            _ => Interest {
                read: true,
                write: !self.unsent.is_empty(),
            },
        };
        source.arm(self.key, interest)
    }

    /// Reads once. Returns `None` if no bytes are available.
    #[inline]
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(mut socket) = self.socket() else {
            return Ok(None);
        };
        loop {
            match socket.read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(None),
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Sends as much as the socket accepts, and keeps the rest.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.unsent.is_empty() {
            let written = self.write(bytes)?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        if !bytes.is_empty() {
            self.unsent.extend_from_slice(bytes);
            self.arm()?;
        }
        Ok(())
    }

    /// Sends what the socket did not accept before.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let written = self.write(&self.unsent)?;
            self.unsent.drain(..written);
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        let Some(mut socket) = self.socket() else {
            return Err(ErrorKind::NotConnected.into());
        };
        while let Some(rest) = bytes.get(written..)
            && !rest.is_empty()
        {
            match socket.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(written)
    }

    /// Closes the connection. Returns the phase before.
    pub(super) fn close(&mut self) -> Phase {
        self.source = None;
        core::mem::replace(&mut self.session.phase, Phase::Closed)
    }
}

/// The first registration of a client.
pub(super) fn registration(id: HostId, index: usize) -> Vec<u8> {
    registration_with_info(id, index, "")
}

/// The repeated registration, by which a client announces itself as a v2 client.
pub(super) fn announcement(id: HostId, index: usize) -> Vec<u8> {
    registration_with_info(id, index, &Announcement::default().to_string())
}

fn registration_with_info(id: HostId, index: usize, info: &str) -> Vec<u8> {
    let name = format!("bench-{index}");
    Message::ClientRegistration(Registration {
        source: id,
        last_hop: None,
        name: Name::truncated(&name),
        info: Info::truncated(info),
    })
    .to_vec()
}

/// The quit of a client.
pub(super) fn quit(id: HostId) -> Vec<u8> {
    Message::ClientQuit(ClientQuit {
        source: id,
        text: Text::truncated("the measurement is over"),
    })
    .to_vec()
}
