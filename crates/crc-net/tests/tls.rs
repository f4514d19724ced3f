//! TLS: handshakes and their failures, certificates, bounds, and the ends of streams.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crc_machine::{
    CloseWhen, DialError, DialId, Event, Fingerprint, LinkDown, LinkId, ListenerId, Origin,
    PeerAddress, Security, TlsFailure,
};
use crc_net::{
    CertificateAuthorities, CertificateFiles, Driver, DriverConfig, TlsClient, TlsServer,
    UnknownCertificates, fingerprint_of_file,
};
use fixture::{
    Fixture, Seen, TIMEOUT, TestMachine, Unsent, echo, pattern, quick, silent, wait_until,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, StreamOwned, SupportedProtocolVersion};

const ANSWER: &[u8] = b"this port speaks TLS\r\n";

/// Certificates of a test, in a folder that goes away.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Certificates {
        let folder = tempfile::tempdir().unwrap();
        Certificates { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A self-signed certificate for `host`, in files called `name`.
    fn make(&self, name: &str, host: &str) -> CertificateFiles {
        self.make_with(name, host, |_| {})
    }

    fn make_with(
        &self,
        name: &str,
        host: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateFiles {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let files = CertificateFiles {
            chain: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}-key.pem")),
        };
        std::fs::write(&files.chain, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

/// A driver with one TLS listener, besides its plain one.
struct TlsFixture {
    fixture: Fixture,
    address: SocketAddr,
    server: TlsServer,
}

impl TlsFixture {
    fn start(config: DriverConfig, machine: TestMachine, files: &[CertificateFiles]) -> Self {
        let server = TlsServer::load(files).unwrap();
        let (sender, receiver) = channel();
        let listening = server.clone();
        let fixture = Fixture::set_up(config, machine, move |driver| {
            let any = (Ipv4Addr::LOCALHOST, 0).into();
            let address =
                driver.listen_tls(any, ListenerId(1), listening, |_: &[u8]| ANSWER.to_vec());
            sender.send(address.unwrap()).unwrap();
        });
        TlsFixture {
            fixture,
            address: receiver.recv_timeout(TIMEOUT).unwrap(),
            server,
        }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// Connects and shakes hands.
    fn connect(&self, config: &Arc<ClientConfig>, name: &str) -> io::Result<Stream> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut stream = StreamOwned::new(session, self.tcp());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        stream.flush()?;
        Ok(stream)
    }

    /// Connects, and waits until the link is up.
    fn connect_up(&self, config: &Arc<ClientConfig>) -> (Stream, LinkId) {
        let stream = self.connect(config, "localhost").unwrap();
        let local = stream.sock.local_addr().unwrap();
        let link = self.fixture.expect("a link", |seen| match seen {
            Seen::Up(link, Origin::Accepted { listener }, endpoints)
                if endpoints.peer == local && *listener == ListenerId(1) =>
            {
                Some(*link)
            }
            _ => None,
        });
        (stream, link)
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn client_of(
    trusted: &Path,
    versions: &[&'static SupportedProtocolVersion],
    identity: Option<&CertificateFiles>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(files) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&files.chain).unwrap()],
                PrivateKeyDer::from_pem_file(&files.key).unwrap(),
            )
            .unwrap(),
    };
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn client(trusted: &Path) -> Arc<ClientConfig> {
    client_of(trusted, &[&TLS13, &TLS12], None)
}

/// A machine that reports what secures its links.
fn secured(mut react: impl FnMut(Option<Security>) + Send + 'static) -> TestMachine {
    TestMachine::new(move |event, out| match event {
        Event::LinkUp { security, .. } => react(security.as_deref().copied()),
        Event::Bytes { link, bytes } => out.send(*link, bytes),
        _ => {}
    })
}

fn read_exact(stream: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_cross_a_link_in_both_versions_and_directions() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    for version in [&TLS13, &TLS12] {
        let it = TlsFixture::start(quick(), echo(), slice::from_ref(&files));
        let config = client_of(&files.chain, &[version], None);
        let (mut stream, link) = it.connect_up(&config);
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        for size in [1, 100, 16_384, 16_385, 60_000] {
            let sent = pattern(size);
            stream.write_all(&sent).unwrap();
            stream.flush().unwrap();
            assert!(read_exact(&mut stream, size) == sent, "{size} bytes");
        }
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "a close_notify came");
        let down = it.fixture.expect_down(link);
        assert_eq!(down, (LinkDown::PeerClosed, Unsent::default()));
        it.fixture.stop();
    }
}

#[test]
fn a_slow_reader_gets_everything_and_the_queue_counts_plaintext() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let total = 6_000_000;
    let config = DriverConfig {
        send_queue_bytes_max: total,
        flush_max: TIMEOUT,
        ..quick()
    };
    let it = TlsFixture::start(config, silent(), slice::from_ref(&files));
    let (mut stream, link) = it.connect_up(&client(&files.chain));
    let bytes = pattern(total);
    let sent = bytes.clone();
    it.fixture.command(move |out| {
        for chunk in sent.chunks(1_000_000) {
            out.send(link, chunk);
        }
        out.close(link, CloseWhen::Flushed);
    });
    wait_until("a queue", || it.fixture.stats.queue_bytes.value() > 0);
    assert!(it.fixture.stats.queue_bytes.value() <= total as u64);
    assert!(read_exact(&mut stream, total) == bytes);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "a close_notify came");
    drop(stream);
    assert_eq!(it.fixture.expect_down(link).0, LinkDown::Ended);
    assert_eq!(it.fixture.stats.queue_bytes.value(), 0);
    it.fixture.stop();
}

