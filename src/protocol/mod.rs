//! What clients and targets speak: one folder per protocol, each with the same rooms. None names another.

pub mod http;
pub mod postgres;
