//! A bare connection: sends any bytes, good or bad, and keeps all that comes.
//!
//! For tests that play a node by hand. It understands whole frames and puts
//! pieces together; it never answers by itself.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::wait::LONG;
use crate::wire::{self, Frame, WireError};

/// One end of a connection.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// What came and was not taken yet.
    pending: Vec<u8>,
    ended: bool,
}

impl Peer {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn connect(address: SocketAddr) -> io::Result<Peer> {
        TcpStream::connect_timeout(&address, LONG).and_then(Peer::on)
    }

    /// Connects and registers a client, and takes what comes up to its welcome.
    /// Until it says more it is taken for an original one.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`] without a welcome.
    pub fn client(server: SocketAddr, id: u32, name: &str) -> io::Result<Peer> {
        let mut peer = Peer::connect(server)?;
        peer.send(&wire::client_registration(id, 0, name, "as ever"))?;
        peer.wait_status(0)?;
        Ok(peer)
    }

    /// Connects and registers a client that says that it is one of ours, and
    /// takes what comes up to the answer.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`] without an answer.
    pub fn our_client(server: SocketAddr, id: u32, name: &str) -> io::Result<Peer> {
        let mut peer = Peer::connect(server)?;
        peer.send(&wire::client_registration(id, 0, name, "as ever"))?;
        peer.send(&wire::client_registration(id, 0, name, "as ever [crc2;f=]"))?;
        peer.wait_status(0x100)?;
        Ok(peer)
    }

    /// A connection that is there already.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn on(stream: TcpStream) -> io::Result<Peer> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LONG))?;
        Ok(Peer {
            stream,
            pending: Vec::new(),
            ended: false,
        })
    }

    /// The address of this end, which is what the other one logs.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// What the system says, for instance because the other end has gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will come from this end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Reads what there is until `deadline`; whether anything came.
    fn read_more(&mut self, deadline: Instant) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(count) => {
                self.pending.extend(&buffer[..count]);
                Ok(true)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(false),
                io::ErrorKind::Interrupted => Ok(true),
                io::ErrorKind::ConnectionReset => {
                    self.ended = true;
                    Err(error)
                }
                _ => Err(error),
            },
        }
    }

    /// The next frame; `None` when none comes within `bound`, or the other end
    /// has finished.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::InvalidData`] for bytes that
    /// are no frame.
    pub fn next_frame(&mut self, bound: Duration) -> io::Result<Option<Frame>> {
        let deadline = Instant::now() + bound;
        loop {
            let mut rest = &self.pending[..];
            match wire::take_frame(&mut rest) {
                Ok(Some(frame)) => {
                    let used = self.pending.len() - rest.len();
                    self.pending.drain(..used);
                    return Ok(Some(frame));
                }
                Ok(None) | Err(WireError::Cut(_)) => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
            if !self.read_more(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Takes frames up to a status with this code.
    ///
    /// # Errors
    ///
    /// What the system says, or [`io::ErrorKind::TimedOut`] when none comes.
    pub fn wait_status(&mut self, wanted: u16) -> io::Result<String> {
        loop {
            match self.next_frame(LONG)? {
                Some(Frame::Status { code, text, .. }) if code == wanted => return Ok(text),
                Some(_) => {}
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    /// The next chat, with whatever news before it left out: from, to and text.
    ///
    /// # Panics
    ///
    /// When none comes in time, or something else than news before it.
    #[track_caller]
    pub fn expect_chat(&mut self) -> (u32, u32, String) {
        loop {
            match self.next_frame(LONG) {
                Ok(Some(Frame::Registration { .. } | Frame::Quit { .. })) => {}
                Ok(Some(Frame::Chat {
                    source,
                    destination,
                    text,
                })) => return (source, destination, text),
                other => panic!("waited for a chat, got {other:?}"),
            }
        }
    }

    /// The next `count` frames.
    ///
    /// # Panics
    ///
    /// When they do not come in time.
    #[track_caller]
    pub fn expect_frames(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            match self.next_frame(LONG) {
                Ok(Some(frame)) => frames.push(frame),
                other => panic!("waited for {count} frames, got {other:?} after {frames:#?}"),
            }
        }
        frames
    }

    /// Reads until `count` bytes are there, and takes them.
    ///
    /// # Panics
    ///
    /// When they do not come in time.
    #[track_caller]
    pub fn expect_bytes(&mut self, count: usize) -> Vec<u8> {
        let deadline = Instant::now() + LONG;
        while self.pending.len() < count {
            match self.read_more(deadline) {
                Ok(true) => {}
                other => panic!(
                    "waited for {count} bytes, got {other:?} after {}",
                    wire::hex(&self.pending)
                ),
            }
        }
        self.pending.drain(..count).collect()
    }

    /// All frames until the other end finishes.
    ///
    /// # Panics
    ///
    /// When it does not finish in time, or in the middle of a frame. A reset
    /// counts as an end.
    #[track_caller]
    pub fn expect_end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            match self.next_frame(LONG) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) if self.ended => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                other => panic!("waited for the end, got {other:?} after {frames:#?}"),
            }
        }
        assert!(
            self.pending.is_empty(),
            "the connection ended in the middle of a frame: {}",
            wire::hex(&self.pending)
        );
        frames
    }

    /// Whether nothing at all comes within `span`, not even the end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn is_silent(&mut self, span: Duration) -> io::Result<bool> {
        let came = self.read_more(Instant::now() + span)?;
        Ok(!came && !self.ended && self.pending.is_empty())
    }
}