#[test]
fn what_no_record_carried_completely_comes_back() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let total = 20_000_000;
    let config = DriverConfig {
        send_queue_bytes_max: 1_000_000,
        ..quick()
    };
    let it = TlsFixture::start(config, silent(), slice::from_ref(&files));
    let (mut stream, link) = it.connect_up(&client(&files.chain));
    let bytes = pattern(total);
    let sent = bytes.clone();
    it.fixture.command(move |out| out.send(link, &sent));
    let (why, unsent) = it.fixture.expect_down(link);
    assert_eq!(why, LinkDown::SlowConsumer);
    assert!(unsent.bytes == bytes);
    assert!(unsent.written > 0 && unsent.written < total);
    // Everything that is said to be written arrives, and not a record more.
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read);
    assert_eq!(read.len(), unsent.written);
    assert!(read == bytes[..read.len()]);
    it.fixture.stop();
}

#[test]
fn clients_get_the_certificate_of_the_name_they_ask_for() {
    let certificates = Certificates::new();
    let first = certificates.make("a", "a.test");
    let second = certificates.make("b", "b.test");
    let it = TlsFixture::start(quick(), echo(), &[first.clone(), second.clone()]);
    it.connect(&client(&first.chain), "a.test").unwrap();
    it.connect(&client(&second.chain), "b.test").unwrap();
    // Any other name gets the first one, and does not match.
    let error = it.connect(&client(&first.chain), "c.test").unwrap_err();
    assert!(error.to_string().contains("c.test"), "{error}");
    it.fixture.stop();
}

