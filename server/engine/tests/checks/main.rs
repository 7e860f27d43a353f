//! The promises of the checks, each probe against the real thing.

#![allow(
    clippy::unwrap_used,
    reason = "a test whose surroundings cannot be made has failed"
)]

mod dns;
mod postgres;
mod web;

use domain::plan::{Check, Probe, Targets};
use engine::checks::{Class, Prober, Seen};

/// A check of this probe, as a plan writes it.
fn check(yaml: &str) -> Check {
    serde_saphyr::from_str(yaml).unwrap()
}

fn prober() -> Prober {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Prober::new(|_| None).unwrap()
}

async fn look(yaml: &str) -> Result<String, (Class, String)> {
    look_at(yaml, &Targets::default()).await
}

async fn look_at(yaml: &str, targets: &Targets) -> Result<String, (Class, String)> {
    match prober().look(&check(yaml), targets).await {
        Ok(Seen { says }) => Ok(says),
        Err(failure) => Err((failure.class, failure.says)),
    }
}

fn class(looked: Result<String, (Class, String)>) -> Class {
    looked.expect_err("a look that fails").0
}

#[test]
fn a_probe_that_is_written_is_read() {
    let check =
        check("{probe: {dns: {name: example.com, type: MX, server: 9.9.9.9}}, slow_after: 500ms}");
    assert!(matches!(check.probe, Probe::Dns(_)));
}

#[tokio::test]
async fn what_points_inside_is_not_asked_unless_the_check_is_internal() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for probe in [
        format!("{{http: {{url: 'http://127.0.0.1:{port}/'}}}}"),
        format!("{{http: {{url: 'http://localhost:{port}/'}}}}"),
        format!("{{http: {{url: 'http://[::ffff:127.0.0.1]:{port}/'}}}}"),
        "{http: {url: 'http://169.254.169.254/latest/meta-data'}}".into(),
        format!("{{tcp: {{address: 'localhost:{port}'}}}}"),
        format!("{{dns: {{name: example.com, server: 'localhost:{port}'}}}}"),
    ] {
        assert_eq!(
            class(look(&format!("{{probe: {probe}}}")).await),
            Class::Forbidden,
            "{probe}"
        );
    }
    let meant = format!("{{probe: {{tcp: {{address: '127.0.0.1:{port}'}}}}, internal: true}}");
    assert_eq!(look(&meant).await, Ok("connected".into()));
    // Nobody came but the one who was allowed to.
    listener.accept().await.unwrap();
    let another = std::future::poll_fn(|cx| match listener.poll_accept(cx) {
        std::task::Poll::Ready(_) => std::task::Poll::Ready(true),
        std::task::Poll::Pending => std::task::Poll::Ready(false),
    });
    assert!(!another.await);
}

#[tokio::test]
async fn where_some_of_several_looks_fail_it_is_a_partial_outage() {
    let up = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let up = up.local_addr().map(|a| (a, up)).unwrap();
    let (up, _open) = up;
    let down = {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        closed.local_addr().unwrap()
    };
    let any = |a, b| {
        format!(
            "{{probe: {{any: [{{tcp: {{address: '{a}'}}}}, {{tcp: {{address: '{b}'}}}}]}}, internal: true}}"
        )
    };
    assert_eq!(look(&any(up, up)).await, Ok("2 of 2 answer".into()));
    assert_eq!(class(look(&any(up, down)).await), Class::Partial);
    assert_eq!(class(look(&any(down, down)).await), Class::Refused);
}

#[tokio::test]
async fn a_command_is_well_with_exit_0_and_tells_its_last_line() {
    let run = |script: &str| format!("{{probe: {{command: {{argv: [sh, -c, '{script}']}}}}}}");
    assert_eq!(look(&run("echo one; echo two")).await, Ok("two".to_owned()));
    let (class, says) = look(&run("echo no room >&2; exit 3")).await.unwrap_err();
    assert_eq!(class, Class::WrongAnswer);
    assert_eq!(says, "exit status: 3: no room");
    // An endless answer is read and not kept.
    assert!(look(&run("yes x | head -c 9000000; echo end")).await == Ok("end".into()));
}

#[tokio::test]
async fn a_command_that_does_not_end_is_killed_with_all_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let held = dir.path().join("held");
    nix::unistd::mkfifo(&held, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // The grandchild holds the pipe open for as long as it lives.
    let script = format!("(sleep 1000; true) >{} & sleep 1000", held.display());
    let reading = tokio::task::spawn_blocking({
        let held = held.clone();
        move || std::fs::read(held)
    });
    let looked = look(&format!(
        "{{probe: {{command: {{argv: [sh, -c, '{script}']}}}}, timeout: 300ms}}"
    ))
    .await;
    assert_eq!(class(looked), Class::Timeout);
    assert_eq!(reading.await.unwrap().unwrap(), b"");
}

#[tokio::test]
async fn what_answers_too_late_is_slow_and_not_down() {
    let looked =
        look("{probe: {command: {argv: [sleep, '0.2']}}, slow_after: 50ms, timeout: 60s}").await;
    assert_eq!(class(looked), Class::Slow);
    assert_eq!(Class::Slow.health(), domain::Health::Degraded);
}
