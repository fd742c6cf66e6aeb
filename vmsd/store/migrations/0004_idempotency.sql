-- Answers to requests that carried an idempotency key: sent again when the same request comes again.
-- Sealed are the request's SHA-256 and the answer: either may give away a secret, if only by guessing.

CREATE TABLE idempotency (
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    created_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_id, key_hash)
) STRICT;

CREATE INDEX idempotency_age ON idempotency (created_ms);
