//! What takes a library to judge: calendar lines, time zones, JSON texts, pictures.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use domain::plan::{Plan, Probe, Problem};
use jiff::tz::TimeZone;

/// Reads a five-field calendar line.
pub fn cron(line: &str) -> Result<Cron, String> {
    const FORM: &str = "write the five fields minute, hour, day of month, month and day of week, such as `0 2 * * *`";
    if !line.is_ascii() || line.len() > 200 || line.split_whitespace().count() != 5 {
        return Err(format!("this is not a calendar line; {FORM}"));
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(line)
        .map_err(|why| {
            format!(
                "this is not a calendar line ({}); {FORM}",
                why.to_string().trim_end_matches('.')
            )
        })
}

/// Finds a time zone by its IANA name.
pub fn timezone(name: &str) -> Result<TimeZone, String> {
    const FORM: &str = "write an IANA name, such as UTC or Europe/Berlin";
    let plain = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    match plain.then(|| TimeZone::get(name)) {
        Some(Ok(zone)) => Ok(zone),
        _ => Err(format!("no time zone has this name; {FORM}")),
    }
}

pub(super) fn check(plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |at: String, found: &str, says: String| {
        problems.push(Problem {
            at,
            found: found.into(),
            says,
            missing_from: None,
        })
    };
    for (i, schedule) in plan.schedules.iter().enumerate() {
        if let Err(says) = cron(&schedule.cron) {
            add(format!("schedules[{i}].cron"), &schedule.cron, says);
        }
        if let Err(says) = timezone(&schedule.timezone) {
            add(format!("schedules[{i}].timezone"), &schedule.timezone, says);
        }
    }
    for (i, contact) in plan.contacts.emergency.iter().enumerate() {
        if let Some(name) = &contact.timezone
            && let Err(says) = timezone(name)
        {
            add(format!("contacts.emergency[{i}].timezone"), name, says);
        }
    }
    for (i, service) in plan.services.iter().enumerate() {
        if let Some(Probe::UserPath(probe)) = service.check.as_ref().map(|c| &c.probe)
            && let Err(why) = serde_json::from_str::<serde_json::Value>(&probe.body)
        {
            add(
                format!("services[{i}].check.probe.user_path.body"),
                &probe.body,
                format!("this is not JSON ({why}); write a document such as '{{\"quantity\": 1}}'"),
            );
        }
    }
    if let Some(logo) = &plan.status.logo
        && let Err(wrong) = super::picture::check(logo)
    {
        add("status.logo".into(), &wrong.found, wrong.says);
    }
    problems
}
