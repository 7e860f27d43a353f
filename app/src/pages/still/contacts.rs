//! Whom to call, by what they are reached, whether that was tried, and who is on call.

mod duty;
mod verified;

use crate::{
    facts,
    node::{El, Node, details, div, el, li, p, span, summary, ul},
    page::Page,
    pages::head,
    parts::{Button, Form, card, cell, dim, hidden, icon, link, stack, state, tel, timeline, when},
    room::{Room, needs},
};
use domain::{
    Permission,
    notify::{People, Suppressed},
    plan::{Channel, Contact, Escalation, ExternalSupport, Plan, Priority},
    words::Icon,
};
use verified::Standing;

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    let plan = &page.plan;
    let people = People::of(&plan.contacts);
    let group = |title: &'static str, escalation: Escalation| {
        let of: Vec<_> = people
            .iter()
            .filter(|(_, c)| c.escalation == escalation)
            .map(|(name, c)| person(&page, name, c))
            .collect();
        (!of.is_empty()).then(|| card(title, (), ul().class("people-list").all(of)))
    };
    let none = plan.contacts.emergency.is_empty().then(|| {
        p().class("dim")
            .put("The plan names nobody yet: fill in ")
            .put(el("code").put("contacts.yaml"))
            .put(".")
    });
    let directory = div()
        .class("col")
        .set("id", "directory")
        .set("data-follow", true)
        .put(warning(&page, &people))
        .put(none)
        .put(group("Primary · call first", Escalation::Primary))
        .put(group(
            "Secondary · call when no primary answers",
            Escalation::Secondary,
        ));
    // Those who read the public page and want to be told are known to administrators only.
    let public = needs(page.who.role, Permission::Administer)
        .is_none()
        .then(|| link("/subscribers", "Subscribers").class("btn"));
    let all = link("/contacts.vcf", "All as vCard").class("btn");
    let aside = div()
        .class("col")
        .all(duty::cards(&page, &people))
        .put(support(plan));
    vec![
        head(
            "Contacts",
            timeline::filter("main"),
            vec![public, Some(all)],
        ),
        div().class("two").put(directory).put(aside),
    ]
}

/// How many addresses nobody has proved lately; and what is not connected at all.
fn warning(page: &Page, people: &People<'_>) -> Option<El> {
    let mut doubtful = 0;
    let mut all = 0;
    for (name, contact) in people.iter() {
        for channel in ways_to(&page.plan, contact) {
            if trouble(page, channel).is_none() {
                all += 1;
                doubtful += usize::from(!verified::standing(page, name, channel).is_proved());
            }
        }
    }
    (doubtful > 0).then(|| {
        let says = format!(
            "{doubtful} of {all} addresses {} not confirmed within {} days: nobody knows whether they work. Send each a test.",
            if doubtful == 1 { "was" } else { "were" },
            verified::GOOD_DAYS,
        );
        p().class("notice").put(icon("warn")).put(span().put(says))
    })
}

/// The channels by which the plan means to reach a person.
fn ways_to(plan: &Plan, contact: &Contact) -> Vec<Channel> {
    let used = |c: &Channel| {
        let rows = plan.communication.matrix.iter().flat_map(|r| &r.channels);
        let levels = plan.communication.levels();
        let levels = levels.iter().flat_map(|l| &l.channels);
        rows.chain(levels).any(|used| used == c) || (*c == Channel::Sms && contact.sms.is_some())
    };
    let personal = Channel::ALL.into_iter().filter(|c| c.is_personal());
    personal.filter(used).collect()
}

/// Why Muster can send nothing by it.
fn trouble(page: &Page, channel: Channel) -> Option<String> {
    let found = page.told.ways.iter().find(|w| w.channel == channel);
    match found {
        Some(way) => way.trouble.clone(),
        None => Some(Suppressed::NotConfigured.words().into()),
    }
}

