-- What the trail says of one kind is found without reading all of it.
CREATE INDEX IF NOT EXISTS audit_action ON audit (action);
