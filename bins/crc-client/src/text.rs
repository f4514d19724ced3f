//! News as lines for people. Whatever came from outside is made visible here:
//! nobody may paint on another's terminal.

use std::fmt::{self, Write};
use std::time::Duration;

use crc_core::{ClientFailure, ClientNotice, Disconnect, OtherClient, Visible};
use crc_wire::HostId;

use crate::desk::{Desk, News};
use crate::line::COMMANDS;

/// Whether, and how, lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    Plain,
    Colours,
}

#[derive(Debug, Clone, Copy)]
enum Tone {
    /// What happens in the network.
    Event,
    /// What goes wrong.
    Trouble,
    /// Somebody's name.
    Name(HostId),
    /// What stands before the line that is being edited.
    Prompt,
}

impl Palette {
    /// The prompt of a line that is being edited; as wide as it is without colours.
    pub(crate) fn prompt(self, prompt: &str) -> String {
        self.paint(Tone::Prompt, prompt)
    }

    fn paint(self, tone: Tone, text: impl fmt::Display) -> String {
        let code = match (self, tone) {
            (Palette::Plain, _) => return text.to_string(),
            (Palette::Colours, Tone::Event) => 2,
            (Palette::Colours, Tone::Trouble) => 31,
            (Palette::Colours, Tone::Prompt) => 1,
            // The same person, the same colour; red is taken.
            (Palette::Colours, Tone::Name(id)) => 32 + id.get() % 5,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The line or lines that tell of `news`, without the last one's end. What
/// goes wrong with what the user wants is not among them: see [`error`].
pub(crate) fn lines(news: &News, palette: Palette) -> Option<String> {
    let event = |text: String| Some(palette.paint(Tone::Event, format_args!("* {text}")));
    let notice = match news {
        News::Client(notice) => notice,
        News::Roster(clients) => return event(roster(clients)),
        News::Talking { to: Some(to) } => return event(format!("talking to {}", Visible(to))),
        News::Talking { to: None } => return event("talking to nobody".to_owned()),
        News::Help => return Some(COMMANDS.to_owned()),
        News::Refused(_) | News::LineDone | News::GaveUp { .. } => return None,
    };
    match notice {
        ClientNotice::Connected { server } => event(format!("connected to {server}")),
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => event(format!("can't reach {server}: {why}; {}", again(*retry_in))),
        ClientNotice::Welcome { id, text } => event(format!("{} (your id is {id})", Visible(text))),
        ClientNotice::Joined {
            id,
            name,
            info,
            was,
        } => event(match was {
            None => format!("{} is here{}", host(*id, name), after_colon(info)),
            Some(was) if was == name => {
                format!("{} says now{}", host(*id, name), after_colon(info))
            }
            Some(was) => format!(
                "{} is now {}{}",
                host(*id, was),
                Visible(name),
                after_colon(info)
            ),
        }),
        ClientNotice::Left { id, name, text } => {
            event(format!("{} left{}", host(*id, name), after_colon(text)))
        }
        ClientNotice::Chat {
            from,
            from_name,
            text,
            ..
        } => {
            let speaker = match from_name {
                Some(name) => host(*from, name),
                None => from.to_string(),
            };
            let speaker = palette.paint(Tone::Name(*from), format_args!("<{speaker}>"));
            Some(format!("{speaker} {}", Visible(text)))
        }
        ClientNotice::Status { code, text, .. } => {
            let line = format_args!("! {} (status {code})", Visible(text));
            Some(palette.paint(Tone::Trouble, line))
        }
        ClientNotice::Disconnected { reason, retry_in } => event(match (reason, retry_in) {
            (Disconnect::Left, _) => "disconnected".to_owned(),
            (reason, None) => format!("disconnected: {reason}"),
            (reason, Some(pause)) => format!("disconnected: {reason}; {}", again(*pause)),
        }),
        ClientNotice::NotSent { .. }
        | ClientNotice::Dropped { .. }
        | ClientNotice::Failed { .. } => None,
    }
}

/// The sentence about something that the user wants and can't have.
pub(crate) fn error(news: &News, desk: &Desk) -> Option<String> {
    Some(match news {
        News::Refused(refusal) => refusal.to_string(),
        News::Client(ClientNotice::NotSent { to, why }) => {
            format!("nothing was sent to {to}: {why}")
        }
        News::Client(ClientNotice::Failed {
            why: ClientFailure::IdTaken(id),
        }) => format!("the id {id} is taken; choose another one, or leave --id out to get any"),
        News::GaveUp { unsent } => {
            let server = desk.client().server();
            let unsent = match unsent {
                0 => String::new(),
                1 => "; 1 message was not sent".to_owned(),
                _ => format!("; {unsent} messages were not sent"),
            };
            format!(
                "no server at {server} has taken us{unsent}; start one there (crc-server), \
                 or name another with --server HOST:PORT"
            )
        }
        _ => return None,
    })
}

/// A sentence about something that went wrong, as it is shown.
pub(crate) fn trouble(sentence: &str, palette: Palette) -> String {
    palette.paint(Tone::Trouble, format_args!("! {}", Visible(sentence)))
}

fn host(id: HostId, name: &str) -> String {
    format!("{} ({id})", Visible(name))
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {}", Visible(text))
    }
}

fn again(pause: Duration) -> String {
    format!("trying again in {:.1} s", pause.as_secs_f64())
}

fn roster(clients: &[(HostId, OtherClient)]) -> String {
    let mut text = match clients.len() {
        0 => "nobody else is here".to_owned(),
        1 => "1 other is here:".to_owned(),
        count => format!("{count} others are here:"),
    };
    for (id, client) in clients {
        let (name, info) = (Visible(&client.name), after_colon(&client.info));
        write!(text, "\n{id:>12}  {name}{info}").expect("a string takes everything");
    }
    text
}
