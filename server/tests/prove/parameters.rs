//! What a run is given arrives at its command as it was given, byte for byte: by argv and by environment.

use crate::{
    house::{House, size, until},
    start_run,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// As many as a run may have.
const EACH: usize = 50;

/// What has broken a shell, a parser or a terminal before; NUL cannot be in any of it.
fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "$(reboot)",
        "`id`",
        "'; rm -rf / #",
        "\" && false \"",
        "${IFS}",
        "%s%n",
        "\\",
        "\\\\'",
        "\n",
        "\r\n",
        "\t",
        "*",
        "?",
        "[a-z]",
        "~",
        "~root",
        "#",
        "!",
        "!!",
        "|",
        "&",
        ";",
        "<",
        ">",
        "(",
        ")",
        "{a,b}",
        "=",
        " ",
        "  ",
        "--",
        "-rf",
        "-n",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{1}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "é",
        "日本",
        "🦀",
        "\u{feff}",
        "\u{fffd}",
        "<script>",
        "{{x}}",
        "{parameter: x}",
        "<word>",
        "null",
        "true",
        "0x00",
        "%00",
        "\\0",
        "$0",
        "$@",
        "$*",
        "$$",
        "$'\\n'",
        "MUSTER_RUN=1",
    ]);
    let piece = prop_oneof![
        4 => nasty.prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "[ -~]{1,40}",
        1 => "\\PC{1,20}",
    ];
    prop::collection::vec(piece, 1..6)
        .prop_map(|pieces| pieces.concat().replace('\0', ""))
        .prop_filter("an empty value is none", |value| !value.is_empty())
}

const LANES: usize = 4;

/// `EACH` parameters; the recorder keeps what the kernel handed to it, untouched by the shell.
fn book(here: &str, lane: usize, as_words: bool) -> Value {
    let script = format!(
        "cat /proc/$$/cmdline > {here}/seen/$MUSTER_RUN.argv; cat /proc/$$/environ > {here}/seen/$MUSTER_RUN.env"
    );
    let mut argv = vec![json!("sh"), json!("-c"), json!(script), json!("recorder")];
    let mut parameters = Vec::new();
    for n in 0..EACH {
        parameters.push(json!({ "name": format!("p{n}") }));
        if as_words {
            argv.push(json!({ "parameter": format!("p{n}") }));
        }
    }
    json!({
        "name": format!("Lane {lane}"),
        "parameters": parameters,
        "steps": [{ "name": "Record", "commands": [argv] }],
    })
}

fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces: Vec<_> = bytes.split(|b| *b == 0).collect();
    pieces.pop();
    pieces
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_parameters_arrive_byte_for_byte() {
    let values = size("MUSTER_PROVE_VALUES", 2_000);
    let house = House::small();
    fs::create_dir_all(house.path("seen")).unwrap();
    let here = house.home.path().display().to_string();
    // A runbook is one run at a time: so there are several, most of them with words.
    for lane in 0..LANES {
        house.write_runbook(&format!("lane-{lane}"), &book(&here, lane, lane > 0));
    }
    let server = house.start();
    let caller = server.program(&house.token("commander"));
    let mut random = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let (mut arrived, mut with_dash, mut words) = (0, 0, 0);
    while arrived < values {
        let mut asked = Vec::new();
        for lane in 0..LANES {
            let as_words = lane > 0;
            let mut given = Vec::new();
            while given.len() < EACH {
                let value = hostile().new_tree(&mut random).unwrap().current();
                // What begins with a dash is refused as a word of a command, see below; the environment takes it.
                if !(as_words && value.starts_with('-')) {
                    given.push(value);
                }
            }
            let parameters: BTreeMap<_, _> = (given.iter().enumerate())
                .map(|(n, v)| (format!("p{n}"), v))
                .collect();
            let id = start_run(&caller, &format!("lane-{lane}"), json!(parameters)).await;
            asked.push((id, given, as_words));
        }
        for (id, given, as_words) in asked {
            until("the run ends", async || {
                let run = crate::run(&caller, &id).await;
                (run["ended_at"] != Value::Null)
                    .then(|| assert_eq!(run["status"], "completed", "{run}"))
            })
            .await;
            let seen =
                |what: &str| fs::read(house.path("seen").join(format!("{id}.{what}"))).unwrap();
            let (argv, env) = (seen("argv"), seen("env"));
            if as_words {
                let given: Vec<&[u8]> = given.iter().map(String::as_bytes).collect();
                assert_eq!(&pieces(&argv)[4..], &given, "run {id}");
                words += given.len();
            }
            let env = pieces(&env);
            for (n, value) in given.iter().enumerate() {
                let expected = format!("MUSTER_PARAM_P{n}={value}").into_bytes();
                assert!(env.contains(&&expected[..]), "run {id}: {value:?}");
                with_dash += usize::from(value.starts_with('-'));
            }
            arrived += given.len();
        }
    }

    // No value becomes an option of a command.
    let body = json!({ "parameters": { "p0": "--force" } });
    let refused = caller.post("/api/v1/runbooks/lane-1/runs", body).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    println!(
        "{arrived} hostile values through the environment ({with_dash} begin with a dash), {words} of them through argv as well: every byte as it was given"
    );
}
