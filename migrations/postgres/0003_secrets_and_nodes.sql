-- Secrets, sealed: the key is not in the database. And the nodes, with a count that each raises while it lives.

CREATE TABLE secret (
    name       TEXT COLLATE "C" PRIMARY KEY,
    sealed     BYTEA  NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE node (
    name  TEXT COLLATE "C" PRIMARY KEY,
    beat  BIGINT NOT NULL,
    spool TEXT   NOT NULL,
    boot  TEXT   NOT NULL
);
