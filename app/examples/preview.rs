//! Renders every page with a realistic afternoon into a folder, to be looked at:
//! `cargo run -p app --features ssr --example preview -- FOLDER`.

#[path = "../tests/story/mod.rs"]
mod story;

use app::page::{Page, Refused, Unposted, View};
use domain::{AccessRole, Kind, Phase, Refusal};
use std::{fs, path::Path};
use story::{INC, RUN, Story, output, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("name the folder to write into")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../style/main.css"),
        folder.join("main.css"),
    )?;
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/public/icon.svg"),
        folder.join("icon.svg"),
    )?;
    for (name, page) in pages() {
        let html = render(page);
        println!("{name}: {} bytes", html.len());
        fs::write(folder.join(format!("{name}.html")), html)?;
    }
    Ok(())
}

/// An update as somebody is about to post it.
fn draft(mut page: Page) -> Page {
    page.draft = Some(Unposted {
        internal: false,
        phase: Phase::Monitoring,
        message: "Orders are saved again since 14:06 UTC. We are watching.".into(),
        report: Vec::new(),
    });
    page
}

fn pages() -> Vec<(&'static str, Page)> {
    use AccessRole::{Commander, Viewer};
    let quiet = Story::quiet();
    let well = Story::well();
    let failing = Story::failing();
    let recovering = Story::recovering();
    let paused = Story::paused();
    let resolved = Story::resolved();
    let incident = |number: &str| View::Incident {
        number: number.into(),
    };
    let run = || View::Run {
        id: RUN.into(),
        output: output(),
    };
    let declare = || View::Declare {
        title: "Orders API is down".into(),
        affected: vec!["orders-api".into(), "manufacturing-database".into()],
    };
    let mut refused = failing.page(declare(), 30, Commander);
    refused.refused = Some(Refused {
        form: "/incidents".into(),
        refusal: Refusal::invalid(
            "occurred_at",
            "Only a backfilled incident may carry another time.",
        ),
        typed: [
            ("key", "5e1f-declare"),
            ("title", "Orders <b>fail</b>"),
            ("severity", "SEV2"),
            ("affected", "orders-api"),
            ("kind", "real"),
            ("occurred_at", "yesterday"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .to_vec(),
    });
    let mut all = vec![
        ("board-first", quiet.page(View::Board, 10, Commander)),
        ("board-well", well.page(View::Board, 10, Commander)),
        ("board-failing", failing.page(View::Board, 12, Commander)),
        ("board", recovering.page(View::Board, 225, Commander)),
        ("board-viewer", failing.page(View::Board, 12, Viewer)),
        ("incidents-first", quiet.page(View::Incidents { more: None }, 10, Commander)),
        ("incidents", resolved.page(View::Incidents { more: Some("/incidents?before=INC-2026-014".into()) }, 4000, Commander)),
        ("declare", failing.page(declare(), 30, Commander)),
        ("declare-refused", refused),
        ("incident", recovering.page(incident(INC), 225, Commander)),
        ("incident-paused", paused.page(incident(INC), 3900, Commander)),
        ("incident-resolved", resolved.page(incident(INC), 100_000, Commander)),
        ("incident-drill", resolved.page(incident("INC-2026-016"), 2600, Commander)),
        ("incident-viewer", recovering.page(incident(INC), 225, Viewer)),
        ("run", recovering.page(run(), 225, Commander)),
        ("run-paused", paused.page(run(), 300, Commander)),
        ("run-over", resolved.page(run(), 300, Commander)),
        ("runbooks", recovering.page(View::Runbooks, 225, Commander)),
        ("runbook", resolved.page(View::Runbook { slug: "database-recovery".into(), incident: None }, 2600, Commander)),
        ("incident-told", Story::unanswered(2).page(incident(INC), 400, Commander)),
        ("incident-support", Story::unanswered(3).page(incident(INC), 700, Commander)),
        ("incident-quiet-drill", Story::declared(Kind::Drill).page(incident(INC), 60, Commander)),
        ("board-late", Story::unanswered(1).page(View::Board, 330, Commander)),
        ("wall-late", Story::unanswered(1).page(View::Wall, 330, Commander)),
        ("matrix", quiet.page(View::Matrix, 10, Commander)),
        ("update", draft(recovering.page(View::Update { number: INC.into() }, 225, Commander))),
        ("contacts-tested", Story::tested().page(View::Contacts, 0, Commander)),
        ("contacts", quiet.page(View::Contacts, 10, Commander)),
        ("plan", quiet.page(View::Plan, 10, Commander)),
        ("not-yet", quiet.page(View::NotYet { name: "Drills".into(), says: "Drills with their evidence come with a later version. Until then, run a runbook of the group Drills.".into() }, 10, Commander)),
        ("not-found", quiet.page(View::NotFound { says: "There is no incident INC-2026-999.".into() }, 10, Commander)),
    ];
    all.extend(Story::runs());
    all
}
