//! Programs for IRC that people use, at a line of three servers: they come to the last
//! one, ann is at the first. A program that is not installed is skipped, with a note.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crc_e2e::fixture::irc::LinePeer;
use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::{Fixture, Process, Screen, Server};

/// The user of this id may do nothing else on the machine: nobody.
const UNPRIVILEGED: u32 = 65_534;

/// Whether the program can be run; a note that it is skipped if not.
#[allow(clippy::print_stderr, reason = "says what is skipped")]
fn is_installed(program: &str, install: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    if let Err(error) = &version {
        eprintln!("skipped: {program:?} cannot run: {error} (install it: {install})");
    }
    version.is_ok()
}

/// Three servers in a line, and ann, who has founded `#reef` at the first one.
struct Line {
    ann: LinePeer,
    reef: Server,
    lagoon: Server,
    atoll: Server,
    fixture: Fixture,
}

impl Line {
    fn start() -> Line {
        let fixture = Fixture::new().unwrap();
        let reef = fixture.server(1, "reef").irc().start().unwrap();
        let lagoon = fixture.server(2, "lagoon").uplink(reef.address());
        let lagoon = lagoon.start().unwrap();
        let atoll = fixture.server(3, "atoll").uplink(lagoon.address());
        let atoll = atoll.irc().start().unwrap();
        for server in [&reef, &lagoon, &atoll] {
            server.wait_state(|state| state.hosts.len() == 2).unwrap();
        }
        let mut ann = LinePeer::irc_user(reef.irc().unwrap(), "ann").unwrap();
        ann.send_line("JOIN #reef").unwrap();
        ann.expect(" 366 ");
        Line {
            ann,
            reef,
            lagoon,
            atoll,
            fixture,
        }
    }

    /// Where the programs connect.
    fn address(&self) -> SocketAddr {
        self.atoll.irc().unwrap()
    }

    /// A folder for the files of a program, which may also be run by another user.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.fixture.logs().path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn send(&mut self, line: &str) {
        self.ann.send_line(line).unwrap();
    }

    /// Ann says this in the channel.
    fn say(&mut self, text: &str) {
        self.send(&format!("PRIVMSG #reef :{text}"));
    }

    /// Waits until ann gets a line with these words.
    #[track_caller]
    fn expect(&mut self, words: &str) -> String {
        self.ann.expect(words)
    }

    /// Kills the server between the others, and waits until they have linked to each
    /// other and the user is back.
    #[track_caller]
    fn split(&mut self, nick: &str) {
        self.lagoon.process_mut().kill();
        let quit = self.expect(&format!(":{nick}!"));
        assert!(quit.ends_with(" QUIT :reef.crc lagoon.crc"), "{quit}");
        let join = self.expect(&format!(":{nick}!"));
        assert!(join.ends_with(" JOIN #reef"), "{join}");
    }

    /// Asserts that no server has warned about anything but the lost link.
    #[track_caller]
    fn assert_no_warnings(&self) {
        for server in [&self.reef, &self.atoll] {
            let mut lines = server.log_lines_with(" WARN ");
            lines.extend(server.log_lines_with(" ERROR "));
            lines.retain(|line| !line.contains("uplink lost") && !line.contains("cannot link to"));
            assert!(lines.is_empty(), "{}: {lines:#?}", server.name());
        }
    }
}

#[test]
fn irssi_talks_and_sees_a_netsplit_heal() {
    if !is_installed("irssi", "apt-get install irssi") {
        return;
    }
    let mut line = Line::start();
    let port = line.address().port().to_string();
    let home = line.folder("irssi");
    let option = format!("--home={}", home.display());
    let arguments = [&option, "-c", "127.0.0.1", "-p", &port, "-n", "iris"];
    let irssi = Screen::start_program("irssi", &arguments, &home, (120, 40)).unwrap();
    irssi.sees("There is no message of the day");
    irssi.enters("/join #reef");
    line.expect(":iris!");
    irssi.sees("[@ann]");
    irssi.enters("Tide is out \u{1f41a}");
    line.expect(" PRIVMSG #reef :Tide is out \u{1f41a}");
    line.say("Zo\u{eb} is \u{fc}ber \u{1f980}");
    irssi.sees("<@ann> Zo\u{eb} is \u{fc}ber \u{1f980}");
    line.send("MODE #reef +o iris");
    irssi.sees("mode/#reef [+o iris] by ann");
    irssi.enters("/topic Low tide at noon");
    line.expect(" TOPIC #reef :Low tide at noon");
    line.split("iris");
    irssi.sees("Netsplit over, joins: @ann");
    line.say("healed");
    irssi.sees("<@ann> healed");
    irssi.enters("/quit Off");
    line.expect(" QUIT :Quit: Off");
    line.assert_no_warnings();
}

