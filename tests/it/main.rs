//! A simulator of rooms and clients in virtual time, and the tests on it.
//!
//! `world` is what the runtime is to a room, over `memory_store`; `client` is
//! what the contract asks of a client. The tests tell stories in them.

// A test may panic: it is how it fails.
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
mod random;
mod random_run;
mod rates;
mod replay;
mod ring;
mod scenario_runner;
mod scenarios;
mod signals;
mod sim;
mod sse;
mod state;
mod test_rng;
mod tokens;
