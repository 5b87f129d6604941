//! The wire format: names, positions, events, and the frames of both
//! directions. This module defines the syntax and the limits of frames, not
//! their effect on a room.

mod client;
mod connection;
mod event;
mod grant;
pub mod json;
mod name;
mod pattern;
mod position;
mod presence;
mod query;
mod room_frame;
mod server;
mod signal;
mod transfer;

pub use client::{ClientFrame, Decoded};
pub use connection::{About, ConnectionFrame, ConnectionNotice, RoomCommand};
pub use event::{NewEvent, parse_publish, parse_publish_to_rooms, split_events};
pub use grant::{Grant, Right};
pub use name::{EventId, EventName, Key, Origin, Ref, RoomName, User};
pub use pattern::Pattern;
pub use position::{Epoch, Position, Seq};
pub use presence::{Change, Entry, Member, Members, UserEntry, members_pages};
pub use query::{Begin, PageQuery, PageRange, RoomsQuery, Start, StreamQuery, Wait};
pub use room_frame::RoomFrame;
pub use server::{
    PING, PONG, Published, RoomStats, ServerFrame, error_body, events, page_body, read_error,
    state, state_body,
};
pub use signal::NewSignal;
pub use transfer::{ExportCursor, ExportPage, Import, ImportLine, StoredEvent, import_body};