fn person(page: &Page, name: &str, c: &Contact) -> El {
    let on_call = page.told.on_call.iter().find(|o| o.person == name);
    let on_call = on_call.map(|o| {
        let until = o.until.map(|until| span().put(" until ").put(when(until)));
        state(Icon::Person, "On call").put(until)
    });
    let audiences = page.plan.communication.audiences.iter();
    let groups: Vec<&str> = audiences
        .filter(|a| a.members.contains(&c.role))
        .map(|a| a.name.as_str())
        .collect();
    let groups = (!groups.is_empty()).then(|| format!(" · {}", groups.join(", ")));
    let about = div()
        .class("grow")
        .put(
            div()
                .class("marks")
                .put(el("b").put(name.to_owned()))
                .put(on_call),
        )
        .put(div().class("small dim").put(c.role.clone()).put(groups))
        .put(there(page, name, c));
    let card = link(
        format!("/contacts.vcf?person={}", facts::encoded(name)),
        "vCard",
    )
    .set("aria-label", format!("vCard of {name}"));
    let edit = link("/plan#contacts", "in the plan")
        .set("title", "Changed in contacts.yaml: this shows where")
        .set("aria-label", format!("{name} in the plan"));
    let ways = ways_to(&page.plan, c)
        .into_iter()
        .map(|channel| way(page, name, c, channel));
    li().set("data-row", true)
        .class("contact")
        .put(about)
        .put(div().class("small links").put(card).put(edit))
        .put(ul().class("ways").all(ways))
}

/// What time it is where they are, and whether they sleep.
fn there(page: &Page, name: &str, c: &Contact) -> Option<El> {
    let place = page.told.places.get(name)?;
    let zone = c
        .timezone
        .as_ref()
        .map(|zone| dim(format!("{} there ({zone})", place.clock)).set("data-zone", zone.clone()));
    let quiet = place
        .quiet_until
        .map(|until| state(Icon::None, "Quiet hours until ").put(when(until)));
    (zone.is_some() || quiet.is_some()).then(|| div().class("marks").put(zone).put(quiet))
}

/// One way to a person: the address, what is known of it, and a test.
fn way(page: &Page, name: &str, c: &Contact, channel: Channel) -> El {
    let at = match channel {
        Channel::Phone => tel(&c.phone),
        Channel::Sms => tel(c.sms.as_ref().unwrap_or(&c.phone)),
        _ => link(format!("mailto:{}", c.email), c.email.clone()),
    };
    let trouble = trouble(page, channel);
    let standing = verified::standing(page, name, channel);
    let mark = match &trouble {
        Some(why) => state(Icon::None, "Not connected").set("title", why.clone()),
        None => standing.mark(page.now),
    };
    let id = format!("test-{}-{}", channel.id(), facts::slug(name));
    let form = Form::to("/contacts/test", id.clone());
    let again = matches!(standing, Standing::Never);
    let says = if again { "Send a test" } else { "Test again" };
    let button = Button::new(says, Permission::Respond)
        .class("btn small")
        .barred(trouble)
        .view()
        .set("id", id)
        .set("aria-label", format!("{says}: {name}, {}", channel.name()));
    let form = form.view(vec![
        hidden("person", name.to_owned()),
        hidden("channel", channel.id()),
        button,
    ]);
    li().put(span().class("order").put(channel.name()))
        .put(div().class("grow reach").put(at))
        .put(mark)
        .put(form)
}

fn support(plan: &Plan) -> Option<El> {
    let external = facts::sorted(&plan.contacts.external, |e| e.priority);
    (!external.is_empty()).then(|| {
        card(
            "External support",
            "called by people, when nobody inside answers",
            stack(
                &["Service", "Contact", "Account", "Priority"],
                external.into_iter().map(supporter).collect::<Vec<_>>(),
            ),
        )
    })
}

fn supporter(e: &ExternalSupport) -> El {
    let priority = match e.priority {
        Priority::P1 => "P1",
        Priority::P2 => "P2",
        Priority::P3 => "P3",
    };
    el("tr")
        .set("data-row", true)
        .put(cell("Service", e.service.clone()))
        .put(cell("Contact", reach(&e.contact)))
        .put(cell(
            "Account",
            el("code").class("keep").put(e.account.clone()),
        ))
        .put(cell("Priority", priority))
}

/// An address, a number or a page of somebody outside, to be tapped.
pub fn reach(contact: &str) -> Node {
    if contact.contains('@') {
        link(format!("mailto:{contact}"), contact.to_owned()).into()
    } else if contact.starts_with("https://") {
        link(contact.to_owned(), contact.to_owned())
            .set("rel", "noreferrer")
            .into()
    } else if contact.starts_with('+') {
        tel(contact).into()
    } else {
        contact.to_owned().into()
    }
}

/// A panel that stays open while the page follows what happens.
pub fn fold(id: impl Into<String>, says: impl Into<Node>, open: bool, body: impl Into<Node>) -> El {
    let id = id.into();
    details()
        .class("rest")
        .set("id", id.clone())
        .set("open", open)
        .put(summary().set("id", format!("{id}-says")).put(says))
        .put(body)
}
