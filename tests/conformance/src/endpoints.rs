//! The profile as the client gets it: its refresh endpoint is the proxy's.

use serde_json::Value;
use tokencast::ServerProfile;
use url::Url;

use crate::SoakError;

/// Where the server's refresh endpoint is.
pub(crate) struct Target {
    /// `host:port`, as `Host` says it.
    pub(crate) host: String,
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn of(profile: &ServerProfile) -> Result<Self, SoakError> {
        let url = &profile.refresh().url;
        if url.scheme() != "http" {
            return Err(SoakError::Https);
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(SoakError::Profile("`refresh.url` has no host".into()));
        };
        Ok(Self {
            host: format!("{host}:{port}"),
            path: url.path().to_owned(),
        })
    }
}

/// The same profile whose requests go to `proxy`.
pub(crate) fn through(profile: &ServerProfile, proxy: &str) -> Result<ServerProfile, SoakError> {
    let invalid = |error: String| SoakError::Profile(error);
    let mut json = serde_json::to_value(profile).map_err(|error| invalid(error.to_string()))?;
    let proxy = Url::parse(proxy).map_err(|error| invalid(error.to_string()))?;
    for request in ["sign_in", "refresh", "revoke"] {
        let Some(Value::String(text)) = json.pointer_mut(&format!("/{request}/url")) else {
            continue;
        };
        let mut url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if url.origin() == profile.refresh().url.origin() {
            // Both are http addresses: host and port can be replaced.
            let _ = url.set_host(proxy.host_str());
            let _ = url.set_port(proxy.port());
            *text = url.to_string();
        }
    }
    ServerProfile::from_json(&json.to_string()).map_err(|error| invalid(error.to_string()))
}
