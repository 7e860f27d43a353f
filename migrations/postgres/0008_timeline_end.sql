-- Where the timeline ends, so that an end that was cut off is noticed. The documents of things cannot tell: that of a run
-- which goes on step by step is written now and then only, and is then followed by the run's own events since. (A release
-- that does not know this would take such a document for the present: it refuses a database with this file.)

-- Other nodes may be writing: nothing comes between what is read here and the trigger. And they do not wait for long.
SET LOCAL lock_timeout = '5s';
LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE;

-- Written with each commit: room for the next versions of its row is kept beside it.
CREATE TABLE timeline_end (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL
) WITH (fillfactor = 10);

INSERT INTO timeline_end SELECT 1, COALESCE(MAX(seq), 0) FROM event;

CREATE FUNCTION event_moves_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    highest BIGINT;
BEGIN
    SELECT MAX(seq) INTO highest FROM added;
    UPDATE timeline_end SET seq = highest WHERE one = 1 AND seq < highest;
    RETURN NULL;
END $$;

CREATE TRIGGER event_moves_the_end AFTER INSERT ON event
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION event_moves_the_end();

ALTER TABLE event ENABLE ALWAYS TRIGGER event_moves_the_end;
