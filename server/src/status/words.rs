//! The fixed words of the public pages, in each of their languages. What people wrote themselves stays as they wrote it.

mod de;
mod en;
mod es;
mod fr;
mod subscribe;

pub use subscribe::Subscribing;

use domain::{Health, Phase, Span, Stage, Stamp, plan::Language};
use std::borrow::Borrow;

/// One language. A field that holds `{}` has one place to fill.
pub struct Words {
    pub language: &'static str,
    /// Its own name, for the switch.
    pub called: &'static str,
    pub title: &'static str,
    pub about: &'static str,

    pub all_well: &'static str,
    pub no_data_yet: &'static str,
    pub major: &'static str,
    pub partial: &'static str,
    pub degraded: &'static str,
    pub maintained: &'static str,
    pub recovering: &'static str,

    pub as_of: &'static str,
    /// The whole page is of an earlier time.
    pub last_known: &'static str,
    /// Only what people write is: our own database does not answer.
    pub cut_off: &'static str,
    pub cannot_renew: &'static str,

    pub now: &'static str,
    pub since: &'static str,
    pub until: &'static str,
    pub next_word: &'static str,
    pub looking_into: &'static str,
    pub affects: &'static str,
    pub permalink: &'static str,
    pub postmortem: &'static str,

    pub days_ago: &'static str,
    pub available: &'static str,
    pub down: &'static str,
    pub seen_days: &'static str,
    pub seen_day: &'static str,
    pub troubled_days: &'static str,
    pub troubled_day: &'static str,

    pub maintenance: &'static str,
    pub no_maintenance: &'static str,
    pub history: &'static str,
    pub quiet_month: &'static str,
    pub quiet_days: &'static str,
    pub recent: &'static str,
    pub back: &'static str,
    pub calendar: &'static str,
    pub more: &'static str,
    pub times_utc: &'static str,
    pub times_local: &'static str,
    pub in_utc: &'static str,
    pub in_local: &'static str,
    pub languages: &'static str,
    pub not_here: &'static str,
    pub months: [&'static str; 12],

    /// In the order of [`Health`].
    pub health: [&'static str; 6],
    /// In the order of [`Phase`].
    pub phase: [&'static str; 4],
    /// In the order of [`Stage`].
    pub stage: [&'static str; 5],
    /// What is told of a window where nobody wrote anything.
    pub stage_says: [&'static str; 5],
    pub units: Units,
}

/// What lengths of time are counted in.
pub struct Units {
    pub days: &'static str,
    pub hours: &'static str,
    pub minutes: &'static str,
    pub seconds: &'static str,
    /// What stands between a whole number and its tenths.
    pub point: char,
}

impl Words {
    pub fn of(language: impl Borrow<Language>) -> &'static Words {
        match language.borrow() {
            Language::En => &en::WORDS,
            Language::De => &de::WORDS,
            Language::Fr => &fr::WORDS,
            Language::Es => &es::WORDS,
        }
    }

    pub fn health(&self, health: impl Borrow<Health>) -> &'static str {
        self.health[*health.borrow() as usize]
    }

    pub fn phase(&self, phase: impl Borrow<Phase>) -> &'static str {
        self.phase[*phase.borrow() as usize]
    }

    pub fn stage(&self, stage: impl Borrow<Stage>) -> &'static str {
        self.stage[*stage.borrow() as usize]
    }

    pub fn stage_says(&self, stage: impl Borrow<Stage>) -> &'static str {
        self.stage_says[*stage.borrow() as usize]
    }

    /// `12 min`, `3 h`, `2 d`: the largest unit that fits.
    pub fn length(&self, span: Span) -> String {
        let (count, unit) = match span.as_secs() {
            s @ 0..60 => (s, self.units.seconds),
            s @ 60..5_400 => (s / 60, self.units.minutes),
            s @ 5_400..172_800 => ((s + 1_800) / 3_600, self.units.hours),
            s => (s / 86_400, self.units.days),
        };
        format!("{count} {unit}")
    }

