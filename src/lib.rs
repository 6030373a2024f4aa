#![forbid(unsafe_code)]
pub mod error;
pub mod random;
pub mod state;
pub mod time;
pub mod token;
