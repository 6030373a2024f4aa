//! Profiles for schemes and servers that people use.

mod rotation;
