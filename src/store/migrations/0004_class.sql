-- What a held command does, as it was judged. Of those that were asked for before, it is not known.
ALTER TABLE approval ADD COLUMN class TEXT NOT NULL DEFAULT 'unknown';
