//! SIGHUP: the configuration is read again, and what may change while the server runs
//! changes. A configuration with an error changes nothing.
//!
//! This is the one place that says what takes effect without a restart: [`LIVE`] for options;
//! the tables of the file say it in [`Reload::between`].

use core::fmt;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread;

use clap::{Arg, ArgAction, ArgMatches, CommandFactory};
use crc_core::{GatewayConfig, LinkConfig, OperatorConfig, PasswordHash, ServerCommand};
use crc_net::{CommandSender, LimitsSender};
use crc_wire::Name;
use log::Level;

use crate::args::Args;
use crate::config::{self, LoadError, Loaded};
use crate::logging::{LogControl, check_log_file};
use crate::motd;
use crate::systemd::{Message, Notifier};
use crate::tls::{Tls, file_of, own_pin};
use crate::warnings;

/// The options whose change takes effect at once. All others need a restart.
const LIVE: [&str; 22] = [
    "motd",
    "tls-cert",
    "tls-key",
    "tls-ca",
    "log-file",
    "verbose",
    "quiet",
    "server-peers",
    "v1-peers",
    "advertise-to-clients",
    "register-within",
    "client-queue",
    "server-queue",
    "links-max",
    "links-per-address",
    "accepts-per-second",
    "server-places",
    "hosts-max",
    "status-log",
    "registrations-per-second",
    "chats-per-second",
    "irc-lines-per-second",
];

/// The options of [`LIVE`] that name files. What a file says may change while its name stays.
const FILES: [&str; 4] = ["motd", "tls-cert", "tls-key", "tls-ca"];

/// An option whose value is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    option: String,
    before: String,
    after: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change {
            option,
            before,
            after,
        } = self;
        match before == after {
            // What the value names has changed: a file.
            true => write!(f, "{option}"),
            false => write!(f, "{option} {before} -> {after}"),
        }
    }
}

/// What a reload does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reload {
    /// Takes effect now.
    pub(crate) changed: Vec<Change>,
    /// Takes effect at the next start only.
    pub(crate) restart: Vec<Change>,
}

impl Reload {
    /// What differs between the options that the server was started with, those that hold
    /// `now`, and new ones.
    fn between(started: &ArgMatches, now: &ArgMatches, new: &ArgMatches) -> Reload {
        let mut reload = Reload::default();
        for arg in Args::command().get_arguments() {
            let Some(option) = arg
                .get_long()
                .filter(|long| !config::EXCLUDE.contains(long))
            else {
                continue;
            };
            // A log that goes to standard error goes there to the end.
            let is_live = LIVE.contains(&option)
                && (option != "log-file" || is_set(started, arg) && is_set(new, arg));
            let before = shown(arg, if is_live { now } else { started });
            let after = shown(arg, new);
            if before != after {
                let list = if is_live {
                    &mut reload.changed
                } else {
                    &mut reload.restart
                };
                let option = option.to_owned();
                list.push(Change {
                    option,
                    before,
                    after,
                });
            }
        }
        reload
    }
}

impl Reload {
    /// Adds the options whose files say something else, unless they name other files anyway.
    fn note_files(&mut self, now: &Contents, new: &Contents) {
        for ((option, before), (_, after)) in now.0.iter().zip(&new.0) {
            let is_noted = self.changed.iter().any(|change| change.option == *option);
            if before != after && !is_noted {
                self.changed.push(Change {
                    option: (*option).to_owned(),
                    before: String::new(),
                    after: String::new(),
                });
            }
        }
    }

