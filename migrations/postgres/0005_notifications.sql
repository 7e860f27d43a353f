-- Who is to be told, and how far that has got: the state of work, not of the world. What matters to people is told to
-- the timeline. An open row has a next_at, whatever its state: being leased is having one that lies ahead.

CREATE TABLE notification (
    id           TEXT COLLATE "C" PRIMARY KEY,
    rank         BIGINT NOT NULL,
    incident     TEXT COLLATE "C",
    about        BIGINT NOT NULL,
    cause        TEXT    NOT NULL,
    severity     TEXT,
    audience     TEXT    NOT NULL,
    person       TEXT    NOT NULL,
    channel      TEXT COLLATE "C" NOT NULL,
    address      TEXT COLLATE "C",
    state        TEXT    NOT NULL,
    due          BIGINT NOT NULL,
    not_before   BIGINT,
    next_at      BIGINT,
    attempts     BIGINT NOT NULL,
    certain      BIGINT NOT NULL,
    leased_by    TEXT COLLATE "C",
    first_at     BIGINT,
    sent_at      BIGINT,
    delivered_at BIGINT,
    read_at      BIGINT,
    provider_id  TEXT COLLATE "C",
    why          TEXT    NOT NULL,
    untold       BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    -- Nothing is sent without an address, and whatever is not over has a time at which it is looked at again.
    CHECK (address IS NOT NULL OR state = 'suppressed'),
    CHECK ((next_at IS NULL) = (state IN ('sent', 'delivered', 'read', 'acknowledged', 'failed', 'suppressed')))
);

CREATE INDEX notification_by_incident ON notification (incident, rank);
CREATE INDEX notification_by_next ON notification (channel, next_at, rank) WHERE next_at IS NOT NULL;
CREATE INDEX notification_by_address ON notification (channel, address, first_at) WHERE first_at IS NOT NULL;
CREATE INDEX notification_by_provider ON notification (provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX notification_by_lease ON notification (leased_by) WHERE leased_by IS NOT NULL;
CREATE INDEX notification_by_due ON notification (severity, channel, due)
    WHERE cause IN ('declared', 'raised', 'reopened');
CREATE INDEX notification_failed ON notification (channel, first_at) WHERE state IN ('failed', 'failed_temporarily');
CREATE INDEX notification_untold ON notification (rank) WHERE untold = TRUE;

CREATE TABLE notification_attempt (
    id      TEXT COLLATE "C" NOT NULL,
    number  BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    outcome TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    PRIMARY KEY (id, number)
);
