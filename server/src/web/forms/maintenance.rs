//! The forms of maintenance windows.

use super::{Form, Home};
use crate::web::load::windows;
use axum::{extract::Path, response::Response};
use domain::{Command, MaintenanceId, Refusal};

impl Form {
    async fn about_windows(self, command: Result<Command, Refusal>) -> Response {
        self.send(Home::Maintenance, command, |receipt| {
            match &receipt.maintenance {
                Some(id) => format!("/maintenance#{id}"),
                None => "/maintenance".into(),
            }
        })
        .await
    }
}

pub async fn schedule(form: Form) -> Response {
    let command = windows::scheduled(&form.fields);
    form.about_windows(command).await
}

pub async fn reschedule(Path(maintenance): Path<MaintenanceId>, form: Form) -> Response {
    let at = |name: &str| {
        let says = "Write the time in UTC as 2026-11-22T14:02.";
        super::instant(form.text(name).trim()).ok_or_else(|| Refusal::invalid(name, says))
    };
    let command = (|| {
        Ok(Command::RescheduleMaintenance {
            maintenance,
            from: match form.text("from").trim() {
                "" => None,
                _ => Some(at("from")?),
            },
            until: at("until")?,
            message: form.text("message"),
        })
    })();
    form.about_windows(command).await
}

/// By hand, to the stage that the form names.
pub async fn go(Path((maintenance, _)): Path<(MaintenanceId, String)>, form: Form) -> Response {
    let command = form.word("stage", "").map(|to| Command::MoveMaintenance {
        maintenance,
        to,
        message: form.text("message"),
    });
    form.about_windows(command).await
}
