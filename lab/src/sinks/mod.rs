//! The outside world: a mail server, Slack, a telephone company, webhooks, Teams and PagerDuty, as their senders see them.
//!
//! ```text
//! muster-lab sinks --dir DIR [--port-file FILE] [--http-port N] [--smtp-port N]
//! ```
//!
//! Listens on 127.0.0.1 (any free ports unless named), then writes FILE (`DIR/sinks.json`, 0600) in one piece, and ends
//! when its stdin closes. In it are `pid`, `url` (the page for people, and the base of everything below), `smtp_port`, and
//! `env`: every address and secret under the name by which Muster is told it (`MUSTER_SMTP_URL`, `MUSTER_SLACK_WEBHOOK`,
//! …). Secrets are made once per DIR. What was accepted is in `DIR/{smtp,slack,phone,sms,hook,teams,pagerduty}.jsonl`, one
//! entry a line, written before the sender is answered.
//!
//! Senders talk to these:
//!
//! ```text
//! SMTP                               STARTTLS (CA: MUSTER_SMTP_CA), AUTH PLAIN and LOGIN; recipients in `.invalid` get 550
//! POST /slack/{channel}              incoming webhook: 200 ok, 400 invalid_payload, no_text or invalid_blocks
//! POST /2010-04-01/Accounts/{sid}/Calls.json, …/Messages.json     Twilio; sinks `phone` and `sms`
//! GET  /2010-04-01/Accounts/{sid}/Calls/{sid}.json, …/Messages/{sid}.json, …/Calls/{sid}/Events.json
//! GET  /2010-04-01/Accounts/{sid}/Calls.json?To=…, …/Messages.json?To=…      the newest first
//! POST /hook/{name}                  any webhook (GET is kept too): 204; 401 when its Standard Webhooks signature is wrong
//! POST /teams/{name}                 an Adaptive Card: 202
//! POST /pagerduty/v2/enqueue         Events v2: 202, 400
//! ```
//!
//! Tests and people talk to these, in JSON. An answer that is no list is `{"ok":true, …}` or `{"ok":false,"error":…}`.
//!
//! ```text
//! GET    /control/received?sink=&to=&key=&after=N&count=1&wait_ms=0&limit=1000&brief=true
//!        what was accepted, as a list in order: {number, at, sink, to: [..], subject, text, key, fault, headers: {..}, body,
//!        detail: {..}}. `number` counts through all sinks. `key` is the Message-ID, webhook-id, dedup_key or
//!        Idempotency-Key; `fault` is what was done to the delivery after it was accepted, or null. `brief` leaves out
//!        text, headers, body and detail. With wait_ms it answers as soon as `count` entries match, or when the time is up.
//! GET    /control/received/{number}          the one entry, with `then`: all that happened to it
//! DELETE /control/received                   forgets everything; numbers go on counting
//! GET    /control/happened?sink=&of=N&kind=&after=N&count=1&wait_ms=0&limit=1000
//!        what came of it: {number, at, sink, of, kind, detail}. kind: `status` (of a call or message), `callback` (url,
//!        params, answered: the status code, or error), `said` (the words of a <Say>), `pressed`, `response` (Slack's
//!        response_url was used)
//! POST   /control/press  {"number":N,"digit":"1"}                                 on a call that listens to a <Gather>
//!                        {"number":N,"action":"ack","user":{"id":"U1","name":"ada"},"url":"http://…"}     on a Slack message:
//!        `action` is an action_id (default: the first button), `url` defaults to the setting. Answers with the
//!        `status` and `body` that the press was answered with; 409 when there is nothing to press.
//! PUT    /control/phones {"to":"+49…"|"*","call":"listen|press|hang_up|busy|no_answer|failed","digit":"1",
//!                         "message":"delivered|sent|undelivered|failed", "takes_ms":0}   how that number behaves from now
//!        on: `listen` (the default) picks up and waits at a <Gather> for /control/press, `press` presses at once, `hang_up`
//!        hears it out and hangs up. It takes so long to ring, and to be picked up; for a text to be on its way, and to
//!        arrive. GET shows them, DELETE forgets them.
//! PUT    /control/settings {"slack_actions_url":"http://…"}                       where Slack's buttons lead; GET shows it
//! POST   /control/faults {"sink":"slack"|"all","kind":…,"times":3,"rate":1.0,"seed":1,"ms":2000,"retry_after":2,"kinds":[..]}
//!        replaces the fault of that sink: it hits `times` deliveries (null: until it is taken away), each with
//!        probability `rate`. GET shows each with how often it was applied; DELETE ?sink= takes it away. The kinds:
//!        refuse              RST before anything is read (SMTP: 421)                                       nothing is kept
//!        hang                takes the request (SMTP: the connection, or MAIL) and never answers           nothing is kept
//!        drop                reads the delivery and closes the connection without an answer                nothing is kept
//!        error_500           500 (SMTP: 451)                                                               nothing is kept
//!        rate_limit          429 with Retry-After (SMTP: 450)                                              nothing is kept
//!        reject              for good: 404 no_service, 400 21211, 410, 403, SMTP 550                       nothing is kept
//!        slow                keeps it, and answers `ms` later
//!        reset_after_accept  keeps it, and resets the connection without an answer
//!        repeat_callbacks    each status callback, and each press, is sent twice
//!        drop_callbacks      status callbacks are never sent
//!        random              with probability `rate` (default 0.3) one of `kinds` (default: refuse, drop, error_500,
//!                            rate_limit, slow, reset_after_accept), from `seed`
//! ```
//!
//! The same from a shell: `muster-lab sinks fault slack refuse 3`, `muster-lab sinks fault all none`.
//!
//! - Architecture invariant: an entry is in its file before its sender is answered, and before any fault that follows.
//! - Architecture invariant: nothing here sends to any address but those that its senders named, and to loopback only.

