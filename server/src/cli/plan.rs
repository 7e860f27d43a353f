//! `muster plan check|show|diff|pack DIR`.

use super::{Data, Exit};
use clap::Subcommand;
use engine::plan::{Loaded, diff, load};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum Plan {
    /// Is the plan whole? Names every mistake with its place.
    Check {
        #[arg(default_value = "plan")]
        dir: PathBuf,
    },
    /// Print the plan as Muster understands it, as JSON.
    Show {
        #[arg(default_value = "plan")]
        dir: PathBuf,
    },
    /// What loading this folder would change in the plan in force.
    Diff {
        #[arg(default_value = "plan")]
        dir: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// The printable break-glass pack.
    Pack {
        #[arg(default_value = "plan")]
        dir: PathBuf,
    },
}

impl Plan {
    pub async fn run(self) -> Result<(), Exit> {
        match self {
            Plan::Check { dir } => {
                let loaded = whole(&dir)?;
                let plan = &loaded.plan;
                println!(
                    "{} is whole: {} services, {} runbooks, {} contacts. Revision {}",
                    dir.display(),
                    plan.services.len(),
                    plan.runbooks.len(),
                    plan.contacts.emergency.len(),
                    loaded.hash
                );
                Ok(())
            }
            Plan::Show { dir } => {
                let loaded = whole(&dir)?;
                let json = serde_json::to_string_pretty(&loaded.plan)
                    .map_err(|e| Exit::Failed(e.to_string()))?;
                println!("{json}");
                Ok(())
            }
            Plan::Diff { dir, data } => {
                let new = whole(&dir)?;
                let store = data.open_existing().await?;
                let desk = engine::Desk::open(store, engine::Clock::system(), "cli").await?;
                let in_force = desk.plan();
                if in_force.hash.as_ref() == Some(&new.hash) {
                    println!("Nothing would change: revision {} is in force.", new.hash);
                    return Ok(());
                }
                for change in diff(&in_force.plan, &new.plan) {
                    println!("{change}");
                }
                Ok(())
            }
            Plan::Pack { .. } => Err(super::not_yet("plan pack")),
        }
    }
}

/// The plan in a folder, or all that is wrong with it on standard error.
pub fn whole(dir: &Path) -> Result<Loaded, Exit> {
    load(dir).map_err(|faults| {
        for fault in &faults {
            eprintln!("{fault}");
        }
        let s = if faults.len() == 1 { "" } else { "s" };
        Exit::Failed(format!(
            "the plan in {} has {} mistake{s}; nothing was loaded",
            dir.display(),
            faults.len()
        ))
    })
}
