//! The options of proxies.

use std::net::SocketAddr;
use std::str::FromStr;

use crc_cli::parse_listen_address;
use crc_core::loopback;
use ipnet::IpNet;

use super::checks::Problem;
use super::values::parse_network;

/// Proxies such as haproxy in front of the server.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct ProxyArgs {
    /// Expect the PROXY protocol, version 1 or 2, at this listener, from --proxy-peers; can be
    /// repeated
    ///
    /// It is an address of --listen, --listen-tls, --irc, --irc-tls or --irc-legacy. The address
    /// that the proxy names counts for everything: limits, --server-peers, --v1-peers and the log.
    /// Connections from elsewhere, and without a header within 5 s, are closed. Other servers
    /// cannot dial such a listener but through the proxy: see --advertise.
    #[arg(long, value_name = "ADDR")]
    pub(crate) proxy_protocol: Vec<ProxiedAddress>,

    /// Networks in which the proxies are, separated by commas [default: this machine only]
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub(crate) proxy_peers: Vec<IpNet>,
}

/// The address of a listener behind a proxy. It is a type of its own, because options of
/// [`SocketAddr`] listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProxiedAddress(pub(crate) SocketAddr);

impl FromStr for ProxiedAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_listen_address(text)
            .map(ProxiedAddress)
            .map_err(|error| error.to_string())
    }
}

impl ProxyArgs {
    /// Whether a listener is behind a proxy.
    pub(crate) fn is_proxied(&self, listener: SocketAddr) -> bool {
        self.proxy_protocol.iter().any(|it| it.0 == listener)
    }

    /// The networks of the proxies.
    pub(crate) fn peers(&self) -> Vec<IpNet> {
        match self.proxy_peers.is_empty() {
            false => self.proxy_peers.clone(),
            true => loopback(),
        }
    }

    /// What is wrong with the options, beside these listeners.
    pub(super) fn problems(&self, listeners: &[(String, SocketAddr)]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for ProxiedAddress(address) in &self.proxy_protocol {
            let listener = listeners.iter().find(|(_, own)| own == address);
            let text = match listener {
                Some((option, _)) if option == "admin" => {
                    format!(
                        "the admin page at {address} takes no PROXY header: name another listener"
                    )
                }
                Some(_) => continue,
                None => format!(
                    "no listener has the address {address}: write it as in --listen, --listen-tls, \
                     --irc, --irc-tls or --irc-legacy"
                ),
            };
            problems.push(Problem::new("proxy-protocol", address.to_string(), text));
        }
        if self.proxy_protocol.is_empty() && !self.proxy_peers.is_empty() {
            let text = "no listener expects a proxy: write --proxy-protocol ADDR too";
            problems.push(Problem::new("proxy-peers", None, text));
        }
        problems
    }
}
