-- What the migrations add up to: made by `python -m tests.store.schema_dump`, kept true by a test.

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

CREATE TABLE acceptance_picture (
    city_id INTEGER NOT NULL,
    acceptance_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (city_id, acceptance_id, camera_id),
    FOREIGN KEY (city_id, acceptance_id) REFERENCES acceptance (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('critical', 'warning', 'info')),
    state TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'on_hold', 'closed')),
    subject TEXT NOT NULL,
    audience TEXT NOT NULL CHECK (audience IN ('USER', 'GESTOR')),
    camera_id INTEGER,
    detection_id INTEGER,
    at_ms INTEGER NOT NULL,
    raised_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL CHECK (times > 0),
    ended_ms INTEGER,
    reminded_ms INTEGER,
    held_until_ms INTEGER,
    closed_ms INTEGER,
    person TEXT,
    person_name TEXT,
    note TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id),
    FOREIGN KEY (city_id, detection_id) REFERENCES detection (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_step (
    city_id INTEGER NOT NULL,
    alert_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    step TEXT NOT NULL,
    note TEXT NOT NULL,
    person TEXT,
    person_name TEXT,
    PRIMARY KEY (city_id, alert_id, number),
    FOREIGN KEY (city_id, alert_id) REFERENCES alert (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    prefix TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    previous_hash BLOB UNIQUE,
    previous_until_ms INTEGER,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    CHECK ((previous_hash IS NULL) = (previous_until_ms IS NULL))
) STRICT;

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

CREATE TABLE attempt (
    city_id INTEGER NOT NULL,
    destination_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    item TEXT NOT NULL,
    items INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    took_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, destination_id, id),
    FOREIGN KEY (city_id, destination_id) REFERENCES destination (city_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

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

CREATE TABLE audit_head (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    at_ms INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL CHECK (clock_trusted IN (0, 1)),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

CREATE TABLE camera (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('rtsp', 'rtmp', 'http', 'p2p')),
    vendor TEXT NOT NULL,
    host TEXT NOT NULL,
    channel INTEGER NOT NULL,
    subtype INTEGER NOT NULL,
    username TEXT NOT NULL,
    secret BLOB,
    tunnel TEXT NOT NULL,
    tunnel_target TEXT NOT NULL,
    recording_enabled INTEGER NOT NULL CHECK (recording_enabled IN (0, 1)),
    recording_since_ms INTEGER NOT NULL,
    retention_days INTEGER CHECK (retention_days > 0),
    lat REAL,
    lon REAL,
    audio INTEGER NOT NULL CHECK (audio IN (0, 1)),
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    removed_ms INTEGER, group_id INTEGER, former_days INTEGER, days_changed_ms INTEGER, priority INTEGER NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 3),
    PRIMARY KEY (city_id, id),
    CHECK ((lat IS NULL) = (lon IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE camera_day (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, camera_id, day),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE camera_group (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, id),
    UNIQUE (city_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE city (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    plan TEXT NOT NULL CHECK (plan IN ('basic', 'pro', 'premium')),
    created_ms INTEGER NOT NULL
, changed_ms INTEGER NOT NULL DEFAULT 0, former_days INTEGER, days_changed_ms INTEGER) STRICT;

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

CREATE TABLE destination (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'amqp', 'push', 'central')),
    name TEXT NOT NULL,
    address BLOB NOT NULL,
    secret BLOB,
    topics TEXT NOT NULL,
    person_id INTEGER,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    sent_id INTEGER NOT NULL,
    sent_ms INTEGER,
    failures INTEGER NOT NULL,
    retry_ms INTEGER,
    broken_since_ms INTEGER,
    gone_ms INTEGER,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, person_id) REFERENCES person (city_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE TABLE detection (
    city_id INTEGER NOT NULL,
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    camera_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL CHECK (times > 0),
    plate TEXT,
    folded TEXT,
    plate_hash BLOB,
    confidence REAL CHECK (confidence BETWEEN 0 AND 1),
    vendor TEXT NOT NULL,
    place TEXT NOT NULL,
    lat REAL,
    lon REAL,
    facts TEXT NOT NULL,
    image TEXT,
    image_url TEXT,
    wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
    anonymised_ms INTEGER,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE export_camera (
    city_id INTEGER NOT NULL,
    export_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    PRIMARY KEY (city_id, export_id, camera_id),
    FOREIGN KEY (city_id, export_id) REFERENCES export (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
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

CREATE TABLE idempotency (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    created_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_id, key_hash)
) STRICT;

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

CREATE TABLE integrity_check (
    id INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    person_name TEXT,
    result TEXT
) STRICT;

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

CREATE TABLE mark (
    city_id INTEGER NOT NULL,
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    camera_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (end_ms >= start_ms),
    score REAL CHECK (score BETWEEN 0 AND 1),
    box TEXT,
    text TEXT NOT NULL,
    source TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mosaic (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    owner_id INTEGER,
    name TEXT NOT NULL,
    layout TEXT NOT NULL CHECK (layout IN ('1x1', '2x2', '3x3', '4x4')),
    hotspot INTEGER CHECK (hotspot BETWEEN 0 AND 15),
    carousel TEXT,
    number INTEGER CHECK (number BETWEEN 1 AND 9),
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mosaic_cell (
    city_id INTEGER NOT NULL,
    mosaic_id INTEGER NOT NULL,
    cell INTEGER NOT NULL CHECK (cell BETWEEN 0 AND 15),
    camera_id INTEGER NOT NULL,
    PRIMARY KEY (city_id, mosaic_id, cell),
    UNIQUE (city_id, mosaic_id, camera_id),
    FOREIGN KEY (city_id, mosaic_id) REFERENCES mosaic (city_id, id) ON DELETE CASCADE,
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE motion_rule (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    area TEXT NOT NULL,
    threshold REAL NOT NULL CHECK (threshold BETWEEN 0 AND 1),
    alert INTEGER NOT NULL CHECK (alert IN (0, 1)),
    windows TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (city_id, camera_id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE outage (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('power', 'daemon', 'mediamtx', 'breaker', 'disk', 'clock', 'maintenance')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER CHECK (end_ms >= start_ms),
    facts TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 3),
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    camera_id INTEGER,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    city_id INTEGER REFERENCES city (id),
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('SUPERADMIN', 'GESTOR', 'USER')),
    password_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')), changed_ms INTEGER NOT NULL DEFAULT 0, must_change INTEGER NOT NULL DEFAULT 0 CHECK (must_change IN (0, 1)), secret_until_ms INTEGER, totp BLOB, totp_step INTEGER NOT NULL DEFAULT 0, last_login_ms INTEGER,
    CHECK ((role = 'SUPERADMIN') = (city_id IS NULL))
) STRICT;

CREATE TABLE person_right (
    city_id INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    verbs TEXT NOT NULL,
    PRIMARY KEY (city_id, person_id, group_id),
    FOREIGN KEY (city_id, person_id) REFERENCES person (city_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE TABLE plate_reader (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    vendor TEXT NOT NULL CHECK (vendor IN ('hikvision', 'intelbras')),
    key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    networks TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER,
    PRIMARY KEY (city_id, camera_id),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE purge (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    purged_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 BLOB,
    reason TEXT NOT NULL,
    PRIMARY KEY (city_id, camera_id, start_us, purged_ms),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE recording_switch (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    rationed INTEGER NOT NULL CHECK (rationed IN (0, 1)),
    at_ms INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    PRIMARY KEY (city_id, camera_id, rationed, at_ms),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (person_id, code_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    valid_bytes INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    flags INTEGER NOT NULL,
    sha256 BLOB CHECK (length(sha256) = 32),
    purge_reason TEXT,
    PRIMARY KEY (city_id, camera_id, start_us),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    city_id INTEGER REFERENCES city (id),
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
, proved_ms INTEGER NOT NULL DEFAULT 0, public_id TEXT NOT NULL DEFAULT '', address TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;

CREATE TABLE site_plan (
    city_id INTEGER NOT NULL REFERENCES city (id) PRIMARY KEY,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    image BLOB NOT NULL,
    south REAL NOT NULL,
    west REAL NOT NULL,
    north REAL NOT NULL,
    east REAL NOT NULL,
    changed_ms INTEGER NOT NULL,
    CHECK (south < north AND west < east)
) STRICT;

CREATE TABLE state_change (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    cause TEXT,
    PRIMARY KEY (city_id, camera_id, at_ms),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_fact (
    city_id INTEGER NOT NULL,
    camera_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    bitrate INTEGER,
    fps REAL,
    latency_ms INTEGER,
    viewers INTEGER NOT NULL,
    online_ratio REAL NOT NULL CHECK (online_ratio BETWEEN 0 AND 1),
    PRIMARY KEY (city_id, camera_id, at_ms),
    FOREIGN KEY (city_id, camera_id) REFERENCES camera (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE threshold (
    city_id INTEGER NOT NULL REFERENCES city (id),
    figure TEXT NOT NULL,
    amber REAL NOT NULL,
    red REAL NOT NULL,
    PRIMARY KEY (city_id, figure)
) STRICT, WITHOUT ROWID;

CREATE TABLE wall (
    city_id INTEGER NOT NULL,
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    mosaic_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    last_seen_ms INTEGER,
    PRIMARY KEY (city_id, id),
    FOREIGN KEY (city_id, mosaic_id) REFERENCES mosaic (city_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE wanted_plate (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    plate TEXT NOT NULL,
    folded TEXT NOT NULL,
    reason TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('critical', 'warning', 'info')),
    until_ms INTEGER,
    person TEXT,
    person_name TEXT,
    created_ms INTEGER NOT NULL,
    removed_ms INTEGER,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_key (
    city_id INTEGER NOT NULL REFERENCES city (id),
    id INTEGER NOT NULL CHECK (id > 0),
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER,
    PRIMARY KEY (city_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_nonce (
    nonce BLOB NOT NULL CHECK (length(nonce) = 32) PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX acceptance_open ON acceptance (created_ms) WHERE state IN ('queued', 'running');

CREATE INDEX alert_detection ON alert (city_id, detection_id) WHERE detection_id IS NOT NULL;

CREATE UNIQUE INDEX alert_open ON alert (city_id, kind, subject) WHERE state <> 'closed';

CREATE INDEX alert_raised ON alert (city_id, raised_ms);

CREATE INDEX alert_state ON alert (city_id, state, raised_ms);

CREATE INDEX api_token_person ON api_token (person_id);

CREATE INDEX archive_waiting ON archive_item (created_ms) WHERE done_ms IS NULL;

CREATE INDEX audit_city ON audit (city_id);

CREATE INDEX audit_hash ON audit (hash);

CREATE INDEX audit_subject ON audit (city_id, subject) WHERE subject IS NOT NULL;

CREATE TRIGGER audit_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

CREATE TRIGGER audit_never_removed BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

CREATE TRIGGER audit_never_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = new.seq) BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
END;

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

CREATE INDEX destination_person ON destination (city_id, person_id) WHERE person_id IS NOT NULL;

CREATE INDEX detection_at ON detection (city_id, at_ms);

CREATE INDEX detection_camera ON detection (city_id, camera_id, at_ms);

CREATE INDEX detection_clear ON detection (city_id, received_ms) WHERE anonymised_ms IS NULL;

CREATE INDEX detection_folded ON detection (city_id, folded, at_ms) WHERE folded IS NOT NULL;

CREATE INDEX detection_plate ON detection (city_id, plate, at_ms) WHERE plate IS NOT NULL;

CREATE INDEX detection_unfetched ON detection (city_id, id) WHERE image_url IS NOT NULL;

CREATE INDEX export_expiry ON export (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE INDEX export_open ON export (created_ms) WHERE state IN ('queued', 'running');

CREATE INDEX idempotency_age ON idempotency (created_ms);

CREATE INDEX kept_period_camera ON kept_period (city_id, camera_id, end_ms, start_ms) WHERE released_ms IS NULL;

CREATE INDEX kept_period_export ON kept_period (city_id, export_id) WHERE export_id IS NOT NULL;

CREATE INDEX kept_period_hold ON kept_period (city_id, hold_id) WHERE hold_id IS NOT NULL;

CREATE INDEX kept_period_incident ON kept_period (city_id, incident_id) WHERE incident_id IS NOT NULL;

CREATE INDEX mark_at ON mark (city_id, camera_id, start_ms);

CREATE INDEX mosaic_expires ON mosaic (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE UNIQUE INDEX mosaic_number ON mosaic (city_id, coalesce(owner_id, 0), number) WHERE number IS NOT NULL;

CREATE INDEX mosaic_owner ON mosaic (owner_id) WHERE owner_id IS NOT NULL;

CREATE INDEX mosaic_cell_camera ON mosaic_cell (city_id, camera_id);

CREATE INDEX outage_end ON outage (end_ms, start_ms);

CREATE INDEX outbox_weight ON outbox (city_id, priority, id, bytes);

CREATE UNIQUE INDEX person_city ON person (city_id, id);

CREATE INDEX purge_time ON purge (city_id, purged_ms);

CREATE INDEX segment_altered ON segment (city_id, camera_id, start_us) WHERE flags & 32;

CREATE INDEX segment_unhashed ON segment (city_id, camera_id, start_us) WHERE state = 1 AND sha256 IS NULL;

CREATE INDEX segment_unsettled ON segment (state, city_id, camera_id, start_us) WHERE state <> 1;

CREATE TRIGGER segment_added AFTER INSERT ON segment BEGIN
    INSERT INTO camera_day (city_id, camera_id, day, segments, bytes, duration_ms)
    VALUES (new.city_id, new.camera_id, new.start_us / 86400000000, 1, new.bytes, new.duration_ms)
    ON CONFLICT DO UPDATE SET
        segments = segments + 1,
        bytes = bytes + excluded.bytes,
        duration_ms = duration_ms + excluded.duration_ms;
END;

CREATE TRIGGER segment_clock_dropped AFTER DELETE ON segment BEGIN
    DELETE FROM segment_clock
    WHERE city_id = old.city_id AND camera_id = old.camera_id AND start_us = old.start_us;
END;

CREATE TRIGGER segment_dropped AFTER DELETE ON segment BEGIN
    UPDATE camera_day SET
        segments = segments - 1,
        bytes = bytes - old.bytes,
        duration_ms = duration_ms - old.duration_ms
    WHERE city_id = old.city_id AND camera_id = old.camera_id AND day = old.start_us / 86400000000;
    DELETE FROM camera_day
    WHERE city_id = old.city_id AND camera_id = old.camera_id AND day = old.start_us / 86400000000
        AND segments = 0;
END;

CREATE TRIGGER segment_grown AFTER UPDATE OF bytes, duration_ms ON segment BEGIN
    UPDATE camera_day SET
        bytes = bytes + new.bytes - old.bytes,
        duration_ms = duration_ms + new.duration_ms - old.duration_ms
    WHERE city_id = new.city_id AND camera_id = new.camera_id AND day = new.start_us / 86400000000;
END;

CREATE TRIGGER segment_kept BEFORE UPDATE OF state ON segment
WHEN new.state = 2 AND old.state <> 2 AND old.bytes > 0 AND EXISTS (
    SELECT 1 FROM kept_period
    WHERE kept_period.city_id = old.city_id AND kept_period.camera_id = old.camera_id AND released_ms IS NULL
        AND end_ms * 1000 > old.start_us AND start_ms * 1000 < old.start_us + coalesce(nullif(old.duration_ms, 0), 86400000) * 1000
)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER segment_moving BEFORE UPDATE OF state ON segment
WHEN new.state = 2 AND old.state <> 2 AND EXISTS (
    SELECT 1 FROM segment_clock
    WHERE segment_clock.city_id = old.city_id AND segment_clock.camera_id = old.camera_id
        AND segment_clock.start_us = old.start_us AND corrected_us <> segment_clock.start_us
)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE INDEX segment_clock_pending ON segment_clock (boot_id, city_id, camera_id, start_us) WHERE not_after_ms IS NULL;

CREATE INDEX session_person ON session (person_id);

CREATE INDEX stream_fact_at ON stream_fact (at_ms);

CREATE INDEX wall_mosaic ON wall (city_id, mosaic_id);

CREATE UNIQUE INDEX wanted_plate_folded ON wanted_plate (city_id, folded) WHERE removed_ms IS NULL;

CREATE INDEX webhook_nonce_until ON webhook_nonce (until_ms);
