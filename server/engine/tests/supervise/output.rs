//! What becomes of the output of commands, of their outputs and of their secrets.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::supervise::{
    Ending, Outcome, Piece, output_size, read_lines, read_output, read_outputs, search,
};
use sha2::{Digest, Sha256};

use super::support::*;

/// All that is kept, put together.
async fn kept(scene: &Scene) -> Vec<u8> {
    let (mut kept, mut at) = (Vec::new(), 0);
    loop {
        let Piece { offset, bytes } = read_output(&scene.spec.dir, at, 1 << 20).await.unwrap();
        if bytes.is_empty() {
            return kept;
        }
        at = offset + bytes.len() as u64;
        kept.extend(bytes);
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn no_byte_is_lost_when_the_server_is_killed_in_the_middle() {
    const BYTES: u64 = 50_000_000;
    let mut scene = Scene::of(vec![command("pour", &[PROBE, "pour", "50000000"])]);
    scene.spec.output_limit = 1 << 30;
    let server = scene.serve();
    let out = scene.spec.dir.join("out");
    until("output comes", || {
        fs::metadata(&out).is_ok_and(|out| out.len() > 1_000_000)
    })
    .await;
    server.die();
    let killed_at = fs::metadata(&out).unwrap().len();
    let outcome = adopt_elsewhere(&scene.spec.dir);
    assert_eq!(outcome.ending, Ending::Exited(0));
    assert!(killed_at < outcome.output_bytes, "killed too late to tell");
    let whole = kept(&scene).await;
    let (announcement, poured) = whole.split_at("$ pour\n".len());
    assert_eq!(announcement, b"$ pour\n");
    // The child's own count.
    let counted = fs::read_to_string(scene.path("poured")).unwrap();
    assert_eq!(counted, format!("{BYTES} {}", sha256(poured)));
    assert_eq!(
        (outcome.output_bytes, outcome.dropped_bytes),
        (7 + BYTES, 0)
    );
    assert_eq!(outcome.sha256, sha256(&whole));
}

#[tokio::test]
async fn the_limit_drops_the_middle_and_stops_nothing() {
    let mut scene = Scene::of(vec![command("seq", &["seq", "100000"])]);
    scene.spec.output_limit = 64 << 10;
    let outcome = scene.run().await;
    let whole: String = ["$ seq\n".to_owned()]
        .into_iter()
        .chain((1..=100_000).map(|n| format!("{n}\n")))
        .collect();
    assert_eq!(
        (&outcome.ending, outcome.output_bytes),
        (&Ending::Exited(0), whole.len() as u64)
    );
    assert_eq!(outcome.sha256, sha256(whole.as_bytes()));
    let kept = kept(&scene).await;
    assert_eq!(
        outcome.dropped_bytes,
        whole.len() as u64 - kept.len() as u64
    );
    assert!(kept.starts_with(&whole.as_bytes()[..32 << 10]) && kept.ends_with(b"99999\n100000\n"));
    assert!(kept.len() >= (32 + 24) << 10 && kept.len() <= 64 << 10);
    let end = read_lines(&scene.spec.dir, 100_000, 5, usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        (end.total, end.complete, &end.lines[..]),
        (100_001, true, &[b"100000".to_vec()][..])
    );
    assert!(end.gap.is_some());
    let hits = search(&scene.spec.dir, "99998", false, 0, 10)
        .await
        .unwrap();
    assert_eq!(
        hits.iter().map(|hit| hit.line).collect::<Vec<_>>(),
        [99_998]
    );
}

#[tokio::test]
async fn secrets_are_hidden_before_anything_is_stored() {
    let script = r#"
        printf %s "$SECRET"; printf %s "$SECRET" | base64; printf 'x%s' "$SECRET" | base64
        printf %s "${SECRET%??????}"; sync; printf '%s\n' "${SECRET#"${SECRET%??????}"}"
        echo "key=$SECRET" >> "$MUSTER_OUTPUT"; set -x; : "$SECRET""#;
    let mut scene = Scene::of(vec![
        shell(script),
        command(&format!("login {SECRET}"), &[&format!("/no/{SECRET}")]),
    ]);
    scene.spec.mask = vec![SECRET.into()];
    let outcome = scene.run().await;
    match &outcome.ending {
        Ending::CouldNotStart(sentence) => assert!(sentence.contains("/no/********"), "{sentence}"),
        other => panic!("{other:?}"),
    }
    let output = scene.output().await;
    assert!(
        output.ends_with("+ : ********\n$ login ********\n"),
        "{output}"
    );
    assert_eq!(output.matches("********").count(), 6, "{output}");
    assert_eq!(
        read_outputs(&scene.spec.dir).await.unwrap()["key"],
        "********"
    );
    let forms = [SECRET, "Y29ycmVjdC1ob3JzZS", "jb3JyZWN0LWhvcnNl"];
    for file in fs::read_dir(&scene.spec.dir).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let content = String::from_utf8_lossy(&content);
        assert!(
            !forms.iter().any(|form| content.contains(form)),
            "{content}"
        );
    }
}

#[tokio::test]
async fn output_is_there_as_soon_as_it_is_written() {
    let mut scene =
        Scene::new("printf 'Password: hunter'; while [ ! -e go ]; do sleep 0.02; done; printf s");
    scene.spec.mask = vec!["hunter2".into()];
    let mut attempt = scene.launch().await;
    let out = scene.spec.dir.join("out");
    let has = |what: &str| fs::read_to_string(&out).is_ok_and(|stored| stored == what);
    // The rest may be the beginning of a secret.
    until("the question is seen", || has("$ sh\nPassword: ")).await;
    scene.touch("go");
    attempt.wait().await.unwrap();
    assert!(has("$ sh\nPassword: hunters"));
}

#[tokio::test]
async fn nobody_who_holds_on_to_the_output_is_waited_for() {
    // Once it has been given the pipe by the kernel, not by birth, nothing kills the holder.
    let scene = Scene::new(
        "echo $$ > leader.new; mv leader.new leader; echo mine; while [ ! -e go ]; do sleep 0.02; done",
    );
    let mut attempt = scene.launch().await;
    let leader = scene.pid("leader").await;
    let mut holder = Command::new("sh")
        .args([
            "-c",
            &format!("exec 3>/proc/{leader}/fd/1; echo ready; while :; do echo theirs >&3; done"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(holder.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    assert_eq!(ready, "ready\n");
    scene.touch("go");
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Exited(0));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(scene.output().await.starts_with("$ sh\nmine\n"));
}

#[tokio::test]
async fn a_command_that_writes_without_end_is_still_stopped() {
    let mut scene = Scene::of(vec![command("yes", &["yes"])]);
    scene.spec.output_limit = 1 << 20;
    scene.spec.timeout = Some(Duration::from_millis(500));
    let outcome = scene.run().await;
    assert_eq!(outcome.ending, Ending::TimedOut);
    let size = output_size(&scene.spec.dir).await.unwrap();
    assert_eq!(size, outcome.output_bytes);
    assert_eq!(
        outcome.dropped_bytes,
        size - kept(&scene).await.len() as u64
    );
}

#[tokio::test]
async fn opening_the_standard_streams_again_truncates_nothing() {
    let scene = Scene::new(
        "echo first; echo second > /dev/stderr; echo third > /dev/stdout; echo fourth >&2",
    );
    scene.run().await;
    assert_eq!(scene.output().await, "$ sh\nfirst\nsecond\nthird\nfourth\n");
}

#[tokio::test]
async fn a_full_disk_ends_no_command_and_loses_no_result() {
    let scene = Scene::new("seq 200000; touch done; exit 3");
    fs::create_dir(&scene.spec.dir).unwrap();
    // As on a disk without room: everything that is written fails.
    std::os::unix::fs::symlink("/dev/full", scene.spec.dir.join("out")).unwrap();
    let outcome = scene.run().await;
    let whole: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    let whole = format!("$ sh\n{whole}");
    assert_eq!(
        (outcome.ending, outcome.output_bytes),
        (Ending::Exited(3), whole.len() as u64)
    );
    assert_eq!(outcome.sha256, sha256(whole.as_bytes()));
    assert!(outcome.dropped_bytes >= 5 && scene.path("done").exists());
    let kept = kept(&scene).await;
    assert_eq!(outcome.dropped_bytes, (whole.len() - kept.len()) as u64);
    assert!(whole.as_bytes().ends_with(&kept));
}

#[tokio::test]
async fn a_disk_without_any_room_ends_no_command_either() {
    let mut scene = Scene::new("head -c 3000000 /dev/zero; touch done; exit 4");
    scene.spec.dir = scene.path("disk/attempt");
    fs::create_dir(scene.path("disk")).unwrap();
    let (spec, disk) = (scene.path("spec.json"), scene.path("disk"));
    fs::write(&spec, serde_json::to_vec(&scene.spec).unwrap()).unwrap();
    // A disk of a megabyte, seen only in there.
    let script = format!(
        "mount -t tmpfs -o size=1m none {} && exec \"$@\"",
        disk.display()
    );
    let unshared = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
            PROBE,
            "launch",
        ])
        .arg(&spec)
        .output()
        .unwrap();
    let Ok(outcome) = serde_json::from_slice::<Outcome>(&unshared.stdout) else {
        assert!(
            !scene.path("done").exists(),
            "{}",
            String::from_utf8_lossy(&unshared.stderr)
        );
        eprintln!("skipped: this machine allows no mount namespaces");
        return;
    };
    assert_eq!(
        (outcome.ending, outcome.output_bytes),
        (Ending::Exited(4), 3_000_005)
    );
    assert!(outcome.dropped_bytes > 1_900_000 && scene.path("done").exists());
    assert_eq!(
        outcome.sha256,
        sha256(&[b"$ sh\n".as_slice(), &[0; 3_000_000]].concat())
    );
}

#[tokio::test]
async fn what_a_command_tells_the_next_steps_is_read_back() {
    let scene = Scene::of(vec![
        shell("echo lag=12 >> \"$MUSTER_OUTPUT\"; echo host=replica-1 >> $MUSTER_OUTPUT"),
        shell(
            "grep -q lag=12 \"$MUSTER_OUTPUT\" && printf 'lag=13\\nno pair\\n' >> \"$MUSTER_OUTPUT\"",
        ),
    ]);
    assert_eq!(scene.run().await.ending, Ending::Exited(0));
    let outputs = read_outputs(&scene.spec.dir).await.unwrap();
    let expected =
        [("host", "replica-1"), ("lag", "13")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(outputs.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_secret_file_can_be_read_again_and_again_and_never_changed() {
    let script = r#"cat "$KEY_FILE" "$KEY_FILE"; sh -c 'cat "$KEY_FILE"'
        if (echo changed > "$KEY_FILE") 2>/dev/null; then echo it can be changed; fi; wc -c < "$OTHER""#;
    let mut scene = Scene::of(vec![
        shell(script),
        command("cat", &["sh", "-c", "exec cat \"$KEY_FILE\""]),
    ]);
    scene.spec.files = vec![
        ("KEY_FILE".into(), "the key\n".into()),
        ("OTHER".into(), "x".repeat(200_000)),
    ];
    assert_eq!(scene.run().await.ending, Ending::Exited(0));
    assert_eq!(
        scene.output().await,
        "$ sh\nthe key\nthe key\nthe key\n200000\n$ cat\nthe key\n"
    );
}
