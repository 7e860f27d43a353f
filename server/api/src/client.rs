//! The typed client: one method a call, one error type.

use crate::{
    ChangeSeverity, Declare, Message, Note, Resolve, ScheduleMaintenance, StartRun, Update,
};
use domain::{MaintenanceId, Number, RunId, Slug};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Longer than any call takes that works.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody knows whether it was done: ask again under the same key.
    #[error("{0} does not answer")]
    Silent(String),
    /// The server said no: `detail` of its `application/problem+json`.
    #[error("{detail}")]
    Refused {
        status: u16,
        detail: String,
        field: Option<String>,
    },
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    pub fn new(url: &str, token: &str) -> Result<Client, Trouble> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|e| Trouble::Unreadable(e.to_string()))?;
        Ok(Client {
            http,
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    pub async fn board(&self) -> Result<Value, Trouble> {
        self.get("/board").await
    }
    pub async fn incident(&self, number: &Number) -> Result<Value, Trouble> {
        self.get(&format!("/incidents/{number}")).await
    }
    /// Events of the incident and its runs after `after`, as `{"events": […]}`.
    pub async fn timeline(
        &self,
        number: &Number,
        after: u64,
        limit: u32,
    ) -> Result<Value, Trouble> {
        self.get(&format!(
            "/incidents/{number}/timeline?after={after}&limit={limit}"
        ))
        .await
    }
    /// Every failover as it stands, as `{"failovers": […]}`.
    pub async fn failovers(&self) -> Result<Value, Trouble> {
        self.get("/failovers").await
    }
    /// Maintenance windows, as `{"maintenance": […]}`.
    pub async fn maintenance(&self) -> Result<Value, Trouble> {
        self.get("/maintenance").await
    }
    pub async fn run(&self, id: &RunId) -> Result<Value, Trouble> {
        self.get(&format!("/runs/{id}")).await
    }

    /// `key` makes a repeated call the same call.
    pub async fn declare(&self, key: &str, body: &Declare) -> Result<Value, Trouble> {
        self.post("/incidents", key, body).await
    }
    pub async fn update(
        &self,
        key: &str,
        number: &Number,
        body: &Update,
    ) -> Result<Value, Trouble> {
        self.post(&format!("/incidents/{number}/updates"), key, body)
            .await
    }
    pub async fn resolve(
        &self,
        key: &str,
        number: &Number,
        body: &Resolve,
    ) -> Result<Value, Trouble> {
        self.post(&format!("/incidents/{number}/resolve"), key, body)
            .await
    }
    pub async fn change_severity(
        &self,
        key: &str,
        number: &Number,
        body: &ChangeSeverity,
    ) -> Result<Value, Trouble> {
        self.post(&format!("/incidents/{number}/severity"), key, body)
            .await
    }
    /// Who was told, who knows, and whether that was in time.
    pub async fn notifications(&self, number: &Number) -> Result<Value, Trouble> {
        self.get(&format!("/incidents/{number}/notifications"))
            .await
    }
    pub async fn note(&self, key: &str, number: &Number, body: &Note) -> Result<Value, Trouble> {
        self.post(&format!("/incidents/{number}/notes"), key, body)
            .await
    }
    pub async fn schedule_maintenance(
        &self,
        key: &str,
        body: &ScheduleMaintenance,
    ) -> Result<Value, Trouble> {
        self.post("/maintenance", key, body).await
    }
    pub async fn complete_maintenance(
        &self,
        key: &str,
        id: &MaintenanceId,
        body: &Message,
    ) -> Result<Value, Trouble> {
        self.post(&format!("/maintenance/{id}/complete"), key, body)
            .await
    }
    pub async fn start_run(
        &self,
        key: &str,
        runbook: &Slug,
        body: &StartRun,
    ) -> Result<Value, Trouble> {
        self.post(&format!("/runbooks/{runbook}/runs"), key, body)
            .await
    }

    async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.send(self.ask(Method::GET, path)).await
    }

    async fn post<T: Serialize>(&self, path: &str, key: &str, body: &T) -> Result<Value, Trouble> {
        self.send(
            self.ask(Method::POST, path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token)
    }

    async fn send(&self, ask: RequestBuilder) -> Result<Value, Trouble> {
        let answer = ask
            .send()
            .await
            .map_err(|_| Trouble::Silent(self.url.clone()))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|_| Trouble::Silent(self.url.clone()))?;
        let body: Value = serde_json::from_str(&text)
            .map_err(|e| Trouble::Unreadable(format!("status {status}: {e}")))?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        Err(Trouble::Refused {
            status: status.as_u16(),
            detail: text("detail").unwrap_or_else(|| format!("status {status}")),
            field: text("field"),
        })
    }
}
