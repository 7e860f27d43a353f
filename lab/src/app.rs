//! The sample manufacturing app: it takes orders, keeps them in PostgreSQL, and says honestly how it is.
//!
//! An order answered with 201 was committed. A failure says why in one word (`reason`) and, for a write, whether the
//! order may have been stored all the same (`outcome`: `not_stored` or `unknown`).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::daemon::note;
use crate::failure::{Doing, Failure, Result};
use crate::place::{Release, write_json};
use crate::postgres::connect_options;
use crate::trouble::{Reason, Trouble, within};

/// How long the app waits for a connection, and for the health check as a whole.
const ACQUIRE: Duration = Duration::from_millis(700);
const HEALTHY: Duration = Duration::from_secs(1);
const ORDER: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct AppArguments {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    database_port: u16,
    /// The folder that says which release this is; read once, at the start.
    #[arg(long)]
    release: PathBuf,
    /// Where the report of a graceful stop goes.
    #[arg(long)]
    stop_report: PathBuf,
}

/// What a graceful stop did with the requests that were in flight.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StopReport {
    pub in_flight_at_stop: usize,
    pub drained: usize,
    pub aborted: usize,
    pub millis: u64,
}

struct App {
    release: Release,
    database: PgConnectOptions,
    pool: RwLock<PgPool>,
    in_flight: AtomicUsize,
    probes: AtomicU64,
}

impl App {
    fn open_pool(database: &PgConnectOptions) -> PgPool {
        PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(ACQUIRE)
            .connect_lazy_with(database.clone())
    }

    fn pool(&self) -> PgPool {
        self.pool
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn connection(&self) -> std::result::Result<PoolConnection<Postgres>, Trouble> {
        match self.pool().acquire().await {
            Ok(connection) => Ok(connection),
            Err(sqlx::Error::PoolTimedOut) => Err(self.explain_timeout().await),
            Err(error) => Err(Trouble::before(&error)),
        }
    }

    /// The pool retries refused connections in silence until its time is up: ask once more, directly, for the reason.
    async fn explain_timeout(&self) -> Trouble {
        match timeout(
            Duration::from_millis(200),
            PgConnection::connect_with(&self.database),
        )
        .await
        {
            Err(_) => Trouble::before(&sqlx::Error::PoolTimedOut),
            Ok(Err(error)) => Trouble::before(&error),
            Ok(Ok(_)) => Trouble {
                reason: Reason::Slow,
                detail: "every connection of the pool is busy".into(),
                unknown: false,
            },
        }
    }

    /// Writes a fresh value and reads it back: a port that answers is not a database that works.
    async fn probe(&self) -> std::result::Result<(), Trouble> {
        let began = Instant::now();
        let mut connection = self.connection().await?;
        let nonce = format!(
            "{}-{}",
            std::process::id(),
            self.probes.fetch_add(1, Ordering::Relaxed)
        );
        let work = async {
            sqlx::query(
                "INSERT INTO health_probe (probe, nonce) VALUES ('healthz', $1)
                 ON CONFLICT (probe) DO UPDATE SET nonce = excluded.nonce, at = now()",
            )
            .bind(&nonce)
            .execute(&mut *connection)
            .await?;
            sqlx::query_scalar::<_, String>(
                "SELECT nonce FROM health_probe WHERE probe = 'healthz'",
            )
            .fetch_one(&mut *connection)
            .await
        };
        // Another probe may have written in between; an answer at all shows that the path works both ways.
        within(HEALTHY.saturating_sub(began.elapsed()), work)
            .await
            .map(drop)
    }
}

type Shared = State<Arc<App>>;

#[derive(Deserialize)]
struct NewOrder {
    sku: String,
    quantity: i32,
}

#[derive(Deserialize)]
struct Page {
    limit: Option<i64>,
}

fn wrong(status: StatusCode, sentence: String) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}

fn order(row: &PgRow) -> std::result::Result<Value, sqlx::Error> {
    Ok(json!({
        "id": row.try_get::<i64, _>("id")?,
        "sku": row.try_get::<String, _>("sku")?,
        "quantity": row.try_get::<i32, _>("quantity")?,
        "release": row.try_get::<String, _>("release")?,
        "created_at": row.try_get::<String, _>("created_at")?,
    }))
}

