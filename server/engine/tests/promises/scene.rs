//! A node of Muster over the shipped plan, connected to the laboratory's outside world.

use crate::{
    house::{House, ask, put_in_force},
    outside::{Outside, plan},
};
use domain::{plan::Plan, *};
use engine::{
    Desk,
    channels::{Channels, ack::Signer},
    notify::{Outbox, Ways, by},
    secrets::Vault,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use store::{Notification, testing::Database};
use tokio::{sync::watch, task::JoinHandle};

pub struct Scene {
    pub house: House,
    pub outside: Outside,
    pub desk: Desk,
    work: JoinHandle<()>,
    _channels: watch::Sender<Channels>,
    _keys: tempfile::TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// The laboratory, or no test.
macro_rules! scene {
    ($change:expr) => {
        match crate::scene::Scene::begin($change).await {
            Some(scene) => scene,
            None => return,
        }
    };
    () => {
        scene!(|_| {})
    };
}
pub(crate) use scene;

impl Scene {
    pub async fn begin(change: impl FnOnce(&mut Plan)) -> Option<Scene> {
        let outside = Outside::begin().await?;
        let mut plan = plan();
        change(&mut plan);
        let house = House::over(Database::sqlite());
        let desk = house.node("here").await;
        let channels = outside.channels_of(&plan, |_, value| Some(value));
        put_in_force(&desk, plan).await;
        let keys = tempfile::tempdir().unwrap();
        let ways = Ways {
            signer: Signer::new(&Vault::open(keys.path()).unwrap()),
            url: "https://muster.example.org".into(),
            // Nobody is there: receipts are another promise.
            callback: "http://127.0.0.1:9".into(),
        };
        let (_channels, connected) = watch::channel(channels);
        let outbox = Outbox::new(desk.clone(), by(connected), ways);
        Some(Scene {
            work: tokio::spawn(outbox.serve()),
            house,
            outside,
            desk,
            _channels,
            _keys: keys,
        })
    }

    pub async fn declare_as(&self, severity: Severity, kind: Kind, quiet: bool) -> Number {
        let command = Command::Declare {
            title: "Orders are not taken".into(),
            severity,
            affected: vec!["orders-api".into()],
            kind,
            public: kind != Kind::Drill,
            quiet,
            occurred_at: (kind == Kind::Backfilled).then(|| self.desk.clock().now()),
        };
        let receipt = ask(&self.desk, command).await.unwrap();
        receipt.incident.unwrap()
    }

    pub async fn declare(&self, severity: Severity) -> Number {
        self.declare_as(severity, Kind::Real, false).await
    }

    pub async fn raise(&self, incident: &Number, severity: Severity) {
        let command = Command::ChangeSeverity {
            incident: incident.clone(),
            severity,
            reason: String::new(),
        };
        ask(&self.desk, command).await.unwrap();
    }

    pub async fn acknowledge(&self, incident: &Number) {
        let command = Command::Acknowledge {
            incident: incident.clone(),
            via: notify::Via::Page,
        };
        ask(&self.desk, command).await.unwrap();
    }

    pub async fn rows(&self, incident: &Number) -> Vec<Notification> {
        let rows = self
            .desk
            .store()
            .notifications_of(incident.as_str(), 0, 1000);
        rows.await.unwrap()
    }

    /// Waits until everything of an incident is over.
    pub async fn settled(&self, incident: &Number) -> Vec<Notification> {
        for _ in 0..3000 {
            let rows = self.rows(incident).await;
            if rows.iter().all(|n| n.next_at.is_none()) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:#?}", self.rows(incident).await);
    }

    /// All that the outside world accepted, in its order.
    pub async fn accepted(&self) -> Vec<Value> {
        let all = self
            .outside
            .ask(Method::GET, "/control/received", None)
            .await;
        all.as_array().unwrap().clone()
    }

    /// How often each address was reached: `phone +15550001`.
    pub async fn reached(&self) -> BTreeMap<String, usize> {
        let mut reached = BTreeMap::new();
        for entry in self.accepted().await {
            let (sink, to) = (entry["sink"].as_str().unwrap(), entry["to"][0].as_str());
            *reached
                .entry(format!("{sink} {}", to.unwrap_or_default()))
                .or_default() += 1;
        }
        reached
    }

    /// Forgets what was accepted so far.
    pub async fn forget(&self) {
        self.outside
            .ask(Method::DELETE, "/control/received", None)
            .await;
    }

    pub async fn fault(&self, sink: &str, kind: &str, times: u32) {
        let order = json!({ "sink": sink, "kind": kind, "times": times, "ms": 1500 });
        let answer = self
            .outside
            .ask(Method::POST, "/control/faults", Some(order))
            .await;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// Waits until the outside world has accepted so much.
    pub async fn until(&self, count: usize) -> BTreeMap<String, usize> {
        let path = format!("/control/received?count={count}&wait_ms=15000&brief=true");
        let all = self.outside.ask(Method::GET, &path, None).await;
        assert!(all.as_array().unwrap().len() >= count, "{all:#}");
        self.reached().await
    }
}

/// Each of these once.
pub fn once(addresses: &[&str]) -> BTreeMap<String, usize> {
    addresses.iter().map(|a| ((*a).to_owned(), 1)).collect()
}

pub const PHONES: [&str; 4] = [
    "phone +15550001",
    "phone +15550002",
    "phone +15550003",
    "phone +15550004",
];
pub const MAILS: [&str; 4] = [
    "smtp cto@sentia.com",
    "smtp devops@sentia.com",
    "smtp dba@sentia.com",
    "smtp security@sentia.com",
];
pub const SLACK: &str = "slack incidents";
