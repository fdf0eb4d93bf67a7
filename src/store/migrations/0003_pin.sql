-- What targets said of the things that they offer to agents, as it was accepted and as it is now. Both as JSON, with masked texts;
-- without a current one the target says what is accepted. Without accepted_by it is what was seen first.
CREATE TABLE pin (
    connection  TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('prompt', 'resource_template', 'server', 'tool')),
    name        TEXT NOT NULL,
    accepted    TEXT NOT NULL,
    accepted_ms INTEGER NOT NULL,
    accepted_by TEXT,
    fresh       INTEGER NOT NULL CHECK (fresh IN (0, 1)),
    current     TEXT,
    changed_ms  INTEGER,
    PRIMARY KEY (connection, kind, name)
) STRICT;
