//! One look at one service. Every answer is bounded in time and in size, and every failure has a class.

mod command;
mod dns;
mod http;
mod postgres;

pub use postgres::connect;

use super::failure::{Class, Failure, database_failure};
use crate::address;
use domain::plan::{Check, Node, Probe, Targets};
use futures::{future::BoxFuture, future::join_all};
use std::sync::Arc;
use tokio::{net::TcpStream, time::Instant};

/// A look that succeeded, and on what evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub says: String,
}

impl Seen {
    fn new(says: impl Into<String>) -> Self {
        Seen { says: says.into() }
    }
}

pub type Looked = Result<Seen, Failure>;

/// Looks up a password by the name of its environment variable.
type Secrets = dyn Fn(&str) -> Option<String> + Send + Sync;

#[derive(Clone)]
pub struct Prober {
    web: http::Web,
    secret: Arc<Secrets>,
}

impl Prober {
    pub fn new(
        secret: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        Ok(Prober {
            web: http::Web::new()?,
            secret: Arc::new(secret),
        })
    }

    /// A connection to a node of the plan, as its checks make it.
    pub async fn connect(&self, node: &Node) -> Result<sqlx::PgConnection, Failure> {
        connect(node, &*self.secret).await.map_err(database_failure)
    }

    /// One look, within the check's time.
    pub async fn look(&self, check: &Check, targets: &Targets) -> Looked {
        let begun = Instant::now();
        let seen = tokio::time::timeout(
            check.timeout.0,
            self.probe(&check.probe, check.internal, targets),
        )
        .await
        .map_err(|_| Failure::timeout(check.timeout.0))??;
        let took = domain::Span(begun.elapsed());
        match check.slow_after {
            Some(limit) if took > limit => Err(Failure::new(
                Class::Slow,
                format!("{}, but slow: {}, at most {limit}", seen.says, took.human()),
            )),
            _ => Ok(seen),
        }
    }

    fn probe<'a>(
        &'a self,
        probe: &'a Probe,
        internal: bool,
        targets: &'a Targets,
    ) -> BoxFuture<'a, Looked> {
        Box::pin(async move {
            match probe {
                Probe::Http(probe) => self.web.get(probe, internal).await,
                Probe::UserPath(probe) => self.web.user_path(probe, internal).await,
                Probe::Tcp(probe) => tcp(&probe.address, internal).await,
                Probe::Dns(probe) => dns::ask(probe, internal).await,
                Probe::Postgres(probe) => {
                    postgres::look(probe, internal, targets, &*self.secret).await
                }
                Probe::Command(probe) => command::run(&probe.argv).await,
                Probe::Heartbeat(_) => Err(Failure::new(
                    Class::Error,
                    "only the server knows who called in",
                )),
                Probe::Any(probes) => {
                    let looks = probes.iter().map(|p| self.probe(p, internal, targets));
                    together(join_all(looks).await)
                }
            }
        })
    }
}

/// Several looks as one: the gravest failure where all failed, a partial outage where some are down.
fn together(looks: Vec<Looked>) -> Looked {
    let all = looks.len();
    let failed: Vec<Failure> = looks.into_iter().filter_map(Result::err).collect();
    let Some(gravest) = failed.iter().max_by_key(|f| f.class.health().rank()) else {
        return Ok(Seen::new(format!("{all} of {all} answer")));
    };
    let down = |f: &&Failure| f.class.health() == domain::Health::MajorOutage;
    let class = match failed.iter().filter(down).count() {
        n if n == 0 || n == all => gravest.class,
        _ => Class::Partial,
    };
    let says = format!("{} of {all} fail: {}", failed.len(), gravest.says);
    Err(Failure::new(class, says))
}

/// `host:port`, judged.
async fn tcp(place: &str, internal: bool) -> Looked {
    let found = place
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let Some((host, port)) = found else {
        return Err(Failure::new(Class::Error, "no host and port"));
    };
    let addresses = address::find(host, port, internal).await?;
    TcpStream::connect(&*addresses).await?;
    Ok(Seen::new("connected"))
}
