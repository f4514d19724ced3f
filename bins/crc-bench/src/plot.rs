//! Draws line plots as SVG, with linear or logarithmic axes.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 60.0;
/// Distinguishable with colour blindness, too.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const DASHES: [&str; 4] = ["none", "7 4", "2 3", "9 3 2 3"];

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Starts at 0.
    Linear,
    /// Starts at the least value. All values are greater than 0.
    Logarithmic,
}

/// One axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    pub(crate) label: &'static str,
    /// Formats a value for the axis.
    pub(crate) format: fn(f64) -> String,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Draws lines over the axes `x` and `y`, with a tick mark at the `x` of every point.
pub(crate) fn svg(title: &str, x: Axis, y: Axis, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let mut marks: Vec<f64> = points().map(|point| point.0).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    let across = Range::of(marks.iter().copied(), x.scale, false);
    let up = Range::of(points().map(|point| point.1), y.scale, true);
    let place_x = |value| LEFT + across.place(value) * (WIDTH - LEFT - RIGHT);
    let place_y = |value| HEIGHT - BOTTOM - up.place(value) * (HEIGHT - TOP - BOTTOM);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut draw = |text: std::fmt::Arguments<'_>| {
        let _ = out.write_fmt(text);
        out.push('\n');
    };
    draw(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">"#
    ));
    draw(format_args!(
        r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
    ));
    draw(format_args!(
        r#"<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{}</text>"#,
        escaped(title)
    ));
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for value in up.ticks() {
        let at = place_y(value);
        draw(format_args!(
            r##"<line x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}" stroke="#dddddd"/>"##
        ));
        draw(format_args!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            at + 4.0,
            escaped(&(y.format)(value))
        ));
    }
    for &value in &marks {
        let at = place_x(value);
        draw(format_args!(
            r##"<line x1="{at:.1}" y1="{bottom}" x2="{at:.1}" y2="{:.1}" stroke="#444444"/>"##,
            bottom + 5.0
        ));
        draw(format_args!(
            r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            bottom + 20.0,
            escaped(&(x.format)(value))
        ));
    }
    draw(format_args!(
        r##"<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#444444"/>"##
    ));
    draw(format_args!(
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        (LEFT + right) / 2.0,
        HEIGHT - 14.0,
        escaped(x.label)
    ));
    draw(format_args!(
        r#"<text transform="translate(18 {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
        (TOP + bottom) / 2.0,
        escaped(y.label)
    ));
    let looks = COLOURS.iter().zip(DASHES).cycle();
    let mut legend = LEFT;
    for (line, (colour, dash)) in lines.iter().zip(looks) {
        let mut path = Vec::new();
        for &(x, y) in &line.points {
            let (x, y) = (place_x(x), place_y(y));
            path.push(format!("{x:.1},{y:.1}"));
            draw(format_args!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#
            ));
        }
        let stroke =
            format!(r#"fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}""#);
        draw(format_args!(
            r#"<polyline points="{}" {stroke}/>"#,
            path.join(" ")
        ));
        draw(format_args!(r#"<path d="M{legend:.1} 46h28" {stroke}/>"#));
        draw(format_args!(
            r#"<text x="{:.1}" y="50">{}</text>"#,
            legend + 34.0,
            escaped(&line.name)
        ));
        legend += 34.0 + 7.2 * line.name.chars().count() as f64 + 24.0;
    }
    draw(format_args!("</svg>"));
    out
}

/// The range of an axis.
#[derive(Debug, Clone, Copy)]
struct Range {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Range {
    /// The range of all values, extended to round numbers if `round`.
    fn of(values: impl Iterator<Item = f64>, scale: Scale, round: bool) -> Range {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        match scale {
            Scale::Linear => {
                low = low.min(0.0);
                high = if round { ceiling(high) } else { high };
            }
            Scale::Logarithmic => {
                low = low.max(1e-3);
                high = high.max(low);
                if round {
                    (low, high) = (floor(low), ceiling(high));
                }
            }
        }
        if low == high {
            high = if low == 0.0 { 1.0 } else { low * 2.0 };
        }
        Range { scale, low, high }
    }

    /// The position of a value: 0 at the start of the axis, 1 at its end.
    fn place(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => {
                (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
            }
        }
    }

    /// The round values to write at the axis.
    fn ticks(self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=5)
                .map(|part| self.high * f64::from(part) / 5.0)
                .collect(),
            Scale::Logarithmic => {
                let rounds = (-3..=15)
                    .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
                let within =
                    rounds.filter(|round| (self.low * 0.999..=self.high * 1.001).contains(round));
                let all: Vec<f64> = within.collect();
                if all.len() <= 8 {
                    return all;
                }
                // With many values only powers of ten.
                let power = |round: &f64| (round.log10() - round.log10().round()).abs() < 1e-9;
                all.into_iter().filter(power).collect()
            }
        }
    }
}

