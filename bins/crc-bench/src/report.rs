//! A report: figures, as a table for people and as JSON for programs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value};

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Its key in JSON, with the unit.
    key: &'static str,
    /// Its label in the table.
    label: String,
    amount: Amount,
}

/// The value of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Amount {
    /// A number.
    Count(u64),
    /// A rate per second.
    PerSecond(f64),
    /// Bytes.
    Bytes(f64),
    /// Bytes per second.
    BytesPerSecond(f64),
    /// Nanoseconds.
    Time(f64),
    /// A fraction.
    Share(f64),
    /// The system does not report it, or the process is not known.
    Unknown,
}

/// The results of one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    workload: &'static str,
    figures: Vec<Figure>,
    /// The name and the figures of each server.
    servers: Vec<(String, Vec<Figure>)>,
    /// What the run has verified.
    verdict: &'static str,
    /// JSON keys of the previous release, each with the key that replaces it.
    deprecated: Vec<(&'static str, &'static str)>,
}

impl Report {
    /// Creates a report without figures.
    pub(crate) fn new(workload: &'static str, verdict: &'static str) -> Report {
        Report {
            workload,
            verdict,
            ..Report::default()
        }
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, key: &'static str, label: impl Into<String>, amount: Amount) {
        let label = label.into();
        self.figures.push(Figure { key, label, amount });
    }

    /// Adds the median, the 90th and 99th percentile and the maximum of `times`.
    pub(crate) fn add_times(&mut self, keys: [&'static str; 4], of: &str, times: &Histogram<u64>) {
        let names = ["median", "p90", "p99", "max"];
        let values = [
            times.value_at_quantile(0.5),
            times.value_at_quantile(0.9),
            times.value_at_quantile(0.99),
            times.max(),
        ];
        for ((key, name), value) in keys.into_iter().zip(names).zip(values) {
            let amount = match times.is_empty() {
                true => Amount::Unknown,
                false => Amount::Time(value as f64),
            };
            self.add(key, format!("{of}, {name}"), amount);
        }
    }

    /// Adds keys of the previous release to the JSON: each has the value of the key that replaces
    /// it. They work for one release.
    pub(crate) fn deprecate<const N: usize>(&mut self, keys: [(&'static str, &'static str); N]) {
        self.deprecated.extend(keys);
    }

    /// Adds the figures of one server.
    pub(crate) fn add_server(&mut self, name: &str, figures: &[(&'static str, &str, Amount)]) {
        let figure = |&(key, label, amount): &(&'static str, &str, Amount)| Figure {
            key,
            label: label.to_owned(),
            amount,
        };
        let figures = figures.iter().map(figure).collect();
        self.servers.push((name.to_owned(), figures));
    }

    /// The report as one object. An unknown value is `null`.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("workload".to_owned(), self.workload.into());
        object.extend(pairs(&self.figures));
        for (old, new) in &self.deprecated {
            let value = object.get(*new).cloned().unwrap_or_default();
            object.insert((*old).to_owned(), value);
        }
        let server = |(name, figures): &(String, Vec<Figure>)| {
            let mut object = Map::new();
            object.insert("server".to_owned(), name.as_str().into());
            object.extend(pairs(figures));
            Value::from(object)
        };
        let servers: Vec<Value> = self.servers.iter().map(server).collect();
        object.insert("servers".to_owned(), servers.into());
        object.into()
    }
}

fn pairs(figures: &[Figure]) -> impl Iterator<Item = (String, Value)> {
    figures
        .iter()
        .map(|figure| (figure.key.to_owned(), figure.amount.to_json()))
}

impl fmt::Display for Report {
    /// Writes a table, and a line that says what the run has verified.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.workload)?;
        let servers = self.servers.iter().flat_map(|(_, figures)| figures);
        let all = self.figures.iter().chain(servers);
        let widths = all.map(|figure| figure.label.chars().count() + 2);
        let width = widths.max().unwrap_or(0);
        for Figure { label, amount, .. } in &self.figures {
            writeln!(f, "  {label:<width$}  {amount:>14}")?;
        }
        for (name, figures) in &self.servers {
            writeln!(f, "  server {name}")?;
            for Figure { label, amount, .. } in figures {
                let width = width - 2;
                writeln!(f, "    {label:<width$}  {amount:>14}")?;
            }
        }
        write!(f, "  {}", self.verdict)
    }
}

impl Amount {
    /// Processor time per item.
    pub(crate) fn time_each(time: Option<Duration>, count: u64) -> Amount {
        match time {
            Some(time) if count > 0 => Amount::Time(time.as_nanos() as f64 / count as f64),
            _ => Amount::Unknown,
        }
    }

    /// The rate of `count` items in `time`.
    pub(crate) fn rate(count: u64, time: Duration) -> Amount {
        Amount::PerSecond(count as f64 / time.as_secs_f64().max(1e-9))
    }

