-- Who called in last: services whose other side must.

CREATE TABLE heartbeat (
    service TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;
