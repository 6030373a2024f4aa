//! The endpoints: each parses, asks the domain, and turns the outcome into an answer.

pub(crate) mod auth;
mod body;
pub(crate) mod description;
pub(crate) mod health;
pub(crate) mod oauth;
pub(crate) mod resource;
pub(crate) mod switches;
