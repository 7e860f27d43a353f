//! One look at one service. Every answer is bounded in time (by the caller) and in size, and every failure has a class.

use domain::plan::{Database, HttpProbe, Node, PostgresProbe, Probe, Targets, UserPathProbe};
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use std::{str::FromStr, sync::Arc, time::Duration};

/// Of an answer's body this much is read.
const MOST_READ: usize = 64 * 1024;

/// A look that succeeded, and on what evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub says: String,
}

/// A look that failed. `class` is one of `refused`, `timeout`, `dns`, `tls`, `auth`, `read_only`, `wrong_answer`, `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: &'static str,
    pub says: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}

impl Failure {
    pub fn timeout(after: Duration) -> Self {
        Failure {
            class: "timeout",
            says: format!("no answer within {}", domain::Span(after).human()),
        }
    }
    fn wrong(says: String) -> Self {
        Failure {
            class: "wrong_answer",
            says,
        }
    }
}

type Looked = Result<Seen, Failure>;

/// Looks up a password by the name of its environment variable.
type Secrets = dyn Fn(&str) -> Option<String> + Send + Sync;

#[derive(Clone)]
pub struct Prober {
    http: reqwest::Client,
    secret: Arc<Secrets>,
}

impl Prober {
    pub fn new(
        secret: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            // A pooled connection would say that a server is there which is not.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Prober {
            http,
            secret: Arc::new(secret),
        })
    }

    /// A connection to a node of the plan, as its checks make it.
    pub async fn connect(&self, node: &Node) -> Result<sqlx::PgConnection, Failure> {
        connect(node, &*self.secret).await.map_err(database_failure)
    }

    pub async fn look(&self, probe: &Probe, targets: &Targets) -> Looked {
        match probe {
            Probe::Http(probe) => self.http(probe).await,
            Probe::Tcp(probe) => tcp(&probe.address).await,
            Probe::Postgres(probe) => self.postgres(probe, targets).await,
            Probe::UserPath(probe) => self.user_path(probe).await,
        }
    }

    async fn http(&self, probe: &HttpProbe) -> Looked {
        let answer = self
            .http
            .get(&probe.url)
            .send()
            .await
            .map_err(http_failure)?;
        let status = answer.status().as_u16();
        if status != probe.expect {
            return Err(Failure::wrong(format!(
                "status {status}, expected {}",
                probe.expect
            )));
        }
        if let Some(wanted) = &probe.contains {
            let body = body(answer).await?;
            if !body.contains(wanted.as_str()) {
                return Err(Failure::wrong(format!(
                    "the answer does not contain “{wanted}”"
                )));
            }
        }
        Ok(Seen {
            says: format!("status {status}"),
        })
    }

    async fn user_path(&self, probe: &UserPathProbe) -> Looked {
        let post = self
            .http
            .post(&probe.url)
            .header("content-type", "application/json")
            .body(probe.body.clone());
        let answer = post.send().await.map_err(http_failure)?;
        let status = answer.status();
        let text = body(answer).await?;
        if !status.is_success() {
            return Err(Failure::wrong(format!(
                "writing failed: status {}",
                status.as_u16()
            )));
        }
        let document: serde_json::Value = serde_json::from_str(&text)
            .map_err(|_| Failure::wrong("writing answered no JSON".into()))?;
        let id = match &document["id"] {
            serde_json::Value::String(id) => id.clone(),
            serde_json::Value::Number(id) => id.to_string(),
            _ => return Err(Failure::wrong("writing answered no `id`".into())),
        };
        let plain = !id.is_empty()
            && id.len() <= 64
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain {
            return Err(Failure::wrong(
                "writing answered an `id` that is no plain word".into(),
            ));
        }
        let answer = self
            .http
            .get(probe.read_back.replace("{id}", &id))
            .send()
            .await
            .map_err(http_failure)?;
        match answer.status().as_u16() {
            200 => Ok(Seen {
                says: "written and read back".into(),
            }),
            status => Err(Failure::wrong(format!(
                "written, but reading back failed: status {status}"
            ))),
        }
    }

    async fn postgres(&self, probe: &PostgresProbe, targets: &Targets) -> Looked {
        let Some(node) = targets
            .databases
            .get(&probe.database)
            .and_then(|d| node(d, &probe.node))
        else {
            return Err(Failure {
                class: "error",
                says: format!("the plan has no node {} of {}", probe.node, probe.database),
            });
        };
        let mut connection = connect(node, &*self.secret)
            .await
            .map_err(database_failure)?;
        let query = if probe.writable {
            // Writing for real, without leaving a trace: a temporary table is refused on a server that is read-only.
            "CREATE TEMPORARY TABLE muster_probe ON COMMIT DROP AS SELECT 1 AS written"
        } else {
            "SELECT 1"
        };
        sqlx::query(query)
            .execute(&mut connection)
            .await
            .map_err(database_failure)?;
        let _ = connection.close().await;
        Ok(Seen {
            says: if probe.writable {
                "accepts writes".into()
            } else {
                "answers".into()
            },
        })
    }
}

