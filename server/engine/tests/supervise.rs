//! The promises of `engine::supervise`, kept by real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use engine::supervise::{
    Adopted, Ending, Folder, LONGEST_LINE, Lost, adopt, close, is_unclaimed, output_size,
    read_lines, read_output,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proptest::prelude::*;

#[path = "supervise/support.rs"]
mod support;
use support::*;

#[path = "supervise/output.rs"]
mod output;

/// Waits for the file `go`, as a command does whose end the test decides.
const AWAIT_GO: &str = "while [ ! -e go ]; do sleep 0.02; done;";
/// A tree that TERM cannot end: a leader, a child, and a grandchild of a dead parent in a session of its own.
const STUBBORN_TREE: &str = r#"
    trap "" TERM
    sh -c 'echo $$ > child.new; mv child.new child; while :; do sleep 1; done' &
    sh -c "setsid sh -c 'echo \$\$ > escaped.new; mv escaped.new escaped; while :; do sleep 1; done' & exit"
    echo $$ > leader.new; mv leader.new leader
    while :; do sleep 1; done"#;

#[tokio::test]
async fn a_command_goes_on_when_the_server_is_killed() {
    let scene = Scene::new(&format!(
        "echo begun; touch begun; {AWAIT_GO} echo the whole output; exit 3"
    ));
    let server = scene.serve();
    until("the command begins", || scene.path("begun").exists()).await;
    server.die();
    scene.touch("go");
    let outcome = adopt_elsewhere(&scene.spec.dir);
    assert_eq!(outcome.ending, Ending::Exited(3));
    assert_eq!(scene.output().await, "$ sh\nbegun\nthe whole output\n");
    assert_eq!(
        outcome.output_bytes,
        output_size(&scene.spec.dir).await.unwrap()
    );
    assert!(outcome.started_at > 1_700_000_000_000_000 && outcome.ended_at >= outcome.started_at);
}

#[tokio::test]
async fn a_result_nobody_watched_is_found() {
    let scene = Scene::new(&format!("touch begun; {AWAIT_GO} echo done; exit 5"));
    let server = scene.serve();
    until("the command begins", || scene.path("begun").exists()).await;
    server.die();
    let pid = scene.supervisor_pid();
    scene.touch("go");
    until("the supervisor leaves", || !lives(pid)).await;
    for _ in 0..2 {
        match adopt(&scene.spec.dir).await.unwrap() {
            Adopted::Finished(outcome) => assert_eq!(outcome.ending, Ending::Exited(5)),
            _ => panic!("a finished attempt is not found as such"),
        }
    }
}

#[tokio::test]
async fn a_timeout_kills_a_term_ignoring_tree_with_an_escaped_grandchild() {
    let mut scene = Scene::new(STUBBORN_TREE);
    scene.spec.timeout = Some(Duration::from_secs(2));
    scene.spec.grace = Duration::from_millis(100);
    let mut attempt = scene.launch().await;
    let pids = [
        scene.pid("leader").await,
        scene.pid("child").await,
        scene.pid("escaped").await,
    ];
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::TimedOut);
    assert_eq!(pids.map(lives), [false; 3]);
}

#[tokio::test]
async fn without_a_cgroup_the_whole_tree_still_dies() {
    let mut scene = Scene::new(STUBBORN_TREE);
    scene.spec.grace = Duration::from_millis(100);
    let spec = scene.path("spec.json");
    fs::write(&spec, serde_json::to_vec(&scene.spec).unwrap()).unwrap();
    // A view of the machine in which something else covers the cgroups.
    let covered = "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";
    let unshare = |rest: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", covered, "sh"])
            .args(rest);
        command
    };
    if !unshare(&["true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: this machine allows no mount namespaces");
        return;
    }
    let mut server = unshare(&[PROBE, "launch", spec.to_str().unwrap()])
        .spawn()
        .unwrap();
    let pids = [
        scene.pid("leader").await,
        scene.pid("child").await,
        scene.pid("escaped").await,
    ];
    assert!(scene.claim()["cgroup"].is_null());
    let mut attempt = adopt_running(&scene.spec.dir).await;
    attempt.cancel().unwrap();
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Cancelled);
    assert_eq!(pids.map(lives), [false; 3]);
    assert!(server.wait().unwrap().success());
}

