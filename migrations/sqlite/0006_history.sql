-- What became of each service: seconds in each state, by day of UTC (days since 1970). Nobody looked for what is missing.
-- And the spell that goes on, in seconds since 1970: since when it is so, and until when it was seen.

CREATE TABLE history_day (
    day            INTEGER NOT NULL,
    service        TEXT    NOT NULL,
    operational    INTEGER NOT NULL,
    degraded       INTEGER NOT NULL,
    partial_outage INTEGER NOT NULL,
    major_outage   INTEGER NOT NULL,
    maintenance    INTEGER NOT NULL,
    changes        INTEGER NOT NULL,
    PRIMARY KEY (day, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE history_spell (
    service TEXT    PRIMARY KEY,
    health  TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) STRICT;
