//! Every statement, in one text for both engines. Rules that keep it one text: `BIGINT` numbers and `TEXT` only, a cast
//! around every computed column, no dialect functions, lists in powers of two. (Only parameters of many rows are written
//! differently for each.)
//! `tests/statements.rs` prepares all of them on both engines and compares columns, types and parameters.

mod multi;

pub use multi::Multi;

use multi::Type::{Number, Text, Truth};
use std::sync::LazyLock;

macro_rules! head {
    () => {
        "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"
    };
}
pub(crate) use head;

macro_rules! event_columns {
    () => {
        "seq, stream, kind, occurred_at, recorded_at, actor, body, hash"
    };
}

macro_rules! credential_columns {
    () => {
        "id, kind, secret_hash, person, expires_at, revoked_at, used_at, created_at"
    };
}

macro_rules! notification_columns {
    () => {
        "id, rank, incident, about, cause, severity, audience, person, channel, address, state, due, not_before, \
        next_at, attempts, certain, leased_by, first_at, sent_at, delivered_at, read_at, provider_id, why, untold, \
        created_at"
    };
}

macro_rules! subscriber_columns {
    () => {
        "id, kind, mark, sealed, language, components, state, created_at, expires_at, confirmed_at, reminded_at, \
        failing_since, why"
    };
}

macro_rules! mailing_columns {
    () => {
        "subscriber, about, queue, created_at, next_at, attempts, leased_by"
    };
}

macro_rules! history_day_columns {
    () => {
        "day, service, operational, degraded, partial_outage, major_outage, maintenance, changes"
    };
}

macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(pub const $name: &str = $sql;)*
        #[cfg(feature = "testing")]
        const FIXED: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}

