-- Who wants to hear from the public status page. The address is sealed: whoever has only the database has none. By its mark
-- it is known again. `components` are those that matter to them; nothing stands for all. And what is to be said to each of
-- them: a row is gone as soon as it was said. `about` is the number of an event; 0 asks whether they meant it, -1 reminds.

CREATE TABLE subscriber (
    id            TEXT    PRIMARY KEY,
    kind          TEXT    NOT NULL CHECK (kind IN ('email', 'webhook', 'slack')),
    mark          TEXT    NOT NULL,
    sealed        BLOB    NOT NULL,
    language      TEXT    NOT NULL,
    components    TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'disabled')),
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    confirmed_at  INTEGER,
    reminded_at   INTEGER,
    failing_since INTEGER,
    why           TEXT    NOT NULL,
    CHECK ((expires_at IS NOT NULL) = (state = 'pending'))
) STRICT;

CREATE INDEX subscriber_by_mark ON subscriber (mark, id);
CREATE INDEX subscriber_by_state ON subscriber (state, id);
CREATE INDEX subscriber_by_kind ON subscriber (kind, state);
CREATE INDEX subscriber_by_age ON subscriber (created_at, id);
CREATE INDEX subscriber_by_expiry ON subscriber (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE mailing (
    subscriber TEXT    NOT NULL REFERENCES subscriber (id) ON DELETE CASCADE,
    about      INTEGER NOT NULL,
    queue      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    leased_by  TEXT,
    PRIMARY KEY (subscriber, about)
) STRICT;

CREATE INDEX mailing_by_next ON mailing (queue, next_at);
CREATE INDEX mailing_by_lease ON mailing (leased_by) WHERE leased_by IS NOT NULL;
