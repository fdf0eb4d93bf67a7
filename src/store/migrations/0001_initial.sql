-- The store of hoopctl, first version. Applied migrations are never changed: add another file.

-- Counters and small facts: revision, audit_head, clock.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;
INSERT INTO meta (key, value) VALUES ('revision', '0'), ('audit_head', ''), ('clock', '0');

-- Connections, masks and policies that were added by command, each as the text of its TOML table.
CREATE TABLE entity (
    kind       TEXT NOT NULL CHECK (kind IN ('connection', 'mask', 'policy')),
    name       TEXT NOT NULL,
    body       TEXT NOT NULL,
    managed_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;

-- Locks that stand.
CREATE TABLE lock (
    id         TEXT PRIMARY KEY NOT NULL,
    target     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER
) STRICT;

-- Sealed secrets. The key that opens them is never in here.
CREATE TABLE secret (
    key        TEXT PRIMARY KEY NOT NULL,
    sealed     BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    actor      TEXT NOT NULL
) STRICT;

-- The last good key set of each issuer.
CREATE TABLE jwks (
    issuer     TEXT PRIMARY KEY NOT NULL,
    body       BLOB NOT NULL,
    fetched_ms INTEGER NOT NULL
) STRICT;

-- Who changed what. Append-only and chained: hash = SHA-256(0x01 || hash before || line).
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY NOT NULL,
    ts_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- Held commands. `slot` binds what else must be equal for two requests to be the same one.
CREATE TABLE approval (
    id             TEXT PRIMARY KEY NOT NULL,
    state          TEXT NOT NULL CHECK (state IN
                   ('approved', 'cancelled', 'denied', 'expired', 'pending', 'stopped', 'used')),
    principal      TEXT NOT NULL,
    label          TEXT NOT NULL,
    kind           TEXT NOT NULL,
    member_of      TEXT NOT NULL,
    source         TEXT NOT NULL,
    connection     TEXT NOT NULL,
    session        TEXT NOT NULL,
    session_end_ms INTEGER NOT NULL,
    request        TEXT NOT NULL,
    rule           TEXT NOT NULL,
    spec           TEXT NOT NULL,
    digest         TEXT NOT NULL,
    slot           TEXT NOT NULL,
    summary        TEXT NOT NULL,
    detail         TEXT NOT NULL,
    truncated      INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    reason         TEXT NOT NULL,
    revision       INTEGER NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    ended_ms       INTEGER,
    told           INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX approval_waiting ON approval (principal, connection, rule, digest, slot) WHERE state = 'pending';
CREATE INDEX approval_same ON approval (principal, connection, rule, digest, slot, created_ms);
CREATE INDEX approval_open ON approval (expires_ms) WHERE state IN ('approved', 'pending');
CREATE INDEX approval_by_age ON approval (created_ms);

-- What approvers said.
CREATE TABLE approval_decision (
    approval TEXT NOT NULL REFERENCES approval (id) ON DELETE CASCADE,
    by       TEXT NOT NULL,
    approve  INTEGER NOT NULL CHECK (approve IN (0, 1)),
    reason   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (approval, by, approve)
) STRICT;

-- What approvals gave.
CREATE TABLE approval_grant (
    id         TEXT PRIMARY KEY NOT NULL,
    approval   TEXT NOT NULL UNIQUE REFERENCES approval (id) ON DELETE CASCADE,
    principal  TEXT NOT NULL,
    connection TEXT NOT NULL,
    rule       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    bound_to   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
CREATE INDEX approval_grant_live ON approval_grant (expires_ms) WHERE ended_ms IS NULL;
