//! The TLS session of one connection.
//!
//! An idle session owns no buffer of a record's size. Plaintext counts as written when the record
//! that holds it is written completely: the peer can read no part of a record.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use crc_machine::{EXPORTER_LABEL, Security, TlsFailure};
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::server::ServerConfig;
use rustls::{ClientConnection, Connection, Error, ProtocolVersion, ServerConnection};

use super::{classify, fingerprint};

/// No record takes more than this on the wire, and yields more plaintext than this.
pub(crate) const RECORD_BYTES_MAX: usize = 18 * 1024;

/// The plaintext in a full record.
const FRAGMENT_BYTES: usize = 16 * 1024;

/// At most this much plaintext is encrypted ahead of the socket.
pub(crate) const RUN_BYTES_MAX: usize = 64 * 1024;

/// The handshake of a client may take this many bytes, that of a server more: its certificates are
/// wanted.
const CLIENT_HANDSHAKE_BYTES_MAX: usize = 24 * 1024;
const SERVER_HANDSHAKE_BYTES_MAX: usize = 128 * 1024;

/// A TLS session.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    /// The plaintext at the front of the send queue that is encrypted and not written completely.
    run: usize,
    /// How much of the encrypted run is written.
    run_written: usize,
    /// Plaintext that was decrypted and did not fit into the latest read.
    rest: Vec<u8>,
    /// How much of `rest` is delivered.
    rest_read: usize,
    /// How many bytes of the handshake have come.
    handshake_bytes: usize,
    /// Whether the peer has announced the end of its stream.
    peer_ended: bool,
    /// Whether this side has.
    ended: bool,
}

/// How far a handshake is.
#[derive(Debug)]
pub(crate) enum Progress {
    Pending,
    /// It is complete, and has told this about the link.
    Done(Security),
    Failed(TlsFailure, String),
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsRead {
    /// `count` bytes of plaintext, perhaps none, of `taken` bytes from the socket. `all` if there
    /// is no more to read.
    Bytes {
        count: usize,
        taken: usize,
        all: bool,
    },
    WouldBlock,
    /// The peer has announced the end of its stream.
    End,
    /// The connection ended without that.
    Truncated,
    Failed(ErrorKind),
}

impl Session {
    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, Error> {
        ServerConnection::new(config).map(|it| Session::new(it.into()))
    }

    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Error> {
        ClientConnection::new(config, name).map(|it| Session::new(it.into()))
    }

    fn new(mut connection: Connection) -> Self {
        // A run has a bound, and nothing is encrypted before it is written.
        connection.set_buffer_limit(None);
        Session {
            connection,
            run: 0,
            run_written: 0,
            rest: Vec::new(),
            rest_read: 0,
            handshake_bytes: 0,
            peer_ended: false,
            ended: false,
        }
    }

    // The handshake.

    /// Goes on with the handshake, with bytes from the socket. Bytes behind it are kept for
    /// [`read`](Self::read).
    pub(crate) fn shake_hands(&mut self, mut bytes: &[u8]) -> Progress {
        self.handshake_bytes += bytes.len();
        let bytes_max = match &self.connection {
            Connection::Server(_) => CLIENT_HANDSHAKE_BYTES_MAX,
            Connection::Client(_) => SERVER_HANDSHAKE_BYTES_MAX,
        };
        while !bytes.is_empty() && !self.peer_ended {
            if let Err(error) = self.decrypt(&mut bytes) {
                return Progress::Failed(classify(&error), error.to_string());
            }
            if let Err(error) = self.keep_plaintext() {
                return Progress::Failed(TlsFailure::Failed, error.to_string());
            }
        }
        if !self.connection.is_handshaking() {
            return match self.security() {
                Ok(security) => Progress::Done(security),
                Err(error) => Progress::Failed(TlsFailure::Failed, error.to_string()),
            };
        }
        if self.handshake_bytes > bytes_max {
            let reason = "the handshake is too long".to_owned();
            return Progress::Failed(TlsFailure::Failed, reason);
        }
        Progress::Pending
    }

    /// What the handshake has told about the link.
    fn security(&self) -> Result<Security, Error> {
        let certificates = self.connection.peer_certificates();
        let material =
            self.connection
                .export_keying_material([0; 32], EXPORTER_LABEL.as_bytes(), None)?;
        Ok(Security {
            peer: certificates.and_then(|all| all.first()).map(fingerprint),
            keying_material: material,
        })
    }

    /// The version and cipher suite, for the log.
    pub(crate) fn description(&self) -> String {
        let version = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        };
        let suite = self.connection.negotiated_cipher_suite();
        let suite = suite.map(|suite| format!("{:?}", suite.suite()));
        format!("version={version} suite={}", suite.unwrap_or_default())
    }

