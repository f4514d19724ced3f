//! SIGHUP with the real server: each option and table of the configuration file, and each file
//! that they name, is either applied and named, or named as needing a restart.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Binaries, Process};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$mL2gm3X9tlsXO2M4sTb6IbFQDzFJXrYNSSCsEEFmJAs";

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// On SIGHUP.
    Live,
    /// At the next start.
    Restart,
}

use Takes::{Live, Restart};

/// Each option, another value than its default, with the options that it needs, and when a
/// change takes effect. `$/` is the folder of the test.
const OPTIONS: &[(&str, &str, Takes)] = &[
    ("id", "7", Restart),
    ("name", "\"atoll\"", Restart),
    ("info", "\"a text\"", Restart),
    ("listen", "[\"127.0.0.1:1\"]", Restart),
    ("connect", "[\"127.0.0.1:1\"]", Restart),
    ("rendezvous", "\"127.0.0.1:1\"", Restart),
    ("irc", "[\"127.0.0.1:1\"]", Restart),
    ("irc-legacy", "[\"127.0.0.1:1\"]", Restart),
    ("irc-connect", "[\"127.0.0.1:1\"]", Restart),
    ("motd", "\"$/motd.txt\"", Live),
    ("admin", "\"127.0.0.1:1\"", Restart),
    ("ban-file", "\"$/bans\"", Restart),
    ("log-file", "\"$/log\"", Restart),
    ("log-format", "\"json\"", Restart),
    ("record", "\"$/record\"", Restart),
    ("record-max", "\"1M\"\nrecord = \"$/record\"", Restart),
    ("verbose", "1", Live),
    ("quiet", "1", Live),
    ("advertise", "\"127.0.0.1:1\"", Restart),
    ("rank", "3", Restart),
    ("server-peers", "[\"10.0.0.0/8\"]", Live),
    ("v1-peers", "[\"10.0.0.0/8\"]", Live),
    ("advertise-to-clients", "[\"reef:33300\"]", Live),
    (
        "listen-tls",
        "[\"127.0.0.1:1\"]\ntls-cert = [\"$/cert.pem\"]\ntls-key = [\"$/key.pem\"]",
        Restart,
    ),
    (
        "irc-tls",
        "[\"127.0.0.1:1\"]\ntls-cert = [\"$/cert.pem\"]\ntls-key = [\"$/key.pem\"]",
        Restart,
    ),
    (
        "tls-cert",
        "[\"$/cert.pem\"]\ntls-key = [\"$/key.pem\"]",
        Live,
    ),
    (
        "tls-key",
        "[\"$/key.pem\"]\ntls-cert = [\"$/cert.pem\"]",
        Live,
    ),
    ("tls-ca", "[\"$/cert.pem\"]", Live),
    ("proxy-protocol", "[\"127.0.0.1:0\"]", Restart),
    (
        "proxy-peers",
        "[\"10.0.0.0/8\"]\nproxy-protocol = [\"127.0.0.1:0\"]",
        Restart,
    ),
    ("text-max", "\"1K\"", Restart),
    ("register-within", "20", Live),
    ("client-queue", "\"2M\"", Live),
    ("server-queue", "\"2M\"", Live),
    ("links-max", "40", Live),
    ("links-per-address", "40", Live),
    ("accepts-per-second", "40", Live),
    ("server-places", "4", Live),
    ("hosts-max", "40", Live),
    ("status-log", "40", Live),
    ("registrations-per-second", "40", Live),
    ("chats-per-second", "40", Live),
    ("irc-lines-per-second", "40", Live),
];

/// A server with a configuration file.
struct Reloads {
    folder: TempDir,
    process: Process,
}