#[test]
fn new_certificates_are_taken_and_old_connections_stay() {
    let certificates = Certificates::new();
    let old = certificates.make("a", "localhost");
    let new = certificates.make("b", "localhost");
    let it = TlsFixture::start(quick(), echo(), slice::from_ref(&old));
    let (mut stream, _) = it.connect_up(&client(&old.chain));
    let wrong = CertificateFiles {
        key: old.key.clone(),
        ..new.clone()
    };
    let error = it.server.reload(&[wrong]).unwrap_err().to_string();
    assert!(error.contains("not that of the certificate"), "{error}");
    it.connect_up(&client(&old.chain));
    it.server.reload(slice::from_ref(&new)).unwrap();
    it.connect_up(&client(&new.chain));
    it.connect(&client(&old.chain), "localhost").unwrap_err();
    stream.write_all(b"still here").unwrap();
    stream.flush().unwrap();
    assert_eq!(read_exact(&mut stream, 10), b"still here");
    it.fixture.stop();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let certificates = Certificates::new();
    let good = certificates.make("a", "localhost");
    let missing = certificates.path("missing.pem");
    let empty = certificates.path("empty.pem");
    std::fs::write(&empty, "not PEM\n").unwrap();
    for (chain, key, named) in [
        (&missing, &good.key, &missing),
        (&good.chain, &missing, &missing),
        (&empty, &good.key, &empty),
        (&good.chain, &empty, &empty),
        (&good.chain, &good.chain, &good.chain),
    ] {
        let files = CertificateFiles {
            chain: chain.clone(),
            key: key.clone(),
        };
        let error = TlsServer::load(&[files]).unwrap_err().to_string();
        assert!(error.contains(&format!("{named:?}")), "{error}");
    }
    TlsServer::load(&[]).unwrap_err();
}

