//! Reads a process's processor time and memory from `/proc`. On systems other than Linux all
//! functions return `None`.

use std::fs;
use std::time::Duration;

/// The processor time of all live threads of a process. It is exact to the nanosecond, except for
/// the time of a running thread since the system's last tick.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut nanoseconds = 0;
    for thread in threads {
        // A thread that has just ended no longer counts.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    // The first file is exact, the second approximate.
    of_file(process, "smaps_rollup", "Rss:").or_else(|| of_file(process, "status", "VmRSS:"))
}

/// The peak resident memory of a process, in bytes.
pub(crate) fn resident_peak(process: u32) -> Option<u64> {
    of_file(process, "status", "VmHWM:")
}

fn of_file(process: u32, file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    kibibytes(&text, key)
}

/// The value of `key`, converted from kB to bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_key() {
        let text = "VmPeak:\t   99 kB\nVmHWM:\t   12 kB\nVmRSS:\t    7 kB\n";
        assert_eq!(kibibytes(text, "VmRSS:"), Some(7 * 1024));
        assert_eq!(kibibytes(text, "VmHWM:"), Some(12 * 1024));
        assert_eq!(kibibytes(text, "Rss:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_its_own_process() {
        let own = std::process::id();
        let before = processor_time(own).unwrap();
        let mut work = 1_u64;
        while processor_time(own).unwrap() == before {
            work = std::hint::black_box(work.wrapping_mul(3));
        }
        let resident = resident(own).unwrap();
        assert!(resident > 4096 && resident_peak(own).unwrap() >= 4096);
    }

    #[test]
    fn a_missing_process_has_no_values() {
        assert_eq!(processor_time(u32::MAX), None);
        assert_eq!(resident(u32::MAX), None);
    }
}
