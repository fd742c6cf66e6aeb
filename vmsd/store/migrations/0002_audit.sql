-- One row per thing that happened, each bound to the one before it by `hash` (see vmsd/model/audit.py).
-- No key refers to other tables: a row outlives the city, the person and the camera it tells of.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    city_id INTEGER,
    city TEXT,
    at_ms INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL CHECK (clock_trusted IN (0, 1)),
    person TEXT,
    person_name TEXT,
    role TEXT,
    address TEXT,
    action TEXT NOT NULL,
    subject_kind TEXT,
    subject TEXT,
    reason TEXT,
    facts TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_city ON audit (city_id);
CREATE INDEX audit_hash ON audit (hash);

CREATE TRIGGER audit_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

CREATE TRIGGER audit_never_removed BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

-- INSERT OR REPLACE removes a row without asking the trigger above.
CREATE TRIGGER audit_never_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = new.seq) BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

-- What the chain had come to at a moment, signed by the box.
CREATE TABLE audit_head (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    at_ms INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL CHECK (clock_trusted IN (0, 1)),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

CREATE TRIGGER audit_head_never_changed BEFORE UPDATE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the signed heads are only ever added to');
END;

CREATE TRIGGER audit_head_never_removed BEFORE DELETE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the signed heads are only ever added to');
END;

CREATE TRIGGER audit_head_never_replaced BEFORE INSERT ON audit_head
WHEN EXISTS (SELECT 1 FROM audit_head WHERE seq = new.seq) BEGIN
    SELECT RAISE(ABORT, 'the signed heads are only ever added to');
END;
