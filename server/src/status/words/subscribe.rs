//! What is said to those who subscribe, on pages and in messages.

mod de;
mod en;
mod es;
mod fr;

use domain::plan::Language;

/// One language. A field that holds `{}` has one place to fill.
pub struct Subscribing {
    /// The way to the form.
    pub updates: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub by_mail: &'static str,
    pub address: &'static str,
    pub by_web: &'static str,
    pub url: &'static str,
    pub as_webhook: &'static str,
    pub as_slack: &'static str,
    pub only_some: &'static str,
    pub none_is_all: &'static str,
    pub send: &'static str,
    pub double: &'static str,
    pub wrong_mail: &'static str,
    pub wrong_url: &'static str,
    pub too_many: &'static str,
    pub try_later: &'static str,
    pub asked: &'static str,
    pub asked_mail: &'static str,
    pub asking: &'static str,
    pub asked_hook: &'static str,
    pub secret: &'static str,
    pub confirm_title: &'static str,
    pub confirm_about: &'static str,
    pub confirm: &'static str,
    pub confirmed: &'static str,
    pub manage_title: &'static str,
    pub manage_about: &'static str,
    pub disabled: &'static str,
    pub in_language: &'static str,
    pub save: &'static str,
    pub saved: &'static str,
    pub leave_title: &'static str,
    pub leave_about: &'static str,
    pub leave: &'static str,
    pub left: &'static str,
    pub left_about: &'static str,
    pub foreign: &'static str,
    pub foreign_about: &'static str,
    pub not_now: &'static str,
    pub not_now_about: &'static str,

    pub mail_confirm: &'static str,
    pub mail_confirm_says: &'static str,
    pub mail_remind: &'static str,
    pub mail_remind_says: &'static str,
    pub mail_why: &'static str,
    pub mail_manage: &'static str,
    pub mail_page: &'static str,
    pub reopened: &'static str,
    pub resolved: &'static str,
}

impl Subscribing {
    pub fn of(language: Language) -> &'static Subscribing {
        match language {
            Language::En => &en::WORDS,
            Language::De => &de::WORDS,
            Language::Fr => &fr::WORDS,
            Language::Es => &es::WORDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_that_is_filled_has_one_place_in_every_language() {
        for language in Language::ALL {
            let w = Subscribing::of(language);
            for filled in [
                w.confirm_about,
                w.manage_about,
                w.leave_about,
                w.mail_confirm,
                w.mail_confirm_says,
                w.mail_remind,
                w.mail_remind_says,
                w.mail_why,
            ] {
                assert_eq!(filled.matches("{}").count(), 1, "{language:?}: {filled}");
            }
        }
    }
}