#[tokio::test]
async fn cancel_works_after_readoption() {
    let scene =
        Scene::new("trap 'echo tidied; exit 0' TERM; touch begun; while :; do sleep 0.02; done");
    let server = scene.serve();
    until("the command begins", || scene.path("begun").exists()).await;
    server.die();
    let mut attempt = adopt_running(&scene.spec.dir).await;
    attempt.cancel().unwrap();
    attempt.cancel().unwrap();
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Cancelled);
    // Before it, a shell may remark on the end of its `sleep`.
    assert!(scene.output().await.ends_with("tidied\n"));
    attempt.cancel().unwrap();
}

#[tokio::test]
async fn a_cancelled_group_may_tidy_up_after_its_leader_left() {
    let scene = Scene::new(
        "sh -c 'trap \"touch leaving; while [ ! -e go ]; do sleep 0.02; done; echo tidied; exit\" TERM
                touch begun; while :; do sleep 0.02; done' & echo $$ > leader.new; mv leader.new leader; wait",
    );
    let mut attempt = scene.launch().await;
    let leader = scene.pid("leader").await;
    until("the child begins", || scene.path("begun").exists()).await;
    attempt.cancel().unwrap();
    until("the leader is gone, its child is not", || {
        scene.path("leaving").exists() && !lives(leader)
    })
    .await;
    scene.touch("go");
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Cancelled);
    // Before it, a shell may remark on the end of its `sleep`.
    assert!(scene.output().await.ends_with("tidied\n"));
}

#[tokio::test]
async fn a_timeout_is_for_the_attempt_and_starts_no_further_command() {
    let mut scene = Scene::of(vec![
        shell("exit 0"),
        shell("while :; do sleep 1; done"),
        shell("touch later"),
    ]);
    scene.spec.timeout = Some(Duration::from_millis(500));
    let outcome = scene.run().await;
    assert_eq!((outcome.ending, outcome.command), (Ending::TimedOut, 1));
    assert!(!scene.path("later").exists());
}

#[tokio::test]
async fn a_dead_supervisor_is_lost_and_leaves_no_orphans() {
    let scene = Scene::new(STUBBORN_TREE);
    let mut attempt = scene.launch().await;
    let (leader, child, escaped) = (
        scene.pid("leader").await,
        scene.pid("child").await,
        scene.pid("escaped").await,
    );
    kill_nine(scene.supervisor_pid());
    assert_eq!(attempt.wait().await, Err(Lost));
    until("leader and child are gone", || {
        !lives(leader) && !lives(child)
    })
    .await;
    match scene.claim()["cgroup"].as_str() {
        Some(cgroup) => {
            until("all is gone", || {
                !lives(escaped) && !fs::exists(cgroup).unwrap()
            })
            .await
        }
        None => kill_nine(escaped),
    }
    assert!(matches!(
        adopt(&scene.spec.dir).await.unwrap(),
        Adopted::Lost
    ));
}

#[tokio::test]
async fn a_dead_supervisor_is_lost_to_the_next_server_too() {
    let scene = Scene::new(STUBBORN_TREE);
    let server = scene.serve();
    let (leader, child, escaped) = (
        scene.pid("leader").await,
        scene.pid("child").await,
        scene.pid("escaped").await,
    );
    server.die();
    kill_nine(scene.supervisor_pid());
    until("the supervisor is gone", || !lives(scene.supervisor_pid())).await;
    assert!(matches!(
        adopt(&scene.spec.dir).await.unwrap(),
        Adopted::Lost
    ));
    assert!(!lives(leader) && !lives(child));
    if scene.claim()["cgroup"].is_null() {
        kill_nine(escaped);
    }
    assert!(!lives(escaped));
}

#[tokio::test]
async fn a_folder_never_started_cannot_start_later() {
    let scene = Scene::new("touch ran");
    let supervisor = supervisor();
    let zygote = Pid::from_raw(supervisor.zygote_pid() as i32);
    // The order is given, but the zygote does not come to it in time.
    kill(zygote, Signal::SIGSTOP).unwrap();
    let launch = tokio::spawn({
        let (supervisor, spec) = (supervisor.clone(), scene.spec.clone());
        async move { supervisor.launch(spec).await.map(drop) }
    });
    until("the folder is made", || scene.spec.dir.join("rec").exists()).await;
    assert!(matches!(
        adopt(&scene.spec.dir).await.unwrap(),
        Adopted::NeverStarted
    ));
    kill(zygote, Signal::SIGCONT).unwrap();
    assert!(launch.await.unwrap().is_err());
    // Nor by asking again, nor after another look.
    assert!(supervisor.launch(scene.spec.clone()).await.is_err());
    assert!(matches!(
        adopt(&scene.spec.dir).await.unwrap(),
        Adopted::NeverStarted
    ));
    assert!(!scene.path("ran").exists() && !scene.spec.dir.join("out").exists());
}

