//! What outlives a request, shared by all threads.
//!
//! Reading order: [`shared`] (all of it), [`sessions`] (sessions of the legacy era), [`client_values`]
//! (values that only the client may send back that was given them), [`tools`] (tools as their targets last
//! listed them).

pub mod client_values;
pub mod sessions;
pub mod shared;
pub mod tools;
