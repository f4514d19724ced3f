//! The settings of a bot.

use std::path::PathBuf;
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientLimits, Password, PeerAddress, is_channel_name,
};
use crc_net::{CertificateAuthorities, CertificateFiles, TlsClient};
use crc_wire::HostId;

use crate::bot::Bot;
use crate::error::Error;
use crate::mailbox::MailboxLimits;
use crate::worker::{Settings, start};

/// The server of a bot that names none.
const DEFAULT_SERVER: &str = "localhost:33300";

/// The longest message: it fits into a line of IRC, and into a frame of a v1 server.
const MESSAGE_BYTES: usize = 400;

/// What is smaller would split words of people.
const MESSAGE_BYTES_MIN: usize = 32;

/// The longest text that servers take.
const MESSAGE_BYTES_MAX: usize = 60 * 1024;

/// How many messages in a second.
const PER_SECOND: u32 = 10;

/// How many bytes of events may wait for the program: as many messages as a bot answers at its
/// rate in three minutes.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// How many bytes may wait to be sent, before the program has to wait.
const OUTGOING_BYTES_MAX: usize = 16 * 1024;

/// How many bytes may wait for the server to read them.
const SEND_QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// How long a bot that ends goes on sending.
const CLOSE_WITHIN: Duration = Duration::from_secs(30);

/// Less would be exceeded by a server that is busy.
const SERVER_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// The settings of a bot, from [`Bot::builder`].
#[derive(Debug, Clone)]
#[must_use = "a bot starts with connect() or start()"]
pub struct Builder {
    name: String,
    info: String,
    id: Option<HostId>,
    servers: Vec<String>,
    channels: Vec<(String, String)>,
    password: Option<String>,
    authorities: Vec<PathBuf>,
    certificate: Option<CertificateFiles>,
    message_bytes_max: usize,
    per_second: u32,
    event_bytes_max: usize,
    close_within: Duration,
    closes_on_signals: bool,
    server_timeout: Duration,
}

impl Builder {
    pub(crate) fn new(name: String) -> Self {
        Builder {
            name,
            info: "a bot".to_owned(),
            id: None,
            servers: Vec::new(),
            channels: Vec::new(),
            password: None,
            authorities: Vec::new(),
            certificate: None,
            message_bytes_max: MESSAGE_BYTES,
            per_second: PER_SECOND,
            event_bytes_max: EVENT_BYTES_MAX,
            close_within: CLOSE_WITHIN,
            closes_on_signals: false,
            server_timeout: ClientLimits::default().server_timeout,
        }
    }

    /// The server: `HOST:PORT`, `tls://HOST:PORT` by TLS, or `tls://HOST:PORT#sha256:HEX` by TLS to
    /// the server whose certificate has this fingerprint. Without it the bot connects to
    /// `localhost:33300`. Several calls name several servers, 16 at most: the bot connects to the
    /// first one that accepts it, and moves to another one when it loses that, with the same id and
    /// channels.
    pub fn server(self, address: impl Into<String>) -> Self {
        self.servers([address])
    }

    /// Adds servers, as [`server`](Self::server) does. None is fine.
    pub fn servers<A: Into<String>>(mut self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.servers.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// Joins a channel as soon as the bot is connected.
    pub fn join(self, channel: impl Into<String>) -> Self {
        self.join_with_key(channel, "")
    }

    /// Joins a channel that has a key as soon as the bot is connected.
    pub fn join_with_key(mut self, channel: impl Into<String>, key: impl Into<String>) -> Self {
        self.channels.push((channel.into(), key.into()));
        self
    }

    /// What users see of the bot besides its name. Default: `a bot`.
    pub fn info(mut self, info: impl Into<String>) -> Self {
        self.info = info.into();
        self
    }

    /// The id of the bot, so that it is the same in each run. Default: a random one.
    pub fn id(mut self, id: HostId) -> Self {
        self.id = Some(id);
        self
    }

    /// The password of the network, if it has one.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Trusts the certificate authorities in a file (PEM), instead of those of the system, about
    /// servers by TLS. A server with a certificate that no authority has signed needs its
    /// fingerprint in its address.
    pub fn trust(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities.push(file.into());
        self
    }

    /// Shows servers by TLS a certificate, in two files (PEM).
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some(CertificateFiles {
            chain: chain.into(),
            key: key.into(),
        });
        self
    }