#[test]
fn an_error_of_a_file_says_what_is_wrong_with_it() {
    let certificates = Certificates::new();
    let good = certificates.make("a", "localhost");
    let other = certificates.make("b", "localhost");
    let write = |name: &str, bytes: &[u8]| {
        let path = certificates.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let pem = std::fs::read(&good.chain).unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n";
    let of_no_kind = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let chain = |path| CertificateFiles {
        chain: path,
        key: good.key.clone(),
    };
    let key = |path| CertificateFiles {
        chain: good.chain.clone(),
        key: path,
    };
    for (files, text) in [
        (
            chain(write("cut", &pem[..200])),
            "it is cut: a line -----END is missing",
        ),
        (
            chain(write("der", &[0x30, 0x82, 1, 0])),
            "it is DER: convert it to PEM by openssl",
        ),
        (
            chain(write("damaged", damaged.as_bytes())),
            "the certificate is damaged",
        ),
        (
            chain(write("huge", &[b'x'; (1 << 20) + 1])),
            "it has more than 1 MiB",
        ),
        (
            chain(write("many", &pem.repeat(300))),
            "no peer takes more than 61440",
        ),
        (
            chain(certificates.path("a-key.pem")),
            "there is no certificate in it",
        ),
        (
            key(write("sealed", encrypted.as_bytes())),
            "the private key in it is encrypted",
        ),
        (
            key(write("kind", of_no_kind.as_bytes())),
            "the key is of no kind that is supported",
        ),
        (key(good.chain.clone()), "there is no private key in it"),
        (
            key(other.key.clone()),
            "the key is not that of the certificate",
        ),
    ] {
        let error = TlsServer::load(&[files]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    // The key may have other PEM sections beside it, and both may be one file.
    let both = [pem.clone(), std::fs::read(&good.key).unwrap()].concat();
    let both = write("both", &both);
    TlsServer::load(&[CertificateFiles {
        chain: both.clone(),
        key: both,
    }])
    .unwrap();
    let authorities = |path| {
        let files = CertificateAuthorities::Files(vec![path]);
        TlsClient::load(&files, None).map_err(|error| error.to_string())
    };
    let error = authorities(certificates.path("damaged")).unwrap_err();
    assert!(error.contains("is damaged"), "{error}");
    let mixed = [damaged.as_bytes(), &pem].concat();
    authorities(write("mixed", &mixed)).unwrap();
}

#[test]
fn a_certificate_is_valid_at_its_time() {
    let certificates = Certificates::new();
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let files = [
        certificates.make("now", "localhost"),
        certificates.make_with("past", "localhost", |params| params.not_after = year(2001)),
        certificates.make_with("future", "localhost", |params| {
            params.not_before = year(4000)
        }),
    ];
    let is_valid = files.map(|files| crc_net::is_valid_now(&files.chain).unwrap());
    assert_eq!(is_valid, [true, false, false]);
    crc_net::is_valid_now(&certificates.path("missing")).unwrap_err();
}

#[test]
fn the_machine_learns_what_the_handshake_tells() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let identity = certificates.make("me", "operator");
    let (sender, learnt) = channel();
    let machine = secured(move |security| sender.send(security).unwrap());
    let it = TlsFixture::start(quick(), machine, slice::from_ref(&files));
    let fingerprint = fingerprint_of_file(&identity.chain).unwrap();
    for version in [&TLS13, &TLS12] {
        for (identity, peer) in [(None, None), (Some(&identity), Some(fingerprint))] {
            let config = client_of(&files.chain, &[version], identity);
            let (stream, _) = it.connect_up(&config);
            let security = learnt.recv_timeout(TIMEOUT).unwrap().unwrap();
            assert_eq!(security.peer, peer);
            let material =
                stream
                    .conn
                    .export_keying_material([0; 32], b"EXPORTER-crc-link-auth", None);
            assert_eq!(security.keying_material, material.unwrap());
        }
    }
    drop(it.fixture.connect_up());
    assert_eq!(learnt.recv_timeout(TIMEOUT).unwrap(), None, "a plain link");
    it.fixture.stop();
}

#[test]
fn plaintext_at_a_tls_port_is_answered_and_closed() {
    let certificates = Certificates::new();
    let it = TlsFixture::start(quick(), silent(), &[certificates.make("a", "localhost")]);
    for text in ["NICK ann\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0\0"] {
        let mut stream = it.tcp();
        stream.write_all(text.as_bytes()).unwrap();
        assert_eq!(fixture::read_all(&stream), ANSWER);
    }
    // The beginning of a record, and then something else.
    let mut stream = it.tcp();
    stream.write_all(b"\x16nonsense").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(it.fixture.stats.handshakes_failed.value(), 4);
    assert_eq!(it.fixture.stats.links_open.value(), 0);
    let seen = it.fixture.stop();
    assert_eq!(seen, [Seen::Command], "the machine heard of none");
}

#[test]
fn handshakes_have_a_deadline() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let start = |handshake_max| {
        let config = DriverConfig {
            handshake_max,
            ..quick()
        };
        let it = TlsFixture::start(config, silent(), slice::from_ref(&files));
        let silent = it.tcp();
        let mut half = it.tcp();
        half.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
        (it, [silent, half])
    };
    // They do not hold up others.
    let (it, waiting) = start(Duration::from_secs(600));
    it.connect_up(&client(&files.chain));
    assert_eq!(it.fixture.stats.handshakes_failed.value(), 0);
    drop(waiting);
    it.fixture.stop();
    // They fail when their time is over.
    let (it, waiting) = start(Duration::from_millis(300));
    for mut stream in waiting {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    wait_until("both to fail", || {
        it.fixture.stats.handshakes_failed.value() == 2
    });
    it.fixture.stop();
}

#[test]
fn a_further_handshake_ends_the_oldest() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let config = DriverConfig {
        handshakes_max: 4,
        handshake_max: Duration::from_secs(600),
        ..quick()
    };
    let it = TlsFixture::start(config, silent(), slice::from_ref(&files));
    let silent: Vec<_> = (0..8).map(|_| it.tcp()).collect();
    let half: Vec<_> = (0..8)
        .map(|_| {
            let mut half = it.tcp();
            half.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
            half
        })
        .collect();
    wait_until("four to fail", || {
        it.fixture.stats.handshakes_failed.value() == 4
    });
    for _ in 0..10 {
        it.connect_up(&client(&files.chain));
    }
    // Those that have ended count no more.
    assert!(it.fixture.stats.handshakes_failed.value() <= 5);
    drop((silent, half));
    it.fixture.stop();
}

#[test]
fn a_handshake_has_a_bound() {
    let certificates = Certificates::new();
    let it = TlsFixture::start(quick(), silent(), &[certificates.make("a", "localhost")]);
    let mut stream = it.tcp();
    // A ClientHello that says it has 60,000 bytes, in records of 16,000.
    let mut hello = vec![1, 0, 0xea, 0x60, 3, 3];
    hello.resize(60_004, 7);
    for part in hello.chunks(16_000) {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        let record = [&[22, 3, 1], &length[..], part].concat();
        if stream.write_all(&record).is_err() {
            break;
        }
    }
    wait_until("it to fail", || {
        it.fixture.stats.handshakes_failed.value() == 1
    });
    it.fixture.stop();
}

#[test]
fn a_truncated_stream_is_noticed() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let it = TlsFixture::start(quick(), echo(), slice::from_ref(&files));
    let (mut stream, link) = it.connect_up(&client(&files.chain));
    stream.write_all(b"last").unwrap();
    stream.flush().unwrap();
    stream.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(it.fixture.expect_down(link).0, LinkDown::Truncated);
    // This side ends its stream in order nevertheless.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"last");
    it.fixture.stop();
}

