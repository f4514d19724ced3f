//! The manual page and shell completions, from a program's clap definition.

use std::io;

use clap::ValueEnum;
use clap_complete::Shell;

use crate::man::man_page;

/// What a program can print about itself: the value of its option `--generate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// A manual page in roff, with all subcommands.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for elvish.
    Elvish,
    /// Completions for fish.
    Fish,
    /// Completions for PowerShell.
    Powershell,
    /// Completions for zsh.
    Zsh,
}

impl Generate {
    /// Renders the page or the completions of `command`. The program's name is the
    /// name in the definition.
    #[must_use]
    pub fn render(self, mut command: clap::Command) -> Vec<u8> {
        let shell = match self {
            Generate::Man => return man_page(&command),
            Generate::Bash => Shell::Bash,
            Generate::Elvish => Shell::Elvish,
            Generate::Fish => Shell::Fish,
            Generate::Powershell => Shell::PowerShell,
            Generate::Zsh => Shell::Zsh,
        };
        let name = command.get_name().to_owned();
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, name, &mut text);
        text
    }

    /// Writes what [`Generate::render`] returns to standard output.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written to.
    pub fn print(self, command: clap::Command) -> io::Result<()> {
        use io::Write;
        let mut out = io::stdout().lock();
        out.write_all(&self.render(command))?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_names_the_program_and_its_options() {
        for what in Generate::value_variants() {
            let command = clap::Command::new("crc-example")
                .arg(clap::Arg::new("listen").long("listen").help("An address"));
            let text = String::from_utf8(what.render(command)).unwrap();
            assert!(text.contains("crc-example"), "{what:?}: {text}");
            assert!(text.contains("listen"), "{what:?}: {text}");
        }
    }
}
