//! The command line, and the settings that follow from it. The configuration file has the
//! same options (see `config.rs`).
//!
//! The rules of a value are in its parser (`values.rs`), those of several values together in
//! `checks.rs`.

mod checks;
mod proxy;
mod tls;
mod values;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use crc_cli::{Generate, Size, Verbosity, parse_listen_address};
use crc_core::{
    CLIENT_ADDRESSES_MAX, Config, Fingerprint, GatewayConfig, Limits, LinkConfig, ListenerId,
    OperatorConfig, PasswordHash, PeerAddress, Random, Reconfiguration, TextProtocol, Transport,
    check_ascii_name, loopback,
};
use crc_net::{AddressLimits, DriverConfig};
use crc_wire::{HostId, Info, Name};
use ipnet::IpNet;

pub(crate) use self::checks::Problem;
use self::proxy::ProxyArgs;
pub(crate) use self::tls::TlsArgs;
pub(crate) use self::values::parse_network;
use self::values::{
    ClientAddress, number, parse_client_address, parse_id, parse_info, parse_name, parse_peer, size,
};
use crate::logging::{LineFormat, LogFormat};

/// Run a server of a Clemson Relay Chat network.
///
/// Servers link to each other and form a tree. Clients connect to any server
/// and reach all other clients. Without options a server has a random id and
/// this machine's name, listens on 127.0.0.1:33300 and accepts clients and
/// servers. It logs to standard error.
///
/// All options can be in a configuration file too: see print-config.
#[derive(Debug, Parser)]
#[command(name = "crc-server", version = crc_cli::VERSION, max_term_width = 100, after_help = "See --help for examples.", after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    /// The configuration file [default: $XDG_CONFIG_HOME/crc/server.toml, otherwise
    /// /etc/crc/server.toml, if there is one]
    ///
    /// Options on the command line win over those in the file.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// The server's id, from 1 to 4294967295 [default: random]
    ///
    /// Ids of servers and clients are unique in a network. Choose one for a
    /// server that keeps its id across restarts.
    #[arg(long, value_name = "N", value_parser = parse_id)]
    id: Option<HostId>,

    /// The server's name: 1 to 64 characters of ASCII [default: this machine's name]
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,

    /// A description that other hosts see: up to 512 bytes
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = parse_info, hide_default_value = true)]
    info: String,

    /// Address to listen on for clients and servers; can be repeated
    ///
    /// Port 0 takes any free port; the first line of output shows it. To accept connections from
    /// other machines use 0.0.0.0 for IPv4, :: in brackets for IPv6 only, or both.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:33300", value_parser = parse_listen_address)]
    listen: Vec<SocketAddr>,

    /// A server to link to as a child; can be repeated
    ///
    /// The server tries them in order, with a growing pause, until one accepts
    /// it. When that link is lost it starts again. Without --connect and
    /// --rendezvous the server is a root.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer)]
    connect: Vec<PeerAddress>,

    /// A rendezvous directory where servers find each other: see crc-rendezvous serve
    ///
    /// The server registers its address there. After the servers of --connect it
    /// tries those that registered before it. It runs without the directory while
    /// the directory is unreachable.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer)]
    pub(crate) rendezvous: Option<PeerAddress>,

    /// Address to listen on for IRC clients, such as irssi and WeeChat; can be repeated
    ///
    /// IRC clients and CRC clients are in one network: see docs/IRC.md.
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_address, help_heading = "IRC")]
    pub(crate) irc: Vec<SocketAddr>,

    /// Address to listen on for users and servers of legacy IRC; can be repeated
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_address, help_heading = "IRC")]
    pub(crate) irc_legacy: Vec<SocketAddr>,

    /// A server of legacy IRC to link to as a child; can be repeated
    ///
    /// The server tries them in order, with a growing pause, until one answers.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer, help_heading = "IRC")]
    irc_connect: Vec<PeerAddress>,

    /// A text file with the message of the day for IRC clients
    ///
    /// UTF-8, UTF-16 or Latin-1, at most 64 KiB. Long lines are wrapped.
    #[arg(long, value_name = "FILE", help_heading = "IRC")]
    pub(crate) motd: Option<PathBuf>,

    /// Address to serve /state, /healthz, /readyz and /metrics on, over HTTP, read-only
    #[arg(long, value_name = "ADDR", value_parser = parse_listen_address)]
    pub(crate) admin: Option<SocketAddr>,

    /// The file in which the bans of the network are kept across restarts
    ///
    /// It need not exist. Without it a server learns the bans from the servers that it links
    /// to, and a network that stops as a whole forgets them.
    #[arg(long, value_name = "FILE")]
    pub(crate) ban_file: Option<PathBuf>,

    /// Append the log to a file instead of standard error
    #[arg(long, value_name = "PATH")]
    pub(crate) log_file: Option<PathBuf>,

    /// The format of the log
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// Record all events of the server, to be replayed with crc-sim
    ///
    /// The recording holds all bytes from the network, chats included. An
    /// existing file is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Maximum size of the recording in bytes
    #[arg(long, value_name = "BYTES", default_value_t = RECORD_MAX, value_parser = size(1024..=u64::MAX))]
    pub(crate) record_max: Size,

    #[command(flatten)]
    verbosity: Verbosity,

    /// Print the manual page or completions for a shell, and exit
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) generate: Option<Generate>,

    /// The address at which other servers can reach this one [default: the
    /// first of --listen]
    ///
    /// With --rendezvous a host name is resolved once, at the start.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer, help_heading = "Network")]
    advertise: Option<PeerAddress>,

    /// The address at which clients can reach this server; can be repeated [default:
    /// --advertise, and for the other transport what it listens on, if that is no wildcard]
    ///
    /// The other servers tell it to their clients, which move here when their own server is
    /// gone. HOST:PORT, or tls://HOST:PORT for TLS; with one --tls-cert, its fingerprint goes
    /// along. "none" for no address. At most 4 are told.
    #[arg(long, value_name = "ADDR", value_parser = parse_client_address, help_heading = "Network")]
    advertise_to_clients: Vec<ClientAddress>,

    /// Rank in the tree: a server links only to servers with a lower rank or,
    /// within a rank, a lower id [default: one more than the uplink's, 0 for a root]
    #[arg(long, value_name = "N", value_parser = number::<u32>(0..=u64::from(u32::MAX) - 1), help_heading = "Network")]
    rank: Option<u32>,

    /// Networks in which other servers may be: from there they may link, and only there
    /// does this server dial announced and listed ones; separated by commas
    /// [default: this machine only, or everywhere if a link of the configuration file has a secret]
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = parse_network,
        help_heading = "Network"
    )]
    server_peers: Vec<IpNet>,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,

    /// Networks in which servers of version 1 may be, a part of --server-peers; separated by
    /// commas [default: this machine only]
    ///
    /// They cannot prove a secret. A proxy on this machine makes every stranger one of this
    /// machine.
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = parse_network,
        help_heading = "Network"
    )]
    v1_peers: Vec<IpNet>,

    #[command(flatten)]
    limits: LimitArgs,

    /// The links of the configuration file.
    #[arg(skip)]
    pub(crate) links: Vec<LinkConfig>,

    /// The files with secrets that every user of this machine can read.
    #[arg(skip)]
    pub(crate) readable_secrets: Vec<PathBuf>,

    /// The password for all of the configuration file.
    #[arg(skip)]
    pub(crate) password: Option<PasswordHash>,

    /// The operators of the configuration file.
    #[arg(skip)]
    pub(crate) operators: Vec<OperatorConfig>,

    /// The gateways of the configuration file.
    #[arg(skip)]
    pub(crate) gateways: Vec<GatewayConfig>,
}

