//! The rules of several values together, and of values and this machine: what each parser
//! alone cannot know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use crc_core::PeerAddress;

use super::{Args, RECORD_MAX};

/// Options that cannot be meant together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The option to change.
    pub(crate) option: String,
    /// The one of its values, as it was given.
    pub(crate) value: Option<String>,
    /// What is wrong, and what to write instead.
    pub(crate) text: String,
    /// Another option that may be changed instead.
    pub(crate) other: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(
        option: &str,
        value: impl Into<Option<String>>,
        text: impl Into<String>,
    ) -> Problem {
        Problem {
            option: option.to_owned(),
            value: value.into(),
            text: text.into(),
            other: None,
        }
    }

    /// The same, where the configuration file may have the other option only.
    fn or(self, other: &'static str) -> Problem {
        Problem {
            other: Some(other),
            ..self
        }
    }
}

/// An address that one option listens on.
struct Listener {
    option: String,
    raw: String,
    address: SocketAddr,
}

impl Args {
    /// What is wrong with the options together. `matches` are those that these arguments were
    /// made of.
    pub(crate) fn problems(&self, matches: &ArgMatches) -> Vec<Problem> {
        let listeners = listeners(matches);
        let mut problems = duplicate_listeners(&listeners);
        problems.extend(self.own_addresses(&listeners));
        problems.extend(self.limits_together());
        problems.extend(self.one_file_twice());
        problems.extend(self.tls.problems());
        let addresses: Vec<_> = listeners
            .iter()
            .map(|it| (it.option.clone(), it.address))
            .collect();
        problems.extend(self.proxy.problems(&addresses));
        problems
    }

    /// What of this server listens at an address, as far as that is known.
    pub(crate) fn own_listener(&self, peer: &PeerAddress, matches: &ArgMatches) -> Option<String> {
        let listeners = listeners(matches);
        let own = listeners.iter().find(|own| is_own(peer, own.address));
        own.map(|own| format!("--{} {}", own.option, own.address))
    }

    /// Addresses to connect to that are this server's own.
    fn own_addresses(&self, listeners: &[Listener]) -> Vec<Problem> {
        let dialled = [
            ("connect", &self.connect[..], "an uplink is another server"),
            (
                "irc-connect",
                &self.irc_connect[..],
                "an uplink is another server",
            ),
            (
                "rendezvous",
                self.rendezvous.as_slice(),
                "a rendezvous is another program: crc-rendezvous serve",
            ),
        ];
        let mut problems = Vec::new();
        for (option, peers, what) in dialled {
            for peer in peers {
                let of_listener = listeners.iter().find(|own| is_own(peer, own.address));
                let own = of_listener.map(|own| format!("--{} {}", own.option, own.address));
                let advertised = self.advertise.as_ref().filter(|own| *own == peer);
                let own = own.or(advertised.map(|own| format!("--advertise {own}")));
                if let Some(own) = own {
                    let text = format!("{peer} is this server itself ({own}): {what}");
                    problems.push(Problem::new(option, peer.to_string(), text));
                }
            }
        }
        problems
    }

    fn limits_together(&self) -> Vec<Problem> {
        let limits = &self.limits;
        let mut problems = Vec::new();
        if let (Some(places), Some(links)) = (limits.server_places, limits.links_max)
            && places >= links
        {
            let text = format!(
                "{places} reserved connections of --links-max {links} leave none for clients: \
                 write at most {}",
                links - 1
            );
            problems.push(Problem::new("server-places", None, text).or("links-max"));
        }
        let queues = [
            ("client-queue", limits.client_queue),
            ("server-queue", limits.server_queue),
        ];
        for (option, queue) in queues {
            if queue < limits.text_max {
                let text = format!(
                    "a text of --text-max {} does not fit into a queue of {queue}: write more for \
                     {option}, or less for text-max",
                    limits.text_max
                );
                problems.push(Problem::new(option, None, text).or("text-max"));
            }
        }
        if self.record.is_none() && self.record_max != RECORD_MAX {
            let text = "there is no recording without --record";
            problems.push(Problem::new("record-max", None, text));
        }
        problems
    }

    /// Files that would overwrite each other.
    fn one_file_twice(&self) -> Vec<Problem> {
        let files = [
            ("record", &self.record),
            ("log-file", &self.log_file),
            ("motd", &self.motd),
            ("config", &self.config),
        ];
        let files = files.map(|(option, path)| (option, path.as_deref().map(absolute)));
        let mut problems = Vec::new();
        for (at, (option, path)) in files.iter().enumerate().take(2) {
            let same = files[at + 1..]
                .iter()
                .find(|(_, other)| path.is_some() && other == path);
            if let Some((other, _)) = same {
                let text = format!("--{other} is the same file: it would be overwritten");
                problems.push(Problem::new(option, None, text));
            }
        }
        problems
    }
}

/// The addresses of all options that listen. Every option of this type does.
fn listeners(matches: &ArgMatches) -> Vec<Listener> {
    let command = <Args as clap::CommandFactory>::command();
    let mut listeners = Vec::new();
    for arg in command.get_arguments() {
        let (id, Some(long)) = (arg.get_id().as_str(), arg.get_long()) else {
            continue;
        };
        let Ok(Some(addresses)) = matches.try_get_many::<SocketAddr>(id) else {
            continue;
        };
        let raw = matches.get_raw(id).into_iter().flatten();
        for (address, raw) in addresses.zip(raw) {
            listeners.push(Listener {
                option: long.to_owned(),
                raw: raw.to_string_lossy().into_owned(),
                address: *address,
            });
        }
    }
    listeners
}

