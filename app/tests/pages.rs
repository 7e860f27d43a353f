//! What the pages promise, asked of the HTML that the server sends.

mod story;

use app::page::{Page, Refused, View};
use domain::{AccessRole, Event, Refusal, Severity, words::short};
use std::collections::BTreeSet;
use story::{INC, RUN, Story, jane, output, render};

use AccessRole::{Commander, Responder, Viewer};

fn incident() -> View {
    View::Incident { number: INC.into() }
}

fn run() -> View {
    View::Run {
        id: RUN.into(),
        output: output(),
    }
}

/// Every page in every state that a person may meet, with its name.
fn every_page() -> Vec<(String, Page)> {
    let stories = [
        ("first", Story::quiet()),
        ("well", Story::well()),
        ("failing", Story::failing()),
        ("recovering", Story::recovering()),
        ("paused", Story::paused()),
        ("resolved", Story::resolved()),
    ];
    let views = [
        View::Board,
        View::Incidents { more: None },
        View::Declare {
            title: String::new(),
            affected: Vec::new(),
        },
        incident(),
        run(),
        View::Runbooks,
        View::Runbook {
            slug: "database-recovery".into(),
            incident: None,
        },
        View::Failover {
            service: "manufacturing-database".into(),
        },
        View::Contacts,
        View::Matrix,
        View::Update { number: INC.into() },
        View::Plan,
        View::NotYet {
            name: "Drills".into(),
            says: "Later.".into(),
        },
        View::NotFound {
            says: "Nothing.".into(),
        },
    ];
    let mut pages = Vec::new();
    for (name, story) in &stories {
        for view in &views {
            for role in [Viewer, Responder, Commander] {
                pages.push((
                    format!("{view:?} {name} {}", role.name()),
                    story.page(view.clone(), 300, role),
                ));
            }
        }
    }
    pages
}

/// The document without the data that travels along.
fn body(html: &str) -> &str {
    &html[html.find("<body").expect("a body")..]
}

/// The part of the document from one text to the next.
fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let start = html
        .find(from)
        .unwrap_or_else(|| panic!("{from} is not in the page"));
    let rest = &html[start..];
    &rest[..rest[from.len()..]
        .find(to)
        .map_or(rest.len(), |end| end + from.len())]
}

/// The tag that something stands in.
fn tag<'a>(html: &'a str, what: &str) -> &'a str {
    let at = html
        .find(what)
        .unwrap_or_else(|| panic!("{what} is not in the page"));
    let start = html[..at].rfind('<').unwrap_or_default();
    &html[start..at + html[at..].find('>').unwrap_or_default()]
}

/// Every value of an attribute, in order.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.match_indices(&start)
        .map(|(i, _)| {
            html[i + start.len()..]
                .split('"')
                .next()
                .unwrap_or_default()
        })
        .collect()
}

#[test]
fn an_empty_role_is_loud() {
    let html = render(Story::recovering().page(incident(), 225, Commander));
    let roles = between(&html, "id=\"roles\"", "</section>");
    assert_eq!(roles.matches("role empty").count(), 2, "deputy and scribe");
    assert!(between(roles, "Deputy", "</b>").contains("Nobody"));
    assert!(!between(roles, "Incident Commander", "</b>").contains("Nobody"));
}

#[test]
fn nobody_is_missed_once_an_incident_is_resolved() {
    let html = render(Story::resolved().page(incident(), 9_000, Commander));
    assert!(!html.contains("role empty"));
}

#[test]
fn no_data_is_never_green() {
    let html = render(Story::quiet().page(View::Board, 10, Commander));
    assert!(html.contains("No data yet from 12 services"));
    let board = between(&html, "<main", "</main>");
    assert!(
        !board.contains("is-ok"),
        "nothing is green before it was looked at"
    );
    assert_eq!(
        board.matches("class=\"state is-none\"").count(),
        12 + 3,
        "each service, and each kind of data"
    );
}

#[test]
fn what_is_not_measured_is_never_met() {
    for view in [View::Board, incident()] {
        let html = render(Story::recovering().page(view, 225, Commander));
        assert!(html.to_lowercase().contains("not measured"));
        assert!(!html.contains("Within<"));
    }
}