#[tokio::test]
async fn a_folder_that_was_not_even_made_never_started() {
    let scene = Scene::new("touch ran");
    assert!(matches!(
        adopt(&scene.spec.dir).await.unwrap(),
        Adopted::NeverStarted
    ));
    assert!(supervisor().launch(scene.spec.clone()).await.is_err());
    assert!(!scene.path("ran").exists());
}

#[tokio::test]
async fn an_attempt_cannot_run_twice() {
    let scene = Scene::new("echo once");
    scene.run().await;
    let again = supervisor()
        .launch(scene.spec.clone())
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(scene.output().await, "$ sh\nonce\n");
}

#[tokio::test]
async fn an_attempt_runs_in_the_folder_that_was_made_for_it_and_in_no_other() {
    let supervisor = supervisor();
    let make = |scene: &Scene, id: &str| Folder::make(&scene.spec.dir, id).unwrap();

    let scene = Scene::new("exit 3");
    let folder = make(&scene, &scene.spec.id);
    assert!(Folder::make(&scene.spec.dir, &scene.spec.id).is_err());
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    let attempt = standby.go(folder).await;
    let outcome = attempt.unwrap().wait().await.unwrap();
    assert_eq!(outcome.ending, Ending::Exited(3));

    let scene = Scene::new("touch ran");
    let folder = make(&scene, "another");
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    let attempt = standby.go(folder).await;
    assert!(attempt.is_err());
    assert!(!scene.path("ran").exists());

    // Found by somebody else before it was run in.
    let scene = Scene::new("touch ran");
    let folder = make(&scene, &scene.spec.id);
    let found = adopt(&scene.spec.dir).await.unwrap();
    assert!(matches!(found, Adopted::NeverStarted));
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    let attempt = standby.go(folder).await;
    assert!(attempt.is_err());
    assert!(!scene.path("ran").exists());
}

#[tokio::test]
async fn an_attempt_that_is_called_off_runs_nothing_and_can_be_ordered_anew() {
    let (supervisor, scene) = (supervisor(), Scene::new("echo once >> ran; cat ran"));
    let folder = Folder::make(&scene.spec.dir, &scene.spec.id).unwrap();
    drop(supervisor.prepare(scene.spec.clone()).await.unwrap());
    assert!(is_unclaimed(&scene.spec.dir));
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    standby.go(folder).await.unwrap().wait().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(scene.path("ran")).unwrap(),
        "once\n"
    );
}

#[tokio::test]
async fn whoever_has_the_word_may_say_it_and_saying_it_twice_begins_it_once() {
    let (supervisor, scene) = (supervisor(), Scene::new("echo once >> ran"));
    let folder = Folder::make(&scene.spec.dir, &scene.spec.id).unwrap();
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    standby.word(&folder).unwrap().say();
    let mut attempt = standby.go(folder).await.unwrap();
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Exited(0));
    assert_eq!(
        std::fs::read_to_string(scene.path("ran")).unwrap(),
        "once\n"
    );
    // The word was heard, whatever becomes of who has it.
    let scene = Scene::new("touch ran");
    let folder = Folder::make(&scene.spec.dir, &scene.spec.id).unwrap();
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    standby.word(&folder).unwrap().say();
    drop((standby, folder));
    until("it runs", || scene.path("ran").exists()).await;
}

#[tokio::test]
async fn a_folder_that_is_closed_is_never_run_in_whoever_stands_by_for_it() {
    let (supervisor, scene) = (supervisor(), Scene::new("touch ran"));
    let folder = Folder::make(&scene.spec.dir, &scene.spec.id).unwrap();
    let standby = supervisor.prepare(scene.spec.clone()).await.unwrap();
    assert!(close(&scene.spec.dir).unwrap());
    standby.word(&folder).unwrap().say();
    assert!(standby.go(folder).await.is_err());
    assert!(!scene.path("ran").exists());
    assert!(!close(&scene.spec.dir).unwrap(), "by somebody already");
}

