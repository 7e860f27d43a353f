//! Who may come in: one-time sign-in links, sessions and tokens. A secret is shown once; only its SHA-256 is kept, and the
//! timeline tells who was let in, never with what.

use crate::{Beside, Desk, No, Request};
use domain::{AccessRole, Actor, Command, Source, Span, Stamp};
use rand::RngCore;
use sha2::{Digest, Sha256};
use store::{Credential, CredentialKind, Revocation};

pub const SESSION_LASTS: Span = Span::secs(12 * 3600);
pub const LINK_LASTS: Span = Span::secs(24 * 3600);
pub const TOKEN_LASTS: Span = Span::secs(365 * 86_400);

/// A secret as its holder sees it: 256 random bits behind a prefix that a secret scanner can know.
fn new_secret() -> String {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    format!("mst_{}", hex::encode(bytes))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn credential(
    kind: CredentialKind,
    id: &str,
    actor: &Actor,
    secret: &str,
    now: Stamp,
    lasts: Span,
) -> Credential {
    Credential {
        id: id.to_owned(),
        kind,
        secret_hash: hash(secret),
        person: serde_json::to_string(actor).unwrap_or_default(),
        expires_at: now.plus(lasts).0,
        revoked_at: None,
        used_at: None,
        created_at: now.0,
    }
}

/// A token for a program. Returns its id, and its secret, which nobody can read again.
pub async fn issue_token(
    desk: &Desk,
    by: &Actor,
    name: &str,
    role: AccessRole,
    lasts: Span,
) -> Result<(String, String), No> {
    let id = format!("token:{}", uuid::Uuid::now_v7());
    issue_token_as(desk, by, id, name, role, lasts).await
}

/// As [`issue_token`], under an id that tells what it is for.
pub(crate) async fn issue_token_as(
    desk: &Desk,
    by: &Actor,
    id: String,
    name: &str,
    role: AccessRole,
    lasts: Span,
) -> Result<(String, String), No> {
    let (secret, now) = (new_secret(), desk.clock().now());
    let actor = Actor {
        id: id.clone(),
        name: name.to_owned(),
        role,
        source: Source::Api,
    };
    let row = credential(CredentialKind::Token, &id, &actor, &secret, now, lasts);
    let command = Command::IssueToken {
        id: id.clone(),
        name: name.to_owned(),
        role,
    };
    desk.execute(Request::new(by, command).beside(Beside {
        credentials: vec![row],
        ..Beside::default()
    }))
    .await?;
    Ok((id, secret))
}

/// A one-time sign-in link's secret, for `/signin?token=…`.
pub async fn issue_link(
    desk: &Desk,
    by: &Actor,
    name: &str,
    role: AccessRole,
) -> Result<String, No> {
    let id = format!("link:{}", uuid::Uuid::now_v7());
    let (secret, now) = (new_secret(), desk.clock().now());
    let actor = Actor {
        id: person_id(name),
        name: name.to_owned(),
        role,
        source: Source::Browser,
    };
    let row = credential(CredentialKind::Link, &id, &actor, &secret, now, LINK_LASTS);
    let command = Command::IssueToken {
        id,
        name: format!("sign-in link for {name}"),
        role,
    };
    desk.execute(Request::new(by, command).beside(Beside {
        credentials: vec![row],
        ..Beside::default()
    }))
    .await?;
    Ok(secret)
}

fn person_id(name: &str) -> String {
    format!("person:{}", name.to_lowercase().replace(' ', "-"))
}

/// Uses up a link and opens a session. Returns the session's secret, for the cookie.
pub async fn sign_in(desk: &Desk, link: &str) -> Result<(String, Actor), No> {
    let refused = || {
        No::Refused(domain::Refusal::forbidden(
            "This sign-in link is not valid, was used already, or has expired. Print a new one on the server: muster signin",
        ))
    };
    let found = desk
        .store()
        .credential_by_hash(&hash(link))
        .await
        .map_err(|e| No::Unavailable(e.to_string()))?;
    let link = found
        .filter(|c| c.kind == CredentialKind::Link)
        .ok_or_else(refused)?;
    let actor: Actor = serde_json::from_str(&link.person).map_err(|_| refused())?;
    let id = format!("session:{}", uuid::Uuid::now_v7());
    let (secret, now) = (new_secret(), desk.clock().now());
    let row = credential(
        CredentialKind::Session,
        &id,
        &actor,
        &secret,
        now,
        SESSION_LASTS,
    );
    let beside = Beside {
        credentials: vec![row],
        uses_link: Some(link.id),
        ..Beside::default()
    };
    let command = Command::SignIn {
        id,
        name: actor.name.clone(),
        role: actor.role,
    };
    desk.execute(Request::new(&Actor::system("access", Source::Browser), command).beside(beside))
        .await?;
    Ok((secret, actor))
}

/// Who holds this session or token, if it is good now. Returns the credential's id too.
pub async fn who(desk: &Desk, secret: &str) -> Result<Option<(Actor, Credential)>, store::Error> {
    if !secret.starts_with("mst_") || secret.len() != 68 {
        return Ok(None);
    }
    let now = desk.clock().now().0;
    let Some(found) = desk.store().credential_by_hash(&hash(secret)).await? else {
        return Ok(None);
    };
    let good =
        found.kind != CredentialKind::Link && found.revoked_at.is_none() && found.expires_at > now;
    Ok(good
        .then(|| serde_json::from_str(&found.person).ok())
        .flatten()
        .map(|actor| (actor, found)))
}

/// Ends a session or a token.
pub async fn revoke(desk: &Desk, by: &Actor, id: &str) -> Result<(), No> {
    let at = desk.clock().now().0;
    let beside = Beside {
        revocations: vec![Revocation {
            id: id.to_owned(),
            at,
        }],
        ..Beside::default()
    };
    desk.execute(Request::new(by, Command::RevokeToken { id: id.to_owned() }).beside(beside))
        .await
        .map(|_| ())
}
