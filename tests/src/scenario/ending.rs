//! How servers of a scenario are ended, and what is wrong with how they end.

use crate::fixture::Process;
use crate::fixture::Server;

/// Asks a server to leave. It should be there to be asked: if it isn't, that is
/// returned.
pub(super) fn ask(server: &mut Server) -> Option<String> {
    let Some(status) = server.process_mut().status() else {
        server.process_mut().request_shutdown();
        return None;
    };
    Some(format!(
        "{}: had ended by itself ({status}); its last words: {}",
        server.name(),
        server.process().last_log_line()
    ))
}

/// Waits for the end of a server that was asked to leave, and returns what was
/// wrong with it.
pub(super) fn finish(server: &mut Server) -> Option<String> {
    let trouble = match server.process_mut().finish() {
        None => "did not leave when it was asked to".to_owned(),
        Some(status) if !status.success() => {
            let last_log_line = server.process().last_log_line();
            format!("has ended with {status}; its last words: {last_log_line}")
        }
        Some(_) => return None,
    };
    Some(format!("{}: {trouble}", server.name()))
}

/// Adds the first panic that a process has written of, unless it is among the
/// last words already.
pub(super) fn note_panic(process: &Process, troubles: &mut Vec<String>) {
    let log = process.log();
    if let Some(line) = log.lines().find(|line| line.contains("panicked at"))
        && !troubles.iter().any(|trouble| trouble.ends_with(line))
    {
        troubles.push(format!("{}: {line}", process.name()));
    }
}