statements! {
    PING = "SELECT CAST(1 AS BIGINT) AS one";

    HEAD = head!();
    EVENTS_AFTER = concat!("SELECT ", event_columns!(), " FROM event WHERE seq > $1 ORDER BY seq LIMIT $2");
    STREAM_AFTER = concat!(
        "SELECT ", event_columns!(), " FROM event WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3");
    STREAM_BEFORE = concat!(
        "SELECT ", event_columns!(), " FROM event WHERE stream = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");

    PROJECTION = "SELECT kind, id, open, version, body FROM projection WHERE kind = $1 AND id = $2";
    PROJECTIONS_OPEN =
        "SELECT kind, id, open, version, body FROM projection WHERE kind = $1 AND open = TRUE ORDER BY id";
    PROJECTIONS_LAST =
        "SELECT kind, id, open, version, body FROM projection WHERE kind = $1 ORDER BY id DESC LIMIT $2";
    PROJECTIONS_BEFORE = "SELECT kind, id, open, version, body FROM projection \
        WHERE kind = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    END_KNOWN = "SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM \
        (SELECT MAX(version) AS seq FROM projection UNION ALL SELECT seq FROM timeline_end) AS known";

    CREDENTIAL_BY_HASH = concat!("SELECT ", credential_columns!(), " FROM credential WHERE secret_hash = $1");
    CREDENTIALS = concat!("SELECT ", credential_columns!(), " FROM credential WHERE kind = $1 ORDER BY id");
    // What was revoked or used stays so: a late upsert cannot bring it back.
    CREDENTIAL_PUT = concat!(
        "INSERT INTO credential (", credential_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (id) DO UPDATE SET person = excluded.person, expires_at = excluded.expires_at, \
        revoked_at = COALESCE(credential.revoked_at, excluded.revoked_at), \
        used_at = COALESCE(excluded.used_at, credential.used_at)");
    CREDENTIAL_REVOKE = "UPDATE credential SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    LINK_USE = "UPDATE credential SET used_at = $2 WHERE id = $1 AND kind = 'link' \
        AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2";

    SECRET = "SELECT name, sealed, changed_at FROM secret WHERE name = $1";
    SECRETS = "SELECT name, sealed, changed_at FROM secret WHERE name >= $1 AND name < $2 ORDER BY name";
    SECRET_PUT = "INSERT INTO secret (name, sealed, changed_at) VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at";
    SECRET_REMOVE = "DELETE FROM secret WHERE name = $1";

    NODES = "SELECT name, beat, spool, boot FROM node ORDER BY name";
    NODE_BEAT = "INSERT INTO node (name, beat, spool, boot) VALUES ($1, 1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET beat = node.beat + 1, spool = excluded.spool, boot = excluded.boot";

    HEARTBEAT = "SELECT at FROM heartbeat WHERE service = $1";
    HEARTBEAT_PUT = "INSERT INTO heartbeat (service, at) VALUES ($1, $2) \
        ON CONFLICT (service) DO UPDATE SET at = excluded.at";

    // What is due is leased by moving its next try ahead. The condition stands twice: a row that another node took
    // meanwhile is looked at again by PostgreSQL, and is not due any more.
    NOTIFICATION_CLAIM = concat!(
        "UPDATE notification SET state = 'sending', leased_by = $1, next_at = $2, attempts = attempts + 1, \
        first_at = COALESCE(first_at, $6) WHERE channel = $3 AND next_at <= $4 AND id IN \
        (SELECT id FROM notification WHERE channel = $3 AND next_at <= $4 ORDER BY next_at, rank LIMIT $5) \
        RETURNING ", notification_columns!());
    NOTIFICATION_NEXT =
        "SELECT next_at FROM notification WHERE channel = $1 AND next_at IS NOT NULL ORDER BY next_at, rank LIMIT 1";
    // Only by who has the lease, and as long as nobody knows better.
    NOTIFICATION_UNCLAIM = "UPDATE notification SET state = $4, next_at = $5, attempts = attempts - 1, leased_by = NULL, \
        first_at = $6 WHERE id = $1 AND leased_by = $2 AND attempts = $3 AND state = 'sending'";
    NOTIFICATION_LEASES = "UPDATE notification SET next_at = $2 WHERE leased_by = $1 AND state = 'sending'";
    NOTIFICATION_NEARER = "UPDATE notification SET next_at = $2 \
        WHERE channel = $1 AND next_at > $3 AND state IN ('pending', 'failed_temporarily')";
    NOTIFICATION_RELEASE = "UPDATE notification SET state = 'pending', next_at = $2, not_before = NULL \
        WHERE incident = $1 AND state = 'held'";
    NOTIFICATION_GRAVER = "UPDATE notification SET severity = $2 WHERE incident = $1 AND next_at IS NOT NULL";
    NOTIFICATIONS_OF = concat!(
        "SELECT ", notification_columns!(), " FROM notification WHERE incident = $1 AND rank > $2 ORDER BY rank LIMIT $3");
    NOTIFICATIONS_UNTOLD = concat!(
        "SELECT ", notification_columns!(), " FROM notification WHERE untold = TRUE AND rank > $1 ORDER BY rank LIMIT $2");
    NOTIFICATIONS_LATE = concat!(
        "SELECT ", notification_columns!(), " FROM notification WHERE channel = $1 AND next_at < $2 \
        ORDER BY next_at, rank LIMIT $3");
    ATTEMPTS = "SELECT id, number, at, took_ms, outcome, why FROM notification_attempt WHERE id = $1 ORDER BY number";
    HISTORY_DAYS = concat!("SELECT ", history_day_columns!(), " FROM history_day \
        WHERE (day, service) > ($1, $2) ORDER BY day, service LIMIT $3");
    HISTORY_SPELLS =
        "SELECT service, health, since, seen FROM history_spell WHERE service > $1 ORDER BY service LIMIT $2";

    // The condition on the cause is that of the index.
    NOTIFICATIONS_KEPT = "SELECT CAST(COALESCE(SUM(CASE WHEN state <> 'failed' AND sent_at <= due + $6 \
            THEN 1 ELSE 0 END), 0) AS BIGINT) AS met, \
        CAST(COALESCE(SUM(CASE WHEN state <> 'failed' AND sent_at > due + $6 \
            OR sent_at IS NULL AND next_at IS NOT NULL AND due + $6 < $5 THEN 1 ELSE 0 END), 0) AS BIGINT) AS late, \
        CAST(COALESCE(SUM(CASE WHEN state = 'failed' OR sent_at IS NULL AND (why = $7 OR why = $8) \
            THEN 1 ELSE 0 END), 0) AS BIGINT) AS failed \
        FROM notification WHERE cause IN ('declared', 'raised', 'reopened') \
        AND severity = $1 AND channel = $2 AND due >= $3 AND due < $4";
    NOTIFICATION_LAST_SENT = "SELECT CAST(MAX(sent_at) AS BIGINT) AS sent_at FROM notification \
        WHERE channel = $1 AND first_at IS NOT NULL AND (address = $2 OR $2 = '')";
    NOTIFICATION_LAST_FAILED = concat!(
        "SELECT ", notification_columns!(), " FROM notification WHERE channel = $1 \
        AND state IN ('failed', 'failed_temporarily') AND (address = $2 OR $2 = '') ORDER BY first_at DESC LIMIT 1");

    SUBSCRIBER = concat!("SELECT ", subscriber_columns!(), " FROM subscriber WHERE id = $1");
    SUBSCRIBERS_BY_MARK = concat!("SELECT ", subscriber_columns!(), " FROM subscriber WHERE mark = $1 ORDER BY id");
    SUBSCRIBERS_IN = concat!(
        "SELECT ", subscriber_columns!(), " FROM subscriber WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3");
    SUBSCRIBERS_BEFORE = concat!(
        "SELECT ", subscriber_columns!(), " FROM subscriber WHERE (created_at, id) < ($1, $2) \
        ORDER BY created_at DESC, id DESC LIMIT $3");
    SUBSCRIBERS_COUNT = "SELECT CAST(COUNT(*) AS BIGINT) AS count FROM subscriber WHERE state = $1";
    SUBSCRIBER_COUNTS = "SELECT kind, state, CAST(COUNT(*) AS BIGINT) AS count FROM subscriber \
        GROUP BY kind, state ORDER BY kind, state";
    SUBSCRIBER_PUT = concat!(
        "INSERT INTO subscriber (", subscriber_columns!(), ") \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
        ON CONFLICT (id) DO UPDATE SET language = excluded.language, components = excluded.components, \
        state = excluded.state, expires_at = excluded.expires_at, confirmed_at = excluded.confirmed_at, \
        reminded_at = excluded.reminded_at");
    SUBSCRIBER_REMOVE = "DELETE FROM subscriber WHERE id = $1";
    SUBSCRIBERS_EXPIRE = "DELETE FROM subscriber WHERE expires_at <= $1";
    SUBSCRIBER_WELL = "UPDATE subscriber SET failing_since = NULL, why = '' WHERE id = $1 AND failing_since IS NOT NULL";
    SUBSCRIBER_FAILING =
        "UPDATE subscriber SET failing_since = COALESCE(failing_since, $2), why = $3 WHERE id = $1";
    SUBSCRIBER_DISABLE = "UPDATE subscriber SET state = 'disabled', expires_at = NULL, why = $2 WHERE id = $1";
    SUBSCRIBER_CONFIRM = "UPDATE subscriber SET state = 'active', expires_at = NULL, confirmed_at = $2, \
        failing_since = NULL, why = '' \
        WHERE id = $1 AND state = 'pending'";
    MAILING_CLAIM = concat!(
        "UPDATE mailing SET leased_by = $1, next_at = $2, attempts = attempts + 1 \
        WHERE queue = $3 AND next_at <= $4 AND (subscriber, about) IN \
        (SELECT subscriber, about FROM mailing WHERE queue = $3 AND next_at <= $4 ORDER BY next_at LIMIT $5) \
        RETURNING ", mailing_columns!());
    MAILING_NEXT = "SELECT next_at FROM mailing WHERE queue = $1 ORDER BY next_at LIMIT 1";
    // Only by who has the lease.
    MAILING_AGAIN = "UPDATE mailing SET next_at = $3, leased_by = NULL \
        WHERE subscriber = $1 AND about = $2 AND leased_by = $4 AND attempts = $5";
    MAILING_DONE =
        "DELETE FROM mailing WHERE subscriber = $1 AND about = $2 AND leased_by = $3 AND attempts = $4";
    MAILINGS_REMOVE = "DELETE FROM mailing WHERE subscriber = $1";
    MAILING_NEARER = "UPDATE mailing SET next_at = $2 WHERE queue = $1 AND next_at > $3";
    MAILING_LEASES = "UPDATE mailing SET next_at = $2, leased_by = NULL WHERE leased_by = $1";

    PLAN_REVISION = "SELECT body FROM plan_revision WHERE hash = $1";
    PLAN_REVISION_PUT =
        "INSERT INTO plan_revision (hash, body, loaded_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING";
}

pub static EVENT_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        concat!("INSERT INTO event (", event_columns!(), ") VALUES "),
        1,
        8,
        "",
    )
});

