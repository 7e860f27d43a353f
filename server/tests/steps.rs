//! What `muster step` promises to the runner: by its exit code, and to people by what it prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
#[path = "steps/scene.rs"]
mod scene;

#[path = "steps/dry.rs"]
mod dry;
#[path = "steps/http.rs"]
mod http;
#[path = "steps/sql.rs"]
mod sql;
#[path = "steps/ssh.rs"]
mod ssh;
#[path = "steps/tell.rs"]
mod tell;
#[path = "steps/wait.rs"]
mod wait;
