//! What the Desk promises, on SQLite and on PostgreSQL alike: every promise is one function over a database, run on both.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "desk/access.rs"]
mod access;
#[path = "desk/commands.rs"]
mod commands;
#[path = "desk/failovers.rs"]
mod failovers;
#[path = "desk/history.rs"]
mod history;
#[path = "desk/house.rs"]
mod house;
#[path = "desk/maintenance.rs"]
mod maintenance;
#[path = "desk/nodes.rs"]
mod nodes;
#[path = "desk/outbox.rs"]
mod outbox;
#[path = "desk/restart.rs"]
mod restart;

/// Runs each promise on a new database of either engine.
macro_rules! on_both_engines {
    ($($promise:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(&crate::house::House::over(store::testing::Database::sqlite())).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(&crate::house::House::over(store::testing::Database::postgres().await)).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;
