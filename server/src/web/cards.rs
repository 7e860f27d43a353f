//! `/contacts.vcf`: the plan's contacts as address cards, for telephones that are to know who calls. Version 3.0, which
//! every address book reads.

use super::content::Content;
use crate::state::State;
use axum::{
    extract::{Query, State as Held},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    notify::People,
    plan::{Contact, Plan},
};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Whom {
    /// One of them, by name or role; all without it.
    person: Option<String>,
}

pub async fn cards(Held(state): Held<State>, Query(whom): Query<Whom>) -> Response {
    let plan = state.desk.plan().plan;
    let people = People::of(&plan.contacts);
    let (name, cards) = match whom.person.as_deref().map(|who| people.find(who)) {
        Some(None) => return StatusCode::NOT_FOUND.into_response(),
        Some(Some((_, contact))) => (file_name(&contact.name), card(&plan, contact)),
        None => {
            let all = people.iter().map(|(_, contact)| card(&plan, contact));
            ("contacts".into(), all.collect())
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/vcard; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.vcf\""),
        ),
    ];
    (headers, cards).into_response()
}

/// Letters that every file system and every header takes.
fn file_name(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(letter).take(60).collect()
}

fn card(plan: &Plan, contact: &Contact) -> String {
    let mut card = Content::default();
    // The last word is taken for the family's name: the plan knows names as they are said.
    let (given, family) = contact.name.rsplit_once(' ').unwrap_or(("", &contact.name));
    card.plain("BEGIN:VCARD");
    card.plain("VERSION:3.0");
    card.text("FN", &contact.name);
    card.parts("N", &[family, given, "", "", ""]);
    card.text("ORG", &plan.about.organization);
    card.text("TITLE", &contact.role);
    card.text("TEL;TYPE=VOICE,WORK", &contact.phone);
    if let Some(sms) = &contact.sms {
        card.text("TEL;TYPE=CELL,WORK", sms);
    }
    card.text("EMAIL;TYPE=INTERNET,WORK", &contact.email);
    if let Some(zone) = &contact.timezone {
        card.text("TZ;VALUE=TEXT", zone);
    }
    card.text("NOTE", "Emergency contact of the disaster-recovery plan");
    card.plain("END:VCARD");
    card.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::plan::Escalation;

    #[test]
    fn a_card_says_who_it_is_and_how_they_are_reached() {
        let mut plan = Plan::default();
        plan.about.organization = "Sentia, Inc.".into();
        let contact = Contact {
            role: "DevOps Lead".into(),
            name: "Jane van Doe".into(),
            phone: "+1-555-0002".into(),
            sms: Some("+1-555-0102".into()),
            email: "devops@sentia.com".into(),
            escalation: Escalation::Primary,
            timezone: Some("Europe/Vienna".into()),
            quiet_hours: None,
            on_call: false,
        };
        let card = card(&plan, &contact);
        for line in [
            "FN:Jane van Doe",
            "N:Doe;Jane van;;;",
            "ORG:Sentia\\, Inc.",
            "TEL;TYPE=VOICE,WORK:+1-555-0002",
            "TEL;TYPE=CELL,WORK:+1-555-0102",
            "EMAIL;TYPE=INTERNET,WORK:devops@sentia.com",
        ] {
            assert!(
                card.contains(&format!("\r\n{line}\r\n")),
                "{line} in {card}"
            );
        }
        assert_eq!(file_name("Jané Doe\"; x"), "jan--doe---x");
    }
}
