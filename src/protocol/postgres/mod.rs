//! PostgreSQL: this protocol is being built, behind the feature `postgres`, and no listener serves it yet.
//!
//! A session will be one login of a principal, a command one statement. The protocol is the one of the PostgreSQL 18 manual,
//! chapter 54, in its versions 3.0 and 3.2. What is here: its messages ([`wire`]), the way into a server ([`login`]), and what a
//! SQL text does ([`judge`]).

pub mod judge;
pub mod login;
pub mod wire;
