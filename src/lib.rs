//! Roomcast: realtime rooms as Durable Objects. This page is an overview of the
//! code.
//!
//! The core is every module except `edge`. The core performs no I/O, reads no
//! clock and generates no random numbers. `edge` is the shell around the core,
//! and the only module that depends on Cloudflare. ARCHITECTURE.md explains
//! this design; docs/protocol.md is the contract with clients.
//!
//! # The path of a frame
//!
//! These are the steps of an event that alice publishes over her socket, from
//! her upgrade until bob receives the event:
//!
//! | | step | in |
//! | --- | --- | --- |
//! | 1 | **The upgrade arrives** and is mapped to a route. | `edge::worker`, [`request_head`], [`route`] |
//! | 2 | **The upgrade is authenticated:** the token is verified, and its claims determine the grant in this room. A rejected request does not load the room. | [`auth::extract`], [`auth::Verifier`] |
//! | 3 | The worker forwards the upgrade to the room's object, with alice's identity in a header that only the worker can set. | `edge::request` |
//! | 4 | The room's object accepts the socket, and the new session joins the room. The session is saved in the socket's attachment. | `edge::room_object`, [`room`]`::join`, [`session`] |
//! | 5 | **The publish frame arrives.** The frame is counted, decoded, and checked against the grant. | [`room`]`::frames`, [`guard`], [`protocol::ClientFrame`] |
//! | 6 | **The event gets its seq, and is stored:** one row of a ring. | [`log::Log::append`], [`store::Store`], `edge::sql_store` |
//! | 7 | **The event is broadcast,** and alice receives her ack. The effects for the broadcast and the ack are created only after the write. | [`room`]`::broadcast` |
//! | 8 | The edge performs the effects. The broadcast uses one JavaScript string for all sockets. | `edge::room_object`, `edge::sockets` |
//!
//! A socket without a token waits in the worker before step 3 ([`pending`]).
//!
//! A publish over HTTP takes the same path, except that step 5 is in
//! [`room`]`::requests`. A session may be behind because it resumed or because
//! it reads slowly. This session receives the missing events from the log. The
//! missing events have the same bytes as the events that bob receives live. The
//! reason is that events are stored in the form in which they are sent.

pub mod auth;
pub mod close_reason;
pub mod code;
pub mod connection;
pub mod directory;
pub mod flow;
pub mod guard;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod pending;
pub mod presence;
pub mod protocol;
pub mod publish_hook;
pub mod pusher;
pub mod rate;
pub mod report;
pub mod request_head;
pub mod room;
pub mod route;
pub mod session;
pub mod settings;
pub mod sse;
pub mod store;
pub mod time;
pub mod webhooks;

#[cfg(target_arch = "wasm32")]
mod edge;
