//! Keeps true what is published: renders anew when something has changed, on average at most once a second, and hands on
//! what must outlive this process.

use super::{
    answer::answer, documents::Look, kept::Kept, mirror::Mirror, published::Published,
    tell::Teller, told::Told,
};
use arc_swap::ArcSwap;
use axum::{body::Body, extract::Request, response::Response};
use domain::Stamp;
use engine::{Clock, Desk, checks::Looks, history::Histories};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// One rendering in this time, however much happens …
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// … but after a rest two in a row: what is posted just after something small has changed must not wait for a second.
const IN_A_ROW: u32 = 2;
/// What happens within this time is looked at once.
const GATHER: Duration = Duration::from_millis(100);
/// Nothing changed: render anew so that "as of" stays young.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
/// How often our own database is asked whether it is there, and how long it may take to say so.
const PULSE: Duration = Duration::from_secs(5);

/// What is published now. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct StatusPage(Arc<ArcSwap<Published>>);

impl StatusPage {
    /// Shows this. What is of an earlier time says so.
    pub fn of(told: Told, now: Stamp) -> StatusPage {
        let age = (now > told.as_of).then(|| now.since(told.as_of));
        let told = Arc::new(Told { age, ..told });
        let look = Look::of(&told);
        StatusPage(Arc::new(ArcSwap::from_pointee(Published::of(
            told, &look, None,
        ))))
    }

    /// Answers from what is published.
    pub fn answer(&self, request: &Request) -> Response {
        let uri = request.uri();
        answer(
            &self.published(),
            request.method(),
            uri.path(),
            uri.query(),
            request.headers(),
        )
        .map(Body::from)
    }

    pub fn published(&self) -> arc_swap::Guard<Arc<Published>> {
        self.0.load()
    }

    /// Renders this, away from whoever serves, and puts it in the place of what was there.
    async fn put(&self, told: Told) -> Arc<Told> {
        let told = Arc::new(told);
        let (page, new) = (self.0.clone(), told.clone());
        let rendering = tokio::task::spawn_blocking(move || {
            let before = page.load_full();
            let look = Look::of(&new);
            page.store(Arc::new(Published::of(new, &look, Some(&before))));
        });
        if let Err(error) = rendering.await {
            tracing::error!(%error, "The status page cannot be rendered; the last one stays");
        }
        told
    }

    /// Says how old all this is, as long as it is polled.
    pub async fn grow_old(&self, told: Told, clock: Clock) -> ! {
        loop {
            let age = Some(clock.now().since(told.as_of));
            self.put(Told {
                age,
                ..told.clone()
            })
            .await;
            tokio::time::sleep(AT_LEAST_EVERY).await;
        }
    }
}

/// What the publisher is woken by and reads from.
pub struct Sources {
    pub desk: Desk,
    pub looks: watch::Receiver<Looks>,
    pub histories: watch::Receiver<Arc<Histories>>,
}

/// Publishes for the first time, and then whenever something has changed, until the desk is gone.
pub async fn start(
    sources: Sources,
    page: Option<StatusPage>,
    url: &str,
    kept: Kept,
    mirrors: Vec<Mirror>,
) -> Result<StatusPage, engine::store::Error> {
    let before = kept.read();
    let desk = sources.desk.clone();
    let mut teller = Teller::open(desk.clone(), url, before.as_ref()).await?;
    let pulse = pulse(desk);
    let told = tell(&mut teller, &sources, &pulse, before.as_ref());
    let page = match page {
        Some(page) => {
            page.put(told).await;
            page
        }
        None => {
            let now = told.as_of;
            StatusPage::of(told, now)
        }
    };
    let (news, told) = watch::channel(page.published().told().clone());
    tokio::spawn(kept.follow(told.clone()));
    for mirror in mirrors {
        tokio::spawn(mirror.follow(told.clone()));
    }
    tokio::spawn(publish(sources, teller, pulse, page.clone(), news));
    Ok(page)
}

fn tell(
    teller: &mut Teller,
    sources: &Sources,
    pulse: &watch::Receiver<Option<Stamp>>,
    before: Option<&Told>,
) -> Told {
    let histories = sources.histories.borrow().clone();
    let mut told = teller.tell(&sources.looks.borrow(), &histories, *pulse.borrow());
    if let Some(before) = before.filter(|before| told.says_the_same(before)) {
        told.changed = before.changed;
    }
    told
}

async fn publish(
    sources: Sources,
    mut teller: Teller,
    mut pulse: watch::Receiver<Option<Stamp>>,
    page: StatusPage,
    news: watch::Sender<Arc<Told>>,
) {
    let mut changes = sources.desk.watch();
    let mut plans = sources.desk.watch_plan();
    let (mut looks, mut histories) = (sources.looks.clone(), sources.histories.clone());
    let mut last = page.published().told().clone();
    let mut rendered = Instant::now();
    // When the next rendering would be due if they came as close as they may: the first has just been.
    let mut due = rendered + AT_MOST_EVERY;
    loop {
        let soonest = due - AT_MOST_EVERY * (IN_A_ROW - 1);
        tokio::time::sleep_until(soonest.max(Instant::now() + GATHER)).await;
        let cut_off = pulse.borrow().is_some();
        let whatever = tokio::select! {
            changed = changes.changed() => match changed {
                Ok(()) => false,
                Err(_) => return,
            },
            changed = plans.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
            _ = histories.changed() => false,
            _ = pulse.changed() => true,
            // Nothing that is seen can be written down now, and is told all the same.
            _ = looks.changed(), if cut_off => true,
            () = tokio::time::sleep_until(rendered + AT_LEAST_EVERY) => true,
        };
        changes.mark_unchanged();
        let told = tell(&mut teller, &sources, &pulse, Some(&last));
        // Most of what happens is not for the public.
        if !whatever && told.says_the_same(&last) {
            continue;
        }
        rendered = Instant::now();
        due = due.max(rendered) + AT_MOST_EVERY;
        last = page.put(told).await;
        news.send_replace(last.clone());
    }
}

/// Since when our own database does not answer, as long as it does not.
fn pulse(desk: Desk) -> watch::Receiver<Option<Stamp>> {
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        let mut alive = desk.clock().now();
        loop {
            tokio::time::sleep(PULSE).await;
            let ping = tokio::time::timeout(PULSE, desk.store().ping());
            let dead = match ping.await {
                Ok(Ok(())) => {
                    alive = desk.clock().now();
                    None
                }
                Ok(Err(_)) | Err(_) => Some(alive),
            };
            tell.send_if_modified(|now| std::mem::replace(now, dead) != dead);
            if tell.is_closed() {
                return;
            }
        }
    });
    told
}
