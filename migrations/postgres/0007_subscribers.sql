-- Who wants to hear from the public status page. The address is sealed: whoever has only the database has none. By its mark
-- it is known again. `components` are those that matter to them; nothing stands for all. And what is to be said to each of
-- them: a row is gone as soon as it was said. `about` is the number of an event; 0 asks whether they meant it, -1 reminds.

CREATE TABLE subscriber (
    id            TEXT COLLATE "C" PRIMARY KEY,
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('email', 'webhook', 'slack')),
    mark          TEXT COLLATE "C" NOT NULL,
    sealed        BYTEA   NOT NULL,
    language      TEXT    NOT NULL,
    components    TEXT    NOT NULL,
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'disabled')),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    confirmed_at  BIGINT,
    reminded_at   BIGINT,
    failing_since BIGINT,
    why           TEXT    NOT NULL,
    CHECK ((expires_at IS NOT NULL) = (state = 'pending'))
);

CREATE INDEX subscriber_by_mark ON subscriber (mark, id);
CREATE INDEX subscriber_by_state ON subscriber (state, id);
CREATE INDEX subscriber_by_kind ON subscriber (kind, state);
CREATE INDEX subscriber_by_age ON subscriber (created_at, id);
CREATE INDEX subscriber_by_expiry ON subscriber (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE mailing (
    subscriber TEXT COLLATE "C" NOT NULL REFERENCES subscriber (id) ON DELETE CASCADE,
    about      BIGINT NOT NULL,
    queue      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    leased_by  TEXT COLLATE "C",
    PRIMARY KEY (subscriber, about)
);

CREATE INDEX mailing_by_next ON mailing (queue, next_at);
CREATE INDEX mailing_by_lease ON mailing (leased_by) WHERE leased_by IS NOT NULL;
