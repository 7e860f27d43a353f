//! `muster do NAME`: every command of the plan's document, under its own name. `npm run NAME` in the plan's folder comes
//! here too (npm hands `--flag=value` over as `npm_config_flag`).
//!
//! An action says what it found as it goes, for people or with `--json`, and proves success by more than an exit code.
//! Actions that look (`status`, `check`, `test`, `analyze`) succeed when they could look, whatever they saw; actions that
//! do or verify succeed only when what they promise holds.
//! Exit codes: 0 done, 1 failed, 2 wrong use or not there yet, 3 refused.

mod alert;
mod application;
pub mod database;
mod desk;
mod failback;
mod failover;
pub mod ground;
mod maintenance;
mod overview;
mod way;

use clap::Args;
use ground::{Ground, No};
use std::process::ExitCode;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Do {
    /// The action's name, then its flags; `--list` tells all names.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

/// What is here. The other commands of the document are [`NOT_YET`].
const HERE: &[(&str, &str)] = &[
    (
        "alert:resolve",
        "resolve the incident (--message, --incident) and tell everybody who was told of it",
    ),
    (
        "alert:send",
        "declare an incident (--severity, --message) and tell whom the matrix names; in a run: tell of its incident",
    ),
    (
        "alert:send-report",
        "send the recovery's report to those who know of the incident",
    ),
    (
        "alert:update",
        "post an update (--message, --incident) and send it to those who know of the incident",
    ),
    (
        "app:graceful-shutdown",
        "stop the application, letting what is under way finish",
    ),
    (
        "app:health-check",
        "demand that the application serves: healthy, an order written and read back, three times",
    ),
    (
        "app:start",
        "start the application and wait until it answers",
    ),
    (
        "app:update-connection",
        "point the application at the database node that accepts writes",
    ),
    (
        "db:analyze-failure",
        "collect what is known of the database's failure",
    ),
    (
        "db:connection-test",
        "try every way to the database and tell what came of it",
    ),
    (
        "db:failover-replica",
        "fence the primary, promote the replica, prove both",
    ),
    (
        "db:reconnect",
        "renew the application's database connections",
    ),
    (
        "db:status",
        "tell each database node's role, timeline, position and lag",
    ),
    (
        "db:verify-connection",
        "demand a write and a read back through the application's way",
    ),
    (
        "dns:update",
        "point the way that the applications take at a node (--target=primary or secondary), and prove it",
    ),
    (
        "failback:protect",
        "make the node that does not serve follow the one that does",
    ),
    (
        "failback:to-primary",
        "go back to the primary without loss: it follows, the other stops, it is promoted",
    ),
    (
        "failover:auto",
        "promote the replica, once the primary is proven to take no writes",
    ),
    (
        "failover:execute",
        "fence the primary, promote the replica, lead the applications to it, verify",
    ),
    (
        "failover:fence",
        "make sure that the primary takes no more writes, and prove it",
    ),
    (
        "failover:manual",
        "promote the replica, once the primary is proven to take no writes",
    ),
    (
        "failover:verify",
        "demand that one node takes writes, the way leads to it, and an order goes through",
    ),
    (
        "health:check",
        "look at every service once, as its check does (--strict fails where one is down)",
    ),
    (
        "maintenance:disable",
        "start the application, demand that it serves, and end its maintenance window",
    ),
    (
        "maintenance:enable",
        "begin a maintenance window (--for=2h, --public) and stop the application, so that nothing is written",
    ),
    (
        "status:all",
        "services, open incidents and running recoveries",
    ),
    (
        "status:update",
        "set the public phase (--status=investigating, identified, monitoring or resolved; --message)",
    ),
];

const NOT_YET: &[&str] = &[
    "app:emergency-mode",
    "app:minimal-service",
    "app:verify-rollback",
    "audit:review",
    "backup:assets",
    "backup:completeness-check",
    "backup:database",
    "backup:emergency",
    "backup:environment",
    "backup:test-restore",
    "backup:verify-integrity",
    "db:apply-wal",
    "db:auto-recover",
    "db:corruption-scan",
    "db:emergency-shutdown",
    "db:full-integrity-check",
    "db:health-check",
    "db:restart-pool",
    "db:restore",
    "db:restore-latest",
    "db:verify",
    "db:verify-integrity",
    "deploy:rollback",
    "diagnose:failures",
    "docs:update-dr",
    "dr:document-results",
    "dr:execute-drill",
    "dr:schedule-test",
    "dr:update-procedures",
    "emergency:shutdown-all",
    "health:comprehensive",
    "meeting:schedule-postmortem",
    "network:emergency-disconnect",
    "recover:application",
    "recover:auto",
    "recover:database",
    "recover:full",
    "recover:network",
    "report:incident",
    "report:rca",
    "restore:from-clean-backup",
    "restore:latest",
    "scale:up",
    "scale:verify",
    "security:emergency-mode",
    "security:forensic-capture",
    "security:isolate-system",
    "security:post-incident-audit",
    "security:ransomware-scan",
    "security:revoke-all-tokens",
    "security:rotate-all-credentials",
    "system:rebuild",
    "test:execute-app-recovery",
    "test:execute-db-recovery",
    "test:execute-network-recovery",
    "test:simulate-app-crash",
    "test:simulate-db-failure",
    "test:simulate-network-partition",
    "test:verify-app-recovery",
    "test:verify-db-recovery",
    "test:verify-network-recovery",
    "verify:recovery",
];

impl Do {
    pub async fn run(self) -> ExitCode {
        let (flags, names): (Vec<_>, Vec<_>) =
            self.words.into_iter().partition(|w| w.starts_with("--"));
        if flags.iter().any(|f| f == "--list" || f == "--help") {
            list();
            return ExitCode::SUCCESS;
        }
        let [name] = names.as_slice() else {
            eprintln!("muster do: name one action; `muster do --list` tells all");
            return ExitCode::from(2);
        };
        if NOT_YET.contains(&name.as_str()) {
            eprintln!("muster do: {name} is not there yet.");
            return ExitCode::from(2);
        }
        if !is_here(name) {
            eprintln!("muster do: there is no action `{name}`; `muster do --list` tells all");
            return ExitCode::from(2);
        }
        let mut ground = match Ground::find(name, &flags) {
            Ok(ground) => ground,
            Err(no) => return ground::Report::new(name, false).end(Err(no)),
        };
        let done = act(name, &mut ground).await;
        ground.report.end(done)
    }
}

/// Is there an action of this name?
pub fn is_here(name: &str) -> bool {
    HERE.iter().any(|(here, _)| *here == name)
}

async fn act(name: &str, ground: &mut Ground) -> Result<String, No> {
    match name {
        "db:status" => database::status(ground).await,
        "db:connection-test" => database::connection_test(ground).await,
        "db:reconnect" => database::reconnect(ground).await,
        "db:verify-connection" => database::verify_connection(ground).await,
        "db:failover-replica" => failover::replica(ground).await,
        "failover:fence" => failover::fence_primary(ground).await,
        "failover:auto" | "failover:manual" => failover::promote_secondary(ground).await,
        "failover:verify" => way::verify(ground).await,
        "failover:execute" => failover::execute(ground).await,
        "failback:to-primary" => failback::to_primary(ground).await,
        "failback:protect" => failback::protect(ground).await,
        "dns:update" => way::point(ground).await,
        "db:analyze-failure" => database::analyze_failure(ground).await,
        "app:update-connection" => application::update_connection(ground).await,
        "app:graceful-shutdown" => application::graceful_shutdown(ground).await,
        "app:start" => application::start(ground).await,
        "app:health-check" => application::health_check(ground).await,
        "health:check" => overview::health_check(ground).await,
        "maintenance:enable" => maintenance::enable(ground).await,
        "maintenance:disable" => maintenance::disable(ground).await,
        "status:all" => overview::status_all(ground).await,
        "alert:send" => alert::send(ground).await,
        "alert:update" => alert::update(ground).await,
        "alert:resolve" => alert::resolve(ground).await,
        "alert:send-report" => desk::send_report(ground).await,
        "status:update" => alert::status(ground).await,
        _ => Err(No::WrongUse(format!("there is no action `{name}`"))),
    }
}

fn list() {
    println!("Here:");
    for (name, does) in HERE {
        println!("  {name:24} {does}");
    }
    println!("\nNot there yet (exit code 2):");
    for name in NOT_YET {
        println!("  {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_plans_package_is_here_or_said_to_be_missing() {
        let package: serde_json::Value =
            serde_json::from_str(include_str!("../../plan/package.json")).expect("JSON");
        let named: Vec<&str> = package["scripts"]
            .as_object()
            .expect("scripts")
            .keys()
            .map(String::as_str)
            .collect();
        let known: Vec<&str> = HERE
            .iter()
            .map(|(n, _)| *n)
            .chain(NOT_YET.iter().copied())
            .collect();
        let missing: Vec<_> = named.iter().filter(|n| !known.contains(n)).collect();
        assert!(missing.is_empty(), "`muster do` does not know {missing:?}");
    }
}
