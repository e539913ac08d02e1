//! The layout of DESIGN is kept: what decides knows no client, no runtime, no clock and no environment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// Modules that are computation alone.
const PURE: &[&str] = &[
    "api",
    "prediction",
    "measurement",
    "judgement",
    "report",
    "evaluation",
    "engine",
    "manifests",
    "method",
    "simulation",
];

/// What a pure module must not name, and where it belongs instead.
const FOREIGN: &[(&str, &str)] = &[
    ("kube::Client", "controller, agent or cli"),
    ("kube::Api", "controller"),
    ("kube::runtime", "controller"),
    ("tokio", "controller, agent or cli"),
    ("Timestamp::now", "the caller: now is an argument"),
    ("Zoned::now", "the caller: now is an argument"),
    ("SystemTime", "the caller: now is an argument"),
    ("Instant::now", "the caller: now is an argument"),
    ("std::env", "cli"),
    ("std::net", "controller or agent"),
    ("std::process", "agent"),
    ("crate::controller", "nowhere: data goes from left to right"),
    ("crate::agent", "nowhere: data goes from left to right"),
    ("crate::cli", "nowhere: data goes from left to right"),
];

/// Left may not know right: module, and the modules it must not name.
const DIRECTION: &[(&str, &[&str])] = &[
    ("api", &["prediction", "measurement", "judgement", "report", "engine", "manifests"]),
    ("prediction", &["measurement", "judgement", "report", "engine", "manifests"]),
    ("measurement", &["judgement", "report", "engine", "manifests"]),
    ("judgement", &["report", "engine", "manifests"]),
];

/// No file much beyond this: two subjects are two files.
const LINES: usize = 750;

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(below).unwrap_or_else(|error| panic!("{}: {error}", below.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The file's code: no comments, and nothing from its tests on.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.ends_with("testing.rs")
}

#[test]
fn what_decides_knows_no_client_no_clock_and_no_environment() {
    let mut broken = vec![];
    for name in PURE {
        for path in files(&module(name)).into_iter().filter(|path| !is_test(path)) {
            let code = code(&path);
            for (word, place) in FOREIGN.iter().filter(|(word, _)| code.contains(word)) {
                broken.push(format!("{} names {word}, which belongs to {place}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn data_goes_from_left_to_right() {
    let mut broken = vec![];
    for (name, right) in DIRECTION {
        for path in files(&module(name)).into_iter().filter(|path| !is_test(path)) {
            let code = code(&path);
            for other in right.iter().filter(|other| code.contains(&format!("crate::{other}"))) {
                broken.push(format!("{} names {other}, which comes after {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_have_one_subject() {
    let long: Vec<String> = files(&module(""))
        .iter()
        .map(|path| (path, std::fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