    // Reading.

    /// Whether the peer has announced the end of its stream.
    pub(crate) fn has_peer_ended(&self) -> bool {
        self.peer_ended
    }

    /// Whether there is plaintext to read without the socket.
    pub(crate) fn has_plaintext(&self) -> bool {
        self.rest_read < self.rest.len()
    }

    /// Reads plaintext into `space`, which has room for `size` bytes and a record. Returns at most
    /// `size` bytes of it.
    pub(crate) fn read(
        &mut self,
        mut socket: impl Read,
        scratch: &mut [u8],
        space: &mut [u8],
        size: usize,
    ) -> TlsRead {
        if self.has_plaintext() {
            return self.read_rest(space, size);
        }
        if self.peer_ended {
            return TlsRead::End;
        }
        let length = size.min(scratch.len());
        let taken = loop {
            match socket.read(&mut scratch[..length]) {
                Ok(0) => return TlsRead::Truncated,
                Ok(count) => break count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return TlsRead::WouldBlock,
                    kind => return TlsRead::Failed(kind),
                },
            }
        };
        let mut bytes = &scratch[..taken];
        let mut count = 0;
        while !bytes.is_empty() && !self.peer_ended {
            if let Err(error) = self.decrypt(&mut bytes) {
                log::debug!("tls: invalid record: error=\"{error}\"");
                return TlsRead::Failed(ErrorKind::InvalidData);
            }
            match self.connection.reader().read(&mut space[count..]) {
                Ok(read) => count += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return TlsRead::Failed(error.kind()),
            }
        }
        if count > size {
            self.rest.extend_from_slice(&space[size..count]);
            count = size;
        }
        let all = taken < length && !self.peer_ended && !self.has_plaintext();
        TlsRead::Bytes { count, taken, all }
    }

    fn read_rest(&mut self, space: &mut [u8], size: usize) -> TlsRead {
        let rest = &self.rest[self.rest_read..];
        let count = rest.len().min(size).min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        self.rest_read += count;
        if !self.has_plaintext() {
            self.rest = Vec::new();
            self.rest_read = 0;
        }
        TlsRead::Bytes {
            count,
            taken: count,
            // The selector tells whether the socket has more.
            all: !self.has_plaintext() && !self.peer_ended,
        }
    }

    /// Takes encrypted bytes from the front of `bytes`, and decrypts what is complete.
    fn decrypt(&mut self, bytes: &mut &[u8]) -> Result<(), Error> {
        self.connection
            .read_tls(bytes)
            .map_err(|error| Error::General(error.to_string()))?;
        let state = self.connection.process_new_packets()?;
        self.peer_ended |= state.peer_has_closed();
        Ok(())
    }

    fn keep_plaintext(&mut self) -> io::Result<()> {
        match self.connection.reader().read_to_end(&mut self.rest) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    // Writing.

    /// Whether encrypted bytes wait for the socket.
    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Encrypts the next run. There must be no other.
    pub(crate) fn encrypt(&mut self, slices: &[IoSlice<'_>]) -> Result<(), ErrorKind> {
        debug_assert_eq!(self.run, 0, "the run before is written");
        let run = self.connection.writer().write_vectored(slices);
        self.run = run.map_err(|error| error.kind())?;
        Ok(())
    }

    /// Writes encrypted bytes. Returns how many bytes of plaintext are now written, and whether the
    /// socket accepted everything.
    pub(crate) fn write(&mut self, socket: &mut impl Write) -> Result<(usize, bool), ErrorKind> {
        while self.connection.wants_write() {
            match self.connection.write_tls(socket) {
                Ok(count) => self.run_written += count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return Ok((self.complete_records(), false)),
                    kind => return Err(kind),
                },
            }
        }
        self.run_written = 0;
        Ok((core::mem::take(&mut self.run), true))
    }

    /// Takes the full records at the front of the run that are written completely. Returns the
    /// length of their plaintext.
    fn complete_records(&mut self) -> usize {
        let record = FRAGMENT_BYTES + self.record_overhead();
        let records = (self.run_written / record).min(self.run / FRAGMENT_BYTES);
        self.run_written -= records * record;
        self.run -= records * FRAGMENT_BYTES;
        records * FRAGMENT_BYTES
    }

    /// The header, the tag and what else a record adds to its plaintext.
    fn record_overhead(&self) -> usize {
        match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => 5 + 1 + 16,
            // AES-GCM has an explicit nonce, ChaCha20 has none; a larger value errs on the safe
            // side.
            _ => 5 + 8 + 16,
        }
    }

    /// Announces the end of this side's stream, once.
    pub(crate) fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            self.connection.send_close_notify();
        }
    }
}
