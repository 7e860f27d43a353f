//! Talks to the control API of a running lab.

use std::time::Duration;

use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Doing, Failure, Result};

pub struct Control {
    client: Client,
    base: String,
}

impl Control {
    pub fn new(base: &str) -> Result<Self> {
        // The control API is plain HTTP; the TLS library wants a provider all the same, once per process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            // A rebuild copies a whole database.
            .timeout(Duration::from_secs(300))
            .build()
            .doing(|| "make an HTTP client".into())?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                return Failure::failed(format!(
                    "no lab answers at {}; start one with `muster-lab up`, or name it with --control or MUSTER_LAB_URL",
                    self.base
                ));
            }
            Failure::failed(format!("asking {url} failed: {}", root_cause(&error)))
        })?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|_| {
            Failure::failed(format!(
                "{url} answered {status} with something that is not a lab's answer"
            ))
        })?;
        if status.is_success() {
            return Ok(body);
        }
        let sentence = body["error"].as_str().unwrap_or("it gave no reason");
        Err(Failure::failed(sentence))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.send(Method::GET, path, None).await?;
        serde_json::from_value(body).map_err(|error| {
            Failure::failed(format!(
                "what answers at {} is not a lab of this version: {error}",
                self.base
            ))
        })
    }

    pub async fn post(&self, path: &str) -> Result<Value> {
        self.send(Method::POST, path, None).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str) -> Result<Value> {
        self.send(Method::PUT, path, None).await
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
