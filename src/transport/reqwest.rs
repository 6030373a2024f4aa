use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_core::future::BoxFuture;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use zeroize::{Zeroize, Zeroizing};

use super::{BODY_LIMIT, HttpTransport, TransportError};
use crate::defence::{Defence, Defences};
use crate::wire::{HttpRequest, HttpResponse, Method};

/// The default transport: reqwest over rustls with ring, certificates checked by the platform's trust store.
///
/// Redirects and retries are off. One hidden re-send of the connection pool cannot be switched off: a request of
/// which no byte was written, because an idle connection had closed, goes to a new one. That presents nothing
/// twice; and idle connections are given up after 1.5 s, before servers drop them silently.
#[derive(Clone)]
pub struct ReqwestTransport(Arc<Settings>);

struct Settings {
    connect_timeout: Duration,
    total_timeout: Duration,
    extra_roots: Vec<CertificateDer<'static>>,
    defences: Defences,
    /// Made at the first request: reading the trust store is I/O, which no constructor does.
    client: OnceLock<Result<reqwest::Client, TransportSetupError>>,
    /// For the app's own calls, which may take as long as they like.
    resource_client: OnceLock<Result<reqwest::Client, TransportSetupError>>,
}

/// A transport that cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transport cannot be set up: {reason}")]
pub struct TransportSetupError {
    reason: String,
}

impl Default for ReqwestTransport {
    fn default() -> Self {
        Self::with_timeouts(Duration::from_secs(5), Duration::from_secs(15))
    }
}

impl ReqwestTransport {
    /// A transport that gives up connecting after `connect` and the whole request after `total`.
    pub fn with_timeouts(connect: Duration, total: Duration) -> Self {
        Self(Arc::new(Settings {
            connect_timeout: connect,
            total_timeout: total,
            extra_roots: Vec::new(),
            defences: Defences::default(),
            client: OnceLock::new(),
            resource_client: OnceLock::new(),
        }))
    }

    /// As [`danger_without`](crate::session::AuthSessionBuilder::danger_without) of the session.
    #[cfg(feature = "danger-switches")]
    pub fn danger_without(self, defence: Defence) -> Self {
        Self(Arc::new(Settings {
            connect_timeout: self.0.connect_timeout,
            total_timeout: self.0.total_timeout,
            extra_roots: self.0.extra_roots.clone(),
            defences: self.0.defences.without(defence),
            client: OnceLock::new(),
            resource_client: OnceLock::new(),
        }))
    }

