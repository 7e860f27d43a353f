-- Where the timeline ends, so that an end that was cut off is noticed. The documents of things cannot tell: that of a run
-- which goes on step by step is written now and then only, and is then followed by the run's own events since. (A release
-- that does not know this would take such a document for the present: it refuses a database with this file.)

CREATE TABLE timeline_end (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO timeline_end SELECT 1, COALESCE(MAX(seq), 0) FROM event;

CREATE TRIGGER event_moves_the_end AFTER INSERT ON event
BEGIN
    UPDATE timeline_end SET seq = NEW.seq WHERE one = 1 AND seq < NEW.seq;
END;
