//! Byte streams: listening, dialling, TLS, and fetching small documents. Independent of tokens and policies.

pub mod certificate;
pub mod dial;
pub mod fetch;
pub mod listen;
pub mod local;
pub mod media;
pub mod strangers;
pub mod stream;
pub mod tls;