pub static RECEIPT_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "INSERT INTO receipt (key, fingerprint, seq, answer, at) VALUES ",
        1,
        5,
        "",
    )
});

pub static PROJECTION_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "INSERT INTO projection (kind, id, open, version, body) VALUES ",
        1,
        5,
        " ON CONFLICT (kind, id) DO UPDATE SET open = excluded.open, version = excluded.version, body = excluded.body",
    )
});

/// Adds to what is there: a day is written in pieces.
pub static HISTORY_DAY_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        concat!(
            "INSERT INTO history_day (",
            history_day_columns!(),
            ") VALUES "
        ),
        1,
        8,
        " ON CONFLICT (day, service) DO UPDATE SET operational = history_day.operational + excluded.operational, \
        degraded = history_day.degraded + excluded.degraded, \
        partial_outage = history_day.partial_outage + excluded.partial_outage, \
        major_outage = history_day.major_outage + excluded.major_outage, \
        maintenance = history_day.maintenance + excluded.maintenance, changes = history_day.changes + excluded.changes",
    )
});

pub static HISTORY_SPELL_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "INSERT INTO history_spell (service, health, since, seen) VALUES ",
        1,
        4,
        " ON CONFLICT (service) DO UPDATE SET health = excluded.health, since = excluded.since, seen = excluded.seen",
    )
});

