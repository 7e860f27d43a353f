//! Is the target what the step expects? Asked the moment before it starts: the wrong machine is found before the command
//! runs there, not after.

use super::{sql, values::Values};
use crate::actions::database;
use domain::plan::{DatabaseRole, Expect};

/// The target's fingerprint; or the sentence that refuses the step.
pub async fn holds(expect: &Expect, values: &Values) -> Result<String, String> {
    if *expect == Expect::default() {
        return refuse("The step expects nothing of its target, which proves nothing");
    }
    let host = host();
    let mut found = vec![format!("host {host}")];
    let mut wrong = Vec::new();
    let mut compare = |what: &str, expected: Option<String>, is: String| {
        if let Some(expected) = expected.filter(|e| *e != is) {
            wrong.push((format!("{what} {expected}"), format!("{what} {is}")));
        }
    };
    compare("host", expect.host.clone(), host);
    let of_a_database = Expect {
        host: None,
        ..expect.clone()
    };
    if of_a_database != Expect::default() {
        let (place, state) = match ask(expect, values).await {
            Ok(answer) => answer,
            Err(why) => return refuse(&format!("Cannot tell what the target is: {why}")),
        };
        let is = role(if state.in_recovery {
            DatabaseRole::Replica
        } else {
            DatabaseRole::Primary
        });
        compare("role", expect.role.map(role), is.clone());
        let system = expect.system_identifier.clone();
        compare("system identifier", system, state.system.clone());
        let timeline = expect.timeline.map(|t| t.to_string());
        compare("timeline", timeline, state.timeline.to_string());
        found.push(format!(
            "{place}: {is}, system {}, timeline {}, at {}",
            state.system, state.timeline, state.position
        ));
    }
    if wrong.is_empty() {
        return Ok(format!("the target is as expected: {}", found.join("; ")));
    }
    let (expected, is): (Vec<_>, Vec<_>) = wrong.into_iter().unzip();
    refuse(&format!(
        "expected {}, found {}",
        expected.join(" and "),
        is.join(" and ")
    ))
}

fn refuse(why: &str) -> Result<String, String> {
    Err(format!("{why}: nothing was run."))
}

async fn ask(expect: &Expect, values: &Values) -> Result<(String, database::State), String> {
    let plan = sql::plan().map_err(super::No::says)?;
    let (name, target) =
        sql::database(&plan, expect.database.as_deref()).map_err(super::No::says)?;
    let node = sql::node(target, expect.node.as_deref()).map_err(super::No::says)?;
    let place = format!("{name} ({})", expect.node.as_deref().unwrap_or("route"));
    let connected = sql::connect(node, values).await;
    let mut connection = connected.map_err(|no| format!("{place}: {}", no.says()))?;
    let state = database::state(&mut connection).await;
    Ok((place.clone(), state.map_err(|e| format!("{place}: {e}"))?))
}

fn role(role: DatabaseRole) -> String {
    match role {
        DatabaseRole::Primary => "primary",
        DatabaseRole::Replica => "replica",
    }
    .into()
}

/// As `hostname` tells it.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
