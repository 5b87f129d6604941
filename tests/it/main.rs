//! A simulator of rooms and clients in virtual time, and the tests that run on
//! this simulator.
//!
//! `sim` performs the runtime's work for a room, with storage in
//! `memory_store`. `client` follows the client's part of the contract.

// Tests fail by panicking.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod alarm;
mod auth;
mod batching;
mod billing;
mod bounds;
mod client;
mod connection;
mod contract;
mod damage;
mod directory;
mod docs;
mod flow;
mod frames;
mod fuzz;
mod grants;
mod ids;
mod invariants;
mod loading;
mod mass_resume;
mod memory_store;
mod model;
mod pattern;
mod pending;
mod presence;
mod promises;
mod publish_hook;
mod pusher;
mod random;
mod random_run;
mod rates;
mod recorded;
mod replay;
mod reporting;
mod ring;
mod scenario_runner;
mod scenarios;
mod session_count;
mod signals;
mod sim;
mod sse;
mod state;
mod test_rng;
mod tokens;
mod transfer;
mod webhooks;
