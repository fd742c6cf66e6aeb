-- The box among others: what a camera says it is, the reports of an acceptance, what was taken off the box.

-- One row per camera that has told who it is; a camera is found again by its serial number or its network card's
-- address (lower case, colons) when its network address changed.
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
    PRIMARY KEY (city_id, camera_id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE acceptance (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    installer TEXT NOT NULL,
    note TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    passed INTEGER CHECK (passed IN (0, 1)),
    error TEXT,
    sha256 TEXT,
    size_bytes INTEGER,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

-- What goes to the S3-compatible store, of the whole box; `city_id` is null for what is no city's (a snapshot of the
-- database, an audit head).
CREATE TABLE archive_item (
    id INTEGER PRIMARY KEY,
    city_id INTEGER REFERENCES city (id),
    kind TEXT NOT NULL CHECK (kind IN ('package', 'snapshot', 'audit_head')),
    source TEXT NOT NULL,
    object_key TEXT NOT NULL UNIQUE,
    sha256 TEXT,
    size_bytes INTEGER,
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    upload TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    done_ms INTEGER,
    locked_until_ms INTEGER,
    error TEXT
) STRICT;
