//! Measures how costs grow with the number of clients, the number of servers and the size of
//! messages, and writes tables and plots.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::args::Shape;
use crate::client_pool::Placement;
use crate::failure::Failure;
use crate::plot::{self, Axis, Line, Scale};
use crate::report;
use crate::results;
use crate::workload::{self, JoinStorm, Load, LoadSpec, Pattern, Settings};

const CLIENTS: [usize; 4] = [10, 100, 1000, 10_000];
const SERVERS: [usize; 7] = [1, 2, 3, 4, 6, 8, 12];
const SIZES: [usize; 7] = [16, 64, 256, 1024, 4096, 16_384, 65_536];
/// This many pairs stream while all other clients are idle.
const STREAMS: usize = 4;
const PAIRS: usize = 8;
const SIZE: usize = 64;
/// The file with all tables.
const TABLES: &str = "growth.md";

/// The unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Time,
    Memory,
}

impl Unit {
    /// The function that formats a value.
    fn format(self) -> fn(f64) -> String {
        match self {
            Unit::Time => report::time,
            Unit::Memory => report::bytes,
        }
    }

    /// Like [`format`](Self::format), for round values: without zeros behind the point.
    fn format_tick(self) -> fn(f64) -> String {
        fn short(text: &str) -> String {
            text.replace(".00 ", " ").replace(".0 ", " ")
        }
        match self {
            Unit::Time => |value| short(&report::time(value)),
            Unit::Memory => |value| short(&report::bytes(value)),
        }
    }
}

/// One question, with its answers.
#[derive(Debug)]
struct Question {
    /// The name of its plot's file, without the extension.
    file: &'static str,
    title: &'static str,
    /// The quantity that grows.
    x: Axis,
    unit: Unit,
    y_label: &'static str,
    y_scale: Scale,
    lines: Vec<Line>,
}

