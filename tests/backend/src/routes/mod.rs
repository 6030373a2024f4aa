//! The endpoints: each parses, asks the domain, and turns the outcome into an answer.

pub(crate) mod auth;
mod body;
mod cookies;
pub(crate) mod description;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod oauth;
pub(crate) mod pages;
pub(crate) mod password;
pub(crate) mod resource;
pub(crate) mod switches;

pub(crate) use cookies::SessionCookies;
pub(crate) use pages::RenderedPages;
