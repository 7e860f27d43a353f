//! placeholder
use clap::Args;
#[derive(Args)]
pub struct Do { name: Option<String> }
impl Do { pub async fn run(self) -> std::process::ExitCode { let _ = self.name; std::process::ExitCode::from(2) } }
