//! Thousands of outages (a million in `make prove`): two database nodes that die, come back and are promoted, observers
//! that are cut off, people who press every button, and runs whose steps fail. After each command the promises are
//! looked at from outside: by what happened to the nodes, not by what the machine says of itself.

use crate::house::House;
use crate::scene::*;
use domain::{
    failover::{State, *},
    plan::Observer,
    *,
};

/// SplitMix64: small, seeded, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A node as it is.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    up: bool,
    /// Started, it takes writes; else it is a standby.
    writer: bool,
    fenced: bool,
}

impl Node {
    fn writes(self) -> bool {
        self.up && self.writer && !self.fenced
    }
}

struct Site {
    seed: u64,
    house: House,
    dice: Dice,
    nodes: [Node; 2],
    /// Muster, replica, application: cut off from the primary.
    cut: [bool; 3],
    looks_since: Stamp,
    /// A commander took the risk of two primaries, in the run under way.
    risked: bool,
    /// Both have been primaries since a risk that was taken in an earlier run.
    split: bool,
    acknowledged: bool,
    last_automatic: Option<Stamp>,
    counts: Counts,
}

#[derive(Default)]
pub struct Counts {
    commands: u64,
    moves: u64,
    automatic: u64,
    promotions: u64,
    failbacks: u64,
    barred: u64,
}

const PRIMARY: usize = 0;
const REPLICA: usize = 1;

impl Site {
    fn new(seed: u64) -> Site {
        let mut dice = Dice(seed);
        let house = house(!dice.one_in(5));
        Site {
            seed,
            looks_since: house.now,
            house,
            dice,
            nodes: [
                Node {
                    up: true,
                    writer: true,
                    fenced: false,
                },
                Node {
                    up: true,
                    writer: false,
                    fenced: false,
                },
            ],
            cut: [false; 3],
            risked: false,
            split: false,
            acknowledged: true,
            last_automatic: None,
            counts: Counts::default(),
        }
    }

    /// What this Muster sees.
    fn sight(&mut self) -> Sight {
        let mut votes = [Word::Up; 3];
        for (n, vote) in votes.iter_mut().enumerate() {
            if self.cut[n] || !self.nodes[PRIMARY].writes() {
                *vote = Word::Down;
            }
        }
        if !self.nodes[REPLICA].up {
            votes[1] = Word::Unknown;
        }
        let mut sight = sight(&self.house, votes);
        sight.since = self.looks_since;
        if self.dice.one_in(12) {
            sight.votes.pop();
        }
        let candidate = sight.candidate.as_mut().expect("as made");
        candidate.standby = !self.nodes[REPLICA].writer;
        candidate.lag = match self.dice.roll(10) {
            0 => None,
            1 => Some(99_000_000),
            _ => Some(100),
        };
        if self.dice.one_in(20) {
            candidate.system = "another".into();
        }
        if !self.nodes[REPLICA].up {
            sight.candidate = None;
        }
        let names = ["primary", "replica"].into_iter().zip(self.nodes);
        sight.writable = names
            .filter(|(_, n)| n.writes())
            .map(|(name, _)| name.to_owned())
            .collect();
        if self.cut[0] {
            sight.writable.retain(|n| n != "primary");
        }
        sight
    }

    fn nature(&mut self) {
        self.house.now = self.house.now.plus(Span::secs(self.dice.roll(900)));
        let node = self.dice.roll(2) as usize;
        match self.dice.roll(9) {
            0 | 1 => self.nodes[PRIMARY].up = false,
            2 => self.nodes[REPLICA].up = false,
            3 if !self.nodes[node].fenced => self.nodes[node].up = true,
            4 => self.cut[self.dice.roll(3) as usize] = true,
            5 => self.cut = [false; 3],
            // Muster is restarted: it knows nothing before it looks again.
            6 => {
                self.house.world.services.clear();
                self.looks_since = self.house.now;
            }
            // Rebuilt, the node that does not write follows the one that does.
            7 if self.nodes[1 - node].writes() && !self.nodes[node].writes() => {
                self.nodes[node] = Node {
                    up: true,
                    writer: false,
                    fenced: false,
                };
            }
            _ => {}
        }
        let serves = self.nodes.iter().any(|n| n.writes()) && !self.cut[0];
        if !self.dice.one_in(4) {
            let health = if serves {
                Health::Operational
            } else {
                Health::MajorOutage
            };
            observe(&mut self.house, health);
        }
    }

