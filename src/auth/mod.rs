//! Authentication and authorization: verifies a token and determines the rights
//! that the token grants (docs/protocol.md, section 4).
//!
//! This module finds the token of a request, finds the key that verifies it,
//! checks the claims, and computes the rights in a room. The module reads no
//! clock: `now` is a parameter. The module uses no network: the edge fetches
//! `JWKS_URL`, and [`Refetch`] decides when a fetch is allowed. The module
//! depends neither on HTTP nor on the meaning of a right.
//!
//! A token is processed in these steps:
//!
//! 1. [`extract`] finds the token. A request can have a token in several
//!    places, and the first place that is present is used, even if its
//!    value is not a token.
//! 2. [`verify`] rejects a token that is too long, without parsing the token.
//!    `jwt-compact` splits and decodes the token. **The header's `kid` selects
//!    a key, and the key determines the algorithm.** No other member of the
//!    header influences the key or the algorithm. A token whose `alg` is a
//!    different algorithm is rejected.
//! 3. The key verifies the signature of the bytes as they were sent (`key`).
//!    The claims are read only after this verification.
//! 4. [`Claims`] contains the user and the expiry, and [`Claims::grant`]
//!    returns the rights in a room. The rights come from the claim `rooms`. If a
//!    token has no such claim, they come from the operator's [`GrantRules`].
//!
//! [`Verifier`] performs the steps 2 and 3 once for each token: it caches the
//! verified tokens, and only compares their dates again.
//!
//! `jwt-compact` implements the format and the algorithms. This module
//! implements the rules above. These rules are stricter than the rules of a
//! general library, and each error names the broken rule. ARCHITECTURE.md,
//! "Tokens", lists what `jwt-compact` provides and what its use costs.

mod claim_path;
mod claims;
mod error;
pub mod extract;
mod grant_rules;
mod identity;
mod issuer;
mod json;
mod jwk;
mod key;
mod keys;
mod origins;
mod public_rooms;
mod refetch;
mod room_template;
mod rooms;
mod token;
mod verified_tokens;
mod verifier;

pub use claims::{Claims, Policy};
pub use error::TokenError;
pub use grant_rules::GrantRules;
pub use identity::Identity;
pub use issuer::{KeysUrl, check_url};
pub use key::{Algorithm, KeyRejection, Kid};
pub use keys::{KeyError, Keys, SkippedKey};
pub use origins::Origins;
pub use public_rooms::PublicRooms;
pub use refetch::Refetch;
pub use token::{check_form, verify};
pub use verifier::Verifier;
