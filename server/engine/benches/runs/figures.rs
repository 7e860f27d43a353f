//! What was measured, as rows: medians, and medians of what is more than the control in the same round.

use std::time::Duration;

/// The times of one variant, in milliseconds, round by round. None where it is not on this machine.
pub struct Row {
    pub name: &'static str,
    pub rounds: Vec<Vec<f64>>,
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    at(values.into_iter().collect(), 50)
}

/// The value that so many percent are not above.
fn at(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        many => values[(many - 1) * percent / 100],
    }
}

impl Row {
    pub fn new(name: &'static str) -> Row {
        Row {
            name,
            rounds: Vec::new(),
        }
    }

    pub fn is_here(&self) -> bool {
        self.rounds.iter().any(|round| !round.is_empty())
    }

    pub fn percent(&self, percent: usize) -> f64 {
        at(self.rounds.concat(), percent)
    }

    /// The median over the rounds of what `compare` makes of this row's median and the control's in that round.
    pub fn to(&self, control: &Row, compare: impl Fn(f64, f64) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&control.rounds);
        let pairs = pairs.filter(|(own, control)| !own.is_empty() && !control.is_empty());
        median(pairs.map(|(own, control)| {
            compare(median(own.iter().copied()), median(control.iter().copied()))
        }))
    }
}

/// One line of the table of numbers to hold, computed from what was measured: `.ci/bench` collects them.
pub fn number(what: &str, must: &str, here: String, held: bool) {
    let held = if held { "held" } else { "not held" };
    println!("NUMBER {what} | {must} | {here} | {held}");
}
