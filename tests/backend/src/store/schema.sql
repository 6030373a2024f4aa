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

-- A family is everything that descends from one sign-in. `ended` says why it is dead: 'reuse_detected', 'revoked',
-- 'password_changed', 'signed_in_elsewhere'.
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

-- What a user's refresh tokens are signed with (schemes salted, single-device); a token names it by its id. One that was
-- replaced signs nothing any more and is kept as long as a token of it could have lived, so that its owner can be told
-- why (`ended`).
CREATE TABLE IF NOT EXISTS salts (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    value TEXT NOT NULL,
    ended TEXT,
    forget_ms BIGINT
);
CREATE UNIQUE INDEX IF NOT EXISTS salts_current ON salts (user_id) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS salts_to_forget ON salts (forget_ms);

-- The one refresh token of a user (scheme per-user).
CREATE TABLE IF NOT EXISTS user_tokens (
    user_name TEXT PRIMARY KEY REFERENCES users (name),
    token_hash TEXT NOT NULL,
    session_hash TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Sessions of signed refresh tokens that ended before their token did, and why.
CREATE TABLE IF NOT EXISTS ended_sessions (
    session_hash TEXT PRIMARY KEY,
    ended TEXT NOT NULL,
    forget_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS ended_sessions_to_forget ON ended_sessions (forget_ms);

CREATE TABLE IF NOT EXISTS notes (
    user_id TEXT NOT NULL REFERENCES users (id),
    id BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);
