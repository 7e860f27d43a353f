//! From a step to what its supervisor is told: commands, environment, secrets, limits.

use super::{Key, Runner, line, write_whole};
use crate::{
    DryRun, access,
    secrets::of_run,
    supervise::{Attempt, CommandLine, Spec},
};
use domain::{
    AccessRole, Actor, Mode, Purpose, Run, RunId, Source, Span,
    plan::{ParameterKind, SecretUse, Section, Step, Work},
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::task::spawn_blocking;

/// After TERM, before the tree is killed.
const GRACE: Duration = Duration::from_secs(10);
/// A run's own token is good this long; it is revoked when the run ends.
const TOKEN_LASTS: Span = Span::secs(24 * 3600);
/// The exit code of a guard that refuses the target.
pub(super) const REFUSED: i32 = 3;

/// Why an attempt was not launched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// What the plan asks for is not there: a value, a secret.
    #[error("{0}")]
    Step(String),
    /// Muster itself cannot, now.
    #[error("{0}")]
    Own(String),
}

impl Trouble {
    pub fn is_the_steps(&self) -> bool {
        matches!(self, Trouble::Step(_))
    }
}

/// What a command is given beside its words.
#[derive(Default)]
struct Given {
    env: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    mask: Vec<String>,
}

impl Runner {
    pub(super) async fn launch(
        &self,
        run: &Run,
        key: &Key,
        dir: PathBuf,
    ) -> Result<Attempt, Trouble> {
        let spec = self.spec(run, key, dir).await?;
        let launched = self.supervisor.launch(spec).await;
        launched.map_err(|e| Trouble::Own(e.to_string()))
    }

    /// What a supervisor is to do for an attempt.
    pub(super) async fn spec(&self, run: &Run, key: &Key, dir: PathBuf) -> Result<Spec, Trouble> {
        let index = key.step as usize;
        let step = run
            .runbook
            .step(index)
            .ok_or_else(|| Trouble::Step("the runbook has no such step".into()))?;
        let purpose = run.steps[index]
            .attempts
            .iter()
            .find(|a| a.number == key.attempt)
            .map(|a| a.purpose)
            .unwrap_or_default();
        let mut given = self.given(run, step).await?;
        let commands = if run.mode == Mode::DryRun {
            self.rehearse(run, step, &mut given)?
        } else {
            self.commands(run, step, purpose, &mut given)?
        };
        let usual = match run.runbook.section(index) {
            _ if run.mode == Mode::DryRun => Run::CLEANUP_TIMEOUT,
            Section::Steps => Run::DEFAULT_TIMEOUT,
            _ => Run::CLEANUP_TIMEOUT,
        };
        Ok(Spec {
            id: key.id(),
            commands,
            cwd: self.working_dir(run, step),
            env: given.env.into_iter().collect(),
            files: given.files,
            mask: given.mask,
            output_limit: run.runbook.output_limit.unwrap_or_default(),
            timeout: Some(step.timeout.unwrap_or(usual).0),
            grace: GRACE,
            dir,
        })
    }

    /// The guard, the commands, the proof: one after the other until one fails.
    fn commands(
        &self,
        run: &Run,
        step: &Step,
        purpose: Purpose,
        given: &mut Given,
    ) -> Result<Vec<CommandLine>, Trouble> {
        let mut all = Vec::new();
        if let Some(expect) = &step.expect {
            given.env.insert("MUSTER_STEP_EXPECT".into(), json(expect));
            all.push(self.own("expect", "check the target"));
        }
        if purpose == Purpose::Run {
            match step.work().filter(Work::is_process) {
                Some(work) => {
                    given.env.insert("MUSTER_STEP_WORK".into(), json(&work));
                    all.push(self.own("work", &work.display()));
                }
                None => {
                    for command in step.commands(run.forced) {
                        all.push(self.resolve(run, command)?);
                    }
                }
            }
        }
        for command in &step.verify {
            all.push(self.resolve(run, command)?);
        }
        Ok(all)
    }