    /// Adds the links that differ. Secrets are not shown. Where a server is dialled does not change while this one
    /// runs; its secret and who may dial does.
    fn note_links(&mut self, started: &[LinkConfig], now: &[LinkConfig], new: &[LinkConfig]) {
        let find = |links: &[LinkConfig], name: &Option<Name<'static>>| {
            links.iter().find(|link| link.name == *name).cloned()
        };
        let mut names: Vec<_> = [started, now, new].concat();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names.dedup_by(|a, b| a.name == b.name);
        for LinkConfig { name, .. } in &names {
            let [started, now, new] = [started, now, new].map(|links| find(links, name));
            let address = |link: &Option<LinkConfig>| {
                let address = link.as_ref().and_then(|link| link.address.as_ref());
                address.map_or("(not set)".to_owned(), ToString::to_string)
            };
            let live = |link: &Option<LinkConfig>| {
                let link = link.as_ref();
                link.map(|link| (link.secret.clone(), link.direction))
            };
            let name = name.as_ref().map_or("*", |name| name.as_str());
            if live(&now) != live(&new) {
                self.note(format!("link {name:?}"));
            }
            let [before, after] = [&started, &new].map(address);
            if before != after {
                self.restart.push(Change {
                    option: format!("address of link {name:?}"),
                    before,
                    after,
                });
            }
        }
    }
}

impl Reload {
    /// Adds the password and the operators that differ. Hashes are not shown.
    fn note_people(
        &mut self,
        password: &Option<PasswordHash>,
        new_password: &Option<PasswordHash>,
        operators: &[OperatorConfig],
        new_operators: &[OperatorConfig],
    ) {
        if password != new_password {
            self.note("password".to_owned());
        }
        let mut names: Vec<_> = [operators, new_operators].concat();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names.dedup_by(|a, b| a.name == b.name);
        for OperatorConfig { name, .. } in &names {
            let find = |all: &[OperatorConfig]| all.iter().find(|it| it.name == *name).cloned();
            if find(operators) != find(new_operators) {
                self.note(format!("operator {name:?}"));
            }
        }
    }

    /// Adds the gateways that differ. Hashes are not shown.
    fn note_gateways(&mut self, now: &[GatewayConfig], new: &[GatewayConfig]) {
        let mut names: Vec<_> = now.iter().chain(new).map(|it| &it.name).collect();
        names.sort();
        names.dedup();
        for name in names {
            let find = |all: &[GatewayConfig]| all.iter().find(|it| it.name == *name).cloned();
            if find(now) != find(new) {
                self.note(format!("webirc {name:?}"));
            }
        }
    }

    /// Adds what has changed, without its values.
    fn note(&mut self, option: String) {
        self.changed.push(Change {
            option,
            before: String::new(),
            after: String::new(),
        });
    }
}

/// What the files of [`FILES`] say, in short: a hash each. Private keys are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents(Vec<(&'static str, Vec<u64>)>);

impl Contents {
    /// Reads the files that the options name. A pipe, which can be read once only, does not
    /// count, nor does a file that cannot be read: their readers have said so.
    pub(crate) fn read(matches: &ArgMatches) -> Contents {
        let command = Args::command();
        let hash = |path: &PathBuf| {
            let bytes = path.is_file().then(|| fs::read(path).ok());
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        };
        let options = FILES.map(|option| {
            let mut args = command.get_arguments();
            let arg = args.find(|arg| arg.get_long() == Some(option));
            let id = arg.map_or(option, |arg| arg.get_id().as_str());
            let paths = matches.get_many::<PathBuf>(id).into_iter().flatten();
            (option, paths.map(hash).collect())
        });
        Contents(options.into())
    }
}

fn is_set(matches: &ArgMatches, arg: &Arg) -> bool {
    matches.get_raw(arg.get_id().as_str()).is_some()
}

/// The values of an option, for a log line.
fn shown(arg: &Arg, matches: &ArgMatches) -> String {
    let id = arg.get_id().as_str();
    match arg.get_action() {
        ArgAction::Count => return matches.get_count(id).to_string(),
        ArgAction::SetTrue => return matches.get_flag(id).to_string(),
        _ => {}
    }
    let values = matches.get_raw(id).into_iter().flatten();
    let values: Vec<String> = values
        .map(|value| value.to_string_lossy().escape_debug().to_string())
        .collect();
    match values.is_empty() {
        true => "(not set)".to_owned(),
        false => values.join(","),
    }
}

