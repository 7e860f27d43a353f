//! The server is killed in the middle of its work and comes back: what was acknowledged is there, once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use futures::{StreamExt, stream};
use house::{Caller, House, kills};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

const CLIENTS: usize = 8;

/// Where the server is now, and how often it was started; who waits for it hears of each start.
type Place = watch::Receiver<(u64, String)>;

/// What the clients were told.
struct Tally {
    acknowledged: Mutex<Vec<String>>,
    in_doubt: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

/// Sends a note under a key. The note's text is the key.
async fn send(caller: &Caller, incident: &str, key: &str) -> reqwest::Result<StatusCode> {
    let note = caller.ask(Method::POST, &format!("/api/v1/incidents/{incident}/notes"));
    let answer = note
        .header("idempotency-key", key)
        .json(&json!({ "text": key }))
        .send()
        .await?;
    let status = answer.status();
    // An answer that was cut off is no answer.
    answer.bytes().await?;
    Ok(status)
}

/// One client: note after note, each under a key of its own, until the test is over.
async fn client(
    n: usize,
    caller: Caller,
    incident: String,
    mut place: Place,
    tally: Arc<Tally>,
    over: watch::Receiver<bool>,
) {
    for number in 0.. {
        let key = format!("client-{n}-{number}");
        loop {
            if *over.borrow() {
                return;
            }
            let (_, url) = place.borrow_and_update().clone();
            match send(&caller.at(url), &incident, &key).await {
                Ok(StatusCode::CREATED) => {
                    tally.acknowledged.lock().unwrap().push(key);
                    tally.count.send_modify(|count| *count += 1);
                    break;
                }
                Ok(other) => panic!("{key}: {other}"),
                // It was not sent: the same key goes to the next server.
                Err(error) if error.is_connect() => place.changed().await.unwrap(),
                Err(_) => {
                    tally.in_doubt.lock().unwrap().push(key);
                    break;
                }
            }
        }
    }
}

async fn repeat_all(caller: &Caller, incident: &str, keys: &[String]) {
    let answers = stream::iter(keys)
        .map(|key| async move { (key, send(caller, incident, key).await.unwrap()) });
    answers
        .buffer_unordered(CLIENTS)
        .for_each(|(key, status)| async move { assert_eq!(status, StatusCode::CREATED, "{key}") })
        .await;
}

/// How often each note stands in the timeline, as REST tells it page by page.
async fn notes(caller: &Caller, incident: &str) -> HashMap<String, u32> {
    let (mut found, mut after) = (HashMap::new(), 0);
    loop {
        let page = caller
            .json(&format!(
                "/api/v1/incidents/{incident}/timeline?after={after}&limit=1000"
            ))
            .await;
        let events = page["events"].as_array().unwrap();
        let Some(last) = events.last() else {
            return found;
        };
        after = last["seq"].as_u64().unwrap();
        for event in events.iter().filter(|e| e["event"] == "note_added") {
            *found
                .entry(event["text"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
}

async fn an_acknowledged_command_survives_kill_nine(house: House) {
    let kills = kills();
    let token = house.token("responder");
    let mut server = house.start();
    let caller = server.program(&token);
    let incident = caller
        .declare(json!({ "title": "The server dies again and again", "severity": "SEV3" }))
        .await;

    let tally = Arc::new(Tally {
        acknowledged: Mutex::default(),
        in_doubt: Mutex::default(),
        count: watch::Sender::new(0),
    });
    let (moved, place) = watch::channel((0, server.url.clone()));
    let (stop, over) = watch::channel(false);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            tokio::spawn(client(
                n,
                caller.clone(),
                incident.clone(),
                place.clone(),
                tally.clone(),
                over.clone(),
            ))
        })
        .collect();
    let mut count = tally.count.subscribe();
    for kill in 1..=kills {
        // Not at regular moments of the work.
        let at = *count.borrow() + 3 + kill * 7919 % 41;
        count.wait_for(|n| *n >= at).await.unwrap();
        server.kill();
        server = house.start();
        moved.send_replace((kill as u64, server.url.clone()));
    }
    let at = *count.borrow() + 3;
    count.wait_for(|n| *n >= at).await.unwrap();
    stop.send_replace(true);
    moved.send_modify(|(starts, _)| *starts += 1);
    for client in clients {
        client.await.unwrap();
    }

    let caller = server.program(&token);
    let acknowledged = std::mem::take(&mut *tally.acknowledged.lock().unwrap());
    let in_doubt = std::mem::take(&mut *tally.in_doubt.lock().unwrap());
    let before = notes(&caller, &incident).await;
    for key in &acknowledged {
        assert_eq!(before.get(key), Some(&1), "{key} was acknowledged");
    }
    let written = in_doubt
        .iter()
        .filter(|key| before.contains_key(*key))
        .count();
    repeat_all(&caller, &incident, &in_doubt).await;
    let after = notes(&caller, &incident).await;
    assert!(
        acknowledged
            .iter()
            .chain(&in_doubt)
            .all(|key| after.get(key) == Some(&1)),
        "each is there exactly once"
    );
    assert_eq!(
        after.len(),
        acknowledged.len() + in_doubt.len(),
        "and nothing else"
    );
    let everything: Vec<String> = acknowledged.iter().chain(&in_doubt).cloned().collect();
    repeat_all(&caller, &incident, &everything).await;
    assert_eq!(
        notes(&caller, &incident).await,
        after,
        "repeating changes nothing"
    );
    server.kill();

    let said = house.run(&["timeline", "verify"]);
    let (store, mut events) = (house.store().await, 0);
    while let records = store.events_after(events, 1000).await.unwrap()
        && !records.is_empty()
    {
        for record in records {
            events += 1;
            assert_eq!(record.seq, events, "without gaps");
        }
    }
    assert!(
        said.starts_with(&format!("{events} events, every one as it was written")),
        "{said}"
    );
    println!(
        "{}: {kills} kills, {} acknowledged, {} in doubt ({written} of them written), {events} events, 0 lost, 0 twice",
        store.place(),
        acknowledged.len(),
        in_doubt.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_command_survives_kill_nine_on_sqlite() {
    an_acknowledged_command_survives_kill_nine(House::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_command_survives_kill_nine_on_postgres() {
    an_acknowledged_command_survives_kill_nine(House::postgres().await).await;
}
