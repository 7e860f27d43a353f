//! What the pages promise about people: who was told, who knows, whom to call, and whether they are reached at all.

mod story;

use app::page::{Page, Unposted, View};
use domain::{
    AccessRole::{Commander, Responder, Viewer},
    Kind, Phase,
    notify::{Delivery, Via},
    plan::Channel,
};
use story::{INC, Story, render};

fn incident() -> View {
    View::Incident { number: INC.into() }
}

/// The part of the document from one text to the next.
fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let start = html
        .find(from)
        .unwrap_or_else(|| panic!("{from} is not in {html}"));
    let rest = &html[start..];
    let end = rest[from.len()..].find(to);
    &rest[..end.map_or(rest.len(), |end| end + from.len())]
}

/// What a person reads, without the markup.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut inside = !html.starts_with('<') && html.find('<') > html.find('>');
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn card(page: Page) -> String {
    let html = render(page);
    between(&html, "id=\"matrix\"", "</section>").to_owned()
}

/// The scorecard's line of a channel.
fn line(card: &str, channel: &str) -> String {
    let table = between(card, "class=\"score\"", "</table>");
    let row = table
        .split("<tr>")
        .find(|row| row.contains(&format!("data-label=\"To\">{channel}<")));
    text(row.unwrap_or_else(|| panic!("{channel} is in {table}")))
}

#[test]
fn the_scorecard_says_what_was_due_sent_delivered_and_known() {
    let card = card(Story::recovering().page(incident(), 225, Commander));
    assert_eq!(
        line(&card, "E-mail"),
        "E-mail Everybody · 4 14:02:25 14:02:26 – 2 of 4 In time"
    );
    assert_eq!(
        line(&card, "Slack"),
        "Slack incidents 14:02:25 14:02:26 14:02:26 – In time"
    );
    assert_eq!(
        line(&card, "Phone"),
        "Phone Everybody · 4 14:02:25 14:02:27 3 of 4 2 of 4 1 not reached"
    );
}

#[test]
fn what_is_late_says_by_how_much_and_what_waits_is_not_called_done() {
    let mut story = Story::declared(Kind::Real);
    story.report(314, "John Smith", Channel::Email, Delivery::Sent, "");
    let waits = card(story.page(incident(), 30, Commander));
    assert!(
        line(&waits, "Phone").ends_with("Under way"),
        "{}",
        line(&waits, "Phone")
    );
    let late = card(story.page(incident(), 314, Commander));
    assert!(
        line(&late, "Phone").ends_with("Late +05:00"),
        "{}",
        line(&late, "Phone")
    );
    for person in ["Jane Doe", "Bob Wilson", "Alice Brown"] {
        story.report(320, person, Channel::Email, Delivery::Sent, "");
    }
    let done = card(story.page(incident(), 400, Commander));
    assert!(
        line(&done, "E-mail").ends_with("Late by 5 min"),
        "{}",
        line(&done, "E-mail")
    );
}

#[test]
fn every_acknowledger_is_listed_with_the_time_and_by_what() {
    let story = Story::recovering();
    let html = card(story.page(incident(), 225, Commander));
    let list = text(between(&html, "class=\"acknowledgement\"", "<table"));
    assert!(list.contains("Jane Doe knows and 1 more"), "{list}");
    assert!(list.contains("Jane Doe by phone 14:02:30"), "{list}");
    assert!(
        list.contains("Bob Wilson by the link in a message 14:03:17"),
        "{list}"
    );
    assert!(
        list.contains("You acknowledged 14:02:30"),
        "Jane reads this: {list}"
    );
}