    /// The longest message in bytes, from 32 to 61,440. Longer texts become several messages.
    /// Default: 400, which users of IRC see as one line.
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes.clamp(MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX);
        self
    }

    /// How many messages the bot sends in a second, from 1 to 1,000; half of them at once. It should
    /// be less than the `chats-per-second` of the server. Default: 10.
    pub fn messages_per_second(mut self, count: u32) -> Self {
        self.per_second = count;
        self
    }

    /// How many bytes of events may wait for the program. Beyond it the oldest events are dropped,
    /// and [`Event::Lagged`](crate::Event::Lagged) counts them. Default: 256 KiB, some 1,200 short
    /// messages, so that a bot that was flooded does not answer old messages for long. A bot that
    /// must miss nothing, or is in channels with thousands of members, wants more.
    pub fn event_bytes_max(mut self, bytes: usize) -> Self {
        self.event_bytes_max = bytes;
        self
    }

    /// How long a bot that is closed or dropped may go on sending what it was told before. Default:
    /// 30 s.
    pub fn close_within(mut self, time: Duration) -> Self {
        self.close_within = time;
        self
    }

    /// How long a server may say nothing before the bot goes to another one, or connects again. It is
    /// asked after half of that. Default: 30 s. A server that is killed is noticed at once; this is
    /// for one that is frozen.
    pub fn server_timeout(mut self, time: Duration) -> Self {
        self.server_timeout = time.max(SERVER_TIMEOUT_MIN);
        self
    }

    /// Ends the bot at SIGINT (Ctrl-C) and SIGTERM, as [`Bot::quit`] does. A second signal
    /// ends it at once. Without this the bot does nothing about signals.
    pub fn close_on_signals(mut self) -> Self {
        self.closes_on_signals = true;
        self
    }

    /// Starts the bot, and waits until a server has accepted it.
    ///
    /// From then on it connects again by itself. In asynchronous code use [`start`](Self::start),
    /// which does not wait.
    ///
    /// # Errors
    ///
    /// When the settings are wrong, when each server was tried once in vain, or when a server
    /// refuses the bot.
    pub fn connect(self) -> Result<Bot, Error> {
        let bot = self.start()?;
        bot.wait_connected()?;
        Ok(bot)
    }

    /// Starts the bot, and returns at once. It tries to connect until a server accepts it; its
    /// events say what comes of it.
    ///
    /// # Errors
    ///
    /// When the settings are wrong.
    pub fn start(mut self) -> Result<Bot, Error> {
        if self.servers.is_empty() {
            self.servers.push(DEFAULT_SERVER.to_owned());
        }
        let servers = parse_servers(&self.servers)?;
        let attempts = servers.len();
        let tls = self.tls_client()?;
        let client = self.client(servers)?;
        start(Settings {
            client,
            tls,
            joins: self.joins()?,
            limits: MailboxLimits {
                events: self.event_bytes_max,
                outgoing: OUTGOING_BYTES_MAX,
                attempts,
            },
            message_bytes_max: self.message_bytes_max,
            per_second: self.per_second,
            close_within: self.close_within,
            closes_on_signals: self.closes_on_signals,
        })
    }

    fn client(&self, servers: Vec<PeerAddress>) -> Result<Client, Error> {
        let seed = getrandom::u64().map_err(|error| Error::System(error.to_string()))?;
        let mut config = ClientConfig::with_servers(servers, &self.name, &self.info, seed);
        config.password = self.password.as_deref().map(Password::new);
        config.id = self.id;
        config.is_bot = true;
        config.limits.send_queue_bytes_max = SEND_QUEUE_BYTES_MAX;
        config.limits.server_timeout = self.server_timeout;
        Ok(Client::new(config)?)
    }

    fn joins(&self) -> Result<Vec<ClientCommand>, Error> {
        let join = |(channel, key): &(String, String)| {
            let (channel, key) = (channel.clone(), key.clone());
            match is_channel_name(&channel) {
                true => Ok(ClientCommand::Join { channel, key }),
                false => Err(Error::NotAChannel(channel)),
            }
        };
        self.channels.iter().map(join).collect()
    }

    fn tls_client(&self) -> Result<TlsClient, Error> {
        let authorities = match &self.authorities[..] {
            [] => CertificateAuthorities::System,
            files => CertificateAuthorities::Files(files.to_vec()),
        };
        Ok(TlsClient::load(&authorities, self.certificate.as_ref())?)
    }
}

fn parse_servers(texts: &[String]) -> Result<Vec<PeerAddress>, Error> {
    let parse = |text: &String| {
        text.parse().map_err(|why| Error::Address {
            text: text.clone(),
            why,
        })
    };
    texts.iter().map(parse).collect()
}