/// A configuration that was read again and holds now.
#[derive(Debug)]
struct Reloaded {
    /// Its file.
    path: Option<PathBuf>,
    changes: Reload,
    /// The warnings that are new.
    warnings: Vec<String>,
    level: log::LevelFilter,
}

/// Reads the configuration again on request.
#[derive(Debug)]
pub(crate) struct Reloader {
    /// The command line.
    pub(crate) arguments: Vec<OsString>,
    /// The options of the start.
    pub(crate) started: ArgMatches,
    /// The options that hold now.
    pub(crate) now: ArgMatches,
    /// Where the server listens for clients and servers, and whether by TLS.
    pub(crate) listening: Vec<(SocketAddr, bool)>,
    /// The links of the start.
    pub(crate) links_started: Vec<LinkConfig>,
    /// The links that hold now.
    pub(crate) links: Vec<LinkConfig>,
    /// The password for all that holds now.
    pub(crate) password: Option<PasswordHash>,
    /// The operators that hold now.
    pub(crate) operators: Vec<OperatorConfig>,
    /// The gateways that hold now.
    pub(crate) gateways: Vec<GatewayConfig>,
    /// The files that the options name, as they were read.
    pub(crate) contents: Contents,
    /// The warnings about the configuration that were logged.
    pub(crate) warned: Vec<String>,
    /// How many connections the descriptor limit permits.
    pub(crate) links_possible: usize,
    pub(crate) log: LogControl,
    pub(crate) tls: Tls,
    pub(crate) commands: CommandSender<ServerCommand>,
    pub(crate) limits: LimitsSender,
    pub(crate) notifier: Notifier,
}

impl Reloader {
    /// Handles requests on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system provides no thread.
    pub(crate) fn start(mut self, requests: Receiver<()>) -> io::Result<()> {
        thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || {
                for () in requests {
                    self.on_hangup();
                }
            })?;
        Ok(())
    }

    fn on_hangup(&mut self) {
        self.notifier.send_when_possible(Message::Reloading);
        if self.log.reopen(None) {
            log::info!("log file reopened");
        }
        match self.reload() {
            Ok(reloaded) => {
                // That the log says more or less is said at either level.
                self.log.set_level(reloaded.level.max(log::max_level()));
                for (level, line) in reloaded.lines() {
                    self.say(level, &line);
                }
                self.log.set_level(reloaded.level);
            }
            Err(error) => {
                let line = format!("configuration not reloaded, nothing has changed: {error}");
                self.say(Level::Error, &line);
            }
        }
        self.notifier.send_when_possible(Message::Ready);
    }

    /// Logs a line, and tells the operators: one of them may have asked for the reload.
    fn say(&self, level: Level, line: &str) {
        log::log!(level, "{line}");
        let text = line.into();
        // The driver may have ended.
        let _ = self.commands.send(ServerCommand::TellOperators { text });
    }

    /// Reads the configuration, and applies it if it has no error; the log level is left to the
    /// caller.
    fn reload(&mut self) -> Result<Reloaded, String> {
        let Loaded {
            args,
            matches,
            path,
            options,
        } = config::load(&self.arguments).map_err(|error| one_line(&error))?;
        let located = |path: Option<&Path>, text: String| {
            let place =
                path.and_then(|path| options.error_of_value(&path.to_string_lossy(), &text));
            match place.and_then(|place| place.place()) {
                Some(place) => format!("{text} (see {place})"),
                None => text,
            }
        };
        let motd = match &args.motd {
            None => Vec::new(),
            Some(path) => motd::read(path).map_err(|error| {
                let text = format!("cannot read the message of the day {path:?}: {error}");
                located(Some(path), text)
            })?,
        };
        if let Some(path) = &args.log_file {
            check_log_file(path).map_err(|error| {
                located(
                    Some(path),
                    format!("cannot open the log file {path:?}: {error}"),
                )
            })?;
        }
        let tls = Tls::load(&args.tls)
            .map_err(|error| located(file_of(&error), format!("TLS: {error}")))?;
        let contents = Contents::read(&matches);
        let mut reload = Reload::between(&self.started, &self.now, &matches);
        reload.note_files(&self.contents, &contents);
        reload.note_links(&self.links_started, &self.links, &args.links);
        reload.note_people(
            &self.password,
            &args.password,
            &self.operators,
            &args.operators,
        );
        reload.note_gateways(&self.gateways, &args.gateways);
        let warnings = warnings::of_config(&args, self.links_possible);
        let new_warnings = warnings.iter().filter(|it| !self.warned.contains(*it));
        let new_warnings = new_warnings.cloned().collect();
        // Nothing fails from here on.
        let level = args.log_level();
        if let Some(file) = &args.log_file {
            self.log.reopen(Some(file));
        }
        self.tls.replace(tls);
        self.limits.set(args.driver_config().link_limits());
        let changed = Box::new(args.reconfiguration(motd));
        // The driver may have ended.
        let _ = self.commands.send(ServerCommand::Reconfigure(changed));
        // The certificate may be another one.
        let reachable = args.client_addresses(&self.listening, own_pin(&args.tls));
        let reachable = ServerCommand::ClientAddresses(reachable);
        let _ = self.commands.send(reachable);
        self.now = matches;
        self.links = args.links;
        self.password = args.password;
        self.operators = args.operators;
        self.gateways = args.gateways;
        self.contents = contents;
        self.warned = warnings;
        Ok(Reloaded {
            path,
            changes: reload,
            warnings: new_warnings,
            level,
        })
    }
}

