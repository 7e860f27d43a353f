//! Who may know whom. The arrows between the crates of this house are these and no others; above all, what runs in the
//! browser is never reached by what runs on the server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// From each crate to those it may use. A use of `domain`, the words that all share, may be direct.
const ARROWS: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("app", &["domain"]),
    ("hydrate", &["app"]),
    ("bindgen", &[]),
    ("store", &[]),
    ("engine", &["store", "domain"]),
    ("api", &["domain"]),
    ("server", &["app", "engine", "api", "domain"]),
    ("lab", &[]),
];

/// What needs an operating system, or would make the page heavy.
const NEVER_IN_THE_BROWSER: [&str; 12] = [
    "tokio",
    "axum",
    "sqlx",
    "sqlx-core",
    "reqwest",
    "hyper",
    "rustls",
    "askama",
    "store",
    "engine",
    "server",
    "api",
];

fn cargo(words: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let done = Command::new(cargo)
        .args(words)
        .arg("--offline")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "cargo {words:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

/// Every crate of the house, with those of the house that it uses (tests and benches aside).
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let all: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = all["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let uses = |package: &Value| {
        let uses = package["dependencies"].as_array().unwrap().iter();
        uses.filter(|d| d["path"].is_string() && d["kind"] != "dev")
            .map(|d| text(&d["name"]))
            .collect()
    };
    packages
        .iter()
        .map(|package| (text(&package["name"]), uses(package)))
        .collect()
}

#[test]
fn the_crates_know_only_whom_they_may() {
    let found = arrows();
    let allowed = BTreeMap::from(ARROWS);
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        allowed.keys().copied().collect::<Vec<_>>()
    );
    for (from, uses) in &found {
        for to in uses {
            assert!(
                allowed[from.as_str()].contains(&to.as_str()),
                "{from} → {to} is no arrow of this house"
            );
        }
    }
}

/// Every crate that ends up in what `package` becomes, whatever the way there.
fn reached(words: &[&str]) -> BTreeSet<String> {
    let tree = cargo(&[&["tree", "--edges", "normal", "--prefix", "none"], words].concat());
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_servers_crates_never_reach_the_browser() {
    let wasm = reached(&["--package", "hydrate", "--target", "wasm32-unknown-unknown"]);
    assert!(
        wasm.contains("leptos") && wasm.contains("domain"),
        "{wasm:?}"
    );
    for unwanted in NEVER_IN_THE_BROWSER {
        assert!(!wasm.contains(unwanted), "{unwanted} reaches the browser");
    }
}

#[test]
fn the_rules_stay_pure() {
    let domain = reached(&["--package", "domain"]);
    for unwanted in NEVER_IN_THE_BROWSER.iter().chain(&[
        "rand",
        "getrandom",
        "uuid",
        "jiff",
        "chrono",
        "time",
        "libc",
        "regex",
    ]) {
        assert!(!domain.contains(*unwanted), "{unwanted} reaches the rules");
    }
}
