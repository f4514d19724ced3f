//! The command line.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use crc_cli::{Generate, Verbosity};
use crc_core::{
    AddressError, CLIENT_SERVERS_MAX, OPERATOR_NAME_BYTES_MAX, Password, PeerAddress, Transport,
    check_info, is_channel_name, is_printable, prepare_name,
};
use crc_net::CertificateFiles;
use crc_wire::HostId;

use crate::command::{COMMANDS, OperatorLogin, Target};
use crate::ignore::{IGNORED_MAX, parse_entry};
use crate::palette::Palette;
use crate::request;
use crate::screen::ScreenOptions;

/// Chat in a Clemson Relay Chat network.
///
/// At a terminal the client fills the screen with windows for channels and people, and F1 lists the
/// keys. With --plain it prints lines as they come; the line that you type can be edited, recalled
/// (up and down) and completed (tab). Without a terminal, commands from a file or a pipe are executed
/// line by line; the client quits after the last one.
///
/// All options can be in a configuration file too: see print-config.
#[derive(Debug, Parser)]
#[command(name = "crc-client", version = crc_cli::VERSION, max_term_width = 100, after_help = "Type /help once connected; see --help for examples.", after_long_help = after_long_help())]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    /// The configuration file [default: $XDG_CONFIG_HOME/crc/client.toml, otherwise
    /// /etc/crc/client.toml, if there is one]
    ///
    /// Options on the command line win over those in the file.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// The server to connect to: HOST:PORT, or tls://HOST or tls://HOST:PORT for TLS [default port: 33301]; can be repeated
    ///
    /// With several, the client is with one of them. When that one is lost or shuts down, the
    /// client moves to the next one at once, under the same name and id, and joins its channels
    /// again. Servers tell it of further ones, which it tries last.
    ///
    /// The server's certificate is verified: by the authorities that the system
    /// trusts or by --tls-ca, or as tls://HOST:PORT#sha256:FINGERPRINT. The first
    /// certificate of a self-signed server is trusted and remembered.
    #[arg(long, global = true, value_name = "SERVER", default_value = "127.0.0.1:33300", value_parser = parse_server)]
    pub(crate) server: Vec<PeerAddress>,

    /// Your name: 1 to 64 bytes of letters, digits, signs and blanks [default: your user name]
    ///
    /// Names need not be unique; ids are. A name may hold letters of any script.
    #[arg(long, global = true, value_parser = parse_name)]
    pub(crate) name: Option<String>,

    /// A text about you that others see: up to 512 bytes
    #[arg(long, global = true, value_name = "TEXT", default_value = "", value_parser = parse_info, hide_default_value = true)]
    pub(crate) info: String,

    /// Your id, from 1 to 4294967295 [default: a random one]
    ///
    /// The client stops if another client has this id already. A random id that is
    /// in use is replaced by another.
    #[arg(long, global = true, value_name = "N", value_parser = parse_id)]
    pub(crate) id: Option<HostId>,

    /// A channel to join as soon as a server has accepted you: #CHANNEL, or '#CHANNEL KEY'; can be repeated
    #[arg(long, value_name = "CHANNEL", value_parser = parse_join)]
    pub(crate) join: Vec<Join>,

    /// A client whose chats, notices and invitations are not shown: a name, an id, or a mask such as
    /// 'spam*'; can be repeated
    #[arg(long, global = true, value_name = "WHO", value_parser = parse_ignored)]
    pub(crate) ignore: Vec<String>,

    /// A folder for files with your conversations: one for each channel or client, and day
    ///
    /// The folder is created if it is not there. Only you can read the files. Times are in UTC.
    #[arg(long, value_name = "DIR", value_parser = parse_path)]
    pub(crate) log_dir: Option<PathBuf>,

    /// Go to another server when this one has said nothing for so many seconds
    ///
    /// The client asks it after half of the time. A server that is killed, or whose machine or line
    /// fails, is noticed sooner; this is for one that is frozen. Servers of version 1, and older ones
    /// of version 2, are not asked.
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) server_timeout: u64,

    /// A file whose first line is the password of the network, if it has one
    ///
    /// Without TLS the password crosses the connection in plain text.
    #[arg(long, global = true, value_name = "FILE", value_parser = parse_path)]
    password_file: Option<PathBuf>,

    /// Become this network operator as soon as the server has accepted you
    ///
    /// If the server refuses, it says why, and you stay a client. Without --oper-password-file
    /// your certificate must be enough: see --tls-cert.
    #[arg(long, value_name = "NAME", value_parser = parse_operator)]
    oper: Option<String>,

    /// A file whose first line is the password of the operator
    ///
    /// Without TLS the password crosses the connection in plain text.
    #[arg(long, value_name = "FILE", requires = "oper", value_parser = parse_path)]
    oper_password_file: Option<PathBuf>,

    /// Write one JSON object per line, for programs
    ///
    /// Every line has a key "event": connected, welcome, moved, joined, left, renamed,
    /// chat, notice, status, disconnected, unreachable, who, whois, away, list, ignored,
    /// done, help, error; for channels:
    /// channel, channels, channel_joined, channel_left, channel_flags,
    /// channel_chat, topic, channel_set, channel_refused, names, modes or invited.
    /// Each also has a key "time", in UTC. Lines of standard input that begin with { are commands
    /// as JSON objects; see below. Other lines are commands as without this option.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// At a terminal: print lines as they come, instead of filling the screen with windows
    ///
    /// For screen readers, logs of the terminal, and terminals that cannot place the cursor
    /// (TERM=dumb implies it). The prompt names the channel or client that your line goes to.
    #[arg(long, conflicts_with = "json")]
    pub(crate) plain: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    /// Print the manual page, or completions for a shell, and exit
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) generate: Option<Generate>,

    // Their headings are those of all options behind them, too.
    #[command(flatten)]
    pub(crate) screen: ScreenArgs,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// What to do instead of chatting.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Action {
    /// Send TEXT to WHO, a name, an id or a #CHANNEL, and quit
    ///
    /// A channel is joined before. Without TEXT, and with -, each line of standard input is sent as
    /// a message as soon as it is read. The exit status says whether all was sent.
    Send {
        /// A name, an id, or a #CHANNEL
        #[arg(value_parser = parse_who)]
        who: Target,

        /// What to send; - for standard input
        #[arg(value_parser = parse_text)]
        text: Vec<String>,

        /// The key of the channel
        #[arg(long)]
        key: Option<String>,
    },
    /// Join CHANNEL and print what is said there, until a signal comes
    ///
    /// With --json, each chat is a line with the event channel_chat.
    Tail {
        /// The channel: #CHANNEL
        #[arg(value_parser = parse_channel)]
        channel: String,

        /// Quit after so many messages
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        lines: Option<u64>,

        /// The key of the channel
        #[arg(long)]
        key: Option<String>,
    },
    /// Check the configuration file and print what is wrong in it
    CheckConfig,
    /// Print a configuration file with all options and their defaults
    PrintConfig,
}

