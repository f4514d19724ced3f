//! What the operator should know about the configuration at the start, one line each. None of
//! it keeps the server from running.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What a server exposes, and how it is protected.
#[derive(Debug)]
pub(crate) struct Exposure<'a> {
    /// The listeners without TLS, with the name of their option.
    pub(crate) plaintext: Vec<(&'static str, &'a SocketAddr)>,
    /// Whether some listener has TLS.
    pub(crate) has_tls: bool,
    /// Whether links of servers need a secret.
    pub(crate) has_secrets: bool,
    /// The files with secrets that every user of this machine can read.
    pub(crate) readable_secrets: &'a [PathBuf],
    /// The connection limit that was asked for.
    pub(crate) links_max: Option<usize>,
    /// How many connections the descriptor limit permits.
    pub(crate) links_possible: usize,
}

impl Exposure<'_> {
    /// The warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let all: Vec<String> = self
            .plaintext
            .iter()
            .filter(|(_, address)| address.ip().is_unspecified())
            .map(|(option, address)| format!("--{option} {address}"))
            .collect();
        let mut warnings = Vec::new();
        if !all.is_empty() && !self.has_tls && !self.has_secrets {
            warnings.push(format!(
                "listening on all addresses without TLS or secrets ({}): every host that reaches it can connect, \
                 and chats can be read and changed on their way; listen on 127.0.0.1 or on the \
                 address of a private network if that is not meant",
                all.join(", ")
            ));
        }
        for path in self.readable_secrets {
            warnings.push(format!(
                "every user of this machine can read the secret in {0}: run chmod 600 {0}",
                path.display()
            ));
        }
        if let Some(links_max) = self.links_max.filter(|max| *max > self.links_possible) {
            warnings.push(format!(
                "--links-max {links_max} is more than the descriptor limit (ulimit -n) has room \
                 for: at most {} connections are accepted",
                self.links_possible
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_open_to_all_is_one_warning() {
        let warnings = |listen: &[&str], has_tls, has_secrets| {
            let addresses: Vec<SocketAddr> = listen.iter().map(|it| it.parse().unwrap()).collect();
            let exposure = Exposure {
                plaintext: addresses
                    .iter()
                    .map(|address| ("listen", address))
                    .collect(),
                has_tls,
                has_secrets,
                readable_secrets: &[],
                links_max: None,
                links_possible: 1,
            };
            exposure.warnings().len()
        };
        assert_eq!(
            warnings(&["127.0.0.1:1", "[::1]:1", "192.0.2.1:1"], false, false),
            0
        );
        assert_eq!(warnings(&["0.0.0.0:1", "[::]:1"], false, false), 1);
        assert_eq!(warnings(&["[::]:1"], true, false), 0);
        assert_eq!(warnings(&["[::]:1"], false, true), 0);
    }

    #[test]
    fn a_descriptor_limit_that_is_too_low_is_a_warning() {
        for (links_max, count) in [(None, 0), (Some(100), 0), (Some(101), 1)] {
            let exposure = Exposure {
                plaintext: Vec::new(),
                has_tls: false,
                has_secrets: false,
                readable_secrets: &[],
                links_max,
                links_possible: 100,
            };
            let warnings = exposure.warnings();
            assert_eq!(warnings.len(), count);
            assert!(
                warnings
                    .iter()
                    .all(|it| it.contains("at most 100 connections"))
            );
        }
    }
}
