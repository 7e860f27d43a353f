-- Who called in last: services whose other side must.

CREATE TABLE heartbeat (
    service TEXT COLLATE "C" PRIMARY KEY,
    at      BIGINT NOT NULL
);