/// The limits; the defaults suit most networks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Bytes in the text of one chat, status or quit
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().text_bytes_max.into()), value_parser = size(1..=u64::from(u32::MAX)))]
    text_max: Size,

    /// Seconds in which a connection must register
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().registration_time_max.as_secs(), value_parser = number::<u64>(1..=86_400))]
    register_within: u64,

    /// Bytes in the send queue of a client
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().client_queue_bytes_max as u64), value_parser = size(1024..=1 << 40))]
    client_queue: Size,

    /// Bytes in the send queue of a server
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().server_queue_bytes_max as u64), value_parser = size(1024..=1 << 40))]
    server_queue: Size,

    /// Connections in total [default: as many as the descriptor limit allows]
    #[arg(long, value_name = "N", value_parser = number::<usize>(1..=u64::from(u32::MAX)))]
    links_max: Option<usize>,

    /// Connections from one address, which is an IPv4 address or an IPv6 network
    /// of 64 bits; 0 for no limit [default: 256, and no limit for this machine]
    ///
    /// Further ones are closed at once. A value given here holds for this machine
    /// (127.0.0.1, ::1) too.
    #[arg(long, value_name = "N", value_parser = number::<usize>(0..=u32::MAX.into()))]
    links_per_address: Option<usize>,

    /// Connections per second from one address; 0 for no limit [default: 32, and
    /// no limit for this machine]
    ///
    /// Further ones are closed at once. As many as --links-per-address may come
    /// at once. A value given here holds for this machine too.
    #[arg(long, value_name = "N", value_parser = number::<u32>(0..=u32::MAX.into()))]
    accepts_per_second: Option<u32>,

    /// Connections of --links-max that are reserved for --server-peers [default:
    /// 16, at most a quarter of --links-max]
    #[arg(long, value_name = "N", value_parser = number::<usize>(0..=u32::MAX.into()))]
    server_places: Option<usize>,

    /// Hosts in the directory
    #[arg(long, value_name = "N", default_value_t = Limits::default().hosts_max, value_parser = number::<usize>(1..=u64::from(u32::MAX)))]
    hosts_max: usize,

    /// Texts in the status log
    #[arg(long, value_name = "N", default_value_t = Limits::default().status_log_max, value_parser = number::<usize>(0..=1_000_000))]
    status_log: usize,

    /// Repeated registrations of one client per second; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Limits::default().client_registrations_per_second, value_parser = number::<u32>(0..=u32::MAX.into()))]
    registrations_per_second: u32,

    /// Chats of one client per second; 0 for no limit. All other frames and
    /// lines of a client count as one chat or two
    #[arg(long, value_name = "N", default_value_t = Limits::default().client_chats_per_second, value_parser = number::<u32>(0..=u32::MAX.into()))]
    chats_per_second: u32,

    /// Lines of one IRC client per second; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = Limits::default().irc_lines_per_second, value_parser = number::<u32>(0..=u32::MAX.into()))]
    irc_lines_per_second: u32,
}

