//! The loader's promises. Each folder of `broken_plans/cases` is laid over `broken_plans/base`, a small plan that is
//! whole, and makes one mistake; the first line of its file says what the loader must answer, to the letter.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot make its files has failed"
)]

use engine::plan::{Fault, Loaded, canonical_json, diff, load};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn shipped() -> PathBuf {
    Path::new(HERE).join("../../plan")
}

fn base() -> PathBuf {
    Path::new(HERE).join("tests/broken_plans/base")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            _ = fs::copy(entry.path(), to).unwrap()
        }
    }
}

/// A copy of a plan, to spoil.
fn copy_of(plan: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(plan, dir.path());
    dir
}

/// The base plan with these files in place of its own.
fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = copy_of(&base());
    for (file, text) in files {
        fs::write(dir.path().join(file), text).unwrap();
    }
    dir
}

fn whole(dir: &Path) -> Loaded {
    load(dir).unwrap_or_else(|faults| panic!("{} is not whole:\n{}", dir.display(), lines(&faults)))
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(|f| format!("{f}\n")).collect()
}

fn faults(dir: &Path) -> String {
    load(dir).map_or_else(|faults| lines(&faults), |_| "no fault".into())
}

#[test]
fn the_shipped_plan_is_whole() {
    let plan = whole(&shipped()).plan;
    assert_eq!(plan.about.name, "Disaster Recovery Plan");
    assert_eq!(plan.objectives.rto.len(), 3);
    assert_eq!(plan.contacts.emergency.len(), 4);
    assert_eq!(plan.checklist.emergency.len(), 6);
    assert_eq!(plan.scenarios.len(), 6);
    let retries = plan
        .runbook(&"database-recovery".into())
        .map(|r| r.steps[1].retries);
    assert_eq!(retries, Some(3));
}

#[test]
fn forty_broken_plans_each_name_their_place() {
    whole(&base());
    let mut seen = 0;
    let mut wrong = String::new();
    for case in fs::read_dir(Path::new(HERE).join("tests/broken_plans/cases")).unwrap() {
        let case = case.unwrap();
        let plan = copy_of(&base());
        copy(&case.path(), plan.path());
        let expected = expectation(&case.path())
            .unwrap_or_else(|| panic!("{case:?} does not say what it expects"));
        let answer = faults(plan.path());
        if answer.trim_end() != expected {
            wrong += &format!(
                "{}\n  expected {expected}\n  got      {answer}",
                case.file_name().to_string_lossy()
            );
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen >= 53, "only {seen} cases were found");
}

/// What the first line of a case's file says after `# expect: `.
fn expectation(case: &Path) -> Option<String> {
    fs::read_dir(case).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return expectation(&path);
        }
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .next()?
            .strip_prefix("# expect: ")
            .map(str::to_owned)
    })
}

