//! The clocks of an incident: each says what it counts, against what, and how sure it is. The browser only moves them.

use super::limits;
use crate::{
    facts::{self, Limit, words},
    node::{El, Node, div, el, li, p, span, ul},
    page::{Measured, Page},
    parts::{state, when},
};
use domain::{
    Cover, Incident, Span, Stamp,
    notify::{Cadence, Live, Reached, Score, Standing, Target, scorecard},
    plan::{DataObjective, Plan, Tier},
    recovery::{HOLD, Recovery, Verdict},
    words::Icon,
};

pub fn clocks(page: &Page, i: &Incident) -> Vec<El> {
    let (plan, now, m) = (&page.plan, page.now, &page.measured);
    let mut all = vec![
        elapsed(i, m, now),
        rto(plan, i, m, now),
        rpo(plan, m, now),
        next_word(plan, i, now),
    ];
    all.extend(next_report(plan, i, now));
    all.push(acknowledged(page, i));
    all.extend(first_word(page, i));
    let clocks = div().class("clocks").all(all.into_iter().map(Clock::view));
    let recovery = m.recovery.as_ref().map(|r| account(plan, i, r, now));
    [Some(clocks), recovery].into_iter().flatten().collect()
}

/// A clock: a big figure, what it counts, the limit, and how far on the way to it.
struct Clock {
    what: String,
    figure: String,
    /// What it is measured against, and how sure it is.
    of: Node,
    tone: &'static str,
    limit: Option<Limit>,
    /// It goes on by itself.
    moves: Option<Moves>,
}

struct Moves {
    from: Stamp,
    /// The words before the limit and after it; without them it counts up.
    against: Option<(Span, String, String)>,
}

impl Clock {
    fn still(what: impl Into<String>, figure: impl Into<String>, of: impl Into<Node>) -> Clock {
        Clock {
            what: what.into(),
            figure: figure.into(),
            of: of.into(),
            tone: "is-none",
            limit: None,
            moves: None,
        }
    }

    fn counting(what: &str, from: Stamp, now: Stamp, of: impl Into<Node>) -> Clock {
        let moves = Moves {
            from,
            against: None,
        };
        Clock {
            moves: Some(moves),
            ..Clock::still(what, facts::face(now.since(from)), of)
        }
    }

    /// Counts down to a limit, and then up beyond it.
    fn until(words: [String; 2], from: Stamp, within: Span, now: Stamp, of: Node) -> Clock {
        let limit = Limit {
            within,
            used: now.since(from),
        };
        let [left, over] = words;
        Clock {
            tone: limit.tone(),
            moves: Some(Moves {
                from,
                against: Some((within, left.clone(), over.clone())),
            }),
            what: if limit.is_over() { over } else { left },
            figure: facts::face(limit.left()),
            of,
            limit: Some(limit),
        }
    }

    fn view(self) -> El {
        let meter = self.limit.map(|limit| {
            let within = limit.within.as_secs().max(1);
            let label = format!("{} of {} used", words(limit.used), limit.within.words());
            el("meter")
                .set("min", "0")
                .set("max", within.to_string())
                .set("value", limit.used.as_secs().min(within).to_string())
                .set("aria-label", label)
        });
        let mut clock = div().class(format!("clock {}", self.tone));
        if let Some(moves) = self.moves {
            clock = clock.set("data-from", moves.from.0.to_string());
            if let Some((within, left, over)) = moves.against {
                clock = clock
                    .set("data-within", within.as_secs().to_string())
                    .set("data-left", left)
                    .set("data-over", over);
            }
        }
        clock
            .put(span().class("what").put(self.what))
            .put(el("b").put(self.figure))
            .put(meter)
            .put(span().class("of").put(self.of))
    }
}

fn elapsed(i: &Incident, m: &Measured, now: Stamp) -> Clock {
    match (&m.recovery, i.resolved_at) {
        (Some(r), _) if r.back.is_some() => Clock::still(
            "Service was away",
            facts::face(r.took(now)),
            format!(
                "± {}, from the first failed look to proven service",
                words(r.error)
            ),
        ),
        (Some(r), None) => Clock::counting(
            "Since the impact",
            r.impact,
            now,
            format!("± {}, since the first failed look", words(r.error)),
        ),
        (_, None) => Clock::counting(
            "Since declaration",
            i.declared_at,
            now,
            "impact not measured: no check of an affected service failed",
        ),
        (_, Some(end)) => Clock::still(
            "Declared to resolved",
            facts::face(end.since(i.declared_at)),
            "impact not measured: it may have begun earlier",
        ),
    }
}