#[test]
fn what_depends_on_a_failed_service_says_which() {
    let html = render(Story::failing().page(View::Board, 12, Commander));
    let tile = between(&html, ">Production planning<", "</li>");
    assert!(
        tile.contains("is-warn")
            && tile.contains("Depends on a failed service")
            && tile.contains("Manufacturing database is down")
    );
}

#[test]
fn an_undeclared_outage_is_offered_with_everything_filled_in() {
    let story = Story::failing();
    let board = render(story.page(View::Board, 12, Commander));
    let card = between(&board, "Suggested now", "</section>");
    assert!(
        card.contains("affected=manufacturing-database,orders-api"),
        "the cause first: {card}"
    );
    assert!(card.contains("Database Recovery"));
    assert!(
        !render(Story::recovering().page(View::Board, 225, Commander)).contains("Suggested now"),
        "it is declared"
    );

    let html = render(story.page(
        View::Declare {
            title: "Orders are failing".into(),
            affected: vec!["orders-api".into()],
        },
        12,
        Commander,
    ));
    assert!(tag(&html, "name=\"title\"").contains("value=\"Orders are failing\""));
    assert!(tag(&html, "value=\"orders-api\"").contains("checked"));
    assert!(
        tag(&html, "value=\"SEV1\"").contains("checked"),
        "a critical service is down"
    );
    assert!(between(&html, "data-severity=\"SEV1\"", "</div></section>").contains("tel:+15550001"));
}

#[test]
fn the_clock_counts_against_the_strictest_tier_and_says_how_sure_it_is() {
    let html = render(Story::recovering().page(incident(), 225, Commander));
    let clocks = between(&html, "class=\"clocks\"", "id=\"roles\"");
    assert!(clocks.contains("RTO left · Critical Systems") && clocks.contains(">56:29<"));
    assert!(clocks.contains("since declaration: impact not measured"));
    assert!(clocks.contains("Next public update due in") && clocks.contains(">18:14<"));
    let late = render(Story::recovering().page(incident(), 3 * 3600, Commander));
    assert!(late.contains("RTO exceeded by") && late.contains("Public update late by"));
}

#[test]
fn every_step_says_why_it_ran_or_did_not() {
    let html = render(Story::resolved().page(run(), 300, Commander));
    let steps = between(&html, "class=\"steps\"", "</ol>");
    assert!(
        between(steps, ">Failover to Replica<", "</li>").contains("reconnection_failed = true")
    );
    let skipped = between(steps, ">Restore from Backup<", "</li>");
    assert!(skipped.contains("skipped") && skipped.contains("replica_unavailable = false"));
    assert_eq!(
        between(steps, ">Attempt Reconnection<", "</li>")
            .matches("attempt=")
            .count(),
        4,
        "a link to each attempt's output"
    );
}

#[test]
fn a_run_that_waits_asks_for_a_person() {
    let html = render(Story::paused().page(run(), 300, Commander));
    let asks = between(&html, "class=\"asks\"", "class=\"two\"");
    for word in [
        "Needs a person: ",
        "Failover to Replica ended so: timed out.",
        "Go on from there",
        "Retry the step",
        "Skip this step",
        "Mark this step done",
        "Stop Database Recovery",
    ] {
        assert!(asks.contains(word), "{word}");
    }
    assert!(!render(Story::recovering().page(run(), 225, Commander)).contains("class=\"asks\""));
}

#[test]
fn what_is_destructive_names_its_target_before_it_is_done() {
    let html = render(Story::paused().page(incident(), 300, Commander));
    let resolve = between(&html, "data-menu=\"resolve\"", "</details>");
    assert!(resolve.contains(&format!("Resolve {INC}")) && resolve.contains("Orders are failing"));
    assert!(
        resolve.contains("Database Recovery is not over") && resolve.contains("disabled"),
        "a run still waits"
    );
    assert!(
        between(&html, "data-menu=\"cancel\"", "</details>").contains("Stop Database Recovery")
    );
}

#[test]
fn who_may_not_is_told_why() {
    let html = render(Story::recovering().page(incident(), 225, Viewer));
    assert!(html.contains("Needs the role commander; you are viewer."));
    assert!(!html.contains("data-menu=\"resolve\""), "no panel to open");
    assert!(
        between(&html, "formaction=\"/runbooks/database-failure/runs\"", ">").contains("disabled")
    );
    let html = render(Story::failing().page(
        View::Declare {
            title: String::new(),
            affected: Vec::new(),
        },
        12,
        Viewer,
    ));
    assert!(
        html.contains("Needs the role responder or higher; you are viewer.")
            && !html.contains("action=\"/incidents\"")
    );
}