/// Who has claimed an attempt.
fn owner(scene: &Scene) -> u64 {
    let claim = std::fs::read(scene.spec.dir.join("claim")).unwrap();
    let claim: serde_json::Value = serde_json::from_slice(&claim).unwrap();
    claim["supervisor"]["pid"].as_u64().unwrap()
}

#[tokio::test]
async fn a_supervisor_whose_result_is_kept_takes_the_next_attempt_and_no_stop_of_the_last() {
    let supervisor = supervisor();
    let mut owners = Vec::new();
    // The zygote may be busy making a spare just when one is free.
    while owners.len() < 20
        && owners
            .iter()
            .all(|own| owners.iter().filter(|o| o == &own).count() == 1)
    {
        let scene = Scene::new("echo done; exit 3");
        let mut attempt = supervisor.launch(scene.spec.clone()).await.unwrap();
        assert_eq!(attempt.wait().await.unwrap().ending, Ending::Exited(3));
        assert_eq!(scene.output().await, "$ sh\ndone\n");
        owners.push(owner(&scene));
        // Too late for this one, and not meant for the next: as whoever still believes that it runs would do it.
        let _ = kill(Pid::from_raw(owner(&scene) as i32), Signal::SIGUSR1);
        attempt.kept();
    }
    let other = Scene::new("true");
    let mut attempt = supervisor.launch(other.spec.clone()).await.unwrap();
    attempt.wait().await.unwrap();
    // Nobody says that it is kept: it is put on the disk, and its supervisor leaves.
    drop(attempt);
    let pid = owner(&other) as i32;
    until("it leaves", || {
        !std::path::Path::new(&format!("/proc/{pid}")).exists()
    })
    .await;
    assert!(owners.len() < 20, "one did several: {owners:?}");
}

#[tokio::test]
async fn a_missing_program_says_so() {
    let outcome = Scene::of(vec![command("x", &["no-such-program", "now"])])
        .run()
        .await;
    let sentence = "There is no program `no-such-program` in /usr/bin:/bin. Install it, or write its whole path.";
    assert_eq!(outcome.ending, Ending::CouldNotStart(sentence.into()));
    // Unlike a program that itself ends with what a shell says then.
    assert_eq!(
        Scene::new("exit 127").run().await.ending,
        Ending::Exited(127)
    );
}

