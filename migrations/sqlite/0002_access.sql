-- Who may come in (only hashes of secrets are kept), and the plans that were in force.

CREATE TABLE credential (
    id          TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind IN ('token', 'session', 'link')),
    secret_hash BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    person      TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    used_at     INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX credential_by_kind ON credential (kind, id);

CREATE TABLE plan_revision (
    hash      TEXT    PRIMARY KEY,
    body      TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL
) STRICT;