#[test]
fn who_has_not_acknowledged_is_named_and_told_again_with_one_press() {
    let story = Story::unanswered(1);
    let html = card(story.page(incident(), 225, Responder));
    let silent = between(&html, "class=\"silent\"", "id=\"each-person\"");
    let read = text(silent);
    assert!(read.starts_with("Not acknowledged: 3"), "{read}");
    for person in ["John Smith", "Jane Doe", "Bob Wilson"] {
        assert!(read.contains(person), "{person}");
        let form = between(silent, &format!("value=\"{person}\""), "</form>");
        assert!(
            form.contains(&format!("aria-label=\"Tell {person} again\"")),
            "{form}"
        );
    }
    assert!(silent.contains(&format!("action=\"/incidents/{INC}/notifications/repeat\"")));
    assert!(read.contains("Tell all again"));
    assert!(
        html.contains("id=\"i-know\""),
        "and who reads this can say that they know"
    );
    let viewer = card(story.page(incident(), 225, Viewer));
    assert!(between(&viewer, "I know", "</form>").len() < 40);
    assert!(viewer.contains("Needs the role responder or higher; you are viewer."));
}

#[test]
fn whom_no_machine_reaches_is_called_by_hand_and_that_is_recorded() {
    let story = Story::recovering();
    let html = card(story.page(incident(), 225, Commander));
    let hands = between(&html, "class=\"by-hand\"", "<table");
    let read = text(hands);
    assert!(read.contains("Call by hand: 1 person"), "{read}");
    assert!(
        read.contains("Alice Brown Security Lead Phone: the number is not in service"),
        "{read}"
    );
    assert!(
        read.contains("Called, not reached by John Smith 14:03:31 : No answer, left a message"),
        "{read}"
    );
    assert!(hands.contains("href=\"tel:+15550004\""));
    let form = between(hands, "/calls\"", "</form>");
    for part in [
        "name=\"reached\" value=\"yes\"",
        "name=\"reached\" value=\"no\"",
        "name=\"says\"",
    ] {
        assert!(form.contains(part), "{part}");
    }
}

#[test]
fn what_is_not_connected_is_a_call_by_hand_for_everybody() {
    let mut story = Story::failing();
    story.plan.channels = Default::default();
    story.declare_as(Kind::Real);
    let html = card(story.page(incident(), 225, Commander));
    let read = text(between(&html, "class=\"by-hand\"", "<table"));
    assert!(read.contains("Call by hand: 4 people"), "{read}");
    assert!(
        read.contains("Phone: the plan has no provider for this channel"),
        "{read}"
    );
    assert!(line(&html, "Phone").ends_with("4 not reached"));
}

#[test]
fn a_drill_says_plainly_that_nobody_real_is_told() {
    let html = card(Story::declared(Kind::Drill).page(incident(), 225, Commander));
    let read = text(&html);
    assert!(
        read.contains("This is a drill: nobody real is told."),
        "{read}"
    );
    assert!(line(&html, "Phone").ends_with("Not sent"));
    for not in ["by-hand", "Tell all again", "asked next"] {
        assert!(!html.contains(not), "{not}");
    }
}

#[test]
fn the_next_level_is_counted_down_and_the_last_is_external_support_with_its_account() {
    let first = text(&card(Story::unanswered(1).page(incident(), 194, Commander)));
    assert!(
        first.contains("Nobody has acknowledged yet Secondary contacts are asked next, in 02:00"),
        "{first}"
    );
    let second = card(Story::unanswered(2).page(incident(), 344, Commander));
    let read = text(&second);
    assert!(
        read.contains("Escalated to level 2: Secondary contacts 14:07:25"),
        "{read}"
    );
    assert!(
        read.contains("External support is asked next, in 04:30"),
        "{read}"
    );
    assert!(!read.contains("ENT-12345"), "not before its turn");
    let third = text(&card(Story::unanswered(3).page(incident(), 700, Commander)));
    assert!(
        third.contains("Call external support Render Support support@render.com account ENT-12345"),
        "{third}"
    );
    assert!(!third.contains("asked next"), "nobody is left");
    let mut known = Story::unanswered(2);
    known.acknowledge(350, "Bob Wilson", Via::Slack);
    let read = text(&card(known.page(incident(), 360, Commander)));
    assert!(
        !read.contains("asked next") && read.contains("Bob Wilson in Slack"),
        "{read}"
    );
}

