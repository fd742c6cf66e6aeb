-- Camera groups and the rights people have on them; second factors, and what accounts, sessions and tokens need.

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

INSERT INTO camera_group (city_id, id, public_id, name, created_ms, changed_ms)
SELECT
    city_id,
    row_number() OVER (PARTITION BY city_id ORDER BY min(id)),
    lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    ),
    group_name,
    min(created_ms),
    min(created_ms)
FROM camera
WHERE group_name <> ''
GROUP BY city_id, group_name;

ALTER TABLE camera ADD COLUMN group_id INTEGER;
UPDATE camera SET group_id = (
    SELECT id FROM camera_group
    WHERE camera_group.city_id = camera.city_id AND camera_group.name = camera.group_name
);
ALTER TABLE camera DROP COLUMN group_name;

ALTER TABLE city ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;
UPDATE city SET changed_ms = created_ms;

ALTER TABLE person ADD COLUMN status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled'));
ALTER TABLE person ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;
-- 1: nothing but a new password is taken from a session of this account.
ALTER TABLE person ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0 CHECK (must_change IN (0, 1));
-- When the present password stops counting; null: never.
ALTER TABLE person ADD COLUMN secret_until_ms INTEGER;
-- The second factor's secret, sealed; null: none. A code counts once: the last step used, and those before, do not.
ALTER TABLE person ADD COLUMN totp BLOB;
ALTER TABLE person ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE person ADD COLUMN last_login_ms INTEGER;
UPDATE person SET changed_ms = created_ms;

-- Verbs, a space between them. Group 0 is every camera of the city, in a group or not.
CREATE UNIQUE INDEX person_city ON person (city_id, id);
CREATE TABLE person_right (
    city_id INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    verbs TEXT NOT NULL,
    PRIMARY KEY (city_id, person_id, group_id),
    FOREIGN KEY (city_id, person_id) REFERENCES person (city_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

INSERT INTO person_right (city_id, person_id, group_id, verbs)
SELECT city_id, id, 0, 'replay view' FROM person WHERE role = 'USER';

CREATE TABLE recovery_code (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (person_id, code_hash)
) STRICT, WITHOUT ROWID;

-- When the password was last proved in it; a session from before is not proved.
ALTER TABLE session ADD COLUMN proved_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN public_id TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';
UPDATE session SET public_id = lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
    || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
);

-- While a token is being rotated its previous secret counts beside the new one.
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

INSERT INTO api_token (public_id, person_id, name, scope, prefix, token_hash, created_ms, expires_ms)
SELECT
    lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    ),
    person_id, name, 'configure export manage preserve replay view', '', token_hash, created_ms, expires_ms
FROM token;
DROP TABLE token;

CREATE INDEX session_person ON session (person_id);
CREATE INDEX api_token_person ON api_token (person_id);