/// What to do instead of running a server.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Action {
    /// Check the configuration file and the other options, and exit
    ///
    /// Every error has its file, line and column. The exit status is 0 if there is none.
    CheckConfig,
    /// Print a configuration file with all options, their help and their defaults, and exit
    PrintConfig,
    /// Make a key and a self-signed certificate for TLS, and exit
    ///
    /// Writes cert.pem and key.pem, and prints the fingerprint of the certificate, by which
    /// others can pin it: tls://HOST:PORT#FINGERPRINT. Existing files are kept.
    MakeCert(MakeCert),
    /// Read a password from standard input, print its hash for the configuration file, and exit
    ///
    /// At a terminal what you type is not shown.
    HashPassword,
}

/// The options of `make-cert`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub(crate) struct MakeCert {
    /// The host name or IP address by which others reach the server; can be repeated
    #[arg(long, value_name = "HOST", required = true)]
    pub(crate) name: Vec<String>,

    /// The folder for cert.pem and key.pem; it is created if it does not exist
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) out: PathBuf,
}

/// A listener for a text protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextListener {
    pub(crate) id: ListenerId,
    pub(crate) protocol: TextProtocol,
    pub(crate) by_tls: bool,
    pub(crate) address: SocketAddr,
}

/// How long the rendezvous may take for its first list. After that a server without
/// another uplink is a root.
const CANDIDATES_TIME_MAX: Duration = Duration::from_secs(5);

/// The size of a recording, if no option says so.
const RECORD_MAX: Size = Size(64 << 20);

/// How many connections one address may have, if no option says so.
const LINKS_PER_ADDRESS: usize = 256;

/// How many connections one address may open in a second, if no option says so.
const ACCEPTS_PER_SECOND: u32 = 32;

/// How many connections are reserved for servers, if no option says so.
const SERVER_PLACES: usize = 16;

/// The id of the first listener for a text protocol.
const TEXT_LISTENERS_BEGIN: u32 = 1 << 16;

