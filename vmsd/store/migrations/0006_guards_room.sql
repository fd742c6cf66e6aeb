-- The guards' room: mosaics and walls, detections and wanted plates, alerts, what goes out of the box, marks.

-- A saved grid of cameras. `owner_id` NULL: everybody's of the city; those of a person go with them. `expires_ms`: one nobody saved.
-- `carousel`: JSON {"cell", "camera_ids" (numbers), "seconds"} of the one tile that changes by itself.
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
CREATE UNIQUE INDEX mosaic_number ON mosaic (city_id, coalesce(owner_id, 0), number) WHERE number IS NOT NULL;
CREATE INDEX mosaic_owner ON mosaic (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX mosaic_expires ON mosaic (expires_ms) WHERE expires_ms IS NOT NULL;

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
CREATE INDEX mosaic_cell_camera ON mosaic_cell (city_id, camera_id);

-- A screen on a wall: whoever has the key sees the mosaic and nothing else, until it is revoked.
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
CREATE INDEX wall_mosaic ON wall (city_id, mosaic_id);

-- What one camera was measured at, per five minutes; see services/stream_facts.py.
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
CREATE INDEX stream_fact_at ON stream_fact (at_ms);

-- With these a sender signs what it reports. Two may count at once, while one takes over from the other.
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

-- What has been received once is not received again, also after a restart.
CREATE TABLE webhook_nonce (
    nonce BLOB NOT NULL CHECK (length(nonce) = 32) PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_nonce_until ON webhook_nonce (until_ms);

-- A camera that reads plates itself and can sign nothing: a secret path, and the addresses it may come from.
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

-- A plate that was read. `plate` is in capitals without separators, `folded` the same with look-alikes made one;
-- both give way to `plate_hash` when it is anonymised, and the crop is deleted.
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
CREATE INDEX detection_at ON detection (city_id, at_ms);
CREATE INDEX detection_camera ON detection (city_id, camera_id, at_ms);
CREATE INDEX detection_plate ON detection (city_id, plate, at_ms) WHERE plate IS NOT NULL;
CREATE INDEX detection_folded ON detection (city_id, folded, at_ms) WHERE folded IS NOT NULL;
CREATE INDEX detection_clear ON detection (city_id, received_ms) WHERE anonymised_ms IS NULL;
CREATE INDEX detection_unfetched ON detection (city_id, id) WHERE image_url IS NOT NULL;

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
CREATE UNIQUE INDEX wanted_plate_folded ON wanted_plate (city_id, folded) WHERE removed_ms IS NULL;

-- Something somebody has to answer. `subject` makes two of the same one: while one is not closed there is no other.
-- `ended_ms`: what it tells of is over. `audience`: the least role it concerns.
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
CREATE UNIQUE INDEX alert_open ON alert (city_id, kind, subject) WHERE state <> 'closed';
CREATE INDEX alert_state ON alert (city_id, state, raised_ms);
CREATE INDEX alert_raised ON alert (city_id, raised_ms);
CREATE INDEX alert_detection ON alert (city_id, detection_id) WHERE detection_id IS NOT NULL;

-- What was done about it, and by whom; nothing of it is ever changed.
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

-- Where a city's news goes to. `address` and `secret` are sealed. `sent_id` is the last item that is done with there.
-- `central` is the broker the box itself is set to, the same for every city. `gone_ms`: it said it is no more.
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
CREATE INDEX destination_person ON destination (city_id, person_id) WHERE person_id IS NOT NULL;

-- What has to go out, in order. Written in the transaction of what it tells of; `id` orders a city's items and is
-- never used twice while a destination is there, `public_id` is what a receiver knows it by.
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
CREATE INDEX outbox_weight ON outbox (city_id, priority, id, bytes);

-- The last attempts, for whoever has to find out why nothing arrives.
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

-- Something that was seen in the video, by the box itself (motion) or by a program outside.
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
CREATE INDEX mark_at ON mark (city_id, camera_id, start_ms);

-- `area`: JSON list of points [x, y], 0..1 of the picture; `windows`: JSON list of {"days", "from", "to"} in site time.
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

-- A picture of the place, laid under the cameras: its corners in degrees.
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

-- When a figure of the health board turns amber and red; what is not here has its usual value.
CREATE TABLE threshold (
    city_id INTEGER NOT NULL REFERENCES city (id),
    figure TEXT NOT NULL,
    amber REAL NOT NULL,
    red REAL NOT NULL,
    PRIMARY KEY (city_id, figure)
) STRICT, WITHOUT ROWID;
