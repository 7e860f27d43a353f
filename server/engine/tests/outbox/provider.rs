//! A provider that keeps what it got and answers as it is told, and a house with an outbox that sends by it.

use crate::house::*;
use domain::{
    plan::{Channel, Channels, channels},
    *,
};
use engine::{
    Desk,
    channels::{Message, Outcome, ack::Signer},
    notify::{Outbox, Ways},
    secrets::Vault,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};
use store::Notification;
use tokio::{sync::watch, task::JoinHandle};

#[derive(Clone, Default)]
pub struct Provider(Arc<Inner>);

#[derive(Default)]
struct Inner {
    got: Mutex<Vec<Message>>,
    answers: Mutex<HashMap<Channel, VecDeque<Answer>>>,
    count: watch::Sender<usize>,
}

#[derive(Clone)]
pub enum Answer {
    Is(Outcome),
    /// Never, until the test ends.
    Hangs,
}

impl Provider {
    /// The next messages of this channel are answered so; all further ones well.
    pub fn answers(&self, channel: Channel, answers: impl IntoIterator<Item = Answer>) {
        let mut all = self.0.answers.lock().unwrap();
        all.entry(channel).or_default().extend(answers);
    }

    pub fn got(&self) -> Vec<Message> {
        self.0.got.lock().unwrap().clone()
    }

    /// `phone:+15550001`, in the order in which they came.
    pub fn addresses(&self) -> Vec<String> {
        let got = self.got();
        got.iter()
            .map(|m| format!("{}:{}", m.address.channel().id(), m.address.as_str()))
            .collect()
    }

    /// Of those that tell of an incident for the first time.
    pub fn first_words(&self) -> Vec<String> {
        let got = self.got();
        got.iter()
            .filter(|m| m.cause == domain::notify::Cause::Declared)
            .map(|m| format!("{}:{}", m.address.channel().id(), m.address.as_str()))
            .collect()
    }

    /// Waits until so many messages came.
    pub async fn until(&self, count: usize) -> Vec<Message> {
        let mut counts = self.0.count.subscribe();
        let there = counts.wait_for(|n| *n >= count);
        let there = tokio::time::timeout(Duration::from_secs(20), there).await;
        assert!(there.is_ok(), "only {:?} came", self.addresses());
        self.got()
    }

    async fn take(&self, message: Message) -> Outcome {
        let channel = message.address.channel();
        let id = message.id.clone();
        let answer = {
            let mut answers = self.0.answers.lock().unwrap();
            answers.get_mut(&channel).and_then(VecDeque::pop_front)
        };
        self.0.got.lock().unwrap().push(message);
        self.0.count.send_modify(|n| *n += 1);
        match answer {
            Some(Answer::Is(outcome)) => outcome,
            Some(Answer::Hangs) => std::future::pending().await,
            None => sent(&id),
        }
    }
}

pub fn sent(id: &str) -> Outcome {
    Outcome::Sent {
        provider_id: Some(format!("p-{id}")),
    }
}

pub fn later(after: Option<Span>) -> Answer {
    Answer::Is(Outcome::Later {
        why: "busy".into(),
        after,
    })
}

/// A node of Muster with an outbox; dropped it is as if it was killed.
pub struct Node {
    pub desk: Desk,
    pub outbox: Outbox,
    work: JoinHandle<()>,
    _keys: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Node {
    pub fn start(desk: Desk, provider: &Provider) -> Node {
        let keys = tempfile::tempdir().unwrap();
        let ways = Ways {
            signer: Signer::new(&Vault::open(keys.path()).unwrap()),
            url: "https://muster.example.org".into(),
            callback: "https://muster.example.org".into(),
        };
        let provider = provider.clone();
        let send = move |message| {
            let provider = provider.clone();
            Box::pin(async move { provider.take(message).await }) as _
        };
        let outbox = Outbox::new(desk.clone(), Arc::new(send), ways);
        Node {
            work: tokio::spawn(outbox.clone().serve()),
            desk,
            outbox,
            _keys: keys,
        }
    }

    /// Waits until a notification is as it should be.
    pub async fn until(&self, id: &str, good: impl Fn(&Notification) -> bool) -> Notification {
        let mut last = None;
        for _ in 0..2000 {
            last = self.desk.store().notification(id).await.unwrap();
            if let Some(row) = last.as_ref().filter(|row| good(row)) {
                return row.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{last:?}");
    }

    pub async fn rows(&self, incident: &Number) -> Vec<Notification> {
        let rows = self
            .desk
            .store()
            .notifications_of(incident.as_str(), 0, 1000);
        rows.await.unwrap()
    }

    /// Waits until everything of an incident is over, and is told.
    pub async fn settled(&self, incident: &Number) -> Vec<Notification> {
        for _ in 0..2000 {
            let rows = self.rows(incident).await;
            if rows.iter().all(|n| n.next_at.is_none() && !n.untold) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.rows(incident).await);
    }
}

/// The small plan with a provider for each of its channels.
pub fn connected() -> domain::plan::Plan {
    let mut plan = plan();
    plan.channels = Channels {
        email: Some(channels::Email {
            url_env: "SMTP_URL".into(),
            ca_env: None,
            from: "muster@example.com".into(),
            reply_to: None,
            bounces: None,
        }),
        phone: Some(channels::Phone {
            url_env: None,
            account_env: "TWILIO_ACCOUNT".into(),
            token_env: "TWILIO_TOKEN".into(),
            from_env: "TWILIO_FROM".into(),
            sms_from_env: None,
            internal: false,
        }),
        slack: vec![channels::Slack {
            name: "ops".into(),
            audiences: vec!["tech".into()],
            webhook_env: "SLACK_URL".into(),
            signing_secret_env: None,
            internal: false,
        }],
        ..Channels::default()
    };
    plan
}

pub async fn node(house: &House, provider: &Provider) -> Node {
    let desk = house.node("here").await;
    put_in_force(&desk, connected()).await;
    Node::start(desk, provider)
}

pub fn grave(severity: Severity) -> Command {
    Command::Declare {
        title: "Orders are failing".into(),
        severity,
        affected: vec!["orders-api".into()],
        kind: Kind::Real,
        public: true,
        quiet: false,
        occurred_at: None,
    }
}

pub async fn declare(node: &Node, severity: Severity) -> Number {
    let receipt = ask(&node.desk, grave(severity)).await.unwrap();
    receipt.incident.unwrap()
}
