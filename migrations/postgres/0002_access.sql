-- Who may come in (only hashes of secrets are kept), and the plans that were in force.

CREATE TABLE credential (
    id          TEXT COLLATE "C" PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('token', 'session', 'link')),
    secret_hash BYTEA  NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    person      TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    used_at     BIGINT,
    created_at  BIGINT NOT NULL
);

CREATE INDEX credential_by_kind ON credential (kind, id);

CREATE TABLE plan_revision (
    hash      TEXT COLLATE "C" PRIMARY KEY,
    body      TEXT   NOT NULL,
    loaded_at BIGINT NOT NULL
);