impl Question {
    fn add(&mut self, line: usize, x: usize, value: Option<f64>) {
        if let (Some(line), Some(value)) = (self.lines.get_mut(line), value) {
            line.points.push((x as f64, value));
        }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        let format = self.unit.format();
        let names: Vec<&str> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let rule = "---:|".repeat(names.len() + 1);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} |\n|{rule}",
            self.x.label,
            names.join(" | ")
        );
        let mut rows: Vec<f64> = Vec::new();
        for &(x, _) in self.lines.iter().flat_map(|line| &line.points) {
            if !rows.contains(&x) {
                rows.push(x);
            }
        }
        for x in rows {
            let cell = |line: &Line| {
                let point = line.points.iter().find(|point| point.0 == x);
                point.map_or("-".to_owned(), |point| format(point.1))
            };
            let cells: Vec<String> = self.lines.iter().map(cell).collect();
            let _ = writeln!(table, "| {} | {} |", (self.x.format)(x), cells.join(" | "));
        }
        table
    }

    fn plot(&self) -> String {
        let y = Axis {
            scale: self.y_scale,
            label: self.y_label,
            format: self.unit.format_tick(),
        };
        plot::svg(self.title, self.x, y, &self.lines)
    }

    fn to_json(&self) -> Value {
        let line = |line: &Line| json!({"name": line.name, "points": line.points});
        json!({
            "question": self.title,
            "x": self.x.label,
            "unit": match self.unit { Unit::Time => "ns", Unit::Memory => "bytes" },
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

fn line(name: &str) -> Line {
    Line {
        name: name.to_owned(),
        points: Vec::new(),
    }
}

/// The results, for people and for programs.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// Measures, and writes tables and plots to `folder`.
pub(crate) fn run(
    settings: &Settings<'_>,
    folder: &Path,
    clients_max: usize,
    rounds: u32,
) -> Result<Growth, Failure> {
    let named = &settings.network.server;
    if !named.is_empty() || settings.network.start.is_some() || settings.network.shape.is_some() {
        let text = "growth starts its own servers: leave out --server, --start and --shape";
        return Err(Failure::Unusable(text.to_owned()));
    }
    let shown = folder.display().to_string();
    let failed = || Failure::system(format!("cannot write to {shown}"));
    fs::create_dir_all(folder).map_err(failed())?;
    let permitted = settings.clients_max();
    let mut counts: Vec<usize> = CLIENTS.into_iter().filter(|&n| n <= clients_max).collect();
    if let Some(count) = counts.iter_mut().find(|count| **count > permitted) {
        // The first count above the permitted one becomes the permitted one.
        *count = permitted & !1;
    }
    counts.dedup();
    counts.retain(|&count| count <= permitted);
    let points = counts.len() + (SERVERS.len() + 2 * SIZES.len()) * rounds as usize;
    let mut run = GrowthRun {
        settings,
        rounds,
        done: 0,
        points: points as u64,
    };
    let mut questions = run.by_clients(&counts)?;
    questions.push(run.by_servers()?);
    questions.push(run.by_size()?);
    settings.progress.finish();

    let mut text = format!(
        "Written by `crc-bench growth`: {} s per measurement, the minimum of {rounds}. The values are the\n\
         servers' processor time per message or announcement, and their resident memory. The descriptor\n\
         limit permitted at most {permitted} clients.\n",
        settings.bounds.seconds
    );
    for question in &questions {
        let (file, title) = (question.file, question.title);
        let svg = folder.join(format!("{file}.svg"));
        fs::write(svg, question.plot()).map_err(failed())?;
        let table = question.table();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {title}\n\n![{title}]({file}.svg)\n\n{table}");
    }
    let written = format!("# How costs grow\n\n{text}");
    fs::write(folder.join(TABLES), written).map_err(failed())?;
    let _ = write!(text, "\nWritten to {shown}: {TABLES} and the plots.");
    let json = json!({
        "workload": "growth",
        "clients_permitted": permitted,
        "seconds": settings.bounds.seconds,
        "rounds": rounds,
        "questions": questions.iter().map(Question::to_json).collect::<Vec<_>>(),
    });
    Ok(Growth { text, json })
}

/// The measurements in progress.
struct GrowthRun<'a> {
    settings: &'a Settings<'a>,
    rounds: u32,
    done: u64,
    points: u64,
}

impl GrowthRun<'_> {
    fn next_point(&mut self) {
        self.done += 1;
        self.settings.progress.point(self.done, self.points);
    }

    fn by_clients(&mut self, counts: &[usize]) -> Result<Vec<Question>, Failure> {
        let x = Axis {
            scale: Scale::Logarithmic,
            label: "clients",
            format: report::grouped,
        };
        let mut messages = Question {
            file: "growth-clients",
            title: "CPU per message, by clients",
            x,
            unit: Unit::Time,
            y_label: "server CPU per message",
            y_scale: Scale::Logarithmic,
            lines: vec![
                line("all in ping-pong"),
                line(&format!("{STREAMS} pairs stream, the others are idle")),
            ],
        };
        let mut joining = Question {
            file: "growth-join",
            title: "CPU per announcement in a join storm, by clients",
            y_label: "server CPU per announcement",
            lines: vec![line("join storm")],
            x,
            unit: Unit::Time,
            y_scale: Scale::Logarithmic,
        };
        let mut memory = Question {
            file: "growth-memory",
            title: "Resident memory per client after a join storm, by clients",
            y_label: "growth of memory per client",
            lines: vec![line("join storm")],
            x,
            unit: Unit::Memory,
            y_scale: Scale::Logarithmic,
        };
        for &clients in counts {
            self.next_point();
            let spec = |pattern| LoadSpec {
                pattern,
                size: SIZE,
                clients,
                placement: Placement::RoundRobin,
            };
            let all = Pattern::PingPong { pairs: clients / 2 };
            let few = Pattern::Stream { pairs: STREAMS };
            // One join storm is long enough. All rounds use the same clients.
            let specs = [spec(all), spec(few)].repeat(self.rounds as usize);
            let (storm, loads) = workload::join_storm_and_loads(self.settings, &specs)?;
            let minimum_of = |first: usize| {
                let loads = loads.iter().skip(first).step_by(2);
                minimum(loads.map(per_message))
            };
            messages.add(0, clients, minimum_of(0));
            messages.add(1, clients, minimum_of(1));
            joining.add(0, clients, per_announcement(&storm));
            let each = results::memory_per_client(&storm);
            // With few clients the server's own memory outweighs theirs.
            memory.add(
                0,
                clients,
                each.filter(|bytes| clients >= 100 && *bytes > 0.0),
            );
        }
        Ok(vec![messages, joining, memory])
    }

    fn by_servers(&mut self) -> Result<Question, Failure> {
        let mut question = Question {
            file: "growth-servers",
            title: "CPU per message, by servers in a line",
            x: Axis {
                scale: Scale::Linear,
                label: "servers in the line",
                format: report::grouped,
            },
            unit: Unit::Time,
            y_label: "CPU per message",
            y_scale: Scale::Linear,
            lines: vec![line("all servers together"), line("each server")],
        };
        for servers in SERVERS {
            let mut settings = self.settings.clone();
            settings.start = servers;
            settings.shape = Shape::Line;
            let spec = LoadSpec {
                pattern: Pattern::Stream { pairs: PAIRS },
                size: SIZE,
                clients: 0,
                placement: Placement::FirstAndLast,
            };
            let all = self.minimum_of(&settings, spec)?;
            question.add(0, servers, all);
            question.add(1, servers, all.map(|all| all / servers as f64));
        }
        Ok(question)
    }

    fn by_size(&mut self) -> Result<Question, Failure> {
        let mut question = Question {
            file: "growth-size",
            title: "CPU per message, by its size",
            x: Axis {
                scale: Scale::Logarithmic,
                label: "bytes of text",
                format: report::grouped,
            },
            unit: Unit::Time,
            y_label: "server CPU per message",
            y_scale: Scale::Logarithmic,
            lines: vec![
                line(&format!("{PAIRS} pairs stream")),
                line(&format!("{PAIRS} pairs in ping-pong")),
            ],
        };
        for size in SIZES {
            let patterns = [
                Pattern::Stream { pairs: PAIRS },
                Pattern::PingPong { pairs: PAIRS },
            ];
            for (number, pattern) in patterns.into_iter().enumerate() {
                let spec = LoadSpec {
                    pattern,
                    size,
                    clients: 0,
                    placement: Placement::RoundRobin,
                };
                let settings = self.settings;
                let value = self.minimum_of(settings, spec)?;
                question.add(number, size, value);
            }
        }
        Ok(question)
    }

    fn minimum_of(
        &mut self,
        settings: &Settings<'_>,
        spec: LoadSpec,
    ) -> Result<Option<f64>, Failure> {
        let mut values = Vec::new();
        for _ in 0..self.rounds {
            self.next_point();
            values.push(per_message(&workload::load(settings, spec)?));
        }
        Ok(minimum(values.into_iter()))
    }
}

/// All servers' processor time per message, in nanoseconds.
fn per_message(load: &Load) -> Option<f64> {
    per_item(load.span.all_servers()?.as_nanos(), load.messages)
}

/// All servers' processor time per announcement, in nanoseconds.
fn per_announcement(storm: &JoinStorm) -> Option<f64> {
    per_item(storm.span.all_servers()?.as_nanos(), storm.announcements)
}

fn per_item(nanoseconds: u128, count: u64) -> Option<f64> {
    // Zero means less than the resolution of the system's clock.
    (nanoseconds > 0 && count > 0).then(|| nanoseconds as f64 / count as f64)
}

/// The minimum. Disturbances only add to processor time.
fn minimum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_per_point_and_marks_missing_values() {
        let mut question = Question {
            file: "file",
            title: "title",
            x: Axis {
                scale: Scale::Logarithmic,
                label: "clients",
                format: report::grouped,
            },
            unit: Unit::Time,
            y_label: "time",
            y_scale: Scale::Logarithmic,
            lines: vec![line("one"), line("two")],
        };
        question.add(0, 10, Some(31.0));
        question.add(1, 10, Some(2000.0));
        question.add(0, 1000, Some(42.0));
        question.add(1, 1000, None);
        let expected = "| clients | one | two |\n\
            |---:|---:|---:|\n\
            | 10 | 31.0 ns | 2.00 µs |\n\
            | 1,000 | 42.0 ns | - |\n";
        assert_eq!(question.table(), expected);
        assert_eq!(
            question.to_json()["lines"][0]["points"][1],
            json!([1000.0, 42.0])
        );
        assert_eq!(question.plot().matches("<circle").count(), 3);
    }

    #[test]
    fn the_minimum_ignores_missing_values() {
        assert_eq!(minimum([Some(3.0), None, Some(2.0)].into_iter()), Some(2.0));
        assert_eq!(minimum([None].into_iter()), None);
        assert_eq!(per_item(100, 0), None);
        assert_eq!(per_item(0, 100), None);
        assert_eq!(per_item(100, 8), Some(12.5));
    }
}