/// A channel to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) channel: String,
    /// Empty for none.
    pub(crate) key: String,
}

/// What is shown at a terminal, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Screen")]
pub(crate) struct ScreenArgs {
    /// The colours: as the terminal tells, none, the 8 basic ones, or 256
    ///
    /// NO_COLOR in the environment asks for none, unless this option says something else.
    #[arg(long, value_name = "COLOURS", value_enum, default_value = "auto")]
    colours: Colours,

    /// The time of a line, as strftime writes it; '' for none
    #[arg(long, value_name = "FORMAT", default_value = "%H:%M", value_parser = parse_time_format)]
    time_format: String,

    /// A word that counts as a mention, besides your name; can be repeated
    #[arg(long, value_name = "WORD", value_parser = parse_text)]
    highlight: Vec<String>,

    /// Do not ring the bell of the terminal for mentions
    #[arg(long)]
    no_bell: bool,

    /// Do not ask the terminal for notifications of mentions on the desktop; --plain never does
    #[arg(long)]
    no_notify: bool,

    /// Scroll with the wheel of the mouse, and show a window by a click on its name; the terminal's own selection then needs the shift key
    #[arg(long)]
    mouse: bool,
}

/// The colours that a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colours {
    Auto,
    None,
    #[value(name = "8")]
    Basic,
    #[value(name = "256")]
    Rich,
}

impl ScreenArgs {
    /// The options.
    pub(crate) fn options(&self) -> ScreenOptions {
        ScreenOptions {
            palette: match self.colours {
                Colours::Auto => Palette::from_environment(),
                Colours::None => Palette::Plain,
                Colours::Basic => Palette::Basic,
                Colours::Rich => Palette::Rich,
            },
            time_format: self.time_format.clone(),
            highlights: self.highlight.clone(),
            bell: !self.no_bell,
            notify: !self.no_notify,
            mouse: self.mouse,
        }
    }
}

