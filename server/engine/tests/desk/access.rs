//! Who comes in, and for how long.

use crate::{house::*, on_both_engines};
use domain::*;
use engine::{Desk, access};
use futures::future::join_all;

on_both_engines! {
    a_sign_in_link_works_once
    a_sign_in_link_is_nobodys_session
    a_revoked_session_is_nobody
    a_session_ends_by_itself
    the_log_tells_who_was_let_in_and_never_with_what
}

async fn link(desk: &Desk) -> String {
    access::issue_link(desk, &worker(), "Jane Doe", AccessRole::Commander)
        .await
        .unwrap()
}

async fn is_somebody(desk: &Desk, secret: &str) -> bool {
    access::who(desk, secret).await.unwrap().is_some()
}

async fn a_sign_in_link_works_once(house: &House) {
    let nodes = [house.desk().await, house.node("there").await];
    let secret = link(&nodes[0]).await;
    // Ten browsers on two nodes at once.
    let tries = join_all((0..10).map(|n| access::sign_in(&nodes[n % 2], &secret))).await;
    let (session, actor) = {
        let mut let_in = tries.into_iter().filter_map(Result::ok);
        let first = let_in.next().expect("one is let in");
        assert_eq!(let_in.count(), 0, "and no other");
        first
    };
    assert_eq!(
        (actor.name.as_str(), actor.role),
        ("Jane Doe", AccessRole::Commander)
    );
    assert!(is_somebody(&nodes[0], &session).await && is_somebody(&nodes[1], &session).await);
    assert!(access::sign_in(&nodes[1], &secret).await.is_err());

    let late = link(&nodes[0]).await;
    house.wait(access::LINK_LASTS);
    assert!(
        access::sign_in(&nodes[0], &late).await.is_err(),
        "a link expires"
    );
}

async fn a_sign_in_link_is_nobodys_session(house: &House) {
    let desk = house.desk().await;
    let secret = link(&desk).await;
    assert!(!is_somebody(&desk, &secret).await);
    let (session, _) = access::sign_in(&desk, &secret).await.unwrap();
    assert!(
        access::sign_in(&desk, &session).await.is_err(),
        "nor is a session a link"
    );
}

async fn a_revoked_session_is_nobody(house: &House) {
    let desk = house.desk().await;
    let (session, _) = access::sign_in(&desk, &link(&desk).await).await.unwrap();
    let (id, token) = access::issue_token(
        &desk,
        &worker(),
        "robot",
        AccessRole::Viewer,
        Span::secs(60),
    )
    .await
    .unwrap();
    let (_, credential) = access::who(&desk, &session).await.unwrap().unwrap();
    access::revoke(&desk, &worker(), &credential.id)
        .await
        .unwrap();
    assert!(!is_somebody(&desk, &session).await);
    assert!(is_somebody(&desk, &token).await);
    access::revoke(&desk, &worker(), &id).await.unwrap();
    assert!(!is_somebody(&house.node("there").await, &token).await);
    // Once is for ever, and twice is no harm.
    access::revoke(&desk, &worker(), &id).await.unwrap();
    assert!(!is_somebody(&desk, &token).await);
}

async fn a_session_ends_by_itself(house: &House) {
    let desk = house.desk().await;
    let (session, _) = access::sign_in(&desk, &link(&desk).await).await.unwrap();
    house.wait(Span(access::SESSION_LASTS.0 - Span::secs(1).0));
    assert!(is_somebody(&desk, &session).await);
    house.wait(Span::secs(1));
    assert!(!is_somebody(&desk, &session).await);
}

async fn the_log_tells_who_was_let_in_and_never_with_what(house: &House) {
    let desk = house.desk().await;
    let secret = link(&desk).await;
    let (session, _) = access::sign_in(&desk, &secret).await.unwrap();
    let records = desk.store().events_after(0, 100).await.unwrap();
    assert!(
        records
            .iter()
            .any(|r| r.kind == "signed_in" && r.body.contains("Jane Doe"))
    );
    for record in records {
        for hidden in [&secret, &session] {
            assert!(
                !record.body.contains(hidden.trim_start_matches("mst_"))
                    && !record.actor.contains(hidden.as_str())
            );
        }
    }
}