const AFTER_LONG_HELP: &str = "\
Examples:
  crc-server
      A network of one server. Join it with: crc-client
  crc-server --listen 127.0.0.1:33301 --connect 127.0.0.1:33300
      A second server on this machine, linked to the first.
  crc-server --name hub --listen 0.0.0.0:33300 --server-peers 192.0.2.0/24
      A server for other machines. Servers of one network may link to it.
  crc-server --listen 127.0.0.1:0 --rendezvous 127.0.0.1:33400
      One of several servers that form a tree on their own, with this rendezvous:
      crc-rendezvous serve --listen 127.0.0.1:33400
  crc-server make-cert --name chat.example.org --out tls
      A certificate for TLS. Use it with: crc-server --listen-tls 0.0.0.0:33301
      --tls-cert tls/cert.pem --tls-key tls/key.pem
  crc-server print-config > server.toml
      A configuration file to begin with. Use it with: crc-server --config server.toml
  crc-server --admin 127.0.0.1:8033
      A server with an admin page. Read it with: curl http://127.0.0.1:8033/state

Signals:
  SIGTERM and SIGINT start a graceful shutdown; a second one ends the server at once.
  SIGHUP reads the configuration file and the certificates again, and reopens the file of
  --log-file, so that it can be moved before. The log says what has changed, and what needs a restart.

Environment:
  RUST_LOG   log levels by module, for example RUST_LOG=crc_core=debug

Exit status:
  0  graceful or forced shutdown by a signal
  1  the server could not run, for example because the port is in use
  2  invalid command line or configuration file";

impl Args {
    /// The addresses to listen on for clients and servers.
    pub(crate) fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// Where clients reach this server, as it says to the others. It listens on `listening`,
    /// by TLS or not; `pin` is the fingerprint of its certificate.
    pub(crate) fn client_addresses(
        &self,
        listening: &[(SocketAddr, bool)],
        pin: Option<Fingerprint>,
    ) -> Vec<PeerAddress> {
        let given = self.advertise_to_clients.iter();
        let mut addresses: Vec<PeerAddress> = given.filter_map(|it| it.0.clone()).collect();
        if self.advertise_to_clients.is_empty() {
            addresses.extend(self.advertise.clone());
            let is_tls = |it: &PeerAddress| it.transport != Transport::Plain;
            let advertised = self.advertise.as_ref().map(is_tls);
            for (address, by_tls) in listening {
                let ip = address.ip();
                let is_local = ip.is_loopback() && advertised.is_some();
                if !ip.is_unspecified() && !is_local && advertised != Some(*by_tls) {
                    let address = PeerAddress::from(*address);
                    addresses.push(match by_tls {
                        true => address.with_tls(),
                        false => address,
                    });
                }
            }
        }
        let mut told: Vec<PeerAddress> = Vec::new();
        for mut address in addresses {
            if address.transport == (Transport::Tls { pin: None }) {
                address.transport = Transport::Tls { pin };
            }
            if !told.contains(&address) {
                told.push(address);
            }
        }
        told.truncate(CLIENT_ADDRESSES_MAX);
        told
    }

    /// The listeners for text protocols.
    pub(crate) fn text_listeners(&self) -> impl Iterator<Item = TextListener> {
        let kinds = [
            (TextProtocol::Irc, false, &self.irc),
            (TextProtocol::Irc, true, &self.tls.irc_tls),
            (TextProtocol::Legacy, false, &self.irc_legacy),
        ];
        let all = kinds.into_iter().flat_map(|(protocol, by_tls, all)| {
            all.iter().map(move |address| (protocol, by_tls, *address))
        });
        all.zip(TEXT_LISTENERS_BEGIN..)
            .map(|((protocol, by_tls, address), id)| TextListener {
                id: ListenerId(id),
                protocol,
                by_tls,
                address,
            })
    }

    /// The address to register with the rendezvous, if `--advertise` is given. Resolves
    /// a host name now.
    pub(crate) fn resolve_advertised(&self) -> io::Result<Option<SocketAddr>> {
        let Some(PeerAddress { host, port, .. }) = &self.advertise else {
            return Ok(None);
        };
        let found: Vec<_> = (&**host, *port).to_socket_addrs()?.collect();
        // The directory lists addresses of its own IP version only.
        let directory = self.rendezvous.as_ref();
        let directory = directory.and_then(PeerAddress::ip);
        let same_version = |address: &&SocketAddr| {
            directory.is_some_and(|directory| directory.is_ipv4() == address.is_ipv4())
        };
        let address = found.iter().find(same_version).or(found.first()).copied();
        address
            .map(Some)
            .ok_or_else(|| io::Error::other("the name has no address"))
    }