#[tokio::test]
async fn whatever_keeps_a_program_from_starting_is_said() {
    async fn sentence(prepare: impl FnOnce(&mut Scene)) -> String {
        let mut scene = Scene::of(vec![command("x", &["./program"])]);
        fs::write(scene.path("program"), "#!/no/such/interpreter\n").unwrap();
        mode(&scene, 0o755);
        prepare(&mut scene);
        match scene.run().await.ending {
            Ending::CouldNotStart(sentence) => sentence,
            other => panic!("{other:?}"),
        }
    }
    fn mode(scene: &Scene, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(scene.path("program"), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert!(sentence(|_| {}).await.contains("interpreter"));
    assert!(
        sentence(|scene| mode(scene, 0o644))
            .await
            .contains("permissions")
    );
    assert!(
        sentence(|scene| fs::write(scene.path("program"), "echo no shell\n").unwrap())
            .await
            .contains("`#!`")
    );
    assert!(
        sentence(|scene| fs::remove_file(scene.path("program")).unwrap())
            .await
            .contains("no program")
    );
    assert!(
        sentence(|scene| scene.spec.cwd = "/no/such/folder".into())
            .await
            .contains("working directory")
    );
    assert!(
        sentence(|scene| scene.spec.commands[0].argv.clear())
            .await
            .contains("empty")
    );
    assert!(
        sentence(|scene| scene.spec.commands[0].argv.push("a\0b".into()))
            .await
            .contains("NUL")
    );
    assert!(
        sentence(|scene| scene.spec.commands[0].argv.push("x".repeat(200_000)))
            .await
            .contains("too large")
    );
    assert!(
        sentence(|scene| scene.spec.env.push(("A=B".into(), "c".into())))
            .await
            .contains("`A=B`")
    );
}

#[tokio::test]
async fn commands_run_one_after_the_other_until_one_fails() {
    let scene = Scene::of(vec![
        command("first", &["printf", "no end of line"]),
        command("second", &["sh", "-c", "echo $$ > other; kill -9 $$"]),
        command("third", &["echo", "never"]),
    ]);
    let outcome = scene.run().await;
    assert_eq!((outcome.ending, outcome.command), (Ending::Signalled(9), 1));
    assert_eq!(scene.output().await, "$ first\nno end of line\n$ second\n");
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_ends_with_the_attempt() {
    let leave = "setsid sh -c 'echo $$ > left.new; mv left.new left; while :; do sleep 1; done' &
                 while [ ! -e left ]; do sleep 0.02; done";
    let scene = Scene::of(vec![shell(leave), shell("kill -0 $(cat left)")]);
    let outcome = scene.run().await;
    assert_eq!((outcome.ending, outcome.command), (Ending::Exited(0), 1));
    assert!(!lives(scene.pid("left").await));
}

#[tokio::test]
async fn the_environment_is_the_one_given_and_nothing_is_read_from_the_terminal() {
    let scene = Scene::of(vec![command("env", &["env"]), command("cat", &["cat"])]);
    assert_eq!(scene.run().await.ending, Ending::Exited(0));
    assert_eq!(
        scene.output().await,
        format!(
            "$ env\nMUSTER_OUTPUT={}\nPATH=/usr/bin:/bin\nSECRET={SECRET}\n$ cat\n",
            scene.spec.dir.join("outputs").display()
        )
    );
}

#[tokio::test]
async fn any_output_is_kept_byte_for_byte() {
    let scene = Scene::of(vec![command("odd", &["printf", r"\377\000\303 no end"])]);
    scene.run().await;
    assert_eq!(
        read_output(&scene.spec.dir, 6, usize::MAX)
            .await
            .unwrap()
            .bytes,
        b"\xff\0\xc3 no end"
    );

    let scene = Scene::of(vec![command(
        "much",
        &["head", "-c", "104857600", "/dev/zero"],
    )]);
    let outcome = scene.run().await;
    assert_eq!(
        (outcome.ending, outcome.output_bytes),
        (Ending::Exited(0), 7 + 104_857_600)
    );
    assert_eq!(
        output_size(&scene.spec.dir).await.unwrap(),
        outcome.output_bytes
    );
    assert_eq!(
        read_output(&scene.spec.dir, 104_857_600, 1000)
            .await
            .unwrap()
            .bytes,
        [0; 7]
    );
    let lines = read_lines(&scene.spec.dir, 0, 9, usize::MAX).await.unwrap();
    assert_eq!((lines.total, lines.complete, lines.cut), (2, true, vec![1]));
    assert_eq!(lines.lines, [b"$ much".to_vec(), vec![0; LONGEST_LINE]]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_arguments_arrive_byte_identical(
        args in prop::collection::vec(r#"([^\x00]|[ '"$`;|&<>*?\\~!#\n-]|\$\(reboot\)|-rf /){0,12}"#, 0..8),
        value in r"[^\x00]{0,40}",
    ) {
        let mut scene = Scene::of(vec![]);
        let home = scene.home.path().to_str().unwrap().to_owned();
        let argv: Vec<String> = [PROBE.into(), "record".into(), home].into_iter().chain(args).collect();
        scene.spec.env = vec![("HOSTILE".into(), value.clone())];
        scene.spec.commands = vec![command("record", &argv.iter().map(String::as_str).collect::<Vec<_>>())];
        let outcome = tokio::runtime::Runtime::new().unwrap().block_on(scene.run());
        prop_assert_eq!(outcome.ending, Ending::Exited(0));
        let expected: String = argv.iter().map(|arg| format!("{arg}\0")).collect();
        prop_assert_eq!(fs::read(scene.path("argv")).unwrap(), expected.into_bytes());
        prop_assert_eq!(fs::read(scene.path("env")).unwrap(), format!("HOSTILE={value}\0MUSTER_OUTPUT={}\0", scene.spec.dir.join("outputs").display()).into_bytes());
    }
}

#[tokio::test]
async fn large_arguments_and_environments_arrive() {
    let long = |fill: char| fill.to_string().repeat(100_000);
    let count = "printf '%s' \"$1\" \"$2\" \"$A\" \"$B\" \"$C\" | wc -c";
    let (x, y) = (long('x'), long('y'));
    let mut scene = Scene::of(vec![command("count", &["sh", "-c", count, "sh", &x, &y])]);
    scene
        .spec
        .env
        .extend(["A", "B", "C"].map(|key| (key.into(), long('z'))));
    assert_eq!(scene.run().await.ending, Ending::Exited(0));
    assert_eq!(scene.output().await, "$ count\n500000\n");
}

#[tokio::test]
async fn secrets_are_not_in_any_argv() {
    let scene = Scene::new(&format!(
        "printf %s \"$SECRET\" | wc -c; touch begun; {AWAIT_GO}"
    ));
    let mut attempt = scene.launch().await;
    until("the command begins", || scene.path("begun").exists()).await;
    let told: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|cmdline| {
            cmdline
                .windows(SECRET.len())
                .any(|window| window == SECRET.as_bytes())
        })
        .collect();
    assert_eq!(told, Vec::<Vec<u8>>::new());
    scene.touch("go");
    assert_eq!(attempt.wait().await.unwrap().ending, Ending::Exited(0));
    assert_eq!(scene.output().await, format!("$ sh\n{}\n", SECRET.len()));
    // Nor is there one in the attempt's folder.
    for file in fs::read_dir(&scene.spec.dir).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(
            !content
                .windows(SECRET.len())
                .any(|window| window == SECRET.as_bytes())
        );
    }
}

#[tokio::test]
async fn the_zygote_is_restarted_when_it_dies() {
    let supervisor = supervisor();
    let (slow, quick) = (
        Scene::new(&format!("{AWAIT_GO} exit 4")),
        Scene::new("exit 5"),
    );
    let mut running = supervisor.launch(slow.spec.clone()).await.unwrap();
    let first = supervisor.zygote_pid();
    kill_nine(first as i32);
    let mut next = supervisor.launch(quick.spec.clone()).await.unwrap();
    assert_ne!(supervisor.zygote_pid(), first);
    assert_eq!(next.wait().await.unwrap().ending, Ending::Exited(5));
    // What it had started does not mind.
    slow.touch("go");
    assert_eq!(running.wait().await.unwrap().ending, Ending::Exited(4));
}

#[tokio::test]
async fn a_zygote_that_dies_with_an_order_in_hand_is_replaced_too() {
    let (supervisor, scene) = (supervisor(), Scene::new("exit 6"));
    let zygote = supervisor.zygote_pid() as i32;
    kill(Pid::from_raw(zygote), Signal::SIGSTOP).unwrap();
    let launch = tokio::spawn({
        let (supervisor, spec) = (supervisor.clone(), scene.spec.clone());
        async move { supervisor.launch(spec).await.unwrap().wait().await }
    });
    until("the folder is made", || scene.spec.dir.join("rec").exists()).await;
    kill_nine(zygote);
    assert_eq!(launch.await.unwrap().unwrap().ending, Ending::Exited(6));
}

#[tokio::test]
async fn a_spare_supervisor_is_missed_by_nobody_and_leaves_with_the_zygote() {
    let supervisor = supervisor();
    let zygote = supervisor.zygote_pid() as i32;
    let spare = async || {
        until("there is a spare", || children(zygote).len() == 1).await;
        children(zygote)[0]
    };
    let first = spare().await;
    kill_nine(first);
    until("it is gone", || !lives(first)).await;
    for code in [7, 8] {
        let scene = Scene::new(&format!("exit {code}"));
        let mut attempt = supervisor.launch(scene.spec.clone()).await.unwrap();
        let outcome = attempt.wait().await.unwrap();
        assert_eq!(outcome.ending, Ending::Exited(code));
        until("its supervisor left", || !lives(scene.supervisor_pid())).await;
    }
    let last = spare().await;
    assert_ne!(last, first);
    kill_nine(zygote);
    until("it left", || !lives(last)).await;
}

#[tokio::test]
async fn many_attempts_at_once_do_not_mix_up_their_ends() {
    let supervisor = supervisor();
    let attempts = (0..40).map(|code| {
        let supervisor = supervisor.clone();
        tokio::spawn(async move {
            let scene = Scene::new(&format!("echo {code}; exit {code}"));
            let outcome = supervisor
                .launch(scene.spec.clone())
                .await
                .unwrap()
                .wait()
                .await
                .unwrap();
            assert_eq!(outcome.ending, Ending::Exited(code));
            assert_eq!(scene.output().await, format!("$ sh\n{code}\n"));
        })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }
}

#[test]
fn a_binary_that_is_no_zygote_is_refused() {
    let error = engine::supervise::Supervisor::start_with_exe("/bin/true")
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("run_if_zygote"), "{error}");
    let by_hand = Command::new(PROBE).arg("zygote").output().unwrap();
    assert_eq!(by_hand.status.code(), Some(2));
}
