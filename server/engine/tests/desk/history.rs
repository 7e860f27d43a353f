//! What became of a service is counted once, on however many nodes, across midnight and restarts.

use crate::{house::*, on_both_engines};
use domain::{
    history::{DAYS, Day},
    *,
};
use engine::{
    Desk,
    checks::{Look, Looks},
    history::Historian,
};
use std::time::Duration;
use tokio::sync::watch;

on_both_engines! {
    a_day_adds_up_across_midnight_and_a_restart_is_no_data
    two_nodes_that_look_at_the_same_count_it_once
    what_a_killed_node_had_not_written_is_told_by_the_log_or_is_no_data
    a_node_that_comes_up_knows_the_days_and_begins_with_no_data
}

const SERVICE: &str = "orders-api";

/// A node: its desk, what its checks have looked at, and its historian.
struct Node {
    desk: Desk,
    looks: watch::Sender<Looks>,
    historian: Historian,
}

impl Node {
    async fn over(desk: Desk) -> Node {
        let looks = watch::Sender::new(Looks::new());
        let mut historian = Historian::new(desk.clone(), looks.subscribe());
        historian.round(true).await.unwrap();
        Node {
            desk,
            looks,
            historian,
        }
    }

    /// Looks, without a break since its first look.
    fn look(&self) {
        let at = self.desk.clock().now();
        self.looks.send_modify(|looks| {
            let since = looks.get(&SERVICE.into()).map_or(at, |l: &Look| l.since);
            let look = Look {
                at,
                since,
                took: Duration::ZERO,
                late: Duration::ZERO,
                class: "ok",
                health: Health::Operational,
            };
            looks.insert(SERVICE.into(), look);
        });
    }

    async fn find(&self, health: Health) {
        let command = Command::Observe {
            service: SERVICE.into(),
            health,
            because: "seen".into(),
            since: self.desk.clock().now(),
        };
        let request = engine::Request::new(&worker(), command);
        self.desk.execute(request).await.unwrap();
    }

    fn days(&self) -> Vec<Day> {
        let histories = self.historian.histories().borrow().clone();
        histories[&ServiceId::from(SERVICE)].days(self.desk.clock().now())
    }

    fn today(&self) -> Day {
        self.days()[DAYS - 1]
    }
}

/// Seconds: no data, operational, degraded, partial outage, major outage, maintenance.
type Parts = [u32; 6];

/// 2026-11-22 14:00 is what the clock begins with.
const PASSED: u32 = 14 * 3_600;

async fn a_day_adds_up_across_midnight_and_a_restart_is_no_data(house: &House) {
    let mut node = Node::over(house.desk().await).await;
    node.look();
    node.find(Health::Operational).await;
    node.historian.round(false).await.unwrap();
    house.wait(Span::secs(9 * 3_600));
    node.look();
    node.historian.round(true).await.unwrap();
    node.find(Health::MajorOutage).await;
    house.wait(Span::secs(2 * 3_600));
    node.look();
    node.find(Health::Operational).await;
    node.historian.round(true).await.unwrap();
    let [.., yesterday, today] = node.days()[..] else {
        panic!("two days")
    };
    assert_eq!(
        yesterday.seconds,
        [PASSED, 9 * 3_600, 0, 0, 3_600, 0] as Parts
    );
    assert_eq!(
        (today.seconds, today.changes),
        ([0, 0, 0, 0, 3_600, 0] as Parts, 1)
    );
    assert_eq!(yesterday.changes, 1);
    drop(node);

    house.wait(Span::secs(600));
    let mut node = Node::over(house.node("here").await).await;
    node.look();
    node.find(Health::Operational).await;
    house.wait(Span::secs(300));
    node.look();
    node.historian.round(true).await.unwrap();
    assert_eq!(node.today().seconds, [600, 300, 0, 0, 3_600, 0] as Parts);
}

async fn two_nodes_that_look_at_the_same_count_it_once(house: &House) {
    let mut here = Node::over(house.desk().await).await;
    let mut there = Node::over(house.node("there").await).await;
    here.look();
    there.look();
    here.find(Health::Operational).await;
    for n in 0..10_u32 {
        house.wait(Span::secs(100));
        here.look();
        there.look();
        if n == 4 {
            here.find(Health::MajorOutage).await;
        }
        if n == 6 {
            let seq = here.desk.world().seq;
            caught_up(&there.desk, seq).await;
            there.find(Health::Operational).await;
        }
        // Each is the first one every other time.
        let (first, second) = match n % 2 {
            0 => (&mut here, &mut there),
            _ => (&mut there, &mut here),
        };
        first.historian.round(true).await.unwrap();
        second.historian.round(n % 3 == 0).await.unwrap();
    }
    here.historian.round(true).await.unwrap();
    there.historian.round(true).await.unwrap();
    for node in [&here, &there] {
        let today = node.today();
        assert_eq!(today.seconds, [PASSED, 800, 0, 0, 200, 0] as Parts);
        assert_eq!(today.changes, 2);
    }
    // One of them is gone, and the other goes on: no time is lost with it.
    drop(here);
    house.wait(Span::secs(100));
    there.look();
    there.historian.round(true).await.unwrap();
    // And it comes back, while what is written of the other one is a little old.
    house.wait(Span::secs(30));
    there.look();
    let mut here = Node::over(house.node("here").await).await;
    here.look();
    here.historian.round(true).await.unwrap();
    there.historian.round(true).await.unwrap();
    here.historian.round(true).await.unwrap();
    assert_eq!(here.today().seconds, [PASSED, 930, 0, 0, 200, 0] as Parts);
}

async fn what_a_killed_node_had_not_written_is_told_by_the_log_or_is_no_data(house: &House) {
    let mut node = Node::over(house.desk().await).await;
    node.look();
    node.find(Health::Operational).await;
    node.historian.round(true).await.unwrap();
    house.wait(Span::secs(40));
    node.look();
    node.find(Health::MajorOutage).await;
    house.wait(Span::secs(10));
    node.look();
    // Killed before the next round: of the outage the log knows when it began.
    drop(node);
    house.wait(Span::secs(1_000));
    let mut node = Node::over(house.node("here").await).await;
    node.look();
    node.find(Health::Operational).await;
    house.wait(Span::secs(50));
    node.look();
    node.historian.round(true).await.unwrap();
    let today = node.today();
    assert_eq!(today.seconds, [PASSED + 1_010, 90, 0, 0, 0, 0] as Parts);
    assert_eq!(today.changes, 1, "the outage is not forgotten");
}

async fn a_node_that_comes_up_knows_the_days_and_begins_with_no_data(house: &House) {
    let mut node = Node::over(house.desk().await).await;
    node.look();
    node.find(Health::Operational).await;
    for _ in 0..100 {
        house.wait(Span::secs(86_400));
        node.look();
        node.historian.round(true).await.unwrap();
    }
    node.find(Health::Degraded).await;
    node.historian.round(true).await.unwrap();
    let before = node.days();
    assert!(
        before[..DAYS - 1]
            .iter()
            .all(|d| d.of(Health::Operational) == 86_400)
    );
    drop(node);
    let node = Node::over(house.node("here").await).await;
    assert_eq!(node.days(), before);
    house.wait(Span::secs(60));
    assert_eq!(node.today().of(Health::NoData), 60);
}