#[test]
fn all_faults_of_all_files_come_at_once_and_none_is_raised_by_another() {
    let plan = with(&[
        (
            "objectives.yaml",
            "rto:\n  - {id: critical, name: Critical, within: soon}\nrpo: []\n",
        ),
        (
            "scenarios.yaml",
            "- {id: outage, name: Outage, category: Outages, runbook: restat}\n- {id: outage, name: \"\", category: Outages, runbook: restart}\n",
        ),
        ("runbooks/other.yaml", "name: Other\nstepps: []\n"),
        (
            "runbooks/restart.yaml",
            "name: Restart\nsteps:\n  - {name: Restart, commands: [\"\"]}\n",
        ),
    ]);
    // The tiers are not known, so no service is told that its tier does not exist; a runbook could not be read, so no
    // scenario is told that its runbook does not exist.
    assert_eq!(
        faults(plan.path())
            .lines()
            .map(|l| l.splitn(4, ' ').take(2).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>(),
        [
            "objectives.yaml:2:44: `soon`:",
            "scenarios.yaml:2:8: `outage`:",
            "scenarios.yaml:2:22: \"\":",
            "runbooks/other.yaml:2:1: `stepps`:",
            "runbooks/restart.yaml:3:32: \"\":",
        ]
    );
}

#[test]
fn what_is_no_plan_is_refused_with_a_sentence() {
    let said = |dir: &Path, piece: &str| {
        let answer = faults(dir);
        assert_eq!(answer.lines().count(), 1, "{answer}");
        assert!(answer.contains(piece), "{answer}");
    };
    let nowhere = tempfile::tempdir().unwrap();
    said(
        &nowhere.path().join("plan"),
        "the plan's folder cannot be read",
    );

    let plan = copy_of(&base());
    fs::remove_file(plan.path().join("services.yaml")).unwrap();
    said(
        plan.path(),
        "services.yaml:1:1: `services.yaml`: the plan's folder has no such file; every plan needs one",
    );
    fs::create_dir(plan.path().join("services.yaml")).unwrap();
    said(
        plan.path(),
        "services.yaml:1:1: `services.yaml`: this is not a file",
    );

    said(
        with(&[("checklist.yaml", "emergency:\n  - a\u{0}b\n")]).path(),
        "checklist.yaml:2:6: `\\u{0}`: a NUL",
    );
    said(
        with(&[(
            "checklist.yaml",
            &format!("emergency: [{}]\n", "x, ".repeat(400_000)),
        )])
        .path(),
        "larger than 1 MiB",
    );
    said(
        with(&[("checklist.yaml", "emergency: &all [*all]\n")]).path(),
        "checklist.yaml:1:18",
    );

    let plan = copy_of(&base());
    fs::write(
        plan.path().join("plan.yaml"),
        b"schema_version: 1\nname: Caf\xe9\n",
    )
    .unwrap();
    said(
        plan.path(),
        "plan.yaml:2:10: `byte 0xe9`: this is not UTF-8",
    );

    let plan = copy_of(&base());
    for i in 0..500 {
        fs::write(plan.path().join(format!("runbooks/r{i}.yaml")), "").unwrap();
    }
    said(plan.path(), "a plan at most 500");
}

#[test]
fn a_link_may_not_lead_out_of_the_plan() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.yaml"), "emergency: [secret]\n").unwrap();
    let plan = copy_of(&base());
    let checklist = plan.path().join("checklist.yaml");
    fs::rename(&checklist, plan.path().join(".real")).unwrap();
    symlink(".real", &checklist).unwrap();
    whole(plan.path());

    fs::remove_file(&checklist).unwrap();
    symlink(outside.path().join("secret.yaml"), &checklist).unwrap();
    let answer = faults(plan.path());
    assert_eq!(answer.lines().count(), 1, "{answer}");
    assert!(
        answer.starts_with("checklist.yaml:1:1: `checklist.yaml`: this link leads out"),
        "{answer}"
    );

    let plan = copy_of(&base());
    fs::rename(
        plan.path().join("runbooks"),
        outside.path().join("runbooks"),
    )
    .unwrap();
    symlink(
        outside.path().join("runbooks"),
        plan.path().join("runbooks"),
    )
    .unwrap();
    assert!(
        faults(plan.path()).contains("runbooks:1:1: `runbooks`: this link leads out"),
        "{}",
        faults(plan.path())
    );
}

#[test]
fn comments_and_order_of_files_do_not_change_the_hash() {
    let first = whole(&shipped());
    let again = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = yaml_files(&shipped());
    files.reverse();
    fs::create_dir(again.path().join("runbooks")).unwrap();
    for file in files {
        let text = fs::read_to_string(shipped().join(&file)).unwrap();
        fs::write(
            again.path().join(&file),
            format!("# Said again.\n---\n{text}\n# The end.\n"),
        )
        .unwrap();
    }
    assert_eq!(whole(again.path()), first);

    let tidy = with(&[(
        "objectives.yaml",
        "rpo: [{within: 15m, name: Database, id: database}]\nrto:\n- id: critical\n  within: 60m\n  name: 'Critical'\n- {id: core, name: Core, within: 2h}\n",
    )]);
    assert_eq!(whole(tidy.path()).hash, whole(&base()).hash);
    let other = with(&[(
        "objectives.yaml",
        "rpo: [{within: 15m, name: Database, id: database}]\nrto:\n- {id: critical, name: Critical, within: 59m}\n- {id: core, name: Core, within: 2h}\n",
    )]);
    assert_ne!(whole(other.path()).hash, whole(&base()).hash);
    assert_eq!(first.hash.as_str().len(), 64);
}

