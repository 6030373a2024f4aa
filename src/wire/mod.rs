//! What goes over the network and what comes back, without the network: requests are built here, answers are
//! read here. Pure.

mod answer;
mod body;
mod expiry;
mod extra;
mod message;
mod request;
mod set_cookie;
mod subject;
mod verdict;

pub use crate::profile::Method;
pub use extra::{ExtraFields, Purpose};
pub use message::{HttpRequest, HttpResponse};

pub(crate) use answer::{
    RefreshAnswer, Said, SignInAnswer, Tokens, read_refresh, read_revocation, read_sign_in, said,
};
pub(crate) use extra::Extra;
pub(crate) use request::{Presented, Secrets, Unplaceable, presentable, refresh, revoke, sign_in};
pub(crate) use subject::{SubjectAnswer, read_subject, subject};
