//! Pusher Channels, protocol 7: clients and backends that were written for
//! Pusher, with the rooms of this service.
//!
//! A Pusher socket is a connection for many rooms with another codec. Each
//! channel is a room. [`PusherSocket`] receives the client's frames and the
//! frames of the rooms, and returns the effects of a [`crate::connection`].
//! So the rooms know nothing of Pusher, and each room serves clients of both
//! protocols.
//!
//! | Pusher | here |
//! | --- | --- |
//! | an event that a backend triggers | a published event |
//! | a client event | a signal with the same name |
//! | a member of a presence channel | a member of the room |
//! | the last event of a cache channel | a session that begins one event before the head |
//! | a user's own channel | a room |
//!
//! Clients have no tokens. The app's backend signs what a client may do, and
//! the worker verifies the signature.

pub mod answer;
mod app;
mod channel;
mod request;
mod room_frame;
mod signature;
mod socket;
mod webhook;

pub use answer::{ChannelStats, ChannelsQuery};
pub use app::{App, Apps};
pub use channel::{Access, Channel};
pub use request::{Info, Parameters, Signed, Trigger, check_presence, room_of_user};
pub use socket::{PusherSocket, Rejection, SocketId};
pub use webhook::Webhook;
