//! Completion of commands, names and channels at the terminal, and the prompt.

use std::collections::BTreeSet;

use crc_cli::terminal::{Candidate, Completions};
use crc_core::{Client, ClientNotice, Escaped, is_printable};
use crc_wire::HostId;

use crate::command::{NAMES, Target};
use crate::event::OutputEvent;
use crate::names::Names;

/// The commands about a member of a channel: `/kick [#CHANNEL] NAME`.
const ABOUT_MEMBERS: [&str; 6] = ["/deop", "/devoice", "/invite", "/kick", "/op", "/voice"];

/// The channels that can be completed, and the target in the prompt.
#[derive(Debug, Default)]
pub(crate) struct Completer {
    channels: BTreeSet<String>,
    target: Option<Target>,
}

impl Completer {
    /// Notes the channels and the target in an event.
    pub(crate) fn note(&mut self, event: &OutputEvent, client: &Client) {
        match event {
            OutputEvent::Client(
                ClientNotice::ChannelEntered { .. }
                | ClientNotice::ChannelLeft { .. }
                | ClientNotice::Invited { .. },
            ) => {
                let channels = client.channels();
                self.channels = channels.map(|channel| channel.name().to_owned()).collect();
                // The user is likely to join the channel of an invitation.
                if let OutputEvent::Client(ClientNotice::Invited { channel, .. }) = event {
                    self.channels.insert(channel.clone());
                }
            }
            OutputEvent::Client(ClientNotice::Disconnected { .. }) => self.channels.clear(),
            OutputEvent::TargetChanged { target } => self.target.clone_from(target),
            _ => {}
        }
    }

    /// The target of lines that are not commands.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The prompt, with the target.
    pub(crate) fn prompt(&self, names: &Names) -> String {
        match &self.target {
            Some(target) => format!("to {}> ", names.shown_target(target)),
            None => "> ".to_owned(),
        }
    }

    /// Candidates for the word at the end of `line`.
    pub(crate) fn complete(&self, names: &Names, line: &str) -> Completions {
        if !line.starts_with('/') {
            return complete_in_text(names, line);
        }
        let Some((command, rest)) = line.split_once(' ') else {
            return complete_command(line);
        };
        let mut word = rest.trim_start();
        if ABOUT_MEMBERS.contains(&command)
            && word.starts_with('#')
            && let Some((_, name)) = word.split_once(' ')
        {
            word = name.trim_start();
        }
        let candidates = if word.starts_with('#') {
            self.complete_channel(command, word)
        } else {
            complete_name(names, command, word)
        };
        match candidates {
            Some(candidates) => Completions {
                start: line.len() - word.len(),
                candidates,
            },
            None => no_completions(line),
        }
    }

    /// Candidates for a channel's name; `None` where no channel is expected.
    fn complete_channel(&self, command: &str, word: &str) -> Option<Vec<Candidate>> {
        let takes_channel = matches!(
            command,
            "/msg" | "/notice" | "/to" | "/join" | "/part" | "/topic" | "/names" | "/who" | "/mode"
        ) || ABOUT_MEMBERS.contains(&command);
        if !takes_channel || word.contains(' ') {
            return None;
        }
        let typed = word.to_lowercase();
        let matching = self
            .channels
            .iter()
            .filter(|name| name.to_lowercase().starts_with(&typed))
            .filter(|name| name.chars().all(is_printable));
        let candidates = matching.map(|name| Candidate {
            display: Escaped(name).to_string(),
            replacement: format!("{name} "),
        });
        Some(candidates.collect())
    }
}

/// Candidates for a client's name; `None` where no name is expected.
fn complete_name(names: &Names, command: &str, word: &str) -> Option<Vec<Candidate>> {
    let typed = word.strip_prefix('"').unwrap_or(word);
    let is_complete = word.contains(' ') && typed.len() == word.len();
    let takes_name = matches!(
        command,
        "/msg" | "/notice" | "/to" | "/ignore" | "/unignore" | "/whois"
    ) || ABOUT_MEMBERS.contains(&command);
    if !takes_name || is_complete || typed.contains('"') {
        return None;
    }
    let candidates = names_from(names, typed).map(|(id, name)| Candidate {
        display: names.shown(id, Some(name)),
        replacement: unambiguous(names, id, name),
    });
    Some(candidates.collect())
}

/// The clients whose names begin with a text, in either case.
fn names_from<'n>(names: &'n Names, typed: &str) -> impl Iterator<Item = (HostId, &'n str)> {
    let typed = typed.to_lowercase();
    let begins = move |name: &str| name.to_lowercase().starts_with(&typed);
    names.iter().filter(move |(_, name)| begins(name))
}

/// A word that names exactly this client: its name, if it can be typed and no
/// other client has it, or else its id.
fn unambiguous(names: &Names, id: HostId, name: &str) -> String {
    let unique = names.count(name) == 1;
    let number = name.bytes().all(|byte| byte.is_ascii_digit());
    let typable = name.chars().all(is_printable) && !name.contains('"');
    let quoted = name.contains(' ') || name.starts_with('#');
    match (unique && typable && !number, quoted) {
        (true, false) => format!("{name} "),
        (true, true) => format!("\"{name}\" "),
        (false, _) => format!("{id} "),
    }
}

/// Candidates for the last word of a text, which may be the name of a client.
fn complete_in_text(names: &Names, text: &str) -> Completions {
    let start = text.rfind(' ').map_or(0, |at| at + 1);
    let word = &text[start..];
    if word.is_empty() {
        return no_completions(text);
    }
    let typable = |name: &str| name.chars().all(is_printable);
    let names = names_from(names, word).filter(|(_, name)| typable(name));
    let names: BTreeSet<&str> = names.map(|(_, name)| name).collect();
    let end = if start == 0 { ": " } else { " " };
    let candidates = names.into_iter().map(|name| Candidate {
        display: name.to_owned(),
        replacement: format!("{name}{end}"),
    });
    Completions {
        start,
        candidates: candidates.collect(),
    }
}

