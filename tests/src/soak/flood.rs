//! A flood of messages at a client that fills the screen of a terminal, with a long scrollback
//! and many members, while its user types: how long a letter takes to be seen, and what the
//! client costs. Each line that is typed must arrive, once, whole and in order.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::{Control, median_and_worst};
use crate::fixture::wait::{self, LONG};
use crate::fixture::{Fixture, FixtureError, Peer, Screen, Usage, lock, wire};

/// The id of the server whose clients the others in the channel are.
const SWAMP: u32 = 50;

/// The id of its first client.
const FIRST_MEMBER: u32 = 1_000;

/// The channel of all.
const CHANNEL: &str = "#reef";

/// The columns and rows of the terminal.
const SIZE: (u16, u16) = (120, 40);

/// The time between two portions of the flood.
const PORTION: Duration = Duration::from_millis(5);

/// How much text the user types into one line.
const LINE: &str = "Tide at";

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The number of members of the channel.
    pub members: u32,
    /// The number of lines before the flood.
    pub lines: u32,
    /// The number of messages per second.
    pub rate: u32,
    /// How long the flood lasts.
    pub span: Duration,
    /// It is a problem if a letter takes longer to be on the screen.
    pub echo_max: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            members: 1_000,
            lines: 10_000,
            rate: 10_000,
            span: Duration::from_secs(10),
            echo_max: Some(Duration::from_millis(500)),
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How long each letter took to be on the screen.
    pub echoes: Vec<Duration>,
    /// The number of lines that the user typed.
    pub typed: usize,
    /// The number of messages of the flood.
    pub messages: u64,
    /// How long the flood lasted.
    pub lasted: Duration,
    /// The client's share of one processor meanwhile, in percent.
    pub processor_percent: f64,
    /// The client's resident memory before the flood and after it, in bytes.
    pub resident_bytes: (u64, u64),
    /// What the client wrote to the terminal during the flood, in bytes.
    pub written_bytes: u64,
    /// The violations.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether there was no violation.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasted.as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let (rate, written) = (
            self.messages as f64 / seconds,
            self.written_bytes as f64 / seconds / 1024.0,
        );
        writeln!(
            f,
            "flood: {} messages in {seconds:.1} s, {rate:.0} a second",
            self.messages
        )?;
        if let Some((median, worst)) = median_and_worst(&self.echoes) {
            let count = self.echoes.len();
            writeln!(
                f,
                "a letter is on the screen: median {median:.1?}, worst {worst:.1?} of {count}"
            )?;
        }
        writeln!(f, "lines typed and received: {}", self.typed)?;
        let (before, after) = self.resident_bytes;
        writeln!(
            f,
            "client: {:.0} % of a processor, {} KiB of memory before and {} KiB after, \
             {written:.0} KiB a second to the terminal",
            self.processor_percent,
            before / 1024,
            after / 1024
        )?;
        write!(f, "{} violations", self.problems.len())
    }
}

/// Makes the run.
///
/// # Errors
///
/// [`FixtureError`] when the run could not be made. The report contains violations.
pub fn run(
    fixture: &Fixture,
    settings: &Settings,
    control: &Control,
) -> Result<Report, FixtureError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source: io::Error| FixtureError::Socket { what, source }
    };
    let server = fixture.server(1, "reef").start()?;
    let ann = Screen::start(fixture, server.address(), "ann", &[], SIZE);
    ann.sees("no other client is here");
    ann.enters(&format!("/join {CHANNEL}"));
    ann.sees(&format!("you are in {CHANNEL}"));

    // The others are clients of a server that this program plays.
    control.progress.show(format_args!("members join"));
    let others = settings.members.saturating_sub(1).max(1);
    let mut swamp = Peer::v2_server(server.address(), SWAMP, "swamp", "server-quit,channels")
        .map_err(failed("server of the others"))?;
    for number in 0..others {
        let id = FIRST_MEMBER + number;
        let name = format!("member{number}");
        let joins = wire::channel_join(id, 0, 0, CHANNEL);
        let frames = [wire::client_registration(id, SWAMP, &name, ""), joins].concat();
        swamp.send(&frames).map_err(failed("members"))?;
    }
    ann.sees(&format!("{others} joined:"));
    let mut stream = swamp.into_stream();
    let reader = stream.try_clone().map_err(failed("clone"))?;
    let heard = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);

    thread::scope(|scope| {
        scope.spawn(|| listen(&reader, &heard, &is_over));
        let result = (|| {
            control.progress.show(format_args!("lines are said"));
            for number in 0..settings.lines {
                let frame = message(number.into(), others, "line");
                stream.write_all(&frame).map_err(failed("lines"))?;
            }
            if settings.lines > 0 {
                ann.sees(&format!("line {}.", settings.lines - 1));
            }
            control.check()?;
            control.progress.show(format_args!("the flood"));
            flood(settings, others, &ann, &mut stream, &heard, control)
        })();
        is_over.store(true, Ordering::Relaxed);
        let _ = stream.shutdown(std::net::Shutdown::Both);
        control.progress.clear();
        result
    })
}

