//! The shell around the core. The shell turns Cloudflare's callbacks into
//! inputs, and performs the effects. Only this module uses the `worker` crate.

mod answer;
mod bridge;
mod config;
mod directory_object;
mod hooks;
mod inbox;
mod log;
mod platform;
mod pusher;
mod report_store;
mod reports;
mod request;
mod room_object;
mod room_stubs;
mod sockets;
mod sql;
mod sql_queue;
mod sql_store;
mod timer;
mod verifier;
mod webhooks;
mod worker;
mod worker_socket;
