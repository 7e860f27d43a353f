//! What declaring would do now, in a sentence: before it is done.

use crate::{
    facts,
    node::{El, Node, div, el, li, p, span, ul},
    page::{Page, Way},
    parts::{dim, icon, state, tel, when},
};
use domain::{
    Severity, Stamp,
    notify::{Addressee, People, Suppressed},
    plan::{Channel, Level},
    words::Icon,
};
use std::collections::BTreeMap;

/// Whom an addressee list reaches and whom it does not, counted.
#[derive(Debug, Default, PartialEq)]
pub struct Reach<'a> {
    /// So many by each channel, now.
    pub now: BTreeMap<Channel, usize>,
    /// Until then somebody is left asleep.
    pub held: Vec<(&'a str, Stamp)>,
    /// To be told by hand, by channel, and why.
    pub by_hand: BTreeMap<(Channel, String), usize>,
}

impl<'a> Reach<'a> {
    pub fn of(to: &'a [Addressee], ways: &[Way]) -> Reach<'a> {
        let mut reach = Reach::default();
        for to in to {
            match (why_not(to, ways), to.held_until) {
                (Some(why), _) => *reach.by_hand.entry((to.channel, why)).or_default() += 1,
                (None, Some(until)) => {
                    if !reach.held.iter().any(|(who, _)| *who == to.person) {
                        reach.held.push((&to.person, until));
                    }
                }
                (None, None) => *reach.now.entry(to.channel).or_default() += 1,
            }
        }
        reach
    }

    /// "This will phone 4, mail 4 and post to 2 places now."
    pub fn sentence(&self) -> String {
        let mut acts: Vec<String> = Vec::new();
        let mut places = 0;
        for (channel, n) in &self.now {
            match channel {
                Channel::Phone => acts.push(format!("phone {n}")),
                Channel::Sms => acts.push(format!("text {n}")),
                Channel::Email => acts.push(format!("mail {n}")),
                _ => places += n,
            }
        }
        if places > 0 {
            let s = if places == 1 { "" } else { "s" };
            acts.push(format!("post to {places} place{s}"));
        }
        match acts.is_empty() {
            true => "Muster will tell nobody now.".into(),
            false => {
                let acts = acts.iter().map(String::as_str).collect();
                format!("This will {} now.", facts::and(acts))
            }
        }
    }
}

/// Why it does not go out by itself: the plan has no way, or the way is not connected.
fn why_not(to: &Addressee, ways: &[Way]) -> Option<String> {
    if let Some(reason) = to.suppressed {
        return Some(reason.words().into());
    }
    let named = (!to.channel.is_personal()).then_some(to.person.as_str());
    let mut ways = ways.iter();
    let way = ways.find(|w| w.channel == to.channel && w.name.as_deref() == named);
    match way {
        Some(way) => way.trouble.clone(),
        None => Some(Suppressed::NotConfigured.words().into()),
    }
}

/// The preview of one severity. The style sheet shows that of the chosen one.
pub fn of(page: &Page, severity: Severity) -> El {
    let none = Vec::new();
    let to = page.told.preview.get(&severity).unwrap_or(&none);
    let reach = Reach::of(to, &page.told.ways);
    let held: Node = match reach.held.is_empty() {
        true => "Nobody is held until morning.".into(),
        false => {
            let one = |(who, until): &(&str, Stamp)| {
                Node::from(vec![
                    Node::from(format!("{who} until ")),
                    when(*until).into(),
                ])
            };
            let mut says = vec![Node::from("Held in quiet hours: ")];
            for (n, held) in reach.held.iter().enumerate() {
                says.push(if n == 0 { "" } else { ", " }.into());
                says.push(one(held));
            }
            says.push(".".into());
            says.into()
        }
    };
    let by_hand = reach.by_hand.iter().map(|((channel, why), n)| {
        let says = format!(
            "{} by hand: {n}. {} ({why}).",
            channel.name(),
            verb(*channel)
        );
        p().class("notice").put(icon("warn")).put(span().put(says))
    });
    div()
        .class("plan-line")
        .set("data-severity", severity.id())
        .put(
            p().class("will")
                .put(el("b").put(reach.sentence()))
                .put(" ")
                .put(held),
        )
        .all(by_hand)
        .put(people(page, to))
        .put(p().class("small dim").put(deadline(page, severity)))
}

fn verb(channel: Channel) -> &'static str {
    match channel {
        Channel::Phone => "Call them",
        Channel::Sms => "Text them",
        Channel::Email => "Write to them",
        _ => "Post there",
    }
}

