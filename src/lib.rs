//! Roomcast.

pub mod auth;
pub mod code;
pub mod ending;
pub mod flow;
pub mod limits;
pub mod log;
pub mod protocol;
pub mod rate;
pub mod room;
pub mod route;
pub mod session;
pub mod settings;
pub mod sse;
pub mod store;
pub mod time;

#[cfg(target_arch = "wasm32")]
mod edge;
