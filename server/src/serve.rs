//! `muster serve`: puts the parts together, and takes them down in order.

mod arrive;

use crate::{
    cli::{Data, Exit},
    state::{Parts, State},
    status::{self, Door, StatusPage, Subscribers},
    web,
};
use arrive::{Known, arrive};
use clap::Args;
use domain::{AccessRole, Actor, Command, Source, Span, plan::Plan};
use engine::{
    Beside, Clock, Desk, Request,
    channels::{Channels, ack::Signer},
    checks::{Checks, Prober, raise_file_limit},
    exposure,
    failover::Failovers,
    history::Historian,
    notify::{self, Outbox, Ways},
    plan::{Loaded, canonical_json, diff},
    runner::{Place, Runner},
    secrets::Vault,
    store::{CredentialKind, PlanRevision},
    supervise::Supervisor,
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tokio::{net::TcpListener, sync::watch};

#[derive(Args)]
pub struct Options {
    /// The plan's folder.
    #[arg(long, default_value = "plan", env = "MUSTER_PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    data: Data,
    #[arg(long, default_value = "127.0.0.1:8080", env = "MUSTER_LISTEN")]
    listen: SocketAddr,
    /// Also serve the public status page here, and nothing else: what is put before the whole world.
    #[arg(long, value_name = "ADDR", env = "MUSTER_STATUS_LISTEN")]
    status_listen: Option<SocketAddr>,
    /// Also keep the public status page as plain files: in a folder, or at s3://BUCKET/PREFIX. May be given several times.
    #[arg(
        long,
        value_name = "PLACE",
        env = "MUSTER_STATUS_MIRROR",
        value_delimiter = ','
    )]
    status_mirror: Vec<String>,
    /// Where people reach the server, if not at the address it listens on: `https://muster.example.org`.
    #[arg(long, env = "MUSTER_PUBLIC_URL")]
    url: Option<String>,
    /// Print a sign-in link at every start, not only at the first.
    #[arg(long)]
    sign_in_link: bool,
    /// How long the output of runs is kept after their end; the timeline is kept for good.
    #[arg(long, default_value = "90d", env = "MUSTER_KEEP_OUTPUT")]
    keep_output: Span,
}

/// However many descriptors there may be, the public has no more of them than this.
const MOST_READERS: usize = 100_000;
/// How often the plan's folder is looked at.
const PLAN_LOOK: Duration = Duration::from_secs(2);