/// The tiers of the affected services, the one whose time runs out first in front.
fn tiers<'a>(plan: &'a Plan, i: &Incident) -> Vec<&'a Tier> {
    let of = |id| plan.tier(&plan.service(id)?.tier);
    let mut tiers: Vec<&Tier> = i.affected.iter().filter_map(of).collect();
    tiers.sort_by_key(|t| t.within);
    tiers.dedup();
    tiers
}

fn rto(plan: &Plan, i: &Incident, m: &Measured, now: Stamp) -> Clock {
    let tiers = tiers(plan, i);
    let Some(tier) = tiers.first() else {
        return Clock::still(
            "RTO left",
            "–",
            "no affected service is named, so no objective applies",
        );
    };
    let (from, since) = match &m.recovery {
        Some(r) => (r.impact, "the impact"),
        None => (i.declared_at, "declaration: impact not measured"),
    };
    let end = match (&m.recovery, i.resolved_at) {
        (Some(r), _) => r.back.or(i.resolved_at),
        (None, end) => end,
    };
    let of = format!("of {} since {since}", tier.within.words());
    if let Some(end) = end {
        let limit = Limit {
            within: tier.within,
            used: end.since(from),
        };
        let verdict = m
            .recovery
            .as_ref()
            .map_or(Verdict::NotMeasured, |r| r.verdict(tier.within, now));
        return Clock {
            tone: tone(verdict),
            ..Clock::still(
                format!("RTO {} · {}", verdict.words(), tier.name),
                facts::face(limit.used),
                of,
            )
        };
    }
    let mut says: Vec<Node> = vec![of.into()];
    for other in &tiers[1..] {
        let due = from.plus(other.within);
        says.push(format!(" · {} until ", other.name).into());
        says.push(when(due).into());
    }
    says.extend(forecast(m, from.plus(tier.within), now));
    let words = ["left", "exceeded by"].map(|word| format!("RTO {word} · {}", tier.name));
    Clock::until(words, from, tier.within, now, says.into())
}

fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "is-ok",
        Verdict::Missed => "is-bad",
        Verdict::NotMeasured => "is-none",
    }
}

/// When what runs will be through, going by its own past; and until when another way can still be taken.
fn forecast(m: &Measured, due: Stamp, now: Stamp) -> Vec<Node> {
    let mut says: Vec<Node> = Vec::new();
    if let Some(f) = &m.forecast {
        let through = now.plus(f.left);
        let word = if through > due {
            ", after the limit"
        } else {
            ""
        };
        says.push(format!(" · {} through about ", f.name).into());
        says.push(when(through).into());
        says.push(format!("{word} (median of {})", f.runs).into());
    }
    if let Some(other) = &m.otherwise {
        let latest = Stamp(due.0 - other.left.micros());
        if latest > now {
            says.push(format!(" · {} can wait until ", other.name).into());
            says.push(when(latest).into());
        } else {
            says.push(
                format!(
                    " · too late for {} to make it ({})",
                    other.name,
                    words(other.left)
                )
                .into(),
            );
        }
    }
    says
}

fn limit_of(o: &DataObjective) -> String {
    match o.within.as_secs() {
        0 => format!("{}: nothing", o.name),
        _ => format!("{}: {}", o.name, o.within.words()),
    }
}

