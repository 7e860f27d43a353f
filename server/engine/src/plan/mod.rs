//! The plan's loader: a folder of YAML in, a whole plan or everything that is wrong with it out.
//!
//! Each file is read within bounds, taken apart once for its places (`places`) and once for its meaning (`decode`); what
//! holds between the files is judged by [`domain::plan::check`], and by `facts` where that takes a library. A problem
//! carries a path in the plan (`services[3].depends_on[0]`), the places turn it into file, line and column.
//!
//! Architecture invariant: a plan is loaded whole or not at all; what is in force never has a fault.
//! Architecture invariant: no input makes the loader panic, recurse without bound or take more than its limits.
//!
//! Deliberately absent: watching the folder and keeping revisions. Whoever does that asks [`load`] and compares hashes.

mod decode;
mod diff;
mod facts;
mod folder;
mod picture;
mod places;
mod revision;

pub use diff::{Change, What, diff};
pub use facts::{cron, timezone};
pub use revision::{canonical_json, hash};

use domain::{
    PlanHash, Slug,
    plan::{Plan, Problem, Runbook},
};
use places::Places;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// A plan in which everything holds, and its content hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub plan: Plan,
    pub hash: PlanHash,
}

/// One thing wrong: where, what stands there, and what would be right.
/// As text: ``services.yaml:12:7: `orders-apy`: no service has this id; did you mean `orders-api`?``
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Within the plan's folder, such as `runbooks/failover.yaml`.
    pub file: String,
    /// Both from 1; the column counts characters.
    pub line: usize,
    pub column: usize,
    pub found: String,
    pub says: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if self.found.trim().is_empty() && !self.found.contains('\t') {
            return write!(f, "\"\": {}", self.says);
        }
        write!(f, "`")?;
        for c in self.found.chars().take(SHOWN) {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?
            } else {
                write!(f, "{c}")?
            }
        }
        let more = if self.found.chars().nth(SHOWN).is_some() {
            "…"
        } else {
            ""
        };
        write!(f, "{more}`: {}", self.says)
    }
}

impl Fault {
    /// About a file as a whole.
    fn file(file: &str, found: &str, says: impl Into<String>) -> Self {
        Fault {
            file: file.into(),
            line: 1,
            column: 1,
            found: found.into(),
            says: says.into(),
        }
    }
}

/// A plan's parts: the field of [`Plan`], its file, and whether a plan can be without it.
const PARTS: [(&str, &str, bool); 15] = [
    ("about", "plan.yaml", true),
    ("objectives", "objectives.yaml", true),
    ("services", "services.yaml", true),
    ("targets", "targets.yaml", true),
    ("communication", "communication.yaml", true),
    ("contacts", "contacts.yaml", true),
    ("channels", "channels.yaml", false),
    ("rotations", "rotations.yaml", false),
    ("scenarios", "scenarios.yaml", false),
    ("schedules", "schedules.yaml", false),
    ("checklist", "checklist.yaml", true),
    ("appendices", "appendices.yaml", false),
    ("conditions", "conditions.yaml", false),
    ("failover", "failover.yaml", false),
    ("status", "status.yaml", false),
];
const RUNBOOKS: &str = "runbooks";
/// Keys of a runbook that are not for writing.
const FILLED_IN: [(&str, &str); 2] = [
    (
        "slug",
        "a runbook's slug is the name of its file; take this line away",
    ),
    (
        "revision",
        "a runbook's revision follows from its content; take this line away",
    ),
];

/// Reads the plan in `dir`. Every fault of every file at once, in the order of the files: of a file that cannot be
/// understood the first, of all others everything that does not hold.
pub fn load(dir: &Path) -> Result<Loaded, Vec<Fault>> {
    let mut reading = Reading::default();
    let texts = folder::read(dir, &mut reading.faults)?;
    let plan = reading.understand(&texts);
    reading.judge(&plan);
    if reading.faults.is_empty() {
        let hash = hash(&plan);
        return Ok(Loaded { plan, hash });
    }
    let rank = |file: &str| {
        PARTS
            .iter()
            .position(|(_, f, _)| *f == file)
            .unwrap_or(PARTS.len())
    };
    reading.faults.sort_by(|a, b| {
        (rank(&a.file), &a.file, a.line, a.column).cmp(&(rank(&b.file), &b.file, b.line, b.column))
    });
    reading.faults.dedup();
    Err(reading.faults)
}

/// What is known so far of a plan that is being read.
#[derive(Default)]
struct Reading {
    faults: Vec<Fault>,
    places: BTreeMap<String, Places>,
    /// Parts of which something could not be understood: what seems to be missing from them may be there.
    unread: BTreeSet<&'static str>,
}

