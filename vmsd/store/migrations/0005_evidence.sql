-- What must not be lost: kept periods, what holds them, exports; and what explains what is missing.

CREATE TABLE incident (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE hold (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    number TEXT NOT NULL,
    authority TEXT NOT NULL,
    purpose TEXT NOT NULL,
    deadline_ms INTEGER NOT NULL,
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    confirmed_ms INTEGER,
    ended_ms INTEGER,
    ended_why TEXT CHECK (ended_why IN ('released', 'deadline')),
    PRIMARY KEY (city_id, id),
    CHECK ((ended_ms IS NULL) = (ended_why IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_period (
    city_id INTEGER NOT NULL,
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    camera_id INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
    incident_id INTEGER,
    hold_id INTEGER,
    export_id INTEGER,
    reason TEXT NOT NULL,
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    released_ms INTEGER,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id),
    FOREIGN KEY (city_id, incident_id) REFERENCES incident (city_id, id),
    FOREIGN KEY (city_id, hold_id) REFERENCES hold (city_id, id),
    FOREIGN KEY (city_id, export_id) REFERENCES export (city_id, id),
    CHECK ((incident_id IS NOT NULL) + (hold_id IS NOT NULL) + (export_id IS NOT NULL) <= 1)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_period_camera ON kept_period (city_id, camera_id, end_ms, start_ms) WHERE released_ms IS NULL;
CREATE INDEX kept_period_incident ON kept_period (city_id, incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX kept_period_hold ON kept_period (city_id, hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX kept_period_export ON kept_period (city_id, export_id) WHERE export_id IS NOT NULL;

-- The last fence: whatever a statement says, what somebody keeps does not become garbage. A file that does not
-- say how long it plays may play for a day.
CREATE TRIGGER segment_kept BEFORE UPDATE OF state ON segment
WHEN new.state = 2 AND old.state <> 2 AND old.bytes > 0 AND EXISTS (
    SELECT 1 FROM kept_period
    WHERE kept_period.city_id = old.city_id AND kept_period.camera_id = old.camera_id AND released_ms IS NULL
        AND end_ms * 1000 > old.start_us AND start_ms * 1000 < old.start_us + coalesce(nullif(old.duration_ms, 0), 86400000) * 1000
)
BEGIN
    SELECT RAISE(IGNORE);
END;

-- Times named by a clock nobody trusts: what is needed to set them right, or to know how old they can be at most.
CREATE TABLE segment_clock (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    offset_ms INTEGER NOT NULL,
    not_after_ms INTEGER,
    corrected_us INTEGER,
    PRIMARY KEY (city_id, camera_id, start_us),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

-- What has not been judged yet by a trusted clock, and what is being renamed: nearly nothing.
CREATE INDEX segment_clock_pending ON segment_clock (boot_id, city_id, camera_id, start_us) WHERE not_after_ms IS NULL;

CREATE TRIGGER segment_clock_dropped AFTER DELETE ON segment BEGIN
    DELETE FROM segment_clock
    WHERE city_id = old.city_id AND camera_id = old.camera_id AND start_us = old.start_us;
END;

-- A file that is being renamed is not deleted on the way.
CREATE TRIGGER segment_moving BEFORE UPDATE OF state ON segment
WHEN new.state = 2 AND old.state <> 2 AND EXISTS (
    SELECT 1 FROM segment_clock
    WHERE segment_clock.city_id = old.city_id AND segment_clock.camera_id = old.camera_id
        AND segment_clock.start_us = old.start_us AND corrected_us <> segment_clock.start_us
)
BEGIN
    SELECT RAISE(IGNORE);
END;

INSERT INTO segment_clock (city_id, camera_id, start_us, boot_id, offset_ms)
SELECT city_id, camera_id, start_us, '', 0 FROM segment WHERE flags & 2;

-- Those whose bytes are not what they were: none, where all is well.
CREATE INDEX segment_altered ON segment (city_id, camera_id, start_us) WHERE flags & 32;

-- Somebody's own switch, and the box's, which stops cameras when there is no room left for all of them.
CREATE TABLE recording_switch (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    rationed INTEGER NOT NULL CHECK (rationed IN (0, 1)),
    at_ms INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    PRIMARY KEY (city_id, camera_id, rationed, at_ms),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

INSERT INTO recording_switch (city_id, camera_id, rationed, at_ms, enabled)
SELECT city_id, id, 0, recording_since_ms, recording_enabled FROM camera;

-- What stopped recording on the whole box, and when it was over.
CREATE TABLE outage (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('power', 'daemon', 'mediamtx', 'breaker', 'disk', 'clock', 'maintenance')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER CHECK (end_ms >= start_ms),
    facts TEXT NOT NULL
) STRICT;

CREATE INDEX outage_end ON outage (end_ms, start_ms);

CREATE TABLE export (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL CHECK (format IN ('mp4', 'package')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
    reason TEXT NOT NULL,
    request_number TEXT NOT NULL,
    hold_id INTEGER,
    person TEXT,
    person_name TEXT,
    person_role TEXT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL,
    done_bytes INTEGER NOT NULL,
    total_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    expires_ms INTEGER,
    removed_ms INTEGER,
    failure TEXT,
    result TEXT,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, hold_id) REFERENCES hold (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX export_open ON export (created_ms) WHERE state IN ('queued', 'running');
CREATE INDEX export_expiry ON export (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE export_camera (
    city_id INTEGER NOT NULL,
    export_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    PRIMARY KEY (city_id, export_id, camera_id),
    FOREIGN KEY (city_id, export_id) REFERENCES export (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
    city_id INTEGER NOT NULL,
    export_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    document TEXT NOT NULL,
    note TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    person TEXT,
    person_name TEXT,
    PRIMARY KEY (city_id, export_id, at_ms),
    FOREIGN KEY (city_id, export_id) REFERENCES export (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX purge_time ON purge (city_id, purged_ms);

-- What the log has on a few subjects goes into every sealed package: the log grows for ever.
CREATE INDEX audit_subject ON audit (city_id, subject) WHERE subject IS NOT NULL;

CREATE TABLE purge_report (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
    created_ms INTEGER NOT NULL,
    person TEXT,
    person_name TEXT,
    facts TEXT NOT NULL,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE integrity_check (
    id INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    person_name TEXT,
    result TEXT
) STRICT;

-- What was promised before, so that a deletion can say that it was the change that caused it.
ALTER TABLE city ADD COLUMN former_days INTEGER;
ALTER TABLE city ADD COLUMN days_changed_ms INTEGER;
ALTER TABLE camera ADD COLUMN former_days INTEGER;
ALTER TABLE camera ADD COLUMN days_changed_ms INTEGER;
ALTER TABLE camera ADD COLUMN priority INTEGER NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 3);
