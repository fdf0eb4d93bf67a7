#![doc = include_str!("ARCHITECTURE.md")]

pub mod approval;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod domain;
pub mod gateway;
pub mod identity;
pub mod mask;
pub mod pipeline;
pub mod policy;
pub mod protocol;
pub mod recording;
pub mod secret;
pub mod store;
pub mod transport;