    fn resolve(
        &self,
        run: &Run,
        command: &domain::plan::CommandLine,
    ) -> Result<CommandLine, Trouble> {
        line::resolve(command, &self.place.program, |value| run.resolve(value))
            .map_err(|name| Trouble::Step(format!("there is no value for {name}")))
    }

    fn own(&self, what: &str, display: &str) -> CommandLine {
        let program = self.place.program.display().to_string();
        CommandLine {
            display: display.to_owned(),
            argv: vec![program, "step".into(), what.into()],
        }
    }

    /// Nothing is run: a command that tells what would be.
    fn rehearse(
        &self,
        run: &Run,
        step: &Step,
        given: &mut Given,
    ) -> Result<Vec<CommandLine>, Trouble> {
        let mut notes = Vec::new();
        let state = run
            .runbook
            .all_steps()
            .position(|(_, s)| s.name == step.name)
            .and_then(|i| run.steps.get(i));
        if let Some(because) = state.map(|s| &s.because).filter(|b| !b.is_empty()) {
            notes.push(format!("condition: {because}"));
        }
        if let Some(approval) = &step.approval {
            notes.push(format!(
                "would wait for {} approval(s) with the role {}",
                approval.min,
                approval.role.name()
            ));
        }
        if let Some(text) = &step.confirm {
            notes.push(format!("would ask to type `{text}`"));
        }
        let world = self.desk.world();
        for lock in run.runbook.locks.iter().chain(&step.locks) {
            notes.push(match world.lock_holder(lock, run) {
                Some(holder) => format!("lock {lock}: held by {} now", holder.runbook.name),
                None => format!("lock {lock}: free"),
            });
        }
        if !step.retries.eq(&0) {
            notes.push(format!("up to {} attempts", step.retries + 1));
        }
        let mut commands = Vec::new();
        for command in step.commands(run.forced).iter().chain(&step.verify) {
            match line::resolve(command, &self.place.program, |value| run.resolve(value)) {
                Ok(line) => commands.push(line.argv),
                Err(name) => notes.push(format!(
                    "{}: the value of {name} is not known yet",
                    command.display()
                )),
            }
        }
        let preview = DryRun {
            step: step.clone(),
            commands,
            notes,
        };
        given
            .env
            .insert("MUSTER_STEP_DRY_RUN".into(), json(&preview));
        Ok(vec![self.own("dry-run", "look what would be done")])
    }

    fn working_dir(&self, run: &Run, step: &Step) -> PathBuf {
        let dir = step
            .working_dir
            .as_ref()
            .or(run.runbook.working_dir.as_ref());
        dir.map_or_else(|| self.place.plan.clone(), |d| self.place.plan.join(d))
    }

    /// The environment: what the server passes on, what the plan says, what the run was given; each over the one before.
    async fn given(&self, run: &Run, step: &Step) -> Result<Given, Trouble> {
        let mut given = Given::default();
        let env = &mut given.env;
        env.extend(self.place.env.iter().cloned());
        given.mask.extend(self.place.secrets.iter().cloned());
        env.extend(run.runbook.env.clone());
        env.extend(step.env.clone());
        let token = self.token(run).await.map_err(Trouble::Own)?;
        given.mask.push(token.clone());
        let pinned = self.pinned_plan(run).await.map_err(Trouble::Own)?;
        let mode = match run.mode {
            Mode::Real => "real",
            Mode::Drill => "drill",
            Mode::DryRun => "dry_run",
        };
        for (name, value) in [
            ("MUSTER_URL", self.place.url.clone()),
            ("MUSTER_TOKEN", token),
            ("MUSTER_PLAN", self.place.plan.display().to_string()),
            ("MUSTER_PLAN_FILE", pinned.display().to_string()),
            ("MUSTER_RUN", run.id.0.clone()),
            ("MUSTER_STEP", step.name.clone()),
            ("MUSTER_MODE", mode.into()),
        ] {
            env.insert(name.into(), value);
        }
        if let Some(incident) = &run.incident {
            env.insert("MUSTER_INCIDENT".into(), incident.0.clone());
        }
        for (lock, held) in &run.locks {
            env.insert(variable("MUSTER_LOCK_", lock), held.token.to_string());
        }
        for (name, value) in &run.parameters {
            env.insert(variable("MUSTER_PARAM_", name), value.clone());
        }
        for (name, value) in run.outputs() {
            env.insert(variable("MUSTER_OUTPUT_", name), value.to_owned());
        }
        self.secrets(run, step, &mut given).await?;
        Ok(given)
    }

