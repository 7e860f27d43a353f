//! The way to the mail server: kept connections, and for each break of one whether the mail may have been taken.
//!
//! SMTP hands a mail over at one moment: with the dot that ends it. What breaks before is certainly not taken; what breaks
//! after may be. The library's own transport does not say which it was, so its connections are driven from here: with as
//! few packets as the server allows, for each that waits for an answer is a way there and back.

use crate::channels::{Outcome, words::line};
use domain::Span;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Ehlo, Mail, Rcpt},
        extension::{ClientId, MailParameter, RcptParameter},
        response::Response,
    },
};
use reqwest::Url;
use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
/// Servers hang up on whoever says nothing for long.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const MOST_KEPT: usize = 32;

pub struct Relay {
    host: String,
    port: u16,
    hello: ClientId,
    security: Security,
    credentials: Option<Credentials>,
    /// The one used last is taken first.
    kept: Mutex<Vec<(Way, Instant)>>,
}

/// A connection, and what the server at its end can do.
struct Way {
    connection: AsyncSmtpConnection,
    /// Tells what becomes of a mail (RFC 3461).
    reports: bool,
    /// Takes several commands at once (RFC 2920).
    pipelines: bool,
}

impl Way {
    /// Says the nth of these commands, and what is answered.
    async fn say(&mut self, commands: &[String], nth: usize) -> Result<Response, Error> {
        match (self.pipelines, nth) {
            (true, 0) => self.connection.command(commands.concat()).await,
            (true, _) => self.connection.read_response().await,
            (false, _) => self.connection.command(&commands[nth]).await,
        }
    }
}

/// A mail, and who it is from and for as mail servers see it.
pub struct Envelope<'a> {
    pub from: Address,
    pub to: Address,
    /// Its name in reports, where they are wanted.
    pub report: Option<String>,
    pub mail: &'a str,
}

impl Envelope<'_> {
    fn sender(&self, reports: bool) -> Mail {
        let mut parameters = Vec::new();
        if let Some(name) = self.report.as_ref().filter(|_| reports) {
            for (keyword, value) in [("RET", "HDRS"), ("ENVID", name)] {
                parameters.push(MailParameter::Other {
                    keyword: keyword.to_owned(),
                    value: Some(value.to_owned()),
                });
            }
        }
        Mail::new(Some(self.from.clone()), parameters)
    }

    fn receiver(&self, reports: bool) -> Rcpt {
        let wanted = RcptParameter::Other {
            keyword: "NOTIFY".to_owned(),
            value: Some("SUCCESS,FAILURE,DELAY".to_owned()),
        };
        let wanted = (reports && self.report.is_some()).then_some(wanted);
        Rcpt::new(self.to.clone(), wanted.into_iter().collect())
    }
}

enum Security {
    None,
    StartTls(TlsParameters),
    FromTheStart(TlsParameters),
}

/// How far a mail had come when it broke.
enum Broke {
    /// Before anything was said on this connection: it may have been dropped while it was kept.
    AtOnce(String),
    Later(Outcome),
}

