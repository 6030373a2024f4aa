//! The floor of P8: UniFFI, and with the feature `http` tokio and reqwest as the core configures them, behind one exported
//! function each. Nothing of ours.

uniffi::setup_scaffolding!();

/// What went wrong.
#[derive(Debug, thiserror::Error, uniffi::Error)]
#[uniffi(flat_error)]
pub enum FloorError {
    /// In words.
    #[error("{0}")]
    Failed(String),
}

/// A record that crosses both ways.
#[derive(Debug, uniffi::Record)]
pub struct Answer {
    /// As HTTP has it.
    pub status: u16,
    /// As text.
    pub body: String,
}

/// Gives back what it was given.
///
/// # Errors
/// For an empty body.
#[uniffi::export]
pub fn echo(answer: Answer) -> Result<Answer, FloorError> {
    if answer.body.is_empty() {
        return Err(FloorError::Failed("there is no body".into()));
    }
    Ok(answer)
}

#[cfg(feature = "http")]
pub use http::post;

#[cfg(feature = "http")]
mod http {
    use std::collections::HashMap;
    use std::fmt::Display;
    use std::sync::Arc;

    use rustls_platform_verifier::BuilderVerifierExt as _;

    use crate::{Answer, FloorError};

    /// Posts a form and reads JSON.
    ///
    /// # Errors
    /// When there is no answer, or one that is no JSON.
    #[uniffi::export(async_runtime = "tokio")]
    pub async fn post(url: String, form: HashMap<String, String>) -> Result<Answer, FloorError> {
        let failed = |error: &dyn Display| FloorError::Failed(error.to_string());
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| failed(&error))?
                .with_platform_verifier()
                .map_err(|error| failed(&error))?
                .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| failed(&error))?;
        let answer = client
            .post(url)
            .form(&form)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        let body: HashMap<String, String> = answer.json().await.map_err(|error| failed(&error))?;
        Ok(Answer {
            status,
            body: format!("{body:?}"),
        })
    }
}
