//! The forms about people: who knows, who is told again, who was called, whether an address works, who is on call.

use super::{Form, Home};
use axum::{extract::Path, response::Response};
use domain::{
    Command, Number, Refusal, Stamp,
    notify::{Address, People, Via},
    plan::{Channel, Plan},
};
use engine::address_mark;

pub async fn acknowledge(Path(incident): Path<Number>, form: Form) -> Response {
    let command = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Page,
    };
    form.about(incident, Ok(command)).await
}

/// One person, or everybody who has not acknowledged.
pub async fn repeat(Path(incident): Path<Number>, form: Form) -> Response {
    let person = Some(form.text("person")).filter(|person| !person.is_empty());
    let command = Command::RepeatNotifications {
        incident: incident.clone(),
        person,
    };
    form.about(incident, Ok(command)).await
}

pub async fn call(Path(incident): Path<Number>, form: Form) -> Response {
    let command = match form.text("reached").as_str() {
        reached @ ("yes" | "no") => Ok(Command::RecordCall {
            incident: incident.clone(),
            person: form.text("person"),
            reached: reached == "yes",
            says: form.text("says"),
        }),
        _ => Err(Refusal::invalid(
            "reached",
            "Say whether they were reached.",
        )),
    };
    form.about(incident, command).await
}

/// A message to find out whether an address works.
pub async fn test(form: Form) -> Response {
    let command = tested(&form, &form.state.desk.plan().plan);
    form.about_contacts(command).await
}

fn tested(form: &Form, plan: &Plan) -> Result<Command, Refusal> {
    let channel: Channel =
        (form.text("channel").parse()).map_err(|says: String| Refusal::invalid("channel", says))?;
    let people = People::of(&plan.contacts);
    let who = form.text("person");
    let (person, contact) = people
        .find(who.trim())
        .ok_or_else(|| Refusal::invalid("person", format!("The plan has no contact `{who}`.")))?;
    let address = Address::to_test(contact, channel).ok_or_else(|| {
        let says = format!("The plan has no address of {person} by {}.", channel.name());
        Refusal::invalid("channel", says)
    })?;
    Ok(Command::TestContact {
        person: person.to_owned(),
        channel,
        address_digest: address_mark(&form.state.vault, &address),
    })
}

pub async fn put_on_call(form: Form) -> Response {
    let command = in_place(&form, &form.state.desk.plan().plan);
    form.about_contacts(command).await
}

/// The times are those on the wall where the rotation is.
fn in_place(form: &Form, plan: &Plan) -> Result<Command, Refusal> {
    let rotation = form.text("rotation");
    let found = plan.rotation(&rotation);
    let zone = found.ok_or_else(|| {
        Refusal::invalid(
            "rotation",
            format!("The plan has no rotation `{rotation}`."),
        )
    })?;
    let time = |field: &str| {
        wall(&form.text(field), &zone.timezone)
            .ok_or_else(|| Refusal::invalid(field, "Write the time as 2026-11-22T14:02."))
    };
    Ok(Command::OverrideOnCall {
        id: uuid::Uuid::now_v7().to_string(),
        from: time("from")?,
        until: time("until")?,
        rotation,
        person: form.text("person"),
        reason: form.text("reason"),
    })
}

pub async fn take_off_call(Path(id): Path<String>, form: Form) -> Response {
    form.about_contacts(Ok(Command::RemoveOverride { id }))
        .await
}

/// An hour that is skipped is taken as the one after it, one that comes twice as its first.
fn wall(text: &str, zone: &str) -> Option<Stamp> {
    let at: jiff::civil::DateTime = text.trim().parse().ok()?;
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = zone.to_ambiguous_zoned(at).compatible().ok()?;
    Some(Stamp(at.timestamp().as_microsecond()))
}

impl Form {
    async fn about_contacts(self, command: Result<Command, Refusal>) -> Response {
        self.send(Home::Contacts, command, |_| "/contacts".into())
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_the_wall_is_an_instant_also_where_clocks_change() {
        let utc = |text: &str| wall(text, "Europe/Vienna").map(|at| at.rfc3339()[..16].to_owned());
        assert_eq!(utc("2026-07-01T09:00").as_deref(), Some("2026-07-01T07:00"));
        assert_eq!(utc("2026-12-01T09:00").as_deref(), Some("2026-12-01T08:00"));
        assert_eq!(
            utc("2026-03-29T02:30").as_deref(),
            Some("2026-03-29T01:30"),
            "skipped"
        );
        assert_eq!(
            utc("2026-10-25T02:30").as_deref(),
            Some("2026-10-25T00:30"),
            "twice"
        );
        assert_eq!(utc("tomorrow"), None);
        assert_eq!(wall("2026-07-01T09:00", "Nowhere/Else"), None);
    }
}
