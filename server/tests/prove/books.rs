//! Small runbooks of every kind, whose commands leave a trace each time they are run and print what the test knows.

use crate::house::House;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt};

/// What a run does, as far as its driver and its judge must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    Retries,
    Verified,
    Idempotent,
    Approved,
    Manual,
    Parallel,
    Nested,
    Cancelled,
    Held,
    Locked,
    Fails,
}

pub const SHAPES: [Shape; 12] = [
    Shape::Plain,
    Shape::Retries,
    Shape::Cancelled,
    Shape::Approved,
    Shape::Parallel,
    Shape::Held,
    Shape::Locked,
    Shape::Verified,
    Shape::Manual,
    Shape::Nested,
    Shape::Idempotent,
    Shape::Fails,
];

impl Shape {
    /// Each worker has runbooks of its own: one button is one run.
    pub fn slug(self, worker: usize) -> String {
        format!("{self:?}-{worker}").to_lowercase()
    }

    pub fn comes_to(self) -> &'static str {
        match self {
            Shape::Cancelled => "cancelled",
            _ => "completed",
        }
    }
}

/// `work.sh HOW`. Appending one short line is one write: no two of them mix.
const WORK: &str = r#"
echo "$MUSTER_STEP" >> "$PROVE_HERE/ran/$MUSTER_RUN"
echo "begin $1" >> "$PROVE_HERE/marks"
i=0
while [ $i -lt 40 ]; do echo "$i $MUSTER_RUN $MUSTER_STEP and what else a command has to tell"; i=$((i+1)); done
echo "middle $1" >> "$PROVE_HERE/marks"
case $1 in
    endless) while :; do sleep 1; done;;
    quick) ;;
    *) sleep 0.05;;
esac
while [ $i -lt 80 ]; do echo "$i $MUSTER_RUN $MUSTER_STEP and what else a command has to tell"; i=$((i+1)); done
code=0
case $1 in
    third) [ "$(grep -cx "$MUSTER_STEP" "$PROVE_HERE/ran/$MUSTER_RUN")" -ge 3 ] || code=7;;
    second) [ "$(grep -cx "$MUSTER_STEP" "$PROVE_HERE/ran/$MUSTER_RUN")" -ge 2 ] || code=7;;
esac
echo "end $1" >> "$PROVE_HERE/marks"
exit $code
"#;

/// What `work.sh` prints, whole.
pub fn printed(run: &str, step: &str) -> String {
    (0..80)
        .map(|i| format!("{i} {run} {step} and what else a command has to tell\n"))
        .collect()
}

/// What the output of a step's commands is, each announced.
pub fn output(step: &Value, run: &str, proof_only: bool) -> String {
    let words = |command: &Value| -> Vec<String> {
        let words = command.as_array().unwrap().iter();
        words.map(|w| w.as_str().unwrap().to_owned()).collect()
    };
    let name = step["name"].as_str().unwrap();
    let commands = step["commands"].as_array().into_iter().flatten();
    let proofs = step["verify"].as_array().into_iter().flatten();
    let mut all = String::new();
    for command in commands.filter(|_| !proof_only).chain(proofs) {
        let words = words(command);
        all += &format!("$ {}\n", words.join(" "));
        all += &match words[0].as_str() {
            "echo" => format!("{}\n", words[1..].join(" ")),
            _ => printed(run, name),
        };
    }
    all
}

pub fn work(name: &str, how: &str) -> Value {
    json!({ "name": name, "commands": [["sh", "scripts/work.sh", how]], "timeout": "2m" })
}

fn with(mut step: Value, more: Value) -> Value {
    let fields = more.as_object().unwrap().clone();
    step.as_object_mut().unwrap().extend(fields);
    step
}

/// Puts the runbooks of all workers into the plan. `mark` is in the environment of everything they start.
pub fn write(house: &House, workers: usize, mark: &str) {
    let here = house.home.path().display().to_string();
    fs::create_dir_all(house.path("ran")).unwrap();
    fs::write(house.path("marks"), "").unwrap();
    fs::create_dir_all(house.path("plan/scripts")).unwrap();
    let script = house.path("plan/scripts/work.sh");
    fs::write(&script, WORK).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let env = json!({ "PROVE_HERE": here, "PROVE_MARK": mark });
    for worker in 0..workers {
        for shape in SHAPES {
            let name = format!("{shape:?} {worker}");
            let book = with(json!({ "name": name, "env": env }), sections(shape, worker));
            house.write_runbook(&shape.slug(worker), &book);
        }
        let child = json!({ "name": format!("Child {worker}"), "env": env, "steps": [work("Inner", "work"), work("Last", "quick")] });
        house.write_runbook(&format!("child-{worker}"), &child);
    }
}

fn sections(shape: Shape, worker: usize) -> Value {
    let last = work("Last", "quick");
    let steps = match shape {
        Shape::Plain => json!([work("First", "work"), work("Second", "quick"), last]),
        Shape::Retries => json!([
            with(
                work("Stubborn", "third"),
                json!({ "retries": 3, "retry_delay": "40ms" })
            ),
            last
        ]),
        Shape::Verified => json!([
            with(
                work("Proven", "work"),
                json!({ "verify": [["echo", "it", "holds"]] })
            ),
            last
        ]),
        Shape::Idempotent => {
            json!([
                with(work("Again", "work"), json!({ "idempotent": true })),
                last
            ])
        }
        Shape::Approved => json!([
            work("Before", "quick"),
            with(
                work("Dangerous", "work"),
                json!({ "approval": { "min": 1, "role": "commander" } })
            ),
            last
        ]),
        Shape::Manual => {
            json!([work("Before", "quick"), { "name": "By hand", "manual": { "instructions": "Turn the key" } }, last])
        }
        Shape::Parallel => json!([
            with(work("Left", "work"), json!({ "parallel": "both" })),
            with(work("Right", "work"), json!({ "parallel": "both" })),
            last
        ]),
        Shape::Nested => {
            json!([work("Before", "quick"), { "name": "Inside", "runbook": { "slug": format!("child-{worker}") } }, last])
        }
        Shape::Cancelled => {
            return json!({
                "steps": [work("Endless", "endless"), last],
                "on_cancel": [work("Undo", "cleanup")],
                "finally": [work("Always", "finally")],
            });
        }
        Shape::Held => json!([
            work("First", "work"),
            work("Second", "work"),
            work("Third", "work")
        ]),
        Shape::Locked => {
            return json!({
                "locks": [format!("prove:{}", worker % 2)],
                "on_locked": "queue",
                "steps": [work("First", "work"), last],
                "finally": [work("Always", "finally")],
            });
        }
        Shape::Fails => json!([work("Weak", "second"), last]),
    };
    json!({ "steps": steps })
}