    /// Processor time as a fraction of the elapsed time.
    pub(crate) fn load(part: Option<Duration>, time: Duration) -> Amount {
        part.map_or(Amount::Unknown, |part| {
            Amount::Share(part.as_secs_f64() / time.as_secs_f64().max(1e-9))
        })
    }

    /// Bytes, if they are known.
    pub(crate) fn bytes(bytes: Option<u64>) -> Amount {
        bytes.map_or(Amount::Unknown, |bytes| Amount::Bytes(bytes as f64))
    }

    /// Time, if it is known.
    pub(crate) fn time(time: Option<Duration>) -> Amount {
        time.map_or(Amount::Unknown, |time| Amount::Time(time.as_nanos() as f64))
    }

    fn to_json(self) -> Value {
        match self {
            Amount::Count(count) => count.into(),
            Amount::Unknown => Value::Null,
            Amount::PerSecond(number)
            | Amount::Bytes(number)
            | Amount::BytesPerSecond(number)
            | Amount::Time(number)
            | Amount::Share(number) => number.into(),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Amount::Count(count) => grouped(count as f64),
            Amount::PerSecond(number) => format!("{}/s", grouped(number)),
            Amount::Bytes(number) => bytes(number),
            Amount::BytesPerSecond(number) => format!("{}/s", bytes(number)),
            Amount::Time(number) => time(number),
            Amount::Share(number) => format!("{:.1} %", number * 100.0),
            Amount::Unknown => "unknown".to_owned(),
        };
        f.pad(&text)
    }
}

/// Formats nanoseconds in a suitable unit.
pub(crate) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Formats bytes in a suitable unit.
pub(crate) fn bytes(number: f64) -> String {
    const KIB: f64 = 1024.0;
    match number {
        n if n.abs() < KIB => format!("{n:.0} B"),
        n if n.abs() < KIB * KIB => format!("{:.1} KiB", n / KIB),
        n if n.abs() < KIB * KIB * KIB => format!("{:.1} MiB", n / KIB / KIB),
        n => format!("{:.2} GiB", n / KIB / KIB / KIB),
    }
}

/// Formats a whole number with commas between thousands.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_formatted() {
        let read = |amount: Amount| amount.to_string();
        assert_eq!(read(Amount::Count(1_234_567)), "1,234,567");
        assert_eq!(read(Amount::Count(123)), "123");
        assert_eq!(read(Amount::PerSecond(1234.4)), "1,234/s");
        assert_eq!(read(Amount::Bytes(1023.0)), "1023 B");
        assert_eq!(read(Amount::Bytes(1536.0)), "1.5 KiB");
        assert_eq!(read(Amount::BytesPerSecond(3e9)), "2.79 GiB/s");
        assert_eq!(read(Amount::Time(31.26)), "31.3 ns");
        assert_eq!(read(Amount::Time(31_260.0)), "31.26 µs");
        assert_eq!(read(Amount::Time(2.5e9)), "2.50 s");
        assert_eq!(read(Amount::Share(0.123)), "12.3 %");
        assert_eq!(read(Amount::Unknown), "unknown");
    }

    #[test]
    fn a_count_of_zero_is_not_a_divisor() {
        assert_eq!(
            Amount::time_each(Some(Duration::from_secs(1)), 0),
            Amount::Unknown
        );
        assert_eq!(Amount::time_each(None, 5), Amount::Unknown);
        let each = Amount::time_each(Some(Duration::from_nanos(100)), 8);
        assert_eq!(each, Amount::Time(12.5));
        assert_eq!(
            Amount::rate(50, Duration::from_millis(500)),
            Amount::PerSecond(100.0)
        );
    }

    #[test]
    fn adds_percentiles_under_new_and_old_keys() {
        let mut times = Histogram::new(3).unwrap();
        for time in 1..=1000 {
            times.record(time * 1000).unwrap();
        }
        let mut report = Report::new("ping-pong", "verified");
        report.add_times(["a", "b", "c", "d"], "round trip", &times);
        report.deprecate([("old", "a")]);
        let json = report.to_json();
        assert_eq!(json["old"], json["a"]);
        for (key, expected) in [("a", 500e3), ("b", 900e3), ("c", 990e3), ("d", 1000e3)] {
            let value = json[key].as_f64().unwrap();
            assert!((value / expected - 1.0).abs() < 0.002, "{key}: {value}");
        }
    }

    #[test]
    fn the_table_and_the_json_agree() {
        let mut report = Report::new("stream", "verified");
        report.add("messages", "messages", Amount::Count(5));
        report.add("server_cpu_ns", "server time", Amount::Unknown);
        report.add_server("here:1", &[("cpu_ns", "time", Amount::Time(2.0))]);
        let expected = "stream
  messages                    5
  server time    unknown
  server here:1
    time               2.0 ns
  verified";
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&report.to_string()), squeeze(expected));
        let expected = serde_json::json!({
            "workload": "stream",
            "messages": 5,
            "server_cpu_ns": null,
            "servers": [{"server": "here:1", "cpu_ns": 2.0}],
        });
        assert_eq!(report.to_json(), expected);
    }
}
