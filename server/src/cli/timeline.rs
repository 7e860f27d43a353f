//! `muster timeline export|verify`.

use super::{Data, Exit};
use clap::Subcommand;
use std::{fs::File, io::BufReader, path::PathBuf};

#[derive(Subcommand)]
pub enum Timeline {
    /// Write the whole timeline, one event a line, to standard output.
    Export {
        #[command(flatten)]
        data: Data,
    },
    /// Check that nothing in an export, or in the database, was changed since it was written.
    Verify {
        /// An exported file; the database unless given.
        file: Option<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
}

impl Timeline {
    pub async fn run(self) -> Result<(), Exit> {
        match self {
            Timeline::Export { data } => {
                let store = data.open_existing().await?;
                let mut out = std::io::stdout();
                engine::store::export::write(&store, &mut out)
                    .await
                    .map(|_| ())
                    .map_err(|e| Exit::Failed(e.to_string()))
            }
            Timeline::Verify {
                file: Some(file), ..
            } => {
                let opened = File::open(&file)
                    .map_err(|e| Exit::Failed(format!("cannot read {}: {e}", file.display())))?;
                told(engine::store::export::verify_lines(BufReader::new(opened)))
            }
            Timeline::Verify { file: None, data } => {
                told(data.open_existing().await?.verify().await)
            }
        }
    }
}

fn told(outcome: Result<engine::store::Verified, engine::store::Broken>) -> Result<(), Exit> {
    let verified = outcome.map_err(|broken| Exit::Failed(broken.to_string()))?;
    println!(
        "{} events, every one as it was written; head {}",
        verified.events,
        hex::encode(verified.head.hash)
    );
    Ok(())
}