/// TLS.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Certificates of the authorities that sign the server's (PEM); can be repeated
    ///
    /// With this option no other certificate is trusted, remembered or not.
    #[arg(long, global = true, value_name = "FILE", value_parser = parse_path)]
    pub(crate) tls_ca: Vec<PathBuf>,

    /// Your certificate, if servers are to know you by one (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key", value_parser = parse_path)]
    tls_cert: Option<PathBuf>,

    /// The private key of your certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_parser = parse_path)]
    tls_key: Option<PathBuf>,
}

impl Args {
    /// What is wrong with the options together: the option, and what to write. A user who names
    /// certificates means TLS.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        if self.server.len() > CLIENT_SERVERS_MAX {
            let text = format!("--server can be repeated {CLIENT_SERVERS_MAX} times");
            return Some(("server", text));
        }
        if self.join.len() > JOINS_MAX {
            return Some(("join", format!("--join can be repeated {JOINS_MAX} times")));
        }
        if self.ignore.len() > IGNORED_MAX {
            let text = format!("--ignore can be repeated {IGNORED_MAX} times");
            return Some(("ignore", text));
        }
        let by_tls = |servers: &[PeerAddress]| {
            let mut transports = servers.iter().map(|server| server.transport);
            transports.any(|it| it != Transport::Plain)
        };
        let option = match &self.tls {
            _ if by_tls(&self.server) => return None,
            tls if !tls.tls_ca.is_empty() => "tls-ca",
            tls if tls.tls_cert.is_some() => "tls-cert",
            _ => return None,
        };
        let server = self.server.first()?;
        let text = format!("--{option} is for TLS: write --server tls://{server}");
        Some((option, text))
    }

    /// The files with secrets that every user of this machine can read.
    pub(crate) fn readable_secrets(&self) -> Vec<&Path> {
        let files = [
            &self.password_file,
            &self.oper_password_file,
            &self.tls.tls_key,
        ];
        let files = files.into_iter().flatten().map(PathBuf::as_path);
        files.filter(|path| is_readable_by_all(path)).collect()
    }

    /// The key of a channel, if the configuration has it.
    pub(crate) fn key_of(&self, channel: &str) -> String {
        let mut joins = self.join.iter();
        let found = joins.find(|join| join.channel.eq_ignore_ascii_case(channel));
        found.map_or_else(String::new, |join| join.key.clone())
    }
}

/// Whether a file can be read by every user of this machine.
pub(crate) fn is_readable_by_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o004 != 0)
}

impl TlsArgs {
    /// The user's certificate.
    pub(crate) fn identity(&self) -> Option<CertificateFiles> {
        let (chain, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(CertificateFiles { chain, key })
    }
}

/// How many channels can be joined at the start.
const JOINS_MAX: usize = 64;

/// The port for TLS, if the address has none.
const TLS_PORT: u16 = 33_301;

impl Args {
    /// The name to register with.
    pub(crate) fn name(&self) -> String {
        let user = || std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
        self.name
            .clone()
            .or_else(|| prepare_name(&user().ok()?).ok().map(Cow::into_owned))
            .unwrap_or_else(|| "user".to_owned())
    }

    /// What the user says to become an operator at once. Reads the file with the password.
    pub(crate) fn operator(&self) -> Result<Option<OperatorLogin>, String> {
        let Some(name) = self.oper.clone() else {
            return Ok(None);
        };
        let file = self.oper_password_file.as_deref();
        let password = file.map(|path| read_password(path, "--oper-password-file"));
        let password = password.transpose()?;
        Ok(Some(OperatorLogin { name, password }))
    }

    /// The password of the network. Reads its file.
    pub(crate) fn password(&self) -> Result<Option<Password>, String> {
        let file = self.password_file.as_deref();
        let password = file.map(|path| read_password(path, "--password-file"));
        password.transpose()
    }

    /// The level of the log, unless `RUST_LOG` sets it.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        self.verbosity.level(log::LevelFilter::Warn)
    }
}

/// Parses an address; one of TLS may lack the port.
fn parse_server(text: &str) -> Result<PeerAddress, AddressError> {
    text.parse().or_else(|error| {
        let place = text.strip_prefix("tls://").ok_or(error)?;
        let (host, pin) = match place.split_once('#') {
            Some((host, pin)) => (host, format!("#{pin}")),
            None => (place, String::new()),
        };
        let with_port = format!("tls://{host}:{TLS_PORT}{pin}");
        with_port.parse().map_err(|_| error)
    })
}

