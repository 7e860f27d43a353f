//! What earlier runs tell: whether a runbook is known to work, how long its steps take, and which revisions of it there were.

use super::Missing;
use crate::state::State;
use app::page::{Book, Line, Past, Proof, Ran, Revision};
use domain::{
    Event, Mode, Run, RunStatus, Slug, Span, Stamp,
    plan::{Plan, Runbook},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};

/// So many of the latest runs are looked at.
const LOOK_BACK: u32 = 300;
/// So many runs make a median, and so many are listed.
const JUDGES: usize = 20;
const LISTED: usize = 10;
/// So many of the latest plans are looked into for revisions.
const PLANS: usize = 20;

/// The latest runs, the latest first.
pub async fn runs(state: &State) -> Result<Vec<Arc<Run>>, Missing> {
    let found = state
        .desk
        .store()
        .projections("run", None, LOOK_BACK)
        .await?;
    let world = state.desk.world();
    // The document of one that is open may be behind; what is held here may be as well, by what another node has written.
    let newest = |run: Run| match world.runs.get(&run.id) {
        Some(held) if held.version >= run.version => held.clone(),
        _ => Arc::new(run),
    };
    let documents = found.iter().map(|p| serde_json::from_str(&p.body));
    let mut runs: Vec<Arc<Run>> = documents.filter_map(Result::ok).map(newest).collect();
    runs.sort_by_key(|r: &Arc<Run>| std::cmp::Reverse(r.started_at));
    Ok(runs)
}

/// For every runbook of the plan.
pub fn proof(plan: &Plan, runs: &[Arc<Run>]) -> BTreeMap<Slug, Proof> {
    let of = |r: &Runbook| (r.slug.clone(), proof_of(r, runs));
    plan.runbooks.iter().map(of).collect()
}

fn proof_of(runbook: &Runbook, runs: &[Arc<Run>]) -> Proof {
    let acted = |r: &&Arc<Run>| r.runbook.slug == runbook.slug && r.mode != Mode::DryRun;
    let worked = |r: &&Arc<Run>| went_well(r) && r.ended_at.is_some();
    let acted: Vec<_> = runs.iter().filter(acted).collect();
    let mut well = acted.iter().copied().filter(worked);
    let ended = |r: &Run| r.ended_at.unwrap_or(r.started_at);
    match (
        well.clone().find(|r| same(&r.runbook, runbook)),
        well.next(),
    ) {
        (Some(r), _) => Proof::Worked {
            at: ended(r),
            mode: r.mode,
            exceptions: r.status == RunStatus::CompletedWithExceptions,
        },
        (None, Some(r)) => Proof::Edited { worked: ended(r) },
        (None, None) if acted.is_empty() => Proof::Never,
        (None, None) => Proof::Failed,
    }
}

fn went_well(run: &Run) -> bool {
    matches!(
        run.status,
        RunStatus::Completed | RunStatus::CompletedWithExceptions
    )
}

/// The same content. A run of an older version of Muster did not name its revision.
fn same(a: &Runbook, b: &Runbook) -> bool {
    if !a.revision.is_empty() && !b.revision.is_empty() {
        return a.revision == b.revision;
    }
    let unnamed = |r: &Runbook| Runbook {
        revision: String::new(),
        ..r.clone()
    };
    unnamed(a) == unnamed(b)
}

/// How long the steps of this run took in the runs before it that had the same steps and ended well.
pub fn past(run: &Run, runs: &[Arc<Run>]) -> Past {
    let steps = |r: &Run| -> Vec<String> {
        let names = r.runbook.all_steps().map(|(_, s)| s.name.clone());
        names.collect()
    };
    let like = |r: &&Arc<Run>| {
        r.id != run.id
            && r.runbook.slug == run.runbook.slug
            && r.mode != Mode::DryRun
            && r.started_at < run.started_at
            && went_well(r)
            && steps(r) == steps(run)
    };
    let before: Vec<_> = runs.iter().filter(like).take(JUDGES).collect();
    let mut millis: Vec<u64> = (0..run.steps.len())
        .map(|i| median(before.iter().map(|r| took(r, i)).collect()))
        .collect();
    // What runs at the same time takes as long as the longest of it.
    let group = |i: usize| run.runbook.step(i).and_then(|s| s.parallel.as_deref());
    let mut longest = 0;
    for i in 1..millis.len() {
        if group(i).is_none() || group(i) != group(longest) {
            longest = i;
        } else if millis[i] > millis[longest] {
            millis[longest] = 0;
            longest = i;
        } else {
            millis[i] = 0;
        }
    }
    Past {
        runs: before.len() as u32,
        millis,
    }
}

