//! Commands that tell every secret they were given, in every way they can: nothing of it is kept or shown anywhere.

use crate::{
    house::{House, size, until},
    start_run,
};
use aho_corasick::AhoCorasick;
use base64::Engine;
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Of a run: so many by name, the rest as parameters.
const NAMED: usize = 8;
const EACH: usize = 40;

struct Told {
    value: String,
    /// Every way in which its command writes it.
    forms: Vec<String>,
}

/// Random, and with what encoders have to escape.
fn secret() -> String {
    let mut random = rand::rng();
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut value: String = (0..random.random_range(14..30))
        .map(|_| char::from(*plain.choose(&mut random).unwrap()))
        .collect();
    for _ in 0..random.random_range(0..6) {
        let odd = [
            '"', '\\', '/', '+', '&', '%', '=', '\'', ' ', '$', '<', '@', 'é', '日',
        ];
        value.insert(
            byte_place(&value, &mut random),
            *odd.choose(&mut random).unwrap(),
        );
    }
    // Nobody means the space before or after a secret.
    format!("s{value}t")
}

fn byte_place(text: &str, random: &mut impl Rng) -> usize {
    text.floor_char_boundary(random.random_range(0..text.len()))
}

fn forms(value: &str) -> Vec<String> {
    use base64::prelude::{
        BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD,
    };
    let percent = |keep: &str, upper: bool| -> String {
        let one = |byte: u8| match byte {
            b if b.is_ascii_alphanumeric() || keep.as_bytes().contains(&b) => {
                char::from(b).to_string()
            }
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        };
        value.bytes().map(one).collect()
    };
    let json = json!(value).to_string();
    let mut all = vec![
        value.to_owned(),
        BASE64_STANDARD.encode(value),
        BASE64_STANDARD_NO_PAD.encode(value),
        BASE64_URL_SAFE.encode(value),
        BASE64_URL_SAFE_NO_PAD.encode(value),
        hex::encode(value),
        hex::encode_upper(value),
        percent("-._~", true),
        percent("-._~", false),
        percent("-_.!~*'()", true),
        percent("", true),
        json[1..json.len() - 1].to_owned(),
        // As HTTP's basic authentication: in the middle of something else.
        BASE64_STANDARD.encode(format!("admin:{value}")),
    ];
    all.sort();
    all.dedup();
    all
}

/// As `sh` reads it as one word.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.iter().flat_map(|b| match b {
        b'\'' => b"'\\''".to_vec(),
        b => vec![*b],
    });
    [b"'".to_vec(), text.collect(), b"'".to_vec()].concat()
}

/// Writes all forms of all secrets, cut at random points, with pauses; then what it really was given, to its standard error
/// and output. It never puts any of it on a command line.
fn script(told: &[Told], variables: &[(String, bool)], got: &str) -> Vec<u8> {
    let mut random = rand::rng();
    let mut script = Vec::new();
    for told in told {
        for form in &told.forms {
            let bytes = format!("{form}\n").into_bytes();
            let cut = random.random_range(0..bytes.len());
            for piece in [&bytes[..cut], &bytes[cut..]] {
                script.extend(b"printf %s ");
                script.extend(quoted(piece));
                script.extend(b"\n");
                if random.random_range(0..60) == 0 {
                    script.extend(b"sleep 0.01\n");
                }
            }
        }
    }
    for (variable, by_descriptor) in variables {
        let read = match by_descriptor {
            true => format!("v=$(cat \"${variable}\"; echo x); v=${{v%x}}\n"),
            false => format!("v=${variable}\n"),
        };
        script.extend(read.bytes());
        script.extend(b"printf 'it is %s!\\n' \"$v\"; printf '%s' \"$v\" >&2\n");
        script.extend(format!("printf '%s' \"$v\" | sha256sum >> {got}\n").bytes());
    }
    // Also by the shell's own trace, and into what a step hands on.
    let (first, _) = &variables[0];
    script.extend(
        format!(
            "echo \"word=${first}\" >> \"$MUSTER_OUTPUT\"\nset -x\n: \"${first}\"\necho {TOLD}\n"
        )
        .bytes(),
    );
    script
}

/// The last thing that each command prints.
const TOLD: &str = "all-is-told";

