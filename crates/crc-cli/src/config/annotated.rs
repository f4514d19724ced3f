//! A file of all options, for people to begin with.

use core::fmt::Write;

use clap::{Arg, ArgAction, Command};

use super::options::{is_list, options_of, section_of};

/// The longest line of a help text.
const LINE_CHARS_MAX: usize = 96;

/// A file of all options of `command` but those in `exclude`: each with its help text and,
/// commented out, its default. `head` stands before them, as a comment. An option without a
/// default is `false`, or an empty list.
#[must_use]
pub fn annotated(command: &Command, exclude: &[&str], head: &str) -> String {
    let mut text = String::new();
    comment(head, &mut text);
    let options: Vec<(Option<String>, &str, &Arg)> = options_of(command, exclude)
        .map(|(long, arg)| (section_of(arg), long, arg))
        .collect();
    let mut sections: Vec<&Option<String>> = Vec::new();
    for (section, _, _) in &options {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    // What has no section must stand before the first.
    sections.sort_by_key(|section| section.is_some());
    for section in sections {
        if let Some(section) = section {
            writeln!(text, "\n[{section}]").expect("a string takes all");
        }
        for (_, long, arg) in options.iter().filter(|(of, _, _)| of == section) {
            text.push('\n');
            let help = arg.get_long_help().or_else(|| arg.get_help());
            comment(
                &help.map(ToString::to_string).unwrap_or_default(),
                &mut text,
            );
            writeln!(text, "#{long} = {}", default_of(arg)).expect("a string takes all");
        }
    }
    text
}

/// The default of an option as a TOML value.
fn default_of(arg: &Arg) -> String {
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<String> = defaults
        .map(|text| value(&text.to_string_lossy()))
        .collect();
    match (arg.get_action(), &*defaults) {
        (ArgAction::Count, _) => "0".to_owned(),
        (ArgAction::SetTrue, _) => "false".to_owned(),
        (_, defaults) if is_list(arg) => format!("[{}]", defaults.join(", ")),
        (_, [one]) => one.clone(),
        _ => "false".to_owned(),
    }
}

fn value(text: &str) -> String {
    let is_number =
        !text.is_empty() && text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && (text == "0" || !text.starts_with('0')) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("a string takes all")
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Appends a text as comment lines, wrapped at words.
fn comment(text: &str, out: &mut String) {
    for line in text.trim_end().lines() {
        let mut width = 1;
        out.push('#');
        for word in line.split_whitespace() {
            let chars = word.chars().count() + 1;
            if width + chars > LINE_CHARS_MAX {
                out.push_str("\n#");
                width = 1;
            }
            out.push(' ');
            out.push_str(word);
            width += chars;
        }
        out.push('\n');
    }
}
