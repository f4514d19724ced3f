//! What a process has used of the machine, as the system tells it. Looks into
//! `/proc`, so it works on Linux only; knows nothing of what the process is for.

use std::fs;
use std::io;
use std::time::Duration;

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Memory that is really there for it, in bytes.
    pub resident_bytes: u64,
    /// Processor time, its own and the system's on its behalf. In steps of 10 ms.
    pub processor_time: Duration,
    /// Open descriptors.
    pub descriptors: usize,
}

/// The unit in which `/proc` counts processor time, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    pub(crate) fn of(process: u32) -> io::Result<Usage> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let unreadable = || io::Error::from(io::ErrorKind::InvalidData);
        Ok(Usage {
            resident_bytes: resident_bytes(&status).ok_or_else(unreadable)?,
            processor_time: processor_time(&stat).ok_or_else(unreadable)?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
        })
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn processor_time(stat: &str) -> Option<Duration> {
    // The name may hold anything, blanks and brackets too; it ends at the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_they_stand() {
        let status = "Name:\tcrc-server\nVmPeak:\t  9000 kB\nVmRSS:\t    2340 kB\nThreads:\t2\n";
        assert_eq!(resident_bytes(status), Some(2340 * 1024));
        let stat = "12 (odd) na(me) S 1 12 12 0 -1 4194560 150 0 0 0 7 5 0 0 20 0 2 0 99 1 1";
        assert_eq!(processor_time(stat), Some(Duration::from_millis(120)));
        assert_eq!(resident_bytes(""), None);
        assert_eq!(processor_time("12 (cut) S 1"), None);
    }

    #[test]
    fn one_can_look_at_oneself() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(
            usage.resident_bytes > 0 && usage.descriptors > 2,
            "{usage:?}"
        );
    }
}
