-- The digest of what the configuration file said when the revision was last given, so that a file that changed while no gateway
-- ran raises it too. Empty: none was seen yet.
INSERT INTO meta (key, value) VALUES ('file', '');

-- Before this, a process that took another file over counted on by itself, and numbers that it had put into recordings were given again
-- after a restart. A step that no such count has reached keeps those numbers apart from all that come.
UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1000 AS TEXT) WHERE key = 'revision';
