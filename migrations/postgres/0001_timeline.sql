-- The timeline, and what is derived from it. Times are microseconds since 1970 in UTC; JSON is text.
-- Keys collate as bytes ("C"), so that both engines sort alike whatever the database's locale.

CREATE TABLE event (
    seq         BIGINT PRIMARY KEY,
    stream      TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    hash        BYTEA  NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE INDEX event_by_stream ON event (stream, seq);

CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only();

-- Not switched off by session_replication_role either.
ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_append_only;

-- One check per statement, however many rows it brings; then the hint for other nodes, which carries no data.
CREATE FUNCTION event_is_appended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lowest  BIGINT;
    highest BIGINT;
    total   BIGINT;
BEGIN
    SELECT MIN(seq), MAX(seq), COUNT(*) INTO lowest, highest, total FROM added;
    IF total = 0 THEN
        RETURN NULL;
    END IF;
    IF highest - lowest + 1 <> total
        OR lowest <> COALESCE((SELECT MAX(seq) FROM event WHERE seq < lowest), 0) + 1 THEN
        RAISE EXCEPTION 'gap' USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM pg_notify('muster_event', '');
    RETURN NULL;
END $$;

CREATE TRIGGER event_is_appended AFTER INSERT ON event
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_appended();

ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_appended;

-- One row per request that was answered: the same key gets the same answer.
CREATE TABLE receipt (
    key         TEXT COLLATE "C" PRIMARY KEY,
    fingerprint BYTEA  NOT NULL CHECK (octet_length(fingerprint) = 32),
    seq         BIGINT NOT NULL,
    answer      TEXT   NOT NULL,
    at          BIGINT NOT NULL
);

-- Current state, one document per thing; written in the transaction of the events it follows from.
CREATE TABLE projection (
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    open    BOOLEAN NOT NULL,
    version BIGINT  NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80);

CREATE INDEX projection_by_open ON projection (kind, open, id);
