//! What is kept beside the timeline: receipts, projections, credentials, plan revisions.

use sqlx::{Database, Decode, Type, error::BoxDynError};

/// The answer to a request that was carried out: the same key must get the same answer, and do nothing again.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Receipt {
    pub key: String,
    /// A hash of the request, so that the key cannot be used for another one.
    #[sqlx(try_from = "Blob32")]
    pub fingerprint: [u8; 32],
    /// The first event it made; 0 if none.
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    pub answer: String,
    pub at: i64,
}

/// The state of one thing, as a document: the current one, unless who writes it says otherwise. Written in the same
/// transaction as the event it follows from.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Projection {
    pub kind: String,
    pub id: String,
    /// Still going on: loaded at start.
    pub open: bool,
    /// The number of the last event that is folded in. A reader that follows the timeline skips events up to it.
    #[sqlx(try_from = "i64")]
    pub version: u64,
    pub body: String,
}

/// A secret that lets somebody in. Only the secret's hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Credential {
    pub id: String,
    #[sqlx(try_from = "String")]
    pub kind: CredentialKind,
    #[sqlx(try_from = "Blob32")]
    pub secret_hash: [u8; 32],
    pub person: String,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub used_at: Option<i64>,
    pub created_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// For programs.
    Token,
    /// For a browser.
    Session,
    /// A sign-in link, good for one use: [`crate::Tx::use_link`].
    Link,
}

impl CredentialKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Token => "token",
            CredentialKind::Session => "session",
            CredentialKind::Link => "link",
        }
    }
}

impl TryFrom<String> for CredentialKind {
    type Error = String;

    fn try_from(kind: String) -> Result<Self, String> {
        use CredentialKind::*;
        [Token, Session, Link]
            .into_iter()
            .find(|k| k.as_str() == kind)
            .ok_or_else(|| format!("unknown credential kind {kind:?}"))
    }
}

/// Ends a credential. The first revocation stays; there is no way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub id: String,
    pub at: i64,
}

/// A plan that was in force, under the hash of its content.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PlanRevision {
    pub hash: String,
    pub body: String,
    pub loaded_at: i64,
}

/// A secret as it is kept: sealed with a key that is not in the database.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Secret {
    pub name: String,
    pub sealed: Vec<u8>,
    pub changed_at: i64,
}

/// A node of Muster. It lives as long as its beat goes on; whoever watches needs no common clock.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Node {
    pub name: String,
    pub beat: i64,
    /// Where its attempts leave their traces, and since which start of its machine.
    pub spool: String,
    pub boot: String,
}

/// How long a service was in each state on a day (since 1970, UTC), in seconds, and how often it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct HistoryDay {
    pub day: i64,
    pub service: String,
    pub operational: i64,
    pub degraded: i64,
    pub partial_outage: i64,
    pub major_outage: i64,
    pub maintenance: i64,
    pub changes: i64,
}

/// What goes on with a service: since when it is so, and until when it was seen. In seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HistorySpell {
    pub service: String,
    pub health: String,
    pub since: i64,
    pub seen: i64,
}

/// 32 bytes as a column of either engine.
pub(crate) struct Blob32([u8; 32]);

impl From<Blob32> for [u8; 32] {
    fn from(blob: Blob32) -> Self {
        blob.0
    }
}

impl<DB: Database> Type<DB> for Blob32
where
    Vec<u8>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <Vec<u8> as Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <Vec<u8> as Type<DB>>::compatible(ty)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Blob32
where
    &'r [u8]: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = <&[u8] as Decode<'r, DB>>::decode(value)?;
        Ok(Blob32(bytes.try_into().map_err(|_| {
            format!("a hash has 32 bytes, this one has {}", bytes.len())
        })?))
    }
}
