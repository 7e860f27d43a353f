//! A place on the web that keeps what is sent to it, and answers as it is told.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::Value;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Inbox {
    kept: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// What is answered, where it is not the challenge.
    answer: Arc<Mutex<Option<u16>>>,
}

impl Inbox {
    /// Opens it; gives back its address.
    pub async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let keep = async |State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes| {
            inbox.kept.lock().unwrap().push((headers, body.clone()));
            let status = inbox.answer.lock().unwrap().unwrap_or(200);
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            let echo = sent["challenge"].as_str().unwrap_or("ok").to_owned();
            (axum::http::StatusCode::from_u16(status).unwrap(), echo)
        };
        let app = Router::new()
            .route("/{*any}", post(keep))
            .with_state(self.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    pub fn answers(&self, status: Option<u16>) {
        *self.answer.lock().unwrap() = status;
    }

    pub fn kept(&self) -> Vec<(HeaderMap, Bytes)> {
        self.kept.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<Value> {
        let kept = self.kept();
        let bodies = kept.iter().map(|(_, body)| serde_json::from_slice(body));
        bodies.map(Result::unwrap).collect()
    }
}