#[test]
fn a_refused_form_keeps_what_was_typed_and_no_other_form_is_touched() {
    let mut page = Story::recovering().page(incident(), 225, Commander);
    page.refused = Some(Refused {
        form: format!("/incidents/{INC}/roles"),
        refusal: Refusal::invalid("person", "Say something here: this cannot be empty."),
        typed: [
            ("key", "5e1f-role-deputy"),
            ("role", "deputy"),
            ("person", "Al <i>"),
            ("action", "assign"),
        ]
        .map(|(a, b)| (a.into(), b.into()))
        .to_vec(),
    });
    let html = render(page);
    assert_eq!(body(&html).matches("Say something here").count(), 1);
    assert_eq!(body(&html).matches("Al &lt;i&gt;").count(), 1);
    let form = between(&html, "data-form=\"role-deputy\"", "</form>");
    assert!(form.contains("aria-invalid=\"true\"") && form.contains("data-plain"));
    assert!(
        between(&html, "<details class=\"menu\"", "role-deputy").contains("open"),
        "the panel stands open"
    );
}

#[test]
fn a_note_that_was_refused_comes_back_whole() {
    let text = "</textarea><script>alert(1)</script>\n& more";
    let mut page = Story::recovering().page(incident(), 225, Commander);
    page.refused = Some(Refused {
        form: format!("/incidents/{INC}/notes"),
        refusal: Refusal::invalid("text", "Too long."),
        typed: vec![
            ("key".into(), "5e1f-note".into()),
            ("text".into(), text.into()),
        ],
    });
    let html = render(page);
    let area = between(&html, "id=\"note-text\"", "</textarea>");
    assert!(
        area.ends_with("&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;\n&amp; more"),
        "{area}"
    );
}

#[test]
fn untrusted_text_is_escaped() {
    let nasty = "</script><img src=x onerror=alert(1)>\"' &";
    let mut story = Story::recovering();
    let jane = jane();
    story.tell(
        226,
        &jane,
        Event::IncidentDeclared {
            incident: "INC-2026-099".into(),
            title: nasty.into(),
            severity: Severity::Sev2,
            affected: vec![nasty.into()],
            kind: domain::Kind::Real,
            public: true,
            quiet: false,
            plan: nasty.into(),
            checklist: vec![nasty.into()],
        },
    );
    story.tell(
        227,
        &jane,
        Event::NoteAdded {
            incident: "INC-2026-099".into(),
            text: nasty.into(),
        },
    );
    story.tell(
        227,
        &jane,
        Event::RoleOffered {
            incident: "INC-2026-099".into(),
            role: domain::IncidentRole::Scribe,
            to: nasty.into(),
        },
    );
    story.tell(
        227,
        &jane,
        Event::TaskAdded {
            incident: "INC-2026-099".into(),
            task: 1,
            title: nasty.into(),
            owner: nasty.into(),
            minutes: 3,
        },
    );
    story.plan.services[0].description = nasty.into();
    story.plan.contacts.emergency[0].name = nasty.into();
    story.plan.about.motto = nasty.into();
    let mut shown = output();
    shown.last[0].runs[0] = (nasty.into(), nasty.into());
    let views = [
        View::Board,
        View::Incident {
            number: "INC-2026-099".into(),
        },
        View::Incidents {
            more: Some(nasty.into()),
        },
        View::Declare {
            title: nasty.into(),
            affected: vec![nasty.into()],
        },
        View::Run {
            id: RUN.into(),
            output: shown,
        },
        View::Contacts,
        View::NotFound { says: nasty.into() },
    ];
    for view in views {
        let html = render(story.page(view.clone(), 230, Commander));
        assert!(!html.contains("<img"), "{view:?}");
        assert_eq!(
            html.matches("</script>").count(),
            3,
            "the page's own: {view:?}"
        );
        assert!(
            !html.contains("=x onerror=alert(1)>\"'") || !html.contains("\"</script>"),
            "{view:?}"
        );
    }
}

