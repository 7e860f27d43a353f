//! The forms of a failover and of the lever.

use super::{Form, Home};
use crate::failover::{self, Asked};
use axum::{extract::Path, response::Response};
use domain::{Command, ServiceId};

impl Form {
    async fn about_failover(self, service: ServiceId, asked: Asked) -> Response {
        let to = format!("/failover/{service}");
        let command = failover::command(&self.state, &service, asked);
        self.send(Home::Failover(service), Ok(command), |_| to)
            .await
    }

    /// Back to where the lever was pulled.
    async fn lever(self, command: Command) -> Response {
        let service = ServiceId(self.text("service"));
        let to = match service.as_str() {
            "" => "/".to_owned(),
            service => format!("/failover/{service}"),
        };
        self.send(Home::Failover(service), Ok(command), |_| to)
            .await
    }
}

pub async fn trigger(Path(service): Path<ServiceId>, form: Form) -> Response {
    let risk = form.text("risk");
    let incident = None;
    form.about_failover(service, Asked::Trigger { incident, risk })
        .await
}

pub async fn override_fencing(Path(service): Path<ServiceId>, form: Form) -> Response {
    let risk = form.text("risk");
    form.about_failover(service, Asked::Override { risk }).await
}

pub async fn plan_failback(Path(service): Path<ServiceId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_failover(service, Asked::PlanFailback { reason })
        .await
}

pub async fn fail_back(Path(service): Path<ServiceId>, form: Form) -> Response {
    let confirm = form.text("confirm");
    let incident = None;
    form.about_failover(service, Asked::FailBack { incident, confirm })
        .await
}

pub async fn settle(Path(service): Path<ServiceId>, form: Form) -> Response {
    let reason = form.text("reason");
    form.about_failover(service, Asked::Settle { reason }).await
}

pub async fn acknowledge(Path(service): Path<ServiceId>, form: Form) -> Response {
    form.about_failover(service, Asked::Acknowledge).await
}

pub async fn hold(form: Form) -> Response {
    let reason = form.text("reason");
    form.lever(Command::HoldAutomation { reason }).await
}

pub async fn release(form: Form) -> Response {
    let reason = form.text("reason");
    form.lever(Command::ReleaseAutomation { reason }).await
}
