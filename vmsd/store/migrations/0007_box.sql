-- The box among others: what a camera says it is, the reports of an acceptance, what was taken off the box.

-- One row per camera that has told who it is; a camera is found again by its serial number or its network card's
-- address (lower case, colons) when its network address changed. `stranger` is who answers at its address now and is
-- another one: its serial number or its network card's address.
CREATE TABLE device (
    city_id INTEGER NOT NULL REFERENCES city (id),
    camera_id INTEGER NOT NULL,
    manufacturer TEXT,
    model TEXT,
    firmware TEXT,
    serial TEXT,
    mac TEXT,
    endpoint TEXT,
    service_url TEXT,
    clock_offset_ms INTEGER,
    seen_ms INTEGER NOT NULL,
    stranger TEXT,
    PRIMARY KEY (city_id, camera_id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

-- A job while it is open, a signed document once it is done: `certificate` is the very text that was signed.
CREATE TABLE acceptance (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    installer TEXT NOT NULL,
    note TEXT NOT NULL,
    minutes INTEGER NOT NULL CHECK (minutes > 0),
    person TEXT,
    person_name TEXT,
    person_role TEXT,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    passed INTEGER CHECK (passed IN (0, 1)),
    error TEXT,
    certificate TEXT,
    signature TEXT,
    PRIMARY KEY (city_id, id),
    CHECK ((state = 'done') = (certificate IS NOT NULL)),
    CHECK ((certificate IS NULL) = (signature IS NULL)),
    CHECK ((certificate IS NULL) = (passed IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX acceptance_open ON acceptance (created_ms) WHERE state IN ('queued', 'running');

-- What the camera showed when the report was made; the document has its SHA-256.
CREATE TABLE acceptance_picture (
    city_id INTEGER NOT NULL,
    acceptance_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (city_id, acceptance_id, camera_id),
    FOREIGN KEY (city_id, acceptance_id) REFERENCES acceptance (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

-- What goes to the S3-compatible store, of the whole box. `source` is the public id of an export, the name of a file
-- beside the snapshots, or the first and the last row two audit heads are of; `upload` is the store's own name for one
-- whose parts are still being sent, `sent_bytes` what the store has of it. What was given up is done, with an `error`.
CREATE TABLE archive_item (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('package', 'snapshot', 'audit_head')),
    source TEXT NOT NULL,
    object TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    sent_bytes INTEGER NOT NULL DEFAULT 0 CHECK (sent_bytes BETWEEN 0 AND size_bytes),
    upload TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    done_ms INTEGER,
    locked_until_ms INTEGER,
    error TEXT,
    UNIQUE (kind, source)
) STRICT;

CREATE INDEX archive_waiting ON archive_item (created_ms) WHERE done_ms IS NULL;