impl Relay {
    pub fn new(url: &Url, domain: &str, ca: Option<&[u8]>) -> Result<Self, String> {
        let host = url.host_str().ok_or("names no mail server")?.to_owned();
        let tls = || {
            let mut tls = TlsParameters::builder(host.clone());
            if let Some(pem) = ca {
                let authority = Certificate::from_pem(pem);
                let authority =
                    authority.map_err(|_| "the file of its authority holds no certificate")?;
                tls = tls.add_root_certificate(authority);
            }
            tls.build().map_err(|e| e.to_string())
        };
        let asked = url.query_pairs().find(|(key, _)| key == "tls");
        let asked = asked.map(|(_, value)| value.into_owned());
        let (security, usual) = match (url.scheme(), asked.as_deref()) {
            ("smtps", _) => (Security::FromTheStart(tls()?), 465),
            ("smtp", None | Some("required")) => (Security::StartTls(tls()?), 587),
            ("smtp", Some("none")) => (Security::None, 25),
            ("smtp", _) => return Err("says tls=…, which is `required` or `none`".into()),
            _ => return Err("holds no smtps:// or smtp:// address".into()),
        };
        let hello = match url.path().trim_matches('/') {
            "" => domain,
            name => name,
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(
                decoded(url.username())?,
                decoded(password)?,
            )),
            None => None,
        };
        Ok(Relay {
            port: url.port().unwrap_or(usual),
            hello: ClientId::Domain(hello.to_owned()),
            host,
            security,
            credentials,
            kept: Mutex::default(),
        })
    }

    pub async fn deliver(&self, mail: Envelope<'_>) -> Outcome {
        let deadline = Instant::now() + WHOLE;
        while let Some(way) = self.take() {
            match self.hand_over(way, &mail, deadline).await {
                Ok(outcome) => return outcome,
                // It stood too long. Another may stand still.
                Err(Broke::AtOnce(_)) => {}
                Err(Broke::Later(outcome)) => return outcome,
            }
        }
        let way = match self.connect(deadline).await {
            Ok(way) => way,
            Err(why) => return Outcome::Later { why, after: None },
        };
        match self.hand_over(way, &mail, deadline).await {
            Ok(outcome) | Err(Broke::Later(outcome)) => outcome,
            Err(Broke::AtOnce(why)) => Outcome::Later { why, after: None },
        }
    }

    async fn hand_over(
        &self,
        mut way: Way,
        mail: &Envelope<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Broke> {
        let commands = [
            mail.sender(way.reports).to_string(),
            mail.receiver(way.reports).to_string(),
            Data.to_string(),
        ];
        within(deadline, way.say(&commands, 0))
            .await
            .map_err(|no| match no {
                // The sender is ours, so this is no fault of the receiver's address.
                No::Refused { why, .. } if !why.starts_with("421") => Broke::Later(later(why)),
                No::Refused { why, .. } | No::Broken(why) => Broke::AtOnce(why),
                No::Late => Broke::Later(later("the mail server does not answer".into())),
            })?;
        for nth in [1, 2] {
            within(deadline, way.say(&commands, nth))
                .await
                .map_err(|no| Broke::Later(no.before()))?;
        }
        let answer = within(deadline, way.connection.command(dotted(mail.mail))).await;
        let answer = answer.map_err(|no| Broke::Later(no.after()))?;
        self.keep(way);
        // "250 2.0.0 Ok: queued as 4bGq…": the name by which the server's log knows it.
        let said = answer.message().next().map(|said| line(said, 120));
        Ok(Outcome::Sent { provider_id: said })
    }

    async fn connect(&self, deadline: Instant) -> Result<Way, String> {
        let wrapper = match &self.security {
            Security::FromTheStart(tls) => Some(tls.clone()),
            _ => None,
        };
        let place = (self.host.as_str(), self.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT), &self.hello, wrapper, None);
        let said = |no: No| match no {
            No::Late => "the mail server does not answer".to_owned(),
            No::Refused { why, .. } => why,
            No::Broken(why) => format!("no connection to the mail server: {why}"),
        };
        let mut connection = within(deadline, connecting).await.map_err(said)?;
        if let Security::StartTls(tls) = &self.security {
            let starting = connection.starttls(tls.clone(), &self.hello);
            within(deadline, starting).await.map_err(said)?;
        }
        if let Some(credentials) = &self.credentials {
            let asking = connection.auth(DEFAULT_MECHANISMS, credentials);
            within(deadline, asking).await.map_err(said)?;
        }
        // The library keeps of a server's abilities only those that it uses itself. One that does not want to be greeted
        // twice is taken to have none.
        let asking = connection.command(Ehlo::new(self.hello.clone()));
        let able = match within(deadline, asking).await {
            Ok(able) => Some(able),
            Err(No::Refused { .. }) => None,
            Err(no) => return Err(said(no)),
        };
        let can = |ability| {
            let mut words = able.iter().flat_map(|able| able.message());
            words.any(|word| word.eq_ignore_ascii_case(ability))
        };
        Ok(Way {
            reports: can("DSN"),
            pipelines: can("PIPELINING"),
            connection,
        })
    }

    fn take(&self) -> Option<Way> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since)| since.elapsed() < KEEP_ALIVE);
        kept.pop().map(|(way, _)| way)
    }

    fn keep(&self, way: Way) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !way.connection.has_broken() && kept.len() < MOST_KEPT {
            kept.push((way, Instant::now()));
        }
    }
}

/// Why a command did not succeed.
enum No {
    /// The server said so.
    Refused {
        why: String,
        for_good: bool,
    },
    Broken(String),
    Late,
}

impl No {
    /// Before the dot.
    fn before(self) -> Outcome {
        match self {
            No::Refused {
                why,
                for_good: true,
            } => Outcome::Never { why },
            No::Refused { why, .. } | No::Broken(why) => later(why),
            No::Late => later("the mail server does not answer".into()),
        }
    }

    /// With the dot, or after it.
    fn after(self) -> Outcome {
        match self {
            No::Refused {
                why,
                for_good: true,
            } => Outcome::Never { why },
            No::Refused { why, .. } => later(why),
            No::Broken(why) => Outcome::Doubtful {
                why: format!("the connection broke while the mail was handed over: {why}"),
            },
            No::Late => Outcome::Doubtful {
                why: "the mail was handed over, and no answer came".into(),
            },
        }
    }
}

fn later(why: String) -> Outcome {
    let after = None::<Span>;
    Outcome::Later { why, after }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, No> {
    match timeout_at(deadline, work).await {
        Err(_) => Err(No::Late),
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match error.status() {
            Some(code) => No::Refused {
                why: line(&format!("{code} {}", said(&error)), 200),
                for_good: error.is_permanent(),
            },
            None if error.is_timeout() => No::Late,
            None => No::Broken(line(&said(&error), 120)),
        }),
    }
}

/// With the dot that ends it. (The library writes that on its own, and it waits: TCP holds a small packet back until the one
/// before is acknowledged, and the other side takes 40 ms to do so.)
fn dotted(mail: &str) -> String {
    let mut out = String::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive("\r\n") {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
    }
    if !out.ends_with("\r\n") {
        out.push_str("\r\n");
    }
    out.push_str(".\r\n");
    out
}

/// The innermost cause.
fn said(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// `%40` in a user name is `@`.
fn decoded(text: &str) -> Result<String, String> {
    let pair = format!("v={}", text.replace('+', "%2B"));
    let mut pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(&pair);
    let pairs = pairs
        .as_mut()
        .map_err(|_| "its user or password cannot be read")?;
    Ok(pairs.pop().map(|(_, value)| value).unwrap_or_default())
}

#[cfg(test)]
mod tests;
