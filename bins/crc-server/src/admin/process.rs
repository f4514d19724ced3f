//! The metrics of the process, as every program with a client library of Prometheus has them.

use std::fs;

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::metrics::{Kind, Metric, Value};

/// Up to how many descriptors are counted one by one, where the system does not count them.
/// Counting more would delay the relay.
const COUNTED_MAX: usize = 4096;

/// The metrics that the system provides.
pub(super) fn metrics(started_at_unix_ms: u64) -> Vec<Metric> {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    // Less than 2^53 seconds.
    #[allow(
        clippy::cast_precision_loss,
        reason = "seconds and milliseconds are small"
    )]
    let (cpu_seconds, started_seconds) = (
        cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
        started_at_unix_ms as f64 / 1e3,
    );
    let max_fds = getrlimit(Resource::Nofile).current;
    let memory = memory_bytes();
    [
        (
            Kind::Counter,
            "process_cpu_seconds",
            "Processor time used, user and system, in seconds.",
            Some(Value::Float(cpu_seconds)),
        ),
        (
            Kind::Gauge,
            "process_resident_memory_bytes",
            "Resident memory in bytes.",
            memory.map(|(_, resident)| Value::Integer(resident)),
        ),
        (
            Kind::Gauge,
            "process_virtual_memory_bytes",
            "Virtual memory in bytes.",
            memory.map(|(virtual_memory, _)| Value::Integer(virtual_memory)),
        ),
        (
            Kind::Gauge,
            "process_open_fds",
            "Open file descriptors.",
            open_fds().map(Value::Integer),
        ),
        (
            Kind::Gauge,
            "process_max_fds",
            "The limit of open file descriptors.",
            max_fds.map(Value::Integer),
        ),
        (
            Kind::Gauge,
            "process_start_time_seconds",
            "When the process started, in seconds of Unix time.",
            Some(Value::Float(started_seconds)),
        ),
    ]
    .into_iter()
    .filter_map(|(kind, name, help, value)| Some(Metric::new(kind, name, help).with(&[], value?)))
    .collect()
}

/// Virtual and resident memory.
fn memory_bytes() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().map(str::parse::<u64>);
    let page = page_size() as u64;
    let mut bytes = || Some(pages.next()?.ok()? * page);
    Some((bytes()?, bytes()?))
}

/// How many descriptors are open; `None` where that takes long to find out.
fn open_fds() -> Option<u64> {
    // Linux 6.2 and later say it as the folder's size.
    const FOLDER: &str = "/proc/self/fd";
    let counted = fs::metadata(FOLDER).ok()?.len();
    if counted > 0 {
        return Some(counted);
    }
    let count = fs::read_dir(FOLDER).ok()?.take(COUNTED_MAX + 1).count();
    // One of them reads the folder.
    (count <= COUNTED_MAX).then(|| count.saturating_sub(1) as u64)
}
