//! The command line.

use clap::Parser;
use crc_cli::{Generate, Verbosity};
use crc_core::{PeerAddress, check_info, check_name};
use crc_wire::HostId;

use crate::command::COMMANDS;

/// Talk to people in a Clemson Relay Chat network.
///
/// Connects to a server and shows what others say. At a terminal, lines can be
/// edited, recalled (up and down) and completed (tab). With input from a file or
/// a pipe the same commands are read line by line, and the client leaves when
/// all of them have been carried out.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = "Type /help once connected; see --help for examples.", after_long_help = after_long_help())]
pub(crate) struct Args {
    /// The server to connect to
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:33300")]
    pub(crate) server: PeerAddress,

    /// Your name: 1 to 64 characters of ASCII [default: your user name]
    ///
    /// Names need not be unique; ids are. Without this option, the name is that
    /// of the user that you are logged in as.
    #[arg(long, value_parser = parse_name)]
    pub(crate) name: Option<String>,

    /// What others see about you: up to 512 bytes
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = parse_info, hide_default_value = true)]
    pub(crate) info: String,

    /// Your id, from 1 to 4294967295 [default: any]
    ///
    /// Without this option a random one is chosen, and another one if it
    /// should be taken. With it, the client ends if that id is taken.
    #[arg(long, value_name = "N", value_parser = parse_id)]
    pub(crate) id: Option<HostId>,

    /// Write one JSON object a line, for programs
    ///
    /// Every line has a key "event": connected, welcome, joined, left, chat,
    /// status, disconnected, unreachable, who, help or error; of channels:
    /// channel, channels, channel_joined, channel_left, channel_flags,
    /// channel_chat, topic, channel_set, channel_refused, names or invited.
    /// Commands are read from standard input as they are without this option.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    /// Print the manual page, or completions for a shell, and end
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) generate: Option<Generate>,
}

impl Args {
    /// The name to register with.
    pub(crate) fn name(&self) -> String {
        let user = || std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
        self.name
            .clone()
            .or_else(|| user().ok().filter(|name| check_name(name).is_ok()))
            .unwrap_or_else(|| "user".to_owned())
    }

    /// How much is logged, unless `RUST_LOG` says otherwise.
    pub(crate) fn log_level(&self) -> log::LevelFilter {
        self.verbosity.level(log::LevelFilter::Warn)
    }
}

fn parse_name(name: &str) -> Result<String, String> {
    check_name(name).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
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

Examples:
  crc-client
      Talk in the network of a server on this machine.
  crc-client --server chat.example.org:33300 --name alice --info 'likes tea'
      Talk elsewhere, under a name.
  echo '/msg bob Good morning!' | crc-client --name alice
      Say one thing and leave.
  printf '/join #reef\\n/msg #reef Good morning!\\n' | crc-client --name alice
      Say one thing to all that are in a channel.
  crc-client --name robot --json < commands.txt
      Let a program do it: commands in, JSON out.

When the input is no terminal:
  A name that is not known yet is waited for, up to 2 seconds after the welcome or
  after the line was read; an id is written to at once. When the input has ended, the
  client waits up to 15 seconds for a server that takes its messages, then gives up.

Exit status:
  0  done
  1  could not run: the id given is taken, no server could be reached
  2  the command line makes no sense"
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
    fn the_definition_makes_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_has_a_default() {
        let args = parse(&[]).unwrap();
        assert_eq!(args.server.to_string(), "127.0.0.1:33300");
        assert_eq!((args.id, args.json), (None, false));
        assert!(check_name(&args.name()).is_ok());
        assert_eq!(args.log_level(), log::LevelFilter::Warn);
    }

    #[test]
    fn values_are_checked() {
        for args in [
            ["--server", "localhost"],
            ["--server", "localhost:0"],
            ["--name", ""],
            ["--name", "bö"],
            ["--info", "x [crc2;f=]"],
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
