//! What a target says, until its client has it: cleared of the credential, filtered, masked and recorded
//! before a byte of it goes on.
//!
//! Reading order: [`context`] (one message of the target), [`http_response`] (the whole answer), [`relay`]
//! (an answer that is an event stream) and [`stream`] (the event stream to the client). What is filtered:
//! [`list_filter`] (elements of lists), [`cache_hints`] (how long and for whom an answer may be kept),
//! [`lists`] and [`subscription`] (which changes of lists a client hears of), [`progress`] (progress
//! passes only under tokens that the client gave).

pub mod cache_hints;
pub mod context;
pub mod http_response;
pub mod list_filter;
pub mod lists;
pub mod progress;
pub mod relay;
pub mod stream;
pub mod subscription;
