//! The public pages as plain files, for the day on which this machine is gone: in a folder that any web server can serve, or
//! that is opened from a disk; or in storage that speaks S3.
//!
//! Architecture invariant: each file is whole at every moment; the first page is written after what it leads to.

use super::{
    documents::{Document, Look, render, stands},
    place::{Form, Place},
    told::Told,
};
use domain::plan::Language;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, RetryConfig,
    aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// A change of nothing but the time is worth a new copy only so often.
const YOUNG: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(10);
/// So long a store may be asked for one thing.
const PATIENCE: Duration = Duration::from_secs(30);
/// What was written, by name, with its hash: what is no longer published is taken away, also after a restart.
const LIST: &str = "mirror.json";

pub struct Mirror {
    name: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// It is told what a file is; a disk knows by the name.
    labels: bool,
    sent: BTreeMap<String, String>,
    told: Option<Arc<Told>>,
}

impl Mirror {
    /// `s3://bucket/prefix`, with the credentials and the endpoint in the environment as Amazon's tools read them; or a folder.
    pub fn at(place: &str) -> Result<Mirror, String> {
        let failed = |e: object_store::Error| format!("cannot mirror to {place}: {e}");
        let (store, prefix, labels): (Arc<dyn ObjectStore>, _, _) =
            match place.strip_prefix("s3://") {
                Some(rest) => {
                    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                    let retry = RetryConfig {
                        max_retries: 3,
                        retry_timeout: PATIENCE,
                        ..RetryConfig::default()
                    };
                    let store = AmazonS3Builder::from_env()
                        .with_bucket_name(bucket)
                        .with_retry(retry)
                        .build()
                        .map_err(failed)?;
                    (Arc::new(store), Path::from(prefix), true)
                }
                None => {
                    std::fs::create_dir_all(place)
                        .map_err(|e| format!("cannot mirror to {place}: {e}"))?;
                    let store = LocalFileSystem::new_with_prefix(place).map_err(failed)?;
                    (Arc::new(store.with_fsync(true)), Path::default(), false)
                }
            };
        Ok(Mirror {
            name: place.to_owned(),
            store,
            prefix,
            labels,
            sent: BTreeMap::new(),
            told: None,
        })
    }

    /// Writes down whatever is told, until nobody tells any more.
    pub async fn follow(mut self, mut told: watch::Receiver<Arc<Told>>) {
        self.remember().await;
        let mut failing = false;
        loop {
            let now = told.borrow_and_update().clone();
            let wait = match self.put(now).await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("The mirror at {} is whole again", self.name);
                    }
                    None
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "The mirror at {} cannot be written: {error}", self.name);
                    }
                    Some(AGAIN)
                }
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    if self.until_news(&mut told).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Until something is told that this does not say, or this has become old.
    async fn until_news(
        &self,
        told: &mut watch::Receiver<Arc<Told>>,
    ) -> Result<(), watch::error::RecvError> {
        let old = tokio::time::sleep(YOUNG);
        tokio::pin!(old);
        loop {
            tokio::select! {
                () = &mut old => return Ok(()),
                changed = told.changed() => changed?,
            }
            let new = told.borrow_and_update();
            if self
                .told
                .as_ref()
                .is_none_or(|last| !last.says_the_same(&new))
            {
                drop(new);
                told.mark_changed();
                return Ok(());
            }
        }
    }

    /// What an earlier life of this server has written here.
    async fn remember(&mut self) {
        let list = self.place(LIST);
        let read = async {
            let found = self.store.get(&list).await.ok()?;
            serde_json::from_slice(&found.bytes().await.ok()?).ok()
        };
        self.sent = read.await.unwrap_or_default();
    }

    async fn put(&mut self, told: Arc<Told>) -> object_store::Result<()> {
        let before = self.told.clone();
        let (sent, now) = (self.sent.clone(), told.clone());
        let files = tokio::task::spawn_blocking(move || files(&now, before.as_deref(), &sent));
        let files = files.await.unwrap_or_default();
        let listed = self.sent.clone();
        for (name, file) in &files {
            if let Some(document) = &file.document
                && self.sent.get(name) != Some(&file.hash)
            {
                self.send(name, document.body.clone(), document.kind.content_type())
                    .await?;
                self.sent.insert(name.clone(), file.hash.clone());
            }
        }
        let kept = |name: &str| files.iter().any(|(n, _)| n == name);
        for gone in self
            .sent
            .keys()
            .filter(|n| !kept(n))
            .cloned()
            .collect::<Vec<_>>()
        {
            match self.store.delete(&self.place(&gone)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => self.sent.remove(&gone),
                Err(error) => return Err(error),
            };
        }
        if self.sent != listed {
            let list = serde_json::to_vec(&self.sent).unwrap_or_default();
            self.send(LIST, list, "application/json").await?;
        }
        self.told = Some(told);
        Ok(())
    }

    async fn send(
        &self,
        name: &str,
        body: Vec<u8>,
        content_type: &'static str,
    ) -> object_store::Result<()> {
        let mut options = PutOptions::default();
        if self.labels {
            options.attributes = Attributes::from_iter([
                (Attribute::ContentType, content_type),
                (
                    Attribute::CacheControl,
                    "public, max-age=0, must-revalidate",
                ),
            ]);
        }
        self.store
            .put_opts(&self.place(name), body.into(), options)
            .await?;
        Ok(())
    }

    fn place(&self, name: &str) -> Path {
        let parts = self.prefix.parts().chain(name.split('/').map(Into::into));
        parts.collect()
    }
}

struct File {
    hash: String,
    /// Nothing where it is as it was sent.
    document: Option<Document>,
}

/// Every file there is to be, the first pages last.
fn files(
    told: &Told,
    before: Option<&Told>,
    sent: &BTreeMap<String, String>,
) -> Vec<(String, File)> {
    let look = Look::of(told);
    let ours = &told.site.languages;
    let first = [ours.first().copied().unwrap_or(Language::En)];
    let mut places = Place::all(told);
    places.retain(|place| *place != Place::Subscribe);
    places.sort_by_key(|place| *place == Place::Now);
    let mut files = Vec::new();
    for place in &places {
        let same = before.is_some_and(|before| stands(place, before, told));
        let languages = if place.speaks() { &ours[..] } else { &first };
        for language in languages {
            let name = place.file(*language, ours);
            let file = match sent.get(&name) {
                Some(hash) if same => File {
                    hash: hash.clone(),
                    document: None,
                },
                _ => {
                    let document = render(place, told, *language, Form::Folder, &look);
                    File {
                        hash: hex::encode(&Sha256::digest(&document.body)[..8]),
                        document: Some(document),
                    }
                }
            };
            files.push((name, file));
        }
    }
    files
}
