//! The laboratory's outside world, for one test: providers that keep what they accept and fail as they are told.

use domain::{
    Kind, Phase, Severity, Span, Stamp,
    notify::Cause,
    plan::{Channel, Plan},
};
use engine::channels::{Address, Brief, Channels, Message};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};
use tempfile::TempDir;

pub struct Outside {
    child: Child,
    pub url: String,
    pub smtp_port: u16,
    pub env: BTreeMap<String, String>,
    http: Client,
    dir: TempDir,
    program: PathBuf,
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends when nobody holds its stdin any more.
fn start(program: &Path, dir: &Path, smtp_port: u16) -> Child {
    Command::new(program)
        .args(["sinks", "--smtp-port", &smtp_port.to_string(), "--dir"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn addresses(dir: &Path, child: &mut Child) -> Value {
    let file = dir.join("sinks.json");
    for _ in 0..2_000 {
        if let Ok(text) = std::fs::read_to_string(&file) {
            return serde_json::from_str(&text).unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "the sinks ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the sinks did not begin")
}

impl Outside {
    /// `None`, loudly, where the laboratory is not built.
    pub async fn begin() -> Option<Outside> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = std::env::current_exe().unwrap();
        let program = own.parent().unwrap().parent().unwrap().join("muster-lab");
        if !program.exists() {
            eprintln!(
                "\n******** SKIPPED, NOTHING WAS TESTED: muster-lab is not built (cargo build -p lab) ********\n"
            );
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut child = start(&program, dir.path(), 0);
        let said = addresses(dir.path(), &mut child).await;
        Some(Outside {
            child,
            url: said["url"].as_str().unwrap().to_owned(),
            smtp_port: said["smtp_port"].as_u64().unwrap() as u16,
            env: serde_json::from_value(said["env"].clone()).unwrap(),
            http: Client::builder().no_proxy().build().unwrap(),
            dir,
            program,
        })
    }

    /// The same mail server anew, after it was killed.
    pub async fn again(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_file(self.dir.path().join("sinks.json"));
        self.child = start(&self.program, self.dir.path(), self.smtp_port);
        let said = addresses(self.dir.path(), &mut self.child).await;
        self.url = said["url"].as_str().unwrap().to_owned();
    }

    pub fn channels(&self) -> Channels {
        self.channels_of(&plan(), |_, value| Some(value))
    }

    /// With another plan, or with variables changed or taken away.
    pub fn channels_of(
        &self,
        plan: &Plan,
        with: impl Fn(&str, String) -> Option<String>,
    ) -> Channels {
        let env = |name: &str| with(name, self.env.get(name)?.clone());
        Channels::new(plan, &env).unwrap()
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// What a sink has accepted, once there are so many.
    pub async fn received(&self, sink: &str, count: usize) -> Vec<Value> {
        let path = format!("/control/received?sink={sink}&count={count}&wait_ms=10000");
        let all = self.ask(Method::GET, &path, None).await;
        let all = all.as_array().unwrap().clone();
        assert_eq!(all.len(), count, "{sink}: {all:#?}");
        all
    }

    /// What the telephone provider has had for a number.
    pub async fn had(&self, kind: &str, to: &str) -> Vec<Value> {
        let (account, token) = (
            &self.env["MUSTER_TWILIO_SID"],
            &self.env["MUSTER_TWILIO_TOKEN"],
        );
        let url = format!("{}/2010-04-01/Accounts/{account}/{kind}.json", self.url);
        let request = self.http.get(url).basic_auth(account, Some(token));
        let answer = request.query(&[("To", to)]).send().await.unwrap();
        let list: Value = answer.json().await.unwrap();
        list[kind.to_lowercase()].as_array().unwrap().clone()
    }

    pub async fn kept(&self, sink: &str) -> usize {
        let path = format!("/control/received?sink={sink}&brief=true");
        let all = self.ask(Method::GET, &path, None).await;
        all.as_array().unwrap().len()
    }

    pub async fn fault(&self, sink: &str, kind: &str) {
        let order = json!({"sink": sink, "kind": kind, "times": 1, "ms": 300, "retry_after": 2});
        let answer = self.ask(Method::POST, "/control/faults", Some(order)).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

/// The plan as it is shipped.
pub fn plan() -> Plan {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plan");
    let loaded = engine::plan::load(&dir).unwrap_or_else(|faults| panic!("{faults:#?}"));
    loaded.plan
}

/// Every channel, the sink that plays its provider, and an address there.
pub const EACH: [(Channel, &str, &str); 7] = [
    (Channel::Email, "smtp", "dba@sentia.com"),
    (Channel::Phone, "phone", "+15550003"),
    (Channel::Sms, "sms", "+15550003"),
    (Channel::Slack, "slack", "incidents"),
    (Channel::Webhook, "hook", "operations"),
    (Channel::Teams, "teams", "management"),
    (Channel::Pagerduty, "pagerduty", "platform"),
];

pub fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_microsecond())
}

/// Three minutes before the first test.
static DECLARED: LazyLock<Stamp> = LazyLock::new(|| Stamp(now().0 - 180_000_000));

pub fn message(channel: Channel, to: &str) -> Message {
    let declared_at = *DECLARED;
    let now = now();
    Message {
        id: "1042.3".into(),
        attempt: 1,
        doubt: None,
        cause: Cause::Declared,
        address: Address::kept(channel, to),
        person: "Bob Wilson".into(),
        audience: "tech".into(),
        incident: Some(Brief {
            number: "INC-2026-014".into(),
            title: "Orders are <not> taken & nobody knows why".into(),
            severity: Severity::Sev1,
            kind: Kind::Real,
            phase: Phase::Investigating,
            affected: vec!["Orders API".into()],
            declared_at,
            commander: Some("Jane Doe".into()),
            next_update: Some(now.plus(Span::secs(120))),
            url: "https://muster.example.org/incidents/INC-2026-014".into(),
        }),
        text: String::new(),
        acknowledge: Some("https://muster.example.org/ack/AWkABCDEF".into()),
        callback: "http://127.0.0.1:9".into(),
        now,
    }
}