    async fn secrets(&self, run: &Run, step: &Step, given: &mut Given) -> Result<(), Trouble> {
        let store = self.desk.store();
        for parameter in &run.runbook.parameters {
            if parameter.kind == ParameterKind::Secret
                && run.parameters.contains_key(&parameter.name)
            {
                let name = of_run(&run.id, &parameter.name);
                let value = self.vault.value(store, &name).await;
                let value = value.map_err(Trouble::Step)?;
                given.mask.push(value.clone());
                given
                    .env
                    .insert(variable("MUSTER_PARAM_", &parameter.name), value);
            }
        }
        for (variable, secret) in run.runbook.secrets.iter().chain(&step.secrets) {
            let value = self.vault.value(store, secret.name()).await;
            let value = match value {
                Ok(value) => value,
                // A dry run says itself what is missing.
                Err(_) if run.mode == Mode::DryRun => continue,
                Err(says) => return Err(Trouble::Step(says)),
            };
            given.mask.push(value.clone());
            match secret {
                SecretUse::Environment(_) => drop(given.env.insert(variable.clone(), value)),
                SecretUse::Descriptor { .. } => given.files.push((variable.clone(), value)),
            }
        }
        Ok(())
    }

    /// The plan the run was started under, as a file for its actions: what somebody saves in the folder meanwhile
    /// must not change, or break, a recovery that is under way.
    async fn pinned_plan(&self, run: &Run) -> Result<PathBuf, String> {
        let file = self.place.spool.join(run.id.as_str()).join("plan.json");
        if !file.exists() {
            let found = self.desk.store().plan_revision(run.plan.as_str()).await;
            let plan = found
                .map_err(|e| e.to_string())?
                .ok_or("the plan it was started under is not stored")?;
            let whole = file.clone();
            let written = spawn_blocking(move || write_whole(&whole, &plan)).await;
            written
                .unwrap_or_else(|e| Err(e.into()))
                .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        }
        Ok(file)
    }

    async fn token(&self, run: &Run) -> Result<String, String> {
        let mut tokens = self.tokens.lock().await;
        if let Some((_, secret)) = tokens.get(&run.id) {
            return Ok(secret.clone());
        }
        let by = Actor::system("runner", Source::Runner);
        let name = &run.runbook.name;
        let id = format!("{RUN_TOKEN}{}/{}", run.id, uuid::Uuid::now_v7());
        let role = AccessRole::Commander;
        let (id, secret) = access::issue_token_as(&self.desk, &by, id, name, role, TOKEN_LASTS)
            .await
            .map_err(|no| no.to_string())?;
        tokens.insert(run.id.clone(), (id, secret.clone()));
        Ok(secret)
    }
}

const RUN_TOKEN: &str = "token:run/";

/// The run that a token was made for.
pub(super) fn run_of_token(id: &str) -> Option<RunId> {
    let (run, _) = id.strip_prefix(RUN_TOKEN)?.split_once('/')?;
    Some(RunId(run.to_owned()))
}

/// `MUSTER_PARAM_` and `pitr-target` is `MUSTER_PARAM_PITR_TARGET`.
fn variable(prefix: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.to_uppercase().chars().map(plain).collect();
    format!("{prefix}{name}")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