    fn watch(&mut self) {
        let sight = self.sight();
        let votes: Vec<_> = sight
            .votes
            .iter()
            .filter(|v| v.word == Word::Down)
            .map(|v| v.observer)
            .collect();
        let before = now(&self.house);
        let candidate = sight.candidate.clone();
        let grace = self.looks_since.plus(Span::secs(10)) <= self.house.now;
        let events = watch(&mut self.house, sight).expect("a look is never refused");
        self.judge(&events, true);
        for event in &events {
            let Event::FailoverMoved { signal, from, .. } = event else {
                continue;
            };
            assert!(
                !matches!(from, State::Monitoring | State::Planned),
                "failback is never automatic"
            );
            if *signal != Signal::Automatic {
                continue;
            }
            // The promises again, in other words than the guards'.
            let now = self.house.now;
            assert!(self.house.plan.failover[0].automatic && self.house.world.automation.is_none());
            assert!(grace, "nothing is decided from a cold cache");
            assert_eq!(
                self.house.world.health(&SERVICE.into()),
                Health::MajorOutage
            );
            assert!(votes.len() >= 2, "{votes:?}");
            assert!(
                votes.iter().any(|v| *v != Observer::Muster),
                "Muster alone decides nothing"
            );
            let candidate = candidate.as_ref().expect("somebody to promote");
            assert!(
                candidate.standby
                    && candidate.system == "7"
                    && candidate.lag.is_some_and(|l| l <= 16_000_000)
            );
            let soon = self
                .last_automatic
                .is_some_and(|at| now < at.plus(Span::secs(3600)));
            assert!(!soon || self.acknowledged, "twice in an hour");
            assert_eq!(before.state, State::Detected);
            self.last_automatic = Some(now);
            self.acknowledged = false;
            self.counts.automatic += 1;
        }
    }

    /// Each move is a row of the table, and work began only where no run of the failover was under way.
    fn judge(&mut self, events: &[Event], machine: bool) {
        self.counts.commands += 1;
        for event in events {
            let Event::FailoverMoved {
                from,
                signal,
                to,
                evidence,
                ..
            } = event
            else {
                continue;
            };
            self.counts.moves += 1;
            let row = TABLE
                .iter()
                .find(|t| (t.from, t.signal, t.to) == (*from, *signal, *to));
            let row = row.unwrap_or_else(|| panic!("{event:?} is in no table"));
            assert_eq!(
                evidence.len(),
                row.guards.len(),
                "no guard is passed by: {event:?}"
            );
            assert!(!machine || signal.by() != By::Person, "{event:?}");
            if matches!(signal, Signal::Trigger | Signal::Automatic) {
                // What the risk has led to stays as it is; the new run has a proof to bring of its own.
                self.split |= self.risked && self.both_are_primaries();
                self.risked = false;
            }
            self.risked |= *signal == Signal::Override;
            if *signal == Signal::FailBack {
                self.counts.failbacks += 1;
            }
        }
    }

    /// The runner ends what is under way, having done it to the nodes.
    fn work(&mut self) {
        let failover = now(&self.house);
        let Some(run) = failover.run.clone() else {
            return;
        };
        let Some(run) = self.house.world.runs.get(&run).cloned() else {
            return;
        };
        let Some((step, _)) = run.running_attempt() else {
            return;
        };
        let name = run.runbook.steps[step as usize].name.as_str();
        let mut ending = if self.dice.one_in(6) {
            Ending::Exited { code: 1 }
        } else {
            DONE
        };
        let mut proof = None;
        match name {
            // Sometimes it says so and proves nothing.
            "Fence the Primary" if ending == DONE && !self.dice.one_in(4) => {
                self.nodes[PRIMARY].fenced = true;
                self.nodes[PRIMARY].up = false;
                proof = Some("a write to primary is refused (connection refused)");
            }
            "Initiate Failover" => {
                assert!(
                    failover.state >= State::Promoting,
                    "promoting in state {:?}",
                    failover.state
                );
                // Fenced, or rebuilt as a standby since.
                let primary = self.nodes[PRIMARY];
                let silent = primary.fenced || !primary.writer;
                assert!(silent || self.risked, "promoted without proof");
                if ending == DONE && self.nodes[REPLICA].up {
                    self.nodes[REPLICA].writer = true;
                    self.nodes[REPLICA].fenced = false;
                    self.counts.promotions += 1;
                } else {
                    ending = Ending::Exited { code: 1 };
                }
            }
            // The action's own order: rebuild, fence the other, promote.
            "Failback to Primary" if ending == DONE => {
                self.nodes[REPLICA] = Node {
                    up: false,
                    writer: false,
                    fenced: true,
                };
                self.nodes[PRIMARY] = Node {
                    up: true,
                    writer: true,
                    fenced: false,
                };
            }
            _ => {}
        }
        let before = self.house.log.len();
        end(&mut self.house, ending, proof);
        let events: Vec<Event> = self.house.log[before..]
            .iter()
            .map(|e| e.event.clone())
            .collect();
        self.judge(&events, true);
    }

