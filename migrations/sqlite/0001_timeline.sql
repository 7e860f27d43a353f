-- The timeline, and what is derived from it. Times are microseconds since 1970 in UTC; JSON is text.

CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    stream      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    hash        BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX event_by_stream ON event (stream, seq);

CREATE TRIGGER event_is_never_updated BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'append-only');
END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'append-only');
END;

-- Also stops INSERT OR REPLACE, which would pass by the delete trigger.
CREATE TRIGGER event_has_no_gaps BEFORE INSERT ON event
WHEN NEW.seq <> COALESCE((SELECT MAX(seq) FROM event), 0) + 1
BEGIN
    SELECT RAISE(ABORT, 'gap');
END;

-- One row per request that was answered: the same key gets the same answer.
CREATE TABLE receipt (
    key         TEXT    PRIMARY KEY,
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    seq         INTEGER NOT NULL,
    answer      TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

-- Current state, one document per thing; written in the transaction of the events it follows from.
CREATE TABLE projection (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    open    INTEGER NOT NULL CHECK (open IN (0, 1)),
    version INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE INDEX projection_by_open ON projection (kind, open, id);
