-- Text and BIGINT only, so that the same statements run on PostgreSQL. Times are milliseconds since 1970.
-- Tokens and keys are never stored: `hash` columns are SHA-256 in base64url.

CREATE TABLE IF NOT EXISTS server_keys (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL
);

-- A family is everything that descends from one sign-in. `ended` says why it is dead: 'reuse_detected', 'revoked'.
CREATE TABLE IF NOT EXISTS families (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    started_ms BIGINT NOT NULL,
    ended TEXT,
    ended_ms BIGINT
);

-- A row stays after its token was exchanged: how else would reuse be seen? `spent_ms` is the moment of the exchange,
-- thus also the first use of this token as somebody's successor. `key_hash` is the idempotency key the exchange was
-- bound to, `successor_sealed` the successor under a key derived from (this token, that key).
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash TEXT PRIMARY KEY,
    family_id TEXT NOT NULL REFERENCES families (id),
    expires_ms BIGINT NOT NULL,
    spent_ms BIGINT,
    key_hash TEXT UNIQUE,
    successor_hash TEXT,
    successor_sealed TEXT
);

-- An access token that was renewed (scheme access-only), or whose session was signed out: then it has no successor.
-- A successor's id is kept in plain: only the server's signature makes a token of it.
CREATE TABLE IF NOT EXISTS renewals (
    token_hash TEXT PRIMARY KEY,
    key_hash TEXT UNIQUE,
    successor_jti TEXT,
    successor_hash TEXT,
    successor_until_ms BIGINT,
    renewed_ms BIGINT NOT NULL,
    forget_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS renewals_to_forget ON renewals (forget_ms);

CREATE TABLE IF NOT EXISTS notes (
    user_id TEXT NOT NULL REFERENCES users (id),
    id BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);
