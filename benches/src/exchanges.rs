//! P10: exchanges a second of the reference backend (scheme exchange-once, as drawn), 32 clients each with a pair of its
//! own. Floor: the same route and signing around the bare transaction (DELETE … RETURNING, INSERT), on the same database
//! with as many connections.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::post;
use axum::{Form, Json, Router};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use tokencast_backend::{Backend, Config, Database, Scheme};

use crate::measure::{Row, in_turns};
use crate::rig;
use crate::server::bare_client;

const CLIENTS: usize = 32;
const EACH: usize = 25;
const TURNS: usize = 9;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let postgres =
        std::env::var("TOKENCAST_POSTGRES").map_err(|_| "no PostgreSQL: run it by cargo xtask bench")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let runtime = rig::runtime(2);
    let mut rows = Vec::new();
    for (id, act, ours, floor) in [
        (
            "P10-sqlite",
            "exchanges, SQLite, synchronous=FULL, 32 clients",
            file("ours.db"),
            file("floor.db"),
        ),
        (
            "P10-postgres",
            "exchanges, PostgreSQL, 32 clients",
            postgres.clone(),
            postgres,
        ),
    ] {
        let config = Config {
            database: Database::Url(ours),
            rate_limit: None,
            ..Config::default().with_scheme(Scheme::ExchangeOnce)
        };
        let backend = runtime
            .block_on(Backend::start(config))
            .map_err(|error| error.to_string())?;
        let bare = runtime.block_on(Bare::open(&floor))?;
        let bare_url = runtime.block_on(bare.serve())?;
        let client = bare_client();
        let ours: Vec<Pair> = runtime.block_on(async {
            let mut pairs = Vec::new();
            for _ in 0..CLIENTS {
                pairs.push(sign_in(&client, backend.url()).await?);
            }
            Ok::<_, String>(pairs)
        })?;
        let floors: Vec<Pair> = runtime.block_on(async {
            let mut pairs = Vec::new();
            for _ in 0..CLIENTS {
                pairs.push(bare.first_pair().await?);
            }
            Ok::<_, String>(pairs)
        })?;
        let (mut ours, mut floors) = (ours, floors);
        let medians = in_turns(
            TURNS,
            || runtime.block_on(exchange_all(&client, &bare_url, &mut floors)),
            || runtime.block_on(exchange_all(&client, backend.url(), &mut ours)),
        )?;
        let a_second = |took: Duration| (CLIENTS * EACH) as f64 / took.as_secs_f64();
        rows.push(Row::new(id, act, medians, a_second, "1/s", Some(0.6)));
        runtime.block_on(backend.shutdown());
    }
    Ok(rows)
}

#[derive(Clone, Serialize, Deserialize)]
struct Pair {
    access_token: String,
    refresh_token: String,
}

async fn sign_in(client: &reqwest::Client, url: &str) -> Result<Pair, String> {
    let credentials = [("username", "ada"), ("password", "lovelace")];
    let request = client.post(format!("{url}/auth/login")).form(&credentials);
    pair_of(request).await
}

/// Every client exchanges its pair again and again; how long all took.
async fn exchange_all(client: &reqwest::Client, url: &str, pairs: &mut [Pair]) -> Result<Duration, String> {
    let start = Instant::now();
    let work: Vec<_> = pairs
        .iter()
        .cloned()
        .map(|mut pair| {
            let (client, url) = (client.clone(), format!("{url}/auth/refresh"));
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let fields = [
                        ("grant_type", "refresh_token"),
                        ("refresh_token", &pair.refresh_token),
                        ("access_token", &pair.access_token),
                    ];
                    pair = pair_of(client.post(&url).form(&fields)).await?;
                }
                Ok::<_, String>(pair)
            })
        })
        .collect();
    for (pair, done) in pairs.iter_mut().zip(work) {
        *pair = done.await.map_err(|error| error.to_string())??;
    }
    Ok(start.elapsed())
}

async fn pair_of(request: reqwest::RequestBuilder) -> Result<Pair, String> {
    let answer = request.send().await.and_then(|answer| answer.error_for_status());
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    answer
        .json()
        .await
        .map_err(|error| error.without_url().to_string())
}

/// The floor.
#[derive(Clone)]
enum Bare {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS bare_tokens (hash TEXT PRIMARY KEY, expires_ms BIGINT NOT NULL)";
const DELETE: &str = "DELETE FROM bare_tokens WHERE hash = $1 RETURNING expires_ms";
const INSERT: &str = "INSERT INTO bare_tokens (hash, expires_ms) VALUES ($1, $2)";
const KEY: &[u8; 32] = &[7; 32];

impl Bare {
    async fn open(url: &str) -> Result<Self, String> {
        let opened = async {
            if url.starts_with("postgres") {
                let pool = PgPoolOptions::new().max_connections(16).connect(url).await?;
                sqlx::raw_sql(TABLE).execute(&pool).await?;
                return Ok(Self::Postgres(pool));
            }
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(options)
                .await?;
            sqlx::raw_sql(TABLE).execute(&pool).await?;
            Ok(Self::Sqlite(pool))
        };
        opened.await.map_err(|error: sqlx::Error| error.to_string())
    }

    async fn serve(&self) -> Result<String, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let router = Router::new()
            .route("/auth/refresh", post(exchange))
            .with_state(Arc::new(self.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(format!("http://{address}"))
    }

    async fn first_pair(&self) -> Result<Pair, String> {
        let pair = fresh().ok_or("no token")?;
        let hash = &pair.refresh_token;
        let done = match self {
            Self::Sqlite(pool) => sqlx::query(INSERT)
                .bind(hash)
                .bind(0_i64)
                .execute(pool)
                .await
                .map(|_| ()),
            Self::Postgres(pool) => sqlx::query(INSERT)
                .bind(hash)
                .bind(0_i64)
                .execute(pool)
                .await
                .map(|_| ()),
        };
        done.map(|()| pair).map_err(|error| error.to_string())
    }

    async fn swap(&self, old: &str, new: &str) -> Result<bool, sqlx::Error> {
        macro_rules! swap {
            ($tx:expr) => {{
                let mut tx = $tx;
                let gone: Option<(i64,)> = sqlx::query_as(DELETE)
                    .bind(old)
                    .fetch_optional(&mut *tx)
                    .await?;
                sqlx::query(INSERT)
                    .bind(new)
                    .bind(0_i64)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
                Ok(gone.is_some())
            }};
        }
        match self {
            Self::Sqlite(pool) => swap!(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => swap!(pool.begin().await?),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

fn fresh() -> Option<Pair> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let claims = Claims {
        sub: "ada".into(),
        exp: u64::from(u32::MAX),
    };
    let key = EncodingKey::from_secret(KEY);
    Some(Pair {
        access_token: jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).ok()?,
        refresh_token: format!(
            "{:043}-{}",
            COUNT.fetch_add(1, Ordering::Relaxed),
            std::process::id()
        ),
    })
}

async fn exchange(
    State(bare): State<Arc<Bare>>,
    Form(old): Form<Pair>,
) -> Result<Json<Pair>, axum::http::StatusCode> {
    use axum::http::StatusCode;
    let rules = Validation::new(Algorithm::HS256);
    jsonwebtoken::decode::<Claims>(&old.access_token, &DecodingKey::from_secret(KEY), &rules)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    let new = fresh().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    match bare.swap(&old.refresh_token, &new.refresh_token).await {
        Ok(true) => Ok(Json(new)),
        Ok(false) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
