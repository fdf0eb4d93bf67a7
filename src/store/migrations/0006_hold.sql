-- Sessions whose recordings stay although their time is over, until they are released.
CREATE TABLE hold (
    session  TEXT PRIMARY KEY,
    reason   TEXT NOT NULL,
    actor    TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