#[test]
fn weechat_talks_and_sees_a_netsplit_heal() {
    if !is_installed("weechat-headless", "apt-get install weechat-headless") {
        return;
    }
    let mut line = Line::start();
    let folder = line.folder("weechat");
    let fifo = folder.join("commands");
    let mut command = Command::new("weechat-headless");
    command.arg("-d").arg(&folder);
    for startup in [
        "/fifo disable".to_owned(),
        format!("/set fifo.file.path {}", fifo.display()),
        "/fifo enable".to_owned(),
        "/set irc.server_default.capabilities \"*\"".to_owned(),
        "/set logger.file.flush_delay 0".to_owned(),
        format!(
            "/server add crc 127.0.0.1/{} -notls -nicks=wes -autojoin=#reef",
            line.address().port()
        ),
        "/connect crc".to_owned(),
    ] {
        command.arg("-r").arg(startup);
    }
    let log = line.fixture.logs().file("weechat.log");
    let _weechat = Process::start("weechat", command, log).unwrap();
    let join = line.expect(":wes!");
    assert!(join.ends_with(" JOIN #reef"), "{join}");
    let mut commands = fs::File::options().append(true).open(&fifo).unwrap();
    let shown = folder.join("logs/irc.crc.#reef.weechatlog");
    line.say("Zo\u{eb} is \u{fc}ber \u{1f980}");
    sees(&shown, "@ann\tZo\u{eb} is \u{fc}ber \u{1f980}");
    writeln!(commands, "irc.crc.#reef *Tide is out \u{1f41a}").unwrap();
    line.expect(" PRIVMSG #reef :Tide is out \u{1f41a}");
    line.split("wes");
    sees(&shown, "ann (~ann@");
    sees(&shown, "Mode #reef [+o ann] by atoll");
    writeln!(commands, "irc.crc.#reef *healed").unwrap();
    line.expect(" PRIVMSG #reef :healed");
    writeln!(commands, "irc.crc.#reef */quit Off").unwrap();
    line.expect(" QUIT :Quit: Off");
    line.assert_no_warnings();
}

/// Waits until a program has written this text to a file.
#[track_caller]
fn sees(file: &Path, text: &str) {
    let read = || fs::read_to_string(file).unwrap_or_default();
    let seen = wait::holds(LONG, || read().contains(text));
    assert!(seen, "no {text:?} in {}:\n{}", file.display(), read());
}