async fn create_order(
    State(app): Shared,
    body: std::result::Result<Json<NewOrder>, JsonRejection>,
) -> Response {
    let Json(new) = match body {
        Ok(new) => new,
        Err(rejection) => return wrong(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    if new.sku.trim().is_empty() || new.sku.len() > 64 || new.quantity < 1 {
        return wrong(
            StatusCode::BAD_REQUEST,
            "an order has a sku of 1 to 64 bytes and a quantity of at least 1".into(),
        );
    }
    let store = async {
        let mut connection = app.connection().await?;
        let insert = sqlx::query(
            "INSERT INTO orders (sku, quantity, release) VALUES ($1, $2, $3)
             RETURNING id, sku, quantity, release,
                       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created_at",
        );
        // The statement commits by itself: its answer is the acknowledgement of the COMMIT.
        let insert = insert
            .bind(&new.sku)
            .bind(new.quantity)
            .bind(&app.release.release);
        within(ORDER, insert.fetch_one(&mut *connection)).await
    };
    match store.await {
        Ok(row) => match order(&row) {
            Ok(order) => (StatusCode::CREATED, Json(order)).into_response(),
            Err(error) => Trouble::before(&error).into_response(),
        },
        Err(trouble) => {
            let mut body = trouble.body();
            body["outcome"] = json!(if trouble.unknown {
                "unknown"
            } else {
                "not_stored"
            });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn read_order(
    State(app): Shared,
    Path(id): Path<i64>,
) -> std::result::Result<Response, Trouble> {
    let mut connection = app.connection().await?;
    let select = sqlx::query(
        "SELECT id, sku, quantity, release,
                to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created_at
           FROM orders WHERE id = $1",
    );
    Ok(
        match within(ORDER, select.bind(id).fetch_optional(&mut *connection)).await? {
            Some(row) => {
                Json(order(&row).map_err(|error| Trouble::before(&error))?).into_response()
            }
            None => wrong(StatusCode::NOT_FOUND, format!("there is no order {id}")),
        },
    )
}

async fn list_orders(
    State(app): Shared,
    Query(page): Query<Page>,
) -> std::result::Result<Json<Value>, Trouble> {
    let mut connection = app.connection().await?;
    let select = sqlx::query(
        "SELECT id, sku, quantity, release,
                to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS created_at
           FROM orders ORDER BY id DESC LIMIT $1",
    );
    let limit = page.limit.unwrap_or(50).clamp(1, 1000);
    let rows = within(ORDER, select.bind(limit).fetch_all(&mut *connection)).await?;
    let orders: std::result::Result<Vec<Value>, _> = rows.iter().map(order).collect();
    Ok(Json(
        json!({ "orders": orders.map_err(|error| Trouble::before(&error))? }),
    ))
}

async fn healthz(State(app): Shared) -> Response {
    match app.probe().await {
        Ok(()) => {
            let Release { release, version } = &app.release;
            Json(json!({ "status": "ok", "release": release, "version": version })).into_response()
        }
        Err(trouble) => trouble.into_response(),
    }
}

async fn livez(State(app): Shared) -> Json<Value> {
    Json(json!({
        "status": "alive", "pid": std::process::id(), "in_flight": app.in_flight.load(Ordering::SeqCst),
    }))
}

async fn version(State(app): Shared) -> Json<Release> {
    Json(app.release.clone())
}

/// Throws the pool away and opens a new one; the backend pids are the proof.
async fn reset_pool(State(app): Shared) -> std::result::Result<Json<Value>, Trouble> {
    let fresh = App::open_pool(&app.database);
    let old = std::mem::replace(
        &mut *app.pool.write().unwrap_or_else(PoisonError::into_inner),
        fresh,
    );
    let dropped = old.size();
    // Closing waits for connections that hang; nobody has to wait with it.
    tokio::spawn(async move { old.close().await });
    let mut held = Vec::new();
    let mut pids = Vec::new();
    for _ in 0..3 {
        let mut connection = app.connection().await?;
        let ask = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()");
        pids.push(within(HEALTHY, ask.fetch_one(&mut *connection)).await?);
        held.push(connection);
    }
    Ok(Json(
        json!({ "status": "ok", "dropped": dropped, "backend_pids": pids }),
    ))
}

/// Counts a request as in flight until its answer is made, also when the client goes away first.
async fn count(State(app): Shared, request: Request, next: Next) -> Response {
    struct InFlight(Arc<App>);
    impl Drop for InFlight {
        fn drop(&mut self) {
            self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }
    app.in_flight.fetch_add(1, Ordering::SeqCst);
    let _in_flight = InFlight(app);
    next.run(request).await
}

pub async fn run(arguments: AppArguments) -> Result<()> {
    let password = std::env::var("LAB_DB_PASSWORD").map_err(|_| {
        Failure::wrong_use("the app reads its password from LAB_DB_PASSWORD, which is not set")
    })?;
    let database = connect_options(
        arguments.database_port,
        "manufacturing",
        &password,
        "manufacturing",
    );
    let app = Arc::new(App {
        release: Release::read(&arguments.release)?,
        pool: RwLock::new(App::open_pool(&database)),
        database,
        in_flight: AtomicUsize::new(0),
        probes: AtomicU64::new(0),
    });
    let router = Router::new()
        .route("/orders", post(create_order).get(list_orders))
        .route("/orders/{id}", get(read_order))
        .route("/healthz", get(healthz))
        .route("/admin/pool/reset", post(reset_pool))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .route("/livez", get(livez))
        .route("/version", get(version))
        .with_state(app.clone());
    let address = ("127.0.0.1", arguments.port);
    let listener = TcpListener::bind(address)
        .await
        .doing(|| format!("listen on 127.0.0.1:{}", arguments.port))?;
    let mut term = signal(SignalKind::terminate()).doing(|| "listen for SIGTERM".into())?;
    let asked = Arc::new(Notify::new());
    let stop = asked.clone();
    note(&format!(
        "release {} ({}) listens on 127.0.0.1:{}",
        app.release.release, app.release.version, arguments.port
    ));
    let server = tokio::spawn(
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.notified().await })
            .into_future(),
    );
    term.recv().await;
    let (began, in_flight_at_stop) = (Instant::now(), app.in_flight.load(Ordering::SeqCst));
    note(&format!(
        "asked to stop with {in_flight_at_stop} requests in flight"
    ));
    asked.notify_one();
    let ended = timeout(DRAIN, server).await.is_ok();
    let aborted = if ended {
        0
    } else {
        app.in_flight.load(Ordering::SeqCst)
    };
    let drained = in_flight_at_stop.saturating_sub(aborted);
    note(&format!("stopped: {drained} drained, {aborted} aborted"));
    let millis = began.elapsed().as_millis() as u64;
    write_json(
        &arguments.stop_report,
        &StopReport {
            in_flight_at_stop,
            drained,
            aborted,
            millis,
        },
    )
}