pub async fn serve(options: Options) -> Result<(), Exit> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,sqlx=warn".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let supervisor = Supervisor::start()
        .map_err(|e| Exit::Failed(format!("cannot start the zygote that runs commands: {e}")))?;
    let loaded = crate::cli::whole(&options.plan);
    let folder = options
        .plan
        .canonicalize()
        .map_err(|e| Exit::Failed(format!("cannot find {}: {e}", options.plan.display())))?;

    // Ours from the beginning on: who comes too early waits.
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|e| Exit::Failed(format!("cannot listen on {}: {e}", options.listen)))?;
    options.data.make_folder()?;
    let kept = status::Kept::at(&options.data.data);
    let known = kept.read().map(|told| Known {
        page: StatusPage::of(told.clone(), Clock::system().now()),
        told,
    });
    let mirrors = options
        .status_mirror
        .iter()
        .map(|place| status::Mirror::at(place));
    let mirrors = mirrors.collect::<Result<Vec<_>, String>>()?;
    let limit = raise_file_limit().unwrap_or(1024);
    let door = Door::default();
    if let Some(known) = &known {
        status_listener(&options, &known.page, &door, limit)?;
    }
    let node = node_name(&options.data.data)?;
    let arrived = arrive(&options.data, &node, known.as_ref(), &listener).await?;
    let Some((store, desk)) = arrived else {
        return Ok(());
    };
    match loaded {
        Ok(loaded) => put_in_force(&desk, loaded).await?,
        // Somebody saved a mistake, and the server died: it must come back all the same.
        Err(_) if desk.plan().hash.is_some() => {
            tracing::error!("The plan has mistakes; the last whole revision stays in force");
        }
        Err(exit) => return Err(exit),
    }
    let env = environment(&desk.plan().plan);

    let address = listener
        .local_addr()
        .map_err(|e| Exit::Failed(e.to_string()))?;
    let own_url = format!("http://{address}");
    let url = options.url.clone().unwrap_or_else(|| own_url.clone());

    room_for_checks(&desk.plan().plan, limit);
    let passwords = env.clone();
    let password = move |name: &str| {
        let found = passwords.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.clone())
    };
    let prober = Prober::new(password.clone()).map_err(|e| Exit::Failed(e.to_string()))?;
    let exposure = exposure::Watch::new(desk.clone(), prober.clone());
    let checks = Checks::new(desk.clone(), prober);
    let historian = Historian::new(desk.clone(), checks.looks());
    let failovers =
        Failovers::new(desk.clone(), password).map_err(|e| Exit::Failed(e.to_string()))?;
    let spool = options
        .data
        .data
        .canonicalize()
        .map_err(|e| Exit::Failed(e.to_string()))?
        .join("runs");
    let program = std::env::current_exe().map_err(|e| Exit::Failed(e.to_string()))?;
    let vault = Vault::open(&options.data.data)?;
    let place = Place {
        spool,
        plan: folder.clone(),
        program,
        url: own_url,
        secrets: secrets_of(&desk.plan().plan),
        env,
        keep: options.keep_output,
    };
    let runner = Runner::new(desk.clone(), supervisor, vault.clone(), place);
    let channels = Channels::follow(&desk, |name| std::env::var(name).ok())
        .map_err(|e| Exit::Failed(e.to_string()))?;
    let signer = Signer::new(&vault);
    let ways = Ways {
        signer: signer.clone(),
        url: url.clone(),
        callback: url.clone(),
    };
    let outbox = Outbox::new(desk.clone(), notify::by(channels.clone()), ways);
    let (stop, stopping) = watch::channel(false);
    let shown = known.map(|known| known.page);
    let first = shown.is_none();
    let sources = status::Sources {
        desk: desk.clone(),
        looks: checks.looks(),
        histories: historian.histories(),
    };
    let page = status::start(sources, shown, &url, kept, mirrors).await?;
    if first {
        status_listener(&options, &page, &door, limit)?;
    }
    let subscribers = Subscribers::new(desk.clone(), page.clone(), channels.clone(), &vault, &url);
    // It is opened once.
    let _ = door.set(subscribers.clone());
    let state = State::from(Parts {
        desk: desk.clone(),
        looks: checks.looks(),
        sights: failovers.sights(),
        histories: historian.histories(),
        channels: channels.clone(),
        outbox: outbox.clone(),
        links: signer,
        url: url.trim_end_matches('/').into(),
        spools: runner.spools(),
        vault,
        status: page,
        subscribers: subscribers.clone(),
        https: url.starts_with("https://"),
        ticks: web::Ticks::start(desk.clock().clone(), checks.looks(), stopping.clone()),
    });
    tokio::spawn(checks.serve());
    tokio::spawn(exposure.serve());
    tokio::spawn(failovers.serve());
    tokio::spawn(engine::maintenance::serve(desk.clone()));
    let historian = tokio::spawn(historian.serve(stopping));
    tokio::spawn(runner.serve());
    tokio::spawn(outbox.clone().beat(channels));
    tokio::spawn(outbox.serve());
    tokio::spawn(subscribers.serve());
    tokio::spawn(follow_plan(desk.clone(), folder));

    tracing::info!(listen = %address, database = store.place(), node, "Muster serves {url}");
    if options.sign_in_link || store.credentials(CredentialKind::Session).await?.is_empty() {
        let link =
            crate::cli::sign_in_link(&desk, &url, "Commander", AccessRole::Commander).await?;
        println!("Sign in once with this link (good for a day):\n\n  {link}\n");
    }
    let asked = async move {
        asked_to_stop().await;
        tracing::info!("Stopping; what runs goes on and is found again at the next start");
        let _ = stop.send(true);
    };
    // A router handed over as it is would be copied whole, with every route, for each connection.
    let app = web::app(state).into_make_service_with_connect_info::<web::Socket>();
    let served = axum::serve(web::Sockets(listener), app)
        .with_graceful_shutdown(asked)
        .await;
    let _ = historian.await;
    store.close().await;
    served.map_err(|e| Exit::Failed(format!("the server failed: {e}")))
}

/// Opens the public's own door, where one is asked for.
fn status_listener(
    options: &Options,
    page: &StatusPage,
    door: &Door,
    limit: u64,
) -> Result<(), Exit> {
    let Some(address) = options.status_listen else {
        return Ok(());
    };
    // A quarter of all descriptors stays for the rest of us, however many come.
    let most = usize::try_from(limit / 4 * 3).map_or(MOST_READERS, |n| n.min(MOST_READERS));
    let bound = status::listen(address, page.clone(), door.clone(), most)
        .map_err(|e| Exit::Failed(format!("cannot listen on {address}: {e}")))?;
    tracing::info!(listen = %bound, "The public status page is served at http://{bound}");
    Ok(())
}