/// A node by name, or the route.
pub fn node<'a>(database: &'a Database, name: &str) -> Option<&'a Node> {
    if name == "route" {
        Some(&database.route)
    } else {
        database.nodes.get(name)
    }
}

/// A connection as the plan describes it, its password taken from the environment variable it names.
pub async fn connect(node: &Node, secret: &Secrets) -> Result<sqlx::PgConnection, sqlx::Error> {
    let mut options = PgConnectOptions::from_str(&node.url)?.application_name("muster");
    if let Some(name) = &node.password_env {
        match secret(name) {
            Some(password) => options = options.password(&password),
            None => {
                return Err(sqlx::Error::Configuration(
                    format!("the environment variable {name} is not set").into(),
                ));
            }
        }
    }
    options.disable_statement_logging().connect().await
}

async fn tcp(address: &str) -> Looked {
    match tokio::net::TcpStream::connect(address).await {
        Ok(_) => Ok(Seen {
            says: "connected".into(),
        }),
        Err(error) => Err(io_failure(&error)),
    }
}

async fn body(mut answer: reqwest::Response) -> Result<String, Failure> {
    let mut read = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(http_failure)? {
        read.extend_from_slice(&chunk);
        if read.len() >= MOST_READ {
            read.truncate(MOST_READ);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

fn http_failure(error: reqwest::Error) -> Failure {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return io_failure(io);
        }
        source = cause.source();
    }
    Failure {
        class: if error.is_timeout() {
            "timeout"
        } else {
            "error"
        },
        says: "the request failed".into(),
    }
}

fn io_failure(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind::*;
    let (class, says) = match error.kind() {
        ConnectionRefused => ("refused", "connection refused"),
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => {
            ("refused", "connection reset")
        }
        TimedOut => ("timeout", "no answer"),
        HostUnreachable | NetworkUnreachable => ("refused", "unreachable"),
        _ => {
            return Failure {
                class: "error",
                says: error.to_string(),
            };
        }
    };
    Failure {
        class,
        says: says.into(),
    }
}

/// Why a database did not do what was asked, without the password or the address in it.
pub fn database_failure(error: sqlx::Error) -> Failure {
    match &error {
        sqlx::Error::Io(io) => io_failure(io),
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some("28P01" | "28000") => Failure {
                class: "auth",
                says: "sign-in refused".into(),
            },
            Some("25006") => Failure {
                class: "read_only",
                says: "answers, but is read-only".into(),
            },
            Some("57P03") => Failure {
                class: "refused",
                says: "starting up or shutting down".into(),
            },
            _ => Failure {
                class: "error",
                says: e.message().to_owned(),
            },
        },
        other => Failure {
            class: "error",
            says: other.to_string(),
        },
    }
}
