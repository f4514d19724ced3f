//! One test for each scenario file of a folder, with `strict`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crc_e2e::fixture::Fixture;
use crc_e2e::scenario::{Scenario, Settings, run};

/// The folder `name` of this package.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The name of the file for a test.
pub(crate) fn file_name(test: &str) -> String {
    format!("{}.json", test.replace('_', "-"))
}

/// Plays the file for `test` in `folder`.
#[track_caller]
pub(crate) fn check(folder: &Path, test: &str) {
    let scenario = Scenario::read(&folder.join(file_name(test))).unwrap();
    let fixture = Fixture::new().unwrap();
    let settings = Settings {
        strict: true,
        ..Settings::default()
    };
    let report = run(&scenario, &fixture, &settings, |_, _| {}).unwrap();
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(
        report.passed(),
        "{} FAILED\n{}",
        report.name,
        problems.join("\n")
    );
}

/// The files of a folder, without the folders in it.
pub(crate) fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// A test for each of the files, and one that fails if a file has no test.
macro_rules! scenarios {
    (in $folder:literal: $($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                crate::scenario_files::check(&crate::scenario_files::folder($folder), stringify!($test));
            }
        )*

        #[test]
        fn every_file_has_a_test() {
            let tests = [$(crate::scenario_files::file_name(stringify!($test))),*];
            let files = crate::scenario_files::files(&crate::scenario_files::folder($folder));
            assert_eq!(files, tests.into());
        }
    };
}
