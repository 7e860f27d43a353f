//! The form to subscribe with, and the pages behind the links in messages: each for one reader, so none is published.

use super::{Look, Words, page::Ground};
use crate::status::{
    place::{Api, Form as Shape, Place},
    told::Told,
};
use askama::Template;
use domain::plan::{Language, Way};

/// What was sent of the form before, where that was wrong.
#[derive(Default)]
pub struct Form<'a> {
    pub way: Option<Way>,
    pub address: &'a str,
    pub components: Vec<&'a str>,
}

/// What a page for one reader says.
pub enum Own<'a> {
    /// The form again.
    Mistake(Form<'a>),
    /// A message is on its way, or a request that is signed with this secret.
    Asked {
        secret: Option<String>,
    },
    Confirm {
        address: &'a str,
    },
    Manage {
        address: &'a str,
        components: Vec<&'a str>,
        disabled: bool,
        /// What was just done.
        done: Option<&'static str>,
        /// Where the subscription is ended.
        leave: String,
    },
    Leave {
        address: &'a str,
    },
    Says {
        title: &'static str,
        says: &'static str,
    },
}

#[derive(Template)]
#[template(path = "status/subscribe.html")]
struct SignUp<'a> {
    g: Ground<'a>,
    sent: Form<'a>,
}

#[derive(Template)]
#[template(path = "status/subscription.html")]
struct Page<'a> {
    g: Ground<'a>,
    own: Own<'a>,
    title: &'static str,
}

pub(super) fn form(g: Ground<'_>) -> askama::Result<String> {
    let sent = Form::default();
    SignUp { g, sent }.render()
}

/// A page under a path of its own, with its policy.
pub fn own(
    path: String,
    own: Own<'_>,
    told: &Told,
    language: Language,
) -> askama::Result<(String, String)> {
    let look = Look::of(told);
    let place = Place::Own(path);
    let g = Ground {
        w: Words::of(language),
        told,
        place: &place,
        language,
        form: Shape::Served,
        look: &look,
    };
    let s = g.s();
    let policy = look.policy(super::Kind::Form);
    let page = match own {
        Own::Mistake(sent) => SignUp { g, sent }.render(),
        own => {
            let title = match &own {
                Own::Asked { secret: Some(_) } => s.asking,
                Own::Asked { secret: None } | Own::Mistake(_) => s.asked,
                Own::Confirm { .. } => s.confirm_title,
                Own::Manage { .. } => s.manage_title,
                Own::Leave { .. } => s.leave_title,
                Own::Says { title, .. } => title,
            };
            Page { g, own, title }.render()
        }
    };
    Ok((page?, policy))
}

impl SignUp<'_> {
    fn offers(&self, way: Way) -> bool {
        self.g.told.site.subscribe.contains(&way)
    }

    fn offers_web(&self) -> bool {
        self.offers(Way::Webhook) || self.offers(Way::Slack)
    }

    fn was(&self, way: Way) -> bool {
        self.sent.way == Some(way)
    }

    fn was_web(&self) -> bool {
        self.was(Way::Webhook) || self.was(Way::Slack)
    }

    /// What was chosen, in the form that was sent.
    fn chosen(&self, sent: bool) -> &[&str] {
        if sent { &self.sent.components } else { &[] }
    }
}

fn is_in(chosen: &[&str], id: &str) -> bool {
    chosen.contains(&id)
}