/// The first error of a configuration, and how many there are.
fn one_line(error: &LoadError) -> String {
    match error {
        LoadError::CommandLine(error) => {
            let text = error.render().to_string();
            text.lines().next().unwrap_or_default().to_owned()
        }
        LoadError::File(errors) => match &errors[..] {
            [] => String::new(),
            [one] => one.to_string(),
            [first, rest @ ..] => format!(
                "{first} (and {} more: crc-server check-config lists them)",
                rest.len()
            ),
        },
    }
}

impl Reloaded {
    /// What has changed, for the log and for operators.
    fn lines(&self) -> Vec<(Level, String)> {
        let Reload { changed, restart } = &self.changes;
        let what = match &changed[..] {
            [] => "nothing has changed".to_owned(),
            changed => list(changed),
        };
        let first = match (&self.path, changed.is_empty()) {
            // The command line alone does not change; the files that it names may.
            (None, _) => format!("files reloaded: {what}"),
            (Some(path), true) => format!("configuration reloaded: file={path:?} {what}"),
            (Some(path), false) => format!("configuration reloaded: file={path:?} changed: {what}"),
        };
        let mut lines = vec![(Level::Info, first)];
        if !restart.is_empty() {
            let line = format!("configuration: needs a restart: {}", list(restart));
            lines.push((Level::Warn, line));
        }
        let warnings = self.warnings.iter();
        lines.extend(warnings.map(|warning| (Level::Warn, warning.clone())));
        lines
    }
}