/// A message of one of the others.
fn message(number: u64, others: u32, what: &str) -> Vec<u8> {
    let speaker = FIRST_MEMBER + u32::try_from(number % u64::from(others)).unwrap_or(0);
    let text = format!("{what} {number}. The sea is calm, and the kelp sways in the current");
    wire::channel_chat(speaker, CHANNEL, &text)
}

/// Reads what the server of the others is sent.
fn listen(mut reader: &TcpStream, heard: &Mutex<Vec<u8>>, is_over: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while !is_over.load(Ordering::Relaxed) {
        match reader.read(&mut buffer) {
            Ok(count @ 1..) => lock(heard).extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

fn usage(ann: &Screen) -> Result<Usage, FixtureError> {
    ann.usage().map_err(|source| FixtureError::Socket {
        what: "usage of the client".to_owned(),
        source,
    })
}

fn flood(
    settings: &Settings,
    others: u32,
    ann: &Screen,
    stream: &mut TcpStream,
    heard: &Mutex<Vec<u8>>,
    control: &Control,
) -> Result<Report, FixtureError> {
    let mut report = Report::default();
    let (before, written) = (usage(ann)?, ann.written());
    let started = Instant::now();
    let is_sent = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let result = send(settings, others, stream, started);
            is_sent.store(true, Ordering::Relaxed);
            result
        });
        // At least one line, although this thread may begin late.
        while (report.typed == 0 || !is_sent.load(Ordering::Relaxed)) && report.problems.is_empty()
        {
            type_line(ann, settings, &mut report);
        }
        sender
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the sender has panicked")))
    });
    control.check()?;
    (report.messages, report.lasted) = sent.map_err(|source| FixtureError::Socket {
        what: "flood".to_owned(),
        source,
    })?;
    let watched = started.elapsed();
    let after = usage(ann)?;
    report.resident_bytes = (before.resident_bytes, after.resident_bytes);
    let used = after.processor_time.saturating_sub(before.processor_time);
    report.processor_percent = 100.0 * used.as_secs_f64() / watched.as_secs_f64();
    report.written_bytes = ann.written() - written;
    if !report.problems.is_empty() {
        return Ok(report);
    }
    // The last message is seen, and all that was typed has arrived.
    ann.sees(&format!("flood {}.", report.messages - 1));
    let last = typed(report.typed.saturating_sub(1));
    let arrived = report.typed == 0 || wait::holds(LONG, || has(&lock(heard), &last));
    let heard = lock(heard);
    let mut rest = &heard[..];
    for number in 0..report.typed {
        let line = typed(number);
        match find(rest, line.as_bytes()) {
            Some(end) if arrived => rest = &rest[end..],
            _ => {
                report.problems.push(format!(
                    "{line:?} was typed, and has not arrived in its place"
                ));
                break;
            }
        }
    }
    if find(rest, LINE.as_bytes()).is_some() {
        report.problems.push("a line has arrived twice".to_owned());
    }
    let worst = report.echoes.iter().max().copied();
    if let (Some(worst), Some(max)) = (worst, settings.echo_max)
        && worst > max
    {
        report.problems.push(format!(
            "a letter took {worst:.1?} to be on the screen: more than {max:?}"
        ));
    }
    Ok(report)
}

/// Sends the flood, in portions. Returns how many messages it had, and how long that took.
fn send(
    settings: &Settings,
    others: u32,
    stream: &mut TcpStream,
    started: Instant,
) -> io::Result<(u64, Duration)> {
    let due_after = |elapsed: Duration| {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        micros.saturating_mul(settings.rate.into()) / 1_000_000
    };
    let all = due_after(settings.span).max(1);
    let mut sent = 0;
    while sent < all {
        let due = due_after(started.elapsed()).min(all);
        let portion: Vec<u8> = (sent..due)
            .flat_map(|number| message(number, others, "flood"))
            .collect();
        stream.write_all(&portion)?;
        sent = sent.max(due);
        wait::pause(PORTION);
    }
    Ok((sent, started.elapsed()))
}

fn typed(number: usize) -> String {
    format!("{LINE} {number}:00.")
}

/// Types a line, letter by letter, and waits for each to be on the screen.
fn type_line(ann: &Screen, settings: &Settings, report: &mut Report) {
    let line = typed(report.typed);
    let prompt = format!("{CHANNEL}> ");
    let mut shown = prompt.clone();
    for letter in line.chars() {
        shown.push(letter);
        let at = Instant::now();
        ann.types(&letter.to_string());
        let is_seen = wait::holds(LONG, || ann.last_row().as_deref() == Some(shown.trim_end()));
        if !is_seen {
            let (text, echo) = (ann.text(), settings.echo_max);
            report.problems.push(format!(
                "{shown:?} is not on the screen ({echo:?}):\n{text}"
            ));
            return;
        }
        report.echoes.push(at.elapsed());
    }
    ann.types("\r");
    report.typed += 1;
    if !wait::holds(LONG, || {
        ann.last_row().as_deref() == Some(prompt.trim_end())
    }) {
        report
            .problems
            .push(format!("{line:?} is not sent:\n{}", ann.text()));
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(wanted.len());
    windows
        .position(|window| window == wanted)
        .map(|at| at + wanted.len())
}

fn has(bytes: &MutexGuard<'_, Vec<u8>>, wanted: &str) -> bool {
    find(bytes, wanted.as_bytes()).is_some()
}