    /// Trusts a certificate authority besides the platform's, given as PEM: for a company's own or a test's.
    pub fn with_extra_root(self, pem: &[u8]) -> Result<Self, TransportSetupError> {
        let failed = |error: &dyn fmt::Display| TransportSetupError {
            reason: error.to_string(),
        };
        let mut extra_roots = self.0.extra_roots.clone();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra_roots.push(certificate.map_err(|error| failed(&error))?);
        }
        if extra_roots.len() == self.0.extra_roots.len() {
            return Err(failed(&"no certificate in the PEM text"));
        }
        Ok(Self(Arc::new(Settings {
            connect_timeout: self.0.connect_timeout,
            total_timeout: self.0.total_timeout,
            extra_roots,
            defences: self.0.defences,
            client: OnceLock::new(),
            resource_client: OnceLock::new(),
        })))
    }

    /// A client for the app's own calls: the same trust, no redirects, no total time limit.
    pub(crate) fn resource_client(&self) -> Result<&reqwest::Client, TransportSetupError> {
        self.0
            .resource_client
            .get_or_init(|| self.0.connect(None))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn client(&self) -> Result<&reqwest::Client, TransportSetupError> {
        let limit = Some(self.0.total_timeout);
        self.0
            .client
            .get_or_init(|| self.0.connect(limit))
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl Settings {
    fn connect(&self, limit: Option<Duration>) -> Result<reqwest::Client, TransportSetupError> {
        let failed = |error: &dyn fmt::Display| TransportSetupError {
            reason: error.to_string(),
        };
        let redirects = if self.defences.stand(Defence::NoHiddenResends) {
            reqwest::redirect::Policy::none()
        } else {
            reqwest::redirect::Policy::default()
        };
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls().map_err(|error| failed(&error))?)
            .redirect(redirects)
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(Duration::from_millis(1500));
        let builder = match limit {
            Some(limit) => builder.timeout(limit),
            None => builder,
        };
        builder.build().map_err(|error| failed(&error.without_url()))
    }

    fn tls(&self) -> Result<rustls::ClientConfig, rustls::Error> {
        // The provider is handed over by value: no global default is set or needed.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = self.verifier(provider.clone())?;
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(config)
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Verifier, rustls::Error> {
        if self.extra_roots.is_empty() {
            return Verifier::new(provider);
        }
        #[cfg(not(target_os = "android"))]
        return Verifier::new_with_extra_roots(self.extra_roots.iter().cloned(), provider);
        #[cfg(target_os = "android")]
        return Err(rustls::Error::General(
            "Android takes extra roots from its network security config".into(),
        ));
    }
}

impl HttpTransport for ReqwestTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let transport = self.clone();
        Box::pin(async move {
            let client = transport.client().map_err(|error| {
                tracing::error!(%error, "no request can be sent");
                TransportError::Setup
            })?;
            let mut sent = client.request(method(request.method), request.url.clone());
            if !request.body.is_empty() {
                sent = sent.body(request.body.to_vec());
            }
            for (name, value) in &request.headers {
                let mut value =
                    reqwest::header::HeaderValue::from_str(value).map_err(|_| TransportError::Setup)?;
                value.set_sensitive(true);
                sent = sent.header(name, value);
            }
            let response = sent.send().await.map_err(|error| classify(&error))?;
            read(response).await
        })
    }

    fn preparation(&self) -> Option<Box<dyn FnOnce() + Send>> {
        if self.0.client.get().is_some() {
            return None;
        }
        let transport = self.clone();
        // A set-up that fails fails the request, too, which says why.
        Some(Box::new(move || drop(transport.client())))
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Post => reqwest::Method::POST,
        Method::Get => reqwest::Method::GET,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
        Method::Patch => reqwest::Method::PATCH,
    }
}

async fn read(mut response: reqwest::Response) -> Result<HttpResponse, TransportError> {
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
        .collect();
    // Room for all of it at once: growing would leave copies of tokens behind in freed memory.
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let room = announced.unwrap_or(BODY_LIMIT).min(BODY_LIMIT);
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    while let Some(chunk) = response.chunk().await.map_err(|_| TransportError::Incomplete)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(TransportError::Incomplete);
        }
        body.extend_from_slice(&chunk);
        if let Ok(mut chunk) = chunk.try_into_mut() {
            chunk.as_mut().zeroize();
        }
    }
    Ok(HttpResponse {
        status,
        headers,
        body,
    })
}

fn classify(error: &reqwest::Error) -> TransportError {
    let mut source = error.source();
    let mut parse = false;
    while let Some(cause) = source {
        if is_certificate(cause) {
            return TransportError::Untrusted;
        }
        parse |= cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse);
        source = cause.source();
    }
    if error.is_connect() {
        return TransportError::NotSent;
    }
    // A request that timed out may still be at work on the server: that is no ended connection.
    if error.is_timeout() || parse {
        TransportError::Incomplete
    } else {
        TransportError::BeforeHead
    }
}

/// An `io::Error` names what it wraps by `get_ref`, not by `source`, and several may be nested.
fn is_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return matches!(
            error,
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
        );
    }
    let inside = cause
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inside.is_some_and(|error| is_certificate(error))
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport")
            .field("connect_timeout", &self.0.connect_timeout)
            .field("total_timeout", &self.0.total_timeout)
            .finish_non_exhaustive()
    }
}