fn complete_command(line: &str) -> Completions {
    let matching = NAMES.iter().filter(|name| name.starts_with(line));
    let candidates = matching.map(|name| Candidate {
        display: (*name).to_owned(),
        replacement: match *name {
            "/help" | "/quit" | "/who" | "/channels" | "/close" => (*name).to_owned(),
            _ => format!("{name} "),
        },
    });
    Completions {
        start: 0,
        candidates: candidates.collect(),
    }
}

fn no_completions(line: &str) -> Completions {
    Completions {
        start: line.len(),
        candidates: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn completer(names: &[(u32, &str)]) -> (Completer, Names) {
        let mut known = Names::default();
        for (id, name) in names {
            known.note(HostId::new(*id).unwrap(), name);
        }
        (Completer::default(), known)
    }

    #[track_caller]
    fn check(
        (completer, names): &(Completer, Names),
        line: &str,
        start: usize,
        replacements: &[&str],
    ) {
        let completions = completer.complete(names, line);
        let candidates = completions.candidates.iter();
        let found: Vec<&str> = candidates.map(|found| &*found.replacement).collect();
        assert_eq!(
            (completions.start, &found[..]),
            (start, replacements),
            "{line:?}"
        );
    }

    #[test]
    fn commands_are_completed() {
        let completer = completer(&[(1, "alice")]);
        check(&completer, "/ms", 0, &["/msg "]);
        let all = [
            "/away ",
            "/channels",
            "/close",
            "/command ",
            "/deop ",
            "/devoice ",
            "/help",
            "/ignore ",
            "/invite ",
            "/join ",
            "/kick ",
            "/list ",
            "/me ",
            "/mode ",
            "/msg ",
            "/names ",
            "/nick ",
            "/notice ",
            "/op ",
            "/oper ",
            "/part ",
            "/quit",
            "/to ",
            "/topic ",
            "/unignore ",
            "/voice ",
            "/who",
            "/whois ",
        ];
        check(&completer, "/", 0, &all);
        check(&completer, "/x", 0, &[]);
        check(&completer, "", 0, &[]);
        check(&completer, "al", 0, &["alice: "]);
        check(&completer, "ask AL", 4, &["alice "]);
        check(&completer, "ask ", 4, &[]);
        check(&completer, "ask bo", 4, &[]);
        check(&completer, "/who a", 6, &[]);
    }

    #[test]
    fn names_are_completed_to_words_that_parse() {
        let completer = completer(&[
            (1, "alice"),
            (2, "Bob"),
            (3, "Bob the 2nd"),
            (4, "carol"),
            (5, "carol"),
            (6, "7"),
            (8, "d\u{202e}"),
        ]);
        check(&completer, "/msg a", 5, &["alice "]);
        check(&completer, "/to  a", 5, &["alice "]);
        check(&completer, "/msg b", 5, &["Bob ", "\"Bob the 2nd\" "]);
        check(&completer, "/msg \"bob t", 5, &["\"Bob the 2nd\" "]);
        check(&completer, "/msg c", 5, &["4 ", "5 "]);
        check(&completer, "/msg 7", 5, &["6 "]);
        check(&completer, "/msg d", 5, &["8 "]);
        check(&completer, "/msg alice a", 12, &[]);
        check(&completer, "/kick a", 6, &["alice "]);
        check(&completer, "/kick #reef a", 12, &["alice "]);
        check(&completer, "/kick #reef alice a", 19, &[]);
        check(&completer, "/msg #reef a", 12, &[]);
        check(&completer, "/msg \"Bob\" a", 12, &[]);
        for (_, name) in completer.1.iter() {
            let line = format!("/msg {}", &name[..1]);
            let completions = completer.0.complete(&completer.1, &line);
            for candidate in completions.candidates {
                let command = Command::parse(&format!("/msg {}Hi", candidate.replacement));
                assert!(matches!(command, Ok(Command::Msg { text, .. }) if text == "Hi"));
            }
        }
    }

    #[test]
    fn channels_are_completed_where_a_command_takes_one() {
        let mut completer = completer(&[(1, "#alice")]);
        completer.0.channels = ["#Reef", "#rocks", "#r\u{202e}"].map(Into::into).into();
        let all = [
            "/msg", "/notice", "/to", "/join", "/part", "/topic", "/names", "/who", "/mode", "/op",
            "/deop", "/voice", "/devoice", "/kick", "/invite",
        ];
        for command in all {
            let start = command.len() + 1;
            let all = ["#Reef ", "#rocks "];
            check(&completer, &format!("{command} #R"), start, &all);
            check(&completer, &format!("{command} #re"), start, &["#Reef "]);
        }
        check(&completer, "/part #reef #r", 14, &[]);
        check(&completer, "/quit #r", 8, &[]);
        check(&completer, "/msg \"#", 5, &["\"#alice\" "]);
    }

    #[test]
    fn the_prompt_shows_the_target() {
        let (mut completer, names) = completer(&[(7, "ann"), (8, "ann"), (9, "bob")]);
        assert_eq!(completer.prompt(&names), "> ");
        for (target, prompt) in [
            ("\u{1b}bob", "to ␛bob> "),
            ("7", "to ann (7)> "),
            ("9", "to bob> "),
        ] {
            completer.target = Some(Target::Client(target.to_owned()));
            assert_eq!(completer.prompt(&names), prompt);
        }
    }
}
