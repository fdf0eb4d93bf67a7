//! End to end: the built `hoopctl`, a provider and an API that nobody here wrote, curl and plain sockets as
//! clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it fails"
)]

mod support;

mod admin;
mod apply;
mod apply_owners;
mod approval;
mod attack;
mod commands;
mod configuration;
mod crash;
mod damaged;
mod demo;
mod guards;
mod hold;
mod hostile;
mod http_guards;
mod identity;
mod limits;
mod lock;
mod masking;
mod mcp;
mod mcp_answers;
mod mcp_away;
mod mcp_conformance;
mod mcp_dropped;
mod mcp_everything;
mod mcp_guards;
mod mcp_invite;
mod mcp_lists;
mod mcp_login;
mod mcp_once;
mod mcp_order;
mod mcp_pin;
mod mcp_resumed;
mod mcp_sent;
mod mcp_sse;
mod mcp_stdio;
mod mcp_tasks;
mod mcp_wire;
mod page;
mod postgres;
mod postgres_approved;
mod postgres_attack;
mod postgres_clients;
mod postgres_entry;
mod postgres_hostile;
mod postgres_isolation;
mod postgres_judge;
mod postgres_limits;
mod postgres_login;
mod postgres_masks;
mod postgres_open;
mod postgres_partitions;
mod postgres_predicates;
mod postgres_preview;
mod postgres_readonly;
mod postgres_reports;
mod postgres_returning;
mod postgres_rules;
mod postgres_settings;
mod postgres_target;
mod postgres_unnamed;
mod proxy;
mod recording;
mod remote;
mod replies;
mod schema;
mod sockets;
mod target_tls;
mod traffic;
mod tui;
mod watch;
