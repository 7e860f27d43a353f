//! The secrets that the providers and their sender share: made once for a folder, kept in `keys.json` (0600).

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{sign, token};
use crate::failure::{Doing, Result};
use crate::place::{read_json, write_file};

/// The number that Twilio's own tests send from.
const FROM: &str = "+15005550006";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keys {
    pub smtp_user: String,
    pub smtp_password: String,
    pub slack_signing_secret: String,
    pub twilio_sid: String,
    pub twilio_token: String,
    pub webhook_secret: String,
    pub pagerduty_key: String,
}

impl Keys {
    pub fn load_or_create(dir: &Path) -> Result<Self> {
        let path = dir.join("keys.json");
        if path.exists() {
            return read_json(&path);
        }
        let keys = Self {
            smtp_user: "muster".into(),
            smtp_password: token(16),
            slack_signing_secret: token(16),
            twilio_sid: format!("AC{}", token(16)),
            twilio_token: token(16),
            webhook_secret: format!("whsec_{}", sign::base64(&rand::random::<[u8; 24]>())),
            pagerduty_key: token(16),
        };
        let json = serde_json::to_vec_pretty(&keys).doing(|| "encode the keys".into())?;
        write_file(&path, &json, 0o600)?;
        Ok(keys)
    }

    /// Everything Muster has to be told, by the names it is told it.
    pub fn environment(
        &self,
        url: &str,
        smtp_port: u16,
        authority: &Path,
    ) -> BTreeMap<String, String> {
        let smtp = format!(
            "smtp://{}:{}@127.0.0.1:{smtp_port}?tls=required",
            self.smtp_user, self.smtp_password
        );
        let all = [
            ("MUSTER_SMTP_URL", smtp),
            ("MUSTER_SMTP_CA", authority.display().to_string()),
            ("MUSTER_SLACK_WEBHOOK", format!("{url}/slack/incidents")),
            (
                "MUSTER_SLACK_SIGNING_SECRET",
                self.slack_signing_secret.clone(),
            ),
            ("MUSTER_TWILIO_URL", url.to_owned()),
            ("MUSTER_TWILIO_SID", self.twilio_sid.clone()),
            ("MUSTER_TWILIO_TOKEN", self.twilio_token.clone()),
            ("MUSTER_TWILIO_FROM", FROM.into()),
            ("MUSTER_WEBHOOK_URL", format!("{url}/hook/muster")),
            ("MUSTER_WEBHOOK_SECRET", self.webhook_secret.clone()),
            ("MUSTER_TEAMS_URL", format!("{url}/teams/incidents")),
            (
                "MUSTER_PAGERDUTY_URL",
                format!("{url}/pagerduty/v2/enqueue"),
            ),
            ("MUSTER_PAGERDUTY_KEY", self.pagerduty_key.clone()),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