    /// The listeners without TLS that no proxy is in front of: option and address.
    pub(crate) fn plaintext_listeners(&self) -> Vec<(&'static str, &SocketAddr)> {
        let listeners = [
            ("listen", &self.listen),
            ("irc", &self.irc),
            ("irc-legacy", &self.irc_legacy),
        ];
        let listeners = listeners.into_iter();
        let listeners =
            listeners.flat_map(|(option, all)| all.iter().map(move |address| (option, address)));
        let listeners = listeners.filter(|(_, address)| !self.proxy.is_proxied(**address));
        let admin = self.admin.iter().map(|address| ("admin", address));
        listeners.chain(admin).collect()
    }

    /// The connection limit, if there is one.
    pub(crate) fn links_max(&self) -> Option<usize> {
        self.limits.links_max
    }

    /// The driver's settings: how many connections may be open, and whose.
    pub(crate) fn driver_config(&self) -> DriverConfig {
        let limits = &self.limits;
        let links_max = limits.links_max.unwrap_or(usize::MAX);
        // A limit of 0 is none.
        let per_address = |links: usize, accepts_per_second: u32| AddressLimits {
            links_max: if links == 0 { usize::MAX } else { links },
            accepts_per_second,
        };
        let (links, accepts) = (limits.links_per_address, limits.accepts_per_second);
        DriverConfig {
            links_max,
            per_address: per_address(
                links.unwrap_or(LINKS_PER_ADDRESS),
                accepts.unwrap_or(ACCEPTS_PER_SECOND),
            ),
            per_loopback_address: per_address(links.unwrap_or(0), accepts.unwrap_or(0)),
            gateways: self
                .gateways
                .iter()
                .flat_map(|gateway| gateway.from.clone())
                .collect(),
            reserved_links: limits
                .server_places
                .unwrap_or(SERVER_PLACES.min(links_max / 4)),
            reserved_for: self.reserved_for(),
            ..DriverConfig::default()
        }
    }

    /// The networks from which servers may link.
    fn server_peers(&self) -> Vec<IpNet> {
        match self.server_peers.is_empty() {
            false => self.server_peers.clone(),
            // All have to prove one.
            true if self.has_secrets() => everywhere(),
            true => loopback(),
        }
    }

    /// The networks for which places are reserved.
    fn reserved_for(&self) -> Vec<IpNet> {
        if !self.server_peers.is_empty() || !self.has_secrets() {
            return self.server_peers();
        }
        let known = self.links.iter().filter_map(|link| link.address.as_ref());
        let known = known.filter_map(PeerAddress::ip).map(IpNet::from);
        loopback().into_iter().chain(known).collect()
    }

    fn v1_peers(&self) -> Vec<IpNet> {
        match self.v1_peers.is_empty() {
            false => self.v1_peers.clone(),
            true => loopback(),
        }
    }

    /// Whether servers have to prove secrets.
    pub(crate) fn has_secrets(&self) -> bool {
        self.links.iter().any(|link| link.secret.is_some())
    }

    /// Where this server looks for an uplink.
    fn connect(&self) -> Vec<PeerAddress> {
        let mut all = self.connect.clone();
        for link in self.links.iter().filter_map(|link| link.address.as_ref()) {
            if !all.contains(link) {
                all.push(link.clone());
            }
        }
        all
    }

    /// The server's settings. `seed` decides what no option sets.
    pub(crate) fn config(&self, seed: u64) -> Config {
        let mut random = Random::new(seed);
        let random_id = crc_core::random_host_id(&mut random);
        let name = self.name.clone().unwrap_or_else(default_name);
        let name = Name::new(name).expect("an accepted name fits");
        Config {
            info: Info::new(self.info.clone()).expect("an accepted info fits"),
            connect: self.connect(),
            candidates_within: self.rendezvous.is_some().then_some(CANDIDATES_TIME_MAX),
            advertise: self.advertise.clone(),
            legacy_connect: self.irc_connect.clone(),
            text_listeners: self
                .text_listeners()
                .map(|listener| (listener.id, listener.protocol))
                .collect(),
            rank: self.rank,
            server_peers: self.server_peers(),
            v1_peers: self.v1_peers(),
            links: self.links.clone(),
            password: self.password.clone(),
            operators: self.operators.clone(),
            gateways: self.gateways.clone(),
            limits: self.core_limits(),
            seed: random.next_u64(),
            ..Config::new(self.id.unwrap_or(random_id), name)
        }
    }