/// Listeners of which only one can have the address.
fn duplicate_listeners(listeners: &[Listener]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, listener) in listeners.iter().enumerate() {
        let before = listeners[..at].iter();
        let mut same = before.filter(|other| overlaps(other.address, listener.address));
        if let Some(other) = same.next() {
            let text = format!(
                "--{} {} listens there: write another port",
                other.option, other.address
            );
            problems.push(Problem::new(&listener.option, listener.raw.clone(), text));
        }
    }
    problems
}

/// Whether only one of two listeners can have its address.
fn overlaps(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (any || one == other)
}

/// Whether a connection to `peer` arrives at a listener on `own`, as far as that is known
/// without a look-up.
fn is_own(peer: &PeerAddress, own: SocketAddr) -> bool {
    if own.port() == 0 || own.port() != peer.port {
        return false;
    }
    let ip = match peer.ip() {
        Some(ip) => ip.to_canonical(),
        None if *peer.host == *"localhost" => Ipv4Addr::LOCALHOST.into(),
        None if gethostname::gethostname() == *peer.host => return own.ip().is_unspecified(),
        None => return false,
    };
    match own.ip() {
        any if any.is_unspecified() => any.is_ipv4() == ip.is_ipv4() && is_of_this_machine(ip),
        of_listener => of_listener.to_canonical() == ip,
    }
}

/// Whether an interface of this machine has the address.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The path from the root, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let whole = || std::fs::canonicalize(path).ok();
    let file = || {
        let name = path.file_name()?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(name))
    };
    whole().or_else(file).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn problems(args: &[&str]) -> Vec<String> {
        let matches = Args::command().try_get_matches_from([&["crc-server"], args].concat());
        let matches = matches.unwrap();
        let problems = Args::from_arg_matches(&matches).unwrap().problems(&matches);
        let shown = problems.into_iter();
        shown
            .map(|it| format!("{}: {}", it.option, it.text))
            .collect()
    }

    #[test]
    fn options_that_can_be_meant_together_are_accepted() {
        for args in [
            &[][..],
            &[
                "--listen=127.0.0.1:0",
                "--listen=127.0.0.1:0",
                "--irc=127.0.0.1:0",
            ],
            &[
                "--listen=0.0.0.0:7",
                "--listen=[::]:7",
                "--connect=192.0.2.1:7",
            ],
            &[
                "--listen=127.0.0.1:7",
                "--connect=127.0.0.2:7",
                "--connect=[::1]:7",
            ],
            &["--listen=127.0.0.1:0", "--connect=127.0.0.1:33300"],
            &["--links-max=3", "--server-places=2"],
            &["--text-max=64K", "--client-queue=64K"],
            &[
                "--irc=127.0.0.1:0",
                "--proxy-protocol=127.0.0.1:0",
                "--proxy-peers=10.0.0.0/8",
            ],
            &["--record=a", "--record-max=1M", "--log-file=b", "--motd=c"],
        ] {
            assert_eq!(problems(args), [""; 0], "{args:?}");
        }
    }

    #[test]
    fn options_that_cannot_be_meant_together_are_refused() {
        for (args, problem) in [
            (
                &["--connect=127.0.0.1:33300"][..],
                "connect: 127.0.0.1:33300 is this server itself (--listen",
            ),
            (
                &["--connect=localhost:33300"],
                "connect: localhost:33300 is this server itself",
            ),
            (&["--connect=[::ffff:127.0.0.1]:33300"], "connect: "),
            (
                &["--listen=0.0.0.0:7", "--connect=127.0.0.9:7"],
                "connect: 127.0.0.9:7 is this",
            ),
            (
                &["--advertise=reef:7", "--connect=reef:7"],
                "connect: reef:7 is this server itself (--advertise reef:7)",
            ),
            (
                &["--irc-legacy=[::1]:7", "--irc-connect=[::1]:7"],
                "irc-connect: [::1]:7 is this",
            ),
            (
                &["--rendezvous=127.0.0.1:33300"],
                "rendezvous: 127.0.0.1:33300 is this",
            ),
            (
                &["--listen=[::1]:7", "--listen=[::1]:7"],
                "listen: --listen [::1]:7 listens there",
            ),
            (
                &["--listen=127.0.0.1:7", "--irc=0.0.0.0:7"],
                "irc: --listen 127.0.0.1:7 listens there",
            ),
            (
                &["--admin=127.0.0.1:33300"],
                "admin: --listen 127.0.0.1:33300 listens there",
            ),
            (
                &["--links-max=3", "--server-places=3"],
                "server-places: 3 reserved connections of --links-max 3 leave none for clients: write at most 2",
            ),
            (
                &["--client-queue=1K"],
                "client-queue: a text of --text-max 64K does not fit into a queue of 1K",
            ),
            (&["--text-max=1G"], "client-queue: "),
            (
                &["--record-max=1M"],
                "record-max: there is no recording without --record",
            ),
            (
                &["--proxy-protocol=127.0.0.1:1"],
                "proxy-protocol: no listener has the address 127.0.0.1:1: write it as",
            ),
            (
                &["--admin=127.0.0.1:1", "--proxy-protocol=127.0.0.1:1"],
                "proxy-protocol: the admin page at 127.0.0.1:1 takes no PROXY header",
            ),
            (
                &["--proxy-peers=10.0.0.0/8"],
                "proxy-peers: no listener expects a proxy",
            ),
            (
                &["--record=a", "--log-file=./a"],
                "record: --log-file is the same file",
            ),
            (
                &["--log-file=a", "--config=a"],
                "log-file: --config is the same file",
            ),
        ] {
            let found = problems(args);
            assert!(
                found.iter().any(|found| found.starts_with(problem)),
                "{args:?}: {found:?}"
            );
        }
    }
}
