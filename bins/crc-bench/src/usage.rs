//! What the system says of a process: processor time and memory. Linux tells
//! it in `/proc`; of others nothing is known, and `None` is the answer.

use std::fs;
use std::time::Duration;

/// The processor time that all threads of a process have had, those that have
/// ended not included. To the nanosecond, but for what a running thread has had
/// since the system's last tick.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut nanoseconds = 0;
    for thread in threads {
        // A thread that has just ended counts no more.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// The memory of a process that is resident, in bytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    // Counted exactly in the one file, roughly in the other.
    of_file(process, "smaps_rollup", "Rss:").or_else(|| of_file(process, "status", "VmRSS:"))
}

/// The most memory of a process that ever was resident, in bytes.
pub(crate) fn resident_peak(process: u32) -> Option<u64> {
    of_file(process, "status", "VmHWM:")
}

fn of_file(process: u32, file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    kibibytes(&text, key)
}

/// The number behind a key, in kB there, in bytes here.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found() {
        let text = "VmPeak:\t   99 kB\nVmHWM:\t   12 kB\nVmRSS:\t    7 kB\n";
        assert_eq!(kibibytes(text, "VmRSS:"), Some(7 * 1024));
        assert_eq!(kibibytes(text, "VmHWM:"), Some(12 * 1024));
        assert_eq!(kibibytes(text, "Rss:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_known() {
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
    fn nobody_is_nothing() {
        assert_eq!(processor_time(u32::MAX), None);
        assert_eq!(resident(u32::MAX), None);
    }
}
