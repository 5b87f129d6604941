//! The shell around the core: it turns what Cloudflare calls into inputs and
//! performs effects. The only code that names `worker`.

mod answer;
mod bridge;
mod config;
mod inbox;
mod platform;
mod request;
mod room_object;
mod room_stubs;
mod sockets;
mod sql_store;
mod timer;
mod verifier;
mod worker;
mod worker_socket;