/// How long a runbook takes from its start to its end, and how many runs say so.
pub fn usual(slug: &Slug, runs: &[Arc<Run>]) -> Option<(Span, u32)> {
    let took = |r: &Arc<Run>| Some(r.ended_at?.since(r.started_at).micros() as u64 / 1000);
    let well = |r: &&Arc<Run>| r.runbook.slug == *slug && r.mode != Mode::DryRun && went_well(r);
    let took: Vec<u64> = runs
        .iter()
        .filter(well)
        .take(JUDGES)
        .filter_map(took)
        .collect();
    let runs = took.len() as u32;
    (runs > 0).then(|| (Span::millis(median(took)), runs))
}

/// A step that did not run took no time.
fn took(run: &Run, step: usize) -> u64 {
    let of = run.steps.get(step);
    let span = of.and_then(|s| Some(s.ended_at?.since(s.started_at?)));
    span.map_or(0, |span| span.micros() as u64 / 1000)
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// The runs and revisions of one runbook; and what became of the revision that is asked about.
pub async fn book(
    state: &State,
    runbook: &Runbook,
    runs: &[Arc<Run>],
    against: Option<&str>,
) -> Result<Book, Missing> {
    let of: Vec<_> = runs
        .iter()
        .filter(|r| r.runbook.slug == runbook.slug)
        .collect();
    let mut known: Vec<(Runbook, Revision)> = Vec::new();
    let mut seen = |found: &Runbook, at: Stamp, ran: bool| {
        let entry = match known.iter_mut().find(|(other, _)| same(other, found)) {
            Some((_, entry)) => entry,
            None => {
                let entry = Revision {
                    name: name(found, runbook),
                    since: at,
                    runs: 0,
                    current: same(found, runbook),
                };
                known.push((found.clone(), entry));
                let Some((_, entry)) = known.last_mut() else {
                    return;
                };
                entry
            }
        };
        entry.runs += u32::from(ran);
        entry.since = entry.since.min(at);
    };
    for run in &of {
        seen(&run.runbook, run.started_at, true);
    }
    for (at, plan) in plans(state).await? {
        if let Some(found) = plan.runbook(&runbook.slug) {
            seen(found, at, false);
        }
    }
    known.sort_by_key(|(_, r)| std::cmp::Reverse((r.current, r.since)));
    let compared = against.and_then(|wanted| {
        let (old, entry) = known.iter().find(|(_, r)| r.name == wanted)?;
        Some((
            entry.name.clone(),
            difference(&written(old), &written(runbook)),
        ))
    });
    let listed = of.iter().take(LISTED).map(|run| Ran {
        run: Arc::clone(run),
        revision: name(&run.runbook, runbook),
    });
    Ok(Book {
        runs: listed.collect(),
        revisions: known.into_iter().map(|(_, r)| r).collect(),
        compared,
    })
}

/// The plans that were in force, each with the time it came to be.
async fn plans(state: &State) -> Result<Vec<(Stamp, Plan)>, Missing> {
    let loaded = super::timeline(state, &["plan".to_owned()], 0, 5000).await?;
    let mut plans: Vec<(Stamp, Plan)> = Vec::new();
    for event in loaded.iter().rev().take(PLANS) {
        let Event::PlanLoaded { hash, .. } = &event.event else {
            continue;
        };
        let json = state.desk.store().plan_revision(hash.as_str()).await?;
        plans.extend(json.and_then(|json| Some((event.at, serde_json::from_str(&json).ok()?))));
    }
    Ok(plans)
}

/// What a revision is called: as the loader named it, or else twelve digits of its content.
fn name(found: &Runbook, current: &Runbook) -> String {
    let of = if same(found, current) { current } else { found };
    if !of.revision.is_empty() {
        return of.revision.clone();
    }
    let digest = Sha256::digest(serde_json::to_vec(of).unwrap_or_default());
    digest[..6].iter().map(|b| format!("{b:02x}")).collect()
}

/// A runbook as lines: like its file, though not letter by letter.
fn written(runbook: &Runbook) -> Vec<String> {
    let mut value = serde_json::to_value(runbook).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("revision");
        map.remove("slug");
    }
    let mut lines = Vec::new();
    write(&value, 0, &mut lines);
    lines
}