fn rpo(plan: &Plan, m: &Measured, now: Stamp) -> Clock {
    const WHAT: &str = "Data at risk · RPO";
    let Some((objective, exposure)) = m.exposures.iter().find_map(|(id, e)| {
        let objective = plan.objectives.rpo.iter().find(|o| o.id == *id)?;
        Some((objective, e))
    }) else {
        let limits: Vec<_> = plan.objectives.rpo.iter().map(limit_of).collect();
        let of = format!("may be lost at most · {}", limits.join(" · "));
        return Clock {
            tone: "is-none unmeasured",
            ..Clock::still(WHAT, "not measured", of)
        };
    };
    let limit = format!("of {}", limit_of(objective));
    let because = &exposure.because;
    let behind = |until: Stamp, point: Stamp| Limit {
        within: objective.within,
        used: until.since(point),
    };
    match (exposure.cover, exposure.point) {
        (Cover::Follows, _) => Clock {
            tone: "is-ok",
            ..Clock::still(WHAT, "seconds", format!("{limit} · {because}"))
        },
        (Cover::Alone, Some(point)) => {
            let says = format!("{limit} · in one place only since ");
            let of: Vec<Node> = vec![
                says.into(),
                when(point).into(),
                format!(": {because}").into(),
            ];
            Clock {
                tone: behind(now, point).tone(),
                ..Clock::counting(WHAT, point, now, of)
            }
        }
        // Nothing is written while nothing answers: what is at stake lies before the impact.
        (Cover::Silent, Some(point)) => {
            let until = m.recovery.as_ref().map_or(exposure.since, |r| r.impact);
            let lost = behind(until, point);
            let of: Vec<Node> = vec![
                format!("{limit} · at most, before the impact: {because} ").into(),
                when(point).into(),
            ];
            Clock {
                tone: lost.tone(),
                ..Clock::still(WHAT, format!("≤ {}", facts::face(lost.used)), of)
            }
        }
        (_, None) => Clock {
            tone: "is-bad",
            ..Clock::still(WHAT, "unknown", format!("{limit} · {because}"))
        },
    }
}

fn next_word(plan: &Plan, i: &Incident, now: Stamp) -> Clock {
    match limits::next_update(plan, i, now) {
        Some((due, limit)) => {
            let every = limit.within.words();
            let first = !i.updates.iter().any(|u| u.public);
            let of = if first {
                format!("the first within {every} for {}", i.severity.id())
            } else {
                format!("every {every} for {}", i.severity.id())
            };
            let words = ["Next public update due in", "Public update late by"].map(String::from);
            let from = Stamp(due.0 - limit.within.micros());
            Clock::until(words, from, limit.within, now, of.into())
        }
        None if i.is_open() => {
            Clock::still("Next public update", "–", "this incident is not public")
        }
        None => Clock::still("Next public update", "–", "resolved: the last word is out"),
    }
}

/// For those at work; a public word counts for them too.
fn next_report(plan: &Plan, i: &Incident, now: Stamp) -> Option<Clock> {
    let (due, limit) = limits::update_due(plan, i, Cadence::Internal, now)?;
    let every = limit.within.words();
    let of = format!("every {every} for {}, inside", i.severity.id());
    let words = ["Next internal update due in", "Internal update late by"].map(String::from);
    let from = Stamp(due.0 - limit.within.micros());
    Some(Clock::until(words, from, limit.within, now, of.into()))
}

/// From the detection to the first person who said that they know, or who was in command.
fn acknowledged(page: &Page, i: &Incident) -> Clock {
    let (m, now) = (&page.measured, page.now);
    let from = m
        .recovery
        .as_ref()
        .map_or(i.declared_at, |r| r.detected.min(i.declared_at));
    let comms = page.told.comms.get(&i.number);
    let first = comms.and_then(|c| c.acknowledged.first());
    let known = match (m.acknowledged, first) {
        (Some(command), Some(a)) if a.at < command => Some((a.at, a.person.as_str())),
        (Some(command), _) => Some((command, "somebody in command")),
        (None, first) => first.map(|a| (a.at, a.person.as_str())),
    };
    match known {
        Some((at, who)) => Clock::still(
            "Time to acknowledge",
            facts::face(at.since(from)),
            format!("from detection to {who}"),
        ),
        None if i.is_open() => Clock {
            tone: "is-warn",
            ..Clock::counting(
                "Not acknowledged for",
                from,
                now,
                "nobody knows or is in command yet",
            )
        },
        None => Clock::still("Time to acknowledge", "–", "nobody acknowledged"),
    }
}