#[test]
fn a_damaged_record_ends_the_link() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let it = TlsFixture::start(quick(), silent(), slice::from_ref(&files));
    let (mut stream, link) = it.connect_up(&client(&files.chain));
    let record = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
    stream.sock.write_all(&record).unwrap();
    let (why, _) = it.fixture.expect_down(link);
    assert_eq!(why, LinkDown::Failed(ErrorKind::InvalidData));
    it.fixture.stop();
}

#[test]
fn every_orderly_end_is_announced() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    for when in [CloseWhen::Flushed, CloseWhen::Now] {
        let it = TlsFixture::start(quick(), silent(), slice::from_ref(&files));
        let (mut stream, link) = it.connect_up(&client(&files.chain));
        it.fixture.command(move |out| out.close(link, when));
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "{when:?}");
        drop(stream);
        it.fixture.stop();
    }
    let it = TlsFixture::start(quick(), silent(), slice::from_ref(&files));
    let (mut stream, _) = it.connect_up(&client(&files.chain));
    it.fixture.command(|out| out.stop());
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "a stop");
    drop(stream);
    it.fixture.join();
}

#[test]
fn a_paused_link_is_not_read() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let config = DriverConfig {
        read_buffer_bytes: 1000,
        read_budget_bytes: 1000,
        ..quick()
    };
    let machine = TestMachine::new(|event, out| {
        if let Event::Bytes { link, .. } = event {
            out.pause(*link, true);
        }
    });
    let it = TlsFixture::start(config, machine, slice::from_ref(&files));
    let (mut stream, link) = it.connect_up(&client(&files.chain));
    let sent = pattern(20_000);
    stream.write_all(&sent).unwrap();
    stream.flush().unwrap();
    let mut read = Vec::new();
    while read.len() < sent.len() {
        let part = it.fixture.expect("bytes", |seen| match seen {
            Seen::Bytes(_, bytes) => Some(bytes.clone()),
            _ => None,
        });
        assert!(part.len() <= 1000, "{} bytes at once", part.len());
        read.extend(part);
        it.fixture.command(move |out| out.pause(link, false));
    }
    assert!(read == sent);
    it.fixture.stop();
}

// Dials.

/// A driver that dials `to`, and what it hears of that.
fn dial(client: TlsClient, to: &str) -> Result<(), DialError> {
    let to: PeerAddress = to.parse().unwrap();
    let fixture = Fixture::set_up(quick(), echo(), |driver| driver.set_tls_client(client));
    fixture.command(move |out| out.dial(DialId(7), to));
    let outcome = fixture.expect("an answer", |seen| match seen {
        Seen::DialFailed(DialId(7), why) => Some(Err(*why)),
        Seen::Up(_, Origin::Dialed { dial: DialId(7) }, _) => Some(Ok(())),
        _ => None,
    });
    fixture.stop();
    outcome
}

fn trusting(files: &[&CertificateFiles]) -> TlsClient {
    let files = files.iter().map(|files| files.chain.clone()).collect();
    TlsClient::load(&CertificateAuthorities::Files(files), None).unwrap()
}