fn write(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            let first = |key: &str| !matches!(key, "name" | "trigger");
            let mut entries: Vec<_> = map.iter().filter(|(_, v)| !is_nothing(v)).collect();
            entries.sort_by_key(|(key, v)| (first(key), v.is_array(), key.to_owned()));
            for (key, value) in entries {
                match value {
                    Value::Object(_) | Value::Array(_) => {
                        lines.push(format!("{indent}{key}:"));
                        write(value, depth + 1, lines);
                    }
                    plain => lines.push(format!("{indent}{key}: {}", word(plain))),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let from = lines.len();
                write(item, depth + 1, lines);
                if let Some(first) = lines.get_mut(from) {
                    first.replace_range(indent.len()..indent.len() + 2, "- ");
                }
            }
        }
        plain => lines.push(format!("{indent}{}", word(plain))),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', "\\n"),
        other => other.to_string(),
    }
}

/// Line by line, by their longest common subsequence.
fn difference(old: &[String], new: &[String]) -> Vec<Line> {
    const MOST: usize = 2000;
    let (old, new) = (&old[..old.len().min(MOST)], &new[..new.len().min(MOST)]);
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(new[j].clone()));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Gone(old[i].clone()));
            i += 1;
        } else {
            lines.push(Line::New(new[j].clone()));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{StepRun, StepStatus, plan::Step};

    fn book(commands: &[&str]) -> Runbook {
        let step = |name: &&str| Step {
            name: (*name).into(),
            ..Step::default()
        };
        Runbook {
            slug: "restart".into(),
            name: "Restart".into(),
            steps: commands.iter().map(step).collect(),
            ..Runbook::default()
        }
    }

    fn ran(
        second: i64,
        runbook: &Runbook,
        status: RunStatus,
        mode: Mode,
        took: &[i64],
    ) -> Arc<Run> {
        let at = |s: i64| Stamp((second + s) * 1_000_000);
        let step = |took: &i64| -> StepRun {
            let json = serde_json::json!({
                "status": StepStatus::Succeeded, "because": "", "attempts": [], "retry_at": null, "spent": 0,
                "started_at": at(0), "ended_at": at(*took),
            });
            serde_json::from_value(json).unwrap()
        };
        let json = serde_json::json!({
            "id": format!("run-{second}"), "incident": null, "runbook": runbook, "plan": "p", "parameters": {}, "mode": mode,
            "status": status, "started_at": at(0), "started_by": "Jane", "ended_at": at(60), "exceptions": false,
            "steps": took.iter().map(step).collect::<Vec<_>>(), "paused": null, "version": 1,
        });
        Arc::new(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_runbook_is_verified_by_a_run_of_exactly_that_content_that_ended_well() {
        use RunStatus::*;
        let (old, new) = (book(&["a"]), book(&["a", "b"]));
        let drill = |status, of: &Runbook| vec![ran(0, of, status, Mode::Drill, &[])];
        assert!(matches!(
            proof_of(&new, &drill(Completed, &new)),
            Proof::Worked {
                mode: Mode::Drill,
                exceptions: false,
                ..
            }
        ));
        assert!(matches!(
            proof_of(&new, &drill(CompletedWithExceptions, &new)),
            Proof::Worked {
                exceptions: true,
                ..
            }
        ));
        assert!(matches!(
            proof_of(&new, &drill(Completed, &old)),
            Proof::Edited { .. }
        ));
        assert_eq!(proof_of(&new, &drill(Cancelled, &new)), Proof::Failed);
        assert_eq!(proof_of(&new, &[]), Proof::Never);
        let dry = [ran(0, &new, Completed, Mode::DryRun, &[])];
        assert_eq!(
            proof_of(&new, &dry),
            Proof::Never,
            "a dry run proves nothing"
        );
    }

    #[test]
    fn a_step_is_expected_to_take_the_median_of_the_runs_before() {
        let book = book(&["a", "b"]);
        let done =
            |second, took: &[i64]| ran(second, &book, RunStatus::Completed, Mode::Real, took);
        let runs = [
            done(0, &[3, 0]),
            done(100, &[9, 1]),
            done(200, &[5, 0]),
            ran(250, &book, RunStatus::Failed, Mode::Real, &[90, 90]),
        ];
        let past = past(&done(300, &[0, 0]), &runs);
        assert_eq!((past.runs, past.millis), (3, vec![5_000, 0]));
        assert_eq!(
            super::past(&done(0, &[0, 0]), &runs).runs,
            0,
            "nothing before it"
        );
    }

    #[test]
    fn a_difference_tells_what_went_and_what_came() {
        let lines = difference(&written(&book(&["a", "b"])), &written(&book(&["a", "c"])));
        let changed: Vec<_> = lines
            .iter()
            .filter(|l| !matches!(l, Line::Same(_)))
            .collect();
        assert_eq!(
            format!("{changed:?}"),
            r#"[Gone("  - name: b"), New("  - name: c")]"#
        );
    }
}
