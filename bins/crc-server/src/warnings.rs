//! What the operator should know about the configuration at the start, one line each. None of
//! it keeps the server from running.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::args::Args;

/// The warnings about a configuration. `links_possible`: how many connections the descriptor
/// limit permits.
pub(crate) fn of_config(args: &Args, links_possible: usize) -> Vec<String> {
    let exposure = Exposure {
        plaintext: args.plaintext_listeners(),
        has_tls: args.tls.has_listener(),
        has_secrets: args.has_secrets(),
        readable_secrets: &args.readable_secrets,
        links_max: args.links_max(),
        links_possible,
    };
    let mut warnings = exposure.warnings();
    for path in &args.tls.tls_cert {
        // Who reads it says what is wrong with the file itself.
        if crc_net::is_valid_now(path).is_ok_and(|is_valid| !is_valid) {
            warnings.push(format!(
                "the certificate in {} has expired, or is not valid yet: others refuse it; renew it \
                 and send SIGHUP, or set the clock of this machine",
                path.display()
            ));
        }
    }
    warnings
}

/// What a server exposes, and how it is protected.
#[derive(Debug)]
struct Exposure<'a> {
    /// The listeners without TLS, with the name of their option.
    plaintext: Vec<(&'static str, &'a SocketAddr)>,
    /// Whether some listener has TLS.
    has_tls: bool,
    /// Whether links of servers need a secret.
    has_secrets: bool,
    /// The files with secrets that every user of this machine can read.
    readable_secrets: &'a [PathBuf],
    /// The connection limit that was asked for.
    links_max: Option<usize>,
    /// How many connections the descriptor limit permits.
    links_possible: usize,
}

impl Exposure<'_> {
    /// The warning about listeners without TLS that every network reaches.
    fn open_to_all(&self) -> Option<String> {
        let all: Vec<String> = self
            .plaintext
            .iter()
            .filter(|(_, address)| is_any(address))
            .map(|(option, address)| format!("--{option} {address}"))
            .collect();
        if all.is_empty() {
            return None;
        }
        let all = all.join(", ");
        let (what, remedy) = match (self.has_tls, self.has_secrets) {
            (false, false) => (
                format!(
                    "without TLS or secrets ({all}): every host that reaches it can connect, and"
                ),
                "",
            ),
            (false, true) => (
                format!("without TLS ({all}): passwords and"),
                "let others use --listen-tls or --irc-tls, and ",
            ),
            (true, _) => (
                format!("without TLS, beside a TLS port ({all}): passwords and"),
                "let others use the TLS port, and ",
            ),
        };
        Some(format!(
            "listening on all addresses {what} chats can be read and changed on their way; \
             {remedy}listen on 127.0.0.1 or on the address of a private network if that is not meant"
        ))
    }

    /// The warnings.
    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.open_to_all().into_iter().collect();
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

/// Whether a listener is on all addresses.
fn is_any(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_unspecified()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
            exposure.warnings()
        };
        for (has_tls, has_secrets, words) in [
            (
                false,
                false,
                "without TLS or secrets (--listen 0.0.0.0:1, --listen [::]:1): ",
            ),
            (
                false,
                true,
                "without TLS (--listen 0.0.0.0:1, --listen [::]:1): ",
            ),
            (
                true,
                false,
                "without TLS, beside a TLS port (--listen 0.0.0.0:1, --listen [::]:1): ",
            ),
            (true, true, "; let others use the TLS port, and listen on "),
        ] {
            let private = ["127.0.0.1:1", "[::1]:1", "192.0.2.1:1"];
            assert_eq!(warnings(&private, has_tls, has_secrets), [""; 0]);
            let open = ["0.0.0.0:1", "127.0.0.1:1", "[::]:1"];
            let open = warnings(&open, has_tls, has_secrets);
            assert_eq!(open.len(), 1);
            assert!(open[0].contains(words), "{open:?}");
        }
        assert_eq!(warnings(&["[::ffff:0.0.0.0]:1"], true, true).len(), 1);
    }

    #[test]
    fn a_listener_behind_a_proxy_is_not_open_to_all() {
        let warnings = |args: &[&str]| {
            let args = [&["crc-server", "--irc=0.0.0.0:7"], args].concat();
            of_config(&Args::try_parse_from(args).unwrap(), 1).len()
        };
        assert_eq!(warnings(&[]), 1);
        assert_eq!(warnings(&["--proxy-protocol=0.0.0.0:7"]), 0);
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