fn yaml_files(plan: &Path) -> Vec<PathBuf> {
    let yaml = |dir: &Path| {
        let entries = fs::read_dir(plan.join(dir))
            .unwrap()
            .map(|e| dir.join(e.unwrap().file_name()));
        entries
            .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
            .collect::<Vec<_>>()
    };
    let mut files = [yaml(Path::new("")), yaml(Path::new("runbooks"))].concat();
    files.sort();
    files
}

#[test]
fn a_difference_names_what_changed_and_nothing_else() {
    let old = whole(&base()).plan;
    assert_eq!(diff(&old, &old), []);
    let plan = with(&[
        (
            "services.yaml",
            &fs::read_to_string(base().join("services.yaml"))
                .unwrap()
                .replace("    probe:", "    interval: 10s\n    probe:"),
        ),
        (
            "runbooks/stop.yaml",
            "name: Stop\nsteps: [{name: Stop, commands: [npm run app:graceful-shutdown]}]\n",
        ),
        (
            "runbooks/restart.yaml",
            "name: Restart the application\nsteps:\n  - name: Restart\n    commands: [npm run db:status, npm run app:start]\n    timeout: 30s\n",
        ),
        (
            "communication.yaml",
            &fs::read_to_string(base().join("communication.yaml"))
                .unwrap()
                .replace(
                    "[tech], channels: [email]",
                    "[tech, all], channels: [email]",
                ),
        ),
    ]);
    let new = whole(plan.path()).plan;
    assert_eq!(
        diff(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "+ communication.matrix[SEV2].audiences[1]: all",
            "+ runbooks[restart].steps[Restart].commands[0]: npm run db:status",
            "+ runbooks[restart].steps[Restart].timeout: 30s",
            "- runbooks[restart].steps[Roll back]: Roll back",
            "+ runbooks[stop]: Stop",
            "~ services[orders-api].check.interval: 5s → 10s",
        ]
    );
    let mut swapped = old.clone();
    swapped.services.reverse();
    assert_eq!(
        diff(&old, &swapped)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["~ services (order): orders-api, database → database, orders-api"]
    );
    assert_ne!(canonical_json(&old), canonical_json(&swapped));
}

#[test]
fn a_long_chain_of_services_is_walked_to_its_end() {
    let chain = |last: &str| {
        let link = |i: u32| {
            format!(
                "- {{id: s{i}, name: S, tier: core, depends_on: [s{}]}}\n",
                i + 1
            )
        };
        (0..9_999).map(link).collect::<String>()
            + &format!("- {{id: s9999, name: S, tier: core, depends_on: [{last}]}}\n")
    };
    let rest = "- {id: orders-api, name: Orders, tier: core}\n- {id: database, name: Database, tier: core}\n";
    whole(with(&[("services.yaml", &(chain("database") + rest))]).path());
    let answer = faults(with(&[("services.yaml", &(chain("s0") + rest))]).path());
    assert!(answer.starts_with("services.yaml:10000:49: `s0`: services depend on each other in a circle (s0 → s1 → s2 → s3 → … → s9999 → s0)"), "{:.200}", answer);
}

/// The names after `npm run` in the document, by its sections.
const COMMANDS: &str = "
    db:health-check db:auto-recover db:restart-pool db:restore-latest db:verify-integrity maintenance:enable audit:review
    db:restore db:verify maintenance:disable db:emergency-shutdown db:corruption-scan db:apply-wal db:full-integrity-check
    security:isolate-system security:revoke-all-tokens security:emergency-mode security:forensic-capture
    security:rotate-all-credentials network:emergency-disconnect security:ransomware-scan restore:from-clean-backup
    system:rebuild security:post-incident-audit

    backup:database backup:assets backup:environment health:check diagnose:failures recover:database recover:application
    recover:network recover:full verify:recovery backup:test-restore backup:verify-integrity backup:completeness-check

    failover:auto failover:manual failover:verify failback:to-primary

    alert:send status:update alert:update alert:resolve

    dr:schedule-test dr:execute-drill dr:document-results dr:update-procedures test:simulate-db-failure
    test:execute-db-recovery test:verify-db-recovery test:simulate-app-crash test:execute-app-recovery
    test:verify-app-recovery test:simulate-network-partition test:execute-network-recovery test:verify-network-recovery

    db:status db:connection-test db:reconnect db:verify-connection db:failover-replica app:update-connection
    db:analyze-failure alert:send-report app:graceful-shutdown app:start app:health-check deploy:rollback
    app:verify-rollback scale:up scale:verify app:emergency-mode app:minimal-service

    report:incident report:rca docs:update-dr meeting:schedule-postmortem

    emergency:shutdown-all recover:auto status:all backup:emergency restore:latest failover:execute health:comprehensive
