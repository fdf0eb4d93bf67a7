//! A gateway in its own folder, with its peers.

pub mod attack;
pub mod caller;
pub mod client;
pub mod database;
pub mod mcp;
pub mod postgres;
pub mod process;
pub mod screen;
pub mod steps;
pub mod wire;
pub mod world;

pub use client::Client;
pub use client::Reply;
pub use world::World;