/// Reads whole files; a folder with all that is in it.
fn files(path: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            files(&entry.path(), into);
        }
    } else if let Ok(bytes) = fs::read(path) {
        into.push((path.display().to_string(), bytes));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_anywhere() {
    let runs = size("MUSTER_PROVE_SECRETS", 100).div_ceil(EACH);
    let mut house = House::small();
    let passwords = [secret(), secret()];
    for (name, value) in ["PROVE_DB_PASSWORD", "PROVE_APP_PASSWORD"]
        .iter()
        .zip(&passwords)
    {
        house.env.push(((*name).to_owned(), value.clone()));
    }
    fs::create_dir_all(house.path("got")).unwrap();
    let mut all: Vec<Told> = Vec::new();
    let tell = |value: String| Told {
        forms: forms(&value),
        value,
    };
    all.extend(passwords.map(tell));
    let mut given: Vec<BTreeMap<String, String>> = Vec::new();
    let mut expected: Vec<Vec<String>> = Vec::new();
    for n in 0..runs {
        let mut told: Vec<Told> = (0..EACH).map(|_| tell(secret())).collect();
        // A secret that is given with a run may have several lines.
        for told in told.iter_mut().skip(NAMED).step_by(5) {
            *told = tell(format!("{}\n{}", told.value, secret()));
        }
        let mut variables = Vec::new();
        let (mut secrets, mut parameters, mut values) = (json!({}), Vec::new(), BTreeMap::new());
        for (i, told) in told.iter().enumerate() {
            if i < NAMED {
                let (name, variable) = (format!("named-{n}-{i}"), format!("NAMED_{i}"));
                house.run_with(&["secret", "set", &name], &format!("{}\n", told.value));
                secrets[&variable] = match i % 2 {
                    0 => json!(name),
                    _ => json!({ "descriptor": name }),
                };
                variables.push((variable, i % 2 == 1));
            } else {
                let name = format!("p{i}");
                variables.push((format!("MUSTER_PARAM_P{i}"), false));
                parameters.push(json!({ "name": name, "type": "secret" }));
                values.insert(name, told.value.clone());
            }
        }
        let mut tells: Vec<Told> = told;
        if n == 0 {
            variables.push(("PROVE_DB_PASSWORD".into(), false));
            variables.push(("PROVE_APP_PASSWORD".into(), false));
            tells.extend(all.drain(..2));
        }
        let got = house.path("got").join(n.to_string()).display().to_string();
        let file = house.path(&format!("tell-{n}.sh"));
        fs::write(&file, script(&tells, &variables, &got)).unwrap();
        let step = json!({ "name": "Tell", "commands": [["sh", file.display().to_string()]], "outputs": ["word"], "secrets": secrets });
        house.write_runbook(
            &format!("tell-{n}"),
            &json!({ "name": format!("Tell {n}"), "parameters": parameters, "steps": [step] }),
        );
        expected.push(tells.iter().map(|t| t.value.clone()).collect());
        given.push(values);
        all.extend(tells);
    }

    let needles: Vec<&str> = all
        .iter()
        .flat_map(|t| t.forms.iter().map(String::as_str))
        .collect();
    let finder = Arc::new(AhoCorasick::new(&needles).unwrap());
    let server = house.start();
    let caller = server.program(&house.token("commander"));

    // Who looks on meanwhile: at all command lines, and at the live stream with its output.
    let over = Arc::new(AtomicBool::new(false));
    let (looking, lines) = (over.clone(), finder.clone());
    let looker = tokio::spawn(async move {
        let (mut looks, mut seen) = (0usize, Vec::new());
        while !looking.load(Relaxed) {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                looks += usize::from(!line.is_empty());
                if lines.is_match(&line) {
                    seen.push(String::from_utf8_lossy(&line).into_owned());
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        (looks, seen)
    });
    let mut streamed = Vec::new();
    let mut ids = Vec::new();
    for (n, values) in given.iter().enumerate() {
        let id = start_run(&caller, &format!("tell-{n}"), json!(values)).await;
        let mut live = caller.get(&format!("/live?after=0&run={id}")).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = told.clone();
        let stream = tokio::spawn(async move {
            while let Ok(Some(bytes)) = live.chunk().await {
                into.lock().unwrap().extend_from_slice(&bytes);
            }
        });
        // What a browser asks for while it watches, line by line, until it has the last one.
        until("the run ends, and all is told", async || {
            let mut lines = String::new();
            for from in [0, 1000] {
                let path = format!("/runs/{id}/lines?step=0&attempt=1&from={from}&count=1000");
                lines += &caller.text(&path).await;
            }
            streamed.extend_from_slice(lines.as_bytes());
            let run = crate::run(&caller, &id).await;
            let over = run["ended_at"] != Value::Null && lines.contains(TOLD);
            over.then(|| assert_eq!(run["status"], "completed", "{run}"))
        })
        .await;
        let end = format!("\"run_ended\",\"run\":\"{id}\"");
        until("the stream tells the end", async || {
            let told = told.lock().unwrap();
            String::from_utf8_lossy(&told).contains(&end).then_some(())
        })
        .await;
        stream.abort();
        streamed.extend_from_slice(&told.lock().unwrap());
        ids.push(id);
    }
    over.store(true, Relaxed);
    let (looks, seen) = looker.await.unwrap();

    // Each command had the real ones.
    for (n, values) in expected.iter().enumerate() {
        let got = fs::read_to_string(house.path("got").join(n.to_string())).unwrap();
        let got: Vec<&str> = got
            .lines()
            .map(|l| l.split_whitespace().next().unwrap())
            .collect();
        let sums: Vec<String> = values.iter().map(|v| sha256(v)).collect();
        assert_eq!(got, sums, "run {n}");
    }

    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for id in &ids {
        for path in [
            format!("/api/v1/runs/{id}"),
            format!("/api/v1/runs/{id}/output"),
            format!("/runs/{id}"),
        ] {
            let text = caller.text(&path).await;
            if path.ends_with("/output") {
                let stars = text.matches("********").count();
                assert!(stars >= EACH * 8, "{stars} secrets were told");
            }
            places.push((path, text.into_bytes()));
        }
    }
    for path in ["/api/v1/runbooks", "/api/v1/board", "/status"] {
        places.push((path.to_owned(), caller.text(path).await.into_bytes()));
    }
    files(&house.path("data"), &mut places);
    places.push(("the live stream and its lines".into(), streamed));
    places.push((
        "the server's log".into(),
        server.log.lock().unwrap().clone().into_bytes(),
    ));
    places.push(("the command lines".into(), seen.join("\n").into_bytes()));
    server.kill();
    places.push((
        "the export".into(),
        house.run(&["timeline", "export"]).into_bytes(),
    ));
    files(&house.path("data"), &mut places);
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (place, content) in &places {
        bytes += content.len();
        for hit in finder.find_iter(content) {
            let from = hit.start().saturating_sub(40);
            let around =
                String::from_utf8_lossy(&content[from..(hit.end() + 40).min(content.len())]);
            found.push(format!("{place}: {} in {around:?}", needles[hit.pattern()]));
        }
    }
    assert!(
        found.is_empty(),
        "{} found:\n{}",
        found.len(),
        found.join("\n")
    );
    let control = finder.find_iter(&outside(&house, &expected[0])).count();
    assert!(control >= EACH * 8, "{control}");
    println!(
        "{} secrets in {} forms told by {} runs: 0 found in {} files, answers and streams ({bytes} bytes) and {looks} command lines; {control} found where one of the commands runs without Muster",
        all.len(),
        needles.len(),
        ids.len(),
        places.len()
    );
}

/// The control: what the first run's command prints where nobody masks it.
fn outside(house: &House, values: &[String]) -> Vec<u8> {
    let mut command = Command::new("sh");
    command
        .arg(house.path("tell-0.sh"))
        .env("MUSTER_OUTPUT", house.path("word"));
    for (i, value) in values.iter().enumerate() {
        if i < NAMED && i % 2 == 1 {
            let file = house.path(&format!("named-{i}"));
            fs::write(&file, value).unwrap();
            command.env(format!("NAMED_{i}"), file);
        } else if i < NAMED {
            command.env(format!("NAMED_{i}"), value);
        } else if i < EACH {
            command.env(format!("MUSTER_PARAM_P{i}"), value);
        }
    }
    command.output().unwrap().stdout
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}