impl Reading {
    fn understand(&mut self, texts: &folder::Texts) -> Plan {
        let mut plan = Plan {
            about: self.part("about", texts),
            objectives: self.part("objectives", texts),
            services: self.part("services", texts),
            targets: self.part("targets", texts),
            communication: self.part("communication", texts),
            contacts: self.part("contacts", texts),
            channels: self.part("channels", texts),
            rotations: self.part("rotations", texts),
            scenarios: self.part("scenarios", texts),
            schedules: self.part("schedules", texts),
            checklist: self.part("checklist", texts),
            appendices: self.part("appendices", texts),
            conditions: self.part("conditions", texts),
            failover: self.part("failover", texts),
            status: self.part("status", texts),
            runbooks: Vec::new(),
        };
        if texts.incomplete.contains(RUNBOOKS) {
            self.unread.insert(RUNBOOKS);
        }
        // By slug, since the map is by file name: a plan does not depend on the order in which a folder is listed.
        for (file, text) in texts
            .by_file
            .range(format!("{RUNBOOKS}/")..format!("{RUNBOOKS}0"))
        {
            match self.one::<Runbook>(file, text) {
                Some(mut runbook) => {
                    for (key, says) in FILLED_IN {
                        let Some(place) = self.places[file].key(key) else {
                            continue;
                        };
                        self.faults.push(Fault {
                            file: file.clone(),
                            line: place.line,
                            column: place.column,
                            found: key.into(),
                            says: says.into(),
                        });
                    }
                    runbook.slug = slug(file);
                    runbook.revision = revision::of(&runbook);
                    plan.runbooks.push(runbook);
                }
                None => _ = self.unread.insert(RUNBOOKS),
            }
        }
        plan.runbooks.sort_by(|a, b| a.slug.cmp(&b.slug));
        plan
    }

    fn part<T: DeserializeOwned + Default>(
        &mut self,
        part: &'static str,
        texts: &folder::Texts,
    ) -> T {
        let Some((_, file, required)) = PARTS.iter().find(|(p, _, _)| *p == part) else {
            return T::default();
        };
        match texts.by_file.get(*file) {
            Some(text) => self.one(file, text).unwrap_or_else(|| {
                self.unread.insert(part);
                T::default()
            }),
            None => {
                if texts.incomplete.contains(*file) {
                    self.unread.insert(part);
                } else if *required {
                    self.unread.insert(part);
                    self.faults.push(Fault::file(
                        file,
                        file,
                        "the plan's folder has no such file; every plan needs one",
                    ));
                }
                T::default()
            }
        }
    }

    fn one<T: DeserializeOwned>(&mut self, file: &str, text: &str) -> Option<T> {
        let read = Places::of(text).and_then(|places| {
            let value = decode::decode(text, &places);
            self.places.insert(file.to_owned(), places);
            value
        });
        match read {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.faults.push(Fault {
                    file: file.into(),
                    line: wrong.line,
                    column: wrong.column,
                    found: wrong.found,
                    says: wrong.says,
                });
                None
            }
        }
    }

    /// What does not hold between things that could be understood.
    fn judge(&mut self, plan: &Plan) {
        let problems = domain::plan::check(plan)
            .into_iter()
            .chain(facts::check(plan));
        let faults: Vec<Fault> = problems
            .filter(|p| {
                p.missing_from
                    .is_none_or(|part| !self.unread.contains(part))
            })
            .filter_map(|p| self.place(plan, p))
            .collect();
        self.faults.extend(faults);
    }

    /// The problem in its place; nothing where its own part was not read at all.
    fn place(&self, plan: &Plan, problem: Problem) -> Option<Fault> {
        let end = problem.at.find(['.', '[']).unwrap_or(problem.at.len());
        let (part, mut path) = problem.at.split_at(end);
        let file = match PARTS.iter().find(|(p, _, _)| *p == part) {
            Some((_, file, _)) if !self.unread.contains(part) => (*file).to_owned(),
            Some(_) => return None,
            None => {
                let (index, rest) = path
                    .strip_prefix('[')
                    .and_then(|p| p.split_once(']'))
                    .unwrap_or(("0", ""));
                path = rest;
                format!(
                    "{RUNBOOKS}/{}.yaml",
                    plan.runbooks.get(index.parse::<usize>().ok()?)?.slug
                )
            }
        };
        let place = self
            .places
            .get(&file)
            .map(|places| places.at(path))
            .unwrap_or_default();
        Some(Fault {
            file,
            line: place.line,
            column: place.column,
            found: problem.found,
            says: problem.says,
        })
    }
}

/// `runbooks/failover.yaml` → `failover`.
fn slug(file: &str) -> Slug {
    let name = file.rsplit('/').next().unwrap_or(file);
    Slug::from(name.strip_suffix(".yaml").unwrap_or(name))
}
