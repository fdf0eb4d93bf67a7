//! From a client's HTTP request to the message that its target gets.
//!
//! Reading order: [`serve`] (what must hold before a message is read, with [`origin`]; requests that are
//! refused unread: [`limit`]), [`inbound`] (a request of an authenticated caller), [`era`] (which era a
//! message belongs to, and whether its headers say what it says), [`exchange`] (one request through the
//! pipeline) with [`judge`] and [`command`] (message -> [`crate::domain::Command`]), [`rewrite`] (what is
//! changed on the way to the target) and [`mirror`] (whether headers repeat the arguments).
//!
//! Beside requests: [`one_way`] (messages that get no answer), [`session_requests`] (GET and DELETE, which
//! have no message).

pub mod command;
pub mod era;
pub mod exchange;
pub mod inbound;
pub mod judge;
pub mod limit;
pub mod mirror;
pub mod one_way;
pub mod origin;
pub mod rewrite;
pub mod serve;
pub mod session_requests;
