//! The sinks as a process of their own, and a sender who takes callbacks: both as Muster meets them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub struct Outside {
    pub http: Client,
    pub url: String,
    pub smtp_port: u16,
    pub env: BTreeMap<String, String>,
    pub child: Child,
    folder: Arc<TempDir>,
}

impl Outside {
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("muster-sinks-").tempdir();
        Self::start_in(Arc::new(folder.unwrap())).await
    }

    async fn start_in(folder: Arc<TempDir>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster-lab"));
        command
            .args(["sinks", "--dir"])
            .arg(folder.path().join("d"));
        // The pipe is what keeps it alive: a test that is killed takes its sinks with it.
        let child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = folder.path().join("d/sinks.json");
        let deadline = Instant::now() + Duration::from_secs(20);
        let told: Value = loop {
            let text = std::fs::read(&file).unwrap_or_default();
            match serde_json::from_slice::<Value>(&text) {
                Ok(told) if told["pid"] == child.id() => break told,
                _ => assert!(Instant::now() < deadline, "the sinks never came up"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            http,
            url: told["url"].as_str().unwrap().to_owned(),
            smtp_port: told["smtp_port"].as_u64().unwrap() as u16,
            env: serde_json::from_value(told["env"].clone()).unwrap(),
            child,
            folder,
        }
    }

    /// SIGKILL, and a new process in the same folder.
    pub async fn kill_and_start_again(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::start_in(self.folder.clone()).await
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("d").join(name)
    }

    /// The record itself, as a test may read it without asking.
    pub fn recorded(&self, sink: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file(&format!("{sink}.jsonl"))).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub async fn received(&self, query: &str) -> Vec<Value> {
        let list = self.get(&format!("/control/received?{query}")).await;
        list.as_array().unwrap().clone()
    }

    /// Waits for what came of a delivery.
    pub async fn happened(&self, of: u64, kind: &str, count: usize) -> Vec<Value> {
        let query = format!("of={of}&kind={kind}&count={count}&wait_ms=20000");
        let list = self.get(&format!("/control/happened?{query}")).await;
        let list = list.as_array().unwrap().clone();
        assert!(list.len() >= count, "{count} × {kind}: {list:#?}");
        list
    }

    pub async fn command(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let response = self.request(method, path).json(&body);
        let response = response.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub async fn fault(&self, fault: Value) {
        let (status, answer) = self.command(Method::POST, "/control/faults", fault).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// An order at the telephone company.
    pub fn order(&self, kind: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let sid = &self.env["MUSTER_TWILIO_SID"];
        let base = &self.env["MUSTER_TWILIO_URL"];
        self.http
            .post(format!("{base}/2010-04-01/Accounts/{sid}/{kind}.json"))
            .basic_auth(sid, Some(&self.env["MUSTER_TWILIO_TOKEN"]))
            .form(form)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the sender is told: where, with which headers, and with what form.
#[derive(Debug)]
pub struct Told {
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Told {
    pub fn form(&self) -> BTreeMap<String, String> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&self.body).unwrap();
        pairs.into_iter().collect()
    }

    /// Twilio's check, as a sender makes it.
    pub fn is_from_twilio(&self, token: &str) -> bool {
        let mut signed = self.url.clone();
        for (name, value) in self.form() {
            signed += &format!("{name}{value}");
        }
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let tag = STANDARD
            .decode(&self.headers["x-twilio-signature"])
            .unwrap();
        hmac::verify(&key, signed.as_bytes(), &tag).is_ok()
    }

    /// Slack's check, as a sender makes it.
    pub fn is_from_slack(&self, secret: &str) -> bool {
        let timestamp = &self.headers["x-slack-request-timestamp"];
        let signed = format!("v0:{timestamp}:{}", self.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = self.headers["x-slack-signature"]
            .strip_prefix("v0=")
            .unwrap();
        hmac::verify(&key, signed.as_bytes(), &hex::decode(tag).unwrap()).is_ok()
    }
}

/// A sender that listens: every request is told, and answered with the same text.
pub struct Sender {
    pub url: String,
    pub told: mpsc::UnboundedReceiver<Told>,
}

impl Sender {
    pub async fn listen(answer: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (told, receiver) = mpsc::unbounded_channel();
        let base = url.clone();
        let take = async move |State(told): State<mpsc::UnboundedSender<Told>>,
                               request: Request| {
            let (parts, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let headers = parts.headers.iter();
            let _ = told.send(Told {
                url: format!("{base}{}", parts.uri),
                headers: headers
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
                body: String::from_utf8(body.to_vec()).unwrap(),
            });
            answer
        };
        let router = Router::new().fallback(take).with_state(told);
        tokio::spawn(axum::serve(listener, router).into_future());
        Self {
            url,
            told: receiver,
        }
    }

    pub async fn next(&mut self) -> Told {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, self.told.recv())
            .await
            .expect("the sender was told nothing")
            .unwrap()
    }
}

pub fn slack_message(text: &str) -> Value {
    json!({
        "text": text,
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "SEV1: orders fail" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*All* orders fail since 12:00" } },
            { "type": "actions", "block_id": "answers", "elements": [
                { "type": "button", "action_id": "acknowledge", "value": "n-17",
                  "text": { "type": "plain_text", "text": "Acknowledge" } },
            ] },
        ],
    })
}

/// Each way to deliver over HTTP: the sink, a good delivery, and what a good one is answered.
pub fn deliveries(outside: &Outside) -> Vec<(&'static str, reqwest::RequestBuilder, u16)> {
    let from = outside.env["MUSTER_TWILIO_FROM"].clone();
    let order = |kind, words: &[(&str, &str)]| {
        outside.order(
            kind,
            &[words, &[("To", "+4930123456"), ("From", &from)]].concat(),
        )
    };
    let card = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": { "type": "AdaptiveCard", "version": "1.4", "body": [{ "type": "TextBlock", "text": "SEV1" }] },
        }],
    });
    let event = json!({
        "routing_key": outside.env["MUSTER_PAGERDUTY_KEY"], "event_action": "trigger", "dedup_key": "incident-7",
        "payload": { "summary": "SEV1: orders fail", "source": "muster", "severity": "critical" },
    });
    let to = |name: &str| outside.http.post(&outside.env[name]);
    vec![
        (
            "slack",
            to("MUSTER_SLACK_WEBHOOK").json(&slack_message("SEV1")),
            200,
        ),
        (
            "phone",
            order(
                "Calls",
                &[("Twiml", "<Response><Say>SEV1</Say></Response>")],
            ),
            201,
        ),
        ("sms", order("Messages", &[("Body", "SEV1")]), 201),
        ("hook", to("MUSTER_WEBHOOK_URL").body("{}"), 204),
        ("teams", to("MUSTER_TEAMS_URL").json(&card), 202),
        ("pagerduty", to("MUSTER_PAGERDUTY_URL").json(&event), 202),
    ]
}
