//! One command: once, whole, or not at all.

use crate::{house::*, on_both_engines};
use domain::*;
use engine::{Beside, Request};
use futures::future::join_all;
use store::{Credential, CredentialKind};

on_both_engines! {
    the_same_key_twice_is_one_command
    a_key_pressed_twice_at_once_is_one_command
    a_refused_command_writes_nothing
    what_is_so_already_is_acknowledged_and_writes_nothing
    an_expected_version_that_is_old_is_refused
    a_poisoned_command_fails_alone_and_its_neighbours_are_written
    what_cannot_be_written_is_refused_and_not_called_a_failure_of_the_database
    projections_equal_a_replay_of_the_log
}

async fn the_same_key_twice_is_one_command(house: &House) {
    let desk = house.desk().await;
    let request = || Request::new(&jane(), declare("Orders are failing")).key("key-1");
    let first = desk.execute(request()).await.unwrap();
    let head = house.verified().await;
    let again = desk.execute(request()).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!((first.seq, &first.incident), (again.seq, &again.incident));

    let other = Request::new(&jane(), declare("Something else")).key("key-1");
    assert_eq!(why(desk.execute(other).await), Why::KeyReused);
    let other_person = Request::new(
        &person("Bob", AccessRole::Commander),
        declare("Orders are failing"),
    )
    .key("key-1");
    assert_eq!(why(desk.execute(other_person).await), Why::KeyReused);

    // The key outlives the process, and holds on every node.
    let after_restart = house.node("there").await.execute(request()).await.unwrap();
    assert!(after_restart.replayed);
    assert_eq!(after_restart.incident, first.incident);
    assert_eq!(
        house.verified().await,
        head,
        "nothing was written but the first time"
    );
}

async fn a_key_pressed_twice_at_once_is_one_command(house: &House) {
    let desk = house.desk().await;
    let head = house.verified().await;
    // A run's id is minted anew at each try: that does not make it another command.
    let presses = (0..20).map(|n| {
        desk.execute(Request::new(&jane(), start(&format!("run-{n}"), None)).key("press"))
    });
    let receipts: Vec<_> = join_all(presses)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(receipts.iter().filter(|r| !r.replayed).count(), 1);
    assert!(
        receipts
            .iter()
            .all(|r| r.run == receipts[0].run && r.run.is_some())
    );
    assert_eq!(house.replay().await.runs.len(), 1);
    assert_eq!(
        house.verified().await,
        head + 3,
        "started, its step, its attempt"
    );
}

async fn a_refused_command_writes_nothing(house: &House) {
    let desk = house.desk().await;
    let incident = declared(&desk, "Orders are failing").await;
    let (head, before) = (house.verified().await, desk.world());
    let viewer = person("Vera", AccessRole::Viewer);
    let refused = [
        (
            desk.execute(Request::new(&viewer, note(&incident, "hello")).key("a"))
                .await,
            Why::Forbidden,
        ),
        (
            desk.execute(Request::new(&jane(), declare("x")).key("b"))
                .await,
            Why::Invalid,
        ),
        (
            ask(&desk, note(&"INC-2026-999".into(), "hello")).await,
            Why::NotFound,
        ),
        (ask(&desk, reopen(&incident)).await, Why::Conflict),
    ];
    for (answer, expected) in refused {
        assert_eq!(why(answer), expected);
    }
    assert_eq!(house.verified().await, head);
    assert_eq!(desk.world(), before);
    // The key of a refused command is free: what was wrong is put right and sent again.
    desk.execute(Request::new(&jane(), declare("Orders are failing again")).key("b"))
        .await
        .unwrap();
}

async fn what_is_so_already_is_acknowledged_and_writes_nothing(house: &House) {
    let desk = house.desk().await;
    let incident = declared(&desk, "Orders are failing").await;
    let head = house.verified().await;
    let same = Command::ChangeSeverity {
        incident,
        severity: Severity::Sev1,
        reason: String::new(),
    };
    let receipt = desk
        .execute(Request::new(&jane(), same.clone()).key("same"))
        .await
        .unwrap();
    assert_eq!(receipt.seq, 0);
    assert!(
        desk.execute(Request::new(&jane(), same).key("same"))
            .await
            .unwrap()
            .replayed
    );
    assert_eq!(house.verified().await, head);
}

async fn an_expected_version_that_is_old_is_refused(house: &House) {
    let desk = house.desk().await;
    let incident = declared(&desk, "Orders are failing").await;
    let seen = desk.world().incidents[&incident].version;
    let expecting = |version| {
        Request::new(&jane(), update(&incident, "We know the cause.")).expecting(Some(version))
    };
    desk.execute(expecting(seen)).await.unwrap();
    let head = house.verified().await;
    assert_eq!(why(desk.execute(expecting(seen)).await), Why::Conflict);
    assert_eq!(house.verified().await, head);
    desk.execute(expecting(desk.world().incidents[&incident].version))
        .await
        .unwrap();
}

fn credential(id: &str, secret_hash: [u8; 32]) -> Beside {
    let row = Credential {
        id: id.into(),
        kind: CredentialKind::Token,
        secret_hash,
        person: "{}".into(),
        expires_at: i64::MAX,
        revoked_at: None,
        used_at: None,
        created_at: 0,
    };
    Beside {
        credentials: vec![row],
        ..Beside::default()
    }
}

