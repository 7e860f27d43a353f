-- Secrets, sealed: the key is not in the database. And the nodes, with a count that each raises while it lives.

CREATE TABLE secret (
    name       TEXT    PRIMARY KEY,
    sealed     BLOB    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE node (
    name  TEXT    PRIMARY KEY,
    beat  INTEGER NOT NULL,
    spool TEXT    NOT NULL,
    boot  TEXT    NOT NULL
) STRICT;
