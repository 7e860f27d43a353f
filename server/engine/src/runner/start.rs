//! Starting a run whose parameters may be secret: their values go under seal, the command carries a mask.

use crate::{
    Beside, Desk, No,
    secrets::{Vault, of_run},
};
use domain::{
    Actor, Command, Number, Refusal, RunId,
    plan::{MASK, ParameterKind, Plan},
};
use std::sync::Arc;

/// Takes the values of secret parameters out of a command to start a run. Every other command is left as it is.
pub async fn seal(
    desk: &Desk,
    vault: &Vault,
    mut command: Command,
) -> Result<(Command, Beside), No> {
    let mut beside = Beside::default();
    let Command::StartRun {
        id,
        runbook,
        incident,
        parameters,
        ..
    } = &mut command
    else {
        return Ok((command, beside));
    };
    let plan = plan_of(desk, incident.as_ref()).await?;
    let declared = plan.runbook(runbook).map(|r| &r.parameters[..]);
    for parameter in declared.unwrap_or_default() {
        if parameter.kind != ParameterKind::Secret {
            continue;
        }
        let given = parameters.get_mut(&parameter.name);
        let Some(value) = given.filter(|v| !v.is_empty()) else {
            continue;
        };
        let field = format!("parameters.{}", parameter.name);
        let value = std::mem::replace(value, MASK.to_owned());
        parameter
            .judge(&value)
            .map_err(|says| No::Refused(Refusal::invalid(&field, says)))?;
        let row = vault.seal(&of_run(id, &parameter.name), &value, desk.clock().now().0);
        beside.secrets.push(row.map_err(No::Unavailable)?);
    }
    Ok((command, beside))
}

/// The plan that the run will follow: that of its incident, else the one in force.
async fn plan_of(desk: &Desk, incident: Option<&Number>) -> Result<Arc<Plan>, No> {
    let world = desk.world();
    let Some(pinned) = incident.and_then(|n| world.incidents.get(n)) else {
        return Ok(desk.plan().plan);
    };
    let found = desk.store().plan_revision(pinned.plan.as_str()).await;
    let found = found.map_err(|e| No::Unavailable(e.to_string()))?;
    let plan = found.and_then(|json| serde_json::from_str(&json).ok());
    Ok(plan.map_or_else(|| desk.plan().plan, Arc::new))
}

/// A run is over: nobody needs the secrets it was given.
pub(super) async fn forget_parameters(desk: &Desk, by: &Actor, run: &RunId) {
    let Ok(mine) = desk.store().secrets(&of_run(run, "")).await else {
        return;
    };
    for secret in mine {
        if let Err(error) = crate::secrets::remove(desk, by, &secret.name).await {
            tracing::warn!(%error, "A secret of run {run} cannot be removed");
        }
    }
}