async fn a_poisoned_command_fails_alone_and_its_neighbours_are_written(house: &House) {
    let desk = house.desk().await;
    let incident = declared(&desk, "Orders are failing").await;
    let token = |id: &str| Command::IssueToken {
        id: id.into(),
        name: "robot".into(),
        role: AccessRole::Viewer,
    };
    desk.execute(Request::new(&worker(), token("first")).beside(credential("first", [7; 32])))
        .await
        .unwrap();
    let head = house.verified().await;

    let requests = (0..200).map(|n| match n {
        // The database refuses it when the whole batch is written: another has this secret.
        50 => Request::new(&worker(), token("second")).beside(credential("second", [7; 32])),
        // Nothing with such a key can even be looked up.
        120 => Request::new(&jane(), note(&incident, "poisoned")).key("k\0"),
        n => Request::new(&jane(), note(&incident, &format!("note {n}"))).key(format!("k{n}")),
    });
    let answers = join_all(requests.map(|request| desk.execute(request))).await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(
            answer.is_err(),
            n == 50 || n == 120,
            "command {n}: {answer:?}"
        );
    }
    assert_eq!(house.verified().await, head + 198);
    assert_eq!(
        house.replay().await.seq,
        desk.world().seq,
        "what the desk holds is what was written"
    );
    // And the desk goes on.
    ask(&desk, note(&incident, "still here")).await.unwrap();
}

async fn what_cannot_be_written_is_refused_and_not_called_a_failure_of_the_database(house: &House) {
    let desk = house.desk().await;
    let nul_in_a_key = desk
        .execute(Request::new(&jane(), declare("Orders are failing")).key("\0"))
        .await;
    assert_eq!(why(nul_in_a_key), Why::Invalid);
    assert_eq!(
        why(ask(&desk, note(&"INC\0".into(), "hello")).await),
        Why::Invalid
    );
    // A NUL within a text is refused by the rules; one in a name is written as JSON writes it, and comes back whole.
    assert_eq!(
        why(ask(&desk, declare("Orders\0 are failing")).await),
        Why::Invalid
    );
    let strange = person("Jane\0Doe", AccessRole::Commander);
    desk.execute(Request::new(&strange, declare("Orders are failing")))
        .await
        .unwrap();
    assert!(
        house
            .replay()
            .await
            .incidents
            .values()
            .all(|i| i.declared_by == "Jane\0Doe")
    );
}

async fn projections_equal_a_replay_of_the_log(house: &House) {
    let desk = house.desk().await;
    let first = declared(&desk, "Orders are failing").await;
    let second = declared(&desk, "Sign-in is slow").await;
    let role = IncidentRole::IncidentCommander;
    let commands = [
        Command::AssignRole {
            incident: first.clone(),
            role,
            person: "Jane Doe".into(),
        },
        Command::HandOver {
            incident: first.clone(),
            role,
            to: "Bob".into(),
        },
        Command::AddTask {
            incident: first.clone(),
            title: "Look at the pool".into(),
            owner: "Bob".into(),
            minutes: 10,
        },
        Command::AcceptTask {
            incident: first.clone(),
            task: 1,
        },
        Command::Tick {
            incident: first.clone(),
            item: 0,
            done: true,
        },
        Command::Pin {
            incident: first.clone(),
            seq: 2,
            pinned: true,
        },
        update(&first, "We know the cause."),
        note(&first, "It was the pool."),
        resolve(&second),
    ];
    for command in commands {
        house.wait(Span::secs(1));
        ask(&desk, command).await.unwrap();
    }
    let run = started(&desk, "run-1", Some(&first)).await;
    end(&desk, &run, Ending::Exited { code: 1 }).await;
    ask(
        &desk,
        Command::CancelRun {
            run: run.clone(),
            reason: String::new(),
        },
    )
    .await
    .unwrap();

    // Another process goes on from the documents, not from the log.
    drop(desk);
    let desk = house.node("here").await;
    end(&desk, &run, Ending::Cancelled).await;
    ask(
        &desk,
        Command::FinishTask {
            incident: first.clone(),
            task: 1,
        },
    )
    .await
    .unwrap();
    ask(&desk, resolve(&first)).await.unwrap();
    ask(&desk, reopen(&second)).await.unwrap();
    ask(&desk, update(&second, "Again.")).await.unwrap();
    started(&desk, "run-2", Some(&second)).await;

    let replayed = house.replay().await;
    let store = desk.store();
    let incidents: Vec<Incident> = documents(store, "incident").await;
    assert_eq!(incidents.len(), 2);
    for incident in incidents {
        assert_eq!(*replayed.incidents[&incident.number], incident);
    }
    let runs: Vec<Run> = documents(store, "run").await;
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(*replayed.runs[&run.id], run);
    }
    house.verified().await;
}

async fn documents<T: serde::de::DeserializeOwned>(store: &store::Store, kind: &str) -> Vec<T> {
    store
        .projections(kind, None, 100)
        .await
        .unwrap()
        .iter()
        .map(|p| serde_json::from_str(&p.body).unwrap())
        .collect()
}
