//! The profile as the client gets it: its refresh endpoint is the proxy's.

use serde_json::Value;
use tokencast::ServerProfile;
use tokencast_fault_proxy::FaultProxy;
use url::Url;

use crate::SoakError;

/// Where the server's refresh endpoint is.
pub(crate) struct Target {
    /// `host`, or `host:port`, as `Host` says it.
    pub(crate) host: String,
    pub(crate) path: String,
    https: bool,
}

impl Target {
    pub(crate) fn of(profile: &ServerProfile) -> Result<Self, SoakError> {
        let url = &profile.refresh().url;
        let host = url
            .host_str()
            .ok_or_else(|| SoakError::Profile("`refresh.url` has no host".into()))?;
        Ok(Self {
            host: match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            },
            path: url.path().to_owned(),
            https: url.scheme() == "https",
        })
    }

    /// A bad network in front of it.
    pub(crate) async fn behind_faults(&self) -> Result<FaultProxy, SoakError> {
        let proxy = if self.https {
            FaultProxy::start_for_https(&self.host).await
        } else {
            FaultProxy::start_for(&self.host).await
        };
        proxy.map_err(|error| SoakError::Unreachable {
            host: self.host.clone(),
            error: error.to_string(),
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
            // Both are addresses of the web: scheme, host and port can be replaced.
            let _ = url.set_scheme(proxy.scheme());
            let _ = url.set_host(proxy.host_str());
            let _ = url.set_port(proxy.port());
            *text = url.to_string();
        }
    }
    ServerProfile::from_json(&json.to_string()).map_err(|error| invalid(error.to_string()))
}
