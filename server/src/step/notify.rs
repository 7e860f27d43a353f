//! A word to those who follow the incident.

use super::{No, values::Values};
use api::{Client, Note, Update};
use domain::{Number, plan::Notify};
use sha2::{Digest, Sha256};

pub async fn work(notify: &Notify, values: &Values) -> Result<(), No> {
    let Ok(incident) = values.variable("MUSTER_INCIDENT") else {
        println!(
            "told here only, for this run belongs to no incident: {}",
            notify.message
        );
        return Ok(());
    };
    let set = |name| values.variable(name).map_err(No::Ever);
    let (url, token) = (set("MUSTER_URL")?, set("MUSTER_TOKEN")?);
    let failed = |e: api::Trouble| No::Yet(format!("{incident} was not told: {e}"));
    let server = Client::new(&url, &token).map_err(failed)?;
    let (key, number) = (key(notify, values), Number(incident.clone()));
    match notify.public {
        Some(phase) => {
            let message = notify.message.clone();
            let update = Update {
                phase,
                message,
                internal: false,
            };
            server
                .update(&key, &number, &update)
                .await
                .map_err(failed)?;
            println!("told to the public of {incident}: {}", notify.message);
        }
        None => {
            let note = Note {
                text: notify.message.clone(),
                occurred_at: None,
            };
            server.note(&key, &number, &note).await.map_err(failed)?;
            println!("in the timeline of {incident}: {}", notify.message);
        }
    }
    Ok(())
}

/// The same for each attempt of a step of a run: what is tried again is told once.
fn key(notify: &Notify, values: &Values) -> String {
    let own = |name| values.variable(name).unwrap_or_default();
    let of = (own("MUSTER_RUN"), own("MUSTER_STEP"), &notify.message);
    hex::encode(Sha256::digest(format!("{of:?}")))
}
