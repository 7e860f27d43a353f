//! What the providers send back to their sender: forms, to loopback only, without following any redirect.

use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::failure::{Doing, Result};

/// How a callback was answered: the status and what was said, or why there was no answer.
#[derive(Debug, Clone)]
pub struct Answered(pub std::result::Result<(u16, String), String>);

impl Answered {
    pub fn nothing() -> Self {
        Self(Err("nothing was sent".into()))
    }

    pub fn json(&self) -> Value {
        match &self.0 {
            Ok((status, _)) => json!(status),
            Err(error) => json!({ "error": error }),
        }
    }

    /// What was said, when the answer was a good one.
    pub fn good(&self) -> std::result::Result<&str, String> {
        match &self.0 {
            Ok((200..=299, body)) => Ok(body),
            Ok((status, _)) => Err(format!("it answered {status}")),
            Err(error) => Err(error.clone()),
        }
    }
}

impl Serialize for Answered {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        self.json().serialize(to)
    }
}

pub fn client() -> Result<Client> {
    // Nearly all of it is plain HTTP; the TLS library wants a provider all the same, once per process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(15))
        .build()
        .doing(|| "make an HTTP client".into())
}

pub async fn post_form(
    client: &Client,
    url: &str,
    body: String,
    headers: &[(&str, String)],
) -> Answered {
    Answered(send(client, url, body, headers).await)
}

async fn send(
    client: &Client,
    url: &str,
    body: String,
    headers: &[(&str, String)],
) -> std::result::Result<(u16, String), String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let host = parsed.host_str().unwrap_or_default();
    if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return Err(format!(
            "{url} is not on this machine, and the lab talks to no other"
        ));
    }
    let form = "application/x-www-form-urlencoded";
    let mut request = client.post(parsed).header("content-type", form).body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let told = |error: reqwest::Error| error.without_url().to_string();
    let response = request.send().await.map_err(told)?;
    let status = response.status().as_u16();
    Ok((status, response.text().await.map_err(told)?))
}
