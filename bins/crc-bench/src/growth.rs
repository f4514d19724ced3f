//! How cost grows: the same loads with more clients, more servers, longer
//! messages; as tables and plots.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::args::Shape;
use crate::failure::Failure;
use crate::fleet::Placement;
use crate::plot::{self, Axis, Line, Scale};
use crate::report;
use crate::words;
use crate::workload::{self, Crowd, Load, Setting, Storm, Talk};

const CLIENTS: [usize; 4] = [10, 100, 1000, 10_000];
const SERVERS: [usize; 7] = [1, 2, 3, 4, 6, 8, 12];
const SIZES: [usize; 7] = [16, 64, 256, 1024, 4096, 16_384, 65_536];
/// How many stream while all others are silent; five clients talk by pairs.
const STREAMS: usize = 4;
const PAIRS: usize = 8;
const SIZE: usize = 64;
/// The table of all.
const TABLES: &str = "growth.md";

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Time,
    Memory,
}

impl Unit {
    fn words(self) -> fn(f64) -> String {
        match self {
            Unit::Time => report::time,
            Unit::Memory => report::bytes,
        }
    }

    /// The same for round values, without digits that say nothing.
    fn words_of_tick(self) -> fn(f64) -> String {
        fn short(text: &str) -> String {
            text.replace(".00 ", " ").replace(".0 ", " ")
        }
        match self {
            Unit::Time => |value| short(&report::time(value)),
            Unit::Memory => |value| short(&report::bytes(value)),
        }
    }
}