mod ask;
mod blocks;
mod call;
mod callback;
mod control;
mod faults;
mod hooks;
mod kept;
mod keys;
mod ledger;
mod mail;
mod page;
mod phone;
mod serve;
mod sign;
mod slack;
mod smtp;
mod tls;
mod twiml;
mod wire;
mod words;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

pub use ask::{Ask, ask};

use crate::daemon::note;
use crate::failure::{Doing, Failure, Result};
use crate::place::write_file;
use crate::reserve::listen;
use faults::Faults;
use kept::Kept;
use keys::Keys;
use phone::Phones;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SinksArguments {
    #[command(subcommand)]
    pub ask: Option<Ask>,
    #[command(flatten)]
    pub run: RunArguments,
}

#[derive(clap::Args)]
pub struct RunArguments {
    /// Where the files go
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where the addresses and secrets are written [default: sinks.json in the folder]
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// The port of HTTP; 0 is any free one
    #[arg(long, default_value_t = 0)]
    http_port: u16,
    /// The port of SMTP; 0 is any free one
    #[arg(long, default_value_t = 0)]
    smtp_port: u16,
    /// Where Slack's buttons lead
    #[arg(long, env = "MUSTER_LAB_SLACK_ACTIONS")]
    slack_actions_url: Option<String>,
    /// Goes on when stdin is closed
    #[arg(long, hide = true)]
    detached: bool,
}

/// What can be set while it runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub slack_actions_url: Option<String>,
}

/// What is written for those who want to talk to it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Addresses {
    pub pid: u32,
    pub url: String,
    pub smtp_port: u16,
    pub env: BTreeMap<String, String>,
}

pub struct Sinks {
    kept: Kept,
    faults: Faults,
    phones: Phones,
    keys: Keys,
    settings: Mutex<Settings>,
    http: reqwest::Client,
    url: String,
}

impl Sinks {
    fn settings(&self) -> Settings {
        let settings = self.settings.lock();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }
}

pub fn port_file(dir: &Path) -> PathBuf {
    dir.join("sinks.json")
}