    /// `99.92 %`. Rounded down, and to as many digits as are needed: what was not whole is never called 100 %.
    pub fn percent(&self, share: f64) -> String {
        let hundredths = (share * 10_000.0).floor().clamp(0.0, 10_000.0) as u32;
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        if rest == 0 {
            return format!("{whole} %");
        }
        let digits = format!("{rest:02}");
        format!(
            "{whole}{}{} %",
            self.units.point,
            digits.trim_end_matches('0')
        )
    }

    /// `November 2026`.
    pub fn month(&self, month: impl Borrow<(i64, u8)>) -> String {
        let (year, month) = *month.borrow();
        let name = self.months[usize::from(month.clamp(1, 12)) - 1];
        format!("{name} {year}")
    }

    /// `{}` filled.
    pub fn fill(&self, sentence: &str, with: &str) -> String {
        sentence.replacen("{}", with, 1)
    }
}

/// Year and month of an instant, in UTC.
pub fn month_of(at: Stamp) -> (i64, u8) {
    let text = at.rfc3339();
    (
        at.year(),
        text.get(5..7).and_then(|m| m.parse().ok()).unwrap_or(1),
    )
}

/// The language of a request: the one asked for by its address, else the first that its reader understands and we speak,
/// else the first of ours.
pub fn choose(asked: Option<&str>, accepts: Option<&str>, ours: &[Language]) -> Language {
    let named = |tag: &str| {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        ours.iter()
            .copied()
            .find(|l| l.id().eq_ignore_ascii_case(primary))
    };
    if let Some(language) = asked.and_then(named) {
        return language;
    }
    let mut best: Option<(f32, Language)> = None;
    for choice in accepts.unwrap_or_default().split(',') {
        let mut parts = choice.split(';');
        let tag = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|p| p.trim().strip_prefix("q=")?.trim().parse::<f32>().ok())
            .unwrap_or(1.0);
        if weight > 0.0
            && let Some(language) = named(tag)
            && best.is_none_or(|(w, _)| weight > w)
        {
            best = Some((weight, language));
        }
    }
    match best {
        Some((_, language)) => language,
        None => ours.first().copied().unwrap_or(Language::En),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_decides_then_the_reader_then_the_plan() {
        let ours = [Language::En, Language::De, Language::Fr];
        let choose = |asked, accepts| choose(asked, accepts, &ours);
        assert_eq!(choose(Some("fr"), Some("de")), Language::Fr);
        assert_eq!(choose(Some("it"), Some("de-AT,en;q=0.5")), Language::De);
        assert_eq!(choose(None, Some("it, fr;q=0.4, de;q=0.8")), Language::De);
        assert_eq!(choose(None, Some("de;q=0, fr;q=0.1")), Language::Fr);
        assert_eq!(choose(None, Some("es, *")), Language::En);
        assert_eq!(choose(None, None), Language::En);
        assert_eq!(choose(Some(""), Some(";;q=,,q=x;")), Language::En);
    }

    #[test]
    fn a_share_is_never_rounded_up_to_whole() {
        let en = Words::of(Language::En);
        assert_eq!(en.percent(1.0), "100 %");
        assert_eq!(en.percent(0.999_999), "99.99 %");
        assert_eq!(en.percent(0.982), "98.2 %");
        assert_eq!(Words::of(Language::De).percent(0.5), "50 %");
        assert_eq!(Words::of(Language::Fr).percent(0.99925), "99,92 %");
    }

    #[test]
    fn every_sentence_that_is_filled_has_one_place_in_every_language() {
        for language in Language::ALL {
            let w = Words::of(language);
            assert_eq!(w.language, language.id());
            for filled in [
                w.title,
                w.about,
                w.recovering,
                w.as_of,
                w.last_known,
                w.cut_off,
                w.next_word,
                w.available,
                w.down,
                w.seen_days,
                w.troubled_days,
                w.days_ago,
                w.quiet_days,
                w.times_local,
                w.cannot_renew,
            ] {
                assert_eq!(filled.matches("{}").count(), 1, "{language:?}: {filled}");
            }
        }
    }
}
