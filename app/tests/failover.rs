//! What the page of a failover promises: the diagram lit where it is, and every button with its reason.

mod story;

use app::page::{Page, View};
use domain::{
    AccessRole::{Commander, Viewer},
    Event, Health,
    failover::{Candidate, Sight, Signal, State, Vote, Word},
    plan::Observer,
};
use story::{INC, RUN, Story, at, jane, render, runner};

const SERVICE: &str = "manufacturing-database";

fn moved(story: &mut Story, second: i64, from: State, signal: Signal, to: State) {
    let event = Event::FailoverMoved {
        service: SERVICE.into(),
        incident: None,
        from,
        signal,
        to,
        because: "as it was seen <i>".into(),
        evidence: vec!["2 of 3 see it down".into()],
        run: to.is_work().then(|| RUN.into()),
    };
    story.tell(second, &runner(), event);
}

/// A failure that was detected, with the observers' votes.
fn detected() -> Story {
    let mut story = Story::failing();
    moved(
        &mut story,
        20,
        State::Watching,
        Signal::Failing,
        State::Detected,
    );
    story
}

fn page(story: &Story, second: i64) -> Page {
    let view = View::Failover {
        service: SERVICE.into(),
    };
    let vote = |(observer, word)| Vote {
        observer,
        word,
        because: "no answer".into(),
    };
    let votes = [
        (Observer::Muster, Word::Down),
        (Observer::Replica, Word::Down),
        (Observer::Application, Word::Up),
    ];
    Page {
        sight: Some(Box::new(Sight {
            at: at(second - 1),
            since: at(-600),
            votes: votes.map(vote).to_vec(),
            candidate: Some(Candidate {
                standby: true,
                system: "7".into(),
                timeline: 1,
                lag: Some(12),
            }),
            system: Some("7".into()),
            writable: Vec::new(),
        })),
        ..story.page(view, second, Commander)
    }
}

/// The class of a box of the diagram.
fn place<'a>(html: &'a str, name: &str) -> &'a str {
    let at = html
        .find(&format!("data-place=\"{name}\""))
        .unwrap_or_else(|| panic!("{name} is drawn"));
    let tag = &html[html[..at].rfind('<').unwrap_or_default()..at];
    tag.split("class=\"")
        .nth(1)
        .map_or("", |c| c.split('"').next().unwrap_or_default())
}

/// The form of an act, to its end.
fn form<'a>(html: &'a str, act: &str) -> &'a str {
    let at = html
        .find(&format!("data-form=\"{act}\""))
        .unwrap_or_else(|| panic!("{act} is there"));
    &html[at..at + html[at..].find("</form>").unwrap_or_default()]
}

#[test]
fn the_diagram_is_lit_where_it_is_and_marked_where_it_was() {
    let mut story = detected();
    let html = render(page(&story, 30));
    assert_eq!(
        (
            place(&html, "detect"),
            place(&html, "choose"),
            place(&html, "dns")
        ),
        ("taken", "lit", "")
    );
    moved(
        &mut story,
        40,
        State::Detected,
        Signal::Trigger,
        State::Fencing,
    );
    moved(
        &mut story,
        41,
        State::Fencing,
        Signal::Fenced,
        State::Promoting,
    );
    moved(
        &mut story,
        42,
        State::Promoting,
        Signal::Promoted,
        State::Redirecting,
    );
    let html = render(page(&story, 50));
    let lit = [
        "detect", "choose", "checks", "manual", "initiate", "dns", "verify",
    ]
    .map(|n| place(&html, n));
    assert_eq!(lit, ["taken", "taken", "", "taken", "taken", "lit", ""]);
    assert!(html.contains(">14:02:53</text>"), "the box says when");
    moved(
        &mut story,
        43,
        State::Redirecting,
        Signal::Broken,
        State::Stopped,
    );
    let html = render(page(&story, 50));
    assert_eq!(place(&html, "dns"), "lit broken");
    assert!(html.contains("as it was seen &lt;i&gt;") && !html.contains("seen <i>"));
}

#[test]
fn what_may_not_be_done_is_disabled_with_the_reason() {
    let story = detected();
    let html = render(page(&story, 30));
    assert!(!form(&html, "trigger").contains("disabled"));
    for (act, why) in [
        (
            "plan-failback",
            "It is not the time to plan the failback: failure detected.",
        ),
        (
            "failback",
            "It is not the time to fail back: failure detected.",
        ),
        (
            "settle",
            "It is not the time to say that it is settled: failure detected.",
        ),
    ] {
        let form = form(&html, act);
        assert!(form.contains("disabled") && form.contains(why), "{form}");
        assert!(!form.contains("required"), "no field without its button");
    }
    let mut page = page(&story, 30);
    page.who.role = Viewer;
    assert!(form(&render(page), "trigger").contains("Needs the role commander; you are viewer."));
}

#[test]
fn a_doubtful_replica_asks_for_the_risk_to_be_named() {
    let story = detected();
    let mut page = page(&story, 30);
    if let Some(candidate) = page.sight.as_mut().and_then(|s| s.candidate.as_mut()) {
        candidate.lag = Some(99_000_000);
    }
    let html = render(page);
    let trigger = form(&html, "trigger");
    assert!(
        trigger.contains("replica is 99000000 bytes behind; the plan allows 16MB.")
            && trigger.contains("name=\"risk\"")
    );
    assert!(!trigger.contains("disabled"), "a commander may, naming it");
}

#[test]
fn the_guards_show_what_is_seen_of_each() {
    let mut story = detected();
    let html = render(page(&story, 30));
    assert_eq!(
        html.matches("</svg>Refuses</span>").count(),
        1,
        "the shipped plan leaves it to a person"
    );
    assert!(html.contains("2 of 3 see it down (Muster sees it down: no answer;"));
    story.tell(
        31,
        &jane(),
        Event::AutomationHeld {
            held: true,
            reason: "Works".into(),
        },
    );
    let html = render(page(&story, 35));
    assert!(
        html.contains("Automation is held by Jane Doe since ")
            && html.contains("Release the automation")
    );
    story.tell(
        36,
        &runner(),
        Event::ServiceChanged {
            service: SERVICE.into(),
            from: Health::MajorOutage,
            to: Health::Operational,
            because: "accepts writes".into(),
        },
    );
    assert!(
        render(page(&story, 40))
            .contains("The check has not failed as often as the plan demands: operational.")
    );
}

#[test]
fn its_runbooks_lead_to_it() {
    let view = View::Runbook {
        slug: "failover-manual".into(),
        incident: Some(INC.into()),
    };
    let html = render(Story::recovering().page(view, 225, Commander));
    assert!(html.contains("href=\"/failover/manufacturing-database\""));
    assert!(!html.contains("/runbooks/failover-manual/runs"));
}