#[test]
fn a_user_of_the_bouncer_znc_gets_what_was_said_meanwhile() {
    if !is_installed("znc", "apt-get install znc") {
        return;
    }
    let mut line = Line::start();
    let folder = line.folder("znc");
    let port = free_port();
    let configuration = format!(
        "Version = 1.8.2\n<Listener all>\nPort = {port}\nIPv4 = true\nIPv6 = false\nSSL = false\n\
         </Listener>\n<User zoe>\nPass = plain#secret\nNick = zoe\nIdent = zoe\nRealName = Zo\u{eb}\n\
         Buffer = 100\n<Network crc>\nServer = {} {}\n<Chan #reef>\n</Chan>\n</Network>\n</User>\n",
        line.address().ip(),
        line.address().port(),
    );
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::write(folder.join("configs/znc.conf"), configuration).unwrap();
    let mut command = Command::new("znc");
    command.arg("--foreground").arg("--datadir").arg(&folder);
    let log = line.fixture.logs().file("znc.log");
    // ZNC makes root wait for half a minute.
    if fs::metadata(&folder).unwrap().uid() == 0 {
        let parent = folder.parent().unwrap();
        for path in [
            parent,
            &folder,
            &folder.join("configs"),
            &folder.join("configs/znc.conf"),
        ] {
            chown(path, Some(UNPRIVILEGED), None).unwrap();
        }
        command.uid(UNPRIVILEGED);
    }
    let _znc = Process::start("znc", command, log).unwrap();
    let join = line.expect(":zoe!");
    assert!(join.ends_with(" JOIN #reef"), "{join}");
    // Bob is at the same server as ZNC: what has come to him has come there.
    let mut bob = LinePeer::irc_user(line.address(), "bob").unwrap();
    bob.send_line("JOIN #reef").unwrap();
    bob.expect(" 366 ");
    line.send("PRIVMSG zoe :psst");
    line.say("before \u{1f41a}");
    bob.expect(" :before \u{1f41a}");
    line.split("zoe");
    line.say("after the split");
    bob.expect(" :after the split");
    let mut zoe = LinePeer::connect(([127, 0, 0, 1], port).into()).unwrap();
    zoe.send_line(
        "CAP REQ :server-time\r\nPASS zoe/crc:secret\r\nNICK zoe\r\nUSER zoe 0 * :Zo\u{eb}",
    )
    .unwrap();
    zoe.send_line("CAP END").unwrap();
    for text in ["before \u{1f41a}", "after the split", "psst"] {
        let backlog = zoe.expect(&format!(" :{text}"));
        assert!(backlog.starts_with("@time="), "{backlog}");
        assert!(backlog.contains(" :ann!~ann@"), "{backlog}");
    }
    zoe.send_line("PRIVMSG #reef :here again").unwrap();
    line.expect(" PRIVMSG #reef :here again");
    line.say("welcome");
    zoe.expect(" PRIVMSG #reef :welcome");
    line.assert_no_warnings();
}

/// A port that no program listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn the_bot_limnoria_answers_and_comes_back_after_its_server_was_killed() {
    if !is_installed("limnoria", "pip install limnoria") {
        return;
    }
    let mut line = Line::start();
    let folder = line.folder("limnoria");
    let at = |name: &str| folder.join(name).display().to_string();
    let mut configuration = format!(
        "supybot.nick: lim\nsupybot.ident: lim\nsupybot.user: Limnoria\nsupybot.networks: crc\n\
         supybot.networks.crc.servers: {}\nsupybot.networks.crc.ssl: False\n\
         supybot.networks.crc.channels: #reef\nsupybot.reply.whenAddressedBy.chars: !\n\
         supybot.protocols.irc.throttleTime: 0.0\nsupybot.abuse.flood.command: False\n",
        line.address(),
    );
    for plugin in [
        "Owner",
        "Misc",
        "Config",
        "User",
        "Channel",
        "Utilities",
        "Network",
    ] {
        configuration += &format!("supybot.plugins.{plugin}: True\n");
    }
    for folder in ["conf", "data", "log", "backup"] {
        configuration += &format!("supybot.directories.{folder}: {}\n", at(folder));
    }
    let file = folder.join("bot.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new("limnoria");
    command.arg("--allow-root").arg(&file).current_dir(&folder);
    let log = line.fixture.logs().file("limnoria.log");
    let _bot = Process::start("limnoria", command, log).unwrap();
    let join = line.expect(":lim!");
    assert!(join.ends_with(" JOIN #reef"), "{join}");
    line.say("!echo Zo\u{eb} \u{1f41a}");
    line.expect(" PRIVMSG #reef :Zo\u{eb} \u{1f41a}");
    // The bot asks with a label and reads the batch of the answer.
    line.say("!network whois ann");
    let whois = line.expect(" PRIVMSG #reef :");
    assert!(whois.contains("ann is an op on #reef"), "{whois}");
    line.send("KICK #reef lim :out");
    line.expect(" JOIN #reef");
    line.split("lim");
    line.say("!echo healed");
    line.expect(" PRIVMSG #reef :healed");
    line.assert_no_warnings();
}