/// A path; `~/` is the folder of the user.
fn parse_path(text: &str) -> Result<PathBuf, String> {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        _ if text.is_empty() => Err("the path is empty".to_owned()),
        (Some(rest), Some(home)) => Ok(home.join(rest)),
        _ => Ok(PathBuf::from(text)),
    }
}

fn parse_channel(text: &str) -> Result<String, String> {
    match is_channel_name(text) {
        true => Ok(text.to_owned()),
        false => Err(
            "a channel is # and up to 63 bytes without spaces and commas, in quotes for the shell: '#reef'"
                .to_owned(),
        ),
    }
}

fn parse_join(text: &str) -> Result<Join, String> {
    let (channel, key) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let (channel, key) = (parse_channel(channel)?, key.trim_start().to_owned());
    match key.contains(char::is_whitespace) {
        true => Err("a key is one word: write '#CHANNEL KEY'".to_owned()),
        false => Ok(Join { channel, key }),
    }
}

fn parse_ignored(text: &str) -> Result<String, String> {
    parse_entry(text).map_err(|error| error.to_string())
}

fn parse_time_format(text: &str) -> Result<String, String> {
    let is_short = text.len() <= 64;
    match jiff::fmt::strtime::format(text, &jiff::Zoned::default()) {
        Ok(_) if is_short => Ok(text.to_owned()),
        Ok(_) => Err("write at most 64 bytes, such as %H:%M".to_owned()),
        Err(error) => Err(format!("{error}: write it as strftime does, such as %H:%M")),
    }
}

fn parse_who(text: &str) -> Result<Target, String> {
    match text {
        "" => Err("the name is empty".to_owned()),
        _ if text.starts_with('#') => parse_channel(text).map(Target::Channel),
        _ => Ok(Target::Client(text.to_owned())),
    }
}

fn parse_text(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("the text is empty".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn parse_name(name: &str) -> Result<String, String> {
    let name = prepare_name(name).map_err(|error| error.to_string())?;
    Ok(name.into_owned())
}

fn parse_operator(name: &str) -> Result<String, String> {
    let is_word = name.chars().all(|c| is_printable(c) && c != ' ') && !name.starts_with(':');
    match is_word && (1..=OPERATOR_NAME_BYTES_MAX).contains(&name.len()) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "the name of an operator is a word of 1 to {OPERATOR_NAME_BYTES_MAX} bytes"
        )),
    }
}

/// The first line of a file.
fn read_password(path: &Path, option: &str) -> Result<Password, String> {
    let line = File::open(path).and_then(|file| crc_cli::read_line(&mut BufReader::new(file)));
    line.map(Password::new).map_err(|error| {
        format!("cannot read the password from {path:?}: {error}; use another {option}")
    })
}

fn parse_info(info: &str) -> Result<String, String> {
    check_info(info).map_err(|error| error.to_string())?;
    Ok(info.to_owned())
}

fn parse_id(id: &str) -> Result<HostId, String> {
    id.parse()
        .map_err(|_| "an id is a number from 1 to 4294967295".to_owned())
}