pub static RECEIPTS: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "SELECT key, fingerprint, seq, answer, at FROM receipt WHERE key IN (",
        1,
        1,
        ")",
    )
});

pub static STREAMS_AFTER: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        concat!(
            "SELECT ",
            event_columns!(),
            " FROM event WHERE seq > $1 AND stream IN ("
        ),
        3,
        1,
        ") ORDER BY seq LIMIT $2",
    )
});

pub static NOTIFICATION_PUT: LazyLock<Multi> = LazyLock::new(|| {
    let into = concat!(
        "INSERT INTO notification (",
        notification_columns!(),
        ") VALUES "
    );
    Multi::new(into, 1, 25, "")
});

/// What became of tries: only by who has the lease, and as long as nobody knows better.
pub static NOTIFICATION_SETTLE: LazyLock<Multi> = LazyLock::new(|| {
    Multi::typed(
        "UPDATE notification SET state = given.column4, next_at = given.column5, certain = given.column6, \
        sent_at = COALESCE(sent_at, given.column7), delivered_at = COALESCE(delivered_at, given.column8), \
        provider_id = COALESCE(given.column9, provider_id), why = given.column10, untold = given.column11, leased_by = NULL \
        FROM (VALUES ",
        &[
            Text, Text, Number, Text, Number, Number, Number, Number, Text, Text, Truth,
        ],
        ") AS given WHERE id = given.column1 AND leased_by = given.column2 AND attempts = given.column3 AND state = 'sending' \
        RETURNING id",
    )
});

/// What somebody knows better: from one state to the next.
pub static NOTIFICATION_RECEIVE: LazyLock<Multi> = LazyLock::new(|| {
    Multi::typed(
        "UPDATE notification SET state = given.column3, next_at = given.column4, certain = given.column5, \
        sent_at = COALESCE(sent_at, given.column6), delivered_at = COALESCE(delivered_at, given.column7), \
        read_at = COALESCE(read_at, given.column8), provider_id = COALESCE(provider_id, given.column9), why = given.column10, \
        untold = given.column11, leased_by = NULL FROM (VALUES ",
        &[
            Text, Text, Text, Number, Number, Number, Number, Number, Text, Text, Truth,
        ],
        ") AS given WHERE id = given.column1 AND state = given.column2 RETURNING id",
    )
});