impl Reloads {
    fn start() -> Reloads {
        let folder = tempfile::tempdir().unwrap();
        let server = Binaries::find().unwrap().server;
        let at = |name: &str| folder.path().join(name);
        make_cert(&server, folder.path());
        fs::write(at("motd.txt"), "Mind the step.\n").unwrap();
        fs::write(at("secret"), "a secret of enough bytes").unwrap();
        set_mode(&at("secret"), 0o600);
        fs::write(at("server.toml"), BASE).unwrap();
        let mut command = Command::new(server);
        command.arg("--config").arg(at("server.toml"));
        let mut process = Process::start("reload", command, at("stderr")).unwrap();
        process
            .wait_lines("its listener", |lines| lines.first().map(|_| ()))
            .unwrap();
        Reloads { folder, process }
    }

    /// Has the server read its configuration again, with `text` below the base, and waits until
    /// the log names exactly these changes as applied and as needing a restart.
    #[track_caller]
    fn expect(&self, text: &str, applied: &[&str], restart: &[&str]) {
        let text = text
            .replace("HASH", HASH)
            .replace("$/", &format!("{}/", self.folder.path().display()));
        let base = if keys(&text).contains(&"listen") {
            ""
        } else {
            BASE
        };
        fs::write(self.at("server.toml"), format!("{base}{text}\n")).unwrap();
        let before = self.process.log().lines().count();
        let id = i32::try_from(self.process.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::HUP).unwrap();
        let named = |words: &str| -> BTreeSet<String> {
            let log = self.process.log();
            let mut new = log.lines().skip(before);
            let list = new.find_map(|line| Some(line.split_once(words)?.1.to_owned()));
            let list = list.unwrap_or_default();
            let changes = list.split("; ").filter(|change| !change.is_empty());
            changes.map(name_of_change).collect()
        };
        let expected =
            [applied, restart].map(|all| all.iter().map(|it| (*it).to_owned()).collect());
        let is_over = || {
            let log = self.process.log();
            let mut new = log.lines().skip(before);
            new.any(|line| line.contains("configuration reloaded"))
                && [named(" changed: "), named(" needs a restart: ")] == expected
        };
        assert!(
            wait::holds(LONG, is_over),
            "{text}\n{expected:?}: {}",
            self.process.log()
        );
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What the server of every test needs.
const BASE: &str = "listen = [\"127.0.0.1:0\"]\n";

/// `links-max (not set) -> 40` is about `links-max`, `operator "ann"` about itself.
fn name_of_change(change: &str) -> String {
    match change.contains('"') {
        true if !change.contains(" -> ") => change.to_owned(),
        _ => change.split(' ').next().unwrap().to_owned(),
    }
}

fn make_cert(server: &Path, folder: &Path) {
    let certs = folder.join("new");
    let mut command = Command::new(server);
    command.args(["make-cert", "--name=localhost", "--out"]);
    assert!(command.arg(&certs).output().unwrap().status.success());
    for name in ["cert.pem", "key.pem"] {
        fs::rename(certs.join(name), folder.join(name)).unwrap();
    }
}

/// The options that a text of the configuration file sets.
fn keys(text: &str) -> Vec<&str> {
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(key, _)| key).collect()
}

fn print_config() -> String {
    let server = Binaries::find().unwrap().server;
    let printed = Command::new(server).arg("print-config").output().unwrap();
    String::from_utf8(printed.stdout).unwrap()
}

fn takes(option: &str) -> Takes {
    let found = OPTIONS.iter().find(|(name, ..)| *name == option);
    found.map_or_else(|| panic!("add {option} to OPTIONS"), |(.., takes)| *takes)
}

#[test]
fn a_change_of_each_option_is_named_as_applied_or_as_needing_a_restart() {
    let printed = print_config();
    let options = printed.lines().filter_map(|line| line.strip_prefix('#'));
    let options = options.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let options: BTreeSet<&str> = options.flat_map(keys).collect();
    let covered: BTreeSet<&str> = OPTIONS.iter().map(|(option, ..)| *option).collect();
    assert_eq!(
        options, covered,
        "each option of print-config is in OPTIONS"
    );

    let reloads = Reloads::start();
    for (option, value, _) in OPTIONS {
        let text = format!("{option} = {value}");
        let [live, restart] = [Live, Restart].map(|when| {
            let keys = keys(&text).into_iter();
            keys.filter(|key| takes(key) == when).collect::<Vec<_>>()
        });
        // What needs a restart does not once it is undone.
        reloads.expect(&text, &live, &restart);
        reloads.expect("", &live, &[]);
    }
}

#[test]
fn a_change_of_each_table_and_file_is_named() {
    let reloads = Reloads::start();
    let link = "[[link]]\nname = \"reef\"\nsecret-file = \"secret\"\n";
    let dialled = format!("{link}address = \"127.0.0.1:1\"");
    let operator = "[[operator]]\nname = \"ann\"\npassword = \"HASH\"\nclass = ";
    let class = "[[operator-class]]\nname = \"desk\"\npowers = ";
    let gateway = "[[webirc]]\nname = \"kiwi\"\nfrom = [\"192.0.2.80\"]\npassword = ";
    let files = "motd = \"$/motd.txt\"\ntls-ca = [\"$/cert.pem\"]\n\
                 tls-cert = [\"$/cert.pem\"]\ntls-key = [\"$/key.pem\"]\n";
    let steps = [
        ("password = \"HASH\"".to_owned(), &["password"][..], &[][..]),
        (link.to_owned(), &["password", "link \"reef\""], &[]),
        (
            format!("{link}direction = \"accept\""),
            &["link \"reef\""],
            &[],
        ),
        // Where it is dialled counts from the next start on.
        (dialled, &["link \"reef\""], &["address"]),
        (
            format!("{operator}\"admin\""),
            &["link \"reef\"", "operator \"ann\""],
            &[],
        ),
        (
            format!("{operator}\"desk\"\n{class}[\"kill\"]"),
            &["operator \"ann\""],
            &[],
        ),
        (
            format!("{operator}\"desk\"\n{class}[\"ban\"]"),
            &["operator \"ann\""],
            &[],
        ),
        (
            format!("{gateway}\"HASH\""),
            &["operator \"ann\"", "webirc \"kiwi\""],
            &[],
        ),
        (String::new(), &["webirc \"kiwi\""], &[]),
        (
            files.to_owned(),
            &["motd", "tls-ca", "tls-cert", "tls-key"],
            &[],
        ),
    ];
    let tried: String = steps.iter().map(|(text, ..)| &**text).collect();
    let printed = print_config();
    let tables = printed.split_whitespace().filter(|it| it.starts_with("[["));
    for table in tables {
        assert!(tried.contains(table), "try {table} too");
    }
    for (text, applied, restart) in steps {
        reloads.expect(&text, applied, restart);
    }
    // The same names, other contents.
    reloads.expect(files, &[], &[]);
    fs::write(reloads.at("motd.txt"), "Mind the gap.\n").unwrap();
    reloads.expect(files, &["motd"], &[]);
    make_cert(&Binaries::find().unwrap().server, reloads.folder.path());
    reloads.expect(files, &["tls-ca", "tls-cert", "tls-key"], &[]);
    reloads.expect(
        link,
        &["link \"reef\"", "motd", "tls-ca", "tls-cert", "tls-key"],
        &[],
    );
    fs::write(reloads.at("secret"), "another secret of enough bytes").unwrap();
    reloads.expect(link, &["link \"reef\""], &[]);
}

#[test]
fn a_reload_warns_of_what_it_has_not_warned_of() {
    let reloads = Reloads::start();
    let count = |words: &str| {
        let log = reloads.process.log();
        log.lines().filter(|line| line.contains(words)).count()
    };
    let readable = || count("every user of this machine can read the secret");
    let link = "[[link]]\nname = \"reef\"\nsecret-file = \"secret\"";
    set_mode(&reloads.at("secret"), 0o644);
    reloads.expect(link, &["link \"reef\""], &[]);
    assert!(wait::holds(LONG, || readable() == 1));
    reloads.expect(&format!("verbose = 1\n{link}"), &["verbose"], &[]);
    reloads.expect(link, &["verbose"], &[]);
    assert_eq!(readable(), 1, "{}", reloads.process.log());
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