";

#[test]
fn every_npm_command_of_the_document_is_in_package_json() {
    let document: BTreeSet<String> = COMMANDS.split_whitespace().map(str::to_owned).collect();
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(shipped().join("package.json")).unwrap()).unwrap();
    assert_eq!(package["private"], true);
    let scripts: BTreeMap<String, String> =
        serde_json::from_value(package["scripts"].clone()).unwrap();
    for (name, script) in &scripts {
        assert_eq!(*script, format!("muster do {name}"));
    }
    let text = canonical_json(&whole(&shipped()).plan);
    let name = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || ":-".contains(*c))
            .collect::<String>()
    };
    let used: BTreeSet<String> = text.split("npm run ").skip(1).map(name).collect();
    let scripts: BTreeSet<String> = scripts.into_keys().collect();
    assert_eq!(scripts, document);
    assert_eq!(used, document);
}

#[test]
fn the_two_runbooks_of_section_seven_use_its_own_keys_only() {
    for file in ["database-recovery", "application-recovery"] {
        let text = fs::read_to_string(shipped().join(format!("runbooks/{file}.yaml"))).unwrap();
        let keys = text.lines().filter_map(|line| {
            line.trim_start()
                .trim_start_matches("- ")
                .split_once(':')
                .map(|(key, _)| key.to_owned())
        });
        let keys: BTreeSet<String> = keys.filter(|k| !k.starts_with("npm run")).collect();
        let own = [
            "name",
            "trigger",
            "steps",
            "condition",
            "commands",
            "timeout",
            "retries",
        ]
        .map(str::to_owned);
        assert!(keys.is_subset(&own.into()), "{file}: {keys:?}");
    }
}

#[test]
fn the_addresses_of_the_laboratory_stand_in_two_files_only() {
    for file in yaml_files(&shipped()) {
        let text = fs::read_to_string(shipped().join(&file)).unwrap();
        let there = ["services.yaml", "targets.yaml"].contains(&file.to_string_lossy().as_ref());
        assert_eq!(
            text.contains("127.0.0.1") || text.contains(":554"),
            there,
            "{file:?}"
        );
    }
}

static SHIPPED: LazyLock<Loaded> = LazyLock::new(|| whole(&shipped()));

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edit_of_the_shipped_plan_makes_the_loader_panic(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        const YAML: &[u8] = b" \n\t:-[]{},&*!|>'\"#%@`?~0aS\0\xff\xc3<.=/";
        let plan = copy_of(&shipped());
        let file = file.get(&yaml_files(&shipped())).clone();
        let path = plan.path().join(&file);
        let mut bytes = fs::read(&path).unwrap();
        for (at, how, what, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, *what.get(YAML)),
                1 => bytes.insert(at, byte),
                2 if at < bytes.len() => _ = bytes.remove(at),
                _ => {
                    // Said twice: a piece of the file repeated somewhere else.
                    let from = what.index(bytes.len() + 1);
                    let piece = bytes[from..bytes.len().min(from + usize::from(byte))].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        fs::write(&path, &bytes).unwrap();
        match load(plan.path()) {
            Ok(loaded) => prop_assert_eq!(loaded.hash == SHIPPED.hash, diff(&SHIPPED.plan, &loaded.plan).is_empty()),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(fault.line >= 1 && fault.column >= 1 && !fault.says.is_empty());
                    let there = fs::read(plan.path().join(&fault.file)).unwrap_or_default();
                    let lines = String::from_utf8_lossy(&there).split('\n').count();
                    prop_assert!(fault.line <= lines.max(1), "{}", fault);
                }
            }
        }
    }
}
