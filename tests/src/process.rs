//! One child process: its standard output line by line, its standard error in
//! a file, and its end, which comes at the latest when this is dropped.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::RigError;
use crate::usage::Usage;
use crate::wait;

/// How long a process may take to leave in good order.
const LEAVING: Duration = Duration::from_secs(10);

/// A running process, or one that has ended.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    stdin: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, known as `name` to people, with its standard error
    /// going to the file `log`.
    ///
    /// # Errors
    ///
    /// [`RigError::Start`] or [`RigError::File`].
    pub fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Process, RigError> {
        let file = fs::File::create(&log).map_err(|source| RigError::File {
            path: log.clone(),
            source,
        })?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|source| RigError::Start {
                program: command.get_program().into(),
                source,
            })?;
        let stdout = child.stdout.take().expect("it is piped");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let reader = thread::spawn({
            let lines = Arc::clone(&lines);
            move || read_lines(stdout, &lines)
        });
        Ok(Process {
            name: name.to_owned(),
            stdin: child.stdin.take(),
            child,
            ended: None,
            lines,
            reader: Some(reader),
            log,
        })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The system's number for it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has used of the machine so far.
    ///
    /// # Errors
    ///
    /// What the system says, for instance because it has ended.
    pub fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }

    /// The lines that it has written to standard output so far.
    pub fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().expect("the reader doesn't panic")
    }

    /// The file with what it writes to standard error.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last line it has written to standard error.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = self.log();
        match log.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => line.to_owned(),
            None => "none".to_owned(),
        }
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .expect("a child of ours can be waited for");
        }
        self.ended
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    ///
    /// [`RigError::Input`] when it takes no more.
    pub fn write_line(&mut self, line: &str) -> Result<(), RigError> {
        let written = match &mut self.stdin {
            Some(stdin) => stdin
                .write_all(format!("{line}\n").as_bytes())
                .and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|source| RigError::Input {
            name: self.name.clone(),
            source,
        })
    }

    /// Endpoints its standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end.
    pub fn wait_end(&mut self, bound: Duration) -> Option<ExitStatus> {
        let status = wait::until(bound, || self.status());
        if status.is_some() {
            self.join_reader();
        }
        status
    }

    /// Asks it to leave in good order; doesn't wait.
    pub fn ask_to_leave(&mut self) {
        self.signal(Signal::TERM);
    }

    fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            // It may end between the two lines; it is not reaped before
            // `status` is asked again, so this can't hit a stranger.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// Waits for it to leave after [`ask_to_leave`](Self::ask_to_leave), ends it
    /// if it won't, and says how it ended: `None` when it had to be ended.
    pub fn finish(&mut self) -> Option<ExitStatus> {
        let left = self.wait_end(LEAVING);
        if left.is_none() {
            self.end_at_once();
        }
        left
    }

    /// Asks it to leave and waits until it has.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.ask_to_leave();
        self.finish()
    }

    /// Holds it where it is, as a machine does that has no time for it, until
    /// [`go_on`](Self::go_on). What is sent to it meanwhile waits.
    pub fn hold(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`hold`](Self::hold).
    pub fn go_on(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Endpoints it without a word, as a crash does.
    pub fn end_at_once(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
        self.join_reader();
    }

    /// After the end: all lines have been read then.
    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_at_once();
    }
}

fn read_lines(stdout: ChildStdout, lines: &Mutex<Vec<String>>) {
    let mut stdout = BufReader::new(stdout);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match stdout.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let line = String::from_utf8_lossy(&bytes);
                lines
                    .lock()
                    .expect("nobody panics holding this")
                    .push(line.trim_end_matches(['\n', '\r']).to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogDir;
    use crate::wait::LONG;

    fn shell(logs: &LogDir, script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("sh", command, logs.file("sh.log")).unwrap()
    }

    #[test]
    fn output_is_read_and_errors_are_kept() {
        let logs = LogDir::temporary().unwrap();
        let mut process = shell(&logs, "read x; echo got $x; echo oh >&2; exit 3");
        process.write_line("it").unwrap();
        assert_eq!(process.wait_end(LONG).unwrap().code(), Some(3));
        assert_eq!(*process.lines(), ["got it"]);
        assert_eq!(process.last_words(), "oh");
        assert!(process.write_line("more").is_err());
    }

    #[test]
    fn leaving_is_asked_for_first() {
        let logs = LogDir::temporary().unwrap();
        let mut process = shell(
            &logs,
            "trap 'exit 5' TERM; echo up; while :; do read x; done",
        );
        assert!(wait::holds(LONG, || !process.lines().is_empty()));
        assert_eq!(process.stop().unwrap().code(), Some(5));
    }

    #[test]
    fn dropping_ends_it() {
        let logs = LogDir::temporary().unwrap();
        let process = shell(&logs, "trap '' TERM; echo up; while :; do read x; done");
        let pid = Pid::from_child(&process.child);
        drop(process);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
