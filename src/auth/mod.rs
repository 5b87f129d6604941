//! From a token to what it allows (docs/protocol.md, section 4).
//!
//! Owns: where a request carries its token, the keys that may sign one, what a
//! token must say, and which rights it gives in a room. Refuses to know: the
//! clock (`now` comes in), the network (who fetches `JWKS_URL` asks
//! [`Refetch`] first), HTTP, and what a right lets anyone do.
//!
//! A token's way through here:
//!
//! 1. [`extract`]: a request shows a token in one of several places; the first
//!    that is present counts.
//! 2. [`verify`] refuses it unread if it is too long. `jwt-compact` splits and
//!    decodes it. **The header's `kid` picks a key, and the key decides the
//!    algorithm**; no other member of the header is used.
//! 3. `key`: the key verifies the bytes as they were sent. Only then are
//!    the claims read at all.
//! 4. [`Claims`]: who, until when, and [`Claims::grant`] for each room.
//!
//! The format, the algorithms and the check of the times are `jwt-compact`'s.
//! The rules above are ours: they are stricter than a general library's, and
//! each refusal names the rule. ARCHITECTURE.md, "Tokens", has what it gives
//! and what it costs.

mod claims;
mod error;
pub mod extract;
mod identity;
mod issuer;
mod json;
mod jwk;
mod key;
mod keys;
mod origins;
mod refetch;
mod rooms;
mod token;

pub use claims::{Claims, Policy};
pub use error::TokenError;
pub use identity::Identity;
pub use issuer::KeysUrl;
pub use key::{Algorithm, KeyRejection, Kid};
pub use keys::{KeyError, Keys, SkippedKey};
pub use origins::Origins;
pub use refetch::Refetch;
pub use token::verify;
