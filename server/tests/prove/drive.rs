//! People at work: they start runs, answer, hold and stop them, and ask again when the server was not there.

use crate::{
    books::{SHAPES, Shape},
    house::Caller,
};
use rand::Rng;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long one answer, or the end of one run, is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all drivers share.
pub struct Desk {
    /// Whoever starts the runs, and whoever approves them.
    pub starter: Caller,
    pub second: Caller,
    /// Where the server is now.
    pub place: watch::Receiver<String>,
    pub begun: AtomicUsize,
    /// Stop beginning new ones.
    pub enough: AtomicBool,
    pub runs: Mutex<Vec<Driven>>,
}

#[derive(Clone, Debug)]
pub struct Driven {
    pub id: String,
    pub shape: Shape,
    /// How often a person asked for a paused step again.
    pub retries: u32,
    pub over: bool,
}

impl Desk {
    /// Asks until there is an answer, under one key: however often it was heard, it counts once.
    async fn insist(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        key: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let until = Instant::now() + PATIENCE;
        let mut place = self.place.clone();
        loop {
            let url = place.borrow_and_update().clone();
            let mut ask = caller
                .at(url)
                .ask(method.clone(), path)
                .timeout(Duration::from_secs(10));
            if method == Method::POST {
                ask = ask.header("idempotency-key", key).json(&body);
            }
            let answered = async {
                let answer = ask.send().await?;
                let status = answer.status();
                Ok::<_, reqwest::Error>((status, answer.bytes().await?))
            };
            if let Ok((status, bytes)) = answered.await
                && status != StatusCode::SERVICE_UNAVAILABLE
            {
                return (status, serde_json::from_slice(&bytes).unwrap_or_default());
            }
            assert!(Instant::now() < until, "no answer to {path}");
            let _ = tokio::time::timeout(Duration::from_millis(30), place.changed()).await;
        }
    }

    async fn post(&self, id: &str, what: &str, key: &str, body: Value) -> StatusCode {
        let (path, key) = (format!("/api/v1/runs/{id}/{what}"), format!("{id}/{key}"));
        let (status, answer) = self
            .insist(&self.starter, Method::POST, &path, &key, body)
            .await;
        // Somebody, or the run itself, was faster.
        let good = [StatusCode::OK, StatusCode::CONFLICT].contains(&status);
        assert!(good, "{path}: {status} {answer}");
        status
    }

    async fn look(&self, id: &str) -> Value {
        let path = format!("/api/v1/runs/{id}");
        let (status, run) = self
            .insist(&self.starter, Method::GET, &path, "", Value::Null)
            .await;
        assert_eq!(status, StatusCode::OK, "{run}");
        run
    }

    /// One driver: run after run.
    pub async fn drive(self: Arc<Self>, worker: usize) {
        while !self.enough.load(Relaxed) {
            let number = self.begun.fetch_add(1, Relaxed);
            let shape = SHAPES[number % SHAPES.len()];
            let path = format!("/api/v1/runbooks/{}/runs", shape.slug(worker));
            let key = format!("run-{number}");
            let (status, run) = self
                .insist(&self.starter, Method::POST, &path, &key, json!({}))
                .await;
            assert_eq!(status, StatusCode::CREATED, "{run}");
            let id = run["id"].as_str().unwrap().to_owned();
            let mut driven = Driven {
                id,
                shape,
                retries: 0,
                over: false,
            };
            self.see_through(&mut driven).await;
            self.runs.lock().unwrap().push(driven);
        }
    }

    async fn see_through(&self, driven: &mut Driven) {
        let id = driven.id.clone();
        let until = Instant::now() + PATIENCE;
        let chance = rand::rng().random_range(0..150);
        match driven.shape {
            Shape::Held => {
                tokio::time::sleep(Duration::from_millis(chance)).await;
                self.post(&id, "hold", "hold", json!({ "reason": "Wait." }))
                    .await;
                tokio::time::sleep(Duration::from_millis(chance)).await;
                self.post(&id, "continue", "continue", json!({})).await;
            }
            Shape::Cancelled => {
                tokio::time::sleep(Duration::from_millis(chance)).await;
                self.post(
                    &id,
                    "cancel",
                    "cancel",
                    json!({ "reason": "The wrong one." }),
                )
                .await;
            }
            _ => {}
        }
        while Instant::now() < until {
            let run = self.look(&id).await;
            if run["ended_at"] != Value::Null {
                driven.over = true;
                return;
            }
            if run["status"] == "paused_by_failed_step" {
                let key = format!("retry-{}", run["version"]);
                if self.post(&id, "retry", &key, json!({})).await == StatusCode::OK {
                    driven.retries += 1;
                }
            }
            let waits = |status: &str| {
                let steps = run["steps"].as_array().unwrap().iter();
                steps.into_iter().position(|s| s["status"] == status)
            };
            if let Some(step) = waits("waiting_approval") {
                let path = format!("/api/v1/runs/{id}/approve");
                let body = json!({ "step": step, "answer": "approve" });
                let (status, answer) = self
                    .insist(
                        &self.second,
                        Method::POST,
                        &path,
                        &format!("{id}/approve"),
                        body,
                    )
                    .await;
                assert_eq!(status, StatusCode::OK, "{answer}");
            }
            if let Some(step) = waits("waiting_manual") {
                let body = json!({ "step": step, "answer": "done", "says": "Turned." });
                self.post(&id, "answer", "done", body).await;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}