fn after_long_help() -> String {
    format!(
        "\
Commands, once connected:
{COMMANDS}

Commands of programs:
{}
  With --json, a line of standard input that begins with {{ is such an object. [ ] stand around
  what can be left out. WHO is \"NAME\", an id such as 7, or \"#CHANNEL\"; all else is a text in
  quotes. {{\"do\":\"text\"}} is a line that is not a command. The TEXT of a message may have several
  lines (\\n): each is sent as a message. No text becomes a command. With \"tag\":ANY the events
  that the command leads to, errors too, have the same tag, and a last one: \"done\".

Examples:
  crc-client
      Chat in the network of a server on this machine.
  crc-client --server tls://chat.example.org
      Chat in a network of other machines, by TLS.
  crc-client --server tls://a.example.org --server tls://b.example.org
      Chat at one of two servers, and move when it shuts down or is lost.
  crc-client --server chat.example.org:33300 --name alice --info 'likes tea'
      Chat in another network, under a name.
  crc-client send bob Good morning!
      Send one message and quit.
  make 2>&1 | crc-client send '#reef'
      Send each line to the members of a channel.
  crc-client tail '#reef' --lines 10
      Print the next 10 messages of a channel.
  echo '/msg bob Good morning!' | crc-client --name alice
      Run commands, and quit after the last one.
  printf '/msg nosuchname hi\\n' | crc-client || echo 'not sent'
      See from the exit status whether all was done.
  crc-client --name robot --json < commands.txt
      Run commands from a program: JSON in, JSON out.

  crc-client --server tls://chat.example.org --name ann --oper chief --oper-password-file chief
      Chat as a network operator.

When the input is not a terminal:
  The client waits for a name that it does not know yet, up to 2 seconds after the
  welcome or after the line was read. It does not wait for an id. After /oper it waits up
  to 5 seconds for the answer. After the end of the
  input it waits up to 15 seconds for a server, then gives up.

Signals:
  SIGTERM, SIGINT and the end of its terminal make the client quit. Any other SIGHUP
  is ignored.

Files:
  $XDG_CONFIG_HOME/crc/client.toml, otherwise ~/.config/crc/client.toml
     the configuration, if there is one; /etc/crc/client.toml for all users
  $XDG_STATE_HOME/crc/known-servers, otherwise ~/.local/state/crc/known-servers
     the certificates of self-signed servers, one line each

Exit status:
  0  all is done; at a terminal also when a command was refused
  1  something was not done: a command is wrong or was refused, no client has the name, the client
     cannot connect, the server's certificate cannot be trusted, the id is already in use, or the
     connection closed before all messages were sent. Each reason is on standard error, also
     with --json
  2  invalid command line or configuration file",
        request::usages()
    )
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["crc-client"], args].concat())
    }

    #[test]
    fn the_definition_is_valid() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_of_tls_need_it() {
        let problem = |options: &[&str]| {
            let arguments = [&["crc-client"], options].concat();
            Args::try_parse_from(arguments).unwrap().problem()
        };
        for (options, text) in [
            (
                &["--tls-ca=a"][..],
                "--tls-ca is for TLS: write --server tls://127.0.0.1:33300",
            ),
            (
                &["--server=reef:1", "--tls-cert=a", "--tls-key=b"],
                "--tls-cert is for TLS: write --server tls://reef:1",
            ),
        ] {
            assert_eq!(problem(options).unwrap().1, text);
        }
        assert_eq!(problem(&["--server=tls://reef:1", "--tls-ca=a"]), None);
        let both = ["--server=reef:1", "--server=tls://reef:1", "--tls-ca=a"];
        assert_eq!(problem(&both), None);
        assert_eq!(problem(&["--server=reef:1"; 16]), None);
        let text = "--server can be repeated 16 times";
        assert_eq!(problem(&["--server=reef:1"; 17]).unwrap().1, text);
        assert_eq!(problem(&["--server=reef:1"]), None);
    }

    #[test]
    fn everything_has_a_default() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.server[0].to_string(), "127.0.0.1:33300");
        assert_eq!(args.server.len(), 1);
        assert_eq!((args.id, args.json), (None, false));
        assert!(prepare_name(&args.name()).is_ok());
        assert_eq!(args.log_level(), log::LevelFilter::Warn);
    }

    #[test]
    fn values_are_checked() {
        let server = |text: &str| parse(&["--server", text]).unwrap().server[0].to_string();
        for (text, server_is) in [
            ("tls://localhost", "tls://localhost:33301"),
            ("tls://[::1]", "tls://[::1]:33301"),
            ("tls://localhost:7", "tls://localhost:7"),
        ] {
            assert_eq!(server(text), server_is);
        }
        let pin = format!("#sha256:{}", "ab".repeat(32));
        let pinned = format!("tls://h:33301{pin}");
        assert_eq!(server(&format!("tls://h{pin}")), pinned);
        for args in [
            ["--server", "tls://"],
            ["--server", "tls://a b"],
            ["--server", "tls://localhost#sha256:0"],
            ["--server", "localhost"],
            ["--server", "localhost:0"],
            ["--name", ""],
            ["--name", "b\u{202e}ö"],
            ["--info", "x [crc2;f=]"],
            ["--oper", "a b"],
            ["--oper", ""],
            ["--oper-password-file", "x"],
            ["--id", "0"],
            ["--id", "bob"],
            ["--id", "4294967296"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
        let args = parse(&["--id", "4294967295", "--info", "\"Grüße\"", "-vv"]).unwrap();
        assert_eq!(args.id, HostId::new(u32::MAX));
        assert_eq!(args.info, "\"Grüße\"");
        assert_eq!(args.log_level(), log::LevelFilter::Debug);
    }

    #[test]
    fn pages_are_generated() {
        for what in Generate::value_variants() {
            let text = String::from_utf8(what.render(Args::command())).unwrap();
            assert!(text.contains("server"), "{what:?}: {text}");
        }
    }
}