/// A look that waits holds a descriptor, and so does each reader.
fn room_for_checks(plan: &Plan, limit: u64) {
    const FOR_THE_REST: u64 = 512;
    let needed = FOR_THE_REST + plan.services.iter().filter(|s| s.check.is_some()).count() as u64;
    if limit < needed {
        tracing::warn!(
            limit,
            needed,
            "The limit of open files is too low for the plan's checks: raise it to {needed} or more"
        );
    }
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut term), Ok(mut int)) => {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        }
        _ => std::future::pending().await,
    }
}

/// This node's name, kept in its data folder: what it launched is its own to find again.
fn node_name(data: &std::path::Path) -> Result<String, Exit> {
    let file = data.join("node");
    if let Ok(name) = std::fs::read_to_string(&file)
        && !name.trim().is_empty()
    {
        return Ok(name.trim().to_owned());
    }
    let name = uuid::Uuid::new_v4().to_string();
    std::fs::write(&file, &name)
        .map_err(|e| Exit::Failed(format!("cannot write {}: {e}", file.display())))?;
    Ok(name)
}

/// What commands get of our environment: where programs are, and the passwords that the plan's targets name.
fn environment(plan: &Plan) -> Vec<(String, String)> {
    let mut names: Vec<String> = ["HOME", "LANG", "TZ", "USER", "MUSTER_LAB_URL"]
        .into_iter()
        .map(String::from)
        .chain(passwords_of(plan))
        .collect();
    names.sort();
    names.dedup();
    let mut env: Vec<_> = names
        .into_iter()
        .filter_map(|n| std::env::var(&n).ok().map(|v| (n, v)))
        .collect();
    // Our own folder first, so that `muster` and its companions are found.
    let own = std::env::current_exe()
        .ok()
        .and_then(|e| e.parent().map(|p| p.display().to_string()))
        .unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
    env.push(("PATH".into(), format!("{own}:{path}")));
    env
}

/// The variables that hold the passwords of the plan's targets.
fn passwords_of(plan: &Plan) -> Vec<String> {
    let databases = plan.targets.databases.values();
    databases
        .flat_map(|d| d.nodes.values().chain([&d.route]))
        .filter_map(|n| n.password_env.clone())
        .collect()
}

/// What must not be seen in the output of any command: those passwords, and what the plan's channels send by.
fn secrets_of(plan: &Plan) -> Vec<String> {
    let channels = plan.channels.variables();
    let channels = channels.into_iter().map(|(_, name)| name.to_owned());
    passwords_of(plan)
        .into_iter()
        .chain(channels)
        .filter_map(|name| std::env::var(name).ok())
        .collect()
}

async fn put_in_force(desk: &Desk, loaded: Loaded) -> Result<(), engine::No> {
    let before = desk.plan();
    if before.hash.as_ref() == Some(&loaded.hash) {
        return Ok(());
    }
    let changes = diff(&before.plan, &loaded.plan).len() as u32;
    let revision = PlanRevision {
        hash: loaded.hash.0.clone(),
        body: canonical_json(&loaded.plan),
        loaded_at: desk.clock().now().0,
    };
    let command = Command::LoadPlan {
        hash: loaded.hash.clone(),
        name: loaded.plan.about.name.clone(),
        changes,
    };
    let beside = Beside {
        plan_revisions: vec![revision],
        ..Beside::default()
    };
    desk.execute(
        Request::new(&Actor::system("plan loader", Source::Loader), command).beside(beside),
    )
    .await?;
    tracing::info!(plan.hash = %loaded.hash, changes, "Plan in force: revision {}", loaded.hash);
    Ok(())
}

/// Puts the plan in force anew when its folder changes. A plan with mistakes is told and left aside.
async fn follow_plan(desk: Desk, folder: PathBuf) {
    let mut told: Option<String> = None;
    loop {
        tokio::time::sleep(PLAN_LOOK).await;
        let dir = folder.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || engine::plan::load(&dir)).await else {
            continue;
        };
        match read {
            Ok(loaded) => {
                told = None;
                if let Err(no) = put_in_force(&desk, loaded).await {
                    tracing::error!(%no, "The changed plan is not in force: {no}");
                }
            }
            Err(faults) => {
                let says = faults
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n  ");
                if told.as_ref() != Some(&says) {
                    tracing::error!(
                        "The plan has mistakes; the last whole revision stays in force:\n  {says}"
                    );
                    told = Some(says);
                }
            }
        }
    }
}