#[test]
fn the_certificate_of_a_dialled_server_is_verified() {
    let certificates = Certificates::new();
    let good = certificates.make("good", "localhost");
    let other = certificates.make("other", "other.test");
    let expired = certificates.make_with("expired", "localhost", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let future = certificates.make_with("future", "localhost", |params| {
        params.not_before = date_time_ymd(2200, 1, 1);
        params.not_after = date_time_ymd(2201, 1, 1);
    });
    let authority = certificates.make_with("authority", "localhost", |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let by_ip = certificates.make("ip", "127.0.0.1");
    let all = [&good, &other, &expired, &future, &authority, &by_ip];
    let failed = |why| Err(DialError::Tls(why));
    for (files, trusted, host, expected) in [
        (&good, &all[..], "localhost", Ok(())),
        (&by_ip, &all, "127.0.0.1", Ok(())),
        (&authority, &all, "localhost", Ok(())),
        (
            &authority,
            &[],
            "localhost",
            failed(TlsFailure::UnknownAuthority),
        ),
        (&authority, &all, "127.0.0.1", failed(TlsFailure::WrongName)),
        (&good, &all, "127.0.0.1", failed(TlsFailure::WrongName)),
        (&other, &all, "localhost", failed(TlsFailure::WrongName)),
        (&expired, &all, "localhost", failed(TlsFailure::Expired)),
        (&future, &all, "localhost", failed(TlsFailure::Expired)),
        (
            &good,
            &[&other],
            "localhost",
            failed(TlsFailure::UnknownAuthority),
        ),
    ] {
        let server = TlsFixture::start(quick(), silent(), slice::from_ref(files));
        let port = server.address.port();
        let outcome = dial(trusting(trusted), &format!("tls://{host}:{port}"));
        assert_eq!(outcome, expected, "{:?} at {host}", files.chain);
        server.fixture.stop();
    }
    // Without files the system's authorities are trusted, and none has signed this one.
    let server = TlsFixture::start(quick(), silent(), slice::from_ref(&good));
    let to = format!("tls://localhost:{}", server.address.port());
    let outcome = dial(TlsClient::default(), &to);
    assert_eq!(outcome, failed(TlsFailure::UnknownAuthority));
    server.fixture.stop();
}

#[test]
fn a_pin_replaces_authority_and_name() {
    let certificates = Certificates::new();
    let files = certificates.make_with("expired", "other.test", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let pin = fingerprint_of_file(&files.chain).unwrap();
    let server = TlsFixture::start(quick(), silent(), slice::from_ref(&files));
    let port = server.address.port();
    let outcome = dial(trusting(&[]), &format!("tls://127.0.0.1:{port}#{pin}"));
    assert_eq!(outcome, Ok(()));
    let wrong = Fingerprint([7; 32]);
    let to = format!("tls://127.0.0.1:{port}#{wrong}");
    let outcome = dial(trusting(&[&files]), &to);
    assert_eq!(outcome, Err(DialError::Tls(TlsFailure::WrongPin)));
    server.fixture.stop();
}

#[test]
fn unknown_certificates_can_be_decided_by_the_program() {
    struct Only(Fingerprint);
    impl UnknownCertificates for Only {
        fn check(&self, host: &str, _: u16, found: Fingerprint) -> Result<(), TlsFailure> {
            assert_eq!(host, "localhost");
            match found == self.0 {
                true => Ok(()),
                false => Err(TlsFailure::Changed),
            }
        }
    }
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let server = TlsFixture::start(quick(), silent(), slice::from_ref(&files));
    let to = format!("tls://localhost:{}", server.address.port());
    let known = fingerprint_of_file(&files.chain).unwrap();
    let outcome = dial(
        TlsClient::default().with_unknown(Arc::new(Only(known))),
        &to,
    );
    assert_eq!(outcome, Ok(()));
    let other = Fingerprint([7; 32]);
    let outcome = dial(
        TlsClient::default().with_unknown(Arc::new(Only(other))),
        &to,
    );
    assert_eq!(outcome, Err(DialError::Tls(TlsFailure::Changed)));
    server.fixture.stop();
}

#[test]
fn a_dialled_server_that_speaks_no_tls_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
    for (answer, why) in [
        (&b"ERROR :nonsense\r\n"[..], TlsFailure::NotTls),
        (b"", TlsFailure::Closed),
    ] {
        let listener = listener.try_clone().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        });
        let outcome = dial(TlsClient::default(), &to);
        assert_eq!(outcome, Err(DialError::Tls(why)));
        server.join().unwrap();
    }
}