pub static NOTIFICATIONS: LazyLock<Multi> = LazyLock::new(|| {
    let of = concat!(
        "SELECT ",
        notification_columns!(),
        " FROM notification WHERE id IN ("
    );
    Multi::new(of, 1, 1, ")")
});

pub static NOTIFICATIONS_BY_PROVIDER: LazyLock<Multi> = LazyLock::new(|| {
    let of = concat!(
        "SELECT ",
        notification_columns!(),
        " FROM notification WHERE provider_id IN ("
    );
    Multi::new(of, 1, 1, ")")
});

/// The timeline has it: where it is still so.
pub static NOTIFICATIONS_TOLD: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "UPDATE notification SET untold = FALSE WHERE state = $1 AND id IN (",
        2,
        1,
        ")",
    )
});

/// Of these: which the timeline does not know of yet.
pub static NOTIFICATIONS_STILL_UNTOLD: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "SELECT id, state FROM notification WHERE untold = TRUE AND id IN (",
        1,
        1,
        ")",
    )
});

/// Since a time: when each address of a channel was written to.
pub static ADDRESSES_SINCE: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "SELECT address, first_at FROM notification WHERE channel = $1 AND first_at > $2 AND address IN (",
        3,
        1,
        ")",
    )
});

pub static ATTEMPT_PUT: LazyLock<Multi> = LazyLock::new(|| {
    Multi::new(
        "INSERT INTO notification_attempt (id, number, at, took_ms, outcome, why) VALUES ",
        1,
        6,
        " ON CONFLICT (id, number) DO NOTHING",
    )
});

/// What is to be said already is not to be said twice.
pub static MAILING_PUT: LazyLock<Multi> = LazyLock::new(|| {
    let into = concat!("INSERT INTO mailing (", mailing_columns!(), ") VALUES ");
    Multi::new(into, 1, 7, " ON CONFLICT (subscriber, about) DO NOTHING")
});

/// Every statement with its name, for the test that prepares them.
#[cfg(feature = "testing")]
pub fn all() -> Vec<(String, &'static str)> {
    let multi: [(&str, &LazyLock<Multi>); 17] = [
        ("EVENT_PUT", &EVENT_PUT),
        ("RECEIPT_PUT", &RECEIPT_PUT),
        ("PROJECTION_PUT", &PROJECTION_PUT),
        ("RECEIPTS", &RECEIPTS),
        ("STREAMS_AFTER", &STREAMS_AFTER),
        ("NOTIFICATION_PUT", &NOTIFICATION_PUT),
        ("NOTIFICATION_SETTLE", &NOTIFICATION_SETTLE),
        ("NOTIFICATION_RECEIVE", &NOTIFICATION_RECEIVE),
        ("NOTIFICATIONS", &NOTIFICATIONS),
        ("NOTIFICATIONS_BY_PROVIDER", &NOTIFICATIONS_BY_PROVIDER),
        ("NOTIFICATIONS_TOLD", &NOTIFICATIONS_TOLD),
        ("NOTIFICATIONS_STILL_UNTOLD", &NOTIFICATIONS_STILL_UNTOLD),
        ("ADDRESSES_SINCE", &ADDRESSES_SINCE),
        ("ATTEMPT_PUT", &ATTEMPT_PUT),
        ("HISTORY_DAY_PUT", &HISTORY_DAY_PUT),
        ("HISTORY_SPELL_PUT", &HISTORY_SPELL_PUT),
        ("MAILING_PUT", &MAILING_PUT),
    ];
    let sizes = multi.iter().flat_map(|(name, multi)| {
        multi
            .texts()
            .map(move |(size, sql)| (format!("{name} x {size}"), sql))
    });
    FIXED
        .iter()
        .map(|(name, sql)| (name.to_string(), *sql))
        .chain(sizes)
        .collect()
}
