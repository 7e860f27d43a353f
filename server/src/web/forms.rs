//! Forms: each is read, becomes one command, and leads back to a page; a refused one comes back with what was typed.

pub mod comms;
pub mod failover;
pub mod maintenance;
pub mod runs;

use super::{
    Signed,
    pages::{self, Home},
};
use crate::{rest::problem::Problem, state::State};
use app::page::{Answer, Refused, Unposted};
use axum::{
    Json, RequestExt,
    body::Bytes,
    extract::{FromRequest, Path, Request},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Command, IncidentRole, Kind, Number, Phase, Refusal, RunId, ServiceId, Severity, Stamp,
};
use engine::{No, Receipt, Request as Ask};
use serde::de::{DeserializeOwned, value::StrDeserializer};
use std::str::FromStr;

/// What the browser asks for when it sends a form by itself.
const OWN: &str = "application/vnd.muster.form+json";

/// A report's parts, in their order.
const REPORT: [&str; 3] = ["conditions", "actions", "needs"];

/// A form as it was sent: its fields in order, who sent it, and how the answer should look.
pub struct Form {
    fields: Vec<(String, String)>,
    action: String,
    by_script: bool,
    state: State,
    signed: Signed,
}

impl FromRequest<State> for Form {
    type Rejection = Response;
    async fn from_request(mut request: Request, state: &State) -> Result<Self, Response> {
        let signed: Signed = request
            .extract_parts()
            .await
            .map_err(IntoResponse::into_response)?;
        let action = request.uri().path().to_owned();
        let by_script = request
            .headers()
            .get(header::ACCEPT)
            .is_some_and(|v| v.as_bytes() == OWN.as_bytes());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let fields = serde_urlencoded::from_bytes(&body)
            .map_err(|_| Problem::bad_request("This is not a form.").into_response())?;
        Ok(Form {
            fields,
            action,
            by_script,
            state: state.clone(),
            signed,
        })
    }
}

impl Form {
    fn text(&self, name: &str) -> String {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.clone())
            .collect()
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).as_str(), "on" | "true" | "1")
    }

    /// A field with one of a few values, in the words of its serde form.
    fn word<T: DeserializeOwned>(&self, name: &str, or: &str) -> Result<T, Refusal> {
        let text = self.text(name);
        let text = if text.is_empty() { or } else { &text };
        let read: Result<T, serde::de::value::Error> = T::deserialize(StrDeserializer::new(text));
        read.map_err(|_| Refusal::invalid(name, format!("`{text}` is not one of the choices.")))
    }

    fn parse<T: FromStr>(&self, name: &str, says: &str) -> Result<T, Refusal> {
        self.text(name)
            .trim()
            .parse()
            .map_err(|_| Refusal::invalid(name, says))
    }

    /// Sends the command, and answers as the sender can read it. `to` names the page that follows.
    async fn send(
        self,
        home: Home,
        command: Result<Command, Refusal>,
        to: impl FnOnce(&Receipt) -> String,
    ) -> Response {
        let answer = match command {
            Ok(command) => self.ask(command).await,
            Err(refusal) => Err(No::Refused(refusal)),
        };
        match answer {
            Ok(receipt) => {
                let location = to(&receipt);
                if self.by_script {
                    Json(Answer::Done {
                        seq: receipt.seq,
                        location,
                    })
                    .into_response()
                } else {
                    Redirect::to(&location).into_response()
                }
            }
            Err(No::Refused(refusal)) if self.by_script => {
                Json(Answer::Refused(refusal)).into_response()
            }
            Err(No::Refused(refusal)) => {
                let refused = Refused {
                    form: self.action,
                    refusal,
                    typed: self.fields,
                };
                pages::again(&self.state, &self.signed, &home, refused).await
            }
            Err(No::Unavailable(why)) => Problem::unavailable(why).into_response(),
        }
    }

    /// What is to be said: for the public in one text, for those at work in three that become one.
    fn draft(&self) -> Result<Unposted, Refusal> {
        let internal = self.flag("internal");
        if !internal {
            return Ok(Unposted {
                internal,
                phase: self.word("phase", "")?,
                message: self.text("message"),
                report: Vec::new(),
            });
        }
        let fields = REPORT.map(|name| (name.to_owned(), self.text(name).trim().to_owned()));
        if fields[0].1.is_empty() {
            return Err(Refusal::invalid(
                REPORT[0],
                "Say what is known, even where it is little.",
            ));
        }
        let said = fields.iter().filter(|(_, text)| !text.is_empty());
        let lines =
            said.map(|(name, text)| format!("{}{}: {text}", name[..1].to_uppercase(), &name[1..]));
        Ok(Unposted {
            internal,
            phase: Phase::Investigating,
            message: lines.collect::<Vec<_>>().join("\n"),
            report: fields.into(),
        })
    }

    async fn about(self, number: Number, command: Result<Command, Refusal>) -> Response {
        let to = format!("/incidents/{number}");
        self.send(Home::Incident(number), command, |_| to).await
    }

    async fn ask(&self, command: Command) -> Result<Receipt, No> {
        let (desk, vault) = (&self.state.desk, &self.state.vault);
        let (command, beside) = engine::runner::seal(desk, vault, command).await?;
        let mut ask = Ask::new(&self.signed.actor, command).beside(beside);
        // The same press twice, or again after a lost answer, is one command.
        let key = self.text("key");
        if !key.is_empty() && key.len() <= 200 {
            ask = ask.key(format!("form:{}:{key}", self.signed.credential));
        }
        desk.execute(ask).await
    }

    async fn about_run(self, id: RunId, command: Result<Command, Refusal>) -> Response {
        let to = format!("/runs/{id}");
        self.send(Home::Run(id), command, |_| to).await
    }
}