/// Runs until it is told to end, or until nobody holds its stdin any more.
pub async fn run(arguments: RunArguments) -> Result<()> {
    let dir = arguments
        .dir
        .ok_or_else(|| Failure::wrong_use("name a folder with --dir"))?;
    fs::create_dir_all(&dir)
        .and_then(|()| fs::set_permissions(&dir, Permissions::from_mode(0o700)))
        .doing(|| format!("make the folder {}", dir.display()))?;
    let dir = dir
        .canonicalize()
        .doing(|| format!("open the folder {}", dir.display()))?;
    let port_file = arguments.port_file.unwrap_or_else(|| port_file(&dir));
    // Addresses of an earlier run lead nowhere.
    let _ = fs::remove_file(&port_file);
    allow_many_connections();

    let tls = tls::acceptor(&dir)?;
    let http = bind(arguments.http_port).await?;
    let smtp = bind(arguments.smtp_port).await?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let http_port = port(&http).doing(|| "find the port of HTTP".into())?;
    let smtp_port = port(&smtp).doing(|| "find the port of SMTP".into())?;
    let url = format!("http://127.0.0.1:{http_port}");
    let keys = Keys::load_or_create(&dir)?;
    let addresses = Addresses {
        pid: std::process::id(),
        env: keys.environment(&url, smtp_port, &tls::authority_file(&dir)),
        url: url.clone(),
        smtp_port,
    };
    let sinks = Arc::new(Sinks {
        kept: Kept::open(&dir)?,
        faults: Faults::default(),
        phones: Phones::default(),
        keys,
        settings: Mutex::new(Settings {
            slack_actions_url: arguments.slack_actions_url,
        }),
        http: callback::client()?,
        url,
    });
    tokio::spawn(serve::run(http, router(sinks.clone())));
    tokio::spawn(smtp::run(smtp, sinks, tls));

    let json = serde_json::to_vec_pretty(&addresses).doing(|| "encode the addresses".into())?;
    write_file(&port_file, &json, 0o600)?;
    note(&format!(
        "the outside world is at {}, mail on port {smtp_port}",
        addresses.url
    ));
    end(arguments.detached).await?;
    let _ = fs::remove_file(&port_file);
    Ok(())
}

fn router(sinks: Arc<Sinks>) -> Router {
    let deliveries = Router::new()
        .route("/slack/{channel}", post(slack::receive))
        .route("/slack/response/{number}", post(slack::respond))
        .route(
            "/2010-04-01/Accounts/{account}/{kind}",
            post(phone::order).get(ledger::list),
        )
        .route(
            "/2010-04-01/Accounts/{account}/{kind}/{sid}",
            get(ledger::one),
        )
        .route(
            "/2010-04-01/Accounts/{account}/{kind}/{sid}/Events.json",
            get(ledger::events),
        )
        .route("/hook/{name}", any(hooks::hook))
        .route("/teams/{name}", post(hooks::teams))
        .route("/pagerduty/v2/enqueue", post(hooks::pagerduty))
        .layer(middleware::from_fn_with_state(sinks.clone(), serve::faulty));
    let control = Router::new()
        .route(
            "/control/received",
            get(control::received).delete(control::forget),
        )
        .route("/control/received/{number}", get(control::one))
        .route("/control/happened", get(control::happened))
        .route("/control/press", post(control::press))
        .route(
            "/control/phones",
            get(control::phones)
                .put(control::set_phone)
                .delete(control::forget_phones),
        )
        .route(
            "/control/settings",
            get(control::settings).put(control::set_settings),
        )
        .route(
            "/control/faults",
            get(control::faults)
                .post(control::set_fault)
                .delete(control::clear_faults),
        )
        .route("/", get(page::page))
        .route("/outside.css", get(page::style))
        .route("/outside.js", get(page::script))
        .route("/mail/{number}", get(page::mail))
        .route("/press", post(page::press))
        .layer(middleware::from_fn(control::only_local));
    deliveries
        .merge(control)
        .layer(DefaultBodyLimit::max(serve::LIMIT))
        .with_state(sinks)
}

async fn bind(port: u16) -> Result<TcpListener> {
    match port {
        0 => TcpListener::bind(("127.0.0.1", 0))
            .await
            .doing(|| "find a free port".into()),
        port => listen(port).await,
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Only latency is lost when this fails.
            let _ = stream.set_nodelay(true);
            return stream;
        }
        // Out of descriptors, most likely: the next one may do better.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A thousand senders at once, each held by two descriptors, are more than a process gets by default.
fn allow_many_connections() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

async fn end(detached: bool) -> Result<()> {
    let closed = Arc::new(Notify::new());
    if !detached {
        let closed = closed.clone();
        // A thread of its own: the runtime would wait for a read of stdin that never returns.
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            closed.notify_one();
        });
    }
    let mut term = signal(SignalKind::terminate()).doing(|| "listen for SIGTERM".into())?;
    let mut int = signal(SignalKind::interrupt()).doing(|| "listen for SIGINT".into())?;
    tokio::select! {
        () = closed.notified() => {}
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

/// So many random bytes, in hex.
fn token(bytes: usize) -> String {
    hex::encode((0..bytes).map(|_| rand::random::<u8>()).collect::<Vec<_>>())
}