/// Who, by what, and the number in case it does not.
fn people(page: &Page, to: &[Addressee]) -> El {
    let directory = People::of(&page.plan.contacts);
    let mut names: Vec<&str> = Vec::new();
    for to in to {
        if !names.contains(&to.person.as_str()) {
            names.push(&to.person);
        }
    }
    let one = |name: &str| {
        let by: Vec<&str> = to
            .iter()
            .filter(|t| t.person == name)
            .map(|t| t.channel.name())
            .collect();
        let contact = directory.get(name);
        let on_call = page.told.on_call.iter().any(|o| o.person == name);
        let on_call = (on_call && contact.is_some()).then(|| state(Icon::Person, "On call"));
        let about = div()
            .class("grow")
            .put(name.to_owned())
            .put(contact.map(|c| dim(format!(" {}", c.role))))
            .put(div().class("small dim").put(facts::and(by)));
        li().put(about)
            .put(on_call)
            .put(contact.map(|c| tel(&c.phone)))
    };
    ul().class("plain").all(names.into_iter().map(one))
}

/// By when the plan asks for it, and what follows where nobody answers.
fn deadline(page: &Page, severity: Severity) -> String {
    let plan = &page.plan;
    let within = match plan.communication.row(severity) {
        Some(row) if row.within.as_secs() > 0 => format!("within {}", row.within.words()),
        _ => "at once".to_owned(),
    };
    let next = plan.communication.severity(severity);
    let next = next.and_then(|p| p.acknowledge_within()).map(|wait| {
        let levels = plan.communication.levels();
        let asked = |level: &Level| super::super::matrix::asked(plan, level).to_lowercase();
        let then: Vec<String> = levels.iter().map(asked).collect();
        let then = then.join(", then ");
        format!(
            " Where nobody acknowledges within {}: {then}.",
            wait.words()
        )
    });
    format!("The plan asks for it {within}.{}", next.unwrap_or_default())
}

/// What is said instead where nobody is to be told. The style sheet shows the one that fits.
pub fn nobody() -> Vec<El> {
    let one = |of: &'static str, says: &'static str| {
        p().class("nobody")
            .set("data-nobody", of)
            .put(el("b").put("Nobody is told. "))
            .put(says)
    };
    vec![
        one(
            "quiet",
            "It is declared quietly: it stands on the board, and who looks sees it.",
        ),
        one(
            "drill",
            "A drill reaches no real person: what would be sent is shown on its page as not sent.",
        ),
        one("backfilled", "It is written down after the fact."),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(person: &str, channel: Channel) -> Addressee {
        Addressee {
            audience: "all".into(),
            person: person.into(),
            channel,
            held_until: None,
            suppressed: None,
        }
    }

    fn way(channel: Channel, name: Option<&str>, trouble: Option<&str>) -> Way {
        Way {
            channel,
            name: name.map(str::to_owned),
            trouble: trouble.map(str::to_owned),
            worked: None,
            failed: None,
        }
    }

    #[test]
    fn the_sentence_counts_only_who_is_really_reached() {
        let ways = [
            way(Channel::Phone, None, None),
            way(Channel::Email, None, None),
            way(Channel::Slack, Some("ops"), None),
            way(
                Channel::Teams,
                Some("board"),
                Some("MUSTER_TEAMS_URL is not set"),
            ),
        ];
        let mut all: Vec<Addressee> = ["Jane", "Bob"]
            .into_iter()
            .flat_map(|who| [to(who, Channel::Phone), to(who, Channel::Email)])
            .collect();
        all.push(to("ops", Channel::Slack));
        all.push(to("board", Channel::Teams));
        all[3].held_until = Some(Stamp(7));
        let reach = Reach::of(&all, &ways);
        assert_eq!(
            reach.sentence(),
            "This will phone 2, mail 1 and post to 1 place now."
        );
        assert_eq!(reach.held, [("Bob", Stamp(7))]);
        let by_hand = ((Channel::Teams, "MUSTER_TEAMS_URL is not set".into()), 1);
        assert_eq!(reach.by_hand, BTreeMap::from([by_hand]));
        let none = Reach::of(&all, &[]);
        assert_eq!(none.sentence(), "Muster will tell nobody now.");
        assert_eq!(none.by_hand.values().sum::<usize>(), 6);
    }
}
