//! Authentication and authorization: from a token to the rights that it grants
//! (docs/protocol.md, section 4).
//!
//! This module finds the token of a request, finds the key that verifies it,
//! checks the claims, and computes the rights in a room. It has no clock (`now`
//! is a parameter) and no network: the edge fetches `JWKS_URL`, and [`Refetch`]
//! decides when a fetch is allowed. It does not depend on HTTP, or on what a
//! right permits.
//!
//! A token is processed in these steps:
//!
//! 1. [`extract`]: a request may carry a token in several places. The first
//!    place that is present counts.
//! 2. [`verify`] rejects a token that is too long before parsing it.
//!    `jwt-compact` splits and decodes it. **The header's `kid` selects a key,
//!    and the key determines the algorithm.** No other member of the header
//!    influences this choice; an `alg` that differs from it is an error.
//! 3. `key`: the key verifies the signed bytes as they were sent. The claims
//!    are not read before that.
//! 4. [`Claims`]: the user, the expiry, and [`Claims::grant`] for each room.
//!
//! `jwt-compact` implements the format, the algorithms and the comparison of
//! times. This module implements the rules above. They are stricter than those
//! of a general library, and each error names the rule. ARCHITECTURE.md,
//! "Tokens", lists what the library provides and what it costs.

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
