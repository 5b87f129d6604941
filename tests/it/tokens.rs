//! Real tokens for the tests: signed with HS256, and verified by the worker's
//! code.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use roomcast::auth::{self, Claims, Identity, Keys, Policy};
use roomcast::code::Refusal;
use roomcast::protocol::RoomName;
use roomcast::time::Millis;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "a secret of the tests, of 32 bytes and more";

/// Returns the rights that the user with this name has in every room. A user
/// who is not listed here may only subscribe.
pub fn rights_of(name: &str) -> &'static [&'static str] {
    match name {
        "alice" | "bob" => &["subscribe", "publish"],
        "writer" => &["publish"],
        "admin" => &["subscribe", "publish", "presence", "admin"],
        _ => &["subscribe"],
    }
}

/// Returns a token that grants `user` the same rights in every room until
/// `expires_at`.
pub fn token(user: &str, rights: &[&str], expires_at: Millis) -> String {
    sign(&json!({ "sub": user, "exp": expires_at.get() / 1_000, "rooms": { "*": rights } }))
}

pub fn sign(claims: &Value) -> String {
    signed(r#"{"alg":"HS256"}"#, &claims.to_string())
}

/// Returns a correctly signed token with any header and claims.
pub fn signed(header: &str, claims: &str) -> String {
    let part = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes()))
}

/// Returns the identity that the worker computes from a token and a room.
pub fn verify(token: &str, room: &RoomName, now: Millis) -> Result<Identity, Refusal> {
    claims(token, now).map(|claims| Identity::of(&claims, room))
}

pub fn claims(token: &str, now: Millis) -> Result<Claims, Refusal> {
    claims_by(&Policy::default(), token, now)
}

pub fn claims_by(policy: &Policy, token: &str, now: Millis) -> Result<Claims, Refusal> {
    let keys = Keys::new(Some(SECRET), None).unwrap();
    auth::verify(token, &keys, policy, now).map_err(|wrong| wrong.refusal())
}
