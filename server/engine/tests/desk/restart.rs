//! A new process over the same database.

use crate::{house::*, on_both_engines};
use domain::*;

on_both_engines! {
    a_restarted_desk_knows_what_is_open
    a_restarted_desk_knows_how_far_a_run_has_come
    a_closed_incident_can_be_reopened_after_a_restart
    an_incident_keeps_the_plan_it_was_declared_under
}

async fn a_restarted_desk_knows_what_is_open(house: &House) {
    let desk = house.desk().await;
    let open = declared(&desk, "Orders are failing").await;
    let closed = declared(&desk, "Sign-in is slow").await;
    ask(
        &desk,
        Command::AddTask {
            incident: open.clone(),
            title: "Look".into(),
            owner: "Bob".into(),
            minutes: 5,
        },
    )
    .await
    .unwrap();
    ask(&desk, resolve(&closed)).await.unwrap();
    let run = started(&desk, "run-1", Some(&open)).await;
    let (before, plan) = (desk.world(), desk.plan());
    drop(desk);

    let desk = house.node("here").await;
    let world = desk.world();
    assert_eq!(
        (world.seq, &world.plan, &world.counts),
        (before.seq, &before.plan, &before.counts)
    );
    assert_eq!(
        world.incidents.keys().collect::<Vec<_>>(),
        [&open],
        "what is closed stays in the database"
    );
    assert_eq!(world.incidents[&open], before.incidents[&open]);
    assert_eq!(world.runs, before.runs);
    assert_eq!((desk.plan().hash, desk.plan().plan), (plan.hash, plan.plan));
    // It goes on where it stood: with the run, and with the numbers.
    end(&desk, &run, Ending::Exited { code: 0 }).await;
    assert_eq!(desk.world().runs[&run].status, RunStatus::Completed);
    assert_eq!(
        declared(&desk, "Something else").await.parts().unwrap().1,
        3
    );
    house.verified().await;
}

async fn a_restarted_desk_knows_how_far_a_run_has_come(house: &House) {
    const STEPS: usize = 80;
    let desk = house.node("here").await;
    let mut plan = plan();
    let mut runbook = plan.runbooks[0].clone();
    let step = runbook.steps[0].clone();
    let named = |n| plan::Step {
        name: format!("Step {n}"),
        ..step.clone()
    };
    runbook.steps = (0..STEPS).map(named).collect();
    runbook.slug = "long".into();
    plan.runbooks.push(runbook);
    put_in_force(&desk, plan).await;
    let mut command = start("run-1", None);
    if let Command::StartRun { runbook, .. } = &mut command {
        *runbook = "long".into();
    }
    let run = ask(&desk, command).await.unwrap().run.unwrap();

    let mut behind = Vec::new();
    for n in 1..=STEPS {
        end(&desk, &run, Ending::Exited { code: 0 }).await;
        let now = desk.world().runs[&run].clone();
        let document = desk.store().projection("run", run.as_str()).await.unwrap();
        behind.push(now.version - document.unwrap().version);
        if n % 9 == 0 {
            assert_eq!(house.node("there").await.world().runs[&run], now);
        }
    }
    // It is written now and then, and when the run is over.
    let most = behind.iter().max().unwrap();
    assert!((1..128).contains(most), "{behind:?}");
    assert!(
        behind.iter().filter(|n| **n == 0).count() < STEPS / 4,
        "{behind:?}"
    );
    assert_eq!(behind.last(), Some(&0));
    assert_eq!(*house.replay().await.runs[&run], *desk.world().runs[&run]);
}

async fn a_closed_incident_can_be_reopened_after_a_restart(house: &House) {
    let desk = house.desk().await;
    let incident = declared(&desk, "Orders are failing").await;
    ask(&desk, update(&incident, "We know the cause."))
        .await
        .unwrap();
    ask(&desk, resolve(&incident)).await.unwrap();
    drop(desk);

    let desk = house.node("here").await;
    assert_eq!(
        why(ask(&desk, update(&incident, "hm")).await),
        Why::Conflict
    );
    ask(&desk, note(&incident, "An afterthought."))
        .await
        .unwrap();
    ask(&desk, reopen(&incident)).await.unwrap();
    ask(&desk, update(&incident, "It is back.")).await.unwrap();
    let world = desk.world();
    assert_eq!(
        *world.incidents[&incident],
        *house.replay().await.incidents[&incident]
    );
    assert_eq!(world.incidents[&incident].updates.len(), 3);
}

async fn an_incident_keeps_the_plan_it_was_declared_under(house: &House) {
    let desk = house.desk().await;
    let old = desk.plan().hash.unwrap();
    let incident = declared(&desk, "Orders are failing").await;
    let mut changed = plan();
    changed.conditions.clear();
    changed.runbooks[0].steps.truncate(1);
    changed.checklist.emergency = vec!["Something else".into()];
    let new = put_in_force(&desk, changed).await;

    // Also when nobody remembers the old plan but the database.
    drop(desk);
    let desk = house.node("here").await;
    assert_eq!(desk.plan().hash, Some(new.clone()));
    assert_eq!(desk.world().incidents[&incident].plan, old);
    assert_eq!(
        desk.world().incidents[&incident].checklist[0].text,
        "Assess"
    );
    let run = started(&desk, "run-1", Some(&incident)).await;
    assert_eq!(
        desk.world().runs[&run].plan,
        old,
        "a recovery of this incident follows this incident's plan"
    );
    end(&desk, &run, Ending::Exited { code: 1 }).await;
    let after = desk.world().runs[&run].clone();
    assert_eq!(
        after.steps.iter().map(|s| s.status).collect::<Vec<_>>(),
        [StepStatus::Failed, StepStatus::Running],
        "{:?}",
        after.paused
    );

    let later = declared(&desk, "Something new").await;
    assert_eq!(desk.world().incidents[&later].plan, new);
}
