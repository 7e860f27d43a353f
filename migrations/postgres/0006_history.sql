-- What became of each service: seconds in each state, by day of UTC (days since 1970). Nobody looked for what is missing.
-- And the spell that goes on, in seconds since 1970: since when it is so, and until when it was seen.

CREATE TABLE history_day (
    day            BIGINT NOT NULL,
    service        TEXT COLLATE "C" NOT NULL,
    operational    BIGINT NOT NULL,
    degraded       BIGINT NOT NULL,
    partial_outage BIGINT NOT NULL,
    major_outage   BIGINT NOT NULL,
    maintenance    BIGINT NOT NULL,
    changes        BIGINT NOT NULL,
    PRIMARY KEY (day, service)
);

CREATE TABLE history_spell (
    service TEXT COLLATE "C" PRIMARY KEY,
    health  TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    seen    BIGINT NOT NULL
) WITH (fillfactor = 80);
