//! The version of the programs.

/// The commit that the programs were built from, shortened; `None` if it was not known: no git, or
/// sources without their history.
pub const COMMIT: Option<&str> = option_env!("CRC_COMMIT_SHORT");

/// The version, and the commit if it is known: `0.2.0 (1ba344c0dcf3)`.
pub const VERSION: &str = env!("CRC_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_has_the_commit_if_it_is_known() {
        let package = env!("CARGO_PKG_VERSION");
        match COMMIT {
            None => assert_eq!(VERSION, package),
            Some(commit) => {
                assert_eq!(VERSION, format!("{package} ({commit})"));
                assert!(commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }
}
