//! Says what is to be said: takes it by lease, some of it at a time, and writes down together what became of all that has
//! ended. A queue for those who are asked, one for mail, one for what goes over the web: none waits for another.

use super::{
    Inner,
    keys::For,
    letter::{self, Letter, Links},
    news::{self, News},
};
use domain::{Span, Stamp, plan::Language};
use engine::{
    channels::{Hook, NotTaken, Outcome},
    notify::{FARTHEST, pause},
    stamped,
    store::{Ending, Mailing, Standing, Subscriber},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;

/// Did they mean it?
pub const CONFIRM: &str = "confirm";
pub const MAIL: &str = "mail";
pub const WEB: &str = "web";

/// So many are on their way at once: few, since responders' mail goes by the same server.
const MOST: usize = 12;
/// Longer than any try takes, by far.
const LEASE: Span = Span::secs(120);
/// Other nodes' mailings are noticed after this at the latest.
const LOOK: Span = Span::secs(5);
/// What could not be said for so long is old.
const STALE: Span = Span::secs(86_400);
/// Where nothing has arrived for so long, nothing more is sent.
const LASTING: Span = Span::secs(86_400);
/// … where the last of it was tried for so long, too.
const TRIED: Span = Span::secs(6 * 3600);
/// A webhook that does not answer is asked so often.
const MOST_CHALLENGES: i64 = 5;
/// So much news is kept at hand.
const KEPT: usize = 64;

type Known = Arc<Mutex<HashMap<i64, Option<Arc<News>>>>>;

/// What this node was sending when it ended is due at once.
pub async fn let_go(inner: &Inner) {
    let (node, now) = (inner.desk.node(), inner.desk.clock().steady());
    let latest = now.plus(FARTHEST);
    for queue in [CONFIRM, MAIL, WEB] {
        let store = inner.desk.store();
        let nearer = store.bring_mailings_nearer(queue, now.0, latest.0);
        if let Err(error) = nearer.await {
            tracing::warn!(%error, queue, "Cannot find what waits for too long");
        }
    }
    // It comes back when its lease is over, else.
    if let Err(error) = inner.desk.store().let_go_mailings(node, now.0).await {
        tracing::warn!(%error, "Cannot find what this node was sending to subscribers");
    }
}

pub async fn serve(inner: Arc<Inner>, queue: &'static str) {
    let clock = inner.desk.clock().clone();
    let mut queued = inner.queued.subscribe();
    let mut going: JoinSet<Ending> = JoinSet::new();
    let known = Known::default();
    loop {
        queued.borrow_and_update();
        let mut may_be_more = false;
        if going.len() < MOST {
            match take(&inner, queue, MOST - going.len()).await {
                Ok(rows) => {
                    may_be_more = rows.len() == MOST - going.len();
                    for row in rows {
                        going.spawn(say(inner.clone(), known.clone(), row));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, queue, "Cannot look for what subscribers are to be told");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        if may_be_more || going.len() == MOST {
            settle(&inner, &mut going).await;
            continue;
        }
        let latest = clock.steady().plus(LOOK);
        let next = match inner.desk.store().next_mailing(queue).await {
            Ok(Some(at)) => latest.min(Stamp(at)),
            _ => latest,
        };
        tokio::select! {
            changed = queued.changed() => if changed.is_err() { return },
            () = clock.reach(next) => {}
            () = settle(&inner, &mut going), if !going.is_empty() => {}
        }
    }
}

async fn take(
    inner: &Inner,
    queue: &str,
    limit: usize,
) -> Result<Vec<Mailing>, engine::store::Error> {
    let desk = &inner.desk;
    let now = desk.clock().steady();
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let until = now.plus(LEASE);
    desk.store()
        .claim_mailings(queue, desk.node(), now.0, until.0, limit)
        .await
}

/// Waits for one to end, and writes it down with the others that have. Cut short, it loses none: what ended is still there.
async fn settle(inner: &Inner, going: &mut JoinSet<Ending>) {
    let mut endings = Vec::new();
    let Some(first) = going.join_next().await else {
        return;
    };
    endings.extend(first.ok());
    while let Some(more) = going.try_join_next() {
        endings.extend(more.ok());
    }
    let desk = inner.desk.clone();
    // A task of its own: what was sent must not be sent again because somebody woke this one.
    let written = tokio::spawn(async move {
        let mut pause = Duration::from_millis(20);
        while let Err(error) = desk.store().settle_mailings(&endings).await {
            tracing::warn!(%error, "Cannot write what became of {} messages to subscribers; trying again", endings.len());
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    });
    let _ = written.await;
}

/// One try, whatever becomes of it.
async fn say(inner: Arc<Inner>, known: Known, mailing: Mailing) -> Ending {
    let over = |mailing, standing| Ending {
        mailing,
        next_at: None,
        standing,
    };
    let again = |mailing: Mailing, after: Option<Span>, standing| Ending {
        next_at: Some(
            inner
                .desk
                .clock()
                .steady()
                .plus(pause(mailing.attempts, after))
                .0,
        ),
        mailing,
        standing,
    };
    let row = match inner.desk.store().subscriber(&mailing.subscriber).await {
        Ok(Some(row)) => row,
        Ok(None) => return over(mailing, Standing::AsBefore),
        Err(_) => return again(mailing, None, Standing::AsBefore),
    };
    let about = match mailing.about {
        Mailing::CONFIRM | Mailing::REMIND => None,
        seq => match find(&inner, &known, seq).await {
            Ok(Some(news)) => Some(news),
            Ok(None) => return over(mailing, Standing::AsBefore),
            Err(_) => return again(mailing, None, Standing::AsBefore),
        },
    };
    let Some(address) = inner.keys.open(&row.id, &row.sealed) else {
        // A node that was given another key than the others; one of them can open it.
        tracing::warn!(
            subscriber = row.id,
            "A subscriber's address was sealed with another key than this node's"
        );
        return again(mailing, None, Standing::AsBefore);
    };
    // Only the question goes to whoever has not answered it.
    let asks = mailing.about == Mailing::CONFIRM;
    if asks != (row.state == "pending") {
        return over(mailing, Standing::AsBefore);
    }
    let outcome = send(&inner, &row, &mailing, address.clone(), about.as_deref()).await;
    let now = inner.desk.clock().now();
    let (why, after) = match outcome {
        Said::Taken if asks && row.kind == "webhook" => {
            return over(mailing, Standing::Confirmed { at: now.0 });
        }
        Said::Taken => return over(mailing, Standing::Well),
        Said::Gone => {
            let why = "status 410: nobody is there any more".into();
            return over(mailing, Standing::Disabled { why });
        }
        Said::Not(Outcome::Never { why }) => (why, None),
        Said::Not(Outcome::Later { why, after }) => (why, Some(after)),
        Said::Not(other) => (other.why().to_owned(), Some(None)),
    };
    // The answer of a server may name whom it refuses, and the database does not.
    let why = without(&why, &address);
    let waits = now.since(Stamp(mailing.created_at));
    // One failure long ago and one now are no lasting failure; and mail that nobody has refused may be held up by our own
    // server as well as by theirs.
    let lasts = match after {
        None => true,
        Some(_) => row.kind != "email" && waits >= TRIED,
    };
    let since = row.failing_since.map(Stamp);
    if lasts && !asks && since.is_some_and(|since| now.since(since) >= LASTING) {
        return over(mailing, Standing::Disabled { why });
    }
    let failing = Standing::Failing { since: now.0, why };
    let old = waits >= STALE;
    let unanswered = asks && row.kind != "email" && mailing.attempts >= MOST_CHALLENGES;
    match after {
        Some(after) if !old && !unanswered => again(mailing, after, failing),
        _ => over(mailing, failing),
    }
}

/// Whoever is named in it is left out, however it is spelled.
fn without(why: &str, address: &str) -> String {
    let lower = why.to_ascii_lowercase();
    let mut left = String::with_capacity(why.len());
    let mut from = 0;
    for (at, found) in lower.match_indices(&address.to_ascii_lowercase()) {
        left.push_str(&why[from..at]);
        left.push('…');
        from = at + found.len();
    }
    left + &why[from..]
}

enum Said {
    Taken,
    Gone,
    Not(Outcome),
}

impl From<Outcome> for Said {
    fn from(outcome: Outcome) -> Said {
        match outcome {
            Outcome::Sent { .. } | Outcome::Delivered { .. } => Said::Taken,
            other => Said::Not(other),
        }
    }
}

async fn send(
    inner: &Inner,
    row: &Subscriber,
    mailing: &Mailing,
    address: String,
    news: Option<&News>,
) -> Said {
    let now = inner.desk.clock().now();
    let plan = inner.desk.plan().plan;
    let site = crate::status::tell::site(&plan, &inner.url);
    let language = *Language::ALL
        .iter()
        .find(|l| l.id() == row.language)
        .unwrap_or(&Language::En);
    let link = |path: &str, what| {
        format!(
            "{}/status/{path}/{}",
            site.url,
            inner.keys.token(what, &row.id)
        )
    };
    let links = Links {
        base: site.url.clone(),
        confirm: link("subscriptions", For::Confirm),
        manage: link("subscriptions", For::Manage),
    };
    let unsubscribe = link("unsubscribe", For::Manage);
    let internal = plan.status.subscribe_internal;
    let channels = inner.channels.borrow().clone();
    if row.kind == "webhook" {
        let challenge = inner.keys.challenge(&row.id);
        let body = match news {
            Some(news) => letter::notice(inner.page.published().told(), news, &unsubscribe),
            None => json!({
                "type": "subscription.verify",
                "challenge": challenge,
                "meta": {"unsubscribe": unsubscribe},
            }),
        };
        let hook = Hook {
            url: &address,
            internal,
            id: format!("msg_{}-{}", mailing.about, row.id),
            secret: &inner.keys.secret(&row.id),
            body: &body,
            now,
        };
        return match channels.hook(hook).await {
            Ok(answer) if news.is_some() || echoes(&answer, &challenge) => Said::Taken,
            Ok(_) => Said::Not(Outcome::Never {
                why: "it did not echo the challenge".into(),
            }),
            Err(NotTaken::Gone) => Said::Gone,
            Err(NotTaken::Otherwise(outcome)) => Said::Not(outcome),
        };
    }
    let letter: Letter = match (news, mailing.about) {
        (Some(news), _) => letter::news(language, &site.name, &links, news),
        (None, Mailing::CONFIRM) => letter::confirm(language, &site.name, &links),
        (None, _) => {
            let at = Stamp(mailing.created_at);
            letter::remind(language, &site.name, &links, at)
        }
    };
    if row.kind == "slack" {
        let body = letter.slack();
        let outcome = channels.say_in_slack(&address, internal, &body, now);
        return outcome.await.into();
    }
    let unsubscribe = (mailing.about != Mailing::CONFIRM).then_some(unsubscribe);
    match letter.mail(&row.id, address, unsubscribe, now) {
        Ok(circular) => channels.circulate(&circular).await.into(),
        Err(error) => Said::Not(Outcome::Never {
            why: format!("the mail cannot be written: {error}"),
        }),
    }
}

/// As it stands, or as the `challenge` of an object.
fn echoes(answer: &[u8], challenge: &str) -> bool {
    let text = String::from_utf8_lossy(answer);
    let object = serde_json::from_slice::<Value>(answer).ok();
    text.trim() == challenge || object.is_some_and(|o| o["challenge"] == challenge)
}

/// What an event tells; nothing where it tells nothing (any more).
async fn find(
    inner: &Inner,
    known: &Known,
    seq: i64,
) -> Result<Option<Arc<News>>, engine::store::Error> {
    let kept = |known: &Known| {
        known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&seq)
            .cloned()
    };
    if let Some(found) = kept(known) {
        return Ok(found);
    }
    let store = inner.desk.store();
    let before = u64::try_from(seq).unwrap_or_default().saturating_sub(1);
    let record = store.events_after(before, 1).await?;
    let found = match record.iter().find_map(stamped) {
        Some(event) => news::of(store, &inner.desk.plan().plan, &event).await?,
        None => None,
    };
    let found = found.map(Arc::new);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(seq, found.clone());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_reason_does_not_name_whom_it_is_about() {
        let says = "550 5.1.1 <Ada@example.org>: no ada@example.org here";
        assert_eq!(without(says, "ada@Example.org"), "550 5.1.1 <…>: no … here");
        assert_eq!(without("timed out", "ada@example.org"), "timed out");
    }
}
