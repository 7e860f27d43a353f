//! From the plan's channels and the environment to what can be sent by. What is not there is not connected: nothing fails
//! over it but the messages that would go that way, and each of those says why.

use super::{
    Message, Outcome, Said, Words,
    email::{Bounces, Email},
    pagerduty::Pagerduty,
    phone::{self, Phone},
    slack::{self, Slack},
    teams::Teams,
    web::{Place, Web},
    webhook::Webhook,
};
use domain::{
    Span, Stamp,
    plan::{Channel, Plan, channels as plan},
};
use std::{collections::BTreeMap, sync::Arc};

const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Everything that can be sent by, under one plan. Cheap to clone.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    web: Web,
    words: Words,
    email: Option<Result<Email, String>>,
    phone: Option<Result<Phone, String>>,
    places: BTreeMap<(Channel, String), Result<Post, String>>,
    /// By which a caller of `/callbacks/…` is known.
    twilio_token: Option<String>,
    slack_secrets: Vec<String>,
    /// Slack is on this machine or network.
    slack_internal: bool,
    heartbeat: Option<Result<(Place, Span), String>>,
}

enum Post {
    Slack(Slack),
    Webhook(Webhook),
    Teams(Teams),
    Pagerduty(Pagerduty),
}

/// Whether something of the plan's channels can be sent by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub channel: Channel,
    /// The place's name; nothing for what reaches persons.
    pub name: Option<String>,
    /// Why not, where it cannot.
    pub trouble: Option<String>,
}

impl Connection {
    /// "Slack incidents", "E-mail".
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {name}", self.channel.name()),
            None => self.channel.name().to_owned(),
        }
    }
}

/// Reads the environment.
type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What it holds; with nothing in it, it is not set: everybody could sign with an empty secret.
fn variable(env: Env<'_>, name: &str) -> Result<String, String> {
    match env(name).map(|value| value.trim().to_owned()) {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(format!("{name} is not set")),
    }
}

/// The place that a variable holds the address of.
fn place(env: Env<'_>, name: &str, internal: bool) -> Result<Place, String> {
    let url = variable(env, name)?;
    Place::new(&url, internal).map_err(|says| format!("{name} {says}"))
}

/// The same, with the provider's own address where the plan names no variable.
fn place_or(
    env: Env<'_>,
    name: Option<&String>,
    usual: &str,
    internal: bool,
) -> Result<Place, String> {
    match name {
        Some(name) => place(env, name, internal),
        None => Place::new(usual, internal),
    }
}

impl Channels {
    pub fn new(plan: &Plan, env: Env<'_>) -> Result<Self, reqwest::Error> {
        let channels = &plan.channels;
        let mut places = BTreeMap::new();
        for slack in &channels.slack {
            let post = place(env, &slack.webhook_env, slack.internal).map(|place| {
                let secret = slack.signing_secret_env.as_ref();
                let signed = secret.is_some_and(|name| variable(env, name).is_ok());
                Post::Slack(Slack::new(place, signed))
            });
            places.insert((Channel::Slack, slack.name.clone()), post);
        }
        for webhook in &channels.webhooks {
            let post = place(env, &webhook.url_env, webhook.internal).and_then(|place| {
                let name = &webhook.secret_env;
                let made = Webhook::new(place, &variable(env, name)?);
                made.map(Post::Webhook)
                    .map_err(|says| format!("{name} {says}"))
            });
            places.insert((Channel::Webhook, webhook.name.clone()), post);
        }
        for teams in &channels.teams {
            let post = place(env, &teams.url_env, teams.internal);
            let post = post.map(|place| Post::Teams(Teams::new(place)));
            places.insert((Channel::Teams, teams.name.clone()), post);
        }
        for service in &channels.pagerduty {
            let post = place_or(env, service.url_env.as_ref(), PAGERDUTY, service.internal);
            let post = post.and_then(|place| {
                let key = variable(env, &service.key_env)?;
                Ok(Post::Pagerduty(Pagerduty::new(place, key)))
            });
            places.insert((Channel::Pagerduty, service.name.clone()), post);
        }
        let secrets = channels.slack.iter();
        let secrets = secrets.filter_map(|s| variable(env, s.signing_secret_env.as_ref()?).ok());
        let phone_token = channels.phone.as_ref().map(|p| &p.token_env);
        Ok(Channels(Arc::new(Inner {
            web: Web::new()?,
            words: Words::of(plan),
            email: channels.email.as_ref().map(|e| email(e, env)),
            phone: channels.phone.as_ref().map(|p| phone(p, env)),
            places,
            twilio_token: phone_token.and_then(|name| variable(env, name).ok()),
            slack_secrets: secrets.collect(),
            slack_internal: channels.slack.iter().any(|s| s.internal),
            heartbeat: channels
                .heartbeat
                .as_ref()
                .map(|h| Ok((place(env, &h.url_env, h.internal)?, h.every))),
        })))
    }

