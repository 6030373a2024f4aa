//! Where tokens may go.

use url::Url;

use super::ProfileError;

/// Reads the address of a server that may be sent tokens.
pub(super) fn web_address(field: &str, text: &str) -> Result<Url, ProfileError> {
    // The text is not repeated: it may hold user information.
    let url = Url::parse(text).map_err(|error| {
        ProfileError::new(
            field,
            format!("not a URL ({error})"),
            "write it as `https://api.example.com`",
        )
    })?;
    reachable(field, &url)?;
    Ok(url)
}

/// As [`web_address`], of which only the origin counts.
pub(super) fn origin(field: &str, text: &str) -> Result<Url, ProfileError> {
    Ok(origin_of(web_address(field, text)?))
}

pub(super) fn origin_of(mut url: Url) -> Url {
    url.set_path("");
    url.set_query(None);
    url
}

/// https, or http on this machine: a token in clear text on a network is lost.
pub(super) fn reachable(field: &str, url: &Url) -> Result<(), ProfileError> {
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(ProfileError::new(
            field,
            "a URL with user information or a fragment",
            "leave both out",
        ));
    }
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        scheme => Err(ProfileError::new(
            field,
            format!("`{scheme}` would show tokens to the network"),
            "use https (http is for loopback only)",
        )),
    }
}