#[test]
fn declaring_shows_what_it_would_do_at_each_severity_before_it_is_done() {
    let view = View::Declare {
        title: String::new(),
        affected: Vec::new(),
    };
    let html = render(Story::failing().page(view.clone(), 12, Commander));
    let of = |severity: &str| {
        text(between(
            &html,
            &format!("data-severity=\"{severity}\""),
            "class=\"plan-line\"",
        ))
    };
    let first = of("SEV1");
    assert!(
        first.contains(
            "This will phone 4, mail 4 and post to 1 place now. Nobody is held until morning."
        ),
        "{first}"
    );
    assert!(first.contains("The plan asks for it at once. Where nobody acknowledges within 5 min: secondary contacts, then external support."), "{first}");
    let second = of("SEV2");
    assert!(
        second.contains(
            "This will mail 3 and post to 1 place now. Held in quiet hours: Alice Brown until"
        ),
        "{second}"
    );
    assert!(second.contains("within 15 min"), "{second}");
    let third = text(between(&html, "data-severity=\"SEV3\"", "class=\"nobody\""));
    assert!(third.contains("This will post to 1 place now."), "{third}");
    for kind in ["quiet", "drill", "backfilled"] {
        assert!(html.contains(&format!("data-nobody=\"{kind}\"")), "{kind}");
    }
    assert!(html.contains("name=\"quiet\""));

    let mut story = Story::failing();
    story.plan.channels = Default::default();
    let html = render(story.page(view, 12, Commander));
    let first = text(between(
        &html,
        "data-severity=\"SEV1\"",
        "class=\"plan-line\"",
    ));
    assert!(first.contains("Muster will tell nobody now."), "{first}");
    assert!(
        first.contains("Phone by hand: 4. Call them (the plan has no provider for this channel)."),
        "{first}"
    );
    assert!(first.contains("+1-555-0002"), "{first}");
}

#[test]
fn the_matrix_shows_whether_each_way_works_and_how_it_was_kept() {
    let html = render(Story::failing().page(View::Matrix, 60, Viewer));
    let read = text(between(&html, "<main", "</main>"));
    for says in [
        "SEV1 Critical Everybody John Smith, Jane Doe, Bob Wilson, Alice Brown at once 4 4 incidents 5 min",
        "SEV3 Minor Tech Team Jane Doe, Bob Wilson, Alice Brown 1 h – – incidents nobody waits",
        "Teams management MUSTER_TEAMS_URL is not set Not connected",
        "last failure 14:02:28 : the number is not in service Failing",
        "2026-11 SEV1 Critical Phone 11 0 1 92 %",
        "Level 2 Secondary contacts by Phone and Slack",
        "[SEV1] INC-2026-014 Orders are failing",
    ] {
        assert!(read.contains(says), "{says} in {read}");
    }
}

#[test]
fn an_address_that_nobody_has_proved_lately_is_loud() {
    let html = render(Story::tested().page(View::Contacts, 0, Responder));
    let people = between(&html, "id=\"directory\"", "External support");
    let of = |name: &str| text(between(people, &format!("<b>{name}</b>"), "data-row"));
    let read = text(people);
    assert!(
        read.contains("6 of 8 addresses were not confirmed within 90 days"),
        "{read}"
    );
    assert!(
        of("John Smith").contains("Confirmed 12 d ago Test again"),
        "{}",
        of("John Smith")
    );
    let jane = of("Jane Doe");
    assert!(jane.contains("Never tested Send a test"), "{jane}");
    assert!(jane.contains("Tested 3 d ago, not confirmed"), "{jane}");
    let bob = between(people, "<b>Bob Wilson</b>", "data-row");
    assert!(
        bob.contains("state is-bad") && text(bob).contains("Untested for 97 d"),
        "{}",
        text(bob)
    );
    assert!(people.contains("href=\"/contacts.vcf?person=Jane%20Doe\""));
    assert!(html.contains("href=\"/contacts.vcf\""));
    assert!(people.contains("action=\"/contacts/test\""));
}