    /// Sends, within fifteen seconds.
    pub async fn send(&self, message: &Message) -> Outcome {
        let inner = &*self.0;
        let said = inner.words.said(message);
        let channel = message.address.channel();
        let web = &inner.web;
        match channel {
            Channel::Email => match &inner.email {
                Some(Ok(email)) => {
                    let organization = &inner.words.organization;
                    email.send(message, &said, organization).await
                }
                other => not_connected(channel, other.as_ref().and_then(|e| e.as_ref().err())),
            },
            Channel::Phone | Channel::Sms => match &inner.phone {
                Some(Ok(phone)) => phone.send(web, message, &said).await,
                other => not_connected(channel, other.as_ref().and_then(|p| p.as_ref().err())),
            },
            Channel::Slack | Channel::Webhook | Channel::Teams | Channel::Pagerduty => {
                let name = message.address.as_str().to_owned();
                match inner.places.get(&(channel, name)) {
                    Some(Ok(Post::Slack(slack))) => slack.send(web, message, &said).await,
                    Some(Ok(Post::Webhook(webhook))) => webhook.send(web, message, &said).await,
                    Some(Ok(Post::Teams(teams))) => teams.send(web, message, &said).await,
                    Some(Ok(Post::Pagerduty(service))) => service.send(web, message, &said).await,
                    other => not_connected(channel, other.and_then(|p| p.as_ref().err())),
                }
            }
        }
    }

    /// What would be sent, in plain words.
    pub fn preview(&self, message: &Message) -> Preview {
        let said = self.0.words.said(message);
        let text = match message.address.channel() {
            Channel::Sms => phone::short(&said),
            _ => said.lead.clone(),
        };
        Preview {
            subject: said.subject.clone(),
            text,
            said,
        }
    }

    /// What a call says, for a provider that asks for it.
    pub fn spoken(&self, message: &Message) -> String {
        phone::call(message, &self.0.words.said(message))
    }

    /// What mail goes by; why there is none, where there is none.
    pub(super) fn email(&self) -> Result<&Email, String> {
        let not = "E-mail is not connected: the plan does not have it";
        match &self.0.email {
            Some(Ok(email)) => Ok(email),
            Some(Err(why)) => Err(why.clone()),
            None => Err(not.into()),
        }
    }

    pub(super) fn web(&self) -> &Web {
        &self.0.web
    }

    pub fn words(&self) -> &Words {
        &self.0.words
    }

    /// Everything of the plan's channels, and whether it can be sent by.
    pub fn connections(&self) -> Vec<Connection> {
        let inner = &*self.0;
        let one = |channel, name: Option<&String>, trouble: Option<&String>| Connection {
            channel,
            name: name.cloned(),
            trouble: trouble.cloned(),
        };
        let mut all = Vec::new();
        if let Some(phone) = &inner.phone {
            all.push(one(Channel::Phone, None, phone.as_ref().err()));
            all.push(one(Channel::Sms, None, phone.as_ref().err()));
        }
        if let Some(email) = &inner.email {
            all.push(one(Channel::Email, None, email.as_ref().err()));
        }
        let places = inner.places.iter();
        all.extend(
            places.map(|((channel, name), post)| one(*channel, Some(name), post.as_ref().err())),
        );
        all
    }

