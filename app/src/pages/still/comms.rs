//! Who is told, how fast, on which channel: as the plan means it, and as it went.

pub mod known;
pub mod overdue;
pub mod preview;

use crate::facts;
use domain::{
    notify::{ALL, audience_name},
    plan::{Channel, Contact, MatrixRow, Plan},
};

/// The people of an audience. `all` is everybody.
pub fn members<'a>(plan: &'a Plan, audience: &str) -> Vec<&'a Contact> {
    let mut audiences = plan.communication.audiences.iter();
    let roles = audiences.find(|a| a.id == audience);
    let is = |c: &&Contact| audience == ALL || roles.is_some_and(|a| a.members.contains(&c.role));
    let people = plan.contacts.emergency.iter().filter(is);
    facts::sorted(people, |c| c.escalation)
}

/// Everybody a severity's row names, once.
pub fn everybody<'a>(plan: &'a Plan, row: &MatrixRow) -> Vec<&'a Contact> {
    let mut people: Vec<&Contact> = Vec::new();
    for person in row.audiences.iter().flat_map(|a| members(plan, a)) {
        if !people
            .iter()
            .any(|p| p.role == person.role && p.name == person.name)
        {
            people.push(person);
        }
    }
    people
}

/// Who, and how: "Tech Team and Management", "e-mail and Slack".
pub fn who_and_how(plan: &Plan, row: &MatrixRow) -> (String, String) {
    let who = row.audiences.iter().map(|a| audience_name(plan, a));
    let how = row.channels.iter().map(|c| in_words(*c));
    (facts::and(who.collect()), facts::and(how.collect()))
}

/// Within a sentence.
pub fn in_words(channel: Channel) -> &'static str {
    match channel {
        Channel::Phone => "phone",
        Channel::Email => "e-mail",
        Channel::Sms => "text message",
        Channel::Webhook => "webhook",
        other => other.name(),
    }
}
