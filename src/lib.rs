//! Roomcast: realtime rooms as Durable Objects. This is the map.
//!
//! The core is everything but `edge`: rules without I/O, without a clock,
//! without chance. `edge` is the shell around it, on Cloudflare alone. Why it
//! is so: ARCHITECTURE.md; what it is to the outside: docs/protocol.md.
//!
//! # The life of a frame
//!
//! An event that alice publishes over her socket, from the upgrade to bob:
//!
//! | | happens | in |
//! | --- | --- | --- |
//! | 1 | **The upgrade comes in.** What is it for? | `edge::worker`, [`route`] |
//! | 2 | **It is authenticated:** token, claims, grant in this room. Who is refused wakes no room. | [`auth::extract`], [`auth::verify`] |
//! | 3 | It goes on to the room's object, with alice's identity in a header of the worker's own. | `edge::request` |
//! | 4 | The socket is accepted and joins; the session sleeps in its attachment. | `edge::room_object`, [`room`]`::join`, [`session`] |
//! | 5 | **The frame comes in,** is counted, decoded, and held to the grant. | [`room`]`::frames`, [`guard`], [`protocol::ClientFrame`] |
//! | 6 | **It gets its seq, and is stored:** one row of a ring. | [`log::Log::append`], [`store::Store`], `edge::sql_store` |
//! | 7 | **It is broadcast,** and alice has her ack: effects that are made only now. | [`room`]`::broadcast` |
//! | 8 | The effects are performed: one JavaScript string for every socket. | `edge::room_object`, `edge::sockets` |
//!
//! Before 3, a socket without a token waits in the worker ([`pending`]).
//!
//! A publish over HTTP comes the same way, by way of [`room`]`::requests` at 5.
//! Whoever is behind (a resume, a slow reader) gets from the log what bob gets
//! live: the same bytes, since what is stored is what is sent.

pub mod auth;
pub mod close_reason;
pub mod code;
pub mod connection;
pub mod flow;
pub mod guard;
pub mod limits;
pub mod log;
pub mod pending;
pub mod presence;
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