pub async fn declare(form: Form) -> Response {
    let command = (|| {
        let kind: Kind = form.word("kind", "real")?;
        let severity: Severity = form
            .text("severity")
            .parse()
            .map_err(|e: String| Refusal::invalid("severity", e))?;
        let occurred_at = match form.text("occurred_at").trim() {
            "" => None,
            text => Some(instant(text).ok_or_else(|| {
                Refusal::invalid("occurred_at", "Write the time in UTC as 2026-11-22T14:02.")
            })?),
        };
        Ok(Command::Declare {
            title: form.text("title"),
            severity,
            affected: form.all("affected").into_iter().map(ServiceId).collect(),
            kind,
            // Told to the public unless the form says otherwise; never of a drill.
            public: kind != Kind::Drill && form.flag("public"),
            quiet: form.flag("quiet"),
            occurred_at,
        })
    })();
    form.send(Home::Declare, command, |receipt| {
        receipt
            .incident
            .as_ref()
            .map_or("/".into(), |n| format!("/incidents/{n}"))
    })
    .await
}

/// `2026-11-22T14:02`, as a browser's field sends it, taken as UTC; or a full RFC 3339 instant.
fn instant(text: &str) -> Option<Stamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Stamp(at.as_microsecond()));
    }
    let at: jiff::civil::DateTime = text.parse().ok()?;
    Some(Stamp(
        at.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_microsecond(),
    ))
}

pub async fn severity(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form
        .text("severity")
        .parse()
        .map_err(|e: String| Refusal::invalid("severity", e))
        .map(|severity| Command::ChangeSeverity {
            incident: incident.clone(),
            severity,
            reason: form.text("reason"),
        });
    form.about(incident, command).await
}

pub async fn roles(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form.word::<IncidentRole>("role", "").and_then(|role| {
        let (incident, person) = (incident.clone(), form.text("person"));
        match form.text("action").as_str() {
            "" | "assign" => Ok(Command::AssignRole {
                incident,
                role,
                person,
            }),
            "hand_over" => Ok(Command::HandOver {
                incident,
                role,
                to: person,
            }),
            "accept" => Ok(Command::AcceptRole { incident, role }),
            other => Err(Refusal::invalid(
                "action",
                format!("`{other}` is not one of assign, hand_over, accept."),
            )),
        }
    });
    form.about(incident, command).await
}

pub async fn update(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form.draft().map(|draft| Command::PostUpdate {
        incident: incident.clone(),
        phase: draft.phase,
        message: draft.message,
        internal: draft.internal,
    });
    form.about(incident, command).await
}

/// The update as it would be said: nothing is posted.
pub async fn preview(Path(incident): Path<Number>, mut form: Form) -> Response {
    match form.draft() {
        Ok(draft) => pages::update_page(&form.state, &form.signed, &incident, Some(draft)).await,
        Err(refusal) => {
            form.action = format!("/incidents/{incident}/updates");
            let home = Home::Update(incident);
            form.send(home, Err(refusal), |_| String::new()).await
        }
    }
}

pub async fn note(Path(incident): Path<Number>, form: Form) -> Response {
    let command = Command::AddNote {
        incident: incident.clone(),
        text: form.text("text"),
        occurred_at: None,
    };
    form.about(incident, Ok(command)).await
}

pub async fn pin(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form
        .parse("seq", "This is not a line of the timeline.")
        .map(|seq| Command::Pin {
            incident: incident.clone(),
            seq,
            pinned: form.flag("pinned"),
        });
    form.about(incident, command).await
}

pub async fn task(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form
        .parse("minutes", "Write the timebox as a whole number of minutes.")
        .map(|minutes| Command::AddTask {
            incident: incident.clone(),
            title: form.text("title"),
            owner: form.text("owner"),
            minutes,
        });
    form.about(incident, command).await
}

pub async fn accept_task(Path((incident, task)): Path<(Number, u32)>, form: Form) -> Response {
    form.about(incident.clone(), Ok(Command::AcceptTask { incident, task }))
        .await
}

pub async fn finish_task(Path((incident, task)): Path<(Number, u32)>, form: Form) -> Response {
    form.about(incident.clone(), Ok(Command::FinishTask { incident, task }))
        .await
}

pub async fn tick(Path(incident): Path<Number>, form: Form) -> Response {
    let command = form
        .parse("item", "This is not an item of the checklist.")
        .map(|item| Command::Tick {
            incident: incident.clone(),
            item,
            done: form.flag("done"),
        });
    form.about(incident, command).await
}

pub async fn resolve(Path(incident): Path<Number>, form: Form) -> Response {
    let command = Command::Resolve {
        incident: incident.clone(),
        message: form.text("message"),
    };
    form.about(incident, Ok(command)).await
}

pub async fn reopen(Path(incident): Path<Number>, form: Form) -> Response {
    let command = Command::Reopen {
        incident: incident.clone(),
        reason: form.text("reason"),
    };
    form.about(incident, Ok(command)).await
}