fn list(changes: &[Change]) -> String {
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    changes.join("; ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crc_core::{LinkDirection, Secret};

    use super::*;

    fn matches(args: &[&str]) -> ArgMatches {
        Args::command()
            .try_get_matches_from([&["crc-server"], args].concat())
            .unwrap()
    }

    #[test]
    fn a_reload_says_what_changes_and_what_needs_a_restart() {
        let between = |started: &[&str], now: &[&str], new: &[&str]| {
            let reload = Reload::between(&matches(started), &matches(now), &matches(new));
            [list(&reload.changed), list(&reload.restart)]
        };
        let none = || [String::new(), String::new()];
        assert_eq!(between(&[], &[], &[]), none());
        assert_eq!(
            between(
                &[],
                &[],
                &["--links-max=7", "-vv", "--id=3", "--text-max=1K"]
            ),
            [
                "verbose 0 -> 2; links-max (not set) -> 7",
                "id (not set) -> 3; text-max 64K -> 1K"
            ]
        );
        // What needs a restart does so until it is undone.
        let id = ["--id=3", "--links-max=7"];
        assert_eq!(between(&[], &id, &id), ["", "id (not set) -> 3"]);
        assert_eq!(between(&[], &id, &["--links-max=7"]), none());
        let logs = |log: &str| format!("--log-file={log}");
        let (a, b) = (logs("a"), logs("b"));
        assert_eq!(between(&[&a], &[&a], &[&b])[0], "log-file a -> b");
        assert_eq!(between(&[], &[], &[&b])[1], "log-file (not set) -> b");
        let peers = ["--server-peers=10.0.0.0/8,::1/128"];
        assert_eq!(
            between(&[], &[], &peers)[0],
            "server-peers (not set) -> 10.0.0.0/8,::1/128"
        );
    }

    #[test]
    fn live_options_exist() {
        let command = Args::command();
        for option in LIVE {
            let mut args = command.get_arguments();
            assert!(args.any(|arg| arg.get_long() == Some(option)), "{option}");
        }
        assert!(FILES.iter().all(|option| LIVE.contains(option)));
    }

    #[test]
    fn a_file_with_other_contents_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let [ca, motd] = ["ca.pem", "motd.txt"].map(|name| folder.path().join(name));
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let (ca_option, motd_option) = (option("tls-ca", &ca), option("motd", &motd));
        let matches = matches(&[&ca_option, &motd_option]);
        for path in [&ca, &motd] {
            fs::write(path, "one").unwrap();
        }
        let before = Contents::read(&matches);
        let noted = |reload: &mut Reload| {
            reload.note_files(&before, &Contents::read(&matches));
            list(&reload.changed)
        };
        assert_eq!(noted(&mut Reload::default()), "");
        fs::write(&ca, "two").unwrap();
        assert_eq!(noted(&mut Reload::default()), "tls-ca");
        fs::remove_file(&motd).unwrap();
        assert_eq!(noted(&mut Reload::default()), "motd; tls-ca");
        // Another file is named once.
        let change = Change {
            option: "tls-ca".to_owned(),
            before: "a".to_owned(),
            after: "b".to_owned(),
        };
        let mut reload = Reload {
            changed: vec![change],
            ..Reload::default()
        };
        assert_eq!(noted(&mut reload), "tls-ca a -> b; motd");
    }

    #[test]
    fn changed_links_are_named_and_secrets_are_not_shown() {
        let link = |name: &str, address: Option<&str>, secret: &str| LinkConfig {
            name: (name != "*").then(|| Name::truncated(name).into_owned()),
            address: address.map(|address| address.parse().unwrap()),
            secret: Secret::new(secret).ok(),
            direction: LinkDirection::Both,
        };
        let (old, new) = (
            "an old secret, of 28 bytes..",
            "a new secret, of 28 bytes...",
        );
        let started = [link("reef", Some("reef:1"), old), link("*", None, old)];
        let now = [link("reef", Some("reef:1"), new), link("*", None, old)];
        let changed = [link("reef", Some("reef:2"), old), link("atoll", None, new)];
        let mut reload = Reload::default();
        reload.note_links(&started, &now, &now);
        assert_eq!(reload, Reload::default());
        reload.note_links(&started, &now, &changed);
        assert_eq!(
            list(&reload.changed),
            "link \"*\"; link \"atoll\"; link \"reef\""
        );
        assert_eq!(
            list(&reload.restart),
            "address of link \"reef\" reef:1 -> reef:2"
        );
    }
}
