//! Why a look failed: its class, and a sentence without secrets and addresses.

use domain::{Health, Span};
use std::{error::Error, time::Duration};

/// What kind of failure it is; each kind means one health, by this rule and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Refused,
    Timeout,
    Dns,
    Tls,
    Auth,
    ReadOnly,
    WrongAnswer,
    /// The other side did not call in.
    Missed,
    /// The address is not one that this check may reach.
    Forbidden,
    Error,
    /// Some of several looks failed.
    Partial,
    Slow,
    Certificate,
    Lag,
    Archiver,
}

impl Class {
    pub fn word(self) -> &'static str {
        match self {
            Class::Refused => "refused",
            Class::Timeout => "timeout",
            Class::Dns => "dns",
            Class::Tls => "tls",
            Class::Auth => "auth",
            Class::ReadOnly => "read_only",
            Class::WrongAnswer => "wrong_answer",
            Class::Missed => "missed",
            Class::Forbidden => "forbidden",
            Class::Error => "error",
            Class::Partial => "partial",
            Class::Slow => "slow",
            Class::Certificate => "certificate",
            Class::Lag => "lag",
            Class::Archiver => "archiver",
        }
    }

    /// What works, but not as it should, is degraded; what does not work is down.
    pub fn health(self) -> Health {
        match self {
            Class::Slow | Class::Certificate | Class::Lag | Class::Archiver => Health::Degraded,
            Class::Partial => Health::PartialOutage,
            _ => Health::MajorOutage,
        }
    }
}

/// A look that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    pub says: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}

impl Failure {
    pub fn new(class: Class, says: impl Into<String>) -> Self {
        Failure {
            class,
            says: says.into(),
        }
    }
    pub fn timeout(after: Duration) -> Self {
        Failure::new(
            Class::Timeout,
            format!("no answer within {}", Span(after).human()),
        )
    }
    pub(super) fn wrong(says: impl Into<String>) -> Self {
        Failure::new(Class::WrongAnswer, says)
    }
}

impl From<crate::address::No> for Failure {
    fn from(no: crate::address::No) -> Self {
        match no {
            crate::address::No::Inside { .. } => Failure::new(
                Class::Forbidden,
                format!("{no}: not asked, the check is not marked internal"),
            ),
            crate::address::No::Unknown { host, .. } => {
                Failure::new(Class::Dns, format!("the name {host} has no address"))
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::*;
        let (class, says) = match error.kind() {
            ConnectionRefused => (Class::Refused, "connection refused"),
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => {
                (Class::Refused, "connection reset")
            }
            TimedOut => (Class::Timeout, "no answer"),
            HostUnreachable | NetworkUnreachable => (Class::Refused, "unreachable"),
            _ => return Failure::new(Class::Error, error.to_string()),
        };
        Failure::new(class, says)
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let mut source: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(cause) = source {
            if let Some(no) = cause.downcast_ref::<crate::address::No>() {
                return no.clone().into();
            }
            let io = cause.downcast_ref::<std::io::Error>();
            let inner = io.and_then(|io| io.get_ref());
            let tls = cause
                .downcast_ref::<rustls::Error>()
                .or_else(|| inner.and_then(|e| e.downcast_ref()));
            if let Some(tls) = tls {
                return Failure::new(Class::Tls, format!("no trusted connection: {tls}"));
            }
            if let Some(io) = io {
                // What it wraps tells more than it does itself.
                match inner {
                    Some(inner) if io.kind() == std::io::ErrorKind::Other => {
                        source = Some(inner);
                        continue;
                    }
                    _ => return std::io::Error::from(io.kind()).into(),
                }
            }
            source = cause.source();
        }
        let class = if error.is_timeout() {
            Class::Timeout
        } else {
            Class::Error
        };
        Failure::new(class, "the request failed")
    }
}

/// Why a database did not do what was asked, without the password or the address in it.
pub fn database_failure(error: sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Io(io) => io.into(),
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some("28P01" | "28000") => Failure::new(Class::Auth, "sign-in refused"),
            Some("25006") => Failure::new(Class::ReadOnly, "answers, but is read-only"),
            Some("57P03") => Failure::new(Class::Refused, "starting up or shutting down"),
            _ => Failure::new(Class::Error, e.message()),
        },
        other => Failure::new(Class::Error, other.to_string()),
    }
}