/// The greatest of 1, 2, 5, 10, 20 ... that is at most `value`.
fn floor(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digits = [5.0, 2.0, 1.0].map(|digit| digit * power);
    let found = digits.into_iter().find(|&round| round <= value * 1.000_001);
    found.unwrap_or(power)
}

/// The least of 1, 2, 5, 10, 20 ... that is at least `value`.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let found = digits.into_iter().find(|&round| round >= value * 0.999_999);
    found.unwrap_or(10.0 * power)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis {
            scale,
            label: "axis",
            format: |value| format!("<{value}>"),
        }
    }

    #[test]
    fn round_numbers_enclose_a_value() {
        assert_eq!((floor(31.0), ceiling(31.0)), (20.0, 50.0));
        assert_eq!((floor(50.0), ceiling(50.0)), (50.0, 50.0));
        assert_eq!((floor(0.7), ceiling(99.0)), (0.5, 100.0));
        assert_eq!(ceiling(0.0), 1.0);
    }

    #[test]
    fn values_map_to_positions() {
        let range = Range::of([10.0, 1000.0].into_iter(), Scale::Logarithmic, true);
        assert!((range.place(100.0) - 0.5).abs() < 1e-9);
        let range = Range::of([3.0, 9.0].into_iter(), Scale::Linear, true);
        assert!((range.place(5.0) - 0.5).abs() < 1e-9, "{range:?}");
        assert_eq!(range.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let range = Range::of([30.0, 90.0].into_iter(), Scale::Logarithmic, true);
        assert_eq!(range.ticks().len(), 3, "{range:?}");
        // No values and equal values cause no division by zero.
        for values in [&[][..], &[0.0], &[7.0, 7.0]] {
            for scale in [Scale::Linear, Scale::Logarithmic] {
                for round in [false, true] {
                    let range = Range::of(values.iter().copied(), scale, round);
                    assert!(range.place(7.0).is_finite(), "{range:?}");
                }
            }
        }
    }

    #[test]
    fn draws_every_line_and_point() {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: vec![(10.0, 30.0), (100.0, 40.0), (1000.0, 90.0)],
        };
        let lines = [line("one & all"), line("other")];
        let drawn = svg(
            "A title",
            axis(Scale::Logarithmic),
            axis(Scale::Linear),
            &lines,
        );
        assert_eq!(drawn.matches("<circle").count(), 6);
        assert_eq!(drawn.matches("<polyline").count(), 2);
        for text in [
            "A title",
            "one &amp; all",
            "other",
            "&lt;1000&gt;",
            "&lt;100&gt;",
        ] {
            assert!(drawn.contains(text), "{text}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
        // Points are inside the frame, greater values further right.
        let x = |value| drawn.find(&format!(r#"<circle cx="{value}""#));
        assert!(x("90.0").is_some() && x("390.0").is_some() && x("690.0").is_some());
    }
}