    fn person(&mut self) {
        let failover = now(&self.house);
        let run = failover.run.clone().unwrap_or("none".into());
        let (service, reason) = (ServiceId::from(SERVICE), "because".to_owned());
        let sight = (!self.dice.one_in(4)).then(|| Box::new(self.sight()));
        let risk = match self.dice.roll(4) {
            0 => "we accept two primaries and data loss",
            1 => "data loss",
            _ => "",
        };
        // Where the secondary serves, most think of going back.
        let presses = match failover.state {
            State::Monitoring if self.dice.one_in(2) => 3,
            State::Planned if self.dice.one_in(2) => 5,
            _ => self.dice.roll(18),
        };
        let command = match presses {
            0 | 1 => {
                let result = trigger(&mut self.house, sight.map(|s| *s), risk);
                return self.judge(&result.unwrap_or_default(), false);
            }
            2 => Command::OverrideFencing {
                service,
                run,
                risk: risk.into(),
            },
            3 | 4 => Command::PlanFailback { service, reason },
            5 | 6 => {
                let result = fail_back(&mut self.house);
                return self.judge(&result.unwrap_or_default(), false);
            }
            7 => Command::SettleFailover {
                service,
                sight,
                reason,
            },
            8 => {
                let asked = self.house.jane(Command::AcknowledgeFailover { service });
                self.acknowledged |= asked.is_ok();
                return;
            }
            9 if self.dice.one_in(3) => Command::HoldAutomation { reason },
            9 | 10 => Command::ReleaseAutomation { reason },
            11 => Command::SkipStep { run, reason },
            12 => Command::MarkStepDone { run, reason },
            13 | 14 => Command::RetryStep { run, forced: false },
            15 => Command::ResumeFrom {
                run,
                step: self.dice.roll(5) as u32,
                reason,
            },
            16 => Command::CancelRun { run, reason },
            _ => {
                let slugs = ["failover-manual", "failover-automatic", "failback"];
                Command::StartRun {
                    id: "by-itself".into(),
                    runbook: slugs[self.dice.roll(3) as usize].into(),
                    incident: None,
                    parameters: Default::default(),
                    mode: Mode::Real,
                    confirm: String::new(),
                    stepwise: false,
                }
            }
        };
        let alone = matches!(command, Command::StartRun { .. });
        let result = self.house.jane(command);
        assert!(!alone || result.is_err(), "its runbooks are begun with it");
        self.judge(&result.unwrap_or_default(), false);
        let paused = self
            .house
            .world
            .runs
            .get(&now(&self.house).run.unwrap_or_default());
        let barred = paused.and_then(|r| r.paused.as_ref());
        self.counts.barred += u64::from(barred.is_some_and(|p| p.because.contains("not proven")));
    }

    /// Whether up or not: neither is a standby, and neither is kept from writing.
    fn both_are_primaries(&self) -> bool {
        self.nodes.iter().all(|n| n.writer && !n.fenced)
    }

    fn live(mut self, commands: u64) -> Counts {
        for _ in 0..commands {
            match self.dice.roll(10) {
                0..3 => self.nature(),
                3..5 => self.watch(),
                5..8 => self.work(),
                _ => self.person(),
            }
            self.split &= self.both_are_primaries();
            let both = self.nodes.iter().all(|n| n.writes());
            assert!(
                !both || self.risked || self.split,
                "two writable primaries, and nobody took that risk: outage {}",
                self.seed
            );
        }
        self.replayed();
        self.counts
    }

    /// The log alone gives the same failover. (What a check saw is no part of it: Muster was restarted in between.)
    fn replayed(&self) {
        let mut world = World::default();
        self.house.log.iter().for_each(|event| world.apply(event));
        assert_eq!(world.failovers, self.house.world.failovers);
        assert_eq!(world.automation, self.house.world.automation);
        assert_eq!(world.runs.len(), self.house.world.runs.len());
    }
}

#[test]
fn no_outage_passes_a_guard_or_makes_two_primaries() {
    let histories: u64 =
        std::env::var("MUSTER_PROVE_FAILOVERS").map_or(1_000, |n| n.parse().expect("a number"));
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = |worker: u64| {
        let mut all = Counts::default();
        for seed in (worker..histories).step_by(workers as usize) {
            let c = Site::new(seed).live(40);
            all.commands += c.commands;
            all.moves += c.moves;
            all.automatic += c.automatic;
            all.promotions += c.promotions;
            all.failbacks += c.failbacks;
            all.barred += c.barred;
        }
        all
    };
    let all = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|w| scope.spawn(move || part(w))).collect();
        let mut all = Counts::default();
        for c in running {
            let c = c.join().expect("no promise is broken");
            all.commands += c.commands;
            all.moves += c.moves;
            all.automatic += c.automatic;
            all.promotions += c.promotions;
            all.failbacks += c.failbacks;
            all.barred += c.barred;
        }
        all
    });
    println!(
        "{histories} outages, {} commands: {} moves, {} automatic failovers, {} promotions, {} failbacks begun, {} times barred; 0 guards passed by, 0 times two primaries",
        all.commands, all.moves, all.automatic, all.promotions, all.failbacks, all.barred
    );
    assert!(
        all.automatic > 0 && all.promotions > 0 && all.failbacks > 0 && all.barred > 0,
        "the simulation goes everywhere"
    );
}