    /// The settings that a reload changes.
    pub(crate) fn reconfiguration(&self, motd: Vec<String>) -> Reconfiguration {
        Reconfiguration {
            server_peers: self.server_peers(),
            v1_peers: self.v1_peers(),
            links: self.links.clone(),
            password: self.password.clone(),
            operators: self.operators.clone(),
            gateways: self.gateways.clone(),
            motd,
            limits: self.core_limits(),
        }
    }

    fn core_limits(&self) -> Limits {
        let limits = &self.limits;
        Limits {
            text_bytes_max: u32::try_from(limits.text_max.0).unwrap_or(u32::MAX),
            registration_time_max: Duration::from_secs(limits.register_within),
            client_queue_bytes_max: bytes(limits.client_queue),
            server_queue_bytes_max: bytes(limits.server_queue),
            hosts_max: limits.hosts_max,
            status_log_max: limits.status_log,
            client_registrations_per_second: limits.registrations_per_second,
            client_chats_per_second: limits.chats_per_second,
            irc_lines_per_second: limits.irc_lines_per_second,
            ..Limits::default()
        }
    }

    /// The format of the lines of the log of the server with this configuration.
    pub(crate) fn line_format(&self, config: &Config) -> LineFormat {
        match self.log_format {
            LogFormat::Text => LineFormat::Text,
            LogFormat::Json => LineFormat::Json {
                id: config.id.get(),
                name: config.name.as_str().to_owned(),
            },
        }
    }

    /// The log level, unless `RUST_LOG` overrides it.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        self.verbosity.level(log::LevelFilter::Info)
    }
}

/// All networks.
fn everywhere() -> Vec<IpNet> {
    let v4 = IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0);
    let v6 = IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0);
    vec![v4, v6]
}

/// This machine's name, or `server` if that is not an accepted name.
fn default_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    match check_ascii_name(&name) {
        Ok(()) => name,
        Err(_) => "server".to_owned(),
    }
}

