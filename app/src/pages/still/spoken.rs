//! A message in its words, as somebody gets it.

use crate::{
    node::{El, blockquote, div, el, p},
    page::Spoken,
    parts::dim,
};
use domain::{notify::audience_name, plan::Plan};

pub fn message(plan: &Plan, spoken: &Spoken) -> El {
    let whom = match spoken.to.as_str() {
        "" => audience_name(plan, &spoken.audience).to_owned(),
        to => to.to_owned(),
    };
    let whose = match spoken.by_plan {
        true => " · the plan's words",
        false => " · Muster's words",
    };
    let subject = (!spoken.subject.is_empty()).then(|| el("b").put(spoken.subject.clone()));
    div()
        .class("spoken")
        .put(
            p().put(el("b").put(spoken.channel.name()))
                .put(dim(format!(" {whom}{whose}"))),
        )
        .put(
            blockquote()
                .put(subject)
                .put(div().put(spoken.text.clone())),
        )
}
