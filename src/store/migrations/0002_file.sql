-- The digest of what the configuration file said when the revision was last given, so that a file that changed while no gateway
-- ran raises it too. Empty: none was seen yet.
INSERT INTO meta (key, value) VALUES ('file', '');
