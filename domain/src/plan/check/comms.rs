//! `communication.yaml` and `contacts.yaml`: everybody who is to be told exists and can be reached.

use super::{Findings, ids, words};
use crate::{Severity, plan::Plan};
use std::collections::{BTreeSet, HashSet};

pub(super) fn communication(plan: &Plan, f: &mut Findings) {
    let comms = &plan.communication;
    for (i, severity) in comms.severities.iter().enumerate() {
        let at = |key| format!("communication.severities[{i}].{key}");
        f.line(at("name"), &severity.name, "a severity's name");
        f.line(
            at("description"),
            &severity.description,
            "a severity's description",
        );
        f.positive(
            at("update_every"),
            severity.update_every,
            "the time from one update to the next",
        );
    }
    each_once(
        comms.severities.iter().map(|s| s.id),
        "severities",
        "id",
        "describe it here",
        f,
    );

    let roles: BTreeSet<&str> = plan
        .contacts
        .emergency
        .iter()
        .map(|c| c.role.as_str())
        .collect();
    for (i, audience) in comms.audiences.iter().enumerate() {
        let at = |key: &str| format!("communication.audiences[{i}].{key}");
        f.id(at("id"), &audience.id, "an audience's id");
        f.line(at("name"), &audience.name, "an audience's name");
        if audience.id == "all" {
            f.add(
                at("id"),
                "all",
                "`all` already is everybody in contacts.yaml; give this audience another id",
            );
        }
        if audience.members.is_empty() {
            f.add(
                at("members"),
                "members",
                "nobody is in this audience; name at least one role of contacts.yaml",
            );
        }
        for (j, role) in audience.members.iter().enumerate() {
            f.refer(
                at(&format!("members[{j}]")),
                role,
                "no contact has this role",
                &roles,
                "contacts",
            );
        }
    }
    f.unique(
        ids(
            "communication.audiences",
            comms.audiences.iter().map(|a| a.id.as_str()),
        ),
        "another audience",
    );

    let mut audiences: BTreeSet<&str> = comms.audiences.iter().map(|a| a.id.as_str()).collect();
    audiences.insert("all");
    for (i, row) in comms.matrix.iter().enumerate() {
        let at = |key: &str| format!("communication.matrix[{i}].{key}");
        if row.audiences.is_empty() {
            f.add(
                at("audiences"),
                "audiences",
                "nobody would be told; name an audience, or `all`",
            );
        }
        for (j, audience) in row.audiences.iter().enumerate() {
            f.refer(
                at(&format!("audiences[{j}]")),
                audience,
                "no audience has this id",
                &audiences,
                "communication",
            );
        }
        if row.channels.is_empty() {
            f.add(
                at("channels"),
                "channels",
                "there is no way to tell anybody; name phone, email or slack",
            );
        }
        let mut seen = HashSet::new();
        for (j, channel) in row.channels.iter().enumerate() {
            if !seen.insert(channel) {
                f.add(
                    at(&format!("channels[{j}]")),
                    channel.name().to_lowercase(),
                    "this channel is already in the row; name each once",
                );
            }
        }
    }
    each_once(
        comms.matrix.iter().map(|r| r.severity),
        "matrix",
        "severity",
        "give it a row",
        f,
    );
}

/// Every severity stands in this list exactly once.
fn each_once(
    listed: impl Iterator<Item = Severity>,
    list: &str,
    key: &str,
    do_what: &str,
    f: &mut Findings,
) {
    let mut seen = HashSet::new();
    for (i, severity) in listed.enumerate() {
        if !seen.insert(severity) {
            f.add(
                format!("communication.{list}[{i}].{key}"),
                severity.id(),
                "this severity is already in the list; each stands there once",
            );
        }
    }
    for missing in Severity::ALL.into_iter().filter(|s| !seen.contains(s)) {
        f.add(
            format!("communication.{list}"),
            list,
            format!("{} is missing; {do_what}", missing.id()),
        );
    }
}

pub(super) fn contacts(plan: &Plan, f: &mut Findings) {
    let contacts = &plan.contacts;
    if contacts.emergency.is_empty() {
        f.add(
            "contacts.emergency",
            "emergency",
            "there is nobody to call; name at least one contact",
        );
    }
    for (i, contact) in contacts.emergency.iter().enumerate() {
        let at = |key| format!("contacts.emergency[{i}].{key}");
        f.line(at("role"), &contact.role, "a contact's role");
        f.line(at("name"), &contact.name, "a contact's name");
        if !words::is_phone(&contact.phone) {
            f.add(at("phone"), &contact.phone, "write the number with a plus and the country first, then digits and hyphens: +1-555-0001");
        }
        email(at("email"), &contact.email, f);
    }
    let roles = contacts
        .emergency
        .iter()
        .enumerate()
        .map(|(i, c)| (format!("contacts.emergency[{i}].role"), c.role.as_str()));
    f.unique(roles, "another contact");
    for (i, support) in contacts.external.iter().enumerate() {
        let at = |key| format!("contacts.external[{i}].{key}");
        f.line(at("service"), &support.service, "a support service's name");
        f.line(at("account"), &support.account, "an account number");
        email(at("contact"), &support.contact, f);
    }
    let services = contacts.external.iter().enumerate().map(|(i, s)| {
        (
            format!("contacts.external[{i}].service"),
            s.service.as_str(),
        )
    });
    f.unique(services, "another support service");
}

fn email(at: String, text: &str, f: &mut Findings) {
    if !words::is_email(text) {
        f.add(
            at,
            text,
            "write one e-mail address and nothing else, such as devops@example.com",
        );
    }
}