#[test]
fn who_is_on_call_is_told_with_who_stands_in() {
    let html = render(Story::tested().page(View::Contacts, 0, Responder));
    let card = between(&html, "id=\"on-call\"", "id=\"override-fold\"");
    let read = text(card);
    assert!(
        read.contains("Alice Brown Platform · in somebody's place until 23 Nov 14:02"),
        "{read}"
    );
    assert!(
        read.contains("Platform · handover mon 09:00 Europe/Vienna"),
        "{read}"
    );
    assert!(
        read.contains("by Jane Doe · Bob is at the dentist Remove"),
        "{read}"
    );
    assert!(html.contains("/contacts/on-call.ics?key="));
    let person = text(between(&html, "<b>Alice Brown</b>", "data-row"));
    assert!(person.starts_with("Alice Brown On call until"), "{person}");
    assert!(person.contains("Tech Team"), "{person}");
    assert!(person.contains("Quiet hours until 19:02:11"), "{person}");
}

#[test]
fn the_composer_says_what_was_said_last_and_when_the_next_word_is_due() {
    let html = render(Story::recovering().page(incident(), 225, Commander));
    let update = text(between(&html, "id=\"said-public\"", "</form>"));
    assert!(
        update.contains("Next public update due 14:24:10 18:14"),
        "{update}"
    );
    assert!(
        update.contains("Last said 14:04:10 by John Smith · Identified"),
        "{update}"
    );
    assert!(update.contains("Orders cannot be saved"), "{update}");
    let report = between(&html, "data-panel=\"report\"", "</form>");
    for field in ["conditions", "actions", "needs"] {
        assert!(report.contains(&format!("name=\"{field}\"")), "{field}");
    }
    assert!(report.contains(&format!("formaction=\"/incidents/{INC}/updates/preview\"")));
    // The first word needs nothing to be known: it is written already.
    let first = render(Story::declared(Kind::Real).page(incident(), 60, Commander));
    let area = between(&first, "id=\"update-message\"", "</textarea>");
    assert!(
        area.contains("We are investigating a problem with") && area.contains("by 14:23 UTC."),
        "{area}"
    );
}

#[test]
fn an_update_is_seen_as_it_goes_out_before_it_is_posted() {
    let mut page = Story::recovering().page(View::Update { number: INC.into() }, 225, Commander);
    page.draft = Some(Unposted {
        internal: false,
        phase: Phase::Monitoring,
        message: "Orders are saved <again>.".into(),
        report: Vec::new(),
    });
    let html = render(page.clone());
    let out = between(&html, "As it goes out", "Said last");
    let read = text(out);
    assert!(read.contains("nothing is posted yet"), "{read}");
    assert!(
        read.contains("The public status page at once Monitoring Orders are saved &lt;again&gt;."),
        "{read}"
    );
    assert!(read.contains("Slack 4 people · the plan's words INC-2026-014, Identified: The primary is lost. &lt;b&gt;"), "{read}");
    assert!(
        read.contains("Posted now, the next public update is due 14:25:56 (every 20 min)"),
        "{read}"
    );
    assert!(
        html.contains("Orders are saved &lt;again&gt;.</textarea>"),
        "it can still be changed"
    );

    page.draft = Some(Unposted {
        internal: true,
        phase: Phase::Investigating,
        message: "Conditions: the replica lags".into(),
        report: vec![("conditions".into(), "the replica lags".into())],
    });
    let html = render(page);
    let read = text(between(&html, "As it goes out", "Said last"));
    assert!(read.contains("Not on the public status page"), "{read}");
    assert!(html.contains("the replica lags</textarea>"));
}

#[test]
fn a_board_is_loud_where_nobody_knows_or_the_public_waits() {
    for view in [View::Board, View::Wall, View::Incidents { more: None }] {
        let marks = |second| {
            let html = render(Story::unanswered(1).page(view.clone(), second, Commander));
            if html.contains("class=\"marks overdue\"") {
                text(between(&html, "class=\"marks overdue\"", "</div>"))
            } else {
                String::default()
            }
        };
        let late = marks(330);
        assert!(late.contains("Nobody has acknowledged"), "{view:?}: {late}");
        assert!(late.contains("1 person to be called"), "{view:?}: {late}");
        assert!(late.contains("Public update overdue"), "{view:?}: {late}");
        let html = render(Story::recovering().page(view.clone(), 225, Commander));
        let calm = text(between(&html, "class=\"marks overdue\"", "</div>"));
        assert_eq!(
            calm.matches("Nobody has acknowledged").count(),
            0,
            "{view:?}: {calm}"
        );
    }
}
