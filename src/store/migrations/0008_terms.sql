-- What a held command and what was given for it rest on: a digest of the policies and of the connection as they were defined. What was
-- given before there was one counts for nothing.
ALTER TABLE approval ADD COLUMN terms TEXT NOT NULL DEFAULT '';
ALTER TABLE approval_grant ADD COLUMN terms TEXT NOT NULL DEFAULT '';
