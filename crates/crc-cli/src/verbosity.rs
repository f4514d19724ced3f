//! How much a program logs.

use clap::ArgAction;
use log::LevelFilter;

/// The options `-v` and `-q`. Flatten them into a program's arguments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Verbosity {
    /// Log more; repeat for even more
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet", global = true)]
    verbose: u8,

    /// Log less; repeat for even less
    #[arg(short, long, action = ArgAction::Count, global = true)]
    quiet: u8,
}

impl Verbosity {
    /// The level of the log: `normal` without these options, one step more for each
    /// `-v`, one step less for each `-q`.
    #[must_use]
    pub fn level(self, normal: LevelFilter) -> LevelFilter {
        let levels: Vec<LevelFilter> = LevelFilter::iter().collect();
        let normal = levels.iter().position(|level| *level == normal);
        let step = normal.unwrap_or(0) + usize::from(self.verbose);
        let step = step.saturating_sub(usize::from(self.quiet));
        levels.get(step).copied().unwrap_or(LevelFilter::Trace)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use log::LevelFilter::{Debug, Error, Info, Off, Trace, Warn};

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        verbosity: Verbosity,
    }

    #[test]
    fn each_option_is_one_step() {
        for (args, normal, level) in [
            (&["p"][..], Warn, Warn),
            (&["p", "-v"], Warn, Info),
            (&["p", "-vv"], Warn, Debug),
            (&["p", "-vvv"], Warn, Trace),
            (&["p", "-vvvv"], Warn, Trace),
            (&["p", "-q"], Warn, Error),
            (&["p", "-qq"], Warn, Off),
            (&["p", "-qqq"], Warn, Off),
            (&["p", "-q"], Info, Warn),
            (&["p", "--quiet", "--quiet"], Info, Error),
        ] {
            let program = Program::try_parse_from(args).unwrap();
            assert_eq!(program.verbosity.level(normal), level, "{args:?}");
        }
        assert!(Program::try_parse_from(["p", "-v", "-q"]).is_err());
    }
}