    /// By which a report of a mail server is known; nothing where the plan wants none.
    pub fn bounces(&self) -> Option<&Bounces> {
        self.0.email.as_ref()?.as_ref().ok()?.bounces()
    }

    /// The token that the telephone provider signs its callbacks with.
    pub fn twilio_token(&self) -> Option<&str> {
        self.0.twilio_token.as_deref()
    }

    /// The secrets that Slack signs presses with.
    pub fn slack_secrets(&self) -> &[String] {
        &self.0.slack_secrets
    }

    /// Says something below a Slack message, at the address that came with a press on it.
    pub async fn reply_in_slack(
        &self,
        address: &str,
        text: &str,
        now: Stamp,
    ) -> Result<(), String> {
        let place = Place::new(address, self.0.slack_internal)?;
        slack::reply(&self.0.web, &place, text, now).await
    }

    /// How often that is done; nothing where the plan names nobody.
    pub fn beats(&self) -> Option<Span> {
        match self.0.heartbeat.as_ref()? {
            Ok((_, every)) => Some(*every),
            Err(_) => None,
        }
    }

    /// Tells whoever watches us that we live. Nothing where the plan names nobody.
    pub async fn beat(&self, now: Stamp) -> Option<Result<(), String>> {
        let (place, _) = match self.0.heartbeat.as_ref()? {
            Ok(heartbeat) => heartbeat,
            Err(why) => return Some(Err(why.clone())),
        };
        Some(match self.0.web.get(place, now, |r| r).await {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) => Err(format!("status {}", answer.status)),
            Err(outcome) => Err(outcome.why().to_owned()),
        })
    }
}

/// A message in plain words.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub subject: String,
    pub text: String,
    pub said: Said,
}

/// Somebody can still set the variable, or write the channel into the plan: it is tried again.
fn not_connected(channel: Channel, why: Option<&String>) -> Outcome {
    let why = why.map_or("the plan does not have it", String::as_str);
    Outcome::Later {
        why: format!("{} is not connected: {why}", channel.name()),
        after: None,
    }
}

fn email(email: &plan::Email, env: Env<'_>) -> Result<Email, String> {
    let url = variable(env, &email.url_env)?;
    let ca = match email
        .ca_env
        .as_deref()
        .and_then(|name| Some((name, env(name)?)))
    {
        Some((name, file)) => Some(
            std::fs::read(&file)
                .map_err(|e| format!("{name} names a file that cannot be read ({})", e.kind()))?,
        ),
        None => None,
    };
    let bounces = email.bounces.as_ref();
    let bounces = bounces.and_then(|b| variable(env, &b.secret_env).ok());
    Email::new(email, &url, ca.as_deref(), bounces)
        .map_err(|says| format!("{} {says}", email.url_env))
}

fn phone(phone: &plan::Phone, env: Env<'_>) -> Result<Phone, String> {
    let number = |name: &String| {
        let number = variable(env, name)?;
        let is = domain::plan::is_phone(&number);
        is.then_some(number)
            .ok_or_else(|| format!("{name} holds no telephone number, such as +15550001"))
    };
    let place = place_or(env, phone.url_env.as_ref(), phone::TWILIO, phone.internal)?;
    let account = variable(env, &phone.account_env)?;
    let token = variable(env, &phone.token_env)?;
    let from = number(&phone.from_env)?;
    let sms_from = phone.sms_from_env.as_ref().map(number).transpose()?;
    Phone::new(place, account, token, from, sms_from)
        .map_err(|says| format!("{} {says}", phone.account_env))
}
