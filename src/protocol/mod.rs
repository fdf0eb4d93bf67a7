//! What clients and targets speak: one folder per protocol, each with the same rooms. None names another. Those over HTTP stand on [`web`].

pub mod http;
pub mod mcp;
pub mod postgres;
pub mod web;