/// A size in memory.
fn bytes(size: Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["crc-server"], args].concat())
    }

    #[test]
    fn the_clap_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_default() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.listen(), ["127.0.0.1:33300".parse().unwrap()]);
        let config = args.config(1);
        assert_ne!(config.id, args.config(2).id, "a random id");
        assert_eq!(check_ascii_name(config.name.as_str()), Ok(()));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.server_peers, loopback());
        assert_eq!(config.candidates_within, None, "no rendezvous");
        assert_eq!(args.resolve_advertised().unwrap(), None);
        assert_eq!(args.log_level(), log::LevelFilter::Info);
    }

    #[test]
    fn invalid_values_are_rejected() {
        let long = "n".repeat(65);
        for args in [
            ["--id", "0"],
            ["--id", "4294967296"],
            ["--name", ""],
            ["--name", &long],
            ["--info", "x [crc2;f=]"],
            ["--listen", "33300"],
            ["--connect", "localhost"],
            ["--server-peers", "10.0.0.0/33"],
            ["--rank", "-1"],
            ["--rendezvous", "33400"],
            ["--connect", "localhost:0"],
            ["--advertise", "0.0.0.0:1"],
            ["--server-peers", "10.0.0.1/8"],
            ["--rank", "4294967295"],
            ["--links-max", "0"],
            ["--hosts-max", "0"],
            ["--text-max", "0"],
            ["--text-max", "1T"],
            ["--client-queue", "0"],
            ["--server-queue", "1"],
            ["--register-within", "0"],
            ["--register-within", "86401"],
            ["--record-max", "0"],
            ["--motd", ""],
        ] {
            let error = parse(&args).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn clients_are_told_where_this_server_can_be_reached() {
        let pin = "ab".repeat(32).parse().unwrap();
        let told = |args: &[&str]| {
            let listening = [
                ("0.0.0.0:1", false),
                ("192.0.2.1:2", false),
                ("127.0.0.1:4", false),
                ("192.0.2.1:3", true),
            ];
            let listening = listening.map(|(it, by_tls)| (it.parse().unwrap(), by_tls));
            let addresses = parse(args).unwrap().client_addresses(&listening, Some(pin));
            let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            texts.join(" ")
        };
        let tls = format!("tls://192.0.2.1:3#{pin}");
        assert_eq!(told(&[]), format!("192.0.2.1:2 127.0.0.1:4 {tls}"));
        let advertise = "--advertise=reef:1";
        assert_eq!(told(&[advertise]), format!("reef:1 {tls}"));
        let advertise = "--advertise=tls://reef:1";
        let expected = format!("tls://reef:1#{pin} 192.0.2.1:2");
        assert_eq!(told(&[advertise]), expected);
        assert_eq!(told(&["--advertise-to-clients=none"]), "");
        let given = [
            "--advertise-to-clients=tls://reef",
            "--advertise-to-clients=reef:7",
        ];
        assert_eq!(told(&given), format!("tls://reef:33301#{pin} reef:7"));
        for odd in ["0.0.0.0:1", "reef", "reef:0", "a,b:1", ""] {
            let option = format!("--advertise-to-clients={odd}");
            assert!(parse(&[&option]).is_err(), "{odd}");
        }
    }

    #[test]
    fn limits_of_addresses_hold_for_this_machine_if_they_are_given() {
        let limits = |args: &[&str]| {
            let config = parse(args).unwrap().driver_config();
            let limits = [config.per_address, config.per_loopback_address];
            limits.map(|limits| (limits.links_max, limits.accepts_per_second))
        };
        let none = (usize::MAX, 0);
        assert_eq!(limits(&[]), [(256, 32), none]);
        assert_eq!(limits(&["--links-per-address=3"]), [(3, 32), (3, 0)]);
        assert_eq!(
            limits(&["--accepts-per-second=4"]),
            [(256, 4), (usize::MAX, 4)]
        );
        let off = ["--links-per-address=0", "--accepts-per-second=0"];
        assert_eq!(limits(&off), [none, none]);

        let reserved = |args: &[&str]| parse(args).unwrap().driver_config().reserved_links;
        assert_eq!(reserved(&[]), 16);
        assert_eq!(reserved(&["--links-max=40"]), 10);
        assert_eq!(reserved(&["--links-max=3"]), 0);
        assert_eq!(reserved(&["--links-max=3", "--server-places=2"]), 2);
        let config = parse(&["--server-peers=192.0.2.0/24"])
            .unwrap()
            .driver_config();
        assert_eq!(config.reserved_for, ["192.0.2.0/24".parse().unwrap()]);
    }

    #[test]
    fn options_reach_the_config() {
        let args = parse(&[
            "--id=4294967295",
            "--info=\"Grüße\"",
            "--listen=[::1]:0",
            "--listen=localhost:1",
            "--connect=rivendale:1",
            "--connect=[::1]:2",
            "--server-peers=10.0.0.0/8,::/0",
            "--chats-per-second=7",
            "--server-queue=1G",
            "--rendezvous=[::1]:33400",
            "--advertise=localhost:3",
            "-vv",
        ])
        .unwrap();
        let config = args.config(1);
        assert_eq!(config.id, HostId::new(u32::MAX).unwrap());
        assert_eq!(config.info.as_str(), "\"Grüße\"");
        assert_eq!(args.listen().len(), 2);
        let connect: Vec<_> = config.connect.iter().map(ToString::to_string).collect();
        assert_eq!(connect, ["rivendale:1", "[::1]:2"]);
        assert_eq!(config.server_peers.len(), 2);
        assert_eq!(config.candidates_within, Some(CANDIDATES_TIME_MAX));
        assert_eq!(config.advertise, "localhost:3".parse().ok());
        let advertised = args.resolve_advertised().unwrap().unwrap();
        assert!(advertised.ip().is_loopback() && advertised.port() == 3);
        assert_eq!(config.limits.client_chats_per_second, 7);
        assert_eq!(config.limits.server_queue_bytes_max, 1 << 30);
        assert_eq!(args.log_level(), log::LevelFilter::Trace);
    }
}