/// Whether those who must know were told.
fn first_word(page: &Page, i: &Incident) -> Option<Clock> {
    const WHAT: &str = "First word to the audiences";
    let comms = page.told.comms.get(&i.number)?;
    let within = page.plan.communication.row(i.severity)?.within;
    let soon = match within.as_secs() {
        0 => "at once".to_owned(),
        _ => format!("within {}", within.words()),
    };
    if let Err(reason) = Live::of(i, &page.plan) {
        return Some(Clock::still(WHAT, "nobody", reason.words()));
    }
    let lines = scorecard(comms, &page.told.notices);
    let first: Vec<_> = lines.iter().filter(|l| l.level == 1).collect();
    let all: usize = first.iter().map(|l| l.to.len()).sum();
    let reached = |l: &&Score<'_>| {
        let is = |t: &&Target<'_>| {
            matches!(
                t.reached(l.due, page.now),
                Reached::Sent { .. } | Reached::ByHand(_)
            )
        };
        l.to.iter().filter(is).count()
    };
    let told: usize = first.iter().map(reached).sum();
    let worst = first.iter().map(|l| l.standing(page.now));
    let worst = worst.max_by_key(|s| match s {
        Standing::NotReached(_) => 4,
        Standing::Overdue(_) => 3,
        Standing::Late(_) => 2,
        Standing::Waits => 1,
        Standing::InTime | Standing::Kept(_) => 0,
    })?;
    let (tone, how) = match worst {
        Standing::NotReached(_) => (
            "is-bad",
            "not all were reached: see who must know".to_owned(),
        ),
        Standing::Overdue(_) => ("is-bad", "late".to_owned()),
        Standing::Late(by) => ("is-warn", format!("late by {}", words(by))),
        Standing::Waits => ("is-none", "under way".to_owned()),
        Standing::InTime | Standing::Kept(_) => ("is-ok", "in time".to_owned()),
    };
    Some(Clock {
        tone,
        ..Clock::still(
            WHAT,
            format!("{told} of {all}"),
            format!("{soon} by the plan · {how}"),
        )
    })
}

/// Once service has returned: where the time went, and what became of each objective.
fn account(plan: &Plan, i: &Incident, r: &Recovery, now: Stamp) -> El {
    let Some(parts) = r.parts() else {
        let again = (r.revoked > 0).then(|| {
            let says = format!(
                "Service seemed to be back {}, and failed again within {}: the clock goes on.",
                match r.revoked {
                    1 => "once".to_owned(),
                    n => format!("{n} times"),
                },
                HOLD.words()
            );
            p().class("notice").put(says)
        });
        return div().class("account").put(again);
    };
    let part = |name: &str, span: Span, what: &str| {
        li().set("title", what.to_owned())
            .put(span_of(name))
            .put(el("b").put(facts::face(span)))
    };
    let list = ul().class("parts").all([
        part(
            "Detect",
            parts.detect,
            "from the first failed look until enough had failed",
        ),
        part("Decide", parts.decide, "from detection to the declaration"),
        part(
            "Act",
            parts.act,
            "from the declaration to the last step before service was back",
        ),
        part(
            "Settle",
            parts.settle,
            "from that step to the first good look",
        ),
    ]);
    let verdicts = tiers(plan, i).into_iter().map(|tier| {
        let verdict = r.verdict(tier.within, now);
        let shape = match verdict {
            Verdict::Met => Icon::Ok,
            Verdict::Missed => Icon::Bad,
            Verdict::NotMeasured => Icon::None,
        };
        li().put(state(
            shape,
            format!(
                "RTO {} {} · {}",
                tier.within.words(),
                verdict.words(),
                tier.name
            ),
        ))
    });
    let held = if r.held {
        format!("It stayed for {}.", HOLD.words())
    } else {
        format!(
            "Not settled yet: if it fails within {} the clock goes on.",
            HOLD.words()
        )
    };
    div()
        .class("account")
        .put(
            p().put(el("b").put(format!(
                "Recovery took {} ± {}. ",
                facts::face(r.took(now)),
                words(r.error)
            )))
            .put(held),
        )
        .put(list)
        .put(ul().class("verdicts").all(verdicts))
}

fn span_of(name: &str) -> El {
    span().put(name.to_owned())
}
