//! The files of docs/deploy: each is checked with the tool that reads it, where that is installed,
//! and against the server itself in any case.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crc_e2e::fixture::{Binaries, Fixture};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Runs a tool; `None`, and a note that the check is skipped, if it is not installed.
#[allow(clippy::print_stderr, reason = "says what is skipped")]
fn run_tool(command: &mut Command, install: &str) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            let program = command.get_program();
            eprintln!("skipped: {program:?} cannot run: {error} (install it: {install})");
            None
        }
    }
}

#[track_caller]
fn assert_success(output: &Output) {
    let text = [&*output.stdout, &*output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{}: {text}", output.status);
}

/// Whether the server accepts these options.
#[track_caller]
fn check_options(options: &[&str]) {
    let mut command = Command::new(Binaries::find().unwrap().server);
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    let output = command.args(options).arg("check-config").output().unwrap();
    assert_success(&output);
}

#[test]
fn the_unit_is_right() {
    let unit = read("crc-server.service");
    let binary = "/usr/bin/crc-server";
    assert!(unit.contains(&format!(
        "ExecStart={binary} --config /etc/crc/server.toml\n"
    )));
    // Where the unit is checked, the server is not installed.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crc-server.service");
    let server = Binaries::find().unwrap().server;
    fs::write(&file, unit.replace(binary, server.to_str().unwrap())).unwrap();
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["verify", "--man=no"]).arg(&file);
    if let Some(output) = run_tool(&mut analyze, "Debian: apt-get install systemd") {
        assert_success(&output);
        // Unknown directives are warnings.
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("crc-server.service:"), "{text}");
    }
}

#[test]
fn the_packaged_configuration_and_the_compose_file_are_accepted() {
    let file = folder().join("server.toml");
    check_options(&["--config", file.to_str().unwrap()]);
    let compose = read("compose.yaml");
    let commands = compose.split("    command:\n").skip(1);
    let mut servers = 0;
    for command in commands {
        let options = command
            .lines()
            .map_while(|line| line.strip_prefix("      - "));
        check_options(&options.collect::<Vec<_>>());
        servers += 1;
    }
    assert_eq!(servers, 3);
}

/// The names of metrics in a text.
fn metric_names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("crc_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let fixture = Fixture::new().unwrap();
    let hub = fixture.server(1, "hub").start().unwrap();
    let page = hub.get("/metrics").unwrap().body;
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let known: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let alerts = read("alerts.yaml");
    let dashboard = read("grafana-dashboard.json");
    let parsed: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 10);
    for text in [&alerts, &dashboard] {
        let named = metric_names(text);
        assert!(named.len() > 10);
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    for args in [
        ["check", "rules", "alerts.yaml"],
        ["check", "config", "prometheus.yaml"],
    ] {
        let mut promtool = Command::new("promtool");
        promtool.args(args).current_dir(folder());
        if let Some(output) = run_tool(&mut promtool, "Debian: apt-get install prometheus") {
            assert_success(&output);
        }
    }
}

#[test]
fn the_manual_pages_have_all_commands_and_no_errors() {
    let Binaries { server, client } = Binaries::find().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "crc\\-server make\\-cert",
        "crc\\-server hash\\-password",
        "crc\\-server check\\-config",
        "crc\\-server print\\-config",
        "\\fB\\-\\-out\\fR",
    ];
    for (program, words) in [(server, &commands[..]), (client, &["/oper NAME"])] {
        let output = Command::new(&program).args(["--generate", "man"]).output();
        let page = output.unwrap().stdout;
        let text = String::from_utf8(page.clone()).unwrap();
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        let file = folder.path().join("page.1");
        fs::write(&file, page).unwrap();
        // As lintian does.
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&file)
            .envs([
                ("LC_ALL", "C.UTF-8"),
                ("MANROFFSEQ", ""),
                ("MANWIDTH", "80"),
            ]);
        if let Some(output) = run_tool(&mut man, "Debian: apt-get install man-db groff") {
            assert_success(&output);
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
    }
}

/// Builds the packages of the binaries under test, unpacks them into a folder, and starts the
/// server from there.
#[test]
#[allow(clippy::print_stderr, reason = "says what is skipped")]
fn the_debian_packages_hold_programs_that_run() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    let release = scratch.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    let Binaries { server, client } = Binaries::find().unwrap();
    for (binary, name) in [(&server, "crc-server"), (&client, "crc-client")] {
        // As if it were built for release, which takes minutes.
        fs::copy(binary, release.join(name)).unwrap();
    }
    if run_tool(
        Command::new("cargo-deb").arg("--version"),
        "cargo install --locked cargo-deb",
    )
    .is_none()
    {
        return;
    }
    let mut build = Command::new(folder().join("build-packages"));
    build
        .args(["--no-build", "--no-strip", "--fast", "--offline"])
        .env("CARGO_TARGET_DIR", scratch.path().join("target"));
    assert_success(&build.output().unwrap());
    let packages = fs::read_dir(scratch.path().join("target/debian")).unwrap();
    let packages: Vec<PathBuf> = packages.map(|file| file.unwrap().path()).collect();
    assert_eq!(packages.len(), 2, "{packages:?}");
    for package in packages {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(&package).arg(&root);
        let Some(output) = run_tool(&mut unpack, "a system with dpkg") else {
            return;
        };
        assert_success(&output);
    }
    for file in [
        "etc/crc/server.toml",
        "usr/lib/systemd/system/crc-server.service",
        "usr/lib/sysusers.d/crc-server.conf",
        "usr/share/doc/crc-server/copyright",
        "usr/share/doc/crc-client/copyright",
        "usr/share/man/man1/crc-server.1.gz",
        "usr/share/man/man1/crc-client.1.gz",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    let binaries = Binaries::in_folder(&root.join("usr/bin")).unwrap();
    let logs = crc_e2e::fixture::LogDir::temporary().unwrap();
    let fixture = Fixture::with(binaries, logs);
    let config = root.join("etc/crc/server.toml");
    let installed = fixture.server(1, "installed").arg("--config");
    let mut installed = installed.arg(config.to_str().unwrap()).start().unwrap();
    let ann = fixture.client(101, "ann", installed.address());
    let mut ann = ann.start().unwrap();
    ann.wait_welcome().unwrap();
    installed.wait_hosts(&[101]).unwrap();
    ann.quit("bye").unwrap();
    assert!(installed.stop());
}
