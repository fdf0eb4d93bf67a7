//! What clients and targets speak: one folder per protocol. None names another. Those over HTTP stand on
//! [`web`].

pub mod http;
pub mod mcp;
pub mod postgres;
pub mod web;
