//! The forms of runbooks and runs.

use super::{Form, Home};
use axum::{extract::Path, response::Response};
use domain::{Answer, Command, Mode, Number, RunId};

/// A parameter's field is named `p.NAME`.
const PARAMETER: &str = "p.";

pub async fn start(Path(runbook): Path<String>, form: Form) -> Response {
    let incident = Some(form.text("incident"))
        .filter(|n| !n.is_empty())
        .map(Number);
    let home = incident.clone().map_or(Home::Runbooks, Home::Incident);
    let parameters = form
        .fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PARAMETER)?, value)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    let command = form
        .word::<Mode>("mode", "real")
        .map(|mode| Command::StartRun {
            id: RunId(uuid::Uuid::now_v7().to_string()),
            runbook: runbook.into(),
            incident,
            parameters,
            mode,
            confirm: form.text("confirm"),
            stepwise: form.flag("stepwise"),
        });
    form.send(home, command, |receipt| {
        receipt
            .run
            .as_ref()
            .map_or("/runbooks".into(), |id| format!("/runs/{id}"))
    })
    .await
}

pub async fn answer(Path(run): Path<RunId>, form: Form) -> Response {
    let step = form.parse("step", "This is not a step of the run.");
    let answer = form.word::<Answer>("answer", "");
    let command = step.and_then(|step| {
        Ok(Command::AnswerStep {
            run: run.clone(),
            step,
            answer: answer?,
            says: form.text("says"),
        })
    });
    form.about_run(run, command).await
}

pub async fn hold(Path(run): Path<RunId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_run(run.clone(), Ok(Command::HoldRun { run, reason }))
        .await
}

pub async fn go_on(Path(run): Path<RunId>, form: Form) -> Response {
    form.about_run(run.clone(), Ok(Command::ContinueRun { run }))
        .await
}

pub async fn retry(Path(run): Path<RunId>, form: Form) -> Response {
    let forced = form.flag("forced");
    form.about_run(run.clone(), Ok(Command::RetryStep { run, forced }))
        .await
}

pub async fn from(Path(run): Path<RunId>, form: Form) -> Response {
    let command = form
        .parse("step", "Choose a step of the run.")
        .map(|step| Command::ResumeFrom {
            run: run.clone(),
            step,
            reason: form.text("reason"),
        });
    form.about_run(run, command).await
}

pub async fn skip(Path(run): Path<RunId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_run(run.clone(), Ok(Command::SkipStep { run, reason }))
        .await
}

pub async fn done(Path(run): Path<RunId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_run(run.clone(), Ok(Command::MarkStepDone { run, reason }))
        .await
}

pub async fn cancel(Path(run): Path<RunId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_run(run.clone(), Ok(Command::CancelRun { run, reason }))
        .await
}