#[test]
fn two_drivers_exchange_bytes_and_present_certificates() {
    let certificates = Certificates::new();
    let files = certificates.make("a", "localhost");
    let identity = certificates.make("b", "dialler");
    let (sender, learnt) = channel();
    let machine = secured(move |security| sender.send(security).unwrap());
    let server = TlsFixture::start(quick(), machine, slice::from_ref(&files));
    let authorities = CertificateAuthorities::Files(vec![files.chain.clone()]);
    let client = TlsClient::load(&authorities, Some(&identity)).unwrap();
    let (sender, learnt_by_dialler) = channel();
    let sent = pattern(300_000);
    let bytes = sent.clone();
    let machine = TestMachine::new(move |event, out| {
        if let Event::LinkUp { link, security, .. } = event {
            sender.send(security.as_deref().copied()).unwrap();
            out.send(*link, &bytes);
        }
    });
    let config = DriverConfig {
        send_queue_bytes_max: 1_000_000,
        ..quick()
    };
    let dialler = Fixture::set_up(config, machine, |driver: &mut Driver<TestMachine>| {
        driver.set_tls_client(client);
    });
    let port = server.address.port();
    dialler.command(move |out| {
        out.dial(
            DialId(1),
            format!("tls://localhost:{port}").parse().unwrap(),
        );
    });
    let mut read = Vec::new();
    while read.len() < sent.len() {
        read.extend(dialler.expect("bytes", |seen| match seen {
            Seen::Bytes(_, bytes) => Some(bytes.clone()),
            _ => None,
        }));
    }
    assert!(read == sent);
    let (here, there) = (learnt.recv().unwrap(), learnt_by_dialler.recv().unwrap());
    let (here, there) = (here.unwrap(), there.unwrap());
    assert_eq!(here.keying_material, there.keying_material);
    assert_eq!(here.peer, fingerprint_of_file(&identity.chain).ok());
    assert_eq!(there.peer, fingerprint_of_file(&files.chain).ok());
    dialler.stop();
    let (why, _) = server.fixture.expect("an end", |seen| match seen {
        Seen::Down(_, why, unsent) => Some((*why, unsent.clone())),
        _ => None,
    });
    assert_eq!(why, LinkDown::PeerClosed, "not truncated");
    server.fixture.stop();
}

#[test]
fn an_authority_with_the_name_of_another_one_is_unknown() {
    let certificates = Certificates::new();
    let by_name = |params: &mut CertificateParams| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = rcgen::DnType::CommonName;
        params.distinguished_name.push(name, "localhost");
    };
    let server_files = certificates.make_with("a", "localhost", by_name);
    let same_kind = certificates.make_with("b", "localhost", by_name);
    // Of another kind of key.
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    by_name(&mut params);
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let other_kind = CertificateFiles {
        chain: certificates.path("c.pem"),
        key: certificates.path("c-key.pem"),
    };
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(&other_kind.chain, certificate.pem()).unwrap();
    let server = TlsFixture::start(quick(), silent(), slice::from_ref(&server_files));
    let to = format!("tls://localhost:{}", server.address.port());
    for trusted in [&same_kind, &other_kind] {
        let outcome = dial(trusting(&[trusted]), &to);
        let unknown = DialError::Tls(TlsFailure::UnknownAuthority);
        assert_eq!(outcome, Err(unknown), "{:?}", trusted.chain);
    }
    server.fixture.stop();
}
