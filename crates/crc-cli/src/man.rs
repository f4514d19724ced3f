//! The manual page of a program: one page, with its subcommands and their options.
//!
//! clap_mangen renders the options. Its own page has one line for each subcommand, and refers to a
//! page of its own for each; it fills the lines of examples.

use std::io;

use clap::Command;
use clap_mangen::Man;
use roff::{Inline, Roff, bold, roman};

/// What the pages belong to.
const MANUAL: &str = "Clemson Relay Chat";

/// Renders the page of a program.
pub(crate) fn man_page(command: &Command) -> Vec<u8> {
    let mut page = Vec::new();
    render(command, &mut page).expect("writing to a vector does not fail");
    page
}

fn render(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual(MANUAL);
    page.extend_from_slice(title(&man)?.as_bytes());
    man.render_name_section(page)?;
    write(page, &synopsis(command))?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let mut subcommands = subcommands(command).peekable();
    if subcommands.peek().is_some() {
        write(page, Roff::new().control("SH", ["COMMANDS"]))?;
    }
    for subcommand in subcommands {
        write(
            page,
            Roff::new().control("SS", [&*usage(command, Some(subcommand))]),
        )?;
        section_of(subcommand, page)?;
    }
    let text = command.get_after_long_help().map(ToString::to_string);
    write(page, &examples(&text.unwrap_or_default()))
}

/// The first lines. clap_mangen leaves an empty date out, which moves what follows to its place.
fn title(man: &Man) -> io::Result<String> {
    let mut title = Vec::new();
    man.render_title(&mut title)?;
    let title = String::from_utf8_lossy(&title);
    Ok(title.replacen(" 1  ", " 1 \"\" ", 1))
}

fn write(page: &mut Vec<u8>, part: &Roff) -> io::Result<()> {
    part.to_writer(page)
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|it| !it.is_hide_set())
}

/// How the program, or a subcommand of it, is called.
fn usage(command: &Command, subcommand: Option<&Command>) -> String {
    let mut command = command.clone();
    command.build();
    let command = match subcommand {
        Some(subcommand) => command.find_subcommand_mut(subcommand.get_name()),
        None => Some(&mut command),
    };
    let usage = command.map(|command| command.render_usage().to_string());
    let usage = usage.unwrap_or_default();
    usage.trim_start_matches("Usage: ").trim().to_owned()
}

fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(usage(command, None))]);
    for subcommand in subcommands(command) {
        roff.text([Inline::LineBreak, bold(usage(command, Some(subcommand)))]);
    }
    roff
}

/// What a subcommand does, and the options that it has for itself.
fn section_of(subcommand: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(subcommand.clone().disable_help_flag(true));
    for render in [Man::render_description_section, Man::render_options_section] {
        let mut section = Vec::new();
        render(&man, &mut section)?;
        // Its heading would end the section of all subcommands.
        let is_heading = |line: &&[u8]| line.starts_with(b".SH");
        let lines = section.split_inclusive(|byte| *byte == b'\n');
        for line in lines.filter(|line| !is_heading(line)) {
            page.extend_from_slice(line);
        }
    }
    Ok(())
}

/// The sections of the end of a help text, each of which begins with a line such as
/// `Examples:`. Their lines stay as they are.
fn examples(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut is_open = false;
    for line in text.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => {
                if is_open {
                    roff.control("fi", []);
                }
                roff.control("SH", [&*heading.to_uppercase()]);
                roff.control("nf", []);
                is_open = true;
            }
            None => {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
        }
    }
    if is_open {
        roff.control("fi", []);
    }
    roff
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn one_page_has_all_commands_with_their_options() {
        let text = "Examples:\n  crc-example run\n      It runs.\n\nExit status:\n  0  done";
        let run = Command::new("run")
            .about("Run it")
            .arg(Arg::new("fast").long("fast").help("Hurry"));
        let command = Command::new("crc-example")
            .about("An example")
            .version("1")
            .arg(
                Arg::new("config")
                    .long("config")
                    .help("A file")
                    .global(true),
            )
            .subcommand(run)
            .subcommand(Command::new("secret").hide(true))
            .after_long_help(text);
        let page = String::from_utf8(man_page(&command)).unwrap();
        let (before, commands) = page.split_once(".SH COMMANDS\n").unwrap();
        assert!(
            before.contains(r"\fBcrc\-example run [OPTIONS]\fR"),
            "{page}"
        );
        assert!(before.contains(r"\fB\-\-config\fR"), "{page}");
        let (commands, examples) = commands.split_once(".SH EXAMPLES\n").unwrap();
        assert!(
            commands.contains("Run it") && commands.contains("Hurry"),
            "{page}"
        );
        assert!(
            !commands.contains(r"\-\-config") && !commands.contains(".SH"),
            "{page}"
        );
        assert!(!page.contains("secret") && !page.contains("(1)"), "{page}");
        let expected =
            ".nf\ncrc\\-example run\n    It runs.\n\n.fi\n.SH \"EXIT STATUS\"\n.nf\n0  done\n.fi\n";
        assert_eq!(examples, expected);
    }
}
