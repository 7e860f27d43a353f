//! What Teams and PagerDuty are sent.

use super::{
    Brief, pagerduty,
    samples::{CAUSES, brief, message, words},
    teams, webhook,
};
use domain::{notify::Cause, plan::Channel};
use proptest::prelude::*;

#[test]
fn a_card_has_the_facts_and_both_ways_to_go() {
    let message = message(Channel::Teams, Cause::Declared);
    let card = teams::render(&words().said(&message));
    let content = &card["attachments"][0]["content"];
    assert_eq!(content["type"], "AdaptiveCard");
    assert_eq!(
        content["body"][2]["facts"][2]["value"],
        "Orders API, Manufacturing database"
    );
    assert_eq!(
        content["actions"][0]["url"],
        "https://muster.example.org/ack/AWkABCDEF"
    );
    assert_eq!(content["actions"][1]["url"], brief().url);
}

#[test]
fn an_incident_is_one_alert_of_pagerduty_from_its_beginning_to_its_end() {
    let event = |cause| {
        let message = message(Channel::Pagerduty, cause);
        pagerduty::render(&message, &words().said(&message))
    };
    let (begins, ends) = (event(Cause::Declared), event(Cause::Resolved));
    assert_eq!(begins["event_action"], "trigger");
    assert_eq!(begins["payload"]["severity"], "critical");
    assert_eq!(begins["payload"]["source"], "Orders API");
    assert_eq!(begins["dedup_key"], "INC-2026-014");
    assert_eq!(ends["event_action"], "resolve");
    assert_eq!(ends["dedup_key"], begins["dedup_key"]);
}

#[test]
fn a_webhook_names_what_happened() {
    let kinds = CAUSES.map(|cause| {
        let message = message(Channel::Webhook, cause);
        let payload = webhook::payload(&message, &words().said(&message));
        payload["type"].as_str().unwrap().to_owned()
    });
    assert_eq!(
        kinds,
        [
            "incident.declared",
            "incident.raised",
            "incident.reopened",
            "incident.escalation",
            "incident.update",
            "incident.resolved",
            "incident.reminder",
            "incident.repeat",
            "incident.test"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_is_typed_fits_a_card_and_an_event(title in ".{0,4000}", update in "(.|\n){0,9000}|([*_`#]{1,3}\\[x\\]\\(http://y\\)\n){0,400}") {
        let mut message = message(Channel::Teams, Cause::Update);
        message.text = update;
        message.incident = Some(Brief { title, ..brief() });
        let said = words().said(&message);
        let card = teams::render(&said);
        prop_assert!(card.to_string().chars().count() < 28_000);
        let quote = card["attachments"][0]["content"]["body"][3]["items"][0]["text"].as_str().unwrap_or_default().to_owned();
        prop_assert!(!quote.contains("](") , "a link: {}", quote);
        let event = pagerduty::render(&message, &said);
        prop_assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
    }
}
