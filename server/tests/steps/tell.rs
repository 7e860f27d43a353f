//! Words to those who follow an incident, through a real server.

use crate::{
    house::{House, until},
    scene::Scene,
};
use serde_json::json;

#[tokio::test]
async fn a_word_reaches_the_timeline_or_the_public_once_however_often_it_is_tried() {
    let house = House::sqlite();
    let token = house.token("commander");
    let server = house.start();
    let caller = server.program(&token);
    let number = caller
        .declare(json!({"title": "Orders fail", "severity": "SEV1"}))
        .await;
    let scene = Scene::new()
        .env("MUSTER_URL", &server.url)
        .env("MUSTER_TOKEN", &token)
        .env("MUSTER_INCIDENT", &number)
        .env("MUSTER_RUN", "run-1")
        .env("MUSTER_STEP", "Sag es allen \u{fc}berall");
    let note = json!({"notify": {"message": "The replica is promoted"}});
    let public = json!({"notify": {"message": "We see the cause", "public": "identified"}});
    for _ in 0..2 {
        scene
            .work(note.clone())
            .await
            .is(0, &["in the timeline", &number]);
        scene
            .work(public.clone())
            .await
            .is(0, &["told to the public"]);
    }
    let timeline = caller
        .text(&format!("/api/v1/incidents/{number}/timeline"))
        .await;
    assert_eq!(timeline.matches("The replica is promoted").count(), 1);
    assert_eq!(timeline.matches("We see the cause").count(), 1);
    let anybody = server.anybody();
    let status = until("the public page tells it", async || {
        Some(anybody.text("/status").await).filter(|page| page.contains("We see the cause"))
    })
    .await;
    assert!(!status.contains("promoted"));

    let scene = scene.env("MUSTER_INCIDENT", "INC-1999-001");
    scene.work(note).await.is(1, &["INC-1999-001 was not told"]);
}

#[tokio::test]
async fn a_word_without_an_incident_is_said_here() {
    let note = json!({"notify": {"message": "The replica is promoted"}});
    Scene::new()
        .work(note)
        .await
        .is(0, &["belongs to no incident", "The replica is promoted"]);
}
