//! The word to people: a first alert, an update, the resolution, the public phase. Who is told, and how, is the plan's
//! communication matrix; these actions only say what there is to say. In a run they are about its incident.

use super::{
    desk::{key, server},
    ground::{Ground, No},
};
use api::{ChangeSeverity, Client, Declare, Resolve, Trouble, Update};
use domain::{Kind, Number, Phase, Severity};
use serde_json::Value;

fn failed(trouble: Trouble) -> No {
    match trouble {
        Trouble::Refused { detail, .. } => No::Refused(detail),
        other => No::Failed(other.to_string()),
    }
}

/// Declares an incident, which tells whom the matrix names; or tells of the one that there is.
pub async fn send(ground: &mut Ground) -> Result<String, No> {
    let message = message(ground)?;
    let severity: Severity = ground
        .flag("severity")
        .unwrap_or("1")
        .parse()
        .map_err(No::WrongUse)?;
    let server = server().map_err(No::Failed)?;
    let Some(number) = named(ground) else {
        let body = Declare {
            title: message,
            severity,
            affected: Vec::new(),
            kind: Kind::Real,
            public: None,
            quiet: false,
            occurred_at: None,
        };
        let declared = server.declare(&key("send"), &body).await.map_err(failed)?;
        let number = Number(text(&declared, "number"));
        ground.report.found("declared", number.as_str(), Some(true));
        return told(ground, &server, &number, "declared").await;
    };
    // A graver word than the incident's own raises it, and that tells who was not told.
    let now = server.incident(&number).await.map_err(failed)?;
    let old = text(&now, "severity").parse::<Severity>();
    let graver = old.is_ok_and(|old| severity < old);
    if graver {
        let raise = ChangeSeverity {
            severity,
            reason: message.clone(),
        };
        server
            .change_severity(&key("raise"), &number, &raise)
            .await
            .map_err(failed)?;
        ground.report.found("raised to", severity.id(), Some(true));
    }
    say(ground, &server, &number, None, message).await?;
    told(ground, &server, &number, "told").await
}

pub async fn update(ground: &mut Ground) -> Result<String, No> {
    let message = message(ground)?;
    let server = server().map_err(No::Failed)?;
    let number = incident(ground, &server).await?;
    say(ground, &server, &number, None, message).await?;
    told(ground, &server, &number, "updated").await
}

pub async fn resolve(ground: &mut Ground) -> Result<String, No> {
    let message = message(ground)?;
    let server = server().map_err(No::Failed)?;
    let number = incident(ground, &server).await?;
    resolved(ground, &server, &number, message).await
}

/// The phase that the public reads.
pub async fn status(ground: &mut Ground) -> Result<String, No> {
    let Some(asked) = ground.flag("status").map(str::to_owned) else {
        return Err(No::WrongUse(
            "say which: --status=investigating, identified, monitoring or resolved".into(),
        ));
    };
    let phases = [
        Phase::Investigating,
        Phase::Identified,
        Phase::Monitoring,
        Phase::Resolved,
    ];
    let Some(phase) = phases.into_iter().find(|p| p.id() == asked) else {
        return Err(No::WrongUse(format!(
            "`{asked}` is no status; use investigating, identified, monitoring or resolved"
        )));
    };
    let usual = match phase {
        Phase::Investigating => "We are investigating.",
        Phase::Identified => "We have found the cause and are working on it.",
        Phase::Monitoring => "A fix is in place. We are watching whether it holds.",
        Phase::Resolved => "This is resolved.",
    };
    let message = ground.flag("message").unwrap_or(usual).trim().to_owned();
    let server = server().map_err(No::Failed)?;
    let number = incident(ground, &server).await?;
    if phase == Phase::Resolved {
        return resolved(ground, &server, &number, message).await;
    }
    say(ground, &server, &number, Some(phase), message).await?;
    told(ground, &server, &number, &asked).await
}

fn message(ground: &Ground) -> Result<String, No> {
    match ground.flag("message").map(str::trim) {
        Some(said) if !said.is_empty() && said != "true" => Ok(said.to_owned()),
        _ => Err(No::WrongUse("say something: --message=\"…\"".into())),
    }
}

/// The incident that is meant: `--incident=`, or that of the run.
fn named(ground: &Ground) -> Option<Number> {
    let flag = ground.flag("incident").map(str::to_owned);
    flag.or_else(|| std::env::var("MUSTER_INCIDENT").ok())
        .filter(|number| !number.is_empty())
        .map(Number)
}

/// The same, or the one that is open.
async fn incident(ground: &Ground, server: &Client) -> Result<Number, No> {
    if let Some(number) = named(ground) {
        return Ok(number);
    }
    let board = server.board().await.map_err(failed)?;
    let open = board["incidents"].as_array().into_iter().flatten();
    let open: Vec<String> = open.map(|i| text(i, "number")).collect();
    match &open[..] {
        [one] => Ok(Number(one.clone())),
        [] => Err(No::WrongUse(
            "no incident is open; alert:send declares one".into(),
        )),
        several => Err(No::WrongUse(format!(
            "several incidents are open ({}); say which: --incident=…",
            several.join(", ")
        ))),
    }
}

async fn say(
    ground: &mut Ground,
    server: &Client,
    number: &Number,
    phase: Option<Phase>,
    message: String,
) -> Result<(), No> {
    let phase = match phase {
        Some(phase) => phase,
        None => {
            let now = server.incident(number).await.map_err(failed)?;
            serde_json::from_value(now["phase"].clone()).unwrap_or(Phase::Investigating)
        }
    };
    let body = Update {
        phase,
        message: message.clone(),
        internal: false,
    };
    let posted = server
        .update(&key("update"), number, &body)
        .await
        .map_err(failed)?;
    // Read back: the incident's last word is this one.
    let last = posted["updates"].as_array().and_then(|u| u.last());
    let there = last.is_some_and(|u| text(u, "message") == message);
    ground.report.found(
        "update",
        &format!("{number} {}", phase.words()),
        Some(there),
    );
    match there {
        true => Ok(()),
        false => Err(No::Failed(format!("the update is not in {number}"))),
    }
}

async fn resolved(
    ground: &mut Ground,
    server: &Client,
    number: &Number,
    message: String,
) -> Result<String, No> {
    let body = Resolve { message };
    let now = server
        .resolve(&key("resolve"), number, &body)
        .await
        .map_err(failed)?;
    let there = text(&now, "state") == "resolved";
    ground
        .report
        .found("state", &text(&now, "state"), Some(there));
    told(ground, server, number, "resolved").await
}

/// Who was told by that, as far as it is known by now.
async fn told(
    ground: &mut Ground,
    server: &Client,
    number: &Number,
    what: &str,
) -> Result<String, No> {
    let known = server.notifications(number).await.map_err(failed)?;
    let all = known["notifications"].as_array();
    let all = all.map(Vec::as_slice).unwrap_or_default();
    let last = all.iter().map(|n| text(n, "queued")).max();
    let (mut by_machine, mut by_hand) = (0, 0);
    for notice in all.iter().filter(|n| Some(text(n, "queued")) == last) {
        match text(notice, "suppressed").as_str() {
            "" => by_machine += 1,
            "not_configured" | "no_address" => by_hand += 1,
            _ => {}
        }
    }
    ground
        .report
        .found("to be told", &format!("{by_machine} by Muster"), None);
    let mut says = format!("{number} {what}: {by_machine} messages go out");
    if by_hand > 0 {
        says = format!("{says}, {by_hand} have to be told by hand: see /incidents/{number}");
    }
    Ok(says)
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}
