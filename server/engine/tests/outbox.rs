//! What the outbox promises: everything that is to be sent is sent, at its time, and nothing is sent that need not be. The
//! clock is moved by hand, and what was sent is what a fake provider got.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "outbox/audit.rs"]
mod audit;
#[path = "desk/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "outbox/provider.rs"]
mod provider;
#[path = "outbox/queue.rs"]
mod queue;
#[path = "outbox/receipts.rs"]
mod receipts;
#[path = "outbox/timers.rs"]
mod timers;

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