#[test]
fn rendering_twice_gives_equal_bytes() {
    for (name, page) in every_page() {
        assert_eq!(render(page.clone()), render(page), "{name}");
    }
}

#[test]
fn no_page_has_inline_styles_or_handlers() {
    for (name, page) in every_page() {
        let html = render(page);
        for forbidden in [" style=", " onclick=", " onload=", "<style", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden} in {name}");
        }
    }
}

#[test]
fn every_form_is_a_post_with_a_key_of_its_own_and_every_id_stands_once() {
    for (name, page) in every_page() {
        let html = render(page);
        let keys: Vec<_> = body(&html)
            .match_indices("name=\"key\" value=\"")
            .map(|(i, start)| body(&html)[i + start.len()..].split('"').next())
            .collect();
        assert_eq!(
            keys.len(),
            keys.iter().collect::<BTreeSet<_>>().len(),
            "keys of {name}"
        );
        let posts = body(&html).matches("method=\"post\"").count();
        assert_eq!(
            posts,
            keys.len() + 1,
            "every form but the one that signs out has a key: {name}"
        );
        let ids = values(body(&html), "id");
        let twice: Vec<_> = ids
            .iter()
            .filter(|id| ids.iter().filter(|other| other == id).count() > 1)
            .collect();
        assert!(twice.is_empty(), "{twice:?} in {name}");
    }
}

#[test]
fn instants_are_machine_readable_with_utc_at_hand() {
    let html = render(Story::recovering().page(incident(), 225, Commander));
    let times: Vec<_> = body(&html)
        .match_indices("<time ")
        .map(|(i, _)| between(&body(&html)[i..], "<time ", "</time>"))
        .collect();
    assert!(times.len() > 20);
    for time in times {
        assert!(
            time.contains("datetime=\"2026-11-22T") && time.contains("UTC\""),
            "{time}"
        );
    }
    let days_later = render(Story::recovering().page(incident(), 400_000, Commander));
    assert!(
        days_later.contains(">22 Nov 14:02</time>"),
        "an older day is named"
    );
}

#[test]
fn the_browser_gets_no_probe_and_no_command_of_the_plan() {
    for (name, page) in every_page() {
        let html = render(page);
        let data = between(&html, "id=\"page\"", "</script>");
        for secret in ["127.0.0.1", "password_env", "muster-check", "postgres://"] {
            assert!(!data.contains(secret), "{secret} in {name}");
        }
    }
}

#[test]
fn the_plan_page_holds_the_whole_plan() {
    let story = Story::quiet();
    let html = render(story.page(View::Plan, 10, Viewer));
    let plan = &story.plan;
    let mut expected: Vec<&str> = vec![
        &plan.about.name,
        &plan.about.motto,
        short("4f1c9e02ab7d55e1c0"),
    ];
    expected.extend(plan.objectives.rto.iter().map(|t| t.name.as_str()));
    expected.extend(plan.objectives.rpo.iter().map(|o| o.name.as_str()));
    expected.extend(
        plan.communication
            .severities
            .iter()
            .map(|s| s.description.as_str()),
    );
    expected.extend(plan.scenarios.iter().map(|s| s.name.as_str()));
    expected.extend(plan.schedules.iter().map(|s| s.name.as_str()));
    expected.extend(
        plan.checklist
            .emergency
            .iter()
            .chain(&plan.checklist.follow_up_actions)
            .map(String::as_str),
    );
    expected.extend(plan.appendices.backups.iter().map(|l| l.at.as_str()));
    for words in expected {
        assert!(html.contains(&words.replace('&', "&amp;")), "{words}");
    }
}

#[test]
fn an_empty_house_says_what_to_do() {
    let mut story = Story::quiet();
    assert!(
        render(story.page(View::Incidents { more: None }, 10, Commander)).contains("Nothing yet.")
    );
    story.plan = domain::plan::Plan::default();
    assert!(
        render(story.page(View::Board, 10, Commander)).contains("The plan has no services yet")
    );
    assert!(
        render(story.page(View::Runbooks, 10, Commander)).contains("The plan has no runbooks yet")
    );
    assert!(
        render(story.page(View::Contacts, 10, Commander)).contains("The plan names nobody yet")
    );
    assert!(
        render(story.page(incident(), 10, Commander)).contains("</main>"),
        "an incident that is not there does not break the page"
    );
}
