use serde::{Deserialize, Serialize};
use url::Url;

use super::JsonPointer;

/// Where the server says whose an access token is: a GET with the token as Bearer (RFC 6750 §2.1), such as OpenID
/// Connect's UserInfo endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectShape {
    /// The endpoint.
    pub url: Url,
    /// What names the user in its JSON answer, never another user and for ever the same: a text or a number.
    #[serde(default = "sub")]
    pub at: JsonPointer,
}

fn sub() -> JsonPointer {
    JsonPointer::to_field("sub")
}