/// One question, and the answers.
#[derive(Debug)]
struct Question {
    /// The name of its plot's file, without ending.
    file: &'static str,
    title: &'static str,
    /// What grows.
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
        let words = self.unit.words();
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
                point.map_or("-".to_owned(), |point| words(point.1))
            };
            let cells: Vec<String> = self.lines.iter().map(cell).collect();
            let _ = writeln!(table, "| {} | {} |", (self.x.words)(x), cells.join(" | "));
        }
        table
    }

    fn plot(&self) -> String {
        let y = Axis {
            scale: self.y_scale,
            label: self.y_label,
            words: self.unit.words_of_tick(),
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

/// The figures, for people and for programs.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// Measures, and writes tables and plots into `folder`.
pub(crate) fn run(
    setting: &Setting<'_>,
    folder: &Path,
    clients_max: usize,
    rounds: u32,
) -> Result<Growth, Failure> {
    let named = &setting.network.server;
    if !named.is_empty() || setting.network.start.is_some() || setting.network.shape.is_some() {
        let words =
            "growth starts servers as it needs them: leave out --server, --start and --shape";
        return Err(Failure::Demand(words.to_owned()));
    }
    let shown = folder.display().to_string();
    let failed = || Failure::system(format!("cannot write to {shown}"));
    fs::create_dir_all(folder).map_err(failed())?;
    let permitted = setting.clients_max();
    let mut counts: Vec<usize> = CLIENTS.into_iter().filter(|&n| n <= clients_max).collect();
    if let Some(count) = counts.iter_mut().find(|count| **count > permitted) {
        // As many as there may be, in place of the first that may not.
        *count = permitted & !1;
    }
    counts.dedup();
    counts.retain(|&count| count <= permitted);
    let points = counts.len() + (SERVERS.len() + 2 * SIZES.len()) * rounds as usize;
    let mut course = Course {
        setting,
        rounds,
        done: 0,
        points: points as u64,
    };
    let mut questions = course.clients(&counts)?;
    questions.push(course.servers()?);
    questions.push(course.sizes()?);
    setting.progress.finish();

    let mut text = format!(
        "Written by `crc-bench growth`: {} s for each measurement, the least of {rounds}. The server's\n\
         processor time for each message or announcement; its resident memory. At most {permitted} clients\n\
         were permitted by the limit of descriptors.\n",
        setting.bounds.seconds
    );
    for question in &questions {
        let (file, title) = (question.file, question.title);
        let svg = folder.join(format!("{file}.svg"));
        fs::write(svg, question.plot()).map_err(failed())?;
        let table = question.table();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {title}\n\n![{title}]({file}.svg)\n\n{table}");
    }
    let written = format!("# How cost grows\n\n{text}");
    fs::write(folder.join(TABLES), written).map_err(failed())?;
    let _ = write!(text, "\nWritten to {shown}: {TABLES} and the plots.");
    let json = json!({
        "workload": "growth",
        "clients_permitted": permitted,
        "seconds": setting.bounds.seconds,
        "rounds": rounds,
        "questions": questions.iter().map(Question::to_json).collect::<Vec<_>>(),
    });
    Ok(Growth { text, json })
}

/// All measurements, one after the other.
struct Course<'a> {
    setting: &'a Setting<'a>,
    rounds: u32,
    done: u64,
    points: u64,
}

impl Course<'_> {
    fn next(&mut self) {
        self.done += 1;
        self.setting.progress.point(self.done, self.points);
    }

    fn clients(&mut self, counts: &[usize]) -> Result<Vec<Question>, Failure> {
        let x = Axis {
            scale: Scale::Logarithmic,
            label: "clients",
            words: report::grouped,
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
                line(&format!("{STREAMS} pairs stream, the others are silent")),
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
            self.next();
            let crowd = |talk| Crowd {
                talk,
                size: SIZE,
                clients,
                placement: Placement::Dealt,
            };
            let all = Talk::PingPong { pairs: clients / 2 };
            let few = Talk::Stream { pairs: STREAMS };
            // One storm is long enough, and all rounds have the same clients.
            let crowds = [crowd(all), crowd(few)].repeat(self.rounds as usize);
            let (storm, loads) = workload::storm_and_loads(self.setting, &crowds)?;
            let least = |of: usize| {
                let loads = loads.iter().skip(of).step_by(2);
                least(loads.map(per_message))
            };
            messages.add(0, clients, least(0));
            messages.add(1, clients, least(1));
            joining.add(0, clients, per_announcement(&storm));
            let each = words::memory_per_client(&storm);
            // Of a few clients nothing is seen but what the server has for itself.
            memory.add(
                0,
                clients,
                each.filter(|bytes| clients >= 100 && *bytes > 0.0),
            );
        }
        Ok(vec![messages, joining, memory])
    }

    fn servers(&mut self) -> Result<Question, Failure> {
        let mut question = Question {
            file: "growth-servers",
            title: "CPU per message, by servers in a line",
            x: Axis {
                scale: Scale::Linear,
                label: "servers on the way",
                words: report::grouped,
            },
            unit: Unit::Time,
            y_label: "CPU per message",
            y_scale: Scale::Linear,
            lines: vec![line("all servers together"), line("each server")],
        };
        for servers in SERVERS {
            let mut setting = self.setting.clone();
            setting.start = servers;
            setting.shape = Shape::Line;
            let crowd = Crowd {
                talk: Talk::Stream { pairs: PAIRS },
                size: SIZE,
                clients: 0,
                placement: Placement::Endpoints,
            };
            let all = self.least_of(&setting, crowd)?;
            question.add(0, servers, all);
            question.add(1, servers, all.map(|all| all / servers as f64));
        }
        Ok(question)
    }

    fn sizes(&mut self) -> Result<Question, Failure> {
        let mut question = Question {
            file: "growth-size",
            title: "CPU per message, by its size",
            x: Axis {
                scale: Scale::Logarithmic,
                label: "bytes of text",
                words: report::grouped,
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
            let talks = [
                Talk::Stream { pairs: PAIRS },
                Talk::PingPong { pairs: PAIRS },
            ];
            for (number, talk) in talks.into_iter().enumerate() {
                let crowd = Crowd {
                    talk,
                    size,
                    clients: 0,
                    placement: Placement::Dealt,
                };
                let setting = self.setting;
                let value = self.least_of(setting, crowd)?;
                question.add(number, size, value);
            }
        }
        Ok(question)
    }

    fn least_of(&mut self, setting: &Setting<'_>, crowd: Crowd) -> Result<Option<f64>, Failure> {
        let mut values = Vec::new();
        for _ in 0..self.rounds {
            self.next();
            values.push(per_message(&workload::load(setting, crowd)?));
        }
        Ok(least(values.into_iter()))
    }
}

/// Nanoseconds of all servers' processor time.
fn per_message(load: &Load) -> Option<f64> {
    each(load.span.all_servers()?.as_nanos(), load.messages)
}

fn per_announcement(storm: &Storm) -> Option<f64> {
    each(storm.span.all_servers()?.as_nanos(), storm.told)
}

fn each(nanoseconds: u128, count: u64) -> Option<f64> {
    // So little is less than what the system counts in.
    (nanoseconds > 0 && count > 0).then(|| nanoseconds as f64 / count as f64)
}

/// Disturbances only ever add to processor time, so the least says most.
fn least(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_point_and_says_what_is_missing() {
        let mut question = Question {
            file: "file",
            title: "title",
            x: Axis {
                scale: Scale::Logarithmic,
                label: "clients",
                words: report::grouped,
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
    fn the_least_counts_and_nothing_is_not_a_figure() {
        assert_eq!(least([Some(3.0), None, Some(2.0)].into_iter()), Some(2.0));
        assert_eq!(least([None].into_iter()), None);
        assert_eq!(each(100, 0), None);
        assert_eq!(each(0, 100), None);
        assert_eq!(each(100, 8), Some(12.5));
    }
}
